// The functions of a playbook's Lua files, as an action sees them: a field of type `function` names one, and through
// `Scripts` the action calls it. Nothing of Lua shows here.
//
// A script's function is pure: it gets values and gives values, and reaches nothing of the world. Each call finds the
// globals of its file as they were when it was loaded, whatever calls before it did.
// Threads: `Scripts` may be used by many at once; a ScriptFunction belongs to the thread that opened it.
// Errors:  `expression` with the Lua file and line, for what the script raised and for a budget that is used up;
//          `interrupted` when the stop token asked; `not_found` for a function that is not there.
// Source:  docs/extending.md.
#pragma once

#include <memory>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "interpreter/base/result.h"
#include "interpreter/base/value.h"

namespace muster {

// Rows as a query gives them: the cells of one row after the other, each row as many as there are columns.
struct ScriptRows {
  std::vector<std::string> columns;
  std::vector<Value> cells;
};

// What a script's function may know beside its arguments: its last argument, `ctx`.
struct ScriptContext {
  Timestamp now;   // `ctx.now()` stands still
  Map facts = {};  // `ctx.NAME`
  std::stop_token stop = {};
};

// One function made ready for many calls on one thread: it is looked up once, its state is kept.
class ScriptFunction {
 public:
  virtual ~ScriptFunction() = default;
  [[nodiscard]] virtual Result<Value> call(std::span<const Value> arguments) = 0;
  // `function(key, rows, ctx) return rows end`: rows are maps by column, as they are given and as they come back.
  [[nodiscard]] virtual Result<List> derive(const Value& key, const ScriptRows& rows) = 0;
};

class Scripts {
 public:
  virtual ~Scripts() = default;
  // All functions, sorted: `runs.consecutive_days`.
  [[nodiscard]] virtual const std::vector<std::string>& names() const = 0;
  [[nodiscard]] virtual Result<std::unique_ptr<ScriptFunction>> open(std::string_view function,
                                                                     const ScriptContext& context) const = 0;
  [[nodiscard]] virtual Result<Value> call(std::string_view function, std::span<const Value> arguments,
                                           const ScriptContext& context) const = 0;
};

// The scripts of a playbook that has none.
[[nodiscard]] const Scripts& no_scripts();

// Whether the function is one of `scripts`; without scripts there is none.
[[nodiscard]] bool has_function(const Scripts* scripts, std::string_view name);

}  // namespace muster
