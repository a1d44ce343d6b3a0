// Where the expressions of a plan get their values: inputs are known, what a step will find is not.
//
// Errors: none of its own; whatever only the run can tell is Unknown and says when it will be known.
#pragma once

#include <deque>

#include "interpreter/checker/arguments.h"
#include "interpreter/expression/evaluate.h"
#include "interpreter/graph/step_graph.h"

namespace muster {

class Outlook final : public Environment {
 public:
  Outlook(const Playbook& playbook, const Map& inputs) : playbook_(playbook), inputs_(inputs) {}

  tl::expected<Found, std::string> find(std::span<const std::string> path) const override;
  // Expressions that ask for the time are never evaluated here.
  Timestamp now() const override { return {}; }

  [[nodiscard]] tl::expected<Value, Diagnostic> value_of(const Expression& expression) const;
  // Text around a value that is not known yet stays readable: `Replace it by (known after points)`.
  [[nodiscard]] tl::expected<Value, Diagnostic> value_of(const Template& text, bool is_url = false) const;
  // For arguments; it must not outlive this.
  [[nodiscard]] ArgumentValues argument_values() const;

 private:
  Found keep(Value value, size_t used) const;

  const Playbook& playbook_;
  const Map& inputs_;
  mutable std::deque<Value> kept_;  // values made on the way; their addresses stay
};

}  // namespace muster
