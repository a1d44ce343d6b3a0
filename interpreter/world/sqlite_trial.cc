#include "interpreter/world/sqlite_trial.h"

#define SQLITE_ENABLE_PREUPDATE_HOOK 1  // Debian's library is built with it; its header hides the names
#include <sqlite3.h>

#include <algorithm>

#include "interpreter/base/handle.h"
#include "interpreter/world/sqlite_values.h"

namespace muster {

namespace {

constexpr int64_t largest_copy_bytes = int64_t{256} << 20;
constexpr Duration longest_lock = Duration::seconds(5);
constexpr int pages_between_checks = 256;

using Db = Handle<sqlite3, &sqlite3_close_v2>;
using Backup = Handle<sqlite3_backup, &sqlite3_backup_finish>;

// A row as the hook sees it: names are asked for afterwards, since a hook may not use its connection.
struct ChangedRow {
  std::string table;
  std::vector<Value> values;
};

struct Sampling {
  size_t cap = 0;
  std::vector<ChangedRow> before, after;
};

void sample_row(void* self, sqlite3* db, int operation, const char*, const char* table, sqlite3_int64, sqlite3_int64) {
  Sampling& sampling = *static_cast<Sampling*>(self);
  std::string_view name = table;
  if (sqlite3_preupdate_depth(db) > 0 || name.starts_with("sqlite_")) return;
  auto take = [&](int (*column)(sqlite3*, int, sqlite3_value**), std::vector<ChangedRow>& rows) {
    if (rows.size() >= sampling.cap) return;
    ChangedRow row{table, {}};
    for (int i = 0; i < sqlite3_preupdate_count(db); ++i) {
      sqlite3_value* value = nullptr;
      bool is_there = column(db, i, &value) == SQLITE_OK && value;
      row.values.push_back(is_there ? value_of(value) : Value(Null{}));
    }
    rows.push_back(std::move(row));
  };
  if (operation != SQLITE_INSERT) take(&sqlite3_preupdate_old, sampling.before);
  if (operation != SQLITE_DELETE) take(&sqlite3_preupdate_new, sampling.after);
}

// The columns that a row is stored with: all but the computed ones.
std::vector<std::string> stored_columns(SqliteConnection& connection, const std::string& table) {
  std::vector<std::string> names;
  Result<std::string> quoted = quote_identifier(table);
  Result<SqlResult> info =
      quoted ? connection.run_own("PRAGMA table_xinfo(" + *quoted + ")") : Result<SqlResult>(SqlResult{});
  if (!info) return names;
  for (const Map& row : info->rows) {
    const Value* hidden = member(row, "hidden");
    if (hidden && (same(*hidden, 0) || same(*hidden, 3))) names.push_back(text_of(row, "name"));
  }
  return names;
}

std::vector<Map> named(SqliteConnection& connection, const std::vector<ChangedRow>& rows) {
  std::map<std::string, std::vector<std::string>> columns;
  std::vector<Map> out;
  for (const ChangedRow& row : rows) {
    if (!columns.contains(row.table)) columns[row.table] = stored_columns(connection, row.table);
    const std::vector<std::string>& names = columns[row.table];
    Map named_row;
    for (size_t i = 0; i < row.values.size(); ++i) {
      named_row[i < names.size() ? names[i] : "column_" + std::to_string(i + 1)] = row.values[i];
    }
    out.push_back(std::move(named_row));
  }
  return out;
}

Result<TrialResult> try_on(SqliteConnection& connection, const FilledSql& sql, const Map& bind, int cap,
                           const SqlLimits& limits) {
  if (Result<SqlResult> begun = connection.run_own("BEGIN IMMEDIATE"); !begun) return pass(begun.error());
  Sampling sampling{static_cast<size_t>(std::max(cap, 0)), {}, {}};
  sqlite3_commit_hook(
      connection.handle(), [](void*) { return 1; }, nullptr);
  sqlite3_preupdate_hook(connection.handle(), &sample_row, &sampling);
  Result<SqlResult> done = connection.run(sql, bind, limits);
  sqlite3_preupdate_hook(connection.handle(), nullptr, nullptr);
  TrialResult result;
  if (done) {
    result.result = std::move(*done);
    result.sample_before = named(connection, sampling.before);
    result.sample_after = named(connection, sampling.after);
  }
  if (!connection.roll_back())
    return fail(ErrorCode::storage, "the trial could not be rolled back", {}, Certainty::maybe);
  if (!done) return pass(done.error());
  return result;
}

Result<int64_t> number(SqliteConnection& connection, const std::string& pragma) {
  Result<SqlResult> asked = connection.run_own(pragma);
  if (!asked) return pass(asked.error());
  const int64_t* n = asked->rows.empty() ? nullptr : asked->rows.front().begin()->second.find<int64_t>();
  return n ? *n : 0;
}

// A copy of a database that is not in WAL mode, made page by page under read locks that are given back in between.
Result<std::string> copy_into(Scratch& scratch, SqliteConnection& source) {
  Result<int64_t> pages = number(source, "PRAGMA page_count");
  Result<int64_t> page_bytes = number(source, "PRAGMA page_size");
  if (!pages) return pass(pages.error());
  if (!page_bytes) return pass(page_bytes.error());
  int64_t bytes = *pages * *page_bytes;
  if (bytes > largest_copy_bytes) {
    return fail(ErrorCode::refused,
                "the database is not in WAL mode, and with " + std::to_string(bytes >> 20) +
                    " MB too large to be tried on a copy",
                "copies of at most " + std::to_string(largest_copy_bytes >> 20) + " MB are made");
  }
  Result<std::string> directory = scratch.directory();
  if (!directory) return pass(directory.error());
  std::string path = *directory + "/trial.db";
  sqlite3* raw = nullptr;
  int rc =
      sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_EXRESCODE, nullptr);
  Db copy(raw);
  if (rc != SQLITE_OK) return fail(ErrorCode::storage, "`" + path + "`: " + sqlite3_errstr(rc));
  sqlite3_exec(copy.get(), "PRAGMA synchronous = OFF", nullptr, nullptr, nullptr);  // nobody will want it after a crash
  Backup backup(sqlite3_backup_init(copy.get(), "main", source.handle(), "main"));
  if (!backup) return fail(ErrorCode::storage, "`" + path + "`: " + sqlite3_errmsg(copy.get()));
  do {
    if (Result<void> in_time = source.check_time(); !in_time) return pass(in_time.error());
    rc = sqlite3_backup_step(backup.get(), pages_between_checks);
  } while (rc == SQLITE_OK);
  if (rc != SQLITE_DONE) return pass(source.error_of(rc, {}));
  return path;
}

}  // namespace

Result<TrialResult> SqliteTrial::attempt(const Connection& connection, const SqlText& sql, int cap,
                                         const SqlLimits& limits, std::stop_token stop) {
  Result<std::string> path = sqlite_path_of(connection);
  if (!path) return pass(path.error());
  Result<FilledSql> filled = fill_names(sql);
  if (!filled) return pass(filled.error());
  SqlLimits capped = limits;
  if (capped.timeout.us <= 0 || capped.timeout > longest_lock) capped.timeout = longest_lock;
  std::string tried = *path;
  {
    Result<SqliteConnection> source = SqliteConnection::open(*path, SqlFence::query, capped, stop, uses_);
    if (!source) return pass(source.error());
    Result<SqlResult> mode = source->run_own("PRAGMA journal_mode");
    if (!mode) return pass(mode.error());
    bool is_wal = mode->rows.size() == 1 && same(mode->rows.front().begin()->second, "wal");
    if (!is_wal) {
      Result<std::string> copy = copy_into(scratch_, *source);
      if (!copy) return pass(copy.error());
      tried = *copy;
    }
  }
  Result<SqliteConnection> open = SqliteConnection::open(tried, SqlFence::trial, capped, std::move(stop), uses_);
  if (!open) return pass(open.error());
  return try_on(*open, *filled, sql.bind, cap, capped);
}

}  // namespace muster
