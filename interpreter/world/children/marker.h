// The variable by which all that a child has started is known, whoever its parent is by now.
#pragma once

#include <string>

namespace muster::children {

inline constexpr const char* marker_variable = "MUSTER_CHILD";

// How its value ends for a child that an interpreter gave a name: a later interpreter knows no more than that.
inline std::string marker_end(const std::string& name) { return name.empty() ? name : "." + name; }

}  // namespace muster::children
