// A restore killed at every point, by two hands: between any two calls to the world or the journal, and at the system
// calls themselves. Each time it is entered again, and the end must be the same.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "tests/unit/steps/restore_world.h"

namespace muster {
namespace {

using namespace restore_tests;  // NOLINT: the tests' own world
namespace fs = std::filesystem;

constexpr int killed = 9;
constexpr int finished = 0;
constexpr int refused = 3;

enum class Before { sound_with_log, damaged_with_log, missing_with_stale_log, nothing };

struct Crash : testing::TestWithParam<Before> {
  Stage stage;
  std::string replica = stage.unpack_replica();
  std::string home = stage.directory / "home";
  std::string target = home + "/app.db";
  std::map<std::string, std::string> old_files;  // path to digest
  Map args;

  void SetUp() override {
    args = Stage::args(target, replica);
    args["at"] = checkpoint("c06-insert").at;
    make_home();
  }

  void make_home() {
    fs::remove_all(home);
    fs::create_directories(home);
    if (GetParam() == Before::nothing) return note_old();
    make_old_database(target);
    if (GetParam() == Before::damaged_with_log) {
      std::string bytes = bytes_of(target);
      write_bytes(target, bytes.replace(100, 200, std::string(200, '\x7f')));
    }
    if (GetParam() == Before::missing_with_stale_log) fs::remove(target);
    note_old();
  }
  void note_old() { old_files = contents_of(home); }

  // Runs in a child that dies before the n-th call to a port or the journal.
  template <class Body>
  int die_at_call(int n, Body body) {
    pid_t child = ::fork();
    if (child == 0) {
      std::atomic<int> calls{0};
      auto count = [&](std::string_view) -> std::optional<Error> {
        if (++calls == n) ::_exit(killed);
        return std::nullopt;
      };
      stage.files.before = count;
      stage.sql.before = count;
      ::_exit(body(count) ? finished : refused);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status));
    return WEXITSTATUS(status);
  }

  // Runs in a child that is killed as its n-th system call begins, or nullopt when it ended before.
  template <class Body>
  std::optional<int> die_at_system_call(int n, Body body) {
    pid_t child = ::fork();
    if (child == 0) {
      ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
      ::raise(SIGSTOP);
      ::_exit(body() ? finished : refused);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    if (!WIFSTOPPED(status)) return std::nullopt;
    ::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD);
    int stops = 0;
    int signal_to_give = 0;
    while (true) {
      ::ptrace(PTRACE_SYSCALL, child, nullptr, signal_to_give);
      if (::waitpid(child, &status, 0) < 0) break;
      if (WIFEXITED(status)) return WEXITSTATUS(status);
      if (WIFSIGNALED(status)) return std::nullopt;
      signal_to_give = 0;
      if (WSTOPSIG(status) != (SIGTRAP | 0x80)) {
        signal_to_give = WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status);
        continue;
      }
      if (++stops == n) {
        ::kill(child, SIGKILL);
        ::waitpid(child, &status, 0);
        return killed;
      }
    }
    return std::nullopt;
  }

  bool restore_counting(const std::function<std::optional<Error>(std::string_view)>& count) {
    // The journal's own stores count as well: before the intent, and between effect and outcome.
    FileMarks marks(stage.directory / ("marks-" + std::to_string(stage.attempt)));
    marks.before_store = [&](std::string_view what) { (void)count(what); };
    OpId op{"replace/restored"};
    std::string run = "r1";
    StepInput input{args, run, op, stage.attempt, "key", {}, {}, marks, stage.no_actions, stage.progress, stage.no_streams, false};
    Touch ports = stage.touch();
    return stage.action.act(input, ports).has_value();
  }

  std::string aside() const { return target + ".before-r1-" + std::to_string(stage.attempt); }

  void expect_restored(const Result<StepOutput>& done, int n) {
    ASSERT_TRUE(done.has_value()) << n << ": " << done.error().message;
    const Checkpoint& known = checkpoint("c06-insert");
    EXPECT_EQ(content_sha256(target), known.content_sha256) << n;
    EXPECT_TRUE(same(*member(*member(done->fields, "records"), "orders"), known.orders)) << n;
    EXPECT_FALSE(exists(target + "-wal")) << n;
    switch (GetParam()) {
      case Before::sound_with_log: EXPECT_EQ(count(aside(), "old"), 2) << n; break;
      case Before::damaged_with_log: expect_same(target, aside(), n), expect_same(target + "-wal", aside() + "-wal", n); break;
      case Before::missing_with_stale_log: expect_same(target + "-wal", aside() + "-wal", n); break;
      case Before::nothing: EXPECT_EQ(names_in(home), std::vector<std::string>{"app.db"}) << n; break;
    }
    for (const std::string& name : names_in(home)) EXPECT_FALSE(name.starts_with(".muster")) << n;
  }
  void expect_same(const std::string& was, const std::string& is, int n) {
    EXPECT_EQ(contents_of(home)[is], old_files[was]) << n << ": " << is;
  }

  void expect_old_back(int n) {
    switch (GetParam()) {
      case Before::sound_with_log: EXPECT_EQ(count(target, "old"), 2) << n; break;
      case Before::damaged_with_log: expect_same(target, target, n), expect_same(target + "-wal", target + "-wal", n); break;
      case Before::missing_with_stale_log:
        EXPECT_FALSE(exists(target)) << n;
        expect_same(target + "-wal", target + "-wal", n);
        break;
      case Before::nothing: EXPECT_FALSE(exists(target)) << n; break;
    }
    EXPECT_EQ(content_sha256(target + ".rolled-back-r1"), checkpoint("c06-insert").content_sha256) << n;
  }

  void begin_anew() {
    fs::remove(stage.directory / "marks-rollback");
    ++stage.attempt;
    make_home();
  }
};

TEST_P(Crash, AtAnyCallIsFinishedWhenEnteredAgain) {
  int n = 1;
  for (;; ++n) {
    int status = die_at_call(n, [&](auto count) { return restore_counting(count); });
    if (status == finished) break;
    ASSERT_EQ(status, killed) << n;
    expect_restored(stage.restore(args, true), n);
    if (HasFailure()) return;
    begin_anew();
    ASSERT_LT(n, 2000);
  }
  EXPECT_GT(n, 100);
}

TEST_P(Crash, TwiceIsFinishedAsWell) {
  for (int n = 5;; n += 9) {
    int status = die_at_call(n, [&](auto count) { return restore_counting(count); });
    if (status == finished) break;
    ASSERT_EQ(die_at_call(4, [&](auto count) { return restore_counting(count); }), killed);
    expect_restored(stage.restore(args, true), n);
    if (HasFailure()) return;
    begin_anew();
  }
}

TEST_P(Crash, WithTheWorkDirectoryRemovedByAnotherHandIsFinishedWithANewCopy) {
  int lost = 0;
  for (int n = 5;; n += 5) {
    int status = die_at_call(n, [&](auto count) { return restore_counting(count); });
    if (status == finished) break;
    // Only while the target's name is still the old one's: afterwards the old database itself lies there.
    bool is_switched = content_sha256(target) == checkpoint("c06-insert").content_sha256;
    if (!is_switched) {
      for (const std::string& name : names_in(home)) {
        if (name.starts_with(".muster")) lost += fs::remove_all(home + "/" + name) > 0 ? 1 : 0;
      }
    }
    expect_restored(stage.restore(args, true), n);
    if (HasFailure()) return;
    begin_anew();
  }
  EXPECT_GT(lost, 3);
}

TEST_P(Crash, OfTheRollbackAtAnyCallIsFinishedWhenEnteredAgain) {
  int n = 1;
  for (;; ++n) {
    Result<StepOutput> done = stage.restore(args);
    ASSERT_TRUE(done.has_value());
    int status = die_at_call(n, [&](auto count) {
      FileMarks marks(stage.directory / "marks-rollback");
      marks.before_store = [&](std::string_view what) { (void)count(what); };
      OpId op{"replace/restored~rollback/auto"};
      std::string run = "r1";
      StepInput input{args, run, op, 1, "key", {}, {}, marks, stage.no_actions, stage.progress, stage.no_streams, false};
      Touch ports = stage.touch();
      return stage.action.rollback(input, *done, ports).has_value();
    });
    if (status == finished) break;
    ASSERT_EQ(status, killed) << n;
    Result<StepOutput> undone = stage.rollback(args, *done, true);
    ASSERT_TRUE(undone.has_value()) << n << ": " << undone.error().message;
    expect_old_back(n);
    if (HasFailure()) return;
    begin_anew();
    ASSERT_LT(n, 1000);
  }
  EXPECT_GT(n, 20);
}

// The new database fails its check in place, and the kill comes while the old one is put back.
TEST_P(Crash, WhilePuttingBackEndsWithTheOldSetAndTheFirstReason) {
  stage.sql.pretend_damaged = target;
  for (int n = 60;; ++n) {
    int status = die_at_call(n, [&](auto count) { return restore_counting(count); });
    ASSERT_NE(status, finished);
    if (status == killed) {
      Result<StepOutput> again = stage.restore(args, true);
      ASSERT_FALSE(again.has_value()) << n;
      EXPECT_THAT(again.error().message, testing::HasSubstr("pretended damage")) << n;
    }
    for (const auto& [path, digest] : old_files) {
      if (path.ends_with("-shm")) continue;
      EXPECT_EQ(contents_of(home)[path], digest) << n << path;
    }
    EXPECT_EQ(names_in(home).size(), old_files.size()) << n;
    if (HasFailure() || status == refused) return;
    begin_anew();
    ASSERT_LT(n, 2000);
  }
}

// Also within SQLite's own writing. Every 11th here; MUSTER_CRASH_EVERY=1 takes all of them.
TEST_P(Crash, AtASystemCallIsFinishedWhenEnteredAgain) {
  const char* every = std::getenv("MUSTER_CRASH_EVERY");
  int step = every ? std::atoi(every) : 37;
  int n = 1 + static_cast<int>(GetParam());
  for (;; n += step) {
    std::optional<int> status = die_at_system_call(n, [&] { return stage.restore(args).has_value(); });
    ASSERT_TRUE(status.has_value()) << "the child could not be traced";
    if (*status == finished) break;
    ASSERT_EQ(*status, killed) << n;
    expect_restored(stage.restore(args, true), n);
    if (HasFailure()) return;
    begin_anew();
    ASSERT_LT(n, 100000);
  }
  EXPECT_GT(n, 200);
}

INSTANTIATE_TEST_SUITE_P(OfARestoreOver, Crash,
                         testing::Values(Before::sound_with_log, Before::damaged_with_log, Before::missing_with_stale_log, Before::nothing),
                         [](const testing::TestParamInfo<Before>& given) -> std::string {
                           switch (given.param) {
                             case Before::sound_with_log: return "ASoundDatabase";
                             case Before::damaged_with_log: return "ADamagedDatabase";
                             case Before::missing_with_stale_log: return "AStaleLog";
                             case Before::nothing: return "Nothing";
                           }
                           return "";
                         });

}  // namespace
}  // namespace muster
