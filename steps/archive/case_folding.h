// How a character looks where neither case nor composition makes a difference: what file systems that ignore both
// compare.
//
// Source: Unicode Standard, section 3.13 (default caseless matching), for the scripts that have case.
#pragma once

#include <cstdint>
#include <string>

namespace muster {

[[nodiscard]] std::u32string folded(char32_t c);

}  // namespace muster
