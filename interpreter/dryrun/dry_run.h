// A run that changes nothing: reads are made, writes are previewed by the actions themselves, and what depends on a
// write that did not happen is Unknown.
//
// It is handed a DryWorld, of which no Touch can be made. Steps are gone through in the order in which they may begin,
// one after the other, on the caller's thread.
// Errors: none of its own: what fails, or cannot be told, stands in the ledger. A stop ends it early, and the ledger
//         says so.
// Source: docs/dry-run.md; docs/language.md, "Dry run".
#pragma once

#include <stop_token>

#include "interpreter/action/action.h"
#include "interpreter/base/source_file.h"
#include "interpreter/dryrun/ledger.h"
#include "interpreter/graph/step_graph.h"
#include "interpreter/world/dry_world.h"

namespace muster {

// All of it must be alive as long as the dry run.
struct DryRunParts {
  const StepGraph& graph;
  const SourceFiles& files;
  const std::vector<Action>& actions;
  DryWorld& world;
  const Scripts* scripts = nullptr;
  std::string person = {};  // who asks: `run.started_by`
  std::stop_token stop = {};
};

// `inputs` are typed (bind_inputs).
[[nodiscard]] Ledger dry_run(const DryRunParts& parts, const Map& inputs);

}  // namespace muster
