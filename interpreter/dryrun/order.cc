#include "interpreter/dryrun/order.h"

namespace muster {
namespace {

bool holds(const Node& outer, const Node& inner) {
  return inner.id.index >= outer.id.index && inner.id.index < outer.end;
}

bool is_parallel(const StepGraph& graph, const Node& node) {
  if (node.phase) return node.phase->group.parallel;
  if (node.kind == NodeKind::playbook || node.kind == NodeKind::called) return graph.playbook_of(node).parallel;
  if (!node.step) return false;
  if (node.kind == NodeKind::foreach) return node.step->fanout->max_parallel.has_value();
  return node.step->needs.has_value() || (node.step->group && node.step->group->parallel);
}

}  // namespace

StepOrder::StepOrder(const StepGraph& graph) : graph_(graph) {
  for (const Node& node : graph.nodes()) has_freedom_ = has_freedom_ || is_parallel(graph, node);
}

bool StepOrder::is_before(const Node& first, const Node& second) const {
  std::vector<bool> seen(graph_.nodes().size());
  std::vector<NodeId> open{second.id};
  while (!open.empty()) {
    const Node& at = graph_.at(open.back());
    open.pop_back();
    if (seen[at.id.index]) continue;
    seen[at.id.index] = true;
    for (NodeId need : at.needs) {
      if (holds(graph_.at(need), first)) return true;
      open.push_back(need);
    }
    if (at.kind == NodeKind::playbook) continue;
    const Node& parent = graph_.at(at.parent);
    // Items of a loop run side by side where they may.
    if (parent.kind == NodeKind::foreach && parent.step->fanout->max_parallel && holds(parent, first)) return false;
    if (at.place != Place::body) {
      if (parent.id == first.id) return true;
      for (NodeId child : parent.body)
        if (holds(graph_.at(child), first)) return true;
    }
    if (!holds(parent, first)) open.push_back(parent.id);
  }
  return false;
}

}  // namespace muster
