#include "interpreter/world/sqlite_marker.h"

namespace muster {
namespace {

constexpr const char* make_table =
    "CREATE TABLE IF NOT EXISTS muster_marker (run TEXT NOT NULL, step TEXT NOT NULL, attempt INTEGER NOT NULL, "
    "state TEXT NOT NULL, at TEXT NOT NULL, PRIMARY KEY (run, step, attempt)) WITHOUT ROWID";
constexpr const char* find_table = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'muster_marker'";
constexpr const char* find_row =
    "SELECT state FROM muster_marker WHERE run = :run AND step = :step AND attempt = :attempt";
constexpr const char* add_row =
    "INSERT OR IGNORE INTO muster_marker (run, step, attempt, state, at) "
    "VALUES (:run, :step, :attempt, :state, strftime('%Y-%m-%dT%H:%M:%fZ', 'now'))";

Result<SqlResult> ask(SqliteConnection& connection, const char* text, const Map& bind) {
  return connection.run(FilledSql{text, {}}, bind, SqlLimits{});
}

Map key_of(const SqlMarker& marker, int attempt) {
  return {{"run", marker.run}, {"step", marker.step}, {"attempt", attempt}};
}

Result<std::string> state_of(SqliteConnection& connection, const SqlMarker& marker) {
  Result<SqlResult> row = ask(connection, find_row, key_of(marker, marker.attempt));
  if (!row) return pass(row.error());
  return row->rows.empty() ? std::string() : text_of(row->rows.front(), "state");
}

}  // namespace

Result<void> write_marker(SqliteConnection& connection, const SqlMarker& marker) {
  if (Result<SqlResult> made = ask(connection, make_table, {}); !made) return pass(made.error());
  Result<std::string> earlier = state_of(connection, marker);
  if (!earlier) return pass(earlier.error());
  if (!earlier->empty()) {
    return fail(ErrorCode::refused,
                "attempt " + std::to_string(marker.attempt) + " of `" + marker.step + "` is `" + *earlier +
                    "` in the database already",
                "another process goes on with the run");
  }
  for (int attempt = 1; attempt <= marker.attempt; ++attempt) {
    Map row = key_of(marker, attempt);
    row["state"] = attempt == marker.attempt ? "done" : "given up";
    if (Result<SqlResult> added = ask(connection, add_row, row); !added) return pass(added.error());
  }
  return {};
}

Result<bool> find_marker(SqliteConnection& connection, const SqlMarker& marker) {
  Result<SqlResult> table = ask(connection, find_table, {});
  if (!table) return pass(table.error());
  if (table->rows.empty()) return false;
  Result<std::string> state = state_of(connection, marker);
  if (!state) return pass(state.error());
  return *state == "done";
}

}  // namespace muster
