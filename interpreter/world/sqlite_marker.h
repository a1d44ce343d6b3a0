// Marker rows: what tells after a crash whether a transaction on a playbook's database happened.
//
// The table `muster_marker` (run, step, attempt, state, at) is made by the first transaction that needs it. An attempt
// that was given up gets a row, too: an interpreter that was stopped before its transaction, and lives on after another
// one took its run over, is then refused by its own marker.
// Errors: those of sql.h; `refused`, effect none, where the attempt has a row already.
// Source: docs/actions/sql.md, "marker_row".
#pragma once

#include "interpreter/world/sqlite_connection.h"

namespace muster {

// Inside the open transaction of the step.
[[nodiscard]] Result<void> write_marker(SqliteConnection& connection, const SqlMarker& marker);
[[nodiscard]] Result<bool> find_marker(SqliteConnection& connection, const SqlMarker& marker);

}  // namespace muster
