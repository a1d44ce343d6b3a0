// What `pg_dump` writes as text, read piece by piece: its statements, and the rows between `COPY .. FROM stdin` and
// `\.`.
//
// No psql is involved, so what psql alone understands (`\!`, `\copy`, `\connect`) has no way to run; it is refused by
// name. Refused are also statements that a dump of one database does not hold: COPY to and from files and programs,
// other databases, roles and settings of the server, and functions that reach beyond the transaction.
// Units:  lines of the file count from 1. Memory is bounded by the longest statement, which may have 64 MiB.
// Errors: `corrupt` for a text that ends within a statement or rows, `refused` for what is not carried out.
// Source: docs/actions/restore.md, "Dumps of PostgreSQL"; docs/reliability.md rows B64 to B66.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "interpreter/base/result.h"
#include "interpreter/world/files.h"
#include "interpreter/world/sql_tokens.h"

namespace muster {

struct DumpStatement {
  std::string text;
  uint64_t line = 0;       // that it begins in
  std::string copied_to;   // rows follow for this table: as `pg_table_name` gives it; empty for any other statement
  bool is_passed = false;  // BEGIN and COMMIT around large objects: all of it is one transaction already
};

class PostgresDumpReader {
 public:
  explicit PostgresDumpReader(ReadFile& file) : file_(file) {}

  // Nothing at the end. The rows of the statement before are passed over where they were not read.
  [[nodiscard]] Result<std::optional<DumpStatement>> next();
  // After a statement that rows follow: some of them, whole lines; empty behind the last.
  [[nodiscard]] Result<std::string> rows();
  [[nodiscard]] int64_t rows_read() const { return rows_read_; }  // of the last such statement
  // pg_dump's own last line was seen, and nothing but comments behind it.
  [[nodiscard]] bool is_complete() const { return is_complete_; }
  [[nodiscard]] uint64_t bytes_read() const { return offset_; }

 private:
  [[nodiscard]] Result<bool> fill();  // false: nothing more
  [[nodiscard]] Result<bool> pass_gap();
  [[nodiscard]] Result<void> pass_psql_line();
  [[nodiscard]] Result<DumpStatement> take(size_t end);

  ReadFile& file_;
  uint64_t offset_ = 0;  // of the file, behind what is in the buffer
  bool at_end_ = false;
  std::string buffer_;  // from `begin_` on still to be read
  size_t begin_ = 0;
  uint64_t line_ = 1;  // of `begin_`
  bool in_rows_ = false;
  int64_t rows_read_ = 0;
  bool is_complete_ = false;
};

struct DumpSurvey {
  std::map<std::string, int64_t> rows;  // by table; those of COPY
  int64_t statements = 0;
};

// Reads all of a dump, so that whatever would be refused is refused before anything is carried out. `corrupt` without
// pg_dump's last line: the text may have been cut between two statements.
[[nodiscard]] Result<DumpSurvey> survey_dump(ReadFile& file, std::stop_token stop);

// A table of `public` by its bare name, any other with its schema.
[[nodiscard]] std::string pg_table_name(const std::string& schema, const std::string& table);

}  // namespace muster
