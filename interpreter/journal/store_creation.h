// A new store: made whole under another name, then given its own. A crash leaves either no store or a complete one.
//
// Errors: `storage`; `refused` where the name is taken meanwhile.
// Source: docs/journal.md, "Tables".
#pragma once

#include <string>

#include "interpreter/base/result.h"

namespace muster {

// To be called under the store's lock, where nothing is at `path`. Makes the signing key too.
[[nodiscard]] Result<void> make_store(const std::string& path, const std::string& vfs);

}  // namespace muster
