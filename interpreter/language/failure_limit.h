// How many items of a `foreach` may fail: `3`, or `5%` of them.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace muster {

// False: it is neither. A share is from 0 to 100.
[[nodiscard]] bool parse_failure_limit(std::string_view text, std::optional<int64_t>& count,
                                       std::optional<double>& percent);

}  // namespace muster
