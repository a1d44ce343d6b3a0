// What plans tell of a node, whether they look at the world or not: what it is, what stands beside it, its arguments.
//
// Errors: what cannot be rendered is added to `problems`, and its value is Unknown.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "interpreter/checker/arguments.h"
#include "interpreter/graph/step_graph.h"
#include "interpreter/plan/plan.h"

namespace muster {

// `phase`, `steps`, `verify`, `set`, or the action.
[[nodiscard]] std::string what_of(const Node& node);

// Siblings in the order in which they may begin: `needs` may name one that stands below.
[[nodiscard]] std::vector<NodeId> in_order(const std::vector<NodeId>& list,
                                           const std::function<const Node&(NodeId)>& at);

// What a gate asks for, all but its message.
[[nodiscard]] std::vector<std::string> rules_of(const Approval& approval, const SourceFiles& files);

// Everything that is said of a node beside what it does and its gate.
[[nodiscard]] std::vector<PlannedKey> keys_beside(const Node& node, std::string_view what, const SourceFiles& files);
// The same of a playbook: secrets, connections, locks, and what else stands at its top.
[[nodiscard]] std::vector<PlannedKey> keys_beside(const Playbook& playbook, const ArgumentValues& values,
                                                  const SourceFiles& files, Diagnostics& problems);

// The arguments of its action, or of what else it does, in the order in which they are written.
// `after` gets the ids of the steps that they wait for.
[[nodiscard]] std::vector<PlannedKey> arguments_of(const Step& step, const std::vector<Action>& actions,
                                                   const ArgumentValues& values, Diagnostics& problems,
                                                   std::vector<std::string>& after);

}  // namespace muster
