// The pieces that SQL text is made of, as far as one must know them to find values, names and statements in it.
//
// A piece is never understood: strings, quoted identifiers, dollar quotes and comments are found whole, so that nothing
// inside them is taken for anything else.
// Errors: `invalid`, with line and column, for a string, identifier or comment that does not end.
// Source: https://www.postgresql.org/docs/15/sql-syntax-lexical.html; https://www.sqlite.org/lang_expr.html.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "interpreter/base/result.h"
#include "interpreter/world/sql_dialect.h"

namespace muster {

struct SqlToken {
  enum class Kind {
    space,       // and comments
    word,        // a keyword, an identifier without quotes, a number
    identifier,  // in quotes
    string,      // also a dollar quote
    bind,        // `:name`
    name,        // `:"name"`
    semicolon,
    sign,  // any other byte
  };
  Kind kind = Kind::sign;
  size_t begin = 0;
  size_t end = 0;
  std::string name;  // of a word in lower case; of an identifier, a bind and a name without quotes
};

[[nodiscard]] Result<std::vector<SqlToken>> tokens_of(std::string_view text, SqlDialect dialect);

// The statements of a text: from the first token that is no space to the last before the `;`. A `;` inside a trigger,
// a function's BEGIN ATOMIC or brackets ends nothing. Empty statements are left out.
struct SqlRange {
  size_t first = 0;  // of the tokens
  size_t last = 0;   // one behind
};
[[nodiscard]] std::vector<SqlRange> statements_in(const std::vector<SqlToken>& tokens, std::string_view text,
                                                  SqlDialect dialect);

// `line 3, column 8` of a byte of the text, both from 1, columns in characters.
[[nodiscard]] std::string place_of(std::string_view text, size_t byte);

}  // namespace muster
