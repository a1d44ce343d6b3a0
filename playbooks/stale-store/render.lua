-- The hosting service as it is reached by its command line program, `render`: logs, files on the service's disk over ssh,
-- restarts. Services, folders and stores are plain names, so that nothing here is ever read by the shell on the other side.

local service = {type = "string", required = true, pattern = "^srv-[a-z0-9]+$", description = "the service's id"}
-- No part begins with a dot: there is no way up and no hidden folder.
local folder = {type = "string", required = true, pattern = "^(/[A-Za-z0-9_][A-Za-z0-9._-]*)+$",
  description = "a folder on the service's disk"}
local store = {type = "string", required = true, pattern = "^[A-Za-z0-9_][A-Za-z0-9._-]*$",
  description = "a store, whose folder has its name"}

-- Runs a command on the service. ssh ends with 255 when there was no session; `effect` tells what that may have left.
local function over_ssh(ctx, args, words, effect)
  local done = ctx.shell{
    argv = list.concat({"render", "ssh", args.service, "--"}, words),
    exit_codes = {0, 255},
    effect = effect,
  }
  if done.exit_code == 255 then
    error{
      code = "unreachable",
      effect = effect == "read" and "none" or "maybe",
      message = "ssh to " .. args.service .. " does not work: " .. text.trim(done.stderr),
      hint = "see whether ssh is switched on for the service, and whose keys it takes",
    }
  end
  return done
end

local function names_in(ctx, args)
  local names = {}
  for _, name in ipairs(text.lines(over_ssh(ctx, args, {"ls", "-1A", args.folder}, "read").stdout)) do
    if name ~= "" then names[#names + 1] = name end
  end
  return names
end

-- What the people at the gate see beside the command.
local function size(ctx, args, place)
  local fine, done = pcall(over_ssh, ctx, args, {"du", "-sk", place}, "read")
  local kilobytes = fine and re.match(done.stdout, "^[0-9]+")
  return {on_disk = kilobytes and kilobytes .. " KiB" or "not known: ssh does not answer"}
end

action "render_whoami" {
  summary = "Who the hosting service's command line program is logged in as",
  effect = "read",
  fields = {},
  results = {account = {type = "string", description = "what it says"}},
  run = function(args, ctx)
    return {account = text.trim(ctx.shell{argv = {"render", "whoami"}, effect = "read"}.stdout)}
  end,
  examples = {{args = {}, answers = {shell = {stdout = "Name: Ann\n", stderr = "", exit_code = 0}}, result = {account = "Name: Ann"}}},
}

action "render_logs" {
  summary = "The last lines that a service has logged",
  effect = "read",
  fields = {service = service, lines = {type = "integer", default = 100, description = "how many"}},
  results = {lines = {type = "list", description = "the lines, oldest first"}},
  run = function(args, ctx)
    local done = ctx.shell{
      argv = {"render", "logs", "--resources", args.service, "--output", "text", "--limit", tostring(args.lines)},
      effect = "read",
    }
    return {lines = text.lines(done.stdout)}
  end,
  examples = {
    {args = {service = "srv-1"}, answers = {shell = {stdout = "one\ntwo\n", stderr = "", exit_code = 0}},
      result = {lines = {"one", "two"}}},
  },
}

action "render_files" {
  summary = "What lies in a folder on a service's disk, over ssh",
  effect = "read",
  fields = {service = service, folder = folder},
  results = {names = {type = "list", description = "the names in it"}},
  run = function(args, ctx) return {names = names_in(ctx, args)} end,
  examples = {
    {args = {service = "srv-1", folder = "/var/data"}, answers = {shell = {stdout = "a\nb\n", stderr = "", exit_code = 0}},
      result = {names = {"a", "b"}}},
    {args = {service = "srv-1", folder = "/var/data"}, answers = {shell = {stdout = "", stderr = "denied", exit_code = 255}},
      fails = "ssh to srv-1 does not work: denied"},
  },
}

action "render_remove" {
  summary = "Delete the folder of one store on a service's disk, over ssh",
  effect = "destructive",
  fields = {service = service, folder = folder, store = store},
  results = {
    removed = {type = "string", description = "the folder that is gone"},
    left = {type = "list", description = "what lies beside it"},
  },
  preview = function(args, ctx)
    local place = args.folder .. "/" .. args.store
    return {
      lines = {"render ssh " .. args.service .. " -- rm -rf " .. place},
      facts = size(ctx, args, place),
    }
  end,
  run = function(args, ctx)
    local place = args.folder .. "/" .. args.store
    over_ssh(ctx, args, {"rm", "-rf", place})
    local left = names_in(ctx, args)
    if list.contains(left, args.store) then
      error{effect = "maybe", message = place .. " is still there, after it was deleted"}
    end
    return {removed = place, left = left}
  end,
  -- Deleted or not is seen on the disk.
  probe = function(args, ctx)
    local left = names_in(ctx, args)
    if list.contains(left, args.store) then return false end
    return true, {removed = args.folder .. "/" .. args.store, left = left}
  end,
  examples = {
    {args = {service = "srv-1", folder = "/var/data", store = "a"},
      answers = {shell = {{stdout = "", stderr = "", exit_code = 0}, {stdout = "b\n", stderr = "", exit_code = 0}}},
      result = {removed = "/var/data/a", left = {"b"}}},
    {args = {service = "srv-1", folder = "/var/data", store = "a"},
      answers = {shell = {{stdout = "", stderr = "", exit_code = 0}, {stdout = "a\nb\n", stderr = "", exit_code = 0}}},
      fails = "/var/data/a is still there, after it was deleted"},
  },
}

action "render_empty" {
  summary = "Delete everything in a folder on a service's disk, over ssh",
  effect = "destructive",
  fields = {service = service, folder = folder},
  results = {removed = {type = "list", description = "what lay in it"}},
  preview = function(args, ctx)
    return {
      lines = {"render ssh " .. args.service .. " -- find " .. args.folder .. " -mindepth 1 -delete"},
      facts = size(ctx, args, args.folder),
    }
  end,
  run = function(args, ctx)
    local names = names_in(ctx, args)
    over_ssh(ctx, args, {"find", args.folder, "-mindepth", "1", "-delete"})
    local left = names_in(ctx, args)
    if #left > 0 then
      error{effect = "maybe", message = args.folder .. " still holds " .. table.concat(left, ", ")}
    end
    return {removed = names}
  end,
  probe = function(args, ctx)
    if #names_in(ctx, args) > 0 then return false end
    return true, {removed = {}}
  end,
  examples = {
    {args = {service = "srv-1", folder = "/var/data"},
      answers = {shell = {{stdout = "a\nb\n", stderr = "", exit_code = 0}, {stdout = "", stderr = "", exit_code = 0},
        {stdout = "", stderr = "", exit_code = 0}}},
      result = {removed = {"a", "b"}}},
    {args = {service = "srv-1", folder = "/var/data"},
      answers = {shell = {stdout = "a\n", stderr = "", exit_code = 0}},
      fails = "/var/data still holds a"},
  },
}

action "render_restart" {
  summary = "Restart a service",
  effect = "write",
  fields = {service = service},
  results = {output = {type = "string", description = "what the command said"}},
  preview = function(args, ctx) return "render restart " .. args.service .. " --confirm" end,
  run = function(args, ctx)
    return {output = text.trim(ctx.shell{argv = {"render", "restart", args.service, "--confirm"}}.stdout)}
  end,
  examples = {
    {args = {service = "srv-1"}, preview = "render restart srv-1 --confirm"},
    {args = {service = "srv-1"}, answers = {shell = {stdout = "restarted\n", stderr = "", exit_code = 0}},
      result = {output = "restarted"}},
  },
}
