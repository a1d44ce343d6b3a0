local function longest(days) return #days end
example "longest" {args = 5, result = 3}
example "longst" {args = {{1}}, result = 1}
example "wake" {args = {{1}}, result = 1}
example "longest" {args = {{1}}}
example "longest" {arg = {{1}}, result = 1}
example "longest" {args = {{1}}, result = function() return 1 end}
action "wake" {
  summary = "Wakes it",
  effect = "read",
  fields = {
    host = {type = "string", pattern = "^web", example = "db-1"},
    when = {type = "duration", example = "soon"},
  },
  run = function(args) return {host = args.host} end,
}
return {longest = longest}
