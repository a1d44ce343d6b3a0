#include "interpreter/world/postgres.h"
#include "interpreter/world/postgres_connection.h"
#include "interpreter/world/postgres_marker.h"

namespace muster {

namespace {

class PostgresSession final : public SqlSession {
 public:
  PostgresSession(PostgresConnection connection, PostgresFence fence, SqlLimits limits)
      : connection_(std::move(connection)), fence_(fence), limits_(std::move(limits)) {}

  SqlDialect dialect() const override { return SqlDialect::postgres; }
  Result<void> begin() override {
    Result<SqlResult> begun = connection_.run_own(fence_ == PostgresFence::query
                                                      ? "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"
                                                      : "BEGIN TRANSACTION READ WRITE");
    if (!begun) return pass(begun.error());
    return {};
  }
  Result<void> commit() override { return connection_.commit(); }
  void roll_back() override { connection_.roll_back(); }
  Result<int64_t> run(const SqlText& sql) override {
    Result<std::vector<NumberedStatement>> statements = numbered_statements(sql);
    if (!statements) return pass(statements.error());
    Result<SqlResult> done = connection_.run(*statements, sql, limits_);
    if (!done) return pass(done.error());
    return done->changes;
  }
  Result<void> each(const SqlText& sql, const RowSink& sink) override { return connection_.each(sql, sink); }
  Result<void> insert(const std::string& table, const std::vector<std::string>& columns,
                      const std::vector<Cells>& rows) override {
    if (rows.empty()) return {};
    return connection_.copy_in(table, columns, rows);
  }
  Result<void> mark(const SqlMarker& marker) override { return write_marker(connection_, marker); }
  Result<std::string> snapshot() override {
    Result<SqlResult> name = connection_.run_own("SELECT pg_export_snapshot() AS name");
    if (!name) return pass(name.error());
    return text_of(name->rows.front(), "name");
  }

 private:
  PostgresConnection connection_;
  PostgresFence fence_;
  SqlLimits limits_;
};

Result<std::unique_ptr<SqlSession>> open_session(const Connection& connection, PostgresFence fence,
                                                 const SqlLimits& limits, std::stop_token stop) {
  Result<PostgresConnection> open = PostgresConnection::open(connection, fence, limits, std::move(stop));
  if (!open) return pass(open.error());
  return std::unique_ptr<SqlSession>(std::make_unique<PostgresSession>(std::move(*open), fence, limits));
}

}  // namespace

Result<std::unique_ptr<SqlSession>> PostgresSql::open_to_read(const Connection& connection, const SqlLimits& limits,
                                                              std::stop_token stop) {
  return open_session(connection, PostgresFence::query, limits, std::move(stop));
}

Result<std::unique_ptr<SqlSession>> PostgresSql::open_to_write(const Connection& connection, const SqlLimits& limits,
                                                               std::stop_token stop) {
  return open_session(connection, PostgresFence::transaction, limits, std::move(stop));
}

}  // namespace muster
