// Where an error was raised in Lua, as people read it beside the message.
//
// An error that a script raises carries its places as its cause: `FILE:LINE` a line, the innermost first. The message
// begins with the first of them, unless it is that of a table that was raised.
// Errors: none. Source: docs/extending.md, "From an empty file to an action".
#pragma once

#include <string>
#include <string_view>

#include "interpreter/base/value.h"

namespace muster {

// `raised at lib.lua:3, called from render.lua:12`, without what the message says already; empty where nothing is left,
// and for errors that no script raised. `error`: as it is recorded.
[[nodiscard]] std::string lua_places(const Map& error);
[[nodiscard]] std::string lua_places(std::string_view message, std::string_view cause);

}  // namespace muster
