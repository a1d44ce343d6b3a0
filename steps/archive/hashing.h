// SHA-256 on a thread of its own, beside the reading and writing of what is hashed.
//
// Memory: a few pieces wait at most; add() waits when the hash falls behind.
// Threads: one thread adds and asks; the hash runs on another, which ends with the object.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

#include "interpreter/base/digest.h"

namespace muster {

class HashingThread {
 public:
  HashingThread() = default;
  ~HashingThread();
  HashingThread(const HashingThread&) = delete;
  HashingThread& operator=(const HashingThread&) = delete;
  void add(std::string_view bytes);
  [[nodiscard]] std::string hex();  // ends it

 private:
  void start();
  void finish();
  Sha256 hash_;
  std::string small_;  // gathered until a thread is worth it
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::string> waiting_;
  bool is_over_ = false;
  std::thread thread_;
};

}  // namespace muster
