// `muster rollback RUN`
#include "interpreter/base/json.h"
#include "interpreter/cli/carry.h"
#include "interpreter/engine/retrying.h"

namespace muster {
namespace {

// A run is undone once: a second time its rollbacks would meet a world that they were not written for.
Result<void> is_not_undone_yet(Journal& journal, const std::string& run) {
  Result<std::vector<RunRow>> rows = journal.find({});
  if (!rows) return pass(rows.error());
  for (const RunRow& row : *rows) {
    if (row.parent != run) continue;
    Result<OpenRun> other = open_run(journal, row.id);
    if (!other) return pass(other.error());
    const Value* undoes = member(other->history.created, "undoes");
    if (!undoes || !undoes->is<bool>() || !undoes->get<bool>()) continue;
    if (!other->history.ended)
      return fail(ErrorCode::refused, "run " + row.id + " undoes it already, and has not ended",
                  "`muster resume " + row.id + "` goes on with it");
    return fail(ErrorCode::refused, "run " + row.id + " has undone it, and ended " + std::string(name_of(row.state)),
                row.state == RunState::rolled_back ? "" : "`muster rollback " + row.id + "` tries what is left");
  }
  return {};
}

}  // namespace

int rollback_command(Invocation& invocation) {
  Result<Opened> opened = open_named(invocation, true);
  if (!opened) return complain(opened.error());
  OpenRun& run = opened->run;
  if (!run.history.ended)
    return complain(fail(ErrorCode::refused, "run " + run.id() + " has not ended",
                         "`muster cancel " + run.id() + " --rollback` ends and undoes it"));
  if (Result<void> once = is_not_undone_yet(*opened->session.journal, run.id()); !once) return complain(once.error());
  Result<Value> inputs = decode_value(run.record.row.inputs);
  if (!inputs || !inputs->is<Map>())
    return complain(fail(ErrorCode::corrupt, "the inputs of run " + run.id() + " cannot be read"));
  Result<std::vector<Event>> carried = carry_all(*run.loaded.graph, run.history, run.id());
  if (!carried) return complain(carried.error());
  Carry how{invocation.options.has("--detach"), false, run.id(), "", std::move(*carried)};
  how.undoes = true;
  const Map given = inputs->get<Map>();
  return carry_on(invocation, opened->session, std::move(run.loaded), "", given, std::move(how));
}

}  // namespace muster
