// Every other action, for one that is made of several: each call is typed by the fields of the action that is called,
// journaled as a mark of its step, and never does more than the step may.
//
// Threads: called on the thread that runs the action.
// Errors:  `invalid` for arguments that do not fit, `refused` for an effect beyond that of the step, `in_doubt` when a
//          crash left a call open, or the script calls something else than before it; else what the action said.
#pragma once

#include "interpreter/action/action.h"
#include "interpreter/engine/engine.h"

namespace muster {

class StepActions final : public Actions {
 public:
  // `most` is the effect of the step: nothing that is called may have a stronger one.
  StepActions(const Parts& parts, Effect most, int depth = 0) : parts_(parts), most_(most), depth_(depth) {}
  // The step in which the calls stand; before the first one.
  void stand_in(const StepInput& input) { input_ = &input; }

  // The empty name is a look that nobody remembers. `effect = "read"` among the arguments is believed where the action
  // lets it be declared.
  Result<Value> call(std::string_view name, std::string_view action, const Map& args) override;

 private:
  struct InnerCall;
  Result<Value> run(const Action& action, const Map& args, Effect effect, std::string_view name, bool after_crash);
  Result<Settled> settle_call(const Action& action, const Map& args, std::string_view name);

  const Parts& parts_;
  Effect most_;
  int depth_;
  const StepInput* input_ = nullptr;
};

}  // namespace muster
