// Secrets: how they are declared, and where they may stand.
//
// Errors: Diagnostics `bad-secret` for declarations, `secret-here` where one would be stored or shown, `secret-use`
// where
//         more is done with one than joining it with text.
// Source: docs/language.md, "Secrets".
#pragma once

#include <string_view>
#include <vector>

#include "interpreter/base/diagnostic.h"
#include "interpreter/base/field.h"
#include "interpreter/language/playbook.h"

namespace muster {

void check_secret(const SecretDeclaration& secret, Diagnostics& problems);

// An expression whose value is stored, shown or decided by: it may ask `is_set(secrets.x)`, and no more.
void refuse_secrets(const Expression& expression, Diagnostics& problems);
// The arguments of a call, or what a connection says: each field tells whether a secret may stand in it.
// `owner`: `shell`, or a connection's name.
void check_secret_places(const std::vector<Entry>& entries, const std::vector<Field>& fields, std::string_view owner,
                         Diagnostics& problems);

}  // namespace muster
