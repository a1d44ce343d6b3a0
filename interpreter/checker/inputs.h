// Inputs: their declarations, and the values that are given for them.
//
// Errors: `bad-input` at the declaration for given values; `unknown-type`, `wrong-type`, ... for declarations.
#pragma once

#include <optional>
#include <string>

#include "interpreter/base/diagnostic.h"
#include "interpreter/language/playbook.h"

namespace muster {

void check_input(const Input& input, Diagnostics& problems);

// What is wrong with a value that is written down for it: `must be a whole number, and `x` is not`. Nothing: it fits,
// or it is not known at load.
[[nodiscard]] std::optional<std::string> wrong_input(const Input& input, const Argument& value);

}  // namespace muster
