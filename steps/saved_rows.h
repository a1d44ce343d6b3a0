// The rows of a query written to a file as they come: CSV or one JSON object per line, told by the file's ending.
//
// CSV as RFC 4180 has it, with a line of names, `\n` at the end of lines, NULL as nothing and an empty text as `""`.
// The file gets its name, and what had it before is replaced, only when it is whole and synced.
// Units:  bytes; memory for one row and a buffer, whatever their number.
// Errors: those of the ports `Sql` and `Files`; effect none, because a half-written file is removed.
// Source: docs/actions/sql.md, "Results in files".
#pragma once

#include <string>

#include "interpreter/action/action.h"
#include "interpreter/world/redaction.h"

namespace muster {

struct RowsToSave {
  Connection connection;
  SqlText sql;  // one statement
  SqlLimits limits;
  std::string path;
};

struct SavedRows {
  int64_t rows = 0;
  int64_t bytes = 0;
  std::string sha256;
  Value first, value;  // the first row, and its first column; Null without any
};

[[nodiscard]] Result<SavedRows> save_rows_to_file(const RowsToSave& wanted, const StepInput& input, Touch& touch,
                                                  const Redaction& redaction);

}  // namespace muster
