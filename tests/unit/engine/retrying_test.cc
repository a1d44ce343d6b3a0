// A run tried again from one of its steps: what stays done, what runs again, and what cannot be built on.
#include <gtest/gtest.h>

#include "tests/unit/engine/simulation.h"

namespace muster {
namespace {

using simulation::Deed;
using simulation::Simulation;
using Deeds = std::vector<std::string>;

Deed failing() {
  return [](const StepInput&) -> Result<StepOutput> { return fail(ErrorCode::failed, "no", {}, Certainty::maybe); };
}

constexpr const char* three_phases = R"(
muster: 1
playbook: p
phases:
  - id: assess
    outputs: {found: "${{ steps.look.name }}"}
    steps:
      - {id: look, look: {name: look}}
  - id: change
    approval: true
    steps:
      - {id: one, do: {name: one}}
      - {id: two, do: {name: two, with: "${{ steps.look.name }}_${{ steps.one.name }}"}}
  - id: confirm
    steps:
      - {id: three, do: {name: three}}
)";

// Approves whatever gate is open.
void approve_all(Simulation& sim) {
  sim.executor.on_tick = [&sim] {
    for (const OpRecord* gate : open_gates(sim.engine->history()))
      EXPECT_TRUE(sim.engine->vote(gate->op, Vote{"bob", "approve", "", gate->gate.digest, "test", {}}).has_value());
  };
}

TEST(Retrying, BeginsAtTheStepWithTheResultsOfThoseBeforeIt) {
  Simulation sim;
  approve_all(sim);
  sim.script["two"] = failing();
  ASSERT_TRUE(sim.load(three_phases)) << sim.diagnostics;
  ASSERT_EQ(sim.run({true, false})->exit_code, 1);
  const std::string first = sim.run_id;
  std::string read;
  sim.script["two"] = [&](const StepInput& input) -> Result<StepOutput> {
    read = text_of(input.args, "with");
    return StepOutput{};
  };
  sim.deeds.clear();
  Result<Ending> ending = sim.retry("change/two", {true, false});
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(sim.deeds, (Deeds{"two", "three"}));
  EXPECT_EQ(read, "look_one");
  EXPECT_EQ(sim.op("change/one")->carried_from, first);
  EXPECT_EQ(sim.state("change/one"), "succeeded");
  Result<RunRecord> record = sim.journal->read(sim.run_id);
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->row.parent, first);
  EXPECT_EQ(text_of(sim.engine->history().created, "from"), "change/two");
}

TEST(Retrying, AsksTheGatesAboveTheStepAgain) {
  Simulation sim;
  approve_all(sim);
  sim.script["two"] = failing();
  ASSERT_TRUE(sim.load(three_phases)) << sim.diagnostics;
  ASSERT_EQ(sim.run({true, false})->exit_code, 1);
  sim.script.clear();
  sim.deeds.clear();
  sim.executor.on_tick = nullptr;
  Result<Ending> ending = sim.retry("change/two");
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 75);
  EXPECT_EQ(sim.deeds, (Deeds{})) << "the approval of the earlier run is not this one's";
  const Value* guarded = member(sim.op("change")->gate.shown, "guarded");
  ASSERT_TRUE(guarded);
  EXPECT_NE(print_json(*guarded).find("stays as run"), std::string::npos) << print_json(*guarded);
}

TEST(Retrying, WithoutAStepRunsEverythingAgain) {
  Simulation sim;
  approve_all(sim);
  sim.script["three"] = failing();
  ASSERT_TRUE(sim.load(three_phases)) << sim.diagnostics;
  ASSERT_EQ(sim.run({true, false})->exit_code, 1);
  sim.script.clear();
  sim.deeds.clear();
  EXPECT_EQ(sim.retry("", {true, false})->exit_code, 0);
  EXPECT_EQ(sim.deeds, (Deeds{"look", "one", "two", "three"}));
}

TEST(Retrying, FromAPhaseKeepsTheGatesBeforeItShut) {
  Simulation sim;
  approve_all(sim);
  sim.script["three"] = failing();
  ASSERT_TRUE(sim.load(three_phases)) << sim.diagnostics;
  ASSERT_EQ(sim.run({true, false})->exit_code, 1);
  sim.script.clear();
  sim.deeds.clear();
  sim.executor.on_tick = nullptr;
  EXPECT_EQ(sim.retry("confirm")->exit_code, 0);
  EXPECT_EQ(sim.deeds, (Deeds{"three"}));
}

constexpr const char* undone = R"(
muster: 1
playbook: p
phases:
  - id: only
    steps:
      - {id: before, do: {name: before}}
      - {id: stop, do: {name: stop}, rollback: [{do: {name: start}}]}
      - {id: swap, do: {name: swap}}
)";

TEST(Retrying, RefusesToBuildOnWhatWasRolledBack) {
  Simulation sim;
  sim.script["swap"] = failing();
  ASSERT_TRUE(sim.load(undone)) << sim.diagnostics;
  ASSERT_EQ(sim.run()->exit_code, 5);
  Result<Ending> refused = sim.retry("only/swap");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::refused);
  EXPECT_NE(refused.error().message.find("builds on `only/stop`, which is rolled back"), std::string::npos)
      << refused.error().message;
  sim.script.clear();
  sim.deeds.clear();
  EXPECT_EQ(sim.retry("only/stop")->exit_code, 0);
  EXPECT_EQ(sim.deeds, (Deeds{"stop", "swap"}));
}

TEST(Retrying, UndoesWhatItTookOverWhenItFailsToo) {
  Simulation sim;
  sim.script["swap"] = [](const StepInput&) -> Result<StepOutput> {
    return fail(ErrorCode::in_doubt, "the answer was lost", {}, Certainty::maybe);
  };
  ASSERT_TRUE(sim.load(undone)) << sim.diagnostics;
  ASSERT_EQ(sim.run()->exit_code, 6);
  Event event;
  event.kind = EventKind::resolved;
  event.op = OpId{"only/swap"};
  event.attempt = 1;
  event.at = sim.clock.now();
  event.body = encode_value(resolution(sim.graph.get(), event.op, "stop", "ann", "looked: it did not happen"));
  ASSERT_TRUE(sim.journal->say(sim.run_id, event).has_value());
  ASSERT_EQ(sim.resume()->exit_code, 1) << "stopped: nothing is undone";
  sim.script["swap"] = failing();
  sim.deeds.clear();
  Result<Ending> ending = sim.retry("only/swap");
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 5);
  EXPECT_EQ(sim.deeds, (Deeds{"swap", "start"})) << "the service that the first run stopped is started again";
}

TEST(Retrying, LeavesAloneWhatEndedWellBesideTheStep) {
  Simulation sim;
  sim.script["b"] = failing();
  ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: p
phases:
  - id: only
    parallel: true
    steps:
      - {id: a, do: {name: a}}
      - {id: c, do: {name: c}, needs: [a]}
      - {id: b, do: {name: b}, needs: [a, c]}
      - {id: d, do: {name: d}, needs: [b]}
      - {id: e, do: {name: e}, needs: [c]}
)")) << sim.diagnostics;
  sim.script["e"] = failing();
  ASSERT_EQ(sim.run()->exit_code, 1);
  sim.script.clear();
  sim.deeds.clear();
  EXPECT_EQ(sim.retry("only/b")->exit_code, 0);
  std::sort(sim.deeds.begin(), sim.deeds.end());
  EXPECT_EQ(sim.deeds, (Deeds{"b", "d", "e"})) << "`e` did not end well, so it runs, too";
}

TEST(Retrying, CanBeTriedAgainItself) {
  Simulation sim;
  approve_all(sim);
  sim.script["two"] = failing();
  ASSERT_TRUE(sim.load(three_phases)) << sim.diagnostics;
  ASSERT_EQ(sim.run({true, false})->exit_code, 1);
  const std::string first = sim.run_id;
  ASSERT_EQ(sim.retry("change/two", {true, false})->exit_code, 1);
  sim.script.clear();
  sim.deeds.clear();
  EXPECT_EQ(sim.retry("change/two", {true, false})->exit_code, 0);
  EXPECT_EQ(sim.deeds, (Deeds{"two", "three"}));
  EXPECT_EQ(sim.op("assess/look")->carried_from, first) << "it names the run that did it";
}

TEST(Retrying, IsOnlyFromTheBody) {
  Simulation sim;
  ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: p
phases:
  - id: only
    steps:
      - {id: a, do: {name: a}}
always:
  - {id: last, do: {name: last}}
)")) << sim.diagnostics;
  ASSERT_EQ(sim.run()->exit_code, 0);
  Result<Ending> refused = sim.retry("always/last");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::invalid);
}

TEST(Retrying, ThatIsKilledGoesOnFromWhatItTookOver) {
  Simulation sim;
  approve_all(sim);
  sim.script["two"] = failing();
  ASSERT_TRUE(sim.load(three_phases)) << sim.diagnostics;
  ASSERT_EQ(sim.run({true, false})->exit_code, 1);
  sim.deeds.clear();
  sim.script["two"] = [&](const StepInput&) -> Result<StepOutput> {
    sim.journal->fail_after(0);
    return StepOutput{};
  };
  ASSERT_FALSE(sim.retry("change/two", {true, false}).has_value());
  sim.journal->fail_after(-1);
  Result<Ending> ending = sim.resume();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 6);
  EXPECT_EQ(sim.state("change/one"), "succeeded");
  EXPECT_EQ(sim.deeds, (Deeds{"two"}));
}

}  // namespace
}  // namespace muster
