-- A store of boxes with its component, its keys and its code. Boxes are told by the text of their file: `good RECORDS KEY`, and
-- anything else is damaged. /world/is tells what is wrong in a scenario; several words may stand in it.
local state = {restarts = 0, stopped = 0, started = 0, migrations = 0, commits = 0, key = "hive_key", aside = false, wiped = false, rotated = false}
local store = "/srv/app/store.db"

local function has(ctx, word) return text.contains(ctx.read{path = "/world/is"} or "", word) end
local function row(ctx, execute, bind) return ctx.sql{path = store, execute = execute, bind = bind} end

local function component(call, ctx)
  state.restarts = state.restarts + 1
  if has(ctx, "broken") then return {takes = "2s"} end
  row(ctx, "DELETE FROM persistence_metadata_box WHERE key = 'processing_lock'")
  row(ctx, "DROP TRIGGER IF EXISTS spoils")
  row(ctx, "DELETE FROM pending_index_box")
  row(ctx, "INSERT INTO pending_index_box SELECT row_number() OVER (ORDER BY created_at, id), id FROM pending_ops_box")
  return {takes = "2s"}
end

-- boxes.lua asks python3; its words are: -c PROGRAM OPERATION FILE ...
local function box(call, ctx)
  local operation, file = call.argv[4], call.argv[5]
  local content = ctx.read{path = file} or ""
  local records, key = table.unpack(re.match(content, "^good ([0-9]+) (.+?)\\s*$") or {})
  local given = call.env.BOX_KEY
  if operation == "write" then
    ctx.write{path = file, content = "good " .. #json.decode(call.stdin) .. " " .. given}
    return {json = {count = #json.decode(call.stdin)}}
  end
  if operation == "export" then
    ctx.write{path = file, content = "exported"}
    return {json = {count = 3}}
  end
  if not records then return {json = {problem = "corrupt", reason = "its content does not fit its seal"}} end
  if key ~= given then return {json = {problem = "wrong_key", reason = "it was encrypted with another key"}} end
  if operation == "inspect" then return {json = {count = tonumber(records), key_id = "id"}} end
  if operation == "rekey" then
    ctx.write{path = call.argv[6], content = "good " .. records .. " " .. call.env.NEW_KEY}
    return {json = {count = tonumber(records)}}
  end
  if operation == "erase" then
    state.erased = true
    return {json = {removed = 1, kept = tonumber(records) - 1}}
  end
  if operation == "count" then return {json = {removed = state.erased and 0 or 1, kept = 1}} end
  if operation == "retype" then return {json = {changed = 2, count = tonumber(records)}} end
end

local function script(call, ctx)
  local env = call.env
  if env.COPY then
    state.aside = true
    ctx.write{path = env.BOXES .. "/" .. env.BOX .. "_corrupted_x.bak", content = ctx.read{path = env.BOXES .. "/" .. env.BOX .. ".box"}}
    ctx.write{path = env.BOXES .. "/" .. env.BOX .. ".box", content = ctx.read{path = env.COPY .. "/" .. env.BOX .. ".box"}}
  elseif env.BOX then
    state.aside = false
  elseif env.NEW then
    state.key, state.rotated = env.NEW, true
    for _, name in ipairs({"vitals", "rooms"}) do
      ctx.write{path = "/srv/app/boxes/" .. name .. ".box", content = ctx.read{path = "/srv/app/boxes.rotating/" .. name .. ".box"}}
    end
  elseif env.OLD then
    state.key, state.rotated = env.OLD, false
  elseif env.BOXES or env.KEYS then
    state.wiped = true
  elseif env.KEY then
    if not ctx.exists{path = env.KEY} then ctx.write{path = env.KEY, content = string.rep("b", 64) .. "\n"} end
  elseif env.FOLDER then
    local file = env.FOLDER .. "/failed-ops-" .. env.RUN .. ".json"
    ctx.write{path = file, content = call.stdin}
    state.archived = file
    return file
  elseif env.WORK then
    ctx.write{path = env.WORK .. "/cut.box", content = "cut"}
    if has(ctx, "blind") then ctx.write{path = env.WORK .. "/cut.box", content = "good 2 " .. string.rep("a", 64)} end
    return "cut.box\n"
  elseif env.MODEL then
    state.edited = true
  elseif env.CODE then
    state.reverted = false
  elseif env.FILE then
    ctx.write{path = env.FILE, content = ""}
  else
    return {exit_code = 99, stderr = "nobody knows this script"}
  end
end

local function migrate(call, ctx)
  state.migrations = state.migrations + 1
  local path = call.argv[2]
  local version = ctx.sql{path = path, query = "SELECT user_version AS v FROM pragma_user_version"}.value
  if has(ctx, "bad_migration") then
    ctx.sql{path = path, execute = "DROP TABLE failed_ops_box"}
    return {exit_code = 1, stderr = "migration 4 breaks off"}
  end
  if version < 4 and not has(ctx, "up_to_date") then
    ctx.sql{path = path, execute = "PRAGMA user_version = 4"}
    ctx.sql{path = path, execute = "UPDATE persistence_metadata_box SET value = '4' WHERE key = 'schemaVersion'"}
    ctx.sql{path = path, execute = "INSERT INTO persistence_metadata_box VALUES ('migratedAt', '2026-01-15T10:00:00Z')"}
    ctx.sql{path = path, execute = "INSERT INTO audit_logs_box VALUES ('m4', '2026-01-15T10:00:00Z', 'migration_applied', '4', '')"}
  end
  return {takes = has(ctx, "slow") and "15s" or "1s"}
end

return {
  state = state,
  http = {
    ["GET https://service.example.com/health"] = function(request, ctx) return has(ctx, "service_down") and 503 or 200 end,
    ["HEAD https://service.example.com/health"] = function() return {status = 200, headers = {date = "Thu, 15 Jan 2026 10:00:00 GMT"}} end,
  },
  commands = {
    ["component"] = component,
    ["stop"] = function(call, ctx)
      state.stopped = state.stopped + 1
      if has(ctx, "migrates_itself") then migrate({argv = {"migrate", store}}, ctx) end
    end,
    ["start"] = function(call, ctx)
      state.started = state.started + 1
    end,
    ["migrate"] = migrate,
    ["python3"] = box,
    ["/bin/sh"] = script,
    ["mkdir"] = function(call, ctx) ctx.write{path = call.argv[#call.argv] .. "/.keep", content = ""} end,
    ["rm"] = function() end,
    ["cp"] = function() end,
    ["mv"] = function() end,
    ["find"] = function(call, ctx)
      local place = call.argv[2]
      if list.contains(call.argv, "-type") and state.wiped then return "" end
      local names = list.filter({"rooms.box", "vitals.box", "cut.box"}, function(name) return ctx.exists{path = place .. "/" .. name} end)
      local bare = list.contains(call.argv, "-printf")
      return table.concat(list.map(names, function(name) return (bare and name or place .. "/" .. name) .. "\n" end))
    end,
    ["readlink"] = function() return state.key .. "\n" end,
    ["grep"] = function(call, ctx)
      if call.argv[2] == "-cE" then
        return re.test(ctx.read{path = call.argv[4]} or "", "^[0-9a-fA-F]{64}\\s*$") and "1\n" or {exit_code = 1, stdout = "0\n"}
      end
      if call.argv[2] == "-rlE" then return "/keys/backup_key\n/keys/hive_key\n" end
      if call.argv[2] == "-rln" then return has(ctx, "used") and "lib/uses.dart\n" or "lib/persistence/adapters/legacy/room_adapter_old.dart\n" end
      local lock = state.edited and "32" or "10"
      if has(ctx, "unique") then lock = "31" end
      return "lib/room.dart:1:@HiveType(typeId: 10)\nlib/lock.dart:1:@HiveType(typeId: " .. lock .. ")\n"
    end,
    ["git"] = function(call, ctx)
      local verb = call.argv[4]
      if verb == "status" then return "" end
      if verb == "revert" then state.reverted = true end
      if verb == "rev-parse" then return "commit-" .. state.commits .. "\n" end
      if verb == "reset" then state.commits = tonumber(text.split(call.argv[6], "-")[2]) end
      if verb == "commit" then state.commits = state.commits + 1 end
      if verb == "checkout" then state.edited = false end
      if verb == "log" then return "Give LockRecord the typeId 32\n" end
    end,
    ["openssl"] = function() end,
    ["shred"] = function() end,
    ["generate"] = function() end,
    ["suite"] = function(call, ctx) return has(ctx, "tests_fail") and {exit_code = 1, stderr = "one test fails"} or "all pass\n" end,
    ["test"] = function() return 0 end,
    ["sha256sum"] = function(call, ctx)
      return hash.sha256(ctx.read{path = call.argv[#call.argv]}) .. "  " .. call.argv[#call.argv] .. "\n"
    end,
  },
  after = function(world, ctx)
    if ctx.exists{path = store} then
      world.events = list.map(ctx.sql{path = store, query = "SELECT event FROM audit_logs_box ORDER BY id"}.rows, function(r) return r.event end)
      world.pending = ctx.sql{path = store, query = "SELECT count(*) AS n FROM pending_ops_box"}.value
      world.failed_left = ctx.sql{path = store, query = "SELECT count(*) AS n FROM sqlite_master WHERE name = 'failed_ops_box'"}.value
      world.locked = ctx.sql{path = store, query = "SELECT count(*) AS n FROM persistence_metadata_box WHERE key = 'processing_lock'"}.value
    end
  end,
}
