// The kernel's random bytes.
//
// Errors: none. A kernel that refuses random bytes ends the program: ids, nonces and keys made of anything else would
//         look right and be guessable.
// Threads: no state; safe from any thread.
#pragma once

#include "interpreter/world/entropy.h"

namespace muster {

class RealEntropy final : public Entropy {
 public:
  [[nodiscard]] std::string bytes(size_t count) override;
};

}  // namespace muster
