// Lua's patterns (string.find, match, gmatch, gsub), written so that every step of the matching is counted: a pattern
// that goes wrong uses up the budget of the script instead of a core.
//
// Source: the Lua 5.4 reference manual, section 6.4.1.
#include <cctype>
#include <cstring>
#include <lua.hpp>
#include <string>
#include <string_view>

#include "scripting/libraries.h"
#include "scripting/sandbox.h"

namespace muster {
namespace {

constexpr int most_captures = 32;
constexpr int deepest = 200;  // of the recursion: a capture, an item that can match more than once
constexpr int64_t per_charge = 256;
constexpr ptrdiff_t is_open = -1, is_place = -2;  // lengths of captures that have none

struct Capture {
  const char* begin = nullptr;
  ptrdiff_t size = is_open;
};

class Matcher {
 public:
  Matcher(lua_State* lua, std::string_view text, std::string_view pattern)
      : lua_(lua), text_(text.data()), end_(text.data() + text.size()), pattern_end_(pattern.data() + pattern.size()) {}
  ~Matcher() = default;

  void begin() {
    count_ = 0;
    depth_ = 0;
  }
  [[nodiscard]] int captures() const { return count_; }

  // The end of the match of the pattern from `p` on at `s`, or nullptr.
  const char* match(const char* s, const char* p) {
    if (++depth_ > deepest) raise(lua_, std::string("the pattern is too complex"));
    const char* result = walk(s, p);
    --depth_;
    return result;
  }

  // Pushes capture `i`, from 0; the whole match where there are none.
  void push_capture(int i, const char* begin, const char* end) {
    if (i >= count_) {
      if (i != 0) raise(lua_, "the pattern has no capture %" + std::to_string(i + 1));
      lua_pushlstring(lua_, begin, static_cast<size_t>(end - begin));
      return;
    }
    const Capture& capture = captures_[i];
    if (capture.size == is_open) raise(lua_, std::string("a capture of the pattern is not closed"));
    if (capture.size == is_place) {
      lua_pushinteger(lua_, capture.begin - text_ + 1);
    } else {
      lua_pushlstring(lua_, capture.begin, static_cast<size_t>(capture.size));
    }
  }
  int push_captures(const char* begin, const char* end, bool whole_if_none) {
    int n = count_ == 0 && whole_if_none ? 1 : count_;
    luaL_checkstack(lua_, n + 1, "too many captures");
    for (int i = 0; i < n; ++i) push_capture(i, begin, end);
    return n;
  }

 private:
  void step() {
    if (++steps_ < per_charge) return;
    steps_ = 0;
    Sandbox::charge(lua_, per_charge);
  }

  const char* walk(const char* s, const char* p) {
    while (true) {
      step();
      if (p == pattern_end_) return s;
      switch (*p) {
        case '(':
          return open_capture(s, p);
        case ')':
          return close_capture(s, p + 1);
        case '$':
          if (p + 1 == pattern_end_) return s == end_ ? s : nullptr;
          break;
        case '%':
          if (p + 1 < pattern_end_ && p[1] == 'b') {
            s = balance(s, p + 2);
            if (!s) return nullptr;
            p += 4;
            continue;
          }
          if (p + 1 < pattern_end_ && p[1] == 'f') {
            p += 2;
            if (p == pattern_end_ || *p != '[') raise(lua_, std::string("`[` is missing behind `%f`"));
            const char* after = class_end(p);
            unsigned char before = s == text_ ? 0 : static_cast<unsigned char>(s[-1]);
            unsigned char here = s == end_ ? 0 : static_cast<unsigned char>(*s);
            if (in_set(before, p, after - 1) || !in_set(here, p, after - 1)) return nullptr;
            p = after;
            continue;
          }
          if (p + 1 < pattern_end_ && std::isdigit(static_cast<unsigned char>(p[1])) != 0) {
            s = repeat_capture(s, p[1]);
            if (!s) return nullptr;
            p += 2;
            continue;
          }
          break;
        default:
          break;
      }
      const char* after = class_end(p);
      char suffix = after < pattern_end_ ? *after : '\0';
      if (suffix == '?') {
        if (one(s, p, after))
          if (const char* rest = match(s + 1, after + 1)) return rest;
        p = after + 1;
        continue;
      }
      if (suffix == '+') return one(s, p, after) ? most(s + 1, p, after) : nullptr;
      if (suffix == '*') return most(s, p, after);
      if (suffix == '-') return least(s, p, after);
      if (!one(s, p, after)) return nullptr;
      ++s;
      p = after;
    }
  }

  const char* most(const char* s, const char* p, const char* after) {
    ptrdiff_t n = 0;
    while (one(s + n, p, after)) {
      step();
      ++n;
    }
    for (; n >= 0; --n) {
      step();
      if (const char* rest = match(s + n, after + 1)) return rest;
    }
    return nullptr;
  }

  const char* least(const char* s, const char* p, const char* after) {
    while (true) {
      step();
      if (const char* rest = match(s, after + 1)) return rest;
      if (!one(s, p, after)) return nullptr;
      ++s;
    }
  }

  const char* open_capture(const char* s, const char* p) {
    if (count_ >= most_captures) raise(lua_, std::string("the pattern has too many captures"));
    bool place = p + 1 < pattern_end_ && p[1] == ')';
    captures_[count_] = {s, place ? is_place : is_open};
    ++count_;
    const char* rest = match(s, place ? p + 2 : p + 1);
    if (!rest) --count_;
    return rest;
  }

  const char* close_capture(const char* s, const char* p) {
    int last = count_ - 1;
    while (last >= 0 && captures_[last].size != is_open) --last;
    if (last < 0) raise(lua_, std::string("the pattern closes a capture that is not open"));
    captures_[last].size = s - captures_[last].begin;
    const char* rest = match(s, p);
    if (!rest) captures_[last].size = is_open;
    return rest;
  }

  const char* repeat_capture(const char* s, char digit) {
    int i = digit - '1';
    if (i < 0 || i >= count_ || captures_[i].size < 0)
      raise(lua_, std::string("the pattern refers to the capture `%") + digit + "`, which is not there");
    auto size = static_cast<size_t>(captures_[i].size);
    Sandbox::charge(lua_, static_cast<int64_t>(size / 16) + 1);
    if (static_cast<size_t>(end_ - s) < size || std::memcmp(captures_[i].begin, s, size) != 0) return nullptr;
    return s + size;
  }

  const char* balance(const char* s, const char* p) {
    if (p + 1 >= pattern_end_) raise(lua_, std::string("`%b` wants two characters behind it"));
    if (s == end_ || *s != *p) return nullptr;
    int open = 1;
    for (++s; s < end_; ++s) {
      step();
      if (*s == p[1]) {
        if (--open == 0) return s + 1;
      } else if (*s == *p) {
        ++open;
      }
    }
    return nullptr;
  }

  // Behind the single character, class or set that begins at `p`.
  const char* class_end(const char* p) {
    char c = *p++;
    if (c == '%') {
      if (p == pattern_end_) raise(lua_, std::string("the pattern ends with `%`"));
      return p + 1;
    }
    if (c != '[') return p;
    if (p < pattern_end_ && *p == '^') ++p;
    do {
      if (p == pattern_end_) raise(lua_, std::string("`]` is missing in the pattern"));
      if (*p++ == '%') {
        if (p == pattern_end_) raise(lua_, std::string("`]` is missing in the pattern"));
        ++p;
      }
    } while (p == pattern_end_ || *p != ']');
    return p + 1;
  }

  bool one(const char* s, const char* p, const char* after) {
    if (s >= end_) return false;
    auto c = static_cast<unsigned char>(*s);
    switch (*p) {
      case '.':
        return true;
      case '%':
        return in_class(c, static_cast<unsigned char>(p[1]));
      case '[':
        return in_set(c, p, after - 1);
      default:
        return static_cast<unsigned char>(*p) == c;
    }
  }

  // `p` at `[`, `last` at its `]`.
  bool in_set(unsigned char c, const char* p, const char* last) {
    bool wanted = true;
    ++p;
    if (*p == '^') {
      wanted = false;
      ++p;
    }
    for (; p < last; ++p) {
      step();
      if (*p == '%') {
        ++p;
        if (in_class(c, static_cast<unsigned char>(*p))) return wanted;
      } else if (p + 2 < last && p[1] == '-') {
        if (static_cast<unsigned char>(*p) <= c && c <= static_cast<unsigned char>(p[2])) return wanted;
        p += 2;
      } else if (static_cast<unsigned char>(*p) == c) {
        return wanted;
      }
    }
    return !wanted;
  }

  static bool is_between(unsigned char c, char low, char high) { return c >= low && c <= high; }
  // ASCII only, whatever the locale.
  static bool in_class(unsigned char c, unsigned char name) {
    bool lower = is_between(c, 'a', 'z'), upper = is_between(c, 'A', 'Z'), digit = is_between(c, '0', '9');
    bool found;
    switch (name | 0x20) {
      case 'a':
        found = lower || upper;
        break;
      case 'c':
        found = c < 32 || c == 127;
        break;
      case 'd':
        found = digit;
        break;
      case 'g':
        found = c > 32 && c < 127;
        break;
      case 'l':
        found = lower;
        break;
      case 'p':
        found = c > 32 && c < 127 && !lower && !upper && !digit;
        break;
      case 's':
        found = c == ' ' || (c >= 9 && c <= 13);
        break;
      case 'u':
        found = upper;
        break;
      case 'w':
        found = lower || upper || digit;
        break;
      case 'x':
        found = digit || is_between(c, 'a', 'f') || is_between(c, 'A', 'F');
        break;
      default:
        return name == c;
    }
    if (!is_between(name, 'a', 'z') && !is_between(name, 'A', 'Z')) return name == c;
    return is_between(name, 'A', 'Z') ? !found : found;
  }

  lua_State* lua_;
  const char* text_;
  const char* end_;
  const char* pattern_end_;
  Capture captures_[most_captures];
  int count_ = 0, depth_ = 0;
  int64_t steps_ = 0;
};

std::string_view text_at(lua_State* lua, int index) {
  size_t size = 0;
  const char* bytes = luaL_checklstring(lua, index, &size);
  return {bytes, size};
}

// Where to begin: from 1, negative from the end. Beyond the end: size + 1.
size_t start_at(lua_State* lua, int index, size_t size) {
  lua_Integer at = luaL_optinteger(lua, index, 1);
  if (at > 0) return at > static_cast<lua_Integer>(size) + 1 ? size + 1 : static_cast<size_t>(at) - 1;
  if (at == 0) return 0;
  return at < -static_cast<lua_Integer>(size) ? 0 : size - static_cast<size_t>(-at);
}

int find_plain(lua_State* lua, std::string_view text, std::string_view part, size_t from) {
  Sandbox::charge(lua, static_cast<int64_t>(text.size() / 16) + 1);
  const char* begin = text.data() + from;
  const void* found = part.empty() ? begin : memmem(begin, text.size() - from, part.data(), part.size());
  if (!found) return lua_pushnil(lua), 1;
  lua_Integer at = static_cast<const char*>(found) - text.data() + 1;
  lua_pushinteger(lua, at);
  lua_pushinteger(lua, at + static_cast<lua_Integer>(part.size()) - 1);
  return 2;
}

int search(lua_State* lua, bool find) {
  std::string_view text = text_at(lua, 1), pattern = text_at(lua, 2);
  size_t from = start_at(lua, 3, text.size());
  if (from > text.size()) return lua_pushnil(lua), 1;
  if (find && (lua_toboolean(lua, 4) != 0 || pattern.find_first_of("^$*+?.([%-") == std::string_view::npos))
    return find_plain(lua, text, pattern, from);
  Matcher matcher(lua, text, pattern);
  bool anchored = !pattern.empty() && pattern[0] == '^';
  const char* p = pattern.data() + (anchored ? 1 : 0);
  for (const char* s = text.data() + from; s <= text.data() + text.size(); ++s) {
    matcher.begin();
    if (const char* end = matcher.match(s, p)) {
      if (!find) return matcher.push_captures(s, end, true);
      lua_pushinteger(lua, s - text.data() + 1);
      lua_pushinteger(lua, end - text.data());
      return 2 + matcher.push_captures(s, end, false);
    }
    if (anchored) break;
  }
  lua_pushnil(lua);
  return 1;
}

int string_find(lua_State* lua) { return search(lua, true); }
int string_match(lua_State* lua) { return search(lua, false); }

// Upvalues: text, pattern, where to go on, the end of the last match.
int next_match(lua_State* lua) {
  std::string_view text = text_at(lua, lua_upvalueindex(1)), pattern = text_at(lua, lua_upvalueindex(2));
  auto from = static_cast<size_t>(lua_tointeger(lua, lua_upvalueindex(3)));
  lua_Integer last = lua_tointeger(lua, lua_upvalueindex(4));
  Matcher matcher(lua, text, pattern);
  for (; from <= text.size(); ++from) {
    matcher.begin();
    const char* s = text.data() + from;
    const char* end = matcher.match(s, pattern.data());
    if (!end || end - text.data() == last) continue;
    lua_pushinteger(lua, end - text.data());
    lua_copy(lua, -1, lua_upvalueindex(3));
    lua_replace(lua, lua_upvalueindex(4));
    return matcher.push_captures(s, end, true);
  }
  lua_pushinteger(lua, static_cast<lua_Integer>(text.size()) + 1);
  lua_replace(lua, lua_upvalueindex(3));
  return 0;
}
int string_gmatch(lua_State* lua) {
  std::string_view text = text_at(lua, 1);
  (void)text_at(lua, 2);
  size_t from = start_at(lua, 3, text.size());
  lua_settop(lua, 2);
  lua_pushinteger(lua, static_cast<lua_Integer>(from));
  lua_pushinteger(lua, -1);
  lua_pushcclosure(lua, next_match, 4);
  return 1;
}

// What stands instead of a match: added to `out`.
void add_replacement(lua_State* lua, Matcher& matcher, const char* s, const char* end, std::string& out) {
  switch (lua_type(lua, 3)) {
    case LUA_TFUNCTION: {
      lua_pushvalue(lua, 3);
      int n = matcher.push_captures(s, end, true);
      lua_call(lua, n, 1);
      break;
    }
    case LUA_TTABLE:
      matcher.push_capture(0, s, end);
      lua_gettable(lua, 3);
      break;
    default: {
      std::string_view form = text_at(lua, 3);
      for (size_t i = 0; i < form.size(); ++i) {
        if (form[i] != '%') {
          out += form[i];
          continue;
        }
        if (++i == form.size()) raise(lua, std::string("the replacement ends with `%`"));
        if (form[i] == '%') {
          out += '%';
        } else if (form[i] == '0') {
          out.append(s, end);
        } else if (form[i] >= '1' && form[i] <= '9') {
          matcher.push_capture(form[i] - '1', s, end);
          size_t size = 0;
          const char* bytes = lua_tolstring(lua, -1, &size);
          out.append(bytes, size);
          lua_pop(lua, 1);
        } else {
          raise(lua, std::string("`%") + form[i] + "` means nothing in a replacement");
        }
      }
      return;
    }
  }
  if (lua_toboolean(lua, -1) == 0) {
    out.append(s, end);
  } else if (lua_isstring(lua, -1) != 0) {
    size_t size = 0;
    const char* bytes = lua_tolstring(lua, -1, &size);
    out.append(bytes, size);
  } else {
    raise(lua, std::string("a replacement is text or a number, and this is a ") + luaL_typename(lua, -1));
  }
  lua_pop(lua, 1);
}

int string_gsub(lua_State* lua) {
  std::string_view text = text_at(lua, 1), pattern = text_at(lua, 2);
  int type = lua_type(lua, 3);
  luaL_argexpected(lua, type == LUA_TNUMBER || type == LUA_TSTRING || type == LUA_TFUNCTION || type == LUA_TTABLE, 3,
                   "string/function/table");
  lua_Integer most = luaL_optinteger(lua, 4, static_cast<lua_Integer>(text.size()) + 1);
  constexpr size_t longest = 1 << 26;
  bool anchored = !pattern.empty() && pattern[0] == '^';
  const char* p = pattern.data() + (anchored ? 1 : 0);
  Matcher matcher(lua, text, pattern);
  std::string out;
  lua_Integer count = 0;
  const char* s = text.data();
  const char* text_end = text.data() + text.size();
  const char* last = nullptr;
  while (count < most) {
    matcher.begin();
    const char* end = matcher.match(s, p);
    if (end && end != last) {
      ++count;
      size_t before = out.size();
      add_replacement(lua, matcher, s, end, out);
      if (out.size() > longest) raise(lua, std::string("this text would be too long"));
      Sandbox::charge(lua, static_cast<int64_t>((out.size() - before) / 16) + 1);
      s = last = end;
    } else if (s < text_end) {
      out += *s++;
    } else {
      break;
    }
    if (anchored) break;
  }
  out.append(s, text_end);
  lua_pushlstring(lua, out.data(), out.size());
  lua_pushinteger(lua, count);
  return 2;
}

}  // namespace

void open_patterns(lua_State* lua) {
  static const luaL_Reg functions[] = {{"find", string_find},
                                       {"match", string_match},
                                       {"gmatch", string_gmatch},
                                       {"gsub", string_gsub},
                                       {nullptr, nullptr}};
  luaL_setfuncs(lua, functions, 0);
}

}  // namespace muster
