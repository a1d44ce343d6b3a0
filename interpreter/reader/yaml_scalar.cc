#include "interpreter/reader/yaml_scalar.h"

#include <algorithm>

namespace muster {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

// Reads source and decoded text side by side.
class Alignment {
 public:
  Alignment(std::string_view source, uint32_t begin, std::string_view text) : source_(source), text_(text), at_(begin) {
    place_.begin = begin;
  }

  ScalarPlace quoted(char quote) {
    place_.style = quote == '"' ? YamlNode::Style::double_quoted : YamlNode::Style::single_quoted;
    ++at_;
    mark();
    while (at_ < source_.size()) {
      char c = source_[at_];
      if (c == quote) {
        if (quote == '\'' && peek(1) == '\'') {
          if (!take_text('\'')) return lost();
          at_ += 2;
          mark();
          continue;
        }
        place_.end = at_ + 1;
        place_.exact = text_at_ == text_.size();
        return std::move(place_);
      }
      if (c == '\\' && quote == '"') {
        if (!escape()) return lost();
      } else if (!fold() && !same()) {
        return lost();
      }
    }
    return lost();
  }

  ScalarPlace plain() {
    mark();
    while (text_at_ < text_.size()) {
      if (at_ >= source_.size() || (!fold() && !same())) return lost();
    }
    place_.end = at_;
    return std::move(place_);
  }

  ScalarPlace block(char sign) {
    place_.style = sign == '|' ? YamlNode::Style::literal : YamlNode::Style::folded;
    bool counted = false;
    uint32_t end = line_end(at_);
    for (uint32_t i = at_ + 1; i < end && !is_blank(source_[i]) && source_[i] != '#'; ++i)
      counted = counted || (source_[i] >= '1' && source_[i] <= '9');
    place_.end = trimmed(at_, end);
    at_ = next_line(end);
    uint32_t indent = indentation(counted);
    mark();
    while (true) {
      take_newlines();
      if (text_at_ >= text_.size()) return std::move(place_);
      while (at_ < source_.size() && is_empty_line(indent)) at_ = next_line(line_end(at_));
      if (at_ >= source_.size()) return lost();
      uint32_t stop = line_end(at_);
      uint32_t from = std::min(at_ + indent, stop);
      std::string_view line = without_return(source_.substr(from, stop - from));
      if (text_.substr(text_at_, line.size()) != line) {
        while (!line.empty() && is_blank(line.back())) line.remove_suffix(1);
        if (text_.substr(text_at_, line.size()) != line) return lost();
      }
      place_.segments.push_back({static_cast<uint32_t>(text_at_), from});
      text_at_ += line.size();
      place_.end = from + static_cast<uint32_t>(line.size());
      at_ = next_line(stop);
      if (text_at_ < text_.size() && text_[text_at_] == ' ' && sign == '>') {
        ++text_at_;
      } else if (text_at_ < text_.size() && text_[text_at_] != '\n') {
        return lost();
      }
    }
  }

 private:
  char peek(uint32_t ahead) const { return at_ + ahead < source_.size() ? source_[at_ + ahead] : '\0'; }
  void mark() {
    LocatedText::Segment next{static_cast<uint32_t>(text_at_), at_};
    if (!place_.segments.empty() && place_.segments.back().text_at == next.text_at) {
      place_.segments.back() = next;
    } else {
      place_.segments.push_back(next);
    }
  }
  bool take_text(char c) {
    if (text_at_ >= text_.size() || text_[text_at_] != c) return false;
    ++text_at_;
    return true;
  }
  bool same() {
    if (!take_text(source_[at_])) return false;
    ++at_;
    return true;
  }
  uint32_t newline_at(uint32_t at) const {  // its length, 0: none
    if (at < source_.size() && source_[at] == '\n') return 1;
    return at + 1 < source_.size() && source_[at] == '\r' && source_[at + 1] == '\n' ? 2 : 0;
  }

  // A line end inside a flow scalar: one is a space, n are n - 1 line feeds.
  bool fold() {
    uint32_t at = at_;
    while (at < source_.size() && is_blank(source_[at])) ++at;
    uint32_t lines = 0;
    while (uint32_t length = newline_at(at)) {
      ++lines;
      at += length;
      while (at < source_.size() && is_blank(source_[at])) ++at;
    }
    if (lines == 0) return false;
    if (lines == 1) {
      if (!take_text(' ')) return false;
    } else {
      for (uint32_t i = 1; i < lines; ++i)
        if (!take_text('\n')) return false;
    }
    at_ = at;
    mark();
    return true;
  }

  bool escape() {
    char c = peek(1);
    if (uint32_t length = newline_at(at_ + 1)) {  // the line goes on without a space
      at_ += 1 + length;
      while (at_ < source_.size() && is_blank(source_[at_])) ++at_;
      mark();
      return true;
    }
    uint32_t digits = c == 'x' ? 2 : c == 'u' ? 4 : c == 'U' ? 8 : 0;
    uint32_t decoded = 1;
    if (digits > 0) {
      uint32_t code = 0;
      for (uint32_t i = 0; i < digits; ++i) {
        char d = peek(2 + i);
        uint32_t value = d >= '0' && d <= '9'                     ? d - '0'
                         : (d | 0x20) >= 'a' && (d | 0x20) <= 'f' ? (d | 0x20) - 'a' + 10
                                                                  : 16;
        if (value > 15) return false;
        code = code * 16 + value;
      }
      decoded = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    } else if (c == 'N' || c == '_') {
      decoded = 2;
    } else if (c == 'L' || c == 'P') {
      decoded = 3;
    }
    if (text_at_ + decoded > text_.size()) return false;
    mark();
    text_at_ += decoded;
    at_ += 2 + digits;
    mark();
    return true;
  }

  uint32_t line_end(uint32_t at) const {
    size_t end = source_.find('\n', at);
    return static_cast<uint32_t>(end == std::string_view::npos ? source_.size() : end);
  }
  uint32_t next_line(uint32_t end) const { return end < source_.size() ? end + 1 : end; }
  static std::string_view without_return(std::string_view line) {
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  }
  uint32_t trimmed(uint32_t from, uint32_t to) const {
    while (to > from && (is_blank(source_[to - 1]) || source_[to - 1] == '\r')) --to;
    return to;
  }
  bool is_empty_line(uint32_t indent) const {
    std::string_view line = without_return(source_.substr(at_, line_end(at_) - at_));
    return line.size() <= indent && line.find_first_not_of(' ') == std::string_view::npos;
  }
  uint32_t indentation(bool counted) const {
    uint32_t at = at_;
    while (at < source_.size()) {
      uint32_t end = line_end(at);
      std::string_view line = without_return(source_.substr(at, end - at));
      size_t lead = line.find_first_not_of(' ');
      if (lead != std::string_view::npos) {
        if (!counted) return static_cast<uint32_t>(lead);
        size_t first = text_.find_first_not_of('\n');
        size_t kept = first == std::string_view::npos ? 0 : text_.find_first_not_of(' ', first);
        kept = first == std::string_view::npos || kept == std::string_view::npos ? 0 : kept - first;
        return static_cast<uint32_t>(lead - std::min(lead, kept));
      }
      at = next_line(end);
    }
    return 0;
  }
  void take_newlines() {
    while (text_at_ < text_.size() && text_[text_at_] == '\n') ++text_at_;
  }

  ScalarPlace lost() {
    place_.exact = false;
    place_.end = std::max({place_.end, std::min(at_, static_cast<uint32_t>(source_.size())), place_.begin});
    place_.segments = {{0, place_.begin}};
    return std::move(place_);
  }

  std::string_view source_;
  std::string_view text_;
  uint32_t at_;
  size_t text_at_ = 0;
  ScalarPlace place_;
};

}  // namespace

uint32_t skip_properties(std::string_view source, uint32_t at) {
  while (at < source.size() && (source[at] == '&' || source[at] == '!')) {
    while (at < source.size() && !is_blank(source[at]) && source[at] != '\n' && source[at] != '\r') ++at;
    while (at < source.size()) {
      if (is_blank(source[at]) || source[at] == '\n' || source[at] == '\r') {
        ++at;
      } else if (source[at] == '#') {
        at = static_cast<uint32_t>(std::min(source.find('\n', at), source.size()));
      } else {
        break;
      }
    }
  }
  return at;
}

bool is_closed_quote(std::string_view source, uint32_t begin) {
  const char quote = source[begin];
  for (size_t at = begin + 1; at < source.size(); ++at) {
    if (quote == '"' && source[at] == '\\') {
      ++at;
    } else if (source[at] == quote) {
      if (quote == '"' || at + 1 >= source.size() || source[at + 1] != '\'') return true;
      ++at;
    }
  }
  return false;
}

ScalarPlace place_scalar(std::string_view source, uint32_t begin, std::string_view text) {
  char first = begin < source.size() ? source[begin] : '\0';
  if (first != '"' && first != '\'' && first != '|' && first != '>' && source.substr(begin, text.size()) == text) {
    ScalarPlace place;
    place.begin = begin;
    place.end = begin + static_cast<uint32_t>(text.size());
    place.verbatim = true;
    return place;
  }
  if (first == '"' || first == '\'') {
    // Without an escape: what stands between the quotes is the text.
    const size_t end = begin + 1 + text.size();
    const bool closed = end < source.size() && source[end] == first && source.substr(begin + 1, text.size()) == text;
    if (closed && text.find(first == '"' ? '\\' : '\'') == std::string_view::npos &&
        !(first == '\'' && end + 1 < source.size() && source[end + 1] == '\'')) {
      ScalarPlace place;
      place.style = first == '"' ? YamlNode::Style::double_quoted : YamlNode::Style::single_quoted;
      place.begin = begin;
      place.end = static_cast<uint32_t>(end + 1);
      place.verbatim = true;
      place.segments = {{0, begin + 1}};
      return place;
    }
  }
  Alignment alignment(source, begin, text);
  if (first == '"' || first == '\'') return alignment.quoted(first);
  if (first == '|' || first == '>') return alignment.block(first);
  return alignment.plain();
}

std::string with_whole_escapes(std::string_view text) {
  if (text.find('\x85') == std::string_view::npos && text.find('\xA0') == std::string_view::npos) return {};
  std::string out;
  bool is_mended = false;
  for (size_t i = 0; i < text.size();) {
    auto lead = static_cast<unsigned char>(text[i]);
    if (lead == 0x85 || lead == 0xA0) {  // where a character begins these two come from escapes only
      out += '\xC2';
      is_mended = true;
    }
    size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : lead >= 0xC0 ? 2 : 1;
    out += text.substr(i, length);
    i += length;
  }
  return is_mended ? out : std::string();
}

}  // namespace muster
