#include "interpreter/base/time_window.h"

#include <algorithm>

namespace muster {
namespace {

constexpr int64_t minute_us = 60'000'000;
constexpr int64_t minutes_of_a_day = 24 * 60;

int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

}  // namespace

const std::vector<std::string_view>& weekday_names() {
  static const std::vector<std::string_view> names{"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
  return names;
}

std::optional<int> weekday_of(std::string_view name) {
  const auto& names = weekday_names();
  auto it = std::find(names.begin(), names.end(), name);
  if (it == names.end()) return std::nullopt;
  return static_cast<int>(it - names.begin());
}

std::optional<int> minute_of_day(std::string_view text) {
  if (text.size() != 5 || text[2] != ':') return std::nullopt;
  for (size_t i : {0u, 1u, 3u, 4u})
    if (text[i] < '0' || text[i] > '9') return std::nullopt;
  const int hour = (text[0] - '0') * 10 + (text[1] - '0');
  const int minute = (text[3] - '0') * 10 + (text[4] - '0');
  if (minute > 59 || hour > 24 || (hour == 24 && minute > 0)) return std::nullopt;
  return hour * 60 + minute;
}

bool is_zone_name(std::string_view name) {
  if (name.empty() || name.size() > 64 || name.front() == '/' || name.back() == '/') return false;
  bool after_slash = true;
  for (char c : name) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    const bool other = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '_';
    if (c == '/' ? after_slash : !letter && (after_slash || !other)) return false;
    after_slash = c == '/';
  }
  return true;
}

bool is_open(const TimeWindow& window, Timestamp local) {
  const int64_t minutes = floor_div(local.us, minute_us);
  const int64_t day = floor_div(minutes, minutes_of_a_day);
  const int64_t minute = minutes - day * minutes_of_a_day;
  auto begins_on = [&](int64_t that_day) {
    const int64_t weekday = ((that_day + 3) % 7 + 7) % 7;  // 1970-01-01 was a Thursday
    return window.days.empty() || std::find(window.days.begin(), window.days.end(), weekday) != window.days.end();
  };
  if (window.from < window.to) return begins_on(day) && minute >= window.from && minute < window.to;
  return (begins_on(day) && minute >= window.from) || (begins_on(day - 1) && minute < window.to);
}

}  // namespace muster
