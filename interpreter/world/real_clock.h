// The machine's own clocks.
//
// Units:  see clock.h.
// Threads: no state; safe from any thread.
#pragma once

#include "interpreter/world/clock.h"

namespace muster {

class RealClock final : public Clock {
 public:
  [[nodiscard]] Timestamp now() override;
  [[nodiscard]] Duration boot() override;
};

}  // namespace muster
