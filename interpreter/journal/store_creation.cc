#include "interpreter/journal/store_creation.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "interpreter/base/digest.h"
#include "interpreter/base/handle.h"
#include "interpreter/base/unique_fd.h"
#include "interpreter/journal/ledger.h"
#include "interpreter/journal/store_files.h"
#include "interpreter/journal/store_migration.h"

namespace muster {
namespace {

using Db = Handle<sqlite3, &sqlite3_close_v2>;

// Instants are microseconds since 1970, hashes and keys are hex. Whether a lock still holds is judged by its
// run; its epoch and expiry are those of its taking. `decision` belongs to the list of decisions of the shared store;
// it is part of version 1 so that both stores have the same tables.
constexpr const char* schema = R"sql(
CREATE TABLE store(instance TEXT NOT NULL, created_at INTEGER NOT NULL, muster_version TEXT NOT NULL, public_key TEXT NOT NULL);
CREATE TABLE file(digest TEXT PRIMARY KEY, bytes BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE run(id TEXT PRIMARY KEY, playbook TEXT NOT NULL, version TEXT NOT NULL, graph_digest TEXT NOT NULL,
  inputs TEXT NOT NULL, starter TEXT NOT NULL, parent TEXT NOT NULL, created_at INTEGER NOT NULL, owner TEXT NOT NULL,
  epoch INTEGER NOT NULL, next_seq INTEGER NOT NULL, head TEXT NOT NULL, state TEXT NOT NULL, due_at INTEGER,
  expires_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX run_created ON run(created_at);
CREATE INDEX run_owner ON run(owner) WHERE owner <> '';
CREATE TABLE event(run TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, op TEXT NOT NULL, attempt INTEGER NOT NULL,
  at_us INTEGER NOT NULL, body TEXT NOT NULL, hash TEXT NOT NULL, PRIMARY KEY(run, seq)) WITHOUT ROWID;
CREATE UNIQUE INDEX event_once ON event(run, op, attempt, kind) WHERE kind IN ('intent', 'outcome', 'mark_intent', 'mark');
CREATE TABLE op(run TEXT NOT NULL, op TEXT NOT NULL, attempt INTEGER NOT NULL, state TEXT NOT NULL, last_seq INTEGER NOT NULL,
  PRIMARY KEY(run, op)) WITHOUT ROWID;
CREATE TABLE output(run TEXT NOT NULL, op TEXT NOT NULL, attempt INTEGER NOT NULL, stream TEXT NOT NULL, head BLOB NOT NULL,
  tail BLOB NOT NULL, bytes INTEGER NOT NULL, sha256 TEXT NOT NULL, PRIMARY KEY(run, op, attempt, stream)) WITHOUT ROWID;
CREATE TABLE ledger(n INTEGER PRIMARY KEY, at_us INTEGER NOT NULL, kind TEXT NOT NULL, run TEXT NOT NULL,
  run_seq INTEGER NOT NULL, run_head TEXT NOT NULL, hash TEXT NOT NULL, signature TEXT NOT NULL);
CREATE TABLE owner(id TEXT PRIMARY KEY, host TEXT NOT NULL, boot_id TEXT NOT NULL, pid INTEGER NOT NULL,
  started INTEGER NOT NULL, expires_at INTEGER NOT NULL, socket TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE lock(name TEXT PRIMARY KEY, run TEXT NOT NULL, epoch INTEGER NOT NULL, taken_at INTEGER NOT NULL,
  expires_at INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE waiting(run TEXT NOT NULL, op TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, playbook TEXT NOT NULL,
  since INTEGER NOT NULL, expires_at INTEGER, title TEXT NOT NULL, who TEXT NOT NULL, steps INTEGER NOT NULL,
  destructive INTEGER NOT NULL, PRIMARY KEY(run, op)) WITHOUT ROWID;
CREATE TABLE decision(run TEXT NOT NULL, gate TEXT NOT NULL, opening INTEGER NOT NULL, person TEXT NOT NULL,
  verdict TEXT NOT NULL, digest TEXT NOT NULL, reason TEXT NOT NULL, at INTEGER NOT NULL, UNIQUE(run, gate, opening, person));
)sql";

tl::unexpected<Error> cannot_make(const std::string& path, const std::string& why) {
  return fail(ErrorCode::storage, "the store `" + path + "` cannot be made: " + why);
}

Result<void> fill(const std::string& path, const std::string& temporary, const std::string& vfs,
                  const std::string& public_key) {
  int64_t now =
      std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch())
          .count();
  std::string instance = sha256_hex("muster-store-1" + public_key + std::to_string(now) + path).substr(0, 32);
  sqlite3* raw = nullptr;
  int code = sqlite3_open_v2(temporary.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                             vfs.empty() ? nullptr : vfs.c_str());
  Db db(raw);
  if (code != SQLITE_OK) return cannot_make(path, sqlite3_errstr(code));
  // In one transaction, and synced; a crash before the name is given leaves a file that the next attempt removes. WAL
  // mode comes last: closing then leaves one file.
  std::string text = "PRAGMA journal_mode=MEMORY; PRAGMA synchronous=FULL; BEGIN;" + std::string(schema) +
                     "PRAGMA application_id=" + std::to_string(store_application_id) +
                     "; PRAGMA user_version=" + std::to_string(store_versions().newest()) +
                     "; INSERT INTO store VALUES('" + instance + "', " + std::to_string(now) + ", '0.1.0', '" +
                     public_key + "'); COMMIT; PRAGMA journal_mode=WAL;";
  if (sqlite3_exec(db.get(), text.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK)
    return cannot_make(path, sqlite3_errmsg(db.get()));
  return {};
}

}  // namespace

Result<void> make_store(const std::string& path, const std::string& vfs) {
  std::string temporary = path + ".new";
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) ::unlink((temporary + suffix).c_str());
  Result<SigningKey> key = signing_key(path + ".key", true);
  if (!key) return pass(key.error());
  {
    // Made by us first, so that it is never readable by others, whatever the umask; SQLite gives -wal and -shm its
    // mode.
    UniqueFd made(::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!made || ::fchmod(made.get(), 0600) != 0) return cannot_make(path, std::strerror(errno));
  }
  Result<void> filled = fill(path, temporary, vfs, key->public_hex);
  if (!filled) {
    ::unlink(temporary.c_str());
    return filled;
  }
  if (::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, path.c_str(), RENAME_NOREPLACE) != 0)
    return cannot_make(path, std::strerror(errno));
  UniqueFd folder(::open(folder_of(path).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder || ::fsync(folder.get()) != 0)
    return cannot_make(path, std::string("its folder cannot be synced: ") + std::strerror(errno));
  return {};
}

}  // namespace muster
