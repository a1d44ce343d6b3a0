// What a command printed: as text for people and results, and parsed as `parse:` says.
//
// Errors: `bad_reply`, naming the line where there is one; its `effect` is the caller's business.
// Source: docs/language.md, "shell"; CSV: RFC 4180.
#pragma once

#include <string>
#include <string_view>

#include "interpreter/base/result.h"
#include "interpreter/base/value.h"
#include "interpreter/world/processes.h"

namespace muster {

// All of it, or head, a line that says how many bytes are left out, and tail.
[[nodiscard]] std::string text_of_stream(const CapturedStream& stream);
// The last line that is not blank, safe for a terminal, cut where it is very long. Empty where there is none.
[[nodiscard]] std::string last_line_of(const CapturedStream& stream);

// `how` is json, lines or csv; empty gives nil. Output whose middle is left out cannot be parsed.
[[nodiscard]] Result<Value> parse_output(std::string_view how, const CapturedStream& out);
// A list of maps; the first row names the fields.
[[nodiscard]] Result<List> parse_csv(std::string_view text);

}  // namespace muster
