// A step graph drawn for people and tools: an indented list, Graphviz's dot, Mermaid.
#pragma once

#include <string>

#include "interpreter/graph/step_graph.h"

namespace muster {

[[nodiscard]] std::string draw_text(const StepGraph& graph);
[[nodiscard]] std::string draw_dot(const StepGraph& graph);
[[nodiscard]] std::string draw_mermaid(const StepGraph& graph);

}  // namespace muster
