// What became of the expectations and invariants of a scenario.
//
// Source: docs/rehearsal.md, "What must be so".
#pragma once

#include <vector>

#include "interpreter/rehearsal/rehearsal.h"

namespace muster {

// The names that claims of a scenario may read, beside the helpers.
[[nodiscard]] const std::vector<std::string_view>& claim_names();

// Fills `expectations` (unless they are about another course of things) and `invariants` of what is known otherwise.
void judge(const Scenario& scenario, const RehearsedPlaybook& playbook, const Map& inputs, bool expectations,
           Rehearsed& out);

}  // namespace muster
