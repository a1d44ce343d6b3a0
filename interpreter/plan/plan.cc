#include "interpreter/plan/plan.h"

#include <memory>

#include "interpreter/checker/arguments.h"
#include "interpreter/checker/checker.h"
#include "interpreter/plan/outlook.h"
#include "interpreter/plan/parts.h"

namespace muster {
namespace {

class Planner {
 public:
  Planner(const StepGraph& graph, const std::vector<Action>& actions, const Map& inputs, const SourceFiles& files)
      : graph_(graph), actions_(actions), files_(files) {
    outlooks_.resize(graph.scopes().size());
    outlooks_[0] = std::make_unique<Outlook>(graph.playbook(), inputs);
    called_inputs_.resize(graph.scopes().size());
    effects_.resize(graph.nodes().size());
  }

  Plan plan(const Map& inputs) {
    const Playbook& playbook = graph_.playbook();
    plan_.playbook = playbook.playbook ? playbook.playbook->text : "";
    plan_.version = playbook.version.value_or("");
    plan_.title = playbook.title.value_or("");
    for (const Input& input : playbook.inputs) {
      const Value* value = member(inputs, input.name.text);
      plan_.inputs.push_back({input.name.text, value ? *value : Value()});
    }
    plan_.keys = keys_beside(playbook, outlook().argument_values(), files_, plan_.problems);
    find_effects();
    plan_.steps.reserve(graph_.nodes().size());
    if (playbook.approval) plan_.gate = gate_of(graph_.root());
    const Node& root = graph_.root();
    plan_list(root.body, "", 0, false);
    plan_list(root.rescue, "rescue", 0, false);
    plan_list(root.rollback, "rollback", 0, false);
    plan_list(root.always, "always", 0, false);
    return std::move(plan_);
  }

 private:
  // What is known of the names that the node sees.
  Outlook& outlook() { return *outlooks_[scope_]; }

  // A called playbook's inputs, as far as its caller's are known; what only a step will tell stays unknown.
  void look_into(const Node& called) {
    const Call& call = *graph_.at(called.parent).step->call;
    Map known;
    Map& inputs = called_inputs_[called.scope];
    for (const Entry& entry : call.with) {
      Value value = rendered(entry.value);
      (value.is<Unknown>() ? inputs : known)[entry.key.text] = std::move(value);
    }
    Playbook declared;
    for (const Input& input : call.called->inputs)
      if (!inputs.contains(input.name.text)) declared.inputs.push_back(input);
    if (std::optional<Map> bound = bind_inputs(declared, known, plan_.problems))
      for (auto& [name, value] : *bound) inputs[name] = std::move(value);
    outlooks_[called.scope] = std::make_unique<Outlook>(*call.called, inputs);
  }

  Value rendered(const Template& text) {
    tl::expected<Value, Diagnostic> value = outlook().value_of(text);
    if (value) return std::move(*value);
    plan_.problems.push_back(std::move(value.error()));
    return Unknown{"cannot be told"};
  }
  Value rendered(const Argument& argument) {
    tl::expected<Value, Diagnostic> value = type_any(argument, outlook().argument_values());
    if (value) return std::move(*value);
    plan_.problems.push_back(std::move(value.error()));
    return Unknown{"cannot be told"};
  }

  void find_effects() {
    for (const Node& node : graph_.nodes()) {
      if (!node.step || node.is_item()) continue;  // a `foreach` and its item are planned as one
      for (const ActionCall& call : node.step->actions)
        if (const Action* action = find_action(actions_, call.action.text))
          effects_[node.id.index] = effect_of(call, *action, node.step->effect, false);
    }
  }

  // Steps behind a gate that change something, in the order of the graph: its body and what undoes it.
  void collect_guarded(const Node& node, std::vector<std::string>& out) const {
    const std::optional<Effect>& effect = effects_[node.id.index];
    if (effect && *effect != Effect::read) out.push_back(node.op.path);
    for (NodeId id : node.body) collect_guarded(graph_.at(id), out);
  }

  PlannedGate gate_of(const Node& node) {
    const Approval& approval = *approval_of(graph_, node);
    PlannedGate gate;
    if (approval.message) gate.message = rendered(*approval.message);
    gate.rules = rules_of(approval, files_);
    collect_guarded(node, gate.guards);
    return gate;
  }

  void plan_list(const std::vector<NodeId>& list, std::string_view name, int depth, bool skipped) {
    for (NodeId id : in_order(list, [this](NodeId at) -> const Node& { return graph_.at(at); }))
      plan_node(graph_.at(id), name, depth, skipped);
  }

  // Depth is that of groups in groups, which the reader limits.
  void plan_node(const Node& node, std::string_view list, int depth, bool skipped) {
    PlannedStep step;
    step.path = node.op.path;
    step.what = what_of(node);
    step.list = list;
    step.depth = depth;
    step.effect = effects_[node.id.index];
    const uint32_t outer = scope_;
    if (node.kind == NodeKind::called) {
      look_into(node);
      step.title = Value(graph_.playbook_of(node).title.value_or(""));
    }
    scope_ = node.scope;
    if (node.phase && node.phase->title) step.title = rendered(*node.phase->title);
    if (node.step && node.step->title) step.title = rendered(*node.step->title);
    if (node.step && node.step->when && names_item(*node.step, *node.step->when)) {
      step.when = Unknown{"asked for each item"};
    } else if (const std::optional<Expression>* when = when_of(node); when && *when) {
      tl::expected<Value, Diagnostic> value = outlook().value_of(**when);
      if (!value) plan_.problems.push_back(value.error());
      step.when = value ? std::move(*value) : Value(Unknown{"cannot be told"});
      const bool* known = step.when->find<bool>();
      skipped = skipped || (known && !*known);
    }
    step.skipped = skipped;
    if (approval_of(graph_, node)) step.gate = gate_of(node);
    if (node.step && !skipped)
      step.arguments = arguments_of(*node.step, actions_, outlook().argument_values(), plan_.problems, step.after);
    step.keys = keys_beside(node, step.what, files_);
    plan_.steps.push_back(std::move(step));
    const Node& body = node.kind == NodeKind::foreach ? graph_.at(node.body.front()) : node;
    plan_list(body.body, list, depth + 1, skipped);
    plan_list(body.rescue, "rescue", depth + 1, skipped);
    plan_list(body.rollback, "rollback", depth + 1, skipped);
    plan_list(body.always, "always", depth + 1, skipped);
    scope_ = outer;
  }

  const StepGraph& graph_;
  const std::vector<Action>& actions_;
  const SourceFiles& files_;
  std::vector<Map> called_inputs_;                  // by scope
  std::vector<std::unique_ptr<Outlook>> outlooks_;  // by scope
  uint32_t scope_ = 0;                              // of the node that is planned
  std::vector<std::optional<Effect>> effects_;
  Plan plan_;
};

}  // namespace

Plan plan_offline(const StepGraph& graph, const std::vector<Action>& actions, const Map& inputs,
                  const SourceFiles& files) {
  return Planner(graph, actions, inputs, files).plan(inputs);
}

}  // namespace muster
