#include "interpreter/journal/rehearsals.h"

#include <algorithm>

#include "interpreter/base/json.h"

namespace muster {
namespace {

template <class T>
std::optional<T> in(const Map& map, std::string_view name) {
  const Value* value = member(map, name);
  const T* found = value ? value->find<T>() : nullptr;
  return found ? std::optional<T>(*found) : std::nullopt;
}

}  // namespace

bool RehearsalRecord::passed() const { return problem().empty(); }

std::string RehearsalRecord::problem() const {
  if (scenarios.empty()) return "no scenario was run";
  for (const RehearsedScenario& scenario : scenarios)
    if (!scenario.passed) return "`" + scenario.name + "` failed" + (scenario.why.empty() ? "" : ": " + scenario.why);
  if (findings.value_or(0) > 0)
    return "the sweep has " + std::to_string(*findings) + (*findings == 1 ? " finding" : " findings");
  return {};
}

std::string encode_rehearsal(const RehearsalRecord& record) {
  List scenarios;
  for (const RehearsedScenario& one : record.scenarios)
    scenarios.push_back(Map{{"name", one.name},
                            {"passed", one.passed},
                            {"ending", one.ending},
                            {"why", one.why},
                            {"took", one.took},
                            {"objectives", one.objectives}});
  return encode_value(Value(Map{{"playbook", record.playbook},
                                {"version", record.version},
                                {"digest", record.digest},
                                {"path", record.path},
                                {"person", record.person},
                                {"host", record.host},
                                {"muster", record.muster},
                                {"at", record.at},
                                {"within", record.within ? Value(*record.within) : Value()},
                                {"scenarios", std::move(scenarios)},
                                {"missing", List(record.missing.begin(), record.missing.end())},
                                {"findings", record.findings ? Value(*record.findings) : Value()},
                                {"covered", record.covered},
                                {"points", record.points}}));
}

std::optional<RehearsalRecord> decode_rehearsal(const Kept& kept) {
  Result<Value> decoded = decode_value(kept.body);
  const Map* body = decoded ? decoded->find<Map>() : nullptr;
  if (!body) return std::nullopt;
  RehearsalRecord out;
  out.playbook = text_of(*body, "playbook");
  out.version = text_of(*body, "version");
  out.digest = text_of(*body, "digest");
  out.path = text_of(*body, "path");
  out.person = text_of(*body, "person");
  out.host = text_of(*body, "host");
  out.muster = text_of(*body, "muster");
  out.at = kept.at;
  out.within = in<Duration>(*body, "within");
  out.findings = in<int64_t>(*body, "findings");
  out.covered = in<int64_t>(*body, "covered").value_or(0);
  out.points = in<int64_t>(*body, "points").value_or(0);
  for (const Value& name : in<List>(*body, "missing").value_or(List{})) out.missing.push_back(to_text(name));
  for (const Value& one : in<List>(*body, "scenarios").value_or(List{})) {
    const Map* scenario = one.find<Map>();
    if (!scenario) return std::nullopt;
    out.scenarios.push_back({text_of(*scenario, "name"), in<bool>(*scenario, "passed").value_or(false),
                             text_of(*scenario, "ending"), text_of(*scenario, "why"),
                             in<Duration>(*scenario, "took").value_or(Duration{0}),
                             in<List>(*scenario, "objectives").value_or(List{})});
  }
  return out;
}

Result<std::vector<RehearsalRecord>> kept_rehearsals(Journal& journal) {
  std::vector<RehearsalRecord> out;
  Result<void> read = journal.each_kept(kept_rehearsal, [&](Kept&& one) {
    if (std::optional<RehearsalRecord> record = decode_rehearsal(one)) out.push_back(std::move(*record));
    return true;
  });
  if (!read) return pass(read.error());
  return out;
}

std::string not_rehearsed_because(const std::vector<RehearsalRecord>& kept, const std::string& digest, Duration within,
                                  Timestamp now) {
  bool in_part = false;
  for (const RehearsalRecord& record : kept) {
    if (record.digest != digest) continue;
    const std::string when = to_text(Timestamp{record.at.us - record.at.us % 1'000'000});
    if (std::string problem = record.problem(); !problem.empty())
      return "its last rehearsal, at " + when + ", did not pass: " + problem;
    if (!record.missing.empty()) {
      in_part = true;
      continue;
    }
    if ((now - record.at).us <= within.us) return {};
    return "it was rehearsed last at " + when + ", which is longer ago than " + to_text(within);
  }
  return in_part ? "only some of its scenarios were rehearsed" : "it was never rehearsed as it is now";
}

}  // namespace muster
