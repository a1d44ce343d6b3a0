-- The calendar of other zones, and what the database looks like in the end.
local hours = {UTC = 0, ["Asia/Tokyo"] = 9, ["America/Los_Angeles"] = -8, ["Pacific/Kiritimati"] = 14}
local runs = [[SELECT user_id, start_date, end_date, day_count, active FROM runs ORDER BY user_id, start_date]]
local state = {}

return {
  state = state,
  commands = {
    date = {},
    ["/bin/sh"] = function(call, ctx)
      local offset = hours[call.env.TZ]
      if not offset then return {exit_code = 1, stderr = "there is no time zone " .. tostring(call.env.TZ)} end
      return {stdout = time.date(ctx.now() + offset * 3600) .. "\n"}
    end,
  },
  after = function(world, ctx)
    local database = ctx.exists{path = "/srv/app.db"} and "app" or "server"
    local function one(query) return ctx.sql{database = database, query = query}.value end
    world.runs = one("SELECT count(*) FROM runs")
    world.marks = one("SELECT count(*) FROM day_marks")
    -- Runs that are none by the day marks, and marked days in no run.
    world.wrong = one([[SELECT count(*) FROM runs r WHERE r.day_count <> julianday(end_date) - julianday(start_date) + 1 OR r.day_count <>
      (SELECT count(*) FROM day_marks m WHERE m.user_id = r.user_id AND m.value AND m.date BETWEEN r.start_date AND r.end_date)]])
    world.missing = one([[SELECT count(*) FROM day_marks m WHERE m.value AND NOT EXISTS
      (SELECT 1 FROM runs r WHERE r.user_id = m.user_id AND m.date BETWEEN r.start_date AND r.end_date)]])
    world.active = one("SELECT count(*) FROM runs WHERE active")
    world.copies = one("SELECT count(*) FROM runs_backup")
    world.zone = one("SELECT timezone FROM users WHERE id = 1")
  end,
}
