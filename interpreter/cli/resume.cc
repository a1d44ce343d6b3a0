// `muster resume RUN`
#include "interpreter/cli/carry.h"

namespace muster {

int resume_command(Invocation& invocation) {
  if (invocation.options.has("--adopt")) {
    Result<Configuration> configuration = configuration_of(invocation);
    if (!configuration) return complain(configuration.error());
    Result<void> adopted = adopt_where_asked(invocation, *configuration);
    if (!adopted) return complain(adopted.error());
  }
  Result<Opened> opened = open_named(invocation, false);
  if (!opened) return complain(opened.error());
  OpenRun& run = opened->run;
  if (run.history.ended) return say_it_has_ended(run);
  if (!run.loaded.graph)
    return complain(fail(ErrorCode::refused,
                         "the playbook of run " + run.id() + " is not valid for this version of muster",
                         "use the version that started it"));
  bool detached = was_started_detached(run.history) || invocation.options.has("--detach");
  std::string id = run.id();
  return carry_on(invocation, opened->session, std::move(run.loaded), id, {}, {detached, false});
}

}  // namespace muster
