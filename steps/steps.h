// The built-in actions, by name.
//
// Source: docs/actions/; docs/adding-an-action.md.
#pragma once

#include <vector>

#include "interpreter/action/action.h"

namespace muster {

[[nodiscard]] Action shell_action();
[[nodiscard]] Action sql_action();
[[nodiscard]] Action http_action();
[[nodiscard]] Action rebuild_action();
[[nodiscard]] Action restore_action();
[[nodiscard]] Action notify_action();
[[nodiscard]] Action backup_action();

// The whole set, sorted by name.
[[nodiscard]] std::vector<Action> builtin_actions();

}  // namespace muster
