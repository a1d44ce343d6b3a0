#include "steps/restore/litestream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>

#include "steps/restore/backup_reader.h"
#include "steps/restore/validation.h"
#include "tests/unit/steps/restore_world.h"

namespace muster {
namespace {

using namespace restore_tests;  // NOLINT: the tests' own world
using testing::HasSubstr;

constexpr const char* generation_1 = "b76fced2f19976f1";
constexpr const char* generation_2 = "fedc800bda98812d";

Timestamp moment(const std::string& text) { return *parse_timestamp(text); }
const Timestamp later = *parse_timestamp("2026-11-22T00:00:00Z");

struct Listed : testing::Test {
  TemporaryDirectory directory;
  DiskFiles files;

  std::string add(const std::string& name, const std::string& time, const std::string& bytes = "x") {
    std::string path = directory / ("replica/generations/" + name);
    std::filesystem::create_directories(std::filesystem::path(path).parent_path());
    write_bytes(path, bytes);
    auto since = std::chrono::microseconds(moment(time).us);
    std::filesystem::last_write_time(
        path, std::chrono::file_clock::from_sys(std::chrono::sys_time<std::chrono::microseconds>(since)));
    return path;
  }
  Replica replica() {
    Result<Replica> listed = list_replica(files, directory / "replica");
    EXPECT_TRUE(listed.has_value()) << (listed ? "" : listed.error().message);
    return *listed;
  }
};

TEST(Litestream, ListsEveryGenerationSnapshotAndSegmentOfTheFixture) {
  Stage stage;
  std::string root = stage.unpack_replica();
  Result<Replica> replica = list_replica(stage.files, root);
  ASSERT_TRUE(replica.has_value());
  ASSERT_EQ(replica->generations.size(), 2u);
  EXPECT_EQ(replica->generations[0].name, generation_1);
  EXPECT_EQ(replica->generations[0].snapshots.size(), 2u);
  EXPECT_EQ(replica->generations[0].segments.size(), 13u);
  EXPECT_EQ(replica->generations[0].segments[1].offset, 0xa110u);
  EXPECT_EQ(replica->generations[1].snapshots.size(), 2u);
  EXPECT_EQ(replica->generations[1].segments.size(), 6u);
  EXPECT_EQ(to_text(replica->generations[1].segments.back().at), "2026-11-21T01:17:39.907956Z");
  EXPECT_TRUE(replica->ignored.empty());
}

TEST(Litestream, ChoosesForEachCheckpointTheGenerationSnapshotAndSegmentsOfTheManifest) {
  Stage stage;
  Result<Replica> replica = list_replica(stage.files, stage.unpack_replica());
  ASSERT_TRUE(replica.has_value());
  ASSERT_EQ(checkpoints().size(), 13u);
  for (const Checkpoint& known : checkpoints()) {
    Result<BackupChoice> choice = choose_backup(*replica, known.at, later);
    ASSERT_TRUE(choice.has_value()) << known.name;
    EXPECT_EQ(choice->generation, known.generation) << known.name;
    EXPECT_EQ(choice->snapshot.index, known.snapshot_index) << known.name;
    EXPECT_EQ(static_cast<int64_t>(choice->segments.size()), known.segments) << known.name;
    EXPECT_LE(choice->at, known.at) << known.name;
  }
}

TEST(Litestream, ProvesEveryByteWhileWritingTheVeryDatabaseThatTheManifestKnows) {
  Stage stage;
  Result<Replica> replica = list_replica(stage.files, stage.unpack_replica());
  ASSERT_TRUE(replica.has_value());
  for (const Checkpoint& known : checkpoints()) {
    Result<BackupChoice> choice = choose_backup(*replica, known.at, later);
    ASSERT_TRUE(choice.has_value());
    Result<Survey> seen = survey(stage.files, *choice, {});
    ASSERT_TRUE(seen.has_value()) << known.name << ": " << seen.error().message;
    std::string path = stage.directory / (known.name + ".db");
    auto file = stage.files.create(path);
    ASSERT_TRUE(file.has_value());
    uint64_t last = 0, total = 0;
    Result<uint64_t> size = write_database(stage.files, *choice, *seen, **file, {}, [&](uint64_t done, uint64_t of) {
      last = done;
      total = of;
    });
    ASSERT_TRUE(size.has_value()) << known.name << ": " << size.error().message;
    EXPECT_EQ(*size, seen->size_bytes) << known.name;
    EXPECT_EQ(last, total) << known.name;
    EXPECT_EQ(*sha256_of_file(stage.files, path, {}), known.restored_db_sha256) << known.name;
  }
}

TEST(Litestream, TakesTheEndOfTheOlderGenerationBetweenTwo) {
  Stage stage;
  Result<Replica> replica = list_replica(stage.files, stage.unpack_replica());
  Result<BackupChoice> choice = choose_backup(*replica, moment("2026-11-21T01:17:32Z"), later);
  ASSERT_TRUE(choice.has_value());
  EXPECT_EQ(choice->generation, generation_1);
  EXPECT_EQ(to_text(choice->at), "2026-11-21T01:17:30.291272Z");
}

TEST(Litestream, TakesTheNewestStateForATimeAfterTheLastSegmentAndForNone) {
  Stage stage;
  Result<Replica> replica = list_replica(stage.files, stage.unpack_replica());
  for (std::optional<Timestamp> at : {std::optional<Timestamp>(), std::optional(moment("2026-11-21T20:00:00Z"))}) {
    Result<BackupChoice> choice = choose_backup(*replica, at, later);
    ASSERT_TRUE(choice.has_value());
    EXPECT_EQ(id_of(*choice), std::string(generation_2) + "/00000002/00000000");
  }
}

TEST(Litestream, SaysWhichBackupIsTheOldestWhenAskedForATimeBeforeIt) {
  Stage stage;
  Result<Replica> replica = list_replica(stage.files, stage.unpack_replica());
  Result<BackupChoice> choice = choose_backup(*replica, moment("2020-01-01T00:00:00Z"), later);
  ASSERT_FALSE(choice.has_value());
  EXPECT_EQ(choice.error().code, ErrorCode::no_backup);
  EXPECT_EQ(choice.error().message,
            "no backup at or before 2020-01-01T00:00:00Z; the oldest is 2026-11-21T01:17:15.291957Z");
}

TEST_F(Listed, FindsNothingInADirectoryWithoutGenerationsAndSaysWhatToCheck) {
  std::filesystem::create_directories(directory / "replica/ltx");
  Result<BackupChoice> choice = choose_backup(replica(), {}, later);
  ASSERT_FALSE(choice.has_value());
  EXPECT_EQ(choice.error().code, ErrorCode::no_backup);
  EXPECT_THAT(choice.error().hint, HasSubstr("Litestream 0.5"));
}

TEST_F(Listed, IgnoresStrayFilesAndNamesThem) {
  add("aaaaaaaaaaaaaaaa/snapshots/00000000.snapshot.lz4", "2026-01-01T00:00:00Z");
  add("aaaaaaaaaaaaaaaa/snapshots/00000000.snapshot.lz4.tmp", "2026-01-01T00:00:00Z");
  add("aaaaaaaaaaaaaaaa/wal/0000000A_00000000.wal.lz4", "2026-01-01T00:00:01Z");
  add("aaaaaaaaaaaaaaaa/wal/00000000.wal.lz4", "2026-01-01T00:00:01Z");
  add("not-a-generation/wal/00000000_00000000.wal.lz4", "2026-01-01T00:00:01Z");
  Replica listed = replica();
  ASSERT_EQ(listed.generations.size(), 1u);
  EXPECT_TRUE(listed.generations[0].segments.empty());
  EXPECT_EQ(listed.generations[0].snapshots.size(), 1u);
  EXPECT_EQ(listed.ignored.size(), 4u);
}

TEST_F(Listed, RefusesAMomentWhereAllFileTimesAreEqual) {
  std::string same = "2026-01-01T00:00:00Z";
  add("aaaaaaaaaaaaaaaa/snapshots/00000000.snapshot.lz4", same);
  add("aaaaaaaaaaaaaaaa/wal/00000000_00000000.wal.lz4", same);
  Result<BackupChoice> asked = choose_backup(replica(), moment("2026-02-01T00:00:00Z"), later);
  ASSERT_FALSE(asked.has_value());
  EXPECT_EQ(asked.error().code, ErrorCode::refused);
  EXPECT_THAT(asked.error().hint, HasSubstr("rsync -t"));
  // Without a moment the order of names decides.
  EXPECT_TRUE(choose_backup(replica(), {}, later).has_value());
}

TEST_F(Listed, RefusesAMomentWhereSegmentTimesRunBackwardsAroundIt) {
  add("aaaaaaaaaaaaaaaa/snapshots/00000000.snapshot.lz4", "2026-01-01T00:00:00Z");
  add("aaaaaaaaaaaaaaaa/wal/00000000_00000000.wal.lz4", "2026-01-01T00:00:10Z");
  add("aaaaaaaaaaaaaaaa/wal/00000000_00001038.wal.lz4", "2026-01-01T00:00:05Z");
  Result<BackupChoice> between = choose_backup(replica(), moment("2026-01-01T00:00:07Z"), later);
  ASSERT_FALSE(between.has_value());
  EXPECT_EQ(between.error().code, ErrorCode::refused);
  EXPECT_THAT(between.error().message, HasSubstr("run backwards"));
  EXPECT_TRUE(choose_backup(replica(), moment("2026-01-01T00:00:20Z"), later).has_value());
  EXPECT_TRUE(choose_backup(replica(), moment("2026-01-01T00:00:01Z"), later).has_value());
}

TEST_F(Listed, RefusesAMomentAmongTimesOfTheFuture) {
  add("aaaaaaaaaaaaaaaa/snapshots/00000000.snapshot.lz4", "2026-01-01T00:00:00Z");
  add("aaaaaaaaaaaaaaaa/wal/00000000_00000000.wal.lz4", "2027-06-01T00:00:00Z");
  Result<BackupChoice> asked = choose_backup(replica(), moment("2027-07-01T00:00:00Z"), later);
  ASSERT_FALSE(asked.has_value());
  EXPECT_THAT(asked.error().message, HasSubstr("future"));
  Result<BackupChoice> newest = choose_backup(replica(), {}, later);
  ASSERT_TRUE(newest.has_value());
  EXPECT_THAT(newest->notes.front(), HasSubstr("future"));
}

TEST_F(Listed, RefusesToGuessBetweenGenerationsOfTheSameTime) {
  add("aaaaaaaaaaaaaaaa/snapshots/00000000.snapshot.lz4", "2026-01-01T00:00:00Z");
  add("bbbbbbbbbbbbbbbb/snapshots/00000000.snapshot.lz4", "2026-01-01T00:00:00Z");
  Result<BackupChoice> newest = choose_backup(replica(), {}, later);
  ASSERT_FALSE(newest.has_value());
  EXPECT_EQ(newest.error().code, ErrorCode::refused);
}

TEST_F(Listed, RefusesAHoleBetweenLogsAndNamesTheMissingFile) {
  add("aaaaaaaaaaaaaaaa/snapshots/00000001.snapshot.lz4", "2026-01-01T00:00:00Z");
  add("aaaaaaaaaaaaaaaa/wal/00000001_00000000.wal.lz4", "2026-01-01T00:00:01Z");
  add("aaaaaaaaaaaaaaaa/wal/00000003_00000000.wal.lz4", "2026-01-01T00:00:03Z");
  Result<BackupChoice> newest = choose_backup(replica(), {}, later);
  ASSERT_FALSE(newest.has_value());
  EXPECT_EQ(newest.error().code, ErrorCode::corrupt);
  EXPECT_THAT(newest.error().message, HasSubstr("00000002_00000000.wal.lz4"));
  // The hole also lies between what is wanted and what follows: nobody knows of what time the lost log was.
  EXPECT_FALSE(choose_backup(replica(), moment("2026-01-01T00:00:02Z"), later).has_value());
  EXPECT_TRUE(choose_backup(replica(), moment("2026-01-01T00:00:01Z"), later).has_value());
}

TEST_F(Listed, RefusesASnapshotWhoseOwnLogIsMissing) {
  add("aaaaaaaaaaaaaaaa/snapshots/00000001.snapshot.lz4", "2026-01-01T00:00:00Z");
  add("aaaaaaaaaaaaaaaa/wal/00000002_00000000.wal.lz4", "2026-01-01T00:00:03Z");
  Result<BackupChoice> newest = choose_backup(replica(), {}, later);
  ASSERT_FALSE(newest.has_value());
  EXPECT_THAT(newest.error().message, HasSubstr("00000001_00000000.wal.lz4"));
}

TEST_F(Listed, DoesNotNeedOlderLogsThanTheSnapshots) {
  add("aaaaaaaaaaaaaaaa/wal/00000000_00001038.wal.lz4", "2026-01-01T00:00:00Z");
  add("aaaaaaaaaaaaaaaa/snapshots/00000002.snapshot.lz4", "2026-01-01T00:00:01Z");
  Result<BackupChoice> newest = choose_backup(replica(), {}, later);
  ASSERT_TRUE(newest.has_value());
  EXPECT_TRUE(newest->segments.empty());
  EXPECT_EQ(newest->at, moment("2026-01-01T00:00:01Z"));
}

TEST_F(Listed, FindsAnEarlierChoiceAgainThoughTheReplicaHasGrown) {
  add("aaaaaaaaaaaaaaaa/snapshots/00000000.snapshot.lz4", "2026-01-01T00:00:00Z");
  std::string first = add("aaaaaaaaaaaaaaaa/wal/00000000_00000000.wal.lz4", "2026-01-01T00:00:01Z");
  Result<BackupChoice> before = choose_backup(replica(), {}, later);
  ASSERT_TRUE(before.has_value());
  add("aaaaaaaaaaaaaaaa/wal/00000000_00001038.wal.lz4", "2026-01-01T00:00:02Z");
  Result<BackupChoice> again = find_choice(replica(), record_of(*before), {});
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(id_of(*again), id_of(*before));
  std::filesystem::remove(first);
  Result<BackupChoice> gone = find_choice(replica(), record_of(*before), {});
  ASSERT_FALSE(gone.has_value());
  EXPECT_EQ(gone.error().code, ErrorCode::corrupt);
}

TEST(Litestream, OffersEachMomentOnceAndEveryOneCanBeAskedFor) {
  Stage stage;
  Result<Replica> replica = list_replica(stage.files, stage.unpack_replica());
  std::vector<RestorePoint> points = points_of(*replica);
  ASSERT_EQ(points.size(), 21u);  // 19 segments and the first snapshot of each generation
  EXPECT_TRUE(points.front().is_snapshot);
  EXPECT_EQ(points.front().id, std::string(generation_1) + "/00000000");
  for (const RestorePoint& point : points) {
    Result<BackupChoice> choice = choose_backup(*replica, point.at, later);
    ASSERT_TRUE(choice.has_value()) << point.id;
    EXPECT_EQ(id_of(*choice), point.id);
    EXPECT_EQ(choice->at, point.at);
  }
}

}  // namespace
}  // namespace muster
