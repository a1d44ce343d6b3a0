// The ledger's signing key and signatures (Ed25519): a private key beside the store, its public half in the store.
//
// Errors: `storage` when the key cannot be made or read, `not_found` where there is none; `refused` when others may
// read it. Source: docs/journal.md, "The ledger".
#pragma once

#include <string>

#include "interpreter/base/result.h"

namespace muster {

struct SigningKey {
  std::string secret;      // 64 raw bytes
  std::string public_hex;  // 64 hex digits
};

// Reads `path`, or makes it (0600) where it is not there and `create` says so.
[[nodiscard]] Result<SigningKey> signing_key(const std::string& path, bool create);
// Hex.
[[nodiscard]] std::string sign(const SigningKey& key, std::string_view message);
[[nodiscard]] bool is_signed_by(const std::string& public_hex, std::string_view message,
                                const std::string& signature_hex);

}  // namespace muster
