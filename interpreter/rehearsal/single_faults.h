// Every way in which one thing alone can go wrong in a rehearsed run, and pairs of them.
//
// Made from the graph and from what a run without faults went through: a fault at a step that such a run does not reach
// could never strike alone. Of the items of a `foreach` the first and the last stand for all.
// Errors: none.
// Source: docs/coverage.md, "The sweep".
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "interpreter/action/action.h"
#include "interpreter/graph/step_graph.h"
#include "interpreter/journal/run_state.h"
#include "interpreter/rehearsal/scenario.h"

namespace muster {

struct FaultList {
  std::vector<Fault> reached;  // can strike alone, in the order of the playbook
  std::vector<Fault> beyond;   // of steps that only another fault leads to: undo, rescue, another branch
};

// For each write: it fails before its effect, fails after it, times out, is killed with the interpreter before and
// after its effect; each read is unreachable; every gate is rejected and expires; every verify fails; a manual step is
// not done. Where attempts are made again, the first alone is hit, and all of them.
[[nodiscard]] FaultList single_faults(const StepGraph& graph, const std::vector<Action>& actions,
                                      const RunHistory& baseline);

// Two at once, the first of them one that can strike alone; at most `most` of all, drawn by the seed: the same seed
// draws the same ones. The order of the result is that of the list.
[[nodiscard]] std::vector<std::vector<Fault>> fault_pairs(const FaultList& single, size_t most, uint64_t seed);

// `fails after its effect`, with how many attempts are hit where that is not one.
[[nodiscard]] std::string words_of(const Fault& fault);

}  // namespace muster
