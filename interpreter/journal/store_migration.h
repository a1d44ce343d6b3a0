// From the tables of an older version to ours: a backup beside the store first, then one transaction.
//
// Events are never touched: their hashes go over the stored bytes. What a migration changes is the tables around them.
// Errors: `storage` where there is no room for the backup or the transaction; `corrupt` for a store that cannot be
//         read. A migration that failed, or was killed, has changed nothing.
// Source: docs/journal.md, "Versions".
#pragma once

#include <string>
#include <vector>

#include "interpreter/base/result.h"

namespace muster {

// The versions that a program knows: the first is 1, and `steps[i]` makes i + 2 of i + 1.
struct StoreVersions {
  std::vector<std::string> steps;  // SQL
  [[nodiscard]] int newest() const { return static_cast<int>(steps.size()) + 1; }
};
// This program's.
[[nodiscard]] const StoreVersions& store_versions();

// The store as it was, beside it.
[[nodiscard]] std::string migration_backup_of(const std::string& path, int version);

// Under the store's lock; what has our version already stays as it is. `vfs` is SQLite's name of it; empty: the
// default.
[[nodiscard]] Result<void> migrate_store(const std::string& path, const std::string& vfs,
                                         const StoreVersions& versions);

}  // namespace muster
