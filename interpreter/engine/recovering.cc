// A step of its own that failed: what runs before it is tried again, and what runs once it has failed for good.
#include <algorithm>

#include "interpreter/engine/loop.h"

namespace muster {

// Its attempts are used up, which is recorded, and what comes of it is not.
bool Engine::Loop::is_being_rescued(const Node& node) {
  const OpRecord& op = record(node);
  return !node.rescue.empty() && op.state == StepState::running && op.error && !op.outcome_ok;
}

Engine::Loop::Status Engine::Loop::advance_rescue(const Node& node, Context context) {
  OpRecord& op = record(node);
  const bool by_person = !context.ending && (history_.cancel || rejected_ || !history_.ends_by.empty());
  const bool run_over = by_person || run_timed_out();
  bool rescued = false;
  if (!run_over || has_begun_any(node.rescue)) {
    Status status = advance_list(node.rescue, Context{run_over, context.ending}, Until::first_failure);
    if (status != Status::ended) return status;
    rescued = all_succeeded(node.rescue);
  }
  if (!rescued && !by_person && on_failure_of(node) == OnFailure::ask) {
    in_doubt(node, "it failed, and so did its rescue; the playbook asks what to do: " + text_of(*op.error, "message"));
    return Status::blocked;
  }
  Map body{{"rescued", rescued ? "recovered" : history_.cancel && !context.ending ? "cancelled" : "failed"}};
  if (!rescued && on_failure_of(node) == OnFailure::proceed) body["passed"] = true;
  add(EventKind::evaluated, node.op, op.attempt, std::move(body));
  return Status::ended;
}

std::optional<Engine::Loop::Status> Engine::Loop::before_retry(const Node& node, Context context) {
  OpRecord& op = record(node);
  if (op.attempt == 0 || !op.error || static_cast<size_t>(op.attempt) > node.before.size()) return std::nullopt;
  const std::vector<NodeId>& list = node.before[static_cast<size_t>(op.attempt) - 1];
  Status status = advance_list(list, Context{false, context.ending}, Until::first_failure);
  if (status != Status::ended) return status;
  if (std::none_of(list.begin(), list.end(), [&](NodeId id) { return counts_as_failed(record(expansion_.at(id))); }))
    return std::nullopt;
  // Where the way to another attempt is barred there is none.
  if (!node.rescue.empty()) {
    add(EventKind::evaluated, node.op, op.attempt, Map{{"gave_up", true}});
    return Status::active;
  }
  if (on_failure_of(node) == OnFailure::ask && !history_.cancel) {
    in_doubt(node, "what stands before its next attempt failed, and the playbook asks what to do");
    return Status::blocked;
  }
  Map body{{"rescued", "failed"}};
  if (on_failure_of(node) == OnFailure::proceed) body["passed"] = true;
  add(EventKind::evaluated, node.op, op.attempt, std::move(body));
  return Status::ended;
}

std::optional<Engine::Loop::Status> Engine::Loop::end_before_retry(const Node& node, Context context) {
  const OpRecord& op = record(node);
  if (op.attempt == 0 || static_cast<size_t>(op.attempt) > node.before.size()) return std::nullopt;
  for (NodeId id : node.before[static_cast<size_t>(op.attempt) - 1]) {
    const Node& step = expansion_.at(id);
    const OpRecord& begun = record(step);
    if (has_ended(step) || (begun.state == StepState::pending && begun.attempt == 0 && !run_of(step).in_flight))
      continue;
    Status status = advance(step, Context{true, context.ending});
    if (!has_ended(step) && status != Status::ended) return status;
  }
  return std::nullopt;
}

}  // namespace muster
