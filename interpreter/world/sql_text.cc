#include "interpreter/world/sql_text.h"

#include <algorithm>

namespace muster {

namespace {

bool starts_name(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool continues_name(char c) { return starts_name(c) || (c >= '0' && c <= '9'); }

// What stands from a byte on.
struct Token {
  enum class Kind { text, bind, name };
  Kind kind = Kind::text;
  size_t end = 0;
  std::string name;  // of a bind or a name
};

tl::unexpected<Error> no_end(std::string_view what, std::string_view text, size_t at) {
  return fail(ErrorCode::invalid,
              "the " + std::string(what) + " on line " + std::to_string(line_of(text, at)) + " has no end");
}

// The end of something that begins at `at` and closes with `quote`, which stands for itself when doubled.
Result<size_t> end_of_quoted(std::string_view text, size_t at, char quote, std::string_view what) {
  for (size_t i = at + 1; i < text.size(); ++i) {
    if (text[i] != quote) continue;
    if (i + 1 < text.size() && text[i + 1] == quote) {
      ++i;
    } else {
      return i + 1;
    }
  }
  return no_end(what, text, at);
}

std::string undoubled(std::string_view quoted) {
  std::string out;
  for (size_t i = 0; i < quoted.size(); ++i) {
    out += quoted[i];
    if (quoted[i] == '"') ++i;
  }
  return out;
}

Result<Token> after_colon(std::string_view text, size_t at) {
  size_t next = at + 1;
  if (next < text.size() && text[next] == ':') return Token{Token::Kind::text, at + 2, {}};  // a cast
  if (next < text.size() && text[next] == '"') {
    Result<size_t> end = end_of_quoted(text, next, '"', "name");
    if (!end) return pass(end.error());
    return Token{Token::Kind::name, *end, undoubled(text.substr(next + 1, *end - next - 2))};
  }
  if (next >= text.size() || !starts_name(text[next])) return Token{Token::Kind::text, next, {}};
  size_t end = next;
  while (end < text.size() && continues_name(text[end])) ++end;
  return Token{Token::Kind::bind, end, std::string(text.substr(next, end - next))};
}

Result<Token> token_at(std::string_view text, size_t at) {
  auto passed_over = [](Result<size_t> end) -> Result<Token> {
    if (!end) return pass(end.error());
    return Token{Token::Kind::text, *end, {}};
  };
  std::string_view rest = text.substr(at);
  switch (text[at]) {
    case '\'':
      return passed_over(end_of_quoted(text, at, '\'', "string"));
    case '"':
      return passed_over(end_of_quoted(text, at, '"', "quoted name"));
    case '`':
      return passed_over(end_of_quoted(text, at, '`', "quoted name"));
    case '[': {
      size_t close = text.find(']', at);
      if (close == std::string_view::npos) return no_end("quoted name", text, at);
      return passed_over(close + 1);
    }
    case '-':
      if (rest.starts_with("--")) return passed_over(std::min(text.find('\n', at), text.size()));
      break;
    case '/':
      if (rest.starts_with("/*")) {
        size_t close = text.find("*/", at + 2);
        if (close == std::string_view::npos) return no_end("comment", text, at);
        return passed_over(close + 2);
      }
      break;
    case ':':
      return after_colon(text, at);
    default:
      break;
  }
  return passed_over(at + 1);
}

Result<std::string> identifier_for(const Token& token, const Map& names) {
  const Value* value = member(names, token.name);
  if (!value || value->is_null()) {
    return fail(ErrorCode::invalid,
                "the statement has `:\"" + token.name + "\"`, and `names` has no `" + token.name + "`");
  }
  const std::string* text = value->find<std::string>();
  if (!text) {
    return fail(ErrorCode::invalid,
                "`names." + token.name + "` is a value of type " + std::string(type_name(*value)) + ", a name is text");
  }
  Result<std::string> quoted = quote_identifier(*text);
  if (!quoted) return fail(ErrorCode::invalid, "`names." + token.name + "`: " + quoted.error().message);
  return quoted;
}

}  // namespace

size_t line_of(std::string_view text, size_t byte) {
  std::string_view before = text.substr(0, byte);
  return 1 + static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
}

Result<std::string> quote_identifier(std::string_view name) {
  if (name.empty()) return fail(ErrorCode::invalid, "an identifier is empty");
  if (name.find('\0') != std::string_view::npos) return fail(ErrorCode::invalid, "an identifier holds a NUL byte");
  std::string out = "\"";
  for (char c : name) {
    if (c == '"') out += '"';
    out += c;
  }
  return out + "\"";
}

Result<FilledSql> fill_names(const SqlText& sql) {
  FilledSql filled;
  std::vector<std::string> names;
  auto note = [](std::vector<std::string>& seen, const std::string& name) {
    if (std::ranges::find(seen, name) == seen.end()) seen.push_back(name);
  };
  if (sql.text.find('\0') != std::string::npos) return fail(ErrorCode::invalid, "the statement holds a NUL byte");
  for (size_t at = 0; at < sql.text.size();) {
    Result<Token> token = token_at(sql.text, at);
    if (!token) return pass(token.error());
    std::string_view as_written = std::string_view(sql.text).substr(at, token->end - at);
    at = token->end;
    if (token->kind == Token::Kind::name) {
      Result<std::string> identifier = identifier_for(*token, sql.names);
      if (!identifier) return pass(identifier.error());
      note(names, token->name);
      filled.text += *identifier;
      continue;
    }
    if (token->kind == Token::Kind::bind) {
      if (!member(sql.bind, token->name)) {
        return fail(ErrorCode::invalid,
                    "the statement has `:" + token->name + "`, and `bind` has no `" + token->name + "`");
      }
      note(filled.binds, token->name);
    }
    filled.text += as_written;
  }
  for (const auto& [name, value] : sql.bind) {
    if (std::ranges::find(filled.binds, name) == filled.binds.end()) {
      return fail(ErrorCode::invalid, "`bind` has `" + name + "`, and the statement has no `:" + name + "`",
                  "inside a string or a comment it is no place for a value");
    }
  }
  for (const auto& [name, value] : sql.names) {
    if (std::ranges::find(names, name) == names.end()) {
      return fail(ErrorCode::invalid, "`names` has `" + name + "`, and the statement has no `:\"" + name + "\"`");
    }
  }
  return filled;
}

}  // namespace muster
