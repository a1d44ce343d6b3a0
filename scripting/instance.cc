#include "scripting/instance.h"

#include <lua.hpp>

#include "scripting/libraries.h"

namespace muster {
namespace {

const char known_key = 0;
// Beyond this, running the file anew is as quick.
constexpr size_t most_items = 256;

bool is_known(lua_State* lua, int index) {
  index = lua_absindex(lua, index);
  lua_rawgetp(lua, LUA_REGISTRYINDEX, &known_key);
  lua_pushvalue(lua, index);
  bool known = lua_rawget(lua, -2) != LUA_TNIL;
  lua_pop(lua, 2);
  return known;
}

// Adds what is on top of the stack to the set beneath it.
void add(lua_State* lua) {
  lua_pushvalue(lua, -1);
  lua_pushboolean(lua, 1);
  lua_rawset(lua, -4);
}

// The two values on top: 1 and 1.0 are not the same here.
bool is_same(lua_State* lua) {
  return lua_rawequal(lua, -1, -2) != 0 && lua_isinteger(lua, -1) == lua_isinteger(lua, -2);
}

// What may change, and must be looked at.
bool can_change(lua_State* lua, int index) {
  if (lua_type(lua, index) == LUA_TTABLE) return !is_frozen(lua, index) && !is_known(lua, index);
  if (lua_type(lua, index) != LUA_TFUNCTION) return false;
  if (lua_getupvalue(lua, index, 1) == nullptr) return false;
  lua_pop(lua, 1);
  return !is_known(lua, index);
}

}  // namespace

void remember_libraries(lua_State* lua) {
  const int globals = lua_absindex(lua, -1);
  lua_newtable(lua);
  lua_pushvalue(lua, globals);
  add(lua);
  lua_pop(lua, 1);
  for (lua_pushnil(lua); lua_next(lua, globals) != 0; lua_pop(lua, 1)) {
    // set, key, value
    lua_pushvalue(lua, -3);
    lua_pushvalue(lua, -2);
    if (lua_type(lua, -1) == LUA_TTABLE || lua_type(lua, -1) == LUA_TFUNCTION) add(lua);
    // Behind the face of a frozen table.
    if (lua_type(lua, -1) == LUA_TTABLE && luaL_getmetafield(lua, -1, "__index") == LUA_TTABLE) {
      // set, key, value, set, value, inner
      for (lua_pushnil(lua); lua_next(lua, -2) != 0; lua_pop(lua, 1)) {
        if (lua_type(lua, -1) != LUA_TFUNCTION) continue;
        lua_pushvalue(lua, -5);
        lua_pushvalue(lua, -2);
        add(lua);
        lua_pop(lua, 2);
      }
      lua_pop(lua, 1);
    }
    lua_pop(lua, 2);
  }
  lua_rawsetp(lua, LUA_REGISTRYINDEX, &known_key);
}

void remember_table(lua_State* lua) {
  lua_rawgetp(lua, LUA_REGISTRYINDEX, &known_key);
  lua_pushvalue(lua, -2);
  add(lua);
  lua_pop(lua, 2);
}

bool ScriptInstance::keep(lua_State* lua) {
  drop(lua);
  holds_ = true;
  tables_ = luaL_ref(lua, LUA_REGISTRYINDEX);
  result_ = luaL_ref(lua, LUA_REGISTRYINDEX);
  lua_newtable(lua);
  lua_pushvalue(lua, -1);
  seen_ = luaL_ref(lua, LUA_REGISTRYINDEX);
  kept_ = walk(lua);  // it may raise: then nothing is kept
  lua_pop(lua, 1);
  if (!kept_) drop(lua);
  return kept_;
}

// The list on top of the stack gets, for each table: it, a copy, its metatable; for each upvalue: its function, its
// value.
bool ScriptInstance::walk(lua_State* lua) {
  luaL_checkstack(lua, 24, "to look at what a file has left");
  const int list = lua_absindex(lua, -1);
  lua_newtable(lua);
  const int met = lua_gettop(lua);
  lua_newtable(lua);
  const int open = lua_gettop(lua);
  int last = 0, first = 1, at = 0;
  bool fits = true;
  auto note = [&] {  // what is on top, and takes it away
    if (lua_type(lua, -1) == LUA_TTHREAD) fits = false;
    if (can_change(lua, -1)) {
      lua_pushvalue(lua, -1);
      if (lua_rawget(lua, met) == LUA_TNIL) {
        lua_pushvalue(lua, -2);
        lua_pushboolean(lua, 1);
        lua_rawset(lua, met);
        lua_pushvalue(lua, -2);
        lua_rawseti(lua, open, ++last);
      }
      lua_pop(lua, 1);
    }
    lua_pop(lua, 1);
  };
  auto keep_in_list = [&] { lua_rawseti(lua, list, ++at); };
  size_t entries = 0;
  push(lua);
  note();
  note();
  for (; first <= last && fits; ++first) {
    lua_rawgeti(lua, open, first);
    const int object = lua_gettop(lua);
    if (lua_type(lua, object) == LUA_TTABLE) {
      items_.push_back({Kind::table, at + 1});
      lua_pushvalue(lua, object);
      keep_in_list();
      lua_newtable(lua);
      const int copy = lua_gettop(lua);
      for (lua_pushnil(lua); lua_next(lua, object) != 0; lua_pop(lua, 1)) {
        ++items_.back().entries;
        if (++entries > most_items) fits = false;
        lua_pushvalue(lua, -2);
        lua_pushvalue(lua, -2);
        lua_rawset(lua, copy);
        lua_pushvalue(lua, -2);
        note();
        lua_pushvalue(lua, -1);
        note();
      }
      keep_in_list();
      if (lua_getmetatable(lua, object) == 0) {
        lua_pushboolean(lua, 0);
      } else {
        lua_pushvalue(lua, -1);
        note();
      }
      keep_in_list();
    } else {
      for (int n = 1; lua_getupvalue(lua, object, n) != nullptr; ++n) {
        items_.push_back({Kind::upvalue, at + 1, n});
        lua_pushvalue(lua, object);
        keep_in_list();
        lua_pushvalue(lua, -1);
        keep_in_list();
        note();
      }
    }
    lua_settop(lua, open);
    if (items_.size() > most_items) fits = false;
  }
  lua_settop(lua, list);
  return fits;
}

bool ScriptInstance::is_untouched(lua_State* lua) const {
  lua_rawgeti(lua, LUA_REGISTRYINDEX, seen_);
  const int list = lua_gettop(lua);
  bool same = true;
  for (const Item& item : items_) {
    lua_rawgeti(lua, list, item.at);
    lua_rawgeti(lua, list, item.at + 1);
    if (item.kind == Kind::upvalue) {
      lua_getupvalue(lua, -2, item.upvalue);
      same = is_same(lua);
    } else {
      const int object = list + 1, copy = list + 2;
      if (lua_getmetatable(lua, object) == 0) lua_pushboolean(lua, 0);
      lua_rawgeti(lua, list, item.at + 2);
      same = lua_rawequal(lua, -1, -2) != 0;
      lua_pop(lua, 2);
      size_t found = 0;
      for (lua_pushnil(lua); same && lua_next(lua, object) != 0; lua_pop(lua, 1)) {
        ++found;
        lua_pushvalue(lua, -2);
        lua_rawget(lua, copy);
        same = is_same(lua);
        lua_pop(lua, 1);
      }
      same = same && found == item.entries;
    }
    lua_settop(lua, list);
    if (!same) break;
  }
  lua_pop(lua, 1);
  return same;
}

void ScriptInstance::push(lua_State* lua) const {
  lua_rawgeti(lua, LUA_REGISTRYINDEX, result_);
  lua_rawgeti(lua, LUA_REGISTRYINDEX, tables_);
}

void ScriptInstance::drop(lua_State* lua) {
  if (!holds_) return;
  for (int reference : {seen_, result_, tables_}) luaL_unref(lua, LUA_REGISTRYINDEX, reference);
  items_.clear();
  holds_ = kept_ = false;
}

}  // namespace muster
