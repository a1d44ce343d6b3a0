// `watch`: claims that are polled while an action runs, or a wait lasts.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>

#include "tests/unit/engine/simulation.h"

namespace muster {
namespace {

using simulation::Simulation;

// Answers `yes` so many times, then `no`.
void answers(Simulation& sim, int yes) {
  auto asked = std::make_shared<std::atomic<int>>(0);
  sim.script["health"] = [asked, yes](const StepInput&) -> Result<StepOutput> {
    return StepOutput{Map{{"name", ++*asked <= yes ? "yes" : "no"}}, {}};
  };
}

constexpr const char* wait_playbook = R"(
muster: 1
playbook: watched
phases:
  - id: only
    steps:
      - id: calm
        wait: {for: 15m}
        watch: {look: {name: health}, that: 'result.name == "yes"', every: 1m}
      - {id: after, do: {name: after}}
)";

TEST(Watch, LetsAWaitEndWhereItsClaimsHeldAllTheTime) {
  Simulation sim;
  answers(sim, 1000);
  ASSERT_TRUE(sim.load(wait_playbook)) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(sim.deeds.back(), "after");
  EXPECT_GE(std::count(sim.deeds.begin(), sim.deeds.end(), "health"), 15);
  EXPECT_LE(std::count(sim.deeds.begin(), sim.deeds.end(), "health"), 16);
}

TEST(Watch, FailsAWaitAtTheFirstClaimThatDoesNotHold) {
  Simulation sim;
  answers(sim, 5);
  ASSERT_TRUE(sim.load(wait_playbook)) << sim.diagnostics;
  Timestamp began = sim.clock.now();
  Result<Ending> ending = sim.run();
  EXPECT_EQ(ending->exit_code, 1);
  EXPECT_EQ(ending->reason, "its `watch` was broken: result.name == \"yes\" with `result.name` = \"no\"");
  EXPECT_EQ(std::count(sim.deeds.begin(), sim.deeds.end(), "after"), 0);
  EXPECT_LT((sim.clock.now() - began).us, Duration::seconds(6 * 60).us) << "nobody waits for what has failed";
  const Map& error = *sim.op("only/calm")->error;
  EXPECT_EQ(text_of(error, "code"), "verify_failed");
  EXPECT_EQ(member(error, "claims")->get<List>().size(), 1u);
}

TEST(Watch, TakesNoAnswerForABreach) {
  Simulation sim;
  sim.script["health"] = [](const StepInput&) -> Result<StepOutput> {
    return fail(ErrorCode::unreachable, "connection refused");
  };
  ASSERT_TRUE(sim.load(wait_playbook)) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  EXPECT_EQ(ending->exit_code, 1);
  EXPECT_EQ(ending->reason, "its `watch` got no answer: connection refused");
}

std::string action_playbook() {
  return R"(
muster: 1
playbook: watched
phases:
  - id: only
    steps:
      - id: copy
        do: {name: copy}
        watch: {look: {name: health}, that: 'result.name == "yes"', every: 1ms}
        rollback: [{do: {name: undo}}]
)";
}

TEST(Watch, StopsAnActionWhoseClaimIsBrokenAndRollsItBack) {
  Simulation sim;
  answers(sim, 1);
  std::atomic<bool> stopped = false;
  sim.script["copy"] = [&](const StepInput& input) -> Result<StepOutput> {
    // The world moves on while it runs.
    while (!input.stop.stop_requested()) {
      sim.clock.advance(Duration::milliseconds(1));
      sim.executor.post([] {});
      std::this_thread::yield();
    }
    stopped = true;
    return fail(ErrorCode::interrupted, "stopped", {}, Certainty::maybe);
  };
  ASSERT_TRUE(sim.load(action_playbook())) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_TRUE(stopped);
  EXPECT_EQ(ending->exit_code, 5) << ending->reason;
  EXPECT_EQ(sim.deeds.back(), "undo");
  EXPECT_EQ(text_of(*sim.op("only/copy")->error, "code"), "verify_failed");
  EXPECT_EQ(text_of(*sim.op("only/copy")->error, "effect"), "maybe");
}

TEST(Watch, FailsAnActionThatEndedWellBeforeItHeardOfTheBreach) {
  Simulation sim;
  answers(sim, 0);
  sim.script["copy"] = [&](const StepInput& input) -> Result<StepOutput> {
    while (!input.stop.stop_requested()) {
      sim.executor.post([] {});
      std::this_thread::yield();
    }
    return StepOutput{Map{{"name", "copy"}}, {}};
  };
  ASSERT_TRUE(sim.load(action_playbook())) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  EXPECT_EQ(ending->exit_code, 5) << ending->reason;
  EXPECT_EQ(text_of(*sim.op("only/copy")->error, "effect"), "done");
}

TEST(Watch, GoesOnWithTheWaitOfAnInterpreterThatWasStopped) {
  Simulation sim;
  answers(sim, 1000);
  ASSERT_TRUE(sim.load(wait_playbook)) << sim.diagnostics;
  sim.on_event = [&](const Event& event) {
    if (event.kind == EventKind::wait_started) sim.engine->stop();
  };
  ASSERT_EQ(sim.run()->exit_code, 75);
  sim.on_event = nullptr;
  answers(sim, 2);
  Result<Ending> ending = sim.resume();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 1);
}

}  // namespace
}  // namespace muster
