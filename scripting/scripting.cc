#include "scripting/scripting.h"

#include <algorithm>
#include <lua.hpp>

#include "scripting/calls.h"
#include "scripting/extension.h"
#include "scripting/values.h"

namespace muster {
namespace {

// Where a message of Lua says that it happened: `runs.lua:12: ...`; the file is the one that is being loaded otherwise.
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
    size_t end = error.message.find(':', start.size());
    if (end == std::string::npos) break;
    int64_t line = std::atoll(error.message.c_str() + start.size());
    problem.at = line_of(files.at(script.file), script.file, line);
    problem.message = error.message.substr(std::min(end + 2, error.message.size()));
    break;
  }
  return problem;
}

class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::vector<RequiredModule> run() {
    std::vector<RequiredModule> found;
    while (at_ < text_.size()) {
      char c = text_[at_];
      if (c == '-' && next(1) == '-') {
        at_ += 2;
        if (!skip_long()) skip_line();
      } else if (c == '"' || c == '\'') {
        (void)quoted();
      } else if (c == '[' && skip_long()) {
      } else if (is_letter(c)) {
        if (word() == "require") take(found);
      } else {
        ++at_;
      }
    }
    return found;
  }

 private:
  [[nodiscard]] char next(size_t by) const { return at_ + by < text_.size() ? text_[at_ + by] : '\0'; }
  static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
  std::string_view word() {
    size_t begin = at_;
    while (at_ < text_.size() && (is_letter(text_[at_]) || (text_[at_] >= '0' && text_[at_] <= '9'))) ++at_;
    return text_.substr(begin, at_ - begin);
  }
  void skip_line() {
    while (at_ < text_.size() && text_[at_] != '\n') ++at_;
  }
  // `[[...]]`, `[==[...]==]`
  bool skip_long() {
    if (next(0) != '[') return false;
    size_t level = 0;
    while (next(1 + level) == '=') ++level;
    if (next(1 + level) != '[') return false;
    std::string close = "]" + std::string(level, '=') + "]";
    size_t end = text_.find(close, at_ + level + 2);
    at_ = end == std::string_view::npos ? text_.size() : end + close.size();
    return true;
  }
  std::string quoted() {
    char quote = text_[at_++];
    std::string out;
    while (at_ < text_.size() && text_[at_] != quote && text_[at_] != '\n') {
      if (text_[at_] == '\\') ++at_;
      if (at_ < text_.size()) out += text_[at_++];
    }
    if (at_ < text_.size()) ++at_;
    return out;
  }
  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '(' || text_[at_] == '\n'))
      ++at_;
  }
  void take(std::vector<RequiredModule>& found) {
    skip_space();
    if (next(0) != '"' && next(0) != '\'') return;
    RequiredModule one;
    one.begin = static_cast<uint32_t>(at_);
    one.module = quoted();
    one.end = static_cast<uint32_t>(at_);
    found.push_back(std::move(one));
  }
  std::string_view text_;
  size_t at_ = 0;
};

}  // namespace

std::vector<RequiredModule> required_modules(std::string_view lua) { return Scanner(lua).run(); }

std::optional<ScriptSet> load_scripts(const SourceFiles& files, const std::vector<ScriptFile>& scripts,
                                      const KnownNames& known, Diagnostics& problems) {
  const size_t before = problems.size();
  std::vector<ScriptChunk> chunks;
  for (const ScriptFile& script : scripts) {
    const SourceFile& source = files.at(script.file);
    chunks.push_back({script.module, source.path, source.text, script.extension});
  }
  auto library = std::make_shared<const ScriptLibrary>(std::move(chunks));
  ScriptState state(library->chunks());
  size_t failed = 0;
  if (Result<void> compiled = state.compile(&failed); !compiled) {
    problems.push_back(
        problem_of(compiled.error(), "lua-syntax", files, scripts, std::min(failed, scripts.size() - 1)));
    return std::nullopt;
  }
  ScriptSet out;
  std::vector<std::string> names;
  for (size_t i = 0; i < scripts.size(); ++i) {
    if (!scripts[i].extension) continue;
    state.box.begin();
    Result<void> ran = state.box.protect([&](lua_State* lua) {
      state.push_instance(lua, i);
      if (lua_isnil(lua, -1) != 0) return;
      if (lua_istable(lua, -1) == 0)
        raise(lua, "an extension returns a table of functions, or nothing, and this one a " +
                       std::string(luaL_typename(lua, -1)));
      lua_pushnil(lua);
      while (lua_next(lua, -2) != 0) {
        if (lua_type(lua, -2) == LUA_TSTRING && lua_isfunction(lua, -1) != 0)
          names.push_back(scripts[i].module + "." + lua_tostring(lua, -2));
        lua_pop(lua, 1);
      }
    });
    if (!ran) {
      problems.push_back(problem_of(ran.error(), "lua-failed", files, scripts, i));
      continue;
    }
    const SourceFile& source = files.at(scripts[i].file);
    read_definitions(state, library, i, source, scripts[i].file, known, out, problems);
    read_function_examples(state, scripts[i].module, names, source, scripts[i].file, known, out, problems);
  }
  if (problems.size() > before) return std::nullopt;
  out.scripts = make_scripts(library, std::move(names));
  return out;
}

}  // namespace muster
