// What a call of a script costs, beside the floor: a bare lua_pcall with a table, in one state that nobody guards.
//   muster-scripts [ROUNDS]: medians of rounds, in microseconds a call, and the median of the ratios of each round.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <lua.hpp>
#include <vector>

#include "interpreter/base/handle.h"
#include "scripting/scripting.h"
#include "tests/world/step_stage.h"

namespace {

using namespace muster;

constexpr int calls = 20'000;

// What is measured, and how long a call of it has taken in each round.
struct Work {
  std::function<void()> call;
  std::vector<double> us = {};
};

// Microseconds of the processor a call: what runs beside it counts little.
double measured(const std::function<void()>& call) {
  const std::clock_t begin = std::clock();
  for (int n = 0; n < calls; ++n) call();
  return 1e6 * static_cast<double>(std::clock() - begin) / CLOCKS_PER_SEC / calls;
}

double median(std::vector<double> all) {
  std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2), all.end());
  return all[all.size() / 2];
}

// Of pairs that were measured one right after the other: a machine that slows down slows both.
double times(const Work& work, const Work& floor) {
  std::vector<double> all;
  for (size_t i = 0; i < work.us.size(); ++i) all.push_back(work.us[i] / floor.us[i]);
  return median(std::move(all));
}

// A state that nobody guards, with a function on its stack.
class Bare {
 public:
  explicit Bare(const char* function) {
    luaL_openlibs(lua_.get());
    if (luaL_dostring(lua_.get(), function) != LUA_OK) std::abort();
  }
  void call() {
    lua_State* lua = lua_.get();
    lua_pushvalue(lua, -1);
    lua_createtable(lua, 0, 1);
    lua_pushinteger(lua, 1);
    lua_setfield(lua, -2, "a");
    if (lua_pcall(lua, 1, 1, 0) != LUA_OK) std::abort();
    lua_pop(lua, 1);
  }

 private:
  Handle<lua_State, &lua_close> lua_{luaL_newstate()};
};

}  // namespace

int main(int argc, char** argv) {
  const int rounds = argc > 1 ? std::atoi(argv[1]) : 41;
  Bare takes("return function(t) return t.a end"), answers("return function(t) return {a = t.a} end");

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
  step_stage::StepStage stage;
  const Map args{{"a", 1}};
  const StepInput input = stage.input_of(args);  // as the engine makes it once for a step
  Look world = stage.look_port();

  Work floor{[&] { takes.call(); }};
  Work with_answer{[&] { answers.call(); }};
  Work many{[&] {
    if (!(*ready)->call({&argument, 1})) std::abort();
  }};
  Work once{[&] {
    if (!set->scripts->call("t.f", {&argument, 1}, context)) std::abort();
  }};
  Work action{[&] {
    if (!set->actions[0].look(input, world)) std::abort();
  }};
  for (int round = 0; round < rounds; ++round)
    for (Work* work : {&floor, &with_answer, &many, &once, &action}) work->us.push_back(measured(work->call));
  std::printf(
      "a bare call %.2f us, one that gives a table back %.2f us; of a function made ready %.2f us, %.1f times; of an "
      "expression %.2f us, %.1f times; of an action %.2f us, %.1f and %.1f times\n",
      median(floor.us), median(with_answer.us), median(many.us), times(many, floor), median(once.us),
      times(once, floor), median(action.us), times(action, floor), times(action, with_answer));
  return 0;
}
