// Text with `${{ expression }}` inside: parsed once, never parsed again after a value went in.
//
// `$${{` is the literal `${{`. An expression ends at the first `}}` where no bracket of Lua is open and no string.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "interpreter/expression/expression.h"

namespace muster {

struct Template {
  Span at;
  std::vector<std::variant<std::string, Expression>> pieces;  // no two texts in a row; empty: the empty text

  // One `${{ }}` and nothing else: it keeps its value's type.
  [[nodiscard]] const Expression* whole() const;
  // No `${{ }}` at all: the text is known.
  [[nodiscard]] bool is_constant() const;
  [[nodiscard]] std::string constant_text() const;  // of a constant one
  [[nodiscard]] std::string_view plain() const;     // the same without a copy
  // As its author wrote it, but for blanks inside the braces.
  [[nodiscard]] std::string written() const;
};

[[nodiscard]] std::optional<Template> parse_template(const LocatedText& text, Diagnostics& problems);

}  // namespace muster
