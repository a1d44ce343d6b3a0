-- What the server's log tells of its stores. A log goes back beyond the last start, so of each store its last word counts:
-- created, or failed. All functions take the log's lines, oldest first.

local behind = "backend head \\(?([0-9]+)\\)? should never be greater than the local head \\(?([0-9]+)\\)?"
local name = "storeId[\"']?\\s*[:=]?\\s*[\"']?([A-Za-z0-9_][A-Za-z0-9._-]*)"
local events = "(?:events|eventCount|count)[\"']?\\s*[:=]\\s*[\"']?([0-9]+)"

local function first(line, pattern)
  local found = re.match(line, pattern)
  return found and found[1]
end

-- By store: state ("created" or "failed"), heads of the last mismatch, whether its events are monitored since it was
-- created, and how many there are.
local function history(lines)
  local known, order, last = {}, {}, nil
  local function of(id)
    if not known[id] then
      known[id] = {store = id}
      order[#order + 1] = id
    end
    return known[id]
  end
  local loose  -- a mismatch whose line names no store: it belongs to the failure that is told next
  for _, line in ipairs(lines) do
    local id, heads = first(line, name), re.match(line, behind)
    if heads then
      if id then
        local one = of(id)
        one.state, one.backend, one.here = "failed", tonumber(heads[1]), tonumber(heads[2])
      elseif last and last.state == "failed" and not last.backend then
        last.backend, last.here = tonumber(heads[1]), tonumber(heads[2])
      else
        loose = heads
      end
    end
    if id and text.contains(line, "Failed to create store") then
      local one = of(id)
      one.state, one.monitored, one.events = "failed", nil, nil
      if loose then
        one.backend, one.here, loose = tonumber(loose[1]), tonumber(loose[2]), nil
      end
      last = one
    elseif id and text.contains(line, "Store created successfully") then
      known[id] = nil
      order = list.filter(order, function(each) return each ~= id end)
      of(id).state = "created"
    elseif id and text.contains(line, "Event monitoring started") then
      local one = of(id)
      one.monitored, one.events = true, tonumber(first(line, events) or "")
    end
  end
  return list.map(order, function(id) return known[id] end)
end

-- The stores whose last word is a failure: {store, backend, here}, the heads where the log has them.
local function failing(lines)
  return list.filter(history(lines), function(one) return one.state == "failed" end)
end

-- What is known of one store; an empty state where the log does not name it.
local function of(lines, store)
  for _, one in ipairs(history(lines)) do
    if one.store == store then return one end
  end
  return {store = store, state = "unknown"}
end

-- By store that failed, how many events the backend had: what it must have at least when it is back.
local function heads(lines)
  local found = {}
  for _, one in ipairs(failing(lines)) do found[one.store] = one.backend end
  return found
end

-- Whether a store runs again: created, its events monitored, and no fewer of them than `least` asks for.
local function recovered(lines, store, least)
  local one = of(lines, store)
  local wanted = least[store] and tonumber(least[store])
  return one.state == "created" and one.monitored == true
    and (one.events == nil or wanted == nil or one.events >= wanted)
end

-- How many lines name an error.
local function mentions(lines, error_name)
  return #list.filter(lines, function(line) return text.contains(line, error_name) end)
end

return {failing = failing, heads = heads, of = of, recovered = recovered, mentions = mentions}
