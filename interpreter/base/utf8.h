// UTF-8 as bytes: validity, length in characters, and what may be shown to a terminal.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace muster {

// The first byte that is not valid UTF-8 (overlong, surrogate and cut forms included).
[[nodiscard]] std::optional<size_t> first_invalid_utf8(std::string_view bytes);
// Characters (Unicode scalar values); an invalid byte counts as one.
[[nodiscard]] size_t character_count(std::string_view text);
// What came from the world, made safe for a terminal or a log line: control characters, escapes, BiDi marks and invalid
// bytes become \xNN or \u{NNNN}; newline and tab stay where `keep_lines` says so.
[[nodiscard]] std::string escape_for_terminal(std::string_view bytes, bool keep_lines);

}  // namespace muster
