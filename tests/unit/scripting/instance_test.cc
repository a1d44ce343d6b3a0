// A call finds its file as it was when it was loaded, and the file is run anew only where a call has changed something.
#include "scripting/instance.h"

#include <gtest/gtest.h>

#include <lua.hpp>

#include "scripting/library.h"
#include "tests/unit/scripting/small_scripts.h"

namespace muster {
namespace {

struct Leaves {
  const char* what;
  const char* lua;  // `f()` gives the same whenever it is called
};

const Leaves leaves_something[] = {
    {"a global", "return {f = function() n = (n or 0) + 1 return n end}"},
    {"a local of the file", "local n = 0 return {f = function() n = n + 1 return n end}"},
    {"a whole number that becomes another kind",
     "local n = 1 return {f = function() local s = math.type(n) n = 1.0 return s end}"},
    {"a table", "local t = {} return {f = function() t[#t + 1] = 1 return #t end}"},
    {"a table in a table",
     "local t = {a = {b = {}}} return {f = function() t.a.b.n = (t.a.b.n or 0) + 1 return t.a.b.n end}"},
    {"a table as a key",
     "local k = {} local t = {[k] = 1} return {f = function() k.n = (k.n or 0) + 1 return k.n end}"},
    {"a key that is taken away",
     "local t = {a = 1} return {f = function() local a = t.a t.a = nil return a ~= nil end}"},
    {"a value that is put in place of another",
     "local t = {a = 1, b = 2} return {f = function() local a = t.a t.a = t.b return a end}"},
    {"a metatable",
     "local t = {} return {f = function() local n = t.x setmetatable(t, {__index = {x = 1}}) return n == nil end}"},
    {"what a metatable holds",
     "local m = {__index = {}} local t = setmetatable({}, m) return {f = function() local n = t.x m.__index.x = 1 "
     "return n == nil end}"},
    {"the table that it returned",
     "local all = {} function all.f() local n = all.n all.n = 1 return n == nil end return all"},
    {"a local of a function within",
     "local function counter() local n = 0 return function() n = n + 1 return n end end\n"
     "local count = counter() return {f = function() return count() end}"},
    {"a coroutine",
     "local g = coroutine.wrap(function() for i = 1, 9 do coroutine.yield(i) end end) return {f = function() return "
     "g() end}"},
    {"a coroutine that is made later",
     "local g return {f = function() g = g or coroutine.wrap(function() for i = 1, 9 do coroutine.yield(i) end end) "
     "return g() end}"},
    {"an iterator", "local words = string.gmatch('a b c', '%a') return {f = function() return words() end}"},
    {"pairs half way", "local n, t = pairs({a = 1, b = 2}) return {f = function() return (n(t)) end}"},
    {"a global through load", "return {f = function() load('n = (n or 0) + 1')() return n end}"},
    {"a large table",
     "local t = {} for i = 1, 5000 do t[i] = i end return {f = function() t[4000] = t[4000] + 1 return t[4000] end}"},
    {"a table that another function made",
     "local t = {} local function g() return t end return {f = function() g().n = (g().n or 0) + 1 return t.n end}"},
    {"a table behind a function that is global",
     "local t = {} function g() return t end return {f = function() g().n = (g().n or 0) + 1 return t.n end}"},
    {"a text that is put in place of one as long",
     "local s = ('x'):rep(100) return {f = function() local was = s s = ('y'):rep(100) return was end}"},
    {"a key that comes and goes, and another that stays",
     "local t = {a = 1} return {f = function() t.b = 1 t.a = nil local n = t.c t.c = 1 t.b = nil return n == nil end}"},
    {"an action that is defined late",
     "return {f = function() local ok = pcall(function() action 'late' {} end) return ok end}"},
};

TEST(ScriptInstances, LeaveNothingToTheNextCall) {
  for (const Leaves& one : leaves_something) {
    SCOPED_TRACE(one.what);
    SmallScripts scripts(one.lua);
    ASSERT_EQ(scripts.said(), "");
    Result<Value> first = scripts.call("f");
    ASSERT_TRUE(first.has_value()) << first.error().message;
    for (int i = 0; i < 3; ++i) {
      Result<Value> next = scripts.call("f");
      ASSERT_TRUE(next.has_value()) << next.error().message;
      EXPECT_EQ(to_text(*next), to_text(*first));
    }
  }
}

TEST(ScriptInstances, LeaveNothingOfARequiredFile) {
  SmallScripts scripts("local more = require 'lib.more' return {f = function() more.n = more.n + 1 return more.n end}",
                       {{"lib.more", "return {n = 0}"}});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(to_text(*scripts.call("f")), "1");
}

TEST(ScriptInstances, LeaveNothingOfAFileThatIsRequiredWhileAFunctionRuns) {
  SmallScripts scripts("return {f = function() local m = require 'lib.more' m.n = m.n + 1 return m.n end}",
                       {{"lib.more", "return {n = 0}"}});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(to_text(*scripts.call("f")), "1");
  SmallScripts both(
      "require 'lib.more' return {f = function() local m = require 'lib.more' m.n = m.n + 1 return m.n end}",
      {{"lib.more", "return {n = 0}"}});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(to_text(*both.call("f")), "1");
}

// What one function changes, another finds as it was.
TEST(ScriptInstances, LeaveNothingToAnotherFunction) {
  SmallScripts scripts(
      "local t, n = {}, 0 return {f = function() t.a = 1 n = n + 1 return n end, g = function() return t.a == nil and "
      "n == 0 end, h = function() return 1 end}");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(to_text(*scripts.call("f")), "1");
    EXPECT_EQ(to_text(*scripts.call("h")), "1");
    EXPECT_EQ(to_text(*scripts.call("g")), "true");
    EXPECT_EQ(to_text(*scripts.call("f")), "1");
    EXPECT_EQ(to_text(*scripts.call("g")), "true");
  }
}

TEST(ScriptInstances, LeaveNothingBehindAFailure) {
  SmallScripts scripts("local n = 0 return {f = function() n = n + 1 if n == 1 then error('no') end return n end}");
  for (int i = 0; i < 3; ++i) EXPECT_FALSE(scripts.call("f").has_value());
}

// Whether the second call finds the function of the first.
bool serves_again(const char* lua) {
  const std::vector<ScriptChunk> chunks = {{"t", "t.lua", lua, true}};
  ScriptState state(chunks);
  EXPECT_TRUE(state.compile().has_value());
  std::vector<const void*> found;
  for (int i = 0; i < 2; ++i) {
    state.box.begin();
    Result<void> done = state.box.protect([&](lua_State* l) {
      state.push_function(l, 0, "f");
      found.push_back(lua_topointer(l, -1));
      lua_call(l, 0, 0);
    });
    EXPECT_TRUE(done.has_value()) << done.error().message;
  }
  return found.size() == 2 && found[0] == found[1];
}

TEST(ScriptInstances, ServeAgainWhereNothingWasChanged) {
  EXPECT_TRUE(
      serves_again("local t = {1, 2} local function g(x) return x end\n"
                   "return {f = function() local s = 0 for _, v in ipairs(t) do s = s + g(v) end return s end}"));
  EXPECT_TRUE(serves_again("local trim = text.trim return {f = function() return list.map({' a '}, trim) end}"));
  EXPECT_TRUE(
      serves_again("action 'a' {summary = 's', effect = 'read', run = function() end}\n"
                   "return {f = function() end}"));
  // What a function cannot reach is none of its business.
  EXPECT_TRUE(serves_again("local t = {} return {f = function() end, g = function() t.a = 1 end}"));
  EXPECT_FALSE(serves_again("return {f = function() x = 1 end}"));
}

}  // namespace
}  // namespace muster
