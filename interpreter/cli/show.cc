// `muster show RUN`
#include "interpreter/cli/session.h"
#include "interpreter/report/report.h"

namespace muster {

int show_command(Invocation& invocation) {
  Result<Opened> opened = open_named(invocation, false);
  if (!opened) return complain(opened.error());
  Timeline timeline = make_timeline(opened->run.record, opened->run.history, opened->run.loaded.graph.get());
  if (invocation.json()) {
    answer_object(invocation, to_value(timeline));
  } else {
    answer(render_text(timeline));
  }
  return exit_code::ok;
}

}  // namespace muster
