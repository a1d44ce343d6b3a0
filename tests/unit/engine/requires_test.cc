// What must hold before the first step: nothing runs where something is missing, and all of it is named.
#include <gtest/gtest.h>

#include "interpreter/journal/rehearsals.h"
#include "tests/unit/engine/simulation.h"

namespace muster {
namespace {

using simulation::Simulation;

constexpr const char* demanding = R"(
muster: 1
playbook: demanding
requires:
  commands: [sqlite3]
  env: [TOKEN]
  files: [/srv/app.db]
  muster: ">=2"
phases:
  - id: only
    steps:
      - {do: {name: a}}
always:
  - {do: {name: always}}
)";

void let_ann_break_the_glass(Simulation& sim) {
  sim.configuration.gates = GateRules{};
  Requirement chief;
  chief.of.push_back({{}, Approver::Kind::user, "ann"});
  sim.configuration.gates->break_glass.push_back(chief);
}

TEST(Requires, NamesEverythingThatIsMissingAndRunsNothing) {
  Simulation sim;
  ASSERT_TRUE(sim.load(demanding)) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 7);
  EXPECT_EQ(ending->state, RunState::failed);
  EXPECT_EQ(ending->reason,
            "requirements are not met: this is muster 1.3.0, and the playbook needs `>=2`; use such a version\n"
            "  the command `sqlite3` is not found; install it, or add its folder to PATH\n"
            "  the environment variable `TOKEN` is not set; export it\n"
            "  `/srv/app.db` is not there; put it there");
  EXPECT_TRUE(sim.deeds.empty());
}

constexpr const char* at_night = R"(
muster: 1
playbook: careful
requires:
  window: {days: [mon, tue, wed], from: "22:00", to: "04:00"}
phases:
  - id: only
    steps:
      - {do: {name: a}}
)";

TEST(Requires, KeepsARunWithinItsWindow) {
  Simulation sim;
  ASSERT_TRUE(sim.load(at_night)) << sim.diagnostics;
  Result<Ending> ending = sim.run();  // on a Thursday at 10:00
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 7);
  EXPECT_EQ(ending->reason,
            "a requirement is not met: it may begin mon, tue, wed, 22:00 to 04:00 in UTC, and there it is thu 10:00; "
            "wait for it, or start with `--break-glass --reason TEXT`");
  EXPECT_TRUE(sim.deeds.empty());
}

TEST(Requires, LetsThoseBeginOutsideOfTheWindowWhomTheConfigurationLetsAndLeavesAReviewOpen) {
  Simulation sim;
  ASSERT_TRUE(sim.load(at_night)) << sim.diagnostics;
  auto begin = [&] {
    sim.engine = std::make_unique<Engine>(sim.parts(), sim);
    StartRequest request = sim.request();
    request.break_glass = "the house burns";
    return sim.engine->create(request);
  };
  Result<std::string> nobody = begin();
  ASSERT_FALSE(nobody.has_value());
  EXPECT_EQ(nobody.error().message, "`ann` may not break the glass");
  let_ann_break_the_glass(sim);
  Result<std::string> run = begin();
  ASSERT_TRUE(run.has_value()) << run.error().message;
  Result<Ending> ending = sim.engine->go({});
  sim.executor.join();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(sim.deeds, std::vector<std::string>{"a"});
  const OpRecord* review = open_review(sim.engine->history());
  ASSERT_TRUE(review);
  EXPECT_EQ(text_of(review->gate.shown, "message"), "ann passed `requires` alone: the house burns");
  EXPECT_FALSE(may_vote(review->gate, Vote{"ann", "approve", "", review->gate.digest, "command", sim.clock.now()},
                        sim.clock.now())
                   .has_value());
}

TEST(Requires, BreaksNoGlassWhereTheWindowIsOpenAndPassesNothingElse) {
  Simulation sim;
  std::string text = at_night;
  text.replace(text.find("requires:"), 9, "requires:\n  commands: [/no/such/program]");
  ASSERT_TRUE(sim.load(text)) << sim.diagnostics;
  let_ann_break_the_glass(sim);
  auto ran = [&](const std::string& playbook) {
    EXPECT_TRUE(sim.load(playbook)) << sim.diagnostics;
    sim.engine = std::make_unique<Engine>(sim.parts(), sim);
    StartRequest request = sim.request();
    request.break_glass = "the house burns";
    EXPECT_TRUE(sim.engine->create(request).has_value());
    Result<Ending> ending = sim.engine->go({});
    sim.executor.join();
    return ending ? ending->exit_code : -1;
  };
  EXPECT_EQ(ran(text), 7) << "a missing program is no window";
  EXPECT_FALSE(open_review(sim.engine->history()));
  sim.clock.set_back(Duration::seconds(7 * 3600));
  EXPECT_EQ(ran(at_night), 0);
  EXPECT_FALSE(open_review(sim.engine->history())) << "nothing was passed";
}

TEST(Requires, LetsARunBeginInItsWindowAndEndBehindIt) {
  Simulation sim;
  ASSERT_TRUE(sim.load(at_night)) << sim.diagnostics;
  sim.clock.set_back(Duration::seconds(7 * 3600));  // 03:00, the night from Wednesday to Thursday
  sim.script["a"] = [&](const StepInput&) -> Result<StepOutput> {
    sim.clock.advance(Duration::seconds(4 * 3600));
    return StepOutput{};
  };
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
}

TEST(Requires, AreNotAskedAgainOfARunThatHasBegun) {
  Simulation sim;
  ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: careful
requires:
  window: {from: "09:00", to: "11:00"}
phases:
  - id: only
    steps:
      - {id: a, approval: true, do: {name: a}}
)")) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 75) << ending->reason;
  sim.clock.advance(Duration::seconds(7200));
  ending = sim.resume();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 75) << ending->reason;
}

// A playbook that others call.
std::string part_that_needs(const std::string& file, const std::string& inputs = {}) {
  return "muster: 1\nplaybook: part\n" + inputs + "requires: {files: [\"" + file +
         "\"]}\nphases: [{id: only, steps: [{do: {name: part}}]}]\n";
}

TEST(Requires, CountForCalledPlaybooksBeforeTheFirstStep) {
  Simulation sim;
  sim.called["part.muster.yaml"] =
      part_that_needs("/srv/${{ inputs.name }}", "inputs: {name: {type: string, required: true}}\n");
  ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: whole
phases:
  - id: only
    steps:
      - {do: {name: a}}
      - {call: {playbook: part.muster.yaml, with: {name: web}}}
)")) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 7);
  EXPECT_NE(ending->reason.find("`/srv/web` is not there"), std::string::npos) << ending->reason;
  EXPECT_TRUE(sim.deeds.empty());
}

// An option is only one of several ways: what it calls must not keep the run from the others.
void load_with_options(Simulation& sim, const std::string& when) {
  sim.called["part.muster.yaml"] = part_that_needs("/srv/missing");
  ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: whole
phases:
  - id: only
    steps:
      - {do: {name: first}}
      - id: way
        choose:
          fallback: true
          options:
            - {id: called, when: )" +
                       when + R"(, steps: [{id: it, call: {playbook: part.muster.yaml}}]}
            - {id: other, steps: [{do: {name: other}}]}
)")) << sim.diagnostics;
}

TEST(Requires, AreNotAskedOfWhatAnOptionCallsThatIsNotChosen) {
  Simulation sim;
  ASSERT_NO_FATAL_FAILURE(load_with_options(sim, "1 == 2"));
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(sim.deeds, (std::vector<std::string>{"first", "other"}));
}

TEST(Requires, FailAnOptionBeforeItBeginsSoThatTheNextHasItsTurn) {
  Simulation sim;
  ASSERT_NO_FATAL_FAILURE(load_with_options(sim, "1 == 1"));
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(sim.deeds, (std::vector<std::string>{"first", "other"}));
  const OpRecord* called = sim.op("only/way/called/it/playbook");
  ASSERT_TRUE(called && called->error);
  EXPECT_EQ(text_of(*called->error, "code"), "not_started");
  EXPECT_EQ(text_of(*called->error, "message"), "a requirement is not met: `/srv/missing` is not there; put it there");
}

constexpr const char* rehearsed_playbook = R"(
muster: 1
playbook: practised
requires: {rehearsed_within: 30d}
phases:
  - id: only
    steps:
      - {id: a, do: {name: a}}
)";

void keep(Simulation& sim, Duration age) {
  RehearsalRecord record;
  record.playbook = "practised";
  std::vector<std::string> digests;
  for (const SourceFile& file : sim.files.all()) digests.push_back(file.digest);
  record.digest = sim.graph->digest(digests);
  record.scenarios = {{"good", true, "succeeded", "", Duration{0}, {}}};
  ASSERT_TRUE(sim.journal->keep(kept_rehearsal, encode_rehearsal(record), sim.clock.now() - age).has_value());
}

TEST(Requires, ARehearsalOfTheVeryFilesThatAreRun) {
  Simulation sim;
  ASSERT_TRUE(sim.load(rehearsed_playbook)) << sim.diagnostics;
  Result<Ending> never = sim.run();
  ASSERT_TRUE(never.has_value());
  EXPECT_EQ(never->exit_code, 7);
  EXPECT_EQ(never->reason,
            "a requirement is not met: it was never rehearsed as it is now; rehearse it with `muster rehearse`, or "
            "start with `--break-glass --reason TEXT`");
  keep(sim, Duration::seconds(31 * 86'400));
  EXPECT_EQ(sim.run()->exit_code, 7);
  EXPECT_TRUE(sim.deeds.empty());
  keep(sim, Duration::seconds(29 * 86'400));
  EXPECT_EQ(sim.run()->exit_code, 0);
  EXPECT_EQ(sim.deeds, std::vector<std::string>{"a"});
  ASSERT_TRUE(sim.load(std::string(rehearsed_playbook) + "# changed\n")) << sim.diagnostics;
  EXPECT_EQ(sim.run()->exit_code, 7) << "these are other files";
}

TEST(Requires, NoRehearsalOfARehearsal) {
  Simulation sim;
  ASSERT_TRUE(sim.load(rehearsed_playbook)) << sim.diagnostics;
  sim.change_request = [](StartRequest& request) { request.rehearsal = true; };
  EXPECT_EQ(sim.run()->exit_code, 0);
}

// The same people as at a gate, and somebody else looks at it afterwards.
TEST(Requires, AreLetByWhoeverMayBreakTheGlassAndLeaveAReviewOpen) {
  for (const char* playbook : {rehearsed_playbook, at_night}) {
    Simulation sim;
    ASSERT_TRUE(sim.load(playbook)) << sim.diagnostics;
    sim.change_request = [](StartRequest& request) { request.break_glass = "the site is down"; };
    Result<Ending> nobody = sim.run();
    ASSERT_FALSE(nobody.has_value());
    EXPECT_EQ(nobody.error().message, "`ann` may not break the glass");
    let_ann_break_the_glass(sim);
    Result<Ending> ending = sim.run();
    ASSERT_TRUE(ending.has_value()) << ending.error().message;
    EXPECT_EQ(ending->exit_code, 0) << ending->reason;
    EXPECT_EQ(sim.deeds, std::vector<std::string>{"a"});
    const OpRecord* review = open_review(sim.engine->history());
    ASSERT_NE(review, nullptr);
    EXPECT_EQ(text_of(review->gate.shown, "message"), "ann passed `requires` alone: the site is down");
    Vote own{"ann", std::string(verdict_approve), "", review->gate.digest, "command", sim.clock.now()};
    EXPECT_FALSE(may_vote(review->gate, own, sim.clock.now()).has_value());
    own.person = "bob";
    EXPECT_TRUE(may_vote(review->gate, own, sim.clock.now()).has_value());
  }
}

TEST(Requires, LeaveNoReviewWhereNothingWasPassed) {
  Simulation sim;
  ASSERT_TRUE(sim.load(rehearsed_playbook)) << sim.diagnostics;
  keep(sim, Duration{0});
  let_ann_break_the_glass(sim);
  sim.change_request = [](StartRequest& request) { request.break_glass = "to be sure"; };
  EXPECT_EQ(sim.run()->exit_code, 0);
  EXPECT_EQ(open_review(sim.engine->history()), nullptr);
}

}  // namespace
}  // namespace muster
