// A command on another host, through the OpenSSH client as a child: whoever's configuration, agent, jump hosts and
// known hosts it has count. Nobody is asked for anything, and a host whose key is not known is refused.
//
// Units:  none. Errors: `invalid` for settings that could be taken for more than names.
// Source: docs/language.md, "Commands on other hosts".
#pragma once

#include <optional>
#include <string>

#include "interpreter/base/result.h"
#include "interpreter/base/value.h"
#include "interpreter/world/processes.h"

namespace muster {

// The client's command for one that is meant for the connection's host. What stands in `environment`, and words that
// need quotes, go over stdin: they are in no process list, and no login shell reads them.
[[nodiscard]] Result<Command> over_ssh(const Map& connection, const Command& command);

// Whether the client gave up before it had logged in: it says when it has, and only then sends the command.
[[nodiscard]] bool has_failed_to_connect(const ProcessEnd& end);
// What kept it from connecting. The effect is certainly none where the client names the reason, else it is open.
[[nodiscard]] Error connection_failure(const Map& connection, const ProcessEnd& end);
// What came from the host: without the client's own word.
[[nodiscard]] std::string without_greeting(std::string text);

// `deploy@db1, port 2222`
[[nodiscard]] std::string name_of_target(const Map& connection);

}  // namespace muster
