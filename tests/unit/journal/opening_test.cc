// What may be a store and what may not, and what is left untouched.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>
#include <thread>

#include "interpreter/journal/journal.h"
#include "interpreter/journal/store_files.h"
#include "interpreter/journal/store_lock.h"
#include "tests/unit/journal/journal_world.h"

namespace muster::journal_world {
namespace {

namespace fs = std::filesystem;

// Names and contents of all that stands in a folder.
std::map<std::string, std::string> contents(const std::string& folder) {
  std::map<std::string, std::string> out;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    std::string& text = out[entry.path().filename().string()];
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    std::stringstream all;
    all << in.rdbuf();
    text = all.str();
  }
  return out;
}

class Opening : public testing::Test {
 protected:
  // Opening it is refused with this reason, and nothing in the folder changes, whether it may be made or not.
  void is_refused(const std::string& reason) {
    auto before = contents(folder.path());
    for (bool create : {false, true}) {
      Result<std::unique_ptr<Journal>> journal = open_journal(path, create);
      ASSERT_FALSE(journal.has_value());
      EXPECT_EQ(journal.error().code, ErrorCode::refused) << journal.error().message;
      EXPECT_NE(journal.error().message.find(reason), std::string::npos) << journal.error().message;
      EXPECT_NE(journal.error().message.find(path), std::string::npos) << journal.error().message;
      EXPECT_EQ(contents(folder.path()), before);
    }
  }
  void write(const std::string& text) { std::ofstream(path, std::ios::binary) << text; }
  // A finished store of one run, with nobody in it.
  void make_store() {
    std::unique_ptr<Journal> journal = open_store(path);
    Result<Lease> lease = journal->create(new_run("a1b2c3d4e5f60718"), first_events(), this_owner());
    ASSERT_TRUE(lease.has_value()) << message_of(lease);
    ASSERT_TRUE(journal->commit(*lease, ending()).has_value());
  }
  // Everything in the main file, as after a checkpoint.
  void fold() {
    tamper(path, "PRAGMA wal_checkpoint(TRUNCATE)");
    fs::remove(path + "-wal");
    fs::remove(path + "-shm");
  }
  TempDirectory folder;
  std::string path = folder.path() + "/muster.db";
};

using Store = Opening;

TEST_F(Opening, SaysWhereNoStoreIsAndMakesNone) {
  Result<std::unique_ptr<Journal>> journal = open_journal(path, false);
  ASSERT_FALSE(journal.has_value());
  EXPECT_EQ(journal.error().code, ErrorCode::not_found);
  EXPECT_TRUE(contents(folder.path()).empty());
}

TEST_F(Opening, RefusesADirectory) {
  fs::create_directory(path);
  is_refused("directory");
}

TEST_F(Opening, RefusesAFifoWithoutWaitingForIt) {
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  is_refused("no ordinary file");
}

TEST_F(Opening, RefusesAnEmptyFile) {
  write("");
  is_refused("empty");
}

TEST_F(Opening, RefusesATextFile) {
  write("dear diary\n");
  is_refused("not a database");
}

TEST_F(Opening, RefusesNoiseAsLongAsADatabase) {
  write(std::string(8192, '\x5a'));
  is_refused("not a database");
}

TEST_F(Opening, RefusesAnotherProgramsDatabase) {
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &raw), SQLITE_OK);
  sqlite3_exec(raw, "PRAGMA journal_mode=WAL; PRAGMA application_id=7; CREATE TABLE run(id); INSERT INTO run VALUES(1)",
               nullptr, nullptr, nullptr);
  sqlite3_close(raw);
  is_refused("another program's database");
}

TEST_F(Opening, RefusesADatabaseWithoutAnApplicationId) {
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &raw), SQLITE_OK);
  sqlite3_exec(raw, "CREATE TABLE users(id)", nullptr, nullptr, nullptr);
  sqlite3_close(raw);
  is_refused("another program's database");
}

TEST_F(Opening, RefusesANewerStoreByItsVersion) {
  make_store();
  tamper(path, "PRAGMA user_version=9");
  fold();
  is_refused("version 9");
}

TEST_F(Opening, RefusesANewerStoreWhoseVersionStandsInTheLogOnly) {
  make_store();
  fold();
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &raw), SQLITE_OK);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  ASSERT_EQ(sqlite3_exec(raw, "PRAGMA user_version=9", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(raw);
  Result<std::unique_ptr<Journal>> journal = open_journal(path, true);
  ASSERT_FALSE(journal.has_value());
  EXPECT_EQ(journal.error().code, ErrorCode::refused);
  EXPECT_NE(journal.error().message.find("version 9"), std::string::npos) << journal.error().message;
}

TEST_F(Opening, RefusesALinkThatLeadsNowhere) {
  fs::create_symlink(folder.path() + "/gone.db", path);
  for (bool create : {false, true}) EXPECT_EQ(open_journal(path, create).error().code, ErrorCode::refused);
}

TEST_F(Opening, RefusesToMakeAStoreBesideTheLogOfOneThatIsGone) {
  make_store();
  fs::remove(path);
  if (!fs::exists(path + "-wal") || fs::file_size(path + "-wal") == 0) std::ofstream(path + "-wal") << "frames";
  Result<std::unique_ptr<Journal>> journal = open_journal(path, true);
  ASSERT_FALSE(journal.has_value());
  EXPECT_EQ(journal.error().code, ErrorCode::refused);
  EXPECT_NE(journal.error().message.find("-wal"), std::string::npos) << journal.error().message;
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(Opening, RefusesAStoreThatMayNotBeWritten) {
  make_store();
  fold();
  fs::permissions(folder.path(), fs::perms(0755));
  fs::permissions(path, fs::perms(0444));
  // Root may write anything: a child asks as somebody else.
  pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(2);
    Result<std::unique_ptr<Journal>> journal = open_journal(path, true);
    ::_exit(!journal && journal.error().code == ErrorCode::refused ? 0 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST_F(Opening, RefusesWhatIsNoSqliteStore) {
  for (const char* name : {"postgres://db/muster", "", "sqlite:"}) {
    Result<std::unique_ptr<Journal>> journal = open_journal(name, true);
    ASSERT_FALSE(journal.has_value()) << name;
    EXPECT_EQ(journal.error().code, ErrorCode::invalid);
  }
  EXPECT_TRUE(open_journal("sqlite:" + path, true).has_value());
}

TEST_F(Opening, FindsTheSameStoreThroughALink) {
  make_store();
  std::string link = folder.path() + "/link.db";
  fs::create_symlink(path, link);
  Result<std::unique_ptr<Journal>> journal = open_journal(link, false);
  ASSERT_TRUE(journal.has_value()) << message_of(journal);
  EXPECT_TRUE((*journal)->read("a1b2c3d4e5f60718").has_value());
  EXPECT_FALSE(fs::exists(link + ".lock")) << "two locks would exclude nobody";
}

TEST_F(Opening, DoesNotDropTheLocksOfAnotherJournalOfThisProcess) {
  std::unique_ptr<Journal> first = open_store(path);
  ASSERT_TRUE(first->find({}).has_value());
  std::unique_ptr<Journal> second = open_store(path);
  second.reset();
  // A program that finds nobody's lock may end WAL mode under us; one that finds ours may not.
  pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    ::execlp("sqlite3", "sqlite3", path.c_str(), "PRAGMA journal_mode=DELETE", static_cast<char*>(nullptr));
    ::_exit(127);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_NE(status, 0) << "it was not locked";
  EXPECT_TRUE(first->create(new_run("a1b2c3d4e5f60718"), first_events(), this_owner()).has_value());
}

TEST(FileSystems, ThatDoNotKeepLocksAreKnownByName) {
  EXPECT_EQ(unfit_file_system(0x6969), "NFS");
  EXPECT_EQ(unfit_file_system(0xFF534D42), "CIFS");
  EXPECT_EQ(unfit_file_system(0x65735546), "FUSE");
  EXPECT_EQ(unfit_file_system(0xEF53), "") << "ext4";
  EXPECT_EQ(unfit_file_system(0x58465342), "") << "xfs";
  EXPECT_EQ(unfit_file_system(0x794C7630), "") << "overlay";
}

TEST_F(Store, IsReadableByNobodyElseWhateverTheUmask) {
  mode_t before = ::umask(0);
  path = folder.path() + "/deep/er/muster.db";
  make_store();
  {
    std::unique_ptr<Journal> journal = open_store(path);
    Result<Lease> lease = journal->create(new_run("ffffffffffffffff"), first_events(), this_owner());
    ASSERT_TRUE(lease.has_value());
    ::umask(before);
    int files = 0;
    for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder.path())) {
      auto mode = static_cast<unsigned>(entry.status().permissions()) & 07777u;
      EXPECT_EQ(mode, entry.is_directory() ? 0700u : 0600u) << entry.path();
      files += entry.is_regular_file() ? 1 : 0;
    }
    EXPECT_EQ(files, 7) << "muster.db, -wal, -shm, .lock, .key, .reserve, .owners/<id>";
  }
}

TEST_F(Store, IsMadeAsDocumented) {
  make_store();
  EXPECT_EQ(column(path, "PRAGMA application_id"), std::vector<std::string>{std::to_string(0x4D535452)});
  EXPECT_EQ(column(path, "PRAGMA user_version"), std::vector<std::string>{"2"});
  EXPECT_EQ(column(path, "PRAGMA journal_mode"), std::vector<std::string>{"wal"});
  EXPECT_EQ(column(path, "PRAGMA integrity_check"), std::vector<std::string>{"ok"});
  EXPECT_EQ(column(path, "SELECT instance FROM store"), std::vector<std::string>{open_store(path)->instance()});
  EXPECT_FALSE(fs::exists(path + ".new"));
}

TEST_F(Store, IsMadeOverWhatACrashLeftOfAnEarlierAttempt) {
  std::ofstream(path + ".new") << "half a store";
  std::ofstream(path + ".new-wal") << "half a log";
  make_store();
  EXPECT_FALSE(fs::exists(path + ".new"));
  EXPECT_FALSE(fs::exists(path + ".new-wal"));
}

TEST_F(Store, IsMadeOnceByManyAtATime) {
  std::vector<std::string> instances(8);
  std::vector<std::thread> threads;
  for (std::string& instance : instances) {
    threads.emplace_back([&] {
      Result<std::unique_ptr<Journal>> journal = open_journal(path, true);
      instance = journal ? (*journal)->instance() : journal.error().message;
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const std::string& instance : instances) EXPECT_EQ(instance, instances[0]);
  EXPECT_EQ(instances[0].size(), 32u);
}

TEST_F(Store, RefusesToSignWithAnotherStoresKey) {
  make_store();
  std::string other = folder.path() + "/other.db";
  open_store(other);
  fs::copy_file(other + ".key", path + ".key", fs::copy_options::overwrite_existing);
  std::unique_ptr<Journal> journal = open_store(path);
  Result<Lease> lease = journal->create(new_run("ffffffffffffffff"), first_events(), this_owner());
  ASSERT_FALSE(lease.has_value());
  EXPECT_EQ(lease.error().code, ErrorCode::refused);
  fs::remove(path + ".key");
  journal = open_store(path);
  lease = journal->create(new_run("ffffffffffffffff"), first_events(), this_owner());
  ASSERT_FALSE(lease.has_value()) << "a new key would make the ledger's signatures worthless";
  EXPECT_FALSE(fs::exists(path + ".key"));
}

TEST_F(Store, RefusesAKeyThatOthersMayRead) {
  make_store();
  fs::permissions(path + ".key", fs::perms(0644));
  Result<Lease> lease = open_store(path)->create(new_run("ffffffffffffffff"), first_events(), this_owner());
  ASSERT_FALSE(lease.has_value());
  EXPECT_EQ(lease.error().code, ErrorCode::refused);
}

// Waiting has an end, whoever it is that keeps the store.
TEST_F(Store, IsBusyNotStuckWhenAnotherHoldsItsLock) {
  make_store();
  OpenOptions options;
  options.patience = std::chrono::milliseconds(20);
  std::unique_ptr<Journal> journal = open_store(path, options);
  Result<StoreLock> lock = StoreLock::open(path, std::chrono::milliseconds(0));
  ASSERT_TRUE(lock.has_value());
  {
    Result<StoreLock::Held> held = lock->hold();
    ASSERT_TRUE(held.has_value());
    Result<Lease> lease = journal->create(new_run("ffffffffffffffff"), first_events(), this_owner());
    ASSERT_FALSE(lease.has_value());
    EXPECT_EQ(lease.error().code, ErrorCode::busy);
    EXPECT_TRUE(journal->find({}).has_value()) << "readers do not wait";
  }
  EXPECT_TRUE(journal->create(new_run("ffffffffffffffff"), first_events(), this_owner()).has_value())
      << "and goes on afterwards";
}

TEST_F(Store, IsBusyNotStuckWhenAnotherProgramIsInATransaction) {
  make_store();
  OpenOptions options;
  options.patience = std::chrono::milliseconds(20);
  std::unique_ptr<Journal> journal = open_store(path, options);
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &raw), SQLITE_OK);
  Handle<sqlite3, &sqlite3_close_v2> db(raw);
  ASSERT_EQ(sqlite3_exec(raw, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  Result<Lease> lease = journal->create(new_run("ffffffffffffffff"), first_events(), this_owner());
  ASSERT_FALSE(lease.has_value());
  EXPECT_EQ(lease.error().code, ErrorCode::busy) << lease.error().message;
  sqlite3_exec(raw, "ROLLBACK", nullptr, nullptr, nullptr);
  EXPECT_TRUE(journal->create(new_run("ffffffffffffffff"), first_events(), this_owner()).has_value());
}

// A reader that stays for hours keeps the log from starting anew: it grows, and commits go on.
TEST_F(Store, GoesOnWhileAReaderHoldsAnOldState) {
  make_store();
  std::unique_ptr<Journal> journal = open_store(path);
  Result<Lease> lease = journal->create(new_run("ffffffffffffffff"), first_events(), this_owner());
  ASSERT_TRUE(lease.has_value());
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open(path.c_str(), &raw), SQLITE_OK);
  Handle<sqlite3, &sqlite3_close_v2> db(raw);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  ASSERT_EQ(sqlite3_exec(raw, "BEGIN; SELECT count(*) FROM event", nullptr, nullptr, nullptr), SQLITE_OK);
  std::string body = "\"" + std::string(500'000, 'x') + "\"";
  for (int i = 0; i < 20; ++i) {
    Result<CommitAnswer> answer = journal->commit(*lease, commit_of({event(EventKind::audit, "a", 0, body)}));
    ASSERT_TRUE(answer.has_value()) << message_of(answer);
  }
  uintmax_t grown = fs::file_size(path + "-wal");
  EXPECT_GT(grown, 8u << 20);
  sqlite3_exec(raw, "COMMIT", nullptr, nullptr, nullptr);
  ASSERT_TRUE(journal->commit(*lease, ending()).has_value());
  EXPECT_EQ(fs::file_size(path + "-wal"), 0u) << "emptied with the run's end";
  EXPECT_TRUE(journal->verify()->findings.empty());
}

TEST_F(Store, IsReadInOneStateWhileAnotherWrites) {
  std::unique_ptr<Journal> writer = open_store(path);
  Result<Lease> lease = writer->create(new_run("ffffffffffffffff"), first_events(), this_owner());
  ASSERT_TRUE(lease.has_value());
  std::thread writing([&] {
    for (int i = 0; i < 300; ++i) {
      if (!writer->commit(*lease, commit_of({event(EventKind::audit), event(EventKind::audit)}))) return;
    }
  });
  std::unique_ptr<Journal> reader = open_store(path);
  for (int i = 0; i < 100; ++i) {
    Result<RunRecord> record = reader->read("ffffffffffffffff");
    EXPECT_TRUE(record.has_value()) << message_of(record);
    if (record) {
      EXPECT_EQ(record->row.next_seq, record->events.back().seq + 1);
    }
  }
  writing.join();
}

}  // namespace
}  // namespace muster::journal_world
