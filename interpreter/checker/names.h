// What may be called what: ids, names of inputs and outputs, the playbook's identity.
#pragma once

#include <string_view>

#include "interpreter/base/diagnostic.h"
#include "interpreter/language/playbook.h"

namespace muster {

// `[a-z][a-z0-9_]*`, no word of Lua; a warning for words that YAML 1.1 reads as true or false. `what`: `an id`.
void check_name(const Name& name, std::string_view what, Diagnostics& problems);
// The same, and none of the fields that every `steps.<id>` has.
void check_field_name(const Name& name, std::string_view what, Diagnostics& problems);

// Identity, inputs, connections and outputs of the playbook.
void check_declarations(const Playbook& playbook, Diagnostics& problems);

}  // namespace muster
