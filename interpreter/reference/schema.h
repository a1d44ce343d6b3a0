// A JSON Schema of playbooks for editors, made from the same field tables that reader and checker use.
//
// Draft-07, as editors' YAML servers read it. It knows shapes, words and what must be there; names that lead nowhere,
// types of values behind `${{ }}` and everything else that needs the whole playbook is told by `muster check`.
// Source: docs/editors.md.
#pragma once

#include <vector>

#include "interpreter/action/action.h"
#include "interpreter/base/value.h"

namespace muster {

[[nodiscard]] Value schema_of_playbooks(const std::vector<Action>& actions);

}  // namespace muster
