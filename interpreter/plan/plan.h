// What a playbook would do, told without touching anything: `muster plan --offline`.
//
// Steps stand in the order in which they would begin; those beside each other in the order of the file. Values that the
// inputs settle are rendered; the others are Unknown and say when they will be known.
// Errors: what cannot be rendered (an expression that raises on these inputs) stands in `problems`, at its place.
// Source: docs/cli.md, "Plans".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "interpreter/action/action.h"
#include "interpreter/base/diagnostic.h"
#include "interpreter/base/source_file.h"
#include "interpreter/graph/step_graph.h"

namespace muster {

struct PlannedGate {
  Value message;                    // Null: none
  std::vector<std::string> rules;   // `approvers: group:sre`, as written
  std::vector<std::string> guards;  // paths of the steps behind it that change something
};

struct PlannedKey {
  std::string key;
  Value value;  // rendered, or the text as written
};

struct PlannedStep {
  std::string path;
  std::string what;              // `phase`, `steps`, `verify`, `set`, or the action
  std::string list;              // empty, or `rescue`, `rollback`, `always`: when it runs
  int depth = 0;                 // of groups around it; a phase has 0
  Value title;                   // Null: none
  std::optional<Effect> effect;  // of steps with an action
  std::optional<PlannedGate> gate;
  std::optional<Value> when;          // true, false, or not known yet
  std::vector<PlannedKey> arguments;  // of the action, or of what else it does
  std::vector<PlannedKey> keys;       // everything else that is said of it
  bool skipped = false;               // its `when`, or that of a group around it, is false
  std::vector<std::string> after;     // ids of the steps that its values wait for
};

struct Plan {
  std::string playbook, version, title;
  std::vector<PlannedKey> inputs;
  std::vector<PlannedKey> keys;  // connections, locks and the like
  std::optional<PlannedGate> gate;
  std::vector<PlannedStep> steps;
  Diagnostics problems;
};

// `inputs` are typed (bind_inputs); those that were not given are Unknown, or missing where they are optional.
[[nodiscard]] Plan plan_offline(const StepGraph& graph, const std::vector<Action>& actions, const Map& inputs,
                                const SourceFiles& files);

[[nodiscard]] std::string text_of(const Plan& plan);
[[nodiscard]] Value value_of(const Plan& plan);

}  // namespace muster
