// The command that lists what was rehearsed.
//
// Source: docs/cli.md.
#pragma once

#include "interpreter/cli/command.h"

namespace muster {

int rehearsals_command(Invocation&);

}  // namespace muster
