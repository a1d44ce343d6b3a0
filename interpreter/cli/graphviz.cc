#include "interpreter/cli/graphviz.h"

#include "interpreter/cli/real_world.h"

namespace muster {

Result<std::string> svg_of(const Invocation& invocation, const std::string& dot) {
  // A drawing belongs to no store: what the helper for children keeps goes with it.
  RealWorld scratch(invocation, "");
  Result<std::string> folder = scratch.world().scratch.directory();
  if (!folder) return pass(folder.error());
  RealWorld real(invocation, *folder + "/graph");
  Command command;
  command.argv = {"dot", "-Tsvg"};
  command.input = dot;
  command.timeout = Duration::seconds(60);
  command.head_bytes = 32 << 20;
  command.tail_bytes = 0;
  Result<ProcessEnd> end = real.world().processes.observe(command, {});
  if (!end && end.error().code == ErrorCode::not_started)
    return fail(ErrorCode::not_started, "`dot` of Graphviz draws SVG, and it is not here",
                "install graphviz, or take `--format mermaid`, `dot` or `text`");
  if (!end) return pass(end.error());
  if (end->kind == EndKind::timed_out)
    return fail(ErrorCode::timeout, "`dot` did not draw it within a minute",
                "`--format dot` gives what it was asked to draw");
  if (end->kind != EndKind::exited || end->code != 0)
    return fail(ErrorCode::failed, "`dot` did not draw it: " + end->err.head,
                "`--format dot` gives what it was asked to draw");
  if (!end->out.is_whole()) return fail(ErrorCode::failed, "the drawing is larger than 32 MB");
  return std::move(end->out.head);
}

}  // namespace muster
