#include "scripting/prelude.h"

namespace muster {

const std::string_view prelude = R"lua(
local globals = ...
local error, ipairs, pairs, type, tonumber, tostring = error, ipairs, pairs, type, tonumber, tostring
local string, table, math = string, table, math
local parts_of, parse_time = time.parts, time.parse

local function want(value, kind, name)
  if type(value) ~= kind then error("`" .. name .. "` wants a " .. kind .. ", and got a " .. type(value), 3) end
  return value
end

-- text
local text = {}
function text.lines(s)
  want(s, "string", "text.lines")
  local out, at = {}, 1
  while at <= #s do
    local stop = string.find(s, "\n", at, true)
    local line = string.sub(s, at, (stop or #s + 1) - 1)
    if string.sub(line, -1) == "\r" then line = string.sub(line, 1, -2) end
    out[#out + 1] = line
    at = (stop or #s) + 1
  end
  return out
end
function text.split(s, separator)
  want(s, "string", "text.split"); want(separator, "string", "text.split")
  if separator == "" then error("`text.split` wants a separator that is not empty", 2) end
  local out, at = {}, 1
  while true do
    local from, to = string.find(s, separator, at, true)
    out[#out + 1] = string.sub(s, at, (from or #s + 1) - 1)
    if not from then return out end
    at = to + 1
  end
end
function text.trim(s) return (string.match(want(s, "string", "text.trim"), "^%s*(.-)%s*$")) end
function text.starts_with(s, start) return string.sub(want(s, "string", "text.starts_with"), 1, #start) == start end
function text.ends_with(s, stop) return stop == "" or string.sub(want(s, "string", "text.ends_with"), -#stop) == stop end
function text.contains(s, part) return string.find(want(s, "string", "text.contains"), part, 1, true) ~= nil end
function text.indent(s, count)
  return (string.gsub(want(s, "string", "text.indent"), "[^\n]+", string.rep(" ", count) .. "%0"))
end
-- A table of text as people line it up: the first line names the columns.
function text.columns(s)
  local rows, names = {}, nil
  for _, line in ipairs(text.lines(s)) do
    local words = {}
    for word in string.gmatch(line, "%S+") do words[#words + 1] = word end
    if #words > 0 then
      if not names then names = words
      else
        local row = {}
        for i, name in ipairs(names) do row[name] = words[i] end
        rows[#rows + 1] = row
      end
    end
  end
  return rows
end

-- list
local list = {}
function list.map(l, f) local out = {} for i, v in ipairs(l) do out[i] = f(v, i) end return out end
function list.filter(l, f) local out = {} for i, v in ipairs(l) do if f(v, i) then out[#out + 1] = v end end return out end
function list.find(l, f) for i, v in ipairs(l) do if f(v, i) then return v, i end end end
function list.contains(l, wanted) for _, v in ipairs(l) do if v == wanted then return true end end return false end
function list.keys(t) local out = {} for k in pairs(t) do out[#out + 1] = k end return out end
function list.values(t) local out = {} for _, v in pairs(t) do out[#out + 1] = v end return out end
function list.unique(l)
  local out, seen = {}, {}
  for _, v in ipairs(l) do if not seen[v] then seen[v] = true; out[#out + 1] = v end end
  return out
end
function list.sum(l) local total = 0 for _, v in ipairs(l) do total = total + v end return total end
function list.reverse(l) local out = {} for i = #l, 1, -1 do out[#out + 1] = l[i] end return out end
function list.slice(l, from, to) local out = {} for i = from, to or #l do out[#out + 1] = l[i] end return out end
function list.concat(...)
  local out = {}
  for _, l in ipairs({...}) do for _, v in ipairs(l) do out[#out + 1] = v end end
  return out
end
function list.chunk(l, size)
  if math.type(size) ~= "integer" or size < 1 then error("`list.chunk` wants a whole number from 1 on", 2) end
  local out = {}
  for i, v in ipairs(l) do
    if (i - 1) % size == 0 then out[#out + 1] = {} end
    local last = out[#out]
    last[#last + 1] = v
  end
  return out
end
-- Stable: what is equal stays in its order.
function list.sort(l, key)
  key = key or function(v) return v end
  local rows = {}
  for i, v in ipairs(l) do rows[i] = {key(v), i, v} end
  table.sort(rows, function(a, b)
    if a[1] < b[1] then return true end
    if b[1] < a[1] then return false end
    return a[2] < b[2]
  end)
  return list.map(rows, function(row) return row[3] end)
end
function list.group(l, key)
  local out = {}
  for _, v in ipairs(l) do
    local k = key(v)
    out[k] = out[k] or {}
    out[k][#out[k] + 1] = v
  end
  return out
end
function list.merge(...)
  local out = {}
  for _, t in ipairs({...}) do for k, v in pairs(t) do out[k] = v end end
  return out
end
function list.equal(a, b)
  if type(a) ~= "table" or type(b) ~= "table" then return a == b end
  for k, v in pairs(a) do if not list.equal(v, b[k]) then return false end end
  for k in pairs(b) do if a[k] == nil then return false end end
  return true
end

-- uri: RFC 3986
local uri = {}
local function escape(c) return string.format("%%%02X", string.byte(c)) end
function uri.encode(s) return (string.gsub(want(s, "string", "uri.encode"), "[^A-Za-z0-9%-%._~]", escape)) end
function uri.decode(s)
  want(s, "string", "uri.decode")
  if string.find(string.gsub(s, "%%%x%x", ""), "%", 1, true) then error("`%` without two hexadecimal digits behind it", 2) end
  return (string.gsub(s, "%%(%x%x)", function(hex) return string.char(tonumber(hex, 16)) end))
end
function uri.parse(s)
  want(s, "string", "uri.parse")
  if string.find(s, "[%c ]") then error("a URI holds no spaces and no control characters", 2) end
  local out, rest = {}, s
  local function cut(pattern, name)
    local value, after = string.match(rest, pattern)
    if value then out[name] = value; rest = after end
  end
  cut("^([A-Za-z][A-Za-z0-9+.-]*):(.*)$", "scheme")
  local before, fragment = string.match(rest, "^([^#]*)#(.*)$")
  if before then rest, out.fragment = before, fragment end
  local path, query = string.match(rest, "^([^?]*)%?(.*)$")
  if path then rest, out.query = path, query end
  local authority, after = string.match(rest, "^//([^/]*)(.*)$")
  if authority then
    rest = after
    local user, host = string.match(authority, "^(.*)@(.*)$")
    if user then out.user, authority = user, host end
    local name, port = string.match(authority, "^(.*):(%d*)$")
    if name and not string.find(name, "[^%]]:[^%]]*$") then
      authority = name
      out.port = tonumber(port)
    end
    out.host = string.lower(authority)
  end
  out.path = rest
  if out.scheme then out.scheme = string.lower(out.scheme) end
  return out
end
function uri.query(t)
  local out = {}
  for name, value in pairs(t) do out[#out + 1] = uri.encode(tostring(name)) .. "=" .. uri.encode(tostring(value)) end
  return table.concat(out, "&")
end
local function without_dots(path)
  local out = {}
  local absolute = string.sub(path, 1, 1) == "/"
  local parts = text.split(path, "/")
  for i, part in ipairs(parts) do
    local last = i == #parts
    if part == ".." then
      if #out > (absolute and 1 or 0) then out[#out] = nil end
      if last then out[#out + 1] = "" end
    elseif part == "." then
      if last then out[#out + 1] = "" end
    else
      out[#out + 1] = part
    end
  end
  return table.concat(out, "/")
end
-- A reference as seen from a base.
function uri.join(base, reference)
  local b, r = uri.parse(base), uri.parse(reference)
  local t = {fragment = r.fragment}
  if r.scheme then
    t = r
  else
    t.scheme = b.scheme
    if r.host then
      t.host, t.user, t.port, t.path, t.query = r.host, r.user, r.port, r.path, r.query
    else
      t.host, t.user, t.port = b.host, b.user, b.port
      if r.path == "" then
        t.path, t.query = b.path, r.query or b.query
      elseif string.sub(r.path, 1, 1) == "/" then
        t.path, t.query = r.path, r.query
      else
        local folder = string.match(b.path, "^(.*/)") or (b.host and "/" or "")
        t.path, t.query = folder .. r.path, r.query
      end
    end
  end
  local out = t.scheme and t.scheme .. ":" or ""
  if t.host then
    out = out .. "//" .. (t.user and t.user .. "@" or "") .. t.host .. (t.port and ":" .. t.port or "")
  end
  return out .. without_dots(t.path) .. (t.query and "?" .. t.query or "") .. (t.fragment and "#" .. t.fragment or "")
end

-- cron: minute hour day month weekday, in UTC
local cron = {}
local cron_fields = {{"minute", 0, 59}, {"hour", 0, 23}, {"day", 1, 31}, {"month", 1, 12}, {"weekday", 0, 7}}
local cron_names = {
  month = {jan = 1, feb = 2, mar = 3, apr = 4, may = 5, jun = 6, jul = 7, aug = 8, sep = 9, oct = 10, nov = 11, dec = 12},
  weekday = {sun = 0, mon = 1, tue = 2, wed = 3, thu = 4, fri = 5, sat = 6},
}
local cron_words = {["@hourly"] = "0 * * * *", ["@daily"] = "0 0 * * *", ["@weekly"] = "0 0 * * 0",
                    ["@monthly"] = "0 0 1 * *", ["@yearly"] = "0 0 1 1 *"}
local function cron_set(word, name, low, high)
  local function number(s)
    local n = (cron_names[name] or {})[string.lower(s)] or (string.match(s, "^%d+$") and tonumber(s))
    if not n or n < low or n > high then
      error("`" .. s .. "` is no " .. name .. " of a schedule: " .. low .. " to " .. high, 0)
    end
    return n
  end
  local set = {}
  for _, piece in ipairs(text.split(word, ",")) do
    local range, step = string.match(piece, "^(.-)/(%d+)$")
    range, step = range or piece, tonumber(step or 1)
    if step == 0 then error("a step of 0 leads nowhere", 0) end
    local from, to = low, high
    if range ~= "*" then
      local a, b = string.match(range, "^(%w+)%-(%w+)$")
      if a then from, to = number(a), number(b)
      else
        from = number(range)
        to = piece == range and from or high
      end
    end
    if from > to then error("`" .. piece .. "` ends before it begins", 0) end
    for n = from, to, step do set[n] = true end
  end
  if name == "weekday" and set[7] then set[0] = true end
  return set
end
local function cron_parse(schedule)
  want(schedule, "string", "cron")
  local words = {}
  for word in string.gmatch(cron_words[schedule] or schedule, "%S+") do words[#words + 1] = word end
  if #words ~= 5 then error("a schedule has five fields: minute hour day month weekday", 0) end
  local sets = {}
  for i, field in ipairs(cron_fields) do sets[field[1]] = cron_set(words[i], field[1], field[2], field[3]) end
  sets.any_day, sets.any_weekday = words[3] == "*", words[5] == "*"
  return sets
end
local function cron_day(s, p)
  if not s.month[p.month] then return false end
  local day, weekday = s.day[p.day] or false, s.weekday[p.weekday % 7] or false
  if s.any_day then return weekday end
  if s.any_weekday then return day end
  return day or weekday
end
function cron.matches(schedule, at)
  local s, p = cron_parse(schedule), parts_of(at)
  return cron_day(s, p) and (s.hour[p.hour] or false) and (s.minute[p.minute] or false)
end
-- The first moment after `at`; nil where there is none within nine years.
function cron.next(schedule, at)
  local s = cron_parse(schedule)
  local t = parse_time(string.sub(tostring(at), 1, 17) .. "00Z") + 60
  for _ = 1, 9 * 366 + 24 + 60 do
    local p = parts_of(t)
    if not cron_day(s, p) then t = t + (86400 - p.hour * 3600 - p.minute * 60)
    elseif not s.hour[p.hour] then t = t + (3600 - p.minute * 60)
    elseif not s.minute[p.minute] then t = t + 60
    else return t end
  end
end

-- version: semantic versions 2.0.0
local version = {}
function version.parse(s)
  want(s, "string", "version.parse")
  local major, minor, patch, rest = string.match(s, "^(%d+)%.(%d+)%.(%d+)(.*)$")
  if not major then error("`" .. s .. "` is no semantic version", 2) end
  for _, n in ipairs({major, minor, patch}) do
    if #n > 1 and string.sub(n, 1, 1) == "0" or #n > 15 then error("`" .. s .. "` is no semantic version", 2) end
  end
  local out = {major = tonumber(major), minor = tonumber(minor), patch = tonumber(patch)}
  local pre, build = string.match(rest, "^%-([0-9A-Za-z.-]+)(.*)$")
  if pre then out.pre, rest = pre, build end
  build = string.match(rest, "^%+([0-9A-Za-z.-]+)$")
  if build then out.build, rest = build, "" end
  if rest ~= "" then error("`" .. s .. "` is no semantic version", 2) end
  return out
end
local function compare_pre(a, b)
  if a == b then return 0 end
  if not a then return 1 end
  if not b then return -1 end
  local x, y = text.split(a, "."), text.split(b, ".")
  for i = 1, math.max(#x, #y) do
    if not x[i] then return -1 end
    if not y[i] then return 1 end
    local n, m = string.match(x[i], "^%d+$") and tonumber(x[i]), string.match(y[i], "^%d+$") and tonumber(y[i])
    if n and m then if n ~= m then return n < m and -1 or 1 end
    elseif n then return -1
    elseif m then return 1
    elseif x[i] ~= y[i] then return x[i] < y[i] and -1 or 1 end
  end
  return 0
end
function version.compare(a, b)
  local x, y = version.parse(a), version.parse(b)
  for _, part in ipairs({"major", "minor", "patch"}) do
    if x[part] ~= y[part] then return x[part] < y[part] and -1 or 1 end
  end
  return compare_pre(x.pre, y.pre)
end
-- `>=1.2.0 <2.0.0`, `^1.2.0`, `~1.2.0`, `1.2.0`; all must hold.
function version.satisfies(v, range)
  for word in string.gmatch(want(range, "string", "version.satisfies"), "%S+") do
    local op, wanted = string.match(word, "^([<>=^~]*)(.*)$")
    local w = version.parse(wanted)
    local order = version.compare(v, wanted)
    local holds
    if op == "" or op == "=" then holds = order == 0
    elseif op == ">" then holds = order > 0
    elseif op == ">=" then holds = order >= 0
    elseif op == "<" then holds = order < 0
    elseif op == "<=" then holds = order <= 0
    elseif op == "~" then holds = order >= 0 and version.parse(v).major == w.major and version.parse(v).minor == w.minor
    elseif op == "^" then
      local p = version.parse(v)
      holds = order >= 0 and p.major == w.major
      if w.major == 0 then holds = holds and p.minor == w.minor and (w.minor > 0 or p.patch == w.patch) end
    else error("`" .. op .. "` is no comparison of versions", 2) end
    if not holds then return false end
  end
  return true
end

globals.text, globals.list, globals.uri, globals.cron, globals.version = text, list, uri, cron, version
)lua";

}  // namespace muster
