// Randomness, as a port: ids, nonces, keys, jitter.
#pragma once

#include <cstddef>
#include <string>

namespace muster {

class Entropy {
 public:
  virtual ~Entropy() = default;
  [[nodiscard]] virtual std::string bytes(size_t count) = 0;
};

}  // namespace muster
