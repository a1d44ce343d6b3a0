// Backups, and restores from what they made.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <sys/wait.h>
#include <unistd.h>
#include <filesystem>

#include <atomic>
#include <thread>

#include "interpreter/base/digest.h"
#include "steps/archive/manifest.h"
#include "tests/unit/steps/restore_world.h"

namespace muster {
namespace {

using namespace restore_tests;  // NOLINT: the tests' own world
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
namespace fs = std::filesystem;

struct Backup : testing::Test {
  Stage stage;
  std::string home = stage.directory / "home";
  std::string kept = stage.directory / "kept";
  std::string app = home + "/app.db";
  void SetUp() override {
    stage.files.looks_for_holders = false;
    fs::create_directories(home);
    fs::create_directories(kept);
  }
  void make_app(int rows = 100) {
    execute(app, "PRAGMA user_version = 7; CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT); CREATE TABLE u (y)");
    execute(app, "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < " + std::to_string(rows) +
                     ") INSERT INTO t SELECT i, hex(randomblob(20)) FROM n");
  }
  static Map connection_to(const std::string& path) { return Map{{"name", "app"}, {"kind", "sqlite"}, {"path", path}}; }
  Map of_app() const { return {{"source", Map{{"connection", connection_to(app)}}}, {"to", kept}, {"name", "app"}}; }
  Map of_directory(const std::string& path) const {
    return {{"source", Map{{"directory", path}}}, {"to", kept}, {"name", "files"}};
  }
  StepOutput made(const Map& args) {
    Result<StepOutput> done = stage.backup(args);
    EXPECT_TRUE(done.has_value()) << (done ? "" : done.error().message);
    ++stage.attempt;
    stage.clock.at = stage.clock.at + Duration::seconds(3600);
    return done.value_or(StepOutput{});
  }
  Error refused(const Map& args) {
    std::vector<std::string> before = names_in(kept);
    Result<StepOutput> done = stage.backup(args);
    EXPECT_FALSE(done.has_value());
    EXPECT_EQ(names_in(kept), before);
    ++stage.attempt;
    return done ? Error{} : done.error();
  }
  Result<StepOutput> restored(const std::string& target, const Map& from, Map more = {}) {
    more["target"] = Map{{"sqlite", target}};
    more["from"] = from;
    ++stage.attempt;
    return stage.restore(more);
  }
  static Value key(const std::string& text = std::string(32, 'k')) { return Secret("key", text); }
};

TEST_F(Backup, OfADatabaseIsAnOpenableFileWithAManifestBesideIt) {
  make_app();
  StepOutput done = made(of_app());
  std::string file = text_of(done.fields, "file");
  EXPECT_EQ(file, kept + "/app-20261122T000000Z.sqlite");
  EXPECT_THAT(names_in(kept), ElementsAre("app-20261122T000000Z.sqlite", "app-20261122T000000Z.sqlite.meta.json"));
  EXPECT_EQ(count(file, "t"), 100);
  EXPECT_EQ(text_of(done.fields, "sha256"), sha256_hex(bytes_of(file)));
  EXPECT_TRUE(same(*member(done.fields, "records"), Map{{"t", 100}, {"u", 0}}));
  Result<Manifest> manifest = parse_manifest(bytes_of(file + ".meta.json"));
  ASSERT_TRUE(manifest.has_value());
  EXPECT_EQ(manifest->schema_version, 7);
  EXPECT_EQ(manifest->file_sha256, text_of(done.fields, "sha256"));
  EXPECT_EQ(manifest->created_at, *parse_timestamp("2026-11-22T00:00:00Z"));
  struct stat status {};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0600u);
}

TEST_F(Backup, TakesOneStateOfADatabaseThatIsWrittenToMeanwhile) {
  execute(app,
          "PRAGMA journal_mode = WAL; CREATE TABLE a (n); CREATE TABLE b (n); INSERT INTO a VALUES (0); "
          "INSERT INTO b VALUES (0); CREATE TABLE bulk (x)");
  execute(app,
          "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i < 3000) INSERT INTO bulk SELECT "
          "randomblob(2000) FROM n");
  std::atomic<bool> is_over = false;
  std::atomic<int> commits = 0;
  std::thread writer([&] {
    sqlite3* db = nullptr;
    sqlite3_open(app.c_str(), &db);
    sqlite3_busy_timeout(db, 5000);
    while (!is_over) {
      if (sqlite3_exec(db, "BEGIN IMMEDIATE; UPDATE a SET n = n + 1; UPDATE b SET n = n + 1; COMMIT", nullptr, nullptr,
                       nullptr) == SQLITE_OK) {
        ++commits;
      }
    }
    sqlite3_close(db);
  });
  while (commits == 0) std::this_thread::yield();
  int before = commits;
  StepOutput done = made(of_app());
  int after = commits;
  is_over = true;
  writer.join();
  EXPECT_GT(after, before) << "the writer was held up";
  std::string file = text_of(done.fields, "file");
  EXPECT_EQ(count(file, "a JOIN b ON a.n = b.n"), 1) << "both rows belong to one state";
  EXPECT_GE(count(file, "a WHERE n >= " + std::to_string(before)), 1);
  EXPECT_FALSE(exists(file + "-wal"));
}

TEST_F(Backup, InEveryArchiveComesBackWhole) {
  make_app();
  auto dump_of = [&](const std::string& path) {
    EXPECT_EQ(std::system(("sqlite3 " + path + " .dump > " + stage.directory.path() + "/dump").c_str()), 0);
    return bytes_of(stage.directory / "dump");
  };
  std::string plain = dump_of(app);
  int n = 0;
  for (const char* compress : {"none", "gzip", "zstd"}) {
    for (const char* lock : {"", "key", "passphrase"}) {
      Map archive{{"compress", compress}}, from;
      if (*lock != '\0') archive[lock] = from[lock] = key(std::string(lock) == "key" ? std::string(32, 'k') : "words");
      Map args = of_app();
      args["archive"] = archive;
      StepOutput done = made(args);
      std::string file = text_of(done.fields, "file");
      if (*lock != '\0') {
        EXPECT_THAT(bytes_of(file), Not(HasSubstr("SQLite format 3")));
      }
      for (const char* word : {"archive", "file", "artifact"}) {
        Map named = from;
        named[word] = std::string(word) == "artifact" ? text_of(done.fields, "artifact") : file;
        std::string target = home + "/back" + std::to_string(++n) + ".db";
        Result<StepOutput> back = restored(target, named, {{"expect", Map{{"record_counts", "metadata"}}}});
        ASSERT_TRUE(back.has_value()) << compress << lock << word << ": " << back.error().message;
        EXPECT_TRUE(dump_of(target) == plain) << compress << lock << word;
        EXPECT_EQ(text_of(back->fields, "sha256"), sha256_hex(bytes_of(target)));
      }
      EXPECT_THAT(names_in(kept), Not(Contains(testing::StartsWith(".muster"))));
    }
  }
}

TEST_F(Backup, OfADamagedDatabaseIsRefusedAndLeavesNothing) {
  make_app(2000);
  std::string bytes = bytes_of(app);
  write_bytes(app, bytes.replace(4096, 4096, std::string(4096, char(0x5a))));
  Error error = refused(of_app());
  EXPECT_EQ(error.code, ErrorCode::corrupt);
  EXPECT_EQ(error.effect, Certainty::no_effect);
  EXPECT_THAT(error.message, HasSubstr("no backup of it was made"));
}

TEST_F(Backup, IsRefusedWhereWordsOrPlacesDoNotFit) {
  make_app();
  Map args = of_app();
  args["to"] = kept + "/missing";
  EXPECT_EQ(refused(args).code, ErrorCode::not_found);
  for (const char* name : {"", "a/b", "../x", ".hidden", "-rf", "a b", "x*"}) {
    args = of_app();
    args["name"] = name;
    EXPECT_EQ(refused(args).code, ErrorCode::invalid) << name;
  }
  args = of_app();
  args["archive"] = Map{{"key", key("short key")}};
  EXPECT_THAT(refused(args).message, HasSubstr("must have exactly 32"));
  args["archive"] = Map{{"passphrase", key("")}};
  EXPECT_THAT(refused(args).message, HasSubstr("empty"));
  args["archive"] = Map{{"key", std::string(32, 'k')}};
  EXPECT_THAT(refused(args).message, HasSubstr("everybody reads it"));
  args = of_directory(kept);
  EXPECT_THAT(refused(args).message, HasSubstr("part of what is backed up"));
  stage.files.free_bytes_left = 1000;
  EXPECT_EQ(refused(of_app()).code, ErrorCode::storage);
}

TEST_F(Backup, RetentionKeepsTheNewestAndNeverTheLastGoodOneGoes) {
  make_app();
  Map args = of_app();
  std::string first = text_of(made(args).fields, "file");
  std::string second = text_of(made(args).fields, "file");
  args["retention"] = Map{{"keep", 2}};
  StepOutput third = made(args);
  EXPECT_TRUE(same(*member(third.fields, "removed"), List{first}));
  EXPECT_FALSE(exists(first));
  EXPECT_FALSE(exists(first + ".meta.json"));
  EXPECT_TRUE(exists(second));
  // Everything older than a second is too old, and the one just made stays all the same.
  args["retention"] = Map{{"max_age", Duration::seconds(1)}};
  stage.clock.at = stage.clock.at + Duration::seconds(1'000'000);
  StepOutput last = made(args);
  EXPECT_THAT(names_in(kept), testing::SizeIs(2));
  EXPECT_TRUE(exists(text_of(last.fields, "file")));
}

TEST_F(Backup, RetentionTouchesNothingThatIsNotABackupOfThisName) {
  make_app();
  Map other = of_app();
  other["name"] = "other";
  std::string others = text_of(made(other).fields, "file");
  write_bytes(kept + "/app-20200101T000000Z.sqlite", "nobody's");
  write_bytes(kept + "/app-copy.sqlite.meta.json", bytes_of(others + ".meta.json"));
  Map args = of_app();
  args["retention"] = Map{{"keep", 1}};
  (void)made(args);
  std::string damaged = text_of(made(of_app()).fields, "file");
  write_bytes(damaged, "cut");
  args["retention"] = Map{{"keep", 2}};
  StepOutput done = made(args);
  EXPECT_TRUE(same(*member(done.fields, "removed"), List{})) << "a damaged one does not push a good one out";
  EXPECT_TRUE(exists(others));
  EXPECT_TRUE(exists(kept + "/app-20200101T000000Z.sqlite"));
  EXPECT_TRUE(exists(kept + "/app-copy.sqlite.meta.json"));
}

TEST_F(Backup, OfADirectoryComesBackAndTheOldOneIsKept) {
  std::string files = home + "/files";
  fs::create_directories(files + "/inner");
  write_bytes(files + "/inner/one", "first");
  write_bytes(files + "/two", "second");
  fs::create_symlink("inner/one", files + "/link");
  Map args = of_directory(files);
  args["archive"] = Map{{"key", key()}};
  StepOutput done = made(args);
  EXPECT_THAT(text_of(done.fields, "file"), testing::EndsWith(".tar.zst.enc"));
  write_bytes(files + "/two", "spoiled");
  write_bytes(files + "/new", "new");
  Map restore{{"target", Map{{"directory", files}}}, {"from", Map{{"newest", kept + "/files-*.enc"}, {"key", key()}}}};
  ++stage.attempt;
  Result<StepOutput> back = stage.restore(restore);
  ASSERT_TRUE(back.has_value()) << back.error().message;
  EXPECT_EQ(bytes_of(files + "/two"), "second");
  EXPECT_FALSE(exists(files + "/new"));
  EXPECT_EQ(fs::read_symlink(files + "/link"), "inner/one");
  std::string aside = to_text(member(back->fields, "moved_aside")->get<List>().front());
  EXPECT_EQ(bytes_of(aside + "/two"), "spoiled");
  Result<StepOutput> undone = stage.rollback(restore, *back);
  ASSERT_TRUE(undone.has_value()) << undone.error().message;
  EXPECT_EQ(bytes_of(files + "/two"), "spoiled");
  EXPECT_TRUE(exists(files + "/new"));
}

TEST_F(Backup, NewestFallsBackToTheNextOlderValidOneAndSaysWhy) {
  make_app();
  std::string first = text_of(made(of_app()).fields, "file");
  execute(app, "INSERT INTO u VALUES (1)");
  std::string second = text_of(made(of_app()).fields, "file");
  std::string third = text_of(made(of_app()).fields, "file");
  std::string bytes = bytes_of(second);
  bytes[bytes.size() / 2] ^= 1;
  write_bytes(second, bytes);
  write_bytes(third, bytes_of(third).substr(0, 5000));
  std::string target = home + "/back.db";
  Result<StepOutput> back = restored(target, Map{{"newest", kept + "/app-*.sqlite"}});
  ASSERT_TRUE(back.has_value()) << back.error().message;
  EXPECT_EQ(text_of(back->fields, "source"), first);
  EXPECT_EQ(member(back->fields, "refused")->get<List>().size(), 2u);
  EXPECT_THAT(back->notes, Contains(HasSubstr("`" + third + "` was refused")));
  EXPECT_THAT(back->notes, Contains(HasSubstr("`" + second + "` was refused")));
  EXPECT_EQ(count(target, "u"), 0);
  EXPECT_THAT(names_in(home), Not(Contains(testing::StartsWith(".muster"))));
  // With none left the target stays as it is.
  write_bytes(first, "nothing");
  std::string old_bytes = bytes_of(target);
  Result<StepOutput> none = restored(target, Map{{"newest", kept + "/app-*.sqlite"}});
  ASSERT_FALSE(none.has_value());
  EXPECT_EQ(none.error().effect, Certainty::no_effect);
  EXPECT_TRUE(bytes_of(target) == old_bytes);
}

TEST_F(Backup, AtTakesTheNewestThatIsNotAfterTheMoment) {
  make_app();
  for (int i = 0; i < 3; ++i) {
    (void)made(of_app());
    execute(app, "INSERT INTO u VALUES (1)");
  }
  auto at = [&](const char* moment) {
    return restored(home + "/back.db", Map{{"newest", kept + "/*.sqlite"}}, {{"at", *parse_timestamp(moment)}});
  };
  Result<StepOutput> back = at("2026-11-22T01:30:00Z");
  ASSERT_TRUE(back.has_value()) << back.error().message;
  EXPECT_EQ(count(home + "/back.db", "u"), 1);
  EXPECT_DOUBLE_EQ(member(back->fields, "distance")->get<double>(), 1800.0);
  EXPECT_EQ(at("2026-11-21T23:59:59Z").error().code, ErrorCode::no_backup);
}

// B53
TEST_F(Backup, FilesWithEqualOrFutureTimesAnswerNoMoment) {
  make_app();
  for (const char* name : {"/a.sqlite", "/b.sqlite"}) {
    write_bytes(kept + name, bytes_of(app));
    ASSERT_TRUE(stage.files.set_modified(kept + name, *parse_timestamp("2026-11-20T00:00:00Z")).has_value());
  }
  Map at{{"at", *parse_timestamp("2026-11-21T00:00:00Z")}};
  Result<StepOutput> back = restored(home + "/back.db", Map{{"newest", kept + "/*.sqlite"}}, at);
  ASSERT_FALSE(back.has_value());
  EXPECT_EQ(back.error().code, ErrorCode::refused);
  ASSERT_TRUE(stage.files.set_modified(kept + "/a.sqlite", *parse_timestamp("2030-01-01T00:00:00Z")).has_value());
  EXPECT_EQ(restored(home + "/back.db", Map{{"newest", kept + "/*.sqlite"}}, at).error().code, ErrorCode::refused);
}

// S28: an old archive under the name of a new one.
TEST_F(Backup, AnArtifactIsTheVeryBytesThatWereMade) {
  make_app();
  StepOutput first = made(of_app());
  execute(app, "INSERT INTO u VALUES (1)");
  StepOutput second = made(of_app());
  fs::copy_file(text_of(first.fields, "file"), text_of(second.fields, "file"), fs::copy_options::overwrite_existing);
  Result<StepOutput> back = restored(home + "/back.db", Map{{"artifact", text_of(second.fields, "artifact")}});
  ASSERT_FALSE(back.has_value());
  EXPECT_EQ(back.error().code, ErrorCode::corrupt);
  EXPECT_EQ(restored(home + "/back.db", Map{{"artifact", "backup of monday"}}).error().code, ErrorCode::invalid);
  EXPECT_TRUE(restored(home + "/back.db", Map{{"artifact", text_of(first.fields, "artifact")}}).has_value());
}

TEST_F(Backup, ADatabaseInUseIsNoBackupFile) {
  make_old_database(kept + "/live.db");
  Result<StepOutput> back = restored(home + "/back.db", Map{{"file", kept + "/live.db"}});
  ASSERT_FALSE(back.has_value());
  EXPECT_THAT(back.error().message, HasSubstr("not all of it"));
}

// B64, for SQLite: a dump is taken only where its end is seen.
TEST_F(Backup, ADumpIsLoadedWholeAndRefusedWhenCutAnywhere) {
  make_app(30);
  std::string dump = kept + "/app.sql";
  ASSERT_EQ(std::system(("sqlite3 " + app + " .dump > " + dump).c_str()), 0);
  Result<StepOutput> back = restored(home + "/back.db", Map{{"dump", dump}}, {{"expect", Map{{"tables", List{"t"}}}}});
  ASSERT_TRUE(back.has_value()) << back.error().message;
  EXPECT_EQ(count(home + "/back.db", "t"), 30);
  std::string text = bytes_of(dump);
  size_t end = text.rfind("COMMIT;");
  for (size_t length = 0; length < end + 6; length += 37) {
    write_bytes(dump, text.substr(0, length));
    Result<StepOutput> cut = restored(home + "/cut.db", Map{{"dump", dump}});
    ASSERT_FALSE(cut.has_value()) << length;
    EXPECT_FALSE(exists(home + "/cut.db")) << length;
  }
}

TEST_F(Backup, ADumpThatAsksForMoreThanTablesAndRowsIsRefused) {
  std::string dump = kept + "/bad.sql", outside = home + "/outside.db";
  for (const std::string& statement :
       {"ATTACH '" + outside + "' AS o; CREATE TABLE o.x (y);", std::string("PRAGMA writable_schema = ON;"),
        std::string("SELECT load_extension('/tmp/x.so');"), "VACUUM INTO '" + outside + "';",
        std::string("ROLLBACK; -- due to errors"), std::string("CREATE TABL x (y);")}) {
    write_bytes(dump, "BEGIN;\nCREATE TABLE t (x);\n" + statement + "\nCOMMIT;\n");
    Result<StepOutput> back = restored(home + "/back.db", Map{{"dump", dump}});
    EXPECT_FALSE(back.has_value()) << statement;
    EXPECT_FALSE(exists(outside)) << statement;
    EXPECT_FALSE(exists(home + "/back.db")) << statement;
  }
}

// B57
TEST_F(Backup, ExpectationsRefuseAnotherDatabasesBackup) {
  make_app();
  std::string file = text_of(made(of_app()).fields, "file");
  auto expecting = [&](const Map& expect) {
    return restored(home + "/back.db", Map{{"file", file}}, {{"expect", expect}});
  };
  EXPECT_EQ(expecting({{"schema_version", 8}}).error().code, ErrorCode::schema_mismatch);
  EXPECT_EQ(expecting({{"tables", List{"absent"}}}).error().code, ErrorCode::schema_mismatch);
  EXPECT_EQ(expecting({{"min_rows", Map{{"t", 101}}}}).error().code, ErrorCode::schema_mismatch);
  EXPECT_EQ(expecting({{"max_age", Duration::seconds(60)}}).error().code, ErrorCode::too_old);
  fs::remove(file + ".meta.json");
  EXPECT_THAT(expecting({{"record_counts", "metadata"}}).error().message, HasSubstr("no manifest"));
  EXPECT_TRUE(expecting({{"schema_version", 7}, {"tables", List{"t", "u"}}}).has_value());
}

// Killed before any call to the world or the journal, and entered again: one backup, nothing else.
TEST_F(Backup, KilledAtAnyCallIsFinishedWhenEnteredAgain) {
  make_app(50);
  Map args = of_app();
  args["archive"] = Map{{"key", key()}};
  int killed = 0;
  for (int n = 1;; ++n) {
    fs::remove_all(kept);
    fs::create_directories(kept);
    fs::remove(stage.directory / "marks-backup-1");
    stage.attempt = 1;
    pid_t child = ::fork();
    if (child == 0) {
      int calls = 0;
      auto count = [&](std::string_view) -> std::optional<Error> {
        if (++calls == n) ::_exit(9);
        return std::nullopt;
      };
      stage.files.before = count;
      stage.sql.before = count;
      ::_exit(stage.backup(args) ? 0 : 3);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFEXITED(status));
    if (WEXITSTATUS(status) == 0) break;
    ASSERT_EQ(WEXITSTATUS(status), 9) << n;
    ++killed;
    Result<StepOutput> done = stage.backup(args, true);
    ASSERT_TRUE(done.has_value()) << n << ": " << done.error().message;
    EXPECT_THAT(names_in(kept), testing::SizeIs(2)) << n;
    EXPECT_EQ(sha256_hex(bytes_of(text_of(done->fields, "file"))), text_of(done->fields, "sha256")) << n;
  }
  EXPECT_GT(killed, 30);
}

// The restore of a directory and of the newest file, likewise.
TEST_F(Backup, ARestoreOfItKilledAtAnyCallIsFinishedWhenEnteredAgain) {
  std::string files = home + "/files";
  fs::create_directories(files + "/inner");
  write_bytes(files + "/inner/one", "first");
  StepOutput good = made(of_directory(files));
  StepOutput bad = made(of_directory(files));
  write_bytes(text_of(bad.fields, "file"), bytes_of(text_of(bad.fields, "file")).substr(0, 200));
  int tried = 0;
  for (int n = 1;; n += 2) {
    fs::remove_all(home);
    fs::create_directories(files);
    write_bytes(files + "/old", "old");
    fs::remove(stage.directory / "marks-1");
    stage.attempt = 1;
    Map args{{"target", Map{{"directory", files}}}, {"from", Map{{"newest", kept + "/files-*.zst"}}}};
    pid_t child = ::fork();
    if (child == 0) {
      int calls = 0;
      auto count = [&](std::string_view) -> std::optional<Error> {
        if (++calls == n) ::_exit(9);
        return std::nullopt;
      };
      stage.files.before = count;
      ::_exit(stage.restore(args) ? 0 : 3);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    if (WEXITSTATUS(status) == 0) break;
    ASSERT_EQ(WEXITSTATUS(status), 9) << n;
    ++tried;
    Result<StepOutput> done = stage.restore(args, true);
    ASSERT_TRUE(done.has_value()) << n << ": " << done.error().message;
    EXPECT_EQ(bytes_of(files + "/inner/one"), "first") << n;
    EXPECT_FALSE(exists(files + "/old")) << n;
    EXPECT_EQ(bytes_of(files + ".before-r1-1/old"), "old") << n;
    EXPECT_THAT(names_in(home), ElementsAre("files", "files.before-r1-1")) << n;
    EXPECT_EQ(text_of(done->fields, "source"), text_of(good.fields, "file")) << n;
  }
  EXPECT_GT(tried, 25);
}

}  // namespace
}  // namespace muster
