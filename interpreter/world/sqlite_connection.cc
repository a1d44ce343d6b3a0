#include "interpreter/world/sqlite_connection.h"

#include <sqlite3.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <functional>
#include <map>
#include <optional>
#include <thread>

#include "interpreter/base/handle.h"
#include "interpreter/world/sqlite_fence.h"
#include "interpreter/world/sqlite_reading_ahead.h"
#include "interpreter/world/sqlite_values.h"
#include "interpreter/world/statement_telling.h"
#include "interpreter/world/system_error.h"

namespace muster {

namespace {

using Db = Handle<sqlite3, &sqlite3_close_v2>;
using Statement = Handle<sqlite3_stmt, &sqlite3_finalize>;
using Moment = std::chrono::steady_clock::time_point;

constexpr std::chrono::seconds longest_wait_for_locks{5};
constexpr int instructions_between_checks = 2'000;

// Keeps a use open as long as the connection.
class Use {
 public:
  explicit Use(std::shared_ptr<SqliteUses> uses) : uses_(std::move(uses)) { uses_->begin(); }
  ~Use() { uses_->end(); }
  [[nodiscard]] const VirtualSqlite* simulated() const { return uses_->simulated(); }
  Use(const Use&) = delete;
  Use& operator=(const Use&) = delete;

 private:
  std::shared_ptr<SqliteUses> uses_;
};

// A name that SQLite cannot take for a URI, for `:memory:` or for a temporary database.
std::string plain_name(const std::string& path) { return path.starts_with('/') ? path : "./" + path; }

std::string immutable_uri(const std::string& path) {
  std::string uri = "file:";
  for (unsigned char c : plain_name(path)) {
    bool is_plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '/' ||
                    c == '.' || c == '-' || c == '_';
    constexpr char digits[] = "0123456789abcdef";
    if (is_plain) {
      uri += static_cast<char>(c);
    } else {
      uri += '%';
      uri += digits[c >> 4];
      uri += digits[c & 15];
    }
  }
  return uri + "?immutable=1";
}

bool has_content(const std::string& path) {
  struct stat raw {};
  return ::stat(path.c_str(), &raw) == 0 && raw.st_size > 0;
}

// Told before SQLite is asked, whose one word for all of these is `unable to open database file`.
Result<void> check_file(const std::string& path) {
  struct stat raw {};
  if (::stat(path.c_str(), &raw) == 0) {
    if (S_ISREG(raw.st_mode)) return {};
    tl::unexpected<Error> error = fail(ErrorCode::corrupt, "`" + path + "` is not a file");
    error.value().cause = "not a file";
    return error;
  }
  int number = errno;
  size_t slash = path.rfind('/');
  std::string folder = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  if (number == ENOENT && ::stat(folder.c_str(), &raw) == 0 && S_ISDIR(raw.st_mode)) {
    return fail(ErrorCode::not_found, "the database `" + path + "` does not exist");
  }
  tl::unexpected<Error> error = system_error(number, "reach the database", path);
  error.value().code = ErrorCode::unreachable;
  return error;
}

}  // namespace

void SqliteUses::begin() {
  std::lock_guard lock(mutex_);
  ++open_;
}

void SqliteUses::end() {
  std::lock_guard lock(mutex_);
  if (--open_ == 0) kept_.clear();
}

void SqliteUses::close(UniqueFd fd) {
  std::lock_guard lock(mutex_);
  if (open_ > 0) kept_.push_back(std::move(fd));
}

Result<std::string> sqlite_path_of(const Connection& connection) {
  std::string path = text_of(connection.settings, "path");
  if (path.empty()) return fail(ErrorCode::invalid, "the connection `" + connection.name + "` has no path");
  if (path.find('\0') != std::string::npos) {
    return fail(ErrorCode::invalid, "the path of the connection `" + connection.name + "` holds a NUL byte");
  }
  return path;
}

struct SqliteConnection::State {
  std::string path;
  SqlFence fence;
  std::stop_token stop;
  std::optional<Moment> deadline;
  std::optional<Moment> waiting_since;  // for the locks of others
  bool is_fenced = false;               // the author's statements are running
  std::string refused;                  // what the fence stopped
  bool is_pragma = false;               // the fence saw a PRAGMA in the statement, and nothing else
  std::atomic<bool> may_interrupt = true;
  int writes = 0;
  StatementTelling telling{nullptr};
  sqlite3_stmt* running = nullptr;  // the author's statement
  int64_t rows = 0;                 // that it has given or changed
  SqliteReading reading;
  Use use;
  Db db;
  std::map<std::string, std::unique_ptr<Prepared>> kept;  // by text; gone before the database
  std::optional<std::stop_callback<std::function<void()>>> on_stop;
  std::jthread watch;

  State(std::string at, SqlFence by, std::stop_token token, std::shared_ptr<SqliteUses> uses)
      : path(std::move(at)), fence(by), stop(std::move(token)), use(std::move(uses)) {}

  bool is_over_time() const { return deadline && std::chrono::steady_clock::now() >= *deadline; }
  bool must_end() const { return may_interrupt && (stop.stop_requested() || is_over_time()); }
  int open_file(bool is_immutable);
  int first_read();
  void tell_how_far();
  Result<void> bind_all(sqlite3_stmt* statement, const Map& bind) const;
  Result<void> step_all(sqlite3_stmt* statement, const SqlLimits& limits, SqlResult& result, const std::string& at);
  Error error_of(int rc, const std::string& at) const;

  static int authorize(void* self, int action, const char* first, const char* second, const char*, const char*);
  static int ask_whether_to_end(void* self) {
    static_cast<State*>(self)->tell_how_far();
    return static_cast<State*>(self)->must_end() ? 1 : 0;
  }
  static void count_change(void* self, int, const char*, const char*, sqlite3_int64) {
    ++static_cast<State*>(self)->rows;
  }
  static int wait_for_lock(void* self, int earlier_waits);
};

int SqliteConnection::State::authorize(void* self, int action, const char* first, const char* second, const char*,
                                       const char*) {
  State& state = *static_cast<State*>(self);
  if (!state.is_fenced) return SQLITE_OK;
  std::optional<std::string> refused = refused_by(state.fence, action, first, second);
  state.is_pragma = action == SQLITE_PRAGMA;
  if (!refused) return SQLITE_OK;
  if (state.refused.empty()) state.refused = std::move(*refused);
  return SQLITE_DENY;
}

int SqliteConnection::State::wait_for_lock(void* self, int earlier_waits) {
  State& state = *static_cast<State*>(self);
  Moment now = std::chrono::steady_clock::now();
  if (earlier_waits == 0) state.waiting_since = now;
  if (now - *state.waiting_since >= longest_wait_for_locks || state.stop.stop_requested() || state.is_over_time())
    return 0;
  timespec pause{0, std::min(1 + earlier_waits, 20) * 1'000'000L};
  ::nanosleep(&pause, nullptr);
  return 1;
}

// Before the first row of a sum or of a sorted result there is only what has been read for it.
void SqliteConnection::State::tell_how_far() {
  if (!running || !telling.is_due()) return;
  if (rows > 0) return telling.tell(rows, 0, "rows");
  const int read = sqlite3_stmt_status(running, SQLITE_STMTSTATUS_FULLSCAN_STEP, 0);
  if (read > 0) telling.tell(read, 0, "rows read");
}

int SqliteConnection::State::open_file(bool is_immutable) {
  on_stop.reset();
  db.reset();
  bool is_read = fence == SqlFence::query;
  int flags = SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE |
              (is_read ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE) | (is_immutable ? SQLITE_OPEN_URI : 0);
  sqlite3* raw = nullptr;
  const VirtualSqlite* simulated = use.simulated();
  int rc = sqlite3_open_v2((is_immutable ? immutable_uri(path) : plain_name(path)).c_str(), &raw, flags,
                           simulated       ? simulated->name().c_str()
                           : reading.ahead ? sqlite_reading_ahead()
                                           : nullptr);
  db.reset(raw);  // there even when opening fails
  if (rc != SQLITE_OK) return rc;
  if (simulated) simulated->prepare(raw);
  if (reading.arrival && reading.ahead && !simulated) {
    rc = sqlite3_file_control(raw, "main", reading_while_arriving, reading.arrival);
    if (rc != SQLITE_OK) return rc;
  }
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  // Where we write the schema stays trusted: the application's own triggers may feed full-text tables. What they could
  // misuse is refused by the fence, which stands around triggers too.
  if (is_read) sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, nullptr);
  // A trial that is the last to leave would otherwise carry somebody's log into his database.
  if (fence == SqlFence::trial) sqlite3_db_config(raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  sqlite3_busy_handler(raw, &wait_for_lock, this);
  sqlite3_progress_handler(raw, instructions_between_checks, &ask_whether_to_end, this);
  sqlite3_set_authorizer(raw, &authorize, this);
  on_stop.emplace(stop, [this] {
    if (may_interrupt) sqlite3_interrupt(db.get());
  });
  return first_read();
}

int SqliteConnection::State::first_read() {
  const char* prepare =
      fence == SqlFence::query   ? "PRAGMA mmap_size = 0; PRAGMA cell_size_check = ON; PRAGMA query_only = ON"
      : fence == SqlFence::trial ? "PRAGMA mmap_size = 0; PRAGMA cell_size_check = ON; PRAGMA cache_spill = OFF; "
                                   "PRAGMA wal_autocheckpoint = 0"
                                 : "PRAGMA mmap_size = 0; PRAGMA cell_size_check = ON";
  int rc = sqlite3_exec(db.get(), prepare, nullptr, nullptr, nullptr);
  if (rc != SQLITE_OK) return rc;
  // Room for the indexes that are asked for each row of a table.
  if (reading.ahead) rc = sqlite3_exec(db.get(), "PRAGMA cache_size = -32768", nullptr, nullptr, nullptr);
  // What lies beyond the most that SQLite maps is read.
  if (rc == SQLITE_OK && reading.mapped)
    rc = sqlite3_exec(db.get(), "PRAGMA mmap_size = 1099511627776", nullptr, nullptr, nullptr);
  if (rc != SQLITE_OK) return rc;
  return sqlite3_exec(db.get(), "PRAGMA schema_version", nullptr, nullptr, nullptr);
}

Error SqliteConnection::State::error_of(int rc, const std::string& at) const {
  Error error;
  error.cause = db && sqlite3_extended_errcode(db.get()) == rc ? sqlite3_errmsg(db.get()) : sqlite3_errstr(rc);
  std::string place = !at.empty() ? at + ": " : "`" + path + "`: ";
  error.message = place + error.cause;
  // SQLite calls what the fence stopped SQLITE_AUTH, SQLITE_ERROR (functions) or SQLITE_SCHEMA (CREATE).
  int kind = rc & 0xff;
  bool is_refused = !refused.empty() && (kind == SQLITE_ERROR || kind == SQLITE_SCHEMA);
  switch (is_refused ? SQLITE_AUTH : kind) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      error.code = ErrorCode::busy;
      error.message = place + "the database is locked by another connection";
      if (!stop.stop_requested()) break;
      [[fallthrough]];
    case SQLITE_INTERRUPT:
      error.code = stop.stop_requested() ? ErrorCode::interrupted : ErrorCode::timeout;
      error.message =
          place + (stop.stop_requested() ? "stopped before it had ended" : "its time was up before it had ended");
      break;
    case SQLITE_AUTH:
      error.code = ErrorCode::refused;
      error.message = place + (refused.empty() ? std::string("this") : "`" + refused + "`") + " is not allowed here";
      if (fence == SqlFence::query) error.hint = "`query` only reads; `execute` writes";
      if (fence == SqlFence::transaction && (refused == "COMMIT" || refused == "BEGIN" || refused == "ROLLBACK")) {
        error.hint = "`execute` is one transaction already; `transaction: false` leaves that to you";
      }
      break;
    case SQLITE_READONLY:
      error.code = ErrorCode::refused;
      if (rc == SQLITE_READONLY_ROLLBACK) {
        error.message =
            place + "a writer was killed, and its journal must be rolled back before the database can be read";
        error.hint = "start the service that owns it, or run an `execute` of `SELECT 1` on it";
      } else if (fence == SqlFence::query) {
        error.hint = "`query` only reads; `execute` writes";
      }
      break;
    case SQLITE_NOTADB:
      error.code = ErrorCode::corrupt;
      error.cause = "not a database";
      error.message = place + error.cause;
      break;
    case SQLITE_CORRUPT:
      error.code = ErrorCode::corrupt;
      break;
    case SQLITE_CANTOPEN:
    case SQLITE_PERM: {
      int number = db ? sqlite3_system_errno(db.get()) : 0;
      error.code = number == EACCES || number == EPERM || number == EROFS ? ErrorCode::refused : ErrorCode::unreachable;
      if (number != 0) error.message += " (" + system_word(number) + ")";
      break;
    }
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_NOMEM:
    case SQLITE_NOLFS:
    case SQLITE_PROTOCOL:
      error.code = ErrorCode::storage;
      break;
    case SQLITE_TOOBIG:
    case SQLITE_RANGE:
      error.code = ErrorCode::invalid;
      break;
    default:
      error.code = ErrorCode::failed;
  }
  return error;
}

Result<void> SqliteConnection::State::bind_all(sqlite3_stmt* statement, const Map& bind) const {
  int count = sqlite3_bind_parameter_count(statement);
  for (int i = 1; i <= count; ++i) {
    const char* written = sqlite3_bind_parameter_name(statement, i);
    std::string_view name = written ? written : "?";
    const Value* value = name.starts_with(':') ? member(bind, name.substr(1)) : nullptr;
    if (!name.starts_with(':')) {
      return fail(ErrorCode::invalid,
                  "`" + std::string(name) + "` is no place for a value: write `:name`, and its value in `bind`");
    }
    if (!value)
      return fail(ErrorCode::invalid, "the statement has `" + std::string(name) + "`, and `bind` has no such value");
    if (Result<void> bound = bind_value(statement, i, name.substr(1), *value); !bound) return bound;
  }
  return {};
}

namespace {

// Two columns of one name would be one member: the second `id` is `id_2`.
std::vector<std::string> columns_of(sqlite3_stmt* statement) {
  std::vector<std::string> names;
  for (int i = 0; i < sqlite3_column_count(statement); ++i) {
    const char* written = sqlite3_column_name(statement, i);
    std::string name = written ? written : "";
    auto is_taken = [&](const std::string& candidate) {
      for (const std::string& earlier : names)
        if (earlier == candidate) return true;
      return false;
    };
    std::string free_name = name;
    for (int n = 2; is_taken(free_name); ++n) free_name = name + "_" + std::to_string(n);
    names.push_back(std::move(free_name));
  }
  return names;
}

}  // namespace

Result<void> SqliteConnection::State::step_all(sqlite3_stmt* statement, const SqlLimits& limits, SqlResult& result,
                                               const std::string& at) {
  int columns = sqlite3_column_count(statement);
  int64_t bytes = 0;
  if (columns > 0) {
    result.columns = columns_of(statement);
    result.rows.clear();
    result.row_count = 0;
    result.truncated = false;
  }
  int rc = SQLITE_OK;
  while ((rc = sqlite3_step(statement)) == SQLITE_ROW) {
    rows = std::max(rows, ++result.row_count);
    if (result.truncated) continue;
    for (int i = 0; i < columns; ++i) bytes += column_size(statement, i);
    result.truncated = static_cast<int64_t>(result.rows.size()) >= limits.max_rows || bytes > limits.max_bytes;
    if (result.truncated) continue;
    Map row;
    for (int i = 0; i < columns; ++i) row[result.columns[static_cast<size_t>(i)]] = column_value(statement, i);
    result.rows.push_back(std::move(row));
  }
  if (rc == SQLITE_DONE) return {};
  return pass(error_of(sqlite3_extended_errcode(db.get()), at));
}

SqliteConnection::SqliteConnection(std::unique_ptr<State> state) : state_(std::move(state)) {}
SqliteConnection::SqliteConnection(SqliteConnection&&) noexcept = default;

SqliteConnection::~SqliteConnection() {
  if (!state_) return;
  state_->watch = {};  // joined before the database goes
  state_->on_stop.reset();
}

Result<SqliteConnection> SqliteConnection::open(const std::string& path, SqlFence fence, const SqlLimits& limits,
                                                std::stop_token stop, std::shared_ptr<SqliteUses> uses,
                                                const SqliteReading& reading) {
  if (Result<void> there = check_file(path); !there) return pass(there.error());
  auto state = std::make_unique<State>(path, fence, std::move(stop), std::move(uses));
  state->reading = reading;
  if (limits.timeout.us > 0)
    state->deadline = std::chrono::steady_clock::now() + std::chrono::microseconds(limits.timeout.us);
  int rc = state->open_file(false);
  int kind = rc & 0xff;
  // A database in WAL mode in a folder without rights to write: SQLite cannot make the files beside it. Where there is
  // no log with content, the file alone is the whole database and may be read as it stands.
  bool cannot_write_beside = kind == SQLITE_CANTOPEN || (kind == SQLITE_READONLY && rc != SQLITE_READONLY_ROLLBACK);
  if (fence == SqlFence::query && cannot_write_beside && ::access(path.c_str(), R_OK) == 0) {
    if (has_content(path + "-wal")) {
      return fail(ErrorCode::refused,
                  "`" + path + "`: its write-ahead log cannot be read without rights to write in its folder");
    }
    if (!has_content(path + "-journal")) rc = state->open_file(true);
  }
  if (rc != SQLITE_OK) return pass(state->error_of(rc, {}));
  if (fence != SqlFence::query && sqlite3_db_readonly(state->db.get(), "main") == 1) {
    return fail(ErrorCode::refused, "`" + path + "` cannot be written to: we have no rights to");
  }
  return SqliteConnection(std::move(state));
}

Result<SqlResult> SqliteConnection::run(const FilledSql& sql, const Map& bind, const SqlLimits& limits) {
  State& state = *state_;
  SqlResult result;
  state.telling = StatementTelling(limits.progress);
  if (limits.progress) sqlite3_update_hook(state.db.get(), &State::count_change, &state);
  const char* const begin = sql.text.c_str();
  const char* const end = begin + sql.text.size();
  for (const char* at = begin; at < end;) {
    while (at < end && (*at == ' ' || *at == '\n' || *at == '\t' || *at == '\r' || *at == ';')) ++at;
    size_t offset = static_cast<size_t>(at - begin);
    sqlite3_stmt* raw = nullptr;
    const char* tail = end;
    state.is_fenced = true;
    state.refused.clear();
    state.is_pragma = false;
    int rc = sqlite3_prepare_v3(state.db.get(), at, static_cast<int>(end - at), 0, &raw, &tail);
    state.is_fenced = false;
    Statement statement(raw);
    if (rc != SQLITE_OK) {
      int within = sqlite3_error_offset(state.db.get());
      size_t place = offset + (within > 0 ? static_cast<size_t>(within) : 0);
      return pass(state.error_of(rc, sql.place(place)));
    }
    at = tail;
    if (!statement) continue;  // a comment
    std::string place = sql.place(offset);
    // SQLite calls an EXPLAIN of a writing statement, and `PRAGMA journal_mode` without a value, writing ones.
    bool is_question = sqlite3_stmt_isexplain(raw) != 0 || (state.is_pragma && state.fence == SqlFence::query);
    bool is_write = sqlite3_stmt_readonly(raw) == 0 && !is_question;
    if (is_write && state.fence == SqlFence::query) {
      return fail(ErrorCode::refused, place + ": the statement writes", "`query` only reads; `execute` writes");
    }
    if (Result<void> bound = state.bind_all(raw, bind); !bound) return pass(bound.error());
    int64_t before = sqlite3_total_changes64(state.db.get());
    // Statements that SQLite prepares again, because the schema has changed, pass the fence again.
    state.is_fenced = true;
    state.running = raw;
    state.rows = 0;
    Result<void> done = state.step_all(raw, limits, result, place);
    state.running = nullptr;
    state.is_fenced = false;
    if (!done) return pass(done.error());
    if (is_write) ++state.writes;
    // changes() keeps the number of an earlier statement where this one changed no row, and leaves out those of
    // triggers.
    if (sqlite3_total_changes64(state.db.get()) > before) result.changes += sqlite3_changes64(state.db.get());
  }
  return result;
}

SqliteConnection::Prepared::~Prepared() { sqlite3_finalize(statement_); }

Result<SqliteConnection::Prepared*> SqliteConnection::prepared(const FilledSql& sql) {
  State& state = *state_;
  if (auto known = state.kept.find(sql.text); known != state.kept.end()) return known->second.get();
  sqlite3_stmt* raw = nullptr;
  const char* tail = nullptr;
  state.is_fenced = true;
  state.refused.clear();
  state.is_pragma = false;
  int rc = sqlite3_prepare_v3(state.db.get(), sql.text.c_str(), static_cast<int>(sql.text.size()),
                              SQLITE_PREPARE_PERSISTENT, &raw, &tail);
  state.is_fenced = false;
  Statement statement(raw);
  if (rc != SQLITE_OK) {
    int within = sqlite3_error_offset(state.db.get());
    return pass(state.error_of(rc, sql.place(within > 0 ? static_cast<size_t>(within) : 0)));
  }
  bool is_one = statement && std::string_view(tail).find_first_not_of(" \t\r\n;") == std::string_view::npos;
  if (!is_one) return fail(ErrorCode::invalid, "one statement is expected here");
  if (state.fence == SqlFence::query && sqlite3_stmt_readonly(raw) == 0 && !state.is_pragma) {
    return fail(ErrorCode::refused, sql.place(0) + ": the statement writes", "`query` only reads; `execute` writes");
  }
  std::unique_ptr<Prepared>& kept = state.kept[sql.text];
  kept = std::make_unique<Prepared>(statement.release(), sql.place(0));
  return kept.get();
}

Result<void> SqliteConnection::bind(Prepared& statement, const Map& bind) {
  return state_->bind_all(statement.get(), bind);
}

Result<void> SqliteConnection::step_each(Prepared& statement, const std::function<Result<void>()>& row) {
  State& state = *state_;
  int rc = SQLITE_OK;
  Result<void> seen;
  state.is_fenced = true;
  while (seen && (rc = sqlite3_step(statement.get())) == SQLITE_ROW) seen = row();
  state.is_fenced = false;
  Result<void> done;
  if (seen && rc != SQLITE_DONE) done = pass(state.error_of(sqlite3_extended_errcode(state.db.get()), statement.at()));
  sqlite3_reset(statement.get());
  return seen ? done : seen;
}

Result<SqlResult> SqliteConnection::run_own(const std::string& sql) {
  SqlResult result;
  sqlite3_stmt* raw = nullptr;
  int rc = sqlite3_prepare_v2(state_->db.get(), sql.c_str(), -1, &raw, nullptr);
  Statement statement(raw);
  if (rc != SQLITE_OK) return pass(state_->error_of(rc, {}));
  if (Result<void> done = state_->step_all(raw, SqlLimits{}, result, {}); !done) return pass(done.error());
  return result;
}

void SqliteConnection::finish_whatever_comes() {
  state_->may_interrupt = false;
  state_->on_stop.reset();
}

void SqliteConnection::watch_deadline() {
  if (!state_->deadline) return;
  state_->watch = std::jthread([state = state_.get()](std::stop_token ended) {
    std::mutex mutex;
    std::condition_variable_any wake;
    std::unique_lock lock(mutex);
    wake.wait_until(lock, ended, *state->deadline, [] { return false; });
    if (!ended.stop_requested() && state->may_interrupt) sqlite3_interrupt(state->db.get());
  });
}

Result<void> SqliteConnection::check_time() const {
  if (state_->stop.stop_requested())
    return fail(ErrorCode::interrupted, "`" + state_->path + "`: stopped before it had ended");
  if (state_->is_over_time())
    return fail(ErrorCode::timeout, "`" + state_->path + "`: its time was up before it had ended");
  return {};
}

bool SqliteConnection::roll_back() {
  finish_whatever_comes();
  if (is_in_transaction()) (void)sqlite3_exec(state_->db.get(), "ROLLBACK", nullptr, nullptr, nullptr);
  return !is_in_transaction();
}

bool SqliteConnection::is_in_transaction() const { return sqlite3_get_autocommit(state_->db.get()) == 0; }
int SqliteConnection::writes() const { return state_->writes; }
sqlite3* SqliteConnection::handle() const { return state_->db.get(); }
Error SqliteConnection::error_of(int rc, const std::string& at) const { return state_->error_of(rc, at); }

}  // namespace muster
