// Lua files in tests: loaded as extensions, without a disk.
#pragma once

#include <string>

#include "scripting/scripting.h"

namespace muster {

struct SmallScripts {
  SourceFiles files;
  Diagnostics problems;
  std::optional<ScriptSet> set;

  // `t.lua`, and further files by their module's name.
  explicit SmallScripts(std::string lua, const std::vector<std::pair<std::string, std::string>>& modules = {}) {
    std::vector<ScriptFile> scripts = {{files.add({"t.lua", std::move(lua), ""}), "t", true}};
    for (const auto& [name, text] : modules) scripts.push_back({files.add({name + ".lua", text, ""}), name, false});
    set = load_scripts(files, scripts, {{"shell"}, {"sqlite", "http"}}, problems);
  }
  [[nodiscard]] std::string said() const { return render_all(problems, files); }
  [[nodiscard]] Result<Value> call(const std::string& function, std::vector<Value> arguments = {}) const {
    if (!set) return fail(ErrorCode::invalid, said());
    return set->scripts->call("t." + function, arguments,
                              ScriptContext{*parse_timestamp("2026-01-15T10:00:00Z"), {}, {}});
  }
};

// What `f` gives that this body is, as text with its type, or the message.
inline std::string gives(const std::string& body, std::vector<Value> arguments = {}) {
  SmallScripts scripts("return {f = function(...) " + body + " end}");
  Result<Value> value = scripts.call("f", std::move(arguments));
  return value ? std::string(type_name(*value)) + " " + to_text(*value) : "error: " + value.error().message;
}

}  // namespace muster
