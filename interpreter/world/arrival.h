// How far a file has come that is still being written, for whoever reads it meanwhile.
//
// Units:  bytes from the beginning of the file. The file has its whole size from the start; what has not come is zeros.
// Errors: wait_for() is false where the rest will not come.
// Threads: one writes, any number wait.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace muster {

class Arrival {
 public:
  // All bytes before `end` are there.
  void advance(uint64_t end) {
    {
      std::lock_guard lock(mutex_);
      there_.store(end, std::memory_order_release);
    }
    changed_.notify_all();
  }
  void fail() {
    {
      std::lock_guard lock(mutex_);
      has_failed_ = true;
    }
    changed_.notify_all();
  }
  [[nodiscard]] bool wait_for(uint64_t end) {
    if (end <= there_.load(std::memory_order_acquire)) return true;
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return end <= there_ || has_failed_; });
    return end <= there_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::atomic<uint64_t> there_ = 0;
  bool has_failed_ = false;
};

}  // namespace muster
