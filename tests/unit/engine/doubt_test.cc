// What a crash leaves open, settled by what the step offers: nothing happens twice unless somebody said that it may.
#include <gtest/gtest.h>

#include "tests/unit/engine/simulation.h"

namespace muster {
namespace {

using simulation::Deed;
using simulation::Simulation;

// Where the interpreter is killed, seen from the step `a`.
enum class Killed { before_intent, before_effect, before_outcome, after_outcome };

constexpr Killed all_points[] = {Killed::before_intent, Killed::before_effect, Killed::before_outcome,
                                 Killed::after_outcome};

const char* words(Killed at) {
  constexpr const char* names[] = {"before the intent", "after the intent, before the effect",
                                   "after the effect, before the outcome", "after the outcome"};
  return names[static_cast<int>(at)];
}

struct Expected {
  int effects = 0;
  bool in_doubt = false;
};

struct Kind {
  std::string name;
  std::string step;  // without its id
  Expected at[4];    // by point
};

// A run of a step `a` whose effects are counted, killed at a point and resumed.
class Crash {
 public:
  Crash() {
    Action marked = sim.actions[0];
    marked.name = "marked";  // its own target tells: a marker row
    marked.probe = [this](const StepInput&, Look&) -> Result<Settled> {
      ++probes;
      Settled settled;
      settled.answer = effects > 0 ? Settled::Answer::happened : Settled::Answer::did_not_happen;
      return settled;
    };
    Action child = sim.actions[0];
    child.name = "child";  // the helper for children keeps a record of what was started
    child.recover = [this](const StepInput&, Touch&) -> Result<std::optional<StepOutput>> {
      if (unreadable) return fail(ErrorCode::in_doubt, "the helper does not answer", {}, Certainty::maybe);
      if (effects == 0) return std::optional<StepOutput>();
      return std::optional<StepOutput>(StepOutput{Map{{"name", "recovered"}}, {}});
    };
    sim.actions.push_back(marked);
    sim.actions.push_back(child);
    sim.script["there"] = [this](const StepInput&) -> Result<StepOutput> {
      if (blind) return fail(ErrorCode::unreachable, "nobody answers");
      return StepOutput{Map{{"value", effects > 0}}, {}};
    };
  }

  bool load(const std::string& step) {
    return sim.load("muster: 1\nplaybook: p\nphases:\n  - id: only\n    steps:\n      - {id: a, " + step +
                    "}\n      - {id: next, do: {name: next}, idempotent: true}\n");
  }

  // The run up to the kill.
  void run_until(Killed at) {
    sim.script["a"] = [this, at](const StepInput& input) -> Result<StepOutput> {
      bool first = input.attempt == 1 && !was_killed;
      if (at == Killed::before_effect && first) kill();
      if (was_killed) return StepOutput{};
      ++effects;
      if (at == Killed::before_outcome && first) kill();
      return StepOutput{Map{{"name", "a"}}, {}};
    };
    sim.script["next"] = [this, at](const StepInput&) -> Result<StepOutput> {
      if (at == Killed::after_outcome) kill();
      return StepOutput{};
    };
    if (at == Killed::before_intent) sim.journal->fail_after(1);  // the run itself is recorded, and nothing more
    EXPECT_FALSE(sim.run().has_value()) << "it was to be killed";
  }
  Result<Ending> resume() {
    sim.journal->fail_after(-1);
    was_killed = false;
    sim.script["a"] = [this](const StepInput&) -> Result<StepOutput> {
      ++effects;
      return StepOutput{Map{{"name", "a"}}, {}};
    };
    sim.script.erase("next");
    return sim.resume();
  }

  Simulation sim;
  int effects = 0;
  int probes = 0;
  bool blind = false;       // `done_when` cannot be asked
  bool unreadable = false;  // the helper's record cannot be read

 private:
  void kill() {
    sim.journal->fail_after(0);
    was_killed = true;
  }
  bool was_killed = false;
};

constexpr const char* done_when = ", done_when: {look: {name: there}, that: result.value == true}";

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> all = {
      {"a read", "look: {name: a}", {{1, false}, {1, false}, {2, false}, {1, false}}},
      {"an idempotent step", "do: {name: a}, idempotent: true", {{1, false}, {1, false}, {2, false}, {1, false}}},
      {"a step with `done_when`",
       std::string("do: {name: a}") + done_when,
       {{1, false}, {1, false}, {1, false}, {1, false}}},
      {"a step whose `done_when` cannot tell",
       std::string("do: {name: a}") + done_when,
       {{1, false}, {0, true}, {1, true}, {1, false}}},
      {"a step with a marker row", "marked: {name: a}", {{1, false}, {1, false}, {1, false}, {1, false}}},
      {"a child with the helper's record", "child: {name: a}", {{1, false}, {0, true}, {1, false}, {1, false}}},
      {"a step with nothing", "do: {name: a}", {{1, false}, {0, true}, {1, true}, {1, false}}},
  };
  return all;
}

TEST(Doubt, IsSettledByWhatTheStepOffersWhereverTheInterpreterWasKilled) {
  for (const Kind& kind : kinds()) {
    for (Killed at : all_points) {
      SCOPED_TRACE(kind.name + ", killed " + words(at));
      const Expected& expected = kind.at[static_cast<int>(at)];
      Crash crash;
      ASSERT_TRUE(crash.load(kind.step)) << crash.sim.diagnostics;
      crash.run_until(at);
      bool settles = kind.name.find("cannot tell") == std::string::npos;
      crash.blind = !settles && (at == Killed::before_effect || at == Killed::before_outcome);
      Result<Ending> ending = crash.resume();
      ASSERT_TRUE(ending.has_value()) << ending.error().message;
      EXPECT_EQ(ending->exit_code, expected.in_doubt ? 6 : 0) << ending->reason;
      EXPECT_EQ(crash.sim.state("only/a"), expected.in_doubt ? "in_doubt" : "succeeded");
      EXPECT_EQ(crash.effects, expected.effects);
    }
  }
}

TEST(Doubt, StaysSettledWhenTheRunIsResumedASecondTime) {
  Crash crash;
  ASSERT_TRUE(crash.load(std::string("do: {name: a}") + done_when)) << crash.sim.diagnostics;
  crash.run_until(Killed::before_outcome);
  ASSERT_EQ(crash.resume()->exit_code, 0);
  Result<RunRecord> record = crash.sim.journal->read(crash.sim.run_id);
  ASSERT_TRUE(record.has_value());
  Result<RunHistory> history = replay(record->events);
  ASSERT_TRUE(history.has_value());
  const OpRecord* op = history->find(OpId{"only/a"});
  EXPECT_EQ(op->settled_by, "done_when");
  ASSERT_EQ(op->notes.size(), 1u);
  EXPECT_NE(op->notes[0].find("`done_when` says that its effect is there"), std::string::npos) << op->notes[0];
  EXPECT_EQ(crash.effects, 1);
}

TEST(Doubt, TellsAPersonWhyDoneWhenCouldNotSettleIt) {
  Crash crash;
  ASSERT_TRUE(crash.load(std::string("do: {name: a}") + done_when)) << crash.sim.diagnostics;
  crash.run_until(Killed::before_outcome);
  crash.blind = true;
  ASSERT_EQ(crash.resume()->exit_code, 6);
  const OpRecord* op = crash.sim.op("only/a");
  EXPECT_NE(op->doubt.find("`done_when` cannot tell: nobody answers"), std::string::npos) << op->doubt;
}

TEST(Doubt, IsNotSettledByRunningBesideAChildWhoseRecordCannotBeRead) {
  Crash crash;
  ASSERT_TRUE(crash.load("child: {name: a}, idempotent: true")) << crash.sim.diagnostics;
  crash.run_until(Killed::before_outcome);
  crash.unreadable = true;
  ASSERT_EQ(crash.resume()->exit_code, 6);
  EXPECT_EQ(crash.effects, 1) << "idempotent is not the same as harmless at the same time";
}

TEST(Doubt, IsAskedAboutAgainByTheNextResumeAndSettledOnceThereIsAnAnswer) {
  Crash crash;
  ASSERT_TRUE(crash.load(std::string("do: {name: a}") + done_when)) << crash.sim.diagnostics;
  crash.run_until(Killed::before_outcome);
  crash.blind = true;
  ASSERT_EQ(crash.resume()->exit_code, 6);
  ASSERT_EQ(crash.sim.resume()->exit_code, 6);
  auto told = std::count(crash.sim.events.begin(), crash.sim.events.end(), "in_doubt only/a");
  EXPECT_EQ(told, 1) << "asking in vain says nothing new";
  crash.blind = false;
  Result<Ending> ending = crash.sim.resume();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(crash.effects, 1);
}

TEST(Doubt, AboutARecordThatCouldNotBeReadIsSettledByTheRecordOnceItCan) {
  Crash crash;
  ASSERT_TRUE(crash.load("child: {name: a}")) << crash.sim.diagnostics;
  crash.run_until(Killed::before_outcome);
  crash.unreadable = true;
  ASSERT_EQ(crash.resume()->exit_code, 6);
  crash.unreadable = false;
  Result<Ending> ending = crash.sim.resume();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(crash.effects, 1);
}

TEST(Doubt, ThatAPersonSettledIsNotAskedAboutAgain) {
  Crash crash;
  ASSERT_TRUE(crash.load(std::string("do: {name: a}") + done_when)) << crash.sim.diagnostics;
  crash.run_until(Killed::before_outcome);
  crash.blind = true;
  ASSERT_EQ(crash.resume()->exit_code, 6);
  Event event;
  event.kind = EventKind::resolved;
  event.op = OpId{"only/a"};
  event.attempt = 1;
  event.at = crash.sim.clock.now();
  event.body = encode_value(resolution(crash.sim.graph.get(), event.op, "skip", "bob", "looked"));
  ASSERT_TRUE(crash.sim.journal->say(crash.sim.run_id, event).has_value());
  crash.sim.deeds.clear();
  EXPECT_EQ(crash.sim.resume()->exit_code, 0);
  EXPECT_EQ(crash.sim.deeds, (std::vector<std::string>{"next"}));
  EXPECT_EQ(crash.sim.state("only/a"), "skipped");
}

TEST(Doubt, OfAnActionThatCannotTellDuringTheRunGoesTheSameWay) {
  struct Case {
    std::string step;
    bool happened;
    int effects;
    int exit_code;
  };
  for (const Case& c : {Case{"do: {name: a}", true, 1, 6}, Case{"do: {name: a}, idempotent: true", true, 2, 0},
                        Case{std::string("do: {name: a}") + done_when, true, 1, 0},
                        Case{std::string("do: {name: a}") + done_when, false, 1, 0}}) {
    SCOPED_TRACE(c.step + (c.happened ? ", happened" : ", did not happen"));
    Crash crash;
    ASSERT_TRUE(crash.load(c.step)) << crash.sim.diagnostics;
    crash.sim.script["a"] = [&](const StepInput& input) -> Result<StepOutput> {
      bool lost = input.attempt == 1;
      if (!lost || c.happened) ++crash.effects;
      if (lost) return fail(ErrorCode::in_doubt, "the answer was lost", {}, Certainty::maybe);
      return StepOutput{};
    };
    Result<Ending> ending = crash.sim.run();
    ASSERT_TRUE(ending.has_value()) << ending.error().message;
    EXPECT_EQ(ending->exit_code, c.exit_code) << ending->reason;
    EXPECT_EQ(crash.effects, c.effects);
  }
}

TEST(Doubt, OfAStepThatMayRunAgainAsksAPersonAfterAFewTimes) {
  Crash crash;
  ASSERT_TRUE(crash.load("do: {name: a}, idempotent: true")) << crash.sim.diagnostics;
  crash.sim.script["a"] = [&](const StepInput&) -> Result<StepOutput> {
    ++crash.effects;
    return fail(ErrorCode::in_doubt, "the answer was lost", {}, Certainty::maybe);
  };
  Result<Ending> ending = crash.sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 6);
  EXPECT_EQ(crash.effects, 4);
}

TEST(Doubt, ThatDoneWhenSettledIsStillVerifiedByWhatCanBeAskedAfresh) {
  Crash crash;
  ASSERT_TRUE(
      crash.load(std::string("do: {name: a}, verify: {look: {name: health}, that: result.value == 1}") + done_when))
      << crash.sim.diagnostics;
  crash.run_until(Killed::before_outcome);
  crash.sim.script["health"] = [](const StepInput&) -> Result<StepOutput> { return StepOutput{Map{{"value", 2}}, {}}; };
  Result<Ending> ending = crash.resume();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 1) << "it is there, and it is not well";
  EXPECT_EQ(crash.effects, 1);
}

TEST(Doubt, ThatWasSettledDoesNotFailAVerifyOfTheResultThatWasLost) {
  Crash crash;
  ASSERT_TRUE(crash.load("marked: {name: a}, verify: {that: result.name == 'a'}")) << crash.sim.diagnostics;
  crash.run_until(Killed::before_outcome);
  Result<Ending> ending = crash.resume();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(crash.probes, 1);
}

TEST(Doubt, OfAGatedStepRunsAgainUnderTheApprovalThatItHas) {
  Crash crash;
  ASSERT_TRUE(crash.load(std::string("approval: true, do: {name: a}") + done_when)) << crash.sim.diagnostics;
  crash.sim.script["a"] = [&](const StepInput&) -> Result<StepOutput> {
    crash.sim.journal->fail_after(0);
    return StepOutput{};
  };
  crash.sim.executor.on_tick = [&] {
    const OpRecord* op = crash.sim.op("only/a");
    if (!op || op->gate.state != GateState::open) return;
    EXPECT_TRUE(
        crash.sim.engine->vote(OpId{"only/a"}, Vote{"bob", "approve", "", op->gate.digest, "test", {}}).has_value());
    crash.sim.executor.on_tick = nullptr;
  };
  ASSERT_FALSE(crash.sim.run({true, false}).has_value()) << "it was to be killed";
  Result<Ending> ending = crash.resume();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(crash.effects, 1);
  EXPECT_EQ(crash.sim.op("only/a")->gate.opening, 1) << "nobody was asked twice";
}

// A run with a step before, one in doubt and one behind it; what a person says of the one in doubt decides the rest.
class Settling : public ::testing::Test {
 protected:
  void say(const std::string& choice, const std::string& more = "") {
    ASSERT_TRUE(sim.load(R"(muster: 1
playbook: p
phases:
  - id: only
    steps:
      - {id: first, do: {name: first}, rollback: [{do: {name: undo}}]}
      - {id: lost, do: {name: lost}, rollback: [{do: {name: undo_lost}}])" +
                         more + R"(}
      - {id: next, do: {name: next}}
    rescue:
      - {do: {name: rescue}}
always:
  - {do: {name: last}}
)")) << sim.diagnostics;
    sim.script["lost"] = [](const StepInput& input) -> Result<StepOutput> {
      if (input.attempt == 1) return fail(ErrorCode::in_doubt, "the answer was lost", {}, Certainty::maybe);
      return StepOutput{};
    };
    ASSERT_EQ(sim.run()->exit_code, 6);
    Event event;
    event.kind = EventKind::resolved;
    event.op = OpId{"only/lost"};
    event.attempt = 1;
    event.at = sim.clock.now();
    event.body = encode_value(resolution(sim.graph.get(), event.op, choice, "bob", "looked"));
    ASSERT_TRUE(sim.journal->say(sim.run_id, event).has_value());
    sim.deeds.clear();
    Result<Ending> resumed = sim.resume();
    ASSERT_TRUE(resumed.has_value()) << resumed.error().message;
    ending = *resumed;
  }
  Simulation sim;
  Ending ending;
};

TEST_F(Settling, AsSucceededGoesOnBehindIt) {
  say("succeeded");
  EXPECT_EQ(ending.exit_code, 0);
  EXPECT_EQ(sim.deeds, (std::vector<std::string>{"next", "last"}));
}

TEST_F(Settling, AsSkippedGoesOnWithoutIt) {
  say("skip");
  EXPECT_EQ(ending.exit_code, 0);
  EXPECT_EQ(sim.state("only/lost"), "skipped");
  EXPECT_EQ(sim.deeds, (std::vector<std::string>{"next", "last"}));
}

TEST_F(Settling, AsToBeRetriedRunsItAgain) {
  say("retry");
  EXPECT_EQ(ending.exit_code, 0);
  EXPECT_EQ(sim.deeds, (std::vector<std::string>{"lost", "next", "last"}));
}

TEST_F(Settling, AsFailedIsAFailureLikeAnyOther) {
  say("failed");
  EXPECT_EQ(ending.exit_code, 0) << "its group is rescued";
  EXPECT_EQ(sim.deeds, (std::vector<std::string>{"rescue", "last"}));
}

TEST_F(Settling, AsFailedPassesWhereItsFailureWould) {
  say("failed", ", on_failure: continue");
  EXPECT_EQ(ending.exit_code, 0);
  EXPECT_EQ(sim.deeds, (std::vector<std::string>{"next", "last"}));
}

TEST_F(Settling, AsRollbackUndoesTheRunWithoutARescue) {
  say("rollback");
  EXPECT_EQ(ending.exit_code, 5) << ending.reason;
  EXPECT_EQ(sim.deeds, (std::vector<std::string>{"undo_lost", "undo", "last"}));
}

TEST_F(Settling, AsStopInTheMiddleOfARollbackIsNoWholeRollback) {
  ASSERT_TRUE(sim.load(R"(muster: 1
playbook: p
phases:
  - id: only
    steps:
      - {id: first, do: {name: first}, rollback: [{do: {name: undo}}]}
      - {id: second, do: {name: second}, rollback: [{id: lost, do: {name: lost}}]}
      - {id: third, do: {name: third}}
)")) << sim.diagnostics;
  sim.script["third"] = [](const StepInput&) -> Result<StepOutput> { return fail(ErrorCode::failed, "no"); };
  sim.script["lost"] = [](const StepInput&) -> Result<StepOutput> {
    return fail(ErrorCode::in_doubt, "the answer was lost", {}, Certainty::maybe);
  };
  ASSERT_EQ(sim.run()->exit_code, 6);
  Event event;
  event.kind = EventKind::resolved;
  event.op = OpId{"only/second~rollback/lost"};
  event.attempt = 1;
  event.at = sim.clock.now();
  event.body = encode_value(resolution(sim.graph.get(), event.op, "stop", "bob", "looked"));
  ASSERT_TRUE(sim.journal->say(sim.run_id, event).has_value());
  Result<Ending> stopped = sim.resume();
  ASSERT_TRUE(stopped.has_value()) << stopped.error().message;
  EXPECT_EQ(stopped->exit_code, 1);
  EXPECT_EQ(stopped->reason, "no; rollback incomplete, not undone: `only/second`, `only/first`");
  EXPECT_EQ(sim.deeds, (std::vector<std::string>{"first", "second", "third", "lost"}));
}

TEST_F(Settling, AsStopEndsTheRunAndLeavesEverythingAsItIs) {
  say("stop");
  EXPECT_EQ(ending.exit_code, 1) << ending.reason;
  EXPECT_EQ(sim.deeds, (std::vector<std::string>{"last"}));
}

TEST_F(Settling, AsFailedPassesForOneItemOfAListWhereItsFailureWould) {
  ASSERT_TRUE(sim.load(R"(muster: 1
playbook: p
phases:
  - id: only
    steps:
      - {id: each, foreach: [1, 2, 3], do: {name: "item ${{ item }}"}, on_failure: continue}
      - {id: next, do: {name: next}}
)")) << sim.diagnostics;
  sim.script["item 2"] = [](const StepInput&) -> Result<StepOutput> {
    return fail(ErrorCode::in_doubt, "the answer was lost", {}, Certainty::maybe);
  };
  ASSERT_EQ(sim.run()->exit_code, 6);
  Event event;
  event.kind = EventKind::resolved;
  event.op = OpId{"only/each[2]"};
  event.attempt = 1;
  event.at = sim.clock.now();
  event.body = encode_value(resolution(sim.graph.get(), event.op, "failed", "bob", "looked"));
  ASSERT_TRUE(sim.journal->say(sim.run_id, event).has_value());
  Result<Ending> resumed = sim.resume();
  ASSERT_TRUE(resumed.has_value()) << resumed.error().message;
  EXPECT_EQ(resumed->exit_code, 0) << resumed->reason;
  EXPECT_EQ(sim.deeds, (std::vector<std::string>{"item 1", "item 2", "item 3", "next"}));
  EXPECT_EQ(sim.state("only/each[2]"), "failed");
  EXPECT_EQ(sim.state("only/each"), "succeeded");
}

}  // namespace
}  // namespace muster
