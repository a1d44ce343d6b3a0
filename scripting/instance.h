// What one run of a file has left: its functions, and everything that they can reach and change.
//
// A call finds its file as it was when it was loaded. Instead of running the file anew each time, a later call looks
// whether the one before has changed anything that can be reached; then only it is run anew.
// Errors: raised in Lua; only inside Sandbox::protect.
#pragma once

#include <cstddef>
#include <vector>

struct lua_State;

namespace muster {

// The table that environments stand on, on top of the stack: nobody can change its parts, so that they are passed over.
void remember_libraries(lua_State* lua);
// The same of one table on top of the stack.
void remember_table(lua_State* lua);

class ScriptInstance {
 public:
  // Takes the two values on top of the stack: what the file has returned, and the tables of its instance.
  // False: there is too much to look at, or what cannot be looked at; then it serves this one call.
  bool keep(lua_State* lua);
  [[nodiscard]] bool is_kept() const { return kept_; }
  // Whether everything is still as it was.
  [[nodiscard]] bool is_untouched(lua_State* lua) const;
  // Pushes what the file has returned, and behind it the tables of its instance.
  void push(lua_State* lua) const;
  void drop(lua_State* lua);

 private:
  enum class Kind { upvalue, table };
  struct Item {
    Kind kind;
    int at;              // into the list of what was seen
    int upvalue = 0;     // which one
    size_t entries = 0;  // of a table
  };
  bool walk(lua_State* lua);
  bool holds_ = false, kept_ = false;
  int seen_ = 0, result_ = 0, tables_ = 0;  // references of the registry
  std::vector<Item> items_;
};

}  // namespace muster
