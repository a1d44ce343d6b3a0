// Processes that a command has left running on purpose, found and ended long after it: by another interpreter, too,
// when helper and interpreter of then are gone.
//
// A process is one of them when it was told so (its pid, and when it began), when its environment says whose child it
// is, or when it descends from one of these. One that sheds its environment and its parents after the command has ended
// is not found.
// Source: docs/actions/shell.md, "Ending"; proc(5).
#pragma once

#include <string>
#include <vector>

#include "interpreter/world/children/protocol.h"
#include "interpreter/world/processes.h"

namespace muster {

[[nodiscard]] std::vector<RunningProcess> left_running_of(const std::vector<children::Survivor>& survivors);
// Asks them to end, kills what has not after `grace`, and gives up on what cannot be killed. `name` is the one that the
// helper for children knew the child by. What was ended, `pid command`.
[[nodiscard]] std::vector<std::string> end_left_running(const std::string& name,
                                                        const std::vector<RunningProcess>& known, Duration grace);

}  // namespace muster
