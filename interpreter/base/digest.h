// SHA-256 for identities, chains, bindings and large files, by libcrypto's own code, which is linked in; 1.3 GB/s where
// the processor knows SHA-256.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace muster {

// 64 lower-case hex digits.
[[nodiscard]] std::string sha256_hex(std::string_view bytes);
// 32 raw bytes.
[[nodiscard]] std::string sha256_raw(std::string_view bytes);

[[nodiscard]] std::string to_hex(std::string_view bytes);

// For content that comes in pieces.
class Sha256 {
 public:
  Sha256();
  ~Sha256();
  Sha256(Sha256&&) noexcept;
  void add(std::string_view bytes);
  [[nodiscard]] std::string hex();  // ends it

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace muster
