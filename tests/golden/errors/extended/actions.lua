action "restart" {
  summary = "Restart a service",
  efect   = "write",
  fields  = {service = {type = "strng"}, wait = {type = "duration", required = true, default = "1s"}},
  run     = function(args, ctx) return {} end,
}

action "shell" {
  summary = "Another shell",
  effect  = "write",
  run     = true,
}
