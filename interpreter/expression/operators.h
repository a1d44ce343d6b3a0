// What the operators of Lua do to values. Inside this room only.
//
// Errors: text for people; the evaluator adds the place and the values of the parts.
#pragma once

#include <string>
#include <tl/expected.hpp>

#include "interpreter/expression/tree.h"

namespace muster {

// Everything but `and`, `or`, `not`, which the evaluator decides before both sides are known. No side is Unknown.
[[nodiscard]] tl::expected<Value, std::string> apply_binary(Operator op, const Value& a, const Value& b);
[[nodiscard]] tl::expected<Value, std::string> apply_unary(Operator op, const Value& a);

// false and nil are false; everything else is true.
[[nodiscard]] bool is_true(const Value& value);
// A number, with durations as seconds and, where `text_too`, text that reads as one; nil otherwise.
[[nodiscard]] Value as_number(const Value& value, bool text_too);
// `==`, which is an error for secrets, and for a timestamp beside text that is one.
[[nodiscard]] tl::expected<bool, std::string> equals(const Value& a, const Value& b);
// -1, 0, 1 for numbers, texts, timestamps and durations, 2 where one is not a number (nan); an error for anything else.
[[nodiscard]] tl::expected<int, std::string> compare(const Value& a, const Value& b);

// `nil`, `a string`, `an integer`: for messages.
[[nodiscard]] std::string article_and_type(const Value& value);
// What a secret may be used for, as every message about it says it.
[[nodiscard]] std::string_view rule_of_secrets();

}  // namespace muster
