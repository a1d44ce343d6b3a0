#include "interpreter/journal/store_migration.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "interpreter/base/handle.h"
#include "interpreter/base/unique_fd.h"
#include "interpreter/journal/store_files.h"

namespace muster {
namespace {

using Db = Handle<sqlite3, &sqlite3_close_v2>;
using Memory = Handle<void, &sqlite3_free>;

tl::unexpected<Error> cannot_migrate(const std::string& path, const std::string& why) {
  return fail(ErrorCode::storage, "the store `" + path + "` cannot be brought to this version: " + why,
              "it is as it was; the muster that made it can go on with it");
}

Result<Db> opened(const std::string& file, const std::string& path, const std::string& vfs) {
  sqlite3* raw = nullptr;
  int code = sqlite3_open_v2(file.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                             vfs.empty() ? nullptr : vfs.c_str());
  Db db(raw);
  if (code != SQLITE_OK) return cannot_migrate(path, sqlite3_errstr(code));
  sqlite3_db_config(raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, nullptr);
  sqlite3_busy_timeout(raw, 10'000);
  return db;
}

Result<void> run_sql(sqlite3* db, const std::string& path, const std::string& sql) {
  if (sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return cannot_migrate(path, sqlite3_errmsg(db));
}

int version_of(sqlite3* db) {
  sqlite3_stmt* raw = nullptr;
  sqlite3_prepare_v2(db, "PRAGMA user_version", -1, &raw, nullptr);
  Handle<sqlite3_stmt, &sqlite3_finalize> statement(raw);
  return raw && sqlite3_step(raw) == SQLITE_ROW ? sqlite3_column_int(raw, 0) : 0;
}

Result<void> sync_file(const std::string& file, const std::string& path) {
  UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!fd || ::fsync(fd.get()) != 0) return cannot_migrate(path, std::strerror(errno));
  return {};
}

// A whole store again, safe on the disk under its final name before anything is changed.
Result<void> back_up(sqlite3* db, const std::string& path, int version) {
  std::string backup = migration_backup_of(path, version), temporary = backup + ".part";
  ::unlink(temporary.c_str());  // of an attempt that was cut off
  {
    UniqueFd made(::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!made || ::fchmod(made.get(), 0600) != 0) return cannot_migrate(path, std::strerror(errno));
  }
  Memory sql(sqlite3_mprintf("VACUUM INTO %Q", temporary.c_str()));
  Result<void> done = run_sql(db, path, static_cast<const char*>(sql.get()));
  if (done) {
    Result<Db> copy = opened(temporary, path, {});
    if (!copy) return pass(copy.error());
    done = run_sql(copy->get(), path, "PRAGMA journal_mode=WAL");
  }
  if (done) done = sync_file(temporary, path);
  if (done && ::rename(temporary.c_str(), backup.c_str()) != 0) done = cannot_migrate(path, std::strerror(errno));
  if (!done) ::unlink(temporary.c_str());
  return done ? sync_file(folder_of(path), path) : done;
}

}  // namespace

const StoreVersions& store_versions() {
  // 2: what waits for a person has rows of its own. What they show is read from their events as long as `kind` is
  // empty.
  static const StoreVersions ours{{R"sql(
CREATE TABLE waiting(run TEXT NOT NULL, op TEXT NOT NULL, seq INTEGER NOT NULL, kind TEXT NOT NULL, playbook TEXT NOT NULL,
  since INTEGER NOT NULL, expires_at INTEGER, title TEXT NOT NULL, who TEXT NOT NULL, steps INTEGER NOT NULL,
  destructive INTEGER NOT NULL, PRIMARY KEY(run, op)) WITHOUT ROWID;
INSERT INTO waiting
  SELECT e.run, e.op, e.seq, '', r.playbook, e.at_us, NULL, '', '', 0, 0 FROM run r JOIN event e ON e.run = r.id
  WHERE (r.state IN ('queued', 'running', 'waiting') OR e.op = '~review') AND e.kind IN ('gate_opened', 'wait_started')
    AND NOT EXISTS (SELECT 1 FROM event later WHERE later.run = e.run AND later.op = e.op AND later.seq > e.seq
      AND later.kind IN ('gate_opened', 'wait_started', 'gate_closed', 'wait_ended', 'skipped', 'intent', 'outcome',
      'verified', 'in_doubt', 'resolved'));
DELETE FROM op)sql"}};
  return ours;
}

std::string migration_backup_of(const std::string& path, int version) {
  return path + ".version-" + std::to_string(version);
}

Result<void> migrate_store(const std::string& path, const std::string& vfs, const StoreVersions& versions) {
  Result<Db> db = opened(path, path, vfs);
  if (!db) return pass(db.error());
  Result<void> done = run_sql(db->get(), path, "PRAGMA synchronous=FULL");
  int from = version_of(db->get());
  if (from >= versions.newest()) return {};
  if (from < 1) return cannot_migrate(path, "its version cannot be read");
  if (done) done = back_up(db->get(), path, from);
  if (!done) return done;
  std::string sql = "BEGIN IMMEDIATE;";
  for (int version = from; version < versions.newest(); ++version)
    sql += versions.steps[static_cast<size_t>(version) - 1] + ";";
  sql += "PRAGMA user_version=" + std::to_string(versions.newest()) + "; COMMIT";
  done = run_sql(db->get(), path, sql);
  if (!done) {
    sqlite3_exec(db->get(), "ROLLBACK", nullptr, nullptr, nullptr);
    return done;
  }
  // So that the header tells the next one; a reader that is in the way only delays that.
  sqlite3_busy_timeout(db->get(), 0);
  sqlite3_wal_checkpoint_v2(db->get(), nullptr, SQLITE_CHECKPOINT_TRUNCATE, nullptr, nullptr);
  return {};
}

}  // namespace muster
