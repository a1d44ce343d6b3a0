// What a statement may ask of SQLite, as an authorizer's answer. sqlite3_stmt_readonly() alone is no fence: it calls
// ATTACH, `PRAGMA writable_schema` and load_extension() read-only.
//
// Source: https://www.sqlite.org/c3ref/c_alter_table.html (action codes and their arguments); docs/reliability.md S24.
#pragma once

#include <optional>
#include <string>

#include "interpreter/world/sqlite_connection.h"

namespace muster {

// What is refused, as people write it (`ATTACH`, `PRAGMA writable_schema`); nothing when it may be done. `first` and
// `second` are the authorizer's third and fourth arguments and may be null.
[[nodiscard]] std::optional<std::string> refused_by(SqlFence fence, int action, const char* first, const char* second);

}  // namespace muster
