// The ledger's rows: added with a signature, and read. Inside this room.
//
// Errors: those of SqliteStore.
// Source: docs/journal.md, "The ledger".
#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "interpreter/journal/ledger.h"
#include "interpreter/journal/sqlite_store.h"
#include "interpreter/journal/verify.h"

// Of what is kept beside runs, the entries whose bodies `muster prune` has taken away: those of runs name a run.
#define MUSTER_PRUNED_KEPT "SELECT run_seq FROM ledger WHERE kind = 'pruned' AND run = ''"

namespace muster {

// The key beside the store; `refused` where it is another store's.
[[nodiscard]] Result<SigningKey> key_of(const SqliteStore& store);
// Inside a write().
[[nodiscard]] Result<SignedHead> add_ledger_entry(SqliteStore& store, const SigningKey& key, LedgerEntry entry);
// In their order. Inside a read() or a write().
[[nodiscard]] Result<void> each_ledger_entry(SqliteStore& store, const std::function<void(LedgerEntry&&)>& take);
// Who the store was when it was made: the ledger begins with that.
struct Identity {
  std::string instance, public_key;
};
[[nodiscard]] Result<Identity> first_identity(SqliteStore& store);

}  // namespace muster
