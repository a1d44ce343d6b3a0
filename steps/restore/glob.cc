#include "steps/restore/glob.h"

namespace muster {

namespace {

// The set that begins at `[`: its length with both brackets, 0 where it is never closed, and whether `c` is in it.
size_t match_set(std::string_view pattern, char c, bool& is_in) {
  size_t i = 1;
  bool is_negated = i < pattern.size() && (pattern[i] == '!' || pattern[i] == '^');
  if (is_negated) ++i;
  is_in = false;
  for (size_t first = i; i < pattern.size(); ++i) {
    if (pattern[i] == ']' && i > first) {
      is_in = is_in != is_negated;
      return i + 1;
    }
    if (i + 2 < pattern.size() && pattern[i + 1] == '-' && pattern[i + 2] != ']') {
      is_in = is_in || (pattern[i] <= c && c <= pattern[i + 2]);
      i += 2;
    } else {
      is_in = is_in || pattern[i] == c;
    }
  }
  return 0;
}

}  // namespace

bool matches_glob(std::string_view pattern, std::string_view name) {
  if (name.starts_with('.') && !pattern.starts_with('.')) return false;
  // One star at a time can be stretched: what stood before an earlier one need not be tried again.
  size_t p = 0, n = 0, star = std::string_view::npos, stretched = 0;
  while (n < name.size()) {
    bool is_in = false;
    size_t set = p < pattern.size() && pattern[p] == '[' ? match_set(pattern.substr(p), name[n], is_in) : 0;
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      stretched = n;
    } else if (set > 0 && is_in) {
      p += set;
      ++n;
    } else if (p < pattern.size() && set == 0 && (pattern[p] == '?' || pattern[p] == name[n])) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++stretched;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace muster
