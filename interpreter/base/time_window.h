// Hours of some days in some zone: may a run begin now?
//
// Units:  minutes of a day count from midnight; days of the week from Monday, 0.
// Errors: text that is no day, hour or zone is nothing.
// Source: docs/language.md, "What must hold before the first step".
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "interpreter/base/time.h"

namespace muster {

[[nodiscard]] const std::vector<std::string_view>& weekday_names();  // `mon` to `sun`
[[nodiscard]] std::optional<int> weekday_of(std::string_view name);
[[nodiscard]] std::optional<int> minute_of_day(std::string_view text);  // `22:00`; `24:00` is the day's end
// Whether it may name a file of the tz database: words, `/`, `+`, `-`, `_`; nothing that leaves its folder.
[[nodiscard]] bool is_zone_name(std::string_view name);

struct TimeWindow {
  std::vector<int> days;  // none: every day
  int from = 0;
  int to = 24 * 60;  // not included; at or before `from`: on the next day
};

// `local`: the moment as the clocks of the window's zone show it. A window over midnight belongs to the day it begins
// on.
[[nodiscard]] bool is_open(const TimeWindow& window, Timestamp local);

}  // namespace muster
