// What stands in a playbook and can never run, and what runs and cannot find what it reads.
//
// Errors: warnings `unreachable`, `rollback-blind`, `sensitive-lost`.
#pragma once

#include "interpreter/base/diagnostic.h"
#include "interpreter/checker/outline.h"

namespace muster {

void check_reachability(const Outline& outline, Diagnostics& problems);

}  // namespace muster
