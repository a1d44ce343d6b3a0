// What a child starts is ended with it: time-outs, stops, and what is left behind. Rows B23, B24, B26 and B31, promise
// P11 of docs/reliability.md.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "interpreter/world/left_running.h"
#include "tests/unit/world/children_at_work.h"

namespace muster {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// Behind `&`: until then it is a shell that is about to become what is asked for.
constexpr const char* until_it_sleeps = "; until grep -q sleep /proc/$!/comm; do sleep 0.01; done";

class ProcessTree : public ChildrenAtWork {
 protected:
  Result<ProcessEnd> run(const Command& command, const std::stop_token& stop = {}) {
    auto begun = std::chrono::steady_clock::now();
    auto end = processes.run(key, command, stop);
    took = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - begun);
    return end;
  }
  pid_t pid_in(const std::string& file) const { return static_cast<pid_t>(std::atoi(content_of(path(file)).c_str())); }

  std::chrono::milliseconds took{};
  RealProcesses processes{settings()};
};

TEST_F(ProcessTree, IsAskedToEndWhenTheTimeIsUp) {
  Command command = script_of("trap 'echo bye; exit 3' TERM; echo up; while :; do sleep 0.01; done");
  command.timeout = Duration::milliseconds(300);
  auto end = run(command);
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(end->kind, EndKind::timed_out);
  EXPECT_EQ(end->code, SIGTERM);
  EXPECT_EQ(all_of(end->out), "up\nbye\n");
  EXPECT_LT(took.count(), 4000) << "the grace is not waited for when nobody needs it";
}

TEST_F(ProcessTree, IsKilledWhenItIgnoresThat) {
  Command command = script_of("trap '' TERM; echo up; while :; do sleep 0.01; done");
  command.timeout = Duration::milliseconds(100);
  command.grace = Duration::milliseconds(200);
  auto end = run(command);
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(end->kind, EndKind::timed_out);
  EXPECT_EQ(end->code, SIGKILL);
  EXPECT_GE(took.count(), 300);
  EXPECT_LT(took.count(), 2300);
}

TEST_F(ProcessTree, IsEndedByWallTimeHoweverMuchItPrints) {
  Command command = script_of("trap '' PIPE; yes");
  command.timeout = Duration::milliseconds(200);
  auto end = run(command);
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(end->kind, EndKind::timed_out);
  EXPECT_LT(took.count(), 5000);
}

TEST_F(ProcessTree, IsEndedWithADaemonInASessionOfItsOwnThatIgnoresTerm) {
  // Double fork and setsid: neither in the group nor a child of what was started.
  Command command =
      script_of("setsid sh -c 'trap \"\" TERM; (echo $$ > " + path("daemon") + ".new; mv " + path("daemon") + ".new " +
                path("daemon") + "; while :; do sleep 0.01; done) & wait' & while :; do sleep 0.01; done");
  command.timeout = Duration::milliseconds(400);
  command.grace = Duration::milliseconds(100);
  auto end = run(command);
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(end->kind, EndKind::timed_out);
  ASSERT_GT(pid_in("daemon"), 0);
  EXPECT_FALSE(is_alive(pid_in("daemon")));
  EXPECT_LT(took.count(), 2500);
}

TEST_F(ProcessTree, IsEndedByAStop) {
  std::string up = pipe("up");
  std::stop_source stop;
  std::jthread person([&] {
    hear(up);
    stop.request_stop();
  });
  auto end = run(script_of("echo up > " + up + "; sleep 1000"), stop.get_token());
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(end->kind, EndKind::stopped);
  EXPECT_LT(took.count(), 5000);
}

TEST_F(ProcessTree, IsEndedByAStopThatCameBefore) {
  std::stop_source stop;
  stop.request_stop();
  auto end = run(command_of({"sleep", "1000"}), stop.get_token());
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(end->kind, EndKind::stopped);
}

TEST_F(ProcessTree, EndsWithItsStepAndIsListed) {
  auto end = run(script_of("sleep 1000 & echo $! > " + path("pid") + "; echo done"));
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(end->kind, EndKind::exited);
  EXPECT_EQ(end->code, 0);
  EXPECT_EQ(all_of(end->out), "done\n");
  EXPECT_THAT(end->left_over, ElementsAre(std::to_string(pid_in("pid")) + " sleep"));
  EXPECT_FALSE(is_alive(pid_in("pid")));
}

TEST_F(ProcessTree, EndsWithItsStepAlsoWithoutASessionAndWithoutOurMarker) {
  auto end = run(script_of("env -i setsid /bin/sh -c 'echo $$ > " + path("pid") + ".new; mv " + path("pid") + ".new " +
                           path("pid") + "; exec /bin/sleep 1000' & while ! test -e " + path("pid") +
                           "; do sleep 0.01; done; exit 0"));
  ASSERT_TRUE(end) << end.error().message;
  ASSERT_GT(pid_in("pid"), 0);
  EXPECT_FALSE(is_alive(pid_in("pid")));
  EXPECT_THAT(end->left_over, SizeIs(1));
}

TEST_F(ProcessTree, IsGivenAMomentToEndByItself) {
  auto end = run(script_of("(sleep 0.02; echo late) & exit 0"));
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_THAT(end->left_over, IsEmpty());
  EXPECT_EQ(all_of(end->out), "late\n");
}

TEST_F(ProcessTree, LivesOnWhenItIsDetached) {
  Command command = script_of("setsid sleep 1000 > /dev/null 2>&1 & echo $! > " + path("pid"));
  command.lifetime = Lifetime::detached;
  auto end = run(command);
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_THAT(end->left_over, IsEmpty());
  pid_t service = pid_in("pid");
  EXPECT_TRUE(is_alive(service));

  // A later step is not slowed down by it and does not end it.
  auto next = run(script_of("sleep 1000 & exit 0"));
  ASSERT_TRUE(next) << next.error().message;
  EXPECT_THAT(next->left_over, SizeIs(1));
  EXPECT_TRUE(is_alive(service));
  ::kill(service, SIGKILL);
}

TEST_F(ProcessTree, LivesOnUntilSomebodyEndsItForItsGroup) {
  Command command = script_of("setsid sleep 1000 > /dev/null 2>&1 & echo $! > " + path("pid") + until_it_sleeps);
  command.lifetime = Lifetime::group;
  auto end = run(command);
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_THAT(end->left_over, IsEmpty());
  ASSERT_THAT(end->left_running, SizeIs(1));
  EXPECT_EQ(end->left_running[0].pid, pid_in("pid"));
  EXPECT_TRUE(is_alive(pid_in("pid")));

  // What it starts later belongs to it, and another child's processes do not.
  auto next = run(script_of("exit 0"));
  ASSERT_TRUE(next) << next.error().message;
  EXPECT_TRUE(is_alive(pid_in("pid")));
  auto others = processes.end_left({key.run, key.op, key.attempt + 1}, {});
  ASSERT_TRUE(others) << others.error().message;
  EXPECT_THAT(*others, IsEmpty());
  EXPECT_TRUE(is_alive(pid_in("pid")));

  auto ended = processes.end_left(key, end->left_running);
  ASSERT_TRUE(ended) << ended.error().message;
  EXPECT_THAT(*ended, ElementsAre(std::to_string(pid_in("pid")) + " sleep"));
  EXPECT_FALSE(is_alive(pid_in("pid")));
  EXPECT_THAT(*processes.end_left(key, end->left_running), IsEmpty());
}

TEST_F(ProcessTree, OfAGroupIsFoundByWhatItWasStartedWithAlone) {
  // Nothing is known of it but whose child it is: the record of its end was lost.
  Command command = script_of("setsid sleep 1000 > /dev/null 2>&1 & echo $! > " + path("pid") + until_it_sleeps);
  command.lifetime = Lifetime::group;
  ASSERT_TRUE(run(command));
  RealProcesses later(settings());
  auto ended = later.end_left(key, {});
  ASSERT_TRUE(ended) << ended.error().message;
  EXPECT_THAT(*ended, SizeIs(1));
  EXPECT_FALSE(is_alive(pid_in("pid")));
}

TEST_F(ProcessTree, OfAGroupIsFoundByItsNumberAndItsMomentThoughItShedItsEnvironment) {
  Command command = script_of("env -i /usr/bin/setsid /bin/sh -c 'sleep 1000 & echo $! > " + path("pid") +
                              "; wait' > /dev/null 2>&1 & while ! test -s " + path("pid") + "; do sleep 0.01; done");
  command.lifetime = Lifetime::group;
  auto end = run(command);
  ASSERT_TRUE(end) << end.error().message;
  ASSERT_FALSE(end->left_running.empty());
  std::vector<RunningProcess> of_an_earlier_boot = end->left_running;
  for (RunningProcess& one : of_an_earlier_boot) one.since = "0" + one.since;
  EXPECT_THAT(*processes.end_left(key, of_an_earlier_boot), IsEmpty());
  EXPECT_TRUE(is_alive(pid_in("pid"))) << "a number alone tells nobody";
  EXPECT_THAT(*processes.end_left(key, end->left_running), SizeIs(end->left_running.size()));
  EXPECT_FALSE(is_alive(pid_in("pid")));
}

TEST_F(ProcessTree, OfAGroupIsKilledWhereItDoesNotListen) {
  Command command = script_of("(trap '' TERM; echo up > " + path("up") +
                              "; while :; do sleep 0.01; done) > /dev/null 2>&1 & echo $! > " + path("pid") +
                              "; while ! test -s " + path("up") + "; do sleep 0.01; done");
  command.lifetime = Lifetime::group;
  auto end = run(command);
  ASSERT_TRUE(end) << end.error().message;
  // The name that the helper knows it by is the port's own affair: by number and moment.
  EXPECT_FALSE(end_left_running("nobody", end->left_running, Duration::milliseconds(100)).empty());
  EXPECT_FALSE(is_alive(pid_in("pid")));
}

TEST_F(ProcessTree, OfADetachedStepIsEndedWhenItsTimeIsUp) {
  Command command = script_of("setsid sleep 1000 & echo $! > " + path("pid") + "; sleep 1000");
  command.lifetime = Lifetime::detached;
  command.timeout = Duration::milliseconds(300);
  auto end = run(command);
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(end->kind, EndKind::timed_out);
  EXPECT_FALSE(is_alive(pid_in("pid")));
}

TEST_F(ProcessTree, ThatHoldsThePipesDoesNotHoldTheStep) {
  Command command = script_of("sleep 1000 & echo $! > " + path("pid") + "; echo done");
  command.lifetime = Lifetime::detached;  // so that it is not ended
  auto end = run(command);
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(all_of(end->out), "done\n");
  EXPECT_LT(took.count(), 2000);
  ::kill(pid_in("pid"), SIGKILL);
}

TEST_F(ProcessTree, OfOneChildIsNotThatOfAnother) {
  std::string up = pipe("up"), go = pipe("go");
  Result<ProcessEnd> other;
  std::jthread long_one([&] {
    other = processes.run({"run-1", OpId{"work/other"}, 1},
                          script_of("(setsid sleep 1000 & echo $! > " + path("theirs") + "); echo up > " + up +
                                    "; read x < " + go + "; kill -0 $(cat " + path("theirs") + ") && exit 9"),
                          {});
  });
  hear(up);
  auto end = run(script_of("sleep 1000 & exit 0"));
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_THAT(end->left_over, SizeIs(1));
  say(go, "on");
  long_one.join();
  ASSERT_TRUE(other) << other.error().message;
  EXPECT_EQ(other->code, 9) << "its own daemon was ended with somebody else's step";
  EXPECT_THAT(other->left_over, ElementsAre(HasSubstr("sleep")));
  EXPECT_FALSE(is_alive(pid_in("theirs")));
}

TEST_F(ProcessTree, EndsByItsExitEvenWhenItHasClosedItsStreams) {
  auto end = run(script_of("exec >&- 2>&-; sleep 0.05; exit 4"));
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(end->code, 4);
}

}  // namespace
}  // namespace muster
