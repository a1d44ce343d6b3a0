// Other actions for one that is made of several, in a dry run: they look, and nothing that is called may change
// anything.
//
// Errors: `refused` for what is no read; `invalid` for arguments that do not fit; else what the action said.
#pragma once

#include "interpreter/action/action.h"

namespace muster {

class LookingActions final : public Actions {
 public:
  LookingActions(const std::vector<Action>& actions, Look& look, int depth = 0)
      : actions_(actions), look_(look), depth_(depth) {}
  // The step in which the calls stand; before the first one.
  void stand_in(const StepInput& input) { input_ = &input; }
  Result<Value> call(std::string_view name, std::string_view action, const Map& args) override;

 private:
  const std::vector<Action>& actions_;
  Look& look_;
  int depth_;
  const StepInput* input_ = nullptr;
};

}  // namespace muster
