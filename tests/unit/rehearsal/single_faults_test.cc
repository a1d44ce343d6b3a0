#include "interpreter/rehearsal/single_faults.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/unit/engine/simulation.h"

namespace muster {
namespace {

using simulation::Simulation;

constexpr const char* playbook = R"(
muster: 1
playbook: drain
phases:
  - id: check
    steps:
      - {id: seen, look: {name: seen}}
      - {id: never, when: 1 > 2, do: {name: never}}
  - id: act
    approval: {message: Drain it, expires: 10m}
    steps:
      - id: stopped
        retry: {attempts: 3, delay: 1s}
        idempotent: true
        do: {name: stopped}
        verify: {look: {name: is_stopped}, that: result.name == "is_stopped"}
        rollback: [{id: started, do: {name: started}}]
      - {id: each, foreach: [1, 2, 3], do: {name: each}}
      - {id: by_hand, manual: {instructions: Turn it, expires: 1h}}
      - {id: noted, set: {a: 1}}
)";

std::string text_of_faults(const std::vector<Fault>& faults) {
  std::string out;
  for (const Fault& fault : faults) out += fault.step + ": " + words_of(fault) + "\n";
  return out;
}

// Whoever is asked says yes.
void run_well(Simulation& sim) {
  ASSERT_TRUE(sim.load(playbook)) << sim.diagnostics;
  sim.executor.on_tick = [&sim] {
    for (const OpRecord* gate : open_gates(sim.engine->history())) {
      if (!gate->gate.votes.empty()) continue;
      Vote vote{"bob", "approve", "", gate->gate.digest, "terminal", sim.clock.now()};
      ASSERT_TRUE(sim.engine->vote(gate->op, vote).has_value());
    }
    for (const OpRecord* manual : open_manuals(sim.engine->history())) {
      if (!manual->completions.empty()) continue;
      Completion said{"bob", Map{}, "terminal", sim.clock.now(), text_of(*manual->asked, "nonce")};
      ASSERT_TRUE(sim.engine->complete(manual->op, said).has_value());
    }
  };
  Result<Ending> ending = sim.run({true, false});
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  ASSERT_EQ(ending->exit_code, 0) << ending->reason;
}

TEST(Faults, AreEverySingleOneThatTheGraphAllows) {
  Simulation sim;
  run_well(sim);
  FaultList faults = single_faults(*sim.graph, sim.actions, sim.engine->history());
  EXPECT_EQ(text_of_faults(faults.reached), R"(check/seen: nobody answers
act: its gate is rejected
act: nobody decides in time
act/stopped: nobody answers
act/stopped: nobody answers, each time
act/stopped: fails before its effect
act/stopped: fails before its effect, each time
act/stopped: fails after its effect
act/stopped: fails after its effect, each time
act/stopped: times out
act/stopped: times out, each time
act/stopped: killed before its effect
act/stopped: killed after its effect
act/stopped: killed once it was recorded
act/stopped: its verify fails
act/each[1]: nobody answers
act/each[1]: fails before its effect
act/each[1]: fails after its effect
act/each[1]: times out
act/each[1]: killed before its effect
act/each[1]: killed after its effect
act/each[1]: killed once it was recorded
act/each[3]: nobody answers
act/each[3]: fails before its effect
act/each[3]: fails after its effect
act/each[3]: times out
act/each[3]: killed before its effect
act/each[3]: killed after its effect
act/each[3]: killed once it was recorded
act/by_hand: nobody decides in time
)");
  EXPECT_EQ(text_of_faults(faults.beyond), R"(check/never: nobody answers
check/never: fails before its effect
check/never: fails after its effect
check/never: times out
check/never: killed before its effect
check/never: killed after its effect
check/never: killed once it was recorded
act/stopped~rollback/started: nobody answers
act/stopped~rollback/started: fails before its effect
act/stopped~rollback/started: fails after its effect
act/stopped~rollback/started: times out
act/stopped~rollback/started: killed before its effect
act/stopped~rollback/started: killed after its effect
act/stopped~rollback/started: killed once it was recorded
)");
}

TEST(Faults, ArePairedWithWhatOnlyTheFirstLeadsTo) {
  Simulation sim;
  run_well(sim);
  FaultList faults = single_faults(*sim.graph, sim.actions, sim.engine->history());
  std::vector<std::vector<Fault>> all = fault_pairs(faults, 1'000'000, 1);
  std::set<std::string> told;
  for (const std::vector<Fault>& pair : all) {
    ASSERT_EQ(pair.size(), 2u);
    EXPECT_NE(pair[0].step, pair[1].step) << "one step goes wrong in one way";
    told.insert(text_of_faults(pair));
  }
  EXPECT_EQ(told.size(), all.size());
  EXPECT_EQ(told.count("act/each[1]: fails after its effect\nact/stopped~rollback/started: fails before its effect\n"),
            1u);
  for (const std::string& pair : told) EXPECT_NE(pair.rfind("act/stopped~rollback", 0), 0u) << "it is never reached";
}

TEST(Faults, AreDrawnBySeed) {
  Simulation sim;
  run_well(sim);
  FaultList faults = single_faults(*sim.graph, sim.actions, sim.engine->history());
  auto drawn = [&](uint64_t seed) {
    std::string out;
    for (const std::vector<Fault>& pair : fault_pairs(faults, 40, seed)) out += text_of_faults(pair) + "\n";
    return out;
  };
  EXPECT_EQ(fault_pairs(faults, 40, 1).size(), 40u);
  EXPECT_EQ(drawn(7), drawn(7));
  EXPECT_NE(drawn(7), drawn(8));
}

}  // namespace
}  // namespace muster
