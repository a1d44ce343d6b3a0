// The tree of a run as a terminal shows it while it goes on: phases and steps with their marks, times and progress.
//
// No more lines than `height`: phases that have ended are folded first, then steps far from what is under way.
// Source: docs/cli.md, "While a run goes on".
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "interpreter/base/diagnostic.h"
#include "interpreter/graph/step_graph.h"
#include "interpreter/journal/run_state.h"

namespace muster {

struct FrameStyle {
  size_t width = 80;
  size_t height = 24;
  Colour colour = Colour::off;
  // Of an op that is under way: `12.3 s  45 of 120 rows`.
  std::function<std::string(const std::string& op)> so_far;
};

[[nodiscard]] std::vector<std::string> frame(const StepGraph& graph, const RunHistory& history, const std::string& run,
                                             const FrameStyle& style);
// Lines in a box of this width; a line that is too long goes on in the next, since none of it may be hidden.
[[nodiscard]] std::string boxed(const std::string& text, size_t width);

}  // namespace muster
