// `muster prune` and `muster backup-store FILE`
#include <charconv>
#include <chrono>

#include "interpreter/cli/anchors.h"
#include "interpreter/cli/session.h"
#include "interpreter/journal/store_keeping.h"
#include "interpreter/report/wording.h"

namespace muster {
namespace {

Timestamp now_utc() {
  auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return Timestamp{std::chrono::duration_cast<std::chrono::microseconds>(since_1970).count()};
}

// What the command line says; of what it says nothing of, the configuration.
Result<PruneRequest> request_of(const Invocation& invocation, const Configuration& configuration) {
  PruneRequest request;
  request.now = now_utc();
  request.dry_run = invocation.options.has("--dry-run");
  std::string older = invocation.options.last("--older"), keep = invocation.options.last("--keep");
  const std::optional<RetentionRules>& rules = configuration.retention;
  std::optional<Duration> age;
  if (!older.empty()) {
    age = parse_duration(older);
    if (!age || age->us < 0)
      return fail(ErrorCode::invalid, "`--older " + older + "` is no duration", "write it as `90d` or `36h`");
  } else if (keep.empty() && rules && rules->older) {
    age = rules->older->known;
  }
  if (age) request.ended_before = Timestamp{request.now.us - age->us};
  if (!keep.empty()) {
    int64_t count = 0;
    auto [end, problem] = std::from_chars(keep.data(), keep.data() + keep.size(), count);
    if (problem != std::errc() || end != keep.data() + keep.size() || count < 0)
      return fail(ErrorCode::invalid, "`--keep " + keep + "` is no count of runs", "write a whole number");
    request.keep = count;
  } else if (older.empty() && rules && rules->keep) {
    request.keep = rules->keep->known;
  }
  if (!request.ended_before && !request.keep)
    return fail(ErrorCode::invalid, "nothing says what is old enough to go",
                "`--older 90d`, `--keep 1000`, or `retention` in the configuration");
  return request;
}

Value to_value(const PruneReport& report, bool dry_run) {
  List runs, parents(report.parents.begin(), report.parents.end()), broken;
  for (const PrunedRun& run : report.runs)
    runs.push_back(Map{{"id", run.id},
                       {"playbook", run.playbook},
                       {"state", std::string(name_of(run.state))},
                       {"ended_at", run.ended_at},
                       {"events", run.events}});
  for (const VerifyFinding& finding : report.broken)
    broken.push_back(Map{{"run", finding.run}, {"seq", finding.seq}, {"message", finding.message}});
  List dry_runs;
  for (const PrunedPlan& plan : report.plans)
    dry_runs.push_back(Map{{"playbook", plan.playbook}, {"at", plan.at}, {"ledger_entry", plan.entry}});
  return Map{{"dry_run", dry_run},
             {"pruned", std::move(runs)},
             {"pruned_dry_runs", std::move(dry_runs)},
             {"kept_as_parents", std::move(parents)},
             {"kept_as_broken", std::move(broken)}};
}

void tell_in_words(const PruneReport& report, bool dry_run) {
  std::string out;
  for (const PrunedRun& run : report.runs)
    out += run.id + "  " + safe_line(run.playbook) + "  " + std::string(name_of(run.state)) + "  ended " +
           to_text(run.ended_at) + "\n";
  std::string count = std::to_string(report.runs.size()) + (report.runs.size() == 1 ? " run" : " runs");
  answer(out + (dry_run ? count + " would be pruned\n" : count + " pruned\n"));
  if (!report.plans.empty())
    answer(std::to_string(report.plans.size()) + (report.plans.size() == 1 ? " dry run" : " dry runs") +
           (dry_run ? " would be pruned\n" : " pruned\n"));
  if (!report.parents.empty())
    answer(std::to_string(report.parents.size()) + " kept: a later run refers to " +
           (report.parents.size() == 1 ? "it\n" : "them\n"));
  for (const VerifyFinding& finding : report.broken)
    answer((finding.run.empty() ? "a dry run" : "run " + finding.run) +
           " kept: it does not verify: " + safe_line(finding.message) + "\n");
}

}  // namespace

int prune_command(Invocation& invocation) {
  Result<Session> session = open_session(invocation);
  if (!session) return complain(session.error());
  Result<PruneRequest> request = request_of(invocation, session->configuration);
  if (!request) return complain(request.error());
  Result<std::string> store = sqlite_path(store_of(invocation, session->configuration));
  if (!store) return complain(store.error());
  OutsideHeads anchors(invocation, session->configuration);
  Result<PruneReport> report = prune_store(*store, *request, [&](const SignedHead& head) { anchors.hand_out(head); });
  if (!report) return complain(report.error());
  if (invocation.json()) {
    answer_object(invocation, to_value(*report, request->dry_run));
  } else {
    tell_in_words(*report, request->dry_run);
  }
  return report->broken.empty() ? exit_code::ok : exit_code::failed;
}

int backup_store_command(Invocation& invocation) {
  Result<Configuration> configuration = configuration_of(invocation);
  if (!configuration) return complain(configuration.error());
  Result<std::string> store = sqlite_path(store_of(invocation, *configuration));
  if (!store) return complain(store.error());
  const std::string& file = invocation.options.words[0];
  Result<BackupReport> report = backup_store(*store, file);
  if (!report) return complain(report.error());
  if (invocation.json()) {
    answer_object(invocation,
                  Map{{"file", file}, {"bytes", report->bytes}, {"runs", report->runs}, {"events", report->events}});
  } else {
    answer("the store is in `" + file + "`: " + std::to_string(report->runs) +
           (report->runs == 1 ? " run, " : " runs, ") + std::to_string(report->events) + " events\n");
  }
  return exit_code::ok;
}

Result<void> adopt_where_asked(const Invocation& invocation, const Configuration& configuration) {
  if (!invocation.options.has("--adopt")) return {};
  Result<std::string> store = sqlite_path(store_of(invocation, configuration));
  if (!store) return pass(store.error());
  Result<SignedHead> head = adopt_store(*store, now_utc());
  if (!head) return pass(head.error());
  OutsideHeads(invocation, configuration).hand_out(*head);
  tell("the store is adopted: from here on it is " + head->instance + ", signed by " + head->public_key + "\n");
  return {};
}

}  // namespace muster
