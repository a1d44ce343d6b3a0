// `muster new --action NAME`: an extension to start from, with an example that passes.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>

#include "interpreter/base/unique_fd.h"
#include "interpreter/cli/command.h"

namespace muster {
namespace {

constexpr std::string_view extension = R"(action "NAME" {
  summary = "Say in one line what it does",
  effect  = "write",              -- read, write or destructive
  fields  = {
    target = {type = "string", required = true, description = "what it is done to"},
  },
  results = {
    output = {type = "string", description = "what the command printed"},
  },

  -- Exactly what would be done: a gate shows these lines.
  preview = function(args, ctx)
    return "echo " .. args.target
  end,

  -- ctx offers every other action, and progress, log, now, sleep, stopped.
  run = function(args, ctx)
    local done = ctx.shell{argv = {"echo", args.target}}
    return {output = text.trim(done.stdout)}
  end,

  -- After a crash: did it happen? true, false, or nil where it cannot be told.
  -- probe = function(args, ctx) return nil end,

  -- What `rollback: auto` does.
  -- rollback = function(args, result, ctx) end,

  -- Run by `muster actions --test NAME.lua`; `answers` stands for the actions that it calls.
  examples = {
    {args = {target = "web"}, preview = "echo web"},
    {args = {target = "web"}, answers = {shell = {stdout = "web\n", exit_code = 0}}, result = {output = "web"}},
  },
}
)";

std::string with_name(std::string text, const std::string& name) {
  constexpr std::string_view word = "NAME";
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + name.size()))
    text.replace(at, word.size(), name);
  return text;
}

}  // namespace

int new_command(Invocation& invocation) {
  std::string name = invocation.options.last("--action");
  bool fits = !name.empty() && name[0] >= 'a' && name[0] <= 'z' && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
  if (!fits)
    return complain(fail(ErrorCode::invalid,
                         name.empty() ? "say what is to be made" : "`" + name + "` cannot be the name of an action",
                         "`muster new --action restart_service`"));
  std::string path = name + ".lua", bytes = with_name(std::string(extension), name);
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!file || ::write(file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
    return complain(fail(ErrorCode::refused, "`" + path + "` cannot be made: it may be there already"));
  answer(path + "\n");
  if (!invocation.terminal.quiet)
    tell("name it in a playbook: `extensions: [" + path + "]`\ntry its examples: `muster actions --test " + path +
         "`\n");
  return exit_code::ok;
}

}  // namespace muster
