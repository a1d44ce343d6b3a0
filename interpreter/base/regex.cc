#include "interpreter/base/regex.h"

#include <algorithm>
#include <array>

#include "interpreter/base/regex_program.h"

namespace muster {

uint32_t character_at(std::string_view text, size_t at, size_t& length) {
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

namespace {

using Instruction = Regex::Instruction;
using Op = Instruction::Op;

uint32_t folded(uint32_t c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; }

bool accepts(const Instruction& i, uint32_t c) {
  switch (i.op) {
    case Op::character:
      return i.x == c || (i.fold && folded(i.x) == folded(c));
    case Op::any:
      return c != '\n';
    case Op::any_at_all:
      return true;
    case Op::set: {
      auto in = [&](uint32_t x) {
        return std::any_of(i.ranges.begin(), i.ranges.end(), [x](auto r) { return x >= r.first && x <= r.second; });
      };
      bool found = in(c) || (i.fold && (in(folded(c)) || (c >= 'a' && c <= 'z' && in(c - 32))));
      return found != i.negated;
    }
    default:
      return false;
  }
}

constexpr size_t unset = static_cast<size_t>(-1);

// The threads at one place of the text, by rank. `round` marks what is there already, so that clearing costs nothing.
struct Threads {
  std::vector<uint32_t> pcs;
  std::vector<size_t> slots;  // slot_count for each thread
  std::vector<uint64_t> there;
  uint64_t round = 1;
  explicit Threads(size_t size) : there(size, 0) {}
  void clear() {
    pcs.clear();
    slots.clear();
    ++round;
  }
};

class Machine {
 public:
  Machine(const RegexProgram& program, std::string_view text, size_t groups)
      : program_(program), text_(text), slots_((groups + 1) * 2) {}

  std::optional<std::vector<size_t>> run(size_t from, bool anchored, size_t* reached,
                                         size_t until = std::string_view::npos) {
    Threads now(program_.size()), next(program_.size());
    std::optional<std::vector<size_t>> best;
    std::vector<size_t> fresh(slots_, unset);
    size_t at = from;
    std::array<bool, 256> can_begin{};
    bool filter = !anchored && first_bytes(can_begin);
    while (true) {
      if (filter && now.pcs.empty() && !best)
        while (at < text_.size() && !can_begin[static_cast<unsigned char>(text_[at])]) ++at;
      if (!best && (at == from || !anchored)) {
        fresh[0] = at;
        follow(now, 0, at, fresh.data());
      }
      if (now.pcs.empty() && (best || anchored)) break;
      size_t length = 1;
      uint32_t c = at < text_.size() ? character_at(text_, at, length) : 0;
      next.clear();
      for (size_t t = 0; t < now.pcs.size(); ++t) {
        const Instruction& i = program_[now.pcs[t]];
        const size_t* slots = now.slots.data() + t * slots_;
        if (i.op == Op::match) {
          best.emplace(slots, slots + slots_);
          (*best)[1] = at;
          break;  // threads behind it are of lower rank
        }
        if (at < text_.size() && accepts(i, c)) follow(next, now.pcs[t] + 1, at + length, slots);
      }
      std::swap(now, next);
      if (at >= text_.size()) break;
      at += length;
      if (at <= until) continue;
      best.reset();
      break;
    }
    if (reached) *reached = std::min(at, text_.size());
    return best;
  }

 private:
  // The bytes a match can begin with, so that a search runs over the rest without threads. False: it can be empty.
  bool first_bytes(std::array<bool, 256>& out) const {
    std::vector<bool> seen(program_.size(), false);
    std::vector<uint32_t> open = {0};
    while (!open.empty()) {
      uint32_t pc = open.back();
      open.pop_back();
      if (seen[pc]) continue;
      seen[pc] = true;
      const Instruction& i = program_[pc];
      auto target = [pc](uint32_t by) {
        return static_cast<uint32_t>(static_cast<int64_t>(pc) + static_cast<int32_t>(by));
      };
      switch (i.op) {
        case Op::match:
          return false;
        case Op::jump:
          open.push_back(target(i.x));
          break;
        case Op::split:
          open.push_back(target(i.x));
          open.push_back(target(i.y));
          break;
        case Op::character:
        case Op::set:
        case Op::any:
        case Op::any_at_all:
          for (uint32_t c = 0; c < 256; ++c) out[c] = out[c] || c > 127 || accepts(i, c);
          break;
        default:
          open.push_back(pc + 1);  // conditions are asked later
      }
    }
    return true;
  }

  bool at_word_edge(size_t at) const {
    bool before = at > 0 && is_word_character(static_cast<unsigned char>(text_[at - 1]));
    bool after = at < text_.size() && is_word_character(static_cast<unsigned char>(text_[at]));
    return before != after;
  }

  bool holds(Op op, size_t at) const {
    switch (op) {
      case Op::begin:
        return at == 0;
      case Op::end:
        return at == text_.size();
      case Op::line_begin:
        return at == 0 || text_[at - 1] == '\n';
      case Op::line_end:
        return at == text_.size() || text_[at] == '\n';
      case Op::word:
        return at_word_edge(at);
      default:
        return !at_word_edge(at);
    }
  }

  // Adds a thread and all that it reaches without reading, with an own stack, since programs can be long. A `save` is
  // undone by an entry of the stack once everything behind it has been added.
  void follow(Threads& threads, uint32_t first, size_t at, const size_t* slots) {
    slots_now_.assign(slots, slots + slots_);
    stack_.push_back({first, false, 0});
    while (!stack_.empty()) {
      Entry entry = stack_.back();
      stack_.pop_back();
      if (entry.is_undo) {
        slots_now_[entry.pc] = entry.value;
        continue;
      }
      uint32_t pc = entry.pc;
      if (threads.there[pc] == threads.round) continue;
      threads.there[pc] = threads.round;
      const Instruction& i = program_[pc];
      auto target = [pc](uint32_t by) {
        return static_cast<uint32_t>(static_cast<int64_t>(pc) + static_cast<int32_t>(by));
      };
      switch (i.op) {
        case Op::jump:
          stack_.push_back({target(i.x), false, 0});
          break;
        case Op::split:
          stack_.push_back({target(i.y), false, 0});
          stack_.push_back({target(i.x), false, 0});
          break;
        case Op::save:
          stack_.push_back({i.x, true, slots_now_[i.x]});
          slots_now_[i.x] = at;
          stack_.push_back({pc + 1, false, 0});
          break;
        case Op::begin:
        case Op::end:
        case Op::line_begin:
        case Op::line_end:
        case Op::word:
        case Op::not_word:
          if (holds(i.op, at)) stack_.push_back({pc + 1, false, 0});
          break;
        default:
          threads.pcs.push_back(pc);
          threads.slots.insert(threads.slots.end(), slots_now_.begin(), slots_now_.end());
      }
    }
  }

  struct Entry {
    uint32_t pc;  // an instruction, or the slot that gets `value` back
    bool is_undo;
    size_t value;
  };
  const RegexProgram& program_;
  std::string_view text_;
  size_t slots_;
  std::vector<Entry> stack_;
  std::vector<size_t> slots_now_;
};

}  // namespace

tl::expected<Regex, std::string> Regex::compile(std::string_view pattern) {
  Regex out;
  RegexProgram program;
  std::string problem;
  if (!compile_regex(pattern, program, out.names_, problem)) return tl::unexpected(std::move(problem));
  program.emplace_back();
  out.program_ = std::make_shared<const RegexProgram>(std::move(program));
  return out;
}

size_t Regex::size() const { return program_->size(); }

std::optional<Regex::Match> Regex::search(std::string_view text, size_t from, size_t* reached, size_t until) const {
  std::optional<std::vector<size_t>> slots = Machine(*program_, text, names_.size()).run(from, false, reached, until);
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
  RegexProgram whole(*program_);
  Instruction end;
  end.op = Op::end;
  whole.insert(whole.end() - 1, std::move(end));
  return Machine(whole, text, names_.size()).run(0, true, nullptr).has_value();
}

}  // namespace muster
