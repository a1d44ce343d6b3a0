// Doubts: an intent stands in the journal and its outcome does not.
//
// What is asked, in this order: the record of the children helper or the action's own probe; whether it may run again;
// `done_when`; a person. Nothing that may have happened runs a second time unless one of them says that it may.
#include "interpreter/engine/doubt.h"

#include "interpreter/engine/loop.h"

namespace muster {
namespace {

// A step that may run again and ends in doubt each time would go on for ever.
constexpr int most_reruns = 3;

}  // namespace

void Engine::Loop::continue_after_crash(const Node& node) {
  OpRecord& op = record(node);
  const ActionCall& call = node.step->actions.front();
  const Action& action = action_of(call);
  const Node* gate = gate_above(node);
  RunEnvironment names = environment(node, gate ? record(*gate).gate.opened_at : now());
  tl::expected<Map, Map> args = render_args(node, call, action, names);
  if (!args) {
    in_doubt(node, "its arguments cannot be made again: " + text_of(args.error(), "message"));
    return;
  }
  if (action.continues_after_crash || action.recover || action.probe) {
    Effect effect = effect_of_call(node, action, *args);
    launch(node, action, std::move(*args), effect, op.attempt, true, false);
    return;
  }
  run_of(node).unsettled = nothing_recorded;
  (void)settle(node);
}

// A doubt of an earlier process: what could not be asked then may answer now.
bool Engine::Loop::can_ask_again(const Node& node) {
  if (node.kind != NodeKind::action || !record(node).intent_open || run_of(node).was_in_doubt) return false;
  const Action& action = action_of(node.step->actions.front());
  return !action.continues_after_crash && (action.recover || action.probe || node.step->done_when);
}

Engine::Loop::Status Engine::Loop::settle(const Node& node) {
  NodeRun& run = run_of(node);
  OpRecord& op = record(node);
  std::string why = *run.unsettled;
  bool may_run_again = node.step->idempotent.value_or(false) || op.effect == "read";
  if (may_run_again && run.reruns < most_reruns) {
    ++run.reruns;
    run_again(node, "it may run again after doubt");
  } else if (!may_run_again && node.step->done_when) {
    std::optional<DoneAnswer> answer = is_done(node, AskedDone::settling, op.attempt);
    if (!answer) return Status::active;
    switch (answer->is) {
      case DoneAnswer::Is::there:
        settled(node, op.attempt, by_done_when, why + "; `done_when` says that its effect is there");
        break;
      case DoneAnswer::Is::missing:
        run_again(node, "`done_when` says that it had no effect: " + answer->reason);
        break;
      case DoneAnswer::Is::unknown:
        in_doubt(node, why + "; `done_when` cannot tell: " + answer->reason);
    }
  } else {
    in_doubt(node, why);
  }
  run.unsettled.reset();
  if (has_ended(node)) return Status::ended;
  return op.state == StepState::in_doubt ? Status::blocked : Status::active;
}

void Engine::Loop::run_again(const Node& node, std::string reason) {
  add(EventKind::resolved, node.op, record(node).attempt,
      Map{{"choice", "retry"}, {"person", "muster"}, {"reason", std::move(reason)}});
}

void Engine::Loop::settled(const Node& node, int attempt, std::string by, std::string note) {
  attempt_ended(node, attempt, EventKind::outcome,
                Map{{"settled_by", std::move(by)}, {"notes", List{Value(std::move(note))}}}, std::nullopt);
}

void Engine::Loop::in_doubt(const Node& node, std::string reason) {
  run_of(node).was_in_doubt = true;
  const OpRecord& op = record(node);
  if (op.state == StepState::in_doubt && op.doubt == reason) return;  // nothing new was learnt
  add(EventKind::in_doubt, node.op, record(node).attempt, Map{{"reason", std::move(reason)}});
}

}  // namespace muster
