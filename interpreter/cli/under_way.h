// Which ops of a run are under way now, as far as graph and history tell: reads leave no event when they begin.
#pragma once

#include <vector>

#include "interpreter/graph/step_graph.h"
#include "interpreter/journal/run_state.h"

namespace muster {

// In the order of the playbook; groups are not among them, nor what waits for a person, a retry or a moment.
[[nodiscard]] std::vector<OpId> under_way(const StepGraph& graph, const RunHistory& history);

}  // namespace muster
