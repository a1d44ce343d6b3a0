// Decisions that are signed with an SSH key, as `ssh-keygen -Y sign` does it: whoever only holds an account cannot
// decide.
//
// What is signed is one line: the verdict and the gate's digest, which covers store, run, gate and opening.
// Errors: `refused` for a signature that does not hold, `not_started` where there is no ssh-keygen.
// Threads: blocking; on the pool, or in a command.
// Source: docs/gates.md, "Signed decisions".
#pragma once

#include <stop_token>
#include <string>

#include "interpreter/base/result.h"
#include "interpreter/journal/run_state.h"
#include "interpreter/language/configuration.h"
#include "interpreter/world/world.h"

namespace muster {

[[nodiscard]] std::string signed_text(std::string_view verdict, std::string_view digest);
// With the key in this file, or with its half of an agent.
[[nodiscard]] Result<std::string> sign_decision(World& world, const std::string& key_file, std::string_view verdict,
                                                std::string_view digest, std::stop_token stop);
// Whether one of the keys that `people` gives this person made it.
[[nodiscard]] Result<void> check_signature(World& world, const Configuration& configuration, const Vote& vote,
                                           std::stop_token stop);

}  // namespace muster
