// Bytes that look random and are the same in every run.
#pragma once

#include <mutex>
#include <string>

#include "interpreter/base/digest.h"
#include "interpreter/world/entropy.h"

namespace muster {

class FakeEntropy final : public Entropy {
 public:
  explicit FakeEntropy(std::string seed = "seed") : seed_(std::move(seed)) {}

  [[nodiscard]] std::string bytes(size_t count) override {
    std::lock_guard lock(mutex_);
    std::string out;
    while (out.size() < count) out += sha256_raw(seed_ + ":" + std::to_string(++drawn_));
    return out.substr(0, count);
  }

 private:
  std::mutex mutex_;
  std::string seed_;
  int drawn_ = 0;
};

}  // namespace muster
