// One argument as a POSIX shell reads it back: for showing command lines, and for remote shells.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace muster {

// Plain words stay as they are; everything else stands in single quotes.
[[nodiscard]] std::string shell_quote(std::string_view argument);
[[nodiscard]] std::string shell_line(const std::vector<std::string>& argv);

}  // namespace muster
