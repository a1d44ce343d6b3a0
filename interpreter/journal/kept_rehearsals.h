// What rehearsals found, checked with the rest of the store. Inside this room.
#pragma once

#include "interpreter/journal/sqlite_store.h"

namespace muster {

// Those that the ledger names and the store lacks. Inside a read().
[[nodiscard]] Result<void> verify_rehearsals(SqliteStore& store, VerifyReport& report);

}  // namespace muster
