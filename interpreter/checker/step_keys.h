// Keys that say nothing on a step of its kind: whoever writes one there expects something that would not happen.
//
// Errors: one per key, with where it belongs.
// Source: docs/language.md, "Steps".
#pragma once

#include "interpreter/base/diagnostic.h"
#include "interpreter/language/playbook.h"

namespace muster {

void check_step_keys(const Step& step, Diagnostics& problems);

}  // namespace muster
