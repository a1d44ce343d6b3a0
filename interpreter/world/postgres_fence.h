// What a playbook's statement may ask of PostgreSQL, told by its words.
//
// Beside the server's own means (a READ ONLY transaction that is always rolled back, one statement per message), which
// do not stop COPY TO PROGRAM, functions that write files, switch logs or reload the configuration, and `COMMIT`.
// Source: docs/reliability.md rows B48 and S24.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "interpreter/world/sql_tokens.h"

namespace muster {

enum class PostgresFence {
  query,        // read
  transaction,  // write, within the transaction that the caller has begun
  statements,   // write, each statement by itself, or in transactions of the author's own
  trial,        // INSERT, UPDATE, DELETE, MERGE and SELECT, taken back
};

// What is refused, as people write it; nothing when it may be done. The tokens are of one statement, without spaces.
[[nodiscard]] std::optional<std::string> refused_by(PostgresFence fence, const std::vector<SqlToken>& tokens);

// The functions that a statement calls, or seems to: words and identifiers with a bracket behind them.
[[nodiscard]] std::vector<std::string> called_in(const std::vector<SqlToken>& tokens, std::string_view text);

// What PostgreSQL refuses to do inside a transaction: `CREATE INDEX CONCURRENTLY`.
[[nodiscard]] std::optional<std::string> outside_transactions(const std::vector<SqlToken>& tokens);

}  // namespace muster
