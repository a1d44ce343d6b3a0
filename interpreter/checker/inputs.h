// Inputs: their declarations, and the values that are given for them.
//
// Errors: `bad-input` at the declaration for given values; `unknown-type`, `wrong-type`, ... for declarations.
#pragma once

#include "interpreter/base/diagnostic.h"
#include "interpreter/language/playbook.h"

namespace muster {

void check_input(const Input& input, Diagnostics& problems);

}  // namespace muster
