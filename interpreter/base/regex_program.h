// A pattern as instructions: what the compiler makes and the machine runs. Inside this room only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "interpreter/base/regex.h"

namespace muster {

struct Regex::Instruction {
  enum class Op {
    character,   // reads exactly x
    any,         // reads any character but a line end
    any_at_all,  // reads any character
    set,         // reads one of the ranges, or none of them
    split,       // goes on at x, and with lower rank at y
    jump,        // goes on at x
    save,        // notes the place in slot x
    begin,       // holds at the text's begin
    end,         // holds at the text's end
    line_begin,  // holds at a line's begin
    line_end,    // holds at a line's end
    word,        // holds at a word's edge
    not_word,    // holds elsewhere
    match,
  };
  Op op = Op::match;
  uint32_t x = 0, y = 0;  // places are relative to the instruction itself, as signed values: programs can be moved
  std::vector<std::pair<uint32_t, uint32_t>> ranges;
  bool negated = false;
  bool fold = false;  // ASCII letters in either case
};

using RegexProgram = std::vector<Regex::Instruction>;

// The program without its last `match`; the groups' names ("" for unnamed ones). False: `problem` says why.
[[nodiscard]] bool compile_regex(std::string_view pattern, RegexProgram& program, std::vector<std::string>& names,
                                 std::string& problem);

// The character at `at` (a byte that is no UTF-8 is itself) and its length.
[[nodiscard]] uint32_t character_at(std::string_view text, size_t at, size_t& length);
[[nodiscard]] inline bool is_word_character(uint32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

}  // namespace muster
