#include <gtest/gtest.h>

#include "tests/unit/engine/simulation.h"

namespace muster {
namespace {

using simulation::Simulation;
using Deeds = std::vector<std::string>;

Result<StepOutput> refuse(const char* message, Certainty effect = Certainty::maybe) {
  return fail(ErrorCode::failed, message, {}, effect);
}

TEST(Engine, RunsStepsAndPhasesInTheOrderOfTheFile) {
  Simulation sim;
  ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: order
phases:
  - id: first
    steps:
      - {id: a, do: {name: a}}
      - {id: b, do: {name: b}}
  - id: second
    steps:
      - {id: c, do: {name: c}}
)")) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->state, RunState::succeeded);
  EXPECT_EQ(ending->exit_code, 0);
  EXPECT_EQ(sim.deeds, (Deeds{"a", "b", "c"}));
  EXPECT_EQ(sim.state("first"), "succeeded");
}

TEST(Engine, SkipsAStepWhoseWhenIsFalseAndRunsWhatFollowsIt) {
  Simulation sim;
  ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: order
phases:
  - id: first
    steps:
      - {id: a, look: {name: a}}
      - {id: b, when: steps.a.name == "b", do: {name: b}}
      - {id: c, when: steps.b.state == "skipped", do: {name: c}}
)")) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 0);
  EXPECT_EQ(sim.deeds, (Deeds{"a", "c"}));
  EXPECT_EQ(sim.state("first/b"), "skipped");
}

TEST(Engine, FollowsNeedsInsteadOfTheOrderOfTheFile) {
  Simulation sim;
  ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: order
phases:
  - id: first
    steps:
      - {id: a, do: {name: a}}
      - {id: b, needs: [a], do: {name: b}}
      - {id: c, needs: [a], do: {name: c}}
      - {id: d, needs: [b, c], do: {name: d}}
)")) << sim.diagnostics;
  ASSERT_TRUE(sim.run().has_value());
  ASSERT_EQ(sim.deeds.size(), 4u);
  EXPECT_EQ(sim.deeds.front(), "a");
  EXPECT_EQ(sim.deeds.back(), "d");
}

TEST(Engine, RepeatsACleanFailureAsOftenAsRetrySays) {
  Simulation sim;
  int calls = 0;
  sim.script["a"] = [&](const StepInput& input) -> Result<StepOutput> {
    EXPECT_EQ(input.attempt, ++calls);
    if (calls < 3) return refuse("connection refused", Certainty::no_effect);
    return StepOutput{};
  };
  ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: retry
phases:
  - id: first
    steps:
      - {id: a, idempotent: true, do: {name: a}, retry: {attempts: 3, delay: 10s, backoff: 2}}
)")) << sim.diagnostics;
  Timestamp before = sim.clock.now();
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 0);
  EXPECT_EQ(calls, 3);
  EXPECT_GE((sim.clock.now() - before).us, Duration::seconds(30).us) << "10 s, then 20 s";
}

TEST(Engine, DoesNotRepeatAWriteThatMayHaveHappened) {
  Simulation sim;
  sim.script["a"] = [](const StepInput&) { return refuse("the answer was lost"); };
  ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: retry
phases:
  - id: first
    steps:
      - {id: a, do: {name: a}, retry: {attempts: 3, delay: 10s}}
)")) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->state, RunState::failed);
  EXPECT_EQ(ending->exit_code, 1);
  EXPECT_EQ(sim.deeds, (Deeds{"a"}));
  EXPECT_EQ(ending->reason, "the answer was lost");
}

TEST(Engine, GoesOnAfterAFailureThatOnFailureContinuePasses) {
  Simulation sim;
  sim.script["a"] = [](const StepInput&) { return refuse("no"); };
  ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: passing
phases:
  - id: first
    steps:
      - {id: a, on_failure: continue, do: {name: a}}
      - {id: b, when: steps.a.error.message == "no", do: {name: b}}
)")) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->state, RunState::succeeded);
  EXPECT_EQ(sim.deeds, (Deeds{"a", "b"}));
  EXPECT_EQ(sim.state("first/a"), "failed");
}

TEST(Engine, UndoesWhatHappenedLatestFirstWhenALaterStepFails) {
  Simulation sim;
  sim.script["c"] = [](const StepInput&) { return refuse("no", Certainty::no_effect); };
  ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: undo
phases:
  - id: first
    steps:
      - {id: a, do: {name: a}, rollback: [{do: {name: undo a}}]}
  - id: second
    steps:
      - {id: b, do: {name: b}, rollback: auto}
      - {id: c, do: {name: c}, rollback: [{do: {name: undo c}}]}
      - {id: d, do: {name: d}}
always:
  - {do: {name: "${{ run.status }}"}}
)")) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->state, RunState::rolled_back);
  EXPECT_EQ(ending->exit_code, 5);
  EXPECT_EQ(sim.deeds, (Deeds{"a", "b", "c", "b~undone", "undo a", "rolled_back"}));
  EXPECT_EQ(sim.state("first/a"), "rolled_back");
  EXPECT_EQ(sim.state("second/d"), "pending");
}

TEST(Engine, GoesOnUndoingWhenOneUndoFailsAndSaysThatItIsIncomplete) {
  Simulation sim;
  sim.script["undo b"] = [](const StepInput&) { return refuse("cannot"); };
  sim.script["c"] = [](const StepInput&) { return refuse("no"); };
  ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: undo
phases:
  - id: first
    steps:
      - {id: a, do: {name: a}, rollback: [{do: {name: undo a}}]}
      - {id: b, do: {name: b}, rollback: [{do: {name: undo b}}]}
      - {id: c, do: {name: c}}
)")) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->state, RunState::failed);
  EXPECT_EQ(ending->exit_code, 1);
  EXPECT_NE(ending->reason.find("rollback incomplete"), std::string::npos) << ending->reason;
  EXPECT_EQ(sim.deeds, (Deeds{"a", "b", "c", "undo b", "undo a"}));
}

TEST(Engine, PollsAVerifyUntilItsClaimsHold) {
  Simulation sim;
  int polls = 0;
  sim.script["ask"] = [&](const StepInput&) -> Result<StepOutput> { return StepOutput{Map{{"value", ++polls}}, {}}; };
  ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: verify
phases:
  - id: first
    steps:
      - {id: a, verify: {look: {name: ask}, that: result.value == 4, within: 1m, every: 5s}}
)")) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 0);
  EXPECT_EQ(polls, 4);
}

TEST(Engine, ShowsTheValuesOfAClaimThatDidNotHold) {
  Simulation sim;
  sim.script["ask"] = [](const StepInput&) -> Result<StepOutput> { return StepOutput{Map{{"value", "degraded"}}, {}}; };
  ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: verify
phases:
  - id: first
    steps:
      - {id: a, verify: {look: {name: ask}, that: 'result.value == "ok"', within: 10s, every: 5s}}
)")) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 1);
  EXPECT_NE(ending->reason.find("`result.value` = \"degraded\""), std::string::npos) << ending->reason;
  EXPECT_EQ(text_of(*sim.op("first/a")->error, "code"), "verify_failed");
}

TEST(Engine, EndsAStepThatOutlastsItsTimeout) {
  Simulation sim;
  sim.script["a"] = [&](const StepInput& input) -> Result<StepOutput> {
    while (!input.stop.stop_requested()) sim.clock.advance(Duration::seconds(1));
    return fail(ErrorCode::interrupted, "stopped", {}, Certainty::maybe);
  };
  ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: late
phases:
  - id: first
    steps:
      - {id: a, timeout: 30s, do: {name: a}}
)")) << sim.diagnostics;
  // The job only ends when the loop looks at the time: let it look.
  sim.script["a"] = [&](const StepInput& input) -> Result<StepOutput> {
    while (!input.stop.stop_requested()) {
      sim.clock.advance(Duration::seconds(1));
      sim.executor.post([] {});
      std::this_thread::yield();
    }
    return fail(ErrorCode::interrupted, "stopped", {}, Certainty::maybe);
  };
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 1);
  EXPECT_EQ(text_of(*sim.op("first/a")->error, "code"), "timeout");
}

TEST(Engine, StopsAtAnExpressionThatRaisesAndSaysWhere) {
  Simulation sim;
  ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: raises
phases:
  - id: first
    steps:
      - {id: a, when: "false", do: {name: a}}
      - {id: b, do: {name: "${{ steps.a.name }}"}}
)")) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 1);
  EXPECT_NE(ending->reason.find("step `a` has no result: it was skipped"), std::string::npos) << ending->reason;
  EXPECT_NE(text_of(*sim.op("first/b")->error, "diagnostic").find("test.muster.yaml:8:"), std::string::npos);
  EXPECT_TRUE(sim.deeds.empty());
}

}  // namespace
}  // namespace muster
