// The Lua file of a scenario: what commands and HTTP endpoints answer in its simulated world, and what the world is.
//
// It returns a table: `commands` and `http` by what they answer to, `state` as it is in the beginning, and `after`, a
// function that looks at the world once the run is over. One instance lives as long as the world: what an answer
// changes in `state` is there for the next one. Errors: `expression` with the Lua file and line. Threads: one at a
// time. Source: docs/rehearsal.md, "The world".
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "interpreter/base/diagnostic.h"
#include "interpreter/base/result.h"
#include "interpreter/base/source_file.h"
#include "interpreter/base/value.h"
#include "scripting/scripting.h"

namespace muster {

// What `ctx` does to the simulated world: `ctx.read{path = "/etc/hosts"}` is call("read", {path}).
class ScenarioHands {
 public:
  virtual ~ScenarioHands() = default;
  [[nodiscard]] virtual Result<Value> call(std::string_view what, const Map& args) = 0;
  [[nodiscard]] virtual Timestamp now() = 0;
};

class ScenarioWorld {
 public:
  virtual ~ScenarioWorld() = default;
  // What `commands` and `http` answer to, sorted.
  [[nodiscard]] virtual const std::vector<std::string>& commands() const = 0;
  [[nodiscard]] virtual const std::vector<std::string>& endpoints() const = 0;
  // What stands there, called with the map and `ctx` where it is a function.
  [[nodiscard]] virtual Result<Value> answer(bool http, const std::string& key, const Map& call,
                                             ScenarioHands& hands) = 0;
  [[nodiscard]] virtual Result<void> after(ScenarioHands& hands) = 0;
  [[nodiscard]] virtual Result<Value> state() = 0;
};

// `scripts[0]` is the world, the others are what it requires. Nothing: it cannot be used (`lua-syntax`, `lua-failed`).
[[nodiscard]] std::unique_ptr<ScenarioWorld> load_scenario_world(const SourceFiles& files,
                                                                 const std::vector<ScriptFile>& scripts,
                                                                 Diagnostics& problems);

}  // namespace muster
