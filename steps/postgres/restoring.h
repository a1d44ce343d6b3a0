// A PostgreSQL database replaced by its backup: loaded into a new database beside it, which then takes its name.
//
// Stages, each a Mark: choose, fetch, load, validate, switch, verdict, cleanup and, where the old database is not kept,
// discard. Until `switch` nothing but the work directory and the new database is there; `switch` is one transaction of
// two renamings. A failure before or in it leaves the target as it was.
// Source: docs/actions/restore.md, "Dumps of PostgreSQL".
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "interpreter/action/action.h"
#include "steps/postgres/server.h"
#include "steps/restore/request.h"
#include "steps/restore/source.h"
#include "steps/restore/stages.h"

namespace muster {

class RestoringServer {
 public:
  RestoringServer(RestoreRequest request, const StepInput& input, Touch& touch);

  [[nodiscard]] Result<StepOutput> run();

 private:
  [[nodiscard]] Result<Value> choose_once();
  [[nodiscard]] Result<void> choose();
  [[nodiscard]] Result<Value> fetch_once();
  [[nodiscard]] Result<Value> load_once();
  [[nodiscard]] Result<Value> validate_once();
  [[nodiscard]] Result<Value> switch_once();
  [[nodiscard]] Result<Settled> is_switched();
  [[nodiscard]] Result<Map> stage(std::string_view name, Effect effect, Result<Value> (RestoringServer::*body)());
  // The backup's own fault as a value, where an older one may be taken instead.
  [[nodiscard]] Result<Value> or_refused(Result<Value> done) const;
  [[nodiscard]] Result<void> prepare();
  [[nodiscard]] Result<void> judge();
  [[nodiscard]] Result<StepOutput> finish();
  [[nodiscard]] Error give_up(Error error);
  [[nodiscard]] std::string script() const { return work_ + "/script.sql"; }
  [[nodiscard]] const FoundBackup& found() const { return candidates_[candidate_]; }

  RestoreRequest request_;
  const StepInput& input_;
  Touch& touch_;
  Stages stages_;
  std::unique_ptr<BackupSource> source_;
  PostgresPlace place_;

  // What the marks keep.
  std::string target_, incoming_, outgoing_, work_;
  std::optional<ServerDatabase> old_;
  std::vector<FoundBackup> candidates_;
  size_t candidate_ = 0;
  bool refused_ = false;
  Map fetched_, records_;
  int64_t incoming_oid_ = 0;
  std::vector<std::string> notes_, refusals_;
};

// `rollback: auto`: the old database gets its name back, and the restored one is kept under another.
[[nodiscard]] Result<StepOutput> undo_server_restore(const StepInput& input, const StepOutput& done, Touch& touch);

// What a gate in front of it shows, beside what is said of the backup.
[[nodiscard]] Result<void> preview_server_restore(const RestoreRequest& request, const StepInput& input, Look& look,
                                                  Preview& preview);

}  // namespace muster
