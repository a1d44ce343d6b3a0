// PostgreSQL databases behind the port `Sql`.
//
// Units, errors: see sql.h. A query is one READ ONLY transaction, REPEATABLE READ, always rolled back; execute() is one
//         transaction unless it is told otherwise. Where the connection is lost at the COMMIT, the marker row decides
//         when there is one.
// Threads: no state; safe from several threads.
// Source: docs/actions/sql.md; docs/reliability.md rows B44 to B50 and S24.
#pragma once

#include "interpreter/world/sql.h"

namespace muster {

class PostgresSql final : public Sql {
 public:
  [[nodiscard]] Result<SqlResult> query(const Connection&, const SqlText&, const SqlLimits&, std::stop_token) override;
  // `integrity` reads every table whole, `quick` the catalogue; a database that does not exist is `missing`.
  [[nodiscard]] Result<CheckResult> check(const Connection&, CheckKind, const SqlLimits&, std::stop_token) override;
  // Waits until a transaction of that attempt, which may still be under way, has ended.
  [[nodiscard]] Result<bool> has_marker(const Connection&, const SqlMarker&, const SqlLimits&,
                                        std::stop_token) override;
  // Whether another session holds a table against readers or writers.
  [[nodiscard]] Result<bool> is_locked(const Connection&) override;
  [[nodiscard]] Result<SqlResult> execute(const Connection&, const SqlText&, const ExecuteOptions&,
                                          std::stop_token) override;
  [[nodiscard]] Result<void> fold(const Connection&, std::stop_token) override;  // nothing to fold: a server's files
  [[nodiscard]] Result<std::unique_ptr<SqlSession>> open_to_read(const Connection&, const SqlLimits&,
                                                                 std::stop_token) override;
  [[nodiscard]] Result<std::unique_ptr<SqlSession>> open_to_write(const Connection&, const SqlLimits&,
                                                                  std::stop_token) override;
  // What `pg_dump` writes without -Fc, in one transaction; see postgres_dump.h for what is refused before it begins.
  [[nodiscard]] Result<void> load_dump(const Connection&, ReadFile& dump, std::stop_token,
                                       const CopyProgress&) override;
  [[nodiscard]] Result<std::vector<std::pair<std::string, Value>>> client_environment(const Connection&) override;
};

}  // namespace muster
