// A run that is killed at any of its commits and resumed ends as if nothing had happened.
#include <gtest/gtest.h>

#include <future>
#include <set>

#include "tests/unit/engine/simulation.h"

namespace muster {
namespace {

using simulation::Simulation;
using Deeds = std::vector<std::string>;

constexpr const char* sequence = R"(
muster: 1
playbook: sequence
phases:
  - id: first
    steps:
      - {id: a, do: {name: a}}
      - {id: n, set: {n: "${{ 1 + 1 }}"}}
      - {id: b, do: {name: b}, idempotent: true}
      - {id: look, look: {name: l}, verify: {look: {name: v}, that: result.name == "v"}}
  - id: second
    steps:
      - {id: c, do: {name: c}}
)";

TEST(Resume, EndsTheSameWhereverTheJournalBroke) {
  bool finished_unbroken = false;
  for (int commits = 1; commits < 60 && !finished_unbroken; ++commits) {
    Simulation sim;
    ASSERT_TRUE(sim.load(sequence)) << sim.diagnostics;
    sim.journal->fail_after(commits);
    Result<Ending> first = sim.run();
    if (first && first->exit_code == 0) {
      finished_unbroken = true;
      break;
    }
    if (sim.run_id.empty()) continue;  // the run itself was never recorded
    sim.journal->fail_after(-1);
    Result<Ending> ending = sim.resume();
    ASSERT_TRUE(ending.has_value()) << commits << ": " << ending.error().message;
    // A deed whose outcome was lost is in doubt, never silently repeated.
    for (int settled = 0; ending->exit_code == 6 && settled < 5; ++settled) {
      std::vector<const OpRecord*> doubts = open_doubts(sim.engine->history());
      ASSERT_EQ(doubts.size(), 1u) << commits;
      Event resolved;
      resolved.kind = EventKind::resolved;
      resolved.op = doubts.front()->op;
      resolved.attempt = doubts.front()->attempt;
      resolved.at = sim.clock.now();
      resolved.body = encode_value(Map{{"choice", "succeeded"}, {"person", "bob"}, {"reason", "looked"}});
      ASSERT_TRUE(sim.journal->say(sim.run_id, resolved).has_value());
      ending = sim.resume();
      ASSERT_TRUE(ending.has_value()) << commits << ": " << ending.error().message;
    }
    EXPECT_EQ(ending->exit_code, 0) << commits << ": " << ending->reason;
    EXPECT_EQ(std::count(sim.deeds.begin(), sim.deeds.end(), "a"), 1) << commits;
    EXPECT_EQ(std::count(sim.deeds.begin(), sim.deeds.end(), "c"), 1) << commits;
    EXPECT_LE(std::count(sim.deeds.begin(), sim.deeds.end(), "b"), 2) << commits << ": idempotent, so it may run again";
  }
  EXPECT_TRUE(finished_unbroken) << "the sweep never came to its end";
}

TEST(Resume, ReplaysTheSameStateAtEveryPrefixOfTheEvents) {
  Simulation sim;
  sim.script["c"] = [](const StepInput&) -> Result<StepOutput> {
    return fail(ErrorCode::failed, "no", {}, Certainty::maybe);
  };
  ASSERT_TRUE(sim.load(sequence)) << sim.diagnostics;
  ASSERT_TRUE(sim.run().has_value());
  Result<RunRecord> record = sim.journal->read(sim.run_id);
  ASSERT_TRUE(record.has_value());
  ASSERT_GT(record->events.size(), 8u);
  RunHistory live;
  for (size_t n = 0; n < record->events.size(); ++n) {
    ASSERT_TRUE(live.apply(record->events[n]).has_value());
    std::vector<Event> prefix(record->events.begin(), record->events.begin() + static_cast<std::ptrdiff_t>(n) + 1);
    Result<RunHistory> again = replay(prefix);
    ASSERT_TRUE(again.has_value());
    for (const OpRecord* op : live.in_order()) {
      const OpRecord* other = again->find(op->op);
      ASSERT_NE(other, nullptr);
      EXPECT_EQ(name_of(op->state), name_of(other->state)) << op->op.path << " after " << n + 1 << " events";
      EXPECT_EQ(op->attempt, other->attempt);
    }
  }
  // And what the engine held in memory is what its events say.
  Result<RunHistory> whole = replay(record->events);
  ASSERT_TRUE(whole.has_value());
  for (const OpRecord* op : whole->in_order()) EXPECT_EQ(name_of(op->state), sim.state(op->op.path)) << op->op.path;
}

TEST(Resume, AsksAPersonAboutAStepThatMayHaveHappened) {
  Simulation sim;
  ASSERT_TRUE(sim.load(sequence)) << sim.diagnostics;
  // The journal breaks right behind the intent of `a`: its outcome is never stored.
  sim.script["a"] = [&](const StepInput&) -> Result<StepOutput> {
    sim.journal->fail_after(0);
    return StepOutput{};
  };
  ASSERT_FALSE(sim.run().has_value());
  sim.journal->fail_after(-1);
  sim.script.clear();
  Result<Ending> ending = sim.resume();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 6);
  EXPECT_EQ(sim.state("first/a"), "in_doubt");
  EXPECT_EQ(sim.deeds, (Deeds{"a"})) << "nothing runs behind a step in doubt, and it does not run again by itself";
}

TEST(Resume, RunsAStepAgainWhenAPersonSaysRetry) {
  Simulation sim;
  ASSERT_TRUE(sim.load(sequence)) << sim.diagnostics;
  sim.script["a"] = [&](const StepInput& input) -> Result<StepOutput> {
    if (input.attempt == 1) sim.journal->fail_after(0);
    return StepOutput{};
  };
  ASSERT_FALSE(sim.run().has_value());
  sim.journal->fail_after(-1);
  ASSERT_EQ(sim.resume()->exit_code, 6);
  Event resolved;
  resolved.kind = EventKind::resolved;
  resolved.op = OpId{"first/a"};
  resolved.attempt = 1;
  resolved.at = sim.clock.now();
  resolved.body = encode_value(Map{{"choice", "retry"}, {"person", "bob"}, {"reason", "looked: it had not happened"}});
  ASSERT_TRUE(sim.journal->say(sim.run_id, resolved).has_value());
  Result<Ending> ending = sim.resume();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(sim.op("first/a")->attempt, 2);
}

TEST(Resume, RefusesARunWhoseGraphIsAnother) {
  Simulation sim;
  sim.script["a"] = [&](const StepInput&) -> Result<StepOutput> {
    sim.journal->fail_after(0);
    return StepOutput{};
  };
  ASSERT_TRUE(sim.load(sequence)) << sim.diagnostics;
  ASSERT_FALSE(sim.run().has_value());
  sim.journal->fail_after(-1);
  std::string changed = sequence;
  changed.replace(changed.find("{id: c"), 6, "{id: x");
  ASSERT_TRUE(sim.load(changed)) << sim.diagnostics;
  Result<Ending> ending = sim.resume();
  ASSERT_FALSE(ending.has_value());
  EXPECT_EQ(ending.error().code, ErrorCode::refused);
}

TEST(Resume, OfARunThatHasEndedWritesNothingBehindItsEnd) {
  Simulation sim;
  ASSERT_TRUE(sim.load(sequence)) << sim.diagnostics;
  ASSERT_EQ(sim.run()->exit_code, 0);
  size_t events = sim.journal->read(sim.run_id)->events.size();
  Result<Ending> again = sim.resume();
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(again->exit_code, 0);
  EXPECT_EQ(again->state, RunState::succeeded);
  EXPECT_EQ(sim.journal->read(sim.run_id)->events.size(), events);
}

constexpr const char* undone = R"(
muster: 1
playbook: undone
phases:
  - id: only
    steps:
      - {id: a, do: {name: a}, rollback: [{do: {name: undo a}}]}
      - {id: b, do: {name: b}}
)";

// `b` fails, and the interpreter is killed while `a` is undone.
void killed_while_undoing(Simulation& sim) {
  sim.script["b"] = [](const StepInput&) -> Result<StepOutput> {
    return fail(ErrorCode::failed, "no", {}, Certainty::no_effect);
  };
  sim.script["undo a"] = [&sim](const StepInput&) -> Result<StepOutput> {
    sim.journal->fail_after(0);
    return StepOutput{};
  };
  ASSERT_TRUE(sim.load(undone)) << sim.diagnostics;
  ASSERT_FALSE(sim.run().has_value());
  sim.journal->fail_after(-1);
  sim.script.erase("undo a");
}

void say(Simulation& sim, EventKind kind, const OpId& op, int attempt, const Map& body) {
  Event event;
  event.kind = kind;
  event.op = op;
  event.attempt = attempt;
  event.at = sim.clock.now();
  event.body = encode_value(body);
  ASSERT_TRUE(sim.journal->say(sim.run_id, event).has_value());
}

TEST(Resume, OfACancelledRunDoesNotHideAnUndoThatAKillLeftOpen) {
  Simulation sim;
  killed_while_undoing(sim);
  say(sim, EventKind::cancel_asked, sim.graph->root().op, 0,
      Map{{"person", "bob"}, {"reason", "enough"}, {"rollback", false}, {"now", false}});
  Result<Ending> ending = sim.resume();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 130);
  EXPECT_EQ(
      ending->reason,
      "cancelled by bob: enough; nobody knows what became of `only/a~rollback/1`; rollback incomplete, not undone: "
      "`only/a`");
  EXPECT_EQ(sim.state("only/a~rollback/1"), "in_doubt");
}

TEST(Resume, CallsARollbackIncompleteWhoseUndoAPersonSkipped) {
  Simulation sim;
  killed_while_undoing(sim);
  ASSERT_EQ(sim.resume()->exit_code, 6);
  say(sim, EventKind::resolved, OpId{"only/a~rollback/1"}, 1,
      Map{{"choice", "skip"}, {"person", "bob"}, {"reason", "leave it"}});
  Result<Ending> ending = sim.resume();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 1);
  EXPECT_EQ(ending->reason, "no; rollback incomplete, not undone: `only/a`");
}

constexpr const char* two_gates = R"(
muster: 1
playbook: p
phases:
  - id: one
    approval: {prevent_self_approval: true}
    steps: [{do: {name: a}}]
  - id: two
    approval: {prevent_self_approval: true}
    steps: [{do: {name: b}}]
)";

Vote approval(Simulation& sim, const std::string& gate, const char* person) {
  return Vote{person, "approve", "", sim.op(gate)->gate.digest, "test", {}};
}

TEST(Resume, RecordsWhoTookTheRunUpAndDoesNotLetThemApproveIt) {
  Simulation sim;
  ASSERT_TRUE(sim.load(two_gates)) << sim.diagnostics;
  ASSERT_EQ(sim.run()->exit_code, 75);
  sim.starter = "bob";  // who runs the command now
  ASSERT_EQ(sim.resume()->exit_code, 75);
  Result<RunRecord> record = sim.journal->read(sim.run_id);
  ASSERT_TRUE(record.has_value());
  const Event& owned = *std::find_if(record->events.begin(), record->events.end(),
                                     [](const Event& event) { return event.kind == EventKind::owned; });
  EXPECT_EQ(text_of(decode_value(owned.body)->get<Map>(), "person"), "bob");
  Result<void> resumer = sim.engine->vote(OpId{"one"}, approval(sim, "one", "bob"));
  ASSERT_FALSE(resumer.has_value()) << "the gate was open before, and he has a hand in the run now";
  EXPECT_EQ(resumer.error().code, ErrorCode::refused);
  EXPECT_FALSE(sim.engine->vote(OpId{"one"}, approval(sim, "one", "ann")).has_value()) << "she started it";
  EXPECT_TRUE(sim.engine->vote(OpId{"one"}, approval(sim, "one", "cy")).has_value());
}

TEST(Resume, LetsWhoApprovedAndSoCarriedTheRunOnApproveTheNextGate) {
  Simulation sim;
  ASSERT_TRUE(sim.load(two_gates)) << sim.diagnostics;
  ASSERT_EQ(sim.run()->exit_code, 75);
  Event vote;
  vote.kind = EventKind::vote;
  vote.op = OpId{"one"};
  vote.attempt = 1;
  vote.at = sim.clock.now();
  vote.body = encode_value(Map{{"person", "bob"},
                               {"verdict", "approve"},
                               {"reason", ""},
                               {"digest", sim.op("one")->gate.digest},
                               {"how", "command"},
                               {"opening", 1}});
  ASSERT_TRUE(sim.journal->say(sim.run_id, vote).has_value());
  sim.starter = "bob";
  Result<Ending> ending = sim.resume();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  ASSERT_EQ(ending->exit_code, 75) << ending->reason;
  EXPECT_EQ(sim.deeds, (Deeds{"a"}));
  EXPECT_TRUE(sim.engine->vote(OpId{"two"}, approval(sim, "two", "bob")).has_value())
      << "otherwise two people could never pass two gates";
}

TEST(Resume, UndoesEverythingForACancelThatCameWithTheLastStep) {
  Simulation sim;
  ASSERT_TRUE(sim.load(R"(muster: 1
playbook: p
phases:
  - id: only
    steps:
      - {id: a, do: {name: a}, rollback: [{do: {name: undo}}]}
)")) << sim.diagnostics;
  sim.script["a"] = [&sim](const StepInput&) -> Result<StepOutput> {
    sim.executor.post([&sim] { sim.engine->cancel({"ann", "wrong host", true, false}); });
    return StepOutput{};
  };
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 130);
  EXPECT_EQ(sim.deeds, (Deeds{"a", "undo"}));
}

TEST(Resume, DoesNotStopTheStepsOfAlwaysBecauseOfTheCancelThatTheyFollow) {
  Simulation sim;
  ASSERT_TRUE(sim.load(R"(muster: 1
playbook: p
phases:
  - id: only
    steps:
      - {id: a, do: {name: a}}
always:
  - {id: last, do: {name: last}}
)")) << sim.diagnostics;
  sim.script["a"] = [&sim](const StepInput&) -> Result<StepOutput> {
    sim.executor.post([&sim] { sim.engine->cancel({"ann", "wrong host", false, false}); });
    return StepOutput{};
  };
  bool was_stopped = true;
  sim.script["last"] = [&](const StepInput& input) -> Result<StepOutput> {
    // Other things happen meanwhile, and the loop looks at every step again.
    for (int i = 0; i < 3; ++i) {
      std::promise<void> turn;
      sim.executor.post([&turn] { turn.set_value(); });
      turn.get_future().wait();
    }
    was_stopped = input.stop.stop_requested();
    return StepOutput{};
  };
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 130);
  EXPECT_FALSE(was_stopped);
  EXPECT_EQ(sim.state("always/last"), "succeeded");
}

}  // namespace
}  // namespace muster
