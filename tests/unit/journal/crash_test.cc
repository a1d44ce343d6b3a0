// Power losses, failed writes and failed syncs at every write and at every sync of a run.
#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <string>

#include "interpreter/journal/journal.h"
#include "tests/unit/journal/journal_world.h"
#include "tests/world/crash_vfs.h"

namespace muster::journal_world {
namespace {

const std::string run_id = "a1b2c3d4e5f60718";
constexpr int steps = 20;

std::string body_of(int step, size_t size) {
  std::string body = "{\"step\":" + std::to_string(step) + ",\"text\":\"";
  return body + std::string(size, static_cast<char>('a' + step % 26)) + "\"}";
}

// A run of 20 commits, an event each, and its ending.
struct Sequence {
  size_t body_bytes = 200;
  bool synchronous = true;

  // What was acknowledged; the first failure ends it.
  struct Went {
    bool created = false;
    int acknowledged = 0;
    std::optional<Error> error;
    Lease lease;
    std::unique_ptr<Journal> journal;
  };
  Went go(const std::string& path, const std::string& vfs) const {
    Went went;
    OpenOptions options;
    options.create = true;
    options.vfs = vfs;
    options.synchronous = synchronous;
    Result<std::unique_ptr<Journal>> journal = open_sqlite_journal(path, options);
    if (!journal) {
      went.error = journal.error();
      return went;
    }
    went.journal = std::move(*journal);
    Result<Lease> lease = went.journal->create(new_run(run_id), first_events(), owner_named("ann"));
    if (!lease) {
      went.error = lease.error();
      return went;
    }
    went.created = true;
    went.lease = *lease;
    for (int step = 1; step <= steps; ++step) {
      bool last = step == steps;
      Commit commit =
          last ? ending()
               : commit_of({event(EventKind::intent, "s" + std::to_string(step), 1, body_of(step, body_bytes))});
      Result<CommitAnswer> answer = went.journal->commit(went.lease, commit);
      if (!answer) {
        went.error = answer.error();
        return went;
      }
      EXPECT_EQ(*answer, CommitAnswer::stored);
      ++went.acknowledged;
    }
    return went;
  }
};

enum class Found { prefix, lost };

// The store as another process finds it afterwards.
Found look(const std::string& path, const Sequence& sequence, const Sequence::Went& went, int in_flight) {
  std::unique_ptr<Journal> journal = open_store(path);
  if (!journal) return Found::lost;
  Result<RunRecord> record = journal->read(run_id);
  if (!record) {
    if (!went.created && record.error().code == ErrorCode::not_found) return Found::prefix;
    EXPECT_TRUE(record.error().code == ErrorCode::corrupt || record.error().code == ErrorCode::not_found)
        << record.error().message;
    return Found::lost;
  }
  int stored = static_cast<int>(record->events.size()) - 1;
  if (stored < went.acknowledged) return Found::lost;
  EXPECT_LE(stored, went.acknowledged + in_flight);
  for (int step = 1; step <= stored; ++step) {
    const Event& e = record->events[static_cast<size_t>(step)];
    EXPECT_EQ(e.body, step < steps ? body_of(step, sequence.body_bytes) : ending().events[0].body) << "step " << step;
  }
  Result<VerifyReport> report = journal->verify();
  EXPECT_TRUE(report.has_value()) << message_of(report);
  if (report)
    for (const VerifyFinding& finding : report->findings) ADD_FAILURE() << finding.run << " " << finding.message;
  // And it goes on.
  if (!has_ended(record->row.state)) {
    Result<Lease> lease = journal->own(run_id, owner_named("bob"), "bob", start + Duration::seconds(60));
    EXPECT_TRUE(lease.has_value()) << message_of(lease);
    if (lease) {
      EXPECT_EQ(journal->commit(*lease, ending()).value_or(CommitAnswer::lost), CommitAnswer::stored);
    }
  }
  return Found::prefix;
}

struct Sweep {
  int points = 0, losses = 0;
};

Sweep power_losses(const Sequence& sequence, CrashVfs::At at, CrashVfs::Loss loss, int64_t stride = 1) {
  Sweep sweep;
  for (int64_t n = 1;; n += stride) {
    SCOPED_TRACE(std::string(at == CrashVfs::At::write ? "write " : "sync ") + std::to_string(n));
    QuickDirectory folder;
    std::string path = folder.path() + "/muster.db";
    CrashVfs vfs("losing-power");
    vfs.plan(CrashVfs::Fault::power_loss, at, n, loss);
    Sequence::Went went = sequence.go(path, vfs.name());
    if (!vfs.struck()) return sweep;
    went.journal.reset();
    vfs.restart();
    ++sweep.points;
    if (look(path, sequence, went, 1) == Found::lost) ++sweep.losses;
    if (testing::Test::HasFailure()) return sweep;
  }
}

TEST(PowerLoss, AtAnyWriteLeavesAPrefixThatHoldsAllThatWasAcknowledged) {
  for (CrashVfs::Loss loss :
       {CrashVfs::Loss::all, CrashVfs::Loss::every_other, CrashVfs::Loss::second_half_of_the_last}) {
    int64_t stride = loss == CrashVfs::Loss::all ? 1 : 3;
    Sweep sweep = power_losses({}, CrashVfs::At::write, loss, stride);
    EXPECT_EQ(sweep.losses, 0);
    EXPECT_GT(sweep.points * stride, 5 * steps);
  }
}

TEST(PowerLoss, AtAnySyncLeavesAPrefixThatHoldsAllThatWasAcknowledged) {
  for (CrashVfs::Loss loss :
       {CrashVfs::Loss::all, CrashVfs::Loss::every_other, CrashVfs::Loss::second_half_of_the_last}) {
    Sweep sweep = power_losses({}, CrashVfs::At::sync, loss);
    EXPECT_EQ(sweep.losses, 0);
    EXPECT_GE(sweep.points, steps);
  }
}

// Bodies so large that the log is checkpointed in the middle of the run and begins anew.
TEST(PowerLoss, AroundACheckpointLosesNothing) {
  Sequence large;
  large.body_bytes = 280'000;
  EXPECT_EQ(power_losses(large, CrashVfs::At::sync, CrashVfs::Loss::all).losses, 0);
  EXPECT_EQ(power_losses(large, CrashVfs::At::sync, CrashVfs::Loss::every_other, 3).losses, 0);
  Sweep writes = power_losses(large, CrashVfs::At::write, CrashVfs::Loss::every_other, 211);
  EXPECT_EQ(writes.losses, 0);
  EXPECT_GT(writes.points, 8);
}

// The proof that these tests can fail.
TEST(PowerLoss, LosesAcknowledgedEventsWhenCommitsAreNotSynced) {
  Sequence control;
  control.synchronous = false;
  Sweep sweep = power_losses(control, CrashVfs::At::write, CrashVfs::Loss::all, 5);
  EXPECT_GT(sweep.losses, sweep.points / 3) << "of " << sweep.points;
}

TEST(PowerLoss, WithoutSyncsIsNoticedByTheNoteOfTheLastHead) {
  Sequence control;
  control.synchronous = false;
  QuickDirectory folder;
  std::string path = folder.path() + "/muster.db";
  CrashVfs vfs("losing-power");
  Sequence::Went went = control.go(path, vfs.name());
  ASSERT_FALSE(went.error);
  QuickDirectory second;
  path = second.path() + "/muster.db";
  vfs.plan(CrashVfs::Fault::power_loss, CrashVfs::At::write, vfs.writes() / 2);
  went = control.go(path, vfs.name());
  ASSERT_TRUE(vfs.struck());
  went.journal.reset();
  vfs.restart();
  std::unique_ptr<Journal> journal = open_store(path);
  ASSERT_TRUE(journal);
  Result<Lease> lease = journal->own(run_id, owner_named("bob"), "bob", start + Duration::seconds(60));
  ASSERT_FALSE(lease.has_value());
  EXPECT_EQ(lease.error().code, ErrorCode::corrupt);
  EXPECT_NE(lease.error().message.find("the journal is missing"), std::string::npos) << lease.error().message;
}

TEST(FailedSync, IsFinalAndLosesNothingThatWasAcknowledged) {
  int failed = 0;
  for (int64_t n = 1;; ++n) {
    SCOPED_TRACE("sync " + std::to_string(n));
    QuickDirectory folder;
    std::string path = folder.path() + "/muster.db";
    CrashVfs vfs("failing-sync");
    vfs.plan(CrashVfs::Fault::io_error, CrashVfs::At::sync, n);
    Sequence sequence;
    Sequence::Went went = sequence.go(path, vfs.name());
    if (!vfs.struck()) break;
    if (went.error) {
      ++failed;
      EXPECT_EQ(went.error->code, ErrorCode::storage) << went.error->message;
    }
    if (went.created && went.error) {
      int64_t syncs = vfs.syncs();
      Result<CommitAnswer> again = went.journal->commit(went.lease, ending());
      ASSERT_FALSE(again.has_value());
      EXPECT_EQ(again.error().code, ErrorCode::storage);
      EXPECT_EQ(vfs.syncs(), syncs) << "a sync that failed is not tried again";
    }
    vfs.lose_power();  // what the failed sync should have kept is gone
    went.journal.reset();
    vfs.restart();
    EXPECT_EQ(look(path, sequence, went, 1), Found::prefix);
    if (HasFailure()) return;
  }
  EXPECT_GT(failed, steps / 2);
}

TEST(FailedWrite, ChangesNothing) {
  for (int64_t n = 1;; ++n) {
    SCOPED_TRACE("write " + std::to_string(n));
    QuickDirectory folder;
    std::string path = folder.path() + "/muster.db";
    CrashVfs vfs("failing-write");
    vfs.plan(CrashVfs::Fault::io_error, CrashVfs::At::write, n);
    Sequence sequence;
    Sequence::Went went = sequence.go(path, vfs.name());
    if (!vfs.struck()) return;
    EXPECT_TRUE(!went.error || went.error->code == ErrorCode::storage) << went.error->message;
    went.journal.reset();
    vfs.restart();
    EXPECT_EQ(look(path, sequence, went, 0), Found::prefix);
    if (HasFailure()) return;
  }
}

TEST(Flushes, AreOneForEachCommit) {
  QuickDirectory folder;
  CrashVfs vfs("counting");
  OpenOptions options;
  options.vfs = vfs.name();
  std::unique_ptr<Journal> journal = open_store(folder.path() + "/muster.db", options);
  Result<Lease> lease = journal->create(new_run(run_id), first_events(), owner_named("ann"));
  ASSERT_TRUE(lease.has_value()) << message_of(lease);
  vfs.plan(CrashVfs::Fault::none);
  constexpr int64_t n = 1000;
  std::string output(300, 'o');
  for (int i = 0; i < n; ++i) {
    std::string step = "phase/step-" + std::to_string(i);
    Commit commit = commit_of({event(EventKind::outcome, step, 1, body_of(i, 200)),
                               event(EventKind::intent, step + "'", 1, body_of(i, 150))});
    commit.outputs = {{OpId{step}, 1, "stdout", output, "", output.size(), sha256_hex(output)}};
    commit.ops = {{OpId{step}, 1, "succeeded"}};
    commit.state = RunState::running;
    ASSERT_EQ(journal->commit(*lease, commit).value_or(CommitAnswer::lost), CommitAnswer::stored);
  }
  EXPECT_GE(vfs.syncs(), n) << "each commit is synced";
  EXPECT_LE(vfs.syncs(), n + n * 3 / 100 + 16);
  RecordProperty("syncs", std::to_string(vfs.syncs()));
}

TEST(Flushes, OfTakingAndGivingBackARunAreOneEach) {
  QuickDirectory folder;
  std::string path = folder.path() + "/muster.db";
  open_store(path);
  CrashVfs vfs("counting");
  OpenOptions options;
  options.vfs = vfs.name();
  {
    std::unique_ptr<Journal> journal = open_store(path, options);
    EXPECT_EQ(vfs.syncs(), 0) << "opening syncs nothing";
    Result<Lease> lease = journal->create(new_run(run_id), first_events(), owner_named("ann"));
    ASSERT_TRUE(lease.has_value()) << message_of(lease);
    EXPECT_LE(vfs.syncs(), 2) << "the log's header and the commit";
    vfs.plan(CrashVfs::Fault::none);
    ASSERT_TRUE(journal->commit(*lease, release()).has_value());
    EXPECT_EQ(vfs.syncs(), 1);
  }
  std::unique_ptr<Journal> journal = open_store(path, options);
  vfs.plan(CrashVfs::Fault::none);
  ASSERT_TRUE(journal->own(run_id, owner_named("bob"), "bob", start).has_value());
  EXPECT_EQ(vfs.syncs(), 1);
}

// A file's name is given only to what is safe on the disk.
TEST(NewStore, IsSyncedBeforeItGetsItsName) {
  QuickDirectory folder;
  CrashVfs vfs("counting");
  OpenOptions options;
  options.vfs = vfs.name();
  std::unique_ptr<Journal> journal = open_store(folder.path() + "/muster.db", options);
  ASSERT_TRUE(journal);
  EXPECT_GT(vfs.syncs(), 0);
  for (const std::string& file : vfs.unsynced()) EXPECT_EQ(file.find(".new"), std::string::npos) << file;
}

}  // namespace
}  // namespace muster::journal_world
