// Who is told that a gate waits. What the channels answered is an audit entry; no run fails because of it.
#include "interpreter/base/digest.h"
#include "interpreter/engine/loop.h"

namespace muster {

void Engine::Loop::tell_of_gate(const Node& node) {
  const std::vector<Name>& channels = approval_of(*parts_.graph, node)->notify;
  const GateRecord& gate = record(node).gate;
  NodeRun& run = run_of(node);
  if (channels.empty() || gate.told || run.telling) return;
  run.telling = true;
  Message message;
  const std::string playbook = text_of(history_.created, "playbook");
  message.text = playbook + " waits at gate " + node.op.path;
  if (std::string said = text_of(gate.shown, "message"); !said.empty()) message.text += ": " + said;
  std::string who;
  for (const RulesOfGate::Place& place : rules_of(gate).places)
    who += (who.empty() ? "" : ", and ") + std::to_string(place.count) + " of " + place.label;
  message.fields = {{"gate", node.op.path},
                    {"approvers", who.empty() ? std::string("anybody") : who},
                    {"digest", gate.digest},
                    {"look", "muster gates " + run_}};
  if (gate.expires_at) message.fields["expires_at"] = to_text(*gate.expires_at);
  message.run = run_;
  message.playbook = playbook;
  message.key = sha256_hex(run_ + "\n" + node.op.path + "\n" + std::to_string(gate.opening));
  std::vector<std::string> names;
  for (const Name& channel : channels) names.push_back(channel.text);
  after_commit_.push_back([this, names, message, id = node.id, opening = gate.opening] {
    ++in_flight_;  // only what was really started is waited for
    parts_.executor->start([this, names, message, id, opening] {
      auto answers = std::make_shared<Map>();
      for (const std::string& name : names) {
        Result<void> told = parts_.world->channels
                                ? parts_.world->channels->tell(name, message, {})
                                : Result<void>(fail(ErrorCode::not_found, "there are no channels here"));
        (*answers)[name] = told ? std::string("told") : told.error().message;
      }
      parts_.executor->post([this, answers, id, opening] {
        completed_.push_back([this, answers, id, opening] {
          --in_flight_;
          const Node& gate_node = expansion_.at(id);
          run_of(gate_node).telling = false;
          if (broken_ || stopping_ || history_.ended) return;
          add(EventKind::audit, gate_node.op, opening,
              Map{{"event", "gate_told"}, {"told_of_gate", true}, {"fields", std::move(*answers)}});
        });
      });
    });
  });
}

}  // namespace muster
