#include "interpreter/rehearsal/single_faults.h"

#include <algorithm>

#include "interpreter/checker/checker.h"
#include "interpreter/graph/expansion.h"

namespace muster {
namespace {

// A small generator whose draws are the same everywhere.
class Draw {
 public:
  explicit Draw(uint64_t seed) : state_(seed) {}
  uint64_t below(uint64_t limit) { return next() % limit; }

 private:
  uint64_t next() {
    state_ += 0x9E3779B97F4A7C15ull;
    uint64_t z = state_;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBull;
    return z ^ (z >> 31);
  }
  uint64_t state_;
};

class Enumeration {
 public:
  Enumeration(const StepGraph& graph, const std::vector<Action>& actions, const RunHistory& baseline)
      : actions_(actions), baseline_(baseline), expansion_(graph, baseline.in_order()) {}

  FaultList all() {
    for (const Node* node : expansion_.in_order())
      if (stands_for_others(*node)) of_node(*node);
    return std::move(out_);
  }

 private:
  // The first and the last item stand for those between them, at every level.
  bool stands_for_others(const Node& node) {
    for (const Node* at = &node; at->kind != NodeKind::playbook; at = &expansion_.at(at->parent)) {
      if (!at->is_item() || at->index == 0) continue;
      const size_t count = expansion_.count(expansion_.at(at->parent));
      if (at->index != 1 && static_cast<size_t>(at->index) != count) return false;
    }
    return true;
  }

  void add(const Node& node, bool reached, FaultKind kind, int attempts = 1) {
    Fault fault;
    fault.step = node.op.path;
    // Of a loop that was never begun the first item would be hit.
    for (size_t at = fault.step.find("[]"); at != std::string::npos; at = fault.step.find("[]", at))
      fault.step.insert(at + 1, "1");
    fault.kind = kind;
    fault.attempts = attempts;
    (reached ? out_.reached : out_.beyond).push_back(std::move(fault));
  }

  int attempts_of(const Node& node) const {
    const Boxed<Retry>* retry = &node.step->retry;
    const std::optional<Defaults>& defaults = expansion_.graph().playbook_of(node).defaults;
    if (!*retry && defaults) retry = &defaults->retry;
    if (!*retry) return 1;
    constexpr int64_t most = 1000;  // that many are all, whatever a value says
    return static_cast<int>(std::clamp<int64_t>((*retry)->attempts.known.value_or(most), 1, most));
  }

  // Once, and where it is tried again, each time.
  void each_way(const Node& node, bool reached, FaultKind kind, int attempts) {
    add(node, reached, kind);
    if (attempts > 1) add(node, reached, kind, attempts);
  }

  void of_node(const Node& node) {
    const OpRecord* record = baseline_.find(node.op);
    if (const Boxed<Approval>& gate = approval_of(expansion_.graph(), node)) {
      const bool opened = record && record->gate.opening > 0;
      add(node, opened, FaultKind::rejected);
      if (gate->expires) add(node, opened, FaultKind::expires);
    }
    if (!node.step) return;
    if (node.is_group()) {  // of a loop it is asked per item
      const bool asked = node.step->verify && node.kind != NodeKind::foreach;
      if (asked) add(node, record && record->verified, FaultKind::verify_fails);
      return;
    }
    const bool ran = record && record->attempt > 0;
    const int attempts = attempts_of(node);
    if (node.kind == NodeKind::action) of_action(node, record, ran, attempts);
    if (node.kind == NodeKind::manual && node.step->manual->expires) add(node, ran, FaultKind::expires);
    if (node.step->verify) {
      add(node, ran, FaultKind::verify_fails);  // however often it is tried
      if (node.kind == NodeKind::verify && !node.step->verify->probes.empty())
        each_way(node, ran, FaultKind::unreachable, attempts);
    }
  }

  void of_action(const Node& node, const OpRecord* record, bool ran, int attempts) {
    each_way(node, ran, FaultKind::unreachable, attempts);
    if (effect_at(node, record) == Effect::read) return;
    each_way(node, ran, FaultKind::fail_before, attempts);
    each_way(node, ran, FaultKind::fail_after, attempts);
    each_way(node, ran, FaultKind::timeout, attempts);
    add(node, ran, FaultKind::kill_before);
    add(node, ran, FaultKind::kill);
    add(node, ran, FaultKind::kill_recorded);
  }

  // As it was in the run; what did not run is judged by its text.
  Effect effect_at(const Node& node, const OpRecord* record) const {
    if (record)
      if (std::optional<Effect> recorded = effect_of(record->effect)) return *recorded;
    const ActionCall& call = node.step->actions.front();
    const Action* action = find_action(actions_, call.action.text);
    return action ? effect_of(call, *action, node.step->effect, false) : Effect::write;
  }

  const std::vector<Action>& actions_;
  const RunHistory& baseline_;
  Expansion expansion_;
  FaultList out_;
};

std::string_view words_of(FaultKind kind) {
  switch (kind) {
    case FaultKind::unreachable:
      return "nobody answers";
    case FaultKind::fail_before:
      return "fails before its effect";
    case FaultKind::fail_after:
      return "fails after its effect";
    case FaultKind::timeout:
      return "times out";
    case FaultKind::kill:
      return "killed after its effect";
    case FaultKind::corrupt:
      return "reads damaged data";
    case FaultKind::kill_before:
      return "killed before its effect";
    case FaultKind::kill_recorded:
      return "killed once it was recorded";
    case FaultKind::verify_fails:
      return "its verify fails";
    case FaultKind::rejected:
      return "its gate is rejected";
    case FaultKind::expires:
      return "nobody decides in time";
  }
  return "";
}

}  // namespace

FaultList single_faults(const StepGraph& graph, const std::vector<Action>& actions, const RunHistory& baseline) {
  return Enumeration(graph, actions, baseline).all();
}

std::vector<std::vector<Fault>> fault_pairs(const FaultList& single, size_t most, uint64_t seed) {
  std::vector<const Fault*> all;
  for (const Fault& fault : single.reached) all.push_back(&fault);
  const size_t reached = all.size();
  for (const Fault& fault : single.beyond) all.push_back(&fault);
  std::vector<std::pair<size_t, size_t>> pairs;
  for (size_t i = 0; i < reached; ++i)
    for (size_t j = i + 1; j < all.size(); ++j)
      if (all[i]->step != all[j]->step) pairs.emplace_back(i, j);
  if (pairs.size() > most) {
    Draw draw(seed);
    for (size_t i = 0; i < most; ++i) std::swap(pairs[i], pairs[i + draw.below(pairs.size() - i)]);
    pairs.resize(most);
    std::sort(pairs.begin(), pairs.end());
  }
  std::vector<std::vector<Fault>> out;
  for (const auto& [i, j] : pairs) out.push_back({*all[i], *all[j]});
  return out;
}

std::string words_of(const Fault& fault) {
  std::string out(words_of(fault.kind));
  if (fault.attempts > 1) out += ", each time";
  return out;
}

}  // namespace muster
