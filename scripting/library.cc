#include "scripting/library.h"

#include <lua.hpp>

#include "scripting/libraries.h"
#include "scripting/values.h"

namespace muster {
namespace {

const char instance_key = 0, state_key = 0;
constexpr size_t most_idle = 16;

ScriptState& state_of(lua_State* lua) {
  lua_rawgetp(lua, LUA_REGISTRYINDEX, &state_key);
  auto* state = static_cast<ScriptState*>(lua_touserdata(lua, -1));
  lua_pop(lua, 1);
  return *state;
}

// Pushes a part of the instance: `loaded`, `actions` or `examples`.
void push_part(lua_State* lua, const char* name) {
  lua_rawgetp(lua, LUA_REGISTRYINDEX, &instance_key);
  lua_getfield(lua, -1, name);
  lua_remove(lua, -2);
}

int require(lua_State* lua) {
  std::string module = luaL_checkstring(lua, 1);
  push_part(lua, "loaded");
  if (lua_getfield(lua, -1, module.c_str()) != LUA_TNIL) {
    if (lua_islightuserdata(lua, -1) != 0) raise(lua, "`" + module + "` is required while it is being loaded");
    return 1;
  }
  lua_pop(lua, 1);
  lua_pushlightuserdata(lua, const_cast<char*>(&state_key));
  lua_setfield(lua, -2, module.c_str());
  state_of(lua).mark_changed();
  state_of(lua).push_module(lua, module);
  if (lua_isnil(lua, -1) != 0) {
    lua_pop(lua, 1);
    lua_pushboolean(lua, 1);
  }
  lua_pushvalue(lua, -1);
  lua_setfield(lua, -3, module.c_str());
  return 1;
}

// `action "name" {...}`, the second half. Upvalue 1: the name, 2: what is known of it.
int define(lua_State* lua) {
  if (lua_istable(lua, 1) == 0)
    raise(lua, std::string("an action is defined by a table, `action \"") + lua_tostring(lua, lua_upvalueindex(1)) +
                   "\" {...}`, and this is a " + luaL_typename(lua, 1));
  state_of(lua).mark_changed();
  if (lua_getfield(lua, lua_upvalueindex(2), "definition") != LUA_TNIL)
    raise(lua, std::string("two actions are called `") + lua_tostring(lua, lua_upvalueindex(1)) + "`");
  lua_pushvalue(lua, 1);
  lua_setfield(lua, lua_upvalueindex(2), "definition");
  return 0;
}
int action(lua_State* lua) {
  if (lua_type(lua, 1) != LUA_TSTRING) raise(lua, std::string("an action is defined as `action \"name\" {...}`"));
  lua_Debug caller;
  lua_Integer line = 1;
  if (lua_getstack(lua, 1, &caller) != 0 && lua_getinfo(lua, "l", &caller) != 0) line = caller.currentline;
  lua_settop(lua, 1);
  state_of(lua).mark_changed();
  push_part(lua, "actions");
  lua_pushvalue(lua, 1);
  if (lua_rawget(lua, -2) != LUA_TNIL) raise(lua, std::string("two actions are called `") + lua_tostring(lua, 1) + "`");
  lua_pop(lua, 1);
  lua_createtable(lua, 0, 2);
  lua_pushinteger(lua, line);
  lua_setfield(lua, -2, "line");
  lua_pushvalue(lua, 1);
  lua_pushvalue(lua, -2);
  lua_rawset(lua, -4);
  lua_remove(lua, -2);
  lua_pushcclosure(lua, define, 2);
  return 1;
}

// `example "function" {...}`, the second half. Upvalue 1: the name, 2: the line.
int keep_example(lua_State* lua) {
  if (lua_istable(lua, 1) == 0)
    raise(lua, std::string("an example is a table, `example \"") + lua_tostring(lua, lua_upvalueindex(1)) +
                   "\" {args = {...}, result = ...}`, and this is a " + luaL_typename(lua, 1));
  state_of(lua).mark_changed();
  push_part(lua, "examples");
  lua_createtable(lua, 0, 3);
  lua_pushvalue(lua, lua_upvalueindex(1));
  lua_setfield(lua, -2, "function");
  lua_pushvalue(lua, lua_upvalueindex(2));
  lua_setfield(lua, -2, "line");
  lua_pushvalue(lua, 1);
  lua_setfield(lua, -2, "definition");
  lua_rawseti(lua, -2, static_cast<lua_Integer>(lua_rawlen(lua, -2)) + 1);
  return 0;
}
int example(lua_State* lua) {
  if (lua_type(lua, 1) != LUA_TSTRING)
    raise(lua, std::string("an example is written as `example \"function\" {args = {...}, result = ...}`"));
  lua_Debug caller;
  lua_Integer line = 1;
  if (lua_getstack(lua, 1, &caller) != 0 && lua_getinfo(lua, "l", &caller) != 0) line = caller.currentline;
  lua_settop(lua, 1);
  lua_pushinteger(lua, line);
  lua_pushcclosure(lua, keep_example, 2);
  return 1;
}

}  // namespace

void open_loading(lua_State* lua) {
  lua_pushcfunction(lua, require);
  lua_setfield(lua, -2, "require");
  lua_pushcfunction(lua, action);
  lua_setfield(lua, -2, "action");
  lua_pushcfunction(lua, example);
  lua_setfield(lua, -2, "example");
}

ScriptState::ScriptState(const std::vector<ScriptChunk>& chunks) : chunks_(chunks), instances_(chunks.size()) {}

Result<void> ScriptState::compile(size_t* failed) {
  size_t at = 0;
  Result<void> done = box.protect([&](lua_State* lua) {
    lua_pushlightuserdata(lua, this);
    lua_rawsetp(lua, LUA_REGISTRYINDEX, &state_key);
    for (; at < chunks_.size(); ++at) {
      const ScriptChunk& chunk = chunks_[at];
      std::string name = "=" + chunk.path;
      if (luaL_loadbufferx(lua, chunk.text.data(), chunk.text.size(), name.c_str(), "t") != LUA_OK) lua_error(lua);
      compiled_.push_back(luaL_ref(lua, LUA_REGISTRYINDEX));
    }
  });
  if (failed) *failed = at;
  return done;
}

void ScriptState::run(lua_State* lua, size_t chunk) {
  lua_rawgeti(lua, LUA_REGISTRYINDEX, compiled_.at(chunk));
  push_environment(lua);
  lua_setupvalue(lua, -2, 1);
  lua_call(lua, 0, 1);
}

ScriptInstance& ScriptState::fresh(lua_State* lua, size_t chunk) {
  ScriptInstance& instance = instances_.at(chunk);
  if (instance.is_kept() && instance.is_untouched(lua)) {
    if (chunk != current_) {
      instance.push_tables(lua);
      lua_rawsetp(lua, LUA_REGISTRYINDEX, &instance_key);
      current_ = chunk;
    }
    return instance;
  }
  instance.drop(lua);
  lua_createtable(lua, 0, 3);
  lua_newtable(lua);
  lua_setfield(lua, -2, "loaded");
  lua_newtable(lua);
  lua_setfield(lua, -2, "examples");
  lua_newtable(lua);
  lua_setfield(lua, -2, "actions");
  lua_rawsetp(lua, LUA_REGISTRYINDEX, &instance_key);
  current_ = chunk;
  run(lua, chunk);
  lua_rawgetp(lua, LUA_REGISTRYINDEX, &instance_key);
  instance.keep(lua);
  return instance;
}

void ScriptState::push_instance(lua_State* lua, size_t chunk) { fresh(lua, chunk).push_result(lua); }

void ScriptState::push_function(lua_State* lua, size_t chunk, std::string_view function) {
  fresh(lua, chunk).push_function(lua, {}, function);
}

void ScriptState::push_function(lua_State* lua, size_t chunk, std::string_view action, std::string_view function) {
  fresh(lua, chunk).push_function(lua, action, function);
}

std::string ScriptState::place_of_last() {
  std::string place;
  Result<void> found = box.protect([&](lua_State* lua) {
    lua_Debug about;
    if (!instances_.at(current_).push_last(lua) || lua_getinfo(lua, ">S", &about) == 0) return;
    place = std::string(about.short_src) + ":" + std::to_string(about.linedefined);
  });
  return found ? place : std::string();
}

void ScriptState::push_module(lua_State* lua, const std::string& module) {
  for (size_t i = 0; i < chunks_.size(); ++i)
    if (chunks_[i].module == module) return run(lua, i);
  raise(lua, "no file `" + module + "` was read with this one: `require` wants its name as it is written, in quotes");
}

void ScriptState::push_definitions(lua_State* lua) { push_part(lua, "actions"); }
void ScriptState::push_examples(lua_State* lua) { push_part(lua, "examples"); }

ScriptLibrary::Lease::~Lease() {
  if (!state_) return;
  state_->box.host = nullptr;
  ScriptState* none = nullptr;
  if (library_->next_.compare_exchange_strong(none, state_.get())) {
    state_.release();
    return;
  }
  std::lock_guard lock(library_->mutex_);
  if (library_->idle_.size() < most_idle) library_->idle_.push_back(std::move(state_));
}

Result<ScriptLibrary::Lease> ScriptLibrary::lease() const {
  std::unique_ptr<ScriptState> state(next_.exchange(nullptr));
  if (!state) {
    std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      state = std::move(idle_.back());
      idle_.pop_back();
    }
  }
  if (!state) {
    state = std::make_unique<ScriptState>(chunks_);
    Result<void> compiled = state->compile();
    if (!compiled) return pass(compiled.error());
  }
  return Lease(*this, std::move(state));
}

}  // namespace muster
