// `muster retry RUN [--from STEP]`
#include "interpreter/base/json.h"
#include "interpreter/cli/carry.h"
#include "interpreter/engine/retrying.h"
#include "interpreter/report/wording.h"

namespace muster {

int retry_command(Invocation& invocation) {
  Result<Opened> opened = open_named(invocation, true);
  if (!opened) return complain(opened.error());
  OpenRun& run = opened->run;
  if (!run.history.ended)
    return complain(fail(ErrorCode::refused, "run " + run.id() + " has not ended",
                         "`muster resume " + run.id() + "` goes on with it, `muster cancel` ends it"));
  if (ending_of(run.history) == RunState::succeeded)
    return complain(fail(ErrorCode::refused, "run " + run.id() + " succeeded: there is nothing to try again",
                         "`muster run` makes a run of its own"));
  Result<Value> inputs = decode_value(run.record.row.inputs);
  if (!inputs || !inputs->is<Map>())
    return complain(fail(ErrorCode::corrupt, "the inputs of run " + run.id() + " cannot be read"));
  Carry how{invocation.options.has("--detach"), false, run.id(), "", {}};
  if (std::string word = invocation.options.last("--from"); !word.empty()) {
    std::optional<OpId> step = op_named(*run.loaded.graph, run.history, word, false);
    if (!step || *step == run.loaded.graph->root().op)
      return complain(fail(ErrorCode::not_found, "no step of the run is called `" + word + "`",
                           "`muster show " + run.id() + "` lists them"));
    Result<std::vector<Event>> carried = carry_over(*run.loaded.graph, run.history, run.id(), *step);
    if (!carried) return complain(carried.error());
    how.from = step->path;
    how.carried = std::move(*carried);
  }
  const Map given = inputs->get<Map>();
  return carry_on(invocation, opened->session, std::move(run.loaded), "", given, std::move(how));
}

}  // namespace muster
