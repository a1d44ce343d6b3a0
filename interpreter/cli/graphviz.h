// A drawing by Graphviz's `dot`, which is started through the port for processes.
//
// Errors: `not_started` where there is no `dot` (the hint says how to get it), `failed` for what it complains about.
#pragma once

#include <string>

#include "interpreter/base/result.h"
#include "interpreter/cli/command.h"

namespace muster {

[[nodiscard]] Result<std::string> svg_of(const Invocation& invocation, const std::string& dot);

}  // namespace muster
