// Rows of a table replaced by their backup, in one transaction.
//
// Stages, each a Mark: choose, fetch, replace, cleanup and, where the old rows are not kept, discard. `replace` writes
// the rows that go into a file first; its marker row tells after a crash whether the transaction happened.
// Source: docs/actions/restore.md, "Rows of a table".
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "interpreter/action/action.h"
#include "steps/restore/request.h"
#include "steps/restore/source.h"
#include "steps/restore/stages.h"
#include "steps/rows/rows_file.h"

namespace muster {

class RestoringRows {
 public:
  RestoringRows(RestoreRequest request, TableRows rows, const StepInput& input, Touch& touch);

  [[nodiscard]] Result<StepOutput> run();

 private:
  [[nodiscard]] Result<Value> choose_once();
  [[nodiscard]] Result<Value> fetch_once();
  [[nodiscard]] Result<Value> replace_once();
  [[nodiscard]] Result<Map> stage(std::string_view name, Effect effect, Result<Value> (RestoringRows::*body)());
  [[nodiscard]] Result<Value> or_refused(Result<Value> done) const;
  [[nodiscard]] Result<StepOutput> finish(const Map& replaced);
  [[nodiscard]] SqlMarker marker() const { return {input_.run, input_.op.path, input_.attempt}; }
  [[nodiscard]] const FoundBackup& found() const { return candidates_[candidate_]; }

  RestoreRequest request_;
  TableRows rows_;
  const StepInput& input_;
  Touch& touch_;
  Stages stages_;
  std::unique_ptr<BackupSource> source_;

  std::string work_, aside_;
  std::vector<FoundBackup> candidates_;
  size_t candidate_ = 0;
  bool refused_ = false;
  Map fetched_;
  std::vector<std::string> refusals_;
};

// `rollback: auto`: the rows that went come back by the same transaction.
[[nodiscard]] Result<StepOutput> undo_rows_restore(const StepInput& input, const StepOutput& done, Touch& touch);

[[nodiscard]] Result<void> preview_rows_restore(const RestoreRequest& request, const StepInput& input, Look& look,
                                                Preview& preview);

}  // namespace muster
