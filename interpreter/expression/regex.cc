#include "interpreter/expression/regex.h"

#include <algorithm>
#include <cstdint>
#include <cstring>

namespace muster {

struct Regex::Instruction {
  enum class Op { character, any, set, split, jump, save, begin, end, word, not_word, match };
  Op op = Op::match;
  uint32_t x = 0, y = 0;  // split: first x, then y; jump: x; save: slot x; character: x
  std::vector<std::pair<uint32_t, uint32_t>> ranges;  // of a set
  bool negated = false;
  bool fold = false;  // ASCII letters in either case
};

namespace {

using Instruction = Regex::Instruction;
using Op = Instruction::Op;
using Program = std::vector<Instruction>;
constexpr size_t program_limit = 10'000;
constexpr int depth_limit = 100;

// The character at `at` (an invalid byte is itself) and its length.
uint32_t decode(std::string_view text, size_t at, size_t& length) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
  unsigned char first = byte(at);
  length = first < 0xC2 || first > 0xF4 ? 1 : first >= 0xF0 ? 4 : first >= 0xE0 ? 3 : 2;
  if (length == 1 || at + length > text.size()) {
    length = 1;
    return first;
  }
  uint32_t c = first & (0xFF >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xC0) != 0x80) {
      length = 1;
      return first;
    }
    c = c << 6 | (byte(at + i) & 0x3F);
  }
  return c;
}

bool is_word(uint32_t c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_'; }
uint32_t folded(uint32_t c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }

class Compiler {
 public:
  Compiler(std::string_view pattern, std::vector<std::string>& names) : text_(pattern), names_(names) {}

  bool run(Program& out) {
    Program body;
    if (!alternation(body)) return false;
    if (at_ < text_.size()) return refuse("`)` without `(`");
    // An unanchored search is made by the matcher, which starts a thread at each place.
    out = std::move(body);
    out.push_back({});
    return out.size() <= program_limit || refuse("the pattern is too large");
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
    while (more()) {
      int least = 0, most = -1;
      if (text_[at_] == '*') {
        ++at_;
      } else if (text_[at_] == '+') {
        least = 1;
        ++at_;
      } else if (text_[at_] == '?') {
        most = 1;
        ++at_;
      } else if (text_[at_] == '{') {
        size_t before = at_;
        if (!bounds(least, most)) {
          at_ = before;
          return true;  // a brace that is no repetition is itself, taken by the next atom
        }
      } else {
        return true;
      }
      if (atom.empty()) return refuse("nothing to repeat");
      if (least > 1000 || most > 1000) return refuse("a repetition is at most 1000");
      if (most >= 0 && most < least) return refuse("the repetition's bounds are the wrong way round");
      bool lazy = take("?");
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
          if (out.size() > program_limit) return refuse("the pattern is too large");
        }
      }
      if (out.size() > program_limit) return refuse("the pattern is too large");
      atom = std::move(out);
    }
    return true;
  }

  bool bounds(int& least, int& most) {
    ++at_;
    auto digits = [&](int& n) {
      size_t begin = at_;
      n = 0;
      while (more() && text_[at_] >= '0' && text_[at_] <= '9' && n < 100'000) n = n * 10 + (text_[at_++] - '0');
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
    i.fold = fold_;
    switch (c) {
      case '(': return group(out);
      case '[': {
        ++at_;
        i.op = Op::set;
        if (!set(i)) return false;
        break;
      }
      case '.': ++at_; i.op = Op::any; break;
      case '^': ++at_; i.op = Op::begin; break;
      case '$': ++at_; i.op = Op::end; break;
      case '\\': ++at_; if (!escape(i)) return false; break;
      case '*': case '+': case '?': return refuse("nothing to repeat");
      default: {
        size_t length = 0;
        i.op = Op::character;
        i.x = decode(text_, at_, length);
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
    bool outer_fold = fold_;
    if (take("?:")) {
      capture = false;
    } else if (take("?i)")) {
      fold_ = true;
      return true;
    } else if (take("?i:")) {
      capture = false;
      fold_ = true;
    } else if (take("?P<") || take("?<")) {
      while (more() && is_word(static_cast<unsigned char>(text_[at_]))) name.push_back(text_[at_++]);
      if (name.empty() || !take(">")) return refuse("a group's name was expected");
    } else if (more() && text_[at_] == '?') {
      return refuse("this kind of group is not known (look-around has no linear-time form)");
    }
    size_t number = 0;
    if (capture) {
      names_.push_back(name);
      number = names_.size();
    }
    Program inner;
    if (!alternation(inner)) return false;
    if (!take(")")) return refuse("`(` has no `)`");
    fold_ = outer_fold;
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

  static void add_class(Instruction& i, char c) {
    switch (c) {
      case 'd': i.ranges.push_back({'0', '9'}); break;
      case 'w': i.ranges.insert(i.ranges.end(), {{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}); break;
      case 's': i.ranges.insert(i.ranges.end(), {{'\t', '\r'}, {' ', ' '}}); break;
      case 'D': i.ranges.insert(i.ranges.end(), {{0, '0' - 1}, {'9' + 1, 0x10FFFF}}); break;
      case 'W': i.ranges.insert(i.ranges.end(), {{0, '0' - 1}, {'9' + 1, 'A' - 1}, {'Z' + 1, '_' - 1}, {'_' + 1, 'a' - 1}, {'z' + 1, 0x10FFFF}}); break;
      default: i.ranges.insert(i.ranges.end(), {{0, '\t' - 1}, {'\r' + 1, ' ' - 1}, {' ' + 1, 0x10FFFF}}); break;
    }
  }

  // The character that an escape stands for; nothing for a class.
  bool escaped_character(uint32_t& out) {
    char c = text_[at_++];
    switch (c) {
      case 'n': out = '\n'; return true;
      case 't': out = '\t'; return true;
      case 'r': out = '\r'; return true;
      case 'f': out = '\f'; return true;
      case 'v': out = '\v'; return true;
      case 'x': {
        out = 0;
        bool braces = take("{");
        int count = 0;
        while (more() && std::isxdigit(static_cast<unsigned char>(text_[at_])) && count < (braces ? 6 : 2)) {
          char d = text_[at_++];
          out = out << 4 | static_cast<uint32_t>(d <= '9' ? d - '0' : (d | 0x20) - 'a' + 10);
          ++count;
        }
        return (count > 0 && (!braces || take("}"))) || refuse("`\\x` wants hexadecimal digits");
      }
      default:
        if (is_word(static_cast<unsigned char>(c))) return refuse(std::string("`\\") + c + "` is not known");
        out = static_cast<unsigned char>(c);
        return true;
    }
  }

  bool escape(Instruction& i) {
    if (!more()) return refuse("the pattern ends with a backslash");
    char c = text_[at_];
    if (std::strchr("dwsDWS", c)) {
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
      if (text_[at_] == '\\') {
        ++at_;
        if (!more()) return refuse("the pattern ends with a backslash");
        if (std::strchr("dwsDWS", text_[at_])) {
          add_class(i, text_[at_++]);
          continue;
        }
        if (!escaped_character(low)) return false;
      } else {
        size_t length = 0;
        low = decode(text_, at_, length);
        at_ += length;
      }
      uint32_t high = low;
      if (at_ + 1 < text_.size() && text_[at_] == '-' && text_[at_ + 1] != ']') {
        ++at_;
        if (text_[at_] == '\\') {
          ++at_;
          if (!more() || !escaped_character(high)) return refuse("a range's end was expected");
        } else {
          size_t length = 0;
          high = decode(text_, at_, length);
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
  bool fold_ = false;
};

bool accepts(const Instruction& i, uint32_t c) {
  switch (i.op) {
    case Op::character: return i.x == c || (i.fold && folded(i.x) == folded(c));
    case Op::any: return c != '\n';
    case Op::set: {
      auto in = [&](uint32_t x) { return std::any_of(i.ranges.begin(), i.ranges.end(), [x](auto r) { return x >= r.first && x <= r.second; }); };
      bool found = in(c) || (i.fold && (in(folded(c)) || (c >= 'a' && c <= 'z' && in(c - 32))));
      return found != i.negated;
    }
    default: return false;
  }
}

constexpr size_t unset = static_cast<size_t>(-1);

struct Threads {
  std::vector<uint32_t> pcs;
  std::vector<std::vector<size_t>> slots;
  std::vector<bool> there;
  explicit Threads(size_t size) : there(size, false) {}
  void clear() {
    pcs.clear();
    slots.clear();
    std::fill(there.begin(), there.end(), false);
  }
};

class Machine {
 public:
  Machine(const Program& program, std::string_view text, size_t groups) : program_(program), text_(text), slot_count_((groups + 1) * 2) {}

  std::optional<std::vector<size_t>> run(size_t from, bool anchored) {
    Threads now(program_.size()), next(program_.size());
    std::optional<std::vector<size_t>> best;
    for (size_t at = from;; ) {
      if (!best && (at == from || !anchored)) {
        std::vector<size_t> slots(slot_count_, unset);
        slots[0] = at;
        follow(now, 0, at, std::move(slots));
      }
      if (now.pcs.empty() && (best || anchored)) break;
      size_t length = 1;
      uint32_t c = at < text_.size() ? decode(text_, at, length) : 0;
      next.clear();
      for (size_t t = 0; t < now.pcs.size(); ++t) {
        const Instruction& i = program_[now.pcs[t]];
        if (i.op == Op::match) {
          best = std::move(now.slots[t]);
          (*best)[1] = at;
          break;  // threads behind it are of lower rank
        }
        if (at < text_.size() && accepts(i, c)) follow(next, now.pcs[t] + 1, at + length, std::move(now.slots[t]));
      }
      std::swap(now, next);
      if (at >= text_.size()) break;
      at += length;
    }
    return best;
  }

 private:
  bool at_word_edge(size_t at) const {
    bool before = at > 0 && is_word(static_cast<unsigned char>(text_[at - 1]));
    bool after = at < text_.size() && is_word(static_cast<unsigned char>(text_[at]));
    return before != after;
  }

  // Adds a thread and all that it reaches without reading; an own stack, since programs can be long.
  void follow(Threads& threads, uint32_t pc, size_t at, std::vector<size_t> slots) {
    std::vector<std::pair<uint32_t, std::vector<size_t>>> stack;
    stack.emplace_back(pc, std::move(slots));
    while (!stack.empty()) {
      auto [here, kept] = std::move(stack.back());
      stack.pop_back();
      if (threads.there[here]) continue;
      threads.there[here] = true;
      const Instruction& i = program_[here];
      auto target = [&](uint32_t by) { return static_cast<uint32_t>(static_cast<int64_t>(here) + static_cast<int32_t>(by)); };
      switch (i.op) {
        case Op::jump: stack.emplace_back(target(i.x), std::move(kept)); break;
        case Op::split:
          stack.emplace_back(target(i.y), kept);
          stack.emplace_back(target(i.x), std::move(kept));
          break;
        case Op::save:
          if (i.x < kept.size()) kept[i.x] = at;
          stack.emplace_back(here + 1, std::move(kept));
          break;
        case Op::begin:
          if (at == 0) stack.emplace_back(here + 1, std::move(kept));
          break;
        case Op::end:
          if (at == text_.size()) stack.emplace_back(here + 1, std::move(kept));
          break;
        case Op::word:
          if (at_word_edge(at)) stack.emplace_back(here + 1, std::move(kept));
          break;
        case Op::not_word:
          if (!at_word_edge(at)) stack.emplace_back(here + 1, std::move(kept));
          break;
        default:
          threads.pcs.push_back(here);
          threads.slots.push_back(std::move(kept));
      }
    }
  }

  const Program& program_;
  std::string_view text_;
  size_t slot_count_;
};

}  // namespace

tl::expected<Regex, std::string> Regex::compile(std::string_view pattern) {
  Regex out;
  Program program;
  Compiler compiler(pattern, out.names_);
  if (!compiler.run(program)) return tl::unexpected(compiler.problem);
  out.program_ = std::make_shared<const Program>(std::move(program));
  return out;
}

size_t Regex::size() const { return program_->size(); }

std::optional<Regex::Match> Regex::search(std::string_view text, size_t from) const {
  std::optional<std::vector<size_t>> slots = Machine(*program_, text, names_.size()).run(from, false);
  if (!slots) return std::nullopt;
  Match match;
  match.begin = (*slots)[0];
  match.end = (*slots)[1];
  for (size_t g = 1; g <= names_.size(); ++g) {
    size_t begin = (*slots)[g * 2], end = (*slots)[g * 2 + 1];
    if (begin == unset || end == unset) {
      match.groups.emplace_back();
    } else {
      match.groups.emplace_back(std::make_pair(begin, end));
    }
  }
  return match;
}

bool Regex::matches_whole(std::string_view text) const {
  // Anchored at both ends: a thread that matches early is of no use, so the end is part of the program.
  Program whole(*program_);
  Instruction end;
  end.op = Op::end;
  whole.insert(whole.end() - 1, std::move(end));
  return Machine(whole, text, names_.size()).run(0, true).has_value();
}

}  // namespace muster
