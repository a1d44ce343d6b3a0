// The words of an expression. Inside this room only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "interpreter/base/diagnostic.h"
#include "interpreter/base/value.h"

namespace muster {

struct Token {
  enum class Kind { end, name, keyword, number, text, symbol };
  Kind kind = Kind::end;
  uint32_t begin = 0, end = 0;  // bytes of the text
  std::string_view word;        // a name, keyword or symbol, in the text
  Value value;                  // of a number or text
};

struct LexProblem {
  uint32_t begin = 0, end = 0;
  std::string message, help;
};

// All tokens, the last one `end`; or the first thing that is none.
[[nodiscard]] bool lex(std::string_view text, std::vector<Token>& tokens, LexProblem& problem);

// A number as Lua reads it (`0x10`, `1e3`, `3.`): an integer where it fits, a float otherwise; nil when it is none.
[[nodiscard]] Value read_number(std::string_view text);

}  // namespace muster
