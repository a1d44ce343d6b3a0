// SQLite databases behind the port `Sql`.
//
// Units, errors: see sql.h. A query sees all its statements in one state of the database; execute() is one transaction
//         unless it is told otherwise. A database that does not exist is `not_found`: nothing here creates one.
// Threads: no state but the count of open databases; safe from several threads.
// Source: docs/actions/sql.md; docs/reliability.md rows B44 to B49 and S24.
#pragma once

#include <memory>

#include "interpreter/world/sql.h"
#include "interpreter/world/sqlite_connection.h"

namespace muster {

class SqliteSql final : public Sql {
 public:
  // All that open databases in one process share one count (see SqliteUses).
  explicit SqliteSql(std::shared_ptr<SqliteUses> uses) : uses_(std::move(uses)) {}

  [[nodiscard]] Result<SqlResult> query(const Connection&, const SqlText&, const SqlLimits&, std::stop_token) override;
  [[nodiscard]] Result<CheckResult> check(const Connection&, CheckKind, const SqlLimits&, std::stop_token) override;
  [[nodiscard]] Result<CheckResult> check_reading(const Connection&, CheckKind, const SqlLimits&, const SqliteReading&,
                                                  std::stop_token);
  [[nodiscard]] Result<bool> has_marker(const Connection&, const SqlMarker&, const SqlLimits&,
                                        std::stop_token) override;
  // Whether another process has the file locked as SQLite locks it. Asks without taking a lock.
  [[nodiscard]] Result<bool> is_locked(const Connection&) override;
  // `expect_changes` needs the transaction: without it `invalid`, because nothing could be taken back.
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

 private:
  std::shared_ptr<SqliteUses> uses_;
};

}  // namespace muster
