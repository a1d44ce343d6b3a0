// Owners that are real processes: racing, dead, stopped, alive.
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <barrier>
#include <filesystem>
#include <mutex>
#include <set>
#include <thread>

#include "interpreter/journal/journal.h"
#include "interpreter/journal/ownership.h"
#include "tests/unit/journal/journal_world.h"
#include "tests/unit/journal/processes.h"

namespace muster::journal_world {
namespace {

namespace fs = std::filesystem;

class Ownership : public testing::Test {
 protected:
  // A child that makes a run, says so, and then answers to each byte of `order` with how a commit of its went.
  std::unique_ptr<Child> owning_child() {
    auto child = std::make_unique<Child>([this] {
      Result<std::unique_ptr<Journal>> journal = open_journal(path, true);
      if (!journal) return 1;
      Result<Lease> lease = (*journal)->create(new_run(run), first_events(), this_owner());
      report.put(lease ? 'c' : 'f');
      while (lease && order.take() != '\0') {
        Result<CommitAnswer> answer = (*journal)->commit(*lease, commit_of({event(EventKind::outcome, "a", 1)}));
        report.put(!answer ? 'e' : *answer == CommitAnswer::lost ? 'l' : *answer == CommitAnswer::stale ? 't' : 's');
      }
      return 0;
    });
    EXPECT_EQ(report.take(), 'c');
    return child;
  }
  int lock_files() const {
    int n = 0;
    for ([[maybe_unused]] const auto& entry : fs::directory_iterator(path + ".owners")) ++n;
    return n;
  }
  TempDirectory folder;
  std::string path = folder.path() + "/muster.db";
  std::string run = "a1b2c3d4e5f60718";
  Pipe report, order;
};

TEST_F(Ownership, OfADeadProcessIsTakenOverAtOnce) {
  std::unique_ptr<Child> child = owning_child();
  pid_t pid = child->pid();
  child->end(SIGKILL);
  std::unique_ptr<Journal> journal = open_store(path);
  Result<Lease> lease = journal->own(run, this_owner(), "bob", start + Duration::seconds(1));
  ASSERT_TRUE(lease.has_value()) << message_of(lease);
  Result<RunRecord> record = journal->read(run);
  ASSERT_TRUE(record.has_value()) << message_of(record);
  EXPECT_NE(record->events.back().body.find(":" + std::to_string(pid) + ":"), std::string::npos)
      << record->events.back().body;
  EXPECT_EQ(column(path, "SELECT kind FROM ledger ORDER BY n"), (std::vector<std::string>{"created", "takeover"}));
  EXPECT_EQ(column(path, "SELECT pid FROM owner"), std::vector<std::string>{std::to_string(::getpid())})
      << "the dead one's row is gone";
  EXPECT_EQ(lock_files(), 1) << "and so is its lock";
}

TEST_F(Ownership, OfALivingProcessIsBusyAndNamesIt) {
  std::unique_ptr<Child> child = owning_child();
  std::unique_ptr<Journal> journal = open_store(path);
  Result<Lease> lease = journal->own(run, this_owner(), "bob", start + Duration::seconds(1));
  ASSERT_FALSE(lease.has_value());
  EXPECT_EQ(lease.error().code, ErrorCode::busy);
  EXPECT_NE(lease.error().message.find(this_owner().host + ":" + std::to_string(child->pid())), std::string::npos)
      << lease.error().message;
  EXPECT_NE(lease.error().message.find("since 2026-01-15T10:00:00Z"), std::string::npos) << lease.error().message;
  order.put('1');
  EXPECT_EQ(report.take(), 's') << "the owner is not disturbed";
}

TEST_F(Ownership, OfAStoppedProcessIsTakenAfterExpiryAndItsNextWriteIsRefused) {
  std::unique_ptr<Child> child = owning_child();
  child->signal(SIGSTOP);
  std::unique_ptr<Journal> journal = open_store(path);
  EXPECT_FALSE(journal->own(run, this_owner(), "bob", start + Duration::seconds(14)).has_value());
  Result<Lease> lease = journal->own(run, this_owner(), "bob", start + Duration::seconds(16));
  ASSERT_TRUE(lease.has_value()) << message_of(lease);
  child->signal(SIGCONT);
  order.put('1');
  EXPECT_EQ(report.take(), 'l');
  EXPECT_EQ(journal->commit(*lease, commit_of({event(EventKind::audit)})).value_or(CommitAnswer::lost),
            CommitAnswer::stored);
}

TEST_F(Ownership, OfARunThatWasPutDownIsFree) {
  std::unique_ptr<Journal> journal = open_store(path);
  Result<Lease> lease = journal->create(new_run(run), first_events(), this_owner());
  ASSERT_TRUE(lease.has_value());
  ASSERT_TRUE(journal->commit(*lease, release()).has_value());
  EXPECT_TRUE(column(path, "SELECT id FROM owner").empty());
  Child other([this] {
    Result<std::unique_ptr<Journal>> theirs = open_journal(path, false);
    return theirs && (*theirs)->own(run, this_owner(), "bob", start) ? 0 : 1;
  });
  EXPECT_EQ(other.end(), 0);
  journal.reset();
  EXPECT_EQ(lock_files(), 1) << "ours went with us; the child's, which ended as owner, tells that it is gone";
}

TEST_F(Ownership, OnAnotherHostIsKnownByItsExpiryOnly) {
  Owner far = this_owner();
  far.host = "another-host";
  far.boot_id = "another-boot";
  far.id = "another-host:1:1";
  {
    std::unique_ptr<Journal> theirs = open_store(path);
    ASSERT_TRUE(theirs->create(new_run(run), first_events(), far).has_value());
  }
  std::unique_ptr<Journal> journal = open_store(path);
  Result<Lease> lease = journal->own(run, this_owner(), "bob", start + Duration::seconds(14));
  ASSERT_FALSE(lease.has_value());
  EXPECT_NE(lease.error().message.find("another-host"), std::string::npos) << lease.error().message;
  EXPECT_TRUE(journal->own(run, this_owner(), "bob", start + Duration::seconds(16)).has_value());
}

// What each sign of death is good for, one by one.
TEST_F(Ownership, EndsWithTheBootThePidTheStartTimeOrTheLock) {
  Owner ours = this_owner();
  Owner gone = ours;
  gone.boot_id = "an earlier boot";
  EXPECT_TRUE(is_dead(path, gone, ours));
  gone = ours;
  gone.id = "reused";
  gone.started = ours.started - 1;
  EXPECT_TRUE(is_dead(path, gone, ours)) << "the pid was used again by another process";
  {
    Child child([] { return 0; });
    gone.pid = child.pid();
    child.end();
  }
  EXPECT_TRUE(is_dead(path, gone, ours)) << "no such process";
  EXPECT_FALSE(is_dead(path, ours, ours)) << "alive, though its lock's file was removed";
  Owner elsewhere = gone;
  elsewhere.host = "another-host";
  EXPECT_FALSE(is_dead(path, elsewhere, ours));
  {
    Result<OwnerLock> lock = OwnerLock::take(path, gone);
    ASSERT_TRUE(lock.has_value()) << message_of(lock);
    EXPECT_FALSE(is_dead(path, gone, ours)) << "who holds its lock lives, be it in a container where we do not see it";
    lock->owns_something();
  }
  EXPECT_TRUE(is_dead(path, gone, ours)) << "the lock is free";
  Result<OwnerLock> lock = OwnerLock::take(path, ours);
  ASSERT_TRUE(lock.has_value()) << message_of(lock);
  lock->owns_something();
  *lock = OwnerLock();
  EXPECT_TRUE(is_dead(path, ours, ours)) << "a process whose journal is gone owns nothing";
}

TEST_F(Ownership, IsSharedByTheJournalsOfOneProcess) {
  std::unique_ptr<Journal> first = open_store(path), second = open_store(path);
  Result<Lease> one = first->create(new_run("aa00000000000000"), first_events(), this_owner());
  Result<Lease> two = second->create(new_run("bb00000000000000"), first_events(), this_owner());
  ASSERT_TRUE(one.has_value() && two.has_value());
  Result<Lease> stolen = second->own("aa00000000000000", this_owner(), "ann", start);
  ASSERT_FALSE(stolen.has_value()) << "the first one is running it";
  EXPECT_EQ(stolen.error().code, ErrorCode::busy);
  ASSERT_TRUE(first->commit(*one, release()).has_value());
  first.reset();
  std::unique_ptr<Journal> third = open_store(path);
  EXPECT_FALSE(third->own("bb00000000000000", owner_named("other"), "bob", start).has_value())
      << "the second one lives";
  second.reset();
  EXPECT_TRUE(third->own("bb00000000000000", this_owner(), "ann", start).has_value())
      << "as after a crash of the engine";
}

// 200 parked runs, two processes that want each of them.
TEST_F(Ownership, HasOneWinnerInEachOfTwoHundredRacesOfProcesses) {
  constexpr int races = 200;
  auto id = [](int i) { return "run" + std::to_string(1000 + i); };
  {
    std::unique_ptr<Journal> journal = open_store(path);
    for (int i = 0; i < races; ++i) {
      Result<Lease> lease = journal->create(new_run(id(i)), first_events(), this_owner());
      ASSERT_TRUE(lease.has_value()) << message_of(lease);
      ASSERT_TRUE(journal->commit(*lease, release()).has_value());
    }
  }
  Pipe go;
  std::array<Pipe, 2> results;
  std::vector<std::unique_ptr<Child>> children;
  for (const Pipe& result : results) {
    children.push_back(std::make_unique<Child>([&] {
      Result<std::unique_ptr<Journal>> journal = open_journal(path, false);
      result.put('r');
      if (!journal || go.take() == '\0') return 1;
      for (int i = 0; i < races; ++i) {
        Result<Lease> lease = (*journal)->own(id(i), this_owner(), "x", start + Duration::seconds(1));
        result.put(lease ? 'w' : lease.error().code == ErrorCode::busy ? 'b' : 'e');
      }
      go.take();  // alive until all is counted
      return 0;
    }));
  }
  for (const Pipe& result : results) EXPECT_EQ(result.take(), 'r');
  go.put('1');
  go.put('1');
  std::string seen[2];
  for (int i = 0; i < races; ++i)
    for (int who = 0; who < 2; ++who) seen[who] += results[static_cast<size_t>(who)].take();
  for (int i = 0; i < races; ++i)
    EXPECT_EQ(std::set<char>({seen[0][static_cast<size_t>(i)], seen[1][static_cast<size_t>(i)]}),
              std::set<char>({'b', 'w'}))
        << "race " << i;
}

// The wall clock of the whole host is set; on this boot the other clock tells how long nobody was heard of.
TEST_F(Ownership, EndsByTheBootClockWhateverTheWallClockIsSetTo) {
  std::unique_ptr<Journal> journal = open_store(path), second = open_store(path);
  Owner ann = owner_named("ann"), bob = owner_named("bob");
  ann.boot = Duration::seconds(1000);
  Result<Lease> lease = journal->create(new_run(run), first_events(), ann);
  ASSERT_TRUE(lease.has_value()) << message_of(lease);
  const std::string also = "b1b2c3d4e5f60718";
  ASSERT_TRUE(journal->create(new_run(also), first_events(), ann).has_value());
  auto takes = [&](const std::string& which, int boot, Timestamp wall) {
    bob.boot = Duration::seconds(boot);
    Result<Lease> taken = second->own(which, bob, "bob", wall);
    if (taken) EXPECT_TRUE(second->commit(*taken, release()).has_value());
    return taken.has_value();
  };
  const Timestamp later = start + Duration::seconds(365 * 86'400);
  EXPECT_FALSE(takes(run, 1014, later)) << "fourteen seconds have passed";
  // It renews the one, and the step is on record with it: what is left of its other lease stays the same.
  ann.boot = Duration::seconds(1010);
  ASSERT_TRUE(journal->renew(*lease, ann, later).value_or(false));
  EXPECT_FALSE(takes(run, 1024, later + Duration::seconds(14)));
  EXPECT_FALSE(takes(also, 1014, later + Duration::seconds(4)));
  EXPECT_TRUE(takes(also, 1016, later + Duration::seconds(6)));
  // Set back, it ends no later for that.
  EXPECT_FALSE(takes(run, 1024, start));
  EXPECT_TRUE(takes(run, 1026, start));
}

// One run that two processes resume at the same moment, a thousand times: one goes on, the other is told who has it.
TEST_F(Ownership, OfOneRunIsNeverHeldByTwoProcessesThatResumeItAThousandTimes) {
  constexpr int times = 1000;
  QuickDirectory quick;
  path = quick.path() + "/muster.db";
  {
    std::unique_ptr<Journal> journal = open_store(path);
    Result<Lease> lease = journal->create(new_run(run), first_events(), this_owner());
    ASSERT_TRUE(lease.has_value()) << message_of(lease);
    ASSERT_TRUE(journal->commit(*lease, release()).has_value());
  }
  struct Shared {
    std::atomic<int> arrived{0}, at_work{0}, together{0}, unnamed{0}, errors{0};
    std::atomic<int> wins[2] = {}, refusals[2] = {}, pid[2] = {};
    void meet(int round) {  // the two of them, for the n-th time
      ++arrived;
      while (arrived < 2 * round) ::sched_yield();
    }
  };
  void* memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(memory, MAP_FAILED);
  auto* shared = new (memory) Shared;
  std::vector<std::unique_ptr<Child>> children;
  for (size_t who = 0; who < 2; ++who) {
    children.push_back(std::make_unique<Child>([&, who] {
      Owner me = this_owner();
      shared->pid[who] = static_cast<int>(me.pid);
      Result<std::unique_ptr<Journal>> journal = open_journal(path, false);
      if (!journal) ++shared->errors;
      int round = 0;
      shared->meet(++round);
      std::string other = "process " + std::to_string(shared->pid[1 - who].load()) + " on " + me.host;
      for (int i = 0; i < times && journal; ++i) {
        shared->meet(++round);
        Result<Lease> lease = (*journal)->own(run, me, "x", start + Duration::seconds(1));
        if (lease) {
          ++shared->wins[who];
          if (++shared->at_work != 1) ++shared->together;
        } else {
          ++shared->refusals[who];
          if (lease.error().code != ErrorCode::busy) ++shared->errors;
          if (lease.error().message.find(other) == std::string::npos) ++shared->unnamed;
        }
        shared->meet(++round);
        if (!lease) continue;
        Result<CommitAnswer> worked = (*journal)->commit(*lease, commit_of({event(EventKind::audit)}));
        if (!worked || *worked != CommitAnswer::stored) ++shared->errors;
        --shared->at_work;
        Result<CommitAnswer> put_down = (*journal)->commit(*lease, release());
        if (!put_down || *put_down != CommitAnswer::stored) ++shared->errors;
      }
      return 0;
    }));
  }
  for (const std::unique_ptr<Child>& child : children) EXPECT_EQ(child->end(), 0);
  EXPECT_EQ(shared->together, 0) << "both had it at once";
  EXPECT_EQ(shared->unnamed, 0) << "a refusal did not name the owner";
  EXPECT_EQ(shared->errors, 0);
  EXPECT_EQ(shared->wins[0] + shared->wins[1], times) << "one goes on each time";
  EXPECT_EQ(shared->refusals[0] + shared->refusals[1], times);
  EXPECT_EQ(column(path, "SELECT count(*) FROM event WHERE kind = 'owned'"),
            std::vector<std::string>{std::to_string(shared->wins[0] + shared->wins[1])});
  ::munmap(memory, sizeof(Shared));
}

// And two threads, which meet more closely: each pair starts at once.
TEST_F(Ownership, HasOneWinnerInEachOfTwoHundredRacesOfThreads) {
  constexpr int races = 200;
  std::array<std::unique_ptr<Journal>, 2> journals = {open_store(path), open_store(path)};
  std::array<Owner, 2> owners = {owner_named("left"), owner_named("right")};
  Owner maker = owner_named("maker");
  int wins[races] = {}, busy[races] = {};
  std::barrier both(2);
  std::mutex mutex;
  std::unique_ptr<Journal> making = open_store(path);
  for (int i = 0; i < races; ++i) {
    Result<Lease> lease = making->create(new_run("run" + std::to_string(i)), first_events(), maker);
    ASSERT_TRUE(lease.has_value());
    ASSERT_TRUE(making->commit(*lease, release()).has_value());
  }
  std::vector<std::thread> threads;
  for (size_t who = 0; who < 2; ++who) {
    threads.emplace_back([&, who] {
      for (int i = 0; i < races; ++i) {
        both.arrive_and_wait();
        Result<Lease> lease =
            journals[who]->own("run" + std::to_string(i), owners[who], "x", start + Duration::seconds(1));
        std::lock_guard lock(mutex);
        if (lease) ++wins[i];
        if (!lease && lease.error().code == ErrorCode::busy) ++busy[i];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (int i = 0; i < races; ++i) {
    EXPECT_EQ(wins[i], 1) << "race " << i;
    EXPECT_EQ(busy[i], 1) << "race " << i;
  }
}

TEST_F(Ownership, OfThisProcessSaysWhoItIs) {
  Owner owner = this_owner();
  EXPECT_EQ(owner.pid, ::getpid());
  EXPECT_FALSE(owner.host.empty());
  EXPECT_EQ(owner.boot_id.size(), 36u);
  EXPECT_GT(owner.started, 0);
  EXPECT_EQ(owner.id, owner.host + ":" + std::to_string(owner.pid) + ":" + std::to_string(owner.started));
  EXPECT_EQ(this_owner().id, owner.id);
}

}  // namespace
}  // namespace muster::journal_world
