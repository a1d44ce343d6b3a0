// What a step that failed runs: steps before its next attempt, and its rescue.
#include <gtest/gtest.h>

#include "tests/unit/engine/simulation.h"

namespace muster {
namespace {

using simulation::Simulation;
using Deeds = std::vector<std::string>;

Result<StepOutput> refuse(const char* message, Certainty effect = Certainty::no_effect) {
  return fail(ErrorCode::failed, message, {}, effect);
}

constexpr const char* rescued = R"(
muster: 1
playbook: rescued
phases:
  - id: only
    steps:
      - id: a
        idempotent: true
        do: {name: a}
        rollback: [{idempotent: true, do: {name: undo a}}]
        rescue:
          - {idempotent: true, do: {name: "saves from ${{ error.message }}"}, rollback: [{idempotent: true, do: {name: undo the rescue}}]}
      - {id: b, idempotent: true, do: {name: "b after ${{ steps.a.state }}"}}
)";

TEST(Rescue, OfAStepMakesUpForItsFailure) {
  Simulation sim;
  sim.script["a"] = [](const StepInput&) { return refuse("broken"); };
  ASSERT_TRUE(sim.load(rescued)) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(sim.deeds, (Deeds{"a", "saves from broken", "b after recovered"}));
  EXPECT_EQ(sim.state("only/a"), "recovered");
}

TEST(Rescue, OfAStepThatFailsLeavesTheStepFailed) {
  Simulation sim;
  sim.script["a"] = [](const StepInput&) { return refuse("broken", Certainty::maybe); };
  sim.script["saves from broken"] = [](const StepInput&) { return refuse("not saved"); };
  ASSERT_TRUE(sim.load(rescued)) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 5) << ending->reason;
  EXPECT_EQ(ending->reason, "broken");
  EXPECT_EQ(sim.deeds, (Deeds{"a", "saves from broken", "undo a"}));
}

std::string rescued_by(const std::string& first, bool group) {
  return std::string("muster: 1\nplaybook: rescued\nphases:\n  - id: only\n    steps:\n      - id: a\n") +
         (group ? "        steps: [{do: {name: a}}]\n" : "        do: {name: a}\n") + "        rescue:\n          - " +
         first + "\n          - {do: {name: wipes}}\n";
}

TEST(Rescue, GoesNoFurtherThanItsFirstFailure) {
  for (bool group : {false, true}) {
    Simulation sim;
    sim.script["a"] = [](const StepInput&) { return refuse("broken"); };
    sim.script["keeps"] = [](const StepInput&) { return refuse("not kept"); };
    ASSERT_TRUE(sim.load(rescued_by("{do: {name: keeps}}", group))) << sim.diagnostics;
    Result<Ending> ending = sim.run();
    ASSERT_TRUE(ending.has_value()) << ending.error().message;
    EXPECT_EQ(ending->exit_code, 1);
    EXPECT_EQ(sim.deeds, (Deeds{"a", "keeps"})) << "what was not kept is not wiped";
  }
}

TEST(Rescue, BeginsNothingMoreBehindANoAtItsGate) {
  for (bool group : {false, true}) {
    Simulation sim;
    sim.script["a"] = [](const StepInput&) { return refuse("broken"); };
    ASSERT_TRUE(sim.load(rescued_by("{id: asks, approval: true, destroy: {name: keeps}}", group))) << sim.diagnostics;
    sim.executor.on_tick = [&] {
      const OpRecord* op = sim.op("only/a~rescue/asks");
      if (op && op->gate.state == GateState::open && op->gate.votes.empty()) {
        Vote no{"bob", std::string(verdict_reject), "not now", op->gate.digest, "command", sim.clock.now()};
        ASSERT_TRUE(sim.engine->vote(op->op, no).has_value());
      }
    };
    Result<Ending> ending = sim.run({true, false});
    ASSERT_TRUE(ending.has_value()) << ending.error().message;
    EXPECT_EQ(ending->exit_code, 4) << ending->reason;
    EXPECT_EQ(sim.deeds, (Deeds{"a"}));
    for (const OpRecord* op : sim.engine->history().in_order()) EXPECT_FALSE(op->intent_open) << op->op.path;
  }
}

TEST(Rescue, OfAStepIsUndoneWithItWhenALaterOneFails) {
  Simulation sim;
  sim.script["a"] = [](const StepInput&) { return refuse("broken", Certainty::maybe); };
  sim.script["b after recovered"] = [](const StepInput&) { return refuse("later"); };
  ASSERT_TRUE(sim.load(rescued)) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 5) << ending->reason;
  EXPECT_EQ(sim.deeds, (Deeds{"a", "saves from broken", "b after recovered", "undo a", "undo the rescue"}));
}

constexpr const char* repaired = R"(
muster: 1
playbook: repaired
phases:
  - id: only
    steps:
      - id: a
        idempotent: true
        do: {name: a}
        retry:
          attempts: 3
          delay: 5s
          before:
            - {id: repaired, idempotent: true, do: {name: "repairs ${{ error.message }}"}}
            - {idempotent: true, do: {name: "has ${{ steps.repaired.name }}"}}
)";

TEST(Before, RunsItsStepsBetweenTheAttempts) {
  Simulation sim;
  sim.script["a"] = [](const StepInput& input) -> Result<StepOutput> {
    if (input.attempt < 3) return refuse(input.attempt == 1 ? "one" : "two");
    return StepOutput{};
  };
  ASSERT_TRUE(sim.load(repaired)) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(sim.deeds, (Deeds{"a", "repairs one", "has repairs one", "a", "repairs two", "has repairs two", "a"}));
}

TEST(Before, EndsTheAttemptsWhenOneOfItsStepsFails) {
  Simulation sim;
  sim.script["a"] = [](const StepInput&) { return refuse("one"); };
  sim.script["repairs one"] = [](const StepInput&) { return refuse("cannot"); };
  ASSERT_TRUE(sim.load(repaired)) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 1);
  EXPECT_EQ(ending->reason, "one");
  EXPECT_EQ(sim.deeds, (Deeds{"a", "repairs one"}));
}

TEST(Recovering, GoesOnWhereverTheJournalBroke) {
  for (const char* text : {rescued, repaired}) {
    bool unbroken = false;
    for (int commits = 1; commits < 60 && !unbroken; ++commits) {
      Simulation sim;
      const bool is_rescue = text == rescued;
      sim.script["a"] = [is_rescue](const StepInput& input) -> Result<StepOutput> {
        if (is_rescue) return refuse("broken");
        if (input.attempt < 3) return refuse(input.attempt == 1 ? "one" : "two");
        return StepOutput{};
      };
      ASSERT_TRUE(sim.load(text)) << sim.diagnostics;
      sim.journal->fail_after(commits);
      Result<Ending> ending = sim.run();
      unbroken = ending.has_value();
      if (!ending) {
        if (sim.run_id.empty()) continue;  // the run itself was never recorded
        sim.journal->fail_after(-1);
        ending = sim.resume();
        ASSERT_TRUE(ending.has_value()) << commits << ": " << ending.error().message;
      }
      EXPECT_EQ(ending->exit_code, 0) << commits << ": " << ending->reason;
      if (is_rescue) EXPECT_EQ(sim.deeds.back(), "b after recovered") << commits;
    }
    EXPECT_TRUE(unbroken) << "the sweep never came to its end";
  }
}

}  // namespace
}  // namespace muster
