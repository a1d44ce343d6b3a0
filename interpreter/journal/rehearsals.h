// What `muster rehearse` found of a playbook, as it is kept: who rehearsed which files, and how each scenario went.
//
// Units:  `took` is virtual time. A digest is the one of a run's graph and files.
// Errors: none: a body that cannot be read is no rehearsal.
// Source: docs/journal.md, "Rehearsals".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "interpreter/journal/journal.h"

namespace muster {

struct RehearsedScenario {
  std::string name;
  bool passed = false;
  std::string ending;  // `rolled_back`
  std::string why;     // of one that did not pass
  Duration took;
  List objectives;  // `{op, name, limit, measured, met}`, as a report has them
};

struct RehearsalRecord {
  std::string playbook, version, digest;
  std::string path;  // of its file, absolute
  std::string person, host, muster;
  Timestamp at;
  std::optional<Duration> within;  // the playbook's `rehearsed_within`
  std::vector<RehearsedScenario> scenarios;
  std::vector<std::string> missing;  // scenarios of the playbook that were left out
  std::optional<int64_t> findings;   // of the sweep, where one was made
  int64_t covered = 0, points = 0;
  [[nodiscard]] bool passed() const;
  [[nodiscard]] std::string problem() const;  // empty: it passed
};

[[nodiscard]] std::string encode_rehearsal(const RehearsalRecord& record);
[[nodiscard]] std::optional<RehearsalRecord> decode_rehearsal(const Kept& kept);

// All that the journal keeps, newest first.
[[nodiscard]] Result<std::vector<RehearsalRecord>> kept_rehearsals(Journal& journal);

// Why files of this digest do not count as rehearsed: all of their scenarios passed, no longer than `within` ago, and
// nothing failed since. Empty: they do. `kept`: newest first.
[[nodiscard]] std::string not_rehearsed_because(const std::vector<RehearsalRecord>& kept, const std::string& digest,
                                                Duration within, Timestamp now);

}  // namespace muster
