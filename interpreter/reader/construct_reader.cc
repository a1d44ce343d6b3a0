#include "interpreter/reader/construct_reader.h"

#include <charconv>

#include "interpreter/expression/template.h"
#include "interpreter/reader/map_visitor.h"

namespace muster {
namespace {

std::string_view shape_of(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::null:
      return "nothing";
    case YamlNode::Kind::scalar:
      return "text";
    case YamlNode::Kind::list:
      return "a list";
    case YamlNode::Kind::map:
      return "a map";
  }
  return "";
}

// `{"a", "b"}`, as other languages write lists.
bool is_map_of_nulls(const YamlNode& node) {
  if (node.kind != YamlNode::Kind::map || !node.is_flow() || node.children.empty()) return false;
  for (size_t i = 1; i < node.children.size(); i += 2)
    if (node.children[i]->kind != YamlNode::Kind::null || node.children[i]->written) return false;
  return true;
}

bool is_blank(char c) { return c == ' ' || c == '\t'; }

std::string quoted(std::string_view key) { return "`" + std::string(key) + "`"; }

// Opening minus closing brackets, strings left out.
int open_brackets(std::string_view text) {
  int open = 0;
  char quote = '\0';
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (quote != '\0') {
      if (c == '\\') ++i;
      if (c == quote) quote = '\0';
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (c == '(' || c == '[' || c == '{') {
      ++open;
    } else if (c == ')' || c == ']' || c == '}') {
      --open;
    }
  }
  return open;
}

std::optional<int64_t> whole_number(std::string_view text) {
  int64_t number = 0;
  const char* end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc{} || stop != end || text.empty()) return std::nullopt;
  return number;
}

}  // namespace

void ConstructReader::refuse(Span at, std::string code, std::string message, std::string help,
                             std::vector<Note> notes) {
  problems_.push_back({Severity::error, std::move(code), at, std::move(message), std::move(help), std::move(notes)});
}

bool ConstructReader::wrong_shape(const YamlNode& node, std::string_view key, std::string_view expected,
                                  std::string help) {
  refuse(tree_.head(node), "wrong-shape",
         quoted(key) + " must be " + std::string(expected) + ", and " + std::string(shape_of(node)) + " stands here",
         std::move(help));
  return false;
}

bool ConstructReader::wants_map(const YamlNode& node, std::string_view key) {
  return node.kind == YamlNode::Kind::map || wrong_shape(node, key, "a map");
}

bool ConstructReader::refuse_map_of_nulls(const YamlNode& node, std::string_view key) {
  refuse(tree_.span(node), "map-of-nulls", "the braces of " + quoted(key) + " make a map of keys without values",
         "write a YAML list: `[a, b]`");
  return false;
}

bool ConstructReader::wants_list(const YamlNode& node, std::string_view key) {
  if (node.kind == YamlNode::Kind::list) return true;
  if (is_map_of_nulls(node)) return refuse_map_of_nulls(node, key);
  return wrong_shape(node, key, "a list", node.kind == YamlNode::Kind::map ? "begin each item with `- `" : "");
}

bool ConstructReader::wants_scalar(const YamlNode& node, std::string_view key, std::string_view expected) {
  return node.is_scalar() || wrong_shape(node, key, expected);
}

bool ConstructReader::wants_literal(const YamlNode& node, std::string_view key, std::string_view expected) {
  if (!wants_scalar(node, key, expected)) return false;
  if (tree_.text(node).find("${{") == std::string_view::npos) return true;
  refuse(tree_.span(node), "literal-only", quoted(key) + " is fixed text: a value cannot stand in it", "write it out");
  return false;
}

Span ConstructReader::comment_behind(uint32_t at) const {
  std::string_view source = tree_.source();
  uint32_t sign = at;
  while (sign < source.size() && is_blank(source[sign])) ++sign;
  if (sign == at || sign + 1 >= source.size() || source[sign] != '#') return tree_.span(at, at);
  uint32_t end = sign;
  while (end < source.size() && source[end] != '\n' && source[end] != '\r') ++end;
  return tree_.span(sign, end);
}

// `#word` behind a plain value: most likely part of what was meant. `# word` is a comment.
bool ConstructReader::loses_text_to_comment(const YamlNode& node) const {
  if (!node.is_plain()) return false;
  Span comment = comment_behind(node.end);
  return comment.end - comment.begin > 1 && !is_blank(tree_.source()[comment.begin + 1]) &&
         tree_.source()[comment.begin + 1] != '#';
}

bool ConstructReader::has_value(const YamlNode& key, const YamlNode& value) {
  if (value.kind != YamlNode::Kind::null) return true;
  std::string name(tree_.text(key));
  if (!value.written) {
    std::string_view source = tree_.source();
    uint32_t at = key.end;
    while (at < source.size() && is_blank(source[at])) ++at;
    if (at >= source.size() || source[at] != ':') {
      refuse(tree_.span(key), "flow-comma",
             quoted(name) + " is a key without a value: a comma ends a value inside brackets",
             "quote the value before it, or use the block form");
      return false;
    }
    Span comment = comment_behind(at + 1);
    if (comment.end > comment.begin) {
      refuse(comment, "comment", quoted(name) + " has no value: `#` begins a comment",
             "quote it; in an expression the length of a list is `len(x)`");
      return false;
    }
  }
  refuse(tree_.span(key), "no-value", quoted(name) + " has no value", "give it one, or leave the key out");
  return false;
}

bool ConstructReader::read(const YamlNode& node, Name& out, std::string_view key) {
  if (!wants_literal(node, key, "a name")) return false;
  out = name_of(node);
  if (!out.text.empty()) return true;
  refuse(out.at, "no-value", quoted(key) + " is empty", "give it a name");
  return false;
}

bool ConstructReader::read(const YamlNode& node, std::string& out, std::string_view key) {
  if (!wants_literal(node, key, "text")) return false;
  out = tree_.text(node);
  return true;
}

bool ConstructReader::read(const YamlNode& node, bool& out, std::string_view key) {
  if (!wants_scalar(node, key, "true or false")) return false;
  std::string_view text = tree_.text(node);
  if (node.is_plain() && (text == "true" || text == "True" || text == "TRUE")) return out = true, true;
  if (node.is_plain() && (text == "false" || text == "False" || text == "FALSE")) return out = false, true;
  refuse(tree_.span(node), "wrong-type",
         quoted(key) + " must be true or false, and `" + std::string(text) + "` stands here",
         node.is_plain() ? "" : "leave the quotes out");
  return false;
}

bool ConstructReader::read(const YamlNode& node, double& out, std::string_view key) {
  if (!wants_scalar(node, key, "a number")) return false;
  std::string_view text = tree_.text(node);
  const char* end = text.data() + text.size();
  auto [stop, error] = std::from_chars(text.data(), end, out);
  if (error == std::errc{} && stop == end && !text.empty()) return true;
  refuse(tree_.span(node), "wrong-type",
         quoted(key) + " must be a number, and `" + std::string(text) + "` stands here");
  return false;
}

bool ConstructReader::read(const YamlNode& node, Template& out, std::string_view key) {
  if (!wants_scalar(node, key, "text")) return false;
  if (loses_text_to_comment(node))
    problems_.push_back({Severity::warning,
                         "comment",
                         comment_behind(node.end),
                         "`#` begins a comment: this is not part of " + quoted(key),
                         "quote the whole value, or put a space behind `#`",
                         {}});
  if (std::string_view text = tree_.text(node); text.find("${{") == std::string_view::npos) {
    out.at = tree_.span(node);
    out.pieces.clear();
    if (!text.empty()) out.pieces.emplace_back(std::in_place_type<std::string>, text);
    return true;
  }
  auto parsed = parse_template(tree_.located(node), problems_);
  if (!parsed) return false;
  out = std::move(*parsed);
  return true;
}

bool ConstructReader::read(const YamlNode& node, Expression& out, std::string_view key) {
  if (node.kind == YamlNode::Kind::map) {
    refuse(tree_.head(node), "map-for-expression",
           quoted(key) + " must be an expression, and a colon followed by a space makes a map of it",
           "put the whole expression into single quotes, or use a block scalar (`|`)");
    return false;
  }
  if (node.refused) return false;
  if (!wants_scalar(node, key, "an expression")) return false;
  std::string_view source = tree_.source();
  std::string_view text = tree_.text(node);
  if (node.is_plain()) {
    if (loses_text_to_comment(node)) {
      refuse(comment_behind(node.end), "comment", "`#` begins a comment: this is not part of the expression",
             "use `len(x)`, or quote the whole expression");
      return false;
    }
    uint32_t before = node.begin;
    while (before > 0 && is_blank(source[before - 1])) --before;
    uint32_t after = node.end;
    while (after < source.size() && is_blank(source[after])) ++after;
    int open = open_brackets(text);
    if (open > 0 && after < source.size() && source[after] == ',') {
      refuse(tree_.span(node), "flow-comma", "the expression is cut at the comma: inside `[ ]` a comma ends a value",
             "quote the expression, or write a block list");
      return false;
    }
    if (open < 0 && before > 0 && source[before - 1] == ',') return false;  // its first half has been named
  }
  size_t first = text.find_first_not_of(" \t\n");
  if (first != std::string_view::npos && text.substr(first).starts_with("${{")) {
    refuse(tree_.span(node), "braces-in-expression", quoted(key) + " is an expression already",
           "leave out `${{` and `}}`");
    return false;
  }
  constexpr size_t longest = 64 << 10;
  if (text.size() > longest) {
    refuse(tree_.span(node.begin, node.begin + 1), "too-large",
           "an expression of " + std::to_string(text.size()) + " bytes: " + std::to_string(longest) + " are the most",
           "prepare the value in a step");
    return false;
  }
  auto parsed = parse_expression(tree_.located(node), problems_);
  if (!parsed) return false;
  out = std::move(*parsed);
  return true;
}

bool ConstructReader::read(const YamlNode& node, DurationText& out, std::string_view key) {
  if (!wants_scalar(node, key, "a duration")) return false;
  if (!read(node, out.text, key)) return false;
  if (!out.text.is_constant()) return true;
  out.known = parse_duration(out.text.plain());
  if (out.known) return true;
  std::string text = out.text.constant_text();
  bool bare = !text.empty() && text.find_first_not_of("0123456789.") == std::string::npos;
  refuse(tree_.span(node), "bad-duration",
         bare ? quoted(text) + " has no unit" : quoted(key) + " must be a duration, and `" + text + "` stands here",
         bare ? "write `" + text + "s` for seconds, `" + text + "m` for minutes"
              : "write it as `500ms`, `30s`, `2m`, `24h`, `7d` or `1h30m`");
  return false;
}

bool ConstructReader::read(const YamlNode& node, IntegerText& out, std::string_view key) {
  if (!wants_scalar(node, key, "a whole number")) return false;
  if (!read(node, out.text, key)) return false;
  if (!out.text.is_constant()) return true;
  out.known = whole_number(out.text.plain());
  if (out.known) return true;
  std::string text = out.text.constant_text();
  refuse(tree_.span(node), "wrong-type", quoted(key) + " must be a whole number, and `" + text + "` stands here");
  return false;
}

bool ConstructReader::read(const YamlNode& node, OnFailure& out, std::string_view key) {
  if (!wants_literal(node, key, "`fail`, `continue` or `ask`")) return false;
  std::string_view text = tree_.text(node);
  if (text == "fail") return out = OnFailure::fail, true;
  if (text == "continue") return out = OnFailure::proceed, true;
  if (text == "ask") return out = OnFailure::ask, true;
  std::string_view near = nearest(text, {"fail", "continue", "ask"});
  refuse(tree_.span(node), "bad-choice",
         quoted(key) + " must be `fail`, `continue` or `ask`, and `" + std::string(text) + "` stands here",
         near.empty() ? "" : "did you mean `" + std::string(near) + "`?");
  return false;
}

Argument ConstructReader::unreadable(const YamlNode& node) const {
  Argument::Scalar scalar;
  scalar.text.at = tree_.span(node);
  Expression nothing;
  nothing.at = scalar.text.at;
  scalar.text.pieces.push_back(std::move(nothing));
  Argument argument;
  argument.at = scalar.text.at;
  argument.value = std::move(scalar);
  return argument;
}

bool ConstructReader::read(const YamlNode& node, Argument& out, std::string_view key) {
  out.at = tree_.span(node);
  switch (node.kind) {
    case YamlNode::Kind::null:
    case YamlNode::Kind::scalar: {
      Argument::Scalar& scalar = out.value.emplace<Argument::Scalar>();
      scalar.quoted = node.is_scalar() && !node.is_plain();
      if (!node.is_scalar()) {
        scalar.text.at = out.at;
        scalar.text.pieces.emplace_back(std::string(tree_.text(node)));
      } else if (!read(node, scalar.text, key)) {
        out = unreadable(node);
      }
      return true;
    }
    case YamlNode::Kind::list: {
      (void)read(node, out.value.emplace<std::vector<Argument>>(), key);
      return true;
    }
    case YamlNode::Kind::map: {
      if (is_map_of_nulls(node)) {
        refuse_map_of_nulls(node, key);
        out = unreadable(node);
      } else {
        (void)read(node, out.value.emplace<std::vector<Entry>>(), key);
      }
      return true;
    }
  }
  return false;
}

bool ConstructReader::read(const YamlNode& node, std::vector<Name>& out, std::string_view key) {
  if (node.is_scalar()) {
    Name one;
    if (!read(node, one, key)) return false;
    out.push_back(std::move(one));
    return true;
  }
  return read_list(node, out, key);
}

bool ConstructReader::read(const YamlNode& node, std::vector<Entry>& out, std::string_view key) {
  if (!wants_map(node, key)) return false;
  out.reserve(node.children.size() / 2);
  each_entry(node, [&](const YamlNode& name, const YamlNode& value) {
    if (is_merge_key(name) || (!value.written && !has_value(name, value))) return;  // a written null is a value here
    Entry& entry = out.emplace_back();
    entry.key = name_of(name);
    (void)read(value, entry.value, entry.key.text);
  });
  return true;
}

bool ConstructReader::read(const YamlNode& node, std::vector<Output>& out, std::string_view key) {
  if (!wants_map(node, key)) return false;
  each_entry(node, [&](const YamlNode& name, const YamlNode& value) {
    if (!value.written && !has_value(name, value)) return;
    Output output;
    output.name = name_of(name);
    if (read(value, output.value, output.name.text)) out.push_back(std::move(output));
  });
  return true;
}

}  // namespace muster
