#include "steps/archive/sealing.h"

#include <cassert>

#include "steps/archive/libcrypto.h"

namespace muster {

namespace {

constexpr size_t salt_bytes = 16, id_bytes = 32, check_bytes = 16;
constexpr size_t header_bytes = 8 + 4 + 4 + 4 + 4 + salt_bytes + id_bytes + check_bytes;
constexpr size_t most_chunk_bytes = 16 << 20;
constexpr char by_key = 0, by_passphrase = 1;

void put_number(std::string& out, uint32_t number) {
  for (int i = 0; i < 4; ++i) out += static_cast<char>(number >> (8 * i));
}

uint32_t number_at(std::string_view bytes, size_t at) {
  uint32_t number = 0;
  for (size_t i = 4; i-- > 0;) number = number << 8 | static_cast<unsigned char>(bytes[at + i]);
  return number;
}

std::string nonce_of(uint64_t counter, bool is_last) {
  std::string nonce(AesGcm::nonce_bytes, '\0');
  for (size_t i = 0; i < 8; ++i) nonce[i] = static_cast<char>(counter >> (8 * i));
  nonce[8] = is_last ? 1 : 0;
  return nonce;
}

// The key of this one file. `header` is all of it but the check.
std::string file_key(std::string_view master, std::string_view header) {
  return hmac_sha256(master, "muster archive, key: " + std::string(header));
}
std::string check_of(std::string_view key, std::string_view header) {
  return hmac_sha256(key, "muster archive, check: " + std::string(header)).substr(0, check_bytes);
}

Result<std::string> master_of(const ArchiveKey& key, std::string_view salt, const PassphraseCost& cost) {
  if (Result<void> good = check_key(key); !good) return pass(good.error());
  std::string_view text = key.text.reveal(SecretSink::key);
  if (key.is_passphrase) return key_of_passphrase(text, salt, cost);
  return std::string(text);
}

class Seal final : public ByteSink {
 public:
  Seal(AesGcm cipher, std::string header, size_t chunk, ByteSink& next)
      : cipher_(std::move(cipher)), header_(std::move(header)), chunk_(chunk), next_(next) {}

  Result<void> add(std::string_view bytes) override {
    if (Result<void> begun = begin(); !begun) return begun;
    while (!bytes.empty()) {
      // A full chunk waits for a byte behind it: only then is it known that it is not the last.
      if (pending_.size() == chunk_) {
        if (Result<void> put = give(false); !put) return put;
      }
      size_t taken = std::min(bytes.size(), chunk_ - pending_.size());
      pending_ += bytes.substr(0, taken);
      bytes.remove_prefix(taken);
    }
    return {};
  }
  Result<void> end() override {
    if (Result<void> begun = begin(); !begun) return begun;
    if (Result<void> put = give(true); !put) return put;
    return next_.end();
  }

 private:
  Result<void> begin() {
    if (has_begun_) return {};
    has_begun_ = true;
    return next_.add(header_);
  }
  Result<void> give(bool is_last) {
    Result<std::string> sealed = cipher_.seal(nonce_of(counter_++, is_last), header_, pending_);
    if (!sealed) return pass(sealed.error());
    pending_.clear();
    return next_.add(*sealed);
  }

  AesGcm cipher_;
  std::string header_;
  size_t chunk_;
  ByteSink& next_;
  std::string pending_;
  uint64_t counter_ = 0;
  bool has_begun_ = false;
};

class Unseal final : public ByteSink {
 public:
  Unseal(std::optional<ArchiveKey> key, ByteSink& next) : key_(std::move(key)), next_(next) {}

  Result<void> add(std::string_view bytes) override {
    if (!cipher_) {
      size_t taken = std::min(bytes.size(), header_bytes - header_.size());
      header_ += bytes.substr(0, taken);
      bytes.remove_prefix(taken);
      if (header_.size() < header_bytes) return {};
      if (Result<void> known = begin(); !known) return known;
    }
    while (!bytes.empty()) {
      if (pending_.size() == chunk_ + AesGcm::tag_bytes) {
        if (Result<void> given = give(false); !given) return given;
      }
      size_t taken = std::min(bytes.size(), chunk_ + AesGcm::tag_bytes - pending_.size());
      pending_ += bytes.substr(0, taken);
      bytes.remove_prefix(taken);
    }
    return {};
  }
  Result<void> end() override {
    if (!cipher_) return fail(ErrorCode::corrupt, "the encrypted archive is cut within its header");
    if (Result<void> given = give(true); !given) return given;
    return next_.end();
  }

 private:
  Result<void> begin() {
    if (!std::string_view(header_).starts_with(seal_magic))
      return fail(ErrorCode::corrupt, "it is no encrypted archive");
    char kind = header_[8];
    if ((kind != by_key && kind != by_passphrase) || header_[9] != 0 || header_[10] != 0 || header_[11] != 0)
      return fail(ErrorCode::corrupt, "the encrypted archive's header is damaged, or of a later version");
    PassphraseCost cost{number_at(header_, 12), number_at(header_, 16)};
    chunk_ = number_at(header_, 20);
    if (chunk_ == 0 || chunk_ > most_chunk_bytes)
      return fail(ErrorCode::corrupt,
                  "the encrypted archive's header is damaged: chunks of " + std::to_string(chunk_) + " bytes");
    if (!key_)
      return fail(ErrorCode::wrong_key, "the archive is encrypted, and no key is given",
                  kind == by_passphrase ? "give its `passphrase`" : "give its `key`");
    if (key_->is_passphrase != (kind == by_passphrase)) {
      return fail(ErrorCode::wrong_key,
                  kind == by_passphrase ? "the archive is encrypted by a passphrase, not by a key"
                                        : "the archive is encrypted by a key, not a passphrase",
                  kind == by_passphrase ? "give its `passphrase`" : "give its `key`");
    }
    Result<std::string> master = master_of(*key_, std::string_view(header_).substr(24, salt_bytes), cost);
    if (!master && master.error().code == ErrorCode::invalid && kind == by_passphrase && check_key(*key_))
      return fail(ErrorCode::corrupt, "the encrypted archive's header is damaged: " + master.error().message);
    if (!master) return pass(master.error());
    std::string_view most = std::string_view(header_).substr(0, header_bytes - check_bytes);
    std::string key = file_key(*master, most);
    if (!same_bytes(check_of(key, most), std::string_view(header_).substr(header_bytes - check_bytes))) {
      return fail(ErrorCode::wrong_key,
                  "the " + std::string(key_->is_passphrase ? "passphrase" : "key") +
                      " does not fit the archive, or the archive's header is damaged",
                  "take the one that the backup was made with");
    }
    Result<AesGcm> cipher = AesGcm::with_key(key);
    if (!cipher) return pass(cipher.error());
    cipher_.emplace(std::move(*cipher));
    return {};
  }
  Result<void> give(bool is_last) {
    Result<std::string> plain = cipher_->open(nonce_of(counter_, is_last), header_, pending_);
    if (!plain) {
      if (plain.error().code != ErrorCode::corrupt) return pass(plain.error());
      return fail(ErrorCode::corrupt,
                  "chunk " + std::to_string(counter_ + 1) + " of the encrypted archive is damaged" +
                      (is_last ? ", or what followed it is missing" : "") + ": " + plain.error().message,
                  "take another copy of the archive, or an older backup");
    }
    ++counter_;
    pending_.clear();
    return plain->empty() ? Result<void>() : next_.add(*plain);
  }

  std::optional<ArchiveKey> key_;
  ByteSink& next_;
  std::optional<AesGcm> cipher_;
  std::string header_, pending_;
  size_t chunk_ = 0;
  uint64_t counter_ = 0;
};

}  // namespace

Result<void> check_key(const ArchiveKey& key) {
  size_t size = key.text.reveal(SecretSink::key).size();
  if (key.is_passphrase && size == 0) return fail(ErrorCode::invalid, "the passphrase is empty");
  if (!key.is_passphrase && size != key_bytes) {
    return fail(ErrorCode::invalid,
                "the key has " + std::to_string(size) + " bytes, and must have exactly " + std::to_string(key_bytes),
                "`openssl rand -hex 32` makes one; a secret with `encoding: hex` or `base64` is decoded first, "
                "`encoding: raw` keeps every byte; a text to remember is a `passphrase`");
  }
  return {};
}

Result<std::unique_ptr<ByteSink>> seal_into(const ArchiveKey& key, std::string_view random, ByteSink& next,
                                            const SealOptions& options) {
  assert(random.size() == seal_random_bytes);
  std::string header(seal_magic);
  header += key.is_passphrase ? by_passphrase : by_key;
  header.append(3, '\0');
  put_number(header, key.is_passphrase ? options.cost.passes : 0);
  put_number(header, key.is_passphrase ? options.cost.memory_kib : 0);
  put_number(header, static_cast<uint32_t>(options.chunk_bytes));
  header += random;
  Result<std::string> master = master_of(key, random.substr(0, salt_bytes), options.cost);
  if (!master) return pass(master.error());
  std::string own = file_key(*master, header);
  header += check_of(own, header);
  Result<AesGcm> cipher = AesGcm::with_key(own);
  if (!cipher) return pass(cipher.error());
  return std::make_unique<Seal>(std::move(*cipher), std::move(header), options.chunk_bytes, next);
}

std::unique_ptr<ByteSink> unseal_into(std::optional<ArchiveKey> key, ByteSink& next) {
  return std::make_unique<Unseal>(std::move(key), next);
}

}  // namespace muster
