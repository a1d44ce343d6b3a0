// The schema of one field of an action or a connection.
#pragma once

#include <string_view>
#include <vector>

#include "interpreter/base/field.h"
#include "interpreter/base/value.h"

namespace muster {

// What many schemas are made of.
[[nodiscard]] Map text_schema();        // any scalar: it is kept as text
[[nodiscard]] Map duration_schema();    // `30s`, or `${{ }}`
[[nodiscard]] Map integer_schema();     // a whole number, or `${{ }}`
[[nodiscard]] Map expression_schema();  // bare Lua
[[nodiscard]] Map any_of(List schemas);
[[nodiscard]] Map list_of(Map items);
[[nodiscard]] List words(const std::vector<std::string_view>& texts);

[[nodiscard]] Map schema_of(const Field& field);
// A map with these fields, and groups of which exactly one must be given.
[[nodiscard]] Map schema_of(const std::vector<Field>& fields, const std::vector<std::vector<std::string>>& one_of);

}  // namespace muster
