#include "interpreter/base/source_file.h"

#include <algorithm>

#include "interpreter/base/utf8.h"

namespace muster {

uint32_t SourceFiles::add(SourceFile file) {
  files_.push_back(std::move(file));
  return static_cast<uint32_t>(files_.size() - 1);
}

namespace {

size_t line_start(std::string_view text, size_t byte) {
  byte = std::min(byte, text.size());
  size_t newline = byte == 0 ? std::string_view::npos : text.rfind('\n', byte - 1);
  return newline == std::string_view::npos ? 0 : newline + 1;
}

}  // namespace

Position SourceFiles::position(uint32_t file, uint32_t byte) const {
  std::string_view text = at(file).text;
  size_t end = std::min<size_t>(byte, text.size());
  size_t start = line_start(text, end);
  Position position;
  position.line =
      static_cast<uint32_t>(std::count(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(start), '\n')) + 1;
  position.column = static_cast<uint32_t>(character_count(text.substr(start, end - start))) + 1;
  return position;
}

std::string_view SourceFiles::line(uint32_t file, uint32_t byte) const {
  std::string_view text = at(file).text;
  size_t start = line_start(text, byte);
  size_t end = text.find('\n', start);
  std::string_view line = text.substr(start, end == std::string_view::npos ? end : end - start);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  return line;
}

std::string_view SourceFiles::text(Span span) const {
  std::string_view text = at(span.file).text;
  size_t begin = std::min<size_t>(span.begin, text.size());
  size_t end = std::min<size_t>(std::max(span.begin, span.end), text.size());
  return text.substr(begin, end - begin);
}

Span LocatedText::span(size_t begin, size_t end) const {
  auto source = [&](size_t i) -> uint32_t {
    if (segments.empty()) return static_cast<uint32_t>(at.begin + i);
    auto next = std::upper_bound(segments.begin(), segments.end(), i,
                                 [](size_t value, const Segment& s) { return value < s.text_at; });
    if (next == segments.begin()) return at.begin;
    const Segment& segment = *std::prev(next);
    return static_cast<uint32_t>(segment.source_at + (i - segment.text_at));
  };
  Span out{at.file, source(begin), 0};
  // The end is one behind the place of the last byte: a folded line break must not stretch it to the next line.
  out.end = end > begin ? source(end - 1) + 1 : out.begin;
  if (out.end < out.begin) out.end = out.begin;
  return out;
}

}  // namespace muster
