// What a playbook's bytes must be before anything parses them: UTF-8 without characters that hide what is said.
//
// Errors: Diagnostics `too-large`, `not-utf8`, `bad-character`, each at the first such byte.
#pragma once

#include "interpreter/base/diagnostic.h"
#include "interpreter/base/source_file.h"
#include "interpreter/reader/yaml_tree.h"

namespace muster {

[[nodiscard]] bool is_sane_source(const SourceFiles& files, uint32_t file, const YamlLimits& limits,
                                  Diagnostics& problems);

}  // namespace muster
