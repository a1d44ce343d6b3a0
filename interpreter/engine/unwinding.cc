// Rollback: what had an effect is undone, latest first, each undo journaled like any step.
#include <algorithm>

#include "interpreter/engine/loop.h"

namespace muster {

void Engine::Loop::collect_rollback_of(const Node& node, std::vector<const Node*>& undo,
                                       std::vector<std::string>& without) {
  const OpRecord* op = history_.find(node.op);
  if (!op || op->rolled_back) return;
  if (node.is_group()) {
    if (!op->entered) return;
    if (node.undoes() && node.kind != NodeKind::playbook) {
      undo.push_back(&node);  // its own way back replaces those of its steps
      return;
    }
    for (NodeId id : begun_of(node)) collect_rollback_of(expansion_.at(id), undo, without);
    for (NodeId id : node.rescue) collect_rollback_of(expansion_.at(id), undo, without);
    return;
  }
  bool had_effect = op->state == StepState::succeeded || op->state == StepState::recovered ||
                    (op->state == StepState::failed && op->certainty != "none");
  for (NodeId id : node.rescue) collect_rollback_of(expansion_.at(id), undo, without);
  for (const std::vector<NodeId>& list : node.before)
    for (NodeId id : list) collect_rollback_of(expansion_.at(id), undo, without);
  if (!had_effect || op->attempt == 0) return;
  if (node.undoes()) {
    undo.push_back(&node);
  } else if (node.kind == NodeKind::action && !op->effect.empty()) {
    without.push_back(node.op.path);
  }
}

std::vector<std::string> Engine::Loop::collect_rollback(const Node& group, std::vector<std::string>& without) {
  std::vector<const Node*> undo;
  if (group.undoes()) {
    undo.push_back(&group);
  } else {
    for (NodeId id : begun_of(group)) collect_rollback_of(expansion_.at(id), undo, without);
    for (NodeId id : group.rescue) collect_rollback_of(expansion_.at(id), undo, without);
  }
  std::stable_sort(undo.begin(), undo.end(),
                   [&](const Node* a, const Node* b) { return record(*a).ended_seq > record(*b).ended_seq; });
  std::vector<std::string> ops;
  for (const Node* node : undo) ops.push_back(node->op.path);
  return ops;
}

Engine::Loop::Status Engine::Loop::advance_rollback(const Node& group) {
  OpRecord& op = record(group);
  if (op.rollback_ended) return Status::ended;
  if (!op.to_roll_back) {
    std::vector<std::string> without;
    std::vector<std::string> ops = collect_rollback(group, without);
    if (ops.empty() && without.empty()) return Status::ended;
    List steps(ops.begin(), ops.end());
    List bare(without.begin(), without.end());
    add(EventKind::rollback_started, group.op, 0, Map{{"steps", std::move(steps)}, {"without", std::move(bare)}});
  }
  bool all_undone = true;
  const std::vector<std::string> paths = *op.to_roll_back;
  for (const std::string& path : paths) {
    const Node* node = expansion_.find(OpId{path});
    if (!node) continue;
    if (!record(*node).rolled_back) {
      Status status = undo(*node);
      if (status != Status::ended) return status;
    }
    all_undone = all_undone && record(*node).rolled_back.value_or(false);
  }
  add(EventKind::rollback_ended, group.op, 0, Map{{"complete", all_undone}});
  return Status::ended;
}

// What a cancelled group had begun beside its body, and whose end is not known yet: it is seen to its end, or is in
// doubt, before the group ends; nothing new begins.
Engine::Loop::Status Engine::Loop::settle_begun(const Node& group) {
  bool active = false;
  bool blocked = false;
  auto take = [&](Status status) {
    active = active || status == Status::active;
    blocked = blocked || status == Status::blocked;
  };
  auto settle = [&](const std::vector<NodeId>& list) {
    for (NodeId id : list) {
      const Node& node = expansion_.at(id);
      const OpRecord& op = record(node);
      bool begun = op.state != StepState::pending || op.attempt > 0 || op.entered || run_of(node).in_flight;
      if (begun && !has_ended(node)) take(advance(node, Context{true, true}));
    }
  };
  settle(group.rescue);
  const OpRecord& op = record(group);
  if (op.to_roll_back && !op.rollback_ended) {
    const std::vector<std::string> paths = *op.to_roll_back;
    for (const std::string& path : paths) {
      const Node* node = expansion_.find(OpId{path});
      if (!node || record(*node).rolled_back) continue;
      if (!node->rollback_automatic) {
        settle(node->rollback);
        continue;
      }
      const OpRecord* undo = history_.find(node->op.rollback().child("auto"));
      if (undo && undo->attempt > 0 && !is_final(undo->state)) take(undo_automatically(*node));
    }
  }
  // `always` runs on to its end in its own way, unless even that was not wanted.
  if (history_.cancel->now) settle(group.always);
  return active ? Status::active : blocked ? Status::blocked : Status::ended;
}

Engine::Loop::Status Engine::Loop::undo(const Node& node) {
  bool ok = true;
  if (node.rollback_automatic) {
    Status status = undo_automatically(node);
    if (status != Status::ended) return status;
    const OpRecord* undo = history_.find(node.op.rollback().child("auto"));
    ok = undo && undo->state == StepState::succeeded;
  } else {
    Status status = advance_list(node.rollback, Context{false, true});
    if (status != Status::ended) return status;
    for (NodeId id : node.rollback) {
      const OpRecord& step = record(expansion_.at(id));
      // Skipped by its `when` there was nothing to undo; skipped by a person it was left as it is.
      bool nothing_to_do = step.state == StepState::skipped && step.resolution != "skip";
      ok = ok && (step.state == StepState::succeeded || nothing_to_do || step.state == StepState::already_done ||
                  step.state == StepState::recovered || step.passed);
    }
  }
  add(EventKind::rollback_ended, node.op, record(node).attempt, Map{{"undone", ok}});
  return Status::ended;
}

Engine::Loop::Status Engine::Loop::undo_automatically(const Node& node) {
  OpId op = node.op.rollback().child("auto");
  OpRecord& undo = history_.at(op);
  if (is_final(undo.state)) return Status::ended;
  NodeRun& run = run_of(node);
  if (run.undo_in_flight || opens_secrets(node, Context{false, true})) return Status::active;
  const ActionCall& call = node.step->actions.front();
  const Action& action = action_of(call);
  bool after_crash = undo.intent_open;
  if (undo.state == StepState::in_doubt) return Status::blocked;
  if (after_crash && !action.continues_after_crash) {
    add(EventKind::in_doubt, op, undo.attempt,
        Map{{"reason", "the interpreter was killed while this was being undone"}});
    return Status::blocked;
  }
  RunEnvironment names = environment(node, now());
  tl::expected<Map, Map> args = render_args(node, call, action, names);
  if (!args) {
    Map error = args.error();
    error["step"] = op.path;
    add(EventKind::outcome, op, 1, Map{{"state", "failed"}, {"error", std::move(error)}});
    return Status::ended;
  }
  int attempt = after_crash ? undo.attempt : undo.attempt + 1;
  if (!after_crash)
    add(EventKind::intent, op, attempt, Map{{"effect", record(node).effect}, {"undo_of", node.op.path}});
  launch(node, action, std::move(*args), Effect::destructive, attempt, after_crash, true);
  return Status::active;
}

}  // namespace muster
