#include "interpreter/world/sqlite.h"

#include <fcntl.h>
#include <sqlite3.h>

#include <cerrno>

#include "interpreter/world/sqlite_marker.h"
#include "interpreter/world/system_error.h"

namespace muster {

namespace {

constexpr int64_t most_problems = 20;
// Folding is checkpointing; how long that takes is told by the disk and the log, so only a stop ends it.
constexpr SqlLimits unhurried{Duration{0}, 1, 1 << 16};

tl::unexpected<Error> with_effect(Error error, Certainty effect) {
  error.effect = effect;
  return pass(std::move(error));
}

Result<SqlResult> commit(SqliteConnection& connection, SqlResult result) {
  // The point of no return: a COMMIT that is cut short would be neither.
  connection.finish_whatever_comes();
  int rc = sqlite3_exec(connection.handle(), "COMMIT", nullptr, nullptr, nullptr);
  if (rc == SQLITE_OK) return result;
  Error error = connection.error_of(rc, {});
  int kind = rc & 0xff;
  // Refused before anything was written: a reader in the way, a deferred constraint. Of every other failure parts may
  // have reached the disk, where a later recovery would find them.
  bool was_refused = kind == SQLITE_BUSY || kind == SQLITE_CONSTRAINT;
  bool is_gone = connection.roll_back();
  return with_effect(std::move(error), was_refused && is_gone ? Certainty::no_effect : Certainty::maybe);
}

Result<SqlResult> execute_in_transaction(SqliteConnection& connection, const FilledSql& sql, const Map& bind,
                                         const ExecuteOptions& options) {
  if (Result<SqlResult> begun = connection.run_own("BEGIN IMMEDIATE"); !begun) return pass(begun.error());
  if (options.marker) {
    if (Result<void> marked = write_marker(connection, *options.marker); !marked)
      return with_effect(std::move(marked.error()), connection.roll_back() ? Certainty::no_effect : Certainty::maybe);
  }
  Result<SqlResult> done = connection.run(sql, bind, options.limits);
  if (done && !connection.is_in_transaction()) {
    return fail(ErrorCode::failed, "the statements ended the transaction that they ran in", {}, Certainty::maybe);
  }
  if (!done) {
    Error error = std::move(done.error());
    return with_effect(std::move(error), connection.roll_back() ? Certainty::no_effect : Certainty::maybe);
  }
  if (std::optional<std::string> why = outside_of(options.expect_changes, done->changes)) {
    Certainty effect = connection.roll_back() ? Certainty::no_effect : Certainty::maybe;
    return fail(ErrorCode::violations, *why + "; the transaction was rolled back", {}, effect);
  }
  return commit(connection, std::move(*done));
}

Result<SqlResult> execute_statements(SqliteConnection& connection, const FilledSql& sql, const Map& bind,
                                     const ExecuteOptions& options) {
  Result<SqlResult> done = connection.run(sql, bind, options.limits);
  bool is_left_open = connection.is_in_transaction();
  bool is_gone = connection.roll_back();
  if (!done) {
    // SQLite takes one failing statement back as a whole; what stood before it has been carried out. A failing disk
    // leaves even that open.
    bool is_certain = connection.writes() == 0 && is_gone && done.error().code != ErrorCode::storage;
    return with_effect(std::move(done.error()), is_certain ? Certainty::no_effect : Certainty::maybe);
  }
  if (!is_left_open) return done;
  return fail(ErrorCode::invalid, "the statements begin a transaction and do not end it; it was rolled back",
              "end it with COMMIT, or leave out `transaction: false`", Certainty::maybe);
}

}  // namespace

Result<SqlResult> SqliteSql::query(const Connection& connection, const SqlText& sql, const SqlLimits& limits,
                                   std::stop_token stop) {
  Result<std::string> path = sqlite_path_of(connection);
  if (!path) return pass(path.error());
  Result<FilledSql> filled = fill_names(sql);
  if (!filled) return pass(filled.error());
  Result<SqliteConnection> open = SqliteConnection::open(*path, SqlFence::query, limits, std::move(stop), uses_);
  if (!open) return pass(open.error());
  if (Result<SqlResult> begun = open->run_own("BEGIN"); !begun) return begun;
  return open->run(*filled, sql.bind, limits);  // what it began ends with the connection
}

Result<CheckResult> SqliteSql::check(const Connection& connection, CheckKind kind, const SqlLimits& limits,
                                     std::stop_token stop) {
  return check_reading(connection, kind, limits, {true, false, nullptr}, std::move(stop));
}

Result<CheckResult> SqliteSql::check_reading(const Connection& connection, CheckKind kind, const SqlLimits& limits,
                                             const SqliteReading& reading, std::stop_token stop) {
  Result<std::string> path = sqlite_path_of(connection);
  if (!path) return pass(path.error());
  Result<SqliteConnection> open =
      SqliteConnection::open(*path, SqlFence::query, limits, std::move(stop), uses_, reading);
  if (!open) {
    if (open.error().code == ErrorCode::not_found) return CheckResult{false, {"missing"}};
    if (open.error().code == ErrorCode::corrupt) return CheckResult{false, {open.error().cause}};
    return pass(open.error());
  }
  open->watch_deadline();
  Result<SqlResult> pages = open->run_own("PRAGMA page_count");
  // A file of no bytes is a whole database to SQLite. Nobody keeps one: it is what a full disk or a failed copy leaves.
  if (pages && pages->rows.size() == 1 && same(pages->rows.front().begin()->second, 0)) {
    return CheckResult{false, {"empty file"}};
  }
  std::string pragma = kind == CheckKind::quick ? "PRAGMA quick_check(" : "PRAGMA integrity_check(";
  Result<SqlResult> found = pages ? open->run_own(pragma + std::to_string(most_problems) + ")") : std::move(pages);
  // One that was interrupted may look like a short list of problems.
  if (Result<void> in_time = open->check_time(); !in_time) return pass(in_time.error());
  if (!found && found.error().code == ErrorCode::corrupt) return CheckResult{false, {found.error().cause}};
  if (!found) return pass(found.error());
  CheckResult result;
  for (const Map& row : found->rows) result.problems.push_back(to_text(row.begin()->second));
  result.intact = result.problems == std::vector<std::string>{"ok"};
  if (result.intact) result.problems.clear();
  return result;
}

Result<bool> SqliteSql::has_marker(const Connection& connection, const SqlMarker& marker, const SqlLimits& limits,
                                   std::stop_token stop) {
  Result<std::string> path = sqlite_path_of(connection);
  if (!path) return pass(path.error());
  Result<SqliteConnection> open = SqliteConnection::open(*path, SqlFence::query, limits, std::move(stop), uses_);
  if (!open) return pass(open.error());
  if (Result<SqlResult> begun = open->run_own("BEGIN"); !begun) return pass(begun.error());
  return find_marker(*open, marker);
}

Result<bool> SqliteSql::is_locked(const Connection& connection) {
  Result<std::string> path = sqlite_path_of(connection);
  if (!path) return pass(path.error());
  UniqueFd fd(::open(path->c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd && errno == ENOENT) return false;
  if (!fd) return system_error(errno, "open", *path);
  // The bytes that SQLite's connections lock in a database file, in every journal mode: PENDING, RESERVED and SHARED.
  struct flock lock {};
  lock.l_type = F_WRLCK;
  lock.l_whence = SEEK_SET;
  lock.l_start = 0x40000000;
  lock.l_len = 2 + 510;
  int rc = ::fcntl(fd.get(), F_GETLK, &lock);
  int number = errno;
  uses_->close(std::move(fd));
  if (rc != 0) return system_error(number, "ask for the locks of", *path);
  return lock.l_type != F_UNLCK;
}

Result<SqlResult> SqliteSql::execute(const Connection& connection, const SqlText& sql, const ExecuteOptions& options,
                                     std::stop_token stop) {
  Result<std::string> path = sqlite_path_of(connection);
  if (!path) return pass(path.error());
  bool is_bounded = options.expect_changes.min || options.expect_changes.max;
  if (!options.transaction && is_bounded) {
    return fail(ErrorCode::invalid, "`expect_changes` needs the transaction: without it nothing could be taken back");
  }
  if (!options.transaction && options.marker) {
    return fail(ErrorCode::invalid, "`marker_row` needs the transaction: without it the row would prove nothing");
  }
  Result<FilledSql> filled = fill_names(sql);
  if (!filled) return pass(filled.error());
  SqlFence fence = options.transaction ? SqlFence::transaction : SqlFence::statements;
  Result<SqliteConnection> open = SqliteConnection::open(*path, fence, options.limits, std::move(stop), uses_);
  if (!open) return pass(open.error());
  return options.transaction ? execute_in_transaction(*open, *filled, sql.bind, options)
                             : execute_statements(*open, *filled, sql.bind, options);
}

Result<void> SqliteSql::fold(const Connection& connection, std::stop_token stop) {
  Result<std::string> path = sqlite_path_of(connection);
  if (!path) return pass(path.error());
  Result<SqliteConnection> open =
      SqliteConnection::open(*path, SqlFence::statements, unhurried, std::move(stop), uses_);
  if (!open) {
    bool is_no_database = open.error().code == ErrorCode::not_found || open.error().code == ErrorCode::corrupt;
    if (is_no_database) return {};
    return pass(open.error());
  }
  Result<SqlResult> carried = open->run_own("PRAGMA wal_checkpoint(TRUNCATE)");
  if (!carried) return with_effect(std::move(carried.error()), Certainty::maybe);
  const Value* is_busy = carried->rows.empty() ? nullptr : member(carried->rows.front(), "busy");
  if (is_busy && !same(*is_busy, 0)) {
    return fail(ErrorCode::busy, "`" + *path + "` is in use: its log cannot be carried over", {}, Certainty::maybe);
  }
  Result<SqlResult> mode = open->run_own("PRAGMA journal_mode = DELETE");
  if (!mode) return with_effect(std::move(mode.error()), Certainty::maybe);
  bool has_left = mode->rows.size() == 1 && same(mode->rows.front().begin()->second, "delete");
  if (!has_left)
    return fail(ErrorCode::busy, "`" + *path + "` is in use: it cannot leave WAL mode", {}, Certainty::maybe);
  return {};
}

}  // namespace muster
