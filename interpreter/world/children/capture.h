// One output stream of a child: redacted as it comes, its head and tail kept, all of it counted and hashed.
//
// Memory is bounded by the two limits, whatever the child writes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "interpreter/base/digest.h"
#include "interpreter/world/children/protocol.h"
#include "interpreter/world/redactor.h"

namespace muster::children {

class Capture {
 public:
  Capture(uint64_t head_bytes, uint64_t tail_bytes, const std::vector<std::string>& redact)
      : head_limit_(head_bytes), tail_limit_(tail_bytes), redactor_(redact) {}
  void add(std::string_view bytes);
  [[nodiscard]] Stream end();

 private:
  void keep(std::string_view bytes);

  uint64_t head_limit_, tail_limit_;
  Redactor redactor_;
  std::string redacted_;  // reused, so that a long stream does not allocate
  std::string head_, tail_;
  size_t oldest_ = 0;  // of a full tail: a ring
  uint64_t bytes_ = 0;
  Sha256 hash_;
};

}  // namespace muster::children
