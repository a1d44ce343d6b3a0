#include "interpreter/base/time.h"

#include <cstdio>

namespace muster {
namespace {

// Days since 1970-01-01 of a date of the proleptic Gregorian calendar.
int64_t days_from_civil(int64_t year, int month, int day) {
  year -= month <= 2;
  int64_t era = (year >= 0 ? year : year - 399) / 400;
  int64_t year_of_era = year - era * 400;
  int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
  return era * 146097 + day_of_era - 719468;
}

struct Civil {
  int64_t year;
  int month, day;
};

Civil civil_from_days(int64_t days) {
  days += 719468;
  int64_t era = (days >= 0 ? days : days - 146096) / 146097;
  int64_t day_of_era = days - era * 146097;
  int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  int month_from_march = static_cast<int>((5 * day_of_year + 2) / 153);
  int day = static_cast<int>(day_of_year - (153 * month_from_march + 2) / 5 + 1);
  int month = month_from_march < 10 ? month_from_march + 3 : month_from_march - 9;
  return {year_of_era + era * 400 + (month <= 2), month, day};
}

int days_in_month(int64_t year, int month) {
  static constexpr int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
  bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
  return month == 2 && leap ? 29 : days[month - 1];
}

// Exactly `count` digits, or nothing.
bool digits(std::string_view& text, int count, int& out) {
  if (text.size() < static_cast<size_t>(count)) return false;
  out = 0;
  for (int i = 0; i < count; ++i) {
    char c = text[static_cast<size_t>(i)];
    if (c < '0' || c > '9') return false;
    out = out * 10 + (c - '0');
  }
  text.remove_prefix(static_cast<size_t>(count));
  return true;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

}  // namespace

std::optional<Timestamp> parse_timestamp(std::string_view text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  if (!digits(text, 4, year) || !take(text, '-') || !digits(text, 2, month) || !take(text, '-') ||
      !digits(text, 2, day))
    return std::nullopt;
  if (month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) return std::nullopt;
  int64_t us = days_from_civil(year, month, day) * 86'400'000'000;
  if (text.empty()) return Timestamp{us};
  if (!take(text, 'T') && !take(text, 't') && !take(text, ' ')) return std::nullopt;
  if (!digits(text, 2, hour) || !take(text, ':') || !digits(text, 2, minute) || !take(text, ':') ||
      !digits(text, 2, second))
    return std::nullopt;
  if (hour > 23 || minute > 59 || second > 60) return std::nullopt;
  if (second == 60) second = 59;
  int64_t fraction = 0;
  if (take(text, '.')) {
    int64_t scale = 100'000;
    if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
    while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
      fraction += scale * (text.front() - '0');
      scale /= 10;
      text.remove_prefix(1);
    }
  }
  int64_t offset_s = 0;
  if (!take(text, 'Z') && !take(text, 'z')) {
    int sign = take(text, '+') ? 1 : (take(text, '-') ? -1 : 0);
    int off_hour = 0, off_minute = 0;
    if (sign == 0 || !digits(text, 2, off_hour) || !take(text, ':') || !digits(text, 2, off_minute) || off_hour > 23 ||
        off_minute > 59)
      return std::nullopt;
    offset_s = sign * (off_hour * 3600 + off_minute * 60);
  }
  if (!text.empty()) return std::nullopt;
  us += (hour * 3600LL + minute * 60LL + second - offset_s) * 1'000'000 + fraction;
  return timestamp_at({us}, 0);
}

std::optional<Timestamp> timestamp_at(Timestamp from, int64_t later_us) {
  static const int64_t first = days_from_civil(0, 1, 1) * 86'400'000'000,
                       behind = days_from_civil(10000, 1, 1) * 86'400'000'000;
  int64_t us = 0;
  if (__builtin_add_overflow(from.us, later_us, &us) || us < first || us >= behind) return std::nullopt;
  return Timestamp{us};
}

std::string to_text(Timestamp t) {
  int64_t days = t.us / 86'400'000'000;
  int64_t rest = t.us % 86'400'000'000;
  if (rest < 0) {
    rest += 86'400'000'000;
    --days;
  }
  Civil civil = civil_from_days(days);
  int64_t seconds = rest / 1'000'000;
  int fraction = static_cast<int>(rest % 1'000'000);
  char buffer[64];
  int n = std::snprintf(buffer, sizeof buffer, "%04lld-%02d-%02dT%02d:%02d:%02d", static_cast<long long>(civil.year),
                        civil.month, civil.day, static_cast<int>(seconds / 3600), static_cast<int>(seconds / 60 % 60),
                        static_cast<int>(seconds % 60));
  std::string out(buffer, static_cast<size_t>(n));
  if (fraction != 0) {
    std::snprintf(buffer, sizeof buffer, ".%06d", fraction);
    std::string part = buffer;
    while (part.back() == '0') part.pop_back();
    out += part;
  }
  return out + "Z";
}

std::optional<Duration> parse_duration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  int64_t total = 0;
  while (!text.empty()) {
    if (text.front() < '0' || text.front() > '9') return std::nullopt;
    int64_t whole = 0;
    int count = 0;
    while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
      whole = whole * 10 + (text.front() - '0');
      if (++count > 12) return std::nullopt;
      text.remove_prefix(1);
    }
    double fraction = 0;
    if (take(text, '.')) {
      double scale = 0.1;
      if (text.empty() || text.front() < '0' || text.front() > '9') return std::nullopt;
      while (!text.empty() && text.front() >= '0' && text.front() <= '9') {
        fraction += scale * (text.front() - '0');
        scale /= 10;
        text.remove_prefix(1);
      }
    }
    int64_t unit = 0;
    if (text.size() >= 2 && text.substr(0, 2) == "ms") {
      unit = 1'000;
      text.remove_prefix(2);
    } else if (take(text, 's')) {
      unit = 1'000'000;
    } else if (take(text, 'm')) {
      unit = 60'000'000;
    } else if (take(text, 'h')) {
      unit = 3'600'000'000;
    } else if (take(text, 'd')) {
      unit = 86'400'000'000;
    } else {
      return std::nullopt;
    }
    if (whole > INT64_MAX / 4 / unit) return std::nullopt;
    total += whole * unit + static_cast<int64_t>(fraction * static_cast<double>(unit) + 0.5);
    if (total > INT64_MAX / 2) return std::nullopt;
  }
  return Duration{total};
}

std::string to_text(Duration d) {
  if (d.us == 0) return "0s";
  std::string out;
  uint64_t us = d.us < 0 ? 0 - static_cast<uint64_t>(d.us) : static_cast<uint64_t>(d.us);
  if (d.us < 0) out = "-";
  auto part = [&](uint64_t unit, const char* name) {
    if (us >= unit) out += std::to_string(us / unit) + name;
    us %= unit;
  };
  part(86'400'000'000, "d");
  part(3'600'000'000, "h");
  part(60'000'000, "m");
  if (us == 0) return out;
  if (us < 1'000'000 && us % 1000 == 0) return out + std::to_string(us / 1000) + "ms";
  std::string seconds = std::to_string(us / 1'000'000);
  if (us % 1'000'000 != 0) {
    std::string fraction = std::to_string(us % 1'000'000 + 1'000'000).substr(1);
    while (fraction.back() == '0') fraction.pop_back();
    seconds += "." + fraction;
  }
  return out + seconds + "s";
}

}  // namespace muster
