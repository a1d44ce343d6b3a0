#include "interpreter/reader/yaml_errors.h"

#include <algorithm>
#include <string>

namespace muster {
namespace {

bool is_word(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
         static_cast<unsigned char>(c) >= 0x80;
}

class Explanation {
 public:
  explicit Explanation(const YamlFailure& failure) : f_(failure), at_(std::min<uint32_t>(failure.at, size())) {}

  Diagnostic make() {
    if (says("the referenced anchor is not defined") || says("alias not found after *")) return alias();
    if (says("bad file")) return make("too-deep", at_, 1, "the nesting is too deep to be read", "");
    if (says("illegal EOF in scalar")) return open_quote();
    if (says("unknown escape character")) {
      uint32_t back = at_ > 0 && source()[std::min(at_, size() - 1)] != '\\' ? at_ - 1 : at_;
      while (back > 0 && source()[back] != '\\' && source()[back] != '\n') --back;
      return make("yaml-syntax", back, 2, "this is no escape that double quotes know",
                  "double the backslash, or use single quotes");
    }
    if (line_indent_has_tab())
      return make("tab-indentation", line_begin(), indent_length(), "a tab stands in the indentation",
                  "indent with spaces");
    if (f_.open_bracket && !says("illegal document indicator")) return inside_brackets();
    char c = here();
    if (says("unknown token") && (c == '@' || c == '`' || c == '%')) {
      std::string sign = c == '`' ? "a backtick" : std::string("`") + c + "`";
      return make("reserved-character", at_, 1, "a value cannot begin with " + sign + ": YAML reserves it",
                  "quote the value");
    }
    if (says("illegal map value")) return second_colon();
    if (says("illegal block entry"))
      return make("yaml-syntax", at_, 1, "a list cannot begin here, in the line of its key",
                  "begin the list on the next line");
    if (says("illegal flow end"))
      return make("yaml-syntax", at_, 1, std::string("`") + c + "` closes nothing", "quote the value that holds it");
    if (says("end of map not found") || says("end of sequence not found")) return lost_structure();
    return make("yaml-syntax", at_, 1, "this is not valid YAML: " + std::string(f_.message), "");
  }

 private:
  std::string_view source() const { return f_.source; }
  uint32_t size() const { return static_cast<uint32_t>(f_.source.size()); }
  bool says(std::string_view start) const { return f_.message.starts_with(start); }
  char here() const { return at_ < size() ? source()[at_] : '\0'; }

  Diagnostic make(std::string code, uint32_t at, uint32_t length, std::string message, std::string help) const {
    Diagnostic d;
    d.code = std::move(code);
    at = std::min(at, size());
    d.at = {f_.file, at, std::min(at + length, size())};
    d.message = std::move(message);
    d.help = std::move(help);
    return d;
  }

  uint32_t line_begin() const {
    size_t newline = at_ == 0 ? std::string_view::npos : source().rfind('\n', at_ - 1);
    return newline == std::string_view::npos ? 0 : static_cast<uint32_t>(newline + 1);
  }
  uint32_t line_end() const { return static_cast<uint32_t>(std::min<size_t>(source().find('\n', at_), size())); }
  uint32_t indent_length() const {
    uint32_t begin = line_begin();
    uint32_t at = begin;
    while (at < size() && (source()[at] == ' ' || source()[at] == '\t')) ++at;
    return at - begin;
  }
  bool line_indent_has_tab() const {
    return source().substr(line_begin(), indent_length()).find('\t') != std::string_view::npos;
  }

  Diagnostic alias() const {
    uint32_t end = at_ + 1;
    while (end < size() && is_word(source()[end])) ++end;
    return make(
        "unknown-alias", at_, end - at_,
        "YAML reads `" + std::string(source().substr(at_, end - at_)) + "` as an alias, and no anchor has this name",
        "quote a value that begins with `*`");
  }

  Diagnostic open_quote() const {
    size_t quote = source().find_first_of("\"'", f_.last_end);
    uint32_t at = quote == std::string_view::npos ? at_ : static_cast<uint32_t>(quote);
    return make("yaml-syntax", at, 1, "the quote that opens here is never closed", "");
  }

  Diagnostic inside_brackets() const {
    // `${{` in braces: the library stops behind the `$`.
    size_t dollar = source().rfind("${{", at_);
    if (dollar != std::string_view::npos && at_ - dollar <= 2) {
      size_t close = source().find("}}", dollar);
      uint32_t end =
          close == std::string_view::npos ? static_cast<uint32_t>(dollar + 3) : static_cast<uint32_t>(close + 2);
      end = std::min(end, line_end());
      std::string text(source().substr(dollar, end - dollar));
      return make("flow-syntax", static_cast<uint32_t>(dollar), static_cast<uint32_t>(end - dollar),
                  "`${{` must be quoted inside `[ ]` and `{ }`: YAML takes its braces for its own",
                  "write \"" + text + "\", or use the block form");
    }
    char c = here();
    uint32_t open = *f_.open_bracket;
    std::string bracket(1, source()[open]);
    if (says("illegal flow end"))
      return make("flow-syntax", at_, 1,
                  std::string("`") + c + "` does not close the `" + bracket + "` that is open here",
                  "close it first, or quote the value that holds it");
    bool lost = says("end of map flow not found") || says("end of sequence flow not found");
    if (at_ + 1 >= size() || (lost && open < line_begin()))
      return make("flow-syntax", open, 1, "the `" + bracket + "` that opens here is never closed",
                  "close it, or quote the value that holds it");
    if (c == ')' || (at_ > 0 && (source()[at_ - 1] == '"' || source()[at_ - 1] == '\'')))
      return make(
          "flow-syntax", at_, 1,
          "this stands behind a value that has ended already: inside `" + bracket + "` quotes and commas end it",
          "put the whole value into one pair of quotes, or use the block form");
    if (c == '?' || c == '[' || c == '{' || c == '@' || c == '`' || c == '%' || c == '"' || c == '\'' || c == '&' ||
        c == '!')
      return make("flow-syntax", at_, 1, std::string("`") + c + "` cannot stand here, inside `" + bracket + "`",
                  "quote the value that holds it, or use the block form");
    return make("flow-syntax", at_, 1, "this cannot stand inside `" + bracket + "`: " + std::string(f_.message),
                "quote the value, or use the block form");
  }

  Diagnostic second_colon() const {
    std::string_view before = source().substr(line_begin(), at_ - line_begin());
    if (before.find(": ") != std::string_view::npos)
      return make("yaml-syntax", at_, 1, "a second `: ` in one line: YAML takes it for another key",
                  "quote the value that holds it");
    return make("yaml-syntax", line_begin() + indent_length(), at_ - line_begin() - indent_length(),
                "a key cannot stand here: it is indented deeper than the keys above it, and they have a value already",
                "give it the indentation of its neighbours");
  }

  Diagnostic lost_structure() const {
    std::string_view before = source().substr(line_begin(), at_ - line_begin());
    size_t text = before.find_first_not_of(" -");
    if (text != std::string_view::npos) {
      return make("yaml-syntax", at_, std::max<uint32_t>(1, line_end() - at_),
                  "this stands behind a value that has ended already", "put the whole value into one pair of quotes");
    }
    std::string what = says("end of map") ? "a key with its value" : "a list item (`- `)";
    return make("yaml-syntax", at_, std::max<uint32_t>(1, line_end() - at_),
                "expected " + what + " at this indentation", "check the indentation of this line");
  }

  const YamlFailure& f_;
  uint32_t at_;
};

}  // namespace

Diagnostic explain(const YamlFailure& failure) { return Explanation(failure).make(); }

}  // namespace muster
