// Stores of other versions: the checked-in ones open, an older one is backed up and brought to the newer tables.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

#include "interpreter/journal/store_migration.h"
#include "tests/unit/journal/journal_world.h"
#include "tests/world/crash_vfs.h"

namespace muster::journal_world {
namespace {

namespace fs = std::filesystem;

class Versions : public testing::Test {
 protected:
  // A copy of the store that version `n` of the tables was released with: one run that ended, one parked at its gate.
  void take_fixture(int n) {
    fs::path from = fs::path(MUSTER_SOURCE_DIR) / "tests/fixtures" / ("store-" + std::to_string(n));
    for (const char* name : {"muster.db", "muster.db.key"}) {
      fs::copy_file(from / name, folder.path() + "/" + name);
      ASSERT_EQ(::chmod((folder.path() + "/" + name).c_str(), 0600), 0);
    }
  }
  std::vector<std::string> events() {
    return column(path,
                  "SELECT run || seq || kind || op || attempt || at_us || body || hash FROM event ORDER BY run, seq");
  }
  Result<std::unique_ptr<Journal>> open_as(const StoreVersions& versions, const std::string& vfs = {}) {
    OpenOptions options;
    options.versions = &versions;
    options.vfs = vfs;
    return open_sqlite_journal(path, options);
  }
  static void holds(Journal& journal) {
    Result<VerifyReport> report = journal.verify();
    ASSERT_TRUE(report.has_value()) << message_of(report);
    for (const VerifyFinding& finding : report->findings) ADD_FAILURE() << finding.run << " " << finding.message;
    EXPECT_EQ(report->runs, 2);
  }
  // The muster of tomorrow.
  StoreVersions tomorrow{{store_versions().steps.at(0),
                          "ALTER TABLE run ADD COLUMN colour TEXT NOT NULL DEFAULT 'green'",
                          "CREATE TABLE shelf(name TEXT PRIMARY KEY) WITHOUT ROWID; INSERT INTO shelf VALUES('a')"}};
  TempDirectory folder;
  std::string path = folder.path() + "/muster.db";
};

TEST_F(Versions, TheFirstIsStillOpenedVerifiedAndGoneOnWith) {
  take_fixture(1);
  Result<std::unique_ptr<Journal>> journal = open_journal(path, false);
  ASSERT_TRUE(journal.has_value()) << message_of(journal);
  holds(**journal);
  RunQuery open;
  open.only_open = true;
  Result<std::vector<RunRow>> waiting = (*journal)->find(open);
  ASSERT_TRUE(waiting.has_value() && waiting->size() == 1);
  EXPECT_EQ(waiting->front().state, RunState::waiting);
  Result<Lease> lease = (*journal)->own(waiting->front().id, this_owner(), "ann", start + Duration::seconds(1e9));
  ASSERT_TRUE(lease.has_value()) << message_of(lease);
  EXPECT_EQ((*journal)->commit(*lease, release()).value_or(CommitAnswer::lost), CommitAnswer::stored);
  holds(**journal);
}

TEST_F(Versions, TheFirstIsGivenTheListOfWhatWaits) {
  take_fixture(1);
  std::vector<std::string> before = events();
  Result<std::unique_ptr<Journal>> journal = open_journal(path, false);
  ASSERT_TRUE(journal.has_value()) << message_of(journal);
  EXPECT_EQ(events(), before);
  Result<std::vector<WaitingRow>> rows = (*journal)->waiting();
  ASSERT_TRUE(rows.has_value() && rows->size() == 1) << message_of(rows);
  EXPECT_TRUE(rows->front().is_gate);
  EXPECT_FALSE(rows->front().title.empty()) << "as its event tells it";
  EXPECT_GT(rows->front().steps, 0);
  Result<RunRecord> shown = (*journal)->read(rows->front().run, rows->front().seq - 1);
  ASSERT_TRUE(shown.has_value()) << message_of(shown);
  EXPECT_EQ(shown->events.front().kind, EventKind::gate_opened);
  holds(**journal);
}

TEST_F(Versions, TheFirstHasTheTablesOfANewStoreOnceItIsMigrated) {
  const std::string tables =
      "SELECT name || group_concat(c, ', ') FROM (SELECT m.name AS name, i.name || ' ' || i.type || "
      "i.\"notnull\" || i.pk AS c FROM sqlite_master m, pragma_table_info(m.name) i WHERE m.type = "
      "'table' ORDER BY m.name, i.cid) GROUP BY name ORDER BY name";
  take_fixture(1);
  ASSERT_TRUE(open_journal(path, false).has_value());
  const std::string fresh = folder.path() + "/fresh.db";
  ASSERT_TRUE(open_journal(fresh, true).has_value());
  EXPECT_EQ(column(path, tables), column(fresh, tables));
  EXPECT_EQ(column(path, "PRAGMA user_version"), column(fresh, "PRAGMA user_version"));
}

TEST_F(Versions, OfAnOlderMusterAreBackedUpAndMigratedWithTheirEventsUntouched) {
  take_fixture(1);
  std::vector<std::string> before = events();
  Result<std::unique_ptr<Journal>> journal = open_as(tomorrow);
  ASSERT_TRUE(journal.has_value()) << message_of(journal);
  EXPECT_EQ(column(path, "PRAGMA user_version"), std::vector<std::string>{"4"});
  EXPECT_EQ(column(path, "SELECT DISTINCT colour FROM run"), std::vector<std::string>{"green"});
  EXPECT_EQ(column(path, "SELECT name FROM shelf"), std::vector<std::string>{"a"});
  EXPECT_EQ(events(), before);
  holds(**journal);
  // The store of before stands beside it, whole, for the muster of before.
  std::string backup = migration_backup_of(path, 1);
  struct stat status {};
  ASSERT_EQ(::stat(backup.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  Result<std::unique_ptr<Journal>> old = open_journal(backup, false);
  ASSERT_TRUE(old.has_value()) << message_of(old);
  holds(**old);
  // A second time there is nothing to do.
  fs::remove(backup);
  journal->reset();
  journal = open_as(tomorrow);
  ASSERT_TRUE(journal.has_value()) << message_of(journal);
  EXPECT_FALSE(fs::exists(backup));
  EXPECT_EQ(column(path, "SELECT count(*) FROM shelf"), std::vector<std::string>{"1"});
}

TEST_F(Versions, OfTomorrowAreRefusedByName) {
  take_fixture(1);
  ASSERT_TRUE(open_as(tomorrow).has_value());
  Result<std::unique_ptr<Journal>> journal = open_journal(path, false);
  ASSERT_FALSE(journal.has_value());
  EXPECT_EQ(journal.error().code, ErrorCode::refused);
  EXPECT_NE(journal.error().message.find("has version 4, and this muster knows version 2"), std::string::npos)
      << journal.error().message;
}

TEST_F(Versions, ThatCannotBeMigratedStayAsTheyWere) {
  take_fixture(1);
  std::vector<std::string> before = events();
  StoreVersions wrong{{store_versions().steps.at(0), "ALTER TABLE nowhere ADD COLUMN x"}};
  Result<std::unique_ptr<Journal>> journal = open_as(wrong);
  ASSERT_FALSE(journal.has_value());
  EXPECT_EQ(journal.error().code, ErrorCode::storage);
  EXPECT_NE(journal.error().message.find("nowhere"), std::string::npos) << journal.error().message;
  EXPECT_EQ(column(path, "PRAGMA user_version"), std::vector<std::string>{"1"});
  EXPECT_EQ(events(), before);
  journal = open_journal(path, false);
  ASSERT_TRUE(journal.has_value()) << message_of(journal);
  holds(**journal);
}

TEST_F(Versions, LosePowerInTheMiddleOfAMigrationAndAreOneOrTheOther) {
  int olds = 0, news = 0;
  for (int64_t n = 1;; ++n) {
    SCOPED_TRACE("write " + std::to_string(n));
    for (const fs::directory_entry& entry : fs::directory_iterator(folder.path())) fs::remove_all(entry.path());
    take_fixture(1);
    CrashVfs vfs("losing-power");
    vfs.plan(CrashVfs::Fault::power_loss, CrashVfs::At::write, n);
    (void)open_as(tomorrow, vfs.name());
    bool struck = vfs.struck();
    vfs.restart();
    if (!struck) break;
    std::string version = column(path, "PRAGMA user_version").at(0);
    ASSERT_TRUE(version == "1" || version == "4") << version;
    ++(version == "1" ? olds : news);
    Result<std::unique_ptr<Journal>> journal = open_as(tomorrow);
    ASSERT_TRUE(journal.has_value()) << message_of(journal);
    holds(**journal);
    if (HasFailure()) return;
  }
  EXPECT_GT(olds, 2);
  EXPECT_GT(news, 0);
}

}  // namespace
}  // namespace muster::journal_world
