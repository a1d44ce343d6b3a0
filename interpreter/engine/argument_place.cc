#include "interpreter/engine/argument_place.h"

#include <algorithm>
#include <charconv>
#include <string_view>

namespace muster {

namespace {

// `from.table`, `invariants[1].query`: what stands before the next step of the way, which is cut off.
std::string_view first_of(std::string_view& path) {
  path.remove_prefix(path.starts_with('.') ? 1 : 0);
  const size_t end = std::min(path.find_first_of(".[", 1), path.size());
  std::string_view first = path.substr(0, end);
  path.remove_prefix(end);
  return first;
}

const Argument* argument_at(const Argument& args, std::string_view path) {
  const Argument* at = &args;
  while (!path.empty()) {
    const std::string_view step = first_of(path);
    const Argument* next = nullptr;
    if (step.starts_with('[')) {
      size_t index = 0;
      std::from_chars(step.data() + 1, step.data() + step.size(), index);
      const auto* list = std::get_if<std::vector<Argument>>(&at->value);
      if (list && index < list->size()) next = &(*list)[index];
    } else if (const auto* map = std::get_if<std::vector<Entry>>(&at->value)) {
      for (const Entry& entry : *map)
        if (entry.key.text == step) next = &entry.value;
    }
    if (!next) return nullptr;
    at = next;
  }
  return at;
}

bool is_inside_a_character(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) == 0x80; }

bool is_of_a_word(char byte) {
  return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') || byte == '_' ||
         static_cast<unsigned char>(byte) >= 0x80;
}

struct Line {
  size_t source_at = 0;  // where its first byte stands in the scalar's source
  std::string_view text;
};

// The line of a scalar's text, as it stands in its source: behind an indentation or a quote, and otherwise byte for
// byte. Folded lines and escapes do not stand there so.
std::optional<Line> line_in_source(std::string_view source, std::string_view text, int64_t number) {
  size_t at = 0;
  if (source.starts_with('|') || source.starts_with('>')) at = std::min(source.find('\n'), source.size());
  for (int64_t line = 1;; ++line) {
    const size_t end = std::min(text.find('\n'), text.size());
    at = source.find(text.substr(0, end), at);
    if (at == std::string_view::npos) return std::nullopt;
    if (line == number) return Line{at, text.substr(0, end)};
    at = source.find('\n', at + end);
    if (at == std::string_view::npos || end == text.size()) return std::nullopt;
    ++at;
    text.remove_prefix(end + 1);
  }
}

}  // namespace

std::optional<Span> span_of_place(const Argument& args, const ArgumentPlace& place, const SourceFiles& files) {
  const Argument* argument = argument_at(args, place.argument);
  if (!argument) return std::nullopt;
  const auto* scalar = std::get_if<Argument::Scalar>(&argument->value);
  if (!scalar || place.line == 0 || !scalar->text.is_constant()) return argument->at;
  const Span whole = scalar->text.at;
  const std::optional<Line> line = line_in_source(files.text(whole), scalar->text.plain(), place.line);
  if (!line) return argument->at;
  const std::string_view text = line->text;
  size_t begin = 0;
  for (int64_t column = 1; column < place.column && begin < text.size(); ++column) {
    ++begin;
    while (begin < text.size() && is_inside_a_character(text[begin])) ++begin;
  }
  if (begin == text.size() && begin > 0) --begin;  // behind its end there is nothing to point at
  size_t end = begin;
  while (end < text.size() && is_of_a_word(text[end])) ++end;
  end = std::min(std::max(end, begin + 1), std::max<size_t>(text.size(), 1));
  const auto source_at = static_cast<uint32_t>(whole.begin + line->source_at);
  return Span{whole.file, source_at + static_cast<uint32_t>(begin), source_at + static_cast<uint32_t>(end)};
}

}  // namespace muster
