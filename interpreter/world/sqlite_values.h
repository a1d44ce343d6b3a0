// Values in and out of SQLite.
//
// Out: integers, floats and text as they are, NULL as Null; a BLOB is text where it is UTF-8, else lower-case hex.
// In:  Null, booleans as 0 and 1, numbers, text; a Timestamp as RFC 3339 text, a Duration as seconds, a Secret opened
//      here. `invalid` for lists, maps, unknowns, and for text with a NUL byte or that is not UTF-8.
#pragma once

#include <string>
#include <string_view>

#include "interpreter/base/result.h"
#include "interpreter/base/value.h"

struct sqlite3_stmt;
struct sqlite3_value;

namespace muster {

[[nodiscard]] Value column_value(sqlite3_stmt* statement, int column);
// Bytes of a column's text or BLOB; 8 for everything else.
[[nodiscard]] int64_t column_size(sqlite3_stmt* statement, int column);
[[nodiscard]] Value value_of(sqlite3_value* value);
// Binds one parameter; `name` is for messages.
[[nodiscard]] Result<void> bind_value(sqlite3_stmt* statement, int index, std::string_view name, const Value& value);

}  // namespace muster
