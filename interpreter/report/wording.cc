#include "interpreter/report/wording.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "interpreter/base/utf8.h"

namespace muster {

std::string spent(Duration duration) {
  char buffer[64];
  if (duration.us < 0) duration.us = 0;
  double s = duration.as_seconds();
  if (s < 0.1) {
    std::snprintf(buffer, sizeof buffer, "%.3f s", s);
  } else if (s < 59.95) {
    std::snprintf(buffer, sizeof buffer, "%.1f s", s);
  } else {
    long long whole = std::llround(s);
    if (whole < 3600) {
      std::snprintf(buffer, sizeof buffer, "%lld min %lld s", whole / 60, whole % 60);
    } else if (whole < 86400) {
      std::snprintf(buffer, sizeof buffer, "%lld h %lld min", whole / 3600, whole % 3600 / 60);
    } else {
      std::snprintf(buffer, sizeof buffer, "%lld d %lld h", whole / 86400, whole % 86400 / 3600);
    }
  }
  return buffer;
}

std::string second_of(Timestamp at) {
  int64_t fraction = (at.us % 1'000'000 + 1'000'000) % 1'000'000;
  return to_text(Timestamp{at.us - fraction});
}

std::string clock_of(Timestamp at) { return second_of(at).substr(11); }

std::string safe_line(std::string_view text) { return escape_for_terminal(text, false); }

std::string short_line(std::string_view text, size_t characters) {
  // A character is at most four bytes: what lies far beyond the cut need not be looked at.
  std::string out = safe_line(text.substr(0, std::min(text.size(), (characters + 1) * 4)));
  size_t count = 0, cut = 0;
  for (size_t i = 0; i < out.size(); ++i) {
    if ((static_cast<unsigned char>(out[i]) & 0xC0) == 0x80) continue;
    if (++count == characters) cut = i;
    if (count > characters) return out.substr(0, cut) + "…";
  }
  return out;
}

std::string short_value(const Value& value, size_t characters) { return short_line(to_text(value), characters); }

std::string why_it_may_follow(const Map& guarded_row) {
  const std::string place = text_of(guarded_row, "place"), of = text_of(guarded_row, "of");
  const std::string whose = of == "playbook" ? "the run" : "`" + of + "`";
  if (place == "rollback") return "to undo " + whose + ", if a later step fails";
  if (place == "rescue") return "if " + whose + " fails";
  if (place == "always") return "at the end of " + whose + ", however it ends";
  if (place == "before") return "before " + whose + " is tried again";
  return {};
}

std::string indented(std::string_view text, std::string_view prefix) {
  std::string lines = escape_for_terminal(text, true);
  while (!lines.empty() && lines.back() == '\n') lines.pop_back();
  if (lines.empty()) return {};
  std::string out(prefix);
  for (char c : lines) {
    out.push_back(c);
    if (c == '\n') out += prefix;
  }
  return out + "\n";
}

}  // namespace muster
