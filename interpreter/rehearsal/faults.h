// Faults, put around the actions of a playbook: a step that one is meant for goes wrong as it says.
//
// A fault at a gate, or at a verify, is no matter of actions: people.h and `with_failing_verifies` see to those.
// Threads: jobs of one baton.
// Source: docs/rehearsal.md, "Faults".
#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "interpreter/action/action.h"
#include "interpreter/graph/step_graph.h"
#include "interpreter/rehearsal/scenario.h"
#include "interpreter/rehearsal/simulated_world.h"

namespace muster {

class FaultInjector {
 public:
  // `kill`: ends the interpreter there. All must outlive it.
  FaultInjector(const StepGraph& graph, std::vector<Fault> faults, SimulatedWorld& world, std::function<void()> kill);
  // The same actions, with the faults around them.
  [[nodiscard]] std::vector<Action> around(const std::vector<Action>& actions);
  // The fault of these kinds that is meant for a gate or a verify; nullptr: none.
  [[nodiscard]] const Fault* at(const OpId& op, std::initializer_list<FaultKind> kinds);
  void strike(const Fault& fault);
  // An event of the run that stands in the journal now.
  void was_recorded(const Event& event);
  // Those that hit something, each once, in the order in which they were declared.
  [[nodiscard]] std::vector<Fault> struck() const;

 private:
  struct Aimed {
    Fault fault;
    std::string op;        // the path that it names
    bool of_graph = true;  // it stands for all items of a list
    int strikes = 0;
  };
  Aimed* meant_for(const StepInput& input);
  [[nodiscard]] bool is_meant(const Aimed& one, const OpId& op) const;
  [[nodiscard]] Result<StepOutput> hit(Aimed& one, const StepInput& input,
                                       const std::function<Result<StepOutput>()>& act,
                                       const std::function<Result<StepOutput>()>& act_on_damage, bool reads);

  const StepGraph& graph_;
  std::vector<Aimed> faults_;
  SimulatedWorld& world_;
  std::function<void()> kill_;
};

// The playbook as it is, but that the claims of these steps' verifies never hold.
[[nodiscard]] std::shared_ptr<const StepGraph> with_failing_verifies(std::shared_ptr<const StepGraph> graph,
                                                                     const std::vector<Fault>& faults);

}  // namespace muster
