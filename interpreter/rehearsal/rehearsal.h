// Runs a playbook in the simulated world of a scenario: the real interpreter, actions and journal, on simulated ports.
//
// The same scenario gives the same journal, byte for byte: one thing runs at a time, in the order of virtual time, and
// entropy is seeded. Each call has a world of its own, in a folder that is gone afterwards; calls from several threads
// are safe.
// Units:  virtual time, but for `spent`.
// Errors: `invalid` for a scenario that does not fit its playbook or whose Lua world cannot be used; `storage` for the
//         scratch folder. A run that ends badly is no error: it is told by what comes back.
// Source: docs/rehearsal.md.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "interpreter/action/action.h"
#include "interpreter/engine/engine.h"
#include "interpreter/graph/step_graph.h"
#include "interpreter/journal/journal.h"
#include "interpreter/journal/run_state.h"
#include "interpreter/rehearsal/scenario.h"

namespace muster {

// The playbook of a scenario as a real run would have it: read, checked, with the actions of its extensions.
struct RehearsedPlaybook {
  SourceFiles files;
  std::shared_ptr<const StepGraph> graph;
  std::shared_ptr<const std::vector<Action>> actions;
  std::shared_ptr<const Scripts> scripts;  // may be none
};

// What became of one expectation or invariant.
struct Judged {
  Span at = {};      // in the scenario's files
  std::string what;  // `status is succeeded`, `clear is succeeded`, a claim as it is written, an invariant's name
  bool holds = false;
  std::string why;                 // where it does not hold: what is so instead, in one line
  std::vector<std::string> parts;  // the values of the parts of a claim: `world.stores["a"].status = "creating"`
};

struct RehearsalEnding {
  RunState state = RunState::running;  // waiting: nobody in the scenario decides what it waits for
  int exit_code = 0;
  std::string reason;
};

struct Rehearsed {
  std::string scenario;
  std::string run;  // its id
  RehearsalEnding ending;
  Duration took;                     // from the start to the ending, on the virtual clock
  Duration spent;                    // of real time
  int kills = 0;                     // how often the interpreter was killed and resumed
  RunRecord record;                  // its row and every event, as the journal holds them
  RunHistory history;                // what they add up to
  std::vector<Fault> struck;         // of the scenario's faults and `more`, those that really hit a step
  std::vector<Judged> expectations;  // empty where `more` faults were injected: they are about the scenario as written
  std::vector<Judged> invariants;
  std::vector<std::pair<std::string, Message>> told;  // what went to channels, by channel
  Value world;                                        // the `state` of the Lua world afterwards

  [[nodiscard]] bool passed() const;  // every expectation and every invariant holds
};

struct RehearsalSettings {
  std::string scratch = "/tmp";  // the folder that its own folder is made in
  std::string version;           // muster's own, as runs record it
};

// Once; with `more` faults than the scenario's own, the expectations are not judged.
[[nodiscard]] Result<Rehearsed> rehearse(const Scenario& scenario, const SourceFiles& scenario_files,
                                         const RehearsedPlaybook& playbook, const RehearsalSettings& settings,
                                         std::span<const Fault> more = {});

// The node that a fault, a person or an expectation names; nullptr: none. `gate`: a phase comes before a step.
[[nodiscard]] const Node* node_named(const StepGraph& graph, std::string_view name, bool gate);

}  // namespace muster
