// What one playbook gives to another that it calls.
//
// Errors: `unknown-input`, `missing-input`, `wrong-type` at the call; `lock-too-late` for locks of a called playbook
// whose
//         names are not known before the first step.
#pragma once

#include "interpreter/base/diagnostic.h"
#include "interpreter/language/playbook.h"

namespace muster {

// `with` against the inputs of the called playbook, as far as its values are written down.
void check_with(const Call& call, Diagnostics& problems);

// A run takes its locks, and those of what it calls, before its first step.
void check_locks_of_calls(const Playbook& playbook, Diagnostics& problems);

}  // namespace muster
