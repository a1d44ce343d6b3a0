// Time, as a port.
//
// Units: see base/time.h. `now` is wall time in UTC; `boot` counts on while the machine sleeps and never steps.
#pragma once

#include <stop_token>

#include "interpreter/base/time.h"

namespace muster {

class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Timestamp now() = 0;
  [[nodiscard]] virtual Duration boot() = 0;  // CLOCK_BOOTTIME
  // On a thread of its own, never on the loop's. False: it was asked to stop.
  virtual bool sleep(Duration duration, const std::stop_token& stop);
};

}  // namespace muster
