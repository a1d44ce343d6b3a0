// Databases of a rehearsal: real SQLite ones, beneath its scratch folder.
//
// A connection to PostgreSQL is a SQLite database where the scenario declares one for it: what only PostgreSQL
// understands fails there, and says so. Another one is `unreachable`.
// Units, errors: see world/sql.h.
// Threads: safe from several threads.
#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "interpreter/rehearsal/simulated_files.h"
#include "interpreter/world/real_sql.h"

namespace muster {

// Pieces of SQL as they stand in a playbook, each with what is run in its place.
using Replacements = std::vector<std::pair<std::string, std::string>>;

class SimulatedSql final : public Sql, public SqlTrial {
 public:
  SimulatedSql(const ScratchPlace& place, SimulatedFiles& files, Scratch& scratch)
      : place_(place), files_(files), trial_(real_, scratch) {}
  void live_in(const VirtualSqlite* simulated) { real_.live_in(simulated); }
  // The file that stands for a connection to PostgreSQL, and what SQLite runs instead of pieces of its SQL.
  void stand_in(const std::string& connection, std::string path, Replacements instead) {
    postgres_[connection] = {std::move(path), std::move(instead)};
  }

  Result<SqlResult> query(const Connection&, const SqlText&, const SqlLimits&, std::stop_token) override;
  Result<CheckResult> check(const Connection&, CheckKind, const SqlLimits&, std::stop_token) override;
  Result<bool> has_marker(const Connection&, const SqlMarker&, const SqlLimits&, std::stop_token) override;
  Result<bool> is_locked(const Connection&) override;
  Result<SqlResult> execute(const Connection&, const SqlText&, const ExecuteOptions&, std::stop_token) override;
  Result<void> fold(const Connection&, std::stop_token) override;
  Result<std::unique_ptr<SqlSession>> open_to_read(const Connection&, const SqlLimits&, std::stop_token) override;
  Result<std::unique_ptr<SqlSession>> open_to_write(const Connection&, const SqlLimits&, std::stop_token) override;
  Result<void> copy_to(const Connection&, const std::string& to, std::stop_token, const CopyProgress&) override;
  Result<void> load_dump(const Connection&, ReadFile& dump, std::stop_token, const CopyProgress&) override;
  Result<TrialResult> attempt(const Connection&, const SqlText&, int cap, const SqlLimits&, std::stop_token) override;

 private:
  struct Found {
    Connection real;
    std::string path;  // as the playbook knows it; empty: no file
    bool stands_in = false;
    const Replacements* instead = nullptr;  // of one that stands in
  };
  struct StandIn {
    std::string path;
    Replacements instead;
  };
  Result<Found> find(const Connection& connection) const;
  template <class T, class F>
  Result<T> with(const Connection& connection, bool writes, F f);

  const ScratchPlace& place_;
  SimulatedFiles& files_;
  RealSql real_;
  RealSqlTrial trial_;
  std::map<std::string, StandIn> postgres_;
};

}  // namespace muster
