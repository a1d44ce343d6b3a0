// How far statements are, told now and then: nothing of those that are quick.
//
// Threads: the one that runs the statements.
#pragma once

#include <chrono>

#include "interpreter/world/sql.h"

namespace muster {

class StatementTelling {
 public:
  explicit StatementTelling(const StatementProgress* told) : told_(told) {}

  [[nodiscard]] bool has_listener() const { return told_ != nullptr; }
  // A moment has passed since the last time, or since the beginning.
  [[nodiscard]] bool is_due() const { return told_ && std::chrono::steady_clock::now() - last_ >= every; }
  void tell(int64_t done, int64_t total, std::string_view unit) {
    last_ = std::chrono::steady_clock::now();
    (*told_)(done, total, unit);
  }

 private:
  static constexpr std::chrono::milliseconds every{500};
  const StatementProgress* told_;  // nullptr: nobody listens
  std::chrono::steady_clock::time_point last_ = std::chrono::steady_clock::now();
};

}  // namespace muster
