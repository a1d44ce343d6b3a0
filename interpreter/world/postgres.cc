#include "interpreter/world/postgres.h"

#include <chrono>
#include <thread>

#include "interpreter/world/postgres_connection.h"
#include "interpreter/world/postgres_marker.h"
#include "interpreter/world/sqlite.h"

namespace muster {

namespace {

constexpr int64_t most_problems = 20;
constexpr const char* begin_reading = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY";
constexpr auto patience_with_a_lost_server = std::chrono::seconds(10);

tl::unexpected<Error> with_effect(Error error, Certainty effect) {
  error.effect = effect;
  return pass(std::move(error));
}

Result<void> begin(PostgresConnection& connection, const char* how) {
  Result<SqlResult> begun = connection.run_own(how);
  if (!begun) return pass(begun.error());
  return {};
}

// The connection went away at the COMMIT: what the database says when it answers again.
Result<bool> ask_afterwards(PostgresSql& sql, const Connection& connection, const SqlMarker& marker,
                            const std::stop_token& stop) {
  auto until = std::chrono::steady_clock::now() + patience_with_a_lost_server;
  while (true) {
    Result<bool> found = sql.has_marker(connection, marker, SqlLimits{}, stop);
    bool may_try_again = !found && found.error().code == ErrorCode::unreachable && !stop.stop_requested();
    if (!may_try_again || std::chrono::steady_clock::now() >= until) return found;
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
  }
}

Result<SqlResult> execute_in_transaction(PostgresConnection& connection,
                                         const std::vector<NumberedStatement>& statements, const SqlText& sql,
                                         const ExecuteOptions& options) {
  if (Result<void> begun = begin(connection, "BEGIN TRANSACTION READ WRITE"); !begun) return pass(begun.error());
  // Until the COMMIT is sent nothing has happened: the server rolls back what its client leaves open.
  if (options.marker) {
    if (Result<void> marked = write_marker(connection, *options.marker); !marked) {
      connection.roll_back();
      return with_effect(std::move(marked.error()), Certainty::no_effect);
    }
  }
  Result<SqlResult> done = connection.run(statements, sql, options.limits);
  if (done && !connection.is_in_transaction())
    return fail(ErrorCode::failed, "the statements ended the transaction that they ran in", {}, Certainty::maybe);
  if (!done) {
    connection.roll_back();
    return with_effect(std::move(done.error()), Certainty::no_effect);
  }
  if (std::optional<std::string> why = outside_of(options.expect_changes, done->changes)) {
    connection.roll_back();
    return fail(ErrorCode::violations, *why + "; the transaction was rolled back");
  }
  if (Result<void> committed = connection.commit(); !committed) return pass(committed.error());
  return done;
}

Result<SqlResult> execute_statements(PostgresConnection& connection, const std::vector<NumberedStatement>& statements,
                                     const SqlText& sql, const ExecuteOptions& options) {
  Result<SqlResult> done = connection.run(statements, sql, options.limits);
  bool is_left_open = connection.is_in_transaction();
  connection.roll_back();
  if (!done) {
    // The server takes one failing statement back as a whole; what stood before it has been carried out, and of one
    // that was under way when the connection went nobody knows.
    bool is_certain = connection.writes() == 0 && !connection.is_lost();
    return with_effect(std::move(done.error()), is_certain ? Certainty::no_effect : Certainty::maybe);
  }
  if (!is_left_open) return done;
  return fail(ErrorCode::invalid, "the statements begin a transaction and do not end it; it was rolled back",
              "end it with COMMIT, or leave out `transaction: false`", Certainty::maybe);
}

}  // namespace

Result<SqlResult> PostgresSql::query(const Connection& connection, const SqlText& sql, const SqlLimits& limits,
                                     std::stop_token stop) {
  Result<std::vector<NumberedStatement>> statements = numbered_statements(sql);
  if (!statements) return pass(statements.error());
  Result<PostgresConnection> open = PostgresConnection::open(connection, PostgresFence::query, limits, std::move(stop));
  if (!open) return pass(open.error());
  if (Result<void> begun = begin(*open, begin_reading); !begun) return pass(begun.error());
  return open->run(*statements, sql, limits);  // what it began ends with the connection
}

Result<CheckResult> PostgresSql::check(const Connection& connection, CheckKind kind, const SqlLimits& limits,
                                       std::stop_token stop) {
  Result<PostgresConnection> open = PostgresConnection::open(connection, PostgresFence::query, limits, std::move(stop));
  if (!open && open.error().code == ErrorCode::not_found) return CheckResult{false, {"missing"}};
  if (!open) return pass(open.error());
  CheckResult result{true, {}};
  auto read = [&](const std::string& what, const std::string& statement) -> Result<void> {
    Result<SqlResult> rows = open->run_own(statement);
    if (rows) return {};
    ErrorCode code = rows.error().code;
    if (code != ErrorCode::corrupt && code != ErrorCode::failed && code != ErrorCode::storage)
      return pass(rows.error());
    result.intact = false;
    if (static_cast<int64_t>(result.problems.size()) < most_problems)
      result.problems.push_back(what + ": " + rows.error().cause);
    return {};
  };
  if (Result<void> seen = read("pg_class", "SELECT count(relname), count(relkind) FROM pg_class"); !seen)
    return pass(seen.error());
  if (Result<void> seen = read("pg_attribute", "SELECT count(attname) FROM pg_attribute"); !seen)
    return pass(seen.error());
  if (kind == CheckKind::quick) return result;
  // Every page is read, and with it its checksum where the cluster has them; every row is taken apart.
  Result<SqlResult> tables = open->run_own(
      "SELECT format('%I.%I', n.nspname, c.relname) AS name FROM pg_class c JOIN pg_namespace n ON n.oid = "
      "c.relnamespace WHERE c.relkind IN ('r', 'm') AND c.relpersistence = 'p' AND n.nspname NOT LIKE 'pg_toast%' "
      "AND has_table_privilege(c.oid, 'SELECT') ORDER BY 1");
  if (!tables) return pass(tables.error());
  for (const Map& row : tables->rows) {
    std::string name = text_of(row, "name");
    if (Result<void> seen = read(name, "SELECT count(*), sum(length(t::text)) FROM ONLY " + name + " AS t"); !seen)
      return pass(seen.error());
  }
  return result;
}

Result<bool> PostgresSql::has_marker(const Connection& connection, const SqlMarker& marker, const SqlLimits& limits,
                                     std::stop_token stop) {
  Result<PostgresConnection> open = PostgresConnection::open(connection, PostgresFence::query, limits, std::move(stop));
  if (!open) return pass(open.error());
  if (Result<void> begun = begin(*open, "BEGIN TRANSACTION ISOLATION LEVEL READ COMMITTED, READ ONLY"); !begun)
    return pass(begun.error());
  return find_marker(*open, marker);
}

Result<bool> PostgresSql::is_locked(const Connection& connection) {
  Result<PostgresConnection> open =
      PostgresConnection::open(connection, PostgresFence::query, SqlLimits{}, std::stop_token{});
  if (!open) return pass(open.error());
  Result<SqlResult> locks = open->run_own(
      "SELECT count(*) AS n FROM pg_locks l JOIN pg_database d ON d.oid = l.database WHERE d.datname = "
      "current_database() AND l.pid <> pg_backend_pid() AND l.granted AND l.locktype = 'relation' AND l.mode IN "
      "('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')");
  if (!locks) return pass(locks.error());
  return !same(locks->rows.front().at("n"), 0);
}

Result<SqlResult> PostgresSql::execute(const Connection& connection, const SqlText& sql, const ExecuteOptions& options,
                                       std::stop_token stop) {
  bool is_bounded = options.expect_changes.min || options.expect_changes.max;
  if (!options.transaction && is_bounded)
    return fail(ErrorCode::invalid, "`expect_changes` needs the transaction: without it nothing could be taken back");
  if (!options.transaction && options.marker)
    return fail(ErrorCode::invalid, "`marker_row` needs the transaction: without it the row would prove nothing");
  Result<std::vector<NumberedStatement>> statements = numbered_statements(sql);
  if (!statements) return pass(statements.error());
  PostgresFence fence = options.transaction ? PostgresFence::transaction : PostgresFence::statements;
  Result<PostgresConnection> open = PostgresConnection::open(connection, fence, options.limits, stop);
  if (!open) return pass(open.error());
  if (!options.transaction) return execute_statements(*open, *statements, sql, options);
  Result<SqlResult> done = execute_in_transaction(*open, *statements, sql, options);
  bool is_open_question = !done && done.error().effect == Certainty::maybe && options.marker && open->is_lost();
  if (!is_open_question) return done;
  Result<bool> happened = ask_afterwards(*this, connection, *options.marker, stop);
  if (!happened) return done;
  if (!*happened) return with_effect(std::move(done.error()), Certainty::no_effect);
  // Its counts went with the connection; that it happened is certain.
  Error error = std::move(done.error());
  error.message += "; the marker row says that the transaction was committed";
  return with_effect(std::move(error), Certainty::done);
}

Result<void> PostgresSql::fold(const Connection&, std::stop_token) { return {}; }

}  // namespace muster
