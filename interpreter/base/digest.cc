#include "interpreter/base/digest.h"

// The functions below EVP, which look for no configuration and need no start: they stay, as OpenSSL says, and are four
// times as fast as libsodium's where the processor knows SHA-256.
#define OPENSSL_SUPPRESS_DEPRECATED
#include <openssl/sha.h>

namespace muster {

std::string to_hex(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (char c : bytes) {
    out.push_back(digits[static_cast<unsigned char>(c) >> 4]);
    out.push_back(digits[static_cast<unsigned char>(c) & 15]);
  }
  return out;
}

namespace {

std::string finish(SHA256_CTX& hash) {
  std::string out(SHA256_DIGEST_LENGTH, '\0');
  SHA256_Final(reinterpret_cast<unsigned char*>(out.data()), &hash);
  return out;
}

}  // namespace

std::string sha256_raw(std::string_view bytes) {
  SHA256_CTX hash;
  SHA256_Init(&hash);
  SHA256_Update(&hash, bytes.data(), bytes.size());
  return finish(hash);
}

std::string sha256_hex(std::string_view bytes) { return to_hex(sha256_raw(bytes)); }

struct Sha256::State {
  SHA256_CTX hash;
};

Sha256::Sha256() : state_(std::make_unique<State>()) { SHA256_Init(&state_->hash); }
Sha256::~Sha256() = default;
Sha256::Sha256(Sha256&&) noexcept = default;

void Sha256::add(std::string_view bytes) { SHA256_Update(&state_->hash, bytes.data(), bytes.size()); }

std::string Sha256::hex() { return to_hex(finish(state_->hash)); }

}  // namespace muster
