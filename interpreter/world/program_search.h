// Where a program is, and in words for people why it cannot be started.
//
// Errors: `not_started`, effect none, with what to do about it as hint.
#pragma once

#include <string>

#include "interpreter/base/result.h"

namespace muster {

// A name with a slash as it is, seen from `directory`; any other from the absolute folders of `path`, never from the
// working folder. `directory` is the folder it is to run in; empty: ours.
[[nodiscard]] Result<std::string> find_program(const std::string& name, const std::string& path,
                                               const std::string& directory);

// The same search path without what is relative to the working folder.
[[nodiscard]] std::string absolute_folders_of(const std::string& path);

}  // namespace muster
