// Locks and ownership with the real program: who is busy, dead, stopped, and what becomes of its children.
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/live/program.h"

namespace muster {
namespace {

class LiveLocks : public ::testing::Test {
 protected:
  // Holds the lock, and has a child under way that wrote its pid.
  std::string slow() {
    return home.write("slow.muster.yaml", R"(muster: 1
playbook: slow
locks: ["database:/srv/app.db"]
phases:
  - id: only
    steps:
      - id: long
        shell: {argv: [sh, -c, "echo $$ > )" + home.path("pid") +
                                              R"(; exec sleep 300"]}
      - id: next
        shell: {argv: [touch, )" + home.path("done") +
                                              R"(]}
)");
  }
  std::string quick(const std::string& locks = R"(["database:/srv/app.db"])", const std::string& gate = "false") {
    return home.write("quick.muster.yaml", "muster: 1\nplaybook: quick\nlocks: " + locks + "\nphases:\n  - id: only\n" +
                                               (gate == "true" ? "    approval: true\n" : "") +
                                               "    steps:\n      - shell: {argv: [touch, " + home.path("quick") +
                                               "]}\n");
  }
  pid_t child() {
    EXPECT_TRUE(eventually([&] { return !read_text(home.path("pid")).empty(); }));
    return static_cast<pid_t>(std::atoi(read_text(home.path("pid")).c_str()));
  }
  Map lock() {
    Value locks = home.json({"locks"});
    return locks.is<List>() && !locks.get<List>().empty() ? locks.get<List>()[0].get<Map>() : Map{};
  }
  bool is_stale() {
    Map held = lock();
    const Value* stale = member(held, "stale");
    return stale && stale->is<bool>() && stale->get<bool>();
  }
  static bool is_gone(pid_t pid) {
    std::string status = read_text("/proc/" + std::to_string(pid) + "/stat");
    return status.empty() || status.find(") Z ") != std::string::npos;
  }
  Home home;
};

TEST_F(LiveLocks, AreBusyForASecondRunWhichSaysWhoHasThemAndWhatToType) {
  std::unique_ptr<Background> holder = home.start({"run", slow()});
  (void)child();
  Ran second = home.muster({"run", quick()});
  EXPECT_EQ(second.code, 7);
  std::string run = text_of(lock(), "run");
  EXPECT_NE(second.out.find("failed: the lock `database:/srv/app.db` is held by run " + run + " of slow, started by " +
                            Home::person() + "@"),
            std::string::npos)
      << second.out;
  EXPECT_NE(second.out.find("process " + std::to_string(holder->pid()) + " on "), std::string::npos) << second.out;
  EXPECT_NE(second.err.find("= help: `muster show " + run + "`"), std::string::npos) << second.err;
  EXPECT_FALSE(home.has("quick"));
  Ran listed = home.muster({"locks"});
  EXPECT_NE(listed.out.find("database:/srv/app.db  held by run " + run + " of slow"), std::string::npos) << listed.out;
  Ran refused = home.muster({"locks", "--release", "database:/srv/app.db", "--reason", "mine"});
  EXPECT_EQ(refused.code, 7) << refused.err;
  EXPECT_NE(refused.err.find("muster cancel " + run), std::string::npos) << refused.err;
  holder->signal(SIGINT);
  EXPECT_EQ(holder->wait().code, 130);
  EXPECT_EQ(home.muster({"locks", "-q"}).out, "");
  EXPECT_EQ(home.muster({"run", quick()}).code, 0);
}

TEST_F(LiveLocks, AreTakenOverAtOnceFromAProcessThatWasKilled) {
  std::unique_ptr<Background> holder = home.start({"run", slow()});
  pid_t sleeper = child();
  std::string run = text_of(lock(), "run");
  holder->signal(SIGKILL);
  (void)holder->wait();
  EXPECT_TRUE(is_stale());
  EXPECT_NE(home.muster({"locks"}).out.find("stale by run " + run), std::string::npos);
  Ran second = home.muster({"run", quick()});
  EXPECT_EQ(second.code, 0) << second.err;
  EXPECT_NE(second.err.find("took over the lock `database:/srv/app.db` from run " + run), std::string::npos)
      << second.err;
  EXPECT_NE(home.muster({"report", "last"}).out.find("took over the lock"), std::string::npos);
  EXPECT_NE(home.muster({"report", run, "--format", "text"}).out.find("lost the lock `database:/srv/app.db` to run "),
            std::string::npos);
  EXPECT_EQ(home.muster({"audit", "--verify"}).code, 0);
  ::kill(sleeper, SIGKILL);
}

TEST_F(LiveLocks, AreWaitedForByAPlaybookThatSaysSo) {
  std::unique_ptr<Background> holder = home.start({"run", slow()});
  (void)child();
  std::unique_ptr<Background> waiting = home.start({"run", quick(R"({names: ["database:/srv/app.db"], wait: 10m})")});
  ASSERT_TRUE(eventually([&] {
    return waiting->err().find("waits: the lock `database:/srv/app.db`") != std::string::npos;
  })) << waiting->err();
  EXPECT_FALSE(home.has("quick"));
  holder->signal(SIGINT);
  EXPECT_EQ(holder->wait().code, 130);
  Ran second = waiting->wait();
  EXPECT_EQ(second.code, 0) << second.err;
  EXPECT_TRUE(home.has("quick"));
}

TEST_F(LiveLocks, AreKeptByAParkedRunAndBrokenWithAReasonOnly) {
  std::string gated = quick(R"(["database:/srv/app.db"])", "true");
  ASSERT_EQ(home.muster({"run", gated, "--detach"}).code, 75);
  std::string parked = text_of(lock(), "run");
  EXPECT_EQ(text_of(lock(), "run_state"), "waiting");
  EXPECT_FALSE(is_stale());
  Ran busy = home.muster({"run", gated, "--detach"});
  EXPECT_EQ(busy.code, 7);
  EXPECT_NE(busy.out.find("it waits for a person"), std::string::npos) << busy.out;
  EXPECT_EQ(home.muster({"locks", "--release", "database:/srv/app.db"}).code, 2) << "a reason is asked for";
  EXPECT_EQ(home.muster({"locks", "--reason", "x"}).code, 2);
  EXPECT_EQ(home.muster({"locks", "--release", "database", "--reason", "x"}).code, 1) << "no such lock";
  EXPECT_EQ(home.muster({"locks", "--release", "database:/srv/app.db", "--reason", "it is not coming back"}).code, 0);
  EXPECT_NE(home.muster({"report", parked, "--format", "text"})
                .out.find("broke the lock `database:/srv/app.db`: it is not coming back"),
            std::string::npos);
  // Decided after all, it takes the lock again.
  EXPECT_EQ(home.muster({"approve", parked}).code, 0);
  EXPECT_TRUE(home.has("quick"));
}

// The lock alone was taken over: its old holder must not go on beside the new one.
TEST_F(LiveLocks, OfAProcessThatWasStoppedPastItsLeaseEndItAndItsChildrenWhenTheyAreAnothers) {
  std::unique_ptr<Background> first = home.start({"run", slow()});
  pid_t sleeper = child();
  std::string run = text_of(lock(), "run");
  first->signal(SIGSTOP);
  EXPECT_EQ(home.muster({"run", quick()}).code, 7) << "it is only stopped";
  ASSERT_TRUE(eventually([&] { return is_stale(); })) << "the lease never ran out";
  Ran second = home.muster({"run", quick()});
  EXPECT_EQ(second.code, 0) << second.err;
  first->signal(SIGCONT);
  Ran refused = first->wait();
  EXPECT_EQ(refused.code, 7) << refused.err;
  EXPECT_NE(refused.err.find("lost the lock `database:/srv/app.db` to run "), std::string::npos) << refused.err;
  EXPECT_TRUE(eventually([&] { return is_gone(sleeper); })) << "the old holder's child goes on";
  Ran resumed = home.muster({"resume", run});
  EXPECT_EQ(resumed.code, 6) << "it has its lock again, and its step is in doubt: " << resumed.out << resumed.err;
  EXPECT_EQ(text_of(lock(), "run"), run);
  EXPECT_FALSE(home.has("done"));
  EXPECT_EQ(home.muster({"audit", "--verify"}).code, 0);
}

// Stopped past its lease, taken over, and woken up: it may write no more, and its child must not go on.
TEST_F(LiveLocks, OwnerThatWasStoppedPastItsLeaseIsRefusedAndEndsItsChildren) {
  std::unique_ptr<Background> first = home.start({"run", slow()});
  pid_t sleeper = child();
  first->signal(SIGSTOP);
  Ran early = home.muster({"resume", "last"});
  EXPECT_EQ(early.code, 7) << "a stopped owner keeps its run until its lease is over";
  EXPECT_NE(early.err.find("is owned by process " + std::to_string(first->pid()) + " on "), std::string::npos)
      << early.err;
  ASSERT_TRUE(eventually([&] { return is_stale(); })) << "the lease never ran out";
  std::unique_ptr<Background> second = home.start({"resume", "last"});
  std::string new_owner = ":" + std::to_string(second->pid()) + ":";
  ASSERT_TRUE(eventually([&] {
    return text_of(home.json({"show", "last"}).get<Map>(), "owner").find(new_owner) != std::string::npos;
  })) << second->err();
  EXPECT_FALSE(is_gone(sleeper)) << "nothing has ended it yet, and the new owner does not run it beside";
  first->signal(SIGCONT);
  Ran refused = first->wait();
  EXPECT_EQ(refused.code, 7) << refused.err;
  EXPECT_NE(refused.err.find("was taken over by another process"), std::string::npos) << refused.err;
  EXPECT_TRUE(eventually([&] { return is_gone(sleeper); })) << "the old owner's child goes on";
  Ran resumed = second->wait();
  EXPECT_EQ(resumed.code, 6) << "how far the step came is not known: " << resumed.out << resumed.err;
  EXPECT_FALSE(home.has("done"));
  EXPECT_NE(home.muster({"report", "last"}).out.find("taken over from "), std::string::npos);
  EXPECT_EQ(home.muster({"audit", "--verify"}).code, 0);
}

}  // namespace
}  // namespace muster
