// `foreach`: the order of what happens, item by item.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <functional>

#include "tests/unit/engine/simulation.h"

namespace muster {
namespace {

using simulation::Simulation;
using Deeds = std::vector<std::string>;

std::string playbook(const std::string& steps) {
  return "muster: 1\nplaybook: many\nphases:\n  - id: bulk\n    steps:\n" + steps;
}

Result<StepOutput> refuse(Certainty effect = Certainty::maybe) { return fail(ErrorCode::failed, "no", {}, effect); }

const Value& field(Simulation& sim, const std::string& op, const std::string& name) {
  static const Value nothing;
  const OpRecord* record = sim.op(op);
  const Value* value = record && record->result ? member(*record->result, name) : nullptr;
  return value ? *value : nothing;
}

TEST(Foreach, RunsItsActionOncePerItemInTheOrderOfTheList) {
  Simulation sim;
  ASSERT_TRUE(sim.load(playbook(R"(
      - id: users
        foreach: [ann, bob, eve]
        do: {name: "${{ index }} ${{ item }}"}
      - id: after
        do: {name: "${{ steps.users.count }} ${{ steps.users.items[2].name }} ${{ steps.users.items[3].state }}"}
)"))) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(sim.deeds, (Deeds{"1 ann", "2 bob", "3 eve", "3 2 bob succeeded"}));
  EXPECT_EQ(sim.state("bulk/users[2]"), "succeeded");
  EXPECT_EQ(sim.state("bulk/users"), "succeeded");
}

TEST(Foreach, RunsAGroupPerItemAndShowsOnlyItsOutputsOutside) {
  Simulation sim;
  ASSERT_TRUE(sim.load(playbook(R"(
      - id: hosts
        foreach: '{"a", "b"}'
        as: host
        outputs: {was: "${{ steps.stop.name }}"}
        steps:
          - {id: stop, do: {name: "stop ${{ host }}"}}
          - {id: start, do: {name: "start after ${{ steps.stop.name }}"}}
      - id: after
        do: {name: "${{ steps.hosts.items[2].was }}"}
)"))) << sim.diagnostics;
  ASSERT_EQ(sim.run()->exit_code, 0);
  EXPECT_EQ(sim.deeds, (Deeds{"stop a", "start after stop a", "stop b", "start after stop b", "stop b"}));
  EXPECT_EQ(sim.state("bulk/hosts[2]/start"), "succeeded");
}

TEST(Foreach, RunsAsManyItemsAtOnceAsItSaysAndNoMore) {
  Simulation sim;
  std::atomic<int> now{0}, most{0};
  for (int i = 1; i <= 12; ++i)
    sim.script[std::to_string(i)] = [&](const StepInput&) -> Result<StepOutput> {
      int at = ++now;
      int seen = most;
      while (at > seen && !most.compare_exchange_weak(seen, at)) {
      }
      for (int spin = 0; spin < 2000 && now < 3; ++spin) std::this_thread::yield();
      --now;
      return StepOutput{};
    };
  ASSERT_TRUE(sim.load(playbook(R"(
      - id: users
        foreach: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]
        max_parallel: 3
        do: {name: "${{ item }}"}
)"))) << sim.diagnostics;
  ASSERT_EQ(sim.run()->exit_code, 0);
  EXPECT_EQ(sim.deeds.size(), 12u);
  EXPECT_EQ(most, 3);
}

TEST(Foreach, OfAnEmptyListIsDoneAtOnce) {
  Simulation sim;
  ASSERT_TRUE(sim.load(playbook("      - {id: users, foreach: [], do: {name: a}}\n"))) << sim.diagnostics;
  ASSERT_EQ(sim.run()->exit_code, 0);
  EXPECT_TRUE(sim.deeds.empty());
  EXPECT_EQ(field(sim, "bulk/users", "count").get<int64_t>(), 0);
}

TEST(Foreach, AsksAWhenThatNamesTheItemForEach) {
  Simulation sim;
  ASSERT_TRUE(sim.load(playbook(R"(
      - id: users
        foreach: [1, 2, 3, 4]
        when: index % 2 == 0
        do: {name: "${{ item }}"}
)"))) << sim.diagnostics;
  ASSERT_EQ(sim.run()->exit_code, 0);
  EXPECT_EQ(sim.deeds, (Deeds{"2", "4"}));
  EXPECT_EQ(sim.state("bulk/users[1]"), "skipped");
  EXPECT_EQ(field(sim, "bulk/users", "skipped").get<int64_t>(), 2);
}

TEST(Foreach, AsksAWhenThatDoesNotNameTheItemOnceAndBeforeTheList) {
  Simulation sim;
  ASSERT_TRUE(sim.load(playbook(R"(
      - {id: a, look: {name: a}}
      - id: users
        foreach: '{nil + 1}'
        when: steps.a.name == "b"
        do: {name: "${{ item }}"}
)"))) << sim.diagnostics;
  ASSERT_EQ(sim.run()->exit_code, 0);
  EXPECT_EQ(sim.state("bulk/users"), "skipped");
}

TEST(Foreach, StopsAtTheFirstFailureAndRollsBackWhatSucceededLatestFirst) {
  Simulation sim;
  sim.script["3"] = [](const StepInput&) { return refuse(Certainty::no_effect); };
  ASSERT_TRUE(sim.load(playbook(R"(
      - id: users
        foreach: [1, 2, 3, 4]
        do: {name: "${{ item }}"}
        rollback:
          - do: {name: "undo ${{ steps.users.name }}", with: "${{ item }}"}
)"))) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  EXPECT_EQ(ending->exit_code, 5) << ending->reason;
  EXPECT_EQ(sim.deeds, (Deeds{"1", "2", "3", "undo 2", "undo 1"}));
  EXPECT_EQ(sim.state("bulk/users[1]"), "rolled_back");
  EXPECT_EQ(sim.state("bulk/users[3]"), "failed");
  EXPECT_EQ(sim.state("bulk/users"), "failed");
  EXPECT_EQ(ending->reason, "`bulk/users[3]`: no");
}

TEST(Foreach, ToleratesAsManyFailuresAsItSays) {
  for (const char* limit : {"2", "50%", "\"${{ 1 + 1 }}\""}) {
    Simulation sim;
    sim.script["1"] = sim.script["3"] = [](const StepInput&) { return refuse(); };
    ASSERT_TRUE(sim.load(playbook(std::string(R"(
      - id: users
        foreach: [1, 2, 3, 4]
        max_failures: )") + limit +
                                  R"(
        do: {name: "${{ item }}"}
)"))) << sim.diagnostics;
    Result<Ending> ending = sim.run();
    EXPECT_EQ(ending->exit_code, 0) << limit << ": " << ending->reason;
    EXPECT_EQ(sim.deeds, (Deeds{"1", "2", "3", "4"}));
    EXPECT_EQ(field(sim, "bulk/users", "failed").get<int64_t>(), 2);
    EXPECT_EQ(field(sim, "bulk/users", "succeeded").get<int64_t>(), 2);
  }
}

TEST(Foreach, StartsNothingNewBeyondTheFailuresThatItTolerates) {
  Simulation sim;
  for (const char* item : {"1", "2", "3"}) sim.script[item] = [](const StepInput&) { return refuse(); };
  ASSERT_TRUE(sim.load(playbook(R"(
      - id: users
        foreach: [1, 2, 3, 4, 5]
        max_failures: 30%
        do: {name: "${{ item }}"}
)"))) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  EXPECT_EQ(ending->exit_code, 1);
  EXPECT_EQ(sim.deeds, (Deeds{"1", "2"})) << "30% of 5 is one";
  EXPECT_EQ(ending->reason, "2 of 5 items failed; the first, `bulk/users[1]`: no");
}

TEST(Foreach, TriesItemsInOrderUntilOneSucceedsAndPutsFailedOnesBack) {
  Simulation sim;
  sim.script["a"] = sim.script["b"] = [](const StepInput&) { return refuse(); };
  ASSERT_TRUE(sim.load(playbook(R"(
      - id: source
        foreach: [a, b, c, d]
        first_success: true
        do: {name: "${{ item }}"}
        rollback: [{do: {name: "undo ${{ item }}"}}]
      - {id: after, do: {name: "${{ steps.source.items[3].name }}, ${{ steps.source.items[4].state }}"}}
)"))) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(sim.deeds, (Deeds{"a", "undo a", "b", "undo b", "c", "c, skipped"}));
}

TEST(Foreach, FailsWhenNoItemSucceeds) {
  Simulation sim;
  for (const char* item : {"a", "b"}) sim.script[item] = [](const StepInput&) { return refuse(Certainty::no_effect); };
  ASSERT_TRUE(sim.load(playbook(R"(
      - id: source
        foreach: [a, b]
        first_success: true
        do: {name: "${{ item }}"}
)"))) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  EXPECT_EQ(ending->exit_code, 1);
  EXPECT_EQ(ending->reason, "none of the 2 items succeeded; the last, `bulk/source[2]`: no");
}

TEST(Foreach, StopsTryingWhenAFailedItemCannotBePutBack) {
  Simulation sim;
  sim.script["a"] = sim.script["undo a"] = [](const StepInput&) { return refuse(); };
  ASSERT_TRUE(sim.load(playbook(R"(
      - id: source
        foreach: [a, b]
        first_success: true
        do: {name: "${{ item }}"}
        rollback: [{do: {name: "undo ${{ item }}"}}]
)"))) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  EXPECT_EQ(ending->exit_code, 1);
  EXPECT_EQ(sim.deeds, (Deeds{"a", "undo a"}));
  EXPECT_NE(ending->reason.find("rollback incomplete"), std::string::npos) << ending->reason;
}

// What a group leaves behind is as much in the way of the next item as what a step does.
TEST(Foreach, StopsTryingWhenAStepOfAFailedItemCannotBePutBack) {
  Simulation sim;
  sim.script["check a"] = sim.script["undo a"] = [](const StepInput&) { return refuse(); };
  ASSERT_TRUE(sim.load(playbook(R"(
      - id: source
        foreach: [a, b]
        first_success: true
        steps:
          - {id: made, do: {name: "make ${{ item }}"}, rollback: [{do: {name: "undo ${{ item }}"}}]}
          - {id: checked, do: {name: "check ${{ item }}"}}
)"))) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  EXPECT_EQ(ending->exit_code, 1);
  EXPECT_EQ(sim.deeds, (Deeds{"make a", "check a", "undo a"}));
  EXPECT_NE(ending->reason.find("rollback incomplete, not undone: `bulk/source[1]/made`"), std::string::npos)
      << ending->reason;
}

TEST(Foreach, AFailureThatIsToleratedHidesNoRollbackThatFailed) {
  Simulation sim;
  sim.script["check a"] = sim.script["undo a"] = [](const StepInput&) { return refuse(); };
  ASSERT_TRUE(sim.load(playbook(R"(
      - id: hosts
        foreach: [a, b]
        max_failures: 1
        steps:
          - {id: made, do: {name: "make ${{ item }}"}, rollback: [{do: {name: "undo ${{ item }}"}}]}
          - {id: checked, do: {name: "check ${{ item }}"}}
)"))) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  EXPECT_EQ(sim.deeds, (Deeds{"make a", "check a", "undo a", "make b", "check b"}));
  EXPECT_EQ(ending->state, RunState::failed);
  EXPECT_EQ(ending->reason, "rollback incomplete, not undone: `bulk/hosts[1]/made`");
}

TEST(Foreach, RetriesRescuesAndEndsEachItemOnItsOwn) {
  Simulation sim;
  int tries = 0;
  sim.script["fix b"] = [](const StepInput&) { return StepOutput{}; };
  sim.script["work b"] = [](const StepInput&) { return refuse(); };
  sim.script["work c"] = [&](const StepInput&) -> Result<StepOutput> {
    if (++tries < 2) return refuse(Certainty::no_effect);
    return StepOutput{};
  };
  ASSERT_TRUE(sim.load(playbook(R"(
      - id: hosts
        foreach: [a, b, c]
        steps:
          - {id: work, do: {name: "work ${{ item }}"}, retry: {attempts: 2, delay: 1s}}
        rescue:
          - do: {name: "fix ${{ item }}"}
        always:
          - do: {name: "clean ${{ item }}"}
)"))) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(sim.deeds, (Deeds{"work a", "clean a", "work b", "fix b", "clean b", "work c", "work c", "clean c"}));
  EXPECT_EQ(sim.state("bulk/hosts[2]"), "recovered");
}

TEST(Foreach, SaysWhereWhatItRunsOverIsNoList) {
  Simulation sim;
  sim.script["a"] = [](const StepInput&) -> Result<StepOutput> {
    return StepOutput{Map{{"value", Map{{"x", 1}}}}, {}};
  };
  ASSERT_TRUE(sim.load(playbook(R"(
      - {id: a, look: {name: a}}
      - {id: users, foreach: steps.a.value, do: {name: "${{ item }}"}}
)"))) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  EXPECT_EQ(ending->exit_code, 1);
  EXPECT_EQ(ending->reason, "`foreach` runs over a list, and `steps.a.value` yields a map");
  std::string drawn = text_of(*sim.op("bulk/users")->error, "diagnostic");
  EXPECT_NE(drawn.find("foreach: steps.a.value"), std::string::npos) << drawn;
  EXPECT_NE(drawn.find("^^^^^^^^^^^^^"), std::string::npos) << drawn;
}

TEST(Foreach, StandsInsideAnotherAndSeesBothItems) {
  Simulation sim;
  ASSERT_TRUE(sim.load(playbook(R"(
      - id: regions
        foreach: [eu, us]
        as: region
        outputs: {hosts: "${{ steps.hosts.count }}"}
        steps:
          - {id: list, look: {name: "${{ region }}"}}
          - id: hosts
            foreach: '{steps.list.name .. 1, steps.list.name .. 2}'
            as: host
            do: {name: "${{ region }} ${{ host }} ${{ index }}"}
      - {id: after, do: {name: "${{ steps.regions.items[2].hosts }}"}}
)"))) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(sim.deeds, (Deeds{"eu", "eu eu1 1", "eu eu2 2", "us", "us us1 1", "us us2 2", "2"}));
  EXPECT_EQ(sim.state("bulk/regions[2]/hosts[1]"), "succeeded");
}

TEST(Foreach, OpensOneGateForAllItemsAndListsThem) {
  Simulation sim;
  ASSERT_TRUE(sim.load(playbook(R"(
      - id: users
        foreach: [ann, bob]
        approval: true
        destroy: {name: "${{ item }}"}
)"))) << sim.diagnostics;
  ASSERT_EQ(sim.run()->exit_code, 75);
  std::vector<const OpRecord*> gates = open_gates(sim.engine->history());
  ASSERT_EQ(gates.size(), 1u);
  EXPECT_EQ(gates[0]->op.path, "bulk/users");
  const Value* guarded = member(gates[0]->gate.shown, "guarded");
  ASSERT_EQ(guarded->get<List>().size(), 2u);
  EXPECT_EQ(text_of(guarded->get<List>()[1].get<Map>(), "op"), "bulk/users[2]");
  EXPECT_EQ(member(guarded->get<List>()[1], "lines")->get<List>()[0].get<std::string>(), "do bob");
  Engine other(sim.parts(), sim);  // as another process finds it, to store a decision
  ASSERT_TRUE(other.inspect(sim.run_id).has_value());
  EXPECT_TRUE(other.still_as_shown(OpId{"bulk/users"}).has_value());
}

TEST(Foreach, OpensAGatePerItemForAStepInsideItsGroup) {
  Simulation sim;
  ASSERT_TRUE(sim.load(playbook(R"(
      - id: users
        foreach: [ann, bob]
        max_parallel: 2
        steps:
          - {id: look, look: {name: "look ${{ item }}"}}
          - {id: gone, approval: true, destroy: {name: "${{ item }}"}}
)"))) << sim.diagnostics;
  ASSERT_EQ(sim.run()->exit_code, 75);
  std::vector<const OpRecord*> gates = open_gates(sim.engine->history());
  ASSERT_EQ(gates.size(), 2u);
  EXPECT_EQ(gates[0]->op.path, "bulk/users[1]/gone");
  EXPECT_EQ(gates[1]->op.path, "bulk/users[2]/gone");
}

TEST(Foreach, ShowsItsItemsAtTheGateAboveItAndRunsThoseThatWereShown) {
  Simulation sim;
  ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: many
phases:
  - id: bulk
    approval: true
    steps:
      - {id: users, foreach: [ann, bob], destroy: {name: "${{ item }}"}}
)")) << sim.diagnostics;
  ASSERT_EQ(sim.run()->exit_code, 75);
  const Value* guarded = member(open_gates(sim.engine->history())[0]->gate.shown, "guarded");
  ASSERT_EQ(guarded->get<List>().size(), 2u);
  EXPECT_EQ(text_of(guarded->get<List>()[0].get<Map>(), "op"), "bulk/users[1]");
}

// Every commit is a place to be killed at; what was looked up may change meanwhile, and must not be looked up again.
void ends_the_same_wherever_it_is_killed(const std::string& text, const Deeds& wanted, int exit_code,
                                         const std::function<void(Simulation&)>& script = {}) {
  bool finished_unbroken = false;
  for (int commits = 1; commits < 80 && !finished_unbroken; ++commits) {
    SCOPED_TRACE("killed at commit " + std::to_string(commits));
    Simulation sim;
    int asked = 0;
    sim.script["list"] = [&](const StepInput&) -> Result<StepOutput> {
      List list = ++asked == 1 ? List{Value("a"), Value("b"), Value("c")} : List{Value("z")};
      return StepOutput{Map{{"value", std::move(list)}}, {}};
    };
    if (script) script(sim);
    ASSERT_TRUE(sim.load(text)) << sim.diagnostics;
    sim.journal->fail_after(commits);
    Result<Ending> ending = sim.run();
    finished_unbroken = ending.has_value();
    if (sim.run_id.empty()) continue;
    sim.journal->fail_after(-1);
    if (!ending) {
      // What was read and not recorded is read again; what was done is not.
      Result<RunRecord> stored = sim.journal->read(sim.run_id);
      ASSERT_TRUE(stored.has_value());
      if (std::none_of(stored->events.begin(), stored->events.end(),
                       [](const Event& event) { return event.op.path == "bulk/listed"; }))
        asked = 0;
      ending = sim.resume();
    }
    ASSERT_TRUE(ending.has_value()) << ending.error().message;
    for (int settled = 0; ending->exit_code == 6 && settled < 5; ++settled) {
      for (const OpRecord* doubt : open_doubts(sim.engine->history())) {
        Event resolved;
        resolved.kind = EventKind::resolved;
        resolved.op = doubt->op;
        resolved.attempt = doubt->attempt;
        resolved.at = sim.clock.now();
        bool undo = doubt->op.path.find('~') != std::string::npos;
        bool bad = !undo && doubt->op.path.find("[2]") != std::string::npos && exit_code != 0;
        resolved.body =
            encode_value(Map{{"choice", bad ? "failed" : "succeeded"}, {"person", "bob"}, {"reason", "looked"}});
        ASSERT_TRUE(sim.journal->say(sim.run_id, resolved).has_value());
      }
      ending = sim.resume();
      ASSERT_TRUE(ending.has_value()) << ending.error().message;
    }
    EXPECT_EQ(ending->exit_code, exit_code) << ending->reason;
    Deeds done;
    for (const std::string& deed : sim.deeds)
      if (deed != "list") done.push_back(deed);
    EXPECT_EQ(done, wanted);
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_TRUE(finished_unbroken) << "the sweep never came to its end";
}

TEST(Foreach, KilledAnywhereDoesEachItemOnceAndNeverAsksForItsListAgain) {
  ends_the_same_wherever_it_is_killed(playbook(R"(
      - {id: listed, look: {name: list}}
      - id: users
        foreach: steps.listed.value
        steps:
          - {do: {name: "stop ${{ item }}"}}
          - {do: {name: "start ${{ item }}"}}
)"),
                                      {"stop a", "start a", "stop b", "start b", "stop c", "start c"}, 0);
}

TEST(Foreach, KilledAnywhereRollsBackTheSameItems) {
  ends_the_same_wherever_it_is_killed(playbook(R"(
      - {id: listed, look: {name: list}}
      - id: users
        foreach: steps.listed.value
        do: {name: "do ${{ item }}"}
        rollback: [{do: {name: "undo ${{ item }}"}}]
)"),
                                      {"do a", "do b", "undo b", "undo a"}, 5, [](Simulation& sim) {
                                        sim.script["do b"] = [](const StepInput&) { return refuse(); };
                                      });
}

TEST(Foreach, IsTriedAgainFromOneOfItsItems) {
  Simulation sim;
  sim.script["2"] = sim.script["4"] = [](const StepInput&) { return refuse(); };
  ASSERT_TRUE(sim.load(playbook(R"(
      - id: users
        foreach: [1, 2, 3, 4]
        max_failures: 2
        do: {name: "${{ item }}"}
      - {id: after, do: {name: after}}
      - {id: last, fail: {message: no}}
)"))) << sim.diagnostics;
  ASSERT_EQ(sim.run()->exit_code, 1);
  sim.deeds.clear();
  sim.script.clear();
  ASSERT_TRUE(sim.retry("bulk/users[2]").has_value());
  EXPECT_EQ(sim.deeds, (Deeds{"2", "4", "after"})) << "what ended well stays done";
  EXPECT_EQ(field(sim, "bulk/users", "succeeded").get<int64_t>(), 4);
}

// A no is nobody's failure: the next item is not tried, and what was done is undone.
TEST(Foreach, IsLeftByANoAtTheGateOfAnItemEvenWhereTheFirstSuccessEndsIt) {
  for (bool expired : {false, true}) {
    SCOPED_TRACE(expired ? "expired" : "rejected");
    Simulation sim;
    ASSERT_TRUE(sim.load(playbook(R"(
      - {id: first, do: {name: first}, rollback: [{do: {name: undo first}}]}
      - id: ways
        foreach: [a, b]
        first_success: true
        rescue: [{do: {name: rescued}}]
        steps:
          - {id: risky, approval: {expires: 1h}, do: {name: "risky ${{ item }}"}}
always:
  - {do: {name: "${{ run.status }}"}}
)"))) << sim.diagnostics;
    Result<Ending> ending = sim.run();
    ASSERT_TRUE(ending.has_value()) << ending.error().message;
    ASSERT_EQ(ending->exit_code, 75) << ending->reason;
    if (expired) sim.clock.advance(Duration::seconds(7200));
    if (!expired) {
      Event vote;
      vote.kind = EventKind::vote;
      vote.op = OpId{"bulk/ways[1]/risky"};
      vote.attempt = 1;
      vote.at = sim.clock.now();
      vote.body = encode_value(Map{{"person", "bob"},
                                   {"verdict", "reject"},
                                   {"reason", "no"},
                                   {"digest", sim.op("bulk/ways[1]/risky")->gate.digest},
                                   {"how", "test"},
                                   {"opening", 1}});
      ASSERT_TRUE(sim.journal->say(sim.run_id, vote).has_value());
    }
    ending = sim.resume();
    ASSERT_TRUE(ending.has_value()) << ending.error().message;
    EXPECT_EQ(ending->exit_code, 4) << ending->reason;
    EXPECT_EQ(sim.deeds, (Deeds{"first", "undo first", "rejected"}));
  }
}

}  // namespace
}  // namespace muster
