// One restore from beginning to end, and its undoing.
//
// Stages, each a Mark: choose, fetch, fold, validate, identity, fold_old, sidecars, switch, aside, verdict, cleanup
// and, where the old database is not kept, discard. Until `switch` nothing but the work directory is new; a failure
// before or in it leaves the target as it was and removes the work directory. Source: docs/actions/restore.md, "The
// order of a restore".
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "interpreter/action/action.h"
#include "steps/restore/litestream.h"
#include "steps/restore/place.h"
#include "steps/restore/request.h"
#include "steps/restore/stages.h"
#include "steps/restore/swap.h"

namespace muster {

// A replica that can be restored from: a missing or empty one is `no_backup`.
[[nodiscard]] Result<Replica> list_for_restore(FilesRead& files, const std::string& path);
[[nodiscard]] std::string note_of_ignored(const Replica& replica);  // empty where all files belong
// `0.25 s before the moment asked for`; empty where it is that very moment or none was asked for.
[[nodiscard]] std::string distance_words(const BackupChoice& choice, std::optional<Timestamp> at);
[[nodiscard]] Result<void> check_space(FilesRead& files, const std::string& directory, uint64_t needed_bytes);

class Restoring {
 public:
  Restoring(RestoreRequest request, const StepInput& input, Touch& touch)
      : request_(std::move(request)), input_(input), touch_(touch), stages_(input.marks) {}

  [[nodiscard]] Result<StepOutput> run();

 private:
  [[nodiscard]] Result<void> choose();
  [[nodiscard]] Result<Value> choose_once();
  [[nodiscard]] Result<void> prepare();
  [[nodiscard]] Result<Value> fetch_once();
  [[nodiscard]] Result<Value> fold_once();
  [[nodiscard]] Result<Value> validate_once();
  [[nodiscard]] Result<void> judge(const Swap& swap);
  [[nodiscard]] Result<void> clean_up();
  [[nodiscard]] Result<StepOutput> finish(const SwapDone& swapped);
  // Puts back what was moved, removes what was made, and gives the error that began it.
  [[nodiscard]] Error give_up(Error error, Swap* swap);

  RestoreRequest request_;
  const StepInput& input_;
  Touch& touch_;
  Stages stages_;

  Place place_;
  ChoiceRecord record_;
  std::optional<BackupChoice> choice_;  // in the process that chose; otherwise found again by the record
  Map chosen_;                          // as the mark keeps it
  bool lost_copy_ = false;
  int64_t copy_inode_ = 0;
  Map records_;
  std::string sha256_;
  std::vector<std::string> notes_;
};

[[nodiscard]] Result<StepOutput> undo_restore(const StepInput& input, const StepOutput& done, Touch& touch);

}  // namespace muster
