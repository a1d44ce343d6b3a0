#include "interpreter/world/postgres_marker.h"

namespace muster {

namespace {

constexpr const char* lock_attempt = "SELECT pg_advisory_xact_lock(hashtextextended($1, 19827))";
constexpr const char* find_table = "SELECT to_regclass('muster_marker') IS NOT NULL AS there";
constexpr const char* make_table =
    "CREATE TABLE IF NOT EXISTS muster_marker (run text NOT NULL, step text NOT NULL, attempt bigint NOT NULL, "
    "state text NOT NULL, at timestamptz NOT NULL, PRIMARY KEY (run, step, attempt))";
constexpr const char* find_row = "SELECT state FROM muster_marker WHERE run = $1 AND step = $2 AND attempt = $3";
constexpr const char* add_row =
    "INSERT INTO muster_marker (run, step, attempt, state, at) VALUES ($1, $2, $3, $4, clock_timestamp()) "
    "ON CONFLICT DO NOTHING";

bool says_yes(const Result<SqlResult>& answer) {
  if (!answer || answer->rows.empty()) return false;
  const bool* yes = answer->rows.front().begin()->second.find<bool>();
  return yes && *yes;
}

Result<void> lock(PostgresConnection& connection, const SqlMarker& marker) {
  Result<SqlResult> locked = connection.run_own(lock_attempt, {marker.run + "/" + marker.step});
  if (!locked) return pass(locked.error());
  return {};
}

}  // namespace

Result<void> write_marker(PostgresConnection& connection, const SqlMarker& marker) {
  if (Result<void> locked = lock(connection, marker); !locked) return locked;
  Result<SqlResult> table = connection.run_own(find_table);
  if (!table) return pass(table.error());
  if (!says_yes(table)) {
    // Two that make the table at once would fail; the second one waits.
    if (Result<SqlResult> alone = connection.run_own("SELECT pg_advisory_xact_lock(19826)"); !alone)
      return pass(alone.error());
    if (Result<SqlResult> made = connection.run_own(make_table); !made) return pass(made.error());
  }
  for (int attempt = 1; attempt <= marker.attempt; ++attempt) {
    bool is_ours = attempt == marker.attempt;
    Result<SqlResult> added =
        connection.run_own(add_row, {marker.run, marker.step, attempt, is_ours ? "done" : "given up"});
    if (!added) return pass(added.error());
    if (is_ours && added->changes == 0) {
      return fail(ErrorCode::refused,
                  "attempt " + std::to_string(attempt) + " of `" + marker.step + "` has a row in the database already",
                  "another process goes on with the run");
    }
  }
  return {};
}

Result<bool> find_marker(PostgresConnection& connection, const SqlMarker& marker) {
  if (Result<void> locked = lock(connection, marker); !locked) return pass(locked.error());
  Result<SqlResult> table = connection.run_own(find_table);
  if (!table) return pass(table.error());
  if (!says_yes(table)) return false;
  Result<SqlResult> row = connection.run_own(find_row, {marker.run, marker.step, marker.attempt});
  if (!row) return pass(row.error());
  return !row->rows.empty() && text_of(row->rows.front(), "state") == "done";
}

}  // namespace muster
