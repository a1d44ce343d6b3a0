// What a playbook requires before its first step: the form of it.
//
// Errors: `bad-version` for a range, `bad-window` for days, hours and zones.
#pragma once

#include "interpreter/base/diagnostic.h"
#include "interpreter/language/playbook.h"

namespace muster {

void check_requires(const Requires& required, Diagnostics& problems);

}  // namespace muster
