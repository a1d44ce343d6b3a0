// Lines that GitHub, and forges that do as it does, show beside the lines of a change: `::error file=F,line=N::text`.
//
// Source: docs/coverage.md, "For machines".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace muster {

// `line` 0: of the whole file. What ends a line, a property or a command in that format is escaped in all of them.
[[nodiscard]] std::string github_annotation(std::string_view file, int64_t line, std::string_view title,
                                            std::string_view message);

}  // namespace muster
