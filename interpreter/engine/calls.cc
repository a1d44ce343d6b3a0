// Playbooks within a run: each has names of its own, and what it is given is decided once, when it is entered.
#include "interpreter/checker/checker.h"
#include "interpreter/engine/loop.h"
#include "interpreter/graph/objectives.h"

namespace muster {

const Node* Engine::Loop::called_above(const Node& node) const {
  const Node* at = &node;
  while (at->kind != NodeKind::called) {
    if (at->scope == 0) return nullptr;
    at = &expansion_.at(at->parent);
  }
  return at;
}

std::string Engine::Loop::secret_prefix(const Node& node) const {
  const Node* called = called_above(node);
  return called ? called->op.path + ":" : std::string();
}

tl::expected<Map, Map> Engine::Loop::inputs_of_call(const Node& called, Timestamp at) {
  const Node& call = expansion_.at(called.parent);
  RunEnvironment names = environment(call, at);
  Map given;
  for (const Entry& entry : call.step->call->with) {
    tl::expected<Value, Diagnostic> value = type_any(entry.value, argument_values(call, names));
    if (!value) return tl::unexpected(expression_error(value.error()));
    given[entry.key.text] = std::move(*value);
  }
  Diagnostics problems;
  std::optional<Map> inputs = bind_inputs(*call.step->call->called, given, problems);
  if (!inputs) {
    Diagnostic wrong = problems.front();
    // Whoever reads it looks for the value, which stands in the call.
    wrong.notes.push_back({wrong.at, "the input is declared here"});
    wrong.at = call.step->call->at;
    for (const Entry& entry : call.step->call->with)
      if (wrong.message.find("`" + entry.key.text + "`") != std::string::npos) wrong.at = entry.value.at;
    return tl::unexpected(expression_error(wrong));
  }
  return std::move(*inputs);
}

bool Engine::Loop::enter(const Node& group) {
  Map body{{"entered", true}};
  if (group.kind == NodeKind::called) {
    const Node* gate = gate_above(group);
    tl::expected<Map, Map> inputs = inputs_of_call(group, gate ? record(*gate).gate.opened_at : now());
    if (!inputs) {
      Map error = inputs.error();
      error["step"] = expansion_.at(group.parent).op.path;
      add(EventKind::outcome, group.op, 0, Map{{"state", "failed"}, {"error", std::move(error)}});
      return false;
    }
    body["inputs"] = std::move(*inputs);
  }
  if (Map limits = limits_of(group); !limits.empty()) body["objectives"] = std::move(limits);
  add(EventKind::evaluated, group.op, 0, std::move(body));
  return true;
}

// What a report cannot read in the playbook.
Map Engine::Loop::limits_of(const Node& group) {
  Map limits;
  const std::optional<Objectives>& declared = objectives_of(*parts_.graph, group);
  if (!declared) return limits;
  for (const auto& [name, text] : {std::pair("rto", &declared->rto), std::pair("rpo", &declared->rpo)})
    if (*text && !(*text)->known)
      if (std::optional<Duration> limit = duration_of(group, *text)) limits[name] = *limit;
  return limits;
}

std::optional<const Map*> Engine::Loop::failure_above(const Node& node) {
  for (const Node* at = &node; at->id.index != 0; at = &expansion_.at(at->parent)) {
    if (at->place != Place::rescue && at->place != Place::always && at->place != Place::before) continue;
    const Node& group = expansion_.at(at->parent);
    if (const OpRecord* child = failed_child(group); child && child->error) return &*child->error;
    const OpRecord& own = record(group);
    return own.error ? &*own.error : nullptr;
  }
  return std::nullopt;
}

Map Engine::Loop::result_within(const Node& node) {
  const Node* inner = nullptr;
  if (node.kind == NodeKind::call) inner = &expansion_.at(node.body.front());
  if (node.kind == NodeKind::choose) inner = chosen_option(node);
  if (!inner) return {};
  Map result = record(*inner).result.value_or(Map{});
  if (node.kind == NodeKind::choose) result["chosen"] = record(node).chosen.back();
  return result;
}

}  // namespace muster
