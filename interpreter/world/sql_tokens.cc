#include "interpreter/world/sql_tokens.h"

#include <algorithm>

#include "interpreter/base/utf8.h"

namespace muster {

namespace {

using Kind = SqlToken::Kind;

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'; }
bool starts_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || static_cast<unsigned char>(c) >= 0x80;
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool continues_word(char c) { return starts_word(c) || is_digit(c) || c == '$'; }
bool starts_bind(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

// What stands between the quotes, of which a doubled one stands for itself.
std::string undoubled(std::string_view quoted, char quote) {
  std::string out;
  for (size_t i = 0; i < quoted.size(); ++i) {
    out += quoted[i];
    if (quoted[i] == quote) ++i;
  }
  return out;
}

class Lexer {
 public:
  Lexer(std::string_view text, SqlDialect dialect) : text_(text), dialect_(dialect) {}

  Result<std::vector<SqlToken>> run() {
    std::vector<SqlToken> tokens;
    while (at_ < text_.size()) {
      Result<SqlToken> token = next();
      if (!token) return pass(token.error());
      at_ = token->end;
      tokens.push_back(std::move(*token));
    }
    return tokens;
  }

 private:
  char peek(size_t ahead) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  bool is_postgres() const { return dialect_ == SqlDialect::postgres; }
  SqlToken piece(Kind kind, size_t end) const { return {kind, at_, end, {}}; }

  tl::unexpected<Error> no_end(std::string_view what, size_t at) const {
    return fail(ErrorCode::invalid, "the " + std::string(what) + " on " + place_of(text_, at) + " has no end");
  }

  // The end of what opens at `from`.
  Result<size_t> end_of_quoted(size_t from, char quote, std::string_view what, bool has_escapes) const {
    for (size_t i = from + 1; i < text_.size(); ++i) {
      if (has_escapes && text_[i] == '\\') {
        ++i;
      } else if (text_[i] == quote) {
        if (i + 1 >= text_.size() || text_[i + 1] != quote) return i + 1;
        ++i;
      }
    }
    return no_end(what, at_);
  }

  Result<SqlToken> quoted(Kind kind, size_t from, char quote, std::string_view what, bool has_escapes = false) const {
    Result<size_t> end = end_of_quoted(from, quote, what, has_escapes);
    if (!end) return pass(end.error());
    SqlToken token = piece(kind, *end);
    if (kind != Kind::string) token.name = undoubled(text_.substr(from + 1, *end - from - 2), quote);
    return token;
  }

  Result<SqlToken> comment() const {
    int depth = 0;
    for (size_t i = at_; i + 1 < text_.size(); ++i) {
      if (text_[i] == '/' && text_[i + 1] == '*' && (depth == 0 || is_postgres())) {
        ++depth;
        ++i;
      } else if (text_[i] == '*' && text_[i + 1] == '/') {
        if (--depth == 0) return piece(Kind::space, i + 2);
        ++i;
      }
    }
    return no_end("comment", at_);
  }

  // `$$ ... $$` or `$tag$ ... $tag$`; anything else that begins with a dollar is a sign.
  Result<SqlToken> dollar() const {
    size_t close = at_ + 1;
    while (close < text_.size() && (starts_word(text_[close]) || (close > at_ + 1 && is_digit(text_[close])))) ++close;
    if (close >= text_.size() || text_[close] != '$') return piece(Kind::sign, at_ + 1);
    std::string_view tag = text_.substr(at_, close + 1 - at_);
    size_t end = text_.find(tag, close + 1);
    if (end == std::string_view::npos) return no_end("string", at_);
    return piece(Kind::string, end + tag.size());
  }

  Result<SqlToken> colon() const {
    if (peek(1) == ':') return piece(Kind::sign, at_ + 2);  // a cast
    if (peek(1) == '"') return quoted(Kind::name, at_ + 1, '"', "name");
    if (!starts_bind(peek(1))) return piece(Kind::sign, at_ + 1);
    size_t end = at_ + 1;
    while (end < text_.size() && (starts_bind(text_[end]) || is_digit(text_[end]))) ++end;
    SqlToken token = piece(Kind::bind, end);
    token.name = std::string(text_.substr(at_ + 1, end - at_ - 1));
    return token;
  }

  Result<SqlToken> word() const {
    char c = text_[at_];
    // Strings that have a letter in front: their escapes or their bytes are read otherwise.
    if (is_postgres() && peek(1) == '\'' && (c == 'e' || c == 'E'))
      return quoted(Kind::string, at_ + 1, '\'', "string", true);
    size_t end = at_;
    while (end < text_.size() && continues_word(text_[end])) ++end;
    SqlToken token = piece(Kind::word, end);
    token.name = lower(text_.substr(at_, end - at_));
    return token;
  }

  Result<SqlToken> next() const {
    char c = text_[at_];
    if (is_space(c)) {
      size_t end = at_;
      while (end < text_.size() && is_space(text_[end])) ++end;
      return piece(Kind::space, end);
    }
    if (c == '-' && peek(1) == '-') return piece(Kind::space, std::min(text_.find('\n', at_), text_.size()));
    if (c == '/' && peek(1) == '*') return comment();
    if (c == '\'') return quoted(Kind::string, at_, '\'', "string");
    if (c == '"') return quoted(Kind::identifier, at_, '"', "quoted name");
    if (c == '`' && !is_postgres()) return quoted(Kind::identifier, at_, '`', "quoted name");
    if (c == '[' && !is_postgres()) {
      size_t close = text_.find(']', at_);
      if (close == std::string_view::npos) return no_end("quoted name", at_);
      SqlToken token = piece(Kind::identifier, close + 1);
      token.name = std::string(text_.substr(at_ + 1, close - at_ - 1));
      return token;
    }
    if (c == '$' && is_postgres()) return dollar();
    if (c == ':') return colon();
    if (c == ';') return piece(Kind::semicolon, at_ + 1);
    if (starts_word(c) || is_digit(c)) return word();
    return piece(Kind::sign, at_ + 1);
  }

  std::string_view text_;
  SqlDialect dialect_;
  size_t at_ = 0;
};

// Where a statement is, while its tokens pass: whether the next `;` ends it.
class Statement {
 public:
  explicit Statement(SqlDialect dialect) : dialect_(dialect) {}

  bool is_empty() const { return words_ == 0; }
  bool ends_at_semicolon() const {
    if (!is_body()) return brackets_ <= 0;
    // SQLite: `...; END ;`. PostgreSQL: every BEGIN and CASE of the body has its END.
    if (dialect_ == SqlDialect::sqlite) return behind_semicolon_ == 1 && last_word_ == "end";
    return depth_ <= 0 && brackets_ <= 0;
  }
  void pass_semicolon() {
    behind_semicolon_ = 0;
    last_word_.clear();
  }
  void take(const SqlToken& token, std::string_view text) {
    if (token.kind == Kind::space) return;
    ++words_;
    ++behind_semicolon_;
    if (token.kind == Kind::sign && text[token.begin] == '(') ++brackets_;
    if (token.kind == Kind::sign && text[token.begin] == ')') --brackets_;
    if (token.kind != Kind::word) {
      last_word_.clear();
      return;
    }
    if (first_words_.size() < 5) first_words_.push_back(token.name);
    if (is_body() && dialect_ == SqlDialect::postgres) {
      if (token.name == "begin" || (depth_ > 0 && token.name == "case")) ++depth_;
      if (token.name == "end" && depth_ > 0) --depth_;
    }
    last_word_ = token.name;
  }

 private:
  // A statement that has statements inside.
  bool is_body() const {
    size_t at = 0;
    auto word = [&](std::initializer_list<std::string_view> any) {
      if (at >= first_words_.size()) return false;
      bool is_it = std::ranges::find(any, std::string_view(first_words_[at])) != any.end();
      if (is_it) ++at;
      return is_it;
    };
    if (dialect_ == SqlDialect::sqlite) (void)(word({"explain"}) && word({"query"}) && word({"plan"}));
    if (!word({"create"})) return false;
    if (dialect_ == SqlDialect::sqlite) {
      (void)word({"temp", "temporary"});
      return word({"trigger"});
    }
    (void)(word({"or"}) && word({"replace"}));
    return word({"function", "procedure"});
  }

  SqlDialect dialect_;
  std::vector<std::string> first_words_;
  std::string last_word_;
  int words_ = 0;
  int behind_semicolon_ = 0;  // tokens since the last `;` inside
  int brackets_ = 0;
  int depth_ = 0;
};

}  // namespace

Result<std::vector<SqlToken>> tokens_of(std::string_view text, SqlDialect dialect) {
  if (text.find('\0') != std::string_view::npos) return fail(ErrorCode::invalid, "the statement holds a NUL byte");
  return Lexer(text, dialect).run();
}

std::vector<SqlRange> statements_in(const std::vector<SqlToken>& tokens, std::string_view text, SqlDialect dialect) {
  std::vector<SqlRange> ranges;
  Statement statement(dialect);
  size_t first = 0;
  auto close = [&](size_t last) {
    while (first < last && tokens[first].kind == Kind::space) ++first;
    while (last > first && tokens[last - 1].kind == Kind::space) --last;
    if (first < last) ranges.push_back({first, last});
  };
  for (size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].kind != Kind::semicolon) {
      statement.take(tokens[i], text);
      continue;
    }
    if (!statement.is_empty() && !statement.ends_at_semicolon()) {
      statement.pass_semicolon();
      continue;
    }
    close(i);
    first = i + 1;
    statement = Statement(dialect);
  }
  close(tokens.size());
  return ranges;
}

std::string place_of(std::string_view text, size_t byte) {
  std::string_view before = text.substr(0, byte);
  size_t line = 1 + static_cast<size_t>(std::count(before.begin(), before.end(), '\n'));
  size_t newline = before.rfind('\n');
  std::string_view in_line = newline == std::string_view::npos ? before : before.substr(newline + 1);
  return "line " + std::to_string(line) + ", column " + std::to_string(1 + character_count(in_line));
}

}  // namespace muster
