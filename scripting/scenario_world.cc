#include "scripting/scenario_world.h"

#include <algorithm>
#include <cstdlib>
#include <lua.hpp>

#include "scripting/extension.h"
#include "scripting/library.h"
#include "scripting/values.h"

namespace muster {
namespace {

const char world_key = 0;

class HandsHost final : public ScriptHost {
 public:
  explicit HandsHost(ScenarioHands& hands) : hands_(hands) {}
  Result<Value> call(std::string_view action, const Map& args) override { return hands_.call(action, args); }
  void progress(int64_t, int64_t, std::string_view) override {}
  void log(std::string_view) override {}
  Timestamp now() override { return hands_.now(); }
  Result<void> sleep(Duration) override {
    return fail(ErrorCode::refused, "an answer does not sleep", "say how long it takes: `return {takes = \"30s\"}`");
  }
  bool is_stopped() override { return false; }
  const Map& facts() const override {
    static const Map none;
    return none;
  }

 private:
  ScenarioHands& hands_;
};

// Pushes a part of the table that the file returned.
void push_part(lua_State* lua, const char* name) {
  lua_rawgetp(lua, LUA_REGISTRYINDEX, &world_key);
  lua_getfield(lua, -1, name);
  lua_remove(lua, -2);
}

class LuaWorld final : public ScenarioWorld {
 public:
  explicit LuaWorld(std::vector<ScriptChunk> chunks) : chunks_(std::move(chunks)), state_(chunks_) {}

  Result<void> compile(size_t& failed) { return state_.compile(&failed); }

  Result<void> run() {
    state_.box.begin();
    return state_.box.protect([&](lua_State* lua) {
      state_.push_instance(lua, 0);
      if (lua_istable(lua, -1) == 0)
        raise(lua,
              "a world returns a table, as in `return {commands = {...}, http = {...}, state = {...}}`, and this "
              "one returns a " +
                  std::string(luaL_typename(lua, -1)));
      lua_pushnil(lua);
      while (lua_next(lua, -2) != 0) {
        const bool is_text = lua_type(lua, -2) == LUA_TSTRING;
        const std::string key = is_text ? lua_tostring(lua, -2) : "";
        if (key != "commands" && key != "http" && key != "state" && key != "after")
          raise(lua, "a world has `commands`, `http`, `state` and `after`, and this one `" +
                         (is_text ? key : std::string(luaL_typename(lua, -2))) + "`");
        if (key == "after" ? lua_isfunction(lua, -1) == 0 : lua_istable(lua, -1) == 0)
          raise(lua, "`" + key + "` is a " + (key == "after" ? "function" : "table") + ", and this one is a " +
                         luaL_typename(lua, -1));
        lua_pop(lua, 1);
      }
      lua_rawsetp(lua, LUA_REGISTRYINDEX, &world_key);
      read_keys(lua, "commands", commands_);
      read_keys(lua, "http", endpoints_);
    });
  }

  const std::vector<std::string>& commands() const override { return commands_; }
  const std::vector<std::string>& endpoints() const override { return endpoints_; }

  Result<Value> answer(bool http, const std::string& key, const Map& call, ScenarioHands& hands) override {
    Value answer;
    Result<void> done = with(hands, [&](lua_State* lua) {
      push_part(lua, http ? "http" : "commands");
      lua_getfield(lua, -1, key.c_str());
      if (lua_isfunction(lua, -1) != 0) {
        push(lua, call);
        ScriptState::push_context(lua);
        lua_call(lua, 2, 1);
      }
      answer = value_at(lua, -1, "the answer");
    });
    if (!done) return pass(done.error());
    return answer;
  }

  Result<void> after(ScenarioHands& hands) override {
    return with(hands, [&](lua_State* lua) {
      push_part(lua, "after");
      if (lua_isnil(lua, -1) != 0) return;
      push_part(lua, "state");
      ScriptState::push_context(lua);
      lua_call(lua, 2, 0);
    });
  }

  Result<Value> state() override {
    Value state = Map{};
    state_.box.begin();
    Result<void> done = state_.box.protect([&](lua_State* lua) {
      push_part(lua, "state");
      if (lua_isnil(lua, -1) == 0) state = map_at(lua, -1, "`state`");
    });
    if (!done) return pass(done.error());
    return state;
  }

 private:
  template <class F>
  Result<void> with(ScenarioHands& hands, const F& body) {
    HandsHost host(hands);
    state_.box.begin();
    state_.box.host = &host;
    Result<void> done = state_.box.protect(body);
    state_.box.host = nullptr;
    return done;
  }

  static void read_keys(lua_State* lua, const char* part, std::vector<std::string>& out) {
    push_part(lua, part);
    if (lua_isnil(lua, -1) != 0) return;
    lua_pushnil(lua);
    while (lua_next(lua, -2) != 0) {
      if (lua_type(lua, -2) != LUA_TSTRING)
        raise(lua, "`" + std::string(part) + "` has text for keys, and a " + luaL_typename(lua, -2) + " is one");
      const int type = lua_type(lua, -1);
      if (type != LUA_TFUNCTION && type != LUA_TTABLE && type != LUA_TSTRING && type != LUA_TNUMBER)
        raise(lua, "`" + std::string(part) + "[\"" + lua_tostring(lua, -2) +
                       "\"]` is a function that answers, or the answer itself, and not a " + luaL_typename(lua, -1));
      out.emplace_back(lua_tostring(lua, -2));
      lua_pop(lua, 1);
    }
    std::sort(out.begin(), out.end());
  }

  const std::vector<ScriptChunk> chunks_;
  ScriptState state_;
  std::vector<std::string> commands_, endpoints_;
};

// `world.lua:12: ...` at its place.
Diagnostic problem_of(const Error& error, const char* code, const SourceFiles& files,
                      const std::vector<ScriptFile>& scripts, size_t at) {
  Diagnostic problem;
  problem.code = code;
  problem.message = error.message;
  problem.help = error.hint;
  problem.at = line_of(files.at(scripts[at].file), scripts[at].file, 1);
  for (const ScriptFile& script : scripts) {
    const std::string start = files.at(script.file).path + ":";
    if (error.message.rfind(start, 0) != 0) continue;
    const size_t end = error.message.find(':', start.size());
    if (end == std::string::npos) break;
    problem.at = line_of(files.at(script.file), script.file, std::atoll(error.message.c_str() + start.size()));
    problem.message = error.message.substr(std::min(end + 2, error.message.size()));
    break;
  }
  return problem;
}

}  // namespace

std::unique_ptr<ScenarioWorld> load_scenario_world(const SourceFiles& files, const std::vector<ScriptFile>& scripts,
                                                   Diagnostics& problems) {
  std::vector<ScriptChunk> chunks;
  for (const ScriptFile& script : scripts) {
    const SourceFile& source = files.at(script.file);
    chunks.push_back({script.module, source.path, source.text, false});
  }
  auto world = std::make_unique<LuaWorld>(std::move(chunks));
  size_t failed = 0;
  if (Result<void> compiled = world->compile(failed); !compiled) {
    problems.push_back(
        problem_of(compiled.error(), "lua-syntax", files, scripts, std::min(failed, scripts.size() - 1)));
    return nullptr;
  }
  if (Result<void> ran = world->run(); !ran) {
    problems.push_back(problem_of(ran.error(), "lua-failed", files, scripts, 0));
    return nullptr;
  }
  return world;
}

}  // namespace muster
