// What is wrong with a playbook, as data, and the one function that draws it.
//
// Codes are stable and listed in docs/errors.md. Messages: lower case, no full stop, names in backquotes, what was
// found and what was expected. Help: the nearest name, or what to type.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "interpreter/base/source_file.h"

namespace muster {

enum class Severity { error, warning };

// A further place that belongs to it (`first defined here`), or a value of a part of an expression.
struct Note {
  Span at;
  std::string message;
};

struct Diagnostic {
  Severity severity = Severity::error;
  std::string code;  // `unknown-step`
  Span at;
  std::string message;
  std::string help;
  std::vector<Note> notes;
};

using Diagnostics = std::vector<Diagnostic>;

[[nodiscard]] inline bool has_errors(const Diagnostics& all) {
  for (const Diagnostic& d : all)
    if (d.severity == Severity::error) return true;
  return false;
}

enum class Colour { off, on };

// `file:line:column: error: message [code]`, the line, a caret as wide as the span, notes and help. Ends with a
// newline.
[[nodiscard]] std::string render(const Diagnostic& diagnostic, const SourceFiles& files, Colour colour = Colour::off);
// All of them in the order of their places, followed by a line that counts them (`2 errors, 1 warning`).
[[nodiscard]] std::string render_all(Diagnostics all, const SourceFiles& files, Colour colour = Colour::off);
// {"file", "line", "column", "end_column", "severity", "code", "message", "help"}: for --output json is made in cli.

// The candidate that was most likely meant, or empty: at most a third of the letters wrong, swaps count once,
// of equally near ones the first.
[[nodiscard]] std::string_view nearest(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace muster
