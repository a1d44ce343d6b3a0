// What a scenario says: a playbook in a simulated world, the people who decide in it, what goes wrong, and what must be
// true afterwards.
//
// Units:  durations and moments are those of the virtual clock. Spans point into the scenario's own SourceFiles.
// Errors: none; these are values that were checked. reading.h tells what can be wrong with a scenario.
// Source: docs/rehearsal.md.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "interpreter/base/source_file.h"
#include "interpreter/base/time.h"
#include "interpreter/base/value.h"
#include "interpreter/journal/run_state.h"
#include "interpreter/language/playbook.h"
#include "scripting/scripting.h"

namespace muster {

// How a step goes wrong. The first six are what a scenario may write; the others are the sweep's.
enum class FaultKind {
  unreachable,    // nobody answers: `unreachable`, no effect
  fail_before,    // it fails before its effect: `failed`, no effect
  fail_after,     // it has its effect, and fails then: `failed`, the effect is done
  timeout,        // it has its effect, and says nothing until its time is up: `timeout`, the effect is a maybe
  kill,           // it has its effect; the interpreter is killed before it can record that, and resumed
  corrupt,        // what it reads is damaged: bytes of files, answers of servers, output of programs
  kill_before,    // the interpreter is killed between the step's intent and its effect, and resumed
  kill_recorded,  // the interpreter is killed once the step's outcome stands in the journal, before anything else
                  // begins
  verify_fails,   // the claims of its verify do not hold, however often they are polled
  rejected,       // its gate is rejected, whatever the scenario's people would say
  expires,        // nobody decides at its gate; a gate without `expires` waits for ever then
};
[[nodiscard]] std::string_view name_of(FaultKind kind);
// What a scenario may write under `kind`.
[[nodiscard]] const std::vector<std::string_view>& fault_words();
[[nodiscard]] std::optional<FaultKind> fault_kind_of(std::string_view name);

struct Fault {
  Span at = {};      // nowhere for those of a sweep
  std::string step;  // an op's path, `replace/restored`, `bulk/users[17]`, `playbook`; or a step's or phase's id
  FaultKind kind = FaultKind::fail_before;
  int attempts = 1;  // so many attempts of the step are hit, counted from its first
};

// Somebody who does something in the run, once the gate opens or the manual step asks.
struct ScriptedPerson {
  // `resolve`: says what becomes of a step in doubt, or of one that asks.
  enum class Does { approve, reject, complete, ignore, resolve };
  Span at = {};
  std::string user;
  std::string gate, step;  // exactly one of them, named as in Fault
  Does does = Does::approve;
  std::string choice;  // of resolve: succeeded, failed, retry, skip, rollback, stop
  Duration after;      // since the gate opened or the step asked
  std::string reason;
  Map answers;  // of a manual step's form
};

// A claim on the world after the run, as `that` of a verify.
struct ScenarioClaim {
  Span at = {};
  std::string name;  // as it is written, where it has none of its own
  Expression that;
};

struct ExpectedEnding {
  Span at = {};
  std::optional<RunState> status;
  Span status_at = {};
  struct StepIs {
    Span at = {};
    std::string step;  // named as in Fault; also a phase
    StepState state = StepState::succeeded;
  };
  std::vector<StepIs> steps;
  std::vector<ScenarioClaim> that;
  std::optional<std::string> reason;  // text that the reason of the ending contains
  Span reason_at = {};
  Map outputs;  // of the run: these are so, others may be there
  Span outputs_at = {};
};

// A file or folder that is there when the run begins.
struct ScriptedFile {
  Span at = {};
  std::string path;  // as the playbook says it
  bool directory = false;
  std::string content;
  std::optional<uint32_t> mode;
  Duration age;  // how long before the start it was written
};

// A real SQLite database in the scratch folder, at the path that the playbook knows.
struct ScriptedDatabase {
  Span at = {};
  std::string name;  // of a connection
  std::string path;  // as the playbook says it; of a PostgreSQL connection: empty
  bool postgres = false;
  std::string sql;  // all of `schema`, then all of `seed`
  Duration age;     // how long before the start it was written
  // Of a PostgreSQL connection: pieces of its SQL, and what SQLite runs in their place.
  std::vector<std::pair<std::string, std::string>> instead;
};

struct Scenario {
  Span at = {};
  std::string name;
  std::string path;      // its file, as people named it
  std::string playbook;  // its file: beside the scenario, or below
  Map inputs;            // as they are typed on a command line or in a file of inputs
  Timestamp clock;       // when the run begins
  std::string starter = "rehearsal";
  std::vector<ScriptFile> scripts;  // the Lua file of its world first, then what that requires; none: nobody answers
  std::vector<ScriptedDatabase> databases;
  std::vector<ScriptedFile> files;
  std::map<std::string, std::string> environment;
  std::map<std::string, std::vector<std::string>> groups;  // members by group
  std::vector<std::string> channels;                       // that notify may tell; any, where none is named
  std::vector<ScriptedPerson> people;
  std::vector<Fault> faults;
  ExpectedEnding expect;
  std::vector<ScenarioClaim> invariants;
};

}  // namespace muster
