// Our evaluator beside the Lua virtual machine: the same value, or an error in both, for thousands of expressions.
//
// Where the language differs on purpose the generator stays away: lists and maps are equal by content (Lua gets `==` by
// a metatable), text has no fields, whole floats print without `.0` (compared through `cat`, which joins so in Lua).
#include <gtest/gtest.h>
#include <cctype>
#include <cmath>
#include <lua.hpp>
#include <memory>
#include <random>

#include "tests/unit/expression/small_world.h"

namespace muster {
namespace {

constexpr const char* prelude = R"(
getmetatable("").__index = nil
local equal
local content = {__eq = function(a, b) return equal(a, b) end}
function equal(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for k, v in next, a do if not equal(v, rawget(b, k)) then return false end end
  for k in next, b do if rawget(a, k) == nil then return false end end
  return true
end
function T(t) return setmetatable(t, content) end
local function text(v)
  if type(v) == "number" and v ~= v then return "nan" end
  if math.type(v) == "float" then
    local s = string.format("%.14g", v)
    return s == "-0" and "0" or s
  end
  return v
end
function cat(a, b) return text(a) .. text(b) end
t = T{10, 2.5, "x", T{1, 2}, true}
m = T{a = 1, b = "10", c = T{d = 2.0}, t = true}
i = 7; big = math.maxinteger; least = math.mininteger; f = 2.5; s = "abc"; n = "12"
)";

Map same_names() {
  return {{"t", List{10, 2.5, "x", List{1, 2}, true}},
          {"m", Map{{"a", 1}, {"b", "10"}, {"c", Map{{"d", 2.0}}}, {"t", true}}},
          {"i", 7},
          {"big", INT64_MAX},
          {"least", INT64_MIN},
          {"f", 2.5},
          {"s", "abc"},
          {"n", "12"},
          {"missing", Value()}};
}

class LuaVm {
 public:
  LuaVm() : state_(luaL_newstate(), &lua_close) {
    luaL_openlibs(state_.get());
    if (luaL_dostring(state_.get(), prelude) != LUA_OK) ADD_FAILURE() << lua_tostring(state_.get(), -1);
  }

  // The value as `shown` shows it, or "error".
  std::string run(const std::string& expression) {
    lua_State* lua = state_.get();
    lua_settop(lua, 0);
    if (luaL_loadstring(lua, ("return " + expression).c_str()) != LUA_OK) {
      problem = lua_tostring(lua, -1);
      return "syntax error";
    }
    if (lua_pcall(lua, 0, 1, 0) != LUA_OK) {
      problem = lua_tostring(lua, -1);
      return "error";
    }
    return shown(value(-1));
  }
  static std::string shown(const Value& v) {
    if (const auto* d = v.find<double>()) {
      if (std::isnan(*d)) return "float nan";
      char buffer[64];
      std::snprintf(buffer, sizeof buffer, "float %a", *d);
      return buffer;
    }
    if (v.is<Map>() && v.get<Map>().empty()) return "list []";  // Lua's empty table is both
    return std::string(type_name(v)) + " " + encode(v);
  }
  std::string problem;

 private:
  static std::string encode(const Value& v) {
    if (const auto* text = v.find<std::string>()) return *text;
    std::string out;
    if (const auto* list = v.find<List>()) {
      for (const Value& item : *list) out += (out.empty() ? "" : ",") + shown(item);
      return "[" + out + "]";
    }
    if (const auto* map = v.find<Map>()) {
      for (const auto& [name, item] : *map) out += (out.empty() ? "" : ",") + name + ":" + shown(item);
      return "{" + out + "}";
    }
    return to_text(v);
  }
  Value value(int at) {
    lua_State* lua = state_.get();
    switch (lua_type(lua, at)) {
      case LUA_TNIL:
        return {};
      case LUA_TBOOLEAN:
        return lua_toboolean(lua, at) != 0;
      case LUA_TNUMBER:
        if (lua_isinteger(lua, at)) return static_cast<int64_t>(lua_tointeger(lua, at));
        return static_cast<double>(lua_tonumber(lua, at));
      case LUA_TSTRING: {
        size_t size = 0;
        const char* text = lua_tolstring(lua, at, &size);
        return std::string(text, size);
      }
      case LUA_TTABLE: {
        List list;
        Map map;
        at = lua_absindex(lua, at);
        for (lua_Integer k = 1; k <= static_cast<lua_Integer>(lua_rawlen(lua, at)); ++k) {
          lua_rawgeti(lua, at, k);
          list.push_back(value(-1));
          lua_pop(lua, 1);
        }
        if (!list.empty()) return list;
        for (lua_pushnil(lua); lua_next(lua, at) != 0; lua_pop(lua, 1)) map[lua_tostring(lua, -2)] = value(-1);
        return map;
      }
      default:
        return "something else";
    }
  }
  std::unique_ptr<lua_State, decltype(&lua_close)> state_;
};

// The same expression twice: as we write it and as Lua gets it.
struct Pair {
  std::string ours, lua;
  explicit Pair(const std::string& both) : ours(both), lua(both) {}
  Pair(std::string a, std::string b) : ours(std::move(a)), lua(std::move(b)) {}
  Pair operator+(const Pair& more) const { return {ours + more.ours, lua + more.lua}; }
};

class Generator {
 public:
  enum class Kind { numbers, texts, printed };
  Generator(uint64_t seed, Kind kind) : random_(seed), kind_(kind) {}

  // Operands and operators in a row, so that precedence and association decide what it means.
  Pair expression(int depth) {
    Pair out = operand(depth);
    for (size_t more = random_() % 4; more > 0; --more) {
      if (kind_ == Kind::printed && random_() % 3 == 0) {
        Pair right = operand(depth);
        out = {"((" + out.ours + ") .. (" + right.ours + "))", "cat((" + out.lua + "), (" + right.lua + "))"};
      } else {
        out = out + Pair(" " + binary() + " ") + operand(depth);
      }
    }
    return out;
  }

 private:
  std::string pick(const std::vector<std::string>& from) { return from[random_() % from.size()]; }

  std::string binary() {
    // No floats come out of these, so that `..` prints alike.
    static const std::vector<std::string> whole = {"or", "and", "<", ">", "<=", ">=", "~=", "==",  "|",  "~",  "&",
                                                   "<<", ">>",  "+", "-", "*",  "//", "%",  "and", "or", "==", "+"};
    static const std::vector<std::string> more = {"/", "^"};
    if (kind_ == Kind::texts && random_() % 4 == 0) return "..";
    if (kind_ != Kind::texts && random_() % 8 == 0) return pick(more);
    return pick(whole);
  }

  Pair operand(int depth) {
    std::string unary;
    while (random_() % 5 == 0) unary += pick({"not ", "- ", "~ ", "# "});
    return Pair(unary) + atom(depth);
  }

  Pair atom(int depth) {
    static const std::vector<std::string> integers = {
        "0", "1",   "2",    "3", "7", "-3", "63", "64", "255", "0x10", "9007199254740993", "9223372036854775807",
        "i", "m.a", "t[1]", "#t"};
    static const std::vector<std::string> floats = {"0.0",   "1.0",
                                                    "0.5",   "-2.5",
                                                    "1e3",   "3.",
                                                    ".25",   "1e308",
                                                    "0x1p4", "9007199254740992.0",
                                                    "1e15",  "123456.789",
                                                    "f",     "t[2]",
                                                    "m.c.d", "(1/0)",
                                                    "(0/0)", "9223372036854775808"};
    static const std::vector<std::string> texts = {"\"a\"",   "'b'",   "\"10\"", "\"3\"", "\"\"", "\" 7 \"", "\"0x10\"",
                                                   "\"abc\"", "[[x]]", "s",      "n",     "m.b",  "t[3]"};
    static const std::vector<std::string> float_texts = {"\"1e1\"", "\"2.5\"", "\"1e\"",  "\"0x.8p1\"", "\"nan\"",
                                                         "\"inf\"", "\"0xg\"", "\"- 1\"", "\"-0x10\"",  "\"1 2\""};
    static const std::vector<std::string> others = {
        "true", "false", "nil", "missing", "m.t",     "m.none",     "t[9]", "t[-1]", "t.x",       "m[1]",  "t[i]",
        "m[s]", "t[5]",  "big", "least",   "t[4][2]", "m[\"c\"].d", "s.x",  "m.a.b", "missing.x", "t[i].x"};
    bool plain = kind_ == Kind::texts;
    switch (random_() % (depth > 3 ? 6 : 9)) {
      case 0:
      case 1:
        return Pair(pick(integers));
      case 2:
        return Pair(pick(plain ? integers : floats));
      case 3:
        return Pair(pick(texts));
      case 4:
        return Pair(plain ? pick(texts) : pick(float_texts));
      case 5: {
        std::string other = pick(others);
        // A whole float or one that overflows must not reach `..`.
        return Pair(plain && (other.find(".d") != std::string::npos) ? "true" : other);
      }
      case 6:
        return table();
      default:
        return Pair("(") + expression(depth + 1) + Pair(")");
    }
  }

  Pair table() {
    static const std::vector<std::string> items = {"1", "\"x\"", "true", "i", "2"};
    std::string inside;
    if (random_() % 2 == 0) {
      for (size_t n = random_() % 4; n > 0; --n) inside += pick(items) + (n > 1 || random_() % 3 == 0 ? ", " : "");
    } else {
      inside = "a = " + pick(items) + "; [\"b\"] = " + pick(items);
    }
    return random_() % 2 == 0 ? Pair("({" + inside + "})[", "(T{" + inside + "})[") +
                                    Pair(pick({"1", "2", "\"a\"", "s", "4", "2.0"}) + "]")
                              : Pair("{" + inside + "}", "T{" + inside + "}");
  }

  std::mt19937_64 random_;
  Kind kind_;
};

void compare(const Pair& pair, LuaVm& lua, const SmallWorld& world, int& values) {
  std::string expected = lua.run(pair.lua);
  tl::expected<Evaluation, Diagnostic> got = run(pair.ours, world);
  if (expected == "error" || expected == "syntax error") {
    EXPECT_FALSE(got.has_value()) << pair.ours << "\nyields " << LuaVm::shown(got->value) << "\nLua: " << lua.problem;
    if (!got) {
      EXPECT_EQ(got.error().code, expected == "error" ? "expression-failed" : "expression-syntax")
          << pair.ours << ": " << got.error().message << "\nLua: " << lua.problem;
    }
    return;
  }
  ++values;
  ASSERT_TRUE(got.has_value()) << pair.ours << "\nfails: " << got.error().message << "\nLua: " << expected;
  EXPECT_EQ(LuaVm::shown(got->value), expected) << pair.ours << "\nLua got " << pair.lua;
}

void compare_many(uint64_t seed, Generator::Kind kind, int count) {
  LuaVm lua;
  SmallWorld world(same_names());
  Generator generator(seed, kind);
  int values = 0;
  for (int i = 0; i < count && !::testing::Test::HasFailure(); ++i)
    compare(generator.expression(0), lua, world, values);
  EXPECT_GT(values, count / 5) << "most would only fail, and show little";
}

TEST(AgainstLua, AgreesOnNumbersAndComparisons) { compare_many(1, Generator::Kind::numbers, 6000); }
TEST(AgainstLua, AgreesOnJoiningWithinPrecedence) { compare_many(2, Generator::Kind::texts, 6000); }
TEST(AgainstLua, AgreesOnHowNumbersPrint) { compare_many(3, Generator::Kind::printed, 4000); }

TEST(AgainstLua, AgreesOnEachPairOfOperands) {
  LuaVm lua;
  SmallWorld world(same_names());
  int values = 0;
  const std::vector<std::string> operands = {"0",
                                             "1",
                                             "-1",
                                             "3",
                                             "-7",
                                             "64",
                                             "-64",
                                             "big",
                                             "least",
                                             "0.0",
                                             "-0.0",
                                             "2.5",
                                             "-2.5",
                                             "1e308",
                                             "(1/0)",
                                             "(-1/0)",
                                             "(0/0)",
                                             "9223372036854775807.0",
                                             "9007199254740993",
                                             "\"10\"",
                                             "\"x\"",
                                             "\"0x7fffffffffffffff\"",
                                             "\"9223372036854775808\"",
                                             "true",
                                             "nil",
                                             "t",
                                             "m"};
  for (const char* op :
       {"or", "and", "<", ">", "<=", ">=", "~=", "==", "|", "~", "&", "<<", ">>", "+", "-", "*", "/", "//", "%", "^"})
    for (const std::string& a : operands)
      for (const std::string& b : operands) {
        // Its compiler adds -0 for `- 0`, and loses the sign that IEEE 754 keeps.
        if (std::string_view(op) == "-" && a == "-0.0" && b == "0") continue;
        compare(Pair(a + " " + op + " " + b), lua, world, values);
      }
  for (const char* op : {"not ", "- ", "~ ", "# "})
    for (const std::string& a : operands) compare(Pair(op + a), lua, world, values);
  EXPECT_GT(values, 4000);
}

TEST(AgainstLua, AgreesOnPrecedenceOfEachPairOfOperators) {
  LuaVm lua;
  SmallWorld world(same_names());
  int values = 0;
  const std::vector<std::string> operators = {"or", "and", "<", "==", "|",  "~", "&", "<<",
                                              ">>", "+",   "-", "*",  "//", "%", "/", "^"};
  for (const std::string& x : operators)
    for (const std::string& y : operators)
      for (const char* unary : {"", "- ", "not ", "~ "}) {
        compare(Pair(std::string(unary) + "7 " + x + " 2 " + y + " 3"), lua, world, values);
        compare(Pair("7 " + x + " " + unary + "2 " + y + " 3"), lua, world, values);
      }
  EXPECT_GT(values, 1000);
}

TEST(AgainstLua, AgreesOnNumerals) {
  LuaVm lua;
  SmallWorld world;
  std::mt19937_64 random(4);
  int values = 0;
  for (int i = 0; i < 20000 && !::testing::Test::HasFailure(); ++i) {
    std::string text(1, "0123456789."[random() % 11]);
    if (random() % 3 == 0) text = random() % 2 == 0 ? "0x" : "0X";
    for (size_t n = random() % 6; n > 0; --n) text.push_back("0123456789aefpPE.+-xn"[random() % 21]);
    if (random() % 20 == 0) text += std::string(random() % 400, '9');
    if (text.find("--") != std::string::npos || text.find("+-") != std::string::npos ||
        text.find_first_not_of('.') == std::string::npos)
      continue;
    // A name may stand behind a sign here; that is no matter of numerals.
    bool name = false;
    for (size_t at = 0; at + 1 < text.size(); ++at)
      name |= (text[at] == '+' || text[at] == '-') && std::isalpha(static_cast<unsigned char>(text[at + 1])) != 0;
    if (name) continue;
    compare(Pair(text), lua, world, values);
  }
  EXPECT_GT(values, 5000);
}

TEST(AgainstLua, AgreesOnEscapesInTexts) {
  LuaVm lua;
  SmallWorld world;
  std::mt19937_64 random(5);
  int values = 0;
  const std::vector<std::string> pieces = {
      "\\n",  "\\t",  "\\\\",  "\\\"",         "\\'",         "\\x41", "\\xff",  "\\x4",  "\\065",
      "\\65", "\\9a", "\\256", "\\u{20AC}",    "\\u{10FFFF}", "\\u{}", "\\u{41", "\\z  ", "\\q",
      "\\\n", "a",    "'",     "\xE2\x82\xAC", " ",           "\\0",   "\\u41"};
  for (int i = 0; i < 5000 && !::testing::Test::HasFailure(); ++i) {
    std::string text = "\"";
    for (size_t n = random() % 5; n > 0; --n) text += pieces[random() % pieces.size()];
    compare(Pair(text + "\""), lua, world, values);
  }
  for (const char* text : {"[[a\nb]]", "[[\na]]", "[==[a]]b]=]c]==]", "[[a\\n]]", "'a\"b'", "[=[a]]", "[[]]"})
    compare(Pair(text), lua, world, values);
  EXPECT_GT(values, 1000);
}

}  // namespace
}  // namespace muster
