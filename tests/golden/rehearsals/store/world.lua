-- The service that the playbook is about: a store hangs until it is restarted, and is there ten minutes later.
local state = {stores = {["eu-1"] = {status = "hanging"}}, deleted = 0}
local ready_at

return {
  state = state,
  commands = {
    ["storectl restart"] = function(call, ctx)
      local store = state.stores[call.argv[3]]
      if not store then return {exit_code = 1, stderr = "no such store"} end
      store.status = "creating"
      ready_at = ctx.now() + 600
      return {stdout = "restarting\n", takes = "20s"}
    end,
  },
  http = {
    ["GET https://api.example.com/v1/stores/{id}"] = function(request, ctx)
      local store = state.stores[request.params.id]
      if not store then return 404 end
      if ready_at and ctx.now() >= ready_at then store.status = "created" end
      return {json = {id = request.params.id, status = store.status}}
    end,
  },
  after = function(world, ctx)
    world.incidents = ctx.sql{database = "app", query = "SELECT store, cleared FROM incident"}.rows
  end,
}
