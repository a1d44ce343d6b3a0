// The backup of a PostgreSQL database: one state of it, written by pg_dump, counted, and read again whole.
//
// Errors: those of tools.h and server.h; `corrupt` where the dump does not hold what was counted.
// Source: docs/actions/backup.md, "PostgreSQL".
#pragma once

#include <string>

#include "interpreter/action/action.h"

namespace muster {

// Dumps into `file`, which must not be there; rows by table of the very state that was dumped.
[[nodiscard]] Result<Map> dump_database(const StepInput& input, Touch& touch, const Connection& connection,
                                        const std::string& file);
// That the dump can be opened, and that its rows are as many as `records` says. `script` is a free name beside it.
[[nodiscard]] Result<void> prove_dump(const StepInput& input, Touch& touch, const std::string& file,
                                      const std::string& script, const Map& records);
// What the database takes on the server's disk.
[[nodiscard]] Result<uint64_t> database_bytes(SqlRead& sql, const Connection& connection, std::stop_token stop);

}  // namespace muster
