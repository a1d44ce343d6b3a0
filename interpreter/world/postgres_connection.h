// One open PostgreSQL connection, fenced: what a playbook's SQL may do with it is decided here.
//
// The session is set up for our kind of work: UTC, ISO dates, `application_name` from the connection's label, a
// statement_timeout of what is left of the time, lock_timeout, a limit for idle transactions, and a server that looks
// whether we are still there.
// Units:  SqlLimits' timeout counts from open(); 0 is none.
// Errors: see sql.h; statement errors begin with `line N, column M:` and have the server's own words as `cause`. Their
//         `effect` is the caller's business: only it knows what was rolled back.
// Threads: one connection is used by one thread; a stop may come from any and cancels what the server is doing.
// Source: docs/actions/sql.md; docs/reliability.md rows B44 to B50, S24.
#pragma once

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "interpreter/base/result.h"
#include "interpreter/world/postgres_fence.h"
#include "interpreter/world/sql.h"
#include "interpreter/world/sql_text.h"

namespace muster {

// What libpq itself would connect with, as the variables that its programs read; the password is a Secret.
[[nodiscard]] Result<std::vector<std::pair<std::string, Value>>> libpq_environment(const Connection& connection);

class PostgresConnection {
 public:
  [[nodiscard]] static Result<PostgresConnection> open(const Connection& connection, PostgresFence fence,
                                                       const SqlLimits& limits, std::stop_token stop);
  PostgresConnection(PostgresConnection&&) noexcept;
  ~PostgresConnection();

  // The author's statements, one message each, up to the first error.
  [[nodiscard]] Result<SqlResult> run(const std::vector<NumberedStatement>& statements, const SqlText& sql,
                                      const SqlLimits& limits);
  // One statement, all of its rows, none of them kept.
  [[nodiscard]] Result<void> each(const SqlText& sql, const RowSink& sink);
  // Statements of our own, not fenced; `bind` in the order of $1, $2, ...
  [[nodiscard]] Result<SqlResult> run_own(const std::string& statement, const std::vector<Value>& bind = {});
  [[nodiscard]] Result<void> copy_in(const std::string& table, const std::vector<std::string>& columns,
                                     const std::vector<Cells>& rows);
  // A `COPY .. FROM STDIN` of our own, and its lines piece by piece; an empty piece is the end.
  [[nodiscard]] Result<void> copy_lines(const std::string& statement,
                                        const std::function<Result<std::string>()>& next_piece);

  // `effect` tells whether it may have happened; the connection is of no more use after an error.
  [[nodiscard]] Result<void> commit();
  // Ends an open transaction without a trace. A lost connection has ended it, too.
  void roll_back();
  [[nodiscard]] bool is_lost() const;
  [[nodiscard]] bool is_in_transaction() const;
  [[nodiscard]] int writes() const;  // statements that write and were carried out by run()

 private:
  struct State;
  explicit PostgresConnection(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace muster
