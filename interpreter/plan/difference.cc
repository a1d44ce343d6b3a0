#include "interpreter/plan/difference.h"

#include <algorithm>
#include <map>
#include <set>
#include <unordered_map>

#include "interpreter/checker/checker.h"
#include "interpreter/plan/printed.h"

namespace muster {
namespace {

using Keys = std::map<std::string, std::string, std::less<>>;

// What a node is called in both versions.
std::string identity_of(const Node& node) {
  if (node.scope != 0) return node.op.path;  // ids of called playbooks are their own
  if (node.phase && node.phase->id) return "phase " + node.phase->id->text;
  if (node.step && node.step->id) return "step " + node.step->id->text;
  return node.op.path;
}

class Side {
 public:
  Side(const ComparedVersion& version, const std::vector<Action>& actions) : version_(version), actions_(actions) {
    for (const Node& node : graph().nodes())
      if (!node.is_item()) by_identity_.emplace(identity_of(node), &node);
  }
  const StepGraph& graph() const { return version_.graph; }
  const Node* find(const std::string& identity) const {
    auto it = by_identity_.find(identity);
    return it == by_identity_.end() ? nullptr : it->second;
  }
  Keys keys_of(const Node& node) const {
    Keys keys;
    std::vector<PrintedKey> list = node.step    ? printed_keys(*node.step, version_.files)
                                   : node.phase ? printed_keys(*node.phase, version_.files)
                                                : printed_keys(graph().playbook_of(node), version_.files);
    for (PrintedKey& key : list) keys[std::string(key.key)] = std::move(key.text);
    return keys;
  }
  Keys keys_of(const Approval& approval) const {
    Keys keys;
    for (PrintedKey& key : printed_keys(approval, version_.files)) keys[std::string(key.key)] = std::move(key.text);
    return keys;
  }
  std::optional<Effect> effect_of_node(const Node& node) const {
    if (!node.step || node.step->actions.empty()) return std::nullopt;
    const ActionCall& call = node.step->actions.front();
    const Action* action = find_action(actions_, call.action.text);
    if (!action) return std::nullopt;
    return effect_of(call, *action, node.step->effect, false);
  }
  const Boxed<Approval>& gate_of(const Node& node) const { return approval_of(graph(), node); }
  // The nearest gate that it stands behind, itself included.
  const Node* gate_above(const Node& node) const {
    for (const Node* at = &node;; at = &graph().at(at->parent)) {
      if (gate_of(*at)) return at;
      if (at->kind == NodeKind::playbook) return nullptr;
    }
  }

 private:
  const ComparedVersion& version_;
  const std::vector<Action>& actions_;
  std::unordered_map<std::string, const Node*> by_identity_;
};

std::vector<std::string> steps_of(const StepGraph& graph, const std::vector<NodeId>& list) {
  std::vector<std::string> out;
  for (NodeId id : list) out.push_back(identity_of(graph.at(id)));
  return out;
}

// How many people must agree at least.
int64_t people_needed(const Approval& approval) {
  int64_t count = 0;
  for (const Requirement& requirement : approval.approvers) count += requirement.count;
  return count;
}

std::set<std::string> people_in(const Approval& approval) {
  std::set<std::string> people;
  for (const Requirement& requirement : approval.approvers)
    for (const Approver& approver : requirement.of)
      people.insert((approver.kind == Approver::Kind::group ? "group:" : "user:") + approver.name);
  return people;
}

class Comparison {
 public:
  Comparison(const ComparedVersion& before, const ComparedVersion& after, const std::vector<Action>& actions)
      : before_(before, actions), after_(after, actions) {}

  std::vector<Change> run() {
    for (const Node& node : after_.graph().nodes()) {
      if (node.is_item()) continue;  // a `foreach` and its item are one step
      const Node* earlier = before_.find(identity_of(node));
      if (!earlier) {
        added(node);
      } else {
        compare(*earlier, node);
      }
    }
    for (const Node& node : before_.graph().nodes())
      if (!node.is_item() && !after_.find(identity_of(node))) removed(node);
    find_moves();
    std::stable_sort(changes_.begin(), changes_.end(),
                     [](const Change& a, const Change& b) { return is_weaker(a.kind) && !is_weaker(b.kind); });
    return std::move(changes_);
  }

 private:
  void tell(ChangeKind kind, const Node& node, std::string what, std::string before = {}, std::string after = {}) {
    changes_.push_back({kind, node.op.path, std::move(what), std::move(before), std::move(after)});
  }

  static std::string described(const Side& side, const Node& node) {
    if (node.phase) return "phase";
    if (node.kind == NodeKind::called) return "called playbook";
    std::string out = node.step->actions.empty() ? "step" : node.step->actions.front().action.text;
    if (std::optional<Effect> effect = side.effect_of_node(node)) out += ", " + std::string(name_of(*effect));
    return out;
  }

  void added(const Node& node) {
    tell(ChangeKind::step_added, node, described(after_, node));
    std::optional<Effect> effect = after_.effect_of_node(node);
    if (effect == Effect::destructive && !after_.gate_above(node))
      tell(ChangeKind::effect_widened, node, "a new destructive step without a gate in front of it", "",
           std::string(name_of(*effect)));
  }

  void removed(const Node& node) {
    tell(ChangeKind::step_removed, node, described(before_, node));
    if (before_.gate_of(node)) tell(ChangeKind::gate_removed, node, "the gate went with what it stood before");
  }

  void compare(const Node& from, const Node& to) {
    compare_gates(from, to);
    compare_effects(from, to);
    if (from.step && to.step) compare_verifies(from, to);
    compare_rollbacks(from, to);
    compare_keys(from, to);
  }

  void compare_gates(const Node& from, const Node& to) {
    const Boxed<Approval>& old_gate = before_.gate_of(from);
    const Boxed<Approval>& new_gate = after_.gate_of(to);
    if (old_gate && !new_gate) {
      tell(ChangeKind::gate_removed, to, "nobody is asked here any more", "approvers: " + approvers(*old_gate));
    } else if (!old_gate && new_gate) {
      tell(ChangeKind::gate_added, to, "somebody is asked first", "", "approvers: " + approvers(*new_gate));
    } else if (old_gate && new_gate) {
      compare_rules(*old_gate, *new_gate, to);
    }
    std::optional<Effect> effect = after_.effect_of_node(to);
    if (effect && *effect != Effect::read && before_.gate_above(from) && !after_.gate_above(to))
      tell(ChangeKind::unguarded, to,
           "no gate stands in front of this " + std::string(name_of(*effect)) + " step any more",
           before_.gate_above(from)->op.path, "");
  }

  static std::string approvers(const Approval& approval) {
    return approval.approvers.empty() ? "anybody" : printed(approval.approvers);
  }

  static bool prevents_self_approval(const Approval& approval) {
    return approval.prevent_self_approval.value_or(!approval.approvers.empty());
  }

  void compare_rules(const Approval& from, const Approval& to, const Node& node) {
    const size_t known = changes_.size();
    auto weaker = [&](const std::string& what, std::string before, std::string after) {
      tell(ChangeKind::gate_weakened, node, what, std::move(before), std::move(after));
    };
    if (people_needed(to) < people_needed(from)) weaker("fewer people must agree", approvers(from), approvers(to));
    std::set<std::string> old_people = people_in(from), new_people = people_in(to);
    std::vector<std::string> more;
    std::set_difference(new_people.begin(), new_people.end(), old_people.begin(), old_people.end(),
                        std::back_inserter(more));
    if (!from.approvers.empty() && to.approvers.empty()) {
      if (known == changes_.size()) weaker("anybody may decide", approvers(from), approvers(to));
    } else if (!from.approvers.empty() && !more.empty()) {
      weaker("others may decide, too", approvers(from), approvers(to));
    }
    if (prevents_self_approval(from) && !prevents_self_approval(to))
      weaker("whoever started the run may approve it", "prevent_self_approval: true", "prevent_self_approval: false");
    if (from.require_reason && !to.require_reason)
      weaker("a decision needs no reason any more", "require_reason: true", "require_reason: false");
    if (from.expires && !to.expires) weaker("it never expires", printed(from.expires->text), "");
    if (from.expires && to.expires && from.expires->known && to.expires->known &&
        from.expires->known->us < to.expires->known->us)
      weaker("it stays open longer", printed(from.expires->text), printed(to.expires->text));
    if (changes_.size() > known) return;
    Keys old_keys = before_.keys_of(from), new_keys = after_.keys_of(to);
    if (old_keys.contains("evidence") && !new_keys.contains("evidence"))
      weaker("its evidence is gone", old_keys["evidence"], "");
    each_difference(old_keys, new_keys, [&](const std::string& key, const std::string& a, const std::string& b) {
      if (key != "evidence" || !a.empty()) tell(ChangeKind::gate_changed, node, key, a, b);
    });
  }

  void compare_effects(const Node& from, const Node& to) {
    std::optional<Effect> old_effect = before_.effect_of_node(from), new_effect = after_.effect_of_node(to);
    if (!new_effect || old_effect == new_effect) return;
    std::string was = old_effect ? std::string(name_of(*old_effect)) : "none";
    bool wider =
        !old_effect ? *new_effect != Effect::read : static_cast<int>(*new_effect) > static_cast<int>(*old_effect);
    tell(wider ? ChangeKind::effect_widened : ChangeKind::effect_narrowed, to,
         wider ? "it may change more than it did" : "it changes less than it did", was,
         std::string(name_of(*new_effect)));
  }

  static std::string probes(const Verify& verify) {
    std::string out;
    for (const ActionCall& call : verify.probes) out += printed(call);
    return out;
  }

  void compare_verifies(const Node& from, const Node& to) {
    const Boxed<Verify>&old_verify = from.step->verify, &new_verify = to.step->verify;
    if (!old_verify && !new_verify) return;
    if (!new_verify) return tell(ChangeKind::verify_removed, to, "its result is not checked any more");
    if (!old_verify) return tell(ChangeKind::verify_added, to, "its result is checked");
    std::set<std::string> old_claims, new_claims;
    for (const Claim& claim : old_verify->that) old_claims.insert(claim.that.text);
    for (const Claim& claim : new_verify->that) new_claims.insert(claim.that.text);
    for (const Claim& claim : old_verify->that)
      if (!new_claims.contains(claim.that.text))
        tell(ChangeKind::verify_weakened, to, "a claim is gone", claim.that.text, "");
    for (const Claim& claim : new_verify->that)
      if (!old_claims.contains(claim.that.text))
        tell(ChangeKind::verify_changed, to, "a claim is new", "", claim.that.text);
    std::string asked = probes(*old_verify), asks = probes(*new_verify);
    if (asked != asks)
      tell(asks.empty() ? ChangeKind::verify_weakened : ChangeKind::verify_changed, to,
           asks.empty() ? "it asks nobody any more" : "it asks something else", asked, asks);
    auto text = [](const std::optional<DurationText>& duration) { return duration ? printed(duration->text) : ""; };
    for (auto [key, a, b] : {std::tuple{"within", text(old_verify->within), text(new_verify->within)},
                             std::tuple{"every", text(old_verify->every), text(new_verify->every)}})
      if (a != b) tell(ChangeKind::verify_changed, to, key, a, b);
  }

  void compare_rollbacks(const Node& earlier, const Node& later) {
    auto what_runs = [](const Side& side, const Node& node) -> const Node& {
      return node.kind == NodeKind::foreach ? side.graph().at(node.body.front()) : node;
    };
    const Node& from = what_runs(before_, earlier);
    const Node& to = what_runs(after_, later);
    if (from.undoes() && !to.undoes()) {
      tell(ChangeKind::rollback_lost, later, "it is not undone any more", from.rollback_automatic ? "auto" : "steps",
           "");
    } else if (!from.undoes() && to.undoes()) {
      tell(ChangeKind::rollback_added, later, "it can be undone", "", to.rollback_automatic ? "auto" : "steps");
    } else if (from.rollback_automatic != to.rollback_automatic) {
      tell(ChangeKind::rollback_changed, later, "it is undone in another way",
           from.rollback_automatic ? "auto" : "steps", to.rollback_automatic ? "auto" : "steps");
    } else if (to.rollback.size() < from.rollback.size()) {
      tell(ChangeKind::rollback_changed, later, "fewer steps undo it", std::to_string(from.rollback.size()),
           std::to_string(to.rollback.size()));
    }
  }

  template <class F>
  static void each_difference(const Keys& from, const Keys& to, F f) {
    static const std::string nothing;
    for (const auto& [key, text] : from) {
      auto it = to.find(key);
      if (it == to.end() || it->second != text) f(key, text, it == to.end() ? nothing : it->second);
    }
    for (const auto& [key, text] : to)
      if (!from.contains(key)) f(key, nothing, text);
  }

  void compare_keys(const Node& from, const Node& to) {
    each_difference(before_.keys_of(from), after_.keys_of(to),
                    [&](const std::string& key, const std::string& a, const std::string& b) {
                      if (key == "approval" || key == "rollback" || (key == "verify" && to.step && from.step)) return;
                      tell(ChangeKind::changed, to, key, a, b);
                    });
  }

  // Steps that are in both versions: in another group, or before a step that they stood behind.
  void find_moves() {
    for (const Node& node : after_.graph().nodes()) {
      if (node.is_item()) continue;  // a `foreach` and its item are one step
      const Node* earlier = before_.find(identity_of(node));
      if (!earlier || node.kind == NodeKind::playbook) continue;
      std::string was = identity_of(before_.graph().at(earlier->parent)),
                  is = identity_of(after_.graph().at(node.parent));
      if (was != is || earlier->place != node.place)
        tell(ChangeKind::step_moved, node, "it stands elsewhere", earlier->op.path, node.op.path);
      for (auto list : {&Node::body, &Node::rescue, &Node::rollback, &Node::always})
        find_reordered(*earlier, node, list);
    }
    for (auto list : {&Node::body, &Node::rescue, &Node::rollback, &Node::always})
      find_reordered(before_.graph().root(), after_.graph().root(), list);
  }

  // Of the children that both have, those outside the longest run that kept its order have moved.
  void find_reordered(const Node& from, const Node& to, std::vector<NodeId> Node::*list) {
    std::vector<std::string> old_order = steps_of(before_.graph(), from.*list);
    std::unordered_map<std::string, size_t> places;
    for (size_t i = 0; i < old_order.size(); ++i) places.emplace(old_order[i], i);
    std::vector<size_t> order;  // old places, in the new order
    std::vector<NodeId> nodes;
    for (NodeId id : to.*list) {
      auto place = places.find(identity_of(after_.graph().at(id)));
      if (place == places.end()) continue;
      order.push_back(place->second);
      nodes.push_back(id);
    }
    if (std::is_sorted(order.begin(), order.end())) return;
    std::vector<size_t> tails, previous(order.size());  // the longest ascending run, by its least last members
    constexpr size_t none = static_cast<size_t>(-1);
    for (size_t i = 0; i < order.size(); ++i) {
      auto at =
          std::lower_bound(tails.begin(), tails.end(), i, [&](size_t a, size_t b) { return order[a] < order[b]; });
      previous[i] = at == tails.begin() ? none : *(at - 1);
      if (at == tails.end()) {
        tails.push_back(i);
      } else {
        *at = i;
      }
    }
    std::vector<bool> kept(order.size());
    for (size_t at = tails.back(); at != none; at = previous[at]) kept[at] = true;
    for (size_t i = 0; i < order.size(); ++i) {
      if (kept[i]) continue;
      const Node& node = after_.graph().at(nodes[i]);
      tell(ChangeKind::step_moved, node, "it comes at another time",
           order[i] == 0 ? "first" : "after " + last_name(old_order[order[i] - 1]),
           i == 0 ? "first" : "after " + last_name(identity_of(after_.graph().at(nodes[i - 1]))));
    }
  }
  static std::string last_name(const std::string& identity) { return identity.substr(identity.find(' ') + 1); }

  Side before_, after_;
  std::vector<Change> changes_;
};

}  // namespace

std::string_view name_of(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::gate_removed:
      return "gate removed";
    case ChangeKind::gate_weakened:
      return "gate weakened";
    case ChangeKind::gate_added:
      return "gate added";
    case ChangeKind::gate_changed:
      return "gate changed";
    case ChangeKind::unguarded:
      return "unguarded";
    case ChangeKind::effect_widened:
      return "effect widened";
    case ChangeKind::effect_narrowed:
      return "effect narrowed";
    case ChangeKind::verify_removed:
      return "verify removed";
    case ChangeKind::verify_weakened:
      return "verify weakened";
    case ChangeKind::verify_added:
      return "verify added";
    case ChangeKind::verify_changed:
      return "verify changed";
    case ChangeKind::rollback_lost:
      return "rollback lost";
    case ChangeKind::rollback_added:
      return "rollback added";
    case ChangeKind::rollback_changed:
      return "rollback changed";
    case ChangeKind::step_added:
      return "added";
    case ChangeKind::step_removed:
      return "removed";
    case ChangeKind::step_moved:
      return "moved";
    case ChangeKind::changed:
      return "changed";
  }
  return "";
}

bool is_weaker(ChangeKind kind) {
  switch (kind) {
    case ChangeKind::gate_removed:
    case ChangeKind::gate_weakened:
    case ChangeKind::unguarded:
    case ChangeKind::effect_widened:
    case ChangeKind::verify_removed:
    case ChangeKind::verify_weakened:
    case ChangeKind::rollback_lost:
      return true;
    default:
      return false;
  }
}

std::vector<Change> differences(const ComparedVersion& before, const ComparedVersion& after,
                                const std::vector<Action>& actions) {
  return Comparison(before, after, actions).run();
}

std::string text_of(const std::vector<Change>& changes, const ComparedVersion& before, const ComparedVersion& after) {
  if (changes.empty()) return before.name + " and " + after.name + " say the same\n";
  std::string out = "from " + before.name + "\nto   " + after.name + "\n";
  bool told_weaker = false, told_others = false;
  for (const Change& change : changes) {
    bool& told = is_weaker(change.kind) ? told_weaker : told_others;
    if (!told) out += is_weaker(change.kind) ? "\nless safe than before:\n" : "\nother changes:\n";
    told = true;
    out += "  " + std::string(name_of(change.kind)) + "  " + change.path +
           (change.what.empty() ? "" : "  " + change.what) + "\n";
    auto side = [&](const char* mark, const std::string& text) {
      for (size_t at = 0; at < text.size();) {
        size_t end = std::min(text.find('\n', at), text.size());
        out += std::string("    ") + mark + " " + text.substr(at, end - at) + "\n";
        at = end + 1;
      }
    };
    side("-", change.before);
    side("+", change.after);
  }
  return out;
}

Value value_of(const std::vector<Change>& changes, const ComparedVersion& before, const ComparedVersion& after) {
  List rows;
  for (const Change& change : changes)
    rows.push_back(Map{{"kind", name_of(change.kind)},
                       {"path", change.path},
                       {"what", change.what},
                       {"less_safe", is_weaker(change.kind)},
                       {"before", change.before.empty() ? Value() : Value(change.before)},
                       {"after", change.after.empty() ? Value() : Value(change.after)}});
  return Map{{"before", before.name}, {"after", after.name}, {"changes", std::move(rows)}};
}

}  // namespace muster
