// Lua's own libraries, as far as a script may have them: nothing that reaches the world, nothing that runs for long
// without being counted, nothing whose answer differs from run to run.
#include <algorithm>
#include <lua.hpp>
#include <string>

#include "scripting/instance.h"
#include "scripting/libraries.h"
#include "scripting/library.h"
#include "scripting/sandbox.h"
#include "scripting/values.h"

namespace muster {
namespace {

const char globals_key = 0, frozen_key = 0;

// --- tables that cannot be changed

int refuse_change(lua_State* lua) {
  raise(lua, std::string("this table belongs to the libraries, and cannot be changed"));
}

// --- a function of Lua that counts what it is about to do: upvalue 1 is the function, 2 what a value costs

int64_t size_of(lua_State* lua, int index) {
  switch (lua_type(lua, index)) {
    case LUA_TSTRING:
      return static_cast<int64_t>(lua_rawlen(lua, index)) / 16;
    case LUA_TTABLE:
      return static_cast<int64_t>(lua_rawlen(lua, index));
    default:
      return 0;
  }
}

int counted(lua_State* lua) {
  int64_t cost = 1;
  for (int i = 1; i <= std::min(lua_gettop(lua), 4); ++i) cost += size_of(lua, i);
  Sandbox::charge(lua, cost * lua_tointeger(lua, lua_upvalueindex(2)));
  return lua_tocfunction(lua, lua_upvalueindex(1))(lua);
}

// The functions on tables loop as far as the length says, and a length can be made up by a metamethod.
void want_own_length(lua_State* lua) {
  if (lua_istable(lua, 1) == 0 || luaL_getmetafield(lua, 1, "__len") == LUA_TNIL) return;
  lua_pop(lua, 1);
  if (!is_marked(lua, 1)) raise(lua, std::string("the functions on tables want one whose length is its own"));
}
int table_function(lua_State* lua) {
  want_own_length(lua);
  return counted(lua);
}

// From and to are said: a metamethod can give a value for each.
int table_concat(lua_State* lua) {
  want_own_length(lua);
  const lua_Integer from = luaL_optinteger(lua, 3, 1);
  if (lua_isnoneornil(lua, 4) == 0 && luaL_getmetafield(lua, 1, "__index") != LUA_TNIL) {
    lua_pop(lua, 1);
    const lua_Integer to = luaL_checkinteger(lua, 4);
    if (to >= from) {
      if (from < 0 && to > LUA_MAXINTEGER + from) raise(lua, std::string("these are too many values to join"));
      Sandbox::charge(lua, to - from + 1);
    }
  }
  return counted(lua);
}

// Comparing long texts takes long, and nothing else would count it. Upvalue 1: the order, or nil.
int counted_order(lua_State* lua) {
  if (lua_type(lua, 1) == LUA_TSTRING && lua_type(lua, 2) == LUA_TSTRING)
    Sandbox::charge(lua, static_cast<int64_t>(std::min(lua_rawlen(lua, 1), lua_rawlen(lua, 2))) / 16 + 1);
  if (lua_isnil(lua, lua_upvalueindex(1)) != 0) {
    lua_pushboolean(lua, lua_compare(lua, 1, 2, LUA_OPLT));
  } else {
    lua_pushvalue(lua, lua_upvalueindex(1));
    lua_insert(lua, 1);
    lua_call(lua, 2, 1);
  }
  return 1;
}
// Whether two texts of the table at 1 are so long that comparing them is to be counted.
bool has_long_texts(lua_State* lua) {
  constexpr lua_Unsigned long_text = 1024;
  int found = 0;
  const auto count = static_cast<lua_Integer>(lua_rawlen(lua, 1));
  for (lua_Integer i = 1; i <= count && found < 2; ++i) {
    if (lua_rawgeti(lua, 1, i) == LUA_TSTRING && lua_rawlen(lua, -1) > long_text) ++found;
    lua_pop(lua, 1);
  }
  return found == 2;
}
int table_sort(lua_State* lua) {
  want_own_length(lua);
  luaL_checktype(lua, 1, LUA_TTABLE);
  if (lua_isnoneornil(lua, 2) == 0) luaL_checktype(lua, 2, LUA_TFUNCTION);
  lua_settop(lua, 2);
  if (lua_iscfunction(lua, 2) != 0 || (lua_isnil(lua, 2) != 0 && has_long_texts(lua)))
    lua_pushcclosure(lua, counted_order, 1);
  return counted(lua);
}

int table_move(lua_State* lua) {
  lua_Integer from = luaL_checkinteger(lua, 2), to = luaL_checkinteger(lua, 3);
  if (to >= from) {
    if (from < 0 && to > LUA_MAXINTEGER + from) raise(lua, std::string("these are too many values to move"));
    Sandbox::charge(lua, to - from + 1);
  }
  return lua_tocfunction(lua, lua_upvalueindex(1))(lua);
}

int string_rep(lua_State* lua) {
  lua_Integer n = luaL_checkinteger(lua, 2);
  size_t one = 0, between = 0;
  luaL_checklstring(lua, 1, &one);
  luaL_optlstring(lua, 3, "", &between);
  constexpr lua_Integer most = 1 << 28;
  const auto size = static_cast<lua_Integer>(one + between);
  if (n <= 0 || size == 0) return lua_pushliteral(lua, ""), 1;
  if (n > most || size > most / n) raise(lua, std::string("this text would be too long"));
  Sandbox::charge(lua, n + n * size / 16);  // each is copied by itself
  return lua_tocfunction(lua, lua_upvalueindex(1))(lua);
}

// Addresses differ from run to run, and are nobody's business.
int string_format(lua_State* lua) {
  std::string form = luaL_checkstring(lua, 1);
  for (size_t i = 0; i + 1 < form.size(); ++i) {
    if (form[i] != '%') continue;
    size_t end = form.find_first_not_of("-+ #0123456789.", i + 1);
    if (end != std::string::npos && form[end] == 'p')
      raise(lua, std::string("`%p` is not there: addresses say nothing"));
    i = end == std::string::npos ? form.size() : end;
  }
  return counted(lua);
}

int to_string(lua_State* lua) {
  luaL_checkany(lua, 1);
  int type = lua_type(lua, 1);
  bool has_own = luaL_getmetafield(lua, 1, "__tostring") != LUA_TNIL;
  lua_settop(lua, 1);
  if (!has_own && (type == LUA_TTABLE || type == LUA_TFUNCTION || type == LUA_TTHREAD)) {
    lua_pushstring(lua, lua_typename(lua, type));
    return 1;
  }
  luaL_tolstring(lua, 1, nullptr);
  return 1;
}

// --- pairs: sorted, because Lua's own order differs from run to run

struct Key {
  int kind = 0;  // numbers, then text, then the rest as it comes
  double number = 0;
  std::string_view text;
  int place = 0;  // in the list of keys
};

// Pushes a list of the keys of the table at 1, in their order.
void push_sorted_keys(lua_State* lua) {
  std::vector<Key> keys;
  lua_newtable(lua);
  int list = lua_gettop(lua);
  lua_pushnil(lua);
  while (lua_next(lua, 1) != 0) {
    lua_pop(lua, 1);
    Key key;
    key.place = static_cast<int>(keys.size()) + 1;
    key.kind = 2;
    if (lua_type(lua, -1) == LUA_TNUMBER) {
      key.kind = 0;
      key.number = lua_tonumber(lua, -1);
    } else if (lua_type(lua, -1) == LUA_TSTRING) {
      key.kind = 1;
      size_t size = 0;
      const char* bytes = lua_tolstring(lua, -1, &size);
      key.text = {bytes, size};
    } else if (lua_type(lua, -1) == LUA_TBOOLEAN) {
      key.kind = 2;
      key.number = lua_toboolean(lua, -1);
    } else {
      key.kind = 3;
    }
    lua_pushvalue(lua, -1);
    lua_rawseti(lua, list, key.place);
    keys.push_back(key);
  }
  Sandbox::charge(lua, static_cast<int64_t>(keys.size()) * 4 + 1);
  std::stable_sort(keys.begin(), keys.end(), [](const Key& a, const Key& b) {
    if (a.kind != b.kind) return a.kind < b.kind;
    if (a.kind == 1) return a.text < b.text;
    return a.number < b.number;
  });
  lua_createtable(lua, static_cast<int>(keys.size()), 0);
  int i = 0;
  for (const Key& key : keys) {
    lua_rawgeti(lua, list, key.place);
    lua_rawseti(lua, -2, ++i);
  }
  lua_remove(lua, list);
}

// Upvalues: the keys, the table, how far we are.
int next_pair(lua_State* lua) {
  while (true) {
    lua_Integer at = lua_tointeger(lua, lua_upvalueindex(3)) + 1;
    lua_pushinteger(lua, at);
    lua_replace(lua, lua_upvalueindex(3));
    lua_settop(lua, 0);
    if (lua_rawgeti(lua, lua_upvalueindex(1), at) == LUA_TNIL) return 1;
    lua_pushvalue(lua, 1);
    if (lua_rawget(lua, lua_upvalueindex(2)) != LUA_TNIL) return 2;  // else it was taken away meanwhile
  }
}

int sorted_pairs(lua_State* lua) {
  luaL_checkany(lua, 1);
  if (luaL_getmetafield(lua, 1, "__pairs") != LUA_TNIL) {
    lua_pushvalue(lua, 1);
    lua_call(lua, 1, 3);
    return 3;
  }
  luaL_checktype(lua, 1, LUA_TTABLE);
  lua_settop(lua, 1);
  push_sorted_keys(lua);
  lua_pushvalue(lua, 1);
  lua_pushinteger(lua, 0);
  lua_pushcclosure(lua, next_pair, 3);
  lua_pushvalue(lua, 1);
  lua_pushnil(lua);
  return 3;
}

int first_pair(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  if (lua_isnoneornil(lua, 2) == 0) raise(lua, std::string("`next` tells the first pair only: walk with `pairs`"));
  lua_settop(lua, 1);
  push_sorted_keys(lua);
  if (lua_rawgeti(lua, -1, 1) == LUA_TNIL) return 1;
  lua_pushvalue(lua, -1);
  lua_rawget(lua, 1);
  return 2;
}

// --- metatables

int set_metatable(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TTABLE);
  if (lua_istable(lua, 2) != 0) {
    for (const char* name : {"__gc", "__mode"}) {
      lua_pushstring(lua, name);
      if (lua_rawget(lua, 2) != LUA_TNIL)
        raise(lua, std::string("`") + name + "` is not for scripts: what it does would happen at any time");
      lua_pop(lua, 1);
    }
  }
  return lua_tocfunction(lua, lua_upvalueindex(1))(lua);
}

int raw_set(lua_State* lua) {
  if (is_frozen(lua, 1)) return refuse_change(lua);
  return lua_tocfunction(lua, lua_upvalueindex(1))(lua);
}

// --- xpcall: its handler is called once all is unwound, because inside the hook nothing would count what it does

int finish_guarded(lua_State* lua, int status, lua_KContext) {
  if (status == LUA_OK || status == LUA_YIELD) {
    lua_pushboolean(lua, 1);
    lua_replace(lua, 1);  // over the handler
    return lua_gettop(lua);
  }
  lua_pushvalue(lua, 1);
  lua_insert(lua, -2);  // handler, error
  lua_call(lua, 1, 1);
  lua_pushboolean(lua, 0);
  lua_insert(lua, -2);
  return 2;
}
int guarded_call(lua_State* lua) {
  luaL_checktype(lua, 2, LUA_TFUNCTION);
  lua_pushvalue(lua, 1);
  lua_copy(lua, 2, 1);
  lua_replace(lua, 2);  // handler, function, arguments
  int status = lua_pcallk(lua, lua_gettop(lua) - 2, LUA_MULTRET, 0, 0, finish_guarded);
  return finish_guarded(lua, status, 0);
}

// --- coroutines: one that the hook ends stays without a hook (Lua 5.4.4), and what it closes then would run uncounted.
// So each runs inside of a call that catches: this gives the hook back, closes, and raises anew.

int finish_coroutine(lua_State* lua, int status, lua_KContext) {
  if (status != LUA_OK && status != LUA_YIELD) return lua_error(lua);
  return lua_gettop(lua);
}
int run_coroutine(lua_State* lua) {
  lua_pushvalue(lua, lua_upvalueindex(1));
  lua_insert(lua, 1);
  const int status = lua_pcallk(lua, lua_gettop(lua) - 1, LUA_MULTRET, 0, 0, finish_coroutine);
  return finish_coroutine(lua, status, 0);
}
// Of `create` and `wrap`. Upvalue 1: Lua's own.
int make_coroutine(lua_State* lua) {
  luaL_checktype(lua, 1, LUA_TFUNCTION);
  lua_settop(lua, 1);
  lua_pushcclosure(lua, run_coroutine, 1);
  return lua_tocfunction(lua, lua_upvalueindex(1))(lua);
}

// --- load: text only, and in the environment of the script unless another is given. Upvalue 1: that environment.

int load_text(lua_State* lua) {
  size_t size = 0;
  const char* text = luaL_checklstring(lua, 1, &size);
  const char* name = luaL_optstring(lua, 2, "=load");
  Sandbox::charge(lua, static_cast<int64_t>(size) + 1);
  bool own = lua_isnoneornil(lua, 4) == 0;
  lua_settop(lua, 4);
  if (luaL_loadbufferx(lua, text, size, name, "t") != LUA_OK) {
    lua_pushnil(lua);
    lua_insert(lua, -2);
    return 2;
  }
  lua_pushvalue(lua, own ? 4 : lua_upvalueindex(1));
  if (lua_setupvalue(lua, -2, 1) == nullptr) lua_pop(lua, 1);
  return 1;
}

// Pushes a library of Lua. (luaL_requiref would give the one that was opened before under the same name.)
void push_library(lua_State* lua, lua_CFunction opener) {
  lua_pushcfunction(lua, opener);
  lua_call(lua, 0, 1);
}

// Copies functions of a library of Lua on top of the stack into a new table, each through `how`.
void take(lua_State* lua, lua_CFunction opener, const std::vector<const char*>& names, lua_CFunction how, int cost) {
  push_library(lua, opener);
  lua_newtable(lua);
  for (const char* name : names) {
    lua_getfield(lua, -2, name);
    if (how && lua_iscfunction(lua, -1) != 0) {
      lua_pushinteger(lua, cost);
      lua_pushcclosure(lua, how, 2);
    }
    lua_setfield(lua, -2, name);
  }
  lua_remove(lua, -2);
}

// Replaces a function of the table on top by one of ours that has it as its upvalue.
void wrap(lua_State* lua, const char* name, lua_CFunction how, int cost = 1) {
  lua_getfield(lua, -1, name);
  lua_pushinteger(lua, cost);
  lua_pushcclosure(lua, how, 2);
  lua_setfield(lua, -2, name);
}

void set(lua_State* lua, const char* name, lua_CFunction function) {
  lua_pushcfunction(lua, function);
  lua_setfield(lua, -2, name);
}

}  // namespace

void freeze(lua_State* lua) {
  lua_newtable(lua);
  lua_createtable(lua, 0, 4);
  lua_pushvalue(lua, -3);
  lua_setfield(lua, -2, "__index");
  lua_pushcfunction(lua, refuse_change);
  lua_setfield(lua, -2, "__newindex");
  lua_pushboolean(lua, 0);
  lua_setfield(lua, -2, "__metatable");
  lua_pushboolean(lua, 1);
  lua_rawsetp(lua, -2, &frozen_key);
  lua_setmetatable(lua, -2);
  lua_remove(lua, -2);
}

bool is_frozen(lua_State* lua, int index) {
  if (lua_getmetatable(lua, index) == 0) return false;
  bool frozen = lua_rawgetp(lua, -1, &frozen_key) != LUA_TNIL;
  lua_pop(lua, 2);
  return frozen;
}

void open_basic(lua_State* lua) {
  push_library(lua, luaopen_base);
  for (const char* name :
       {"assert", "error", "getmetatable", "ipairs", "pcall", "rawequal", "rawget", "rawlen", "select", "type"}) {
    lua_getfield(lua, -1, name);
    lua_setfield(lua, -3, name);
  }
  for (const char* name : {"setmetatable", "rawset", "tonumber"}) {
    lua_getfield(lua, -1, name);
    lua_setfield(lua, -3, name);
  }
  lua_pop(lua, 1);
  wrap(lua, "tonumber", counted);
  wrap(lua, "setmetatable", set_metatable);
  wrap(lua, "rawset", raw_set);
  set(lua, "xpcall", guarded_call);
  set(lua, "pairs", sorted_pairs);
  set(lua, "next", first_pair);
  set(lua, "tostring", to_string);
  lua_pushliteral(lua, "Lua 5.4");
  lua_setfield(lua, -2, "_VERSION");

  take(lua, luaopen_table, {"insert", "pack", "remove", "unpack"}, table_function, 1);
  push_library(lua, luaopen_table);
  for (const char* name : {"concat", "move", "sort"}) {
    lua_getfield(lua, -1, name);
    lua_setfield(lua, -3, name);
  }
  lua_pop(lua, 1);
  wrap(lua, "concat", table_concat);
  wrap(lua, "move", table_move);
  wrap(lua, "sort", table_sort, 20);  // about the logarithm
  freeze(lua);
  lua_setfield(lua, -2, "table");

  take(lua, luaopen_math,
       {"abs", "ceil",       "cos",  "exp", "floor", "fmod", "huge", "log",       "max",  "maxinteger",
        "min", "mininteger", "modf", "pi",  "sin",   "sqrt", "tan",  "tointeger", "type", "ult"},
       counted, 1);
  freeze(lua);
  lua_setfield(lua, -2, "math");

  take(lua, luaopen_coroutine, {"close", "create", "isyieldable", "resume", "running", "status", "wrap", "yield"},
       nullptr, 0);
  wrap(lua, "create", make_coroutine);
  wrap(lua, "wrap", make_coroutine);
  freeze(lua);
  lua_setfield(lua, -2, "coroutine");

  take(lua, luaopen_utf8, {"char", "codepoint", "codes", "len", "offset"}, counted, 1);
  push_library(lua, luaopen_utf8);
  lua_getfield(lua, -1, "charpattern");
  lua_setfield(lua, -3, "charpattern");
  lua_pop(lua, 1);
  freeze(lua);
  lua_setfield(lua, -2, "utf8");

  take(lua, luaopen_string, {"byte", "char", "format", "len", "lower", "rep", "reverse", "sub", "upper"}, nullptr, 0);
  for (const char* name : {"byte", "char", "lower", "reverse", "sub", "upper"}) wrap(lua, name, counted);
  wrap(lua, "rep", string_rep);
  wrap(lua, "format", string_format);
  open_patterns(lua);
  // Methods of texts find our functions, and nobody finds the metatable.
  lua_pushliteral(lua, "");
  lua_createtable(lua, 0, 2);
  lua_pushvalue(lua, -3);
  lua_setfield(lua, -2, "__index");
  lua_pushboolean(lua, 0);
  lua_setfield(lua, -2, "__metatable");
  lua_setmetatable(lua, -2);
  lua_pop(lua, 1);
  freeze(lua);
  lua_setfield(lua, -2, "string");
}

void open_libraries(lua_State* lua) {
  open_values(lua);
  lua_newtable(lua);
  open_basic(lua);
  open_standard(lua);
  open_loading(lua);
  open_context(lua);
  // What Lua put into its own table of globals is nobody's.
  lua_pushglobaltable(lua);
  lua_pushnil(lua);
  while (lua_next(lua, -2) != 0) {
    lua_pop(lua, 1);
    lua_pushvalue(lua, -1);
    lua_pushnil(lua);
    lua_rawset(lua, -4);
  }
  lua_pop(lua, 1);
  lua_pushnil(lua);
  lua_setfield(lua, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  remember_libraries(lua);
  // The metatable of all environments.
  lua_createtable(lua, 0, 2);
  lua_insert(lua, -2);
  lua_setfield(lua, -2, "__index");
  lua_pushboolean(lua, 0);
  lua_setfield(lua, -2, "__metatable");
  remember_table(lua);
  lua_rawsetp(lua, LUA_REGISTRYINDEX, &globals_key);
}

void push_environment(lua_State* lua) {
  lua_createtable(lua, 0, 4);
  lua_rawgetp(lua, LUA_REGISTRYINDEX, &globals_key);
  lua_setmetatable(lua, -2);
  lua_pushvalue(lua, -1);
  lua_setfield(lua, -2, "_G");
  lua_pushvalue(lua, -1);
  lua_pushcclosure(lua, load_text, 1);
  lua_setfield(lua, -2, "load");
}

}  // namespace muster
