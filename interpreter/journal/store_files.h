// What stands at a store's path and beside it, looked at before SQLite may touch anything. Inside this room.
//
// Beside STORE: STORE-wal and STORE-shm (SQLite's), STORE.lock (flock of every write, and the last head), STORE.key
// (the ledger's signing key), STORE.reserve (room for outcomes on a full disk), STORE.owners/ (one locked file per
// living owner), STORE.new (a store that is being made), STORE.version-N (as it was before a migration).
// Errors: `refused` for what is no store of ours, a newer one, or a file system that cannot keep a journal's promises,
//         all of it left as it was; `not_found` where nothing is.
// Source: docs/journal.md, "Files".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "interpreter/base/result.h"

namespace muster {

constexpr int store_application_id = 0x4D535452;  // 'MSTR'

struct StorePlace {
  std::string path;  // links resolved: everybody must find the same lock, key and -wal
  bool there = false;
  int version = 0;  // as its header says; a log beside it may hold a newer one
};

// Makes the folders (0700) when `create` says so. A store of a version above `newest` is refused. `vfs` is SQLite's
// name of the VFS to read with; empty: the default.
[[nodiscard]] Result<StorePlace> find_store(const std::string& path, const std::string& vfs, bool create, int newest);
// Of another version than those that this program knows.
[[nodiscard]] Error unknown_version(const std::string& path, int64_t version, int newest);
[[nodiscard]] std::string folder_of(const std::string& path);
// The name of a file system on which locks, shared memory or syncs do not hold what SQLite needs; empty: a fit one.
// `magic` is statfs' f_type.
[[nodiscard]] std::string_view unfit_file_system(uint64_t magic);

}  // namespace muster
