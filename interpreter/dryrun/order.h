// Which changes may stand before a node: in a run its turn may come after them, whatever the order in which a dry run
// goes through its steps.
//
// Errors: none.
#pragma once

#include <vector>

#include "interpreter/graph/step_graph.h"

namespace muster {

class StepOrder {
 public:
  explicit StepOrder(const StepGraph& graph);
  // False: every two steps of the graph have an order, that of the file.
  [[nodiscard]] bool has_freedom() const { return has_freedom_; }
  // Whether `first` has certainly ended, or is passed over, when `second` begins. Both are nodes of the graph.
  [[nodiscard]] bool is_before(const Node& first, const Node& second) const;

 private:
  const StepGraph& graph_;
  bool has_freedom_ = false;
};

}  // namespace muster
