// `muster plan PLAYBOOK`
#include "interpreter/plan/plan.h"

#include "interpreter/checker/checker.h"
#include "interpreter/cli/given_inputs.h"
#include "interpreter/cli/session.h"

namespace muster {
namespace {

// Required inputs that are not given are no mistake of somebody who only looks: their values stay open.
std::optional<Map> inputs_of(const Playbook& playbook, const Map& given, Diagnostics& problems) {
  Playbook asked;
  asked.at = playbook.at;
  asked.inputs = playbook.inputs;
  std::vector<std::string> open;
  for (Input& input : asked.inputs) {
    if (!input.required || given.contains(input.name.text)) continue;
    input.required = false;
    open.push_back(input.name.text);
  }
  std::optional<Map> bound = bind_inputs(asked, given, problems);
  if (bound)
    for (const std::string& name : open) bound->emplace(name, Unknown{"input " + name});
  return bound;
}

}  // namespace

int plan_command(Invocation& invocation) {
  if (!invocation.options.has("--offline"))
    return complain(fail(ErrorCode::invalid, "this version of muster plans only without looking at the world",
                         "`muster plan --offline " + invocation.options.words[0] + "`"));
  Result<Loaded> loaded = load_playbook(invocation, invocation.options.words[0]);
  if (!loaded) return complain(loaded.error());
  if (!loaded->graph) return exit_code::invalid;
  std::optional<Map> given = given_inputs(invocation);
  if (!given) return exit_code::usage;
  Diagnostics problems;
  std::optional<Map> inputs = inputs_of(loaded->graph->playbook(), *given, problems);
  if (!problems.empty()) tell(render_all(problems, loaded->files, invocation.terminal.colour));
  if (!inputs) return exit_code::usage;
  const Plan plan = plan_offline(*loaded->graph, *loaded->extended.actions, *inputs, loaded->files);
  if (invocation.json()) {
    answer_object(invocation, value_of(plan));
  } else {
    answer(text_of(plan));
  }
  if (plan.problems.empty()) return exit_code::ok;
  tell(render_all(plan.problems, loaded->files, invocation.terminal.colour));
  return exit_code::failed;
}

}  // namespace muster
