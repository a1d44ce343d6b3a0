#include "interpreter/base/utf8.h"

#include <cstdint>
#include <cstdio>
#include <cstring>

namespace muster {
namespace {

// The length of the character at `at` and its value, or 0 where the bytes are not valid UTF-8.
size_t decode(std::string_view bytes, size_t at, uint32_t& out) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(bytes[i]); };
  unsigned char first = byte(at);
  if (first < 0x80) {
    out = first;
    return 1;
  }
  size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (first < 0xC2 || first > 0xF4 || at + length > bytes.size()) return 0;
  out = first & (0xFF >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) return 0;
    out = out << 6 | (byte(at + i) & 0x3F);
  }
  bool overlong = (length == 3 && out < 0x800) || (length == 4 && out < 0x10000);
  if (overlong || (out >= 0xD800 && out <= 0xDFFF) || out > 0x10FFFF) return 0;
  return length;
}

// Marks that turn the direction of text or hide in it.
bool is_deceptive(uint32_t c) {
  return c == 0x061C || (c >= 0x200B && c <= 0x200F) || (c >= 0xE0000 && c <= 0xE007F) ||
         (c >= 0x202A && c <= 0x202E) || (c >= 0x2060 && c <= 0x2069) || c == 0xFEFF || c == 0x2028 || c == 0x2029;
}

}  // namespace

std::optional<size_t> first_invalid_utf8(std::string_view bytes) {
  uint32_t c = 0;
  for (size_t i = 0; i < bytes.size();) {
    uint64_t eight = 0;
    if (i + sizeof eight <= bytes.size()) {
      std::memcpy(&eight, bytes.data() + i, sizeof eight);
      if ((eight & 0x8080808080808080u) == 0) {
        i += sizeof eight;
        continue;
      }
    }
    size_t length = decode(bytes, i, c);
    if (length == 0) return i;
    i += length;
  }
  return std::nullopt;
}

size_t character_count(std::string_view text) {
  size_t count = 0;
  uint32_t c = 0;
  for (size_t i = 0; i < text.size(); ++count) {
    size_t length = decode(text, i, c);
    i += length == 0 ? 1 : length;
  }
  return count;
}

std::string escape_for_terminal(std::string_view bytes, bool keep_lines) {
  std::string out;
  out.reserve(bytes.size());
  char buffer[16];
  for (size_t i = 0; i < bytes.size();) {
    // Nearly all that is ever shown needs no look at its characters.
    size_t plain = i;
    while (plain < bytes.size() && bytes[plain] >= 0x20 && bytes[plain] < 0x7F) ++plain;
    out.append(bytes.substr(i, plain - i));
    i = plain;
    if (i == bytes.size()) break;
    uint32_t c = 0;
    size_t length = decode(bytes, i, c);
    if (length == 0 || c < 0x20 || (c >= 0x7F && c < 0xA0)) {
      unsigned value = length == 0 ? static_cast<unsigned char>(bytes[i]) : c;
      if (length != 0 && keep_lines && (c == '\n' || c == '\t')) {
        out.push_back(static_cast<char>(c));
      } else {
        std::snprintf(buffer, sizeof buffer, "\\x%02x", value);
        out += buffer;
      }
      i += length == 0 ? 1 : length;
      continue;
    }
    if (is_deceptive(c)) {
      std::snprintf(buffer, sizeof buffer, "\\u{%04x}", c);
      out += buffer;
    } else {
      out.append(bytes.substr(i, length));
    }
    i += length;
  }
  return out;
}

}  // namespace muster
