// `shell` and the world as a test scripts it: what it asks for, and what it makes of the answer.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "interpreter/base/json.h"
#include "steps/shell_output.h"
#include "steps/steps.h"
#include "tests/world/fake_clock.h"
#include "tests/world/fake_entropy.h"
#include "tests/world/fake_http.h"
#include "tests/world/fake_processes.h"
#include "tests/world/fake_variables.h"

namespace muster {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

// A shell has no business with the ports below.
class NoPorts final : public Files, public Sql, public SqlTrial, public Scratch {
 public:
  Result<std::optional<FileStatus>> status(const std::string&) override { return none(); }
  Result<std::vector<DirectoryEntry>> list(const std::string&) override { return none(); }
  Result<std::string> read(const std::string&, uint64_t) override { return none(); }
  Result<std::unique_ptr<ReadFile>> open(const std::string&) override { return none(); }
  Result<std::string> canonical(const std::string&) override { return none(); }
  Result<uint64_t> free_bytes(const std::string&) override { return none(); }
  Result<std::vector<Holder>> holders(const std::vector<std::string>&) override { return none(); }
  bool is_writable(const std::string&) override { return false; }
  Result<std::unique_ptr<WriteFile>> create(const std::string&) override { return none(); }
  Result<void> make_directory(const std::string&) override { return none(); }
  Result<void> rename(const std::string&, const std::string&) override { return none(); }
  Result<void> rename_new(const std::string&, const std::string&) override { return none(); }
  Result<void> exchange(const std::string&, const std::string&) override { return none(); }
  Result<void> remove(const std::string&) override { return none(); }
  Result<void> remove_tree(const std::string&) override { return none(); }
  Result<void> sync_directory(const std::string&) override { return none(); }
  Result<void> set_owner_and_mode(const std::string&, uint32_t, uint32_t, uint32_t) override { return none(); }
  Result<SqlResult> query(const Connection&, const SqlText&, const SqlLimits&, std::stop_token) override {
    return none();
  }
  Result<CheckResult> check(const Connection&, CheckKind, const SqlLimits&, std::stop_token) override { return none(); }
  Result<bool> has_marker(const Connection&, const SqlMarker&, const SqlLimits&, std::stop_token) override {
    return none();
  }
  Result<bool> is_locked(const Connection&) override { return none(); }
  Result<SqlResult> execute(const Connection&, const SqlText&, const ExecuteOptions&, std::stop_token) override {
    return none();
  }
  Result<void> fold(const Connection&, std::stop_token) override { return none(); }
  Result<TrialResult> attempt(const Connection&, const SqlText&, int, const SqlLimits&, std::stop_token) override {
    return none();
  }
  Result<std::string> directory() override { return none(); }

 private:
  static tl::unexpected<Error> none() { return fail(ErrorCode::refused, "a shell has no business here"); }
};

class NoMarks final : public Marks {
 public:
  Result<Value> once(std::string_view, Effect, const std::function<Result<Value>()>& body,
                     const std::function<Result<Settled>()>&) override {
    return body();
  }
};
class NoActions final : public Actions {
 public:
  Result<Value> call(std::string_view, std::string_view, const Map&) override {
    return fail(ErrorCode::refused, "none");
  }
};
class NoProgress final : public Progress {
 public:
  void at(int64_t, int64_t, std::string_view) override {}
};
class SeenStreams final : public Streams {
 public:
  void keep(std::string_view name, CapturedStream stream) override { kept[std::string(name)] = std::move(stream); }
  std::map<std::string, CapturedStream> kept;
};

class Shell : public testing::Test {
 protected:
  Result<StepOutput> act(const Map& args) {
    Touch touch = world.touch();
    return action.act(input(args), touch);
  }
  Result<StepOutput> look(const Map& args) {
    Look look = world.look();
    return action.look(input(args), look);
  }
  Preview preview(const Map& args) {
    Look look = world.look();
    Trial trial = world.trial();
    return action.preview(input(args), look, trial).value();
  }
  // The arguments have to live as long as what is made of them.
  StepInput input(const Map& args) {
    return {args, run, op, 2, "key", timeout, stop.get_token(), marks, actions, progress, streams, false};
  }
  Command asked() { return processes.calls().at(0).command; }

  static Map argv(std::initializer_list<const char*> items) { return {{"argv", List(items.begin(), items.end())}}; }
  static Map with(Map args, const std::string& name, Value value) {
    args[name] = std::move(value);
    return args;
  }

  const Action action = shell_action();
  const std::string run = "run-1";
  const OpId op{"replace/stop"};
  Duration timeout = Duration::seconds(30);
  std::stop_source stop;
  FakeProcesses processes;
  FakeClock clock;
  FakeHttp http;
  FakeEntropy entropy;
  NoPorts none;
  NoMarks marks;
  NoActions actions;
  NoProgress progress;
  SeenStreams streams;
  FakeVariables variables;
  World world{clock, none, none, none, http, processes, none, entropy, variables};
};

TEST_F(Shell, HandsTheSecretsOfTheWholeRunToWhoeverCapturesItsOutput) {
  processes.on("env", 0);
  Map args = argv({"env"});
  StepInput asked = input(args);
  asked.opened = {Secret("token", "tok-12345")};
  Touch touch = world.touch();
  ASSERT_TRUE(shell_action().act(asked, touch));
  ASSERT_EQ(processes.calls().back().command.redact.size(), 1u);
  EXPECT_EQ(processes.calls().back().command.redact[0].name(), "token");
}

TEST_F(Shell, RunsArgumentsAsTheyAreAndGivesWhatCameOut) {
  processes.on("systemctl stop app; rm", 0, "stopped\n", "warned\n");
  auto output = act(argv({"systemctl", "stop", "app; rm"}));
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(print_json(output->fields), R"({"exit_code":0,"stderr":"warned\n","stdout":"stopped\n","value":null})");
  ASSERT_EQ(processes.calls().size(), 1u);
  FakeProcesses::Call call = processes.calls()[0];
  EXPECT_EQ(call.verb, FakeProcesses::Verb::run);
  EXPECT_EQ(call.key.run, "run-1");
  EXPECT_EQ(call.key.op.path, "replace/stop");
  EXPECT_EQ(call.key.attempt, 2);
  EXPECT_THAT(call.command.argv, ElementsAre("systemctl", "stop", "app; rm"));
  EXPECT_EQ(call.command.timeout, Duration::seconds(30));
  EXPECT_EQ(streams.kept.at("stdout").head, "stopped\n");
  EXPECT_EQ(streams.kept.at("stderr").head, "warned\n");
}

TEST_F(Shell, LooksWhenItIsARead) {
  processes.on("test -e /x", 1);
  auto output = look(with(argv({"test", "-e", "/x"}), "exit_codes", List{0, 1}));
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(output->fields.at("exit_code").get<int64_t>(), 1);
  EXPECT_EQ(processes.calls().at(0).verb, FakeProcesses::Verb::observe);
}

TEST_F(Shell, GivesAScriptToAShellThatStopsAtErrors) {
  processes.on("/bin/sh -eu -c echo $GREETING", 0, "hello\n");
  ASSERT_TRUE(act({{"script", "echo $GREETING"}, {"env", Map{{"GREETING", "hello"}}}}));
  Command command = asked();
  ASSERT_EQ(command.environment.size(), 1u);
  EXPECT_EQ(command.environment[0].first, "GREETING");
  EXPECT_EQ(to_text(command.environment[0].second), "hello");
}

TEST_F(Shell, GivesAScriptToTheInterpreterThatThePlaybookNames) {
  processes.on("python3 -c print(1)", 0);
  processes.on("bash -euo pipefail -c true", 0);
  processes.on("perl -w -e print 1", 0);
  EXPECT_TRUE(act({{"script", "print(1)"}, {"interpreter", "python3"}}));
  EXPECT_TRUE(act({{"script", "true"}, {"interpreter", List{"bash", "-euo", "pipefail"}}}));
  EXPECT_TRUE(act({{"script", "print 1"}, {"interpreter", List{"perl", "-w", "-e"}}}));
}

TEST_F(Shell, HandsSecretsOnWithoutOpeningThem) {
  processes.on("login", 0);
  Map args = with(argv({"login"}), "env", Map{{"TOKEN", Secret("token", "s3cret")}});
  args["stdin"] = Secret("password", "s3cret too");
  ASSERT_TRUE(act(args));
  EXPECT_TRUE(asked().environment.at(0).second.is<Secret>());
  EXPECT_TRUE(asked().input.is<Secret>());
  for (const std::string& line : preview(args).lines) EXPECT_THAT(line, Not(HasSubstr("s3cret")));
}

TEST_F(Shell, PassesFolderLimitsAndLifetimeOn) {
  processes.on("start", 0);
  Map args = with(argv({"start"}), "cwd", "/srv");
  args["max_output"] = 1000;
  args["lifetime"] = "detached";
  ASSERT_TRUE(act(args));
  EXPECT_EQ(asked().directory, "/srv");
  EXPECT_EQ(asked().head_bytes, 250u);
  EXPECT_EQ(asked().tail_bytes, 750u);
  EXPECT_EQ(asked().lifetime, Lifetime::detached);
  ASSERT_TRUE(act(argv({"start"})));
  EXPECT_EQ(processes.calls().at(1).command.lifetime, Lifetime::step);
}

TEST_F(Shell, TellsWhatItLeftToItsGroupAndTakesItAway) {
  processes.on("serve", [](const Command&) {
    ProcessEnd end = FakeProcesses::exited(0);
    end.left_running = {{4711, "tunnel", "boot/12"}};
    return end;
  });
  const Map args = with(argv({"serve"}), "lifetime", "group");
  auto output = act(args);
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(asked().lifetime, Lifetime::group);
  EXPECT_TRUE(same(output->fields.at("left_running"),
                   Value(List{Map{{"pid", 4711}, {"name", "tunnel"}, {"since", "boot/12"}}})));
  EXPECT_THAT(preview(args).lines, testing::Contains("what it leaves running is ended with its group"));
  EXPECT_TRUE(action.leaves_to_group(args));
  EXPECT_FALSE(action.leaves_to_group(argv({"serve"})));
  EXPECT_FALSE(action.leaves_to_group(with(argv({"serve"}), "lifetime", "detached")));

  Touch touch = world.touch();
  auto ended = action.release({run, op, 2, output->fields}, touch);
  ASSERT_TRUE(ended) << ended.error().message;
  EXPECT_THAT(*ended, ElementsAre("4711 tunnel"));
  EXPECT_EQ(processes.calls().back().verb, FakeProcesses::Verb::end_left);
  EXPECT_EQ(processes.calls().back().key.op.path, "replace/stop");
  EXPECT_EQ(processes.calls().back().key.attempt, 2);
  // What was found cannot be read, or was not kept: it is looked for all the same.
  EXPECT_TRUE(action.release({run, op, 2, Map{{"left_running", List{Value("x"), Map{{"pid", "x"}}}}}}, touch));
}

TEST_F(Shell, LeavesNothingWhereItOnlyLooks) {
  processes.on("serve", 0);
  ASSERT_TRUE(look(with(argv({"serve"}), "lifetime", "detached")));
  EXPECT_EQ(asked().lifetime, Lifetime::step);
}

TEST_F(Shell, FailsByAnExitCodeThatWasNotExpectedAndQuotesTheLastWords) {
  processes.on("pg_ctl stop", 3, "", "waiting\npg_ctl: no \x1b[31mserver\n\n  \n");
  auto output = act(argv({"pg_ctl", "stop"}));
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().code, ErrorCode::failed);
  EXPECT_EQ(output.error().effect, Certainty::maybe);
  EXPECT_EQ(output.error().exit_code, 3);
  EXPECT_EQ(output.error().message, "`pg_ctl` ended with exit code 3: pg_ctl: no \\x1b[31mserver");
  EXPECT_EQ(streams.kept.at("stderr").bytes, 35u) << "what it printed is kept also when it fails";
}

TEST_F(Shell, TakesZeroForAFailureWhereOtherCodesAreExpected) {
  processes.on("grep x", 0);
  auto output = act(with(argv({"grep", "x"}), "exit_codes", List{1}));
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().exit_code, 0);
}

TEST_F(Shell, FailsWithoutEffectWhenItWasOnlyALook) {
  processes.on("probe", 1);
  EXPECT_EQ(look(argv({"probe"})).error().effect, Certainty::no_effect);
}

TEST_F(Shell, NamesTheSignal) {
  processes.on("crash", [](const Command&) { return FakeProcesses::ended(EndKind::signalled, SIGKILL); });
  auto output = act(argv({"crash"}));
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().code, ErrorCode::failed);
  EXPECT_EQ(output.error().effect, Certainty::maybe);
  EXPECT_EQ(output.error().message, "`crash` was killed by SIGKILL");
  EXPECT_EQ(output.error().exit_code, 137);
}

TEST_F(Shell, TellsATimeOutFromAStop) {
  processes.on("slow",
               [](const Command&) { return FakeProcesses::ended(EndKind::timed_out, SIGKILL, "still busy\n"); });
  auto late = act(argv({"slow"}));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::timeout);
  EXPECT_EQ(late.error().effect, Certainty::maybe);
  EXPECT_EQ(late.error().message, "`slow` was not done within 30s and was ended by SIGKILL: still busy");

  stop.request_stop();
  auto stopped = act(argv({"slow"}));
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::interrupted);
  EXPECT_EQ(stopped.error().effect, Certainty::maybe);
}

TEST_F(Shell, PassesOnThatNothingWasStarted) {
  auto output = act(argv({"missing"}));
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().code, ErrorCode::not_started);
  EXPECT_EQ(output.error().effect, Certainty::no_effect);
}

TEST_F(Shell, NotesWhatWasLeftBehind) {
  processes.on("leaky", [](const Command&) {
    ProcessEnd end = FakeProcesses::exited(0);
    end.left_over = {"4711 sleep"};
    return end;
  });
  auto output = act(argv({"leaky"}));
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_THAT(output->notes, ElementsAre(HasSubstr("4711 sleep")));
}

TEST_F(Shell, MarksWhereOutputIsLeftOut) {
  processes.on("loud", [](const Command&) {
    ProcessEnd end = FakeProcesses::exited(0, "head");
    end.out.tail = "tail";
    end.out.bytes = 1000;
    return end;
  });
  auto output = act(argv({"loud"}));
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(text_of(output->fields, "stdout"), "head\n[… 992 bytes are left out …]\ntail");
}

TEST_F(Shell, ParsesWhatCameOut) {
  processes.on("json", 0, R"({"status": "ok"})");
  processes.on("lines", 0, "a\r\n\nb");
  processes.on("csv", 0, "id,name\n1,\"Li, Wei\"\n2,\n");
  auto value = [&](const char* how) { return print_json(act(with(argv({how}), "parse", how))->fields.at("value")); };
  EXPECT_EQ(value("json"), R"({"status":"ok"})");
  EXPECT_EQ(value("lines"), R"(["a","","b"])");
  EXPECT_EQ(value("csv"), R"([{"id":"1","name":"Li, Wei"},{"id":"2","name":""}])");
}

TEST_F(Shell, SaysThatItIsDoneWhenOnlyItsOutputIsWrong) {
  processes.on("json", 0, "{");
  auto output = act(with(argv({"json"}), "parse", "json"));
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().code, ErrorCode::bad_reply);
  EXPECT_EQ(output.error().effect, Certainty::done);
  EXPECT_EQ(look(with(argv({"json"}), "parse", "json")).error().effect, Certainty::no_effect);
}

TEST_F(Shell, DoesNotParseHalfOfAnOutput) {
  CapturedStream out{"[1,", "2]", 100, ""};
  auto value = parse_output("json", out);
  ASSERT_FALSE(value);
  EXPECT_THAT(value.error().hint, HasSubstr("max_output"));
}

TEST_F(Shell, AfterACrashTellsWhatTheHelperRecorded) {
  processes.remember({run, op, 2}, FakeProcesses::exited(0, "late\n"));
  Touch touch = world.touch();
  Map args = argv({"stop"});
  auto output = action.recover(input(args), touch);
  ASSERT_TRUE(output) << output.error().message;
  ASSERT_TRUE(*output);
  EXPECT_EQ(text_of((*output)->fields, "stdout"), "late\n");
  EXPECT_EQ((*output)->notes.size(), 1u);
  EXPECT_EQ(streams.kept.at("stdout").head, "late\n");
  EXPECT_TRUE(processes.lines().empty()) << "nothing is run again";
}

TEST_F(Shell, AfterACrashFailsAsTheChildDid) {
  processes.remember({run, op, 2}, FakeProcesses::exited(4));
  Touch touch = world.touch();
  Map args = argv({"stop"});
  auto output = action.recover(input(args), touch);
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().exit_code, 4);
  EXPECT_EQ(output.error().effect, Certainty::maybe);
}

TEST_F(Shell, AfterACrashSaysThatNothingIsKnown) {
  Touch touch = world.touch();
  Map args = argv({"stop"});
  auto output = action.recover(input(args), touch);
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_FALSE(*output);
  EXPECT_TRUE(processes.lines().empty());
}

TEST_F(Shell, PreviewsTheCommandLineAsAShellWouldReadIt) {
  Map args = with(argv({"mv", "it's here", "--", "$HOME", ""}), "cwd", "/srv/app");
  args["env"] = Map{{"MODE", "a b"}, {"TOKEN", Secret("token", "s3cret")}};
  args["stdin"] = "yes";
  EXPECT_THAT(preview(args).lines, ElementsAre(R"(mv 'it'\''s here' -- '$HOME' '')", "env MODE='a b'", "env TOKEN=***",
                                               "stdin, 3 bytes", "in /srv/app"));
  EXPECT_FALSE(preview(args).unknown);
  EXPECT_TRUE(processes.calls().empty()) << "a preview runs nothing";
}

TEST_F(Shell, PreviewsAnUnknownArgumentAsUnknown) {
  Map args{{"argv", List{"rm", Unknown{"known after restored"}}}};
  EXPECT_EQ(preview(args).unknown, "known after restored");
}

TEST_F(Shell, IsAWriteUnlessDeclared) {
  EXPECT_EQ(action.effect({}), Effect::write);
  EXPECT_TRUE(action.effect_may_be_declared);
  EXPECT_EQ(action.one_of, (std::vector<std::vector<std::string>>{{"argv", "script"}}));
}

TEST(Csv, MayHoldCommasQuotesAndLineEndsInQuotes) {
  auto rows = parse_csv("a,b\r\n\"x,\"\"y\"\"\",\"1\n2\"\r\n,\r\n");
  ASSERT_TRUE(rows) << rows.error().message;
  EXPECT_EQ(print_json(*rows), R"([{"a":"x,\"y\"","b":"1\n2"},{"a":"","b":""}])");
}

TEST(Csv, MayBeEmptyOrHoldNamesOnly) {
  EXPECT_EQ(print_json(*parse_csv("")), "[]");
  EXPECT_EQ(print_json(*parse_csv("a,b\n")), "[]");
}

TEST(Csv, NamesTheLineOfARowThatDoesNotFit) {
  auto rows = parse_csv("a,b\n\"1\n\",2\n3\n");
  ASSERT_FALSE(rows);
  EXPECT_EQ(rows.error().code, ErrorCode::bad_reply);
  EXPECT_THAT(rows.error().message, HasSubstr("line 4 has 1 fields"));
}

TEST(Csv, RefusesQuotesThatDoNotEndOrGoOn) {
  EXPECT_THAT(parse_csv("a\n\"b").error().message, HasSubstr("line 2: a quoted field does not end"));
  EXPECT_THAT(parse_csv("a\n\"b\"c\n").error().message, HasSubstr("goes on after its quote"));
}

TEST(Csv, KeepsAnEmptyLastFieldWithoutALineEnd) {
  EXPECT_EQ(print_json(*parse_csv("a,b\n1,")), R"([{"a":"1","b":""}])");
}

// Its owner lost the run and ended it: what it had done by then is anybody's guess.
TEST_F(Shell, IsInDoubtWhereAnEarlierOwnerEndedIt) {
  Map args = argv({"slow"});
  processes.remember({run, op, 2}, FakeProcesses::ended(EndKind::stopped, SIGTERM));
  Touch touch = world.touch();
  auto left = action.recover(input(args), touch);
  ASSERT_FALSE(left);
  EXPECT_EQ(left.error().code, ErrorCode::in_doubt);
  EXPECT_EQ(left.error().effect, Certainty::maybe);
}

// 255 is the client's own here: no list of exit codes makes a host that was never reached a success.
TEST_F(Shell, FailsWhereItsHostWasNotReachedWhateverExitCodesAreAccepted) {
  Map args = with(argv({"true"}), "exit_codes", List{0, 255});
  args["connection"] = Map{{"name", "there"}, {"kind", "ssh"}, {"host", "db1"}};
  processes.remember({run, op, 2},
                     FakeProcesses::exited(255, "", "ssh: connect to host db1 port 22: Connection refused"));
  Touch touch = world.touch();
  auto left = action.recover(input(args), touch);
  ASSERT_FALSE(left);
  EXPECT_EQ(left.error().code, ErrorCode::unreachable);
  EXPECT_EQ(left.error().effect, Certainty::no_effect);
  EXPECT_EQ(preview(args).lines.at(0), "on db1, through ssh");
}

}  // namespace
}  // namespace muster
