// What one run of a file has left: its functions, and everything that they can reach and change.
//
// A call finds its file as it was when it was loaded. Instead of running the file anew each time, a later call looks
// whether the one before has changed anything: that can only be what the function that was called can reach, and what
// `require` and `action` note. Only then the file is run anew.
// Errors: raised in Lua; only inside Sandbox::protect.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

struct lua_State;

namespace muster {

// The table that environments stand on, on top of the stack: nobody can change its parts, so that they are passed over.
void remember_libraries(lua_State* lua);
// The same of one table on top of the stack.
void remember_table(lua_State* lua);

// Tables and functions as they were when they were looked at, with all that can be reached from them.
class SeenState {
 public:
  // Looks from the values above `base` on the stack, and takes them away. False: there is too much to look at, or what
  // cannot be looked at.
  [[nodiscard]] bool look(lua_State* lua, int base);
  // Whether everything is still as it was.
  [[nodiscard]] bool is_same(lua_State* lua) const;
  void drop(lua_State* lua);

 private:
  // A value by its type and its number or address; what has an address is kept alive, so that no other gets it.
  struct Cell {
    int8_t type = 0;
    bool is_integer = false;
    uint64_t bits = 0;
    friend bool operator==(const Cell&, const Cell&) = default;
  };
  struct Item {
    bool is_table = false;
    int at = 0;        // in the list of what is kept alive
    size_t first = 0;  // of its cells: upvalues; or the metatable, then keys and values in their order
    int entries = 0;
  };
  static Cell cell_of(lua_State* lua, int index);
  std::vector<Item> items_;
  std::vector<Cell> cells_;
  int alive_ = 0;  // reference of the registry: the list
};

class ScriptInstance {
 public:
  // Takes the two values on top of the stack: what the file has returned, and the tables of its instance.
  void keep(lua_State* lua);
  [[nodiscard]] bool is_kept() const { return kept_; }
  // Whether everything is still as the file has left it.
  [[nodiscard]] bool is_untouched(lua_State* lua);
  // A call has added something that no function reaches by itself: a file that was required, an action.
  void mark_changed() { changed_ = true; }
  // Pushes a function to be called once: of what the file has returned, or of an action's definition.
  void push_function(lua_State* lua, std::string_view action, std::string_view function);
  // Pushes the function that was pushed last; false: it is not known any more.
  [[nodiscard]] bool push_last(lua_State* lua) const;
  // Pushes what the file has returned. Whoever has it may have changed anything.
  void push_result(lua_State* lua);
  void push_tables(lua_State* lua) const;
  void drop(lua_State* lua);

 private:
  struct Entry {
    std::string action, function;
    int self = 0;  // reference of the registry
    bool fits = false;
    SeenState seen;
  };
  static constexpr int nothing = -1, anything = -2;
  void find(lua_State* lua, std::string_view action, std::string_view function);
  bool kept_ = false, changed_ = false;
  int last_ = nothing;           // the entry that was pushed last, and not looked at since
  int result_ = 0, tables_ = 0;  // references of the registry
  std::vector<Entry> entries_;
};

}  // namespace muster
