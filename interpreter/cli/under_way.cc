#include "interpreter/cli/under_way.h"

#include "interpreter/graph/expansion.h"

namespace muster {
namespace {

bool has_failed(const OpRecord* op) {
  if (!op) return false;
  switch (op->state) {
    case StepState::failed:
    case StepState::rolled_back:
      return !op->passed;
    case StepState::cancelled:
    case StepState::not_reached:
      return true;
    default:
      return false;
  }
}

// Its group is entered, nothing in it has failed, and all it waits for has ended well.
bool is_its_turn(const Expansion& graph, const RunHistory& history, const Node& node) {
  const Node& group = graph.at(node.parent);
  const OpRecord* entered = history.find(group.op);
  if (!entered || !entered->entered || is_final(entered->state) || entered->to_roll_back) return false;
  // Of the items that have left no trace yet only the loop knows which have begun.
  if (node.is_item() && !history.find(node.op)) return false;
  for (NodeId id : node.needs) {
    const OpRecord* need = history.find(graph.at(id).op);
    if (!need || !is_final(need->state) || has_failed(need)) return false;
  }
  return true;
}

bool is_under_way(const Expansion& graph, const RunHistory& history, const Node& node) {
  const OpRecord* op = history.find(node.op);
  if (op && op->intent_open) return op->state == StepState::running;
  if (history.cancel || history.ended || node.place != Place::body) return op && op->state == StepState::running;
  if (op && op->state != StepState::pending && op->state != StepState::running) return false;
  if (op && (op->gate.state == GateState::open || op->due_at || op->asked)) return false;
  if (op && op->outcome_ok) return true;  // what is left is its verify
  return is_its_turn(graph, history, node);
}

}  // namespace

std::vector<OpId> under_way(const StepGraph& graph, const RunHistory& history) {
  std::vector<OpId> out;
  Expansion expansion(graph, history.in_order());
  for (const Node* one : expansion.in_order()) {
    const Node& node = *one;
    if (node.is_group()) continue;
    if (is_under_way(expansion, history, node)) out.push_back(node.op);
    if (!node.rollback_automatic) continue;
    OpId undo = node.op.rollback().child("auto");
    const OpRecord* op = history.find(undo);
    if (op && op->intent_open && op->state == StepState::running) out.push_back(std::move(undo));
  }
  return out;
}

}  // namespace muster
