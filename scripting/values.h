// The border between values of playbooks and values of Lua, inside this room.
//
// To Lua: nil, booleans, numbers, text, lists (from 1), maps; durations as seconds; moments and secrets as objects that
// compare, and say no more than they may. A list keeps its length where nil stands in it.
// From Lua: a table is a list when its keys are 1 to n (the empty one is a list), a map when they are text. Refused,
// with the path to it: functions, NaN and infinity, holes, mixed keys, tables within themselves, more than 100 levels,
// more than a million values or 16 MB. Errors: raised in Lua; only inside Sandbox::protect.
#pragma once

#include <optional>

#include "interpreter/base/result.h"
#include "interpreter/base/value.h"

struct lua_State;

namespace muster {

void open_values(lua_State* lua);  // the metatables

// Each of these wants room for eight more values on the stack, as a C function has it that has pushed a few.
void push(lua_State* lua, const Value& value);
void push(lua_State* lua, const Map& map);
// `what` begins the path in messages: `the result`.
[[nodiscard]] Value value_at(lua_State* lua, int index, const char* what);
// For arguments that must be maps: the empty table is one.
[[nodiscard]] Map map_at(lua_State* lua, int index, const char* what);
[[nodiscard]] std::optional<Timestamp> timestamp_at(lua_State* lua, int index);
// A number of seconds, or text as in `30s`.
[[nodiscard]] std::optional<Duration> duration_at(lua_State* lua, int index);
// A list that was made of a value with nil in it, or an empty map.
[[nodiscard]] bool is_marked(lua_State* lua, int index);

// --- raised errors, for the sandbox
void push_explained(lua_State* lua, const Value& said);
void push_error(lua_State* lua, const Error& error);
[[nodiscard]] const Error* raised_error(lua_State* lua, int index);
[[nodiscard]] std::optional<Map> raised_text(lua_State* lua, int index);
// Any other value that was raised: a map with `message` and `code`, nil, a function, ...
[[nodiscard]] Error raised_value(lua_State* lua, int index);

}  // namespace muster
