// Children whose interpreter is killed: nothing is lost, nothing runs twice. Row B32, promises P2 and P9 of
// docs/reliability.md.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <functional>
#include <thread>

#include "interpreter/world/children/protocol.h"
#include "interpreter/world/children/spool_names.h"
#include "interpreter/world/children_helper.h"
#include "interpreter/world/earlier_children.h"
#include "tests/unit/world/children_at_work.h"

namespace muster {
namespace {

using testing::HasSubstr;
using testing::Not;

// Behind `&`: until then it is a shell that is about to become what is asked for.
constexpr const char* until_it_sleeps = "; until grep -q sleep /proc/$!/comm; do sleep 0.01; done";

class ChildrenRecovery : public ChildrenAtWork {
 protected:
  // A process of its own that does this with the port until it is killed.
  pid_t interpreter(const std::function<void(RealProcesses&)>& work) {
    pid_t pid = ::fork();
    if (pid != 0) return pid;
    RealProcesses processes(settings());
    work(processes);
    while (true) ::pause();
  }
  static void kill_now(pid_t pid) {
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }
  std::vector<std::string> records() const {
    std::vector<std::string> all;
    for (const auto& entry : std::filesystem::directory_iterator(spool))
      if (entry.path().extension() == ".child") all.push_back(entry.path());
    return all;
  }
  // A child of the helper itself, under a name of the test's choice.
  children::Start start_of(const std::string& name, const std::string& script) const {
    children::Start start;
    start.name = name;
    start.program = "/bin/sh";
    start.arguments = {"sh", "-c", script};
    for (const auto& [variable, value] : environment) start.environment.push_back(variable + "=" + value);
    start.head_bytes = start.tail_bytes = 1000;
    start.grace_us = 1'000'000;
    return start;
  }
};

TEST_F(ChildrenRecovery, FindsTheEndOfAChildThatOutlivedItsInterpreter) {
  std::string up = pipe("up"), go = pipe("go");
  pid_t first = interpreter([&](RealProcesses& processes) {
    auto end = processes.run(
        key, script_of("echo ran >> " + path("log") + "; echo up > " + up + "; read x < " + go + "; echo $x; exit 7"),
        {});
    ::_exit(end ? 0 : 1);
  });
  hear(up);
  kill_now(first);

  RealProcesses second(settings());
  std::jthread later([&] { say(go, "finished"); });
  auto found = second.recover(key, {});
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_TRUE(*found);
  EXPECT_EQ((*found)->kind, EndKind::exited);
  EXPECT_EQ((*found)->code, 7);
  EXPECT_EQ(all_of((*found)->out), "finished\n");
  EXPECT_EQ(content_of(path("log")), "ran\n") << "it ran once";

  // Until it is committed it can be asked for again.
  auto again = RealProcesses(settings()).recover(key, {});
  ASSERT_TRUE(again && *again);
  EXPECT_EQ((*again)->code, 7);
  second.committed(key);
  auto never = second.recover(key, {});
  ASSERT_TRUE(never) << never.error().message;
  EXPECT_FALSE(*never);
  EXPECT_TRUE(records().empty());
}

TEST_F(ChildrenRecovery, FindsTheEndOfAChildThatEndedJustBefore) {
  std::string told = pipe("told");
  pid_t first = interpreter([&](RealProcesses& processes) {
    auto end = processes.run(key, script_of("echo result; exit 3"), {});
    say(told, end ? std::to_string(end->code) : "none");
  });
  EXPECT_EQ(hear(told), "3");
  kill_now(first);  // before it could commit
  auto found = RealProcesses(settings()).recover(key, {});
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_TRUE(*found);
  EXPECT_EQ((*found)->code, 3);
  EXPECT_EQ(all_of((*found)->out), "result\n");
}

TEST_F(ChildrenRecovery, FindsWhatAChildLeftToItsGroupWhenInterpreterAndHelperAreGone) {
  std::string told = pipe("told");
  pid_t first = interpreter([&](RealProcesses& processes) {
    Command command = script_of("setsid sleep 1000 > /dev/null 2>&1 & echo $! > " + path("pid") + until_it_sleeps);
    command.lifetime = Lifetime::group;
    auto end = processes.run(key, command, {});
    processes.committed(key);
    say(told, end ? "ran" : "none");
  });
  ASSERT_EQ(hear(told), "ran");
  const pid_t first_helper = helper();
  kill_now(first);
  wait_until_gone(first_helper);
  const auto left = static_cast<pid_t>(std::atoi(content_of(path("pid")).c_str()));
  ASSERT_TRUE(is_alive(left)) << "nobody has ended its group";
  auto ended = RealProcesses(settings()).end_left(key, {});
  ASSERT_TRUE(ended) << ended.error().message;
  EXPECT_EQ(*ended, std::vector<std::string>{std::to_string(left) + " sleep"});
  EXPECT_FALSE(is_alive(left));
}

TEST_F(ChildrenRecovery, KnowsNothingOfAChildThatWasCommittedOrNeverStarted) {
  pid_t first_helper = 0;
  {
    RealProcesses first(settings());
    ASSERT_TRUE(first.run(key, command_of({"true"}), {}));
    first.committed(key);
    first_helper = helper();
  }
  wait_until_gone(first_helper);
  RealProcesses second(settings());
  for (int attempt : {1, 2}) {
    auto found = second.recover({key.run, key.op, attempt}, {});
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_FALSE(*found);
  }
  EXPECT_TRUE(std::filesystem::is_empty(spool)) << "an interpreter that ends in order leaves nothing";
}

TEST_F(ChildrenRecovery, FindsAChildWhoseResultTheInterpreterHoldsItself) {
  RealProcesses processes(settings());
  ASSERT_TRUE(processes.run(key, script_of("exit 5"), {}));
  auto found = processes.recover(key, {});
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->code, 5);
}

TEST_F(ChildrenRecovery, CanStopAChildThatStillRuns) {
  std::string up = pipe("up");
  pid_t first = interpreter([&](RealProcesses& processes) {
    auto end = processes.run(key, script_of("echo $$ > " + path("pid") + "; echo up > " + up + "; sleep 1000"), {});
    ::_exit(end ? 0 : 1);
  });
  hear(up);
  kill_now(first);
  std::stop_source stop;
  stop.request_stop();
  auto found = RealProcesses(settings()).recover(key, stop.get_token());
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_TRUE(*found);
  EXPECT_EQ((*found)->kind, EndKind::stopped);
  EXPECT_FALSE(is_alive(static_cast<pid_t>(std::atoi(content_of(path("pid")).c_str()))));
}

TEST_F(ChildrenRecovery, KeepsTheTimeOutOfAChildWithoutItsInterpreter) {
  std::string up = pipe("up");
  pid_t first = interpreter([&](RealProcesses& processes) {
    Command command = script_of("echo up > " + up + "; sleep 1000");
    command.timeout = Duration::milliseconds(300);
    auto end = processes.run(key, command, {});
    ::_exit(end ? 0 : 1);
  });
  hear(up);
  kill_now(first);
  auto found = RealProcesses(settings()).recover(key, {});
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->kind, EndKind::timed_out);
}

TEST_F(ChildrenRecovery, WritesNoSecretDown) {
  std::string told = pipe("told");
  pid_t first = interpreter([&](RealProcesses& processes) {
    Command command = script_of("echo \"$CANARY\"; echo \"$CANARY\" >&2");
    command.environment = {{"CANARY", Value(Secret("canary", "yellow-bird-in-the-mine"))}};
    auto end = processes.run(key, command, {});
    say(told, end ? "ended" : "none");
  });
  EXPECT_EQ(hear(told), "ended");
  pid_t its_helper = helper();
  kill_now(first);
  wait_until_gone(its_helper);  // it has nothing to do any more
  ASSERT_EQ(records().size(), 1u);
  std::string record = content_of(records()[0]);
  EXPECT_THAT(record, HasSubstr("***"));
  EXPECT_THAT(record, Not(HasSubstr("yellow-bird")));
  EXPECT_EQ(std::filesystem::status(records()[0]).permissions(), std::filesystem::perms(0600));
  EXPECT_EQ(std::filesystem::status(spool).permissions(), std::filesystem::perms(0700));
}

TEST_F(ChildrenRecovery, EndsReadsThatNobodyWillAskFor) {
  std::string up = pipe("up");
  pid_t first = interpreter([&](RealProcesses& processes) {
    auto end = processes.observe(script_of("echo up > " + up + "; sleep 1000"), {});
    ::_exit(end ? 0 : 1);
  });
  hear(up);
  pid_t its_helper = helper();
  kill_now(first);
  wait_until_gone(its_helper);
  EXPECT_TRUE(records().empty());
}

TEST_F(ChildrenRecovery, NeverBeginsACommandWhoseInterpreterIsDead) {
  // The command lies in the socket, and its sender is gone, before the helper has read a byte.
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  std::filesystem::create_directory(spool);
  ::chmod(spool.c_str(), 0700);
  std::string bytes =
      children::frame(children::Word::start, children::encode(start_of("late", "touch " + path("ran"))));
  ASSERT_EQ(::write(pair[0], bytes.data(), bytes.size()), static_cast<ssize_t>(bytes.size()));
  ::close(pair[0]);
  pid_t late = ::fork();
  if (late == 0) {
    ::dup2(pair[1], 3);
    ::execl(helper_path, helper_path, spool.c_str(), nullptr);
    ::_exit(127);
  }
  ::close(pair[1]);
  int status = 0;
  ::waitpid(late, &status, 0);
  EXPECT_EQ(status, 0);
  auto found = find_earlier_child(spool, "late", {});
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->how, children::How::not_started);
  EXPECT_FALSE(std::filesystem::exists(path("ran")));
}

TEST_F(ChildrenRecovery, HoldsARecordThatCannotBeWrittenUntilItCan) {
  std::string up = pipe("up"), go = pipe("go");
  auto connection = ChildrenHelper::start(helper_path, spool);
  ASSERT_TRUE(connection) << connection.error().message;
  std::jthread run(
      [&] { (void)(*connection)->run(start_of("kept", "echo up > " + up + "; read x < " + go + "; exit 6"), {}); });
  hear(up);
  pid_t its_helper = helper();
  std::string in_the_way = spool + "/" + children::record_name("kept") + ".new";
  std::filesystem::create_directory(in_the_way);
  say(go, "on");
  run.join();
  connection->reset();  // the socket closes: it is to be written now
  auto found = find_earlier_child(spool, "kept", {});
  ASSERT_TRUE(found && *found) << "it is neither on the disk nor told";
  EXPECT_EQ((*found)->code, 6);
  std::filesystem::remove(in_the_way);
  wait_until_gone(its_helper);
  found = find_earlier_child(spool, "kept", {});
  ASSERT_TRUE(found && *found);
  EXPECT_EQ((*found)->code, 6);
}

TEST_F(ChildrenRecovery, IsInDoubtAboutARecordThatCannotBeRead) {
  std::filesystem::create_directory(spool);
  std::string whole(children::record_magic);
  whole += children::encode(children::Ended());
  for (const std::string& bytes :
       {std::string(), std::string("noise"), whole.substr(0, whole.size() - 1), whole + "x"}) {
    std::ofstream(spool + "/" + children::record_name("cut")) << bytes;
    auto found = find_earlier_child(spool, "cut", {});
    ASSERT_FALSE(found) << bytes.size();
    EXPECT_EQ(found.error().code, ErrorCode::in_doubt);
    EXPECT_EQ(found.error().effect, Certainty::maybe);
  }
  std::ofstream(spool + "/" + children::record_name("cut")) << whole;
  EXPECT_TRUE(find_earlier_child(spool, "cut", {}));
}

TEST_F(ChildrenRecovery, RemovesTheSocketOfAHelperThatWasKilled) {
  auto connection = ChildrenHelper::start(helper_path, spool);
  ASSERT_TRUE(connection) << connection.error().message;
  ASSERT_TRUE((*connection)->run(start_of("a", "exit 0"), {}));
  pid_t its_helper = helper();
  ::kill(its_helper, SIGKILL);
  wait_until_gone(its_helper);
  EXPECT_FALSE(std::filesystem::is_empty(spool));
  auto found = find_earlier_child(spool, "a", {});
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_FALSE(*found);
  EXPECT_TRUE(std::filesystem::is_empty(spool));
}

TEST_F(ChildrenRecovery, IsInDoubtWhenTheHelperItselfIsKilledAndTheChildDiesWithIt) {
  std::string up = pipe("up");
  RealProcesses processes(settings());
  std::jthread killer([&] {
    hear(up);
    ::kill(helper(), SIGKILL);
  });
  auto end = processes.run(key, script_of("echo $$ > " + path("pid") + "; echo up > " + up + "; exec sleep 1000"), {});
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, ErrorCode::in_doubt);
  EXPECT_EQ(end.error().effect, Certainty::maybe);
  wait_until_gone(static_cast<pid_t>(std::atoi(content_of(path("pid")).c_str())));

  auto next = processes.run({key.run, key.op, 2}, script_of("exit 2"), {});  // another helper takes over
  ASSERT_TRUE(next) << next.error().message;
  EXPECT_EQ(next->code, 2);
}

TEST_F(ChildrenRecovery, GoesOnAfterTheHelperWasKilledBetweenTwoChildren) {
  RealProcesses processes(settings());
  ASSERT_TRUE(processes.run(key, command_of({"true"}), {}));
  pid_t its_helper = helper();
  ::kill(its_helper, SIGKILL);
  wait_until_gone(its_helper);
  auto next = processes.run({key.run, key.op, 2}, script_of("exit 2"), {});
  ASSERT_TRUE(next) << next.error().message;
  EXPECT_EQ(next->code, 2);
}

TEST_F(ChildrenRecovery, TheHelperIsDeafToATerminalsSignals) {
  RealProcesses processes(settings());
  ASSERT_TRUE(processes.run(key, command_of({"true"}), {}));
  pid_t its_helper = helper();
  EXPECT_EQ(::getsid(its_helper), its_helper);
  for (int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGPIPE, SIGUSR1}) ::kill(its_helper, signal);
  auto next = processes.run({key.run, key.op, 2}, script_of("exit 2"), {});
  ASSERT_TRUE(next) << next.error().message;
  EXPECT_EQ(helper(), its_helper);
}

TEST_F(ChildrenRecovery, TheHelperEndsAtOnceWithAnInterpreterThatHasCommittedAll) {
  pid_t its_helper = 0;
  {
    RealProcesses processes(settings());
    ASSERT_TRUE(processes.run(key, command_of({"true"}), {}));
    processes.committed(key);
    its_helper = helper();
  }
  wait_until_gone(its_helper);
  EXPECT_TRUE(std::filesystem::is_empty(spool));
}

}  // namespace
}  // namespace muster
