// The examples of an extension, run.
#pragma once

#include "interpreter/cli/command.h"

namespace muster {

// Exit code 1: an example does not give what it says.
[[nodiscard]] int test_extension(Invocation& invocation, const std::string& path);

}  // namespace muster
