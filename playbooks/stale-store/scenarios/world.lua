-- A server of three stores at a hosting service. When it starts it opens each store: one without a copy gets everything from the
-- backend, one whose copy is behind the backend is not opened. /world/is tells what is wrong in a scenario.
local state = {
  service = "srv-stores1",
  backend = {acme = 20, danvers = 454, globex = 7},
  copies = {acme = 20, danvers = 454, globex = 7},
  open = {},       -- stores that the running server serves
  log = {},
  cleared = {},    -- copies that somebody deleted
  restarts = 0,
  recreated = false,
}
local wrong, started

local function say(line) state.log[#state.log + 1] = line end

local function boot()
  state.open = {}
  say("Starting")
  for name, head in pairs(state.backend) do
    local here = state.copies[name]
    local stuck = wrong == "backend" and name == "acme"
      or wrong == "stubborn" and name == "danvers" and #state.cleared < 2
    if stuck then
      say("Failed to create store { storeId: '" .. name .. "' }: LiveStore.UnknownError: the events cannot be read")
    elseif here and here < head then
      say("Failed to create store { storeId: '" .. name .. "' }: LiveStore.UnknownError: During boot the backend head (" .. head
        .. ") should never be greater than the local head (" .. here .. ")")
    else
      state.copies[name] = head
      state.open[#state.open + 1] = name
      say("Store created successfully { storeId: '" .. name .. "' }")
      say("Event monitoring started { storeId: '" .. name .. "', events: " .. head .. " }")
    end
  end
end

-- What has come about by now: the first start, and what a person does in the dashboard.
local function now_is(ctx)
  if not started then
    started = ctx.now()
    wrong = text.trim(ctx.read{path = "/world/is"} or "")
    local behind = ({one = {"danvers"}, ssh = {"danvers"}, stubborn = {"danvers"}, backend = {"acme"}, several = {"acme", "globex"},
      logged_out = {"danvers"}})[wrong] or {}
    for _, name in ipairs(behind) do state.copies[name] = state.copies[name] - 1 end
    boot()
  end
  if wrong == "ssh" and not state.recreated and ctx.now() >= started + 30 * 60 then
    state.recreated = true
    state.copies = {}
    boot()
  end
end

local function over_ssh(words)
  local program, place = words[1], words[#words]
  local store = re.match(place, "^/var/data/([a-z]+)$")
  if program == "ls" then
    return {stdout = table.concat(list.map(list.keys(state.copies), function(name) return name .. "\n" end))}
  elseif program == "du" then
    return {stdout = "128\t" .. place .. "\n"}
  elseif program == "rm" and store then
    state.copies[store[1] or store] = nil
    state.cleared[#state.cleared + 1] = store[1] or store
    return {}
  elseif program == "find" then
    for _, name in ipairs(list.keys(state.copies)) do state.cleared[#state.cleared + 1] = name end
    state.copies = {}
    return {}
  end
  return {exit_code = 127, stderr = "no such command over there: " .. program}
end

return {
  state = state,
  commands = {
    ["render whoami"] = function(call, ctx)
      now_is(ctx)
      if wrong == "logged_out" then return {exit_code = 1, stderr = "run render login first"} end
      return {stdout = "Name: Ann\n"}
    end,
    ["render logs"] = function(call, ctx)
      now_is(ctx)
      local last = tonumber(call.argv[#call.argv])
      return {stdout = table.concat(list.map(list.slice(state.log, math.max(1, #state.log - last + 1), #state.log),
        function(line) return line .. "\n" end))}
    end,
    ["render ssh"] = function(call, ctx)
      now_is(ctx)
      if wrong == "ssh" then return {exit_code = 255, stderr = "Permission denied (publickey)."} end
      return over_ssh(list.slice(call.argv, 5, #call.argv))
    end,
    ["render restart"] = function(call, ctx)
      now_is(ctx)
      state.restarts = state.restarts + 1
      boot()
      return {stdout = "restarted\n", takes = "30s"}
    end,
    ["bash"] = function(call, ctx)  -- the copy of the disk
      for name, head in pairs(state.copies) do
        ctx.write{path = call.env.WORK .. "/" .. name .. ".db", content = tostring(head)}
      end
      return {takes = "1m"}
    end,
    tar = {},  -- what the copy needs to be there
    ["find"] = function(call, ctx)
      for _, name in ipairs(ctx.list{path = call.argv[2]}) do ctx.remove{path = call.argv[2] .. "/" .. name} end
      return {}
    end,
  },
  http = {
    ["GET https://stores.example.com/health"] = function(request, ctx)
      now_is(ctx)
      if wrong == "down" then return {unreachable = true} end
      return {json = {status = "ok", storeCount = #state.open,
        stores = list.map(state.open, function(name) return {storeId = name, status = "created"} end)}}
    end,
  },
}
