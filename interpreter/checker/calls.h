// One call of an action against the action's fields, with what is known at load.
#pragma once

#include "interpreter/action/action.h"
#include "interpreter/base/diagnostic.h"
#include "interpreter/checker/arguments.h"
#include "interpreter/language/playbook.h"

namespace muster {

// Text is what is written, everything with `${{ }}` is Unknown; connections have their name and kind.
[[nodiscard]] ArgumentValues literal_values(const Playbook& playbook);
// The same without a playbook: any connection exists.
[[nodiscard]] ArgumentValues literal_values();

// Fields, types and choices, and no `${{ }}` in scripts. Gives what is known of the arguments, where they are right.
std::optional<Map> check_call(const ActionCall& call, const Action& action, const ArgumentValues& values,
                              Diagnostics& problems);

// Fields that only a write has.
void refuse_in_read(const ActionCall& call, const Action& action, Diagnostics& problems);

// `${{ }}` in a field of type script, anywhere within.
void check_injection(const Argument& argument, const std::vector<Field>& fields, std::string_view action,
                     Diagnostics& problems);

}  // namespace muster
