// What a step leaves to its group lives as long as that, and no longer, however the group ends.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/engine/simulation.h"

namespace muster {
namespace {

using simulation::Simulation;
using Deeds = std::vector<std::string>;

class Leaving : public testing::Test {
 protected:
  Leaving() {
    Action serve =
        *std::find_if(sim.actions.begin(), sim.actions.end(), [](const Action& a) { return a.name == "do"; });
    serve.name = "serve";
    serve.leaves_to_group = [](const Map&) { return true; };
    serve.release = [this](const Left& left, Touch&) -> Result<std::vector<std::string>> {
      // Of an attempt that ended well the result is at hand.
      sim.did(left.op.path + " ends" + (left.result.contains("name") ? "" : " unseen") +
              (left.attempt > 1 ? " the second" : ""));
      return std::vector<std::string>{"4711 tunnel"};
    };
    sim.actions.push_back(serve);
  }
  void load(const std::string& phases) {
    ASSERT_TRUE(sim.load("muster: 1\nplaybook: leaving\nphases:\n" + phases)) << sim.diagnostics;
  }
  int run() {
    Result<Ending> ending = sim.run();
    return ending ? ending->exit_code : -1;
  }
  void fails(const std::string& name, Certainty effect) {
    sim.script[name] = [name, effect](const StepInput&) -> Result<StepOutput> {
      return fail(ErrorCode::failed, name + " failed", {}, effect);
    };
  }
  Simulation sim;
};

TEST_F(Leaving, EndsBehindTheLastStepOfItsPhaseAndBeforeTheNext) {
  load(R"(
  - id: one
    steps:
      - {id: tunnel, serve: {name: tunnel}}
      - {id: also, serve: {name: also}}
      - {id: through, do: {name: through}}
  - id: two
    steps: [{do: {name: later}}]
)");
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(sim.deeds, (Deeds{"tunnel", "also", "through", "one/also ends", "one/tunnel ends", "later"}));
  EXPECT_EQ(sim.op("one/tunnel")->notes, (Deeds{"ended with its group: 4711 tunnel"}));
  EXPECT_EQ(sim.state("one/tunnel"), "succeeded");
}

TEST_F(Leaving, EndsWithTheGroupThatItStandsIn) {
  load(R"(
  - id: one
    steps:
      - id: inner
        steps:
          - {serve: {name: tunnel}}
          - {do: {name: through}}
      - {do: {name: behind}}
)");
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(sim.deeds, (Deeds{"tunnel", "through", "one/inner/1 ends", "behind"}));
}

TEST_F(Leaving, OutlivesRollbackAndAlwaysWhichMayNeedIt) {
  load(R"(
  - id: one
    steps:
      - {serve: {name: tunnel}, rollback: [{do: {name: undo tunnel}}]}
      - {do: {name: breaks}}
    always: [{do: {name: tidy}}]
)");
  fails("breaks", Certainty::no_effect);
  EXPECT_EQ(run(), 5);
  EXPECT_EQ(sim.deeds, (Deeds{"tunnel", "breaks", "undo tunnel", "tidy", "one/1 ends"}));
}

TEST_F(Leaving, EndsAlsoWhereTheStepItselfFailed) {
  load("  - id: one\n    steps: [{serve: {name: tunnel}, on_failure: continue}, {do: {name: on}}]\n");
  fails("tunnel", Certainty::maybe);
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(sim.deeds, (Deeds{"tunnel", "on", "one/1 ends unseen"}));
}

TEST_F(Leaving, EndsBeforeTheNextAttempt) {
  load("  - id: one\n    steps: [{id: t, serve: {name: tunnel}, idempotent: true, retry: {attempts: 2, delay: 1s}}]\n");
  int attempts = 0;
  sim.script["tunnel"] = [&attempts](const StepInput&) -> Result<StepOutput> {
    if (++attempts == 1) return fail(ErrorCode::failed, "no", {}, Certainty::maybe);
    return StepOutput{Map{{"name", "tunnel"}}, {}};
  };
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(sim.deeds, (Deeds{"tunnel", "one/t ends unseen", "tunnel", "one/t ends the second"}));
}

TEST_F(Leaving, OfAnItemLivesInTheGroupAroundTheLoopUnlessTheItemIsOne) {
  load(R"(
  - id: one
    steps:
      - {id: each, foreach: "{1, 2}", serve: {name: "${{ item }}"}}
      - {do: {name: behind}}
  - id: two
    steps:
      - {id: every, foreach: "{1, 2}", steps: [{id: s, serve: {name: "${{ item }}"}}, {do: {name: "with ${{ item }}"}}]}
)");
  EXPECT_EQ(run(), 0);
  EXPECT_EQ(sim.deeds, (Deeds{"1", "2", "behind", "one/each[2] ends", "one/each[1] ends", "1", "with 1",
                              "two/every[1]/s ends", "2", "with 2", "two/every[2]/s ends"}));
}

TEST_F(Leaving, EndsWhereTheRunIsCancelledEvenAtOnce) {
  for (bool now : {false, true}) {
    sim.deeds.clear();
    load(
        "  - id: one\n    steps: [{serve: {name: tunnel}}, {do: {name: long}}, {do: {name: never}}]\n"
        "    always: [{do: {name: tidy}}]\n");
    sim.script["long"] = [this, now](const StepInput& input) -> Result<StepOutput> {
      sim.executor.post([this, now] { sim.engine->cancel({"ann", "enough", false, now}); });
      while (!input.stop.stop_requested()) std::this_thread::yield();
      return fail(ErrorCode::interrupted, "stopped", {}, Certainty::maybe);
    };
    EXPECT_EQ(run(), 130);
    EXPECT_EQ(sim.deeds,
              now ? (Deeds{"tunnel", "long", "one/1 ends"}) : (Deeds{"tunnel", "long", "tidy", "one/1 ends"}));
  }
}

TEST_F(Leaving, EndsWhereAGateSaysNo) {
  load("  - id: one\n    steps: [{serve: {name: tunnel}}, {id: wipe, approval: true, destroy: {name: wipe}}]\n");
  sim.executor.on_tick = [this] {
    const OpRecord* op = sim.op("one/wipe");
    if (!op || op->gate.state != GateState::open || !op->gate.votes.empty()) return;
    Vote no{"bob", std::string(verdict_reject), "not now", op->gate.digest, "command", sim.clock.now()};
    ASSERT_TRUE(sim.engine->vote(op->op, no).has_value());
  };
  Result<Ending> ending = sim.run({true, false});
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 4);
  EXPECT_EQ(sim.deeds, (Deeds{"tunnel", "one/1 ends"}));
}

TEST_F(Leaving, EndsOnceMoreAtMostWhereverTheJournalBroke) {
  bool whole = false;
  for (int commits = 1; commits < 40 && !whole; ++commits) {
    SCOPED_TRACE(commits);
    sim.deeds.clear();
    load(
        "  - id: one\n    steps: [{id: t, idempotent: true, serve: {name: tunnel}}, {idempotent: true, do: {name: "
        "on}}]\n"
        "  - id: two\n    steps: [{idempotent: true, do: {name: later}}]\n");
    sim.run_id.clear();
    sim.journal->fail_after(commits);
    whole = run() == 0;
    sim.journal->fail_after(-1);
    if (!whole && !sim.run_id.empty()) {
      Result<Ending> ending = sim.resume();
      ASSERT_TRUE(ending.has_value()) << ending.error().message;
      EXPECT_EQ(ending->exit_code, 0) << ending->reason;
    }
    if (sim.run_id.empty()) continue;
    auto last_of = [&](const std::string& start) {
      auto at = std::find_if(sim.deeds.rbegin(), sim.deeds.rend(),
                             [&](const std::string& deed) { return deed.starts_with(start); });
      return sim.deeds.rend() - at;
    };
    // Whatever was begun twice: behind the last tunnel and before what is later its end stands.
    EXPECT_GT(last_of("one/t ends"), last_of("tunnel")) << testing::PrintToString(sim.deeds);
    EXPECT_GT(last_of("later"), last_of("one/t ends")) << testing::PrintToString(sim.deeds);
    EXPECT_EQ(sim.op("one/t")->left_to_group, 0);
  }
  EXPECT_TRUE(whole) << "the sweep never came to its end";
}

TEST_F(Leaving, IsNothingThatARetryOfTheRunCanBuildOn) {
  load(R"(
  - id: one
    steps:
      - {id: tunnel, serve: {name: tunnel}}
      - {id: breaks, do: {name: breaks}}
  - id: two
    steps: [{id: later, do: {name: later}}]
)");
  fails("breaks", Certainty::no_effect);
  EXPECT_EQ(run(), 1);
  Result<Ending> refused = sim.retry("one/breaks");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().message, "what `one/tunnel` left running for `one/breaks` has ended with its group");
  EXPECT_EQ(refused.error().hint, "try again from `one/tunnel`");
  sim.script.erase("breaks");
  sim.script["later"] = [](const StepInput&) -> Result<StepOutput> {
    return fail(ErrorCode::failed, "later", {}, Certainty::no_effect);
  };
  Result<Ending> again = sim.retry("one/tunnel");
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(again->exit_code, 1);
  // Behind the group nobody needs it.
  sim.script.erase("later");
  again = sim.retry("two/later");
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(again->exit_code, 0);
}

}  // namespace
}  // namespace muster
