// Recovery objectives beside what was measured, of each group that declares some.
//
// rto: from the beginning of the group to its end; what it waited at its own gate, or at gates in it, counts. The run's
// begins when it was started. rpo: the age of the oldest data that a restore in the group put in place.
// A limit with `${{ }}` is the one that the run recorded when it entered the group.
// Errors: none: what was never measured has no answer.
// Source: docs/language.md, "objectives".
#pragma once

#include "interpreter/report/timeline.h"

namespace muster {

// Fills in `out.objectives`, in the order of the playbook; steps, gates, state and times of `out` are there already.
void measure_objectives(const StepGraph& graph, const RunHistory& history, Timeline& out);

}  // namespace muster
