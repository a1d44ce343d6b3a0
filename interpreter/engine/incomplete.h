// What was to be undone and is not, as the journal tells it.
//
// Errors: none. Source: docs/language.md, "How a run ends": an undo that failed never hides behind another ending.
#pragma once

#include <string>
#include <vector>

#include "interpreter/journal/run_state.h"

namespace muster {

// Whose undo was tried and failed, in the order of the journal. With `within` only that step and what lies in it.
[[nodiscard]] std::vector<std::string> failed_undos(const RunHistory& history, const OpId* within = nullptr);

// The same for the whole run, and what a rollback that was broken off did not come to.
[[nodiscard]] std::vector<std::string> not_undone(const RunHistory& history);

}  // namespace muster
