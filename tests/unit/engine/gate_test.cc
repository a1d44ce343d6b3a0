#include <gtest/gtest.h>

#include "tests/unit/engine/simulation.h"

namespace muster {
namespace {

using simulation::Simulation;
using Deeds = std::vector<std::string>;

constexpr const char* gated = R"(
muster: 1
playbook: gated
phases:
  - id: before
    steps:
      - {id: a, do: {name: a}, rollback: [{do: {name: undo a}}]}
  - id: danger
    approval: {message: "Really?", approvers: [group:sre], expires: 30m, require_reason: true}
    steps:
      - {id: b, destroy: {name: b}}
always:
  - {id: last, do: {name: "${{ run.status }}"}}
)";

Configuration team() {
  Configuration configuration;
  GroupOfPeople sre;
  sre.name.text = "sre";
  sre.members = {Name{{}, "bob"}, Name{{}, "ann"}};
  configuration.groups.push_back(sre);
  return configuration;
}

Vote vote(const Simulation& sim, const char* person, const char* verdict, const char* reason) {
  const OpRecord* gate = sim.engine->history().find(OpId{"danger"});
  return Vote{person, verdict, reason, gate ? gate->gate.digest : "", "test", {}};
}

// Somebody decides as soon as the gate is open.
void decide_when_open(Simulation& sim, const char* person, const char* verdict, const char* reason) {
  sim.executor.on_tick = [&sim, person, verdict, reason] {
    const OpRecord* gate = sim.engine->history().find(OpId{"danger"});
    if (!gate || gate->gate.state != GateState::open) return;
    Result<void> cast = sim.engine->vote(OpId{"danger"}, vote(sim, person, verdict, reason));
    EXPECT_TRUE(cast.has_value()) << cast.error().message;
    sim.executor.on_tick = nullptr;
  };
}

TEST(Gate, HoldsWhatItGuardsUntilSomebodyApproves) {
  Simulation sim;
  sim.configuration = team();
  ASSERT_TRUE(sim.load(gated)) << sim.diagnostics;
  Result<Ending> parked = sim.run();
  ASSERT_TRUE(parked.has_value()) << parked.error().message;
  EXPECT_EQ(parked->state, RunState::waiting);
  EXPECT_EQ(parked->exit_code, 75);
  EXPECT_EQ(sim.deeds, (Deeds{"a"}));
  decide_when_open(sim, "bob", "approve", "seen it");
  Result<Ending> ending = sim.resume({true, false});
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 0);
  EXPECT_EQ(sim.deeds, (Deeds{"a", "b", "succeeded"}));
}

TEST(Gate, EndsTheRunRejectedAndUndoesWhatWasDone) {
  Simulation sim;
  sim.configuration = team();
  ASSERT_TRUE(sim.load(gated)) << sim.diagnostics;
  decide_when_open(sim, "bob", "reject", "too risky");
  Result<Ending> ending = sim.run({true, false});
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->state, RunState::rejected);
  EXPECT_EQ(ending->exit_code, 4);
  EXPECT_NE(ending->reason.find("too risky"), std::string::npos) << ending->reason;
  EXPECT_EQ(sim.deeds, (Deeds{"a", "undo a", "rejected"}));
}

TEST(Gate, EndsTheRunRejectedWhenItsTimeIsUp) {
  Simulation sim;
  sim.configuration = team();
  ASSERT_TRUE(sim.load(gated)) << sim.diagnostics;
  Timestamp before = sim.clock.now();
  Result<Ending> ending = sim.run({true, false});
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 4);
  EXPECT_GE((sim.clock.now() - before).us, Duration::seconds(1800).us);
  EXPECT_EQ(sim.deeds, (Deeds{"a", "undo a", "rejected"}));
}

TEST(Gate, RefusesTheStarterAndStrangersAndDecisionsWithoutAReason) {
  Simulation sim;
  sim.configuration = team();
  ASSERT_TRUE(sim.load(gated)) << sim.diagnostics;
  ASSERT_TRUE(sim.run().has_value());
  OpId gate{"danger"};
  Result<void> starter = sim.engine->vote(gate, vote(sim, "ann", "approve", "mine"));
  ASSERT_FALSE(starter.has_value());
  EXPECT_NE(starter.error().message.find("started, resumed or wrote this run"), std::string::npos)
      << starter.error().message;
  Result<void> stranger = sim.engine->vote(gate, vote(sim, "eve", "approve", "hm"));
  ASSERT_FALSE(stranger.has_value());
  EXPECT_NE(stranger.error().message.find("none of the approvers"), std::string::npos) << stranger.error().message;
  Result<void> silent = sim.engine->vote(gate, vote(sim, "bob", "approve", ""));
  ASSERT_FALSE(silent.has_value());
  EXPECT_NE(silent.error().hint.find("--reason"), std::string::npos);
}

TEST(Gate, LetsATeamOfOneApproveItsOwnRunAndRemembersThat) {
  Simulation sim;
  sim.configuration = team();
  GateRules rules;
  rules.self_approval = Name{{}, "allowed"};
  sim.configuration.gates = rules;
  ASSERT_TRUE(sim.load(gated)) << sim.diagnostics;
  decide_when_open(sim, "ann", "approve", "nobody else is here");
  Result<Ending> ending = sim.run({true, false});
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 0);
  EXPECT_TRUE(rules_of(sim.op("danger")->gate).self_approval_lifted);
}

TEST(Gate, DoesNotCountADecisionForOtherContent) {
  GateRecord gate;
  gate.state = GateState::open;
  gate.digest = "now";
  gate.votes = {{"bob", "approve", "", "earlier", "test", Timestamp{1}}};
  EXPECT_EQ(decide_gate(gate, "now", Timestamp{2}).state, GateState::open);
  gate.votes = {{"bob", "approve", "", "now", "test", Timestamp{1}}};
  EXPECT_EQ(decide_gate(gate, "now", Timestamp{2}).state, GateState::approved);
  EXPECT_EQ(decide_gate(gate, "changed", Timestamp{2}).state, GateState::voided);
}

TEST(Gate, AsksForTwoPeopleWhereTwoAreAskedForAndCountsEachOnce) {
  GateRecord gate;
  gate.state = GateState::open;
  gate.digest = "d";
  gate.shown["places"] = List{Map{{"people", List{"ann", "bob", "cy"}}, {"label", "group:sre"}, {"count", 2}}};
  gate.votes = {{"bob", "approve", "", "d", "test", Timestamp{1}}, {"bob", "approve", "", "d", "test", Timestamp{2}}};
  EXPECT_EQ(decide_gate(gate, "d", Timestamp{3}).state, GateState::open);
  gate.votes.push_back({"cy", "approve", "", "d", "test", Timestamp{3}});
  EXPECT_EQ(decide_gate(gate, "d", Timestamp{4}).state, GateState::approved);
}

TEST(Gate, LetsOnePersonFillOnePlaceOnlyWhereSeveralMustBeMet) {
  GateRecord gate;
  gate.state = GateState::open;
  gate.digest = "d";
  gate.shown["places"] = List{Map{{"people", List{"ann", "bob"}}, {"label", "group:database"}, {"count", 1}},
                              Map{{"people", List{"ann"}}, {"label", "group:oncall"}, {"count", 1}}};
  gate.votes = {{"ann", "approve", "", "d", "test", Timestamp{1}}};
  EXPECT_EQ(decide_gate(gate, "d", Timestamp{2}).state, GateState::open);
  gate.votes.push_back({"bob", "approve", "", "d", "test", Timestamp{2}});
  EXPECT_EQ(decide_gate(gate, "d", Timestamp{3}).state, GateState::approved)
      << "ann moves to the place that only she can fill";
}

TEST(Gate, LetsNobodyPassWhereAGroupHasNoMembers) {
  GateRecord gate;
  gate.state = GateState::open;
  gate.digest = "d";
  gate.shown["places"] = List{Map{{"people", List{}}, {"label", "group:ghosts"}, {"count", 1}}};
  gate.votes = {{"ann", "approve", "", "d", "test", Timestamp{1}}};
  EXPECT_EQ(decide_gate(gate, "d", Timestamp{2}).state, GateState::open);
}

TEST(Gate, TakesTheFirstNoEvenWhenAYesFollows) {
  GateRecord gate;
  gate.state = GateState::open;
  gate.digest = "d";
  gate.votes = {{"bob", "reject", "no", "d", "test", Timestamp{1}}, {"ann", "approve", "", "d", "test", Timestamp{2}}};
  EXPECT_EQ(decide_gate(gate, "d", Timestamp{3}).state, GateState::rejected);
}

TEST(Gate, DoesNotReopenByAClockThatWasSetBack) {
  Simulation sim;
  sim.configuration = team();
  ASSERT_TRUE(sim.load(gated)) << sim.diagnostics;
  ASSERT_TRUE(sim.run().has_value());
  sim.clock.advance(Duration::seconds(3600));
  Result<Ending> ending = sim.resume({true, false});
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 4);
}

}  // namespace
}  // namespace muster
