// A clock that stands still until a test moves it.
#pragma once

#include <mutex>

#include "interpreter/world/clock.h"

namespace muster {

class FakeClock final : public Clock {
 public:
  explicit FakeClock(Timestamp at = *parse_timestamp("2026-01-15T10:00:00Z")) : wall_(at) {}

  [[nodiscard]] Timestamp now() override {
    std::lock_guard lock(mutex_);
    return wall_;
  }
  [[nodiscard]] Duration boot() override {
    std::lock_guard lock(mutex_);
    return boot_;
  }
  // Both clocks go on.
  void advance(Duration by) {
    std::lock_guard lock(mutex_);
    wall_ = wall_ + by;
    boot_.us += by.us;
  }
  // Somebody sets the wall clock; the other goes on as if nothing had happened.
  void set(Timestamp at) {
    std::lock_guard lock(mutex_);
    wall_ = at;
  }

 private:
  std::mutex mutex_;
  Timestamp wall_;
  Duration boot_ = Duration::seconds(1000);
};

}  // namespace muster
