// The table of endings (docs/language.md, "How a run ends"), a test per cell: who is asked for a rescue, what is
// undone, what runs always, and what the run is called afterwards. The order of deeds is the order in which they were
// done.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/unit/engine/simulation.h"

namespace muster {
namespace {

using simulation::Simulation;
using Deeds = std::vector<std::string>;

class Endings : public testing::Test {
 protected:
  void SetUp() override {
    std::ifstream in(std::string(MUSTER_SOURCE_DIR) + "/tests/fixtures/endings/endings.muster.yaml");
    std::ostringstream text;
    text << in.rdbuf();
    ASSERT_TRUE(sim.load(text.str())) << sim.diagnostics;
    sim.inputs["gate"] = false;
  }

  void fails(const std::string& name, Certainty effect = Certainty::no_effect) {
    sim.script[name] = [name, effect](const StepInput&) -> Result<StepOutput> {
      return fail(ErrorCode::failed, name + " failed", {}, effect);
    };
  }
  // Whoever cancels does so while this runs; it ends well all the same.
  void is_cancelled(const std::string& name, bool rollback, bool now) {
    sim.script[name] = [this, rollback, now](const StepInput& input) -> Result<StepOutput> {
      sim.executor.post([this, rollback, now] { sim.engine->cancel({"ann", "enough", rollback, now}); });
      while (!input.stop.stop_requested()) std::this_thread::yield();
      return StepOutput{Map{{"name", "done"}}, {}};
    };
  }
  void outlasts_the_run(const std::string& name) {
    sim.script[name] = [this](const StepInput& input) -> Result<StepOutput> {
      while (!input.stop.stop_requested()) {
        sim.clock.advance(Duration::seconds(60));
        sim.executor.post([] {});
        std::this_thread::yield();
      }
      return fail(ErrorCode::interrupted, "stopped", {}, Certainty::maybe);
    };
  }
  void run() {
    Result<Ending> end = sim.run();
    ASSERT_TRUE(end.has_value()) << end.error().message;
    ending = *end;
  }
  void resume() {
    Result<Ending> end = sim.resume();
    ASSERT_TRUE(end.has_value()) << end.error().message;
    ending = *end;
  }
  void run_to_the_gate_and(const std::string& verdict) {
    sim.inputs["gate"] = true;
    run();
    ASSERT_EQ(ending.exit_code, 75) << ending.reason;
    if (verdict == "expired") {
      sim.clock.advance(Duration::seconds(601));
    } else {
      Event vote;
      vote.kind = EventKind::vote;
      vote.op = OpId{"work/way/one/asked"};
      vote.attempt = 1;
      vote.at = sim.clock.now();
      vote.body = encode_value(Map{{"person", "bob"},
                                   {"verdict", verdict},
                                   {"reason", "because"},
                                   {"digest", sim.op("work/way/one/asked")->gate.digest},
                                   {"how", "test"},
                                   {"opening", 1}});
      ASSERT_TRUE(sim.journal->say(sim.run_id, vote).has_value());
    }
    resume();
  }
  void ends(RunState state, int exit_code, const Deeds& deeds) {
    EXPECT_EQ(name_of(ending.state), name_of(state)) << ending.reason;
    EXPECT_EQ(ending.exit_code, exit_code) << ending.reason;
    EXPECT_EQ(sim.deeds, deeds);
  }
  bool ran(const std::string& name) {
    const Deeds deeds = sim.deeds_so_far();
    return std::find(deeds.begin(), deeds.end(), name) != deeds.end();
  }

  Simulation sim;
  Ending ending;
};

// --- all done

TEST_F(Endings, AllDoneRunsAlwaysAndIsSucceeded0) {
  run();
  ends(RunState::succeeded, 0, {"first", "main", "last", "always, succeeded"});
}

TEST_F(Endings, AllDoneIsFailedWhereAlwaysFails) {
  fails("always, succeeded");
  run();
  ends(RunState::failed, 1, {"first", "main", "last", "always, succeeded"});
  EXPECT_NE(ending.reason.find("a step of `always` failed"), std::string::npos) << ending.reason;
}

// --- a step failed

TEST_F(Endings, AFailureIsMadeUpForByTheFallback) {
  fails("main", Certainty::maybe);
  run();
  ends(RunState::succeeded, 0, {"first", "main", "undo main", "fallback", "last", "always, succeeded"});
}

TEST_F(Endings, AFailureIsMadeUpForByTheRescue) {
  fails("last");
  run();
  ends(RunState::succeeded, 0, {"first", "main", "last", "rescue", "always, succeeded"});
  EXPECT_EQ(sim.state("work"), "recovered");
}

TEST_F(Endings, AFailureThatNothingMakesUpForIsRolledBack5) {
  fails("last");
  fails("rescue");
  run();
  ends(RunState::rolled_back, 5, {"first", "main", "last", "rescue", "undo main", "undo first", "always, rolled_back"});
  EXPECT_EQ(ending.reason, "last failed");
}

TEST_F(Endings, AFailureBehindNothingThatCouldBeUndoneIsFailed1) {
  fails("first");
  fails("rescue");
  run();
  ends(RunState::failed, 1, {"first", "rescue", "always, failed"});
}

TEST_F(Endings, AFailureWhoseRollbackFailsIsFailed1AndSaysThatItIsIncomplete) {
  fails("last");
  fails("rescue");
  fails("undo main", Certainty::maybe);
  run();
  ends(RunState::failed, 1, {"first", "main", "last", "rescue", "undo main", "undo first", "always, failed"});
  EXPECT_EQ(ending.reason, "last failed; rollback incomplete, not undone: `work/way/one/main`");
  EXPECT_EQ(sim.state("work/first"), "rolled_back");
  EXPECT_EQ(sim.state("work/way/one/main"), "succeeded") << "what was not undone stands";
}

// --- the run's time was up

TEST_F(Endings, ARunTimeoutIsNotRescuedAndTakesNoFallback) {
  outlasts_the_run("main");
  run();
  EXPECT_FALSE(ran("rescue"));
  EXPECT_FALSE(ran("fallback"));
}

TEST_F(Endings, ARunTimeoutIsRolledBackAndAlwaysRunsOutsideOfIt) {
  outlasts_the_run("main");
  run();
  ends(RunState::rolled_back, 5, {"first", "main", "undo main", "undo first", "always, rolled_back"});
  EXPECT_EQ(ending.reason, "the playbook's time was up");
}

// --- a gate said no

TEST_F(Endings, ARejectedGateIsNotRescuedAndTakesNoFallback) {
  run_to_the_gate_and("reject");
  EXPECT_FALSE(ran("rescue"));
  EXPECT_FALSE(ran("fallback"));
}

TEST_F(Endings, ARejectedGateRollsBackRunsAlwaysAndIsRejected4) {
  run_to_the_gate_and("reject");
  ends(RunState::rejected, 4, {"first", "undo first", "always, rejected"});
}

TEST_F(Endings, AnExpiredGateRollsBackRunsAlwaysAndIsRejected4) {
  run_to_the_gate_and("expired");
  ends(RunState::rejected, 4, {"first", "undo first", "always, rejected"});
}

TEST_F(Endings, ARejectedGateStaysRejectedWhereTheRollbackFailsAndSaysThatItIsIncomplete) {
  fails("undo first", Certainty::maybe);
  run_to_the_gate_and("reject");
  ends(RunState::rejected, 4, {"first", "undo first", "always, rejected"});
  EXPECT_NE(ending.reason.find("; rollback incomplete, not undone: `work/first`"), std::string::npos) << ending.reason;
}

TEST_F(Endings, ARejectedGateStaysRejectedWhereAlwaysFails) {
  fails("always, rejected");
  run_to_the_gate_and("reject");
  ends(RunState::rejected, 4, {"first", "undo first", "always, rejected"});
}

// --- cancelled

TEST_F(Endings, ACancelledRunIsNotRescuedTakesNoFallbackAndUndoesNothing) {
  is_cancelled("main", false, false);
  run();
  ends(RunState::cancelled, 130, {"first", "main", "always, cancelled"});
}

TEST_F(Endings, ACancelledRunIsRolledBackWhereThatWasWanted) {
  is_cancelled("main", true, false);
  run();
  ends(RunState::cancelled, 130, {"first", "main", "undo main", "undo first", "always, cancelled"});
}

TEST_F(Endings, ACancelledRunWhoseRollbackFailsSaysThatItIsIncomplete) {
  is_cancelled("main", true, false);
  fails("undo main", Certainty::maybe);
  run();
  ends(RunState::cancelled, 130, {"first", "main", "undo main", "undo first", "always, cancelled"});
  EXPECT_EQ(ending.reason, "cancelled by ann: enough; rollback incomplete, not undone: `work/way/one/main`");
}

TEST_F(Endings, ARunThatIsCancelledNowDoesNothingMore) {
  is_cancelled("main", false, true);
  run();
  ends(RunState::cancelled, 130, {"first", "main"});
}

// --- in doubt

TEST_F(Endings, ADoubtIsNeitherRescuedNorUndoneAndEndsWith6) {
  sim.script["main"] = [this](const StepInput&) -> Result<StepOutput> {
    sim.journal->fail_after(0);  // the outcome is lost
    return StepOutput{};
  };
  ASSERT_FALSE(sim.run().has_value());
  sim.journal->fail_after(-1);
  resume();
  EXPECT_EQ(ending.exit_code, 6);
  EXPECT_EQ(sim.deeds, (Deeds{"first", "main"}));
  EXPECT_EQ(sim.state("work/way/one/main"), "in_doubt");
  // Once it is settled all goes its way.
  Event resolved;
  resolved.kind = EventKind::resolved;
  resolved.op = OpId{"work/way/one/main"};
  resolved.attempt = 1;
  resolved.at = sim.clock.now();
  resolved.body = encode_value(Map{{"choice", "succeeded"}, {"person", "bob"}, {"reason", "looked"}});
  ASSERT_TRUE(sim.journal->say(sim.run_id, resolved).has_value());
  resume();
  ends(RunState::succeeded, 0, {"first", "main", "last", "always, succeeded"});
}

// --- stopped by a signal

TEST_F(Endings, ASignalDoesNothingUntilTheRunIsResumed) {
  sim.on_event = [this](const Event& event) {
    if (event.kind == EventKind::outcome && event.op.path == "work/first") sim.engine->stop();
  };
  run();
  EXPECT_EQ(ending.exit_code, 75);
  EXPECT_FALSE(ran("always, succeeded"));
  sim.on_event = nullptr;
  resume();
  EXPECT_EQ(ending.exit_code, ending.exit_code == 6 ? 6 : 0) << "a step that was under way is in doubt";
  EXPECT_EQ(sim.deeds.front(), "first");
  EXPECT_EQ(std::count(sim.deeds.begin(), sim.deeds.end(), "first"), 1);
}

}  // namespace
}  // namespace muster
