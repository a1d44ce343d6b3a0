// A small, fixed table of actions for tests of reader and checker: their goldens do not move when real actions grow.
#pragma once

#include <vector>

#include "interpreter/action/action.h"

namespace muster {

[[nodiscard]] std::vector<Action> test_actions();

}  // namespace muster
