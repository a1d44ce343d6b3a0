#include "interpreter/graph/step_graph.h"

#include <cassert>

#include "interpreter/base/digest.h"

namespace muster {
namespace {

NodeKind kind_of(const Step& step) {
  if (step.call) return NodeKind::call;
  if (step.choose) return NodeKind::choose;
  if (step.group) return NodeKind::group;
  if (step.set) return NodeKind::set;
  if (step.fail) return NodeKind::fail;
  if (step.wait) return NodeKind::wait;
  if (step.audit) return NodeKind::audit;
  if (step.manual) return NodeKind::manual;
  return step.actions.empty() ? NodeKind::verify : NodeKind::action;
}

}  // namespace

StepGraph::StepGraph(std::shared_ptr<const Playbook> playbook) : playbook_(std::move(playbook)) {
  scopes_.push_back(Scope{playbook_.get(), NodeId{0}, 0, {}});
  Node root;
  root.kind = NodeKind::playbook;
  root.op = OpId{"playbook"};
  NodeId top = add(std::move(root));
  add_playbook(top, *playbook_);
  resolve_needs();
}

void StepGraph::add_playbook(NodeId top, const Playbook& playbook) {
  const uint32_t scope = nodes_[top.index].scope;
  const bool is_root = top.index == 0;
  // A called playbook's parts stand beneath the step that calls it: `phase/call/phase/step`.
  const OpId base = is_root ? OpId{} : nodes_[nodes_[top.index].parent.index].op;
  auto part = [&](const std::string& name) { return is_root ? OpId{name} : base.child(name); };
  std::vector<NodeId> phases;
  for (size_t i = 0; i < playbook.phases.size(); ++i) {
    const Phase& phase = playbook.phases[i];
    Node node;
    node.kind = NodeKind::phase;
    node.phase = &phase;
    node.parent = top;
    node.scope = scope;
    node.op = part(phase.id ? phase.id->text : "phase" + std::to_string(i + 1));
    if (!phases.empty() && !playbook.parallel) node.needs = {phases.back()};  // phases are barriers
    NodeId id = add(std::move(node));
    if (phase.id && is_root) by_phase_.emplace(phase.id->text, id);
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
  add_steps(top, playbook.rescue, Place::rescue, part("rescue"), false, rescue);
  if (playbook.rollback) {
    nodes_[top.index].rollback_automatic = playbook.rollback->automatic;
    add_steps(top, playbook.rollback->steps, Place::rollback, part("rollback"), false, undo);
  }
  add_steps(top, playbook.always, Place::always, part("always"), false, always);
  nodes_[top.index].rescue = std::move(rescue);
  nodes_[top.index].rollback = std::move(undo);
  nodes_[top.index].always = std::move(always);
}

void StepGraph::add_call(NodeId id, const Call& call) {
  assert(call.called && "the checker refuses calls of what cannot be read");
  Node node;
  node.kind = NodeKind::called;
  node.parent = id;
  node.scope = static_cast<uint32_t>(scopes_.size());
  node.op = nodes_[id.index].op.child("playbook");
  scopes_.push_back(Scope{call.called.get(), NodeId{static_cast<uint32_t>(nodes_.size())}, nodes_[id.index].scope, {}});
  NodeId top = add(std::move(node));
  nodes_[id.index].body = {top};
  add_playbook(top, *call.called);
}

void StepGraph::add_options(NodeId id, const Choose& choose) {
  std::vector<NodeId> options;
  for (const Option& option : choose.options) {
    Node node;
    node.kind = NodeKind::option;
    node.parent = id;
    node.scope = nodes_[id.index].scope;
    node.step = &option.step;
    node.op = nodes_[id.index].op.child(option.step.id ? option.step.id->text : std::to_string(options.size() + 1));
    NodeId at = add(std::move(node));
    options.push_back(at);
    if (option.step.group) add_group(at, *option.step.group, nodes_[at.index].op);
    if (!option.step.rollback) continue;
    nodes_[at.index].rollback_automatic = option.step.rollback->automatic;
    std::vector<NodeId> undo;
    add_steps(at, option.step.rollback->steps, Place::rollback, nodes_[at.index].op.rollback(), false, undo);
    nodes_[at.index].rollback = std::move(undo);
  }
  nodes_[id.index].body = std::move(options);
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
    if (step.call) add_call(id, *step.call);
    if (step.choose) add_options(id, *step.choose);
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
  return node.phase ? node.phase->approval : graph.playbook_of(node).approval;
}

const std::optional<Expression>* when_of(const Node& node) {
  if (node.step) return &node.step->when;
  return node.phase ? &node.phase->when : nullptr;
}

const std::optional<DurationText>& timeout_of(const StepGraph& graph, const Node& node) {
  if (node.step) return node.step->timeout;
  return node.phase ? node.phase->timeout : graph.playbook_of(node).timeout;
}

const std::vector<Output>& outputs_of(const StepGraph& graph, const Node& node) {
  if (node.step) return node.step->outputs;
  return node.phase ? node.phase->group.outputs : graph.playbook_of(node).outputs;
}

std::string label_of(const Node& node) {
  const std::optional<Template>* title = nullptr;
  if (node.step) title = &node.step->title;
  if (node.phase) title = &node.phase->title;
  if (title && *title && (*title)->is_constant()) return (*title)->constant_text();
  return node.op.path.substr(node.op.path.rfind('/') + 1);  // npos + 1 is 0: all of it
}

}  // namespace muster
