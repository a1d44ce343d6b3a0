#include "interpreter/world/secret_forms.h"

#include <algorithm>
#include <cstdint>

namespace muster {
namespace {

constexpr size_t shortest = 4;
constexpr size_t shortest_line = 8;  // a part of a secret has to be longer to be one
constexpr std::string_view lower = "0123456789abcdef";
constexpr std::string_view upper = "0123456789ABCDEF";

bool is_word(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

std::string in_hex(char c, std::string_view digits) {
  auto byte = static_cast<unsigned char>(c);
  return {digits[byte >> 4], digits[byte & 15]};
}

// Base64 of the secret with `before` bytes in front of it in its group: from the first character that they do not
// decide. `inside`: as far as what follows does not matter; otherwise to the end of the text, with its padding.
std::string base64_of(std::string_view secret, size_t before, std::string_view last_two, bool inside) {
  std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
  digits += last_two;
  std::string bytes = std::string(before, '\0').append(secret);
  std::string out;
  uint32_t bits = 0;
  int held = 0;
  for (char c : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(c);
    for (held += 8; held >= 6; held -= 6) out.push_back(digits[bits >> (held - 6) & 63]);
  }
  if (!inside && held > 0) {
    out.push_back(digits[bits << (6 - held) & 63]);
    out.append(held == 2 ? "==" : "=");
  }
  return out.substr(std::min(out.size(), before == 0 ? 0 : before + 1));
}

std::string percent_encoded(std::string_view secret, std::string_view plain, std::string_view digits,
                            bool space_is_plus) {
  std::string out;
  for (char c : secret) {
    if (is_word(c) || plain.find(c) != std::string_view::npos) {
      out.push_back(c);
    } else if (c == ' ' && space_is_plus) {
      out.push_back('+');
    } else {
      out.append("%").append(in_hex(c, digits));
    }
  }
  return out;
}

// The characters beyond ASCII as their UTF-16 units, as many printers of JSON write them.
std::string utf16_escape(std::string_view character) {
  auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(character[i])); };
  uint32_t code = character.size() == 2 ? (byte(0) & 31) << 6 | (byte(1) & 63)
                  : character.size() == 3
                      ? (byte(0) & 15) << 12 | (byte(1) & 63) << 6 | (byte(2) & 63)
                      : (byte(0) & 7) << 18 | (byte(1) & 63) << 12 | (byte(2) & 63) << 6 | (byte(3) & 63);
  auto unit = [](uint32_t u) {
    std::string out = "\\u";
    for (int shift = 12; shift >= 0; shift -= 4) out += lower[u >> shift & 15];
    return out;
  };
  if (code < 0x10000) return unit(code);
  return unit(0xD800 + ((code - 0x10000) >> 10)) + unit(0xDC00 + ((code - 0x10000) & 0x3FF));
}

// How many bytes the character at `at` has; 1 where it is none.
size_t character_at(std::string_view text, size_t at) {
  auto first = static_cast<unsigned char>(text[at]);
  size_t length = first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : first >= 0xC2 ? 2 : 1;
  if (at + length > text.size()) return 1;
  for (size_t i = 1; i < length; ++i)
    if ((static_cast<unsigned char>(text[at + i]) & 0xC0) != 0x80) return 1;
  return length;
}

struct JsonHabits {
  bool slash = false;  // `\/`
  bool html = false;   // `\u003c`: < > & and '
  bool ascii = false;  // `\u00fc`
};

std::string in_json(std::string_view secret, JsonHabits habits) {
  std::string out;
  for (size_t at = 0, length = 1; at < secret.size(); at += length) {
    char c = secret[at];
    length = character_at(secret, at);
    if (length > 1) {
      out += habits.ascii ? utf16_escape(secret.substr(at, length)) : std::string(secret.substr(at, length));
      continue;
    }
    switch (c) {
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        if (c == '"' || c == '\\' || (c == '/' && habits.slash)) {
          out += {'\\', c};
        } else if (static_cast<unsigned char>(c) < 0x20 ||
                   (habits.html && (c == '<' || c == '>' || c == '&' || c == '\''))) {
          out.append("\\u00").append(in_hex(c, lower));
        } else {
          out.push_back(c);
        }
    }
  }
  return out;
}

std::string in_shell_quotes(std::string_view secret) {
  std::string out;
  for (char c : secret) c == '\'' ? void(out += "'\\''") : out.push_back(c);
  return out;
}

}  // namespace

std::vector<std::string> secret_forms(std::string_view secret) {
  std::vector<std::string> forms{std::string(secret), in_shell_quotes(secret)};
  for (size_t at = 0; at < secret.size();) {
    size_t end = std::min(secret.find('\n', at), secret.size());
    if (end - at >= shortest_line) forms.emplace_back(secret.substr(at, end - at));
    at = end + 1;
  }
  for (size_t before : {0, 1, 2})
    for (std::string_view last_two : {"+/", "-_"})
      for (bool inside : {true, false}) forms.push_back(base64_of(secret, before, last_two, inside));
  for (std::string_view digits : {lower, upper}) {
    std::string hex;
    for (char c : secret) hex += in_hex(c, digits);
    forms.push_back(std::move(hex));
    // RFC 3986, Python's quote, JavaScript's encodeURIComponent and encodeURI, HTML forms.
    for (std::string_view plain : {"-_.~", "-_.~/", "-_.!~*'()", "-_.!~*'();,/?:@&=+$#", "-_.*"})
      for (bool plus : {false, true}) forms.push_back(percent_encoded(secret, plain, digits, plus));
  }
  for (bool slash : {false, true})
    for (bool html : {false, true})
      for (bool ascii : {false, true}) forms.push_back(in_json(secret, {slash, html, ascii}));
  std::erase_if(forms, [](const std::string& form) { return form.size() < shortest; });
  std::sort(forms.begin(), forms.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() > b.size() : a < b;
  });
  forms.erase(std::unique(forms.begin(), forms.end()), forms.end());
  return forms;
}

}  // namespace muster
