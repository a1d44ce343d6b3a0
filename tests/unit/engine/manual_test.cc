// What a person does: asked once, waited for without a thread, answered, expired, taken up again.
#include <gtest/gtest.h>

#include "tests/unit/engine/simulation.h"

namespace muster {
namespace {

using simulation::Simulation;
using Deeds = std::vector<std::string>;

constexpr const char* by_hand = R"(
muster: 1
playbook: by-hand
phases:
  - id: only
    steps:
      - id: pick
        manual:
          instructions: "Which host is broken? ${{ run.started_by }} asks"
          checklist: [look at the dashboard]
          form:
            host: {type: enum, values: [a, b], required: true}
            size: {type: integer, default: 3}
          assignees: [group:sre]
          expires: 30m
      - {id: fix, do: {name: "fix ${{ steps.pick.answers.host }}${{ steps.pick.answers.size }} by ${{ steps.pick.by }}"}}
always:
  - {id: last, do: {name: "${{ run.status }}"}}
)";

Configuration team() {
  Configuration configuration;
  GroupOfPeople sre;
  sre.name.text = "sre";
  sre.members = {Name{{}, "bob"}};
  configuration.groups.push_back(sre);
  return configuration;
}

class ByHand : public testing::Test {
 protected:
  void SetUp() override {
    sim.configuration = team();
    ASSERT_TRUE(sim.load(by_hand)) << sim.diagnostics;
  }
  // Another process says it, as `muster complete` does.
  Result<void> say(const char* person, Map answers, const char* nonce = nullptr) {
    const OpRecord* op = sim.op("only/pick");
    Completion said{person, std::move(answers), "command", sim.clock.now(),
                    nonce       ? nonce
                    : op->asked ? text_of(*op->asked, "nonce")
                                : ""};
    Event event;
    event.kind = EventKind::answered;
    event.op = OpId{"only/pick"};
    event.attempt = op->attempt;
    event.at = said.at;
    event.body = encode_value(Value(completion_body(said)));
    return sim.journal->say(sim.run_id, event);
  }
  Simulation sim;
};

TEST_F(ByHand, ParksTheRunAndShowsWhatToDo) {
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 75);
  EXPECT_EQ(ending->reason, "waiting for a person");
  const OpRecord* pick = sim.op("only/pick");
  EXPECT_EQ(pick->state, StepState::waiting);
  EXPECT_EQ(text_of(*pick->asked, "instructions"), "Which host is broken? ann asks");
  Result<RunRecord> record = sim.journal->read(sim.run_id);
  EXPECT_EQ(record->row.state, RunState::waiting);
  EXPECT_EQ(record->row.due_at, pick->due_at) << "a timer's command finds it by its row";
}

TEST_F(ByHand, GoesOnWithTheAnswersInAnotherProcess) {
  ASSERT_TRUE(sim.run().has_value());
  ASSERT_TRUE(say("bob", Map{{"host", "b"}}).has_value());
  Result<Ending> ending = sim.resume();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 0);
  EXPECT_EQ(sim.deeds, (Deeds{"fix b3 by bob", "succeeded"}));
  EXPECT_FALSE(sim.journal->read(sim.run_id)->row.due_at.has_value());
}

TEST_F(ByHand, IsAnsweredWhereTheRunWaits) {
  sim.executor.on_tick = [&] {
    const OpRecord* op = sim.op("only/pick");
    if (!op || !op->asked) return;
    std::string nonce = text_of(*op->asked, "nonce");
    Result<void> wrong = sim.engine->complete(op->op, {"bob", Map{{"host", "z"}}, "terminal", {}, nonce});
    ASSERT_FALSE(wrong.has_value());
    EXPECT_EQ(wrong.error().message, "answer `host` must be one of `a`, `b`, and `z` is not");
    Result<void> stranger = sim.engine->complete(op->op, {"eve", Map{{"host", "a"}}, "terminal", {}, nonce});
    ASSERT_FALSE(stranger.has_value());
    EXPECT_EQ(stranger.error().code, ErrorCode::refused);
    ASSERT_TRUE(
        sim.engine->complete(op->op, {"bob", Map{{"host", "a"}, {"size", "5"}}, "terminal", sim.clock.now(), nonce})
            .has_value());
  };
  Result<Ending> ending = sim.run({true, false});
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(sim.deeds, (Deeds{"fix a5 by bob", "succeeded"}));
}

TEST_F(ByHand, CountsNothingThatWasWrittenPastTheRules) {
  ASSERT_TRUE(sim.run().has_value());
  ASSERT_TRUE(say("eve", Map{{"host", "a"}}).has_value());
  ASSERT_TRUE(say("bob", Map{{"host", "nowhere"}}).has_value());
  ASSERT_TRUE(say("bob", Map{{"host", "a"}}, "of another question").has_value());
  ASSERT_TRUE(sim.resume().has_value());
  EXPECT_EQ(sim.state("only/pick"), "waiting");
  ASSERT_TRUE(say("bob", Map{{"host", "a"}}).has_value());
  ASSERT_TRUE(sim.resume().has_value());
  EXPECT_EQ(sim.deeds, (Deeds{"fix a3 by bob", "succeeded"}));
}

TEST_F(ByHand, ExpiresAtTheRecordedMomentAlsoWhenTheClockIsSetBack) {
  ASSERT_TRUE(sim.run().has_value());
  sim.clock.advance(Duration::seconds(31 * 60));
  ASSERT_TRUE(say("bob", Map{{"host", "a"}}).has_value()) << "recorded, and too late";
  sim.clock.set_back(Duration::seconds(20 * 60));
  Result<Ending> ending = sim.resume();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 1);
  EXPECT_EQ(text_of(*sim.op("only/pick")->error, "code"), "timeout");
  EXPECT_EQ(sim.deeds, (Deeds{"failed"}));
}

TEST_F(ByHand, CancelledWhileItWaitsRunsItsAlways) {
  ASSERT_TRUE(sim.run().has_value());
  Event event;
  event.kind = EventKind::cancel_asked;
  event.op = OpId{"playbook"};
  event.at = sim.clock.now();
  event.body = encode_value(Map{{"person", "bob"}, {"reason", "no need"}, {"rollback", false}, {"now", false}});
  ASSERT_TRUE(sim.journal->say(sim.run_id, event).has_value());
  Result<Ending> ending = sim.resume();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 130);
  EXPECT_EQ(sim.deeds, (Deeds{"cancelled"}));
}

TEST(Manual, AsksAgainWhereItIsTriedAgain) {
  Simulation sim;
  ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: by-hand
phases:
  - id: only
    steps:
      - {id: look_at_it, manual: {instructions: look, expires: 1m}, retry: {attempts: 2, delay: 1m}}
)")) << sim.diagnostics;
  std::vector<std::string> nonces;
  sim.on_event = [&](const Event& event) {
    const OpRecord* op = sim.op("only/look_at_it");
    if (event.kind == EventKind::wait_started && op->asked) nonces.push_back(text_of(*op->asked, "nonce"));
  };
  Result<Ending> ending = sim.run({true, false});
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 1);
  ASSERT_EQ(nonces.size(), 2u);
  EXPECT_NE(nonces[0], nonces[1]) << "an answer to the first question is none to the second";
}

TEST(Manual, WithoutAssigneesAnybodyMaySaySo) {
  Simulation sim;
  ASSERT_TRUE(
      sim.load("muster: 1\nplaybook: p\nphases:\n  - id: only\n    steps:\n"
               "      - {id: look_at_it, manual: {checklist: [one thing]}}\n"))
      << sim.diagnostics;
  sim.executor.on_tick = [&] {
    const OpRecord* op = sim.op("only/look_at_it");
    if (op && op->asked && op->completions.empty()) {
      ASSERT_TRUE(sim.engine->complete(op->op, {"eve", {}, "terminal", {}, text_of(*op->asked, "nonce")}).has_value());
    }
  };
  Result<Ending> ending = sim.run({true, false});
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 0);
  EXPECT_EQ(to_text(*member(*sim.op("only/look_at_it")->result, "by")), "eve");
}

}  // namespace
}  // namespace muster
