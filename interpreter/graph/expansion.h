// The nodes of one run: those of its graph, and one copy of a `foreach`'s body for each item of its list.
//
// The graph is const and knows no list; a list becomes known in the run, by an event. Items are made when they are
// first asked for, so that a long list costs little before its turn comes. Nodes never move.
// Units:  items count from 1. Ids of copies follow those of the graph.
// Errors: none; an item outside of its list is our own mistake (assert).
// Source: docs/language.md, "foreach"; base/op_id.h for the names.
#pragma once

#include <deque>
#include <unordered_map>
#include <vector>

#include "interpreter/graph/step_graph.h"

namespace muster {

class Expansion {
 public:
  explicit Expansion(const StepGraph& graph) : graph_(&graph) {}
  // With the lists that the journal knows: records with `op` and `items`, in the order of their events.
  template <class Records>
  Expansion(const StepGraph& graph, const Records& records) : graph_(&graph) {
    expand_all(records);
  }

  [[nodiscard]] const StepGraph& graph() const { return *graph_; }
  [[nodiscard]] const Node& root() const { return graph_->root(); }
  [[nodiscard]] const Node& at(NodeId id) const {
    size_t own = graph_->nodes().size();
    return id.index < own ? graph_->at(id) : copies_[id.index - own];
  }
  [[nodiscard]] size_t size() const { return graph_->nodes().size() + copies_.size(); }

  // The list of this `foreach` has so many items. Said again it changes nothing.
  void expand(const Node& loop, size_t count);
  template <class Records>
  void expand_all(const Records& records) {
    for (const auto* record : records) {
      const Node* loop = record->items ? find(record->op) : nullptr;
      if (loop) expand(*loop, record->items->size());
    }
  }
  [[nodiscard]] bool is_expanded(const Node& loop) const { return items_.count(loop.id.index) > 0; }
  [[nodiscard]] size_t count(const Node& loop) const;  // 0 before the list is known
  [[nodiscard]] const Node& item(const Node& loop, size_t index);
  [[nodiscard]] static OpId op_of_item(const Node& loop, size_t index) {
    return {loop.op.path + "[" + std::to_string(index) + "]"};
  }

  // A node by its op, `bulk/users[17]/stop`; nullptr where there is none in this run.
  [[nodiscard]] const Node* find(const OpId& op);
  // What stands beneath a group; of a `foreach` all of its items.
  [[nodiscard]] std::vector<NodeId> body_of(const Node& group);
  // A node of the graph as `reader` sees it: in its own item, where it stands in one; a `foreach` that the reader is an
  // item of is that item.
  [[nodiscard]] const Node& as_seen_by(const Node& reader, const Node& target) const;
  // All nodes that can run, in the order of the playbook, items in that of their list.
  [[nodiscard]] std::vector<const Node*> in_order();

 private:
  void append(uint32_t begin, uint32_t end, std::vector<const Node*>& out);

  const StepGraph* graph_;
  std::deque<Node> copies_;
  std::unordered_map<uint32_t, std::vector<uint32_t>> items_;  // of a `foreach`; 0: not made yet
};

}  // namespace muster
