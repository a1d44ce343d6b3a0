// The libraries that every script has beside Lua's own: JSON, time, regular expressions, text, lists, encodings,
// hashes, URIs, cron and semantic versions. docs/lua-library.md lists each function with an example that a test runs.
#include <ctime>
#include <lua.hpp>
#include <string>

#include "interpreter/base/digest.h"
#include "interpreter/base/encoding.h"
#include "interpreter/base/json.h"
#include "interpreter/base/regex.h"
#include "interpreter/base/utf8.h"
#include "scripting/libraries.h"
#include "scripting/prelude.h"
#include "scripting/sandbox.h"
#include "scripting/values.h"

namespace muster {
namespace {

std::string text_at(lua_State* lua, int index) {
  size_t size = 0;
  const char* bytes = luaL_checklstring(lua, index, &size);
  Sandbox::charge(lua, static_cast<int64_t>(size / 8) + 1);
  return {bytes, size};
}
int push_text(lua_State* lua, std::string_view text) {
  lua_pushlstring(lua, text.data(), text.size());
  return 1;
}

// --- json

int json_decode(lua_State* lua) {
  Result<Value> value = parse_json(text_at(lua, 1));
  if (!value) raise(lua, value.error().message);
  push(lua, *value);
  return 1;
}
int json_encode(lua_State* lua) {
  luaL_checkany(lua, 1);
  return push_text(lua, print_json(value_at(lua, 1, "the value")));
}
int json_pretty(lua_State* lua) {
  luaL_checkany(lua, 1);
  return push_text(lua, print_json_pretty(value_at(lua, 1, "the value")));
}

// --- hash, encoding

int hash_sha256(lua_State* lua) { return push_text(lua, sha256_hex(text_at(lua, 1))); }
int hash_hmac_sha256(lua_State* lua) {
  std::string key = text_at(lua, 1), text = text_at(lua, 2);
  constexpr size_t block = 64;
  if (key.size() > block) key = sha256_raw(key);
  key.resize(block, '\0');
  std::string inner = key, outer = key;
  for (char& c : inner) c = static_cast<char>(c ^ 0x36);
  for (char& c : outer) c = static_cast<char>(c ^ 0x5c);
  return push_text(lua, to_hex(sha256_raw(outer + sha256_raw(inner + text))));
}
int hex_encode(lua_State* lua) { return push_text(lua, to_hex(text_at(lua, 1))); }
int push_decoded(lua_State* lua, const std::optional<std::string>& bytes, const char* form) {
  if (!bytes) raise(lua, std::string("this is no ") + form + " text");
  return push_text(lua, *bytes);
}
int hex_decode(lua_State* lua) { return push_decoded(lua, decode_hex(text_at(lua, 1)), "hexadecimal"); }
int base64_encode(lua_State* lua) { return push_text(lua, encode_base64(text_at(lua, 1), Base64::plain)); }
int base64_decode(lua_State* lua) { return push_decoded(lua, decode_base64(text_at(lua, 1), Base64::plain), "base64"); }
int base64url_encode(lua_State* lua) { return push_text(lua, encode_base64(text_at(lua, 1), Base64::url)); }
int base64url_decode(lua_State* lua) {
  return push_decoded(lua, decode_base64(text_at(lua, 1), Base64::url), "base64");
}
int is_utf8(lua_State* lua) { return lua_pushboolean(lua, first_invalid_utf8(text_at(lua, 1)) ? 0 : 1), 1; }

// --- re: the regular expressions of the expression language, in linear time

Regex regex_at(lua_State* lua, int index) {
  tl::expected<Regex, std::string> regex = Regex::compile(text_at(lua, index));
  if (!regex) raise(lua, regex.error());
  return std::move(*regex);
}
// The whole match where there are no groups, else a table of the groups: named ones by name, others by number.
void push_match(lua_State* lua, const std::string& text, const Regex& regex, const Regex::Match& match) {
  if (match.groups.empty())
    return void(push_text(lua, std::string_view(text).substr(match.begin, match.end - match.begin)));
  lua_createtable(lua, static_cast<int>(match.groups.size()), 0);
  for (size_t i = 0; i < match.groups.size(); ++i) {
    if (!match.groups[i]) continue;
    auto [begin, end] = *match.groups[i];
    push_text(lua, std::string_view(text).substr(begin, end - begin));
    const std::string& name = regex.group_names()[i];
    if (name.empty()) {
      lua_rawseti(lua, -2, static_cast<lua_Integer>(i) + 1);
    } else {
      lua_setfield(lua, -2, name.c_str());
    }
  }
}
std::optional<Regex::Match> search(lua_State* lua, const Regex& regex, const std::string& text, size_t from) {
  // What a character costs: each thread of the program carries the places of its groups.
  const auto cost = static_cast<int64_t>(regex.size() / 4 * (1 + regex.group_names().size() / 8) + 1);
  size_t reached = from;
  std::optional<Regex::Match> match =
      regex.search(text, from, &reached, from + static_cast<size_t>(Sandbox::left(lua) / cost));
  Sandbox::charge(lua, static_cast<int64_t>(reached - from + 1) * cost);
  return match;
}
int re_match(lua_State* lua) {
  std::string text = text_at(lua, 1);
  Regex regex = regex_at(lua, 2);
  std::optional<Regex::Match> match = search(lua, regex, text, 0);
  if (!match) return lua_pushnil(lua), 1;
  push_match(lua, text, regex, *match);
  return 1;
}
int re_test(lua_State* lua) {
  std::string text = text_at(lua, 1);
  Regex regex = regex_at(lua, 2);
  lua_pushboolean(lua, search(lua, regex, text, 0) ? 1 : 0);
  return 1;
}
size_t behind(const std::string& text, const Regex::Match& match) {
  size_t next = match.end > match.begin ? match.end : match.end + 1;
  while (next < text.size() && (static_cast<unsigned char>(text[next]) & 0xC0) == 0x80) ++next;
  return next;
}
int re_match_all(lua_State* lua) {
  std::string text = text_at(lua, 1);
  Regex regex = regex_at(lua, 2);
  lua_newtable(lua);
  lua_Integer count = 0;
  for (size_t from = 0; from <= text.size();) {
    std::optional<Regex::Match> match = search(lua, regex, text, from);
    if (!match) break;
    push_match(lua, text, regex, *match);
    lua_rawseti(lua, -2, ++count);
    from = behind(text, *match);
  }
  return 1;
}
int re_replace(lua_State* lua) {
  std::string text = text_at(lua, 1);
  Regex regex = regex_at(lua, 2);
  std::string by = text_at(lua, 3), out;
  size_t done = 0;
  for (size_t from = 0; from <= text.size();) {
    std::optional<Regex::Match> match = search(lua, regex, text, from);
    if (!match) break;
    out.append(text, done, match->begin - done).append(by);
    Sandbox::charge(lua, static_cast<int64_t>(by.size() / 8) + 1);
    if (out.size() > (1u << 26)) raise(lua, std::string("this text would be too long"));
    done = match->end;
    from = behind(text, *match);
  }
  out.append(text, done);
  return push_text(lua, out);
}

// --- time

int time_parse(lua_State* lua) {
  std::optional<Timestamp> at = parse_timestamp(text_at(lua, 1));
  if (!at) raise(lua, std::string("this is no moment: it is written like `2026-01-15T10:00:00Z`"));
  push(lua, Value(*at));
  return 1;
}
int time_from_unix(lua_State* lua) {
  std::optional<Timestamp> at =
      muster::timestamp_at(Timestamp{0}, static_cast<int64_t>(luaL_checknumber(lua, 1) * 1e6));
  if (!at) raise(lua, std::string("this moment lies outside the years 0 to 9999"));
  push(lua, Value(*at));
  return 1;
}
Timestamp moment_at(lua_State* lua, int index) {
  std::optional<Timestamp> at = timestamp_at(lua, index);
  if (!at) raise(lua, std::string("a moment is wanted here, as `ctx.now()` or `time.parse` gives it"));
  return *at;
}
int time_unix(lua_State* lua) {
  int64_t us = moment_at(lua, 1).us;
  if (us % 1'000'000 == 0) {
    lua_pushinteger(lua, us / 1'000'000);
  } else {
    lua_pushnumber(lua, static_cast<double>(us) / 1e6);
  }
  return 1;
}
int time_seconds(lua_State* lua) {
  std::optional<Duration> duration = duration_at(lua, 1);
  if (!duration) raise(lua, std::string("this is no duration: it is written like `30s`, `2m` or `1h30m`"));
  push(lua, Value(*duration));
  return 1;
}
int time_duration(lua_State* lua) {
  std::optional<Duration> duration = duration_at(lua, 1);
  if (!duration) raise(lua, std::string("a number of seconds is wanted here"));
  return push_text(lua, to_text(*duration));
}
int time_parts(lua_State* lua) {
  Timestamp at = moment_at(lua, 1);
  time_t seconds = at.us >= 0 ? at.us / 1'000'000 : -((-at.us + 999'999) / 1'000'000);
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  lua_createtable(lua, 0, 8);
  auto set = [lua](const char* name, lua_Integer value) {
    lua_pushinteger(lua, value);
    lua_setfield(lua, -2, name);
  };
  set("year", parts.tm_year + 1900);
  set("month", parts.tm_mon + 1);
  set("day", parts.tm_mday);
  set("hour", parts.tm_hour);
  set("minute", parts.tm_min);
  set("second", parts.tm_sec);
  set("weekday", parts.tm_wday == 0 ? 7 : parts.tm_wday);  // Monday is 1
  set("yearday", parts.tm_yday + 1);
  return 1;
}
int time_date(lua_State* lua) { return push_text(lua, std::string_view(to_text(moment_at(lua, 1))).substr(0, 10)); }

void add(lua_State* lua, const char* name, const luaL_Reg* functions) {
  lua_newtable(lua);
  luaL_setfuncs(lua, functions, 0);
  lua_setfield(lua, -2, name);
}

}  // namespace

void open_standard(lua_State* lua) {
  static const luaL_Reg json[] = {
      {"decode", json_decode}, {"encode", json_encode}, {"pretty", json_pretty}, {nullptr, nullptr}};
  static const luaL_Reg hash[] = {{"sha256", hash_sha256}, {"hmac_sha256", hash_hmac_sha256}, {nullptr, nullptr}};
  static const luaL_Reg encoding[] = {{"hex", hex_encode},
                                      {"from_hex", hex_decode},
                                      {"base64", base64_encode},
                                      {"from_base64", base64_decode},
                                      {"base64url", base64url_encode},
                                      {"from_base64url", base64url_decode},
                                      {"is_utf8", is_utf8},
                                      {nullptr, nullptr}};
  static const luaL_Reg re[] = {
      {"match", re_match}, {"match_all", re_match_all}, {"replace", re_replace}, {"test", re_test}, {nullptr, nullptr}};
  static const luaL_Reg time[] = {{"parse", time_parse},     {"unix", time_unix},         {"from_unix", time_from_unix},
                                  {"seconds", time_seconds}, {"duration", time_duration}, {"parts", time_parts},
                                  {"date", time_date},       {nullptr, nullptr}};
  add(lua, "json", json);
  add(lua, "hash", hash);
  add(lua, "encoding", encoding);
  add(lua, "re", re);
  add(lua, "time", time);
  // The rest is written in Lua, and so counted by itself: it gets the table that all stand in, and adds to it.
  if (luaL_loadbufferx(lua, prelude.data(), prelude.size(), "=library", "t") != LUA_OK) lua_error(lua);
  lua_pushvalue(lua, -2);
  lua_setupvalue(lua, -2, 1);
  lua_pushvalue(lua, -2);
  lua_call(lua, 1, 0);
  for (const char* name : {"json", "hash", "encoding", "re", "time", "text", "list", "uri", "cron", "version"}) {
    lua_getfield(lua, -1, name);
    freeze(lua);
    lua_setfield(lua, -2, name);
  }
}

}  // namespace muster
