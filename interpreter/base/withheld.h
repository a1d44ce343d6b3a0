// What somebody wrote down in plain words and nobody needs to read: passwords in URLs, and values under keys like
// `token`.
//
// Only for texts that people are shown: declared secrets are withheld by Redaction, wherever they turn up.
// Errors: none; what does not look like a URL is left as it is.
// Source: docs/docs-command.md, docs/dry-run.md.
#pragma once

#include <string>
#include <string_view>

#include "interpreter/base/value.h"

namespace muster {

// Whether what stands under this key is nobody's to read: `password`, `X-Api-Token`.
[[nodiscard]] bool hides(std::string_view key);

// `scheme://user:password@host` with `***` in the password's place.
[[nodiscard]] std::string without_password(std::string text);

// A value as it may be shown under this key, with all that is in it.
[[nodiscard]] Value without_passwords(const Value& value, std::string_view key);

}  // namespace muster
