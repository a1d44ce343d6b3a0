// What an ssh connection's settings may look like: nothing that the OpenSSH client could take for an option, a token to
// expand or a piece of a command. Values may come from inputs, so this is asked before every use.
//
// Source: docs/language.md, "Commands on other hosts".
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace muster {

// Why the text cannot stand as `host`, `user`, `identity` or `known_hosts`; nothing: it can.
[[nodiscard]] std::optional<std::string> problem_of_ssh_setting(std::string_view setting, std::string_view text);
// Why the number cannot be a port.
[[nodiscard]] std::optional<std::string> problem_of_ssh_port(int64_t port);

}  // namespace muster
