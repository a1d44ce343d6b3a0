#include "interpreter/journal/run_state.h"

#include <array>

#include "interpreter/base/json.h"

namespace muster {
namespace {

constexpr std::array<std::string_view, 12> step_states = {"pending",      "running",     "waiting",   "succeeded",
                                                          "already_done", "skipped",     "failed",    "recovered",
                                                          "in_doubt",     "rolled_back", "cancelled", "not_reached"};
constexpr std::array<std::string_view, 7> gate_states = {"none",    "open",   "approved",    "rejected",
                                                         "expired", "voided", "broken_glass"};

std::optional<StepState> step_state_of(std::string_view name) {
  for (size_t i = 0; i < step_states.size(); ++i)
    if (step_states[i] == name) return static_cast<StepState>(i);
  return std::nullopt;
}

GateState gate_state_of(std::string_view name) {
  for (size_t i = 0; i < gate_states.size(); ++i)
    if (gate_states[i] == name) return static_cast<GateState>(i);
  return GateState::none;
}

bool flag(const Map& body, std::string_view name) {
  const Value* v = member(body, name);
  const bool* b = v ? v->find<bool>() : nullptr;
  return b && *b;
}

std::optional<Map> map_in(const Map& body, std::string_view name) {
  const Value* v = member(body, name);
  const Map* m = v ? v->find<Map>() : nullptr;
  if (!m) return std::nullopt;
  return *m;
}

std::optional<Timestamp> time_in(const Map& body, std::string_view name) {
  const Value* v = member(body, name);
  const Timestamp* t = v ? v->find<Timestamp>() : nullptr;
  if (!t) return std::nullopt;
  return *t;
}

std::optional<int64_t> number_in(const Map& body, std::string_view name) {
  const Value* v = member(body, name);
  const int64_t* n = v ? v->find<int64_t>() : nullptr;
  if (!n) return std::nullopt;
  return *n;
}

std::vector<std::string> texts_in(const Map& body, std::string_view name) {
  std::vector<std::string> out;
  const Value* v = member(body, name);
  const List* list = v ? v->find<List>() : nullptr;
  if (list)
    for (const Value& item : *list)
      if (const auto* text = item.find<std::string>()) out.push_back(*text);
  return out;
}

void begin_attempt(OpRecord& op, int attempt, Timestamp at) {
  if (op.attempt == attempt && op.started_at) return;
  op.attempt = attempt;
  op.result.reset();
  op.error.reset();
  op.verified.reset();
  op.marks.clear();
  op.outcome_ok = false;
  op.due_at.reset();
  op.resolution.clear();
  op.doubt.clear();
  op.settled_by.clear();
  op.refuted = false;
  if (!op.started_at) op.started_at = at;
  op.ended_at.reset();
}

void finish(OpRecord& op, StepState state, const Event& event) {
  op.state = state;
  op.ended_at = event.at;
  op.ended_seq = event.seq;
}

// What a claim about a finished action made of its step: a verify, a `done_when` that was asked afterwards.
void apply_verdict(OpRecord& op, const Event& event, const Map& body) {
  std::optional<StepState> state = step_state_of(text_of(body, "state"));
  op.passed = op.passed || flag(body, "passed");
  if (std::optional<Map> result = map_in(body, "result")) op.result = std::move(result);
  if (std::optional<Map> error = map_in(body, "error")) {
    op.error = std::move(error);
    op.certainty = text_of(*op.error, "effect");
    op.outcome_ok = false;
  } else if (state == StepState::succeeded) {
    op.outcome_ok = true;
  }
  if (state && is_final(*state))
    finish(op, *state, event);
  else if (state)
    op.state = *state;
}

void apply_outcome(OpRecord& op, const Event& event, const Map& body) {
  begin_attempt(op, event.attempt, time_in(body, "started_at").value_or(event.at));
  op.intent_open = false;
  op.asked.reset();
  op.result = map_in(body, "result");
  op.error = map_in(body, "error");
  op.certainty = op.error ? text_of(*op.error, "effect") : "done";
  for (std::string& note : texts_in(body, "notes")) op.notes.push_back(std::move(note));
  op.outcome_ok = !op.error;
  op.passed = flag(body, "passed");
  op.settled_by = text_of(body, "settled_by");
  op.carried_from = text_of(body, "carried_from");
  if (std::string effect = text_of(body, "effect"); !effect.empty()) op.effect = std::move(effect);
  std::optional<StepState> state = step_state_of(text_of(body, "state"));
  if (state && is_final(*state)) {
    finish(op, *state, event);
  } else if (state) {
    op.state = *state;
  }
}

void apply_resolved(OpRecord& op, const Event& event, const Map& body) {
  op.resolution = text_of(body, "choice");
  if (op.resolution == "succeeded") {
    op.intent_open = false;
    op.error.reset();
    op.outcome_ok = true;
    op.certainty = "done";
    op.settled_by = "person";
    finish(op, StepState::succeeded, event);
  } else if (op.resolution == "skip") {
    op.intent_open = false;
    finish(op, StepState::skipped, event);
  } else if (op.resolution == "retry") {
    op.intent_open = false;
    op.state = StepState::pending;
  } else {  // failed, rollback, stop
    op.intent_open = false;
    if (!op.error)
      op.error =
          Map{{"code", "failed"}, {"message", "settled as failed: " + text_of(body, "reason")}, {"effect", "maybe"}};
    op.certainty = "maybe";
    op.passed = flag(body, "passed");
    finish(op, StepState::failed, event);
  }
}

void apply_gate_opened(OpRecord& op, const Event& event, const Map& body) {
  GateRecord gate;
  gate.state = GateState::open;
  gate.opening = event.attempt;
  gate.digest = text_of(body, "digest");
  gate.opened_at = time_in(body, "opened_at").value_or(event.at);
  gate.expires_at = time_in(body, "expires_at");
  gate.shown = body;
  op.gate = std::move(gate);
  op.state = StepState::waiting;
}

}  // namespace

std::string_view name_of(StepState state) { return step_states[static_cast<size_t>(state)]; }
std::string_view name_of(GateState state) { return gate_states[static_cast<size_t>(state)]; }

bool is_final(StepState state) {
  switch (state) {
    case StepState::pending:
    case StepState::running:
    case StepState::waiting:
    case StepState::in_doubt:
      return false;
    default:
      return true;
  }
}

const OpRecord* RunHistory::find(const OpId& op) const {
  auto it = ops_.find(op.path);
  return it == ops_.end() ? nullptr : it->second.get();
}

OpRecord& RunHistory::at(const OpId& op) {
  std::unique_ptr<OpRecord>& slot = ops_[op.path];
  if (!slot) {
    slot = std::make_unique<OpRecord>();
    slot->op = op;
    order_.push_back(slot.get());
  }
  return *slot;
}

void RunHistory::taken_up(const Event& event, const Map& body) {
  std::string person = text_of(body, "person");
  if (person.empty() || person == last_word_) return;
  resumers.push_back(person);
  for (const OpRecord* op : order_)
    if (op->gate.state == GateState::open) at(op->op).gate.resumers.emplace_back(person, event.at);
}

Result<void> RunHistory::apply(const Event& event) {
  Map body;
  if (!event.body.empty()) {
    Result<Value> decoded = decode_value(event.body);
    if (!decoded || !decoded->is<Map>())
      return fail(ErrorCode::corrupt, "event " + std::to_string(event.seq) + " has a body that cannot be read");
    body = std::move(*decoded->find<Map>());
  }
  const std::string person = text_of(body, "person");
  last_seq = event.seq;
  if (event.at > last_at) last_at = event.at;
  switch (event.kind) {
    case EventKind::run_created:
      created = std::move(body);
      created_at = event.at;
      break;
    case EventKind::evaluated: {
      OpRecord& op = at(event.op);
      if (const Value* v = member(body, "when"); v && v->is<bool>()) op.when = v->get<bool>();
      if (const Value* v = member(body, "foreach"); v && v->is<List>()) {
        op.items = v->get<List>();
        op.max_parallel = number_in(body, "max_parallel").value_or(1);
        op.max_failures = number_in(body, "max_failures").value_or(0);
      }
      if (flag(body, "timed_out")) op.timed_out = true;
      if (member(body, "done_when")) {
        apply_verdict(op, event, body);
        op.refuted = op.error.has_value() && !op.outcome_ok;
      }
      if (flag(body, "gave_up")) {
        op.state = StepState::running;
        op.due_at.reset();
      }
      if (std::optional<StepState> state = step_state_of(text_of(body, "rescued"))) {
        op.passed = flag(body, "passed");
        op.due_at.reset();
        finish(op, *state, event);
      }
      if (flag(body, "refuted")) {
        op.refuted = true;
        op.error = map_in(body, "error");
      }
      if (std::string chosen = text_of(body, "chosen"); !chosen.empty()) op.chosen.push_back(std::move(chosen));
      if (std::optional<Map> inputs = map_in(body, "inputs")) op.inputs = std::move(inputs);
      if (flag(body, "released")) {
        op.left_to_group = 0;
        std::erase(left_to_groups, event.op.path);
        for (std::string& note : texts_in(body, "notes")) op.notes.push_back(std::move(note));
      }
      if (flag(body, "entered")) {
        op.entered = true;
        op.state = StepState::running;
        op.waited_before = waited_at_gates;
        if (std::optional<Map> limits = map_in(body, "objectives")) op.objectives = std::move(*limits);
        if (!op.started_at) op.started_at = event.at;
      }
      break;
    }
    case EventKind::skipped: {
      OpRecord& op = at(event.op);
      op.carried_from = text_of(body, "carried_from");
      finish(op, step_state_of(text_of(body, "state")).value_or(StepState::skipped), event);
      break;
    }
    case EventKind::intent: {
      OpRecord& op = at(event.op);
      begin_attempt(op, event.attempt, event.at);
      op.intent_open = true;
      op.effect = text_of(body, "effect");
      op.state = StepState::running;
      if (flag(body, "left_to_group")) {
        op.left_to_group = event.attempt;
        op.had_left_to_group = true;
        left_to_groups.push_back(event.op.path);
      }
      break;
    }
    case EventKind::outcome:
      apply_outcome(at(event.op), event, body);
      break;
    case EventKind::verified: {
      OpRecord& op = at(event.op);
      begin_attempt(op, event.attempt, time_in(body, "started_at").value_or(event.at));
      op.verified = body;
      apply_verdict(op, event, body);
      op.refuted = member(body, "error") != nullptr;
      break;
    }
    case EventKind::mark_intent: {
      size_t hash = event.op.path.rfind('#');
      at(OpId{event.op.path.substr(0, hash)}).marks[event.op.path.substr(hash + 1)].intent_open = true;
      break;
    }
    case EventKind::mark: {
      size_t hash = event.op.path.rfind('#');
      MarkRecord& mark = at(OpId{event.op.path.substr(0, hash)}).marks[event.op.path.substr(hash + 1)];
      mark.intent_open = false;
      const Value* value = member(body, "value");
      mark.value = value ? *value : Value();
      break;
    }
    case EventKind::in_doubt: {
      OpRecord& op = at(event.op);
      op.state = StepState::in_doubt;
      op.doubt = text_of(body, "reason");
      op.resolution.clear();
      break;
    }
    case EventKind::resolved:
      apply_resolved(at(event.op), event, body);
      if (std::string choice = text_of(body, "choice"); choice == "stop" || choice == "rollback")
        ends_by = std::move(choice);
      break;
    case EventKind::gate_opened:
      apply_gate_opened(at(event.op), event, body);
      break;
    case EventKind::vote: {
      GateRecord& gate = at(event.op).gate;
      Vote vote{text_of(body, "person"), text_of(body, "verdict"),  text_of(body, "reason"),
                text_of(body, "digest"), text_of(body, "how"),      event.at,
                text_of(body, "user"),   text_of(body, "signature")};
      const Value* opening = member(body, "opening");
      if (gate.state == GateState::open && opening && opening->is<int64_t>() && opening->get<int64_t>() == gate.opening)
        gate.votes.push_back(std::move(vote));
      break;
    }
    case EventKind::gate_closed: {
      OpRecord& op = at(event.op);
      op.gate.state = gate_state_of(text_of(body, "verdict"));
      op.gate.reason = text_of(body, "reason");
      op.gate.closed_at = event.at;
      if (event.at > op.gate.opened_at && event.op.path != review_op)
        waited_at_gates.us += (event.at - op.gate.opened_at).us;
      op.state = StepState::pending;
      break;
    }
    case EventKind::wait_started: {
      OpRecord& op = at(event.op);
      op.due_at = time_in(body, "due_at");
      op.state = StepState::waiting;
      op.asked.reset();
      op.completions.clear();
      if (text_of(body, "reason") == waits_for_person) op.asked = body;
      // The time of a playbook that waits for its locks has not begun.
      if (!op.started_at && text_of(body, "reason") != "lock") op.started_at = event.at;
      if (event.attempt > 0) op.attempt = event.attempt;
      break;
    }
    case EventKind::wait_ended: {
      OpRecord& op = at(event.op);
      op.due_at.reset();
      op.state = StepState::pending;
      break;
    }
    case EventKind::rollback_started: {
      OpRecord& op = at(event.op);
      if (member(body, "steps")) op.to_roll_back = texts_in(body, "steps");
      break;
    }
    case EventKind::rollback_ended: {
      OpRecord& op = at(event.op);
      if (const Value* ok = member(body, "undone"); ok && ok->is<bool>()) {
        op.rolled_back = ok->get<bool>();
        // A group that undoes itself has not ended: its `always` is still to come.
        if (*op.rolled_back && is_final(op.state)) op.state = StepState::rolled_back;
      } else {
        op.rollback_ended = true;
      }
      break;
    }
    case EventKind::cancel_asked:
      cancel =
          CancelRequest{text_of(body, "person"), text_of(body, "reason"), flag(body, "rollback"), flag(body, "now")};
      break;
    case EventKind::run_ended:
      ended = std::move(body);
      break;
    case EventKind::unknown:
      has_unknown = true;
      break;
    case EventKind::lock_taken:
    case EventKind::lock_taken_over:
      locks.push_back(text_of(body, "name"));
      break;
    case EventKind::lock_released:
      std::erase(locks, text_of(body, "name"));
      break;
    case EventKind::owned:
      taken_up(event, body);
      break;
    case EventKind::answered: {
      OpRecord& op = at(event.op);
      if (op.asked && op.state == StepState::waiting)
        op.completions.push_back(
            {person, map_in(body, "answers").value_or(Map{}), text_of(body, "how"), event.at, text_of(body, "nonce")});
      break;
    }
    case EventKind::audit:
      if (event.op.path.empty() || !member(body, "told_of_gate")) break;
      at(event.op).gate.told = at(event.op).gate.opening == event.attempt;
      break;
    case EventKind::clock_stepped:
      break;
  }
  bool is_decision =
      event.kind == EventKind::vote || event.kind == EventKind::answered || event.kind == EventKind::cancel_asked;
  last_word_ = is_decision ? person : std::string();
  return {};
}

List items_of(const RunHistory& history, const OpRecord& loop) {
  List out;
  if (!loop.items) return out;
  const bool went_well = loop.state == StepState::succeeded || loop.state == StepState::recovered;
  for (size_t i = 0; i < loop.items->size(); ++i) {
    const OpRecord* op = history.find(OpId{loop.op.path + "[" + std::to_string(i + 1) + "]"});
    Map row;
    if (op && op->result) row = *op->result;
    StepState state = op ? op->state : StepState::pending;
    if (state == StepState::pending && is_final(loop.state))
      state = went_well ? StepState::skipped : StepState::not_reached;
    row["item"] = (*loop.items)[i];
    row["index"] = i + 1;
    row["state"] = std::string(name_of(state));
    row["error"] = op && op->error ? Value(*op->error) : Value();
    out.push_back(Value(std::move(row)));
  }
  return out;
}

Result<RunHistory> replay(const std::vector<Event>& events) {
  RunHistory history;
  for (const Event& event : events) {
    Result<void> applied = history.apply(event);
    if (!applied) return pass(applied.error());
  }
  return history;
}

std::optional<RunState> ending_of(const RunHistory& history) {
  if (!history.ended) return std::nullopt;
  return run_state_of(text_of(*history.ended, "status"));
}

}  // namespace muster
