#include <algorithm>
#include <array>

#include "interpreter/base/regex_program.h"

namespace muster {
namespace {

using Instruction = Regex::Instruction;
using Op = Instruction::Op;
using Program = RegexProgram;
constexpr size_t program_limit = 10'000;
constexpr int repetition_limit = 1000;
constexpr int depth_limit = 100;

class Compiler {
 public:
  Compiler(std::string_view pattern, std::vector<std::string>& names) : text_(pattern), names_(names) {}

  // An unanchored search is made by the machine, which starts a thread at each place.
  bool run(Program& out) {
    if (!alternation(out)) return false;
    return at_ >= text_.size() || refuse("`)` without `(`");
  }
  std::string problem;

 private:
  bool refuse(std::string message) {
    if (problem.empty()) problem = std::move(message) + " at character " + std::to_string(at_ + 1) + " of the pattern";
    return false;
  }
  bool more() const { return at_ < text_.size(); }
  bool take(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  // Programs are position independent inside: jumps are relative to their own instruction, as signed 32-bit values.
  static Instruction split(int32_t first, int32_t second) {
    Instruction i;
    i.op = Op::split;
    i.x = static_cast<uint32_t>(first);
    i.y = static_cast<uint32_t>(second);
    return i;
  }
  static Instruction jump(int32_t by) {
    Instruction i;
    i.op = Op::jump;
    i.x = static_cast<uint32_t>(by);
    return i;
  }

  bool alternation(Program& out) {
    if (++depth_ > depth_limit) return refuse("groups are nested too deep");
    Program left;
    if (!sequence(left)) return false;
    while (more() && text_[at_] == '|') {
      ++at_;
      Program right;
      if (!sequence(right)) return false;
      Program both;
      both.push_back(split(1, static_cast<int32_t>(left.size()) + 2));
      both.insert(both.end(), left.begin(), left.end());
      both.push_back(jump(static_cast<int32_t>(right.size()) + 1));
      both.insert(both.end(), right.begin(), right.end());
      left = std::move(both);
      if (left.size() > program_limit) return refuse("the pattern is too large");
    }
    --depth_;
    out = std::move(left);
    return true;
  }

  bool sequence(Program& out) {
    while (more() && text_[at_] != '|' && text_[at_] != ')') {
      Program atom;
      if (!one(atom)) return false;
      if (!repeat(atom)) return false;
      out.insert(out.end(), atom.begin(), atom.end());
      if (out.size() > program_limit) return refuse("the pattern is too large");
    }
    return true;
  }

  bool repeat(Program& atom) {
    int least = 0, most = -1;
    if (!repetition(least, most)) return problem.empty();
    if (atom.empty()) return refuse("nothing to repeat");
    if (least > repetition_limit || most > repetition_limit)
      return refuse("a repetition is at most " + std::to_string(repetition_limit));
    if (most >= 0 && most < least) return refuse("the repetition's bounds are the wrong way round");
    bool lazy = take("?");
    int ignored = 0;
    if (repetition(ignored, ignored)) return refuse("a repetition of a repetition needs a group");
    if (!problem.empty()) return false;
    // Asked before anything is copied: `((a{1000}){1000}){1000}` must not get room first.
    size_t copies = static_cast<size_t>(std::max(least, most)) + 1;
    if (copies * (atom.size() + 1) > program_limit) return refuse("the pattern is too large");
    Program out;
    for (int i = 0; i < least; ++i) out.insert(out.end(), atom.begin(), atom.end());
    auto size = static_cast<int32_t>(atom.size());
    if (most < 0) {
      out.push_back(lazy ? split(size + 2, 1) : split(1, size + 2));
      out.insert(out.end(), atom.begin(), atom.end());
      out.push_back(jump(-(size + 1)));
    } else {
      int optional = most - least;
      for (int i = 0; i < optional; ++i) {
        int32_t past = (optional - i) * (size + 1);
        out.push_back(lazy ? split(past, 1) : split(1, past));
        out.insert(out.end(), atom.begin(), atom.end());
      }
    }
    atom = std::move(out);
    return true;
  }

  // `*`, `+`, `?`, `{m}`, `{m,}`, `{m,n}`: taken, or nothing was. A brace that is none of these is itself.
  bool repetition(int& least, int& most) {
    least = 0;
    most = -1;
    if (take("*")) return true;
    if (take("+")) {
      least = 1;
      return true;
    }
    if (take("?")) {
      most = 1;
      return true;
    }
    size_t before = at_;
    if (more() && text_[at_] == '{' && bounds(least, most)) return true;
    at_ = before;
    return false;
  }

  bool bounds(int& least, int& most) {
    ++at_;
    auto digits = [&](int& n) {
      size_t begin = at_;
      n = 0;
      for (; more() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_)
        n = std::min(n * 10 + (text_[at_] - '0'), repetition_limit + 1);
      return at_ > begin;
    };
    if (!digits(least)) return false;
    most = least;
    if (take(",")) {
      if (!digits(most)) most = -1;
    }
    return take("}");
  }

  bool one(Program& out) {
    char c = text_[at_];
    Instruction i;
    i.fold = flags_.fold;
    switch (c) {
      case '(':
        return group(out);
      case '[': {
        ++at_;
        i.op = Op::set;
        if (!set(i)) return false;
        break;
      }
      case '.':
        ++at_;
        i.op = flags_.dot_all ? Op::any_at_all : Op::any;
        break;
      case '^':
        ++at_;
        i.op = flags_.lines ? Op::line_begin : Op::begin;
        break;
      case '$':
        ++at_;
        i.op = flags_.lines ? Op::line_end : Op::end;
        break;
      case '\\':
        ++at_;
        if (!escape(i)) return false;
        break;
      case '*':
      case '+':
      case '?':
        return refuse("nothing to repeat");
      default: {
        size_t length = 0;
        i.op = Op::character;
        i.x = character_at(text_, at_, length);
        at_ += length;
      }
    }
    out.push_back(std::move(i));
    return true;
  }

  bool group(Program& out) {
    ++at_;
    bool capture = true;
    std::string name;
    Flags outer = flags_;
    if (take("?P<") || take("?<")) {
      if (more() && (text_[at_] == '=' || text_[at_] == '!')) return refuse("looking behind has no linear-time form");
      while (more() && is_word_character(static_cast<unsigned char>(text_[at_]))) name.push_back(text_[at_++]);
      if (name.empty() || !take(">")) return refuse("a group's name was expected");
      if (std::find(names_.begin(), names_.end(), name) != names_.end())
        return refuse("two groups are called `" + name + "`");
    } else if (take("?=") || take("?!")) {
      return refuse("looking ahead has no linear-time form");
    } else if (take("?")) {
      if (!flags()) return false;
      if (take(")")) return true;  // they hold until the group around them ends
      if (!take(":")) return refuse("this kind of group is not known");
      capture = false;
    }
    size_t number = 0;
    if (capture) {
      names_.push_back(name);
      number = names_.size();
    }
    Program inner;
    if (!alternation(inner)) return false;
    if (!take(")")) return refuse("`(` has no `)`");
    flags_ = outer;
    if (!capture) {
      out = std::move(inner);
      return true;
    }
    Instruction open, close;
    open.op = close.op = Op::save;
    open.x = static_cast<uint32_t>(number * 2);
    close.x = open.x + 1;
    out.push_back(std::move(open));
    out.insert(out.end(), inner.begin(), inner.end());
    out.push_back(std::move(close));
    return true;
  }

  // `i`, `m`, `s`, and behind a `-` what is switched off.
  bool flags() {
    for (bool on = true; more(); ++at_) {
      switch (text_[at_]) {
        case '-':
          on = false;
          break;
        case 'i':
          flags_.fold = on;
          break;
        case 'm':
          flags_.lines = on;
          break;
        case 's':
          flags_.dot_all = on;
          break;
        case ')':
        case ':':
          return true;
        default:
          return refuse("this kind of group is not known");
      }
    }
    return refuse("`(` has no `)`");
  }

  // `[:alpha:]` inside a class; `at_` stands behind the `[:`.
  bool named_class(Instruction& i) {
    struct Named {
      std::string_view name;
      std::array<std::pair<uint32_t, uint32_t>, 4> ranges;
    };
    static constexpr std::pair<uint32_t, uint32_t> none{1, 0};
    static constexpr Named known[] = {
        {"alnum:]", {{{'0', '9'}, {'A', 'Z'}, {'a', 'z'}, none}}},
        {"alpha:]", {{{'A', 'Z'}, {'a', 'z'}, none, none}}},
        {"blank:]", {{{' ', ' '}, {'\t', '\t'}, none, none}}},
        {"digit:]", {{{'0', '9'}, none, none, none}}},
        {"lower:]", {{{'a', 'z'}, none, none, none}}},
        {"punct:]", {{{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}}},
        {"space:]", {{{'\t', '\r'}, {' ', ' '}, none, none}}},
        {"upper:]", {{{'A', 'Z'}, none, none, none}}},
        {"word:]", {{{'0', '9'}, {'A', 'Z'}, {'a', 'z'}, {'_', '_'}}}},
        {"xdigit:]", {{{'0', '9'}, {'A', 'F'}, {'a', 'f'}, none}}},
    };
    for (const Named& named : known) {
      if (!take(named.name)) continue;
      for (const auto& range : named.ranges)
        if (range.first <= range.second) i.ranges.push_back(range);
      return true;
    }
    return refuse("this class is not known");
  }

  static bool is_class(char c) { return std::string_view("dwsDWS").find(c) != std::string_view::npos; }

  static void add_class(Instruction& i, char c) {
    switch (c) {
      case 'd':
        i.ranges.push_back({'0', '9'});
        break;
      case 'w':
        i.ranges.insert(i.ranges.end(), {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}});
        break;
      case 's':
        i.ranges.insert(i.ranges.end(), {{'\t', '\r'}, {' ', ' '}});
        break;
      case 'D':
        i.ranges.insert(i.ranges.end(), {{0, '0' - 1}, {'9' + 1, 0x10FFFF}});
        break;
      case 'W':
        i.ranges.insert(
            i.ranges.end(),
            {{0, '0' - 1}, {'9' + 1, 'A' - 1}, {'Z' + 1, '_' - 1}, {'_' + 1, 'a' - 1}, {'z' + 1, 0x10FFFF}});
        break;
      default:
        i.ranges.insert(i.ranges.end(), {{0, '\t' - 1}, {'\r' + 1, ' ' - 1}, {' ' + 1, 0x10FFFF}});
        break;
    }
  }

  static bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

  // The character that an escape stands for; nothing for a class.
  bool escaped_character(uint32_t& out) {
    if (static_cast<unsigned char>(text_[at_]) > 127) {
      size_t length = 0;
      out = character_at(text_, at_, length);
      at_ += length;
      return true;
    }
    char c = text_[at_++];
    switch (c) {
      case 'n':
        out = '\n';
        return true;
      case 't':
        out = '\t';
        return true;
      case 'r':
        out = '\r';
        return true;
      case 'f':
        out = '\f';
        return true;
      case 'v':
        out = '\v';
        return true;
      case 'x': {
        out = 0;
        bool braces = take("{");
        int count = 0;
        while (more() && is_hex(text_[at_]) && count < (braces ? 6 : 2)) {
          char d = text_[at_++];
          out = out << 4 | static_cast<uint32_t>(d <= '9' ? d - '0' : (d | 0x20) - 'a' + 10);
          ++count;
        }
        return (count > 0 && (!braces || take("}"))) || refuse("`\\x` wants hexadecimal digits");
      }
      default:
        if (is_word_character(static_cast<unsigned char>(c))) return refuse(std::string("`\\") + c + "` is not known");
        out = static_cast<unsigned char>(c);
        return true;
    }
  }

  bool escape(Instruction& i) {
    if (!more()) return refuse("the pattern ends with a backslash");
    char c = text_[at_];
    if (is_class(c)) {
      ++at_;
      i.op = Op::set;
      i.fold = false;
      add_class(i, c);
      return true;
    }
    if (c == 'b' || c == 'B' || c == 'A' || c == 'z') {
      ++at_;
      i.op = c == 'b' ? Op::word : c == 'B' ? Op::not_word : c == 'A' ? Op::begin : Op::end;
      return true;
    }
    i.op = Op::character;
    return escaped_character(i.x);
  }

  bool set(Instruction& i) {
    if (take("^")) i.negated = true;
    bool first = true;
    while (true) {
      if (!more()) return refuse("`[` has no `]`");
      if (text_[at_] == ']' && !first) break;
      first = false;
      uint32_t low = 0;
      if (take("[:")) {
        if (!named_class(i)) return false;
        continue;
      }
      if (text_[at_] == '\\') {
        ++at_;
        if (!more()) return refuse("the pattern ends with a backslash");
        if (is_class(text_[at_])) {
          add_class(i, text_[at_++]);
          continue;
        }
        if (!escaped_character(low)) return false;
      } else {
        size_t length = 0;
        low = character_at(text_, at_, length);
        at_ += length;
      }
      uint32_t high = low;
      if (at_ + 1 < text_.size() && text_[at_] == '-' && text_[at_ + 1] != ']') {
        ++at_;
        if (text_[at_] == '\\') {
          ++at_;
          if (!more() || is_class(text_[at_])) return refuse("a range's end was expected");
          if (!escaped_character(high)) return false;
        } else {
          size_t length = 0;
          high = character_at(text_, at_, length);
          at_ += length;
        }
        if (high < low) return refuse("a range is the wrong way round");
      }
      i.ranges.push_back({low, high});
    }
    ++at_;
    return true;
  }

  std::string_view text_;
  std::vector<std::string>& names_;
  size_t at_ = 0;
  int depth_ = 0;
  struct Flags {
    bool fold = false, lines = false, dot_all = false;
  } flags_;
};

}  // namespace

bool compile_regex(std::string_view pattern, RegexProgram& program, std::vector<std::string>& names,
                   std::string& problem) {
  Compiler compiler(pattern, names);
  if (compiler.run(program)) return true;
  problem = std::move(compiler.problem);
  return false;
}

}  // namespace muster
