// Arguments as a POSIX shell reads them back, byte for byte: for showing command lines, and for other hosts.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace muster {

// Plain words stay as they are; everything else stands in single quotes.
[[nodiscard]] std::string shell_quote(std::string_view argument);
// A whole command; a program whose name looks like `A=b` is quoted, too, because a shell would take it for a variable.
[[nodiscard]] std::string shell_line(const std::vector<std::string>& argv);
// The same for the login shell of another host, whichever it is: nothing is a keyword, and nothing is expanded.
[[nodiscard]] std::string remote_shell_line(const std::vector<std::string>& argv);

}  // namespace muster
