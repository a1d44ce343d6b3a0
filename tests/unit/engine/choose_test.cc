// One of several ways: whose turn it is, what happens when it fails, and a kill at every commit.
#include <gtest/gtest.h>

#include "tests/unit/engine/simulation.h"

namespace muster {
namespace {

using simulation::Simulation;
using Deeds = std::vector<std::string>;

Result<StepOutput> refuse(const char* message, Certainty effect = Certainty::maybe) {
  return fail(ErrorCode::failed, message, {}, effect);
}

constexpr const char* first_that_holds = R"(
muster: 1
playbook: ways
phases:
  - id: only
    steps:
      - {id: seen, look: {name: b}}
      - id: way
        choose:
          options:
            - {id: small, when: steps.seen.name == "a", steps: [{do: {name: small}}]}
            - {id: large, when: steps.seen.name == "b", steps: [{id: done, do: {name: large}}], outputs: {size: "${{ steps.done.name }}"}}
            - {id: rest, steps: [{do: {name: rest}}]}
      - {do: {name: "${{ steps.way.chosen }} ${{ steps.way.size }}"}}
)";

TEST(Choose, TakesTheFirstOptionWhoseWhenHoldsAndGivesItsOutputs) {
  Simulation sim;
  ASSERT_TRUE(sim.load(first_that_holds)) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(sim.deeds, (Deeds{"b", "large", "large large"}));
  EXPECT_EQ(sim.state("only/way/small"), "skipped");
  EXPECT_EQ(sim.state("only/way/large"), "succeeded");
  EXPECT_EQ(sim.state("only/way/rest"), "skipped");
}

TEST(Choose, TakesTheOptionThatByNames) {
  Simulation sim;
  ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: ways
inputs:
  way: {type: enum, values: [a, b], default: b}
phases:
  - id: only
    steps:
      - id: way
        choose:
          by: inputs.way
          options:
            - {id: a, steps: [{do: {name: a}}]}
            - {id: b, steps: [{do: {name: b}}]}
)")) << sim.diagnostics;
  sim.inputs["way"] = "b";
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(sim.deeds, (Deeds{"b"}));
}

TEST(Choose, FailsWithTheOptionsWhereByNamesNone) {
  Simulation sim;
  ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: ways
phases:
  - id: only
    steps:
      - {id: seen, look: {name: c}}
      - id: way
        choose:
          by: steps.seen.name
          options:
            - {id: a, steps: [{do: {name: a}}]}
            - {id: b, steps: [{do: {name: b}}]}
)")) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 1);
  EXPECT_EQ(ending->reason, "`steps.seen.name` must name an option, and yields `c`");
  std::string drawn = text_of(*sim.op("only/way")->error, "diagnostic");
  EXPECT_NE(drawn.find("test.muster.yaml:10:"), std::string::npos) << drawn;
  EXPECT_NE(drawn.find("options are `a`, `b`"), std::string::npos) << drawn;
}

TEST(Choose, FailsClearlyWhereNoOptionHolds) {
  Simulation sim;
  ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: ways
phases:
  - id: only
    steps:
      - {id: seen, look: {name: c}}
      - id: way
        choose:
          options:
            - {id: a, when: steps.seen.name == "a", steps: [{do: {name: a}}]}
            - {id: b, when: steps.seen.name == "b", steps: [{do: {name: b}}]}
)")) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 1);
  EXPECT_EQ(ending->reason, "nothing could be chosen at `only/way`: the `when` of `a`, `b` are false");
  EXPECT_EQ(sim.deeds, (Deeds{"c"}));
}

constexpr const char* with_fallback = R"(
muster: 1
playbook: ways
phases:
  - id: only
    steps:
      - id: way
        choose:
          fallback: true
          options:
            - id: fast
              steps:
                - {id: one, idempotent: true, do: {name: fast}, rollback: [{idempotent: true, do: {name: undo fast}}]}
                - {id: two, idempotent: true, do: {name: break}}
            - {id: never, when: error.code == "timeout", steps: [{do: {name: never}}]}
            - {id: slow, when: error.message == "broken", steps: [{idempotent: true, do: {name: slow}}]}
      - {idempotent: true, do: {name: "after ${{ steps.way.chosen }}"}}
)";

TEST(Choose, RollsAFailedOptionBackBeforeItTakesTheNext) {
  Simulation sim;
  sim.script["break"] = [](const StepInput&) { return refuse("broken", Certainty::no_effect); };
  ASSERT_TRUE(sim.load(with_fallback)) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(ending->state, RunState::succeeded);
  EXPECT_EQ(sim.deeds, (Deeds{"fast", "break", "undo fast", "slow", "after slow"}));
  EXPECT_EQ(sim.state("only/way/fast"), "failed");
  EXPECT_EQ(sim.state("only/way/never"), "skipped");
}

TEST(Choose, TakesNoFurtherOptionWhereOneCouldNotBeUndone) {
  Simulation sim;
  sim.script["break"] = [](const StepInput&) { return refuse("broken", Certainty::no_effect); };
  sim.script["undo fast"] = [](const StepInput&) { return refuse("cannot", Certainty::no_effect); };
  ASSERT_TRUE(sim.load(with_fallback)) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 1);
  EXPECT_NE(ending->reason.find("rollback incomplete"), std::string::npos) << ending->reason;
  EXPECT_EQ(sim.deeds, (Deeds{"fast", "break", "undo fast"}));
}

TEST(Choose, FailsWithTheLastFailureWhereNoOptionIsLeft) {
  Simulation sim;
  sim.script["break"] = [](const StepInput&) { return refuse("broken", Certainty::no_effect); };
  sim.script["slow"] = [](const StepInput&) { return refuse("slow, too", Certainty::no_effect); };
  ASSERT_TRUE(sim.load(with_fallback)) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->state, RunState::rolled_back);
  EXPECT_EQ(ending->reason, "slow, too");
  EXPECT_EQ(sim.deeds, (Deeds{"fast", "break", "undo fast", "slow"}));
}

TEST(Choose, LeadsToNoOtherOptionWhenAPersonSaysNo) {
  Simulation sim;
  ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: ways
phases:
  - id: only
    steps:
      - id: way
        choose:
          fallback: true
          options:
            - {id: risky, approval: true, steps: [{do: {name: risky}}]}
            - {id: safe, steps: [{do: {name: safe}}]}
always:
  - {do: {name: "${{ run.status }}"}}
)")) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value());
  ASSERT_EQ(ending->exit_code, 75);
  EXPECT_EQ(sim.state("only/way/risky"), "waiting");
  Event vote;
  vote.kind = EventKind::vote;
  vote.op = OpId{"only/way/risky"};
  vote.attempt = 1;
  vote.at = sim.clock.now();
  vote.body = encode_value(Map{{"person", "bob"},
                               {"verdict", "reject"},
                               {"reason", "no"},
                               {"digest", sim.op("only/way/risky")->gate.digest},
                               {"how", "test"},
                               {"opening", 1}});
  ASSERT_TRUE(sim.journal->say(sim.run_id, vote).has_value());
  ending = sim.resume();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 4) << ending->reason;
  EXPECT_EQ(sim.deeds, (Deeds{"rejected"}));
}

TEST(Choose, GoesOnWithTheSameOptionWhereverTheJournalBroke) {
  bool unbroken = false;
  for (int commits = 1; commits < 60 && !unbroken; ++commits) {
    Simulation sim;
    sim.script["break"] = [](const StepInput&) { return refuse("broken", Certainty::no_effect); };
    ASSERT_TRUE(sim.load(with_fallback)) << sim.diagnostics;
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
    EXPECT_EQ(sim.op("only/way")->chosen, (Deeds{"fast", "slow"})) << commits;
    // Steps may run twice, and no step of one option behind one of the other.
    Deeds once;
    for (const std::string& deed : sim.deeds)
      if (once.empty() || once.back() != deed) once.push_back(deed);
    EXPECT_EQ(once, (Deeds{"fast", "break", "undo fast", "slow", "after slow"})) << commits;
  }
  EXPECT_TRUE(unbroken) << "the sweep never came to its end";
}

}  // namespace
}  // namespace muster
