#include "interpreter/language/failure_limit.h"

#include <charconv>

namespace muster {

bool parse_failure_limit(std::string_view text, std::optional<int64_t>& count, std::optional<double>& percent) {
  const char* end = text.data() + text.size();
  if (!text.empty() && text.back() == '%') {
    double share = 0;
    auto [stop, error] = std::from_chars(text.data(), --end, share);
    if (error != std::errc{} || stop != end || !(share >= 0.0 && share <= 100.0)) return false;
    percent = share;
    return true;
  }
  int64_t number = 0;
  auto [stop, error] = std::from_chars(text.data(), end, number);
  if (text.empty() || error != std::errc{} || stop != end || number < 0) return false;
  count = number;
  return true;
}

}  // namespace muster
