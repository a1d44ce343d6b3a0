#include "interpreter/world/secret_forms.h"

#include <algorithm>

namespace muster {
namespace {

constexpr size_t shortest = 4;  // anything shorter would blot out ordinary text

std::string base64(std::string_view bytes) {
  static constexpr char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i + 3 <= bytes.size(); i += 3) {
    uint32_t bits = 0;
    for (size_t j = 0; j < 3; ++j) bits = bits << 8 | static_cast<unsigned char>(bytes[i + j]);
    for (int shift = 18; shift >= 0; shift -= 6) out.push_back(digits[bits >> shift & 63]);
  }
  return out;
}

}  // namespace

std::vector<std::string> secret_forms(std::string_view secret) {
  std::vector<std::string> forms;
  auto add = [&](std::string form) {
    if (form.size() >= shortest) forms.push_back(std::move(form));
  };
  add(std::string(secret));
  for (size_t at = 0; at < secret.size();) {
    size_t end = std::min(secret.find('\n', at), secret.size());
    if (end - at >= 8) add(std::string(secret.substr(at, end - at)));
    at = end + 1;
  }
  // Inside a longer text the secret may begin at any of three places of a group; only whole groups are its own.
  for (size_t skip = 0; skip < 3 && skip + 6 <= secret.size(); ++skip) add(base64(secret.substr(skip == 0 ? 0 : 3 - skip)));
  std::string url, json, lower, upper;
  static constexpr char low[] = "0123456789abcdef", high[] = "0123456789ABCDEF";
  for (char c : secret) {
    auto byte = static_cast<unsigned char>(c);
    bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '.' || c == '~';
    if (plain) {
      url.push_back(c);
    } else {
      url += {'%', high[byte >> 4], high[byte & 15]};
    }
    if (c == '"' || c == '\\') {
      json += {'\\', c};
    } else if (c == '\n') {
      json += "\\n";
    } else if (c == '\t') {
      json += "\\t";
    } else {
      json.push_back(c);
    }
    lower += {low[byte >> 4], low[byte & 15]};
    upper += {high[byte >> 4], high[byte & 15]};
  }
  for (std::string* form : {&url, &json, &lower, &upper}) add(std::move(*form));
  std::sort(forms.begin(), forms.end(), [](const std::string& a, const std::string& b) { return a.size() != b.size() ? a.size() > b.size() : a < b; });
  forms.erase(std::unique(forms.begin(), forms.end()), forms.end());
  return forms;
}

}  // namespace muster
