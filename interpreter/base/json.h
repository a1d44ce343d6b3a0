// JSON in and out of values. The one place that sees the JSON library.
//
// Units:  integers beyond 64 bits become floats. Null inside is Null.
// Errors: `bad_reply` with line and column of the text; depth is limited to 200.
// Secrets print as "***", timestamps as RFC 3339 text, durations as seconds, unknowns as {"unknown": why};
// bytes that are not UTF-8 print as U+FFFD.
#pragma once

#include <string>
#include <string_view>

#include "interpreter/base/result.h"
#include "interpreter/base/value.h"

namespace muster {

[[nodiscard]] Result<Value> parse_json(std::string_view text);
// One line, keys sorted: the same value gives the same bytes.
[[nodiscard]] std::string print_json(const Value& value);
// Indented by two, for people.
[[nodiscard]] std::string print_json_pretty(const Value& value);

// Like print_json, but loses nothing: timestamps are {"$timestamp": us}, durations {"$duration": us} and a map key
// that begins with `$` gains another `$`. Secrets are still "***". For event bodies; read back by decode_value.
[[nodiscard]] std::string encode_value(const Value& value);
[[nodiscard]] Result<Value> decode_value(std::string_view text);

}  // namespace muster
