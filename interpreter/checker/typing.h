// Text to a value of one type, and values that came out of expressions to the type that a field asks for.
//
// Errors: a message for people without place: `must be a whole number, and `x` stands here`.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "interpreter/base/field.h"
#include "interpreter/base/value.h"

namespace muster {

// Whole numbers only, the whole text.
[[nodiscard]] std::optional<int64_t> parse_integer(std::string_view text);
[[nodiscard]] std::optional<double> parse_number(std::string_view text);
[[nodiscard]] std::optional<bool> parse_boolean(std::string_view text);  // true or false

// A plain scalar by YAML 1.2's core schema: null, boolean, integer, float, or text.
[[nodiscard]] Value plain_value(std::string_view text);

struct TypeError {
  std::string code;  // `wrong-type`, `bad-duration`
  std::string message;
  std::string help;
};

// What the value is as `type`; scalar types only. Secrets and unknowns pass as they are. `written` tells that it is
// text of the playbook: then a bare number is no duration, while an expression's number counts seconds.
[[nodiscard]] tl::expected<Value, TypeError> typed_scalar(Value value, FieldType type, std::string_view name,
                                                          bool written);

// `a whole number`: what a type is called in messages.
[[nodiscard]] std::string_view words_for(FieldType type);

}  // namespace muster
