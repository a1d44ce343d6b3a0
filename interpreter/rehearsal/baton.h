// The executor and the clock of a rehearsal: one thread runs at a time, and time moves only when none can.
//
// What is to happen stands in one queue, by virtual time and then by the order in which it was asked for; the loop's
// thread takes it from there, in its `wait`. A job runs on a thread of its own until it ends, sleeps, or posts: what it
// posts is done before it goes on. So the same run gives the same order, whatever the machine does.
// Units:  virtual time; it begins at the moment that the scenario names.
// Threads: `start` and `wait` are the loop's; `post` and `sleep` a job's; `at` either's. Threads that a job makes for
//         itself may read the clock.
// Source: docs/rehearsal.md, "The same again".
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "interpreter/engine/executor.h"
#include "interpreter/world/clock.h"

namespace muster {

// What the boot clock shows when the run begins.
inline constexpr Duration baton_boot_offset = Duration::seconds(1000);

class Baton final : public Executor {
 public:
  explicit Baton(Timestamp begin) : begin_(begin) {}
  ~Baton() override;
  Baton(const Baton&) = delete;
  Baton& operator=(const Baton&) = delete;

  void start(std::function<void()> job) override;
  void post(std::function<void()> on_loop) override;
  void watch(int, std::function<void()>) override {}  // nobody types, and no signal is for a rehearsal
  void unwatch(int) override {}
  void wait(std::optional<Duration> boot_deadline) override;

  // Runs the function on the loop's thread, so much later.
  void at(Duration later, std::function<void()> on_loop);
  // Of a job: false: it was asked to stop, or everybody is to hurry.
  bool sleep(Duration duration, const std::stop_token& stop);
  // Called on the loop's thread when nothing will ever happen any more.
  std::function<void()> on_stuck;
  // From now on nobody sleeps: an interpreter was killed, and what it had started ends.
  void hurry(bool on);
  // What was asked for `at` some time and has not been done is forgotten.
  void forget_plans();

  [[nodiscard]] Duration now() const { return Duration{now_us_.load()}; }  // since the beginning
  [[nodiscard]] Timestamp wall() const { return begin_ + now(); }

 private:
  // The right to run, as one thread gives it to another. The semaphores of the standard library yield for a while
  // before they sleep, which costs much on a machine that has other work.
  class Turn {
   public:
    void give() {
      std::lock_guard lock(mutex_);
      given_ = true;
      changed_.notify_one();
    }
    void take() {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return given_; });
      given_ = false;
    }

   private:
    std::mutex mutex_;
    std::condition_variable changed_;
    bool given_ = false;
  };
  struct Job {
    std::function<void()> run;
    Turn go;
    std::thread thread;
    bool over = false;
    std::pair<int64_t, int64_t> asleep{-1, -1};  // its key in the queue
  };
  struct Due {
    Job* job = nullptr;             // it goes on; or
    std::function<void()> on_loop;  // this is done
    bool planned = false;
  };
  using Key = std::pair<int64_t, int64_t>;  // microseconds, sequence
  Key add(int64_t at_us, Due due);
  void give_to(Job& job);  // on the loop's thread; back once the job has passed the baton on
  void pass_on(Job& job);  // on the job's thread; back once it has the baton again
  void wake(Job& job);

  const Timestamp begin_;
  std::atomic<int64_t> now_us_{0};
  std::recursive_mutex mutex_;  // of the queue: threads that a job makes may post, too; a stop may come from within
  std::map<Key, Due> queue_;
  int64_t sequence_ = 0;
  bool hurry_ = false;
  Turn loop_;
  std::vector<std::unique_ptr<Job>> jobs_;  // that have not ended
  static thread_local Job* mine_;
};

// Its time.
class VirtualClock final : public Clock {
 public:
  explicit VirtualClock(Baton& baton) : baton_(baton) {}
  Timestamp now() override { return baton_.wall(); }
  Duration boot() override { return Duration{baton_boot_offset.us + baton_.now().us}; }
  bool sleep(Duration duration, const std::stop_token& stop) override { return baton_.sleep(duration, stop); }

 private:
  Baton& baton_;
};

}  // namespace muster
