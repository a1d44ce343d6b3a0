#include "scripting/values.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <lua.hpp>
#include <new>

#include "interpreter/base/json.h"
#include "scripting/sandbox.h"

namespace muster {
namespace {

constexpr int deepest = 100;
constexpr int64_t most_values = 1'000'000;
constexpr int64_t most_bytes = 16 << 20;
// What is small is not worth counting.
constexpr int64_t values_per_charge = 1024;
constexpr size_t text_to_charge = 1024;

constexpr const char* timestamp_name = "timestamp";
constexpr const char* secret_name = "secret";
constexpr const char* error_name = "error";
constexpr const char* explained_name = "explained";
const char list_mark = 0, map_mark = 0;  // registry keys of the metatables

template <class T>
void push_object(lua_State* lua, const char* name, T value) {
  void* place = lua_newuserdatauv(lua, sizeof(T), 0);
  new (place) T(std::move(value));
  luaL_setmetatable(lua, name);
}

template <class T>
const T* object_at(lua_State* lua, int index, const char* name) {
  return static_cast<const T*>(luaL_testudata(lua, index, name));
}

template <class T>
int destroy(lua_State* lua) {
  static_cast<T*>(lua_touserdata(lua, 1))->~T();
  return 0;
}

// Moments compare among themselves; a difference is a number of seconds.
Timestamp moment(lua_State* lua, int index) {
  std::optional<Timestamp> found = timestamp_at(lua, index);
  if (!found) raise(lua, std::string("a moment is wanted here, and a ") + luaL_typename(lua, index) + " stands here");
  return *found;
}
void push_seconds(lua_State* lua, Duration d) {
  if (d.us % 1'000'000 == 0) return lua_pushinteger(lua, d.us / 1'000'000);
  lua_pushnumber(lua, d.as_seconds());
}
int timestamp_equal(lua_State* lua) { return lua_pushboolean(lua, moment(lua, 1) == moment(lua, 2)), 1; }
int timestamp_less(lua_State* lua) { return lua_pushboolean(lua, moment(lua, 1) < moment(lua, 2)), 1; }
int timestamp_less_equal(lua_State* lua) { return lua_pushboolean(lua, moment(lua, 1) <= moment(lua, 2)), 1; }
int timestamp_text(lua_State* lua) {
  std::string text = to_text(moment(lua, 1));
  lua_pushlstring(lua, text.data(), text.size());
  return 1;
}
int timestamp_later(lua_State* lua, Timestamp from, int index, int64_t sign) {
  std::optional<Duration> by = duration_at(lua, index);
  std::optional<Timestamp> then = by ? muster::timestamp_at(from, sign * by->us) : std::nullopt;
  if (!then)
    raise(lua, std::string("a moment takes a number of seconds, or text as in `30s`, within the years 0 to 9999"));
  push_object(lua, timestamp_name, *then);
  return 1;
}
int timestamp_plus(lua_State* lua) {
  bool first = object_at<Timestamp>(lua, 1, timestamp_name) != nullptr;
  return timestamp_later(lua, moment(lua, first ? 1 : 2), first ? 2 : 1, 1);
}
int timestamp_minus(lua_State* lua) {
  Timestamp from = moment(lua, 1);
  if (const Timestamp* other = object_at<Timestamp>(lua, 2, timestamp_name)) return push_seconds(lua, from - *other), 1;
  return timestamp_later(lua, from, 2, -1);
}
// Texts joined with a moment: `"at " .. t`.
int timestamp_concat(lua_State* lua) {
  for (int i = 1; i <= 2; ++i) {
    if (const Timestamp* t = object_at<Timestamp>(lua, i, timestamp_name)) {
      std::string text = to_text(*t);
      lua_pushlstring(lua, text.data(), text.size());
      lua_replace(lua, i);
    }
  }
  lua_concat(lua, 2);
  return 1;
}

int secret_text(lua_State* lua) { return lua_pushliteral(lua, "***"), 1; }
int secret_concat(lua_State* lua) {
  std::string joined, name;
  for (int i = 1; i <= 2; ++i) {
    if (const Secret* secret = object_at<Secret>(lua, i, secret_name)) {
      joined += secret->reveal(SecretSink::concatenation);
      name += secret->name();
      continue;
    }
    if (lua_isstring(lua, i) == 0) raise(lua, std::string("a secret can be joined with text only"));
    size_t size = 0;
    const char* text = lua_tolstring(lua, i, &size);
    joined.append(text, size);
  }
  push_object(lua, secret_name, Secret(name, joined));
  return 1;
}

int error_text(lua_State* lua) {
  const Error* error = object_at<Error>(lua, 1, error_name);
  std::string text = error ? error->message : "";
  lua_pushlstring(lua, text.data(), text.size());
  return 1;
}
int error_field(lua_State* lua) {
  const Error* error = object_at<Error>(lua, 1, error_name);
  std::string_view key = lua_type(lua, 2) == LUA_TSTRING ? lua_tostring(lua, 2) : "";
  auto text = [lua](std::string_view s) { return lua_pushlstring(lua, s.data(), s.size()), 1; };
  if (!error) return 0;
  if (key == "message") return text(error->message);
  if (key == "code") return text(error->own_code.empty() ? name_of(error->code) : std::string_view(error->own_code));
  if (key == "effect") return text(name_of(error->effect));
  if (key == "hint") return text(error->hint);
  if (key == "status" && error->status) return lua_pushinteger(lua, *error->status), 1;
  if (key == "exit_code" && error->exit_code) return lua_pushinteger(lua, *error->exit_code), 1;
  return 0;
}

int marked_length(lua_State* lua) {
  lua_pushliteral(lua, "n");
  lua_rawget(lua, lua_upvalueindex(1));
  lua_pushvalue(lua, 1);
  lua_rawget(lua, -2);
  return 1;
}

void new_type(lua_State* lua, const char* name, const luaL_Reg* functions) {
  luaL_newmetatable(lua, name);
  luaL_setfuncs(lua, functions, 0);
  lua_pushboolean(lua, 0);
  lua_setfield(lua, -2, "__metatable");
  lua_pop(lua, 1);
}

// A C function of Lua finds room for twenty values, of which two levels take eight: only what is nested deeper asks.
void make_room(lua_State* lua, int depth) {
  if (depth >= 2) luaL_checkstack(lua, 8, "values are nested too deep");
}

// What a table is, on the way out of Lua.
class Reader {
 public:
  // Where a value stands: a key or a place in the table above it.
  struct Place {
    const Place* above = nullptr;
    std::string_view key = {};
    int64_t number = 0;
  };

  Reader(lua_State* lua, const char* what) : lua_(lua), what_(what) {}

  // Into a value that is nil yet: it is made where it stays.
  void read(int index, const Place* place, Value& out) {
    if (++values_ > most_values) refuse(place, "has more than a million values");
    if (values_ % values_per_charge == 0) Sandbox::charge(lua_, values_per_charge * 4);
    switch (lua_type(lua_, index)) {
      case LUA_TNIL:
      case LUA_TNONE:
        return;
      case LUA_TBOOLEAN:
        out.data.emplace<bool>(lua_toboolean(lua_, index) != 0);
        return;
      case LUA_TNUMBER: {
        if (lua_isinteger(lua_, index) != 0) return void(out.data.emplace<int64_t>(lua_tointeger(lua_, index)));
        double number = lua_tonumber(lua_, index);
        if (std::isnan(number)) refuse(place, "is not a number (NaN)");
        if (std::isinf(number)) refuse(place, "is infinite");
        out.data.emplace<double>(number);
        return;
      }
      case LUA_TSTRING:
        out.data.emplace<std::string>(text(index, place));
        return;
      case LUA_TTABLE:
        return table(lua_absindex(lua_, index), place, out);
      case LUA_TUSERDATA:
        if (const Timestamp* t = object_at<Timestamp>(lua_, index, timestamp_name)) return void(out = *t);
        if (const Secret* secret = object_at<Secret>(lua_, index, secret_name)) return void(out = *secret);
        if (const Error* error = object_at<Error>(lua_, index, error_name)) return void(out = error->message);
        [[fallthrough]];
      default:
        refuse(place, std::string("is a ") + luaL_typename(lua_, index) + ", which is no value of a playbook");
    }
  }

 private:
  [[noreturn]] void refuse(const Place* place, const std::string& what) {
    std::string path;
    for (; place && place->above; place = place->above) {
      if (place->number != 0) {
        path.insert(0, "[" + std::to_string(place->number) + "]");
      } else {
        path.insert(0, "." + (place->key.size() > 60 ? std::string(place->key.substr(0, 57)) + "..."
                                                     : std::string(place->key)));
      }
    }
    raise(lua_, std::string(what_) + path + " " + what);
  }

  std::string_view text(int index, const Place* place) {
    size_t size = 0;
    const char* bytes = lua_tolstring(lua_, index, &size);
    bytes_ += static_cast<int64_t>(size);
    if (bytes_ > most_bytes) refuse(place, "has more than 16 MB of text");
    if (size >= text_to_charge) Sandbox::charge(lua_, static_cast<int64_t>(size) / 4);
    return {bytes, size};
  }

  void table(int index, const Place* place, Value& out) {
    const void* self = lua_topointer(lua_, index);
    if (std::find(open_.begin(), open_.begin() + depth_, self) != open_.begin() + depth_)
      refuse(place, "is a table that stands inside itself");
    if (depth_ >= deepest) refuse(place, "is nested more than 100 deep");
    make_room(lua_, depth_);
    open_[static_cast<size_t>(depth_++)] = self;
    fill(index, place, out);
    --depth_;
  }

  void fill(int index, const Place* place, Value& out) {
    int64_t length = -1;
    bool is_map = false;
    if (lua_getmetatable(lua_, index) != 0) {
      lua_pop(lua_, 1);
      length = marked_list_length(index);
      is_map = length < 0 && is_marked(lua_, index);  // an empty map as it was given, or filled since
    }
    lua_pushnil(lua_);
    if (length >= 0 || lua_next(lua_, index) == 0) {
      if (length >= 0) lua_pop(lua_, 1);
      if (is_map) return void(out.data.emplace<Map>());
      return list(index, length, place, out.data.emplace<List>());
    }
    if (is_map || lua_type(lua_, -2) == LUA_TSTRING) return map(index, place, out.data.emplace<Map>());
    lua_pop(lua_, 2);
    list(index, length, place, out.data.emplace<List>());
  }

  // The length that a list with nil in it was given; -1 for any other table.
  int64_t marked_list_length(int index) {
    int64_t length = -1;
    if (lua_getmetatable(lua_, index) == 0) return length;
    lua_rawgetp(lua_, LUA_REGISTRYINDEX, &list_mark);
    bool marked = lua_rawequal(lua_, -1, -2) != 0;
    lua_pop(lua_, 2);
    if (marked) length = static_cast<int64_t>(luaL_len(lua_, index));
    return length;
  }

  // With its first pair on the stack.
  void map(int index, const Place* place, Map& out) {
    do {
      if (lua_type(lua_, -2) != LUA_TSTRING)
        refuse(place, std::string("has keys that are text beside one that is a ") + luaL_typename(lua_, -2));
      const std::string_view key = text(-2, place);
      const Place inner{place, key};
      read(-1, &inner, out.try_emplace(std::string(key)).first->second);
      lua_pop(lua_, 1);
    } while (lua_next(lua_, index) != 0);
  }

  void list(int index, int64_t length, const Place* place, List& out) {
    int64_t count = 0, highest = 0;
    lua_pushnil(lua_);
    while (lua_next(lua_, index) != 0) {
      lua_pop(lua_, 1);
      if (lua_isinteger(lua_, -1) == 0)
        refuse(place, std::string("has keys that are counted beside one that is a ") + luaL_typename(lua_, -1));
      int64_t key = lua_tointeger(lua_, -1);
      if (key < 1) refuse(place, "has the key " + std::to_string(key) + ", and lists are counted from 1");
      highest = std::max(highest, key);
      ++count;
    }
    if (length >= 0) {
      highest = std::max(length, highest);
    } else if (highest != count) {
      int64_t hole = 1;
      while (lua_rawgeti(lua_, index, hole) != LUA_TNIL) lua_pop(lua_, 1), ++hole;
      refuse(place, "is a list of " + std::to_string(count) + " with a hole at " + std::to_string(hole));
    }
    out.reserve(static_cast<size_t>(std::min<int64_t>(highest, most_values)));
    for (int64_t i = 1; i <= highest; ++i) {
      lua_rawgeti(lua_, index, i);
      const Place inner{place, {}, i};
      read(-1, &inner, out.emplace_back());
      lua_pop(lua_, 1);
    }
  }

  lua_State* lua_;
  const char* what_;
  std::array<const void*, deepest> open_;  // the tables that we are in
  int depth_ = 0;
  int64_t values_ = 0, bytes_ = 0;
};

void push_value(lua_State* lua, const Value& value, int depth);

void push_list(lua_State* lua, const List& list, int depth) {
  make_room(lua, depth);
  lua_createtable(lua, static_cast<int>(std::min<size_t>(list.size(), 1 << 20)), 0);
  bool has_nil = false;
  lua_Integer i = 0;
  for (const Value& item : list) {
    ++i;
    if (item.is_null()) {
      has_nil = true;
      continue;
    }
    push_value(lua, item, depth + 1);
    lua_rawseti(lua, -2, i);
  }
  if (!has_nil) return;
  lua_rawgetp(lua, LUA_REGISTRYINDEX, &list_mark);
  lua_getfield(lua, -1, "n");
  lua_pushvalue(lua, -3);
  lua_pushinteger(lua, i);
  lua_rawset(lua, -3);
  lua_pop(lua, 1);
  lua_setmetatable(lua, -2);
}

void push_map(lua_State* lua, const Map& map, int depth) {
  make_room(lua, depth);
  lua_createtable(lua, 0, static_cast<int>(std::min<size_t>(map.size(), 1 << 20)));
  for (const auto& [name, value] : map) {
    lua_pushlstring(lua, name.data(), name.size());
    push_value(lua, value, depth + 1);
    lua_rawset(lua, -3);
  }
  if (!map.empty()) return;
  lua_rawgetp(lua, LUA_REGISTRYINDEX, &map_mark);
  lua_setmetatable(lua, -2);
}

void push_value(lua_State* lua, const Value& value, int depth) {
  std::visit(overloaded{
                 [&](Null) { lua_pushnil(lua); },
                 [&](bool b) { lua_pushboolean(lua, b ? 1 : 0); },
                 [&](int64_t i) { lua_pushinteger(lua, i); },
                 [&](double d) { lua_pushnumber(lua, d); },
                 [&](const std::string& s) { lua_pushlstring(lua, s.data(), s.size()); },
                 [&](const List& list) { push_list(lua, list, depth); },
                 [&](const Map& map) { push_map(lua, map, depth); },
                 [&](Timestamp t) { push_object(lua, timestamp_name, t); },
                 [&](Duration d) { push_seconds(lua, d); },
                 [&](const Secret& s) { push_object(lua, secret_name, s); },
                 [&](const Unknown& u) { raise(lua, "a value is not known yet: " + u.why); },
             },
             value.data);
}

}  // namespace

void open_values(lua_State* lua) {
  static const luaL_Reg timestamp[] = {{"__eq", timestamp_equal},      {"__lt", timestamp_less},
                                       {"__le", timestamp_less_equal}, {"__tostring", timestamp_text},
                                       {"__add", timestamp_plus},      {"__sub", timestamp_minus},
                                       {"__concat", timestamp_concat}, {nullptr, nullptr}};
  static const luaL_Reg secret[] = {
      {"__tostring", secret_text}, {"__concat", secret_concat}, {"__gc", destroy<Secret>}, {nullptr, nullptr}};
  static const luaL_Reg error[] = {
      {"__tostring", error_text}, {"__index", error_field}, {"__gc", destroy<Error>}, {nullptr, nullptr}};
  static const luaL_Reg explained[] = {{"__gc", destroy<Map>}, {nullptr, nullptr}};
  new_type(lua, timestamp_name, timestamp);
  new_type(lua, secret_name, secret);
  new_type(lua, error_name, error);
  new_type(lua, explained_name, explained);
  // Lists with nil in them: their lengths stand beside them, in a table with weak keys.
  lua_createtable(lua, 0, 3);
  lua_newtable(lua);
  lua_createtable(lua, 0, 1);
  lua_pushliteral(lua, "k");
  lua_setfield(lua, -2, "__mode");
  lua_setmetatable(lua, -2);
  lua_setfield(lua, -2, "n");
  lua_pushvalue(lua, -1);
  lua_pushcclosure(lua, marked_length, 1);
  lua_setfield(lua, -2, "__len");
  lua_pushboolean(lua, 0);
  lua_setfield(lua, -2, "__metatable");
  lua_rawsetp(lua, LUA_REGISTRYINDEX, &list_mark);
  lua_createtable(lua, 0, 1);
  lua_pushboolean(lua, 0);
  lua_setfield(lua, -2, "__metatable");
  lua_rawsetp(lua, LUA_REGISTRYINDEX, &map_mark);
}

void push(lua_State* lua, const Map& map) { push_map(lua, map, 0); }
void push(lua_State* lua, const Value& value) { push_value(lua, value, 0); }

Value value_at(lua_State* lua, int index, const char* what) {
  const Reader::Place whole;
  Value out;
  Reader(lua, what).read(index, &whole, out);
  return out;
}

Map map_at(lua_State* lua, int index, const char* what) {
  Value value = value_at(lua, index, what);
  if (Map* map = value.find<Map>()) return std::move(*map);
  const List* list = value.find<List>();
  if (value.is_null() || (list && list->empty())) return {};
  raise(lua, std::string(what) + " must be a map of names, and is " + (list ? "a list" : "no table"));
}

std::optional<Timestamp> timestamp_at(lua_State* lua, int index) {
  if (const Timestamp* t = object_at<Timestamp>(lua, index, timestamp_name)) return *t;
  if (lua_type(lua, index) == LUA_TSTRING) return parse_timestamp(lua_tostring(lua, index));
  return std::nullopt;
}

std::optional<Duration> duration_at(lua_State* lua, int index) {
  if (lua_type(lua, index) == LUA_TSTRING) return parse_duration(lua_tostring(lua, index));
  if (lua_isinteger(lua, index) != 0) {
    int64_t seconds = lua_tointeger(lua, index);
    if (std::abs(seconds) < 9'000'000'000'000) return Duration::seconds(seconds);
  } else if (lua_type(lua, index) == LUA_TNUMBER) {
    double seconds = lua_tonumber(lua, index);
    if (std::abs(seconds) < 9e12) return Duration{static_cast<int64_t>(std::llround(seconds * 1e6))};
  }
  return std::nullopt;
}

bool is_marked(lua_State* lua, int index) {
  index = lua_absindex(lua, index);
  if (lua_getmetatable(lua, index) == 0) return false;
  lua_rawgetp(lua, LUA_REGISTRYINDEX, &list_mark);
  lua_rawgetp(lua, LUA_REGISTRYINDEX, &map_mark);
  bool marked = lua_rawequal(lua, -3, -2) != 0 || lua_rawequal(lua, -3, -1) != 0;
  lua_pop(lua, 3);
  return marked;
}

void push_explained(lua_State* lua, const Value& said) { push_object(lua, explained_name, said.get<Map>()); }
void push_error(lua_State* lua, const Error& error) { push_object(lua, error_name, error); }

const Error* raised_error(lua_State* lua, int index) { return object_at<Error>(lua, index, error_name); }

std::optional<Map> raised_text(lua_State* lua, int index) {
  if (const Map* said = object_at<Map>(lua, index, explained_name)) return *said;
  if (lua_type(lua, index) != LUA_TSTRING) return std::nullopt;  // raised where the handler could not run
  return Map{{"text", std::string(lua_tostring(lua, index))}};
}

Error raised_value(lua_State* lua, int index) {
  Error error;
  error.code = ErrorCode::expression;
  index = lua_absindex(lua, index);
  error.message = std::string("the script raised a ") + luaL_typename(lua, index);
  if (object_at<Secret>(lua, index, secret_name)) error.message = "***";
  if (lua_type(lua, index) != LUA_TTABLE) return error;
  auto field = [&](const char* name) -> std::string {
    // Without metamethods and without making strings: nothing here may raise.
    std::string text;
    lua_pushnil(lua);
    while (lua_next(lua, index) != 0) {
      if (lua_type(lua, -2) == LUA_TSTRING && std::string_view(lua_tostring(lua, -2)) == name &&
          lua_type(lua, -1) == LUA_TSTRING) {
        size_t size = 0;
        const char* bytes = lua_tolstring(lua, -1, &size);
        text.assign(bytes, std::min<size_t>(size, 4096));
      } else if (lua_type(lua, -2) == LUA_TSTRING && std::string_view(lua_tostring(lua, -2)) == name &&
                 object_at<Secret>(lua, -1, secret_name)) {
        text = "***";
      }
      lua_pop(lua, 1);
    }
    return text;
  };
  std::string message = field("message");
  if (message.empty()) return error;
  error.message = std::move(message);
  error.hint = field("hint");
  error.code = ErrorCode::failed;
  error.effect = Certainty::maybe;
  if (field("effect") == "none") error.effect = Certainty::no_effect;
  if (field("effect") == "done") error.effect = Certainty::done;
  if (std::string code = field("code"); !code.empty()) {
    if (std::optional<ErrorCode> known = error_code_of(code)) {
      error.code = *known;
    } else {
      error.own_code = std::move(code);
    }
  }
  return error;
}

void raise(lua_State* lua, const Error& error) {
  push_error(lua, error);
  lua_error(lua);
  std::abort();  // lua_error does not come back
}

void raise(lua_State* lua, const std::string& message) {
  luaL_where(lua, 1);
  lua_pushlstring(lua, message.data(), message.size());
  lua_concat(lua, 2);
  lua_error(lua);
  std::abort();
}

}  // namespace muster
