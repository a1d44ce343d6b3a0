// What a playbook says, as a person would read or type it: `${{ inputs.database }}` is `<database>`.
//
// Nothing is evaluated. A secret is shown by its name, never by a value; what looks like a password that was written
// into the playbook all the same is `***`.
// Source: docs/docs-command.md, "How values stand".
#pragma once

#include <string>
#include <string_view>

#include "interpreter/language/playbook.h"

namespace muster {

// Inside commands and code: `systemctl stop <service>`.
[[nodiscard]] std::string readable(const Expression& expression);
[[nodiscard]] std::string readable(const Template& text);
// In one line: `[a, <b>]`, `{name: <c>}`. `key` is the name under which it stands, which tells what must not be shown.
[[nodiscard]] std::string readable(const Argument& argument, std::string_view key = {});
// The same as JSON, for bodies of requests; a value that is not text stands without quotes.
[[nodiscard]] std::string readable_json(const Argument& argument, std::string_view key = {});
// The same as YAML, one key a line: what an action is told.
[[nodiscard]] std::string readable_yaml(const ActionCall& call);
// The argument of that name; nullptr: it is not there.
[[nodiscard]] const Argument* argument_of(const Argument& map, std::string_view name);

// --- Markdown
// Text that stays text: nothing in it becomes markup.
[[nodiscard]] std::string prose(std::string_view text);
// The same, with each `${{ }}` as a code span.
[[nodiscard]] std::string prose(const Template& text);
// Several lines: those that are indented stand between fences, as they were laid out.
[[nodiscard]] std::string prose_lines(std::string_view text);
[[nodiscard]] std::string code(std::string_view text);
// In a cell of a table.
[[nodiscard]] std::string in_cell(std::string_view markdown);
[[nodiscard]] std::string fenced(std::string_view text, std::string_view language);
// How a heading is linked to.
[[nodiscard]] std::string anchor_of(std::string_view heading);
[[nodiscard]] std::string one_line(std::string_view text);

}  // namespace muster
