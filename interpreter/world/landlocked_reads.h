// Declared reads kept from writing by the kernel: each runs behind the fence of `muster-children`, with a private
// folder as its TMPDIR, the only one that it may write to.
//
// Not executed are: any where the kernel has no Landlock; one that reaches another host, whose disk no fence here
// keeps. The network is trusted. Programs that gain rights when they are started (sudo) gain none. Errors: those of
// processes.h. Source: docs/dry-run.md, "Declared reads".
#pragma once

#include <memory>

#include "interpreter/world/dry_world.h"
#include "interpreter/world/real_processes.h"

namespace muster {

// Whether the kernel has Landlock.
[[nodiscard]] bool kernel_has_fence();

class LandlockedReads final : public FencedReads {
 public:
  // `has_fence` false: nothing is executed.
  LandlockedReads(ProcessSettings settings, Scratch& scratch, bool has_fence = kernel_has_fence())
      : settings_(std::move(settings)), scratch_(scratch), has_fence_(has_fence) {}
  [[nodiscard]] std::optional<std::string> refusal(const Command& command) override;
  [[nodiscard]] Result<ProcessEnd> observe(const Command& command, std::stop_token stop) override;

 private:
  const ProcessSettings settings_;            // its spool is not used: what is read is kept by nobody
  std::unique_ptr<RealProcesses> processes_;  // from the first read on; only its `observe` is used
  Scratch& scratch_;
  const bool has_fence_;
};

}  // namespace muster
