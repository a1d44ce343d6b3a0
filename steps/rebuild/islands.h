// Gaps and islands: the days of one partition, in order, as runs of consecutive ones.
//
// Units:  days are counted from 1970-01-01; a step is a number of days.
// Errors: `failed`, naming it, for text that is no date.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "interpreter/base/result.h"

namespace muster {

// `2026-01-15`; nothing for anything else.
[[nodiscard]] std::optional<int64_t> day_of(std::string_view date);
[[nodiscard]] std::string date_of(int64_t day);

struct Island {
  int64_t start = 0;
  int64_t end = 0;
  int64_t count = 0;  // days that were seen, each once
};

class Islands {
 public:
  explicit Islands(int64_t step_days) : step_(step_days) {}

  // Days come in ascending order; one that comes twice counts once.
  void add(int64_t day);
  // Those of the partition that has ended.
  [[nodiscard]] std::vector<Island> take();

 private:
  int64_t step_;
  std::vector<Island> found_;
};

}  // namespace muster
