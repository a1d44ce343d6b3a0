// The compiled files of one playbook, and the states that run them; inside this room.
//
// Each state has every file compiled once. An instance is a file that was run, with globals of its own; it serves until
// a call leaves something behind, then the file is run anew. States are pooled: a call takes one, and gives it back.
// Threads: the pool may be used by many; a state by one at a time.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "interpreter/base/result.h"
#include "scripting/instance.h"
#include "scripting/sandbox.h"

namespace muster {

// What `ctx` does for the script that is running.
class ScriptHost {
 public:
  virtual ~ScriptHost() = default;
  virtual Result<Value> call(std::string_view action, const Map& args) = 0;
  virtual void progress(int64_t done, int64_t total, std::string_view unit) = 0;
  virtual void log(std::string_view line) = 0;
  virtual Timestamp now() = 0;
  virtual Result<void> sleep(Duration duration) = 0;
  [[nodiscard]] virtual bool is_stopped() = 0;
  [[nodiscard]] virtual const Map& facts() const = 0;  // `ctx.NAME`
};

struct ScriptChunk {
  std::string module;
  std::string path;  // as it stands in messages
  std::string text;
  bool extension = true;
};

class ScriptState {
 public:
  explicit ScriptState(const std::vector<ScriptChunk>& chunks);
  Sandbox box;
  // Compiles; the index of the chunk that cannot be.
  [[nodiscard]] Result<void> compile(size_t* failed = nullptr);

  // Inside `box.protect`, each in an instance that is as if the chunk had been run just now: pushes what it returns; a
  // function of that, to be called once; a function of an action that it defines.
  void push_instance(lua_State* lua, size_t chunk);
  void push_function(lua_State* lua, size_t chunk, std::string_view function);
  void push_function(lua_State* lua, size_t chunk, std::string_view action, std::string_view function);
  // Outside of `protect`: the file and line where the function begins that was pushed last, or nothing.
  [[nodiscard]] std::string place_of_last();
  // Runs a chunk in the instance that is there, once: what `require` gives.
  void push_module(lua_State* lua, const std::string& module);
  // What `require`, `action` or `example` adds while a function runs, the next call must not find.
  void mark_changed() { instances_.at(current_).mark_changed(); }
  static void push_definitions(lua_State* lua);
  static void push_examples(lua_State* lua);  // of functions: a list
  static void push_context(lua_State* lua);

 private:
  void run(lua_State* lua, size_t chunk);
  ScriptInstance& fresh(lua_State* lua, size_t chunk);
  size_t current_ = 0;  // the chunk whose instance is there
  const std::vector<ScriptChunk>& chunks_;
  std::vector<int> compiled_;
  std::vector<ScriptInstance> instances_;  // by chunk
};

class ScriptLibrary {
 public:
  explicit ScriptLibrary(std::vector<ScriptChunk> chunks) : chunks_(std::move(chunks)) {}
  ~ScriptLibrary() { delete next_.load(); }
  ScriptLibrary(const ScriptLibrary&) = delete;
  ScriptLibrary& operator=(const ScriptLibrary&) = delete;
  [[nodiscard]] const std::vector<ScriptChunk>& chunks() const { return chunks_; }

  // A state of the pool, given back when this goes. Its budgets are as the last call has left them: `box.begin()`.
  class Lease {
   public:
    Lease(const ScriptLibrary& library, std::unique_ptr<ScriptState> state)
        : library_(&library), state_(std::move(state)) {}
    Lease(Lease&&) noexcept = default;
    Lease& operator=(Lease&&) = delete;
    ~Lease();
    ScriptState& operator*() const { return *state_; }
    ScriptState* operator->() const { return state_.get(); }

   private:
    const ScriptLibrary* library_;
    std::unique_ptr<ScriptState> state_;
  };
  [[nodiscard]] Result<Lease> lease() const;

 private:
  std::vector<ScriptChunk> chunks_;
  mutable std::mutex mutex_;
  mutable std::vector<std::unique_ptr<ScriptState>> idle_;
  mutable std::atomic<ScriptState*> next_{nullptr};  // the one that came back last, where nobody has to wait
};

// Puts `ctx`, `require` and `action` where scripts find them: adds to the table of globals on top of the stack.
void open_context(lua_State* lua);
void open_loading(lua_State* lua);

}  // namespace muster
