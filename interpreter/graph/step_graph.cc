#include "interpreter/graph/step_graph.h"

#include <cassert>

#include "interpreter/base/digest.h"

namespace muster {
namespace {

NodeKind kind_of(const Step& step) {
  if (step.group) return NodeKind::group;
  if (step.set) return NodeKind::set;
  if (step.fail) return NodeKind::fail;
  if (step.wait) return NodeKind::wait;
  if (step.audit) return NodeKind::audit;
  return step.actions.empty() ? NodeKind::verify : NodeKind::action;
}

}  // namespace

StepGraph::StepGraph(std::shared_ptr<const Playbook> playbook) : playbook_(std::move(playbook)) {
  scopes_.push_back(Scope{playbook_.get(), NodeId{0}, 0, {}});
  Node root;
  root.kind = NodeKind::playbook;
  root.op = OpId{"playbook"};
  NodeId top = add(std::move(root));
  std::vector<NodeId> phases;
  for (size_t i = 0; i < playbook_->phases.size(); ++i) {
    const Phase& phase = playbook_->phases[i];
    Node node;
    node.kind = NodeKind::phase;
    node.phase = &phase;
    node.parent = top;
    node.op = OpId{phase.id ? phase.id->text : "phase" + std::to_string(i + 1)};
    if (!phases.empty()) node.needs = {phases.back()};  // phases are barriers
    NodeId id = add(std::move(node));
    if (phase.id) by_phase_.emplace(phase.id->text, id);
    phases.push_back(id);
    add_group(id, phase.group, nodes_[id.index].op);
    if (phase.rollback) {
      nodes_[id.index].rollback_automatic = phase.rollback->automatic;
      std::vector<NodeId> undo;
      add_steps(id, phase.rollback->steps, Place::rollback, nodes_[id.index].op.rollback(), false, undo);
      nodes_[id.index].rollback = std::move(undo);
    }
  }
  nodes_[top.index].body = std::move(phases);
  std::vector<NodeId> rescue, always, undo;
  add_steps(top, playbook_->rescue, Place::rescue, OpId{"rescue"}, false, rescue);
  if (playbook_->rollback) {
    nodes_[top.index].rollback_automatic = playbook_->rollback->automatic;
    add_steps(top, playbook_->rollback->steps, Place::rollback, OpId{"rollback"}, false, undo);
  }
  add_steps(top, playbook_->always, Place::always, OpId{"always"}, false, always);
  nodes_[top.index].rescue = std::move(rescue);
  nodes_[top.index].rollback = std::move(undo);
  nodes_[top.index].always = std::move(always);
  resolve_needs();
}

NodeId StepGraph::add(Node node) {
  NodeId id{static_cast<uint32_t>(nodes_.size())};
  node.id = id;
  by_op_.emplace(node.op.path, id);
  if (node.step && node.step->id) scopes_[node.scope].steps.emplace(node.step->id->text, id);
  nodes_.push_back(std::move(node));
  return id;
}

void StepGraph::add_group(NodeId id, const Group& group, OpId base) {
  std::vector<NodeId> body, rescue, always;
  add_steps(id, group.steps, Place::body, base, group.parallel, body);
  add_steps(id, group.rescue, Place::rescue, OpId{base.path + "~rescue"}, false, rescue);
  add_steps(id, group.always, Place::always, OpId{base.path + "~always"}, false, always);
  nodes_[id.index].body = std::move(body);
  nodes_[id.index].rescue = std::move(rescue);
  nodes_[id.index].always = std::move(always);
}

void StepGraph::add_steps(NodeId parent, const std::vector<Step>& steps, Place place, OpId base, bool parallel,
                          std::vector<NodeId>& out) {
  for (size_t i = 0; i < steps.size(); ++i) {
    const Step& step = steps[i];
    Node node;
    node.kind = kind_of(step);
    node.place = place;
    node.parent = parent;
    node.scope = nodes_[parent.index].scope;
    node.step = &step;
    node.op = base.child(step.id ? step.id->text : std::to_string(i + 1));
    if (!parallel && !step.needs && !out.empty()) node.needs = {out.back()};
    NodeId id = add(std::move(node));
    out.push_back(id);
    if (step.group) add_group(id, *step.group, nodes_[id.index].op);
    if (step.rollback) {
      nodes_[id.index].rollback_automatic = step.rollback->automatic;
      std::vector<NodeId> undo;
      add_steps(id, step.rollback->steps, Place::rollback, nodes_[id.index].op.rollback(), false, undo);
      nodes_[id.index].rollback = std::move(undo);
    }
  }
}

void StepGraph::resolve_needs() {
  for (Node& node : nodes_) {
    if (!node.step || !node.step->needs) continue;
    for (const Name& name : *node.step->needs) {
      const Node* target = find_step(name.text, node.scope);
      assert(target && "the checker refuses needs that lead nowhere");
      node.needs.push_back(target->id);
    }
  }
}

const Node* StepGraph::find(const OpId& op) const {
  auto it = by_op_.find(op.path);
  return it == by_op_.end() ? nullptr : &at(it->second);
}

const Node* StepGraph::find_step(std::string_view id, uint32_t scope) const {
  const auto& steps = scopes_[scope].steps;
  auto it = steps.find(std::string(id));
  return it == steps.end() ? nullptr : &at(it->second);
}

const Node* StepGraph::find_phase(std::string_view id) const {
  auto it = by_phase_.find(std::string(id));
  return it == by_phase_.end() ? nullptr : &at(it->second);
}

std::string StepGraph::digest(const std::vector<std::string>& file_digests) const {
  Sha256 hash;
  hash.add("muster-graph-" + std::to_string(kGraphVersion) + "\n");
  for (const std::string& file : file_digests) hash.add(file + "\n");
  for (const Node& node : nodes_) {
    std::string row = node.op.path + "|" + std::to_string(static_cast<int>(node.kind)) + "|" +
                      std::to_string(static_cast<int>(node.place)) + "|" + std::to_string(node.parent.index);
    for (NodeId need : node.needs) row += "," + std::to_string(need.index);
    hash.add(row + "\n");
  }
  return hash.hex();
}

const std::optional<Approval>& approval_of(const StepGraph& graph, const Node& node) {
  if (node.step) return node.step->approval;
  return node.phase ? node.phase->approval : graph.playbook().approval;
}

const std::optional<Expression>* when_of(const Node& node) {
  if (node.step) return &node.step->when;
  return node.phase ? &node.phase->when : nullptr;
}

const std::optional<DurationText>& timeout_of(const StepGraph& graph, const Node& node) {
  if (node.step) return node.step->timeout;
  return node.phase ? node.phase->timeout : graph.playbook().timeout;
}

const std::vector<Output>& outputs_of(const StepGraph& graph, const Node& node) {
  if (node.step) return node.step->outputs;
  return node.phase ? node.phase->group.outputs : graph.playbook().outputs;
}

std::string label_of(const Node& node) {
  const std::optional<Template>* title = nullptr;
  if (node.step) title = &node.step->title;
  if (node.phase) title = &node.phase->title;
  if (title && *title && (*title)->is_constant()) return (*title)->constant_text();
  return node.op.path.substr(node.op.path.rfind('/') + 1);  // npos + 1 is 0: all of it
}

}  // namespace muster
