#include "interpreter/engine/retrying.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "interpreter/base/json.h"
#include "interpreter/graph/expansion.h"

namespace muster {
namespace {

class Carrying {
 public:
  Carrying(const StepGraph& graph, const RunHistory& history, const std::string& earlier, const OpId& from)
      : graph_(graph, history.in_order()), history_(history), earlier_(earlier), step_(graph_.find(from)) {}

  Result<std::vector<Event>> events() {
    if (!step_) return fail(ErrorCode::not_found, "the run has no such step");
    for (const Node* at = step_; at != &graph_.root(); at = &parent_of(*at)) {
      if (at->place == Place::body) continue;
      return fail(ErrorCode::invalid, "`" + step_->op.path + "` stands in a rescue, a rollback or `always`",
                  "a run is tried again from a step of its body");
    }
    for (const Node* at = step_; at != &graph_.root(); at = &parent_of(*at)) {
      for (NodeId id : at->needs) {
        if (Result<void> held = check_ground(graph_.at(id)); !held) return pass(held.error());
      }
    }
    std::vector<const Node*> kept;
    collect(graph_.root(), kept);
    std::stable_sort(kept.begin(), kept.end(),
                     [&](const Node* a, const Node* b) { return record(*a)->ended_seq < record(*b)->ended_seq; });
    return told(kept);
  }

  Result<std::vector<Event>> everything() {
    std::vector<const Node*> kept;
    bool can_undo = false;
    for (const Node* one : graph_.in_order()) {
      const Node& node = *one;
      const OpRecord* op = record(node);
      if (&node == &graph_.root() || !op || !is_carried(node)) continue;
      if (op->items) lists_.push_back(&node);
      if (op->state == StepState::in_doubt)
        return fail(ErrorCode::refused, "nobody knows what became of `" + node.op.path + "`",
                    "settle it first: `muster resolve " + earlier_ + " " + node.op.path + " ...`");
      if (!is_final(op->state)) continue;
      kept.push_back(&node);
      bool stands = op->state == StepState::succeeded || op->state == StepState::recovered ||
                    (op->state == StepState::failed && op->certainty != "none");
      can_undo = can_undo || (stands && node.undoes() && (node.is_group() ? op->entered : op->attempt > 0));
    }
    if (!can_undo && !(graph_.root().undoes() && !kept.empty()))
      return fail(ErrorCode::refused, "nothing that run " + earlier_ + " did can be undone",
                  "only steps and groups with a `rollback` can");
    std::stable_sort(kept.begin(), kept.end(),
                     [&](const Node* a, const Node* b) { return record(*a)->ended_seq < record(*b)->ended_seq; });
    return told(kept);
  }

 private:
  // What undid something runs again where that has to be undone still; `always` is of each run.
  bool is_carried(const Node& node) const {
    for (const Node* at = &node; at != &graph_.root(); at = &parent_of(*at))
      if (at->place == Place::rollback || at->place == Place::always) return false;
    return true;
  }

  std::vector<Event> told(const std::vector<const Node*>& kept) const {
    std::vector<Event> out;
    for (const Node* loop : lists_) out.push_back(list_of(*loop));
    for (const Node* node : kept)
      if (record(*node)->entered) {
        Map entered{{"entered", true}};
        if (!record(*node)->objectives.empty()) entered["objectives"] = record(*node)->objectives;
        if (record(*node)->inputs) entered["inputs"] = *record(*node)->inputs;
        out.push_back(event(EventKind::evaluated, *node, 0, std::move(entered)));
        for (const std::string& option : record(*node)->chosen)
          out.push_back(event(EventKind::evaluated, *node, 0, Map{{"chosen", option}}));
      }
    for (const Node* node : kept) out.push_back(ending(*node));
    return out;
  }

  enum class Again { unasked, asking, yes, no };

  const Node& parent_of(const Node& node) const { return graph_.at(node.parent); }
  const OpRecord* record(const Node& node) const { return history_.find(node.op); }
  bool holds(const Node& outer) const {
    for (const Node* at = step_; at != &graph_.root(); at = &parent_of(*at))
      if (at == &outer) return true;
    return &outer == &graph_.root();
  }
  bool is_above(const Node& node) const { return &node != step_ && holds(node); }

  bool ended_well(const Node& node) const {
    const OpRecord* op = record(node);
    if (!op) return false;
    switch (op->state) {
      case StepState::succeeded:
      case StepState::already_done:
      case StepState::skipped:
      case StepState::recovered:
        return true;
      case StepState::failed:
        return op->passed;
      default:
        return false;
    }
  }
  // The first node at or beneath this one whose effect does not stand.
  const Node* undone_in(const Node& node) {
    const OpRecord* op = record(node);
    if (op && (op->rolled_back || op->state == StepState::rolled_back || op->state == StepState::in_doubt))
      return &node;
    for (NodeId id : graph_.body_of(node))
      if (const Node* inner = undone_in(graph_.at(id))) return inner;
    return nullptr;
  }

  // A step that has left something to its group.
  const Node* left_within(const Node& node) {
    const OpRecord* op = record(node);
    if (op && op->had_left_to_group) return &node;
    if (node.kind == NodeKind::foreach)
      for (NodeId id : graph_.body_of(node))
        if (const Node* item = &graph_.at(id); !item->is_group() && left_within(*item)) return &node;
    return nullptr;
  }
  // Whether it is the step, or comes after it.
  bool runs_again(const Node& node) {
    Again& known = again_[node.id.index];  // the address stays
    if (known == Again::yes || known == Again::no) return known == Again::yes;
    if (known == Again::asking) return false;
    known = Again::asking;
    bool again = &node == step_;
    for (NodeId id : node.needs) again = again || runs_again(graph_.at(id)) || is_above(graph_.at(id));
    if (!again && &node != &graph_.root() && !is_above(parent_of(node))) again = runs_again(parent_of(node));
    again_[node.id.index] = again ? Again::yes : Again::no;
    return again;
  }

  Result<void> check_ground(const Node& node) {
    if (!ground_.insert(node.id.index).second) return {};
    for (NodeId id : node.needs)
      if (Result<void> held = check_ground(graph_.at(id)); !held) return held;
    const Node* undone = undone_in(node);
    if (!undone && ended_well(node)) {
      const Node* left = left_within(node);
      const Node* group = &parent_of(node);
      while (group->kind == NodeKind::foreach) group = &parent_of(*group);
      if (!left || !holds(*group)) return {};
      return fail(ErrorCode::refused,
                  "what `" + left->op.path + "` left running for `" + step_->op.path + "` has ended with its group",
                  "try again from `" + left->op.path + "`");
    }
    const Node& first = undone ? *undone : node;
    const OpRecord* op = record(first);
    std::string state = op ? std::string(name_of(op->state)) : "pending";
    std::replace(state.begin(), state.end(), '_', ' ');
    return fail(ErrorCode::refused, "`" + step_->op.path + "` builds on `" + first.op.path + "`, which is " + state,
                "try again from `" + first.op.path + "`");
  }

  void collect(const Node& group, std::vector<const Node*>& kept) {
    // Items keep their places: what was carried over and what runs again stand in the same list.
    if (group.kind == NodeKind::foreach && record(group) && record(group)->items) lists_.push_back(&group);
    for (NodeId id : graph_.body_of(group)) {
      const Node& node = graph_.at(id);
      if (is_above(node)) {
        collect(node, kept);
      } else if (!runs_again(node) && ended_well(node) && !undone_in(node)) {
        keep(node, kept);
      }
    }
  }
  void keep(const Node& node, std::vector<const Node*>& kept) {
    const OpRecord* op = record(node);
    if (!op || !is_final(op->state)) return;
    kept.push_back(&node);
    if (node.kind == NodeKind::foreach && op->items) lists_.push_back(&node);
    for (NodeId id : graph_.body_of(node)) keep(graph_.at(id), kept);
  }

  static Event event(EventKind kind, const Node& node, int attempt, Map body) {
    Event out;
    out.kind = kind;
    out.kind_text = std::string(name_of(kind));
    out.op = node.op;
    out.attempt = attempt;
    out.body = encode_value(Value(std::move(body)));
    return out;
  }
  Event ending(const Node& node) const {
    const OpRecord& op = *record(node);
    const std::string& origin = op.carried_from.empty() ? earlier_ : op.carried_from;
    Map body{{"state", std::string(name_of(op.state))}, {"carried_from", origin}};
    if (op.attempt == 0 && !node.is_group()) {
      body["reason"] = "as in run " + origin;
      return event(EventKind::skipped, node, 0, std::move(body));
    }
    if (op.result) body["result"] = *op.result;
    if (op.error) body["error"] = *op.error;
    if (op.passed) body["passed"] = true;
    if (!op.effect.empty()) body["effect"] = op.effect;
    if (!node.is_group()) body["notes"] = List{Value("done in run " + origin)};
    return event(EventKind::outcome, node, op.attempt, std::move(body));
  }

  Event list_of(const Node& loop) const {
    const OpRecord& op = *record(loop);
    return event(EventKind::evaluated, loop, 0,
                 Map{{"foreach", *op.items}, {"max_failures", op.max_failures}, {"max_parallel", op.max_parallel}});
  }

  Expansion graph_;
  const RunHistory& history_;
  const std::string& earlier_;
  const Node* step_;
  std::unordered_map<uint32_t, Again> again_;
  std::vector<const Node*> lists_;  // that stay as they were, outer ones first
  std::set<uint32_t> ground_;
};

}  // namespace

Result<std::vector<Event>> carry_all(const StepGraph& graph, const RunHistory& history, const std::string& earlier) {
  return Carrying(graph, history, earlier, graph.root().op).everything();
}

Result<std::vector<Event>> carry_over(const StepGraph& graph, const RunHistory& history, const std::string& earlier,
                                      const OpId& from) {
  return Carrying(graph, history, earlier, from).events();
}

}  // namespace muster
