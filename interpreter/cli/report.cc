// `muster report RUN`
#include "interpreter/report/report.h"
#include "interpreter/cli/session.h"
#include "interpreter/journal/foreseen.h"

namespace muster {

int report_command(Invocation& invocation) {
  std::string format = invocation.options.last("--format");
  if (format.empty()) format = invocation.json() ? "json" : "markdown";
  Result<Opened> opened = open_named(invocation, false);
  if (!opened) return complain(opened.error());
  Timeline timeline = make_timeline(opened->run.record, opened->run.history, opened->run.loaded.graph.get());
  Result<std::optional<ForeseenRun>> foreseen = foreseen_of(*opened->session.journal, opened->run.record.row);
  if (!foreseen) return complain(foreseen.error());
  if (*foreseen) compare_with(timeline, **foreseen);
  if (format == "json") {
    answer_object(invocation, to_value(timeline));
  } else {
    answer(format == "text"   ? render_text(timeline)
           : format == "html" ? render_html(timeline)
                              : render_markdown(timeline));
  }
  return exit_code::ok;
}

}  // namespace muster
