// `muster graph PLAYBOOK`
#include "interpreter/cli/graphviz.h"
#include "interpreter/cli/session.h"
#include "interpreter/graph/drawing.h"

namespace muster {

int graph_command(Invocation& invocation) {
  Result<Loaded> loaded = load_playbook(invocation, invocation.options.words[0]);
  if (!loaded) return complain(loaded.error());
  if (!loaded->graph) return exit_code::invalid;
  std::string format = invocation.options.last("--format");
  const StepGraph& graph = *loaded->graph;
  if (format == "svg") {
    Result<std::string> drawing = svg_of(invocation, draw_dot(graph));
    if (!drawing) return complain(drawing.error());
    answer(*drawing);
    return exit_code::ok;
  }
  answer(format == "dot" ? draw_dot(graph) : format == "mermaid" ? draw_mermaid(graph) : draw_text(graph));
  return exit_code::ok;
}

}  // namespace muster
