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
#include "steps/restore/early_check.h"
#include "steps/restore/place.h"
#include "steps/restore/request.h"
#include "steps/restore/source.h"
#include "steps/restore/stages.h"
#include "steps/restore/swap.h"

namespace muster {

class Restoring {
 public:
  Restoring(RestoreRequest request, const StepInput& input, Touch& touch)
      : request_(std::move(request)),
        input_(input),
        touch_(touch),
        stages_(input.marks),
        source_(source_of(request_.from)) {}

  [[nodiscard]] Result<StepOutput> run();

 private:
  [[nodiscard]] Result<void> choose();
  [[nodiscard]] Result<Value> choose_once();
  [[nodiscard]] Result<void> prepare();
  [[nodiscard]] Result<Value> fetch_once();
  [[nodiscard]] Result<Value> fold_once();
  [[nodiscard]] Result<Value> validate_once();
  [[nodiscard]] Result<Value> inspect_directory();
  // The stage's failure as a value, where an older backup may be taken instead.
  [[nodiscard]] Result<Value> or_refused(Result<Value> done) const;
  [[nodiscard]] Result<void> check_young(const FoundBackup& found) const;
  [[nodiscard]] bool is_directory() const { return request_.target_kind == TargetKind::directory; }
  [[nodiscard]] const FoundBackup& found() const { return candidates_[candidate_]; }
  [[nodiscard]] std::string ready() const;
  [[nodiscard]] Result<void> judge(const Swap& swap);
  [[nodiscard]] Result<void> clean_up();
  [[nodiscard]] Result<StepOutput> finish(const SwapDone& swapped);
  // Puts back what was moved, removes what was made, and gives the error that began it.
  [[nodiscard]] Error give_up(Error error, Swap* swap);

  RestoreRequest request_;
  const StepInput& input_;
  Touch& touch_;
  Stages stages_;

  std::unique_ptr<BackupSource> source_;
  Place place_;
  std::vector<FoundBackup> candidates_;  // the best first
  size_t candidate_ = 0;                 // the one that is tried
  Map chosen_;                           // as the mark keeps it
  bool lost_copy_ = false;
  bool refused_ = false;  // the candidate, by a stage whose verdict the journal keeps
  int64_t copy_inode_ = 0;
  Map fetched_;
  // By this process, and unchanged since: nothing of it where the step was taken up again.
  bool is_just_made_ = false;
  std::optional<EarlyCheck> early_;
  Map made_;  // how the copy looked when all of it had come
  Map records_;
  std::string sha256_;
  std::vector<std::string> notes_;
  std::vector<std::string> refusals_;  // of newer backups
};

[[nodiscard]] Result<StepOutput> undo_restore(const StepInput& input, const StepOutput& done, Touch& touch);

}  // namespace muster
