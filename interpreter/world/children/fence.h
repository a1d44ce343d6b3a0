// A command that is kept from writing: under Landlock it may write beneath one folder and to /dev/null, a filter of
// system calls refuses what Landlock does not see (modes, owners, attributes, signals to others), and both hold for
// all that it starts. The network is not fenced.
//
// Errors: fence_code and a line on stderr that begins with fence_word: it was not started, because the fence would not
//         stand.
// Source: Linux, Documentation/userspace-api/landlock.rst and seccomp_filter.rst; docs/dry-run.md.
#pragma once

#include <string_view>

namespace muster::children {

inline constexpr int fence_code = 125;
inline constexpr std::string_view fence_word = "muster-children: no fence: ";

// The version of the kernel's Landlock; 0: it has none.
[[nodiscard]] int landlock_version();

// `folder program argv...`; returns only where it failed.
[[nodiscard]] int run_fenced(char** arguments);

}  // namespace muster::children
