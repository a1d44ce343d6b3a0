#include "interpreter/base/ssh_setting.h"

#include <algorithm>

namespace muster {
namespace {

bool is_letter_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); }

bool holds_only(std::string_view text, std::string_view besides) {
  return std::all_of(text.begin(), text.end(),
                     [&](char c) { return is_letter_or_digit(c) || besides.find(c) != std::string_view::npos; });
}

}  // namespace

std::optional<std::string> problem_of_ssh_setting(std::string_view setting, std::string_view text) {
  if (text.empty()) return "it is empty";
  if (text.front() == '-') return "it begins with `-`, which would be an option";
  if (setting == "host") {
    if (text.size() > 255) return "it is longer than any host's name";
    if (!holds_only(text, "._:-"))
      return "a host's name has letters, digits, `.`, `_` and `-`; an address has `:`, too";
    return std::nullopt;
  }
  if (setting == "user") {
    if (text.size() > 64) return "it is longer than any user's name";
    if (!holds_only(text, "._@+-")) return "a user's name has letters, digits, `.`, `_`, `@`, `+` and `-`";
    return std::nullopt;
  }
  for (char c : text)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F ||
        std::string_view("%$`\"\\").find(c) != std::string_view::npos)
      return "the client would expand `%`, `$`, backquotes, `\"` and `\\` in a file's name";
  return std::nullopt;
}

std::optional<std::string> problem_of_ssh_port(int64_t port) {
  if (port >= 1 && port <= 65535) return std::nullopt;
  return "a port is a number from 1 to 65535";
}

}  // namespace muster
