// Keys out of passphrases and out of other keys (libsodium).
//
// Units:  keys are 32 raw bytes; memory in KiB.
// Errors: `storage` when the memory that Argon2id needs cannot be had; `invalid` for costs outside what it takes.
// Source: RFC 9106 (Argon2id), RFC 2104 (HMAC); docs/reliability.md S29 and S30.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "interpreter/base/result.h"

namespace muster {

constexpr size_t key_bytes = 32;

struct PassphraseCost {
  uint32_t passes = 3;
  uint32_t memory_kib = 64 << 10;
};

// `salt` has 16 bytes.
[[nodiscard]] Result<std::string> key_of_passphrase(std::string_view passphrase, std::string_view salt,
                                                    const PassphraseCost& cost);
// 32 raw bytes. `key` has 32.
[[nodiscard]] std::string hmac_sha256(std::string_view key, std::string_view message);
// Whether they are equal, in a time that does not tell where they differ.
[[nodiscard]] bool same_bytes(std::string_view a, std::string_view b);

}  // namespace muster
