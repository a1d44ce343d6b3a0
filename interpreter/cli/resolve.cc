// `muster resolve RUN STEP --succeeded|--failed|--retry|--skip|--rollback|--stop --reason TEXT`
#include <algorithm>

#include "interpreter/base/json.h"
#include "interpreter/cli/gate_panel.h"
#include "interpreter/cli/session.h"
#include "interpreter/engine/engine.h"
#include "interpreter/report/wording.h"
#include "interpreter/world/real_clock.h"

namespace muster {
namespace {

Result<std::string> choice_of(const Invocation& invocation) {
  std::string choice;
  for (const char* flag : {"--succeeded", "--failed", "--retry", "--skip", "--rollback", "--stop"}) {
    if (!invocation.options.has(flag)) continue;
    if (!choice.empty()) return fail(ErrorCode::invalid, "`--" + choice + "` and `" + flag + "` cannot both be said");
    choice = flag + 2;
  }
  if (choice.empty())
    return fail(ErrorCode::invalid, "what became of the step is not said",
                "one of --succeeded, --failed, --retry, --skip, --rollback, --stop");
  if (invocation.options.last("--reason").empty())
    return fail(ErrorCode::invalid, "a doubt is settled with a reason", "add `--reason TEXT`");
  return choice;
}

Result<const OpRecord*> doubt_named(const OpenRun& run, const std::string& word) {
  // The undo of a step is in doubt under its own path, which no node has.
  std::optional<OpId> named;
  if (run.loaded.graph) named = op_named(*run.loaded.graph, run.history, word, false);
  std::string names;
  for (const OpRecord* op : open_doubts(run.history)) {
    if (op->op.path == word || (named && op->op == *named)) return op;
    names += (names.empty() ? "`" : ", `") + op->op.path + "`";
  }
  return fail(ErrorCode::refused, "step `" + word + "` is not in doubt",
              names.empty() ? "no step of run " + run.id() + " is" : "in doubt: " + names);
}

}  // namespace

int resolve_command(Invocation& invocation) {
  Result<std::string> choice = choice_of(invocation);
  if (!choice) return complain(choice.error());
  Result<Opened> opened = open_named(invocation, false);
  if (!opened) return complain(opened.error());
  Result<const OpRecord*> step = doubt_named(opened->run, invocation.options.words[1]);
  if (!step) return complain(step.error());
  RealClock clock;
  Event event;
  event.kind = EventKind::resolved;
  event.op = (*step)->op;
  event.attempt = (*step)->attempt;
  event.at = std::max(clock.now(), opened->run.history.last_at);
  event.body = encode_value(resolution(opened->run.loaded.graph.get(), event.op, *choice, invocation.person,
                                       invocation.options.last("--reason")));
  std::string id = opened->run.id();
  Result<void> said = opened->session.journal->say(id, event);
  if (!said) return complain(said.error());
  answer("run " + id + ": " + safe_line(event.op.path) + " is settled as " + *choice + "\n");
  if (!invocation.terminal.quiet) tell("  = help: " + muster_as_called(invocation) + " resume " + id + "\n");
  return exit_code::ok;
}

}  // namespace muster
