// Errors of SQL that a playbook holds: where in which argument the statement stands.
//
// The ports of databases begin such an error with `line N, column M: `, counted in the text that they were given. Text
// of the author's may stand within a statement of ours; what lies outside of it has no place for people.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "interpreter/base/result.h"

namespace muster {

// Of a statement that is the author's text and nothing else.
[[nodiscard]] Error in_statement(Error error, const std::string& argument);
// Of a statement of ours in which `text` stands from its second line on; `otherwise` is the argument that it is about
// where the author's text is not at fault.
[[nodiscard]] Error in_wrapped_statement(Error error, std::string_view text, const std::string& argument,
                                         const std::string& otherwise);

}  // namespace muster
