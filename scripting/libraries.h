// What a script finds in its state, inside this room: Lua's own libraries as far as they are harmless, and ours.
#pragma once

#include <string_view>
#include <vector>

struct lua_State;

namespace muster {

// Makes the table that every environment of a script stands on, and puts it into the registry.
void open_libraries(lua_State* lua);
// Pushes a new environment: what a script makes global is its own, what it finds cannot be changed.
void push_environment(lua_State* lua);

// --- the parts, each in its file; each adds to the table on top of the stack
void open_basic(lua_State* lua);     // pairs, pcall, load, string, table, math, coroutine, utf8
void open_patterns(lua_State* lua);  // string.find, match, gmatch, gsub: adds to the string table on top
void open_standard(lua_State* lua);  // json, time, re, text, list, encoding, hash, uri, cron, version

// The name of the value in a table on top of the stack cannot be changed any more by a script: pops the table, pushes
// its face.
void freeze(lua_State* lua);
[[nodiscard]] bool is_frozen(lua_State* lua, int index);

}  // namespace muster
