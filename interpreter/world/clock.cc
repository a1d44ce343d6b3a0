#include "interpreter/world/clock.h"

#include <chrono>
#include <condition_variable>
#include <mutex>

namespace muster {

bool Clock::sleep(Duration duration, const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any wake;
  std::unique_lock lock(mutex);
  wake.wait_for(lock, stop, std::chrono::microseconds(duration.us), [] { return false; });
  return !stop.stop_requested();
}

}  // namespace muster
