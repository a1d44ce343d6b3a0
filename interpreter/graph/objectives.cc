#include "interpreter/graph/objectives.h"

namespace muster {
namespace {

const std::optional<Objectives> none;

}  // namespace

const std::optional<Objectives>& objectives_of(const StepGraph& graph, const Node& node) {
  if (node.is_item() || !node.is_group()) return none;
  if (node.step) return node.step->group ? node.step->group->objectives : none;
  return node.phase ? node.phase->group.objectives : graph.playbook_of(node).objectives;
}

}  // namespace muster
