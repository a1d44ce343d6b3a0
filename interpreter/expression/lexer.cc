#include "interpreter/expression/lexer.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>

#include "interpreter/base/utf8.h"

namespace muster {
namespace {

constexpr std::array<std::string_view, 22> keywords = {
    "and", "break", "do",  "else", "elseif", "end",    "false",  "for",  "function", "goto",  "if",
    "in",  "local", "nil", "not",  "or",     "repeat", "return", "then", "true",     "until", "while"};
// Longest first.
constexpr std::array<std::string_view, 33> symbols = {"...", "<<", ">>", "//", "==", "~=", "<=", ">=", "::", "..", "+",
                                                      "-",   "*",  "/",  "%",  "^",  "#",  "&",  "~",  "|",  "<",  ">",
                                                      "=",   "(",  ")",  "{",  "}",  "[",  "]",  ";",  ":",  ",",  "."};

// What word processors, chats and web pages make of the characters of an expression.
struct Strange {
  std::string_view bytes, name, instead;
};
constexpr std::string_view a_space = "an ordinary space", a_quote = "a straight `\"`", an_apostrophe = "a straight `'`";
constexpr std::array<Strange, 27> strange_characters = {{
    {"\xC2\xA0", "a no-break space", a_space},
    {"\xE2\x80\xAF", "a narrow no-break space", a_space},
    {"\xE2\x80\x87", "a figure space", a_space},
    {"\xE2\x80\x83", "a wide space", a_space},
    {"\xE2\x80\x89", "a thin space", a_space},
    {"\xE3\x80\x80", "an ideographic space", a_space},
    {"\xE2\x80\x8B", "an invisible space", "nothing"},
    {"\xE2\x80\x8C", "an invisible mark", "nothing"},
    {"\xE2\x80\x8D", "an invisible mark", "nothing"},
    {"\xE2\x81\xA0", "an invisible mark", "nothing"},
    {"\xEF\xBB\xBF", "a byte order mark", "nothing"},
    {"\xE2\x80\x9C", "a curly quote", a_quote},
    {"\xE2\x80\x9D", "a curly quote", a_quote},
    {"\xE2\x80\x9E", "a curly quote", a_quote},
    {"\xC2\xAB", "a curly quote", a_quote},
    {"\xC2\xBB", "a curly quote", a_quote},
    {"\xE2\x80\x98", "a curly quote", an_apostrophe},
    {"\xE2\x80\x99", "a curly quote", an_apostrophe},
    {"\xE2\x80\x9A", "a curly quote", an_apostrophe},
    {"\xE2\x80\x93", "a dash", "`-`"},
    {"\xE2\x80\x94", "a dash", "`-`"},
    {"\xE2\x88\x92", "a typographic minus", "`-`"},
    {"\xE2\x80\xA6", "an ellipsis", "`..`"},
    {"\xE2\x89\xA0", "a typographic `~=`", "`~=`"},
    {"\xE2\x89\xA4", "a typographic `<=`", "`<=`"},
    {"\xE2\x89\xA5", "a typographic `>=`", "`>=`"},
    {"\xC3\x97", "a multiplication sign", "`*`"},
}};

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name(char c) { return is_name_start(c) || is_digit(c); }
int hex_value(char c) { return is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10; }

void append_utf8(std::string& out, uint64_t c) {
  if (c < 0x80) {
    out.push_back(static_cast<char>(c));
  } else if (c < 0x800) {
    out.push_back(static_cast<char>(0xC0 | c >> 6));
    out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else if (c < 0x10000) {
    out.push_back(static_cast<char>(0xE0 | c >> 12));
    out.push_back(static_cast<char>(0x80 | (c >> 6 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  } else {
    out.push_back(static_cast<char>(0xF0 | c >> 18));
    out.push_back(static_cast<char>(0x80 | (c >> 12 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (c >> 6 & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (c & 0x3F)));
  }
}

class Lexer {
 public:
  Lexer(std::string_view text, std::vector<Token>& tokens, LexProblem& problem)
      : text_(text), tokens_(tokens), problem_(problem) {}

  bool run() {
    tokens_.reserve(8);
    while (at_ < text_.size()) {
      if (is_space(text_[at_])) {
        ++at_;
        continue;
      }
      if (!one()) return false;
    }
    Token end;
    end.begin = end.end = static_cast<uint32_t>(text_.size());
    tokens_.push_back(std::move(end));
    return true;
  }

 private:
  bool refuse(size_t begin, size_t end, std::string message, std::string help = {}) {
    problem_ = {static_cast<uint32_t>(begin), static_cast<uint32_t>(end), std::move(message), std::move(help)};
    return false;
  }
  bool starts(std::string_view word) const { return text_.substr(at_, word.size()) == word; }
  void push(Token::Kind kind, size_t begin, std::string_view word, Value value = {}) {
    tokens_.push_back({kind, static_cast<uint32_t>(begin), static_cast<uint32_t>(at_), word, std::move(value)});
  }

  bool one() {
    size_t begin = at_;
    char c = text_[at_];
    if (is_name_start(c)) {
      while (at_ < text_.size() && is_name(text_[at_])) ++at_;
      std::string_view word = text_.substr(begin, at_ - begin);
      if (word == "null") return refuse(begin, at_, "`null` is no word of expressions", "write `nil`");
      bool keyword = std::find(keywords.begin(), keywords.end(), word) != keywords.end();
      push(keyword ? Token::Kind::keyword : Token::Kind::name, begin, word);
      return true;
    }
    if (is_digit(c) || (c == '.' && at_ + 1 < text_.size() && is_digit(text_[at_ + 1]))) return number();
    if (c == '"' || c == '\'') return quoted(c);
    if (starts("--"))
      return refuse(begin, text_.size(), "`--` begins a comment: the rest of the expression would be lost",
                    "take it out; a minus of a negative number is written `- -1`");
    if (c == '[' && (starts("[[") || starts("[="))) {
      size_t level = at_ + 1;
      while (level < text_.size() && text_[level] == '=') ++level;
      if (level < text_.size() && text_[level] == '[') return long_text(level - at_ - 1);
    }
    if (starts("&&")) return refuse(begin, begin + 2, "`&&` is no operator of expressions", "write `and`");
    if (starts("||")) return refuse(begin, begin + 2, "`||` is no operator of expressions", "write `or`");
    if (starts("!=")) return refuse(begin, begin + 2, "`!=` is no operator of expressions", "write `~=`");
    if (c == '!') return refuse(begin, begin + 1, "`!` is no operator of expressions", "write `not`");
    if (c == '?') return refuse(begin, begin + 1, "there is no `? :` in expressions", "write `cond(test, yes, no)`");
    for (std::string_view symbol : symbols) {
      if (!starts(symbol)) continue;
      at_ += symbol.size();
      push(Token::Kind::symbol, begin, symbol);
      return true;
    }
    return strange();
  }

  bool strange() {
    for (const Strange& known : strange_characters)
      if (starts(known.bytes))
        return refuse(at_, at_ + known.bytes.size(), std::string(known.name) + " stands here",
                      "write " + std::string(known.instead));
    size_t length = 1;
    while (at_ + length < text_.size() && (static_cast<unsigned char>(text_[at_ + length]) & 0xC0) == 0x80) ++length;
    return refuse(at_, at_ + length,
                  "`" + escape_for_terminal(text_.substr(at_, length), false) + "` cannot stand in an expression");
  }

  bool number() {
    size_t begin = at_;
    bool hex = starts("0x") || starts("0X");
    if (hex) at_ += 2;
    while (at_ < text_.size()) {
      char c = text_[at_];
      bool exponent = hex ? (c == 'p' || c == 'P') : (c == 'e' || c == 'E');
      if (exponent && at_ + 1 < text_.size() && (text_[at_ + 1] == '+' || text_[at_ + 1] == '-')) {
        at_ += 2;
      } else if (is_name(c) || c == '.') {
        ++at_;
      } else {
        break;
      }
    }
    Value value = read_number(text_.substr(begin, at_ - begin));
    if (value.is_null()) {
      std::string written(text_.substr(begin, at_ - begin));
      return refuse(begin, at_, "`" + written + "` is no number",
                    parse_duration(written) ? "write `duration(\"" + written + "\")`" : "");
    }
    push(Token::Kind::number, begin, {}, std::move(value));
    return true;
  }

  bool quoted(char quote) {
    size_t begin = at_++;
    std::string out;
    while (true) {
      if (at_ >= text_.size() || text_[at_] == '\n')
        return refuse(begin, at_, "this text has no end", std::string("close it with `") + quote + "`");
      char c = text_[at_++];
      if (c == quote) break;
      if (c != '\\') {
        out.push_back(c);
        continue;
      }
      if (!escape(out)) return false;
    }
    push(Token::Kind::text, begin, {}, Value(std::move(out)));
    return true;
  }

  bool escape(std::string& out) {
    size_t begin = at_ - 1;
    if (at_ >= text_.size()) return refuse(begin, at_, "this text has no end");
    char c = text_[at_++];
    switch (c) {
      case 'a':
        out.push_back('\a');
        return true;
      case 'b':
        out.push_back('\b');
        return true;
      case 'f':
        out.push_back('\f');
        return true;
      case 'n':
        out.push_back('\n');
        return true;
      case 'r':
        out.push_back('\r');
        return true;
      case 't':
        out.push_back('\t');
        return true;
      case 'v':
        out.push_back('\v');
        return true;
      case '\\':
      case '"':
      case '\'':
      case '\n':
        out.push_back(c);
        return true;
      case 'z':
        while (at_ < text_.size() && is_space(text_[at_])) ++at_;
        return true;
      case 'x': {
        if (at_ + 2 > text_.size() || !is_hex(text_[at_]) || !is_hex(text_[at_ + 1]))
          return refuse(begin, at_, "`\\x` wants two hexadecimal digits");
        out.push_back(static_cast<char>(hex_value(text_[at_]) << 4 | hex_value(text_[at_ + 1])));
        at_ += 2;
        return true;
      }
      case 'u': {
        size_t close = text_.find('}', at_);
        if (at_ >= text_.size() || text_[at_] != '{' || close == std::string_view::npos || close == at_ + 1 ||
            close > at_ + 7)
          return refuse(begin, at_, "`\\u` wants a character's number in braces: `\\u{20AC}`");
        uint64_t code = 0;
        for (size_t i = at_ + 1; i < close; ++i) {
          if (!is_hex(text_[i])) return refuse(begin, close, "`\\u` wants hexadecimal digits");
          code = code << 4 | static_cast<uint64_t>(hex_value(text_[i]));
        }
        if (code > 0x10FFFF) return refuse(begin, close + 1, "there is no such character");
        append_utf8(out, code);
        at_ = close + 1;
        return true;
      }
      default:
        if (is_digit(c)) {
          int code = c - '0';
          for (int i = 0; i < 2 && at_ < text_.size() && is_digit(text_[at_]); ++i)
            code = code * 10 + (text_[at_++] - '0');
          if (code > 255) return refuse(begin, at_, "a decimal escape is at most 255");
          out.push_back(static_cast<char>(code));
          return true;
        }
        return refuse(begin, at_, std::string("`\\") + c + "` is no escape", "a backslash itself is written `\\\\`");
    }
  }

  bool long_text(size_t level) {
    size_t begin = at_;
    at_ += level + 2;
    if (at_ < text_.size() && text_[at_] == '\n') ++at_;
    std::string close = "]" + std::string(level, '=') + "]";
    size_t end = text_.find(close, at_);
    if (end == std::string_view::npos)
      return refuse(begin, text_.size(), "this text has no end", "close it with `" + close + "`");
    std::string out(text_.substr(at_, end - at_));
    at_ = end + close.size();
    push(Token::Kind::text, begin, {}, Value(std::move(out)));
    return true;
  }

  std::string_view text_;
  std::vector<Token>& tokens_;
  LexProblem& problem_;
  size_t at_ = 0;
};

}  // namespace

namespace {

// strtod, since from_chars does not tell too large from too small; nobody calls setlocale, so the point is `.`.
Value read_float(std::string_view text) {
  if (text.find_first_not_of("0123456789abcdefABCDEFxXpP.+-") != std::string_view::npos) return {};
  std::string copy(text);
  char* end = nullptr;
  double value = std::strtod(copy.c_str(), &end);
  if (end != copy.c_str() + copy.size()) return {};
  return Value(value);
}

}  // namespace

Value read_number(std::string_view text) {
  if (text.empty()) return {};
  bool hex = text.size() > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
  if (hex) {
    std::string_view digits = text.substr(2);
    bool whole = std::all_of(digits.begin(), digits.end(), is_hex);
    if (whole) {
      uint64_t value = 0;
      for (char c : digits) value = value << 4 | static_cast<uint64_t>(hex_value(c));  // wraps around, as in Lua
      return Value(static_cast<int64_t>(value));
    }
    if (digits.find_first_not_of("0123456789abcdefABCDEF.pP+-") != std::string_view::npos || digits.front() == '+' ||
        digits.front() == '-')
      return {};
    return read_float(text);
  }
  if (std::all_of(text.begin(), text.end(), is_digit)) {
    int64_t value = 0;
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error == std::errc()) return Value(value);
  }
  if (!is_digit(text[0]) && text[0] != '.') return {};
  return read_float(text);
}

bool lex(std::string_view text, std::vector<Token>& tokens, LexProblem& problem) {
  return Lexer(text, tokens, problem).run();
}

}  // namespace muster
