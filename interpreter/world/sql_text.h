// The text of SQL statements: where its `:name` and `:"name"` stand, and the text with the latter filled in.
//
// Strings, quoted identifiers and comments are passed over: nothing inside them is a place for a value.
// Errors: `invalid`, naming it, for a bind or a name in the text without a value, a value without a place, an
// identifier
//         with a NUL byte, and a string, identifier or comment that does not end.
// Source: docs/language.md, "sql".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "interpreter/base/result.h"
#include "interpreter/world/sql.h"

namespace muster {

struct FilledSql {
  std::string text;                // identifiers are filled in, quoted; `:name` stands as it was
  std::vector<std::string> binds;  // the names of the binds in the text, each once, in the order of their first place
};

[[nodiscard]] Result<FilledSql> fill_names(const SqlText& sql);

// `we"ird` as `"we""ird"`.
[[nodiscard]] Result<std::string> quote_identifier(std::string_view name);

// The line of a byte of the text, from 1.
[[nodiscard]] size_t line_of(std::string_view text, size_t byte);

}  // namespace muster
