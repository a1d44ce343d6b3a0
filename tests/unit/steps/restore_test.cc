#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include <filesystem>
#include <utility>

#include "interpreter/base/digest.h"
#include "steps/steps.h"
#include "tests/unit/steps/restore_world.h"

namespace muster {
namespace {

using namespace restore_tests;  // NOLINT: the tests' own world
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
namespace fs = std::filesystem;

constexpr const char* generation_1 = "b76fced2f19976f1";

struct Restore : testing::Test {
  Stage stage;
  std::string replica = stage.unpack_replica();
  std::string home = stage.directory / "home";
  std::string target = home + "/app.db";
  void SetUp() override { fs::create_directories(home); }

  std::string file_of(const std::string& name) { return replica + "/generations/" + generation_1 + "/" + name; }

  // Refused, with the target and its directory as they were.
  Error refused(const Map& args) {
    std::map<std::string, std::string> before = contents_of(home);
    std::vector<std::string> names = names_in(home);
    Result<StepOutput> done = stage.restore(args);
    EXPECT_FALSE(done.has_value());
    EXPECT_EQ(contents_of(home), before);
    EXPECT_EQ(names_in(home), names);
    if (done) return {};
    EXPECT_EQ(done.error().effect, Certainty::no_effect);
    ++stage.attempt;
    return done.error();
  }
  Map at(const std::string& checkpoint_name) {
    Map args = Stage::args(target, replica);
    args["at"] = checkpoint(checkpoint_name).at;
    return args;
  }
};

TEST_F(Restore, BringsBackEveryCheckpointOfTheManifest) {
  for (const Checkpoint& known : checkpoints()) {
    Result<StepOutput> done = stage.restore(at(known.name));
    ASSERT_TRUE(done.has_value()) << known.name << ": " << done.error().message;
    ++stage.attempt;
    EXPECT_EQ(content_sha256(target), known.content_sha256) << known.name;
    const Map& fields = done->fields;
    EXPECT_TRUE(same(*member(*member(fields, "records"), "orders"), known.orders)) << known.name;
    EXPECT_TRUE(same(*member(*member(fields, "records"), "audit"), known.audit)) << known.name;
    EXPECT_EQ(member(fields, "records")->get<Map>().size(), 2u) << "Litestream's own tables are not counted";
    EXPECT_EQ(text_of(fields, "sha256"), sha256_hex(bytes_of(target)));
    EXPECT_THAT(text_of(fields, "point"), testing::StartsWith(known.generation));
    EXPECT_EQ(text_of(fields, "file"), target);
    Timestamp restored = member(fields, "at")->get<Timestamp>();
    EXPECT_LE(restored, known.at);
    EXPECT_DOUBLE_EQ(member(fields, "distance")->get<double>(), (known.at - restored).as_seconds());
    EXPECT_EQ(member(fields, "age")->get<Duration>(), stage.clock.at - restored);
  }
}

TEST_F(Restore, LeavesNothingBesideTheTargetWhereNothingWasBefore) {
  Result<StepOutput> done = stage.restore(at("c03-insert"));
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_THAT(names_in(home), ElementsAre("app.db"));
  EXPECT_TRUE(member(done->fields, "moved_aside")->get<List>().empty());
  struct stat status {};
  ASSERT_EQ(::stat(target.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0600u);
  // Out of WAL mode, so that one file is all there is.
  EXPECT_EQ(bytes_of(target)[18], 1);
  EXPECT_EQ(stage.progress.last_done, stage.progress.last_total);
}

TEST_F(Restore, RestoresTheNewestWithoutATimeAndSaysSo) {
  Result<StepOutput> done = stage.restore(Stage::args(target, replica));
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_EQ(count(target, "orders"), 236);
  EXPECT_TRUE(member(done->fields, "requested")->is_null());
  EXPECT_TRUE(member(done->fields, "distance")->is_null());
}

TEST_F(Restore, SaysHowFarTheRestoredMomentIsFromTheOneAskedFor) {
  Result<StepOutput> done = stage.restore(at("c09-update"));
  ASSERT_TRUE(done.has_value());
  EXPECT_THAT(done->notes, Contains(HasSubstr("0.196962 s before the moment asked for")));
}

TEST_F(Restore, KeepsTheOldDatabaseWithOwnerAndModeOnTheNewOne) {
  execute(target, "CREATE TABLE old (id INTEGER); INSERT INTO old VALUES (1)");
  ASSERT_EQ(::chmod(target.c_str(), 0640), 0);
  if (::geteuid() == 0) {
    ASSERT_EQ(::chown(target.c_str(), 1234, 1235), 0);
  }
  std::string old_bytes = bytes_of(target);
  Result<StepOutput> done = stage.restore(at("c03-insert"));
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_THAT(names_in(home), ElementsAre("app.db", "app.db.before-r1-1"));
  EXPECT_TRUE(bytes_of(target + ".before-r1-1") == old_bytes);
  EXPECT_EQ(to_text(*member(done->fields, "moved_aside")), "[\"" + target + ".before-r1-1\"]");
  struct stat status {};
  ASSERT_EQ(::stat(target.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0640u);
  if (::geteuid() == 0) {
    EXPECT_EQ(status.st_uid, 1234u);
  }
  EXPECT_EQ(content_sha256(target), checkpoint("c03-insert").content_sha256);
}

TEST_F(Restore, FoldsTheLogOfASoundOldDatabaseIntoItBeforeItGoesAside) {
  make_old_database(target);
  Result<StepOutput> done = stage.restore(at("c03-insert"));
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_THAT(names_in(home), ElementsAre("app.db", "app.db.before-r1-1"));
  EXPECT_EQ(count(target + ".before-r1-1", "old"), 2);
  EXPECT_EQ(content_sha256(target), checkpoint("c03-insert").content_sha256);
}

TEST_F(Restore, MovesADamagedOldDatabaseAsideAsASet) {
  make_old_database(target);
  std::string damaged = bytes_of(target);
  damaged.replace(100, 200, std::string(200, '\x7f'));
  write_bytes(target, damaged);
  std::string log = bytes_of(target + "-wal");
  Result<StepOutput> done = stage.restore(at("c03-insert"));
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_TRUE(bytes_of(target + ".before-r1-1") == damaged);
  EXPECT_TRUE(bytes_of(target + ".before-r1-1-wal") == log);
  EXPECT_FALSE(exists(target + "-wal"));
  EXPECT_EQ(content_sha256(target), checkpoint("c03-insert").content_sha256);
}

TEST_F(Restore, MovesTheStaleLogOfADeletedDatabaseAsideSoThatItNeverMeetsTheNewOne) {
  make_old_database(target);
  ASSERT_EQ(::unlink(target.c_str()), 0);
  Result<StepOutput> done = stage.restore(at("c03-insert"));
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_THAT(names_in(home), ElementsAre("app.db", "app.db.before-r1-1-shm", "app.db.before-r1-1-wal"));
  EXPECT_EQ(member(done->fields, "moved_aside")->get<List>().size(), 2u);
  EXPECT_EQ(content_sha256(target), checkpoint("c03-insert").content_sha256);
}

TEST_F(Restore, RemovesTheOldDatabaseAtTheEndWhereItIsNotToBeKept) {
  make_old_database(target);
  Map args = at("c03-insert");
  args["keep_old"] = false;
  Result<StepOutput> done = stage.restore(args);
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_THAT(names_in(home), ElementsAre("app.db"));
  EXPECT_TRUE(member(done->fields, "moved_aside")->get<List>().empty());
  Result<StepOutput> undone = stage.rollback(args, *done);
  ASSERT_FALSE(undone.has_value());
  EXPECT_EQ(undone.error().code, ErrorCode::refused);
  EXPECT_EQ(content_sha256(target), checkpoint("c03-insert").content_sha256);
}

TEST_F(Restore, TakesAnotherNameWhereTheOneForTheOldDatabaseIsTaken) {
  execute(target, "CREATE TABLE old (id INTEGER)");
  write_bytes(target + ".before-r1-1-wal", "somebody's");
  Result<StepOutput> done = stage.restore(at("c03-insert"));
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_TRUE(exists(target + ".before-r1-1.2"));
  EXPECT_EQ(bytes_of(target + ".before-r1-1-wal"), "somebody's");
}

TEST_F(Restore, TakesTheTargetFromAConnection) {
  Map args = at("c03-insert");
  args["target"] = Map{{"connection", Map{{"name", "app"}, {"kind", "sqlite"}, {"path", target}}}};
  ASSERT_TRUE(stage.restore(args).has_value());
  EXPECT_EQ(count(target, "orders"), 79);
}

// --- rollback ---

TEST_F(Restore, IsUndoneToTheOldBytes) {
  execute(target, "CREATE TABLE old (id INTEGER); INSERT INTO old VALUES (1)");
  std::string old_bytes = bytes_of(target);
  Map args = at("c03-insert");
  Result<StepOutput> done = stage.restore(args);
  ASSERT_TRUE(done.has_value());
  Result<StepOutput> undone = stage.rollback(args, *done);
  ASSERT_TRUE(undone.has_value()) << undone.error().message;
  EXPECT_TRUE(bytes_of(target) == old_bytes);
  EXPECT_THAT(names_in(home), ElementsAre("app.db", "app.db.rolled-back-r1"));
  EXPECT_EQ(content_sha256(target + ".rolled-back-r1"), checkpoint("c03-insert").content_sha256);
}

TEST_F(Restore, IsUndoneToTheWholeOldSetAlsoWhenThatWasDamaged) {
  make_old_database(target);
  write_bytes(target, bytes_of(target).substr(0, 3000) + std::string(2000, 'z'));
  std::map<std::string, std::string> before = contents_of(home);
  Map args = at("c03-insert");
  Result<StepOutput> done = stage.restore(args);
  ASSERT_TRUE(done.has_value()) << done.error().message;
  ASSERT_TRUE(stage.rollback(args, *done).has_value());
  for (const auto& [path, digest] : before) {
    // A -shm is SQLite's scratch memory, made anew by whoever looks first.
    if (path.ends_with("-shm")) continue;
    EXPECT_EQ(sha256_hex(bytes_of(path)), digest) << path;
  }
}

TEST_F(Restore, IsUndoneToNoDatabaseWhereThereWasNone) {
  Map args = at("c03-insert");
  Result<StepOutput> done = stage.restore(args);
  ASSERT_TRUE(done.has_value());
  Result<StepOutput> undone = stage.rollback(args, *done);
  ASSERT_TRUE(undone.has_value()) << undone.error().message;
  EXPECT_THAT(names_in(home), ElementsAre("app.db.rolled-back-r1"));
}

TEST_F(Restore, UndoingKeepsWhatWasWrittenSinceTheRestore) {
  execute(target, "CREATE TABLE old (id INTEGER)");
  Map args = at("c03-insert");
  Result<StepOutput> done = stage.restore(args);
  ASSERT_TRUE(done.has_value());
  execute(target, "PRAGMA journal_mode = WAL; INSERT INTO audit VALUES (999, 'since', 'now')");
  ASSERT_TRUE(stage.rollback(args, *done).has_value());
  EXPECT_EQ(count(target + ".rolled-back-r1", "audit"), 4);
  EXPECT_EQ(count(target, "old"), 0);
}

TEST_F(Restore, IsNotUndoneWhileTheDatabaseIsOpen) {
  execute(target, "CREATE TABLE old (id INTEGER)");
  Map args = at("c03-insert");
  Result<StepOutput> done = stage.restore(args);
  ASSERT_TRUE(done.has_value());
  std::map<std::string, std::string> before = contents_of(home);
  stage.files.pretended_holders = {{4711, "app", target}};
  Result<StepOutput> undone = stage.rollback(args, *done);
  ASSERT_FALSE(undone.has_value());
  EXPECT_EQ(undone.error().code, ErrorCode::target_in_use);
  EXPECT_EQ(contents_of(home), before);
}

TEST_F(Restore, HasNothingToUndoWhereItFailedBeforeTheSwitch) {
  execute(target, "CREATE TABLE old (id INTEGER)");
  std::map<std::string, std::string> before = contents_of(home);
  Map args = at("c03-insert");
  Result<StepOutput> undone = stage.rollback(args, StepOutput{});
  ASSERT_TRUE(undone.has_value()) << undone.error().message;
  EXPECT_EQ(contents_of(home), before);
}

// --- what is refused ---

TEST_F(Restore, RefusesAMissingReplica) {
  Error error = refused(Stage::args(target, stage.directory / "nowhere"));
  EXPECT_EQ(error.code, ErrorCode::no_backup);
  EXPECT_THAT(error.message, HasSubstr("nowhere"));
  EXPECT_THAT(error.hint, HasSubstr("check"));
}

TEST_F(Restore, RefusesAnEmptyReplica) {
  fs::create_directories(stage.directory / "empty/generations");
  EXPECT_EQ(refused(Stage::args(target, stage.directory / "empty")).code, ErrorCode::no_backup);
}

TEST_F(Restore, RefusesATimeBeforeTheFirstBackup) {
  Error error = refused(Stage::args(target, replica, "2020-01-01T00:00:00Z"));
  EXPECT_EQ(error.code, ErrorCode::no_backup);
  EXPECT_THAT(error.message, HasSubstr("the oldest is 2026-11-21T01:17:15.291957Z"));
}

TEST_F(Restore, RefusesAMissingMiddleSegmentAndNamesIt) {
  fs::remove(file_of("wal/00000003_00001038.wal.lz4"));
  Error error = refused(at("c09-update"));
  EXPECT_EQ(error.code, ErrorCode::corrupt);
  EXPECT_THAT(error.message, HasSubstr(std::string("generation ") + generation_1 + ", log 00000003"));
  EXPECT_THAT(error.message, HasSubstr("offset 00001038 (4152) is missing: no `00000003_00001038.wal.lz4`"));
}

TEST_F(Restore, RefusesAMissingSegmentJustBeyondTheMomentAskedForUnlessItIsTheVeryMoment) {
  fs::remove(file_of("wal/00000003_00001038.wal.lz4"));
  Map args = Stage::args(target, replica, "2026-11-21T01:17:28Z");
  EXPECT_EQ(refused(args).code, ErrorCode::corrupt);
  args["at"] = *parse_timestamp("2026-11-21T01:17:26.291863Z");
  EXPECT_TRUE(stage.restore(args).has_value());
}

TEST_F(Restore, RefusesAMissingFirstSegment) {
  fs::remove(file_of("wal/00000003_00000000.wal.lz4"));
  EXPECT_THAT(refused(at("c09-update")).message, HasSubstr("no `00000003_00000000.wal.lz4`"));
}

TEST_F(Restore, RefusesAMissingLog) {
  for (const char* name : {"00000003_00000000", "00000003_00001038", "00000003_000060b0"}) {
    fs::remove(file_of("wal/") + name + ".wal.lz4");
  }
  Error error = refused(at("c09-update"));
  EXPECT_EQ(error.code, ErrorCode::corrupt);
  EXPECT_THAT(error.message, HasSubstr("log 00000003 is missing"));
}

TEST_F(Restore, RefusesASegmentOfAnotherGeneration) {
  std::string other = bytes_of(replica + "/generations/fedc800bda98812d/wal/00000001_00001038.wal.lz4");
  write_keeping_time(file_of("wal/00000001_00001038.wal.lz4"), other);
  EXPECT_THAT(refused(at("c03-insert")).message, HasSubstr("offset 00001038"));
}

TEST_F(Restore, RefusesAnEmptySegment) {
  write_keeping_time(file_of("wal/00000001_00001038.wal.lz4"), "");
  EXPECT_THAT(refused(at("c03-insert")).message, HasSubstr("the file is empty"));
  write_keeping_time(file_of("wal/00000001_00001038.wal.lz4"), lz4_frame_of(""));
  EXPECT_THAT(refused(at("c03-insert")).message, HasSubstr("holds nothing"));
}

TEST_F(Restore, RefusesASnapshotThatIsCutOrIsNoDatabaseOrNotWholePages) {
  std::string path = file_of("snapshots/00000000.snapshot.lz4");
  std::string original = bytes_of(path);
  for (size_t size : {size_t{0}, size_t{3}, size_t{7}, original.size() / 2, original.size() - 4, original.size() - 1}) {
    write_keeping_time(path, original.substr(0, size));
    EXPECT_EQ(refused(at("c01-initial")).code, ErrorCode::corrupt) << size;
  }
  write_keeping_time(path, lz4_frame_of("not a database"));
  EXPECT_THAT(refused(at("c01-initial")).message, HasSubstr("not a SQLite database"));
  execute(stage.directory / "small.db", "CREATE TABLE t (x)");
  write_keeping_time(path, lz4_frame_of(bytes_of(stage.directory / "small.db") + "x"));
  Map args = Stage::args(target, replica, "2026-11-21T01:17:15.291957Z");
  EXPECT_THAT(refused(args).message, HasSubstr("whole pages"));
}

// The promise in one loop: whatever byte of whatever file is wrong, the answer is a refusal or the very same database.
TEST_F(Restore, NeverGivesADifferentDatabaseForAnyFlippedOrCutByte) {
  const Checkpoint& known = checkpoint("c03-insert");
  int refusals = 0, kept = 0;
  for (const char* name :
       {"snapshots/00000000.snapshot.lz4", "wal/00000000_00000000.wal.lz4", "wal/00000000_0000a110.wal.lz4",
        "wal/00000001_00000000.wal.lz4", "wal/00000001_00001038.wal.lz4"}) {
    std::string path = file_of(name);
    std::string original = bytes_of(path);
    for (size_t at_byte = 0; at_byte < original.size(); at_byte += at_byte < 16 ? 1 : 97) {
      for (bool cut : {false, true}) {
        std::string bytes = original;
        if (cut) {
          bytes.resize(at_byte);
        } else {
          bytes[at_byte] = static_cast<char>(bytes[at_byte] ^ 0x20);
        }
        write_keeping_time(path, bytes);
        Result<StepOutput> done = stage.restore(at(known.name));
        ++stage.attempt;
        if (done) {
          ++kept;
          EXPECT_FALSE(cut);
          EXPECT_EQ(content_sha256(target), known.content_sha256) << name << " byte " << at_byte;
          for (const std::string& left : names_in(home)) fs::remove(home + "/" + left);
        } else {
          ++refusals;
          EXPECT_EQ(done.error().code, ErrorCode::corrupt) << done.error().message;
          EXPECT_THAT(done.error().message, HasSubstr(fs::path(path).filename().string()));
          EXPECT_THAT(names_in(home), IsEmpty());
        }
      }
    }
    write_keeping_time(path, original);
  }
  EXPECT_GT(refusals, 200);
  EXPECT_LT(kept, refusals / 20);
}

// Every segment of a generation gone, doubled under the next name, or in the next one's place.
TEST_F(Restore, B52EverySegmentThatIsGoneDoubledOrInAnothersPlaceIsRefused) {
  const std::string wal = replica + "/generations/" + generation_1 + "/wal/";
  // The moment that needs the most segments: those of its snapshot's log and the ones behind.
  const std::vector<Checkpoint> all = checkpoints();
  const Checkpoint* most = nullptr;
  for (const Checkpoint& one : all) {
    if (one.generation == generation_1 && (!most || one.segments > most->segments)) most = &one;
  }
  const Checkpoint& last = *most;
  std::vector<std::string> names;
  for (const std::string& name : names_in(wal)) {
    if (std::stoll(name.substr(0, 8), nullptr, 16) >= last.snapshot_index) names.push_back(name);
  }
  ASSERT_GE(names.size(), static_cast<size_t>(last.segments));
  names.resize(static_cast<size_t>(last.segments));
  ASSERT_GT(names.size(), 3u);
  std::map<std::string, std::string> whole;
  for (const std::string& name : names) whole[name] = bytes_of(wal + name);
  Map args = at(last.name);
  ASSERT_TRUE(stage.restore(args).has_value());
  fs::remove(target);
  ++stage.attempt;
  int refusals = 0;
  auto expect_refused = [&](const std::string& what) {
    Result<StepOutput> done = stage.restore(args);
    ++stage.attempt;
    ASSERT_FALSE(done.has_value()) << what;
    EXPECT_EQ(done.error().code, ErrorCode::corrupt) << what << ": " << done.error().message;
    EXPECT_THAT(names_in(home), IsEmpty()) << what;
    ++refusals;
  };
  for (size_t i = 0; i < names.size(); ++i) {
    const std::string path = wal + names[i];
    const fs::file_time_type time = fs::last_write_time(path);
    // Gone. Nothing in the files misses the last segment of a log: docs/reliability.md says so.
    fs::remove(path);
    const bool ends_its_log = i + 1 == names.size() || names[i + 1].substr(0, 8) != names[i].substr(0, 8);
    if (!ends_its_log) expect_refused(names[i] + " gone");
    write_bytes(path, whole[names[i]]);
    fs::last_write_time(path, time);
    for (size_t j = 0; j < names.size(); ++j) {
      if (j == i) continue;
      // Twice: once more in another one's place, with its time.
      write_keeping_time(wal + names[j], whole[names[i]]);
      expect_refused(names[i] + " once more in the place of " + names[j]);
      // In another order.
      if (j > i) {
        write_keeping_time(path, whole[names[j]]);
        expect_refused(names[i] + " and " + names[j] + " changed places");
        write_keeping_time(path, whole[names[i]]);
      }
      write_keeping_time(wal + names[j], whole[names[j]]);
    }
    // Twice: once more under a name of its own, between where it begins and where it ends.
    char between[32];
    std::snprintf(between, sizeof between, "%s_%08llx.wal.lz4", names[i].substr(0, 8).c_str(),
                  std::stoull(names[i].substr(9, 8), nullptr, 16) + 0x20);
    write_bytes(wal + between, whole[names[i]]);
    fs::last_write_time(wal + between, time);
    expect_refused(names[i] + " once more as " + between);
    fs::remove(wal + between);
    if (HasFatalFailure()) return;
  }
  const int of = static_cast<int>(names.size());
  EXPECT_GE(refusals, of * (of - 1) + of * (of - 1) / 2 + of);
  ASSERT_TRUE(stage.restore(args).has_value());
  EXPECT_EQ(content_sha256(target), last.content_sha256);
}

// A database made to do something to whoever opens it: it is read as data, and nothing of it runs.
TEST_F(Restore, S25AHostileDatabaseRunsNothingAndADamagedOneIsRefused) {
  const std::string bad = stage.directory / "bad.db", witness = stage.directory / "witness.db";
  execute(bad,
          "CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT); INSERT INTO t VALUES (1, 'a'), (2, 'b');"
          "CREATE VIEW v AS SELECT load_extension('/tmp/none.so') AS x;"
          "CREATE VIEW w AS SELECT writefile('" +
              witness +
              "', 'x') AS x;"
              "CREATE TRIGGER trap AFTER INSERT ON t BEGIN SELECT load_extension('/tmp/none.so'); END;"
              "CREATE INDEX i ON t (x) WHERE length(x) > 0");
  Map from{{"target", Map{{"sqlite", target}}}, {"from", Map{{"file", bad}}}};
  Result<StepOutput> done = stage.restore(from);
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_EQ(count(target, "t"), 2);
  EXPECT_FALSE(exists(witness));
  fs::remove(target);
  ++stage.attempt;
  // Damaged where only a whole check looks: an index that does not know its rows; a page of a tree overwritten; a
  // count of pages that is not the file's.
  const std::string good = bytes_of(bad);
  const std::string hurt = stage.directory / "hurt.db";
  from["from"] = Map{{"file", hurt}};
  for (size_t page = 1; page < good.size() / 4096; ++page) {
    std::string bytes = good;
    bytes.replace(page * 4096, 2048, std::string(2048, '\x7f'));
    write_bytes(hurt, bytes);
    EXPECT_EQ(refused(from).code, ErrorCode::corrupt) << page;
  }
  std::string cut = good.substr(0, good.size() - 4096);
  write_bytes(hurt, cut);
  EXPECT_EQ(refused(from).code, ErrorCode::corrupt);
}

TEST_F(Restore, RefusesATargetThatIsOpenAndSaysWhoHasIt) {
  make_old_database(target);
  stage.files.pretended_holders = {{4711, "app serve", target}};
  Error error = refused(at("c03-insert"));
  EXPECT_EQ(error.code, ErrorCode::target_in_use);
  EXPECT_THAT(error.message, HasSubstr("4711 (`app serve`)"));
}

TEST_F(Restore, SeesAnotherProcessThatHasTheTargetOpenAndNoneAfterwards) {
  execute(target, "CREATE TABLE old (id INTEGER)");
  int to_child[2], from_child[2];
  ASSERT_EQ(::pipe(to_child), 0);
  ASSERT_EQ(::pipe(from_child), 0);
  pid_t child = ::fork();
  if (child == 0) {
    ::dup2(to_child[0], 0);
    ::dup2(from_child[1], 1);
    ::close(to_child[1]);
    ::execl("/bin/sh", "sh", "-c", "exec 7<\"$1\"; echo; read -r end", "sh", target.c_str(), nullptr);
    ::_exit(1);
  }
  char ready = 0;
  ASSERT_EQ(::read(from_child[0], &ready, 1), 1);
  Error error = refused(at("c03-insert"));
  EXPECT_EQ(error.code, ErrorCode::target_in_use);
  EXPECT_THAT(error.message, HasSubstr("process " + std::to_string(child)));
  ASSERT_EQ(::write(to_child[1], "\n", 1), 1);
  ::waitpid(child, nullptr, 0);
  for (int fd : {to_child[0], to_child[1], from_child[0], from_child[1]}) ::close(fd);
  EXPECT_TRUE(stage.restore(at("c03-insert")).has_value());
}

TEST_F(Restore, AsksAgainWhoHasTheTargetOpenJustBeforeTheSwitch) {
  make_old_database(target);
  int asked = 0;
  stage.files.before = [&](std::string_view call) -> std::optional<Error> {
    if (call == "holders" && ++asked == 2) stage.files.pretended_holders = {{4711, "late", target}};
    return std::nullopt;
  };
  EXPECT_EQ(refused(at("c03-insert")).code, ErrorCode::target_in_use);
  asked = 0;
  stage.files.pretended_holders.clear();
  stage.files.before = [&](std::string_view call) -> std::optional<Error> {
    if (call == "holders" && ++asked == 3) stage.files.pretended_holders = {{4711, "later still", target}};
    return std::nullopt;
  };
  // Between the two the old database was folded: its content is as it was, though its bytes are laid out anew.
  Result<StepOutput> done = stage.restore(at("c03-insert"));
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code, ErrorCode::target_in_use);
  EXPECT_EQ(count(target, "old"), 2);
  EXPECT_THAT(names_in(home), ElementsAre("app.db"));
}

TEST_F(Restore, RefusesATargetThatSomebodyWroteToMeanwhile) {
  execute(target, "CREATE TABLE old (id INTEGER)");
  bool written = false;
  stage.files.before = [&](std::string_view call) -> std::optional<Error> {
    if (call == "create" && !written) {
      written = true;
      execute(target, "INSERT INTO old VALUES (7)");
    }
    return std::nullopt;
  };
  Result<StepOutput> done = stage.restore(at("c03-insert"));
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().code, ErrorCode::target_in_use);
  EXPECT_THAT(done.error().message, HasSubstr("changed while"));
  EXPECT_EQ(count(target, "old"), 1);
  EXPECT_THAT(names_in(home), ElementsAre("app.db"));
}

TEST_F(Restore, RefusesASymbolicLinkAndNamesTheRealFile) {
  execute(home + "/real.db", "CREATE TABLE old (id INTEGER)");
  ASSERT_EQ(::symlink("real.db", target.c_str()), 0);
  Error error = refused(at("c03-insert"));
  EXPECT_EQ(error.code, ErrorCode::refused);
  EXPECT_THAT(error.hint, HasSubstr(home + "/real.db"));
}

TEST_F(Restore, B62ExtendedAttributesOfTheOldFileAreOnTheNewOne) {
  execute(target, "CREATE TABLE old (id INTEGER)");
  // What file systems in memory know of attributes differs by what the user may do.
  const char* name = ::geteuid() == 0 ? "trusted.owner" : "user.owner";
  const bool has_attributes = ::setxattr(target.c_str(), name, "operators", 9, 0) == 0;
  Result<StepOutput> done = stage.restore(at("c03-insert"));
  ASSERT_TRUE(done.has_value()) << done.error().message;  // also where the file system knows of none
  char value[32] = "operators";
  ASSERT_EQ(::getxattr(target.c_str(), name, value, sizeof value), has_attributes ? 9 : -1);
  EXPECT_STREQ(value, "operators");
  EXPECT_EQ(count(target, "orders") > 0, true);
}

TEST_F(Restore, B62AMountOnTheTargetIsRefusedBeforeAnythingIsCopied) {
  execute(target, "CREATE TABLE old (id INTEGER)");
  bool has_written = false;
  stage.files.before = [&](std::string_view call) -> std::optional<Error> {
    has_written = has_written || call == "create" || call == "make_directory";
    return std::nullopt;
  };
  stage.files.pretended_mount = target;
  Error error = refused(at("c03-insert"));
  EXPECT_EQ(error.code, ErrorCode::refused);
  EXPECT_EQ(error.effect, Certainty::no_effect);
  EXPECT_THAT(error.message, HasSubstr("something is mounted on the target `" + target + "`"));
  EXPECT_FALSE(has_written);
  stage.files.pretended_mount.clear();
  Result<StepOutput> done = stage.restore(at("c03-insert"));
  EXPECT_TRUE(done.has_value()) << done.error().message;
  EXPECT_TRUE(has_written);
}

// Before the restore, which then copies nothing; and while it copies, so that only the switch meets it.
TEST_F(Restore, B62AFileThatIsMountedOnTheTargetStaysAndIsNamed) {
  execute(target, "CREATE TABLE old (id INTEGER)");
  const std::string other = stage.directory / "other.db";
  execute(other, "CREATE TABLE mounted (id INTEGER)");
  const std::string before = bytes_of(other);
  constexpr int cannot_mount = 77;
  bool may_mount = true;
  for (const bool is_late : {false, true}) {
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {  // in a view of the file systems of its own
      bool is_mounted =
          ::unshare(CLONE_NEWNS) == 0 && ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
      if (!is_mounted) ::_exit(cannot_mount);
      // On itself it is the very file that the restore has seen.
      const std::string& from = is_late ? target : other;
      auto mount_it = [&] { return ::mount(from.c_str(), target.c_str(), nullptr, MS_BIND, nullptr) == 0; };
      bool has_copied = false;
      if (!is_late) is_mounted = mount_it();
      stage.files.before = [&](std::string_view call) -> std::optional<Error> {
        if (call == "create" && !std::exchange(has_copied, true) && is_late) is_mounted = mount_it();
        return std::nullopt;
      };
      if (!is_mounted) ::_exit(cannot_mount);
      Result<StepOutput> done = stage.restore(at("c03-insert"));
      const bool is_right =
          is_mounted && !done && done.error().effect == Certainty::no_effect &&
          (done.error().message + done.error().hint).find("something is mounted") != std::string::npos &&
          bytes_of(target) == bytes_of(from) && has_copied == is_late;
      ::_exit(is_right ? 0 : 1);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFEXITED(status));
    EXPECT_EQ(bytes_of(other), before);
    EXPECT_THAT(names_in(home), ElementsAre("app.db"));
    may_mount = WEXITSTATUS(status) != cannot_mount;
    if (!may_mount) break;
    EXPECT_EQ(WEXITSTATUS(status), 0) << "late: " << is_late;
  }
  if (may_mount) return;
  // This user may mount nothing: without the mount the same restore goes through.
  Result<StepOutput> done = stage.restore(at("c03-insert"));
  EXPECT_TRUE(done.has_value()) << done.error().message;
}

TEST_F(Restore, RefusesAFileWithAnotherName) {
  execute(target, "CREATE TABLE old (id INTEGER)");
  ASSERT_EQ(::link(target.c_str(), (home + "/twin.db").c_str()), 0);
  EXPECT_THAT(refused(at("c03-insert")).message, HasSubstr("2 names"));
}

TEST_F(Restore, RefusesADirectoryForATargetAndAMissingDirectory) {
  fs::create_directories(target);
  EXPECT_EQ(refused(at("c03-insert")).code, ErrorCode::refused);
  EXPECT_EQ(refused(Stage::args(home + "/gone/app.db", replica)).code, ErrorCode::not_found);
}

TEST_F(Restore, RefusesADirectoryThatCannotBeWrittenTo) {
  stage.files.before = [](std::string_view call) -> std::optional<Error> {
    if (call == "is_writable") return Error{};
    return std::nullopt;
  };
  Error error = refused(at("c03-insert"));
  EXPECT_EQ(error.code, ErrorCode::refused);
  EXPECT_THAT(error.message, HasSubstr(home));
}

TEST_F(Restore, NamesNeededAndFreeBytesWhereSpaceIsShort) {
  execute(target, "CREATE TABLE old (id INTEGER)");
  stage.files.free_bytes_left = 5000;
  Error error = refused(at("c03-insert"));
  EXPECT_EQ(error.code, ErrorCode::storage);
  EXPECT_THAT(error.message, HasSubstr("(5000 bytes)"));
  // Five pages of 4096 bytes, and a mebibyte for journals.
  EXPECT_THAT(error.message, HasSubstr(std::to_string(5 * 4096 + (1 << 20)) + " bytes"));
}

TEST_F(Restore, LeavesEverythingAsItWasWhicheverCallFails) {
  make_old_database(target);
  stage.files.looks_for_holders = false;
  // Folded once, so that no later failure changes even the layout of its bytes.
  ASSERT_TRUE(stage.sql.fold({"", "sqlite", Map{{"path", target}}}, {}).has_value());
  std::map<std::string, std::string> before = contents_of(home);
  for (int n = 1;; ++n) {
    int calls = 0;
    bool failed = false;
    auto fail_once = [&](std::string_view) -> std::optional<Error> {
      if (++calls != n) return std::nullopt;
      failed = true;
      Error error;
      error.code = ErrorCode::storage;
      error.message = "no space left on device";
      return error;
    };
    stage.files.before = fail_once;
    stage.sql.before = fail_once;
    ++stage.attempt;
    Result<StepOutput> done = stage.restore(at("c03-insert"));
    stage.files.before = nullptr;
    stage.sql.before = nullptr;
    if (done) {
      EXPECT_EQ(content_sha256(target), checkpoint("c03-insert").content_sha256) << n;
      if (!failed) break;
      // A failure that is not the restore's: the lock question, the look at the old one, or cleaning up at the end.
      Result<StepOutput> undone = stage.rollback(at("c03-insert"), *done);
      ASSERT_TRUE(undone.has_value()) << n << undone.error().message;
      fs::remove(stage.directory / "marks-rollback");
      for (const std::string& name : names_in(home)) {
        if (name != "app.db") fs::remove_all(home + "/" + name);
      }
    } else {
      EXPECT_EQ(names_in(home), std::vector<std::string>{"app.db"}) << n << done.error().message;
      EXPECT_NE(done.error().effect, Certainty::maybe) << n << done.error().message;
    }
    ASSERT_EQ(contents_of(home), before) << n;
    ASSERT_LT(n, 1000);
  }
}

TEST_F(Restore, StopsWhenAskedAndRemovesItsWork) {
  execute(target, "CREATE TABLE old (id INTEGER)");
  int writes = 0;
  stage.files.before = [&](std::string_view call) -> std::optional<Error> {
    if (call == "write_at" && ++writes == 2) stage.stop.request_stop();
    return std::nullopt;
  };
  EXPECT_EQ(refused(at("c03-insert")).code, ErrorCode::interrupted);
}

TEST_F(Restore, PutsTheOldDatabaseBackWhenTheNewOneFailsItsCheckInPlace) {
  execute(target, "CREATE TABLE old (id INTEGER); INSERT INTO old VALUES (5)");
  stage.sql.pretend_damaged = target;
  Error error = refused(at("c03-insert"));
  EXPECT_EQ(error.code, ErrorCode::corrupt);
  EXPECT_THAT(error.message, HasSubstr("pretended damage"));
}

TEST_F(Restore, TouchesNothingMoreWhenTheJournalRefuses) {
  execute(target, "CREATE TABLE old (id INTEGER)");
  std::string old_bytes = bytes_of(target);
  for (const char* when : {"mark fetch", "intent fold", "intent switch", "mark switch", "intent aside"}) {
    ++stage.attempt;
    Map args = at("c03-insert");
    stage.marks = std::make_unique<FileMarks>(stage.directory / ("marks-" + std::to_string(stage.attempt)));
    FileMarks& marks = *stage.marks;
    marks.before_store = [&](std::string_view what) { marks.is_broken = marks.is_broken || what == when; };
    OpId op{"replace/restored"};
    std::string run = "r1";
    StepInput input{
        args, run, op, stage.attempt, "key", {}, {}, marks, stage.no_actions, stage.progress, stage.no_streams, false};
    Touch ports = stage.touch();
    Result<StepOutput> done = stage.action.act(input, ports);
    ASSERT_FALSE(done.has_value());
    // The journal works again, and the attempt goes on from where it stood.
    Result<StepOutput> resumed = stage.restore(args, true);
    ASSERT_TRUE(resumed.has_value()) << when << ": " << resumed.error().message;
    EXPECT_EQ(content_sha256(target), checkpoint("c03-insert").content_sha256) << when;
    EXPECT_TRUE(bytes_of(target + ".before-r1-" + std::to_string(stage.attempt)) == old_bytes) << when;
    for (const std::string& name : names_in(home)) fs::remove_all(home + "/" + name);
    write_bytes(target, old_bytes);
  }
}

// --- expect ---

TEST_F(Restore, HoldsTheBackupToWhatIsExpectedOfIt) {
  Map args = at("c03-insert");
  args["expect"] = Map{{"tables", List{"orders", "audit"}},
                       {"min_rows", Map{{"orders", 79}}},
                       {"schema_version", 0},
                       {"max_age", Duration::seconds(24 * 3600)},
                       {"integrity", "quick"}};
  EXPECT_TRUE(stage.restore(args).has_value());
}

TEST_F(Restore, RefusesABackupThatIsNotWhatIsExpected) {
  execute(target, "CREATE TABLE old (id INTEGER)");
  auto expecting = [&](Map expect) {
    Map args = at("c03-insert");
    args["expect"] = std::move(expect);
    return refused(args);
  };
  Error table = expecting({{"tables", List{"orders", "invoices"}}});
  EXPECT_EQ(table.code, ErrorCode::schema_mismatch);
  EXPECT_THAT(table.message, HasSubstr("no table `invoices`; it has `audit`, `orders`"));
  Error rows = expecting({{"min_rows", Map{{"orders", 80}}}});
  EXPECT_EQ(rows.code, ErrorCode::schema_mismatch);
  EXPECT_THAT(rows.message, HasSubstr("79 rows in `orders`, at least 80"));
  EXPECT_EQ(expecting({{"min_rows", Map{{"invoices", 0}}}}).code, ErrorCode::schema_mismatch);
  EXPECT_EQ(expecting({{"schema_version", 3}}).code, ErrorCode::schema_mismatch);
  EXPECT_EQ(expecting({{"max_age", Duration::seconds(3600)}}).code, ErrorCode::too_old);
}

TEST_F(Restore, RefusesARestoredDatabaseThatSqliteFindsDamaged) {
  // Proven byte for byte by the replica, and yet no sound database: it was damaged before it was backed up.
  std::string path = stage.directory / "bad.db";
  execute(path, "CREATE TABLE t (x); CREATE INDEX i ON t (x); INSERT INTO t VALUES (1), (2)");
  std::string bytes = bytes_of(path);
  bytes.replace(2 * 4096, 8, std::string(8, '\0'));
  std::string snapshot = file_of("snapshots/00000000.snapshot.lz4");
  write_keeping_time(snapshot, lz4_frame_of(bytes));
  Error error = refused(Stage::args(target, replica, "2026-11-21T01:17:15.291957Z"));
  EXPECT_EQ(error.code, ErrorCode::corrupt);
  EXPECT_THAT(error.message, HasSubstr("the database is damaged"));
}

// --- fields ---

TEST_F(Restore, ReadsReplicasInDirectoriesAndInAStoreThatAConnectionNames) {
  Error error = refused(Stage::args(target, "sftp://host/app"));
  EXPECT_EQ(error.code, ErrorCode::invalid);
  EXPECT_THAT(error.message, HasSubstr("a URL of kind `sftp`"));
  EXPECT_THAT(refused(Stage::args(target, "s3://bucket/app")).message, HasSubstr("needs a `connection`"));
  Map args = Stage::args(target, "s3://bucket/app");
  Map& from = *args["from"].find<Map>();
  from["connection"] = Map{{"name", "store"}, {"kind", "s3"}, {"bucket", "another"}};
  EXPECT_THAT(refused(args).message, HasSubstr("the connection `store` is to `another`"));
  EXPECT_TRUE(stage.restore(Stage::args(target, "file://" + replica)).has_value());
}

TEST_F(Restore, NeedsASourceWithATarget) {
  EXPECT_EQ(refused(Map{{"target", Map{{"sqlite", target}}}}).code, ErrorCode::invalid);
  EXPECT_EQ(refused(Map{{"target", Map{{"sqlite", home + "/"}}}, {"from", Map{{"litestream", replica}}}}).code,
            ErrorCode::invalid);
}

TEST_F(Restore, IsDestructiveUnlessItOnlyLists) {
  EXPECT_EQ(stage.action.effect(at("c03-insert")), Effect::destructive);
  EXPECT_EQ(stage.action.effect(Map{{"list", Map{{"litestream", replica}}}}), Effect::read);
}

// --- list ---

TEST_F(Restore, ListsPointsOldestFirst) {
  Result<StepOutput> listed = stage.list(replica);
  ASSERT_TRUE(listed.has_value());
  const List& points = member(listed->fields, "points")->get<List>();
  ASSERT_EQ(points.size(), 21u);
  EXPECT_EQ(text_of(points[0].get<Map>(), "kind"), "snapshot");
  EXPECT_EQ(text_of(points[2].get<Map>(), "id"), std::string(generation_1) + "/00000000/0000a110");
  EXPECT_TRUE(same(*member(listed->fields, "oldest"), points.front()));
  EXPECT_TRUE(same(*member(listed->fields, "latest"), points.back()));
  EXPECT_EQ(member(*member(listed->fields, "latest"), "at")->get<Timestamp>(),
            *parse_timestamp("2026-11-21T01:17:39.907956Z"));
}

TEST_F(Restore, ListsNothingOfAnEmptyDirectoryAndCannotReachAMissingOne) {
  fs::create_directories(stage.directory / "empty");
  Result<StepOutput> listed = stage.list(stage.directory / "empty");
  ASSERT_TRUE(listed.has_value());
  EXPECT_TRUE(member(listed->fields, "points")->get<List>().empty());
  EXPECT_TRUE(member(listed->fields, "latest")->is_null());
  Result<StepOutput> missing = stage.list(stage.directory / "nowhere");
  ASSERT_FALSE(missing.has_value());
  EXPECT_EQ(missing.error().code, ErrorCode::unreachable);
}

// --- preview ---

TEST_F(Restore, PreviewSaysWhatWouldBeReplacedByWhatAndChangesNothing) {
  execute(target, "CREATE TABLE old (id INTEGER)");
  std::map<std::string, std::string> before = contents_of(stage.directory.path());
  Result<Preview> preview = stage.preview(Stage::args(target, replica));
  ASSERT_TRUE(preview.has_value()) << preview.error().message;
  EXPECT_EQ(contents_of(stage.directory.path()), before);
  EXPECT_THAT(preview->lines, Contains(HasSubstr("restore 2026-11-21T01:17:39.907956Z")));
  EXPECT_THAT(preview->lines, Contains(HasSubstr("generation fedc800bda98812d, snapshot 00000002, 1 segments")));
  EXPECT_THAT(preview->lines, Contains(HasSubstr("replace `" + target + "` (8192 bytes")));
  EXPECT_THAT(preview->lines, Contains(HasSubstr(target + ".before-r1-1")));
  EXPECT_TRUE(same(*member(preview->facts, "bytes"), 8 * 4096));
  // The newest at plan time is what runs, even if the replica grows until then.
  ASSERT_TRUE(preview->pinned.contains("at"));
  Map args = Stage::args(target, replica);
  args["at"] = preview->pinned["at"];
  Result<StepOutput> done = stage.restore(args);
  ASSERT_TRUE(done.has_value());
  EXPECT_EQ(text_of(done->fields, "point"), to_text(*member(preview->facts, "point")));
}

TEST_F(Restore, PreviewKnowsOfAHoleBeforeAnythingBegins) {
  fs::remove(file_of("wal/00000003_00001038.wal.lz4"));
  Result<Preview> preview = stage.preview(at("c09-update"));
  ASSERT_FALSE(preview.has_value());
  EXPECT_EQ(preview.error().code, ErrorCode::corrupt);
}

TEST_F(Restore, PreviewCannotTellWhileAnArgumentIsUnknown) {
  Map args = Stage::args(target, replica);
  args["at"] = Unknown{"known after look"};
  Result<Preview> preview = stage.preview(args);
  ASSERT_TRUE(preview.has_value());
  EXPECT_EQ(preview->unknown, "`at` is known after look");
}

TEST_F(Restore, PreviewTellsWhoMustLetGoOfTheTarget) {
  execute(target, "CREATE TABLE old (id INTEGER)");
  stage.files.pretended_holders = {{4711, "app", target}};
  Result<Preview> preview = stage.preview(at("c03-insert"));
  ASSERT_TRUE(preview.has_value());
  EXPECT_THAT(preview->lines, Contains(HasSubstr("4711 (`app`): it must be stopped")));
}

}  // namespace
}  // namespace muster
