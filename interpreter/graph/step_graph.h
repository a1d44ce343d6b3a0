// Who waits for whom: a playbook as nodes with their edges. Built once, then const; no run state lives here.
//
// Units:  NodeId is an index into the graph; node 0 is the playbook itself.
// Errors: none: only a playbook that was checked is built, so dangling edges are our own mistakes (assert).
// Source: docs/language.md, "Ground rules" 5 and 6; base/op_id.h for the names.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "interpreter/base/op_id.h"
#include "interpreter/language/playbook.h"

namespace muster {

// The way of building graphs; a run is refused by an interpreter that builds another.
inline constexpr int kGraphVersion = 1;

struct NodeId {
  uint32_t index = 0;
  friend bool operator==(NodeId, NodeId) = default;
};

// `call` holds one node, `called`: the playbook that it runs. `choose` holds its options.
enum class NodeKind {
  playbook,
  phase,
  group,
  foreach,
  action,
  verify,
  set,
  fail,
  wait,
  audit,
  call,
  called,
  choose,
  option,
  manual
};

// Which list of its group a node stands in.
enum class Place { body, rescue, rollback, always, before };
[[nodiscard]] std::string_view name_of(Place place);

struct Node {
  NodeId id;
  NodeKind kind = NodeKind::action;
  Place place = Place::body;
  OpId op;
  NodeId parent;                 // of the playbook: itself
  uint32_t scope = 0;            // whose names it reads: an index into StepGraph::scopes
  const Step* step = nullptr;    // of all but playbook and phase
  const Phase* phase = nullptr;  // of a phase
  std::vector<NodeId> needs;     // siblings or earlier steps that must have ended
  std::vector<NodeId> body;      // of groups, in file order
  std::vector<NodeId> rescue;    // of groups, and of steps that have one
  std::vector<NodeId> rollback;  // steps that undo this node, in order
  bool rollback_automatic = false;
  std::vector<NodeId> always;  // of groups
  std::vector<std::vector<NodeId>>
      before;  // of a step with `retry`: what runs before its second attempt, its third ...
  // A `foreach` has one node in its body, its item: what the step does, with all its keys but `needs`, `approval`,
  // `foreach` and a `when` that does not name the item. Expansion makes one of it for each value of the list.
  NodeId item;        // the innermost item that it stands in, an item's own id; the playbook's: in none
  NodeId origin;      // the node of the graph that it was made from; itself
  uint32_t end = 0;   // one behind the last node beneath it
  int64_t index = 0;  // of an item: its place in the list, from 1; 0: it stands for all of them

  [[nodiscard]] bool is_group() const {
    switch (kind) {
      case NodeKind::playbook:
      case NodeKind::phase:
      case NodeKind::group:
      case NodeKind::foreach:
      case NodeKind::call:
      case NodeKind::called:
      case NodeKind::choose:
      case NodeKind::option:
        return true;
      default:
        return false;
    }
  }
  [[nodiscard]] bool is_item() const { return id.index != 0 && item == id; }
  [[nodiscard]] bool undoes() const { return rollback_automatic || !rollback.empty(); }
};

// A playbook's own world of names: inputs, connections, secrets, defaults, ids. Scope 0 is the run's playbook.
struct Scope {
  const Playbook* playbook = nullptr;
  NodeId top;          // the node of the playbook
  uint32_t outer = 0;  // the scope of whoever calls it
  std::unordered_map<std::string, NodeId> steps;
};

class StepGraph {
 public:
  explicit StepGraph(std::shared_ptr<const Playbook> playbook);
  [[nodiscard]] const Playbook& playbook() const { return *playbook_; }
  [[nodiscard]] const Playbook& playbook_of(const Node& node) const { return *scopes_[node.scope].playbook; }
  [[nodiscard]] const std::vector<Scope>& scopes() const { return scopes_; }
  [[nodiscard]] const std::vector<Node>& nodes() const { return nodes_; }
  [[nodiscard]] const Node& at(NodeId id) const { return nodes_[id.index]; }
  [[nodiscard]] const Node& root() const { return nodes_.front(); }
  [[nodiscard]] const Node* find(const OpId& op) const;  // of an item, `users[17]/stop`: what stands for all of them
  // By the step's own id, among the steps of one playbook.
  [[nodiscard]] const Node* find_step(std::string_view id, uint32_t scope = 0) const;
  // Steps between attempts are there once for each of them: a reader among them sees those of its own attempt.
  [[nodiscard]] const Node& as_seen_by(const Node& reader, const Node& target) const;
  [[nodiscard]] const Node* find_phase(std::string_view id) const;
  // Over the version of the graph, the files' digests and every node with its edges: what a run is frozen to.
  [[nodiscard]] std::string digest(const std::vector<std::string>& file_digests) const;

 private:
  NodeId add(Node node);
  // `base` by value: it may stand in a node that moves when one is added.
  void add_steps(NodeId parent, const std::vector<Step>& steps, Place place, OpId base, bool parallel,
                 std::vector<NodeId>& out);
  void add_group(NodeId id, const Group& group, OpId base);
  void add_playbook(NodeId top, const Playbook& playbook);
  void add_call(NodeId id, const Call& call);
  void add_options(NodeId id, const Choose& choose);
  void resolve_needs();

  std::shared_ptr<const Playbook> playbook_;
  std::vector<Node> nodes_;
  std::unordered_map<std::string, NodeId> by_op_;
  std::vector<Scope> scopes_;
  std::unordered_map<std::string, NodeId> by_phase_;
};

// The parts of a node that every group and step has, wherever they stand in the language's structs.
// Of a step with `foreach`, node and item share it: each key belongs to one of them.
[[nodiscard]] const Boxed<Approval>& approval_of(const StepGraph& graph, const Node& node);
// Whether the expression reads the step's `foreach` item, or its index.
[[nodiscard]] bool names_item(const Step& step, const Expression& expression);
[[nodiscard]] const std::optional<Expression>* when_of(const Node& node);  // nullptr: the playbook has none
[[nodiscard]] const std::optional<DurationText>& timeout_of(const StepGraph& graph, const Node& node);
[[nodiscard]] const std::vector<Output>& outputs_of(const StepGraph& graph, const Node& node);
// The title as text for people, where it has no `${{ }}`; otherwise the last name of its path.
[[nodiscard]] std::string label_of(const Node& node);

}  // namespace muster
