-- A service on a database, in a container whose restart may restore it. /world/is tells what is wrong in a scenario:
-- restart_helps, never_works, newest_is_wrong, log_alerts, crowded, bad_migration.
local database = "/app/data/app.db"
local state = {running = true, restarts = 0, mode = "600", owner = "root"}

local function wrong(ctx) return text.trim(ctx.read{path = "/world/is"} or "") end

local function orders(ctx)
  local fine, answer = pcall(ctx.sql, {path = database, query = "SELECT (SELECT count(*) FROM orders) + 0 * (SELECT count(*) FROM audit)"})
  return fine and answer.value or nil
end

-- A store that speaks S3: the bucket `copies` holds what lies beneath /store/copies, written so many minutes ago.
local ages = {
  ["00000000.snapshot.lz4"] = 300, ["00000000_00000000.wal.lz4"] = 290, ["00000000_00001038.wal.lz4"] = 270,
  ["00000001_00000000.wal.lz4"] = 250, ["00000001_00001038.wal.lz4"] = 230, ["00000001_00003068.wal.lz4"] = 210,
  ["00000002.snapshot.lz4"] = 190, ["00000002_00000000.wal.lz4"] = 185,
}
local began
local function allowed(request, ctx)
  began = began or ctx.now()
  return request.user == "the-key-of-the-store" and wrong(ctx) ~= "refused"
end
local function objects(folder, prefix, ctx)
  local found = {}
  for _, name in ipairs(ctx.list{path = folder}) do
    local age = ages[name]
    if age then
      found[#found + 1] = "<Contents><Key>" .. prefix .. name .. "</Key><Size>" .. #ctx.read{path = folder .. "/" .. name} ..
        "</Size><LastModified>" .. tostring(began - age * 60) .. "</LastModified></Contents>"
    else
      found = list.concat(found, objects(folder .. "/" .. name, prefix .. name .. "/", ctx))
    end
  end
  return found
end

return {
  state = state,
  commands = {
    ["systemctl stop"] = function() state.running = false end,
    ["systemctl start"] = function() state.running = true end,
    ["docker-compose stop"] = function() state.running = false end,
    ["docker-compose start"] = function() state.running = true end,
    ["docker-compose restart"] = function(call, ctx)
      state.restarts = state.restarts + 1
      if wrong(ctx) == "restart_helps" then ctx.write{path = database, content = ctx.read{path = "/world/good.db"}} end
      state.running = true
      return {takes = "20s"}
    end,
    ["docker-compose logs"] = function(call, ctx)
      if wrong(ctx) == "log_alerts" then return "WARNING: No backup found or restore failed\n" end
      return "started\n"
    end,
    litestream = function() return database .. "\n" end,
    stat = function(call, ctx)
      local path = call.argv[#call.argv]
      local bytes = ctx.read{path = path}
      if not bytes then return {exit_code = 1, stderr = "no such file"} end
      if call.argv[3] == "%s" then return {stdout = #bytes .. "\n"} end
      return {json = {state.owner, state.mode}}
    end,
    chown = function(call) state.owner = call.argv[3] end,
    chmod = function(call, ctx) if wrong(ctx) ~= "never_works" then state.mode = call.argv[3] end end,
    rm = function(call, ctx)
      state.removed = call.argv[#call.argv]
      ctx.remove{path = state.removed}
    end,
    find = function(call, ctx)
      if call.argv[#call.argv] == "-delete" then
        for _, name in ipairs(ctx.list{path = call.argv[2]}) do ctx.remove{path = call.argv[2] .. "/" .. name} end
        return {}
      end
      return {stdout = time.unix(ctx.now() - 3 * 3600) .. "\n"}
    end,
    df = function(call, ctx) return wrong(ctx) == "crowded" and "Avail\n 4096\n" or "Avail\n 1099511627776\n" end,
    sh = {exit_code = 127},
    ["/bin/sh"] = "yes\n",
    migrate = function(call, ctx)
      if wrong(ctx) == "bad_migration" then
        ctx.sql{path = database, execute = "DROP TABLE orders"}
        return 1
      end
      ctx.sql{path = database, execute = "ALTER TABLE orders ADD COLUMN paid INTEGER DEFAULT 0"}
      ctx.sql{path = database, execute = "PRAGMA user_version = 2"}
      return {takes = "1m"}
    end,
  },
  http = {
    ["GET https://s3.amazonaws.com/"] = 403,
    ["GET https://s3.amazonaws.com/{bucket}"] = function(request, ctx)
      if not allowed(request, ctx) then return {status = 403, body = "<Error><Code>AccessDenied</Code></Error>"} end
      if not ctx.exists{path = "/store/" .. request.params.bucket} then return {status = 404, body = "<Error><Code>NoSuchBucket</Code></Error>"} end
      local all = objects("/store/" .. request.params.bucket, "", ctx)
      return "<ListBucketResult>" .. table.concat(all) .. "</ListBucketResult>"
    end,
    ["GET https://s3.amazonaws.com/{bucket}/*"] = function(request, ctx)
      if not allowed(request, ctx) then return {status = 403, body = "<Error><Code>AccessDenied</Code></Error>"} end
      return ctx.read{path = "/store" .. request.path} or {status = 404, body = "<Error><Code>NoSuchKey</Code></Error>"}
    end,
    ["GET http://localhost:8000/health"] = function(request, ctx)
      local count = orders(ctx)
      local is = wrong(ctx)
      if not state.running then return {unreachable = true} end
      if not count or is == "never_works" or is == "newest_is_wrong" and count == 236 then
        return {status = 503, json = {status = "error"}}
      end
      return {json = {status = "ok", orders = count}}
    end,
  },
  after = function(world, ctx)
    world.orders = orders(ctx)
    world.bytes = #(ctx.read{path = database} or "")
    world.kept = #list.filter(ctx.list{path = "/app/data"}, function(name) return text.contains(name, ".before-") end)
  end,
}
