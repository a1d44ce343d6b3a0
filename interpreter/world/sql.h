// Databases, as a port.
//
// A Connection is opened at its first use and closed with the call. Values travel as binds only.
// Units:  timeouts are Durations; limits count rows and bytes.
// Errors: `effect` is no_effect where the transaction was certainly rolled back; `unreachable` for a server or folder
//         that cannot be reached, `corrupt`, `busy` (locked by others), `refused` (a write on a read-only connection,
//         ATTACH and other forbidden statements), `timeout`, `interrupted`, `failed` (the statement's own error).
// Source: docs/language.md, "sql".
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "interpreter/base/result.h"
#include "interpreter/base/time.h"
#include "interpreter/base/value.h"
#include "interpreter/world/files.h"
#include "interpreter/world/sql_session.h"

namespace muster {

// A resolved connection: what the playbook's `connections:` says, with its values filled in.
struct Connection {
  std::string name;  // as the playbook calls it
  std::string kind;  // sqlite, postgres, http, s3, ssh
  // sqlite: {path}; postgres: {url}, and {database} for another one of the same server; http: {url, headers, ...}
  Map settings;
  std::string label = {};  // who asks, `run/step`: what a server shows of us (application_name)
};

// One or several statements, separated by `;`, with `:name` for binds and `:"name"` for quoted identifiers.
struct SqlText {
  std::string text;
  Map bind;   // by name
  Map names;  // identifiers, text
};

// How far statements are, told from the thread that runs them, now and then; a total of 0 is not known.
using StatementProgress = std::function<void(int64_t done, int64_t total, std::string_view unit)>;

struct SqlLimits {
  Duration timeout{30'000'000};
  int64_t max_rows = 10'000;
  int64_t max_bytes = 1 << 20;
  const StatementProgress* progress = nullptr;  // of query() and execute()
};

struct SqlResult {
  std::vector<std::string> columns;  // of the last statement that had rows
  std::vector<Map> rows;
  int64_t row_count = 0;   // all rows, also those beyond the limit
  bool truncated = false;  // rows or bytes were left out
  int64_t changes = 0;     // rows inserted, updated, deleted by all statements
};

enum class CheckKind { integrity, quick };

struct CheckResult {
  bool intact = false;
  std::vector<std::string> problems;  // `missing`, `not a database`, or what the engine says; at most 20
};

// An open look or change counts no more rows than this.
struct ChangeBounds {
  std::optional<int64_t> min;
  std::optional<int64_t> max;
};
// Why a number of changes is outside the bounds; nothing when it is inside.
[[nodiscard]] std::optional<std::string> outside_of(const ChangeBounds& bounds, int64_t changes);

// One attempt of one step. Its row in the target's table `muster_marker` is written by the statements' own transaction,
// so that it is there exactly when they took effect.
struct SqlMarker {
  std::string run;
  std::string step;  // its path
  int attempt = 1;
};

struct ExecuteOptions {
  bool transaction = true;
  ChangeBounds expect_changes;  // outside: rolled back, `violations`
  std::optional<SqlMarker> marker;
  SqlLimits limits;
};

class SqlRead {
 public:
  virtual ~SqlRead() = default;
  // Opens read-only, by the engine's own means and an authorizer.
  [[nodiscard]] virtual Result<SqlResult> query(const Connection&, const SqlText&, const SqlLimits&,
                                                std::stop_token) = 0;
  // A missing or damaged database is a result; a folder that cannot be read is an error.
  [[nodiscard]] virtual Result<CheckResult> check(const Connection&, CheckKind, const SqlLimits&, std::stop_token) = 0;
  // Whether the marker's row was committed. `false`: the transaction certainly did not happen.
  [[nodiscard]] virtual Result<bool> has_marker(const Connection&, const SqlMarker&, const SqlLimits&,
                                                std::stop_token) = 0;
  // Whether somebody holds a lock on the database now (`busy` is an answer, not an error).
  [[nodiscard]] virtual Result<bool> is_locked(const Connection&) = 0;
  // All that is read within one begin() and commit() is one state of the database.
  [[nodiscard]] virtual Result<std::unique_ptr<SqlSession>> open_to_read(const Connection&, const SqlLimits&,
                                                                         std::stop_token) {
    return fail(ErrorCode::refused, "no session can be opened here");
  }
};

// Done and to do, in pages or bytes.
using CopyProgress = std::function<void(int64_t done, int64_t total)>;

class Sql : public SqlRead {
 public:
  [[nodiscard]] virtual Result<SqlResult> execute(const Connection&, const SqlText&, const ExecuteOptions&,
                                                  std::stop_token) = 0;
  // SQLite: checkpoints (TRUNCATE) and leaves WAL mode, so that one file remains. Nothing for a database that cannot be
  // opened.
  [[nodiscard]] virtual Result<void> fold(const Connection&, std::stop_token) = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<SqlSession>> open_to_write(const Connection&, const SqlLimits&,
                                                                          std::stop_token) {
    return fail(ErrorCode::refused, "no session can be opened here");
  }
  // SQLite: the database as one committed state of it, while others go on using it, into the empty file `to`.
  [[nodiscard]] virtual Result<void> copy_to(const Connection& connection, const std::string&, std::stop_token,
                                             const CopyProgress&) {
    return fail(ErrorCode::refused, "the database `" + connection.name + "` is not copied here");
  }
  // Carries out a dump's statements in the connection's database; SQLite: in an empty file, PostgreSQL: in one
  // transaction. All or nothing: a dump that is cut, or that asks for more than tables and rows, is `corrupt` or
  // `refused`, and what is left in an empty file is the caller's to remove.
  [[nodiscard]] virtual Result<void> load_dump(const Connection& connection, ReadFile&, std::stop_token,
                                               const CopyProgress&) {
    return fail(ErrorCode::refused, "no dump is loaded into `" + connection.name + "` here");
  }
  // What the server's own programs find in their environment to reach this database; the password is a Secret.
  [[nodiscard]] virtual Result<std::vector<std::pair<std::string, Value>>> client_environment(
      const Connection& connection) {
    return fail(ErrorCode::refused, "no program reaches the database `" + connection.name + "` from here");
  }
};

struct TrialResult {
  SqlResult result;                // counts of what would change
  std::vector<Map> sample_before;  // at most `cap` rows
  std::vector<Map> sample_after;
};

// Runs statements and takes them back by itself: its callers cannot commit.
class SqlTrial {
 public:
  virtual ~SqlTrial() = default;
  // `refused` where this database cannot be tried safely: the caller's preview is then unknown.
  [[nodiscard]] virtual Result<TrialResult> attempt(const Connection&, const SqlText&, int cap, const SqlLimits&,
                                                    std::stop_token) = 0;
};

}  // namespace muster
