// Statements tried on a PostgreSQL database, in a transaction that is taken back.
//
// One message per statement, with a savepoint before it. What an INSERT, UPDATE or DELETE changes is sampled by the
// server itself: the statement becomes a part of a query that sees the rows as they were and as they are made. Units:
// `cap` rows in each sample; SqlLimits' timeout, and the lock_timeout of postgres_connection.h. Errors: `refused`: a
// superuser, whose functions reach beyond the transaction; functions of the database's own that are
//         not declared STABLE; statements that draw from a sequence, whose numbers no rollback gives back. A sequence
//         that only a trigger draws from cannot be seen beforehand.
// Threads: no state; safe from several threads.
// Source: docs/dry-run.md; docs/reliability.md rows B48 and S24.
#pragma once

#include "interpreter/world/sql.h"

namespace muster {

class PostgresTrial final : public SqlTrial {
 public:
  [[nodiscard]] Result<TrialResult> attempt(const Connection&, const SqlText&, int cap, const SqlLimits&,
                                            std::stop_token) override;
};

}  // namespace muster
