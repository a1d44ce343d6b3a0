// The values for inputs that a command line gives.
#pragma once

#include <optional>

#include "interpreter/base/value.h"
#include "interpreter/cli/command.h"

namespace muster {

// What `--inputs` and then each `-i` say, as text or as it stands in the file; nothing: the problem was told on stderr.
[[nodiscard]] std::optional<Map> given_inputs(const Invocation& invocation);

}  // namespace muster
