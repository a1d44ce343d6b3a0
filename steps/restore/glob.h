// Files by a pattern: `*`, `?` and `[a-z]` in the last part of a path, as a shell reads them.
#pragma once

#include <string>
#include <string_view>

namespace muster {

// Whether a name fits. A name that begins with `.` fits only a pattern that does.
[[nodiscard]] bool matches_glob(std::string_view pattern, std::string_view name);

}  // namespace muster
