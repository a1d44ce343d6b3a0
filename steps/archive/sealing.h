// Encryption of a whole file: AES-256-GCM in chunks, each with its counter and whether it is the last.
//
// Layout: header of 88 bytes (magic, kind of key, costs of the passphrase, chunk size, salt, a random id, a check of
// the
//         key), then chunks of ciphertext with 16 bytes of tag each. All but the last are full. Every file has a key of
//         its own, made of the given one, the salt and the random id, so that no nonce meets a key twice; the header is
//         bound to every chunk.
// Errors: `wrong_key` when the key does not belong to the file; `corrupt` for every bit that was changed, every chunk
//         that is missing, doubled, moved or cut.
// Source: docs/actions/backup.md, "Encrypted archives"; docs/reliability.md rows B51, B55, B56, S28 to S30.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "interpreter/base/key_derivation.h"
#include "interpreter/base/secret.h"
#include "steps/archive/byte_sink.h"

namespace muster {

// What the playbook gives: a key of exactly 32 bytes, or a passphrase.
struct ArchiveKey {
  Secret text;
  bool is_passphrase = false;
};

// `invalid` for an empty passphrase and a key of another length.
[[nodiscard]] Result<void> check_key(const ArchiveKey& key);

struct SealOptions {
  size_t chunk_bytes = 1 << 16;
  PassphraseCost cost;
};

constexpr size_t seal_random_bytes = 48;
constexpr std::string_view seal_magic{"MUSTRSL1", 8};

// `random` has seal_random_bytes, never used before.
[[nodiscard]] Result<std::unique_ptr<ByteSink>> seal_into(const ArchiveKey& key, std::string_view random,
                                                          ByteSink& next, const SealOptions& options = {});
// Without a key a sealed file is `wrong_key`.
[[nodiscard]] std::unique_ptr<ByteSink> unseal_into(std::optional<ArchiveKey> key, ByteSink& next);

}  // namespace muster
