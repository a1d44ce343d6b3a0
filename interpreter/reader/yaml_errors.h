// What the YAML library says when it gives up, said again so that it helps: the trap, named at its place.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "interpreter/base/diagnostic.h"

namespace muster {

// Where the library stood.
struct YamlFailure {
  std::string_view source;
  uint32_t file = 0;
  uint32_t at = 0;
  std::string_view message;              // the library's own words
  std::optional<uint32_t> open_bracket;  // the innermost `[` or `{` not yet closed
  uint32_t last_end = 0;                 // the end of the last node that was read
};

[[nodiscard]] Diagnostic explain(const YamlFailure& failure);

}  // namespace muster
