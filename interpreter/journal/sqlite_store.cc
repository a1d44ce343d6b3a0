#include "interpreter/journal/sqlite_store.h"

#include <sqlite3.h>
#include <sys/statvfs.h>

#include <cerrno>

#include "interpreter/base/digest.h"
#include "interpreter/journal/ledger_entries.h"
#include "interpreter/journal/store_creation.h"
#include "interpreter/journal/store_files.h"

namespace muster {
namespace {

constexpr unsigned long shm_growth = 32 << 10;  // SQLite lets -shm grow by so many bytes at a time

}  // namespace

int count_wal_pages(void* store, sqlite3*, const char*, int pages) {
  static_cast<SqliteStore*>(store)->wal_pages_ = pages;
  return SQLITE_OK;
}

StoreStatement::~StoreStatement() {
  if (!raw_) return;
  sqlite3_reset(raw_);
  sqlite3_clear_bindings(raw_);
}
StoreStatement& StoreStatement::bind(int at, std::string_view text) {
  int code = sqlite3_bind_text64(raw_, at, text.data() ? text.data() : "", text.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  if (code != SQLITE_OK && unbound_ == SQLITE_OK) unbound_ = code;
  return *this;
}
StoreStatement& StoreStatement::bind(int at, int64_t number) {
  sqlite3_bind_int64(raw_, at, number);
  return *this;
}
StoreStatement& StoreStatement::bind(int at, std::optional<Timestamp> time) {
  if (time) return bind(at, time->us);
  sqlite3_bind_null(raw_, at);
  return *this;
}
int StoreStatement::step() {
  if (!raw_) return SQLITE_ERROR;
  return unbound_ == SQLITE_OK ? sqlite3_step(raw_) : unbound_;
}
std::string StoreStatement::text(int column) const {
  const void* bytes = sqlite3_column_blob(raw_, column);
  return std::string(static_cast<const char*>(bytes),
                     bytes ? static_cast<size_t>(sqlite3_column_bytes(raw_, column)) : 0);
}
int64_t StoreStatement::number(int column) const { return sqlite3_column_int64(raw_, column); }
bool StoreStatement::is_null(int column) const { return sqlite3_column_type(raw_, column) == SQLITE_NULL; }

SqliteStore::~SqliteStore() {
  for (auto& [text, statement] : statements_) sqlite3_finalize(statement);
  if (db_) sqlite3_close(db_);
}

Error SqliteStore::error(const std::string& doing) const {
  int code = error_code();
  // SQLite forgets that a value could not be bound when the next one could.
  if (code == SQLITE_OK) code = SQLITE_NOMEM;
  bool said = db_ && error_code() != SQLITE_OK;
  Error error;
  error.code = ErrorCode::storage;
  error.message =
      "the store `" + path_ + "` failed (" + doing + "): " + (said ? sqlite3_errmsg(db_) : sqlite3_errstr(code));
  error.cause = sqlite3_errstr(code);
  if (has_no_room()) {
    error.message = "the disk of the store `" + path_ + "` is full (" + doing + ")";
    error.hint = "free space, then `muster resume` the run";
    return error;
  }
  switch (code & 0xFF) {
    case SQLITE_BUSY:
    case SQLITE_PROTOCOL:
      error.code = ErrorCode::busy;
      error.message = "another program has kept the store `" + path_ + "` locked for " +
                      std::to_string(patience_.count()) + " ms (" + doing + ")";
      error.hint = "`fuser " + path_ + "` tells which";
      break;
    case SQLITE_READONLY:
    case SQLITE_PERM:
      error.code = ErrorCode::refused;
      break;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_ERROR:  // a table or column is not there
      error.code = ErrorCode::corrupt;
      error.message =
          "the store `" + path_ + "` is damaged (" + doing + "): " + (db_ ? sqlite3_errmsg(db_) : sqlite3_errstr(code));
      error.hint = "`muster audit --verify` tells how far it can be read";
      break;
    default:
      break;
  }
  return error;
}

// A write that found no room; not a sync: what that one lost cannot be known.
bool SqliteStore::has_no_room() const {
  if (!db_) return false;
  int code = error_code(), system = sqlite3_system_errno(db_);
  bool system_says = system == ENOSPC || system == EDQUOT;
  if ((code & 0xFF) == SQLITE_FULL || (code == SQLITE_IOERR_WRITE && system_says)) return true;
  // Of -shm SQLite does not keep what the system said.
  struct statvfs disk {};
  return code == SQLITE_IOERR_SHMSIZE && ::statvfs(folder_of(path_).c_str(), &disk) == 0 &&
         disk.f_bavail * disk.f_frsize < shm_growth;
}

int SqliteStore::error_code() const { return sqlite3_extended_errcode(db_); }
int64_t SqliteStore::changed_rows() const { return sqlite3_changes64(db_); }

StoreStatement SqliteStore::prepare(const char* sql) {
  for (auto& [text, statement] : statements_)
    if (text == sql) return StoreStatement(statement);
  sqlite3_stmt* raw = nullptr;
  sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  if (raw) statements_.emplace_back(sql, raw);
  return StoreStatement(raw);
}

Result<bool> SqliteStore::was_pruned(const std::string& run, int64_t seq) {
  StoreStatement entry = prepare("SELECT 1 FROM ledger WHERE kind = 'pruned' AND run = ? AND run_seq >= ? LIMIT 1");
  int code = entry.bind(1, run).bind(2, seq).step();
  if (code != SQLITE_ROW && code != SQLITE_DONE) return pass(error("reading the ledger"));
  return code == SQLITE_ROW;
}

Result<std::optional<std::string>> SqliteStore::missing_since(const std::optional<HeadNote>& note) {
  if (!note) return std::optional<std::string>();
  int64_t next = 1;
  {
    StoreStatement row = prepare("SELECT next_seq FROM run WHERE id = ?");
    int code = row.bind(1, note->run).step();
    if (code != SQLITE_ROW && code != SQLITE_DONE) return pass(error("reading the run"));
    if (code == SQLITE_ROW) next = row.number(0);
  }
  std::string found;
  if (note->seq < next) {
    StoreStatement event = prepare("SELECT hash FROM event WHERE run = ? AND seq = ?");
    int code = event.bind(1, note->run).bind(2, note->seq).step();
    if (code != SQLITE_ROW && code != SQLITE_DONE) return pass(error("reading an event"));
    if (code == SQLITE_ROW) found = event.text(0);
  }
  if (found == note->hash) return std::optional<std::string>();
  Result<bool> pruned = next == 1 ? was_pruned(note->run, note->seq) : Result<bool>(false);
  if (!pruned) return pass(pruned.error());
  if (*pruned) return std::optional<std::string>();
  if (note->seq < next)
    return "event " + std::to_string(note->seq) + " of run " + note->run + " is not the one that was written last";
  int64_t lost = note->seq - next + 1;
  return "the journal is missing " + std::to_string(lost) + (lost == 1 ? " entry" : " entries") + " of run " +
         note->run;
}

Result<void> SqliteStore::transact(const std::function<Result<void>()>& body) {
  StoreStatement begin = prepare("BEGIN IMMEDIATE");
  if (begin.step() != SQLITE_DONE) {
    was_full_ = has_no_room();
    return pass(error("beginning to write"));
  }
  Result<void> done;
  if (!note_checked_) {
    Result<std::optional<std::string>> missing = missing_since(lock_.noted());
    if (!missing) {
      done = pass(missing.error());
    } else if (*missing) {
      done = fail(ErrorCode::corrupt, **missing + " (`" + path_ + "`)",
                  "put its `-wal` file back; of a copy that was restored on purpose, remove `" + path_ + ".lock`");
    } else {
      note_checked_ = true;
    }
  }
  if (done) done = body();
  if (done) {
    StoreStatement commit = prepare("COMMIT");
    if (commit.step() == SQLITE_DONE) return {};
    was_full_ = has_no_room();
    done = pass(error("committing"));
    broken_ = !was_full_;
  } else {
    was_full_ = done.error().code == ErrorCode::storage && has_no_room();
  }
  sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
  return done;
}

Result<void> SqliteStore::write(const std::function<Result<void>()>& body) {
  if (broken_)
    return fail(ErrorCode::storage, "the store `" + path_ + "` failed before: nothing more is written to it");
  Result<StoreLock::Held> held = lock_.hold();
  if (!held) return pass(held.error());
  next_note_.reset();
  was_full_ = false;
  Result<void> done = transact(body);
  if (!done && done.error().code == ErrorCode::storage && !was_full_) broken_ = true;
  if (done && next_note_) lock_.note(*next_note_);
  return done;
}

Result<void> SqliteStore::read(const std::function<Result<void>()>& body) {
  StoreStatement begin = prepare("BEGIN");
  if (begin.step() != SQLITE_DONE) return pass(error("beginning to read"));
  Result<void> done = body();
  StoreStatement end = prepare("COMMIT");
  if (end.step() != SQLITE_DONE) {
    sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
    if (done) return pass(error("reading"));
  }
  return done;
}

Result<void> SqliteStore::copy_to(sqlite3* copy) {
  sqlite3_backup* backup = sqlite3_backup_init(copy, "main", db_, "main");
  if (!backup) return fail(ErrorCode::storage, sqlite3_errmsg(copy));
  sqlite3_backup_step(backup, -1);
  int code = sqlite3_backup_finish(backup);
  if (code != SQLITE_OK) return fail(ErrorCode::storage, sqlite3_errstr(code));
  return {};
}

Result<SignedHead> SqliteStore::adopt(const SigningKey& key, Timestamp now) {
  std::string before_instance = instance_, before_key = public_key_;
  Result<SignedHead> head = SignedHead{};
  // The note beside it, if there is one, is of another store's life.
  lock_.forget();
  Result<void> done = write([&]() -> Result<void> {
    instance_ = sha256_hex("muster-store-1" + key.public_hex + std::to_string(now.us) + before_instance).substr(0, 32);
    public_key_ = key.public_hex;
    StoreStatement row = prepare(
        "INSERT INTO store(instance, created_at, muster_version, public_key) SELECT ?, ?, muster_version, ? FROM store "
        "ORDER BY rowid DESC LIMIT 1");
    if (row.bind(1, instance_).bind(2, now.us).bind(3, public_key_).step() != SQLITE_DONE)
      return pass(error("adopting"));
    LedgerEntry entry;
    entry.at_us = now.us;
    entry.kind = "adopted";
    entry.run_head = public_key_;
    head = add_ledger_entry(*this, key, std::move(entry));
    return head ? Result<void>() : pass(head.error());
  });
  if (done) return head;
  instance_ = before_instance;
  public_key_ = before_key;
  return pass(done.error());
}

void SqliteStore::checkpoint(LogAfter after) {
  if (broken_) return;
  Result<StoreLock::Held> held = lock_.hold();
  if (!held) return;
  sqlite3_busy_timeout(db_, 0);  // readers do not hold us up: what they still need stays in the log until the next time
  int mode = after == LogAfter::emptied ? SQLITE_CHECKPOINT_TRUNCATE : SQLITE_CHECKPOINT_PASSIVE;
  int code = sqlite3_wal_checkpoint_v2(db_, nullptr, mode, nullptr, nullptr);
  bool no_room = code != SQLITE_OK && has_no_room();  // the log keeps it until there is
  sqlite3_busy_timeout(db_, static_cast<int>(patience_.count()));
  if (code != SQLITE_OK && (code & 0xFF) != SQLITE_BUSY && (code & 0xFF) != SQLITE_LOCKED && !no_room) broken_ = true;
}

Result<void> SqliteStore::connect(const OpenOptions& options) {
  int code = sqlite3_open_v2(path_.c_str(), &db_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                             options.vfs.empty() ? nullptr : options.vfs.c_str());
  if (code != SQLITE_OK) return pass(error("opening"));
  if (sqlite3_db_readonly(db_, "main") == 1)
    return fail(ErrorCode::refused, "the store `" + path_ + "` may not be written",
                "its owner can change that, or name another with `--store`");
  sqlite3_extended_result_codes(db_, 1);
  sqlite3_busy_timeout(db_, static_cast<int>(patience_.count()));
  sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  // Somebody else's hand in the file must not run in our transactions.
  sqlite3_db_config(db_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_ENABLE_VIEW, 0, nullptr);
  sqlite3_db_config(db_, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_wal_hook(db_, &count_wal_pages, this);  // and with it no automatic checkpoint
  const char* settings = options.synchronous ? "PRAGMA mmap_size=0; PRAGMA synchronous=FULL"
                                             : "PRAGMA mmap_size=0; PRAGMA synchronous=NORMAL";
  if (sqlite3_exec(db_, settings, nullptr, nullptr, nullptr) != SQLITE_OK) return pass(error("opening"));
  StoreStatement synchronous = prepare("PRAGMA synchronous");
  if (synchronous.step() != SQLITE_ROW) return pass(error("opening"));
  if (synchronous.number(0) != (options.synchronous ? 2 : 1))
    return fail(ErrorCode::storage, "the store `" + path_ + "` does not sync as it was told");
  return {};
}

Result<void> SqliteStore::recognise(const OpenOptions& options) {
  // The header in the file was looked at before; a log beside it may hold a newer one.
  StoreStatement version = prepare("PRAGMA user_version");
  if (version.step() != SQLITE_ROW) return pass(error("reading its version"));
  if (version.number(0) != options.versions->newest())
    return pass(unknown_version(path_, version.number(0), options.versions->newest()));
  StoreStatement mode = prepare("PRAGMA journal_mode");
  if (mode.step() != SQLITE_ROW) return pass(error("reading its mode"));
  if (mode.text(0) != "wal")
    return fail(ErrorCode::refused, "the store `" + path_ + "` is not in WAL mode: `" + mode.text(0) + "`",
                "another program changed it; `PRAGMA journal_mode=WAL` changes it back");
  StoreStatement store = prepare("SELECT instance, public_key FROM store ORDER BY rowid DESC LIMIT 1");
  if (store.step() != SQLITE_ROW) return pass(error("reading its identity"));
  instance_ = store.text(0);
  public_key_ = store.text(1);
  return {};
}

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::string& path, const OpenOptions& options) {
  int newest = options.versions->newest();
  Result<StorePlace> place = find_store(path, options.vfs, options.create, newest);
  if (!place) return pass(place.error());
  Result<StoreLock> lock = StoreLock::open(place->path, options.patience);
  if (!lock) return pass(lock.error());
  if (!place->there) {
    Result<StoreLock::Held> held = lock->hold();
    if (!held) return pass(held.error());
    // Another process may have made it while we waited for the lock.
    place = find_store(place->path, options.vfs, options.create, newest);
    if (!place) return pass(place.error());
    if (!place->there) {
      lock->forget();
      Result<void> made = make_store(place->path, options.vfs);
      if (!made) return pass(made.error());
    }
  }
  if (place->version < newest) {
    Result<StoreLock::Held> held = lock->hold();
    if (!held) return pass(held.error());
    // Another process may have done it meanwhile, and it stands in the log: the header alone does not tell.
    Result<void> migrated = migrate_store(place->path, options.vfs, *options.versions);
    if (!migrated) return pass(migrated.error());
  }
  auto store = std::unique_ptr<SqliteStore>(new SqliteStore(place->path, std::move(*lock), options));
  Result<void> ready = store->connect(options);
  if (ready) ready = store->recognise(options);
  if (!ready) return pass(ready.error());
  return store;
}

}  // namespace muster
