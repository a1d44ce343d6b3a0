// Writing to people: stdout for answers, stderr for progress and diagnostics.
#pragma once

#include <string>
#include <string_view>

#include "interpreter/base/diagnostic.h"

namespace muster {

struct Terminal {
  bool tty = false;  // stdin and stderr are one: somebody can be asked
  bool live = false;  // stderr is one, and not dumb: lines may be redrawn
  Colour colour = Colour::off;
  bool quiet = false;
};

void answer(std::string_view text);  // to stdout, all of it
void tell(std::string_view text);    // to stderr
[[nodiscard]] std::string painted(std::string_view text, std::string_view ansi, const Terminal& terminal);

}  // namespace muster
