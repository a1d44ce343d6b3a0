#include "interpreter/journal/sqlite_store.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cerrno>
#include <cstring>

namespace muster {
namespace {

constexpr int application_id = 0x4D535452;  // 'MSTR'
constexpr int user_version = 1;
constexpr int busy_timeout_ms = 10'000;

constexpr const char* schema = R"sql(
CREATE TABLE store(instance TEXT NOT NULL, created_at INTEGER NOT NULL, muster_version TEXT NOT NULL, public_key TEXT NOT NULL);
CREATE TABLE file(digest TEXT PRIMARY KEY, bytes BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE run(id TEXT PRIMARY KEY, playbook TEXT NOT NULL, version TEXT NOT NULL, graph_digest TEXT NOT NULL, inputs TEXT NOT NULL,
  starter TEXT NOT NULL, parent TEXT NOT NULL, created_at INTEGER NOT NULL, owner TEXT NOT NULL, epoch INTEGER NOT NULL,
  next_seq INTEGER NOT NULL, head TEXT NOT NULL, state TEXT NOT NULL, due_at INTEGER, expires_at INTEGER) WITHOUT ROWID;
CREATE INDEX run_created ON run(created_at);
CREATE TABLE event(run TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, op TEXT NOT NULL, attempt INTEGER NOT NULL, at_us INTEGER NOT NULL,
  body TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY(run, seq)) WITHOUT ROWID;
CREATE UNIQUE INDEX event_once ON event(run, op, attempt, kind) WHERE kind IN ('intent','outcome','mark_intent','mark');
CREATE TABLE op(run TEXT NOT NULL, op TEXT NOT NULL, attempt INTEGER NOT NULL, state TEXT NOT NULL, last_seq INTEGER NOT NULL, PRIMARY KEY(run, op)) WITHOUT ROWID;
CREATE TABLE output(run TEXT NOT NULL, op TEXT NOT NULL, attempt INTEGER NOT NULL, stream TEXT NOT NULL, head BLOB NOT NULL, tail BLOB NOT NULL,
  bytes INTEGER NOT NULL, sha256 TEXT NOT NULL, PRIMARY KEY(run, op, attempt, stream)) WITHOUT ROWID;
CREATE TABLE ledger(n INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, kind TEXT NOT NULL, run TEXT NOT NULL, run_seq INTEGER NOT NULL, run_head TEXT NOT NULL,
  hash TEXT NOT NULL, signature TEXT NOT NULL);
CREATE TABLE owner(id TEXT PRIMARY KEY, host TEXT NOT NULL, boot_id TEXT NOT NULL, pid INTEGER NOT NULL, started INTEGER NOT NULL, expires_at INTEGER NOT NULL,
  socket TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE lock(name TEXT PRIMARY KEY, run TEXT NOT NULL, epoch INTEGER NOT NULL, taken_at INTEGER NOT NULL, expires_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE decision(run TEXT NOT NULL, gate TEXT NOT NULL, opening INTEGER NOT NULL, person TEXT NOT NULL, verdict TEXT NOT NULL, digest TEXT NOT NULL,
  reason TEXT NOT NULL, at INTEGER NOT NULL, UNIQUE(run, gate, opening, person));
)sql";

Result<void> make_folders(const std::string& file) {
  for (size_t at = file.find('/', 1); at != std::string::npos; at = file.find('/', at + 1)) {
    std::string folder = file.substr(0, at);
    if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
      return fail(ErrorCode::storage, "the folder `" + folder + "` of the store cannot be made: " + std::strerror(errno), "name another with `--store`");
  }
  return {};
}

// Locks and shared memory of network file systems do not keep what a journal promises. A FUSE or overlay file system on a
// local disk does; those are told by what they do, when WAL mode or the flock fails.
Result<void> check_file_system(const std::string& path) {
  size_t slash = path.rfind('/');
  std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  struct statfs status {};
  if (::statfs(folder.c_str(), &status) != 0) return {};  // opening says it better
  auto kind = static_cast<unsigned long>(status.f_type) & 0xFFFFFFFFul;
  if (kind == 0x6969 || kind == 0xFF534D42 || kind == 0xFE534D42 || kind == 0x517B)
    return fail(ErrorCode::refused, "the store `" + path + "` is on a network file system, where a journal is not safe", "put it on a local disk");
  return {};
}

// What stands at the path, before SQLite sees it: SQLite would wait on a FIFO and turn an empty file into a database.
Result<bool> look_at(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (errno == ENOENT || errno == ENOTDIR) return false;
    return fail(ErrorCode::storage, "the store `" + path + "` cannot be looked at: " + std::strerror(errno));
  }
  if (S_ISDIR(status.st_mode)) return fail(ErrorCode::refused, "the store `" + path + "` is a directory", "name a file with `--store`");
  if (!S_ISREG(status.st_mode)) return fail(ErrorCode::refused, "the store `" + path + "` is no ordinary file", "name a file with `--store`");
  if (status.st_size == 0) return false;
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd) return fail(ErrorCode::storage, "the store `" + path + "` cannot be opened: " + std::strerror(errno));
  unsigned char header[72] = {};
  ssize_t got = ::pread(fd.get(), header, sizeof header, 0);
  if (got < 72 || std::memcmp(header, "SQLite format 3", 16) != 0)
    return fail(ErrorCode::refused, "`" + path + "` is no store of muster: it is not a database", "name another file with `--store`");
  auto word = [&](int at) { return static_cast<uint32_t>(header[at]) << 24 | static_cast<uint32_t>(header[at + 1]) << 16 | static_cast<uint32_t>(header[at + 2]) << 8 | header[at + 3]; };
  // A store whose first commits still stand in its -wal has no ids in the file itself: SQLite tells them below.
  if (word(68) != static_cast<uint32_t>(application_id) && word(68) != 0)
    return fail(ErrorCode::refused, "`" + path + "` is no store of muster: it is another program's database", "name another file with `--store`");
  return true;
}

class FileLock {
 public:
  explicit FileLock(int fd) : fd_(fd) {
    while (::flock(fd_, LOCK_EX) != 0 && errno == EINTR) {
    }
  }
  ~FileLock() { ::flock(fd_, LOCK_UN); }

 private:
  int fd_;
};

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
  sqlite3_bind_text(raw_, at, text.data() ? text.data() : "", static_cast<int>(text.size()), SQLITE_TRANSIENT);
  return *this;
}
StoreStatement& StoreStatement::bind(int at, int64_t number) {
  sqlite3_bind_int64(raw_, at, number);
  return *this;
}
StoreStatement& StoreStatement::bind_null(int at) {
  sqlite3_bind_null(raw_, at);
  return *this;
}
int StoreStatement::step() { return raw_ ? sqlite3_step(raw_) : SQLITE_ERROR; }
std::string StoreStatement::text(int column) const {
  const void* bytes = sqlite3_column_blob(raw_, column);
  return std::string(static_cast<const char*>(bytes), bytes ? static_cast<size_t>(sqlite3_column_bytes(raw_, column)) : 0);
}
int64_t StoreStatement::number(int column) const { return sqlite3_column_int64(raw_, column); }
bool StoreStatement::is_null(int column) const { return sqlite3_column_type(raw_, column) == SQLITE_NULL; }

SqliteStore::~SqliteStore() {
  for (auto& [text, statement] : statements_) sqlite3_finalize(statement);
  if (db_) sqlite3_close(db_);
}

Error SqliteStore::error(const std::string& doing) const {
  Error error;
  int code = sqlite3_extended_errcode(db_);
  error.code = (code & 0xFF) == SQLITE_BUSY ? ErrorCode::busy : ErrorCode::storage;
  if ((code & 0xFF) == SQLITE_FULL) {
    error.message = "the disk of the store `" + path_ + "` is full (" + doing + ")";
    error.hint = "free space, then `muster resume` the run";
  } else {
    error.message = "the store `" + path_ + "` failed (" + doing + "): " + sqlite3_errmsg(db_);
  }
  error.cause = sqlite3_errstr(code);
  return error;
}

StoreStatement SqliteStore::prepare(const char* sql) {
  for (auto& [text, statement] : statements_)
    if (text == sql) return StoreStatement(statement);  // literals: the same place is the same text
  sqlite3_stmt* raw = nullptr;
  sqlite3_prepare_v3(db_, sql, -1, SQLITE_PREPARE_PERSISTENT, &raw, nullptr);
  if (raw) statements_.emplace_back(sql, raw);
  return StoreStatement(raw);
}

Result<void> SqliteStore::run(const char* sql) {
  if (sqlite3_exec(db_, sql, nullptr, nullptr, nullptr) != SQLITE_OK) return pass(error(sql));
  return {};
}

Result<void> SqliteStore::write(const std::function<Result<void>()>& body) {
  if (broken_) return fail(ErrorCode::storage, "the store `" + path_ + "` failed before: nothing more is written to it");
  FileLock lock(lock_.get());
  StoreStatement begin = prepare("BEGIN IMMEDIATE");
  if (begin.step() != SQLITE_DONE) return pass(error("beginning to write"));
  Result<void> done = body();
  if (done) {
    StoreStatement commit = prepare("COMMIT");
    if (commit.step() == SQLITE_DONE) return {};
    done = pass(error("committing"));
    // What a failed sync left behind cannot be known: nothing more may build on it.
    broken_ = true;
  }
  sqlite3_exec(db_, "ROLLBACK", nullptr, nullptr, nullptr);
  if (!done && done.error().code == ErrorCode::storage) broken_ = true;
  return done;
}

void SqliteStore::checkpoint() {
  if (broken_) return;
  FileLock lock(lock_.get());
  sqlite3_wal_checkpoint_v2(db_, nullptr, SQLITE_CHECKPOINT_PASSIVE, nullptr, nullptr);
  wal_pages_ = 0;
}

Result<void> SqliteStore::make_schema() {
  Result<void> done = run(schema);
  if (!done) return done;
  std::string pragmas = "PRAGMA application_id=" + std::to_string(application_id) + "; PRAGMA user_version=" + std::to_string(user_version);
  return run(pragmas.c_str());
}

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::string& path, const OpenOptions& options) {
  Result<bool> there = look_at(path);
  if (!there) return pass(there.error());
  if (!*there && !options.create)
    return fail(ErrorCode::not_found, "there is no store at `" + path + "`", "`muster run` makes it; `--store` names another");
  if (!*there) {
    Result<void> folders = make_folders(path);
    if (!folders) return pass(folders.error());
  }
  Result<void> suited = check_file_system(path);
  if (!suited) return pass(suited.error());
  auto store = std::unique_ptr<SqliteStore>(new SqliteStore(path));
  std::string lock_path = path + ".lock";
  store->lock_ = UniqueFd(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!store->lock_)
    return fail(ErrorCode::storage, "the store's lock `" + lock_path + "` cannot be opened: " + std::strerror(errno), "the folder must be writable");
  if (!*there) {
    // Made by us first, so that it is never readable by others, whatever the umask.
    UniqueFd made(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
    if (!made) return fail(ErrorCode::storage, "the store `" + path + "` cannot be made: " + std::strerror(errno));
    ::fchmod(made.get(), 0600);
  }
  int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX;
  int opened = sqlite3_open_v2(path.c_str(), &store->db_, flags, options.vfs.empty() ? nullptr : options.vfs.c_str());
  if (opened != SQLITE_OK) return pass(store->error("opening"));
  sqlite3_extended_result_codes(store->db_, 1);
  sqlite3_busy_timeout(store->db_, busy_timeout_ms);
  sqlite3_db_config(store->db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_db_config(store->db_, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_wal_hook(store->db_, &count_wal_pages, store.get());  // and with it no automatic checkpoint
  Result<void> set = store->run(options.synchronous ? "PRAGMA synchronous=FULL" : "PRAGMA synchronous=NORMAL");
  if (!set) return pass(set.error());

  bool fresh = false;
  {
    StoreStatement version = store->prepare("PRAGMA user_version");
    if (version.step() != SQLITE_ROW) {
      Error error = store->error("reading its version");
      error.code = ErrorCode::refused;
      return pass(std::move(error));
    }
    int64_t found = version.number(0);
    StoreStatement id = store->prepare("PRAGMA application_id");
    int64_t application = id.step() == SQLITE_ROW ? id.number(0) : 0;
    StoreStatement tables = store->prepare("SELECT count(*) FROM sqlite_schema");
    fresh = tables.step() == SQLITE_ROW && tables.number(0) == 0;
    if (!fresh && application != application_id)
      return fail(ErrorCode::refused, "`" + path + "` is no store of muster: it is another program's database", "name another file with `--store`");
    if (!fresh && found != user_version)
      return fail(ErrorCode::refused,
                  "the store `" + path + "` has version " + std::to_string(found) + ", and this muster knows version " + std::to_string(user_version),
                  "use the muster that made it, or name another store with `--store`");
    if (fresh && !options.create) return fail(ErrorCode::not_found, "the store `" + path + "` is empty", "`muster run` fills it");
  }
  if (fresh) {
    Result<void> mode = store->run("PRAGMA journal_mode=WAL");
    if (!mode) return pass(mode.error());
  }
  {
    StoreStatement mode = store->prepare("PRAGMA journal_mode");
    if (mode.step() != SQLITE_ROW || mode.text(0) != "wal")
      return fail(ErrorCode::refused, "the store `" + path + "` cannot be kept in WAL mode on this file system", "put it on a local disk");
    StoreStatement synchronous = store->prepare("PRAGMA synchronous");
    if (synchronous.step() != SQLITE_ROW || synchronous.number(0) != (options.synchronous ? 2 : 1))
      return fail(ErrorCode::storage, "the store `" + path + "` does not sync as it was told");
  }
  if (fresh) {
    Result<void> made = store->write([&]() -> Result<void> {
      // Another process may have made it while we waited for the lock.
      StoreStatement tables = store->prepare("SELECT count(*) FROM sqlite_schema");
      if (tables.step() == SQLITE_ROW && tables.number(0) > 0) return {};
      return store->make_schema();
    });
    if (!made) return pass(made.error());
  }
  return store;
}

}  // namespace muster
