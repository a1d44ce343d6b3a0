// Commands of a rehearsal: each is answered by a Lua function of the scenario, and takes as long as that says.
//
// What became of a command is kept until its outcome is committed, as the helper for children keeps it: an interpreter
// that was killed and resumed finds it.
// Units, errors: see world/processes.h. `not_started` for a command that nobody answers.
// Threads: jobs of one baton.
#pragma once

#include <map>
#include <set>
#include <string>

#include "interpreter/rehearsal/answers.h"
#include "interpreter/rehearsal/baton.h"
#include "interpreter/world/processes.h"

namespace muster {

class SimulatedProcesses final : public Processes {
 public:
  SimulatedProcesses(WorldAnswers& answers, Baton& baton, const ScratchPlace& place,
                     const std::map<std::string, std::string>& environment)
      : answers_(answers), baton_(baton), place_(place), environment_(environment) {}

  Result<ProcessEnd> observe(const Command& command, std::stop_token stop) override;
  Result<ProcessEnd> run(const ChildKey& key, const Command& command, std::stop_token stop) override;
  Result<std::optional<ProcessEnd>> recover(const ChildKey& key, std::stop_token stop) override;
  Result<std::vector<std::string>> end_left(const ChildKey& key, const std::vector<RunningProcess>& known) override;
  void committed(const ChildKey& key) override;

 private:
  struct Child {
    Result<ProcessEnd> end;
    Duration over_at;  // on the baton's clock
  };
  Child begin(const Command& command);
  Result<ProcessEnd> wait_for(Child& child, const std::stop_token& stop);

  WorldAnswers& answers_;
  Baton& baton_;
  const ScratchPlace& place_;
  const std::map<std::string, std::string>& environment_;
  std::map<std::string, Child> children_;
  std::set<int64_t> running_;  // pids of what commands left running
  int64_t last_pid_ = 1000;
};

}  // namespace muster
