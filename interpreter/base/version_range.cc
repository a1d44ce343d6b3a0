#include "interpreter/base/version_range.h"

#include <algorithm>
#include <charconv>

namespace muster {
namespace {

bool is_number(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

std::optional<uint64_t> number(std::string_view text) {
  uint64_t value = 0;
  if (!is_number(text)) return std::nullopt;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// How many of the three numbers are written.
size_t numbers_in(std::string_view text) {
  text = text.substr(0, text.find_first_of("-+"));
  return static_cast<size_t>(std::count(text.begin(), text.end(), '.')) + 1;
}

int compare_identifiers(std::string_view a, std::string_view b) {
  const std::optional<uint64_t> left = number(a), right = number(b);
  if (left && right) return *left < *right ? -1 : *left > *right ? 1 : 0;
  if (left || right) return left ? -1 : 1;  // numbers come first
  return a.compare(b);
}

}  // namespace

std::optional<Version> Version::parse(std::string_view text) {
  Version version;
  text = text.substr(0, text.find('+'));  // builds do not count
  if (size_t hyphen = text.find('-'); hyphen != std::string_view::npos) {
    version.before = text.substr(hyphen + 1);
    if (version.before.empty()) return std::nullopt;
    text = text.substr(0, hyphen);
  }
  for (size_t i = 0;; ++i) {
    const size_t dot = text.find('.');
    const std::optional<uint64_t> value = i < 3 ? number(text.substr(0, dot)) : std::nullopt;
    if (!value) return std::nullopt;
    version.numbers[i] = *value;
    if (dot == std::string_view::npos) return version;
    text.remove_prefix(dot + 1);
  }
}

int compare(const Version& a, const Version& b) {
  if (a.numbers != b.numbers) return a.numbers < b.numbers ? -1 : 1;
  if (a.before.empty() || b.before.empty()) return a.before.empty() == b.before.empty() ? 0 : a.before.empty() ? 1 : -1;
  std::string_view left = a.before, right = b.before;
  while (true) {
    const size_t l = left.find('.'), r = right.find('.');
    if (int order = compare_identifiers(left.substr(0, l), right.substr(0, r)); order != 0) return order;
    if (l == std::string_view::npos || r == std::string_view::npos)
      return l == r ? 0 : l == std::string_view::npos ? -1 : 1;
    left.remove_prefix(l + 1);
    right.remove_prefix(r + 1);
  }
}

std::optional<VersionRange> VersionRange::parse(std::string_view text) {
  VersionRange range;
  while (true) {
    const size_t begin = text.find_first_not_of(" ,");
    if (begin == std::string_view::npos) break;
    text.remove_prefix(begin);
    std::string_view sign = text.substr(0, std::min(text.find_first_not_of("<>=^~"), text.size()));
    text.remove_prefix(sign.size());
    text.remove_prefix(std::min(text.find_first_not_of(' '), text.size()));
    const std::string_view written = text.substr(0, text.find_first_of(" ,"));
    text.remove_prefix(written.size());
    const std::optional<Version> version = Version::parse(written);
    if (!version) return std::nullopt;
    const size_t precise = numbers_in(written);
    auto before_next = [&](size_t place) {  // below the version whose number at `place` is one more
      Version next;
      for (size_t i = 0; i <= place; ++i) next.numbers[i] = version->numbers[i];
      ++next.numbers[place];
      range.bounds_.push_back({next, false, false});
    };
    if (sign == ">=" || sign == ">") {
      range.bounds_.push_back({*version, true, sign == ">="});
    } else if (sign == "<=" || sign == "<") {
      range.bounds_.push_back({*version, false, sign == "<="});
    } else if (sign.empty() || sign == "=") {
      range.bounds_.push_back({*version, true, true});
      if (precise < 3) {
        before_next(precise - 1);
      } else {
        range.bounds_.push_back({*version, false, true});
      }
    } else if (sign == "^") {
      range.bounds_.push_back({*version, true, true});
      size_t place = 0;
      while (place + 1 < precise && version->numbers[place] == 0) ++place;
      before_next(place);
    } else if (sign == "~") {
      range.bounds_.push_back({*version, true, true});
      before_next(precise > 1 ? 1 : 0);
    } else {
      return std::nullopt;
    }
  }
  if (range.bounds_.empty()) return std::nullopt;
  return range;
}

bool VersionRange::holds(const Version& version) const {
  return std::all_of(bounds_.begin(), bounds_.end(), [&](const Bound& bound) {
    const int order = compare(version, bound.version);
    return (order == 0 && bound.included) || (order != 0 && (order > 0) == bound.from);
  });
}

}  // namespace muster
