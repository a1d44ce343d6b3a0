// Children through the helper process `muster-children`, started at the first child.
//
// Threads: `run` and `observe` block their own thread; one more thread reads what the helper says.
// Source: docs/architecture.md; interpreter/world/children/protocol.h.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "interpreter/world/processes.h"

namespace muster {

struct ProcessSettings {
  std::string helper;                              // path of muster-children
  std::string spool;                               // directory, made 0700: what no interpreter has committed
  std::map<std::string, std::string> environment;  // what every child gets: the allow-list of ours
};

// PATH, HOME, USER and the like of this environment; LC_ALL is C.UTF-8 whatever it says.
[[nodiscard]] std::map<std::string, std::string> allowed_environment(const std::map<std::string, std::string>& ours);

class RealProcesses final : public Processes {
 public:
  explicit RealProcesses(ProcessSettings settings);
  ~RealProcesses() override;
  Result<ProcessEnd> observe(const Command& command, std::stop_token stop) override;
  Result<ProcessEnd> run(const ChildKey& key, const Command& command, std::stop_token stop) override;
  Result<std::optional<ProcessEnd>> recover(const ChildKey& key, std::stop_token stop) override;
  void committed(const ChildKey& key) override;

 private:
  class Helper;
  ProcessSettings settings_;
  std::mutex starting_;
  std::shared_ptr<Helper> helper_;  // a new one, once the one before was killed
};

}  // namespace muster
