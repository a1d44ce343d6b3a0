// Bytes as text and back: hexadecimal and base64 (libsodium).
//
// Errors: nothing for text that is not of the form, whole.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace muster {

enum class Base64 { plain, url };  // with padding; URL-safe letters without padding

[[nodiscard]] std::optional<std::string> decode_hex(std::string_view text);
[[nodiscard]] std::string encode_base64(std::string_view bytes, Base64 form);
[[nodiscard]] std::optional<std::string> decode_base64(std::string_view text, Base64 form);

}  // namespace muster
