// What is said of playbooks once their scenarios were run: coverage, sweeps, and what the store keeps.
//
// Errors: those of the store and of Graphviz, where a page is asked for.
// Source: docs/coverage.md.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "interpreter/cli/scenarios.h"
#include "interpreter/journal/rehearsals.h"
#include "interpreter/rehearsal/sweep.h"

namespace muster {

class RehearsedPlaybooks {
 public:
  // A scenario that was run; all of them outlive this. In the order in which they are told.
  void add(const std::string& path, const LoadedScenario& loaded, const Rehearsed& rehearsed);
  // Runs each scenario that passed again, with faults: where one fails as it is, they would tell nothing.
  void sweep(const SweepSettings& how, const RehearsalSettings& settings);

  [[nodiscard]] size_t findings() const;
  // Coverage, whole for a single playbook and in a line for each of many, and the sweeps.
  [[nodiscard]] std::string text() const;
  // What a scenario's row says beside the rest: the coverage of its playbook, its sweep.
  void add_to(Map& row, const Rehearsed& rehearsed) const;
  [[nodiscard]] std::string junit() const;  // `testsuite` elements
  // What sweeps found, at the steps that it strikes.
  [[nodiscard]] std::string annotations() const;
  // With a drawing where `dot` is there.
  [[nodiscard]] std::string html(const Invocation& invocation) const;
  // To the store that the command names, where there is one.
  [[nodiscard]] Result<void> keep(const Invocation& invocation, Timestamp now) const;

 private:
  struct Run {
    std::string path;
    const LoadedScenario* loaded;
    const Rehearsed* rehearsed;
    std::unique_ptr<Sweep> sweep;
  };
  struct One {
    std::string path;  // of the playbook
    std::shared_ptr<const RehearsedPlaybook> playbook;
    std::unique_ptr<Coverage> coverage;
    std::vector<Run> runs;
  };
  [[nodiscard]] RehearsalRecord record_of(const One& one, const Invocation& invocation) const;
  std::vector<One> playbooks_;
};

}  // namespace muster
