// What the arguments of an action are worth once their text is evaluated: typed by the action's fields.
//
// The checker uses it with literals only (everything with `${{ }}` is Unknown), the engine with real values.
// Errors: Diagnostics at the argument (`wrong-type`, `missing-field`, ...), or what the evaluation raised.
#pragma once

#include <functional>
#include <tl/expected.hpp>

#include "interpreter/action/action.h"
#include "interpreter/base/diagnostic.h"
#include "interpreter/base/field.h"
#include "interpreter/language/playbook.h"

namespace muster {

struct ArgumentValues {
  // The value of one text; `is_url` asks for URL encoding of values inside (evaluate_url).
  std::function<tl::expected<Value, Diagnostic>(const Template&, bool is_url)> text;
  // The resolved connection by its name: {name, kind, settings...}.
  std::function<tl::expected<Value, Diagnostic>(const Name&)> connection;
  // The functions of the playbook's scripts; nullptr: nobody asks whether one is there.
  const Scripts* scripts = nullptr;
  // Connections that turn out not to be used (Field::used_with) are not resolved.
  bool only_used_connections = false;
};
// Whether a connection field is used, by what stands in the field that tells: only a text can say no.
[[nodiscard]] bool is_used(const Field& connection, const Value* beside);

// A field whose one `${{ }}` yields nil is absent (an error where it is required); lists splice and drop nil.
[[nodiscard]] tl::expected<Map, Diagnostics> type_arguments(const Argument& args, const Action& action,
                                                            const ArgumentValues& values);
// The settings of a declared connection, typed: {name, kind, path|url, ...}.
[[nodiscard]] tl::expected<Map, Diagnostics> type_connection(const ConnectionDeclaration& declaration,
                                                             const ArgumentValues& values);
// The reader could not read what stands here, and has said so: complain no more.
[[nodiscard]] bool is_unreadable(const Argument& argument);
// Free-form values (`set`, `outputs`, `any` fields): plain scalars are typed by YAML 1.2 core, quoted ones are text.
[[nodiscard]] tl::expected<Value, Diagnostic> type_any(const Argument& argument, const ArgumentValues& values);

}  // namespace muster
