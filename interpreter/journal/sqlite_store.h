// The journal's SQLite file: opened, checked, written under one lock. Inside this room, and for tests that bring their
// own VFS.
//
// Units:  wal_pages counts pages of 4 KiB.
// Errors: `refused` for what is no store of ours, or a newer one, or one that may not be written; `busy` when somebody
//         else writes for longer than our patience; `corrupt` for a damaged file; `storage` for disk errors. After one
//         nothing more is written through this object, since what a failed sync left behind cannot be known; only a
//         full disk leaves everything as it was (was_full).
// Source: docs/journal.md.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "interpreter/journal/journal.h"
#include "interpreter/journal/ledger.h"
#include "interpreter/journal/store_lock.h"
#include "interpreter/journal/store_migration.h"
#include "interpreter/journal/store_reserve.h"

struct sqlite3;
struct sqlite3_stmt;

namespace muster {

struct OpenOptions {
  bool create = false;
  std::string vfs;                             // SQLite's name of it; empty: the default
  bool synchronous = true;                     // false: a test's control that must lose data
  std::chrono::milliseconds patience{10'000};  // with whoever else writes
  int64_t reserve = reserve_size;              // bytes
  int64_t log_alarm_pages = 16'384;            // 64 MB: nothing but a reader lets the log grow so far
  const StoreVersions* versions = &store_versions();
};

[[nodiscard]] Result<std::unique_ptr<Journal>> open_sqlite_journal(const std::string& path, const OpenOptions& options);

// What a checkpoint leaves of the log: kept, its room is used again by this process and needs no new one of the disk;
// emptied, the next process to open the store need not read it.
enum class LogAfter { kept, emptied };

// A prepared statement that is reset when it goes, with its binds taken away.
class StoreStatement {
 public:
  explicit StoreStatement(sqlite3_stmt* raw) : raw_(raw) {}
  StoreStatement(StoreStatement&& other) noexcept
      : raw_(std::exchange(other.raw_, nullptr)), unbound_(other.unbound_) {}
  StoreStatement& operator=(StoreStatement&&) = delete;
  ~StoreStatement();
  StoreStatement& bind(int at, std::string_view text);
  StoreStatement& bind(int at, int64_t number);
  StoreStatement& bind(int at, std::optional<Timestamp> time);  // nothing: NULL
  int step();  // SQLite's code; what could not be bound, for want of memory, is not stepped without it
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] int64_t number(int column) const;
  [[nodiscard]] bool is_null(int column) const;

 private:
  sqlite3_stmt* raw_;
  int unbound_ = 0;  // SQLite's code for the first value that could not be bound
};

class SqliteStore {
 public:
  [[nodiscard]] static Result<std::unique_ptr<SqliteStore>> open(const std::string& path, const OpenOptions& options);
  ~SqliteStore();
  SqliteStore(const SqliteStore&) = delete;
  SqliteStore& operator=(const SqliteStore&) = delete;

  // Cached by the literal's address: only for string literals, and never two open at a time of the same text.
  [[nodiscard]] StoreStatement prepare(const char* sql);
  // BEGIN IMMEDIATE … COMMIT under the lock; rolled back when the body fails.
  [[nodiscard]] Result<void> write(const std::function<Result<void>()>& body);
  // Whether the last write() failed for want of room: nothing of it is there, and others may follow.
  [[nodiscard]] bool was_full() const { return was_full_; }
  [[nodiscard]] const StoreReserve& reserve() const { return reserve_; }
  // What the body reads is one state, whatever others write meanwhile. Not inside write().
  [[nodiscard]] Result<void> read(const std::function<Result<void>()>& body);
  // To be noted with the commit that is under way.
  void will_note(HeadNote head) { next_note_ = std::move(head); }
  [[nodiscard]] std::optional<HeadNote> noted() const { return lock_.noted(); }
  // Why the store is older than the last note; nothing: it is not. Inside write() or read(), with a note read before
  // it.
  [[nodiscard]] Result<std::optional<std::string>> missing_since(const std::optional<HeadNote>& note);
  // One state of it, page by page, into an empty database.
  [[nodiscard]] Result<void> copy_to(sqlite3* copy);
  // From now on the store is another one, with this key; the ledger's entry says so.
  [[nodiscard]] Result<SignedHead> adopt(const SigningKey& key, Timestamp now);
  void checkpoint(LogAfter after);  // a busy one is left to the next
  [[nodiscard]] int64_t wal_pages() const { return wal_pages_; }
  [[nodiscard]] int64_t log_alarm_pages() const { return log_alarm_pages_; }
  [[nodiscard]] Error error(const std::string& doing) const;  // from SQLite's last error
  [[nodiscard]] int error_code() const;                       // extended
  [[nodiscard]] int64_t changed_rows() const;                 // of the last statement
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::string& instance() const { return instance_; }
  [[nodiscard]] const std::string& public_key() const { return public_key_; }

 private:
  SqliteStore(std::string path, StoreLock lock, const OpenOptions& options)
      : path_(std::move(path)),
        lock_(std::move(lock)),
        reserve_(path_, options.reserve),
        patience_(options.patience),
        log_alarm_pages_(options.log_alarm_pages) {}
  [[nodiscard]] Result<void> connect(const OpenOptions& options);
  [[nodiscard]] Result<void> recognise(const OpenOptions& options);
  [[nodiscard]] bool has_no_room() const;
  [[nodiscard]] Result<bool> was_pruned(const std::string& run, int64_t seq);
  [[nodiscard]] Result<void> transact(const std::function<Result<void>()>& body);

  std::string path_, instance_, public_key_;
  sqlite3* db_ = nullptr;
  StoreLock lock_;
  StoreReserve reserve_;
  std::chrono::milliseconds patience_;
  int64_t log_alarm_pages_;
  std::vector<std::pair<const char*, sqlite3_stmt*>> statements_;
  std::optional<HeadNote> next_note_;
  bool note_checked_ = false;
  int64_t wal_pages_ = 0;
  bool broken_ = false, was_full_ = false;
  friend int count_wal_pages(void*, sqlite3*, const char*, int);
};

}  // namespace muster
