// `muster cancel RUN --reason TEXT [--rollback|--now]`
#include <algorithm>

#include "interpreter/base/json.h"
#include "interpreter/cli/carry.h"
#include "interpreter/world/real_clock.h"

namespace muster {

int cancel_command(Invocation& invocation) {
  std::string reason = invocation.options.last("--reason");
  bool rollback = invocation.options.has("--rollback"), now = invocation.options.has("--now");
  if (reason.empty())
    return complain(fail(ErrorCode::invalid, "a run is cancelled with a reason", "add `--reason TEXT`"));
  if (rollback && now)
    return complain(fail(ErrorCode::invalid, "`--rollback` and `--now` cannot both be said", "`--now` undoes nothing"));
  Result<Opened> opened = open_named(invocation, true);
  if (!opened) return complain(opened.error());
  const OpenRun& run = opened->run;
  if (run.history.ended)
    return complain(
        fail(ErrorCode::refused, "run " + run.id() + " has ended: it is " + text_of(*run.history.ended, "status")));
  RealClock clock;
  Event event;
  event.kind = EventKind::cancel_asked;
  event.op = run.loaded.graph->root().op;
  event.at = std::max(clock.now(), run.history.last_at);
  event.body =
      encode_value(Map{{"person", invocation.person}, {"reason", reason}, {"rollback", rollback}, {"now", now}});
  Result<void> said = opened->session.journal->say(run.id(), event);
  if (!said) return complain(said.error());
  if (invocation.options.has("--no-wait")) answer("run " + run.id() + ": its cancellation is recorded\n");
  return carry_on_recorded(invocation, *opened);
}

}  // namespace muster
