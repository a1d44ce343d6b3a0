// One open SQLite database, fenced: what a playbook's SQL may do with it is decided here.
//
// Units:  SqlLimits' timeout counts from open(); waiting for the locks of others takes at most 5 s of it.
// Errors: see sql.h. `not_found` for a missing file, `unreachable` for its folder; statement errors begin with
//         `line N, column M:` and have SQLite's own words as `cause`. Their `effect` is the caller's business: only it
//         knows what was rolled back.
// Threads: one connection is used by one thread; a stop may come from any.
// Source: https://www.sqlite.org/security.html; docs/reliability.md rows B44 to B49, S24 and S25.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "interpreter/base/result.h"
#include "interpreter/base/unique_fd.h"
#include "interpreter/world/arrival.h"
#include "interpreter/world/sql.h"
#include "interpreter/world/sql_text.h"
#include "interpreter/world/virtual_sqlite.h"

struct sqlite3;
struct sqlite3_stmt;

namespace muster {

// How many databases this process has open through SQLite. Closing any descriptor of a file drops every POSIX lock that
// the process holds on it, SQLite's included; so a descriptor of ours is closed only while SQLite has nothing open.
class SqliteUses {
 public:
  // Of a simulated world: its time and its chance.
  void live_in(const VirtualSqlite* simulated) { simulated_ = simulated; }
  [[nodiscard]] const VirtualSqlite* simulated() const { return simulated_; }
  void begin();
  void end();
  void close(UniqueFd fd);

 private:
  std::mutex mutex_;
  int open_ = 0;
  std::vector<UniqueFd> kept_;
  const VirtualSqlite* simulated_ = nullptr;
};

// What the author's statements may do.
enum class SqlFence {
  query,        // read
  transaction,  // write, within the one transaction that the caller has begun
  statements,   // write, each statement by itself, or in transactions of the author's own
  trial,        // write, never commit
};

// The file of a connection argument. `invalid` where there is none.
[[nodiscard]] Result<std::string> sqlite_path_of(const Connection& connection);

// For who reads all of a database, mostly in its order.
struct SqliteReading {
  bool ahead = false;
  bool mapped = false;         // see fresh_check.h
  Arrival* arrival = nullptr;  // see there; outlives the connection
};

class SqliteConnection {
 public:
  // Opens and reads once, so that a file that is no database is told here. Never creates a file.
  [[nodiscard]] static Result<SqliteConnection> open(const std::string& path, SqlFence fence, const SqlLimits& limits,
                                                     std::stop_token stop, std::shared_ptr<SqliteUses> uses,
                                                     const SqliteReading& reading = {});
  SqliteConnection(SqliteConnection&&) noexcept;
  ~SqliteConnection();

  // The author's statements, one after the other, up to the first error.
  [[nodiscard]] Result<SqlResult> run(const FilledSql& sql, const Map& bind, const SqlLimits& limits);
  // One statement that is prepared once and kept as long as the connection, under its text.
  class Prepared {
   public:
    Prepared(sqlite3_stmt* statement, std::string at) : statement_(statement), at_(std::move(at)) {}
    ~Prepared();
    Prepared(const Prepared&) = delete;
    Prepared& operator=(const Prepared&) = delete;
    [[nodiscard]] sqlite3_stmt* get() const { return statement_; }
    [[nodiscard]] const std::string& at() const { return at_; }

   private:
    sqlite3_stmt* statement_;
    std::string at_;  // its place, for messages
  };
  [[nodiscard]] Result<Prepared*> prepared(const FilledSql& sql);
  [[nodiscard]] Result<void> bind(Prepared& statement, const Map& bind);
  // Runs it to its end, `row` at each of its rows, and makes it ready for the next time.
  [[nodiscard]] Result<void> step_each(Prepared& statement, const std::function<Result<void>()>& row);
  // Statements of our own, not fenced.
  [[nodiscard]] Result<SqlResult> run_own(const std::string& sql);

  // From here on neither a stop nor the deadline cuts a statement short.
  void finish_whatever_comes();
  // A thread that ends at the deadline what asks for no progress by itself.
  void watch_deadline();
  // `interrupted` or `timeout` where one of them has happened.
  [[nodiscard]] Result<void> check_time() const;
  // Ends an open transaction without a trace; true when that is certain.
  [[nodiscard]] bool roll_back();
  [[nodiscard]] bool is_in_transaction() const;
  // Statements that write and were carried out by run().
  [[nodiscard]] int writes() const;
  [[nodiscard]] sqlite3* handle() const;
  // The result code of a call on this connection as an Error; `at` is the statement's place, empty for one of our own.
  [[nodiscard]] Error error_of(int rc, const std::string& at) const;

 private:
  struct State;
  explicit SqliteConnection(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace muster
