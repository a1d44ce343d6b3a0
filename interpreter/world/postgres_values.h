// Values in and out of PostgreSQL, in its text format.
//
// Out: whole numbers, floats, booleans; `numeric` as a whole number or a float where that is exact, else text;
//      `timestamptz` as a Timestamp, every other type as its text; `bytea` as text where it is UTF-8, else as hex.
// In:  as SQLite's (sqlite_values.h); a whole number has the type that the same literal would have, a boolean and a
//      float theirs, everything else is left to the server to infer.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "interpreter/base/result.h"
#include "interpreter/base/value.h"

namespace muster {

[[nodiscard]] Value value_of_postgres(std::string_view text, unsigned type);

struct PostgresBind {
  std::optional<std::string> text;  // none: NULL
  unsigned type = 0;                // 0: to be inferred
};
[[nodiscard]] Result<PostgresBind> bind_for_postgres(std::string_view name, const Value& value);

// A cell as COPY's text format has it.
[[nodiscard]] std::string copy_cell(const PostgresBind& cell);

}  // namespace muster
