#include "steps/archive/hashing.h"

namespace muster {

namespace {
constexpr size_t worth_a_thread = 4 << 20;
constexpr size_t most_waiting = 8;
}  // namespace

HashingThread::~HashingThread() { finish(); }

void HashingThread::add(std::string_view bytes) {
  if (!thread_.joinable()) {
    small_ += bytes;
    if (small_.size() >= worth_a_thread) start();
    return;
  }
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return waiting_.size() < most_waiting; });
  waiting_.emplace_back(bytes);
  changed_.notify_all();
}

void HashingThread::start() {
  waiting_.push_back(std::move(small_));
  small_.clear();
  thread_ = std::thread([this] {
    while (true) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return !waiting_.empty() || is_over_; });
      if (waiting_.empty()) return;
      std::string bytes = std::move(waiting_.front());
      waiting_.pop_front();
      changed_.notify_all();
      lock.unlock();
      hash_.add(bytes);
    }
  });
}

void HashingThread::finish() {
  if (!thread_.joinable()) return;
  {
    std::lock_guard lock(mutex_);
    is_over_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

std::string HashingThread::hex() {
  finish();
  hash_.add(small_);
  return hash_.hex();
}

}  // namespace muster
