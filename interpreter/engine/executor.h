// Where blocking action code runs and how the loop waits: a port, so that a rehearsal can run one thread at a time.
//
// Units:  deadlines are CLOCK_BOOTTIME, as Clock::boot gives them.
// Threads: `start` and `wait` are the loop's; `post` is anybody's.
// Source: docs/architecture.md, "One loop, few threads".
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "interpreter/base/time.h"

namespace muster {

class Executor {
 public:
  virtual ~Executor() = default;
  // Runs the job on another thread, as soon as one of the bounded pool is free.
  virtual void start(std::function<void()> job) = 0;
  // Runs the function on the loop's thread, in its next `wait`.
  virtual void post(std::function<void()> on_loop) = 0;
  // Runs the function on the loop's thread whenever the descriptor can be read.
  virtual void watch(int fd, std::function<void()> on_readable) = 0;
  virtual void unwatch(int fd) = 0;
  // Runs what was posted or became readable; returns after at least one such thing, or at the deadline.
  virtual void wait(std::optional<Duration> boot_deadline) = 0;
};

// A pool of at most `threads`, started on demand.
[[nodiscard]] std::unique_ptr<Executor> pool_executor(unsigned threads);

}  // namespace muster
