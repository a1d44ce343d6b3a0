-- What `grep -rn typeId:` prints, `FILE:LINE:...typeId: N...`, made into the numbers that several places use.
local typeids = {}

-- A list of {typeId, places}, one for each number that stands in more than one place.
function typeids.collisions(found)
  local places = {}
  for _, line in ipairs(found) do
    local parts = re.match(line, "^([^:]+:[0-9]+):.*@HiveType\\(\\s*typeId:\\s*([0-9]+)")
    if parts then
      places[parts[2]] = places[parts[2]] or {}
      table.insert(places[parts[2]], parts[1])
    end
  end
  local several = {}
  for number, where in pairs(places) do
    if #where > 1 then several[#several + 1] = {typeId = tonumber(number), places = where} end
  end
  return several
end

-- The range of the allocation map that a number lies in, or nil.
function typeids.range(number)
  if number >= 10 and number <= 19 then return "domain" end
  if number >= 24 and number <= 26 then return "sync" end
  if number >= 30 and number <= 39 then return "transaction" end
  return nil
end

return typeids
