action "reach" {
  summary = "Reach what a connection names",
  effect  = "read",
  fields  = {
    place   = {type = "connection", kinds = {"sqlit", "redis", "http"}},
    names   = {type = "string", of = "string", values = {"a"}},
    service = {type = "string", kinds = {"http"}, fields = {name = "string"}},
    several = {type = "list", of = {type = "connection", kinds = {"htp"}}},
  },
  run = function(args, ctx) end,
}

action "weigh" {
  summary = "Weigh a thing",
  effect  = "raed",
  fields  = {thing = "string", url = {type = "url", required = true}},
  one_of  = {{"thing", "link"}, {"thing", "url"}},
  run = function(args, ctx) end,
}

action "look_up" {
  summary  = "Look a thing up",
  effect   = "read",
  one_of   = "thing",
  run      = function(args, ctx) end,
  probe    = function(args, ctx) end,
  rollback = function(args, result, ctx) end,
}
