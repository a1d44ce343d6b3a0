#include "interpreter/journal/ledger.h"

#include <fcntl.h>
#include <sodium.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "interpreter/base/digest.h"
#include "interpreter/base/unique_fd.h"
#include "interpreter/journal/chain.h"

namespace muster {

Result<SigningKey> signing_key(const std::string& path, bool create) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  std::string seed(crypto_sign_SEEDBYTES, '\0');
  if (!fd) {
    if (errno != ENOENT || !create)
      return fail(errno == ENOENT ? ErrorCode::not_found : ErrorCode::storage,
                  "the store's signing key `" + path + "` cannot be read: " + std::strerror(errno),
                  "it was made beside the store; put it back from where the store came from");
    if (::sodium_init() < 0) return fail(ErrorCode::storage, "no random bytes for the store's signing key");
    randombytes_buf(seed.data(), seed.size());
    // Linked under its name only when it is whole: two processes that make it at once agree on one.
    std::string temporary = path + "." + sha256_hex(seed).substr(0, 12);
    UniqueFd made(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    if (!made)
      return fail(ErrorCode::storage, "the store's signing key `" + path + "` cannot be made: " + std::strerror(errno));
    ::fchmod(made.get(), 0600);
    std::string hex = to_hex(seed) + "\n";
    bool written =
        ::write(made.get(), hex.data(), hex.size()) == static_cast<ssize_t>(hex.size()) && ::fsync(made.get()) == 0;
    bool linked = written && (::link(temporary.c_str(), path.c_str()) == 0 || errno == EEXIST);
    ::unlink(temporary.c_str());
    if (!linked)
      return fail(ErrorCode::storage, "the store's signing key `" + path + "` cannot be made: " + std::strerror(errno));
    return signing_key(path, false);
  }
  struct stat status {};
  if (::fstat(fd.get(), &status) == 0 && (status.st_mode & 077) != 0)
    return fail(ErrorCode::refused, "the store's signing key `" + path + "` may be read by others",
                "chmod 600 " + path);
  char hex[crypto_sign_SEEDBYTES * 2];
  if (::read(fd.get(), hex, sizeof hex) != static_cast<ssize_t>(sizeof hex))
    return fail(ErrorCode::storage, "the store's signing key `" + path + "` is cut",
                "put it back from where the store came from");
  seed = from_hex(std::string_view(hex, sizeof hex));
  SigningKey key;
  key.secret.resize(crypto_sign_SECRETKEYBYTES);
  std::string public_raw(crypto_sign_PUBLICKEYBYTES, '\0');
  crypto_sign_seed_keypair(reinterpret_cast<unsigned char*>(public_raw.data()),
                           reinterpret_cast<unsigned char*>(key.secret.data()),
                           reinterpret_cast<const unsigned char*>(seed.data()));
  key.public_hex = to_hex(public_raw);
  return key;
}

std::string sign(const SigningKey& key, std::string_view message) {
  std::string signature(crypto_sign_BYTES, '\0');
  crypto_sign_detached(reinterpret_cast<unsigned char*>(signature.data()), nullptr,
                       reinterpret_cast<const unsigned char*>(message.data()), message.size(),
                       reinterpret_cast<const unsigned char*>(key.secret.data()));
  return to_hex(signature);
}

bool is_signed_by(const std::string& public_hex, std::string_view message, const std::string& signature_hex) {
  std::string signature = from_hex(signature_hex), public_raw = from_hex(public_hex);
  if (signature.size() != crypto_sign_BYTES || public_raw.size() != crypto_sign_PUBLICKEYBYTES) return false;
  return crypto_sign_verify_detached(reinterpret_cast<const unsigned char*>(signature.data()),
                                     reinterpret_cast<const unsigned char*>(message.data()), message.size(),
                                     reinterpret_cast<const unsigned char*>(public_raw.data())) == 0;
}

}  // namespace muster
