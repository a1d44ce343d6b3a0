// Actions that are defined in Lua, run by the real engine beside scripted ones: what they may do, what is journaled,
// what a crash leaves.
#include <gtest/gtest.h>

#include "tests/unit/engine/simulation.h"
#include "tests/unit/scripting/small_scripts.h"

namespace muster {
namespace {

using simulation::Simulation;

constexpr const char* restart = R"(
action "restart" {
  summary = "Restart a service and wait until it answers",
  effect  = "write",
  fields  = {
    service = {type = "string", required = true, pattern = "^srv-", description = "its id"},
    tries   = {type = "integer", default = 2},
  },
  results = {service = {type = "string"}, first = {type = "any"}},
  preview = function(args, ctx) return "restart " .. args.service .. " " .. args.tries end,
  run = function(args, ctx)
    ctx.log("restarting " .. args.service)
    local seen = ctx.look{name = "state"}
    ctx["do"]{name = "stop"}
    ctx.progress(1, args.tries, "services")
    ctx["do"]{name = "start"}
    return {service = args.service, first = seen.name}
  end,
  rollback = function(args, result, ctx) ctx["do"]{name = "undo " .. result.service} end,
}
)";

struct LuaActions : testing::Test {
  bool load(const std::string& lua, const std::string& steps) {
    scripts = std::make_unique<SmallScripts>(lua);
    EXPECT_EQ(scripts->said(), "");
    if (!scripts->set) return false;
    for (const Action& action : scripts->set->actions) s.actions.push_back(action);
    bool loaded = s.load("muster: 1\nplaybook: p\nphases:\n  - id: one\n    steps:\n" + steps);
    EXPECT_TRUE(loaded) << s.diagnostics;
    return loaded;
  }
  std::unique_ptr<SmallScripts> scripts;
  Simulation s;
};

TEST_F(LuaActions, RunLikeAnyOther) {
  ASSERT_TRUE(load(restart,
                   "      - {id: a, restart: {service: srv-1}}\n"
                   "      - {id: b, set: {seen: \"${{ steps.a.service .. steps.a.first }}\"}}\n"));
  Result<Ending> ending = s.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(s.deeds, (std::vector<std::string>{"state", "stop", "start"}));
  EXPECT_EQ(text_of(*s.op("one/b")->result, "seen"), "srv-1state");
}

TEST_F(LuaActions, JournalWhatTheyCallUnderTheirStep) {
  ASSERT_TRUE(load(restart, "      - {id: a, restart: {service: srv-1}}\n"));
  ASSERT_TRUE(s.run().has_value());
  std::vector<std::string> marks;
  for (const std::string& event : s.events)
    if (event.find("mark") == 0) marks.push_back(event);
  EXPECT_EQ(marks, (std::vector<std::string>{"mark one/a#1", "mark_intent one/a#2", "mark one/a#2",
                                             "mark_intent one/a#3", "mark one/a#3"}));
}

TEST_F(LuaActions, ThatAreSensitiveJournalNothingOfWhatTheirCallsFind) {
  ASSERT_TRUE(load(restart,
                   "      - {id: a, restart: {service: srv-1}, sensitive: true}\n"
                   "      - {id: b, set: {same: \"${{ steps.a.first == 'pin 271828' }}\"}}\n"));
  s.script["state"] = [](const StepInput&) -> Result<StepOutput> {
    StepOutput found;
    found.fields = Map{{"name", "pin 271828"}};
    return found;
  };
  ASSERT_TRUE(s.run().has_value());
  EXPECT_TRUE(s.op("one/b")->result->at("same").get<bool>()) << "the script and the steps behind it read it";
  Result<RunRecord> record = s.journal->read(s.run_id);
  ASSERT_TRUE(record.has_value());
  for (const Event& event : record->events) {
    EXPECT_EQ(event.body.find("271828"), std::string::npos) << event.op.path;
    EXPECT_NE(event.kind, EventKind::mark) << event.op.path;
  }
}

TEST_F(LuaActions, AreUndoneInTheOrderOfTheRun) {
  ASSERT_TRUE(load(restart,
                   "      - {id: a, restart: {service: srv-1}, rollback: auto}\n"
                   "      - {id: b, fail: {message: no}}\n"));
  Result<Ending> ending = s.run();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 5);
  EXPECT_EQ(s.deeds, (std::vector<std::string>{"state", "stop", "start", "undo srv-1"}));
}

TEST_F(LuaActions, AreCheckedByTheirFields) {
  scripts = std::make_unique<SmallScripts>(restart);
  for (const Action& action : scripts->set->actions) s.actions.push_back(action);
  EXPECT_FALSE(
      s.load("muster: 1\nplaybook: p\nphases:\n  - id: one\n    steps:\n      - restart: {service: web, trees: 1}\n"));
  EXPECT_NE(s.diagnostics.find("`service` must match `^srv-`, and `web` does not"), std::string::npos) << s.diagnostics;
  EXPECT_NE(s.diagnostics.find("`restart` has no field `trees`"), std::string::npos) << s.diagnostics;
  EXPECT_NE(s.diagnostics.find("did you mean `tries`?"), std::string::npos) << s.diagnostics;
}

TEST_F(LuaActions, SayWhereTheyFailed) {
  ASSERT_TRUE(
      load("action 'bad' {summary = 's', effect = 'write', fields = {}, run = function(args, ctx)\n"
           "  ctx['do']{name = 'one'}\n"
           "  local x = nil\n"
           "  return x.y\n"
           "end}\n",
           "      - {id: a, bad: {}}\n"));
  Result<Ending> ending = s.run();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 1);
  const Map& error = *s.op("one/a")->error;
  EXPECT_EQ(text_of(error, "message"), "t.lua:4: attempt to index a nil value (local 'x')");
  EXPECT_EQ(text_of(error, "code"), "expression");
  EXPECT_EQ(text_of(error, "effect"), "maybe");
  EXPECT_EQ(text_of(error, "step"), "one/a");
}

TEST_F(LuaActions, FailAsWhatTheyCalledFails) {
  s.script["one"] = [](const StepInput&) -> Result<StepOutput> {
    return fail(ErrorCode::unreachable, "nobody answers", {}, Certainty::no_effect);
  };
  ASSERT_TRUE(
      load("action 'bad' {summary = 's', effect = 'write', fields = {}, run = function(args, ctx)\n"
           "  ctx['do']{name = 'one'}\n"
           "end}\n"
           "action 'good' {summary = 's', effect = 'write', fields = {}, run = function(args, ctx)\n"
           "  local ok, e = pcall(ctx['do'], {name = 'one'})\n"
           "  return {ok = ok, code = e.code, message = e.message}\n"
           "end}\n",
           "      - {id: b, good: {}}\n      - {id: a, bad: {}}\n"));
  ASSERT_TRUE(s.run().has_value());
  EXPECT_EQ(text_of(*s.op("one/a")->error, "message"), "t.lua:2: nobody answers");
  EXPECT_EQ(text_of(*s.op("one/a")->error, "code"), "unreachable");
  EXPECT_EQ(text_of(*s.op("one/b")->result, "code"), "unreachable");
}

TEST_F(LuaActions, MayDoNoMoreThanTheySay) {
  ASSERT_TRUE(
      load("action 'reads' {summary = 's', effect = 'read', fields = {}, run = function(args, ctx) ctx['do']{name = "
           "'x'} end}\n"
           "action 'writes' {summary = 's', effect = 'write', fields = {}, run = function(args, ctx) ctx.destroy{name "
           "= 'x'} end}\n",
           "      - {id: a, reads: {}, on_failure: continue}\n      - {id: b, writes: {}, on_failure: continue}\n"));
  ASSERT_TRUE(s.run().has_value());
  EXPECT_TRUE(s.deeds.empty());
  EXPECT_EQ(text_of(*s.op("one/a")->error, "code"), "refused");
  EXPECT_EQ(text_of(*s.op("one/b")->error, "code"), "refused");
}

TEST_F(LuaActions, ChangeNothingInAPreview) {
  ASSERT_TRUE(
      load("action 'sly' {summary = 's', effect = 'write', fields = {},\n"
           "  preview = function(args, ctx) ctx['do']{name = 'x'} return 'harmless' end,\n"
           "  run = function(args, ctx) return {} end}\n",
           "      - {id: a, approval: true, sly: {}}\n"));
  ASSERT_TRUE(s.run().has_value());
  EXPECT_TRUE(s.deeds.empty());
}

TEST_F(LuaActions, GiveTheirArgumentsToNobodyWhoDoesNotWantThem) {
  ASSERT_TRUE(
      load("action 'wrong' {summary = 's', effect = 'write', fields = {}, run = function(args, ctx) ctx['do']{nmae = "
           "'x'} end}\n",
           "      - {id: a, wrong: {}}\n"));
  ASSERT_TRUE(s.run().has_value());
  EXPECT_EQ(text_of(*s.op("one/a")->error, "message"), "t.lua:1: `do` has no field `nmae`");
  EXPECT_EQ(text_of(*s.op("one/a")->error, "hint"), "did you mean `name`?");
}

TEST(LuaFiles, TellWhatIsWrongWithThem) {
  EXPECT_EQ(SmallScripts("x = = 1").said(),
            "t.lua:1:1: error: unexpected symbol near '=' [lua-syntax]\n1 | x = = 1\n  | ^^^^^^^\n\n1 error\n");
  EXPECT_EQ(SmallScripts("local x\n  x.y = 1\n").said(),
            "t.lua:2:3: error: attempt to index a nil value (local 'x') [lua-failed]\n2 |   x.y = 1\n  |   "
            "^^^^^^^\n\n1 error\n");
  EXPECT_EQ(
      SmallScripts("action 'a' {\n  summary = 's', effct = 'read', effect = 'read',\n  run = function() end}\n").said(),
      "t.lua:2:18: error: an action has no key `effct` [bad-action]\n"
      "2 |   summary = 's', effct = 'read', effect = 'read',\n"
      "  |                  ^^^^^\n"
      "  = help: did you mean `effect`?\n\n1 error\n");
  EXPECT_NE(SmallScripts("action 'shell' {summary = 's', effect = 'read', run = function() end}")
                .said()
                .find("an action or a key of steps is called `shell` already"),
            std::string::npos);
  EXPECT_NE(
      SmallScripts("action 'a' {summary = 's', effect = 'read', fields = {x = {type = 'strng'}}, run = function() end}")
          .said()
          .find("did you mean `string`?"),
      std::string::npos);
  EXPECT_NE(SmallScripts("return 1").said().find("an extension returns a table"), std::string::npos);
}

TEST(LuaFiles, RequireEachOther) {
  SmallScripts scripts(
      "local more = require 'lib.more' return {f = function() return more.twice(require('lib.more').one) end}",
      {{"lib.more", "return {one = 1, twice = function(x) return 2 * x end}"}});
  EXPECT_EQ(to_text(*scripts.call("f")), "2");
  std::vector<RequiredModule> found =
      required_modules("-- require 'a'\nlocal s = \"require 'b'\" --[[ require 'c' ]] local d = require(\"lib.d\")");
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].module, "lib.d");
}

TEST(LuaFunctions, DeriveRows) {
  SmallScripts scripts(
      "return {f = function(key, rows, ctx) local n = 0 for _, r in ipairs(rows) do n = n + r.n end\n"
      "return {{key = key, total = n, null = rows[2].s == nil, at = ctx.now(), to = ctx.to}} end}");
  ScriptContext context{*parse_timestamp("2026-01-15T10:00:00Z"), Map{{"to", "x"}}, {}};
  auto function = scripts.set->scripts->open("t.f", context);
  ASSERT_TRUE(function.has_value());
  for (int i = 0; i < 3; ++i) {
    Result<List> rows = (*function)->derive(Value(7), {{"n", "s"}, {1, "a", 2, Null{}}});
    ASSERT_TRUE(rows.has_value()) << rows.error().message;
    EXPECT_EQ(to_text(Value(*rows)),
              "[{\"at\":\"2026-01-15T10:00:00Z\",\"key\":7,\"null\":true,\"to\":\"x\",\"total\":3}]");
  }
  EXPECT_FALSE(scripts.set->scripts->open("t.g", context).has_value());
}

}  // namespace
}  // namespace muster
