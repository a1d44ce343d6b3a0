// An action of several calls, killed at every commit and at every answer that was never heard, and resumed: each call
// is journaled once, and none that may have had its effect is made again unasked.
#include <gtest/gtest.h>

#include <algorithm>

#include "tests/unit/engine/simulation.h"
#include "tests/unit/scripting/small_scripts.h"

namespace muster {
namespace {

using simulation::Simulation;
using Deeds = std::vector<std::string>;

// Two writes with a failure between them that the script answers by itself, and a read.
constexpr const char* move = R"(
action "move" {
  summary = "Move a service to another host",
  effect  = "write",
  fields  = {to = {type = "string", required = true}},
  run = function(args, ctx)
    local seen = ctx.look{name = "state"}
    ctx["do"]{name = "stop", with = seen.name}
    local ok, why = pcall(ctx["do"], {name = "fast way"})
    if not ok then ctx["do"]{name = "slow way", with = why.message} end
    ctx["do"]{name = "start"}
    return {to = args.to, fast = ok}
  end,
}
)";

struct LuaCrashes : testing::Test {
  // A world of its own for each kill.
  struct One {
    Simulation s;
    std::unique_ptr<SmallScripts> scripts;
    int doubts = 0;

    One(const std::string& lua, const std::string& steps) : scripts(std::make_unique<SmallScripts>(lua)) {
      EXPECT_EQ(scripts->said(), "");
      for (const Action& action : scripts->set->actions) s.actions.push_back(action);
      EXPECT_TRUE(s.load("muster: 1\nplaybook: p\nphases:\n  - id: one\n    steps:\n" + steps)) << s.diagnostics;
    }
    void say(const OpRecord& op, const std::string& choice) {
      Event resolved;
      resolved.kind = EventKind::resolved;
      resolved.op = op.op;
      resolved.attempt = op.attempt;
      resolved.at = s.clock.now();
      resolved.body = encode_value(Map{{"choice", choice}, {"person", "bob"}, {"reason", "looked"}});
      EXPECT_TRUE(s.journal->say(s.run_id, resolved).has_value());
    }
    // Resumes until it has ended; somebody who looked says of each doubt that it succeeded.
    Result<Ending> carry_on() {
      s.journal->fail_after(-1);
      Result<Ending> ending = s.resume();
      for (int settled = 0; ending && ending->exit_code == 6 && settled < 5; ++settled) {
        for (const OpRecord* op : open_doubts(s.engine->history())) {
          ++doubts;
          say(*op, "succeeded");
        }
        ending = s.resume();
      }
      return ending;
    }
    long count(const std::string& deed) const { return std::count(s.deeds.begin(), s.deeds.end(), deed); }
    // Of each inner call, how often it was journaled as made.
    std::map<std::string, int> marks() {
      std::map<std::string, int> out;
      Result<RunRecord> record = s.journal->read(s.run_id);
      EXPECT_TRUE(record.has_value());
      if (record)
        for (const Event& event : record->events)
          if (event.kind == EventKind::mark) ++out[event.op.path];
      return out;
    }
  };
};

TEST_F(LuaCrashes, BetweenInnerCallsRepeatNothingAndLoseNothing) {
  for (bool unheard : {false, true}) {
    bool unbroken = false;
    int doubts = 0, clean = 0;
    for (int commits = 1; commits < 60 && !unbroken; ++commits) {
      SCOPED_TRACE((unheard ? "stored and not answered, commit " : "commit ") + std::to_string(commits));
      One one(move, "      - {id: a, move: {to: h2}}\n      - {id: b, do: {name: behind}}\n");
      one.s.script["fast way"] = [](const StepInput&) -> Result<StepOutput> {
        return fail(ErrorCode::unreachable, "no fast way", {}, Certainty::no_effect);
      };
      unheard ? one.s.journal->fail_unheard_after(commits) : one.s.journal->fail_after(commits);
      Result<Ending> first = one.s.run();
      unbroken = first && first->exit_code == 0;
      if (one.s.run_id.empty()) continue;
      Result<Ending> ending = unbroken ? first : one.carry_on();
      ASSERT_TRUE(ending.has_value()) << ending.error().message;
      EXPECT_EQ(ending->exit_code, 0) << ending->reason;
      for (const char* deed : {"stop", "fast way", "slow way", "start", "behind"})
        EXPECT_LE(one.count(deed), 1) << deed;
      for (const auto& [mark, times] : one.marks()) EXPECT_EQ(times, 1) << mark;
      doubts += one.doubts;
      if (one.doubts > 0) continue;  // the person said it was done, so what was left was not begun
      ++clean;
      for (const char* deed : {"stop", "fast way", "slow way", "start", "behind"})
        EXPECT_EQ(one.count(deed), 1) << deed;
      EXPECT_EQ(text_of(*one.s.op("one/a")->result, "to"), "h2");
      EXPECT_FALSE(one.s.op("one/a")->result->at("fast").get<bool>());
      EXPECT_EQ(one.marks().size(), 5u);
    }
    EXPECT_TRUE(unbroken) << "the sweep never came to its end";
    EXPECT_GT(doubts, 0) << "a kill between an effect and its record must be seen";
    EXPECT_GT(clean, 3) << "and one between two calls must be passed";
  }
}

// What the first call found is stored nowhere, so that a resume cannot go on from there, and must not call it again.
TEST_F(LuaCrashes, OfASensitiveActionBehindACallAreInDoubt) {
  One one(move, "      - {id: a, move: {to: h2}, sensitive: true}\n");
  one.s.script["start"] = [&](const StepInput&) -> Result<StepOutput> {
    one.s.journal->fail_after(0);
    return StepOutput{};
  };
  ASSERT_FALSE(one.s.run().has_value());
  one.s.journal->fail_after(-1);
  Result<Ending> ending = one.s.resume();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 6);
  EXPECT_EQ(one.count("stop"), 1);
  EXPECT_EQ(one.count("start"), 1);
}

TEST_F(LuaCrashes, OfAScriptThatDoesAnotherThingAfterwardsAreInDoubt) {
  One one(R"(action "sly" {summary = "s", effect = "write", run = function(args, ctx)
    ctx["do"]{name = ctx.look{name = "a", with = 1} and tostring(ctx.now())}
    ctx["do"]{name = "second"}
  end})",
          "      - {id: a, sly: {}}\n");
  one.s.script["second"] = [&](const StepInput&) -> Result<StepOutput> {
    one.s.journal->fail_after(0);
    return StepOutput{};
  };
  ASSERT_FALSE(one.s.run().has_value());
  one.s.journal->fail_after(-1);
  one.s.clock.advance(Duration::seconds(60));
  one.s.script.clear();
  Result<Ending> ending = one.s.resume();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 6);
  EXPECT_EQ(one.count("second"), 1);
  std::string reason;
  for (const OpRecord* op : open_doubts(one.s.engine->history())) reason += op->doubt;
  EXPECT_NE(reason.find("with other arguments: it does not do the same again"), std::string::npos) << reason;
}

constexpr const char* probed = R"(
action "restart" {
  summary = "Restart a service",
  effect  = "write",
  fields  = {service = {type = "string", required = true}},
  run = function(args, ctx)
    ctx["do"]{name = "restart " .. args.service}
    return {from = "run"}
  end,
  probe = function(args, ctx)
    local state = ctx.look{name = "state"}
    if state.value == "up" then return true, {from = "probe"} end
    if state.value == "down" then return false end
    return nil
  end,
}
)";

struct LuaProbes : LuaCrashes {
  // Killed behind the effect, and before its record.
  static std::unique_ptr<One> killed() {
    auto one = std::make_unique<One>(probed, "      - {id: a, restart: {service: web}}\n");
    one->s.script["restart web"] = [s = &one->s](const StepInput&) -> Result<StepOutput> {
      s->journal->fail_after(0);
      return StepOutput{};
    };
    EXPECT_FALSE(one->s.run().has_value());
    one->s.journal->fail_after(-1);
    one->s.script.clear();
    return one;
  }
  static void world_says(One& one, const std::string& state) {
    one.s.script["state"] = [state](const StepInput&) -> Result<StepOutput> {
      return StepOutput{Map{{"name", "state"}, {"value", state}}, {}};
    };
  }
};

TEST_F(LuaProbes, SettleADoubtByWhatTheySee) {
  std::unique_ptr<One> one = killed();
  world_says(*one, "up");
  Result<Ending> ending = one->s.resume();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(one->count("restart web"), 1);
  EXPECT_EQ(text_of(*one->s.op("one/a")->result, "from"), "probe");
}

TEST_F(LuaProbes, LetItRunAnewWhereNothingHappened) {
  std::unique_ptr<One> one = killed();
  world_says(*one, "down");
  Result<Ending> ending = one->s.resume();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(one->count("restart web"), 2);
  EXPECT_EQ(text_of(*one->s.op("one/a")->result, "from"), "run");
}

TEST_F(LuaProbes, LeaveToAPersonWhatTheyCannotTell) {
  std::unique_ptr<One> one = killed();
  world_says(*one, "starting");
  Result<Ending> ending = one->s.resume();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 6);
  EXPECT_EQ(one->count("restart web"), 1);
}

TEST_F(LuaProbes, ThatRaiseTellNothing) {
  std::unique_ptr<One> one = killed();
  one->s.script["state"] = [](const StepInput&) -> Result<StepOutput> {
    return fail(ErrorCode::unreachable, "nobody answers");
  };
  Result<Ending> ending = one->s.resume();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 6);
  EXPECT_EQ(one->count("restart web"), 1);
}

// Killed again in the second way, behind a `false`: what the first way recorded is not believed any more.
TEST_F(LuaProbes, AreAskedAnewAtEachCrash) {
  std::unique_ptr<One> one = killed();
  world_says(*one, "down");
  one->s.script["restart web"] = [s = &one->s](const StepInput&) -> Result<StepOutput> {
    s->journal->fail_after(0);
    return StepOutput{};
  };
  ASSERT_FALSE(one->s.resume().has_value());
  EXPECT_EQ(one->count("restart web"), 2);
  one->s.journal->fail_after(-1);
  one->s.script.erase("restart web");
  world_says(*one, "starting");
  Result<Ending> ending = one->s.resume();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 6) << "nobody knows of the second one";
  EXPECT_EQ(one->count("restart web"), 2);
  std::map<std::string, int> marks = one->marks();
  EXPECT_EQ(marks.count("one/a#probe.1"), 1u);
  EXPECT_EQ(marks.count("one/a#probe.2"), 1u);
}

TEST_F(LuaCrashes, InTheUndoOfAnActionAskAPerson) {
  One one(R"(action "up" {summary = "s", effect = "write",
    run = function(args, ctx) ctx["do"]{name = "up"} return {} end,
    rollback = function(args, result, ctx) ctx["do"]{name = "first"} ctx["do"]{name = "down"} end})",
          "      - {id: z, do: {name: before}, rollback: [{do: {name: undo before}}]}\n"
          "      - {id: a, up: {}, rollback: auto}\n"
          "      - {id: b, fail: {message: no}}\n");
  one.s.script["down"] = [&](const StepInput&) -> Result<StepOutput> {
    one.s.journal->fail_after(0);
    return StepOutput{};
  };
  ASSERT_FALSE(one.s.run().has_value());
  one.s.script.clear();
  Result<Ending> ending = one.carry_on();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(one.doubts, 1);
  EXPECT_EQ(ending->exit_code, 5) << ending->reason;
  EXPECT_EQ(one.s.deeds, (Deeds{"before", "up", "first", "down", "undo before"}));
}

}  // namespace
}  // namespace muster
