// `ctx`: every other action as a function, progress, log, now, sleep and whether to stop; and nothing else of the
// world.
#include <lua.hpp>

#include "scripting/libraries.h"
#include "scripting/library.h"
#include "scripting/values.h"

namespace muster {
namespace {

const char functions_key = 0;

ScriptHost& host_of(lua_State* lua) {
  auto* host = static_cast<ScriptHost*>(Sandbox::of(lua).host);
  if (!host) raise(lua, std::string("`ctx` works only while the action runs"));
  return *host;
}

// What the host does takes as long as it takes, and is none of the script's time.
template <class F>
auto outside(lua_State* lua, F f) {
  Sandbox& box = Sandbox::of(lua);
  struct Pause {
    Sandbox& box;
    explicit Pause(Sandbox& b) : box(b) { box.pause(); }
    ~Pause() { box.resume(); }
  } pause(box);
  return f();
}

// With the file and line of the Lua code that called.
[[noreturn]] void raise_here(lua_State* lua, Error error) {
  lua_Debug caller;
  if (lua_getstack(lua, 1, &caller) != 0 && lua_getinfo(lua, "Sl", &caller) != 0 && caller.currentline > 0) {
    const std::string place = std::string(caller.short_src) + ":" + std::to_string(caller.currentline) + ": ";
    // An action that calls itself says so once.
    if (error.message.rfind(place, 0) != 0) error.message.insert(0, place);
  }
  raise(lua, error);
}

// Upvalue 1: the action's name. `ctx.shell{...}` and `ctx:shell{...}` are the same.
int call_action(lua_State* lua) {
  ScriptHost& host = host_of(lua);
  std::string name = lua_tostring(lua, lua_upvalueindex(1));
  int at = lua_type(lua, 1) == LUA_TUSERDATA ? 2 : 1;
  if (lua_isnoneornil(lua, at) == 0 && lua_istable(lua, at) == 0)
    raise(lua, "`ctx." + name + "` takes a table of its fields, as in `ctx." + name + "{...}`");
  Map args = map_at(lua, at, "its argument");
  Result<Value> answer = outside(lua, [&] { return host.call(name, args); });
  if (!answer) raise_here(lua, answer.error());
  push(lua, *answer);
  return 1;
}

int progress(lua_State* lua) {
  int at = lua_type(lua, 1) == LUA_TUSERDATA ? 2 : 1;
  lua_Integer done = luaL_checkinteger(lua, at), total = luaL_optinteger(lua, at + 1, 0);
  host_of(lua).progress(done, total, luaL_optstring(lua, at + 2, ""));
  return 0;
}
int log_line(lua_State* lua) {
  int at = lua_type(lua, 1) == LUA_TUSERDATA && luaL_testudata(lua, 1, "context") ? 2 : 1;
  luaL_checkany(lua, at);
  size_t size = 0;
  const char* bytes = luaL_tolstring(lua, at, &size);
  host_of(lua).log({bytes, size});
  return 0;
}
int now(lua_State* lua) {
  push(lua, Value(host_of(lua).now()));
  return 1;
}
int sleep(lua_State* lua) {
  int at = lua_type(lua, 1) == LUA_TUSERDATA ? 2 : 1;
  std::optional<Duration> duration = duration_at(lua, at);
  if (!duration || duration->us < 0)
    raise(lua, std::string("`ctx.sleep` takes a number of seconds, or text as in `30s`"));
  ScriptHost& host = host_of(lua);
  Result<void> slept = outside(lua, [&] { return host.sleep(*duration); });
  if (!slept) raise_here(lua, slept.error());
  return 0;
}
int is_stopped(lua_State* lua) {
  lua_pushboolean(lua, host_of(lua).is_stopped() ? 1 : 0);
  return 1;
}

int find(lua_State* lua) {
  ScriptHost& host = host_of(lua);
  if (lua_type(lua, 2) != LUA_TSTRING) return 0;
  std::string name = lua_tostring(lua, 2);
  if (const Value* fact = member(host.facts(), name)) {
    push(lua, *fact);
    return 1;
  }
  lua_rawgetp(lua, LUA_REGISTRYINDEX, &functions_key);
  if (lua_getfield(lua, -1, name.c_str()) != LUA_TNIL) return 1;
  lua_pop(lua, 1);
  lua_pushvalue(lua, 2);
  lua_pushcclosure(lua, call_action, 1);
  lua_pushvalue(lua, -1);
  lua_setfield(lua, -3, name.c_str());
  return 1;
}
int refuse_change(lua_State* lua) { raise(lua, std::string("`ctx` cannot be changed")); }

}  // namespace

void open_context(lua_State* lua) {
  lua_newuserdatauv(lua, 0, 0);
  luaL_newmetatable(lua, "context");
  lua_pushcfunction(lua, find);
  lua_setfield(lua, -2, "__index");
  lua_pushcfunction(lua, refuse_change);
  lua_setfield(lua, -2, "__newindex");
  lua_pushboolean(lua, 0);
  lua_setfield(lua, -2, "__metatable");
  lua_setmetatable(lua, -2);
  Sandbox::of(lua).context = luaL_ref(lua, LUA_REGISTRYINDEX);
  static const luaL_Reg functions[] = {{"progress", progress}, {"log", log_line},       {"now", now},
                                       {"sleep", sleep},       {"stopped", is_stopped}, {nullptr, nullptr}};
  lua_newtable(lua);
  luaL_setfuncs(lua, functions, 0);
  lua_rawsetp(lua, LUA_REGISTRYINDEX, &functions_key);
}

void ScriptState::push_context(lua_State* lua) { lua_rawgeti(lua, LUA_REGISTRYINDEX, Sandbox::of(lua).context); }

}  // namespace muster
