-- Runs of consecutive days, as they are derived from day marks.

local function number_of(day) return time.unix(time.parse(day .. "T00:00:00Z")) // 86400 end
local function day_of(number) return time.date(time.from_unix(number * 86400)) end

-- Days as text, in any order and with repetitions, as runs: {start_date, end_date, day_count}, the earliest first.
local function group(days)
  local numbers = list.map(days, number_of)
  table.sort(numbers)
  local runs, start, last = {}, nil, nil
  local function close()
    if start then runs[#runs + 1] = {start_date = day_of(start), end_date = day_of(last), day_count = last - start + 1} end
  end
  for _, number in ipairs(numbers) do
    if not last or number > last + 1 then
      close()
      start = number
    end
    last = number
  end
  close()
  return runs
end

-- What a user's runs are and what they should be: those that are missing, and those that should not be there.
local function difference(runs, days)
  local function name(run) return run.start_date .. " to " .. run.end_date .. ", " .. run.day_count .. " days" end
  local is, should = {}, {}
  for _, run in ipairs(runs) do is[name(run)] = true end
  for _, run in ipairs(group(days)) do should[name(run)] = true end
  return {
    missing = list.filter(list.keys(should), function(run) return not is[run] end),
    wrong = list.filter(list.keys(is), function(run) return not should[run] end),
  }
end

-- Ids of several lists, each once, in order.
local function together(...)
  local all = {}
  for _, ids in ipairs({...}) do all = list.concat(all, ids) end
  all = list.unique(all)
  table.sort(all)
  return all
end

-- How long the rebuild of a range may take: by its days, or of everything where an end is open.
local function limit(from, to)
  if not from or not to then return 5 end
  local days = number_of(to) - number_of(from) + 1
  if days <= 30 then return 0.5 end
  if days <= 180 then return 2 end
  return 5
end

return {group = group, difference = difference, together = together, limit = limit}
