// Marker rows on PostgreSQL; see sqlite_marker.h.
//
// A transaction holds an advisory lock on its attempt, so that whoever asks for the row waits for its end first: a
// server may still be at the COMMIT of a worker that is gone.
#pragma once

#include "interpreter/world/postgres_connection.h"

namespace muster {

// Inside the open transaction of the step. `refused`, effect none, where the attempt has a row already.
[[nodiscard]] Result<void> write_marker(PostgresConnection& connection, const SqlMarker& marker);
// Inside a transaction of its own, READ COMMITTED.
[[nodiscard]] Result<bool> find_marker(PostgresConnection& connection, const SqlMarker& marker);

}  // namespace muster
