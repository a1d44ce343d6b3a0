#include "interpreter/base/time_zone.h"

#include <algorithm>

namespace muster {
namespace {

constexpr int64_t day_seconds = 86'400;

int64_t big_endian(std::string_view bytes, size_t at, size_t size) {
  uint64_t value = 0;
  for (size_t i = 0; i < size; ++i) value = value << 8 | static_cast<unsigned char>(bytes[at + i]);
  if (size == 4) return static_cast<int32_t>(static_cast<uint32_t>(value));
  return static_cast<int64_t>(value);
}

// Days since 1970 of a date of the Gregorian calendar. Source: Howard Hinnant, "chrono-compatible low-level date
// algorithms", days_from_civil.
int64_t days_of(int64_t year, int month, int day) {
  year -= month <= 2;
  const int64_t era = (year >= 0 ? year : year - 399) / 400;
  const int64_t year_of_era = year - era * 400;
  const int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
  return era * 146'097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719'468;
}

int64_t year_of(int64_t days) {
  int64_t year = 1970 + days / 366;
  while (days_of(year + 1, 1, 1) <= days) ++year;
  while (days_of(year, 1, 1) > days) --year;
  return year;
}

bool is_leap(int64_t year) { return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0; }

// The second, of local time counted as if it were UTC, at which the change happens in a year.
int64_t moment_of(const TimeZone::Change& change, int64_t year) {
  int64_t day = days_of(year, 1, 1);
  switch (change.kind) {
    case TimeZone::Change::Kind::day_of_year:
      day += change.day;
      break;
    case TimeZone::Change::Kind::julian_without_leap:
      day += change.day - 1 + (is_leap(year) && change.day >= 60 ? 1 : 0);
      break;
    case TimeZone::Change::Kind::month_week_day: {
      const int64_t first = days_of(year, change.month, 1);
      const int64_t weekday = ((first + 4) % 7 + 7) % 7;  // from Sunday; 1970-01-01 was a Thursday
      day = first + (change.day - weekday + 7) % 7 + 7 * (change.week - 1);
      const int64_t next = change.month == 12 ? days_of(year + 1, 1, 1) : days_of(year, change.month + 1, 1);
      while (day >= next) day -= 7;  // week 5 is the last one
    }
  }
  return day * day_seconds + change.seconds;
}

// Reads the rule: `CET-1CEST,M3.5.0,M10.5.0/3`.
class RuleReader {
 public:
  explicit RuleReader(std::string_view text) : text_(text) {}

  std::optional<TimeZone::Rule> read() {
    TimeZone::Rule rule;
    int64_t west = 0;
    if (!name() || !seconds(west)) return std::nullopt;
    rule.standard = -west;
    if (text_.empty()) return rule;
    if (!name()) return std::nullopt;
    rule.summer = rule.standard + 3600;
    if (!text_.empty() && text_[0] != ',') {
      if (!seconds(west)) return std::nullopt;
      rule.summer = -west;
    }
    if (!change(rule.begins) || !change(rule.ends) || !text_.empty()) return std::nullopt;
    return rule;
  }

 private:
  bool take(char c) {
    if (text_.empty() || text_[0] != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  bool name() {
    size_t length = 0;
    if (take('<')) {
      length = text_.find('>');
      if (length == std::string_view::npos) return false;
      text_.remove_prefix(length + 1);
      return length > 0;
    }
    while (length < text_.size() &&
           ((text_[length] >= 'a' && text_[length] <= 'z') || (text_[length] >= 'A' && text_[length] <= 'Z')))
      ++length;
    text_.remove_prefix(length);
    return length >= 3;
  }
  bool number(int64_t& out) {
    size_t digits = 0;
    out = 0;
    while (digits < text_.size() && digits < 6 && text_[digits] >= '0' && text_[digits] <= '9')
      out = out * 10 + (text_[digits++] - '0');
    text_.remove_prefix(digits);
    return digits > 0;
  }
  bool seconds(int64_t& out) {
    const bool minus = take('-');
    if (!minus) (void)take('+');
    int64_t part = 0;
    if (!number(part)) return false;
    out = part * 3600;
    if (take(':')) {
      if (!number(part)) return false;
      out += part * 60;
      if (take(':')) {
        if (!number(part)) return false;
        out += part;
      }
    }
    if (minus) out = -out;
    return true;
  }
  bool change(TimeZone::Change& out) {
    int64_t a = 0, b = 0, c = 0;
    if (!take(',')) return false;
    if (take('M')) {
      if (!number(a) || !take('.') || !number(b) || !take('.') || !number(c)) return false;
      if (a < 1 || a > 12 || b < 1 || b > 5 || c > 6) return false;
      out.month = static_cast<int>(a);
      out.week = static_cast<int>(b);
      out.day = static_cast<int>(c);
    } else {
      out.kind = take('J') ? TimeZone::Change::Kind::julian_without_leap : TimeZone::Change::Kind::day_of_year;
      if (!number(a) || a > 365) return false;
      out.day = static_cast<int>(a);
    }
    return !take('/') || seconds(out.seconds);
  }

  std::string_view text_;
};

int64_t offset_by(const TimeZone::Rule& rule, int64_t at) {
  if (!rule.summer) return rule.standard;
  const int64_t local = at + rule.standard;
  const int64_t year = year_of((local >= 0 ? local : local - day_seconds + 1) / day_seconds);
  const int64_t begins = moment_of(rule.begins, year) - rule.standard;
  const int64_t ends = moment_of(rule.ends, year) - *rule.summer;
  const bool summer = begins < ends ? at >= begins && at < ends : at >= begins || at < ends;
  return summer ? *rule.summer : rule.standard;
}

}  // namespace

std::optional<TimeZone> TimeZone::parse(std::string_view bytes) {
  constexpr size_t header = 44;
  auto counts = [&](size_t at) {
    std::vector<size_t> six;
    for (size_t i = 0; i < 6; ++i) six.push_back(static_cast<size_t>(big_endian(bytes, at + 20 + 4 * i, 4)));
    return six;  // isutcnt, isstdcnt, leapcnt, timecnt, typecnt, charcnt
  };
  if (bytes.size() < header || bytes.substr(0, 4) != "TZif" || bytes[4] < '2') return std::nullopt;
  std::vector<size_t> n = counts(0);
  for (size_t count : n)
    if (count > bytes.size()) return std::nullopt;
  // The first block has times of 32 bits only; what counts stands behind it.
  size_t at = header + n[3] * 5 + n[4] * 6 + n[5] + n[2] * 8 + n[1] + n[0];
  if (at + header > bytes.size() || bytes.substr(at, 4) != "TZif") return std::nullopt;
  n = counts(at);
  for (size_t count : n)
    if (count > bytes.size()) return std::nullopt;
  at += header;
  const size_t types = at + n[3] * 9;
  const size_t footer = types + n[4] * 6 + n[5] + n[2] * 12 + n[1] + n[0];
  if (footer > bytes.size() || n[4] == 0) return std::nullopt;
  TimeZone zone;
  auto offset = [&](size_t type) { return big_endian(bytes, types + 6 * type, 4); };
  zone.first_offset_ = offset(0);
  for (size_t i = 0; i < n[3]; ++i) {
    const size_t type = static_cast<unsigned char>(bytes[at + n[3] * 8 + i]);
    if (type >= n[4]) return std::nullopt;
    zone.transitions_.push_back({big_endian(bytes, at + 8 * i, 8), offset(type)});
  }
  std::string_view rule = bytes.substr(footer);
  if (rule.size() >= 2 && rule.front() == '\n') {
    rule.remove_prefix(1);
    rule = rule.substr(0, rule.find('\n'));
    if (!rule.empty()) zone.rule_ = RuleReader(rule).read();
  }
  return zone;
}

Duration TimeZone::offset_at(Timestamp moment) const {
  const int64_t at = moment.us >= 0 ? moment.us / 1'000'000 : (moment.us - 999'999) / 1'000'000;
  auto later = std::upper_bound(transitions_.begin(), transitions_.end(), at,
                                [](int64_t time, const Transition& t) { return time < t.at; });
  if (later == transitions_.end() && rule_) return Duration::seconds(offset_by(*rule_, at));
  if (later == transitions_.begin()) return Duration::seconds(first_offset_);
  return Duration::seconds(std::prev(later)->offset);
}

}  // namespace muster
