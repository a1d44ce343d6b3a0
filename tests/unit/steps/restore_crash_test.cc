// A restore killed at every point, by two hands: between any two calls to the world or the journal, and at the system
// calls themselves. Each time it is entered again, and the end must be the same.
//
// A usual run takes some of the points, other ones over each kind of old database; MUSTER_CRASH_EVERY=1 takes them all.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "interpreter/base/digest.h"
#include "tests/unit/steps/restore_world.h"

namespace muster {
namespace {

using namespace restore_tests;  // NOLINT: the tests' own world
namespace fs = std::filesystem;

constexpr int killed = 9;
constexpr int finished = 0;
constexpr int refused = 3;

int stride(int usual) {
  const char* every = std::getenv("MUSTER_CRASH_EVERY");
  return every ? std::atoi(every) : usual;
}

bool changes_a_disk(const __ptrace_syscall_info& call) {
  switch (call.entry.nr) {
    case SYS_openat:
      return (call.entry.args[2] & O_CREAT) != 0;
    case SYS_pwrite64:
    case SYS_ftruncate:
    case SYS_fsync:
    case SYS_fdatasync:
    case SYS_renameat2:
    case SYS_unlinkat:
    case SYS_mkdirat:
    case SYS_fchmod:
    case SYS_fchmodat:
    case SYS_fchown:
    case SYS_fchownat:
#ifdef SYS_rename
    case SYS_rename:
    case SYS_unlink:
    case SYS_mkdir:
    case SYS_rmdir:
    case SYS_chmod:
    case SYS_chown:
#endif
      return true;
    default:
      return false;
  }
}

enum class Before { sound_with_log, damaged_with_log, missing_with_stale_log, nothing };

struct Crash : testing::TestWithParam<Before> {
  Stage stage;
  std::string replica = stage.unpack_replica();
  std::string home = stage.directory / "home";
  std::string target = home + "/app.db";
  std::map<std::string, std::string> old_files;  // path to digest
  Map args;

  void SetUp() override {
    stage.files.looks_for_holders = false;
    args = Stage::args(target, replica);
    args["at"] = checkpoint("c06-insert").at;
    make_home();
  }

  int first() const { return 1 + static_cast<int>(GetParam()); }

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

  // Runs in a child that is killed as its n-th system call begins that changes a disk; nullopt when it cannot be
  // traced.
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
    int changes = 0;
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
      __ptrace_syscall_info call{};
      if (::ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof call, &call) <= 0) return std::nullopt;
      if (call.op == PTRACE_SYSCALL_INFO_ENTRY && changes_a_disk(call) && ++changes == n) {
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
    StepInput input{
        args, run, op, stage.attempt, "key", {}, {}, marks, stage.no_actions, stage.progress, stage.no_streams, false};
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
      case Before::sound_with_log:
        EXPECT_EQ(count(aside(), "old"), 2) << n;
        break;
      case Before::damaged_with_log:
        expect_same(target, aside(), n), expect_same(target + "-wal", aside() + "-wal", n);
        break;
      case Before::missing_with_stale_log:
        expect_same(target + "-wal", aside() + "-wal", n);
        break;
      case Before::nothing:
        EXPECT_EQ(names_in(home), std::vector<std::string>{"app.db"}) << n;
        break;
    }
    for (const std::string& name : names_in(home)) EXPECT_FALSE(name.starts_with(".muster")) << n;
  }
  void expect_same(const std::string& was, const std::string& is, int n) {
    EXPECT_EQ(contents_of(home)[is], old_files[was]) << n << ": " << is;
  }

  void expect_old_back(int n) {
    expect_old(n);
    EXPECT_EQ(content_sha256(target + ".rolled-back-r1"), checkpoint("c06-insert").content_sha256) << n;
  }

  void expect_old(int n) {
    switch (GetParam()) {
      case Before::sound_with_log:
        EXPECT_EQ(count(target, "old"), 2) << n;
        break;
      case Before::damaged_with_log:
        expect_same(target, target, n), expect_same(target + "-wal", target + "-wal", n);
        break;
      case Before::missing_with_stale_log:
        EXPECT_FALSE(exists(target)) << n;
        expect_same(target + "-wal", target + "-wal", n);
        break;
      case Before::nothing:
        EXPECT_FALSE(exists(target)) << n;
        break;
    }
  }

  // One point after the other, each in a process of its own, so that this one stays small and is quickly forked. The
  // body says whether there is more to come; returns the points tried.
  template <class Body>
  int for_each_point(int from, int step, Body body) {
    int tried = 0;
    for (int n = from;; n += step) {
      make_home();
      fs::remove(stage.directory / "marks-1");
      fs::remove(stage.directory / "marks-rollback");
      pid_t child = ::fork();
      if (child == 0) {
        bool is_more = body(n);
        std::fflush(stdout);
        ::_exit(HasFailure() ? 1 : is_more ? 0 : 2);
      }
      int status = 0;
      ::waitpid(child, &status, 0);
      EXPECT_TRUE(WIFEXITED(status)) << n;
      if (WEXITSTATUS(status) == 2) return tried;
      EXPECT_EQ(WEXITSTATUS(status), 0) << "point " << n;
      if (HasFailure()) return tried;
      ++tried;
    }
  }
};

TEST_P(Crash, AtAnyCallIsFinishedWhenEnteredAgain) {
  int tried = for_each_point(first(), stride(4), [&](int n) {
    int status = die_at_call(n, [&](auto count) { return restore_counting(count); });
    if (status == finished) return false;
    EXPECT_EQ(status, killed) << n;
    expect_restored(stage.restore(args, true), n);
    return true;
  });
  EXPECT_GT(tried, 100 / stride(4));
}

// Each number of a restore has its intent and its outcome in the journal: killed before each of these is stored, which
// is also behind all that came before it, without leaving one out.
TEST_P(Crash, AtEveryNumberedPointIsFinishedWhenEnteredAgain) {
  auto restore_storing = [&](const std::function<void(std::string_view)>& before_store) {
    FileMarks marks(stage.directory / "marks-1");
    marks.before_store = before_store;
    OpId op{"replace/restored"};
    std::string run = "r1";
    StepInput input{args, run, op, 1, "key", {}, {}, marks, stage.no_actions, stage.progress, stage.no_streams, false};
    Touch ports = stage.touch();
    return stage.action.act(input, ports).has_value();
  };
  std::vector<std::string> points;
  ASSERT_TRUE(restore_storing([&](std::string_view what) { points.emplace_back(what); }));
  for (const char* number : {"choose", "fetch", "fold", "validate", "identity", "switch", "verdict", "cleanup"}) {
    EXPECT_THAT(points, testing::Contains(testing::HasSubstr(number)));
  }
  int tried = for_each_point(0, 1, [&](int n) {
    if (n == static_cast<int>(points.size())) return false;
    pid_t child = ::fork();
    if (child == 0) {
      int stored = 0;
      (void)restore_storing([&](std::string_view) {
        if (stored++ == n) ::_exit(killed);
      });
      ::_exit(refused);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == killed) << points[static_cast<size_t>(n)];
    expect_restored(stage.restore(args, true), n);
    return true;
  });
  EXPECT_EQ(tried, static_cast<int>(points.size()));
}

TEST_P(Crash, OfABackupsFileAtAnyCallIsFinishedWhenEnteredAgain) {
  std::string source = stage.directory / "source.db";
  Map made = Stage::args(source, replica);
  made["at"] = checkpoint("c06-insert").at;
  stage.attempt = 9;
  ASSERT_TRUE(stage.restore(made).has_value());
  stage.attempt = 1;
  std::string id = source + "#" + sha256_hex(bytes_of(source)).substr(0, 16);
  args = Map{{"target", Map{{"sqlite", target}}}, {"from", Map{{"artifact", id}}}};
  int tried = for_each_point(first(), stride(7), [&](int n) {
    int status = die_at_call(n, [&](auto count) { return restore_counting(count); });
    if (status == finished) return false;
    EXPECT_EQ(status, killed) << n;
    expect_restored(stage.restore(args, true), n);
    return true;
  });
  EXPECT_GT(tried, 60 / stride(7));
}

TEST_P(Crash, TwiceIsFinishedAsWell) {
  int tried = for_each_point(4 + first(), stride(9), [&](int n) {
    int status = die_at_call(n, [&](auto count) { return restore_counting(count); });
    if (status == finished) return false;
    EXPECT_EQ(die_at_call(2, [&](auto count) { return restore_counting(count); }), killed);
    EXPECT_NE(die_at_call(5, [&](auto count) { return restore_counting(count); }), refused);
    expect_restored(stage.restore(args, true), n);
    return true;
  });
  EXPECT_GT(tried, 90 / stride(9));
}

TEST_P(Crash, WithTheWorkDirectoryRemovedByAnotherHandIsFinishedWithANewCopy) {
  for_each_point(4 + first(), stride(7), [&](int n) {
    int status = die_at_call(n, [&](auto count) { return restore_counting(count); });
    if (status == finished) return false;
    // Only while the target's name is still the old one's: afterwards the old database itself lies there.
    if (content_sha256(target) != checkpoint("c06-insert").content_sha256) {
      for (const std::string& name : names_in(home)) {
        if (name.starts_with(".muster")) fs::remove_all(home + "/" + name);
      }
    }
    expect_restored(stage.restore(args, true), n);
    return true;
  });
}

TEST_P(Crash, OfTheRollbackAtAnyCallIsFinishedWhenEnteredAgain) {
  int tried = for_each_point(first(), stride(3), [&](int n) {
    Result<StepOutput> done = stage.restore(args);
    EXPECT_TRUE(done.has_value());
    if (!done) return false;
    int status = die_at_call(n, [&](auto count) {
      FileMarks marks(stage.directory / "marks-rollback");
      marks.before_store = [&](std::string_view what) { (void)count(what); };
      OpId op{"replace/restored~rollback/auto"};
      std::string run = "r1";
      StepInput input{args, run, op, 1, "key", {}, {}, marks, stage.no_actions, stage.progress, stage.no_streams,
                      false};
      Touch ports = stage.touch();
      return stage.action.rollback(input, *done, ports).has_value();
    });
    if (status == finished) return false;
    EXPECT_EQ(status, killed) << n;
    Result<StepOutput> undone = stage.rollback(args, *done, true);
    EXPECT_TRUE(undone.has_value()) << n << ": " << (undone ? "" : undone.error().message);
    expect_old_back(n);
    return true;
  });
  EXPECT_GT(tried, 20 / stride(3));
}

// It is not entered again: its time was up, or a person said that it failed. What it came to is undone all the same.
TEST_P(Crash, AtAnyCallIsUndoneWhereItIsGivenUp) {
  int tried = for_each_point(first(), stride(4), [&](int n) {
    int status = die_at_call(n, [&](auto count) { return restore_counting(count); });
    if (status == finished) return false;
    EXPECT_EQ(status, killed) << n;
    Result<StepOutput> undone = stage.rollback(args, StepOutput{}, false, true);
    EXPECT_TRUE(undone.has_value()) << n << ": " << (undone ? "" : undone.error().message);
    expect_old(n);
    for (const std::string& name : names_in(home)) EXPECT_FALSE(name.starts_with(".muster")) << n << ": " << name;
    if (undone && !text_of(undone->fields, "file").empty()) {
      EXPECT_EQ(content_sha256(target + ".rolled-back-r1"), checkpoint("c06-insert").content_sha256) << n;
    }
    return true;
  });
  EXPECT_GT(tried, 100 / stride(4));
}

TEST_P(Crash, OfAnUndoOfWhatWasGivenUpIsFinishedWhenEnteredAgain) {
  int tried = for_each_point(first(), stride(3), [&](int n) {
    // Its result is lost: everything was done, and nobody wrote that down.
    EXPECT_TRUE(stage.restore(args).has_value());
    Undone undone{OpId{"replace/restored"}, 1, FileMarks(stage.directory / "marks-1").values()};
    int status = die_at_call(n, [&](auto count) {
      FileMarks marks(stage.directory / "marks-rollback");
      marks.before_store = [&](std::string_view what) { (void)count(what); };
      OpId op{"replace/restored~rollback/auto"};
      std::string run = "r1";
      StepInput input{args, run, op, 1, "key", {}, {}, marks, stage.no_actions, stage.progress, stage.no_streams,
                      false};
      input.undone = &undone;
      Touch ports = stage.touch();
      return stage.action.rollback(input, StepOutput{}, ports).has_value();
    });
    if (status == finished) return false;
    EXPECT_EQ(status, killed) << n;
    Result<StepOutput> again = stage.rollback(args, StepOutput{}, true, true);
    EXPECT_TRUE(again.has_value()) << n << ": " << (again ? "" : again.error().message);
    expect_old_back(n);
    return true;
  });
  EXPECT_GT(tried, 20 / stride(3));
}

// The new database fails its check in place, and the kill comes while the old one is put back.
TEST_P(Crash, WhilePuttingBackEndsWithTheOldSetAndTheFirstReason) {
  stage.sql.pretend_damaged = target;
  int tried = for_each_point(60 + first(), stride(3), [&](int n) {
    int status = die_at_call(n, [&](auto count) { return restore_counting(count); });
    EXPECT_NE(status, finished);
    if (status == killed) {
      Result<StepOutput> again = stage.restore(args, true);
      EXPECT_FALSE(again.has_value()) << n;
      if (again) return false;
      EXPECT_THAT(again.error().message, testing::HasSubstr("pretended damage")) << n;
    }
    std::map<std::string, std::string> now = contents_of(home);
    EXPECT_EQ(now.size(), old_files.size()) << n;
    for (const auto& [path, digest] : old_files) {
      // A -shm is SQLite's scratch memory, made anew by whoever looks first.
      if (!path.ends_with("-shm")) {
        EXPECT_EQ(now[path], digest) << n << path;
      }
    }
    return status == killed;
  });
  EXPECT_GT(tried, 40 / stride(3));
}

// Also within SQLite's own writing.
TEST_P(Crash, AtASystemCallIsFinishedWhenEnteredAgain) {
  int tried = for_each_point(1, stride(1), [&](int n) {
    std::optional<int> status = die_at_system_call(n, [&] { return stage.restore(args).has_value(); });
    EXPECT_TRUE(status.has_value()) << "the child could not be traced";
    if (!status || *status == finished) return false;
    EXPECT_EQ(*status, killed) << n;
    expect_restored(stage.restore(args, true), n);
    return true;
  });
  EXPECT_GT(tried, 60 / stride(9));
}

INSTANTIATE_TEST_SUITE_P(OfARestoreOver, Crash,
                         testing::Values(Before::sound_with_log, Before::damaged_with_log,
                                         Before::missing_with_stale_log, Before::nothing),
                         [](const testing::TestParamInfo<Before>& given) -> std::string {
                           switch (given.param) {
                             case Before::sound_with_log:
                               return "ASoundDatabase";
                             case Before::damaged_with_log:
                               return "ADamagedDatabase";
                             case Before::missing_with_stale_log:
                               return "AStaleLog";
                             case Before::nothing:
                               return "Nothing";
                           }
                           return "";
                         });

}  // namespace
}  // namespace muster
