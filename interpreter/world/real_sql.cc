#include "interpreter/world/real_sql.h"

namespace muster {

namespace {

Result<void> check_kind(const Connection& connection) {
  if (connection.kind == "sqlite") return {};
  return fail(ErrorCode::invalid, "the connection `" + connection.name + "` is of kind `" + connection.kind +
                                      "`, and SQL runs on `sqlite` only");
}

}  // namespace

RealSql::RealSql() : sqlite_uses_(std::make_shared<SqliteUses>()), sqlite_(sqlite_uses_) {}

Result<SqlResult> RealSql::query(const Connection& connection, const SqlText& sql, const SqlLimits& limits,
                                 std::stop_token stop) {
  if (Result<void> known = check_kind(connection); !known) return pass(known.error());
  return sqlite_.query(connection, sql, limits, std::move(stop));
}

Result<CheckResult> RealSql::check(const Connection& connection, CheckKind kind, const SqlLimits& limits,
                                   std::stop_token stop) {
  if (Result<void> known = check_kind(connection); !known) return pass(known.error());
  return sqlite_.check(connection, kind, limits, std::move(stop));
}

Result<bool> RealSql::has_marker(const Connection& connection, const SqlMarker& marker, const SqlLimits& limits,
                                 std::stop_token stop) {
  if (Result<void> known = check_kind(connection); !known) return pass(known.error());
  return sqlite_.has_marker(connection, marker, limits, std::move(stop));
}

Result<bool> RealSql::is_locked(const Connection& connection) {
  if (Result<void> known = check_kind(connection); !known) return pass(known.error());
  return sqlite_.is_locked(connection);
}

Result<SqlResult> RealSql::execute(const Connection& connection, const SqlText& sql, const ExecuteOptions& options,
                                   std::stop_token stop) {
  if (Result<void> known = check_kind(connection); !known) return pass(known.error());
  return sqlite_.execute(connection, sql, options, std::move(stop));
}

Result<void> RealSql::fold(const Connection& connection, std::stop_token stop) {
  if (Result<void> known = check_kind(connection); !known) return pass(known.error());
  return sqlite_.fold(connection, std::move(stop));
}

Result<void> RealSql::copy_to(const Connection& connection, const std::string& to, std::stop_token stop,
                              const CopyProgress& progress) {
  if (Result<void> known = check_kind(connection); !known) return pass(known.error());
  return sqlite_.copy_to(connection, to, std::move(stop), progress);
}

Result<void> RealSql::load_dump(const Connection& connection, ReadFile& dump, std::stop_token stop,
                                const CopyProgress& progress) {
  if (Result<void> known = check_kind(connection); !known) return pass(known.error());
  return sqlite_.load_dump(connection, dump, std::move(stop), progress);
}

Result<TrialResult> RealSqlTrial::attempt(const Connection& connection, const SqlText& sql, int cap,
                                          const SqlLimits& limits, std::stop_token stop) {
  if (Result<void> known = check_kind(connection); !known) return pass(known.error());
  return sqlite_.attempt(connection, sql, cap, limits, std::move(stop));
}

}  // namespace muster
