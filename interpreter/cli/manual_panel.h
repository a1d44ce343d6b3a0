// A manual step as a person sees it: what is to be done, what is asked for, who may say that it is done, until when.
//
// What came from the world is escaped.
// Source: docs/gates.md, "What a person does".
#pragma once

#include <string>
#include <vector>

#include "interpreter/cli/gate_panel.h"
#include "interpreter/language/playbook.h"

namespace muster {

[[nodiscard]] std::string manual_panel(const std::string& run, const OpRecord& step, PanelStyle style);
// The command that says that it is done, to be typed as it stands but for the answers.
[[nodiscard]] std::string complete_command_line(const std::string& muster, const std::string& run,
                                                const OpRecord& step);
// A manual step that waits, as `gates --output json` prints it.
[[nodiscard]] Map manual_row(const OpRecord& step);
// `size: how large (integer, 3 unless said): `
[[nodiscard]] std::string form_question(const Input& field);
// What is wrong with an answer as it was typed; empty: nothing.
[[nodiscard]] std::vector<std::string> problems_with_answer(const Input& field, const std::string& line);

}  // namespace muster
