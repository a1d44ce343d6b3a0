// Undoing a run that has ended.
#include <gtest/gtest.h>

#include "tests/unit/engine/simulation.h"

namespace muster {
namespace {

using simulation::Simulation;
using Deeds = std::vector<std::string>;

constexpr const char* undoable = R"(
muster: 1
playbook: undoable
phases:
  - id: only
    steps:
      - {id: a, do: {name: a}, rollback: [{do: {name: "undo ${{ steps.a.name }}"}, verify: {look: {name: gone}, that: result.name == "gone"}}]}
      - {id: seen, look: {name: seen}}
      - {id: b, do: {name: b}, rollback: auto}
always:
  - {do: {name: "always, ${{ run.status }}"}}
)";

Result<Ending> undo(Simulation& sim) {
  StartRequest request = sim.request();
  request.parent = sim.run_id;
  request.undoes = true;
  Result<std::vector<Event>> carried = carry_all(*sim.graph, sim.engine->history(), sim.run_id);
  if (!carried) return pass(carried.error());
  request.carried = std::move(*carried);
  sim.engine = std::make_unique<Engine>(sim.parts(), sim);
  Result<std::string> id = sim.engine->create(request);
  if (!id) return pass(id.error());
  sim.run_id = *id;
  sim.deeds.clear();
  return sim.engine->go({false, false});
}

TEST(Rollback, UndoesARunThatHasEndedLatestFirst) {
  Simulation sim;
  ASSERT_TRUE(sim.load(undoable)) << sim.diagnostics;
  ASSERT_EQ(sim.run()->exit_code, 0);
  Result<Ending> ending = undo(sim);
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 5) << ending->reason;
  EXPECT_EQ(ending->state, RunState::rolled_back);
  EXPECT_EQ(sim.deeds, (Deeds{"b~undone", "undo a", "gone", "always, rolled_back"}));
}

TEST(Rollback, SaysThatItIsIncompleteWhereTheVerifyOfAnUndoFailsAndTriesOnlyThatAgain) {
  Simulation sim;
  ASSERT_TRUE(sim.load(undoable)) << sim.diagnostics;
  ASSERT_EQ(sim.run()->exit_code, 0);
  sim.script["gone"] = [](const StepInput&) -> Result<StepOutput> {
    return StepOutput{Map{{"name", "still there"}}, {}};
  };
  Result<Ending> ending = undo(sim);
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 1);
  EXPECT_NE(ending->reason.find("rollback incomplete"), std::string::npos) << ending->reason;
  sim.script.clear();
  ending = undo(sim);
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 5) << ending->reason;
  EXPECT_EQ(sim.deeds, (Deeds{"undo a", "gone", "always, rolled_back"}));
}

TEST(Rollback, IsRefusedWhereNothingCanBeUndone) {
  Simulation sim;
  ASSERT_TRUE(sim.load("muster: 1\nplaybook: p\nphases:\n  - {id: only, steps: [{do: {name: a}}]}\n"));
  ASSERT_EQ(sim.run()->exit_code, 0);
  Result<Ending> ending = undo(sim);
  ASSERT_FALSE(ending.has_value());
  EXPECT_EQ(ending.error().code, ErrorCode::refused);
}

}  // namespace
}  // namespace muster
