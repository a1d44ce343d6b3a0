// `muster plan PLAYBOOK`
#include "interpreter/plan/plan.h"

#include <poll.h>

#include <stop_token>
#include <thread>

#include "interpreter/checker/checker.h"
#include "interpreter/cli/given_inputs.h"
#include "interpreter/cli/playbook_digest.h"
#include "interpreter/cli/real_world.h"
#include "interpreter/cli/session.h"
#include "interpreter/dryrun/dry_run.h"
#include "interpreter/journal/foreseen.h"

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
  if (!plan.problems.empty()) tell(render_all(plan.problems, loaded.files, invocation.terminal.colour));
  leave(plan.problems.empty() ? exit_code::ok : exit_code::failed);
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

// What is worth laying beside a run: counts, sizes and single values, no rows.
Map facts_of(const LedgerStep& step) {
  constexpr size_t most_bytes = 200;
  Map facts;
  for (const Map* from : {&step.facts, step.result ? &*step.result : nullptr}) {
    if (!from) continue;
    for (const auto& [name, value] : *from)
      if (!value.is<List>() && !value.is<Map>() && !value.is<Unknown>() && to_text(value).size() <= most_bytes)
        facts.emplace(name, value);
  }
  return facts;
}

// For the report of the run that follows. A dry run does not fail because nobody can keep it.
void keep(const Invocation& invocation, const Loaded& loaded, const Map& inputs, const Ledger& ledger) {
  ForeseenRun foreseen;
  foreseen.playbook = ledger.playbook;
  foreseen.version = ledger.version;
  foreseen.digest = digest_of_playbook(*loaded.graph, loaded.files);
  foreseen.inputs = inputs;
  foreseen.person = invocation.person;
  foreseen.host = invocation.host;
  foreseen.muster = muster_version;
  for (const LedgerStep& step : ledger.steps)
    foreseen.steps.push_back({step.planned.path, step.planned.what, step.planned.list, std::string(name_of(step.told)),
                              step.why, step.ending, step.failure, step.before_change, step.lines, facts_of(step)});
  Result<Configuration> configuration = configuration_of(invocation);
  Result<std::unique_ptr<Journal>> journal =
      configuration ? open_journal(store_of(invocation, *configuration), true) : pass(configuration.error());
  Result<void> kept =
      journal ? (*journal)->keep(kept_plan, encode_foreseen(foreseen), ledger.at) : pass(journal.error());
  if (!kept) tell("muster: this dry run is not kept for the report of a run: " + kept.error().message + "\n");
}

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
  keep(invocation, *loaded, *inputs, ledger);
  return ledger.failures.empty() ? exit_code::ok : exit_code::failed;
}

}  // namespace muster
