// `muster new NAME`: a playbook to start from, with its first scenario; `muster new --action NAME`: an extension, with
// an example that passes.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>

#include "interpreter/base/unique_fd.h"
#include "interpreter/cli/command.h"
#include "interpreter/cli/loading.h"
#include "steps/steps.h"

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

constexpr std::string_view playbook = R"(muster: 1
playbook: NAME
version: 0.1.0
title: Say in one line what it brings back
owner: your-team

inputs:
  service: {type: string, default: app.service, description: the service that is looked at}

phases:
  - id: look
    title: What is wrong?
    steps:
      - id: state
        effect: read
        shell: {argv: [systemctl, is-active, "${{ inputs.service }}"], exit_codes: [0, 3]}

  - id: mend
    title: Mend it
    when: steps.state.exit_code ~= 0
    approval:
      message: "Restart ${{ inputs.service }}, which is ${{ trim(steps.state.stdout) }}"
      expires: 30m
    steps:
      - id: restarted
        idempotent: true                # another restart does no harm: it may be repeated after a crash
        shell: {argv: [systemctl, restart, "${{ inputs.service }}"]}
        verify:
          shell: {argv: [systemctl, is-active, "${{ inputs.service }}"], exit_codes: [0, 3]}
          that: trim(result.stdout) == "active"
          within: 2m
          every: 5s
)";

constexpr std::string_view scenario = R"(scenario: NAME-mends-the-service
playbook: NAME.muster.yaml
world: world.lua
people:
  - {user: alice, gate: mend, decide: approve, after: 3m}
expect:
  status: succeeded
  steps: {restarted: succeeded}
  that:
    - world.service == "active"
invariants:                             # must hold however the run ends: `muster rehearse --sweep` tries every fault
  - {name: it is restarted once more at most, that: world.restarts <= 2}
)";

constexpr std::string_view world =
    R"(-- What the commands of the playbook meet in a rehearsal: a service that is down until it is restarted.
local state = {service = "failed", restarts = 0}

return {
  state = state,                        -- claims read it as `world`
  commands = {
    ["systemctl is-active"] = function(call, ctx)
      return {stdout = state.service .. "\n", exit_code = state.service == "active" and 0 or 3}
    end,
    ["systemctl restart"] = function(call, ctx)
      state.restarts = state.restarts + 1
      state.service = "active"
      return {takes = "5s"}
    end,
  },
}
)";

std::string with_name(std::string text, const std::string& name) {
  constexpr std::string_view word = "NAME";
  for (size_t at = text.find(word); at != std::string::npos; at = text.find(word, at + name.size()))
    text.replace(at, word.size(), name);
  return text;
}

// Names the file where it cannot be made; never one that is there already.
Result<void> make_file(const std::string& path, const std::string& bytes) {
  UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!file || ::write(file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
    return fail(ErrorCode::refused, "`" + path + "` cannot be made: it may be there already");
  return {};
}

bool is_name(const std::string& name, char joint) {
  return !name.empty() && name[0] >= 'a' && name[0] <= 'z' && name.back() != '-' &&
         std::all_of(name.begin(), name.end(),
                     [&](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == joint; });
}

int new_playbook(Invocation& invocation, const std::string& name) {
  if (!is_name(name, '-'))
    return complain(
        fail(ErrorCode::invalid, "`" + name + "` cannot be the name of a playbook", "`muster new restore-database`"));
  if (::mkdir(name.c_str(), 0755) != 0)
    return complain(fail(ErrorCode::refused, "the folder `" + name + "` cannot be made: it may be there already"));
  const std::pair<std::string, std::string_view> files[] = {
      {name + ".muster.yaml", playbook}, {"works.scenario.yaml", scenario}, {"world.lua", world}};
  for (const auto& [file, text] : files) {
    const std::string path = name + "/" + file;
    if (Result<void> made = make_file(path, with_name(std::string(text), name)); !made) return complain(made.error());
    answer(path + "\n");
  }
  if (!invocation.terminal.quiet)
    tell("rehearse it: `muster rehearse " + name + " --sweep`\nsee what it would do: `muster plan " + name + "/" +
         name + ".muster.yaml`\n");
  return exit_code::ok;
}

}  // namespace

int new_command(Invocation& invocation) {
  std::string name = invocation.options.last("--action");
  const bool has_word = !invocation.options.words.empty();
  if (has_word && !name.empty())
    return complain(fail(ErrorCode::invalid, "`new` makes a playbook or an action, not both at once",
                         "`muster new restore-database`, or `muster new --action restart_service`"));
  if (has_word) return new_playbook(invocation, invocation.options.words[0]);
  if (name.empty())
    return complain(fail(ErrorCode::invalid, "say what is to be made",
                         "`muster new restore-database`, or `muster new --action restart_service`"));
  if (!is_name(name, '_'))
    return complain(fail(ErrorCode::invalid, "`" + name + "` cannot be the name of an action",
                         "`muster new --action restart_service`"));
  const std::vector<std::string> taken = taken_names(builtin_actions());
  if (std::find(taken.begin(), taken.end(), name) != taken.end())
    return complain(fail(ErrorCode::invalid, "an action or a key of steps is called `" + name + "` already",
                         "`muster new --action restart_service`"));
  std::string path = name + ".lua";
  if (Result<void> made = make_file(path, with_name(std::string(extension), name)); !made)
    return complain(made.error());
  answer(path + "\n");
  if (!invocation.terminal.quiet)
    tell("name it in a playbook: `extensions: [" + path + "]`\ntry its examples: `muster actions --test " + path +
         "`\n");
  return exit_code::ok;
}

}  // namespace muster
