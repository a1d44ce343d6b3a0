// pg_dump and pg_restore, run as children.
//
// The connection goes in through their environment, never on a command line. Each is a child of the step by a name of
// its own; one that a killed interpreter left behind is ended before the next begins, because what it wrote is written
// anew.
// Errors: `not_started` where the program is missing; `failed` with its own last words; `interrupted`.
// Source: docs/actions/backup.md; https://www.postgresql.org/docs/15/app-pgdump.html.
#pragma once

#include <string>

#include "interpreter/action/action.h"

namespace muster {

class PostgresTools {
 public:
  PostgresTools(const StepInput& input, Touch& touch) : input_(input), touch_(touch) {}

  // The state that the snapshot names, as `pg_dump -Fc` writes it; the file must not be there.
  [[nodiscard]] Result<void> dump(const Connection& connection, const std::string& snapshot, const std::string& to);
  // The entries in the table of contents of such a dump.
  [[nodiscard]] Result<int64_t> count_entries(const std::string& dump);
  // All of it as statements, which reads every byte; the file must not be there.
  [[nodiscard]] Result<void> write_script(const std::string& dump, const std::string& to);

 private:
  [[nodiscard]] Result<ProcessEnd> run(const std::string& name, Command command);

  const StepInput& input_;
  Touch& touch_;
};

}  // namespace muster
