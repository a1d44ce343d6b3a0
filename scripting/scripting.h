// Lua files of a playbook, turned into what the rest of the house knows: actions that are values like the built-in
// ones, and functions that expressions and actions may call.
//
// Errors: Diagnostics with the place in the Lua file (`lua-syntax`, `lua-failed`, `bad-extension`, `bad-action`).
// Source: docs/extending.md.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "interpreter/action/action.h"
#include "interpreter/action/scripts.h"
#include "interpreter/base/diagnostic.h"

namespace muster {

// A Lua file: an extension that the playbook names, or one that another file requires.
struct ScriptFile {
  uint32_t file = 0;   // into the SourceFiles
  std::string module;  // how Lua calls it: `runs`, `lib.time`
  bool extension = true;
};

// `require "lib.time"` as it stands in a file, outside of comments and texts.
struct RequiredModule {
  std::string module;
  uint32_t begin = 0, end = 0;  // of the name with its quotes
};
[[nodiscard]] std::vector<RequiredModule> required_modules(std::string_view lua);

// An example that an extension carries for one of its actions or functions; `muster actions --test` runs it.
struct ScriptExample {
  std::string action;
  Map args;
  std::string function;              // instead of an action: `runs.consecutive_days`
  List arguments;                    // of that
  Map answers;                       // by action: what it answers when it is called
  std::optional<Value> preview;      // what the preview must say
  std::optional<Value> result;       // what it must give
  std::optional<std::string> fails;  // or: part of the message that it must fail with
  Span at;
};

struct ScriptSet {
  std::vector<Action> actions;
  std::shared_ptr<const Scripts> scripts;
  std::vector<ScriptExample> examples;
};
// What a playbook knows without its extensions.
struct KnownNames {
  std::vector<std::string> taken;  // what no action may be called
  std::vector<std::string> kinds;  // of connections
};
// Compiles the files, runs each extension once and turns what it defines into actions and functions.
[[nodiscard]] std::optional<ScriptSet> load_scripts(const SourceFiles& files, const std::vector<ScriptFile>& scripts,
                                                    const KnownNames& known, Diagnostics& problems);

}  // namespace muster
