// Memory runs out at every allocation of SQLite's while a turn is committed: the turn is there or it is not, and a
// journal that cannot tell writes nothing more.
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>

#include "interpreter/base/json.h"
#include "tests/unit/journal/journal_world.h"

namespace muster::journal_world {
namespace {

// SQLite's own allocator, which gives nothing from the n-th request on that it is told to refuse.
class FailingMemory {
 public:
  enum class For { once, good };
  FailingMemory() {
    sqlite3_shutdown();
    EXPECT_EQ(sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_), SQLITE_OK);
    sqlite3_mem_methods failing = real_;
    failing.xMalloc = [](int size) { return refuses() ? nullptr : real_.xMalloc(size); };
    failing.xRealloc = [](void* old, int size) { return refuses() ? nullptr : real_.xRealloc(old, size); };
    EXPECT_EQ(sqlite3_config(SQLITE_CONFIG_MALLOC, &failing), SQLITE_OK);
    EXPECT_EQ(sqlite3_initialize(), SQLITE_OK);
  }
  ~FailingMemory() {
    plan(0, For::once);
    sqlite3_shutdown();
    sqlite3_config(SQLITE_CONFIG_MALLOC, &real_);
    sqlite3_initialize();
  }
  FailingMemory(const FailingMemory&) = delete;
  FailingMemory& operator=(const FailingMemory&) = delete;
  // 0: none is refused.
  void plan(int64_t n, For how_long) {
    left_ = n;
    for_good_ = how_long == For::good;
    refused_ = 0;
  }
  int64_t refused() const { return refused_; }

 private:
  static bool refuses() {
    if (left_ == 0) return false;
    if (left_ > 1) return --left_, false;
    if (!for_good_) left_ = 0;
    ++refused_;
    return true;
  }
  static inline sqlite3_mem_methods real_{};
  static inline int64_t left_ = 0, refused_ = 0;
  static inline bool for_good_ = false;
};

const std::string run_id = "a1b2c3d4e5f60718";
constexpr int events_of_a_turn = 2;

Commit turn(int step) {
  std::string done = "s" + std::to_string(step), next = "s" + std::to_string(step + 1);
  std::string printed(9000, 'o');
  std::vector<OutputRecord> outputs = {{OpId{done}, 1, "stdout", printed, "", printed.size(), sha256_hex(printed)}};
  Commit commit = commit_of({event(EventKind::outcome, done, 1,
                                   encode_value(Map{{"state", "succeeded"}, {"streams", outputs_in_event(outputs)}})),
                             event(EventKind::intent, next, 1, R"({"effect":"write"})")});
  commit.outputs = outputs;
  return commit;
}

class LittleMemory : public testing::TestWithParam<FailingMemory::For> {
 protected:
  // The events of the run as another process finds them; everything must hold together.
  int64_t events_on_disk() {
    std::unique_ptr<Journal> journal = open_store(path);
    if (!journal) return -1;
    Result<VerifyReport> report = journal->verify();
    EXPECT_TRUE(report.has_value()) << message_of(report);
    if (report)
      for (const VerifyFinding& finding : report->findings) ADD_FAILURE() << finding.run << " " << finding.message;
    Result<RunRecord> record = journal->read(run_id);
    EXPECT_TRUE(record.has_value()) << message_of(record);
    return record ? static_cast<int64_t>(record->events.size()) : -1;
  }
  FailingMemory memory;
  QuickDirectory folder;
  std::string path = folder.path() + "/muster.db";
};

TEST_P(LittleMemory, AtAnyAllocationOfACommitLeavesItWholeOrNotThere) {
  int struck = 0;
  for (int64_t n = 1;; ++n) {
    SCOPED_TRACE("allocation " + std::to_string(n));
    std::filesystem::remove_all(folder.path());
    std::filesystem::create_directory(folder.path());
    std::unique_ptr<Journal> journal = open_store(path);
    ASSERT_TRUE(journal);
    Result<Lease> lease = journal->create(new_run(run_id), first_events(), owner_named("ann"));
    ASSERT_TRUE(lease.has_value()) << message_of(lease);
    if (n % 2 == 0) {  // its statements are prepared, as in a long run
      ASSERT_EQ(journal->commit(*lease, turn(1)).value_or(CommitAnswer::lost), CommitAnswer::stored);
    }
    int64_t before = lease->next_seq;
    memory.plan((n + 1) / 2, GetParam());
    Result<CommitAnswer> answer = journal->commit(*lease, turn(2));
    bool was_struck = memory.refused() > 0;
    memory.plan(0, FailingMemory::For::once);
    struck += was_struck;
    bool stored = answer && *answer == CommitAnswer::stored;
    if (!was_struck) EXPECT_TRUE(stored) << message_of(answer);
    if (!answer) EXPECT_NE(answer.error().message.find("memory"), std::string::npos) << answer.error().message;
    // Who was not told that it is stored writes nothing behind it, unless it is certainly not there.
    Result<CommitAnswer> again = stored ? Result<CommitAnswer>(CommitAnswer::lost) : journal->commit(*lease, turn(2));
    bool stored_then = again && *again == CommitAnswer::stored;
    journal.reset();
    int64_t found = events_on_disk();
    EXPECT_EQ(found, before - 1 + (stored || stored_then ? events_of_a_turn : 0));
    EXPECT_EQ(lease->next_seq, found + 1);
    if (HasFailure()) return;
    if (!was_struck && n % 2 == 0) break;
  }
  EXPECT_GT(struck, 10) << "a commit asks for memory more often than that";
}

TEST_P(LittleMemory, AtAnyAllocationWhileAStoreIsOpenedAndARunTakenUpHarmsNothing) {
  {
    std::unique_ptr<Journal> journal = open_store(path);
    Result<Lease> lease = journal->create(new_run(run_id), first_events(), owner_named("ann"));
    ASSERT_TRUE(lease.has_value()) << message_of(lease);
    ASSERT_EQ(journal->commit(*lease, turn(1)).value_or(CommitAnswer::lost), CommitAnswer::stored);
    ASSERT_EQ(journal->commit(*lease, release()).value_or(CommitAnswer::lost), CommitAnswer::stored);
  }
  int64_t before = events_on_disk();
  int refused = 0;
  bool taken = false;
  for (int64_t n = 1; !taken; ++n) {
    SCOPED_TRACE("allocation " + std::to_string(n));
    memory.plan(n, GetParam());
    Result<std::unique_ptr<Journal>> journal = open_sqlite_journal(path, {});
    Result<Lease> lease = journal ? (*journal)->own(run_id, owner_named("bob"), "bob", start) : pass(journal.error());
    bool was_struck = memory.refused() > 0;
    memory.plan(0, FailingMemory::For::once);
    taken = lease.has_value() && !was_struck;
    refused += !lease.has_value();
    if (lease) {
      ASSERT_EQ((*journal)->commit(*lease, release()).value_or(CommitAnswer::lost), CommitAnswer::stored);
      ++before;
    }
    if (journal) journal->reset();
    ASSERT_EQ(events_on_disk(), before);
  }
  EXPECT_GT(refused, 50);
}

INSTANTIATE_TEST_SUITE_P(Refusing, LittleMemory, testing::Values(FailingMemory::For::once, FailingMemory::For::good),
                         [](const testing::TestParamInfo<FailingMemory::For>& info) {
                           return info.param == FailingMemory::For::once ? "Once" : "FromThenOn";
                         });

}  // namespace
}  // namespace muster::journal_world
