#include "steps/rebuild/islands.h"

#include <utility>

namespace muster {

namespace {

// Howard Hinnant, "chrono-compatible low-level date algorithms": days_from_civil and civil_from_days.
int64_t days_from_civil(int64_t y, int64_t m, int64_t d) {
  y -= m <= 2 ? 1 : 0;
  int64_t era = (y >= 0 ? y : y - 399) / 400;
  int64_t yoe = y - era * 400;
  int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
  int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  return era * 146097 + doe - 719468;
}

int64_t days_in_month(int64_t y, int64_t m) {
  bool is_leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
  constexpr int64_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  return m == 2 && is_leap ? 29 : days[m - 1];
}

}  // namespace

std::optional<int64_t> day_of(std::string_view date) {
  if (date.size() != 10 || date[4] != '-' || date[7] != '-') return std::nullopt;
  auto number = [&](size_t from, size_t to) {
    int64_t n = 0;
    for (size_t i = from; i < to; ++i) {
      if (date[i] < '0' || date[i] > '9') return int64_t{-1};
      n = n * 10 + (date[i] - '0');
    }
    return n;
  };
  int64_t y = number(0, 4), m = number(5, 7), d = number(8, 10);
  if (y < 0 || m < 1 || m > 12 || d < 1 || d > days_in_month(y, m)) return std::nullopt;
  return days_from_civil(y, m, d);
}

std::string date_of(int64_t day) {
  int64_t z = day + 719468;
  int64_t era = (z >= 0 ? z : z - 146096) / 146097;
  int64_t doe = z - era * 146097;
  int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  int64_t mp = (5 * doy + 2) / 153;
  int64_t d = doy - (153 * mp + 2) / 5 + 1, m = mp + (mp < 10 ? 3 : -9);
  int64_t y = yoe + era * 400 + (m <= 2 ? 1 : 0);
  std::string out = "0000-00-00";
  auto put = [&](size_t last, int64_t n) {
    for (; n > 0; n /= 10) out[last--] = static_cast<char>('0' + n % 10);
  };
  put(3, y);
  put(6, m);
  put(9, d);
  return out;
}

void Islands::add(int64_t day) {
  if (!found_.empty()) {
    Island& last = found_.back();
    if (day == last.end) return;
    if (day - last.end == step_) {
      last.end = day;
      ++last.count;
      return;
    }
  }
  found_.push_back({day, day, 1});
}

std::vector<Island> Islands::take() { return std::exchange(found_, {}); }

}  // namespace muster
