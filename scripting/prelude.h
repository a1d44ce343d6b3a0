// The libraries that are written in Lua: prelude.cc.
#pragma once

#include <string_view>

namespace muster {

extern const std::string_view prelude;

}  // namespace muster
