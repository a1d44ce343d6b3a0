#include "interpreter/plan/plan.h"

#include <algorithm>
#include <memory>
#include <set>
#include <unordered_map>

#include "interpreter/checker/arguments.h"
#include "interpreter/checker/checker.h"
#include "interpreter/plan/outlook.h"
#include "interpreter/plan/printed.h"

namespace muster {
namespace {

std::string what_of(const Node& node) {
  if (node.phase) return "phase";
  if (node.kind == NodeKind::called) return "playbook";
  if (node.kind == NodeKind::call) return "call";
  if (node.kind == NodeKind::choose) return "choose";
  if (node.kind == NodeKind::option) return "option";
  const Step& step = *node.step;
  if (!step.actions.empty()) return step.actions.front().action.text;
  if (step.group) return "steps";
  if (step.set) return "set";
  if (step.fail) return "fail";
  if (step.wait) return "wait";
  if (step.audit) return "audit";
  if (step.manual) return "manual";
  return step.verify ? "verify" : "step";
}

void collect_reads(const Argument& argument, std::vector<std::string>& ids) {
  auto add = [&](const Template& text) {
    for (const auto& piece : text.pieces)
      if (const auto* expression = std::get_if<Expression>(&piece))
        for (const Read& read : expression->reads)
          if (read.path.size() > 1 && read.path[0] == "steps" &&
              std::find(ids.begin(), ids.end(), read.path[1]) == ids.end())
            ids.push_back(read.path[1]);
  };
  if (const auto* scalar = std::get_if<Argument::Scalar>(&argument.value)) {
    add(scalar->text);
  } else if (const auto* items = std::get_if<std::vector<Argument>>(&argument.value)) {
    for (const Argument& item : *items) collect_reads(item, ids);
  } else {
    for (const Entry& entry : std::get<std::vector<Entry>>(argument.value)) collect_reads(entry.value, ids);
  }
}

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
    plan_keys(playbook);
    find_effects();
    if (playbook.approval) plan_.gate = gate_of(graph_.root());
    const Node& root = graph_.root();
    plan_list(root.body, "", 0, false);
    plan_list(root.rescue, "rescue", 0, false);
    plan_list(root.rollback, "rollback", 0, false);
    plan_list(root.always, "always", 0, false);
    return std::move(plan_);
  }

 private:
  // What is said of the playbook and is no part of its body.
  void plan_keys(const Playbook& playbook) {
    static const std::set<std::string_view> elsewhere = {"muster", "playbook", "version", "title",   "description",
                                                         "owner",  "tags",     "inputs",  "secrets", "connections",
                                                         "locks",  "approval", "outputs", "defaults"};
    for (const SecretDeclaration& secret : playbook.secrets)
      plan_.keys.push_back({"secret " + secret.name.text, Value(source_of(secret))});
    for (const ConnectionDeclaration& connection : playbook.connections) {
      Map settings;
      for (const Entry& entry : connection.settings) settings[entry.key.text] = rendered(entry.value);
      plan_.keys.push_back({"connection " + connection.name.text, std::move(settings)});
    }
    for (const Lock& lock : playbook.locks.names) plan_.keys.push_back({"lock", rendered(lock.name)});
    for (PrintedKey& key : printed_keys(playbook, files_))
      if (!elsewhere.contains(key.key)) plan_.keys.push_back({std::string(key.key), std::move(key.text)});
  }

  static std::string source_of(const SecretDeclaration& secret) {
    if (secret.env) return "from the variable " + secret.env->text;
    if (secret.file) return "from the file " + printed(*secret.file);
    return "printed by a program";
  }

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
    gate.rules.push_back("approvers: " + (approval.approvers.empty() ? "anybody" : printed(approval.approvers)));
    for (PrintedKey& key : printed_keys(approval, files_))
      if (key.key != "message" && key.key != "approvers") gate.rules.push_back(std::string(key.key) + ": " + key.text);
    collect_guarded(node, gate.guards);
    return gate;
  }

  // Siblings in the order in which they may begin: `needs` may name one that stands below.
  std::vector<NodeId> in_order(const std::vector<NodeId>& list) const {
    std::unordered_map<uint32_t, size_t> places;
    for (size_t i = 0; i < list.size(); ++i) places.emplace(list[i].index, i);
    std::vector<size_t> waits(list.size());
    std::vector<std::vector<size_t>> frees(list.size());
    bool is_sorted = true;
    for (size_t i = 0; i < list.size(); ++i) {
      for (NodeId need : graph_.at(list[i]).needs) {
        auto place = places.find(need.index);
        if (place == places.end()) continue;
        is_sorted = is_sorted && place->second < i;
        ++waits[i];
        frees[place->second].push_back(i);
      }
    }
    if (is_sorted) return list;
    std::set<size_t> ready;
    for (size_t i = 0; i < list.size(); ++i)
      if (waits[i] == 0) ready.insert(i);
    std::vector<NodeId> out;
    while (!ready.empty()) {
      size_t next = *ready.begin();
      ready.erase(ready.begin());
      out.push_back(list[next]);
      for (size_t freed : frees[next])
        if (--waits[freed] == 0) ready.insert(freed);
    }
    return out;
  }

  void plan_list(const std::vector<NodeId>& list, std::string_view name, int depth, bool skipped) {
    for (NodeId id : in_order(list)) plan_node(graph_.at(id), name, depth, skipped);
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
    if (node.step && !skipped) plan_body(*node.step, step);
    static const std::set<std::string_view> elsewhere = {"id",  "title", "description", "approval", "effect",
                                                         "set", "fail",  "wait",        "audit",    "manual"};
    std::vector<PrintedKey> keys;
    if (node.phase) keys = printed_keys(*node.phase, files_);
    if (node.step) keys = printed_keys(*node.step, files_);
    for (PrintedKey& key : keys)
      if (!elsewhere.contains(key.key) && key.key != step.what)
        step.keys.push_back({std::string(key.key), std::move(key.text)});
    if (node.step && step.what == "verify") step.keys.push_back({"verify", Value(verify_text(*node.step))});
    plan_.steps.push_back(std::move(step));
    const Node& body = node.kind == NodeKind::foreach ? graph_.at(node.body.front()) : node;
    plan_list(body.body, list, depth + 1, skipped);
    plan_list(body.rescue, "rescue", depth + 1, skipped);
    plan_list(body.rollback, "rollback", depth + 1, skipped);
    plan_list(body.always, "always", depth + 1, skipped);
    scope_ = outer;
  }

  std::string verify_text(const Step& step) {
    for (PrintedKey& key : printed_keys(step, files_))
      if (key.key == "verify") return std::move(key.text);
    return "";
  }

  void plan_body(const Step& step, PlannedStep& planned) {
    auto entries = [&](const std::vector<Entry>& list) {
      for (const Entry& entry : list) {
        collect_reads(entry.value, planned.after);
        planned.arguments.push_back({entry.key.text, rendered(entry.value)});
      }
    };
    for (const ActionCall& call : step.actions) {
      const Action* action = find_action(actions_, call.action.text);
      if (!action) continue;
      collect_reads(call.args, planned.after);
      tl::expected<Map, Diagnostics> args = type_arguments(call.args, *action, outlook().argument_values());
      if (!args) {
        for (Diagnostic& problem : args.error()) plan_.problems.push_back(std::move(problem));
        continue;
      }
      // In the order in which they are written.
      if (const auto* written = std::get_if<std::vector<Entry>>(&call.args.value))
        for (const Entry& entry : *written)
          if (auto found = args->find(entry.key.text); found != args->end())
            planned.arguments.push_back({entry.key.text, std::move(found->second)});
    }
    if (step.set) entries(step.set->values);
    if (step.call) {
      if (step.call->playbook) planned.arguments.push_back({"playbook", step.call->playbook->text});
      entries(step.call->with);
    }
    if (step.choose && step.choose->by) planned.arguments.push_back({"by", step.choose->by->text});
    if (step.fail && step.fail->message) planned.arguments.push_back({"message", rendered(*step.fail->message)});
    if (step.fail && step.fail->code) planned.arguments.push_back({"code", step.fail->code->text});
    if (step.wait && step.wait->duration) planned.arguments.push_back({"for", rendered(step.wait->duration->text)});
    if (step.audit) {
      if (step.audit->event) planned.arguments.push_back({"event", step.audit->event->text});
      entries(step.audit->fields);
    }
    if (step.manual) {
      const Manual& manual = *step.manual;
      if (manual.instructions) planned.arguments.push_back({"instructions", rendered(*manual.instructions)});
      List checklist, form;
      for (const Template& item : manual.checklist) checklist.push_back(rendered(item));
      for (const Input& field : manual.form) form.push_back(field.name.text);
      if (!checklist.empty()) planned.arguments.push_back({"checklist", std::move(checklist)});
      if (!form.empty()) planned.arguments.push_back({"form", std::move(form)});
      if (manual.expires) planned.arguments.push_back({"expires", rendered(manual.expires->text)});
    }
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
