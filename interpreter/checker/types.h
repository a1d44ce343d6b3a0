// What is compared with what: values whose types are known at load and never meet.
//
// Known are literals, inputs, results of built-in actions and of helpers; whatever else is read may be anything.
// Errors: Diagnostics `unlike-types` at the comparison, `not-true-or-false` at a `when` or `that` that yields neither.
#pragma once

#include <vector>

#include "interpreter/action/action.h"
#include "interpreter/base/diagnostic.h"
#include "interpreter/checker/outline.h"
#include "interpreter/language/playbook.h"

namespace muster {

void check_types(const Playbook& playbook, const Outline& outline, const std::vector<Action>& actions,
                 Diagnostics& problems);

}  // namespace muster
