#include "interpreter/world/real_sql.h"

namespace muster {

namespace {

tl::unexpected<Error> no_database(const Connection& connection) {
  return fail(ErrorCode::invalid, "the connection `" + connection.name + "` is of kind `" + connection.kind +
                                      "`, and SQL runs on `sqlite` and `postgres` only");
}

}  // namespace

RealSql::RealSql() : sqlite_uses_(std::make_shared<SqliteUses>()), sqlite_(sqlite_uses_) {}

Result<Sql*> RealSql::of(const Connection& connection) {
  if (connection.kind == "sqlite") return &sqlite_;
  if (connection.kind == "postgres") return &postgres_;
  return no_database(connection);
}

Result<SqlResult> RealSql::query(const Connection& connection, const SqlText& sql, const SqlLimits& limits,
                                 std::stop_token stop) {
  Result<Sql*> database = of(connection);
  if (!database) return pass(database.error());
  return (*database)->query(connection, sql, limits, std::move(stop));
}

Result<CheckResult> RealSql::check(const Connection& connection, CheckKind kind, const SqlLimits& limits,
                                   std::stop_token stop) {
  Result<Sql*> database = of(connection);
  if (!database) return pass(database.error());
  return (*database)->check(connection, kind, limits, std::move(stop));
}

Result<CheckResult> RealSql::check_fresh(const Connection& connection, CheckKind kind, const SqlLimits& limits,
                                         Arrival* arrival, std::stop_token stop) {
  Result<Sql*> database = of(connection);
  if (!database) return pass(database.error());
  if (*database != &sqlite_) return fail(ErrorCode::invalid, "only a file can be checked while it comes");
  return sqlite_.check_reading(connection, kind, limits, {true, true, arrival}, std::move(stop));
}

Result<bool> RealSql::has_marker(const Connection& connection, const SqlMarker& marker, const SqlLimits& limits,
                                 std::stop_token stop) {
  Result<Sql*> database = of(connection);
  if (!database) return pass(database.error());
  return (*database)->has_marker(connection, marker, limits, std::move(stop));
}

Result<bool> RealSql::is_locked(const Connection& connection) {
  Result<Sql*> database = of(connection);
  if (!database) return pass(database.error());
  return (*database)->is_locked(connection);
}

Result<SqlResult> RealSql::execute(const Connection& connection, const SqlText& sql, const ExecuteOptions& options,
                                   std::stop_token stop) {
  Result<Sql*> database = of(connection);
  if (!database) return pass(database.error());
  return (*database)->execute(connection, sql, options, std::move(stop));
}

Result<void> RealSql::fold(const Connection& connection, std::stop_token stop) {
  Result<Sql*> database = of(connection);
  if (!database) return pass(database.error());
  return (*database)->fold(connection, std::move(stop));
}

Result<std::unique_ptr<SqlSession>> RealSql::open_to_read(const Connection& connection, const SqlLimits& limits,
                                                          std::stop_token stop) {
  Result<Sql*> database = of(connection);
  if (!database) return pass(database.error());
  return (*database)->open_to_read(connection, limits, std::move(stop));
}

Result<std::unique_ptr<SqlSession>> RealSql::open_to_write(const Connection& connection, const SqlLimits& limits,
                                                           std::stop_token stop) {
  Result<Sql*> database = of(connection);
  if (!database) return pass(database.error());
  return (*database)->open_to_write(connection, limits, std::move(stop));
}

Result<void> RealSql::copy_to(const Connection& connection, const std::string& to, std::stop_token stop,
                              const CopyProgress& progress) {
  Result<Sql*> database = of(connection);
  if (!database) return pass(database.error());
  return (*database)->copy_to(connection, to, std::move(stop), progress);
}

Result<void> RealSql::load_dump(const Connection& connection, ReadFile& dump, std::stop_token stop,
                                const CopyProgress& progress) {
  Result<Sql*> database = of(connection);
  if (!database) return pass(database.error());
  return (*database)->load_dump(connection, dump, std::move(stop), progress);
}

Result<std::vector<std::pair<std::string, Value>>> RealSql::client_environment(const Connection& connection) {
  Result<Sql*> database = of(connection);
  if (!database) return pass(database.error());
  return (*database)->client_environment(connection);
}

Result<TrialResult> RealSqlTrial::attempt(const Connection& connection, const SqlText& sql, int cap,
                                          const SqlLimits& limits, std::stop_token stop) {
  if (connection.kind == "sqlite") return sqlite_.attempt(connection, sql, cap, limits, std::move(stop));
  if (connection.kind == "postgres") return postgres_.attempt(connection, sql, cap, limits, std::move(stop));
  return no_database(connection);
}

}  // namespace muster
