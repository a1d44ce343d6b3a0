// The journal's SQLite file: opened, checked, locked. Inside this room, and for tests that bring their own VFS.
//
// Files beside STORE: STORE-wal and -shm (SQLite's), STORE.lock (flock of every write and checkpoint), STORE.key (the
// ledger's signing key), STORE.owners/ (one locked file per living process). All 0600, folders 0700.
// Errors: `refused` for what is no store of ours, or a newer one, or a file system that cannot keep its promises;
//         `storage` for disk errors; `not_found` where there is none and none shall be made.
// Source: docs/journal.md.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "interpreter/base/unique_fd.h"
#include "interpreter/journal/journal.h"

struct sqlite3;
struct sqlite3_stmt;

namespace muster {

struct OpenOptions {
  bool create = false;
  std::string vfs;          // SQLite's name of it; empty: the default
  bool synchronous = true;  // false: a test's control that must lose data
};

[[nodiscard]] Result<std::unique_ptr<Journal>> open_sqlite_journal(const std::string& path, const OpenOptions& options);

// A prepared statement that is reset when it goes, with its binds taken away.
class StoreStatement {
 public:
  explicit StoreStatement(sqlite3_stmt* raw) : raw_(raw) {}
  StoreStatement(StoreStatement&& other) noexcept : raw_(std::exchange(other.raw_, nullptr)) {}
  StoreStatement(const StoreStatement&) = delete;
  StoreStatement& operator=(const StoreStatement&) = delete;
  ~StoreStatement();
  StoreStatement& bind(int at, std::string_view text);
  StoreStatement& bind(int at, int64_t number);
  StoreStatement& bind_null(int at);
  int step();  // SQLite's code
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] int64_t number(int column) const;
  [[nodiscard]] bool is_null(int column) const;

 private:
  sqlite3_stmt* raw_;
};

class SqliteStore {
 public:
  [[nodiscard]] static Result<std::unique_ptr<SqliteStore>> open(const std::string& path, const OpenOptions& options);
  ~SqliteStore();
  SqliteStore(const SqliteStore&) = delete;
  SqliteStore& operator=(const SqliteStore&) = delete;

  // Cached by its text.
  [[nodiscard]] StoreStatement prepare(const char* sql);
  [[nodiscard]] Result<void> run(const char* sql);
  // BEGIN IMMEDIATE … COMMIT under the flock; rolled back when the body fails.
  [[nodiscard]] Result<void> write(const std::function<Result<void>()>& body);
  void checkpoint();         // under the flock; a busy one is left to the next
  [[nodiscard]] int64_t wal_pages() const { return wal_pages_; }
  [[nodiscard]] Error error(const std::string& doing) const;  // from SQLite's last error
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] sqlite3* raw() const { return db_; }
  void break_off() { broken_ = true; }
  [[nodiscard]] bool broken() const { return broken_; }

 private:
  explicit SqliteStore(std::string path) : path_(std::move(path)) {}
  Result<void> make_schema();
  std::string path_;
  sqlite3* db_ = nullptr;
  UniqueFd lock_;
  std::vector<std::pair<const char*, sqlite3_stmt*>> statements_;
  int64_t wal_pages_ = 0;
  bool broken_ = false;
  friend int count_wal_pages(void*, sqlite3*, const char*, int);
};

}  // namespace muster
