// How far a zone's clocks are from UTC at a moment, from the bytes of the system's tz database.
//
// Units:  offsets are added to UTC to get local time.
// Errors: bytes that are no TZif file of version 2 or later are nothing.
// Source: RFC 8536; POSIX.1-2017, "Environment Variables", TZ, for the rule behind the last transition.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "interpreter/base/time.h"

namespace muster {

// Where Debian and most others keep it.
inline constexpr std::string_view zone_folder = "/usr/share/zoneinfo";

class TimeZone {
 public:
  [[nodiscard]] static std::optional<TimeZone> parse(std::string_view bytes);
  [[nodiscard]] Duration offset_at(Timestamp moment) const;

  // One day of a year on which clocks change: `M3.5.0/2`, `J60`, `59`.
  struct Change {
    enum class Kind { month_week_day, julian_without_leap, day_of_year } kind = Kind::month_week_day;
    int month = 1, week = 1, day = 0;
    int64_t seconds = 7200;  // of the day
  };
  struct Rule {
    int64_t standard = 0;  // seconds
    std::optional<int64_t> summer;
    Change begins, ends;  // of summer time
  };

 private:
  struct Transition {
    int64_t at = 0;      // seconds since 1970
    int64_t offset = 0;  // seconds, from then on
  };
  int64_t first_offset_ = 0;
  std::vector<Transition> transitions_;
  std::optional<Rule> rule_;  // behind the last transition
};

}  // namespace muster
