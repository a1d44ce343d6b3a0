// One Lua state behind a fence: what it may use (memory, instructions, time) and what it can reach (nothing).
//
// The fence is for accidents: the author of a playbook is trusted to run commands anyway, but a loop without end must
// not hold a recovery up. Everything of a state happens inside `protect`, one thread at a time. Units:  bytes are all
// that the state holds; instructions are those of the virtual machine, and work that the libraries
//         do for long counts as such; time is spent in Lua only, without what `ctx` waits for.
// Errors: `expression` with the Lua file and line, where Lua code stood on the stack; `interrupted` when the stop token
// asked. Source: docs/extending.md, "Limits".
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <type_traits>

#include "interpreter/base/result.h"
#include "interpreter/base/value.h"
#include "scripting/small_blocks.h"

struct lua_State;

namespace muster {

struct ScriptLimits {
  size_t bytes = 64u << 20;
  int64_t instructions = 200'000'000;
  Duration time = Duration::seconds(10);
};

class Sandbox {
 public:
  explicit Sandbox(ScriptLimits limits = {});
  ~Sandbox();
  Sandbox(const Sandbox&) = delete;
  Sandbox& operator=(const Sandbox&) = delete;

  // Runs `body` where errors of Lua are caught. The stack is as before afterwards.
  template <class F>
  [[nodiscard]] Result<void> protect(F&& body) {
    return guard(Body{[](const void* f, lua_State* lua) { (*static_cast<const std::remove_cvref_t<F>*>(f))(lua); },
                      std::addressof(body)});
  }
  // Fills the budgets again; `stop` is looked at while Lua runs, and must be there until then.
  void begin(const std::stop_token* stop = nullptr);
  // Time until `resume` does not count: somebody else works for the script.
  void pause();
  void resume();

  // What `ctx` and `require` find: the caller of this call, known to the files that own it.
  void* host = nullptr;
  int context = 0;  // `ctx`: its reference of the registry

  // --- for the libraries, inside `protect`
  [[nodiscard]] static Sandbox& of(lua_State* lua);
  // Counts work that is done in C; raises when the budget is used up.
  static void charge(lua_State* lua, int64_t cost);
  [[nodiscard]] static int64_t left(lua_State* lua) { return std::max<int64_t>(of(lua).instructions_, 0); }
  [[nodiscard]] size_t bytes() const { return bytes_; }

 private:
  friend struct SandboxCallbacks;
  // What `protect` runs, without a copy of it.
  struct Body {
    void (*call)(const void*, lua_State*);
    const void* object;
  };
  [[nodiscard]] Result<void> guard(const Body& body);
  [[nodiscard]] Result<void> failure(int status);  // of what was raised, on top of the stack
  void look_at_clock();
  [[nodiscard]] bool is_spent();
  [[nodiscard]] bool is_in_budget();
  [[nodiscard]] Error error_of(lua_State* lua);
  // Where it happened, for a value that cannot carry it; the file and line that call something of C come first.
  std::string frames_;

  using Clock = std::chrono::steady_clock;
  ScriptLimits limits_;
  SmallBlocks small_;
  size_t bytes_ = 0;
  int64_t churned_ = 0;  // bytes asked for since the clock was looked at
  int64_t charged_ = 0;  // by the libraries, since the clock was looked at
  int64_t instructions_ = 0;
  // The clock is looked at first when there is reason to: most calls end before.
  bool is_timed_ = false;
  Clock::time_point deadline_, last_hook_, paused_at_;
  const std::stop_token* stop_ = nullptr;
  const char* spent_ = nullptr;  // which budget, in words
  bool stopped_ = false;
  bool closing_ = false;
  const Body* body_ = nullptr;  // what runs now
  lua_State* lua_ = nullptr;
};

// Raises a failure of ours as a Lua error that keeps its code and effect, should nobody catch it.
[[noreturn]] void raise(lua_State* lua, const Error& error);
// Raises a text with the file and line of the Lua code that called.
[[noreturn]] void raise(lua_State* lua, const std::string& message);

}  // namespace muster
