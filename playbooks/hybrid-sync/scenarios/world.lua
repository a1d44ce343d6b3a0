-- An application with a queue, a cloud that may be away, and the folder that the application runs from. /world/is tells what is
-- wrong in a scenario; several words may stand in it.
local state = {
  enabled = true, mode = "hybrid", queue = 0, failed = 0, restarts = 0, cleared = 0, healthy = true, branch = "main", commits = {"c0ffee1", "c0ffee0"},
  pushed = {}, lost_commits = 0, paged = {},
}
local started, is, synced
local token = "Bearer the-token-of-the-admin"

local function has(word) return is ~= nil and text.contains(is, word) end

-- What has come about by now.
local function now_is(ctx)
  local now = ctx.now()
  if not started then
    started = now
    is = ctx.read{path = "/world/is"} or ""
    if has("off") then state.enabled = false end
    if has("waiting") then state.queue = 150 end
    if has("overflow") then state.queue = 12000 end
    if has("failures") then state.failed = 11 end
    if has("bad_deployment") or has("hopeless") then state.healthy = false end
    synced = has("stale") and now - 600 or now
  end
  state.cloud = not has("outage") or now >= started + 1800
  if has("gone") then state.cloud = false end
  if state.enabled and state.mode == "hybrid" and state.cloud and not has("overflow") and not has("stale") and (not has("waiting") or state.cleared > 0) then
    state.queue = 0
    synced = now
  end
  if has("overflow") and state.tuned and state.enabled then
    state.queue = math.max(0, state.queue - 500)
    synced = now
  end
end

local function status(ctx)
  return {json = {data = {enabled = state.enabled, mode = state.mode, lastSync = tostring(synced), queue = {queueSize = state.queue, totalFailed = state.failed}}}}
end

local function listening(answer)
  return function(request, ctx)
    now_is(ctx)
    if has("not_listening") and state.restarts == 0 then return {unreachable = true} end
    return answer(request, ctx)
  end
end

local function restart(call, ctx)
  now_is(ctx)
  state.restarts = state.restarts + 1
  local env = ctx.read{path = "/srv/app/.env"} or ""
  state.enabled = not text.contains(env, "SYNC_ENABLED=false")
  state.mode = text.contains(env, "ENABLE_SUPABASE=false") and "local-only" or "hybrid"
  state.tuned = text.contains(env, "SYNC_BATCH_SIZE=200")
  if not has("hopeless") then state.healthy = state.branch == "main" and state.commits[1] ~= "badbad1" or state.mode == "local-only" end
  return {takes = "5s"}
end

-- The table of the cloud whose policy refuses rows: what the role of the application sees of it.
local function in_cloud(ctx, query) return ctx.sql{database = "cloud", query = query}.value end
local function change_cloud(ctx, execute) ctx.sql{database = "cloud", execute = execute} end
local function seen(ctx)
  if has("no_grant") then return 1 end
  if in_cloud(ctx, "SELECT relrowsecurity FROM pg_class") == 0 then return 3 end
  local policy = in_cloud(ctx, "SELECT qual FROM pg_policies")
  return policy == "true" and 3 or policy == "owner" and 1 or 0
end

-- The scripts that playbooks run, by what stands in their environment.
local function script(call, ctx)
  now_is(ctx)
  local env = call.env
  if env.VALUE then
    local kept = env.FILE .. ".before-" .. env.RUN .. "-" .. env.NAME
    local before = ctx.read{path = kept} or ctx.read{path = env.FILE}
    ctx.write{path = kept, content = before}
    local lines = list.filter(text.lines(before), function(line) return not text.starts_with(line, env.NAME .. "=") and line ~= "" end)
    lines[#lines + 1] = env.NAME .. "=" .. env.VALUE
    ctx.write{path = env.FILE, content = table.concat(lines, "\n") .. "\n"}
  elseif env.FILE and env.NAME then
    local kept = env.FILE .. ".before-" .. env.RUN .. "-" .. env.NAME
    local before = ctx.read{path = kept}
    if before then
      ctx.write{path = env.FILE, content = before}
      ctx.remove{path = kept}
    end
  elseif env.ROLE then
    return tostring(seen(ctx)) .. "\n"
  elseif env.BEFORE then
    change_cloud(ctx, "UPDATE pg_policies SET qual = '" .. re.match(env.BEFORE, "USING [(](.*?)[)];")[1] .. "'")
  elseif env.PGHOST and env.FOLDER then
    if has("dump_fails") then return {exit_code = 1, stderr = "pg_dump: error: connection to server failed"} end
    ctx.write{path = env.FOLDER .. "/cloud-now.dump", content = "dump"}
    return env.FOLDER .. "/cloud-now.dump"
  elseif env.KEEP then
    return ""
  elseif env.FOLDER and call.stdin ~= "" then
    local file = env.FOLDER .. "/queue-backup-" .. env.RUN .. ".json"
    ctx.write{path = file, content = call.stdin}
    state.kept = file
    return file
  elseif env.FILE then
    ctx.write{path = env.FILE, content = call.stdin}
    state.signed_off = true
  elseif env.RELEASE then
    if ctx.exists{path = env.RELEASE} then
      ctx.remove{path = env.RELEASE}
      ctx.write{path = env.RELEASE .. ".failed-" .. env.RUN, content = "aside"}
    end
  elseif env.COMMIT then
    state.commits = {env.COMMIT}
  else
    return {exit_code = 99, stderr = "nobody knows this script"}
  end
end

local function git(call, ctx)
  now_is(ctx)
  local words = list.slice(call.argv, 4)
  if call.argv[2] == "ls-remote" then return "c0ffee1\trefs/heads/main\n" end
  if call.argv[2] == "clone" then
    ctx.write{path = call.argv[5] .. "/.git/HEAD", content = state.commits[1]}
    return {takes = "1m"}
  end
  local verb = words[1]
  if verb == "log" then return table.concat(state.commits, "\n") .. "\n" end
  if verb == "rev-parse" and words[2] == "--verify" then return ctx.exists{path = call.argv[3] .. "/.git/HEAD"} and 0 or 1 end
  if verb == "rev-parse" then return words[2] == "--abbrev-ref" and state.branch .. "\n" or state.commits[1] .. "\n" end
  if verb == "status" then return has("dirty") and " M file\n" or "" end
  if verb == "cat-file" then return {exit_code = text.starts_with(words[3], "no-commit") and 1 or 0} end
  if verb == "revert" then
    state.commits = list.concat({"c0ffee2"}, state.commits)
  elseif verb == "reset" then
    state.commits = words[3] == "badbad1" and {"badbad1", "c0ffee0"} or {words[3]}
  elseif verb == "push" then
    state.pushed[#state.pushed + 1] = words[#words]
  elseif verb == "checkout" then
    state.branch = words[2]
    state.commits = words[2] == "main" and {"c0ffee1"} or {"badbad1", "c0ffee0"}
  elseif verb == "branch" or verb == "pull" then
    return
  else
    return {exit_code = 99, stderr = "nobody knows git " .. tostring(verb)}
  end
end

return {
  state = state,
  http = {
    ["GET http://localhost:3002/api/sync/status"] = listening(function(request, ctx) return status(ctx) end),
    ["GET http://localhost:3002/api/sync/queue"] = listening(function() return {json = {data = {{id = 1, waiting = state.queue}}}} end),
    ["POST http://localhost:3002/api/sync/disable"] = listening(function() state.enabled = false; return {json = {ok = true}} end),
    ["POST http://localhost:3002/api/sync/enable"] = listening(function() state.enabled = true; return {json = {ok = true}} end),
    ["POST http://localhost:3002/api/sync/trigger"] = listening(function() return {json = {ok = true}} end),
    ["POST http://localhost:3002/api/sync/queue/clear"] = listening(function(request)
      if request.headers.authorization ~= token then return 403 end
      state.cleared, state.queue = state.cleared + 1, 0
      return {json = {ok = true}}
    end),
    ["GET http://localhost:3002/api/health"] = listening(function() return state.healthy and {json = {status = "ok"}} or 500 end),
    ["GET http://localhost:3002/api/repair-orders"] = listening(function() return {json = {data = {{id = 1}}}} end),
    ["GET http://localhost:3002/api/customers"] = listening(function() return {json = {data = {{id = 1}}}} end),
    ["POST http://localhost:3002/api/customers"] = listening(function() state.queue = state.queue + 1; return {status = 201, json = {id = 2}} end),
    ["GET https://your-project.supabase.co/rest/v1/"] = function(request, ctx)
      now_is(ctx)
      return state.cloud and 401 or 503
    end,
  },
  commands = {
    ["/bin/sh"] = script,
    ["sh"] = script,
    ["npm restart"] = restart,
    ["npm install"] = function() return {takes = "30s"} end,
    ["git"] = git,
    ["pg_dump"] = function(call, ctx)
      return "CREATE POLICY own ON customers USING (" .. in_cloud(ctx, "SELECT qual FROM pg_policies") .. ");\n"
    end,
    ["psql"] = function(call, ctx)
      now_is(ctx)
      change_cloud(ctx, "UPDATE pg_policies SET qual = '" .. (has("bad_policy") and "false" or "true") .. "'")
    end,
    ["cat"] = function(call, ctx) return ctx.read{path = call.argv[3]} end,
    ["pg_restore"] = function(call)
      if call.argv[2] ~= "--list" then return has("dump_is_cut") and {exit_code = 1, stderr = "unexpected end of file"} or 0 end
      return "1; TABLE DATA public customers\n"
    end,
    ["test"] = function(call, ctx) return ctx.exists{path = call.argv[4]} and 1 or 0 end,
    ["rm"] = function(call, ctx) ctx.remove{path = call.argv[4]} end,
    ["python3"] = function() end,
    ["npm start"] = function(call, ctx) return restart(call, ctx) end,
    ["npm run"] = function() state.migrated = true end,
    ["cp"] = function(call, ctx) ctx.write{path = call.argv[#call.argv], content = ctx.read{path = call.argv[#call.argv - 1]}} end,
    ["install"] = function(call, ctx) ctx.write{path = call.argv[#call.argv], content = ctx.read{path = call.argv[#call.argv - 1]}} end,
    ["aws"] = function(call) state.uploaded = call.argv[5] end,
    ["true"] = {},
    ["pm2"] = function() state.stopped = true end,
    ["tail"] = function(call, ctx) return ctx.read{path = call.argv[#call.argv]} or {exit_code = 1, stderr = "no such file"} end,
    ["stat"] = function(call, ctx) return tostring(#(ctx.read{path = call.argv[#call.argv]} or "")) end,
    ["find"] = function(call, ctx) now_is(ctx) return has("no_snapshot") and "" or "/backups/cloud-1.dump\n" end,
    ["sha256sum"] = function(call, ctx)
      local content = ctx.read{path = call.argv[#call.argv]}
      if has("disk_lies") then content = content .. "x" end
      return hash.sha256(content) .. "  " .. call.argv[#call.argv] .. "\n"
    end,
    ["grep"] = function(call, ctx)
      local content = ctx.read{path = call.argv[5]}
      if not content then return 2 end
      return list.contains(text.lines(content), call.argv[4]) and 0 or 1
    end,
  },
  after = function(world, ctx)
    now_is(ctx)
    world.copy_left = ctx.exists{path = "/tmp/database-test.sqlite"}
    if has("duplicates") then
      local rows = ctx.sql{database = "cloud", query = "SELECT id || ' ' || created_at AS row FROM customers ORDER BY id, created_at"}.rows
      world.customers = table.concat(list.map(rows, function(row) return row.row end), ", ")
      local kept = in_cloud(ctx, "SELECT max(name) FROM sqlite_master WHERE name LIKE 'duplicates_of_customers_%'")
      world.customers_kept = #rows + (kept and in_cloud(ctx, 'SELECT count(*) FROM "' .. kept .. '"') or 0)
      world.once = in_cloud(ctx, "SELECT count(*) FROM sqlite_master WHERE name = 'customers_id_once'") == 1
    elseif has("restore") or has("resync") then
      local rows = ctx.sql{database = "cloud", query = "SELECT name FROM customers ORDER BY id"}.rows
      world.in_cloud = table.concat(list.map(rows, function(row) return row.name end), ", ")
      world.released = ctx.exists{path = "/srv/new/database.sqlite"}
    elseif has("blocked") then
      world.locked = in_cloud(ctx, "SELECT relrowsecurity FROM pg_class")
      world.policy = in_cloud(ctx, "SELECT qual FROM pg_policies")
    end
  end,
}
