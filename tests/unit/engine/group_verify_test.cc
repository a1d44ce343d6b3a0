// `verify` on what holds steps: asked once all of it is done, and its failure is that of the group.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/engine/simulation.h"

namespace muster {
namespace {

using simulation::Simulation;

std::string playbook_with(const std::string& step) {
  return "muster: 1\nplaybook: grouped\nphases:\n  - id: only\n    steps:\n" + step +
         "      - {id: after, do: {name: after}}\n";
}

const std::string verified_group = playbook_with(R"(
      - id: both
        verify: {look: {name: health}, that: 'result.name == "good"', within: 10s, every: 2s}
        rollback: [{do: {name: undone}}]
        steps:
          - {id: one, do: {name: one}}
          - {id: two, do: {name: two}}
)");

void answers(Simulation& sim, int bad) {
  auto asked = std::make_shared<std::atomic<int>>(0);
  sim.script["health"] = [asked, bad](const StepInput&) -> Result<StepOutput> {
    return StepOutput{Map{{"name", ++*asked > bad ? "good" : "bad"}}, {}};
  };
}

TEST(GroupVerify, IsPolledOnceTheStepsOfTheGroupAreDone) {
  Simulation sim;
  answers(sim, 2);
  ASSERT_TRUE(sim.load(verified_group)) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(sim.deeds, (std::vector<std::string>{"one", "two", "health", "health", "health", "after"}));
  EXPECT_EQ(sim.state("only/both"), "succeeded");
}

TEST(GroupVerify, ThatFailsUndoesTheGroupAndEndsTheRun) {
  Simulation sim;
  answers(sim, 100);
  ASSERT_TRUE(sim.load(verified_group)) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 5);
  EXPECT_EQ(ending->reason, "claim does not hold: result.name == \"good\" with `result.name` = \"bad\"");
  EXPECT_EQ(sim.deeds.back(), "undone");
  EXPECT_EQ(std::count(sim.deeds.begin(), sim.deeds.end(), "after"), 0);
  EXPECT_EQ(text_of(*sim.op("only/both")->error, "code"), "verify_failed");
  EXPECT_EQ(member(*sim.op("only/both")->error, "claims")->get<List>().size(), 1u);
}

TEST(GroupVerify, ThatFailsIsRescued) {
  Simulation sim;
  answers(sim, 100);
  ASSERT_TRUE(sim.load(playbook_with(R"(
      - id: both
        verify: {look: {name: health}, that: 'result.name == "good"'}
        rescue: [{do: {name: mended}}]
        steps: [{id: one, do: {name: one}}]
)"))) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(sim.deeds, (std::vector<std::string>{"one", "health", "mended", "after"}));
  EXPECT_EQ(sim.state("only/both"), "recovered");
}

TEST(GroupVerify, IsNotAskedOfAGroupThatFailed) {
  Simulation sim;
  answers(sim, 0);
  sim.script["one"] = [](const StepInput&) -> Result<StepOutput> { return fail(ErrorCode::failed, "broke"); };
  ASSERT_TRUE(sim.load(verified_group)) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  EXPECT_NE(ending->exit_code, 0);
  EXPECT_EQ(std::count(sim.deeds.begin(), sim.deeds.end(), "health"), 0);
}

TEST(GroupVerify, OfAChoiceAndOfACallReadsWhatTheyGive) {
  Simulation sim;
  sim.called["inner.muster.yaml"] =
      "muster: 1\nplaybook: inner\noutputs: {level: '${{ steps.a.x }}'}\nphases:\n  - id: p\n    steps:\n"
      "      - {id: a, set: {x: 3}}\n";
  ASSERT_TRUE(sim.load(playbook_with(R"(
      - id: way
        verify: {that: 'result.chosen == "left"'}
        choose: {options: [{id: left, steps: [{do: {name: left}}]}]}
      - id: other
        verify: {that: 'result.level > 3'}
        call: {playbook: inner.muster.yaml}
)"))) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  EXPECT_EQ(sim.state("only/way"), "succeeded");
  EXPECT_EQ(sim.state("only/other"), "failed");
  EXPECT_EQ(ending->reason, "claim does not hold: result.level > 3 with `result.level` = 3");
}

TEST(GroupVerify, OfAWaitIsAskedBehindIt) {
  for (bool good : {true, false}) {
    Simulation sim;
    answers(sim, good ? 0 : 100);
    ASSERT_TRUE(sim.load(playbook_with(R"(
      - id: calm
        wait: {for: 10s}
        verify: {look: {name: health}, that: 'result.name == "good"'}
)"))) << sim.diagnostics;
    Result<Ending> ending = sim.run();
    EXPECT_EQ(ending->reason, good ? "" : "claim does not hold: result.name == \"good\" with `result.name` = \"bad\"");
    EXPECT_EQ(sim.state("only/calm"), good ? "succeeded" : "failed");
    EXPECT_EQ(sim.state("only/after"), good ? "succeeded" : "pending");
  }
}

TEST(GroupVerify, IsAskedPerItemOfALoop) {
  Simulation sim;
  ASSERT_TRUE(sim.load(playbook_with(R"(
      - id: each
        foreach: [1, 2, 3]
        max_failures: 1
        verify: {that: item ~= 2}
        steps: [{do: {name: '${{ item }}'}}]
)"))) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(sim.deeds, (std::vector<std::string>{"1", "2", "3", "after"}));
  EXPECT_EQ(sim.state("only/each[2]"), "failed");
  EXPECT_EQ(to_text(*member(*sim.op("only/each")->result, "failed")), "1");
}

TEST(GroupVerify, IsAskedAfreshAfterAnInterpreterWasStopped) {
  Simulation sim;
  answers(sim, 3);
  ASSERT_TRUE(sim.load(verified_group)) << sim.diagnostics;
  sim.executor.on_tick = [&] { sim.engine->stop(); };
  ASSERT_EQ(sim.run()->exit_code, 75);
  sim.executor.on_tick = nullptr;
  Result<Ending> ending = sim.resume();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(std::count(sim.deeds.begin(), sim.deeds.end(), "one"), 1);
}

}  // namespace
}  // namespace muster
