#include "interpreter/report/timeline.h"

#include <algorithm>

#include "interpreter/base/json.h"
#include "interpreter/graph/expansion.h"
#include "interpreter/report/objectives.h"

namespace muster {
namespace {

std::string kind_of(const Node& node) {
  switch (node.kind) {
    case NodeKind::playbook:
      return "playbook";
    case NodeKind::phase:
      return "phase";
    case NodeKind::group:
      return "group";
    case NodeKind::foreach:
      return "foreach";
    case NodeKind::action:
      return node.step->actions.front().action.text;
    case NodeKind::verify:
      return "verify";
    case NodeKind::set:
      return "set";
    case NodeKind::fail:
      return "fail";
    case NodeKind::wait:
      return "wait";
    case NodeKind::audit:
      return "audit";
    case NodeKind::call:
      return "call";
    case NodeKind::called:
      return "playbook";
    case NodeKind::choose:
      return "choose";
    case NodeKind::option:
      return "option";
    case NodeKind::manual:
      return "manual";
  }
  return "";
}

bool is_true(const Map& map, std::string_view name) {
  const Value* value = member(map, name);
  return value && value->is<bool>() && value->get<bool>();
}

List list_in(const Map& map, std::string_view name) {
  const Value* value = member(map, name);
  return value && value->is<List>() ? value->get<List>() : List{};
}

Map map_in(const Map& map, std::string_view name) {
  const Value* value = member(map, name);
  return value && value->is<Map>() ? value->get<Map>() : Map{};
}

std::optional<Timestamp> moment_in(const Map& map, std::string_view name) {
  const Value* value = member(map, name);
  if (!value || !value->is<Timestamp>()) return std::nullopt;
  return value->get<Timestamp>();
}

Map body_of(const Event& event) {
  if (event.body.empty()) return {};
  Result<Value> decoded = decode_value(event.body);
  return decoded && decoded->is<Map>() ? *decoded->find<Map>() : Map{};
}

std::string with_reason(std::string text, const Map& body) {
  std::string reason = text_of(body, "reason");
  return reason.empty() ? text : text + ": " + reason;
}

std::string joined(const List& list) {
  std::string out;
  for (const Value& item : list) out += (out.empty() ? "`" : ", `") + to_text(item) + "`";
  return out;
}

TimelineStep step_of(const OpRecord& op) {
  TimelineStep step;
  step.op = op.op.path;
  step.id = op.op.path;
  step.title = op.op.path;
  step.kind = "step";
  step.state = std::string(name_of(op.state));
  step.effect = op.effect == "read" ? "" : op.effect;
  step.attempts = op.attempt;
  step.started_at = op.started_at;
  step.ended_at = op.ended_at;
  if (op.error) step.error = *op.error;
  if (op.result) step.result = *op.result;
  if (op.verified) step.claims = list_in(*op.verified, "claims");
  step.notes = op.notes;
  step.doubt = op.state == StepState::in_doubt ? op.doubt : "";
  step.undone = op.rolled_back;
  return step;
}

TimelineStep step_of(const Node& node, const OpRecord* op) {
  OpRecord pending;
  pending.op = node.op;
  TimelineStep step = step_of(op ? *op : pending);
  if (node.step && node.step->id) step.id = node.step->id->text;
  if (node.is_item()) step.id += "[" + std::to_string(node.index) + "]";
  if (node.phase && node.phase->id) step.id = node.phase->id->text;
  step.title = label_of(node);
  step.kind = kind_of(node);
  step.is_group = node.is_group();
  return step;
}

TimelineGate gate_of(const Event& event, const Map& shown) {
  TimelineGate gate;
  gate.op = event.op.path;
  gate.opening = event.attempt;
  gate.state = std::string(name_of(GateState::open));
  gate.title = text_of(shown, "title");
  gate.message = text_of(shown, "message");
  gate.digest = text_of(shown, "digest");
  gate.opened_at = event.at;
  gate.expires_at = moment_in(shown, "expires_at");
  gate.guarded = list_in(shown, "guarded");
  gate.evidence = map_in(shown, "evidence");
  gate.changed = list_in(shown, "changed");
  gate.places = list_in(shown, "places");
  gate.self_approval_lifted = is_true(shown, "self_approval_lifted");
  gate.require_reason = is_true(shown, "require_reason");
  return gate;
}

// Events that say something which no step's or gate's own lines say.
std::optional<std::string> told(const Event& event, const Map& body) {
  switch (event.kind) {
    case EventKind::owned: {
      std::string before = text_of(body, "before"), person = text_of(body, "person");
      if (before.empty()) return person.empty() ? "taken up again" : "taken up again by " + person;
      return "taken over from " + before + (person.empty() ? "" : " by " + person);
    }
    case EventKind::in_doubt:
      return with_reason("in doubt", body);
    case EventKind::resolved:
      return with_reason(text_of(body, "person") + " settled it as " + text_of(body, "choice"), body);
    case EventKind::cancel_asked:
      return with_reason(text_of(body, "person") + " cancelled the run" + (is_true(body, "now") ? " at once" : "") +
                             (is_true(body, "rollback") ? " and asked for its rollback" : ""),
                         body);
    case EventKind::rollback_started: {
      List steps = list_in(body, "steps");
      if (!member(body, "steps")) return std::nullopt;
      return steps.empty() ? "nothing of it can be rolled back" : "rolling back " + joined(steps);
    }
    case EventKind::rollback_ended:
      if (!member(body, "complete")) return std::nullopt;
      return is_true(body, "complete") ? "rolled back" : "the rollback is incomplete";
    case EventKind::audit: {
      Map fields = map_in(body, "fields");
      return "audit: " + text_of(body, "event") + (fields.empty() ? "" : " " + print_json(Value(std::move(fields))));
    }
    case EventKind::clock_stepped:
      return "the wall clock was set: " + text_of(body, "by");
    case EventKind::lock_taken_over:
      return "took over the lock `" + text_of(body, "name") + "` from run " + text_of(body, "from") + ": " +
             text_of(body, "standing");
    case EventKind::lock_taken:
      return "took the lock `" + text_of(body, "name") + "`";
    case EventKind::lock_released: {
      std::string lock = "the lock `" + text_of(body, "name") + "`", run = text_of(body, "run");
      if (std::string person = text_of(body, "person"); !person.empty())
        return with_reason(person + " broke " + lock, body);
      if (!run.empty()) return with_reason("lost " + lock + " to run " + run, body);
      return std::nullopt;  // given back at its end
    }
    case EventKind::wait_started:
      if (text_of(body, "reason") != "lock") return std::nullopt;
      return "waits: " + text_of(body, "message");
    case EventKind::unknown:
      return "an event of a later version: " + event.kind_text;
    default:
      return std::nullopt;
  }
}

void read_events(const std::vector<Event>& events, Timeline& out) {
  for (const Event& event : events) {
    Map body = body_of(event);
    auto last = std::find_if(out.gates.rbegin(), out.gates.rend(),
                             [&](const TimelineGate& gate) { return gate.op == event.op.path; });
    bool is_open = last != out.gates.rend() && last->state == name_of(GateState::open);
    switch (event.kind) {
      case EventKind::gate_opened:
        out.gates.push_back(gate_of(event, body));
        break;
      case EventKind::vote: {
        const Value* opening = member(body, "opening");
        if (is_open && opening && opening->is<int64_t>() && opening->get<int64_t>() == last->opening)
          last->votes.push_back({text_of(body, "person"), text_of(body, "verdict"), text_of(body, "reason"),
                                 text_of(body, "digest"), text_of(body, "how"), event.at});
        break;
      }
      case EventKind::gate_closed:
        if (is_open) {
          last->state = text_of(body, "verdict");
          last->reason = text_of(body, "reason");
          last->closed_at = event.at;
        }
        break;
      case EventKind::rollback_started:
        for (const Value& op : list_in(body, "without")) out.not_undone.push_back(to_text(op));
        break;
      default:
        break;
    }
    std::optional<std::string> text = told(event, body);
    if (text) out.moments.push_back({event.at, event.op.path == "playbook" ? "" : event.op.path, std::move(*text)});
  }
}

// An automatic undo is an op of its own that no node stands for.
std::optional<TimelineStep> automatic_undo(const Node& node, const RunHistory& history) {
  const OpRecord* undo = history.find(node.op.rollback().child("auto"));
  if (!undo) return std::nullopt;
  TimelineStep step = step_of(*undo);
  step.title = "put back what `" + node.op.path + "` did";
  step.kind = "rollback";
  return step;
}

// What stands in a group that ended without it never began: it was left out with its group, or not reached.
void tell_never_begun(const Expansion& expansion, const Node& node, const RunHistory& history, TimelineStep& step) {
  for (const Node* at = &node; at->kind != NodeKind::playbook;) {
    at = &expansion.at(at->parent);
    const OpRecord* group = history.find(at->op);
    if (!group || !is_final(group->state)) continue;
    const bool left_out = group->state == StepState::skipped || group->state == StepState::already_done;
    step.state = std::string(name_of(left_out ? StepState::skipped : StepState::not_reached));
    return;
  }
}

void read_steps(const StepGraph& graph, const RunHistory& history, Timeline& out) {
  Expansion expansion(graph, history.in_order());
  for (const Node* one : expansion.in_order()) {
    const Node& node = *one;
    if (node.kind == NodeKind::playbook || node.kind == NodeKind::called) continue;
    const OpRecord* op = history.find(node.op);
    // Undo and rescue steps that were never needed are no part of the story.
    bool spare = node.place == Place::rollback || node.place == Place::rescue || node.place == Place::before;
    if (spare && (!op || (op->state == StepState::pending && op->attempt == 0))) continue;
    out.steps.push_back(step_of(node, op));
    if (!op || (op->state == StepState::pending && op->attempt == 0))
      tell_never_begun(expansion, node, history, out.steps.back());
    if (std::optional<TimelineStep> undo = automatic_undo(node, history)) out.steps.push_back(std::move(*undo));
  }
}

}  // namespace

std::optional<Duration> TimelineStep::took() const {
  if (!started_at || !ended_at) return std::nullopt;
  return *ended_at - *started_at;
}

TimelineGate timeline_gate(const OpRecord& op) {
  Event opened;
  opened.op = op.op;
  opened.attempt = op.gate.opening;
  opened.at = op.gate.opened_at;
  TimelineGate gate = gate_of(opened, op.gate.shown);
  gate.state = std::string(name_of(op.gate.state));
  gate.reason = op.gate.reason;
  gate.closed_at = op.gate.closed_at;
  gate.votes = op.gate.votes;
  return gate;
}

Timeline make_timeline(const RunRecord& record, const RunHistory& history, const StepGraph* graph) {
  Timeline out;
  const RunRow& row = record.row;
  out.run = row.id;
  out.playbook = row.playbook;
  out.version = row.version;
  out.parent = row.parent;
  out.owner = row.owner;
  out.title = text_of(history.created, "title");
  out.started_by = text_of(history.created, "starter");
  out.host = text_of(history.created, "host");
  out.muster = text_of(history.created, "muster");
  out.inputs = map_in(history.created, "inputs");
  out.created_at = history.created_at;
  out.waited_at_gates = history.waited_at_gates;
  out.self_approval_allowed = is_true(history.created, "self_approval_allowed");
  out.state = std::string(name_of(row.state));
  if (history.ended) {
    out.state = text_of(*history.ended, "status");
    out.reason = text_of(*history.ended, "reason");
    out.ended_at = history.last_at;
    out.outputs = map_in(*history.ended, "outputs");
    if (const Value* code = member(*history.ended, "exit_code"); code && code->is<int64_t>())
      out.exit_code = code->get<int64_t>();
  }
  read_events(record.events, out);
  if (graph) {
    read_steps(*graph, history, out);
    measure_objectives(*graph, history, out);
  } else {
    for (const OpRecord* op : history.in_order())
      if (op->op.path != "playbook") out.steps.push_back(step_of(*op));
  }
  return out;
}

void compare_with(Timeline& timeline, const ForeseenRun& foreseen) {
  std::vector<HappenedStep> happened;
  for (const TimelineStep& step : timeline.steps) happened.push_back({step.op, step.state, step.result, step.is_group});
  timeline.comparison = compare(foreseen, happened, timeline.ended_at.has_value());
}

}  // namespace muster
