#include "interpreter/rehearsal/people.h"

#include <algorithm>

#include "interpreter/engine/gates.h"
#include "interpreter/rehearsal/rehearsal.h"

namespace muster {

People::People(const Scenario& scenario, const StepGraph& graph, Baton& baton, FaultInjector& faults)
    : graph_(graph), baton_(baton), faults_(faults) {
  for (const ScriptedPerson& person : scenario.people) {
    const bool gate = !person.gate.empty();
    const std::string& name = gate ? person.gate : person.step;
    const Node* node = node_named(graph, name, gate);
    const bool whole = name.find('[') != std::string::npos;
    (gate ? gates_ : steps_).push_back({&person, whole || !node ? name : node->op.path, whole});
  }
}

std::vector<const ScriptedPerson*> People::of(const OpId& op, bool gate) const {
  const Node* node = graph_.find(op);
  std::vector<const ScriptedPerson*> found;
  for (const One& one : gate ? gates_ : steps_)
    if (one.op == op.path || (!one.whole && node && node->op.path == one.op)) found.push_back(one.person);
  return found;
}

void People::refused(const std::string& user, const std::string& what, const Error& error) {
  findings.push_back("`" + user + "` could not " + what + ": " + error.message +
                     (error.hint.empty() ? "" : "; " + error.hint));
}

void People::vote(const OpId& gate, const ScriptedPerson& person, const std::string& digest) {
  if (!engine_) return;
  const OpRecord* op = engine_->history().find(gate);
  if (!op || op->gate.state != GateState::open || op->gate.digest != digest) return;
  Vote vote;
  vote.person = vote.user = person.user;
  vote.verdict = std::string(person.does == ScriptedPerson::Does::reject ? verdict_reject : verdict_approve);
  vote.reason = person.reason;
  vote.digest = op->gate.digest;
  vote.how = "command";
  Result<void> voted = engine_->vote(gate, std::move(vote));
  if (!voted)
    refused(person.user,
            std::string(person.does == ScriptedPerson::Does::reject ? "reject" : "approve") + " `" + gate.path + "`",
            voted.error());
}

void People::at_gate(const OpRecord& op) {
  if (op.gate.state != GateState::open || op.op.path == review_op) return;
  if (!is_new(op.op.path + "#" + std::to_string(op.gate.opening))) return;
  std::vector<const ScriptedPerson*> people = of(op.op, true);
  if (const Fault* fault = faults_.at(op.op, {FaultKind::expires})) {
    faults_.strike(*fault);
    return;
  }
  if (const Fault* fault = faults_.at(op.op, {FaultKind::rejected})) {
    faults_.strike(*fault);
    ScriptedPerson no;
    no.does = ScriptedPerson::Does::reject;
    no.reason = "the rehearsal rejects it";
    const RulesOfGate rules = rules_of(op.gate);
    auto may = [&](const std::string& user) {
      return std::find(rules.barred.begin(), rules.barred.end(), user) == rules.barred.end();
    };
    if (!people.empty()) {
      no.user = people.front()->user;
      no.after = people.front()->after;
    } else {
      no.user = "somebody";
      for (const RulesOfGate::Place& place : rules.places)
        for (const std::string& user : place.people)
          if (may(user) && no.user == "somebody") no.user = user;
    }
    made_up_.push_back(std::move(no));
    baton_.at(made_up_.back().after,
              [this, gate = op.op, person = made_up_.back(), digest = op.gate.digest] { vote(gate, person, digest); });
    return;
  }
  for (const ScriptedPerson* person : people) {
    if (person->does == ScriptedPerson::Does::ignore) continue;
    const Duration left{op.gate.opened_at.us + person->after.us - baton_.wall().us};
    baton_.at(left, [this, gate = op.op, person, digest = op.gate.digest] { vote(gate, *person, digest); });
  }
}

void People::at_manual(const OpRecord& op) {
  if (!op.asked || op.state != StepState::waiting) return;
  if (!is_new(op.op.path + "?" + text_of(*op.asked, "nonce"))) return;
  if (const Fault* fault = faults_.at(op.op, {FaultKind::expires})) {
    faults_.strike(*fault);
    return;
  }
  const Timestamp since = op.started_at.value_or(baton_.wall());
  for (const ScriptedPerson* person : of(op.op, false)) {
    if (person->does != ScriptedPerson::Does::complete) continue;
    const Duration left{std::max(since, baton_.wall()).us + person->after.us - baton_.wall().us};
    baton_.at(left, [this, step = op.op, person, nonce = text_of(*op.asked, "nonce")] {
      if (!engine_) return;
      const OpRecord* now = engine_->history().find(step);
      if (!now || !now->asked || now->state != StepState::waiting) return;
      Completion said{person->user, person->answers, "command", baton_.wall(), nonce};
      Result<void> done = engine_->complete(step, std::move(said));
      if (!done) refused(person->user, "complete `" + step.path + "`", done.error());
    });
  }
}

void People::at_doubt(const OpRecord& op) {
  if (op.state != StepState::in_doubt) return;
  if (!is_new(op.op.path + "!" + std::to_string(op.attempt) + op.doubt)) return;
  for (const ScriptedPerson* person : of(op.op, false)) {
    if (person->does != ScriptedPerson::Does::resolve) continue;
    baton_.at(person->after, [this, step = op.op, person] {
      if (!engine_) return;
      const OpRecord* now = engine_->history().find(step);
      if (!now || now->state != StepState::in_doubt) return;
      Result<void> done = engine_->resolve(step, person->choice, person->user, person->reason);
      if (!done) refused(person->user, "settle `" + step.path + "`", done.error());
    });
    return;
  }
}

void People::happened(const Event& event, const RunHistory& history) {
  const OpRecord* op = history.find(event.op);
  if (!op) return;
  if (event.kind == EventKind::verified)
    if (const Fault* fault = faults_.at(event.op, {FaultKind::verify_fails})) faults_.strike(*fault);
  if (event.kind == EventKind::gate_opened) at_gate(*op);
  if (event.kind == EventKind::wait_started) at_manual(*op);
  at_doubt(*op);
}

void People::look_again(const RunHistory& history) {
  asked_.clear();
  for (const OpRecord* op : history.in_order()) {
    at_gate(*op);
    at_manual(*op);
    at_doubt(*op);
  }
}

}  // namespace muster
