// The people of a scenario: they decide at gates, say that manual steps are done, and settle doubts, each after a
// while.
//
// Threads: the loop's.
// Source: docs/rehearsal.md, "People".
#pragma once

#include <set>
#include <string>
#include <vector>

#include "interpreter/engine/engine.h"
#include "interpreter/rehearsal/baton.h"
#include "interpreter/rehearsal/faults.h"
#include "interpreter/rehearsal/scenario.h"

namespace muster {

class People final : public Observer {
 public:
  People(const Scenario& scenario, const StepGraph& graph, Baton& baton, FaultInjector& faults);

  // Who they speak to; nullptr: nobody.
  void speak_to(Engine* engine) { engine_ = engine; }
  // An interpreter took the run up again: what is open is looked at anew.
  void look_again(const RunHistory& history);

  void happened(const Event& event, const RunHistory& history) override;
  void progress(const OpId&, int64_t, int64_t, std::string_view) override {}

  // Of whom nothing was heard, or who was refused: for people.
  std::vector<std::string> findings;

 private:
  struct One {
    const ScriptedPerson* person;
    std::string op;
    bool whole = false;  // with the number of its item
  };
  void at_gate(const OpRecord& op);
  void at_manual(const OpRecord& op);
  void at_doubt(const OpRecord& op);
  // Once per question.
  [[nodiscard]] bool is_new(const std::string& question) { return asked_.insert(question).second; }
  [[nodiscard]] std::vector<const ScriptedPerson*> of(const OpId& op, bool gate) const;
  void vote(const OpId& gate, const ScriptedPerson& person, const std::string& digest);
  void refused(const std::string& user, const std::string& what, const Error& error);

  const StepGraph& graph_;
  Baton& baton_;
  FaultInjector& faults_;
  Engine* engine_ = nullptr;
  std::vector<One> gates_, steps_;
  std::set<std::string> asked_;
  std::vector<ScriptedPerson> made_up_;  // who rejects where a fault wants it
};

}  // namespace muster
