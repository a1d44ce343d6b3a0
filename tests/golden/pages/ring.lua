action "ring" {
  summary = "Ring a bell",
  effect = "write",
  fields = {who = {type = "string", required = true}, loud = {type = "boolean"}},
  preview = function(args) return "ring " .. args.who end,
  run = function(args, ctx) return {rung = true} end,
}
