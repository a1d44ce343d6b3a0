// One backup from beginning to end.
//
// Stages, each a Mark: choose, copy, check, pack, prove, publish, retention, cleanup. Until `publish` nothing but the
// work directory is new; a failure before it leaves the backups as they were. Nothing is called a backup that has not
// been opened again and found whole. Source: docs/actions/backup.md, "The order of a backup".
#pragma once

#include <string>
#include <vector>

#include "interpreter/action/action.h"
#include "steps/archive/manifest.h"
#include "steps/archive/writing.h"
#include "steps/backup/request.h"
#include "steps/restore/stages.h"

namespace muster {

class BackingUp {
 public:
  BackingUp(BackupRequest request, const StepInput& input, Touch& touch)
      : request_(std::move(request)), input_(input), touch_(touch), stages_(input.marks) {}

  [[nodiscard]] Result<StepOutput> run();

 private:
  [[nodiscard]] Result<Value> choose_once();
  [[nodiscard]] Result<Value> copy_once();
  [[nodiscard]] Result<Value> copy_rows();
  [[nodiscard]] Result<Value> check_once();
  [[nodiscard]] Result<void> check_rows();
  [[nodiscard]] Result<Value> pack_once();
  [[nodiscard]] Result<Value> prove_once();
  [[nodiscard]] Result<Value> publish_once();
  [[nodiscard]] Result<Map> stage(std::string_view name, Effect effect, Result<Value> (BackingUp::*body)());
  [[nodiscard]] Result<void> stages_up_to_proof();
  [[nodiscard]] Result<StepOutput> finish();
  [[nodiscard]] std::string in_work(const std::string& name) const { return work_ + "/" + name; }
  [[nodiscard]] Manifest manifest() const;

  BackupRequest request_;
  const StepInput& input_;
  Touch& touch_;
  Stages stages_;

  // What the marks keep.
  std::string to_, work_, file_, payload_, source_;
  Timestamp at_;
  Map records_;
  int64_t schema_version_ = 0;
  std::string sha256_, file_sha256_, packed_digest_;
  int64_t bytes_ = 0, file_bytes_ = 0;
};

// The extension that a backup of this request has.
[[nodiscard]] std::string extension_of(const BackupRequest& request);

}  // namespace muster
