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

TEST_F(LuaActions, FindTheirFallbacksAsTheyFindTheirArguments) {
  ASSERT_TRUE(
      load("action 'a' {summary = 's', effect = 'read', fields = {wait = {type = 'duration', default = '90s'},\n"
           "  at = {type = 'timestamp', default = '2026-01-15T10:00:00Z'}},\n"
           "  run = function(args) return {wait = args.wait, later = args.at + args.wait} end}\n",
           "      - {id: a, a: {}}\n      - {id: b, a: {wait: 90s, at: 2026-01-15T10:00:00Z}}\n"));
  ASSERT_TRUE(s.run().has_value());
  ASSERT_TRUE(s.op("one/a")->result && s.op("one/b")->result);
  EXPECT_EQ(to_text(Value(*s.op("one/a")->result)), "{\"later\":\"2026-01-15T10:01:30Z\",\"wait\":90}");
  EXPECT_EQ(to_text(Value(*s.op("one/a")->result)), to_text(Value(*s.op("one/b")->result)));
}

// Whatever is raised, and what is wrong with that which it gives, has a line of the Lua file and the step; a message
// that an author has put into a table stays as it was put.
TEST_F(LuaActions, SayWhereTheyFailedWhateverTheyRaise) {
  const std::vector<std::pair<std::string, std::string>> failures = {
      {"error()", "t.lua:3: the script raised a nil"},
      {"error({})", "t.lua:3: the script raised a table"},
      {"error({message = 'full', code = 'quota'})", "full"},
      {"error('no', 0)", "t.lua:3: no"},
      {"error('no', 2)", "t.lua:3: no"},
      {"error(setmetatable({}, {__tostring = error}))", "t.lua:3: the script raised a table"},
      {"assert(false)", "t.lua:3: assertion failed!"},
      {"json.decode('{')", "t.lua:3: "},
      {"coroutine.yield(1)", "t.lua:3: attempt to yield from outside a coroutine"},
      {"return 0/0", "t.lua:2: the result is not a number (NaN)"},
      {"return {x = ('y'):rep(2e7)}", "t.lua:2: the result.x has more than 16 MB of text"},
      {"return {f = print or error}", "t.lua:2: the result.f is a function, which is no value of a playbook"},
  };
  for (const auto& [body, message] : failures) {
    SCOPED_TRACE(body);
    Simulation one;
    SmallScripts file("action 'a' {summary = 's', effect = 'read',\n  run = function(args, ctx)\n    " + body +
                      "\n  end}\n");
    ASSERT_EQ(file.said(), "");
    one.actions.push_back(file.set->actions[0]);
    ASSERT_TRUE(one.load("muster: 1\nplaybook: p\nphases:\n  - id: one\n    steps:\n      - {id: s, a: {}}\n"));
    ASSERT_TRUE(one.run().has_value());
    ASSERT_TRUE(one.op("one/s")->error.has_value());
    const Map& error = *one.op("one/s")->error;
    EXPECT_EQ(text_of(error, "message").rfind(message, 0), 0u) << text_of(error, "message");
    EXPECT_EQ(text_of(error, "step"), "one/s");
  }
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
  EXPECT_EQ(
      SmallScripts("local x = 1\naction 'wake'\n").said(),
      "t.lua:2:9: error: `wake` is named here, and nothing says what it is [bad-action]\n"
      "2 | action 'wake'\n"
      "  |         ^^^^\n"
      "  = help: `action \"wake\" {summary = ..., effect = ..., run = function(args, ctx) ... end}`\n\n1 error\n");
  EXPECT_NE(SmallScripts("action 'wake' (1)").said().find("an action is defined by a table, `action \"wake\" {...}`"),
            std::string::npos);
  EXPECT_NE(SmallScripts("action 'a' {summary = 's', effect = 'read', run = function() end}\n"
                         "action 'a' {summary = 's', effect = 'read', run = function() end}")
                .said()
                .find("t.lua:2:1: error: two actions are called `a`"),
            std::string::npos);
  EXPECT_EQ(SmallScripts("action 'a' {summary = 's', effect = 'read', run = 5}").said(),
            "t.lua:1:45: error: `run` of `a` must be a function [bad-action]\n"
            "1 | action 'a' {summary = 's', effect = 'read', run = 5}\n"
            "  |                                             ^^^\n\n1 error\n");
}

// What is shown in lists and on gates is one line that a terminal shows as it stands.
TEST(LuaFiles, DescribeThemselvesInOneLine) {
  for (const char* said : {"one\\ntwo", "red \\27[31m", "\\255"}) {
    const std::string text = std::string("'") + said + "'";
    EXPECT_NE(SmallScripts("action 'a' {summary = " + text + ", effect = 'read', run = function() end}")
                  .said()
                  .find("`summary` of `a` must be one line of text, without control characters"),
              std::string::npos)
        << text;
    EXPECT_NE(SmallScripts("action 'a' {summary = 's', effect = 'read', run = function() end,\n"
                           "fields = {x = {type = 'string', description = " +
                           text + "}}}")
                  .said()
                  .find("`description` of field `x` must be one line of text"),
              std::string::npos)
        << text;
  }
}

TEST(LuaFiles, HaveFallbacksThatTheirFieldsTake) {
  auto said = [](const std::string& field) {
    return SmallScripts("action 'a' {summary = 's', effect = 'read', fields = {x = {" + field +
                        "}}, run = function() end}")
        .said();
  };
  for (const char* wrong :
       {"type = 'integer', default = 'x'", "type = 'integer', default = 1.5", "type = 'number', default = '1'",
        "type = 'boolean', default = 0", "type = 'duration', default = 'soon'", "type = 'timestamp', default = 'now'",
        "type = 'date', default = 'today'", "type = 'string', default = 5",
        "type = 'string', pattern = '^srv-', default = 'web'", "type = 'enum', values = {'a'}, default = 'b'",
        "type = 'list', default = 'a'", "type = 'list', of = {type = 'integer'}, default = {1, 'a'}",
        "type = 'map', default = {1}", "type = 'object', default = 1"})
    EXPECT_NE(said(wrong).find("the `default` of field `x` must be what the field takes, a"), std::string::npos)
        << wrong << "\n"
        << said(wrong);
  for (const char* right :
       {"type = 'integer', default = 1", "type = 'number', default = 1.5", "type = 'boolean', default = false",
        "type = 'duration', default = '30s'", "type = 'timestamp', default = '2026-01-15T10:00:00Z'",
        "type = 'date', default = '2026-01-15'", "type = 'string', pattern = '^srv-', default = 'srv-1'",
        "type = 'enum', values = {'a'}, default = 'a'", "type = 'list', of = {type = 'integer'}, default = {1, 2}",
        "type = 'list', default = {}", "type = 'map', default = {}", "type = 'map', default = {a = 1}",
        "type = 'object', default = {}", "type = 'any', default = {1, {a = 1}}", "type = 'path', default = 'a'"})
    EXPECT_EQ(said(right), "") << right;
  EXPECT_NE(said("type = 'connection', default = 'main'").find("field `x` can have no `default`"), std::string::npos);
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
