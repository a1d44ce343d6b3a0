// Trying a run again from one of its steps: what stays done.
//
// What ended well and does not come after the step is carried over with its results and is not run again; everything
// else runs, behind its gates as ever. Carried steps belong to the new run: if it fails they are rolled back with it.
// Errors: `not_found` where the run has no such step; `refused` where something that the step builds on did not end
//         well, was rolled back, or is in doubt; `invalid` for a step that stands in a rescue, a rollback or `always`.
// Source: docs/cli.md, "retry".
#pragma once

#include <string>
#include <vector>

#include "interpreter/base/result.h"
#include "interpreter/graph/step_graph.h"
#include "interpreter/journal/journal.h"
#include "interpreter/journal/run_state.h"

namespace muster {

// The first events of the new run, beside its own; `earlier` is the run that `history` tells.
// All that may have had an effect and was not undone, for a run that undoes it. `refused` while a step is in doubt, and
// where nothing can be undone.
[[nodiscard]] Result<std::vector<Event>> carry_all(const StepGraph& graph, const RunHistory& history,
                                                   const std::string& earlier);

[[nodiscard]] Result<std::vector<Event>> carry_over(const StepGraph& graph, const RunHistory& history,
                                                    const std::string& earlier, const OpId& from);

}  // namespace muster
