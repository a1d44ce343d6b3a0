// The border between the interpreter and what it can do: an action is a value.
//
// One file, one schema, one function, one row in steps/steps.cc. The engine hands it arguments that were checked and
// rendered; it returns values and never prints. What it may do is told by what it is handed (Look, Trial, Touch).
// Units:  StepInput::timeout is what is left for this attempt; 0 means none.
// Errors: a Result's Error, with `effect` telling what is known of the effect.
// Source: docs/adding-an-action.md.
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "interpreter/action/effect.h"
#include "interpreter/action/marks.h"
#include "interpreter/action/scripts.h"
#include "interpreter/base/field.h"
#include "interpreter/base/op_id.h"
#include "interpreter/base/result.h"
#include "interpreter/base/value.h"
#include "interpreter/world/world.h"

namespace muster {

// A stream that the step produced: kept in head and tail beside the journal, shown by `muster logs`.
struct Streams {
  virtual ~Streams() = default;
  virtual void keep(std::string_view name,
                    CapturedStream stream) = 0;  // `stdout`, `stderr`, `body`; kept whether it fails or not
};

// How far a long action is; the terminal shows rate and time left. May be called often.
struct Progress {
  virtual ~Progress() = default;
  virtual void at(int64_t done, int64_t total, std::string_view unit) = 0;
};

// Every other action, for actions that are made of several (Lua's ctx): journaled under their step.
class Actions {
 public:
  virtual ~Actions() = default;
  [[nodiscard]] virtual Result<Value> call(std::string_view name, std::string_view action, const Map& args) = 0;
};

// What an automatic undo undoes, where that ended without a result: what its stages had recorded, by their names.
struct Undone {
  OpId op;
  int attempt = 1;
  Map marks;
};

struct StepInput {
  const Map& args;  // by field; a `connection` field holds {name, kind, settings...}; absent fields are absent
  const std::string& run;
  const OpId& op;
  int attempt = 1;
  std::string idempotency_key;  // the same for all attempts, also after a takeover
  Duration timeout{0};
  std::stop_token stop;
  Marks& marks;
  Actions& others;
  Progress& progress;
  Streams& streams;
  bool after_crash =
      false;  // this attempt had begun before: marks answer from the journal, children are recovered first
  std::vector<Secret> opened = {};   // every secret that the run has opened so far: kept out of what the world answers
  const Scripts* scripts = nullptr;  // for fields of type `function`; the checker knows that theirs are there
  const Undone* undone = nullptr;    // for `rollback`
};

// What an attempt has left to its group, as far as it is known.
struct Left {
  const std::string& run;
  const OpId& op;
  int attempt = 1;
  const Map& result;  // empty where the attempt has none, or a sensitive one
};

struct StepOutput {
  Map fields;                      // the result: `steps.<id>.<field>`
  std::vector<std::string> notes;  // for the report: `newer backup x refused: ...`
};

struct Preview {
  std::vector<std::string> lines;  // exactly what would be done: command lines, statements, requests
  Map facts;                       // counts, sizes, the backup chosen
  Map pinned;                      // arguments that were chosen now and bind the run: `at` of a restore of the latest
  std::optional<std::string> unknown;  // why it cannot be told
  std::optional<std::string> fails;    // how it would fail if it were done now
};

// What is wrong with an argument, beyond what its field tells.
struct WrongArgument {
  std::vector<std::string> path;  // of fields, keys and places from 1: `exit_codes`, `2`
  bool is_key = false;            // the key itself is wrong, not what stands behind it
  std::string message, help;
};

struct Action {
  std::string name;
  std::string summary;
  std::vector<Field> fields;
  std::vector<std::vector<std::string>> one_of;  // groups of fields of which exactly one must be given
  std::vector<ResultField> results;
  // From the arguments as far as they are known (values that are not are Unknown).
  std::function<Effect(const Map& args)> effect;
  bool effect_may_be_declared = false;  // `effect: read` beside it is believed (shell, non-GET http)
  std::function<Result<StepOutput>(const StepInput&, Look&)> look;  // when the effect is read
  std::function<Result<StepOutput>(const StepInput&, Touch&)> act;  // write, destructive
  std::function<Result<Preview>(const StepInput&, Look&, Trial&)> preview;
  std::function<Result<Settled>(const StepInput&, Look&)> probe;  // optional: after a crash, did it happen?
  // Optional: what a crash left of this attempt (the children helper's record). Nothing: no record; the engine decides.
  std::function<Result<std::optional<StepOutput>>(const StepInput&, Touch&)> recover;
  // Optional: `rollback: auto`.
  std::function<Result<StepOutput>(const StepInput&, const StepOutput&, Touch&)> rollback;
  // Optional: with these arguments it may leave something that lives as long as the group that the step stands in ...
  std::function<bool(const Map& args)> leaves_to_group;
  // ... and this takes it away, when the group ends or the step is tried again. What was taken away, for the report.
  // May be asked again, and where nothing is left.
  std::function<Result<std::vector<std::string>>(const Left&, Touch&)> release;
  // Its stages are all Marks, so a killed attempt is entered again (after_crash) and goes on where it stopped.
  bool continues_after_crash = false;
  // Beside the first of these fields the others have no meaning.
  std::vector<std::pair<std::string, std::vector<std::string>>> goes_without = {};
  std::vector<std::string> of_writes = {};  // fields that have no meaning where it only reads
  // Optional: what can be told of the arguments before the run; those that are not known yet are Unknown.
  std::function<std::vector<WrongArgument>(const Map& args)> look_over = {};
  std::string origin = {};  // the Lua file that defines it; empty: built in
};

// A connection argument as the port takes it.
[[nodiscard]] Connection connection_of(const Value& argument);

}  // namespace muster
