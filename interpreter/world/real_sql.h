// Databases of every kind, behind the ports `Sql` and `SqlTrial`: the kind of the connection decides.
//
// Errors: see sql.h; `invalid` for a kind that is no database, or one that this build does not speak to.
// Threads: safe from several threads. A RealSqlTrial shares what it must know about open files with its RealSql.
#pragma once

#include "interpreter/world/fresh_check.h"
#include "interpreter/world/postgres.h"
#include "interpreter/world/postgres_trial.h"
#include "interpreter/world/scratch.h"
#include "interpreter/world/sql.h"
#include "interpreter/world/sqlite.h"
#include "interpreter/world/sqlite_trial.h"

namespace muster {

class RealSql final : public Sql, public ChecksFresh {
 public:
  RealSql();
  // Of a simulated world; it must outlive this.
  void live_in(const VirtualSqlite* simulated) { sqlite_uses_->live_in(simulated); }

  [[nodiscard]] Result<SqlResult> query(const Connection&, const SqlText&, const SqlLimits&, std::stop_token) override;
  [[nodiscard]] Result<CheckResult> check(const Connection&, CheckKind, const SqlLimits&, std::stop_token) override;
  [[nodiscard]] Result<CheckResult> check_fresh(const Connection&, CheckKind, const SqlLimits&, Arrival*,
                                                std::stop_token) override;
  [[nodiscard]] Result<bool> has_marker(const Connection&, const SqlMarker&, const SqlLimits&,
                                        std::stop_token) override;
  [[nodiscard]] Result<bool> is_locked(const Connection&) override;
  [[nodiscard]] Result<SqlResult> execute(const Connection&, const SqlText&, const ExecuteOptions&,
                                          std::stop_token) override;
  [[nodiscard]] Result<void> fold(const Connection&, std::stop_token) override;
  [[nodiscard]] Result<std::unique_ptr<SqlSession>> open_to_read(const Connection&, const SqlLimits&,
                                                                 std::stop_token) override;
  [[nodiscard]] Result<std::unique_ptr<SqlSession>> open_to_write(const Connection&, const SqlLimits&,
                                                                  std::stop_token) override;
  [[nodiscard]] Result<void> copy_to(const Connection&, const std::string& to, std::stop_token,
                                     const CopyProgress&) override;
  [[nodiscard]] Result<void> load_dump(const Connection&, ReadFile& dump, std::stop_token,
                                       const CopyProgress&) override;
  [[nodiscard]] Result<std::vector<std::pair<std::string, Value>>> client_environment(const Connection&) override;

 private:
  friend class RealSqlTrial;
  std::shared_ptr<SqliteUses> sqlite_uses_;
  SqliteSql sqlite_;
  PostgresSql postgres_;

  [[nodiscard]] Result<Sql*> of(const Connection& connection);
};

class RealSqlTrial final : public SqlTrial {
 public:
  RealSqlTrial(RealSql& sql, Scratch& scratch) : sqlite_(sql.sqlite_uses_, scratch) {}

  [[nodiscard]] Result<TrialResult> attempt(const Connection&, const SqlText&, int cap, const SqlLimits&,
                                            std::stop_token) override;

 private:
  SqliteTrial sqlite_;
  PostgresTrial postgres_;
};

}  // namespace muster
