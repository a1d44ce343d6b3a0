// What a step's own claims and outputs may read of it, and what becomes of a result that is `sensitive`.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/engine/simulation.h"

namespace muster {
namespace {

using simulation::Simulation;

std::string playbook_with(const std::string& steps) {
  return "muster: 1\nplaybook: own\nphases:\n  - id: only\n    steps:\n" + steps;
}

constexpr const char* part = R"(
muster: 1
playbook: part
phases:
  - id: only
    steps:
      - {id: b, do: {name: found}}
outputs: {name: "${{ steps.b.name }}"}
)";

TEST(OwnResult, OfACallIsReadByItsVerifyUnderItsId) {
  Simulation sim;
  sim.called["part.muster.yaml"] = part;
  ASSERT_TRUE(sim.load(playbook_with(R"(
      - id: part
        call: {playbook: part.muster.yaml}
        outputs: {twice: "${{ steps.part.name }}${{ result.name }}"}
        verify:
          that: [steps.part.name == "found", result.name == "found"]
      - {do: {name: "${{ steps.part.twice }}"}}
)"))) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(sim.deeds, (std::vector<std::string>{"found", "foundfound"}));
}

TEST(OwnResult, OfACallIsAnArgumentOfItsVerify) {
  Simulation sim;
  sim.called["part.muster.yaml"] = part;
  ASSERT_TRUE(sim.load(playbook_with(R"(
      - id: part
        call: {playbook: part.muster.yaml}
        verify: {look: {name: "is ${{ steps.part.name }} there"}, that: steps.part.name == "found"}
)"))) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(sim.deeds, (std::vector<std::string>{"found", "is found there"}));
}

TEST(OwnResult, OfAChoiceIsReadByItsVerifyUnderItsId) {
  Simulation sim;
  ASSERT_TRUE(sim.load(playbook_with(R"(
      - id: way
        choose:
          options:
            - {id: one, when: "false", steps: [{do: {name: one}}]}
            - {id: two, outputs: {how: fast}, steps: [{do: {name: two}}]}
        verify:
          that: [steps.way.chosen == "two", steps.way.how == "fast"]
)"))) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
}

TEST(OwnResult, HasNoOutputsYetAndTheCheckerSaysSo) {
  Simulation sim;
  EXPECT_FALSE(sim.load(playbook_with(R"(
      - id: a
        do: {name: a}
        outputs: {size: "${{ len(result.name) }}"}
        verify: {that: steps.a.size == 1}
)")));
  EXPECT_NE(sim.diagnostics.find("the output `size` of `a` is made once everything else of it is done [not-yet]"),
            std::string::npos)
      << sim.diagnostics;
}

// --- sensitive

const std::string with_sensitive = playbook_with(R"(
      - id: token
        sensitive: true
        do: {name: token}
        verify: {that: [result.value == "open sesame now", steps.token.value == result.value]}
        outputs: {size: "${{ len(steps.token.value) }}", again: "${{ result.value }}"}
      - {id: used, do: {name: used, with: "${{ steps.token.value }} of ${{ steps.token.size }}"}}
)");

void gives_token(Simulation& sim) {
  sim.script["token"] = [](const StepInput&) -> Result<StepOutput> {
    return StepOutput{Map{{"name", "token"}, {"value", "open sesame now"}}, {}};
  };
  // It hands back what it was given, as a program does that prints its arguments.
  sim.script["used"] = [](const StepInput& input) -> Result<StepOutput> {
    return StepOutput{Map{{"name", "used"}, {"value", text_of(input.args, "with")}}, {}};
  };
}

std::string journal_of(Simulation& sim) {
  std::string all;
  Result<RunRecord> record = sim.journal->read(sim.run_id);
  if (record)
    for (const Event& event : record->events) all += event.op.path + " " + event.body + "\n";
  return all;
}

TEST(Sensitive, IsReadByTheStepItselfAndByLaterOnesAndStoredNowhere) {
  Simulation sim;
  gives_token(sim);
  std::string given;
  auto used = sim.script["used"];
  sim.script["used"] = [&given, used](const StepInput& input) -> Result<StepOutput> {
    given = text_of(input.args, "with");
    return used(input);
  };
  ASSERT_TRUE(sim.load(with_sensitive)) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(given, "open sesame now of 15");
  const std::string journal = journal_of(sim);
  EXPECT_NE(journal.find("*** of 15"), std::string::npos) << journal;
  EXPECT_EQ(journal.find("sesame"), std::string::npos) << journal;
}

TEST(Sensitive, ShowsNoValuesWhereItsClaimFails) {
  Simulation sim;
  sim.script["token"] = [](const StepInput&) -> Result<StepOutput> {
    return StepOutput{Map{{"name", "token"}, {"value", "short"}}, {}};  // too short to be kept out of other text
  };
  ASSERT_TRUE(sim.load(with_sensitive)) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 1);
  EXPECT_EQ(ending->reason, "claim does not hold: result.value == \"open sesame now\"");
  EXPECT_EQ(journal_of(sim).find("short"), std::string::npos) << journal_of(sim);
}

TEST(Sensitive, IsLostWithItsProcessAndItsReaderSaysSo) {
  Simulation sim;
  gives_token(sim);
  ASSERT_TRUE(sim.load(playbook_with(R"(
      - {id: token, sensitive: true, do: {name: token}}
      - {id: used, approval: true, do: {name: used, with: "${{ steps.token.value }}"}}
)"))) << sim.diagnostics;
  EXPECT_NE(sim.diagnostics.find("[sensitive-lost]"), std::string::npos) << sim.diagnostics;
  ASSERT_EQ(sim.run()->exit_code, 75);
  const std::string digest = sim.op("only/used")->gate.digest;
  Event vote;
  vote.kind = EventKind::vote;
  vote.op = OpId{"only/used"};
  vote.attempt = 1;
  vote.at = sim.clock.now();
  vote.body = encode_value(Map{
      {"person", "bob"}, {"verdict", "approve"}, {"reason", ""}, {"digest", digest}, {"how", "test"}, {"opening", 1}});
  ASSERT_TRUE(sim.journal->say(sim.run_id, vote).has_value());
  Result<Ending> ending = sim.resume();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_NE(ending->exit_code, 0);
  EXPECT_EQ(std::count(sim.deeds.begin(), sim.deeds.end(), "used"), 0);
  EXPECT_EQ(journal_of(sim).find("sesame"), std::string::npos) << journal_of(sim);
}

}  // namespace
}  // namespace muster
