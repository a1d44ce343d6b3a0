// The page itself, as Markdown that GitHub and most others draw the same.
#pragma once

#include <string>
#include <vector>

#include "interpreter/page/page.h"

namespace muster {

// `facts` is the page without its text.
[[nodiscard]] std::string markdown_of(const StepGraph& graph, const std::vector<Action>& actions, const Page& facts);

}  // namespace muster
