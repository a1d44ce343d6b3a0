// What a script may use and reach: rows B80 to B88 and S33 of the fault matrix, each tried for real.
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <lua.hpp>
#include <thread>

#include "scripting/libraries.h"
#include "scripting/sandbox.h"
#include "tests/unit/scripting/small_scripts.h"

namespace muster {
namespace {

bool is_stopped(const std::string& said) {
  return said.find("used up its") != std::string::npos || said.find("too long") != std::string::npos ||
         said.find("not enough memory") != std::string::npos;
}

// Within the limits of a script, however it tries to go on.
void expect_stopped(const std::string& body) {
  auto begin = std::chrono::steady_clock::now();
  std::string said = gives(body);
  EXPECT_TRUE(is_stopped(said)) << body << "\n" << said;
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(40)) << body;
}

// What a script says within limits of its own: empty where nothing is raised.
std::string says_within(ScriptLimits limits, const std::string& body) {
  Sandbox box(limits);
  box.begin();
  Result<void> done = box.protect([&](lua_State* lua) {
    if (luaL_loadbufferx(lua, body.data(), body.size(), "=t.lua", "t") != LUA_OK) lua_error(lua);
    push_environment(lua);
    lua_setupvalue(lua, -2, 1);
    lua_call(lua, 0, 0);
  });
  return done ? std::string() : done.error().message;
}
// By its count alone: with a time that no machine is too slow for. A call that ran on inside of C would take minutes.
void expect_counted(const std::string& body,
                    ScriptLimits limits = {.instructions = 2'000'000, .time = Duration::seconds(600)}) {
  auto begin = std::chrono::steady_clock::now();
  std::string said = says_within(limits, body);
  EXPECT_NE(said.find("used up its budget of instructions"), std::string::npos) << body << "\n" << said;
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(40)) << body;
}

TEST(ScriptLimits, EndALoopThatDoesNotEnd) { expect_stopped("while true do end"); }

TEST(ScriptLimits, EndItInsideWhateverCatchesErrors) {
  expect_counted("while true do pcall(function() while true do end end) end");
  expect_counted("local function loop() while true do end end while true do xpcall(loop, loop) end");
  // Each error of a stack this deep takes long: time ends it, where the count would not for minutes.
  EXPECT_TRUE(is_stopped(says_within({.time = Duration::milliseconds(500)},
                                     "local function again() return pcall(again) or again() end again()")));
  expect_counted("do local x <close> = setmetatable({}, {__close = function() while true do end end}) error('x') end");
}

TEST(ScriptLimits, EndItInsideCoroutines) {
  expect_counted("while true do coroutine.wrap(function() while true do end end)() end");
  expect_counted(
      "while true do local co = coroutine.create(function() while true do end end) coroutine.resume(co) end");
  expect_counted(
      "coroutine.wrap(function() while true do pcall(coroutine.wrap(function() while true do end end)) end end)()");
}

// Lua leaves a coroutine that its hook has ended without a hook: nothing would count what it closes then.
TEST(ScriptLimits, EndItInWhatACoroutineClosesThatWasEnded) {
  const std::string open = "local x <close> = setmetatable({}, {__close = function() while true do end end}) ";
  expect_counted("coroutine.wrap(function() " + open + "while true do end end)()");
  expect_counted("local co = coroutine.create(function() " + open +
                 "while true do end end) coroutine.resume(co) coroutine.close(co) while true do end");
  expect_counted("while true do pcall(coroutine.wrap(function() " + open + "while true do end end)) end");
  expect_counted("coroutine.wrap(function() coroutine.wrap(function() " + open + open +
                 "while true do end end)() end)()");
}

TEST(ScriptLimits, LeaveCoroutinesAsTheyAre) {
  EXPECT_EQ(says_within({},
                        "local co = coroutine.wrap(function(...)\n"
                        "  local a, b = ... local c = coroutine.yield(a + b) local d, e = coroutine.yield(c * 2)\n"
                        "  return d .. e\n"
                        "end)\n"
                        "assert(co(1, 2) == 3 and co(5) == 10 and co('x', 'y') == 'xy')\n"
                        "local ok, why = pcall(co) assert(not ok and why:find('dead'))"),
            "");
  EXPECT_EQ(says_within({},
                        "local co = coroutine.create(function()\n"
                        "  pcall(function() coroutine.yield(1) error('x') end) coroutine.yield(2) error({code = 7})\n"
                        "end)\n"
                        "assert(select(2, coroutine.resume(co)) == 1 and select(2, coroutine.resume(co)) == 2)\n"
                        "local ok, why = coroutine.resume(co)\n"
                        "assert(not ok and why.code == 7 and coroutine.status(co) == 'dead')"),
            "");
  EXPECT_NE(says_within({}, "coroutine.wrap(1)").find("function expected, got number"), std::string::npos);
}

TEST(ScriptLimits, CountThePatternsThatGoWrong) {
  expect_stopped("return ('a'):rep(220):find(('.-'):rep(4) .. 'b')");
  expect_counted("return ('a'):rep(220):find(('.-'):rep(4) .. 'b')");
  expect_counted("return ('a'):rep(3000):match(('a*'):rep(12) .. 'b')");
  expect_counted("return (('a'):rep(300):gsub(('.-'):rep(5) .. 'b', ''))");
  expect_counted("for _ in ('a'):rep(300):gmatch(('.-'):rep(5) .. 'b') do end");
}

// A regular expression takes no longer than text times program: what is left of the budget bounds that, too.
TEST(ScriptLimits, CountRegularExpressionsWhileTheyRead) {
  const std::string text = "local s = ('a'):rep(3e7) ";
  for (const char* search : {"re.test(s, '(a?){50}a{50}z')", "re.match(s, '(a|b|c|d|e|f|g|h){100}z')",
                             "re.match_all(s, '(a?){50}a{50}z')", "re.replace(s, '(a?){50}a{50}z', '')"})
    expect_counted(text + search, {.instructions = 40'000'000, .time = Duration::seconds(600)});
  expect_counted("re.test(('a'):rep(1e6), ('(a)'):rep(1000) .. 'z')",
                 {.instructions = 40'000'000, .time = Duration::seconds(600)});
}

TEST(ScriptLimits, HoldMemory) {
  expect_stopped("return #('x'):rep(2^29)");
  expect_stopped("local t = {} for i = 1, 1e9 do t[i] = {i} end");
  expect_stopped("local s = 'x' while true do s = s .. s end");
  expect_stopped("local t = {} while true do t[#t + 1] = ('x'):rep(1e6) .. #t end");
  EXPECT_NE(gives("return string.format('%99999d', 1)").find("error: "), std::string::npos);
  // In small pieces and in all sizes, one after the other: what was given back counts no more, what is held does.
  expect_stopped("local t = {} for i = 1, 1e8 do t = {t} end");
  EXPECT_EQ(gives("for size = 1, 400 do local t = {} for i = 1, 300 do t[i] = ('x'):rep(size) .. i end end return 1"),
            "integer 1");
}

TEST(ScriptLimits, CountLoopsInsideTheLibraries) {
  expect_counted("table.move({}, 1, 2^40, 2)");
  EXPECT_EQ(gives("table.insert(setmetatable({}, {__len = function() return 2^50 end}), 1, 1)"),
            "error: t.lua:1: the functions on tables want one whose length is its own");
  expect_counted(
      "local t = {} for i = 1, 20000 do t[i] = i end while true do table.insert(t, 1, 0) table.remove(t, 1) end");
  // Values that a metamethod makes up, as far as one says.
  expect_counted("table.concat(setmetatable({}, {__index = rawlen}), '', 1, 2^40)");
  expect_counted("table.concat(setmetatable({}, {__index = tostring, __tostring = table.concat}), '', 1, 2^62)");
  EXPECT_EQ(gives("table.concat(setmetatable({}, {__index = tostring}), '', math.mininteger, math.maxinteger)"),
            "error: t.lua:1: these are too many values to join");
  EXPECT_EQ(gives("return table.concat({'a', 'b', 'c'}, '-', 2, 3)"), "string b-c");
  EXPECT_EQ(gives("return table.concat({'a'}, '-', 1, 2^40)"),
            "error: t.lua:1: invalid value (nil) at index 2 in table for 'concat'");
}

// Rows B82 and B83: each copy counts, of however small a text.
TEST(ScriptLimits, CountEachCopyOfAText) {
  for (const char* body : {"while true do (''):rep(2^62) end", "while true do ('x'):rep(1e5) end",
                           "while true do pcall(string.rep, 'x', 1e5, '') end"})
    expect_counted(body);
  EXPECT_EQ(gives("return (''):rep(2^62)"), "string ");
  EXPECT_EQ(gives("return ('x'):rep(-1)"), "string ");
  EXPECT_EQ(gives("return (''):rep(3, ',')"), "string ,,");
  EXPECT_EQ(gives("return ('x'):rep(2^29)"), "error: t.lua:1: this text would be too long");
  // One byte, as often as a state has room for: counted before anything is copied.
  expect_counted("return ('x'):rep(2^25)");
}

// Comparing two long texts is one step for `table.sort`, and takes as long as they are.
TEST(ScriptLimits, CountTheTextsThatAreSorted) {
  const std::string two =
      "local a, b = ('x'):rep(1e6) .. 'a', ('x'):rep(1e6) .. 'b' local t = {} "
      "for i = 1, 1e4 do t[i] = i % 2 == 0 and a or b end ";
  expect_counted(two + "table.sort(t)", {.instructions = 20'000'000, .time = Duration::seconds(600)});
  expect_counted(two + "table.sort(t, rawequal)", {.instructions = 20'000'000, .time = Duration::seconds(600)});
  EXPECT_EQ(gives("local long = ('x'):rep(2000) local t = {long .. 'c', 'y', long .. 'a', long .. 'b'} table.sort(t) "
                  "return t[1]:sub(-1) .. t[2]:sub(-1) .. t[3]:sub(-1) .. t[4]"),
            "string abcy");
  EXPECT_EQ(gives("local t = {3, 1, 2} table.sort(t, function(a, b) return a > b end) return t"), "list [3,2,1]");
  EXPECT_EQ(gives("table.sort({1, 'x'})"), "error: t.lua:1: attempt to compare string with number");
  EXPECT_EQ(gives("table.sort({2, 1}, 3)"),
            "error: t.lua:1: bad argument #2 to 'sort' (function expected, got number)");
}

// Values go out of Lua one by one, and texts are read as numbers character by character.
TEST(ScriptLimits, CountWhatIsReadAndWritten) {
  expect_counted("local t = {} for i = 1, 1e5 do t[i] = 1 end while true do pcall(json.encode, t) end");
  expect_counted("local s = ('\\1'):rep(1e6) while true do pcall(json.encode, s) end");
  expect_counted("local s = '[' .. ('1,'):rep(1e5) .. '1]' while true do pcall(json.decode, s) end");
  expect_counted("local s = ('0'):rep(1e6) while true do pcall(tonumber, s, 10) end");
  expect_counted("local s = ('0'):rep(1e6) while true do math.floor(s) end");
}

TEST(ScriptLimits, StopWhenTheRunDoes) {
  SmallScripts scripts("return {f = function() while true do end end}");
  std::stop_source stop;
  std::thread later([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    stop.request_stop();
  });
  Result<Value> value = scripts.set->scripts->call("t.f", {}, ScriptContext{{}, {}, stop.get_token()});
  later.join();
  ASSERT_FALSE(value.has_value());
  EXPECT_EQ(value.error().code, ErrorCode::interrupted);
}

TEST(ScriptLimits, LeaveTheNextCallAlone) {
  SmallScripts scripts(
      "count = 0 local kept = 0\n"
      "return {loop = function() while true do end end, fill = function() local t = {} while true do t[#t+1] = {} end "
      "end,\n"
      "  f = function() count = count + 1 kept = kept + 1 return count + kept end}");
  EXPECT_FALSE(scripts.call("loop").has_value());
  EXPECT_FALSE(scripts.call("fill").has_value());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(to_text(*scripts.call("f")), "2");
}

TEST(ScriptErrors, OfAnyShapeAreTold) {
  EXPECT_EQ(gives("error('no')"), "error: t.lua:1: no");
  EXPECT_EQ(gives("error('no', 0)"), "error: t.lua:1: no");
  EXPECT_EQ(gives("error()"), "error: t.lua:1: the script raised a nil");
  EXPECT_EQ(gives("error({})"), "error: t.lua:1: the script raised a table");
  EXPECT_EQ(gives("error(setmetatable({}, {__tostring = function() error('again') end}))"),
            "error: t.lua:1: the script raised a table");
  EXPECT_EQ(gives("error(setmetatable({}, {__index = function(t) return t.x end}))"),
            "error: t.lua:1: the script raised a table");
  EXPECT_EQ(gives("error({message = 'said so'})"), "error: said so");
  EXPECT_EQ(gives("local x = nil; return x.y"), "error: t.lua:1: attempt to index a nil value (local 'x')");
  EXPECT_EQ(gives("local t = {} t.t = t t.message = t error(t)"), "error: t.lua:1: the script raised a table");
  EXPECT_EQ(gives("error(function() end)"), "error: t.lua:1: the script raised a function");
  EXPECT_EQ(gives("error(coroutine.create(function() end))"), "error: t.lua:1: the script raised a thread");
  EXPECT_EQ(gives("error(setmetatable({}, {__tostring = function() while true do end end, __name = {}}))"),
            "error: t.lua:1: the script raised a table");
}

// Row B84: a hundred megabytes. A script has not got the memory to raise them...
TEST(ScriptErrors, OfAHundredMegabytesDoNotFitIntoAScript) {
  for (const char* raise : {"error(('x'):rep(1e8))", "error({message = ('x'):rep(1e8)})", "error(('x'):rep(1e8), 0)"})
    EXPECT_EQ(gives(raise), "error: t.lua:1: the script has used up its memory of 64 MB") << raise;
}

// ... and where one has, they are told in a few words.
TEST(ScriptErrors, OfAHundredMegabytesAreToldInAFewWords) {
  Sandbox box({.bytes = size_t{1} << 30, .time = Duration::seconds(600)});
  for (const std::string raise : {"error(text)", "error(text, 0)", "error({message = text, hint = text, code = text})",
                                  "error(setmetatable({}, {__tostring = function() return text end}))",
                                  "local t <close> = setmetatable({}, "
                                  "{__close = function() error(text) end}) error('first')",
                                  "error(coroutine.wrap(function() error(text) end)())"}) {
    box.begin();
    const std::string lua_text = "local text = ('x'):rep(1e6):rep(100) assert(#text == 100000000) " + raise;
    Result<void> done = box.protect([&](lua_State* lua) {
      ASSERT_EQ(luaL_loadbufferx(lua, lua_text.data(), lua_text.size(), "=t.lua", "t"), LUA_OK);
      push_environment(lua);
      lua_setupvalue(lua, -2, 1);
      lua_call(lua, 0, 0);
    });
    ASSERT_FALSE(done.has_value()) << raise;
    const Error& error = done.error();
    EXPECT_FALSE(error.message.empty()) << raise;
    EXPECT_EQ(error.message.find("memory"), std::string::npos) << raise << error.message.substr(0, 100);
    EXPECT_LT(error.message.size() + error.hint.size() + error.own_code.size() + error.cause.size(), 13'000u) << raise;
  }
}

// The fence itself stays quick however deep the stack is: memory ends it, not time.
TEST(ScriptErrors, TellARecursionThatDoesNotEndAtOnce) {
  EXPECT_EQ(gives("local function f() return f() + 1 end return f()"),
            "error: t.lua:1: the script has used up its memory of 64 MB");
}

TEST(ScriptErrors, OfWhatTheHostRefusesSayTheLine) {
  EXPECT_EQ(gives("local ctx = ... ctx.sleep(1)"), "error: t.lua:1: a function only computes: it cannot sleep");
  EXPECT_EQ(gives("local ctx = ... ctx.shell{}"), "error: t.lua:1: `ctx.shell` is not there: a function only computes");
}

TEST(ScriptErrors, KeepTheirCode) {
  SmallScripts scripts(
      "return {known = function() error{code = 'no_backup', message = 'none', effect = 'none'} end,\n"
      "own = function() error{code = 'quota_exceeded', message = 'full', hint = 'wait'} end}");
  Result<Value> known = scripts.call("known");
  EXPECT_EQ(known.error().code, ErrorCode::no_backup);
  EXPECT_EQ(known.error().effect, Certainty::no_effect);
  Result<Value> own = scripts.call("own");
  EXPECT_EQ(own.error().own_code, "quota_exceeded");
  EXPECT_EQ(own.error().hint, "wait");
}

TEST(ScriptFence, HasNoDoorToTheWorld) {
  EXPECT_EQ(
      gives("local out = {} for _, n in ipairs{'io', 'os', 'debug', 'package', 'dofile', 'loadfile', 'collectgarbage',"
            " 'print', 'warn'} do if _G[n] ~= nil then out[#out + 1] = n end end return out"),
      "list []");
  EXPECT_EQ(gives("return string.dump == nil and math.random == nil and string.pack == nil"), "boolean true");
  EXPECT_EQ(gives("return os.exit"), "error: t.lua:1: attempt to index a nil value (global 'os')");
  EXPECT_NE(gives("require 'socket'").find("no file `socket`"), std::string::npos);
}

TEST(ScriptFence, TakesNoBytecode) {
  EXPECT_NE(gives("local f, why = load('\\27Lua') return why").find("binary"), std::string::npos);
  EXPECT_EQ(gives("return load('return 1 + 1')()"), "integer 2");
  EXPECT_EQ(gives("return load('return x', 'c', 'bt', {x = 3})()"), "integer 3");
  SmallScripts scripts("\x1bLua");
  EXPECT_FALSE(scripts.set.has_value());
}

TEST(ScriptFence, KeepsItsLibrariesAsTheyAre) {
  EXPECT_NE(gives("string.rep = nil").find("cannot be changed"), std::string::npos);
  EXPECT_NE(gives("rawset(string, 'rep', nil)").find("cannot be changed"), std::string::npos);
  EXPECT_NE(gives("table.insert(json, 1)").find("error: "), std::string::npos);
  EXPECT_NE(gives("setmetatable(string, {})").find("protected"), std::string::npos);
  EXPECT_EQ(gives("return getmetatable('')"), "boolean false");
  EXPECT_NE(gives("getmetatable('').__index = {}").find("error: "), std::string::npos);
  EXPECT_NE(gives("setmetatable('', {})").find("error: "), std::string::npos);
  EXPECT_NE(gives("setmetatable({}, {__gc = function() end})").find("`__gc` is not for scripts"), std::string::npos);
  EXPECT_NE(gives("local ctx = ... ctx.shell = 1").find("cannot be changed"), std::string::npos);
  SmallScripts scripts(
      "return {spoil = function() _G.pairs = nil string = nil return 1 end, f = function() return #string.rep('a', 3) "
      "end}");
  EXPECT_TRUE(scripts.call("spoil").has_value());
  EXPECT_EQ(to_text(*scripts.call("f")), "3");
}

// Row B86: what all calls share has metatables that nobody sees or changes.
TEST(ScriptFence, KeepsTheValuesThatItGivesAsTheyAre) {
  const std::vector<Value> shared = {Value(*parse_timestamp("2026-01-15T10:00:00Z")), Value(List{1, Null{}}),
                                     Value(Map{}), Value(Secret("key", "hunter2"))};
  for (const Value& value : shared) {
    EXPECT_EQ(gives("local v = ... return getmetatable(v)", {value}), "boolean false");
    EXPECT_NE(gives("local v = ... getmetatable(v).__index = {}", {value}).find("error: "), std::string::npos);
    EXPECT_NE(gives("local v = ... setmetatable(v, {})", {value}).find("error: "), std::string::npos);
  }
  EXPECT_EQ(gives("local v, ctx = ... return getmetatable(ctx)", {Value(1)}), "boolean false");
}

// Row B87: scripts have no finalizers; what runs when a block is left may fail, and is counted.
TEST(ScriptFence, TellsWhatFailsWhileABlockIsLeft) {
  EXPECT_EQ(gives("local x <close> = setmetatable({}, {__close = function() error('closing') end}) return 1"),
            "error: t.lua:1: closing");
  EXPECT_EQ(gives("local co = coroutine.create(function() local x <close> = setmetatable({}, {__close = function() "
                  "error('closing') end}) coroutine.yield() end) coroutine.resume(co) return "
                  "tostring(select(2, coroutine.close(co)))"),
            "string t.lua:1: closing");
  expect_stopped(
      "local co = coroutine.create(function() local x <close> = setmetatable({}, {__close = function() while true do "
      "end end}) coroutine.yield() end) coroutine.resume(co) coroutine.close(co) while true do end");
  EXPECT_NE(gives("collectgarbage('stop')").find("attempt to call a nil value (global 'collectgarbage')"),
            std::string::npos);
}

TEST(ScriptFence, YieldsToNobody) {
  EXPECT_NE(gives("coroutine.yield(1)").find("outside a coroutine"), std::string::npos);
  EXPECT_NE(gives("return coroutine.wrap(function() ('a'):gsub('a', function() coroutine.yield() end) end)()")
                .find("across a C-call boundary"),
            std::string::npos);
  EXPECT_EQ(gives("return coroutine.wrap(function() pcall(coroutine.yield, 7) end)()"), "integer 7");
}

TEST(ScriptOrder, IsTheSameInEveryRun) {
  EXPECT_EQ(
      gives("local out = {} for k in pairs{b = 1, a = 2, [10] = 3, [2] = 4, c = 5} do out[#out + 1] = tostring(k) end "
            "return table.concat(out, ' ')"),
      "string 2 10 a b c");
  EXPECT_EQ(gives("return next({b = 1, a = 2})"), "string a");
  EXPECT_EQ(gives("local t = {a = 1, b = 2, c = 3} local out = '' for k in pairs(t) do out = out .. k t.b = nil end "
                  "return out"),
            "string ac");
  EXPECT_EQ(gives("return tostring({}) .. tostring(print)"), "string tablenil");
}

TEST(ScriptPatterns, AreThoseOfLua) {
  EXPECT_EQ(gives("return ('key = value'):match('^(%w+)%s*=%s*(%w+)$')"), "string key");
  EXPECT_EQ(gives("return (('hello world'):gsub('o', '0'))"), "string hell0 w0rld");
  EXPECT_EQ(gives("return (('abc'):gsub('%w', '%0%0'))"), "string aabbcc");
  EXPECT_EQ(gives("return (('abc'):gsub('', '-'))"), "string -a-b-c-");
  EXPECT_EQ(gives("return ('THE (quick) fox'):find('%((%a+)%)')"), "integer 5");
  EXPECT_EQ(gives("return ('f(a(b)c)d'):match('%b()')"), "string (a(b)c)");
  EXPECT_EQ(gives("return (('THE (quick) fox'):gsub('%f[%a]%a+', string.lower))"), "string the (quick) fox");
  EXPECT_EQ(gives("return ('x=[[a]]'):match('%[(=*)%[(.-)%]%1%]')"), "string ");
  EXPECT_EQ(gives("local n = 0 for w in ('one two three'):gmatch('%a+') do n = n + 1 end return n"), "integer 3");
  EXPECT_EQ(gives("return ('a.b'):find('.', 1, true)"), "integer 2");
  EXPECT_EQ(gives("return ('abc'):find('b', -1)"), "nil nil");
  EXPECT_EQ(gives("return ('abc'):match('()b()')"), "integer 2");
  EXPECT_EQ(gives("return ('x'):rep(3, '-')"), "string x-x-x");
  EXPECT_EQ(gives("return ('[x]'):match('[^%[%]]')"), "string x");
  for (const char* bad : {"('a'):find('[a')", "('a'):find('%')", "('a'):find('(a')", "('a'):match('a)')",
                          "('a'):find('%f')", "('a'):gsub('a', '%2')", "('a'):find('%1')"})
    EXPECT_EQ(gives(std::string("return ") + bad).rfind("error: ", 0), 0u) << bad;
}

TEST(ScriptBorder, CarriesValuesBothWays) {
  EXPECT_EQ(gives("local v = ... return v", {Value(List{1, Null{}, 3, Null{}})}), "list [1,null,3,null]");
  EXPECT_EQ(gives("local v = ... return #v", {Value(List{1, Null{}, 3, Null{}})}), "integer 4");
  EXPECT_EQ(gives("local v = ... return v", {Value(Map{})}), "map {}");
  EXPECT_EQ(gives("local v = ... return v", {Value(List{})}), "list []");
  EXPECT_EQ(gives("local v = ... return v", {Value(Map{{"a", Map{{"b", List{1, 2.5, "x", true}}}}})}),
            "map {\"a\":{\"b\":[1,2.5,\"x\",true]}}");
  EXPECT_EQ(gives("local v = ... return v", {Value(std::string("a\0b", 3))}), "string " + std::string("a\0b", 3));
  EXPECT_EQ(gives("local v = ... return v + 60", {Value(*parse_timestamp("2026-01-15T10:00:00Z"))}),
            "timestamp 2026-01-15T10:01:00Z");
  EXPECT_EQ(gives("local v = ... return v", {Value(Duration::seconds(90))}), "integer 90");
  EXPECT_EQ(gives("return math.mininteger"), "integer -9223372036854775808");
  EXPECT_EQ(gives("return 2^63"), "number 9.2233720368548e+18");
  EXPECT_EQ(gives("return -0.0 == 0"), "boolean true");
  Result<Value> zero = SmallScripts("return {f = function() return {-0.0} end}").call("f");
  ASSERT_TRUE(zero.has_value());
  EXPECT_TRUE(std::signbit(zero->get<List>()[0].get<double>()));
  EXPECT_EQ(gives("return math.maxinteger + 1 == math.mininteger"), "boolean true");
  EXPECT_EQ(gives("return {['a\\0b'] = 'c\\0d'}").find("error"), std::string::npos);
}

TEST(ScriptBorder, RefusesWhatIsNoValue) {
  EXPECT_EQ(gives("return 0/0"), "error: t.lua:1: what it gives is not a number (NaN)");
  EXPECT_EQ(gives("return {a = {1, -math.huge}}"), "error: t.lua:1: what it gives.a[2] is infinite");
  EXPECT_EQ(gives("return {[1] = 1, [3] = 3}"), "error: t.lua:1: what it gives is a list of 2 with a hole at 2");
  EXPECT_EQ(gives("local t = {} t.t = t return t"),
            "error: t.lua:1: what it gives.t is a table that stands inside itself");
  EXPECT_NE(gives("local t = {} for i = 1, 200 do t = {t} end return t").find("nested more than 100 deep"),
            std::string::npos);
  EXPECT_NE(gives("return {f = function() end}").find("is a function"), std::string::npos);
  EXPECT_NE(gives("return {1, 2, x = 3}").find("has keys that are"), std::string::npos);
  EXPECT_NE(gives("return {[1.5] = 1}").find("error: "), std::string::npos);
  EXPECT_NE(gives("return coroutine.create(function() end)").find("is a thread"), std::string::npos);
  EXPECT_NE(gives("local t = {} for i = 1, 1100000 do t[i] = 1 end return t").find("a million values"),
            std::string::npos);
}

TEST(ScriptBorder, ShowsNoSecret) {
  Value secret = Secret("key", "hunter2");
  EXPECT_EQ(gives("local s = ... return tostring(s)", {secret}), "string ***");
  EXPECT_EQ(gives("local s = ... return 'Bearer ' .. s", {secret}), "secret ***");
  for (const char* body : {"return #s", "return s < 'z'", "return s + 1", "return s:sub(1)", "return string.len(s)",
                           "return json.encode({s = s}):find('hunter')", "error(s)", "error('x' .. s)",
                           "return s == 'hunter2'", "return hash.sha256(s)"}) {
    std::string said = gives(std::string("local s = ... ") + body, {secret});
    EXPECT_EQ(said.find("hunter"), std::string::npos) << said;
    EXPECT_NE(said, "boolean true") << body;
  }
}

}  // namespace
}  // namespace muster
