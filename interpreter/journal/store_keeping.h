// The store's own upkeep: old runs taken away, the store copied while it is in use, a copy taken into use elsewhere.
//
// What is pruned leaves the ledger as it was and a signed entry `pruned` with the run's count of events and head, so
// that it is told from what somebody removed. Units:  moments in UTC; `keep` counts runs. Errors: those of Journal;
// `refused` for a backup onto a file that is there, and for adopting what needs none.
// Threads: any; each call opens the store for itself.
// Source: docs/journal.md, "Keeping the store".
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "interpreter/journal/journal.h"

namespace muster {

struct PruneRequest {
  std::optional<Timestamp> ended_before;  // nothing: of any age
  std::optional<int64_t> keep;            // the newest so many ended runs stay, and so many dry runs
  bool dry_run = false;
  Timestamp now;
};

struct PrunedRun {
  std::string id, playbook;
  RunState state = RunState::succeeded;
  Timestamp ended_at;
  int64_t events = 0;
};

// What a dry run foresaw, kept beside the runs.
struct PrunedPlan {
  int64_t entry = 0;  // of the ledger
  std::string playbook;
  Timestamp at;
};

struct PruneReport {
  std::vector<PrunedRun> runs;
  std::vector<PrunedPlan> plans;      // dry runs that no run which stays was made after
  std::vector<std::string> parents;   // ids that stay because a run that stays tries them again
  std::vector<VerifyFinding> broken;  // runs that stay because their chain does not hold: evidence is not removed
};

// `path` as sqlite_path() gives it.
[[nodiscard]] Result<PruneReport> prune_store(const std::string& path, const PruneRequest& request,
                                              const std::function<void(const SignedHead&)>& on_head);

struct BackupReport {
  int64_t runs = 0, events = 0, bytes = 0;
};
// A whole copy of one moment, under the file's final name only once it was checked and is safe on the disk. The
// signing key is not part of it.
[[nodiscard]] Result<BackupReport> backup_store(const std::string& path, const std::string& file);

// A copy that was put back without its key gets an identity and a key of its own; the ledger says so, signed by it.
[[nodiscard]] Result<SignedHead> adopt_store(const std::string& path, Timestamp now);

}  // namespace muster
