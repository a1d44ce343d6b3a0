#include "interpreter/base/encoding.h"

#include <sodium.h>

namespace muster {
namespace {

int variant(Base64 form) {
  return form == Base64::url ? sodium_base64_VARIANT_URLSAFE_NO_PADDING : sodium_base64_VARIANT_ORIGINAL;
}
unsigned char* raw(std::string& bytes) { return reinterpret_cast<unsigned char*>(bytes.data()); }

}  // namespace

std::optional<std::string> decode_hex(std::string_view text) {
  std::string bytes(text.size() / 2 + 1, '\0');
  size_t size = 0;
  const char* end = nullptr;
  if (sodium_hex2bin(raw(bytes), bytes.size(), text.data(), text.size(), nullptr, &size, &end) != 0 ||
      end != text.data() + text.size())
    return std::nullopt;
  bytes.resize(size);
  return bytes;
}

std::string encode_base64(std::string_view bytes, Base64 form) {
  std::string out(sodium_base64_encoded_len(bytes.size(), variant(form)), '\0');
  sodium_bin2base64(out.data(), out.size(), reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
                    variant(form));
  out.pop_back();  // its NUL
  return out;
}

std::optional<std::string> decode_base64(std::string_view text, Base64 form) {
  std::string bytes(text.size() / 4 * 3 + 3, '\0');
  size_t size = 0;
  const char* end = nullptr;
  if (sodium_base642bin(raw(bytes), bytes.size(), text.data(), text.size(), nullptr, &size, &end, variant(form)) != 0 ||
      end != text.data() + text.size())
    return std::nullopt;
  bytes.resize(size);
  return bytes;
}

}  // namespace muster
