// A playbook with all that it names: its Lua files read and turned into actions and functions, checked as a whole.
//
// Errors: Diagnostics; those of Lua files stand in these files.
// Source: docs/extending.md.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "interpreter/action/action.h"
#include "interpreter/checker/checker.h"
#include "interpreter/reader/calls.h"
#include "scripting/scripting.h"

namespace muster {

// The actions that a playbook may use, and the functions of its scripts.
struct Extended {
  std::shared_ptr<const std::vector<Action>> actions;
  std::shared_ptr<const Scripts> scripts;
};

// A playbook or a Lua file from disk: file 0 of what its `sources_beside` adds to.
[[nodiscard]] Result<SourceFiles> first_source(const std::string& path);

// Reads file 0 and what it names, and checks it. Called playbooks bring their extensions with them. Nothing: there are
// problems.
[[nodiscard]] std::optional<CheckedPlaybook> read_and_check(SourceFiles& files, const OpenSource& open,
                                                            const std::vector<Action>& builtin, Extended& extended,
                                                            Diagnostics& problems);

// What no action of an extension can be called: a built-in one has the name, or a step has a key of that name.
[[nodiscard]] std::vector<std::string> taken_names(const std::vector<Action>& builtin);

// A Lua file alone, with what it requires: file 0.
[[nodiscard]] std::optional<ScriptSet> read_extension(SourceFiles& files, const OpenSource& open,
                                                      const std::vector<Action>& builtin, Diagnostics& problems);

// The built-in actions with those of an extension, by name.
[[nodiscard]] std::vector<Action> all_actions(std::vector<Action> builtin, std::vector<Action> of_extensions);

}  // namespace muster
