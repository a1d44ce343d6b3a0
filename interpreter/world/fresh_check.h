// Checks of a SQLite database that this process is making or has just made, and that nobody else writes to.
//
// Such a file is read through memory that is mapped, which takes half of the time. A disk that fails then ends the
// process, as a kill would: whoever comes behind a crash uses SqlRead::check(), which tells it as an error.
// Errors: those of SqlRead::check().
#pragma once

#include "interpreter/world/arrival.h"
#include "interpreter/world/sql.h"

namespace muster {

// Beside SqlRead, where a database is a file of this machine.
class ChecksFresh {
 public:
  virtual ~ChecksFresh() = default;
  // `arrival`: the file is still being written, and each page is waited for; nullptr: all of it is there.
  [[nodiscard]] virtual Result<CheckResult> check_fresh(const Connection& connection, CheckKind kind,
                                                        const SqlLimits& limits, Arrival* arrival,
                                                        std::stop_token stop) = 0;
};

// nullptr where checks are not of this kind: in a simulated world.
[[nodiscard]] inline ChecksFresh* fresh_checks_of(SqlRead& sql) { return dynamic_cast<ChecksFresh*>(&sql); }

}  // namespace muster
