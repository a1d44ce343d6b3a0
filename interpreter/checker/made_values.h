// The arguments of an action as a script made them: values, not text; typed by the same fields, refused in the same
// words.
//
// A connection is handed on as the script was given it; a secret stands only where the field lets it.
// Errors: Diagnostics; their spans mean nothing.
#pragma once

#include <tl/expected.hpp>

#include "interpreter/action/action.h"
#include "interpreter/base/diagnostic.h"

namespace muster {

[[nodiscard]] tl::expected<Map, Diagnostics> type_values(const Map& args, const Action& action);

}  // namespace muster
