// Gates: what a decision is bound to, when it counts, and the one place where gates close.
#include <algorithm>
#include <set>

#include "interpreter/base/digest.h"
#include "interpreter/base/json.h"
#include "interpreter/engine/loop.h"
#include "interpreter/engine/pinned_files.h"

namespace muster {
namespace {

Value of(const Map& shown, std::string_view name) {
  const Value* value = member(shown, name);
  return value ? *value : Value();
}

Value hashed(const Value& value) { return sha256_hex(encode_value(value)); }

// The message of a failed read may tell a time or a port: only that it failed, and how, is bound.
Value bound_evidence(const Value& found) {
  const Map* map = found.find<Map>();
  if (map && member(*map, "error") && member(*map, "message")) return Map{{"error", *member(*map, "error")}};
  return found;
}

}  // namespace

Map Engine::Loop::rules_of_gate_now(const Node& gate) {
  const Approval& approval = *approval_of(*parts_.graph, gate);
  const Configuration& configuration = *parts_.configuration;
  const GateRecord& record = this->record(gate).gate;
  bool prevent = approval.prevent_self_approval.value_or(!approval.approvers.empty());
  bool lifted = prevent && configuration.self_approval_allowed();
  List barred;
  if (prevent && !lifted) {
    std::set<std::string> people{configuration.person_of(text_of(history_.created, "starter"))};
    if (const Value* changers = member(history_.created, "changed_by"); changers && changers->is<List>())
      for (const Value& changer : changers->get<List>()) people.insert(configuration.person_of(to_text(changer)));
    // Who took the run up while the gate was open is barred by his own event: it unmakes no earlier decision.
    size_t before = history_.resumers.size() - (record.state == GateState::open ? record.resumers.size() : 0);
    for (size_t i = 0; i < before; ++i) people.insert(configuration.person_of(history_.resumers[i]));
    for (const std::string& person : people)
      if (!person.empty()) barred.push_back(person);
  }
  const std::vector<std::string> breakers = breakers_of(configuration);
  return Map{{"places", places_of(approval.approvers, configuration)}, {"barred", std::move(barred)},
             {"breakers", List(breakers.begin(), breakers.end())},     {"self_approval_lifted", lifted},
             {"signatures", configuration.requires_signatures()},      {"require_reason", approval.require_reason}};
}

Map Engine::Loop::bound_parts(const Node& gate, const Map& shown, const Map& rules, const Map& evidence,
                              const std::vector<Guarded>& guarded) {
  Map parts{{"store", parts_.journal->instance()},
            {"run", run_},
            {"gate", gate.op.path},
            {"opening", of(shown, "opening")},
            {"nonce", of(shown, "nonce")},
            {"inputs", hashed(inputs_)},
            {"expires_at", of(shown, "expires_at")},
            {"message", hashed(of(shown, "message"))},
            {"approval rules", hashed(rules)}};
  List files;
  for (const SourceFile& file : parts_.files->all()) files.push_back(file.digest);
  parts["playbook files"] = hashed(files);
  const Value* pins = member(shown, "pinned");
  for (const Guarded& step : guarded) {
    Map args = step.args;
    const Value* mine = pins ? member(*pins, step.node->op.path) : nullptr;
    if (mine && mine->is<Map>())
      for (const auto& [name, value] : mine->get<Map>()) args[name] = value;
    parts["step `" + step.node->op.path + "`"] = hashed(Map{{"args", std::move(args)},
                                                            {"known_after", step.known_after},
                                                            {"known_then", step.known_then},
                                                            {"skipped", step.skipped},
                                                            {"carried_from", step.carried_from},
                                                            {"problem", step.problem}});
  }
  for (const auto& [name, found] : evidence) parts["evidence `" + name + "`"] = hashed(bound_evidence(found));
  return parts;
}

std::string Engine::Loop::digest_of_parts(const Map& parts) {
  return sha256_hex("muster-gate-2\n" + encode_value(Value(parts)));
}

std::vector<std::string> Engine::Loop::changed_since_shown(const Node& gate, const Map* fresh_evidence) {
  const GateRecord& record = this->record(gate).gate;
  Map evidence;
  if (const Value* shown = member(record.shown, "evidence"); shown && shown->is<Map>()) evidence = shown->get<Map>();
  if (fresh_evidence) evidence = *fresh_evidence;
  Map now = bound_parts(gate, record.shown, rules_of_gate_now(gate), evidence,
                        guarded_by(gate, record.opened_at, SecretsAs::names));
  std::vector<std::string> changed;
  const Value* bound = member(record.shown, "bound");
  const Map none, &then = bound && bound->is<Map>() ? bound->get<Map>() : none;
  for (const auto& [name, value] : now) {
    const Value* before = member(then, name);
    if (!before || encode_value(*before) != encode_value(value)) changed.push_back(name);
  }
  for (const auto& [name, value] : then)
    if (!member(now, name)) changed.push_back(name);
  // What was recorded beside the parts must be their digest, too.
  if (changed.empty() && digest_of_parts(now) != record.digest) changed.push_back("its digest");
  return changed;
}

GateDecision Engine::Loop::decision_on(const Node& gate, const GateProof* proof) {
  const GateRecord& record = this->record(gate).gate;
  std::vector<std::string> changed = changed_since_shown(gate, proof ? &proof->evidence : nullptr);
  if (!changed.empty()) {
    std::string what;
    for (const std::string& part : changed) what += (what.empty() ? "" : ", ") + part;
    return {GateState::voided, "changed since it was shown: " + what, {}};
  }
  return decide_gate(record, record.digest, now(), proof ? &proof->signed_well : nullptr);
}

std::optional<Engine::Loop::Status> Engine::Loop::advance_gate(const Node& node, Context context) {
  const Boxed<Approval>& approval = approval_of(*parts_.graph, node);
  if (!approval) return std::nullopt;
  NodeRun& run = run_of(node);
  OpRecord& op = record(node);
  if (run.previewing) return Status::active;
  switch (op.gate.state) {
    case GateState::approved:
    case GateState::broken_glass:
      return std::nullopt;
    case GateState::rejected:
    case GateState::expired:
      return Status::ended;
    case GateState::none:
    case GateState::voided:
      open_gate(node, op.gate.opening + 1);
      return run.previewing ? Status::active : Status::ended;
    case GateState::open:
      break;
  }
  GateDecision decision;
  if (context.stop) {
    decision = {GateState::voided, "the run is ending", {}};
  } else if (!op.gate.votes.empty() || (op.gate.expires_at && now() >= *op.gate.expires_at) ||
             run.looked_at != op.gate.opening) {
    run.looked_at = op.gate.opening;
    decision = decision_on(node, nullptr);
    const bool reads_again = !approval->evidence.empty() || !pinned_files(member(op.gate.shown, "pinned")).empty();
    if (is_passed(decision.state) && (reads_again || rules_of(op.gate).signatures)) {
      bool is_proven = run.proof && run.proof->opening == op.gate.opening && run.proof->votes == op.gate.votes.size();
      if (!is_proven) {
        start_proof(node);
        return Status::active;
      }
      decision = decision_on(node, &*run.proof);
    }
  }
  if (decision.state == GateState::open) {
    tell_of_gate(node);
    if (op.gate.expires_at) wake_at(*op.gate.expires_at);
    return Status::blocked;
  }
  run.proof.reset();
  close_gate(node.op, decision);
  if (context.stop) {
    add(EventKind::skipped, node.op, 0,
        Map{{"state", history_.cancel ? "cancelled" : "not_reached"}, {"reason", "the run is ending"}});
    return Status::ended;
  }
  if (is_passed(decision.state)) return std::nullopt;
  if (decision.state == GateState::voided) return Status::active;
  rejected_ = true;
  rejected_reason_ = refusal_of(node.op, decision.state, decision.reason);
  if (node.kind != NodeKind::playbook)
    add(EventKind::skipped, node.op, 0, Map{{"state", "not_reached"}, {"reason", rejected_reason_}});
  return Status::ended;
}

// The one place where a gate closes: whatever asks for it, from whatever command, has come through a decision here.
void Engine::Loop::close_gate(const OpId& gate, const GateDecision& decision) {
  List people(decision.people.begin(), decision.people.end());
  const GateRecord& closing = history_.at(gate).gate;
  const int opening = closing.opening;
  const Value guarded = of(closing.shown, "guarded");
  add(EventKind::gate_closed, gate, opening,
      Map{{"verdict", std::string(name_of(decision.state))},
          {"reason", decision.reason},
          {"people", std::move(people)}},
      "gate");
  if (decision.state == GateState::broken_glass) leave_review(gate, decision.people.front(), decision.reason, guarded);
}

void Engine::Loop::leave_review(const OpId& gate, const std::string& person, const std::string& reason,
                                const Value& guarded) {
  const OpId review{std::string(review_op)};
  const OpRecord* before = history_.find(review);
  List broken, barred;
  if (before && before->gate.state == GateState::open) {
    if (const Value* all = member(before->gate.shown, "broken"); all && all->is<List>()) broken = all->get<List>();
    if (const Value* all = member(before->gate.shown, "barred"); all && all->is<List>()) barred = all->get<List>();
    close_gate(review, {GateState::voided, "another glass was broken", {}});
  }
  broken.push_back(Map{{"gate", gate.path}, {"person", person}, {"reason", reason}, {"at", now()}});
  barred.push_back(person);
  std::string message;
  for (const Value& one : broken)
    message += (message.empty() ? "" : "\n") + text_of(one.get<Map>(), "person") + " passed `" +
               text_of(one.get<Map>(), "gate") + "` alone: " + text_of(one.get<Map>(), "reason");
  const int opening = before ? before->gate.opening + 1 : 1;
  Map shown{{"opening", opening},
            {"nonce", to_hex(parts_.world->entropy.bytes(16))},
            {"title", "review of a broken glass"},
            {"message", message},
            {"broken", std::move(broken)},
            {"places", List{}},
            {"barred", std::move(barred)},
            {"breakers", List{}},
            {"require_reason", false},
            {"guarded", guarded.is<List>() ? guarded : Value(List{})}};
  shown = secrets_.body(std::move(shown));
  shown["digest"] = digest_of_parts(Map{{"store", parts_.journal->instance()}, {"run", run_}, {"shown", shown}});
  add(EventKind::gate_opened, review, opening, std::move(shown), "gate");
}

void Engine::Loop::advance_review() {
  const OpId review{std::string(review_op)};
  const OpRecord* op = history_.find(review);
  if (!op || op->gate.state != GateState::open || op->gate.votes.empty()) return;
  GateDecision decision = decide_gate(op->gate, op->gate.digest, now());
  if (decision.state != GateState::open) close_gate(review, decision);
}

Result<void> Engine::Loop::still_as_shown(const OpId& gate) {
  const Node* node = expansion_.find(gate);
  const OpRecord* op = history_.find(gate);
  if (!node || !op || op->gate.state != GateState::open) return {};  // a review shows what has happened
  std::vector<std::string> changed = changed_since_shown(*node, nullptr);
  if (changed.empty()) return {};
  std::string what;
  for (const std::string& part : changed) what += (what.empty() ? "" : ", ") + part;
  return fail(ErrorCode::refused, "this is not what the gate has shown any more; changed: " + what,
              "`muster resume " + run_ + "` shows it anew");
}

}  // namespace muster
