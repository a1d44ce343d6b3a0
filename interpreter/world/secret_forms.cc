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

// What of base64 does not depend on the `before` bytes in front of the secret's group, nor on what follows it.
std::string base64_within(std::string_view secret, size_t before, std::string_view last_two) {
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

std::string in_json(std::string_view secret, bool escapes_slash) {
  std::string out;
  for (char c : secret) {
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
        if (c == '"' || c == '\\' || (c == '/' && escapes_slash)) {
          out += {'\\', c};
        } else if (static_cast<unsigned char>(c) < 0x20) {
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
    for (std::string_view last_two : {"+/", "-_"}) forms.push_back(base64_within(secret, before, last_two));
  for (std::string_view digits : {lower, upper}) {
    std::string hex;
    for (char c : secret) hex += in_hex(c, digits);
    forms.push_back(std::move(hex));
    for (std::string_view plain : {"-_.~", "-_.~/"})
      for (bool plus : {false, true}) forms.push_back(percent_encoded(secret, plain, digits, plus));
  }
  for (bool slash : {false, true}) forms.push_back(in_json(secret, slash));
  std::erase_if(forms, [](const std::string& form) { return form.size() < shortest; });
  std::sort(forms.begin(), forms.end(), [](const std::string& a, const std::string& b) {
    return a.size() != b.size() ? a.size() > b.size() : a < b;
  });
  forms.erase(std::unique(forms.begin(), forms.end()), forms.end());
  return forms;
}

}  // namespace muster
