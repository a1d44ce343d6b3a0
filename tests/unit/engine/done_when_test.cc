// `done_when` in a run: what is there already is not done, and what was done is proven.
#include <gtest/gtest.h>

#include "tests/unit/engine/simulation.h"

namespace muster {
namespace {

using simulation::Simulation;
using Deeds = std::vector<std::string>;

// A world in which a thing is there or not; asking it is the deed `there`.
class DoneWhenRun : public ::testing::Test {
 protected:
  DoneWhenRun() {
    sim.script["there"] = [this](const StepInput&) -> Result<StepOutput> {
      ++questions;
      if (blind) return fail(ErrorCode::unreachable, "nobody answers");
      return StepOutput{Map{{"value", there}}, {}};
    };
    sim.script["make"] = [this](const StepInput&) -> Result<StepOutput> {
      ++made;
      there = makes;
      return StepOutput{Map{{"name", "made"}}, {}};
    };
  }
  // `more` stands below the keys of the step.
  bool load(const std::string& more) {
    return sim.load(R"(muster: 1
playbook: p
phases:
  - id: only
    steps:
      - id: made
        do: {name: make}
        done_when: {look: {name: there}, that: result.value}
)" + more);
  }
  Simulation sim;
  bool there = false, makes = true, blind = false;
  int made = 0, questions = 0;
};

TEST_F(DoneWhenRun, LeavesOutWhatIsThereAlreadyAndGoesOnBehindIt) {
  there = true;
  ASSERT_TRUE(load("      - {id: next, do: {name: next}}\n")) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(sim.state("only/made"), "already_done");
  EXPECT_EQ(sim.deeds, (Deeds{"there", "next"}));
}

TEST_F(DoneWhenRun, AsksNobodyToApproveWhatIsThereAlready) {
  there = true;
  ASSERT_TRUE(load("        approval: true\n")) << sim.diagnostics;
  EXPECT_EQ(sim.run()->exit_code, 0);
  EXPECT_EQ(sim.op("only/made")->gate.state, GateState::none);
}

TEST_F(DoneWhenRun, IsAskedAgainBehindTheGateBecauseSomebodyMayHaveDoneItMeanwhile) {
  ASSERT_TRUE(load("        approval: true\n")) << sim.diagnostics;
  sim.executor.on_tick = [this] {
    const OpRecord* gate = sim.op("only/made");
    if (!gate || gate->gate.state != GateState::open) return;
    EXPECT_EQ(questions, 1);
    there = true;
    EXPECT_TRUE(
        sim.engine->vote(OpId{"only/made"}, Vote{"bob", "approve", "", gate->gate.digest, "test", {}}).has_value());
    sim.executor.on_tick = nullptr;
  };
  Result<Ending> ending = sim.run({true, false});
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(sim.state("only/made"), "already_done");
  EXPECT_EQ(made, 0);
}

TEST_F(DoneWhenRun, ThatCannotBeAskedBeforeKeepsNothingFromRunning) {
  ASSERT_TRUE(load("")) << sim.diagnostics;
  sim.script["there"] = [this](const StepInput&) -> Result<StepOutput> {
    if (made == 0) return fail(ErrorCode::unreachable, "the service is not there yet");
    return StepOutput{Map{{"value", true}}, {}};
  };
  EXPECT_EQ(sim.run()->exit_code, 0);
  EXPECT_EQ(made, 1);
}

TEST_F(DoneWhenRun, ProvesTheStepAfterItsVerify) {
  ASSERT_TRUE(load("        verify: {look: {name: health}, that: result.name == 'health'}\n")) << sim.diagnostics;
  EXPECT_EQ(sim.run()->exit_code, 0);
  EXPECT_EQ(sim.deeds, (Deeds{"there", "make", "health", "there"}));
  EXPECT_EQ(sim.state("only/made"), "succeeded");
}

TEST_F(DoneWhenRun, FailsAStepThatRanAndMadeNothing) {
  makes = false;
  ASSERT_TRUE(load("        rollback: [{do: {name: undo}}]\n")) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 5) << ending->reason;
  EXPECT_NE(ending->reason.find("its `done_when` does not hold afterwards"), std::string::npos) << ending->reason;
  EXPECT_EQ(sim.deeds, (Deeds{"there", "make", "there", "undo"})) << "it ran, so it is undone";
}

TEST_F(DoneWhenRun, KeepsARetryFromDoingTwiceWhatATimeoutHid) {
  ASSERT_TRUE(load("        retry: {attempts: 3, delay: 1s}\n")) << sim.diagnostics;
  sim.script["make"] = [this](const StepInput&) -> Result<StepOutput> {
    ++made;
    there = true;
    return fail(ErrorCode::timeout, "nobody answered in time", {}, Certainty::maybe);
  };
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(made, 1);
  EXPECT_EQ(sim.state("only/made"), "succeeded");
}

TEST_F(DoneWhenRun, LetsARetryRepeatWhatHadNoEffect) {
  ASSERT_TRUE(load("        retry: {attempts: 3, delay: 1s}\n")) << sim.diagnostics;
  sim.script["make"] = [this](const StepInput& input) -> Result<StepOutput> {
    ++made;
    if (input.attempt == 1) return fail(ErrorCode::timeout, "nobody answered in time", {}, Certainty::maybe);
    there = true;
    return StepOutput{};
  };
  EXPECT_EQ(sim.run()->exit_code, 0);
  EXPECT_EQ(made, 2);
}

TEST_F(DoneWhenRun, EndsTheAttemptsWhenItCannotTellWhetherTheLastOneHadAnEffect) {
  ASSERT_TRUE(load("        retry: {attempts: 3, delay: 1s}\n")) << sim.diagnostics;
  sim.script["make"] = [this](const StepInput&) -> Result<StepOutput> {
    ++made;
    blind = true;
    return fail(ErrorCode::timeout, "nobody answered in time", {}, Certainty::maybe);
  };
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 1);
  EXPECT_EQ(made, 1);
  EXPECT_NE(ending->reason.find("it was not tried again"), std::string::npos) << ending->reason;
}

TEST_F(DoneWhenRun, OfClaimsAloneReadsWhatEarlierStepsFound) {
  ASSERT_TRUE(sim.load(R"(muster: 1
playbook: p
phases:
  - id: only
    steps:
      - {id: state, look: {name: state}}
      - {id: a, do: {name: a}, done_when: {that: steps.state.name == "state"}}
      - {id: b, do: {name: b}, done_when: {that: [steps.state.name == "state", inputs == nil]}}
)")) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(sim.state("only/a"), "already_done");
  EXPECT_EQ(sim.state("only/b"), "failed") << "one claim that does not hold is a no, before and afterwards";
}

TEST_F(DoneWhenRun, OfAGroupLeavesOutAllOfItOrProvesAllOfIt) {
  const std::string group = R"(muster: 1
playbook: p
phases:
  - id: only
    steps:
      - id: g
        done_when: {look: {name: there}, that: result.value}
        steps:
          - {do: {name: one}}
          - {do: {name: make}, rollback: [{do: {name: undo}}]}
)";
  there = true;
  ASSERT_TRUE(sim.load(group)) << sim.diagnostics;
  EXPECT_EQ(sim.run()->exit_code, 0);
  EXPECT_EQ(sim.state("only/g"), "already_done");
  EXPECT_EQ(sim.deeds, (Deeds{"there"}));

  there = false;
  sim.deeds.clear();
  EXPECT_EQ(sim.run()->exit_code, 0);
  EXPECT_EQ(sim.deeds, (Deeds{"there", "one", "make", "there"}));

  there = makes = false;
  sim.deeds.clear();
  Result<Ending> ending = sim.run();
  EXPECT_EQ(ending->exit_code, 5) << ending->reason;
  EXPECT_NE(ending->reason.find("the `done_when` of `only/g` does not hold afterwards"), std::string::npos)
      << ending->reason;
  EXPECT_EQ(sim.deeds, (Deeds{"there", "one", "make", "there", "undo"}));
}

TEST_F(DoneWhenRun, OfAGroupThatIsLeftOutKeepsNobodyWaitingWhoNeedsAStepInIt) {
  for (const char* condition : {"done_when: {look: {name: there}, that: result.value}", "when: \"false\""}) {
    SCOPED_TRACE(condition);
    there = true;
    sim.deeds.clear();
    ASSERT_TRUE(sim.load(std::string(R"(muster: 1
playbook: p
phases:
  - id: first
    steps:
      - id: g
        )") + condition + R"(
        steps:
          - {id: inner, do: {name: inner}}
          - id: deep
            steps: [{id: innermost, do: {name: innermost}}]
  - id: second
    steps:
      - {id: after, do: {name: after}, needs: [inner, innermost]}
)")) << sim.diagnostics;
    Result<Ending> ending = sim.run();
    ASSERT_TRUE(ending.has_value()) << ending.error().message;
    EXPECT_EQ(ending->exit_code, 0) << ending->reason;
    EXPECT_EQ(sim.deeds.back(), "after");
  }
}

TEST_F(DoneWhenRun, OfAStepThatWasNotReachedInARescuedGroupKeepsBackWhoNeedsIt) {
  sim.script["broken"] = [](const StepInput&) -> Result<StepOutput> { return fail(ErrorCode::failed, "broken"); };
  ASSERT_TRUE(sim.load(R"(muster: 1
playbook: p
phases:
  - id: first
    steps:
      - id: g
        steps:
          - {id: broken, do: {name: broken}}
          - {id: inner, do: {name: inner}}
        rescue:
          - {do: {name: rescue}}
  - id: second
    steps:
      - {id: after, do: {name: after}, needs: [inner]}
)")) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 1) << ending->reason;
  EXPECT_EQ(sim.deeds, (Deeds{"broken", "rescue"}));
  EXPECT_EQ(sim.state("second/after"), "not_reached");
}

TEST_F(DoneWhenRun, LeavesWhatItSaidBeforeAnotherAttemptInTheJournal) {
  ASSERT_TRUE(load("        retry: {attempts: 3, delay: 1s}\n")) << sim.diagnostics;
  sim.script["make"] = [this](const StepInput& input) -> Result<StepOutput> {
    if (input.attempt < 3) return fail(ErrorCode::timeout, "nobody answered in time", {}, Certainty::maybe);
    there = true;
    return StepOutput{};
  };
  EXPECT_EQ(sim.run()->exit_code, 0);
  std::vector<std::string> said;
  Result<RunRecord> record = sim.journal->read(sim.run_id);
  ASSERT_TRUE(record.has_value()) << record.error().message;
  for (const Event& event : record->events)
    if (event.kind == EventKind::evaluated && event.body.find("before_retry") != std::string::npos) {
      said.push_back(std::to_string(event.attempt) + " " + event.body);
    }
  ASSERT_EQ(said.size(), 2u) << "once for each attempt that followed";
  EXPECT_NE(said[0].find("1 "), std::string::npos);
  EXPECT_NE(said[0].find("\"missing\""), std::string::npos) << said[0];
  EXPECT_NE(said[0].find("does not hold"), std::string::npos) << said[0];
  Result<RunHistory> history = replay(record->events);
  ASSERT_TRUE(history.has_value());
  EXPECT_EQ(history->find(OpId{"only/made"})->state, StepState::succeeded);
  EXPECT_FALSE(history->find(OpId{"only/made"})->refuted);
}

TEST_F(DoneWhenRun, IsAskedAgainByAResumeThatFindsOnlyTheOutcome) {
  ASSERT_TRUE(load("      - {id: next, do: {name: next}, idempotent: true}\n")) << sim.diagnostics;
  sim.script["there"] = [this](const StepInput&) -> Result<StepOutput> {
    ++questions;
    if (questions == 2) sim.journal->fail_after(0);  // killed while the proof is asked for
    return StepOutput{Map{{"value", there}}, {}};
  };
  ASSERT_FALSE(sim.run().has_value());
  sim.journal->fail_after(-1);
  Result<Ending> ending = sim.resume();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(made, 1);
  EXPECT_EQ(sim.state("only/made"), "succeeded");
}

}  // namespace
}  // namespace muster
