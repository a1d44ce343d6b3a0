#include "interpreter/language/identity.h"

#include <algorithm>

namespace muster {
namespace {

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

// One of the dot-separated identifiers behind `-` or `+`.
bool are_identifiers(std::string_view text, bool numbers_without_zero) {
  while (true) {
    size_t dot = text.find('.');
    std::string_view part = text.substr(0, dot);
    if (part.empty()) return false;
    bool digits = true;
    for (char c : part) {
      digits = digits && is_digit(c);
      if (!is_digit(c) && !is_lower(c) && !(c >= 'A' && c <= 'Z') && c != '-') return false;
    }
    if (numbers_without_zero && digits && part.size() > 1 && part[0] == '0') return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

}  // namespace

bool is_kebab_case(std::string_view text) {
  if (text.empty() || !is_lower(text[0]) || text.back() == '-') return false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '-' ? text[i - 1] == '-' : !is_lower(text[i]) && !is_digit(text[i])) return false;
  }
  return true;
}

bool is_semantic_version(std::string_view text) {
  if (size_t plus = text.find('+'); plus != std::string_view::npos) {
    if (!are_identifiers(text.substr(plus + 1), false)) return false;
    text = text.substr(0, plus);
  }
  if (size_t hyphen = text.find('-'); hyphen != std::string_view::npos) {
    if (!are_identifiers(text.substr(hyphen + 1), true)) return false;
    text = text.substr(0, hyphen);
  }
  if (std::count(text.begin(), text.end(), '.') != 2 || text.find_first_not_of("0123456789.") != std::string_view::npos)
    return false;
  return are_identifiers(text, true);
}

}  // namespace muster
