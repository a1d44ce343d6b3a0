// Words that every rendering and the terminal share: spans of time, values in one line, text of many lines.
//
// What comes out may be shown to a terminal: controls, escapes and BiDi marks are made visible.
// Source: docs/cli.md, "Text".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "interpreter/base/value.h"

namespace muster {

// `0.012 s`, `1.2 s`, `3 min 5 s`, `2 h 4 min`, `3 d 2 h`.
[[nodiscard]] std::string spent(Duration duration);
// A moment to the second, in UTC: `2026-01-15T10:00:00Z`, and its time of day alone.
[[nodiscard]] std::string second_of(Timestamp at);
[[nodiscard]] std::string clock_of(Timestamp at);
// What came from the world, in one line.
[[nodiscard]] std::string safe_line(std::string_view text);
// The same, cut to so many characters with `…` where it was longer.
[[nodiscard]] std::string short_line(std::string_view text, size_t characters);
// A value in one line, cut.
[[nodiscard]] std::string short_value(const Value& value, size_t characters = 100);
// Of a row of what a gate shows: when this step comes, where it is none of those that it guards but what undoes them,
// rescues them, ends their groups or comes between their attempts. Empty: it is one of them.
[[nodiscard]] std::string why_it_may_follow(const Map& guarded_row);
// Text of several lines, each with `prefix` in front; ends with a newline unless there is no text.
[[nodiscard]] std::string indented(std::string_view text, std::string_view prefix);

}  // namespace muster
