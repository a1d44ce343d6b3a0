// Which processes have a file open, as /proc tells.
//
// Errors: `storage` when /proc cannot be read at all. Processes of other users are skipped where the system hides them.
#pragma once

#include <string>
#include <vector>

#include "interpreter/base/result.h"
#include "interpreter/world/files.h"

namespace muster {

[[nodiscard]] Result<std::vector<Holder>> holders_of(const std::vector<std::string>& paths);

}  // namespace muster
