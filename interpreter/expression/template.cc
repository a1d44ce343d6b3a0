#include "interpreter/expression/template.h"

#include <algorithm>

namespace muster {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\n' || c == '\t' || c == '\r'; }

// Where the expression that begins at `at` ends: the place of its `}}`, or npos and what kept it from ending.
struct End {
  size_t at = std::string_view::npos;
  size_t open_at = std::string_view::npos;  // the text or bracket that was never closed
};

End end_of_expression(std::string_view text, size_t at) {
  std::vector<size_t> open;
  while (at < text.size()) {
    char c = text[at];
    if (c == '"' || c == '\'') {
      size_t i = at + 1;
      while (i < text.size() && text[i] != c && text[i] != '\n') i += text[i] == '\\' ? 2 : 1;
      if (i >= text.size() || text[i] == '\n') return {std::string_view::npos, at};
      at = i + 1;
      continue;
    }
    if (c == '[' && at + 1 < text.size() && (text[at + 1] == '[' || text[at + 1] == '=')) {
      size_t level = at + 1;
      while (level < text.size() && text[level] == '=') ++level;
      if (level < text.size() && text[level] == '[') {
        std::string close = "]" + std::string(level - at - 1, '=') + "]";
        size_t end = text.find(close, level + 1);
        if (end == std::string_view::npos) return {end, at};
        at = end + close.size();
        continue;
      }
    }
    if (c == '(' || c == '[' || c == '{') open.push_back(at);
    // `}}` ends it also behind an open `(` or `[`: the parser says better what is missing there.
    if (c == '}' && text.substr(at, 2) == "}}" && (open.empty() || text[open.back()] != '{')) return {at, at};
    if ((c == ')' || c == ']' || c == '}') && !open.empty()) open.pop_back();
    ++at;
  }
  return {std::string_view::npos, open.empty() ? std::string_view::npos : open.back()};
}

}  // namespace

const Expression* Template::whole() const {
  return pieces.size() == 1 ? std::get_if<Expression>(&pieces.front()) : nullptr;
}

bool Template::is_constant() const {
  for (const auto& piece : pieces)
    if (std::holds_alternative<Expression>(piece)) return false;
  return true;
}

std::string Template::constant_text() const {
  std::string out;
  for (const auto& piece : pieces)
    if (const auto* text = std::get_if<std::string>(&piece)) out += *text;
  return out;
}

std::string_view Template::plain() const {
  const std::string* text = pieces.size() == 1 ? std::get_if<std::string>(&pieces.front()) : nullptr;
  return text ? std::string_view(*text) : std::string_view();
}

std::string Template::written() const {
  std::string out;
  for (const auto& piece : pieces) {
    if (const Expression* expression = std::get_if<Expression>(&piece)) {
      out += "${{ " + expression->text + " }}";
      continue;
    }
    std::string_view text = std::get<std::string>(piece);
    for (size_t from = 0; from < text.size();) {
      const size_t braces = std::min(text.find("${{", from), text.size());
      out += text.substr(from, braces - from);
      if (braces < text.size()) out += "$${{";
      from = braces < text.size() ? braces + 3 : braces;
    }
  }
  return out;
}

std::optional<Template> parse_template(const LocatedText& text, Diagnostics& problems) {
  Template out;
  out.at = text.at;
  if (text.text.find("${{") == std::string::npos) {
    if (!text.text.empty()) out.pieces.emplace_back(text.text);
    return out;
  }
  std::string plain;
  std::string_view all = text.text;
  bool whole = true;
  for (size_t at = 0; at < all.size();) {
    if (all.substr(at, 4) == "$${{") {
      plain += "${{";
      at += 4;
      continue;
    }
    if (all.substr(at, 3) != "${{") {
      plain.push_back(all[at++]);
      continue;
    }
    auto [end, open_at] = end_of_expression(all, at + 3);
    if (end == std::string_view::npos) {
      Diagnostic problem;
      problem.code = "template-unclosed";
      problem.at = text.span(at, at + 3);
      problem.message = "`${{` has no `}}` that ends it";
      problem.help = "close it, or write `$${{` for the literal";
      if (open_at != std::string_view::npos)
        problem.notes.push_back({text.span(open_at, open_at + 1), "what begins here has no end"});
      problems.push_back(std::move(problem));
      return std::nullopt;
    }
    size_t begin = at + 3;
    size_t stop = end;
    while (begin < stop && is_blank(all[begin])) ++begin;
    while (stop > begin && is_blank(all[stop - 1])) --stop;
    LocatedText inner;
    inner.text = std::string(all.substr(begin, stop - begin));
    inner.at = begin < stop ? text.span(begin, stop) : text.span(at, end + 2);
    if (!text.segments.empty() || begin >= stop) {
      inner.segments.push_back({0, text.span(begin, begin + 1).begin});
      for (const LocatedText::Segment& segment : text.segments)
        if (segment.text_at > begin && segment.text_at < stop)
          inner.segments.push_back({segment.text_at - static_cast<uint32_t>(begin), segment.source_at});
    }
    std::optional<Expression> expression = parse_expression(inner, problems);
    if (!expression) {
      whole = false;
    } else {
      if (!plain.empty()) out.pieces.emplace_back(std::move(plain));
      plain.clear();
      out.pieces.emplace_back(std::move(*expression));
    }
    at = end + 2;
  }
  if (!whole) return std::nullopt;
  if (!plain.empty()) out.pieces.emplace_back(std::move(plain));
  return out;
}

}  // namespace muster
