// What a call of a script costs, beside the floor: a bare lua_pcall with a table, in one state that nobody guards.
//   muster-scripts [ROUNDS]: medians of rounds, in microseconds a call, and their ratios.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <lua.hpp>
#include <vector>

#include "scripting/scripting.h"
#include "tests/world/step_stage.h"

namespace {

using namespace muster;

constexpr int calls = 100'000;

// Microseconds of the processor a call, the median of the rounds: what runs beside it counts little.
double measured(int rounds, const std::function<void()>& call) {
  std::vector<double> all;
  for (int i = 0; i < rounds; ++i) {
    const std::clock_t begin = std::clock();
    for (int n = 0; n < calls; ++n) call();
    all.push_back(1e6 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC / calls);
  }
  std::sort(all.begin(), all.end());
  return all[all.size() / 2];
}

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 9;
  lua_State* lua = luaL_newstate();
  luaL_openlibs(lua);
  if (luaL_dostring(lua, "return function(t) return t.a end") != LUA_OK) return 1;
  const double floor = measured(rounds, [&] {
    lua_pushvalue(lua, -1);
    lua_createtable(lua, 0, 1);
    lua_pushinteger(lua, 1);
    lua_setfield(lua, -2, "a");
    if (lua_pcall(lua, 1, 1, 0) != LUA_OK) std::abort();
    lua_pop(lua, 1);
  });
  // What an action does: it gives a table back.
  if (luaL_dostring(lua, "return function(t) return {a = t.a} end") != LUA_OK) return 1;
  const double with_answer = measured(rounds, [&] {
    lua_pushvalue(lua, -1);
    lua_createtable(lua, 0, 1);
    lua_pushinteger(lua, 1);
    lua_setfield(lua, -2, "a");
    if (lua_pcall(lua, 1, 1, 0) != LUA_OK) std::abort();
    lua_pop(lua, 1);
  });
  lua_close(lua);

  SourceFiles files;
  Diagnostics problems;
  std::vector<ScriptFile> scripts = {
      {files.add({"t.lua",
                  "action 'weigh' {summary = 's', effect = 'read', fields = {a = {type = 'integer'}},\n"
                  "  run = function(args) return {a = args.a} end}\n"
                  "local one = 1 local function g(t) return t.a * one end\n"
                  "return {f = function(t) return g(t) end}\n",
                  ""}),
       "t", true}};
  std::optional<ScriptSet> set = load_scripts(files, scripts, {}, problems);
  if (!set) return 1;
  const Value argument(Map{{"a", 1}});
  const ScriptContext context;
  Result<std::unique_ptr<ScriptFunction>> ready = set->scripts->open("t.f", context);
  if (!ready) return 1;
  const double many = measured(rounds, [&] {
    if (!(*ready)->call({&argument, 1})) std::abort();
  });
  const double once = measured(rounds, [&] {
    if (!set->scripts->call("t.f", {&argument, 1}, context)) std::abort();
  });
  step_stage::StepStage stage;
  const Map args{{"a", 1}};
  const double action = measured(rounds, [&] {
    if (!stage.look(set->actions[0], args)) std::abort();
  });
  std::printf(
      "a bare call %.2f us, one that gives a table back %.2f us; of a function made ready %.2f us, %.1f times; of an "
      "expression %.2f us, %.1f times; of an action %.2f us, %.1f and %.1f times\n",
      floor, with_answer, many, many / floor, once, once / floor, action, action / floor, action / with_answer);
  return 0;
}
