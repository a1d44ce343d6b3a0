// Statements tried on a SQLite database and taken back.
//
// A database in WAL mode is tried in place: the write lock is held for at most 5 s, nothing is spilled to the log, and
// an authorizer and a commit hook refuse what would end the transaction. One with a rollback journal, where even an
// open transaction would write to the file, is tried on a copy in Scratch. Units:  copies of at most 256 MB. Errors:
// see sql.h; `refused` where the copy would be larger, `timeout` where 5 s were not enough. Threads: safe from several
// threads. Source: docs/actions/sql.md.
#pragma once

#include <memory>

#include "interpreter/world/scratch.h"
#include "interpreter/world/sql.h"
#include "interpreter/world/sqlite_connection.h"

namespace muster {

class SqliteTrial final : public SqlTrial {
 public:
  SqliteTrial(std::shared_ptr<SqliteUses> uses, Scratch& scratch) : uses_(std::move(uses)), scratch_(scratch) {}

  // The samples are the first rows that the statements themselves change, without those that triggers change.
  [[nodiscard]] Result<TrialResult> attempt(const Connection&, const SqlText&, int cap, const SqlLimits&,
                                            std::stop_token) override;

 private:
  std::shared_ptr<SqliteUses> uses_;
  Scratch& scratch_;
};

}  // namespace muster
