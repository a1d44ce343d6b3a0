// Rows of one table in a file, and back: a line that says what they are, a JSON list for each row, and a last line with
// their number, without which the file counts as cut.
//
// SQLite's values are written as they are; PostgreSQL's as the text that the server itself writes and reads again.
// Columns that the database derives are left out.
// Units:  memory for one row and a buffer.
// Errors: `corrupt` for a file that is cut or no such file; `refused` for bytes in a SQLite table, which JSON cannot
// hold. Source: docs/actions/backup.md, "Rows of a table".
#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "interpreter/base/field.h"
#include "interpreter/world/files.h"
#include "interpreter/world/sql.h"

namespace muster {

// `{connection, table, where, bind}`.
struct TableRows {
  Connection connection;
  std::string table;   // as written: TABLE or SCHEMA.TABLE
  std::string quoted;  // as SQL takes it
  std::string where;   // empty: all rows
  Map bind;

  // ` WHERE (...)`, or nothing.
  [[nodiscard]] std::string condition() const { return where.empty() ? "" : " WHERE (\n" + where + "\n)"; }
};

[[nodiscard]] Field rows_field(const std::string& meaning);
[[nodiscard]] Result<TableRows> table_rows(const Map& args);

using RowsDone = std::function<void(int64_t rows)>;

// What the session sees, into an empty file; their number. Synced.
[[nodiscard]] Result<int64_t> write_rows(SqlSession& session, const TableRows& rows, WriteFile& file,
                                         std::stop_token stop, const RowsDone& done);

struct RowsHead {
  std::string table;
  std::vector<std::string> columns;
  bool is_postgres = false;
};

// Reads such a file; next() gives some rows at a time, none at the proven end.
class RowsReader {
 public:
  explicit RowsReader(ReadFile& file) : file_(file) {}
  [[nodiscard]] Result<RowsHead> head();
  [[nodiscard]] Result<std::vector<Cells>> next();
  [[nodiscard]] int64_t rows_read() const { return rows_read_; }

 private:
  [[nodiscard]] Result<std::optional<std::string>> line();
  ReadFile& file_;
  std::string buffer_;
  size_t begin_ = 0;
  bool at_end_ = false, has_ended_ = false;
  size_t columns_ = 0;
  int64_t rows_read_ = 0;
};

// All of it, without using it: the number of rows.
[[nodiscard]] Result<int64_t> survey_rows(ReadFile& file, std::stop_token stop);

// Inside a transaction: the table's rows of the condition go, those of the file come, and each of them must meet the
// condition; `schema_mismatch` otherwise. The number that went.
[[nodiscard]] Result<int64_t> replace_rows(SqlSession& session, const TableRows& rows, ReadFile& file,
                                           std::stop_token stop, const RowsDone& done);
// Holds writers off the table for the rest of the transaction.
[[nodiscard]] Result<void> hold_table(SqlSession& session, const TableRows& rows);

}  // namespace muster
