// The text of SQL statements: where its `:name` and `:"name"` stand, and the text with the latter filled in.
//
// Strings, quoted identifiers and comments are passed over: nothing inside them is a place for a value.
// Errors: `invalid`, naming it, for a bind or a name in the text without a value, a value without a place, an
//         identifier with a NUL byte, and a string, identifier or comment that does not end.
// Source: docs/language.md, "sql".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "interpreter/base/result.h"
#include "interpreter/world/sql.h"
#include "interpreter/world/sql_tokens.h"

namespace muster {

// Where the bytes of a text that was filled in stood as it was written.
class Origin {
 public:
  // From this byte on, the filled text is that of the written one.
  void copies(size_t filled, size_t written) { pieces_.push_back({filled, written}); }
  [[nodiscard]] size_t written_at(size_t filled) const;

 private:
  struct Piece {
    size_t filled;
    size_t written;
  };
  std::vector<Piece> pieces_;
};

struct FilledSql {
  std::string text;                // identifiers are filled in, quoted; `:name` stands as it was
  std::vector<std::string> binds;  // the names of the binds in the text, each once, in the order of their first place
  std::string written = {};        // as it was, for places in messages; empty: the text itself
  Origin origin = {};

  // `line 3, column 8` of a byte of `text`, as its author sees it.
  [[nodiscard]] std::string place(size_t byte) const;
};

[[nodiscard]] Result<FilledSql> fill_names(const SqlText& sql);

// One statement as PostgreSQL takes it: `:name` is `$1`.
struct NumberedStatement {
  std::string text;
  std::vector<std::string> binds;  // of $1, $2, ...
  size_t at = 0;                   // its first byte in the written text
  Origin origin = {};
  std::vector<SqlToken> tokens = {};  // of the written text, without spaces
};
[[nodiscard]] Result<std::vector<NumberedStatement>> numbered_statements(const SqlText& sql);

// `we"ird` as `"we""ird"`.
[[nodiscard]] Result<std::string> quote_identifier(std::string_view name);

}  // namespace muster
