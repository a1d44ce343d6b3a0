// `key` and `passphrase` of a playbook, as fields and as what they give.
//
// Errors: `invalid` for one that is written in the playbook itself, of the wrong length or empty.
// Source: docs/actions/backup.md, "Encrypted archives".
#pragma once

#include <optional>
#include <vector>

#include "interpreter/base/field.h"
#include "interpreter/base/value.h"
#include "steps/archive/sealing.h"

namespace muster {

[[nodiscard]] std::vector<Field> key_fields();
// Nothing where the object has neither.
[[nodiscard]] Result<std::optional<ArchiveKey>> key_of(const Map& object);

}  // namespace muster
