// `muster rehearsals`
#include "interpreter/cli/rehearsals.h"

#include <filesystem>
#include <map>
#include <set>

#include "interpreter/cli/loading.h"
#include "interpreter/cli/playbook_digest.h"
#include "interpreter/cli/session.h"
#include "interpreter/journal/rehearsals.h"
#include "interpreter/report/wording.h"
#include "interpreter/world/real_clock.h"

namespace muster {
namespace {

// The playbook as its file is now; empty: it is gone or cannot be read.
std::string digest_of_file(const Invocation& invocation, const std::string& path) {
  std::error_code error;
  if (path.empty() || !std::filesystem::is_regular_file(path, error)) return {};
  Result<Loaded> loaded = load_playbook(invocation, path);
  return loaded && loaded->graph ? digest_of_playbook(*loaded->graph, loaded->files) : std::string();
}

struct Standing {
  std::string state;  // passed, failed, stale
  std::string why;
};

Standing standing_of(const Invocation& invocation, const RehearsalRecord& record, Timestamp now,
                     const std::optional<Duration>& within) {
  if (std::string problem = record.problem(); !problem.empty()) return {"failed", std::move(problem)};
  const Duration age = now - record.at;
  if (within && age.us > within->us) return {"stale", "it was rehearsed " + spent(age) + " ago"};
  if (!record.path.empty()) {
    std::string digest = digest_of_file(invocation, record.path);
    if (digest.empty()) return {"stale", "`" + record.path + "` is gone, or cannot be read"};
    if (digest != record.digest) return {"stale", "its files are not those that were rehearsed"};
  }
  if (!record.missing.empty()) {
    std::string names;
    for (const std::string& name : record.missing) names += (names.empty() ? "`" : ", `") + name + "`";
    return {"stale", "left out: " + names};
  }
  return {"passed", {}};
}

// Of two limits: `--within`, and the playbook's own `rehearsed_within`.
std::optional<Duration> shorter(std::optional<Duration> one, std::optional<Duration> other) {
  if (!one || !other) return one ? one : other;
  return Duration{std::min(one->us, other->us)};
}

Duration longest(const RehearsalRecord& record) {
  Duration out{0};
  for (const RehearsedScenario& scenario : record.scenarios) out.us = std::max(out.us, scenario.took.us);
  return out;
}

// `rto 12m3s of 15m, rpo 5m of 24h`: the worst that was measured of the playbook's own.
std::string measured(const RehearsalRecord& record) {
  std::map<std::string, std::pair<Duration, Duration>> worst;  // by name: measured, limit
  for (const RehearsedScenario& scenario : record.scenarios)
    for (const Value& one : scenario.objectives) {
      const Map* objective = one.find<Map>();
      const Value* found = objective ? member(*objective, "measured") : nullptr;
      const Value* limit = objective ? member(*objective, "limit") : nullptr;
      if (!found || !limit || !found->is<Duration>() || !limit->is<Duration>()) continue;
      if (text_of(*objective, "op") != "playbook") continue;
      auto [it, is_new] =
          worst.try_emplace(text_of(*objective, "name"), found->get<Duration>(), limit->get<Duration>());
      if (!is_new && found->get<Duration>().us > it->second.first.us) it->second.first = found->get<Duration>();
    }
  std::string out;
  for (const auto& [name, pair] : worst)
    out += (out.empty() ? "" : ", ") + name + " " + spent(pair.first) + " of " + to_text(pair.second);
  return out;
}

std::string lines_of(const RehearsalRecord& record, const Standing& standing) {
  size_t passed = 0;
  for (const RehearsedScenario& scenario : record.scenarios) passed += scenario.passed;
  std::string out = safe_line(record.playbook) + (record.version.empty() ? "" : " " + safe_line(record.version)) +
                    "  " + standing.state + "  " + second_of(record.at) + " by " + safe_line(record.person) + "  " +
                    record.digest.substr(0, 12) + "\n  " + std::to_string(passed) + " of " +
                    std::to_string(record.scenarios.size()) + " scenarios passed, the longest took " +
                    spent(longest(record));
  if (record.points > 0) out += "; coverage " + std::to_string(record.covered) + " of " + std::to_string(record.points);
  if (record.findings) out += "; " + std::to_string(*record.findings) + " findings of the sweep";
  out += "\n";
  if (std::string times = measured(record); !times.empty()) out += "  " + times + "\n";
  if (!standing.why.empty()) out += "  " + safe_line(standing.why) + "\n";
  return out;
}

Map value_of(const RehearsalRecord& record, const Standing& standing) {
  List scenarios;
  for (const RehearsedScenario& one : record.scenarios)
    scenarios.push_back(Map{{"name", one.name},
                            {"passed", one.passed},
                            {"ending", one.ending},
                            {"why", one.why.empty() ? Value() : Value(one.why)},
                            {"took", one.took},
                            {"objectives", one.objectives}});
  return Map{{"playbook", record.playbook},
             {"version", record.version.empty() ? Value() : Value(record.version)},
             {"state", standing.state},
             {"why", standing.why.empty() ? Value() : Value(standing.why)},
             {"at", record.at},
             {"by", record.person},
             {"path", record.path},
             {"digest", record.digest},
             {"took", longest(record)},
             {"scenarios", std::move(scenarios)},
             {"findings", record.findings ? Value(*record.findings) : Value()},
             {"covered", record.covered},
             {"points", record.points}};
}

}  // namespace

int rehearsals_command(Invocation& invocation) {
  std::optional<Duration> within;
  if (std::string written = invocation.options.last("--within"); !written.empty()) {
    within = parse_duration(written);
    if (!within)
      return complain(
          fail(ErrorCode::invalid, "`--within " + written + "` is no duration", "write it as `90d` or `36h`"));
  }
  Result<Configuration> configuration = configuration_of(invocation);
  if (!configuration) return complain(configuration.error());
  const std::string store = store_of(invocation, *configuration);
  Result<std::string> path = sqlite_path(store);
  if (!path) return complain(path.error());
  std::vector<RehearsalRecord> kept;
  if (std::error_code none; std::filesystem::exists(*path, none)) {
    Result<std::unique_ptr<Journal>> journal = open_journal(store, false);
    if (!journal) return complain(journal.error());
    Result<std::vector<RehearsalRecord>> read = kept_rehearsals(**journal);
    if (!read) return complain(read.error());
    kept = std::move(*read);
  }
  RealClock clock;
  const Timestamp now = clock.now();
  std::set<std::string> seen;
  List rows;
  std::string text;
  bool all_well = true;
  for (const RehearsalRecord& record : kept) {
    if (!seen.insert(record.playbook).second) continue;  // the last of each playbook
    Standing standing = standing_of(invocation, record, now, shorter(within, record.within));
    all_well = all_well && standing.state == "passed";
    rows.push_back(value_of(record, standing));
    text += lines_of(record, standing);
  }
  if (invocation.json()) {
    answer_rows(invocation, rows);
  } else {
    answer(text.empty() ? "no playbook was rehearsed; `muster rehearse PLAYBOOK` does it\n" : text);
  }
  return all_well ? exit_code::ok : exit_code::failed;
}

}  // namespace muster
