#include "interpreter/world/sql_text.h"

#include <algorithm>

namespace muster {

namespace {

using Kind = SqlToken::Kind;

Result<std::string> identifier_for(const std::string& name, const Map& names) {
  const Value* value = member(names, name);
  if (!value || value->is_null()) {
    return fail(ErrorCode::invalid, "the statement has `:\"" + name + "\"`, and `names` has no `" + name + "`");
  }
  const std::string* text = value->find<std::string>();
  if (!text) {
    return fail(ErrorCode::invalid,
                "`names." + name + "` is a value of type " + std::string(type_name(*value)) + ", a name is text");
  }
  Result<std::string> quoted = quote_identifier(*text);
  if (!quoted) return fail(ErrorCode::invalid, "`names." + name + "`: " + quoted.error().message);
  return quoted;
}

void note(std::vector<std::string>& seen, const std::string& name) {
  if (std::ranges::find(seen, name) == seen.end()) seen.push_back(name);
}

// Every place has its value, and every value its place.
Result<void> check_places(const std::vector<SqlToken>& tokens, const SqlText& sql) {
  std::vector<std::string> binds, names;
  for (const SqlToken& token : tokens) {
    if (token.kind == Kind::name) note(names, token.name);
    if (token.kind != Kind::bind) continue;
    if (!member(sql.bind, token.name)) {
      return fail(ErrorCode::invalid,
                  "the statement has `:" + token.name + "`, and `bind` has no `" + token.name + "`");
    }
    note(binds, token.name);
  }
  for (const auto& [name, value] : sql.bind) {
    if (std::ranges::find(binds, name) == binds.end()) {
      return fail(ErrorCode::invalid, "`bind` has `" + name + "`, and the statement has no `:" + name + "`",
                  "inside a string or a comment it is no place for a value");
    }
  }
  for (const auto& [name, value] : sql.names) {
    if (std::ranges::find(names, name) == names.end()) {
      return fail(ErrorCode::invalid, "`names` has `" + name + "`, and the statement has no `:\"" + name + "\"`");
    }
  }
  return {};
}

}  // namespace

size_t Origin::written_at(size_t filled) const {
  size_t written = filled;
  for (const Piece& piece : pieces_) {
    if (piece.filled > filled) break;
    written = piece.written + (filled - piece.filled);
  }
  return written;
}

std::string FilledSql::place(size_t byte) const {
  return written.empty() ? place_of(text, byte) : place_of(written, std::min(origin.written_at(byte), written.size()));
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
  Result<std::vector<SqlToken>> tokens = tokens_of(sql.text, SqlDialect::sqlite);
  if (!tokens) return pass(tokens.error());
  FilledSql filled;
  filled.written = sql.text;
  for (const SqlToken& token : *tokens) {
    if (token.kind == Kind::name) {
      Result<std::string> identifier = identifier_for(token.name, sql.names);
      if (!identifier) return pass(identifier.error());
      filled.text += *identifier;
      filled.origin.copies(filled.text.size(), token.end);
      continue;
    }
    if (token.kind == Kind::bind) note(filled.binds, token.name);
    filled.text.append(sql.text, token.begin, token.end - token.begin);
  }
  if (Result<void> fits = check_places(*tokens, sql); !fits) return pass(fits.error());
  return filled;
}

Result<std::vector<NumberedStatement>> numbered_statements(const SqlText& sql) {
  Result<std::vector<SqlToken>> tokens = tokens_of(sql.text, SqlDialect::postgres);
  if (!tokens) return pass(tokens.error());
  std::vector<NumberedStatement> statements;
  for (SqlRange range : statements_in(*tokens, sql.text, SqlDialect::postgres)) {
    NumberedStatement statement;
    statement.at = (*tokens)[range.first].begin;
    statement.origin.copies(0, statement.at);
    for (size_t i = range.first; i < range.last; ++i) {
      const SqlToken& token = (*tokens)[i];
      if (token.kind != Kind::space) statement.tokens.push_back(token);
      if (token.kind != Kind::name && token.kind != Kind::bind) {
        statement.text.append(sql.text, token.begin, token.end - token.begin);
        continue;
      }
      if (token.kind == Kind::name) {
        Result<std::string> identifier = identifier_for(token.name, sql.names);
        if (!identifier) return pass(identifier.error());
        statement.text += *identifier;
      } else {
        note(statement.binds, token.name);
        auto at = std::ranges::find(statement.binds, token.name) - statement.binds.begin();
        statement.text += "$" + std::to_string(at + 1);
      }
      statement.origin.copies(statement.text.size(), token.end);
    }
    statements.push_back(std::move(statement));
  }
  if (Result<void> fits = check_places(*tokens, sql); !fits) return pass(fits.error());
  return statements;
}

}  // namespace muster
