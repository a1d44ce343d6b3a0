#include "interpreter/base/withheld.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace muster {

bool hides(std::string_view key) {
  std::string lower;
  for (char c : key) lower += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  constexpr std::array<std::string_view, 7> words = {"password", "passphrase", "passwd",       "secret",
                                                     "token",    "bearer",     "authorization"};
  return std::any_of(words.begin(), words.end(), [&](std::string_view word) { return lower.find(word) != lower.npos; });
}

std::string without_password(std::string text) {
  for (size_t at = text.find("://"); at != std::string::npos; at = text.find("://", at)) {
    at += 3;
    const size_t end = std::min(text.find_first_of("/?# \n\"'", at), text.size());
    const size_t host = text.rfind('@', end == 0 ? 0 : end - 1);
    const size_t colon = text.find(':', at);
    if (host == std::string::npos || host < at || colon == std::string::npos || colon > host) continue;
    text.replace(colon + 1, host - colon - 1, "***");
  }
  return text;
}

Value without_passwords(const Value& value, std::string_view key) {
  if (const auto* text = value.find<std::string>()) {
    if (text->empty()) return value;
    return hides(key) ? std::string("***") : without_password(*text);
  }
  if (const Map* map = value.find<Map>()) {
    Map out;
    for (const auto& [name, inner] : *map) out[name] = without_passwords(inner, name);
    return out;
  }
  if (const List* list = value.find<List>()) {
    List out;
    for (const Value& item : *list) out.push_back(without_passwords(item, key));
    return out;
  }
  return value;
}

}  // namespace muster
