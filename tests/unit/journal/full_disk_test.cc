// A full disk at every write of a run: what was acknowledged stays, what has happened is recorded from the reserve,
// nothing new begins, and the run goes on once there is room.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <optional>

#include "interpreter/base/json.h"
#include "tests/unit/journal/journal_world.h"
#include "tests/world/crash_vfs.h"

namespace muster::journal_world {
namespace {

const std::string run_id = "a1b2c3d4e5f60718";
constexpr int steps = 12;

// The outcome of a step and the intent of the next, as the loop commits them.
Commit turn(int step, const std::string& printed = std::string(9000, 'o')) {
  std::string done = "s" + std::to_string(step), next = "s" + std::to_string(step + 1);
  std::vector<OutputRecord> outputs = {{OpId{done}, 1, "stdout", printed, "", printed.size(), sha256_hex(printed)}};
  Commit commit = commit_of({event(EventKind::outcome, done, 1,
                                   encode_value(Map{{"state", "succeeded"}, {"streams", outputs_in_event(outputs)}})),
                             event(EventKind::intent, next, 1, R"({"effect":"write"})")});
  commit.outputs = outputs;
  return commit;
}

// Of the same turn what has happened already.
Commit outcome_alone(int step) {
  Commit commit = turn(step);
  commit.events.resize(1);
  commit.from_reserve = true;
  return commit;
}

class FullDisk : public testing::Test {
 protected:
  std::unique_ptr<Journal> open() {
    OpenOptions options;
    options.vfs = vfs.name();
    options.create = true;
    Result<std::unique_ptr<Journal>> journal = open_sqlite_journal(path, options);
    if (!journal) error = journal.error();
    return journal ? std::move(*journal) : nullptr;
  }
  // Turns until one does not find room; those that were stored.
  int go(Journal& journal, Lease& lease) {
    for (int step = 1; step <= steps; ++step) {
      Result<CommitAnswer> answer = journal.commit(lease, turn(step));
      if (answer && *answer == CommitAnswer::stored) continue;
      EXPECT_EQ(answer.value_or(CommitAnswer::lost), CommitAnswer::full) << message_of(answer);
      return step - 1;
    }
    return steps;
  }
  int events_on_disk() {
    std::unique_ptr<Journal> journal = open_store(path);
    if (!journal) return -1;
    Result<VerifyReport> report = journal->verify();
    EXPECT_TRUE(report.has_value()) << message_of(report);
    if (report)
      for (const VerifyFinding& finding : report->findings) ADD_FAILURE() << finding.run << " " << finding.message;
    Result<RunRecord> record = journal->read(run_id);
    EXPECT_TRUE(record.has_value()) << message_of(record);
    return record ? static_cast<int>(record->events.size()) : -1;
  }
  bool has_reserve() const {
    struct stat status {};
    return ::stat((path + ".reserve").c_str(), &status) == 0 && status.st_size == reserve_size;
  }

  QuickDirectory folder;
  std::string path = folder.path() + "/muster.db";
  CrashVfs vfs{"full-disk"};
  std::optional<Error> error;
};

TEST_F(FullDisk, AtAnyWriteRecordsWhatHasHappenedFromTheReserveAndBeginsNothing) {
  int full = 0;
  for (int64_t n = 1;; ++n) {
    SCOPED_TRACE("write " + std::to_string(n));
    std::filesystem::remove_all(folder.path());
    std::filesystem::create_directory(folder.path());
    error.reset();
    vfs.restart();
    vfs.reserve(path + ".reserve", reserve_size);
    vfs.plan(CrashVfs::Fault::disk_full, CrashVfs::At::write, n);
    std::unique_ptr<Journal> journal = open();
    if (!journal) {
      EXPECT_EQ(error->code, ErrorCode::storage) << error->message;
      continue;
    }
    Result<Lease> lease = journal->create(new_run(run_id), first_events(), owner_named("ann"));
    if (!lease) {
      EXPECT_EQ(lease.error().code, ErrorCode::storage);
      EXPECT_NE(lease.error().message.find("full"), std::string::npos) << lease.error().message;
      continue;
    }
    int64_t before = lease->next_seq;
    int stored = go(*journal, *lease);
    if (!vfs.struck()) break;
    EXPECT_EQ(lease->next_seq, before + 2 * stored) << "the lease moves with what was stored, and no further";
    int expected = 1 + 2 * stored;
    if (stored < steps) {
      ++full;
      EXPECT_TRUE(has_reserve()) << "an intent is not worth the reserve";
      Commit last = outcome_alone(stored + 1);
      last.state = RunState::waiting;
      last.release = true;
      Result<CommitAnswer> answer = journal->commit(*lease, last);
      ASSERT_TRUE(answer.has_value()) << message_of(answer);
      EXPECT_EQ(*answer, CommitAnswer::stored);
      EXPECT_FALSE(has_reserve());
      ++expected;
    }
    journal.reset();
    vfs.restart();  // space was freed
    EXPECT_EQ(events_on_disk(), expected);
    // And it goes on, with a reserve as before.
    journal = open();
    ASSERT_TRUE(journal);
    Result<Lease> again = journal->own(run_id, owner_named("bob"), "bob", start + Duration::seconds(60));
    ASSERT_TRUE(again.has_value()) << message_of(again);
    EXPECT_TRUE(has_reserve());
    if (stored < steps) {
      Commit rest = turn(stored + 1);
      rest.outputs.clear();
      rest.events.erase(rest.events.begin());  // its outcome stands there
      EXPECT_EQ(journal->commit(*again, rest).value_or(CommitAnswer::lost), CommitAnswer::stored);
    }
    if (HasFailure()) return;
  }
  EXPECT_GT(full, 3 * steps);
}

TEST_F(FullDisk, LosesNothingWhereEvenTheReserveIsTooSmall) {
  std::unique_ptr<Journal> journal = open();
  Result<Lease> lease = journal->create(new_run(run_id), first_events(), owner_named("ann"));
  ASSERT_TRUE(lease.has_value()) << message_of(lease);
  ASSERT_EQ(journal->commit(*lease, turn(1)).value_or(CommitAnswer::lost), CommitAnswer::stored);
  vfs.plan(CrashVfs::Fault::disk_full, CrashVfs::At::write, 1);
  EXPECT_EQ(journal->commit(*lease, turn(2)).value_or(CommitAnswer::lost), CommitAnswer::full);
  Result<CommitAnswer> answer = journal->commit(*lease, outcome_alone(2));
  ASSERT_FALSE(answer.has_value());
  EXPECT_EQ(answer.error().code, ErrorCode::storage);
  EXPECT_NE(answer.error().message.find("is full"), std::string::npos) << answer.error().message;
  EXPECT_NE(answer.error().hint.find("muster resume"), std::string::npos);
  EXPECT_EQ(events_on_disk(), 3);
  // A write that found no room has left nothing behind: the same journal goes on once there is some.
  vfs.plan(CrashVfs::Fault::none);
  vfs.restart();
  EXPECT_EQ(journal->commit(*lease, turn(2)).value_or(CommitAnswer::lost), CommitAnswer::stored);
  EXPECT_EQ(events_on_disk(), 5);
}

TEST_F(FullDisk, GivesUpWhatWasPrintedBeforeWhatHasHappened) {
  std::unique_ptr<Journal> journal = open();
  Result<Lease> lease = journal->create(new_run(run_id), first_events(), owner_named("ann"));
  ASSERT_TRUE(lease.has_value()) << message_of(lease);
  vfs.reserve(path + ".reserve", 40'000);
  vfs.plan(CrashVfs::Fault::disk_full, CrashVfs::At::write, 1);
  Commit large = turn(1, std::string(200'000, 'p'));
  large.events[1] =
      event(EventKind::audit, "playbook", 0, encode_value(Map{{"event", std::string(full_disk_notice) + ": waiting"}}));
  large.from_reserve = true;
  Result<CommitAnswer> answer = journal->commit(*lease, large);
  ASSERT_TRUE(answer.has_value()) << message_of(answer);
  EXPECT_EQ(*answer, CommitAnswer::stored);
  vfs.restart();
  EXPECT_EQ(events_on_disk(), 3);
  EXPECT_TRUE(journal->outputs(run_id).value().empty());
}

TEST_F(FullDisk, LetsNoEffectBeginWhileThereIsNoReserve) {
  std::unique_ptr<Journal> journal = open_store(path);
  Result<Lease> lease = journal->create(new_run(run_id), first_events(), owner_named("ann"));
  ASSERT_TRUE(lease.has_value()) << message_of(lease);
  ASSERT_TRUE(has_reserve());
  // Somebody took it away, and nothing can stand in its place.
  std::filesystem::remove(path + ".reserve");
  std::filesystem::create_directory(path + ".reserve");
  EXPECT_EQ(journal->commit(*lease, turn(1)).value_or(CommitAnswer::lost), CommitAnswer::full);
  EXPECT_EQ(events_on_disk(), 1);
  EXPECT_EQ(journal->commit(*lease, outcome_alone(1)).value_or(CommitAnswer::lost), CommitAnswer::stored);
  std::filesystem::remove(path + ".reserve");
  Commit next = commit_of({event(EventKind::intent, "s2", 1, R"({"effect":"write"})")});
  EXPECT_EQ(journal->commit(*lease, next).value_or(CommitAnswer::lost), CommitAnswer::stored);
  EXPECT_TRUE(has_reserve()) << "it is filled again";
}

TEST_F(FullDisk, OfCommandsThatOnlySayAWordIsAnErrorAndNoMore) {
  std::unique_ptr<Journal> journal = open();
  Result<Lease> lease = journal->create(new_run(run_id), first_events(), owner_named("ann"));
  ASSERT_TRUE(lease.has_value()) << message_of(lease);
  vfs.plan(CrashVfs::Fault::disk_full, CrashVfs::At::write, 1);
  Result<void> said = journal->say(run_id, event(EventKind::vote, "gate", 1, R"({"verdict":"approve"})"));
  ASSERT_FALSE(said.has_value());
  EXPECT_NE(said.error().message.find("is full"), std::string::npos) << said.error().message;
  EXPECT_TRUE(has_reserve()) << "a vote is not worth it";
  vfs.restart();
  EXPECT_TRUE(journal->say(run_id, event(EventKind::vote, "gate", 1, R"({"verdict":"approve"})")).has_value());
}

TEST_F(FullDisk, ReserveHoldsItsBlocksAndIsReadByNobodyElse) {
  TempDirectory disk;
  StoreReserve reserve(disk.path() + "/muster.db", reserve_size);
  EXPECT_FALSE(reserve.is_full());
  ASSERT_TRUE(reserve.fill().has_value());
  struct stat status {};
  ASSERT_EQ(::stat(reserve.path().c_str(), &status), 0);
  EXPECT_EQ(status.st_size, reserve_size);
  EXPECT_GE(status.st_blocks * 512, reserve_size) << "not a hole";
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_TRUE(reserve.release());
  EXPECT_FALSE(reserve.release());
}

// Bounded: the log does not grow with the run, and what is in the way of a checkpoint only delays it.
TEST(TheLog, StaysBoundedInALongRunAndAfterAReaderThatHeldItUp) {
  QuickDirectory folder;
  std::string path = folder.path() + "/muster.db";
  std::unique_ptr<Journal> journal = open_store(path);
  Result<Lease> lease = journal->create(new_run(run_id), first_events(), owner_named("ann"));
  ASSERT_TRUE(lease.has_value()) << message_of(lease);
  auto log_size = [&] { return static_cast<int64_t>(std::filesystem::file_size(path + "-wal")); };
  auto write = [&](int from, int to) {
    for (int i = from; i < to; ++i)
      ASSERT_EQ(journal->commit(*lease, turn(i)).value_or(CommitAnswer::lost), CommitAnswer::stored);
  };
  constexpr int64_t limit = 4 << 20, slack = 256 << 10;
  write(1, 1000);
  EXPECT_LE(log_size(), limit + slack);
  {
    sqlite3* raw = nullptr;
    ASSERT_EQ(sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE, nullptr), SQLITE_OK);
    Handle<sqlite3, &sqlite3_close_v2> reader(raw);
    sqlite3_db_config(raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    ASSERT_EQ(sqlite3_exec(raw, "BEGIN; SELECT count(*) FROM event", nullptr, nullptr, nullptr), SQLITE_OK);
    write(1000, 1600);
    EXPECT_GT(log_size(), limit + slack) << "the reader's state is still in it";
  }
  int64_t held_up = log_size();
  write(1600, 3000);
  EXPECT_LE(log_size(), held_up + limit) << "it begins anew in the room that it has";
  ASSERT_EQ(journal->commit(*lease, ending()).value_or(CommitAnswer::lost), CommitAnswer::stored);
  EXPECT_EQ(log_size(), 0) << "the last to leave empties it";
}

// What a reader of an old state costs is told once it is much.
TEST(TheLog, RaisesAnAlarmWhenAReaderLetsItGrowPastItsLimit) {
  QuickDirectory folder;
  std::string path = folder.path() + "/muster.db";
  OpenOptions options;
  options.log_alarm_pages = 2048;
  std::unique_ptr<Journal> journal = open_store(path, options);
  Result<Lease> lease = journal->create(new_run(run_id), first_events(), owner_named("ann"));
  ASSERT_TRUE(lease.has_value()) << message_of(lease);
  auto write = [&](int from, int to) {
    for (int i = from; i < to; ++i)
      ASSERT_EQ(journal->commit(*lease, turn(i)).value_or(CommitAnswer::lost), CommitAnswer::stored);
  };
  write(1, 1500);
  EXPECT_FALSE(journal->alarm()) << "however long a run is";
  {
    sqlite3* raw = nullptr;
    ASSERT_EQ(sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE, nullptr), SQLITE_OK);
    Handle<sqlite3, &sqlite3_close_v2> reader(raw);
    sqlite3_db_config(raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
    ASSERT_EQ(sqlite3_exec(raw, "BEGIN; SELECT count(*) FROM event", nullptr, nullptr, nullptr), SQLITE_OK);
    write(1500, 2400);
    std::optional<std::string> alarm = journal->alarm();
    ASSERT_TRUE(alarm.has_value());
    EXPECT_NE(alarm->find(path + "-wal` has grown to "), std::string::npos) << *alarm;
    EXPECT_NE(alarm->find("fuser"), std::string::npos) << *alarm;
  }
  write(2400, 4500);
  EXPECT_FALSE(journal->alarm()) << "the reader has gone, and the log began anew";
}

}  // namespace
}  // namespace muster::journal_world
