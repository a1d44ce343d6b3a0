#include "interpreter/graph/step_graph.h"

#include <algorithm>
#include <cassert>

#include "interpreter/base/digest.h"

namespace muster {
namespace {

constexpr std::string_view before_mark = "~before";

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

std::string_view name_of(Place place) {
  switch (place) {
    case Place::rescue:
      return "rescue";
    case Place::rollback:
      return "rollback";
    case Place::always:
      return "always";
    case Place::before:
      return "before";
    case Place::body:
      break;
  }
  return "body";
}

StepGraph::StepGraph(std::shared_ptr<const Playbook> playbook) : playbook_(std::move(playbook)) {
  scopes_.push_back(Scope{playbook_.get(), NodeId{0}, 0, {}});
  Node root;
  root.kind = NodeKind::playbook;
  root.op = OpId{"playbook"};
  NodeId top = add(std::move(root));
  add_playbook(top, *playbook_);
  nodes_[top.index].end = static_cast<uint32_t>(nodes_.size());
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
    nodes_[id.index].end = static_cast<uint32_t>(nodes_.size());
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
  nodes_[top.index].end = static_cast<uint32_t>(nodes_.size());
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
    if (option.step.rollback) {
      nodes_[at.index].rollback_automatic = option.step.rollback->automatic;
      std::vector<NodeId> undo;
      add_steps(at, option.step.rollback->steps, Place::rollback, nodes_[at.index].op.rollback(), false, undo);
      nodes_[at.index].rollback = std::move(undo);
    }
    nodes_[at.index].end = static_cast<uint32_t>(nodes_.size());
  }
  nodes_[id.index].body = std::move(options);
}

NodeId StepGraph::add(Node node) {
  NodeId id{static_cast<uint32_t>(nodes_.size())};
  node.id = node.origin = id;
  node.item = nodes_.empty() ? id : nodes_[node.parent.index].item;
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
    if (step.fanout) node.kind = NodeKind::foreach;
    NodeId id = add(std::move(node));
    NodeId outermost = id;
    out.push_back(id);
    if (step.fanout) {
      Node item;
      item.kind = kind_of(step);
      item.parent = id;
      item.scope = nodes_[id.index].scope;
      item.step = &step;
      item.op = OpId{nodes_[id.index].op.path + "[]"};
      id = add(std::move(item));
      nodes_[id.index].item = id;
      nodes_[outermost.index].body = {id};
    }
    if (step.group) add_group(id, *step.group, nodes_[id.index].op);
    if (!step.rescue.empty()) {
      std::vector<NodeId> rescue;
      add_steps(id, step.rescue, Place::rescue, OpId{nodes_[id.index].op.path + "~rescue"}, false, rescue);
      nodes_[id.index].rescue = std::move(rescue);
    }
    if (step.retry && !step.retry->before.empty()) {
      for (int64_t attempt = 1; attempt < step.retry->attempts.known.value_or(1); ++attempt) {
        std::vector<NodeId> before;
        add_steps(id, step.retry->before, Place::before,
                  OpId{nodes_[id.index].op.path + std::string(before_mark) + std::to_string(attempt)}, false, before);
        nodes_[id.index].before.push_back(std::move(before));
      }
    }
    if (step.call) add_call(id, *step.call);
    if (step.choose) add_options(id, *step.choose);
    if (step.rollback) {
      nodes_[id.index].rollback_automatic = step.rollback->automatic;
      std::vector<NodeId> undo;
      add_steps(id, step.rollback->steps, Place::rollback, nodes_[id.index].op.rollback(), false, undo);
      nodes_[id.index].rollback = std::move(undo);
    }
    nodes_[id.index].end = nodes_[outermost.index].end = static_cast<uint32_t>(nodes_.size());
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
  if (it != by_op_.end()) return &at(it->second);
  if (op.path.find('[') == std::string::npos) return nullptr;
  std::string of_all;
  bool inside = false;
  for (char c : op.path) {
    if (c == ']') inside = false;
    if (!inside) of_all.push_back(c);
    if (c == '[') inside = true;
  }
  it = by_op_.find(of_all);
  return it == by_op_.end() ? nullptr : &at(it->second);
}

const Node* StepGraph::find_step(std::string_view id, uint32_t scope) const {
  const auto& steps = scopes_[scope].steps;
  auto it = steps.find(std::string(id));
  return it == steps.end() ? nullptr : &at(it->second);
}

const Node& StepGraph::as_seen_by(const Node& reader, const Node& target) const {
  const std::string& path = target.op.path;
  const size_t mark = path.find(before_mark);
  if (mark == std::string::npos) return target;
  const size_t digits = mark + before_mark.size();
  if (reader.op.path.compare(0, digits, path, 0, digits) != 0) return target;
  const size_t theirs = path.find('/', digits), ours = reader.op.path.find('/', digits);
  if (theirs == std::string::npos || ours == std::string::npos) return target;
  const Node* own = find(OpId{reader.op.path.substr(0, ours) + path.substr(theirs)});
  return own ? *own : target;
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

namespace {

// Keys of a step with `foreach` that are not about the node that is asked.
const Boxed<Approval> no_gate;
const std::optional<Expression> no_condition;
const std::optional<DurationText> no_limit;
const std::vector<Output> no_outputs;

}  // namespace

bool names_item(const Step& step, const Expression& expression) {
  return std::any_of(expression.reads.begin(), expression.reads.end(), [&](const Read& read) {
    return step.fanout && !read.called && (read.path[0] == step.fanout->name() || read.path[0] == "index");
  });
}

const Boxed<Approval>& approval_of(const StepGraph& graph, const Node& node) {
  if (node.is_item()) return no_gate;
  if (node.step) return node.step->approval;
  return node.phase ? node.phase->approval : graph.playbook_of(node).approval;
}

const std::optional<Expression>* when_of(const Node& node) {
  if (node.step && node.step->when && node.step->fanout) {
    bool per_item = names_item(*node.step, *node.step->when);
    if (per_item != node.is_item()) return &no_condition;
  }
  if (node.step) return &node.step->when;
  return node.phase ? &node.phase->when : nullptr;
}

const std::optional<DurationText>& timeout_of(const StepGraph& graph, const Node& node) {
  if (node.kind == NodeKind::foreach) return no_limit;
  if (node.step) return node.step->timeout;
  return node.phase ? node.phase->timeout : graph.playbook_of(node).timeout;
}

const std::vector<Output>& outputs_of(const StepGraph& graph, const Node& node) {
  if (node.kind == NodeKind::foreach) return no_outputs;
  if (node.step) return node.step->outputs;
  return node.phase ? node.phase->group.outputs : graph.playbook_of(node).outputs;
}

std::string label_of(const Node& node) {
  const std::optional<Template>* title = nullptr;
  if (node.step) title = &node.step->title;
  if (node.phase) title = &node.phase->title;
  if (title && *title && (*title)->is_constant() && !node.is_item()) return (*title)->constant_text();
  return node.op.path.substr(node.op.path.rfind('/') + 1);  // npos + 1 is 0: all of it
}

}  // namespace muster
