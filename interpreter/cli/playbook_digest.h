// Which files a run or a rehearsal is of.
#pragma once

#include <string>

#include "interpreter/base/source_file.h"
#include "interpreter/graph/step_graph.h"

namespace muster {

// The digest that a run of these files is frozen to.
[[nodiscard]] std::string digest_of_playbook(const StepGraph& graph, const SourceFiles& files);

}  // namespace muster
