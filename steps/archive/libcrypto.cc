#include "steps/archive/libcrypto.h"

#include <dlfcn.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cassert>
#include <optional>

#include "interpreter/base/key_derivation.h"

namespace muster {

namespace {

struct CryptoFunctions {
  decltype(&::EVP_CIPHER_CTX_new) context_new;
  decltype(&::EVP_CIPHER_CTX_free) context_free;
  decltype(&::EVP_CIPHER_CTX_ctrl) context_ctrl;
  decltype(&::EVP_aes_256_gcm) aes_256_gcm;
  decltype(&::EVP_EncryptInit_ex) encrypt_init;
  decltype(&::EVP_EncryptUpdate) encrypt_update;
  decltype(&::EVP_EncryptFinal_ex) encrypt_final;
  decltype(&::EVP_DecryptInit_ex) decrypt_init;
  decltype(&::EVP_DecryptUpdate) decrypt_update;
  decltype(&::EVP_DecryptFinal_ex) decrypt_final;
};

template <class F>
bool find_function(void* library, const char* name, F& function) {
  function = reinterpret_cast<F>(::dlsym(library, name));
  return function != nullptr;
}

std::optional<CryptoFunctions> load() {
  void* library = ::dlopen("libcrypto.so.3", RTLD_NOW | RTLD_LOCAL);  // never closed: it keeps state per thread
  if (!library) return std::nullopt;
  CryptoFunctions f{};
  bool is_whole = find_function(library, "EVP_CIPHER_CTX_new", f.context_new) &&
                  find_function(library, "EVP_CIPHER_CTX_free", f.context_free) &&
                  find_function(library, "EVP_CIPHER_CTX_ctrl", f.context_ctrl) &&
                  find_function(library, "EVP_aes_256_gcm", f.aes_256_gcm) &&
                  find_function(library, "EVP_EncryptInit_ex", f.encrypt_init) &&
                  find_function(library, "EVP_EncryptUpdate", f.encrypt_update) &&
                  find_function(library, "EVP_EncryptFinal_ex", f.encrypt_final) &&
                  find_function(library, "EVP_DecryptInit_ex", f.decrypt_init) &&
                  find_function(library, "EVP_DecryptUpdate", f.decrypt_update) &&
                  find_function(library, "EVP_DecryptFinal_ex", f.decrypt_final);
  if (!is_whole) return std::nullopt;
  return f;
}

const CryptoFunctions* functions() {
  static const std::optional<CryptoFunctions> loaded = load();
  return loaded ? &*loaded : nullptr;
}

const unsigned char* raw(std::string_view bytes) { return reinterpret_cast<const unsigned char*>(bytes.data()); }
unsigned char* raw(std::string& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }
int size_of(std::string_view bytes) { return static_cast<int>(bytes.size()); }

tl::unexpected<Error> no_cipher() { return fail(ErrorCode::storage, "libcrypto gives no AES-256-GCM"); }

}  // namespace

struct AesGcm::State {
  const CryptoFunctions& f;
  std::string key;
  EVP_CIPHER_CTX* context;
  State(const CryptoFunctions& functions, std::string_view bytes)
      : f(functions), key(bytes), context(functions.context_new()) {}
  ~State() {
    f.context_free(context);
    std::fill(key.begin(), key.end(), '\0');
  }
  State(const State&) = delete;
  State& operator=(const State&) = delete;
};

AesGcm::AesGcm(std::unique_ptr<State> state) : state_(std::move(state)) {}
AesGcm::AesGcm(AesGcm&&) noexcept = default;
AesGcm::~AesGcm() = default;

Result<AesGcm> AesGcm::with_key(std::string_view key) {
  assert(key.size() == key_bytes);
  const CryptoFunctions* f = functions();
  if (!f)
    return fail(ErrorCode::not_found, "libcrypto, which encrypts archives, could not be loaded",
                "install the package `libssl3`");
  auto state = std::make_unique<State>(*f, key);
  if (!state->context) return no_cipher();
  return AesGcm(std::move(state));
}

Result<std::string> AesGcm::seal(std::string_view nonce, std::string_view about, std::string_view plain) {
  assert(nonce.size() == nonce_bytes);
  const CryptoFunctions& f = state_->f;
  std::string out(plain.size() + tag_bytes, '\0');
  int made = 0, last = 0;
  bool is_done =
      f.encrypt_init(state_->context, f.aes_256_gcm(), nullptr, raw(std::string_view(state_->key)), raw(nonce)) == 1 &&
      f.encrypt_update(state_->context, nullptr, &made, raw(about), size_of(about)) == 1 &&
      f.encrypt_update(state_->context, raw(out), &made, raw(plain), size_of(plain)) == 1 &&
      f.encrypt_final(state_->context, raw(out) + made, &last) == 1 &&
      f.context_ctrl(state_->context, EVP_CTRL_AEAD_GET_TAG, static_cast<int>(tag_bytes), raw(out) + plain.size()) == 1;
  if (!is_done || made + last != size_of(plain)) return no_cipher();
  return out;
}

Result<std::string> AesGcm::open(std::string_view nonce, std::string_view about, std::string_view sealed) {
  assert(nonce.size() == nonce_bytes);
  // OpenSSL takes a tag of any length that it is given: a shorter one is never offered.
  if (sealed.size() < tag_bytes) return fail(ErrorCode::corrupt, "its tag is cut");
  const CryptoFunctions& f = state_->f;
  std::string_view text = sealed.substr(0, sealed.size() - tag_bytes);
  std::string tag(sealed.substr(text.size())), out(text.size() + 1, '\0');
  int made = 0, last = 0;
  bool is_ready =
      f.decrypt_init(state_->context, f.aes_256_gcm(), nullptr, raw(std::string_view(state_->key)), raw(nonce)) == 1 &&
      f.decrypt_update(state_->context, nullptr, &made, raw(about), size_of(about)) == 1 &&
      f.decrypt_update(state_->context, raw(out), &made, raw(text), size_of(text)) == 1 &&
      f.context_ctrl(state_->context, EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag_bytes), raw(tag)) == 1;
  if (!is_ready) return no_cipher();
  if (f.decrypt_final(state_->context, raw(out) + made, &last) != 1)
    return fail(ErrorCode::corrupt, "its tag does not fit");
  out.resize(text.size());
  return out;
}

}  // namespace muster
