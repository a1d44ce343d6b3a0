// What `muster rehearse` found of a playbook, as it is kept: who rehearsed which files, and how each scenario went.
//
// Units:  `took` is virtual time. A digest is the one of a run's graph and files.
// Errors: of a body that cannot be read none: it is no rehearsal.
// Source: docs/journal.md, "Rehearsals".
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "interpreter/journal/journal.h"

namespace muster {

// As it was written.
struct KeptRehearsal {
  Timestamp at;
  std::string body;
};

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
  std::vector<RehearsedScenario> scenarios;
  std::vector<std::string> missing;  // scenarios of the playbook that were left out
  std::optional<int64_t> findings;   // of the sweep, where one was made
  int64_t covered = 0, points = 0;
  [[nodiscard]] bool passed() const;
  [[nodiscard]] std::string problem() const;  // empty: it passed
};

[[nodiscard]] std::string encode_rehearsal(const RehearsalRecord& record);
[[nodiscard]] std::optional<RehearsalRecord> decode_rehearsal(const KeptRehearsal& kept);

// In the store: a file by its digest, which a signed entry of the ledger, `rehearsed`, names. `path` as sqlite_path()
// gives it; each call opens the store for itself. Errors: those of Journal; `corrupt` for one that was changed.
[[nodiscard]] Result<void> keep_rehearsal(const std::string& path, const std::string& body, Timestamp at,
                                          const std::function<void(const SignedHead&)>& on_head);
[[nodiscard]] Result<std::vector<KeptRehearsal>> kept_rehearsals(const std::string& path);  // newest first

}  // namespace muster
