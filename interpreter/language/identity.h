// The forms of names that stand outside playbooks, too: a playbook's own name and its version.
#pragma once

#include <string_view>

namespace muster {

// `restore-database`: lower-case letters, digits, single hyphens.
[[nodiscard]] bool is_kebab_case(std::string_view text);
// `1.4.0`, `2.0.0-rc.1+build.5`. Source: semver.org, version 2.
[[nodiscard]] bool is_semantic_version(std::string_view text);

}  // namespace muster
