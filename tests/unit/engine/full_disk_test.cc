// A disk that is full at any commit: what happened is recorded, the run stops, and goes on once there is room.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/engine/simulation.h"

namespace muster::simulation {
namespace {

constexpr const char* playbook = R"(muster: 1
playbook: p
phases:
  - id: one
    steps:
      - id: a
        do: {name: a}
        verify: {that: result.name == "a"}
      - id: b
        set: {x: 1}
      - id: c
        do: {name: c, with: "${{ steps.b.x }}"}
  - id: two
    parallel: true
    steps:
      - {id: d, do: {name: d}}
      - {id: e, do: {name: e}}
      - {id: f, do: {name: f}, needs: [d]}
always:
  - {id: last, do: {name: last}}
)";

std::vector<std::string> sorted(std::vector<std::string> words) {
  std::sort(words.begin(), words.end());
  return words;
}

TEST(FullDisk, AtAnyCommitStopsTheRunWithNothingLostAndNothingDoneTwiceOnResume) {
  int stopped = 0;
  for (int commits = 1;; ++commits) {
    SCOPED_TRACE("full after " + std::to_string(commits) + " commits");
    Simulation world;
    ASSERT_TRUE(world.load(playbook)) << world.diagnostics;
    world.journal->full_after(commits);
    Result<Ending> ending = world.run();
    ASSERT_TRUE(ending.has_value()) << ending.error().message;
    bool was_full = world.journal->was_full();
    if (was_full && ending->state == RunState::waiting) {
      ++stopped;
      EXPECT_EQ(ending->exit_code, 75);
      EXPECT_NE(ending->reason.find("the disk of the store is full"), std::string::npos) << ending->reason;
      EXPECT_NE(ending->reason.find("muster resume"), std::string::npos) << ending->reason;
      // Every deed has its outcome: nothing is left in doubt.
      Result<RunRecord> record = world.journal->read(world.run_id);
      ASSERT_TRUE(record.has_value()) << record.error().message;
      Result<RunHistory> history = replay(record->events);
      ASSERT_TRUE(history.has_value());
      for (const OpRecord* op : history->in_order()) EXPECT_FALSE(op->intent_open) << op->op.path;
      EXPECT_TRUE(record->row.owner.empty()) << "it was given back";
      EXPECT_NE(std::find(world.events.begin(), world.events.end(), "audit playbook"), world.events.end())
          << "it is told when it happens";
      world.journal->full_after(-1);
      ending = world.resume();
      ASSERT_TRUE(ending.has_value()) << ending.error().message;
    }
    EXPECT_EQ(ending->state, RunState::succeeded) << ending->reason;
    EXPECT_EQ(sorted(world.deeds), (std::vector<std::string>{"a", "c", "d", "e", "f", "last"}));
    Result<VerifyReport> report = world.journal->verify();
    ASSERT_TRUE(report.has_value());
    for (const VerifyFinding& finding : report->findings) ADD_FAILURE() << finding.message;
    if (HasFailure()) return;
    if (!was_full) break;
  }
  EXPECT_GE(stopped, 3);
}

// A step whose numbered points are marks: it stops at the next one, which its resume begins with.
TEST(FullDisk, InTheMiddleOfAStepWithMarksIsResumedAtTheMarkThatFoundNoRoom) {
  int stopped = 0;
  for (int commits = 1;; ++commits) {
    SCOPED_TRACE("full after " + std::to_string(commits) + " commits");
    Simulation world;
    world.actions[0].continues_after_crash = true;
    std::vector<std::string> points;
    world.script["m"] = [&](const StepInput& input) -> Result<StepOutput> {
      for (const char* name : {"one", "two", "three"}) {
        Result<Value> done = input.marks.once(name, Effect::write, [&]() -> Result<Value> {
          points.emplace_back(name);
          return Value(name);
        });
        if (!done) return pass(done.error());
      }
      return StepOutput{Map{{"name", "m"}}, {}};
    };
    ASSERT_TRUE(
        world.load("muster: 1\nplaybook: p\nphases:\n  - id: one\n    steps:\n      - {id: m, do: {name: m}}\n"))
        << world.diagnostics;
    world.journal->full_after(commits);
    Result<Ending> ending = world.run();
    ASSERT_TRUE(ending.has_value()) << ending.error().message;
    bool was_full = world.journal->was_full();
    if (ending->state == RunState::waiting) {
      ++stopped;
      EXPECT_EQ(ending->exit_code, 75);
      world.journal->full_after(-1);
      ending = world.resume();
      ASSERT_TRUE(ending.has_value()) << ending.error().message;
    }
    EXPECT_EQ(ending->state, RunState::succeeded) << ending->reason;
    EXPECT_EQ(points, (std::vector<std::string>{"one", "two", "three"}));
    if (HasFailure() || !was_full) break;
  }
  EXPECT_GE(stopped, 3);
}

TEST(FullDisk, WithoutAReserveTellsWhatHappenedAndCouldNotBeRecorded) {
  Simulation world;
  ASSERT_TRUE(world.load("muster: 1\nplaybook: p\nphases:\n  - id: one\n    steps:\n      - {id: a, do: {name: a}}\n"));
  world.journal->fail_after(2);  // creation, the intent; not the outcome
  Result<Ending> ending = world.run();
  ASSERT_FALSE(ending.has_value());
  EXPECT_EQ(ending.error().code, ErrorCode::storage);
  std::vector<Event> lost = world.engine->unrecorded();
  ASSERT_FALSE(lost.empty());
  EXPECT_EQ(lost[0].kind, EventKind::outcome);
  EXPECT_EQ(lost[0].op.path, "one/a");
  EXPECT_NE(lost[0].body.find("succeeded"), std::string::npos);
}

}  // namespace
}  // namespace muster::simulation
