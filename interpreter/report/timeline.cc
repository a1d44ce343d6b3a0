#include "interpreter/report/report.h"

namespace muster {
namespace {

std::string kind_of(const Node& node) {
  switch (node.kind) {
    case NodeKind::playbook: return "playbook";
    case NodeKind::phase: return "phase";
    case NodeKind::group: return "group";
    case NodeKind::action: return node.step->actions.front().action.text;
    case NodeKind::verify: return "verify";
    case NodeKind::set: return "set";
    case NodeKind::fail: return "fail";
    case NodeKind::wait: return "wait";
    case NodeKind::audit: return "audit";
  }
  return "";
}

bool is_true(const Map& map, std::string_view name) {
  const Value* v = member(map, name);
  return v && v->is<bool>() && v->get<bool>();
}

List list_in(const Map& map, std::string_view name) {
  const Value* v = member(map, name);
  return v && v->is<List>() ? v->get<List>() : List{};
}

TimelineStep step_of(const Node& node, const OpRecord* op) {
  TimelineStep step;
  step.op = node.op.path;
  step.id = node.step && node.step->id ? node.step->id->text : node.phase && node.phase->id ? node.phase->id->text : "";
  step.title = label_of(node);
  step.kind = kind_of(node);
  step.is_group = node.is_group();
  step.state = std::string(name_of(op ? op->state : StepState::pending));
  if (!op) return step;
  step.attempts = op->attempt;
  step.started_at = op->started_at;
  step.ended_at = op->ended_at;
  if (op->error) step.error = *op->error;
  if (op->result) step.result = *op->result;
  if (op->verified) step.claims = list_in(*op->verified, "claims");
  step.notes = op->notes;
  step.doubt = op->state == StepState::in_doubt ? op->doubt : "";
  step.undone = op->rolled_back;
  return step;
}

TimelineGate gate_of(const OpRecord& op) {
  TimelineGate gate;
  gate.op = op.op.path;
  gate.state = std::string(name_of(op.gate.state));
  gate.message = text_of(op.gate.shown, "message");
  gate.reason = op.gate.reason;
  gate.digest = op.gate.digest;
  gate.opened_at = op.gate.opened_at;
  gate.closed_at = op.gate.closed_at;
  gate.expires_at = op.gate.expires_at;
  gate.votes = op.gate.votes;
  gate.guarded = list_in(op.gate.shown, "guarded");
  gate.places = list_in(op.gate.shown, "places");
  gate.self_approval_lifted = is_true(op.gate.shown, "self_approval_lifted");
  gate.require_reason = is_true(op.gate.shown, "require_reason");
  return gate;
}

}  // namespace

Timeline make_timeline(const RunRow& row, const RunHistory& history, const StepGraph& graph) {
  Timeline out;
  out.row = row;
  out.title = text_of(history.created, "title");
  out.started_by = text_of(history.created, "starter");
  out.host = text_of(history.created, "host");
  out.muster = text_of(history.created, "muster");
  out.created_at = history.created_at;
  out.waited_at_gates = history.waited_at_gates;
  out.team_of_one = is_true(history.created, "self_approval_allowed");
  if (const Value* inputs = member(history.created, "inputs"); inputs && inputs->is<Map>()) out.inputs = inputs->get<Map>();
  out.status = std::string(name_of(row.state));
  if (history.ended) {
    out.status = text_of(*history.ended, "status");
    out.reason = text_of(*history.ended, "reason");
    out.ended_at = history.last_at;
    if (const Value* code = member(*history.ended, "exit_code"); code && code->is<int64_t>()) out.exit_code = code->get<int64_t>();
    if (const Value* outputs = member(*history.ended, "outputs"); outputs && outputs->is<Map>()) out.outputs = outputs->get<Map>();
  }
  for (const Node& node : graph.nodes()) {
    const OpRecord* op = history.find(node.op);
    if (op && op->gate.state != GateState::none) out.gates.push_back(gate_of(*op));
    if (node.kind == NodeKind::playbook) continue;
    // Undo steps that were never needed are no part of the story.
    if (node.place == Place::rollback && (!op || (op->state == StepState::pending && op->attempt == 0))) continue;
    out.steps.push_back(step_of(node, op));
    const OpRecord* undo = history.find(node.op.rollback().child("auto"));
    if (undo) {
      TimelineStep step;
      step.op = undo->op.path;
      step.title = "put back what `" + node.op.path + "` did";
      step.kind = "rollback";
      step.state = std::string(name_of(undo->state));
      step.attempts = undo->attempt;
      step.started_at = undo->started_at;
      step.ended_at = undo->ended_at;
      if (undo->error) step.error = *undo->error;
      step.notes = undo->notes;
      out.steps.push_back(std::move(step));
    }
  }
  const std::optional<Objectives>& objectives = graph.playbook().objectives;
  if (objectives && objectives->rto) out.rto = objectives->rto->known;
  return out;
}

}  // namespace muster
