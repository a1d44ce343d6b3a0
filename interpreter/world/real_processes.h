// Children through the helper process `muster-children`, which is started at the first of them.
//
// Errors: see processes.h; beside them `invalid` for arguments that no process can have, and `in_doubt` when the helper
//         itself was killed while a writing command ran: its outcome is lost, as after a crash.
// Threads: safe from several threads; each call blocks its own.
// Source: docs/reliability.md rows B23 to B34; interpreter/world/children/.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>

#include "interpreter/world/processes.h"

namespace muster {

namespace children {
struct Start;
}
class ChildrenHelper;

struct ProcessSettings {
  std::string helper;                              // path of muster-children
  std::string spool;                               // directory, made 0700: what no interpreter has committed
  std::map<std::string, std::string> environment;  // what every child gets: see allowed_environment()
  std::string ssh_agent = {};                      // SSH_AUTH_SOCK, for commands that may use it; empty: none runs
};

// What children may see of our environment: PATH without relative folders, HOME, USER, LOGNAME, SHELL, TMPDIR, TZ; and
// LC_ALL=C.UTF-8, so that what they print does not depend on who started us.
[[nodiscard]] std::map<std::string, std::string> allowed_environment(const std::map<std::string, std::string>& ours);

class RealProcesses final : public Processes {
 public:
  explicit RealProcesses(ProcessSettings settings);
  ~RealProcesses() override;
  [[nodiscard]] Result<ProcessEnd> observe(const Command& command, std::stop_token stop) override;
  [[nodiscard]] Result<ProcessEnd> run(const ChildKey& key, const Command& command, std::stop_token stop) override;
  [[nodiscard]] Result<std::optional<ProcessEnd>> recover(const ChildKey& key, std::stop_token stop) override;
  [[nodiscard]] Result<std::vector<std::string>> end_left(const ChildKey& key,
                                                          const std::vector<RunningProcess>& known) override;
  void committed(const ChildKey& key) override;

 private:
  [[nodiscard]] Result<std::shared_ptr<ChildrenHelper>> helper();
  // With the id that the helper knows it by.
  [[nodiscard]] Result<ProcessEnd> run_named(const std::string& name, const Command& command,
                                             const std::stop_token& stop);

  struct Uncommitted {
    std::shared_ptr<ChildrenHelper> helper;
    uint64_t id = 0;
  };
  const ProcessSettings settings_;
  std::mutex mutex_;  // of all below
  std::shared_ptr<ChildrenHelper> helper_;
  std::map<std::string, Uncommitted> uncommitted_;  // children of ours, by name
  std::set<std::string> recovered_;                 // children of earlier interpreters that may have a record
};

}  // namespace muster
