#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <condition_variable>
#include <ctime>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "interpreter/base/unique_fd.h"
#include "interpreter/engine/executor.h"

namespace muster {
namespace {

Duration boot_now() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return Duration{static_cast<int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000};
}

class PoolExecutor final : public Executor {
 public:
  explicit PoolExecutor(unsigned threads)
      : limit_(std::max(1u, threads)), wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

  ~PoolExecutor() override {
    {
      std::lock_guard lock(mutex_);
      closing_ = true;
    }
    work_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  void start(std::function<void()> job) override {
    std::lock_guard lock(mutex_);
    jobs_.push_back(std::move(job));
    if (jobs_.size() > idle_ && threads_.size() < limit_) threads_.emplace_back([this] { work(); });
    work_.notify_one();
  }

  void post(std::function<void()> on_loop) override {
    bool first = false;
    {
      std::lock_guard lock(mutex_);
      first = posted_.empty();
      posted_.push_back(std::move(on_loop));
    }
    if (first) {
      const uint64_t one = 1;
      // Only a full counter can refuse it, and then the loop is awake anyway.
      [[maybe_unused]] ssize_t written = ::write(wake_.get(), &one, sizeof one);
    }
  }

  void watch(int fd, std::function<void()> on_readable) override { watched_[fd] = std::move(on_readable); }
  void unwatch(int fd) override { watched_.erase(fd); }

  void wait(std::optional<Duration> boot_deadline) override {
    while (true) {
      if (run_posted()) return;
      std::vector<pollfd> fds{{wake_.get(), POLLIN, 0}};
      for (const auto& entry : watched_) fds.push_back({entry.first, POLLIN, 0});
      int timeout_ms = -1;
      if (boot_deadline) {
        int64_t left_us = boot_deadline->us - boot_now().us;
        if (left_us <= 0) return;
        // Rounded up: waking a moment early would only spin.
        timeout_ms = static_cast<int>(std::min<int64_t>((left_us + 999) / 1000, 3'600'000));
      }
      int ready = ::poll(fds.data(), fds.size(), timeout_ms);
      if (ready < 0 && errno == EINTR) continue;
      if (ready <= 0) {
        if (boot_deadline) continue;
        return;
      }
      if (fds[0].revents != 0) {
        uint64_t count = 0;
        [[maybe_unused]] ssize_t got = ::read(wake_.get(), &count, sizeof count);
      }
      bool ran = run_posted();
      for (size_t i = 1; i < fds.size(); ++i) {
        if (fds[i].revents == 0) continue;
        auto it = watched_.find(fds[i].fd);
        if (it == watched_.end()) continue;  // an earlier callback took it away
        std::function<void()> callback = it->second;
        callback();
        ran = true;
      }
      if (ran) return;
    }
  }

 private:
  bool run_posted() {
    std::deque<std::function<void()>> batch;
    {
      std::lock_guard lock(mutex_);
      batch.swap(posted_);
    }
    for (std::function<void()>& function : batch) function();
    return !batch.empty();
  }

  void work() {
    std::unique_lock lock(mutex_);
    while (true) {
      ++idle_;
      work_.wait(lock, [this] { return closing_ || !jobs_.empty(); });
      --idle_;
      if (jobs_.empty()) return;
      std::function<void()> job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
      job = nullptr;  // what it holds must go before the lock is taken again
      lock.lock();
    }
  }

  const size_t limit_;
  UniqueFd wake_;
  std::mutex mutex_;
  std::condition_variable work_;
  std::deque<std::function<void()>> jobs_;
  std::deque<std::function<void()>> posted_;
  std::vector<std::thread> threads_;
  size_t idle_ = 0;
  bool closing_ = false;
  std::map<int, std::function<void()>> watched_;  // the loop's thread only
};

}  // namespace

std::unique_ptr<Executor> pool_executor(unsigned threads) { return std::make_unique<PoolExecutor>(threads); }

}  // namespace muster
