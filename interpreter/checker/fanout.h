// The keys of a `foreach` that belong together, or do not.
//
// Errors: Diagnostics (`foreach-keys`, `out-of-range`, `bad-name`, `name-taken`).
#pragma once

#include <vector>

#include "interpreter/base/diagnostic.h"
#include "interpreter/language/playbook.h"

namespace muster {

// `outer`: of the steps around this one.
void check_fanout(const Step& step, const std::vector<const Fanout*>& outer, Diagnostics& problems);

}  // namespace muster
