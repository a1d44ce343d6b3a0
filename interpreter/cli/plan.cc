// `muster plan PLAYBOOK`
#include "interpreter/plan/plan.h"

#include <poll.h>

#include <stop_token>
#include <thread>

#include "interpreter/checker/checker.h"
#include "interpreter/cli/given_inputs.h"
#include "interpreter/cli/real_world.h"
#include "interpreter/cli/session.h"
#include "interpreter/dryrun/dry_run.h"

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

int plan_offline_command(Invocation& invocation, const Loaded& loaded, const Map& given) {
  Diagnostics problems;
  std::optional<Map> inputs = inputs_of(loaded.graph->playbook(), given, problems);
  if (!problems.empty()) tell(render_all(problems, loaded.files, invocation.terminal.colour));
  if (!inputs) return exit_code::usage;
  const Plan plan = plan_offline(*loaded.graph, *loaded.extended.actions, *inputs, loaded.files);
  if (invocation.json()) {
    answer_object(invocation, value_of(plan));
  } else {
    answer(text_of(plan));
  }
  if (plan.problems.empty()) return exit_code::ok;
  tell(render_all(plan.problems, loaded.files, invocation.terminal.colour));
  return exit_code::failed;
}

// A signal asks the dry run to stop, so that what it holds for a trial is let go and its folders are removed.
class StopsOnSignal {
 public:
  explicit StopsOnSignal(int signal_fd) {
    if (signal_fd < 0) return;
    watcher_ = std::jthread([this, signal_fd](std::stop_token done) {
      pollfd wait{signal_fd, POLLIN, 0};
      while (!done.stop_requested()) {
        if (::poll(&wait, 1, 50) <= 0) continue;
        stop_.request_stop();
        return;
      }
    });
  }
  [[nodiscard]] std::stop_token token() const { return stop_.get_token(); }

 private:
  std::stop_source stop_;
  std::jthread watcher_;  // ends before what it asks to stop
};

}  // namespace

int plan_command(Invocation& invocation) {
  Result<Loaded> loaded = load_playbook(invocation, invocation.options.words[0]);
  if (!loaded) return complain(loaded.error());
  if (!loaded->graph) return exit_code::invalid;
  std::optional<Map> given = given_inputs(invocation);
  if (!given) return exit_code::usage;
  if (invocation.options.has("--offline")) return plan_offline_command(invocation, *loaded, *given);
  Diagnostics problems;
  std::optional<Map> inputs = bind_inputs(loaded->graph->playbook(), *given, problems);
  if (!problems.empty()) tell(render_all(problems, loaded->files, invocation.terminal.colour));
  if (!inputs) return exit_code::usage;
  StopsOnSignal signals(invocation.signal_fd);
  RealDryWorld world(invocation);
  DryRunParts parts{
      *loaded->graph,    loaded->files,  *loaded->extended.actions, world.world(), loaded->extended.scripts.get(),
      invocation.person, signals.token()};
  const Ledger ledger = dry_run(parts, *inputs);
  if (invocation.json()) {
    answer_object(invocation, value_of(ledger));
  } else {
    answer(text_of(ledger));
  }
  if (!ledger.problems.empty()) tell(render_all(ledger.problems, loaded->files, invocation.terminal.colour));
  if (signals.token().stop_requested()) return exit_code::cancelled;
  return ledger.failures.empty() ? exit_code::ok : exit_code::failed;
}

}  // namespace muster
