// What an action does, as a reader would type it: command lines, statements, requests; for others what they are told.
#pragma once

#include <string>
#include <vector>

#include "interpreter/action/action.h"
#include "interpreter/language/playbook.h"

namespace muster {

// Markdown: a line that says what is done, a block to type, and what belongs to it as a list.
[[nodiscard]] std::string command_text(const ActionCall& call, const Playbook& playbook,
                                       const std::vector<Action>& actions);
// A whole connection in words: ``the SQLite database `<database>` ``.
[[nodiscard]] std::string connection_text(const ConnectionDeclaration& connection);

}  // namespace muster
