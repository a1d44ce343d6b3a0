#include "interpreter/base/key_derivation.h"

#include <sodium.h>

#include <cassert>

namespace muster {

namespace {
const unsigned char* raw(std::string_view bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }
}  // namespace

Result<std::string> key_of_passphrase(std::string_view passphrase, std::string_view salt, const PassphraseCost& cost) {
  assert(salt.size() == crypto_pwhash_argon2id_SALTBYTES);
  // A header that somebody else wrote must not make us fill the machine's memory.
  constexpr uint32_t most_passes = 16, most_memory_kib = 1 << 20;
  if (cost.passes < crypto_pwhash_argon2id_OPSLIMIT_MIN || cost.passes > most_passes || cost.memory_kib < 8 ||
      cost.memory_kib > most_memory_kib) {
    return fail(ErrorCode::invalid, "the passphrase's costs are " + std::to_string(cost.passes) + " passes over " +
                                        std::to_string(cost.memory_kib) + " KiB, at most 16 over 1 GiB are taken");
  }
  std::string key(key_bytes, '\0');
  int rc = crypto_pwhash_argon2id(reinterpret_cast<unsigned char*>(key.data()), key.size(), passphrase.data(),
                                  passphrase.size(), raw(salt), cost.passes, size_t{cost.memory_kib} << 10,
                                  crypto_pwhash_argon2id_ALG_ARGON2ID13);
  if (rc != 0)
    return fail(ErrorCode::storage, std::to_string(cost.memory_kib >> 10) +
                                        " MiB of memory, which the passphrase's key is made in, cannot be had");
  return key;
}

std::string hmac_sha256(std::string_view key, std::string_view message) {
  assert(key.size() == crypto_auth_hmacsha256_KEYBYTES);
  std::string out(crypto_auth_hmacsha256_BYTES, '\0');
  crypto_auth_hmacsha256(reinterpret_cast<unsigned char*>(out.data()), raw(message), message.size(), raw(key));
  return out;
}

bool same_bytes(std::string_view a, std::string_view b) {
  return a.size() == b.size() && sodium_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace muster
