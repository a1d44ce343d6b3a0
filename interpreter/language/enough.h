// How much is said about one file: whoever has this many problems to mend does not read on, and telling more costs
// time.
#pragma once

#include "interpreter/base/diagnostic.h"

namespace muster {

inline constexpr size_t most_problems = 200;

// One more than are told, so that the cut is seen.
[[nodiscard]] inline bool is_enough(const Diagnostics& problems) { return problems.size() > most_problems; }

// Cuts what is beyond, and says so: an error even where the rest would have been warnings, since nobody looked.
inline void tell_no_more(Diagnostics& problems) {
  if (problems.size() <= most_problems) return;
  Diagnostic last;
  last.code = "too-many-problems";
  last.at = problems[most_problems].at;
  last.message = "more than " + std::to_string(most_problems) + " problems: the rest is not told";
  problems.resize(most_problems);
  problems.push_back(std::move(last));
}

}  // namespace muster
