// A playbook with every playbook that it calls: each file is read once, beneath the folder of the first one.
//
// Units:  at most 16 calls deep; what calls bring in is at most 100,000 steps.
// Errors: Diagnostics at the call: `call-not-found`, `call-outside`, `call-cycle` (as a path), `call-too-deep`,
//         `call-too-large`; and all that the reader has to say of the called file, in that file.
// Source: docs/language.md, "Calls".
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <tl/expected.hpp>

#include "interpreter/base/diagnostic.h"
#include "interpreter/base/source_file.h"
#include "interpreter/language/playbook.h"

namespace muster {

// The bytes of a file, or why there are none, for people. `path` is as messages show it.
using OpenSource = std::function<tl::expected<std::string, std::string>(const std::string& path)>;

// Files of the disk; none that a link takes out of the folder of the playbook at `first`.
[[nodiscard]] OpenSource sources_beside(const std::string& first);
// Files that stand in SourceFiles already, and no others: a run has all that it needs.
[[nodiscard]] OpenSource no_more_sources();

// `file` stands in `files`; called files are added behind it, or found there.
[[nodiscard]] std::optional<Playbook> read_with_calls(SourceFiles& files, uint32_t file, const OpenSource& open,
                                                      Diagnostics& problems);

}  // namespace muster
