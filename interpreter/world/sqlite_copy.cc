// Whole databases: the online copy of one that others use, and one made of a dump.
//
// Source: https://www.sqlite.org/backup.html; docs/reliability.md rows B57, B64 to B66 and S24.
#include <sqlite3.h>
#include <time.h>

#include <algorithm>
#include <cctype>

#include "interpreter/base/handle.h"
#include "interpreter/world/sqlite.h"

namespace muster {

namespace {

using Database = Handle<sqlite3, &sqlite3_close_v2>;
using Statement = Handle<sqlite3_stmt, &sqlite3_finalize>;
using OnlineCopy = Handle<sqlite3_backup, &sqlite3_backup_finish>;

constexpr int pages_at_once = 4096;
constexpr int most_waits = 1200;  // of 50 ms for a lock
constexpr int restarts_before_holding = 3;
constexpr size_t dump_piece = 1 << 20;
constexpr size_t most_statement_bytes = 512 << 20;
constexpr SqlLimits unhurried{Duration{0}, 1, 1 << 16};

tl::unexpected<Error> problem(sqlite3* db, int rc, const std::string& path) {
  int kind = rc & 0xff;
  ErrorCode code = kind == SQLITE_BUSY || kind == SQLITE_LOCKED      ? ErrorCode::busy
                   : kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB ? ErrorCode::corrupt
                   : kind == SQLITE_INTERRUPT                        ? ErrorCode::interrupted
                                                                     : ErrorCode::storage;
  std::string said = db && sqlite3_errcode(db) != SQLITE_OK ? sqlite3_errmsg(db) : sqlite3_errstr(rc);
  tl::unexpected<Error> error = fail(code, "`" + path + "`: " + said, {}, Certainty::maybe);
  error.value().cause = std::move(said);
  return error;
}

Result<Database> open_empty(const std::string& path) {
  sqlite3* raw = nullptr;
  std::string name = path.starts_with("file:") ? "./" + path : path;
  int rc = sqlite3_open_v2(name.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_PRIVATECACHE, nullptr);
  Database db(raw);
  if (rc != SQLITE_OK) return problem(raw, rc, path);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
  return db;
}

bool is_in_wal_mode(sqlite3* db) {
  sqlite3_stmt* raw = nullptr;
  if (sqlite3_prepare_v2(db, "PRAGMA journal_mode", -1, &raw, nullptr) != SQLITE_OK) return false;
  Statement statement(raw);
  if (sqlite3_step(raw) != SQLITE_ROW) return false;
  const unsigned char* mode = sqlite3_column_text(raw, 0);
  return mode && std::string_view(reinterpret_cast<const char*>(mode)) == "wal";
}

// A read that stays open, so that every page comes from one state.
int hold_one_state(sqlite3* db) {
  int rc = sqlite3_exec(db, "BEGIN", nullptr, nullptr, nullptr);
  return rc == SQLITE_OK ? sqlite3_exec(db, "SELECT 1 FROM sqlite_master LIMIT 1", nullptr, nullptr, nullptr) : rc;
}

Result<void> copy_pages(SqliteConnection& source, sqlite3* target, const std::string& to, const std::stop_token& stop,
                        const CopyProgress& progress) {
  // In WAL mode a reader is in nobody's way. Otherwise writers get their turn between the pieces, and what they change
  // starts the copy over; one that never gets through holds them up in the end.
  bool is_held = is_in_wal_mode(source.handle());
  if (int rc = is_held ? hold_one_state(source.handle()) : SQLITE_OK; rc != SQLITE_OK)
    return pass(source.error_of(rc, 0));
  OnlineCopy copy(sqlite3_backup_init(target, "main", source.handle(), "main"));
  if (!copy) return problem(target, sqlite3_errcode(target), to);
  int last_left = -1, restarts = 0, waits = 0;
  while (true) {
    if (stop.stop_requested()) return fail(ErrorCode::interrupted, "the copy was stopped");
    int rc = sqlite3_backup_step(copy.get(), pages_at_once);
    int left = sqlite3_backup_remaining(copy.get()), total = sqlite3_backup_pagecount(copy.get());
    progress(total - left, total);
    if (rc == SQLITE_DONE) break;
    if (rc == SQLITE_BUSY || rc == SQLITE_LOCKED) {
      if (++waits > most_waits) return fail(ErrorCode::busy, "the database is locked by another connection");
      timespec pause{0, 50'000'000};
      ::nanosleep(&pause, nullptr);
      continue;
    }
    if (rc != SQLITE_OK) {
      // Which of the two is at fault shows in its own code.
      if (sqlite3_errcode(source.handle()) == (rc & 0xff)) return pass(source.error_of(rc, 0));
      return problem(target, rc, to);
    }
    if (last_left >= 0 && left > last_left && ++restarts == restarts_before_holding && !is_held) {
      if (int held = hold_one_state(source.handle()); held != SQLITE_OK) return pass(source.error_of(held, 0));
      is_held = true;
    }
    last_left = left;
  }
  int rc = sqlite3_backup_finish(copy.release());
  if (rc != SQLITE_OK) return problem(target, rc, to);
  return {};
}

// What a dump may ask for: tables, rows and what belongs to them. `true` is a refusal.
struct DumpFence {
  std::string refused;
  static int ask(void* self, int action, const char* first, const char* second, const char*, const char*) {
    DumpFence& fence = *static_cast<DumpFence*>(self);
    std::string_view name = first ? first : "", detail = second ? second : "";
    std::string what;
    if (action == SQLITE_ATTACH) what = "ATTACH";
    if (action == SQLITE_DETACH) what = "DETACH";
    if (action == SQLITE_FUNCTION && (detail == "load_extension" || detail == "fts3_tokenizer" ||
                                      detail == "readfile" || detail == "writefile" || detail == "edit")) {
      what = std::string(detail) + "()";
    }
    if (action == SQLITE_PRAGMA && name != "foreign_keys" && name != "user_version" && name != "application_id" &&
        name != "encoding" && name != "page_size" && name != "auto_vacuum") {
      what = "PRAGMA " + std::string(name);
    }
    if (what.empty()) return SQLITE_OK;
    if (fence.refused.empty()) fence.refused = what;
    return SQLITE_DENY;
  }
};

bool is_blank(std::string_view text) {
  while (!text.empty()) {
    if (std::isspace(static_cast<unsigned char>(text.front())) != 0 || text.front() == ';') {
      text.remove_prefix(1);
    } else if (text.starts_with("--")) {
      text.remove_prefix(std::min(text.find('\n'), text.size() - 1) + 1);
    } else {
      return false;
    }
  }
  return true;
}

// Feeds a dump's text, statement by statement.
class DumpLoader {
 public:
  DumpLoader(sqlite3* db, DumpFence& fence, std::string path) : db_(db), fence_(fence), path_(std::move(path)) {}

  Result<void> add(std::string_view text) {
    while (!text.empty()) {
      size_t end = text.find(';');
      size_t taken = end == std::string_view::npos ? text.size() : end + 1;
      pending_ += text.substr(0, taken);
      text.remove_prefix(taken);
      if (pending_.size() > most_statement_bytes)
        return fail(ErrorCode::refused, place() + "a statement is larger than 512 MiB");
      if (end == std::string_view::npos) return {};
      if (pending_.find('\0') != std::string::npos) return fail(ErrorCode::corrupt, place() + "it holds a NUL byte");
      if (sqlite3_complete(pending_.c_str()) == 0) continue;
      if (Result<void> done = run(); !done) return done;
    }
    return {};
  }

  // The dump is over: it must have ended where a statement does, with everything committed.
  Result<void> end() {
    if (!is_blank(pending_))
      return fail(ErrorCode::corrupt, place() + "the dump is cut within a statement", "take another dump");
    if (statements_ == 0) return fail(ErrorCode::corrupt, "the dump holds no statement");
    if (sqlite3_get_autocommit(db_) == 0)
      return fail(ErrorCode::corrupt, "the dump is cut: the transaction that it begins is never committed",
                  "take another dump");
    if (!ended_by_commit_)
      return fail(ErrorCode::corrupt,
                  "it cannot be told whether the dump is whole: it does not end with COMMIT, as `sqlite3 .dump` does",
                  "put `BEGIN;` before and `COMMIT;` behind a dump that another program wrote");
    return {};
  }

 private:
  std::string place() const { return "line " + std::to_string(line_) + " of the dump: "; }

  Result<void> run() {
    size_t lines = static_cast<size_t>(std::ranges::count(pending_, '\n'));
    size_t blank = pending_.find_first_not_of(" \t\r\n");
    if (blank != std::string::npos)
      line_ += static_cast<size_t>(std::count(pending_.begin(), pending_.begin() + static_cast<long>(blank), '\n')),
          lines -= static_cast<size_t>(std::count(pending_.begin(), pending_.begin() + static_cast<long>(blank), '\n'));
    bool was_open = sqlite3_get_autocommit(db_) == 0;
    const char* at = pending_.c_str();
    while (*at != '\0') {
      sqlite3_stmt* raw = nullptr;
      int rc = sqlite3_prepare_v2(db_, at, -1, &raw, &at);
      Statement statement(raw);
      while (rc == SQLITE_OK && raw && (rc = sqlite3_step(raw)) == SQLITE_ROW) rc = SQLITE_OK;
      if (rc == SQLITE_DONE) rc = SQLITE_OK;
      if (rc != SQLITE_OK) return failed(rc);
      if (raw) ++statements_;
    }
    bool is_open = sqlite3_get_autocommit(db_) == 0;
    if (was_open && !is_open) {
      std::string word;
      for (char c : pending_.substr(blank == std::string::npos ? 0 : blank, 8))
        word += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
      if (word.starts_with("ROLLBACK"))
        return fail(ErrorCode::corrupt, place() + "the dump takes itself back: its writer had met an error",
                    "take another dump");
      ended_by_commit_ = true;
    } else if (!is_blank(pending_)) {
      ended_by_commit_ = false;
    }
    pending_.clear();
    line_ += lines;
    return {};
  }

  Result<void> failed(int rc) {
    std::string said = sqlite3_errmsg(db_);
    if (!fence_.refused.empty())
      return fail(ErrorCode::refused, place() + "`" + fence_.refused + "` has no place in a dump");
    tl::unexpected<Error> error = problem(db_, rc, path_);
    if ((rc & 0xff) == SQLITE_ERROR || (rc & 0xff) == SQLITE_CONSTRAINT || (rc & 0xff) == SQLITE_MISMATCH)
      error.value().code = ErrorCode::corrupt;
    error.value().message = place() + said;
    return error;
  }

  sqlite3* db_;
  DumpFence& fence_;
  std::string path_;
  std::string pending_;
  size_t line_ = 1;
  int64_t statements_ = 0;
  bool ended_by_commit_ = false;
};

}  // namespace

Result<void> SqliteSql::copy_to(const Connection& connection, const std::string& to, std::stop_token stop,
                                const CopyProgress& progress) {
  Result<std::string> path = sqlite_path_of(connection);
  if (!path) return pass(path.error());
  Result<SqliteConnection> source = SqliteConnection::open(*path, SqlFence::query, unhurried, stop, uses_);
  if (!source) return pass(source.error());
  uses_->begin();
  Result<void> copied;
  {
    Result<Database> target = open_empty(to);
    copied = target ? copy_pages(*source, target->get(), to, stop, progress) : pass(target.error());
  }
  uses_->end();
  return copied;
}

Result<void> SqliteSql::load_dump(const Connection& connection, ReadFile& dump, std::stop_token stop,
                                  const CopyProgress& progress) {
  Result<std::string> path = sqlite_path_of(connection);
  if (!path) return pass(path.error());
  uses_->begin();
  Result<void> loaded = [&]() -> Result<void> {
    Result<Database> db = open_empty(*path);
    if (!db) return pass(db.error());
    // Nobody else has it, and a half-made one is thrown away.
    sqlite3_exec(db->get(), "PRAGMA journal_mode = MEMORY", nullptr, nullptr, nullptr);
    DumpFence fence;
    sqlite3_set_authorizer(db->get(), &DumpFence::ask, &fence);
    sqlite3_progress_handler(
        db->get(), 100'000, [](void* token) { return static_cast<std::stop_token*>(token)->stop_requested() ? 1 : 0; },
        &stop);
    DumpLoader loader(db->get(), fence, *path);
    int64_t read = 0;
    while (true) {
      if (stop.stop_requested()) return fail(ErrorCode::interrupted, "the restore was stopped");
      Result<std::string> text = dump.read(dump_piece);
      if (!text) return pass(text.error());
      if (text->empty()) break;
      read += static_cast<int64_t>(text->size());
      if (Result<void> added = loader.add(*text); !added) return added;
      progress(read, 0);
    }
    return loader.end();
  }();
  uses_->end();
  return loaded;
}

}  // namespace muster
