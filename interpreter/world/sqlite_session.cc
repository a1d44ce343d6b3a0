// A SQLite database open for many statements: those are prepared once and kept.
#include <sqlite3.h>

#include <algorithm>
#include <map>
#include <optional>

#include "interpreter/base/encoding.h"
#include "interpreter/base/handle.h"
#include "interpreter/world/sqlite.h"
#include "interpreter/world/sqlite_marker.h"
#include "interpreter/world/sqlite_values.h"

namespace muster {

namespace {

class StatementRow final : public SqlRow {
 public:
  explicit StatementRow(sqlite3_stmt* statement) : statement_(statement) {
    for (int i = 0; i < sqlite3_column_count(statement); ++i) {
      std::string name = sqlite3_column_name(statement, i), free_name = name;
      for (int n = 2; std::ranges::find(columns_, free_name) != columns_.end(); ++n)
        free_name = name + "_" + std::to_string(n);
      columns_.push_back(std::move(free_name));
    }
  }
  const std::vector<std::string>& columns() const override { return columns_; }
  bool is_null(size_t column) const override {
    return sqlite3_column_type(statement_, static_cast<int>(column)) == SQLITE_NULL;
  }
  std::string_view text(size_t column) const override {
    int i = static_cast<int>(column);
    const unsigned char* text = sqlite3_column_text(statement_, i);
    return {reinterpret_cast<const char*>(text), text ? static_cast<size_t>(sqlite3_column_bytes(statement_, i)) : 0};
  }
  Value value(size_t column) const override { return column_value(statement_, static_cast<int>(column)); }
  bool is_binary(size_t column) const override {
    return sqlite3_column_type(statement_, static_cast<int>(column)) == SQLITE_BLOB;
  }

 private:
  sqlite3_stmt* statement_;
  std::vector<std::string> columns_;
};

// What `{base64: TEXT}` stands for.
std::optional<std::string> bytes_in(const Value& cell) {
  const Map* map = cell.find<Map>();
  const Value* text = map && map->size() == 1 ? member(*map, "base64") : nullptr;
  if (!text || !text->is<std::string>()) return std::nullopt;
  return decode_base64(text->get<std::string>(), Base64::plain);
}

Result<void> bind_bytes(sqlite3_stmt* statement, int place, const std::string& column, const std::string& bytes) {
  const int rc = sqlite3_bind_blob64(statement, place, bytes.data(), bytes.size(), SQLITE_TRANSIENT);
  if (rc == SQLITE_OK) return {};
  return fail(ErrorCode::storage, "the bytes of `" + column + "`: " + sqlite3_errstr(rc));
}

class SqliteSession final : public SqlSession {
 public:
  SqliteSession(SqliteConnection connection, SqlFence fence, SqlLimits limits)
      : connection_(std::move(connection)), fence_(fence), limits_(std::move(limits)) {}

  SqlDialect dialect() const override { return SqlDialect::sqlite; }
  Result<void> begin() override { return own(fence_ == SqlFence::query ? "BEGIN" : "BEGIN IMMEDIATE"); }
  Result<void> commit() override {
    int rc = sqlite3_exec(connection_.handle(), "COMMIT", nullptr, nullptr, nullptr);
    if (rc == SQLITE_OK) return {};
    Error error = connection_.error_of(rc, {});
    int kind = rc & 0xff;
    bool was_refused = kind == SQLITE_BUSY || kind == SQLITE_CONSTRAINT || kind == SQLITE_INTERRUPT;
    if (connection_.is_in_transaction()) (void)own("ROLLBACK");
    error.effect = was_refused && !connection_.is_in_transaction() ? Certainty::no_effect : Certainty::maybe;
    return pass(std::move(error));
  }
  void roll_back() override {
    if (connection_.is_in_transaction())
      (void)sqlite3_exec(connection_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
  }
  Result<int64_t> run(const SqlText& sql) override {
    Result<FilledSql> filled = fill_names(sql);
    if (!filled) return pass(filled.error());
    Result<SqlResult> done = connection_.run(*filled, sql.bind, limits_);
    if (!done) return pass(done.error());
    return done->changes;
  }
  Result<void> each(const SqlText& sql, const RowSink& sink) override {
    SqliteConnection::Prepared*& statement = known_[sql.text];
    if (!statement || !sql.names.empty()) {
      Result<FilledSql> filled = fill_names(sql);
      if (!filled) return pass(filled.error());
      Result<SqliteConnection::Prepared*> prepared = connection_.prepared(*filled);
      if (!prepared) return pass(prepared.error());
      statement = *prepared;
    }
    if (Result<void> bound = connection_.bind(*statement, sql.bind); !bound) return bound;
    StatementRow row(statement->get());
    return connection_.step_each(*statement, [&] { return sink(row); });
  }
  Result<void> insert(const std::string& table, const std::vector<std::string>& columns,
                      const std::vector<Cells>& rows) override {
    if (rows.empty()) return {};
    FilledSql statement;
    std::string places;
    statement.text = "INSERT INTO " + table + " (";
    for (size_t i = 0; i < columns.size(); ++i) {
      Result<std::string> quoted = quote_identifier(columns[i]);
      if (!quoted) return pass(quoted.error());
      statement.text += (i > 0 ? ", " : "") + *quoted;
      places += std::string(i > 0 ? ", " : "") + ":c" + std::to_string(i);
    }
    statement.text += ") VALUES (" + places + ")";
    Result<SqliteConnection::Prepared*> prepared = connection_.prepared(statement);
    if (!prepared) return pass(prepared.error());
    for (const Cells& row : rows) {
      for (size_t i = 0; i < row.size(); ++i) {
        const int place = static_cast<int>(i) + 1;
        const std::optional<std::string> bytes = bytes_in(row[i]);
        Result<void> bound = bytes ? bind_bytes((*prepared)->get(), place, columns[i], *bytes)
                                   : bind_value((*prepared)->get(), place, columns[i], row[i]);
        if (!bound) return bound;
      }
      if (Result<void> done = connection_.step_each(**prepared, [] { return Result<void>(); }); !done) return done;
    }
    return {};
  }
  Result<void> mark(const SqlMarker& marker) override { return write_marker(connection_, marker); }

 private:
  Result<void> own(const char* text) {
    Result<SqlResult> done = connection_.run_own(text);
    if (!done) return pass(done.error());
    return {};
  }

  SqliteConnection connection_;
  std::map<std::string, SqliteConnection::Prepared*> known_;  // by the text as it was written
  SqlFence fence_;
  SqlLimits limits_;
};

Result<std::unique_ptr<SqlSession>> open_session(const Connection& connection, SqlFence fence, const SqlLimits& limits,
                                                 std::stop_token stop, std::shared_ptr<SqliteUses> uses) {
  Result<std::string> path = sqlite_path_of(connection);
  if (!path) return pass(path.error());
  Result<SqliteConnection> open = SqliteConnection::open(*path, fence, limits, std::move(stop), std::move(uses));
  if (!open) return pass(open.error());
  return std::unique_ptr<SqlSession>(std::make_unique<SqliteSession>(std::move(*open), fence, limits));
}

}  // namespace

Result<std::unique_ptr<SqlSession>> SqliteSql::open_to_read(const Connection& connection, const SqlLimits& limits,
                                                            std::stop_token stop) {
  return open_session(connection, SqlFence::query, limits, std::move(stop), uses_);
}

Result<std::unique_ptr<SqlSession>> SqliteSql::open_to_write(const Connection& connection, const SqlLimits& limits,
                                                             std::stop_token stop) {
  return open_session(connection, SqlFence::transaction, limits, std::move(stop), uses_);
}

}  // namespace muster
