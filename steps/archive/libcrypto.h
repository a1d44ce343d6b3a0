// What we need of libcrypto, which is loaded at its first use: AES-256-GCM.
//
// Errors: `not_found` when the library is not there; `corrupt` when a tag does not fit.
// Source: NIST SP 800-38D; https://docs.openssl.org/3.0/man3/EVP_EncryptInit/; docs/reliability.md B56.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "interpreter/base/result.h"

namespace muster {

class AesGcm {
 public:
  static constexpr size_t nonce_bytes = 12, tag_bytes = 16;

  // `key` has 32 bytes.
  [[nodiscard]] static Result<AesGcm> with_key(std::string_view key);
  AesGcm(AesGcm&&) noexcept;
  ~AesGcm();

  // Ciphertext with the tag behind it. One nonce is used once with one key.
  [[nodiscard]] Result<std::string> seal(std::string_view nonce, std::string_view about, std::string_view plain);
  // The plain text, given out only when all 16 bytes of the tag fit.
  [[nodiscard]] Result<std::string> open(std::string_view nonce, std::string_view about, std::string_view sealed);

 private:
  struct State;
  explicit AesGcm(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace muster
