// Scenario files by the words that people type, read with their playbooks.
//
// Errors: `invalid` for what cannot be read; problems of files are drawn on stderr here.
// Source: docs/rehearsal.md.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "interpreter/cli/session.h"
#include "interpreter/rehearsal/rehearsal.h"

namespace muster {

// A scenario is itself; a folder: the scenarios beneath it; a playbook: those of its folder that rehearse it. By name.
[[nodiscard]] Result<std::vector<std::string>> scenarios_named(const std::string& word);

struct LoadedScenario {
  SourceFiles files;  // the scenario's own: itself first
  Scenario scenario;
  std::shared_ptr<const RehearsedPlaybook> playbook;
};

class ScenarioLoader {
 public:
  explicit ScenarioLoader(const Invocation& invocation) : invocation_(invocation) {}
  // Checked with its playbook, which is read once. Nothing: there are errors, and they were drawn.
  [[nodiscard]] std::optional<LoadedScenario> load(const std::string& path);

 private:
  std::shared_ptr<const RehearsedPlaybook> playbook_at(const std::string& path);
  const Invocation& invocation_;
  std::map<std::string, std::shared_ptr<const RehearsedPlaybook>> playbooks_;  // nullptr: it has errors
};

// `$TMPDIR`, else memory where there is /dev/shm, else /tmp.
[[nodiscard]] RehearsalSettings rehearsal_settings(const Invocation& invocation);

}  // namespace muster
