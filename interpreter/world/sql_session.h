// One open database on which an action runs many statements: rebuilds, copies, and results that are saved to a file.
//
// Transactions are the caller's: without begin() each statement is one by itself. What a playbook's SQL may not do in
// `query` (a reading session) or `execute` (a writing one) it may not do here.
// Errors: those of sql.h; after an error inside a transaction call roll_back().
// Threads: one thread at a time; a stop may come from any.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "interpreter/base/result.h"
#include "interpreter/base/value.h"
#include "interpreter/world/sql_dialect.h"

namespace muster {

struct SqlText;
struct SqlMarker;

// One row while it passes.
class SqlRow {
 public:
  virtual ~SqlRow() = default;
  [[nodiscard]] virtual const std::vector<std::string>& columns() const = 0;
  [[nodiscard]] virtual bool is_null(size_t column) const = 0;
  // As the engine writes it; valid until the next row.
  [[nodiscard]] virtual std::string_view text(size_t column) const = 0;
  [[nodiscard]] virtual Value value(size_t column) const = 0;
  // Bytes that are no text: value() shows them as hex, which is not what they are.
  [[nodiscard]] virtual bool is_binary(size_t column) const = 0;
};

// An error from it ends the statement and is what each() returns.
using RowSink = std::function<Result<void>(const SqlRow&)>;
using Cells = std::vector<Value>;

class SqlSession {
 public:
  virtual ~SqlSession() = default;
  [[nodiscard]] virtual SqlDialect dialect() const = 0;
  [[nodiscard]] virtual Result<void> begin() = 0;
  // As the COMMIT of execute(): `effect` tells whether it may have happened.
  [[nodiscard]] virtual Result<void> commit() = 0;
  virtual void roll_back() = 0;
  // Statements, one after the other; the rows that they changed.
  [[nodiscard]] virtual Result<int64_t> run(const SqlText&) = 0;
  // One statement; all of its rows.
  [[nodiscard]] virtual Result<void> each(const SqlText&, const RowSink&) = 0;
  // `table` is quoted, `columns` are not. A cell `{base64: TEXT}` is bytes, in SQLite.
  [[nodiscard]] virtual Result<void> insert(const std::string& table, const std::vector<std::string>& columns,
                                            const std::vector<Cells>& rows) = 0;
  // Inside the transaction that it marks.
  [[nodiscard]] virtual Result<void> mark(const SqlMarker&) = 0;
  // PostgreSQL: the name by which another program sees the very state that this transaction sees, as long as it lasts.
  [[nodiscard]] virtual Result<std::string> snapshot() {
    return fail(ErrorCode::refused, "this database has no snapshots that others could see");
  }
};

}  // namespace muster
