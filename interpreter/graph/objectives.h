// The recovery objectives of a group, wherever they stand in the language's structs.
//
// Source: docs/language.md, "objectives".
#pragma once

#include <optional>

#include "interpreter/graph/step_graph.h"

namespace muster {

// Of a `foreach` they are those of the whole loop, never of one item; of a `call` they are what stands beside it, and
// the called playbook has its own.
[[nodiscard]] const std::optional<Objectives>& objectives_of(const StepGraph& graph, const Node& node);

}  // namespace muster
