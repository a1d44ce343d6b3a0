#include "interpreter/world/real_clock.h"

#include <time.h>

namespace muster {

namespace {

int64_t microseconds_of(clockid_t clock) {
  timespec at{};
  ::clock_gettime(clock, &at);
  return int64_t{at.tv_sec} * 1'000'000 + at.tv_nsec / 1'000;
}

}  // namespace

Timestamp RealClock::now() { return {microseconds_of(CLOCK_REALTIME)}; }

Duration RealClock::boot() { return {microseconds_of(CLOCK_BOOTTIME)}; }

}  // namespace muster
