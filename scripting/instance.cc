#include "scripting/instance.h"

#include <bit>
#include <lua.hpp>

#include "scripting/libraries.h"
#include "scripting/sandbox.h"

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

SeenState::Cell SeenState::cell_of(lua_State* lua, int index) {
  Cell cell;
  cell.type = static_cast<int8_t>(lua_type(lua, index));
  switch (cell.type) {
    case LUA_TNIL:
      break;
    case LUA_TBOOLEAN:
      cell.bits = static_cast<uint64_t>(lua_toboolean(lua, index));
      break;
    case LUA_TNUMBER:
      // 1 and 1.0 are not the same here.
      cell.is_integer = lua_isinteger(lua, index) != 0;
      cell.bits = cell.is_integer ? static_cast<uint64_t>(lua_tointeger(lua, index))
                                  : std::bit_cast<uint64_t>(static_cast<double>(lua_tonumber(lua, index)));
      break;
    default:
      cell.bits = reinterpret_cast<uintptr_t>(lua_topointer(lua, index));
  }
  return cell;
}

bool SeenState::look(lua_State* lua, int base) {
  drop(lua);
  luaL_checkstack(lua, 24, "to look at what a file has left");
  const int roots = lua_gettop(lua) - base;
  lua_newtable(lua);
  const int alive = lua_gettop(lua);
  lua_newtable(lua);
  const int met = lua_gettop(lua);
  lua_newtable(lua);
  const int open = lua_gettop(lua);
  int last = 0, at = 0;
  bool fits = true;
  // What is on top stays there; it is kept alive, and looked at later.
  auto note = [&] {
    const int type = lua_type(lua, -1);
    if (type == LUA_TTHREAD) fits = false;
    if (type < LUA_TSTRING && type != LUA_TLIGHTUSERDATA) return;
    lua_pushvalue(lua, -1);
    lua_rawseti(lua, alive, ++at);
    if (!can_change(lua, -1)) return;
    lua_pushvalue(lua, -1);
    if (lua_rawget(lua, met) == LUA_TNIL) {
      lua_pushvalue(lua, -2);
      lua_pushboolean(lua, 1);
      lua_rawset(lua, met);
      lua_pushvalue(lua, -2);
      lua_rawseti(lua, open, ++last);
    }
    lua_pop(lua, 1);
  };
  for (int i = 1; i <= roots; ++i) {
    lua_pushvalue(lua, base + i);
    note();
    lua_settop(lua, open);
  }
  size_t entries = 0;
  for (int first = 1; first <= last && fits; ++first) {
    lua_rawgeti(lua, open, first);
    const int object = lua_gettop(lua);
    Item item;
    item.is_table = lua_type(lua, object) == LUA_TTABLE;
    item.first = cells_.size();
    lua_pushvalue(lua, object);
    lua_rawseti(lua, alive, ++at);
    item.at = at;
    if (item.is_table) {
      if (lua_getmetatable(lua, object) == 0) lua_pushnil(lua);
      note();
      cells_.push_back(cell_of(lua, -1));
      lua_pop(lua, 1);
      for (lua_pushnil(lua); fits && lua_next(lua, object) != 0; lua_pop(lua, 1)) {
        ++item.entries;
        if (++entries > most_items) fits = false;
        note();
        cells_.push_back(cell_of(lua, -2));
        cells_.push_back(cell_of(lua, -1));
        lua_pushvalue(lua, -2);
        note();
        lua_pop(lua, 1);
      }
    } else {
      for (int n = 1; lua_getupvalue(lua, object, n) != nullptr; ++n) {
        ++item.entries;
        note();
        cells_.push_back(cell_of(lua, -1));
        lua_pop(lua, 1);
      }
    }
    lua_settop(lua, open);
    items_.push_back(item);
    if (items_.size() > most_items) fits = false;
  }
  lua_settop(lua, alive);
  alive_ = luaL_ref(lua, LUA_REGISTRYINDEX);
  lua_settop(lua, base);
  return fits;
}

// Tables that nobody has changed are walked in the same order: another order is another table.
bool SeenState::is_same(lua_State* lua) const {
  if (items_.empty()) return true;
  lua_rawgeti(lua, LUA_REGISTRYINDEX, alive_);
  const int list = lua_gettop(lua), object = list + 1;
  bool same = true;
  for (const Item& item : items_) {
    lua_rawgeti(lua, list, item.at);
    const Cell* cell = cells_.data() + item.first;
    if (!item.is_table) {
      for (int n = 1; same && n <= item.entries; ++n) {
        lua_getupvalue(lua, object, n);
        same = *cell++ == cell_of(lua, -1);
        lua_pop(lua, 1);
      }
    } else {
      if (lua_getmetatable(lua, object) == 0) lua_pushnil(lua);
      same = *cell++ == cell_of(lua, -1);
      lua_pop(lua, 1);
      int left = item.entries;
      for (lua_pushnil(lua); same && lua_next(lua, object) != 0; lua_pop(lua, 1)) {
        same = left-- > 0 && cell[0] == cell_of(lua, -2) && cell[1] == cell_of(lua, -1);
        cell += 2;
      }
      same = same && left == 0;
    }
    lua_settop(lua, list);
    if (!same) break;
  }
  lua_pop(lua, 1);
  return same;
}

void SeenState::drop(lua_State* lua) {
  if (alive_ != 0) luaL_unref(lua, LUA_REGISTRYINDEX, alive_);
  alive_ = 0;
  items_.clear();
  cells_.clear();
}

void ScriptInstance::keep(lua_State* lua) {
  tables_ = luaL_ref(lua, LUA_REGISTRYINDEX);
  result_ = luaL_ref(lua, LUA_REGISTRYINDEX);
  kept_ = true;
  changed_ = false;
  last_ = nothing;
}

bool ScriptInstance::is_untouched(lua_State* lua) {
  if (changed_ || last_ == anything) return false;
  if (last_ == nothing) return true;
  const Entry& entry = entries_[static_cast<size_t>(last_)];
  if (!entry.fits || !entry.seen.is_same(lua)) return false;
  last_ = nothing;
  return true;
}

// Pushes the function, or nil.
void ScriptInstance::find(lua_State* lua, std::string_view action, std::string_view function) {
  auto member_of = [&](std::string_view name) {  // of the table on top, in its place
    lua_pushlstring(lua, name.data(), name.size());
    lua_gettable(lua, -2);
    lua_remove(lua, -2);
    return lua_istable(lua, -1) != 0;
  };
  if (action.empty()) {
    lua_rawgeti(lua, LUA_REGISTRYINDEX, result_);
    if (lua_istable(lua, -1) == 0) {
      lua_pop(lua, 1);
      lua_pushnil(lua);
    } else {
      member_of(function);
    }
    return;
  }
  push_tables(lua);
  member_of("actions");
  if (!member_of(action)) raise(lua, "`" + std::string(action) + "` was not defined this time");
  member_of("definition");
  member_of(function);
}

void ScriptInstance::push_function(lua_State* lua, std::string_view action, std::string_view function) {
  for (size_t i = 0; i < entries_.size(); ++i) {
    if (entries_[i].function != function || entries_[i].action != action) continue;
    lua_rawgeti(lua, LUA_REGISTRYINDEX, entries_[i].self);
    last_ = static_cast<int>(i);
    return;
  }
  last_ = anything;  // should anything be raised in here, and for what a metatable does while it is looked up
  find(lua, action, function);
  if (lua_isfunction(lua, -1) == 0) raise(lua, "`" + std::string(function) + "` is no function this time");
  const int self = lua_gettop(lua);
  Entry& entry = entries_.emplace_back(Entry{std::string(action), std::string(function), LUA_NOREF, false, {}});
  lua_pushvalue(lua, self);
  entry.self = luaL_ref(lua, LUA_REGISTRYINDEX);
  lua_pushvalue(lua, self);
  push_tables(lua);
  lua_getfield(lua, -1, "loaded");
  lua_remove(lua, -2);
  // Files are added to it by `require` only, which tells.
  lua_pushnil(lua);
  lua_pop(lua, lua_next(lua, -2) == 0 ? 1 : 2);
  entry.fits = entry.seen.look(lua, self);
  last_ = static_cast<int>(entries_.size()) - 1;
}

bool ScriptInstance::push_last(lua_State* lua) const {
  if (last_ < 0) return false;
  lua_rawgeti(lua, LUA_REGISTRYINDEX, entries_[static_cast<size_t>(last_)].self);
  return true;
}

void ScriptInstance::push_result(lua_State* lua) {
  last_ = anything;
  lua_rawgeti(lua, LUA_REGISTRYINDEX, result_);
}

void ScriptInstance::push_tables(lua_State* lua) const { lua_rawgeti(lua, LUA_REGISTRYINDEX, tables_); }

void ScriptInstance::drop(lua_State* lua) {
  if (!kept_) return;
  for (Entry& entry : entries_) {
    luaL_unref(lua, LUA_REGISTRYINDEX, entry.self);
    entry.seen.drop(lua);
  }
  entries_.clear();
  luaL_unref(lua, LUA_REGISTRYINDEX, result_);
  luaL_unref(lua, LUA_REGISTRYINDEX, tables_);
  kept_ = false;
}

}  // namespace muster
