// The interpreter proper: readies steps, runs actions, writes intent and outcome, retries, gates, rolls back, resumes.
//
// One thread, the loop, owns all run state, evaluates expressions and is the only writer of the journal; action code
// runs on the executor's threads. A resumed run goes on from its history and never replays code. Units:  exit codes as
// in docs/language.md, "Runs". Errors: `busy` (owned by somebody else), `storage`, `refused` (an unknown event kind,
// another graph version, a file
//         that changed), `corrupt`. What goes wrong inside steps is the run's ending, not an error.
// Source: docs/architecture.md; docs/language.md, "Runs".
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "interpreter/action/action.h"
#include "interpreter/base/diagnostic.h"
#include "interpreter/engine/completing.h"
#include "interpreter/engine/executor.h"
#include "interpreter/engine/gates.h"
#include "interpreter/graph/step_graph.h"
#include "interpreter/journal/journal.h"
#include "interpreter/journal/run_state.h"
#include "interpreter/language/configuration.h"

namespace muster {

// What a run is made of; all of it is alive as long as the engine.
struct Parts {
  std::shared_ptr<const StepGraph> graph;
  const SourceFiles* files = nullptr;  // for carets in errors at run time
  const std::vector<Action>* actions = nullptr;
  World* world = nullptr;
  Journal* journal = nullptr;
  Executor* executor = nullptr;
  const Configuration* configuration = nullptr;
  const Scripts* scripts = nullptr;  // the functions of the playbook's Lua files
  const Owner* owner = nullptr;      // in whose name it writes; this process
  // Nobody else can reach the journal, as in a rehearsal: it is neither looked at for words of others, nor is the lease
  // renewed while nothing happens.
  bool alone = false;
};

struct StartRequest {
  Map inputs;          // typed by bind_inputs
  std::string person;  // OS user who starts or resumes
  std::string host;
  std::string version;              // muster's own
  std::string parent;               // the run that this one retries
  bool detached = false;            // started with --detach: whoever carries it on parks at the next gate, too
  std::string from = {};            // the step at which it begins again; empty: at the beginning
  std::vector<Event> carried = {};  // what stays done before that step: see retrying.h
  // Why it begins outside of its window, or unrehearsed, too, by somebody whom `gates.break_glass` lets; empty: it does
  // not.
  std::string break_glass = {};
  bool rehearsal = false;                    // it is a rehearsal itself, which needs none before it
  bool undoes = false;                       // it undoes what `carried` tells, and does nothing else
  std::vector<std::string> changed_by = {};  // who changed the playbook's files last, where that is known
};

// Watches a run: the terminal. Called on the loop's thread; must not block.
class Observer {
 public:
  virtual ~Observer() = default;
  virtual void happened(const Event& event, const RunHistory& history) = 0;  // after it was stored
  virtual void progress(const OpId& op, int64_t done, int64_t total, std::string_view unit) = 0;
};

// What to do once nothing can go on without a person: wait for a word from another process or the terminal, or park
// (record, release, return).
struct WhenIdle {
  bool wait_at_gates = true;    // false: `--detach`, exit code 75
  bool wait_at_doubts = false;  // true: a terminal that asks; otherwise exit code 6
};

struct Ending {
  RunState state = RunState::running;  // waiting: parked
  int exit_code = 0;
  std::string run;
  std::string reason;
};

class Engine {
 public:
  Engine(Parts parts, Observer& observer);
  ~Engine();
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Records a new run; nothing has been done yet. `files` are frozen: digest and bytes.
  [[nodiscard]] Result<std::string> create(const StartRequest& request);
  // Takes an existing run over. The graph must have been built from its frozen files.
  [[nodiscard]] Result<void> adopt(const std::string& run, const StartRequest& who);
  // Until the run ends, parks or is lost.
  [[nodiscard]] Result<Ending> go(WhenIdle idle);

  // Reads a run without taking it over, for what a command asks before it records a decision.
  [[nodiscard]] Result<void> inspect(const std::string& run);
  // Whether an open gate would still show what it has shown, evidence aside: `refused` says what changed.
  [[nodiscard]] Result<void> still_as_shown(const OpId& gate);

  // From the loop's thread (an Executor::watch callback): what a person at the terminal or a signal says.
  [[nodiscard]] Result<void> vote(const OpId& gate, Vote vote);
  [[nodiscard]] Result<void> complete(const OpId& step, Completion said);
  [[nodiscard]] Result<void> resolve(const OpId& step, std::string choice, std::string person, std::string reason);
  void cancel(CancelRequest request);
  // TERM, HUP: no new effects; go() returns with exit code 75 and the run can be resumed.
  void stop();

  // After go() failed: what has happened and could not be recorded. Somebody must read it before the run is resumed.
  [[nodiscard]] std::vector<Event> unrecorded() const;

  [[nodiscard]] const RunHistory& history() const;
  [[nodiscard]] const std::string& run() const;

  class Loop;  // loop.h, inside this room

 private:
  std::unique_ptr<Loop> loop_;
};

// What a `resolved` event says, whether it was typed at a terminal or as a command. No graph: this version cannot read
// the playbook.
[[nodiscard]] Map resolution(const StepGraph* graph, const OpId& step, std::string choice, std::string person,
                             std::string reason);
// The gates of a run that wait now. A review is none of them: no run waits for it.
[[nodiscard]] std::vector<const OpRecord*> open_gates(const RunHistory& history);
// The review that a broken glass left open; nullptr: none.
[[nodiscard]] const OpRecord* open_review(const RunHistory& history);
// Manual steps that wait for a person.
[[nodiscard]] std::vector<const OpRecord*> open_manuals(const RunHistory& history);
// Steps in doubt or asking.
[[nodiscard]] std::vector<const OpRecord*> open_doubts(const RunHistory& history);

}  // namespace muster
