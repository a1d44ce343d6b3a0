// `muster resume RUN`
#include "interpreter/cli/carry.h"
#include "interpreter/world/real_clock.h"

namespace muster {
namespace {

// Each parks again at its next gate: nobody waits here. What another process carries on is left to it.
int resume_all_due(Invocation& invocation) {
  Result<Session> session = open_session(invocation);
  if (!session && session.error().code == ErrorCode::not_found) return exit_code::ok;  // no store, nothing due
  if (!session) return complain(session.error());
  RunQuery query;
  query.only_open = true;
  Result<std::vector<RunRow>> rows = session->journal->find(query);
  if (!rows) return complain(rows.error());
  RealClock clock;
  bool good = true;
  for (const RunRow& row : *rows) {
    if (!row.owner.empty() || row.state != RunState::waiting || !row.due_at || clock.now() < *row.due_at) continue;
    Result<OpenRun> run = open_run(*session->journal, row.id);
    if (run && !run->loaded.graph)
      run = fail(ErrorCode::refused, "the playbook of run " + row.id + " is not valid for this version of muster");
    if (!run) {
      complain(run.error());
      good = false;
      continue;
    }
    Carry how{true, true};
    how.among_others = true;
    int code = carry_on(invocation, *session, std::move(run->loaded), row.id, {}, std::move(how));
    if (code == exit_code::usage) good = false;
  }
  return good ? exit_code::ok : exit_code::failed;
}

}  // namespace

int resume_command(Invocation& invocation) {
  if (invocation.options.has("--adopt")) {
    Result<Configuration> configuration = configuration_of(invocation);
    if (!configuration) return complain(configuration.error());
    Result<void> adopted = adopt_where_asked(invocation, *configuration);
    if (!adopted) return complain(adopted.error());
  }
  if (invocation.options.has("--due")) {
    if (!invocation.options.words.empty())
      return complain(fail(ErrorCode::invalid, "`--due` takes every run that is due, and no name"));
    return resume_all_due(invocation);
  }
  if (invocation.options.words.empty())
    return complain(fail(ErrorCode::invalid, "no run is named", "`muster resume RUN`, or `muster resume --due`"));
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
