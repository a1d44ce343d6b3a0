action "restart" {
  summary = "Restart a service",
  effect  = "write",
  fields  = {service = {type = "string", required = true, pattern = "^srv-"}},
  run     = function(args, ctx) return {} end,
}
return {twice = function(x) return 2 * x end}
