// What a preview pins of a file that a step only names (`{file, sha256}`), beside a digest.
//
// Source: docs/gates.md, "What a decision is bound to".
#pragma once

#include <string_view>

namespace muster {

// In the place of its SHA-256: it could not be read when it was to be shown, so nobody has seen what it says.
inline constexpr std::string_view unread_file = "unread";

}  // namespace muster
