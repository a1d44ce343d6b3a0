// Restores of files that are large enough to be hashed and checked while they are copied.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "interpreter/base/digest.h"
#include "interpreter/world/disk_file.h"
#include "steps/archive/copying.h"
#include "tests/unit/steps/restore_world.h"

namespace muster {
namespace {

using namespace restore_tests;  // NOLINT: the tests' own world
using testing::HasSubstr;
using testing::IsEmpty;
namespace fs = std::filesystem;

constexpr size_t page = 4096;

struct Overlap : testing::Test {
  Stage stage;
  std::string home = stage.directory / "home", target = home + "/app.db", source = stage.directory / "large.db";
  void SetUp() override {
    fs::create_directories(home);
    // Nine MiB: a table, an index of it, and pages that are free.
    execute(source,
            "CREATE TABLE t (id INTEGER PRIMARY KEY, key TEXT, body BLOB); CREATE INDEX by_key ON t (key);"
            "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000)"
            "INSERT INTO t SELECT i, hex(randomblob(12)), randomblob(1700) FROM n; DELETE FROM t WHERE id % 50 = 7");
  }
  [[nodiscard]] Map args() const { return Map{{"target", Map{{"sqlite", target}}}, {"from", Map{{"file", source}}}}; }
  void expect_refused(ErrorCode code) {
    Result<StepOutput> done = stage.restore(args());
    ASSERT_FALSE(done.has_value());
    EXPECT_EQ(done.error().code, code) << done.error().message;
    EXPECT_EQ(done.error().effect, Certainty::no_effect);
    EXPECT_THAT(names_in(home), IsEmpty());
    ++stage.attempt;
  }
};

TEST_F(Overlap, AFileIsCheckedWhileItIsCopiedAndNotOnceMore) {
  Result<StepOutput> done = stage.restore(args());
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_EQ(bytes_of(target), bytes_of(source));
  EXPECT_EQ(text_of(done->fields, "sha256"), sha256_hex(bytes_of(source)));
  EXPECT_EQ(stage.sql.checks, (std::vector<std::string>{"integrity, while it arrives", "quick, mapped"}));
  EXPECT_TRUE(same(*member(*member(done->fields, "records"), "t"), 4900));
}

TEST_F(Overlap, ADamagedPageOfAnyKindIsFound) {
  const std::string good = bytes_of(source);
  ASSERT_GT(good.size(), size_t{8} << 20);
  // The schema, an inner page, leaves in the middle and at the end, of both pieces that are copied at once.
  for (size_t at :
       {size_t{0}, size_t{1}, size_t{2}, good.size() / page / 3, good.size() / page / 2, good.size() / page - 2}) {
    std::string bytes = good;
    bytes.replace(at * page + (at == 0 ? 100 : 0), 200, std::string(200, '\x7f'));
    write_bytes(source, bytes);
    expect_refused(ErrorCode::corrupt);
  }
  write_bytes(source, good.substr(0, good.size() - page));
  expect_refused(ErrorCode::corrupt);
  for (const std::string& check : stage.sql.checks) EXPECT_EQ(check, "integrity, while it arrives");
}

TEST_F(Overlap, ACopyThatFailsHalfWayEndsTheCheckThatWaitsForIt) {
  int writes = 0;
  stage.files.before = [&](std::string_view call) -> std::optional<Error> {
    if (call == "write_at" && ++writes == 2) return fail(ErrorCode::storage, "the disk is full").value();
    return std::nullopt;
  };
  expect_refused(ErrorCode::storage);
  EXPECT_EQ(writes, 2);
  stage.files.before = nullptr;
  Result<StepOutput> done = stage.restore(args());
  EXPECT_TRUE(done.has_value());
}

TEST_F(Overlap, AStopHalfWayEndsTheCheckThatWaitsForTheRest) {
  stage.files.before = [&](std::string_view call) -> std::optional<Error> {
    if (call == "write_at") stage.stop.request_stop();
    return std::nullopt;
  };
  expect_refused(ErrorCode::interrupted);
}

TEST_F(Overlap, ADatabaseInWalModeIsFoldedAndCheckedThen) {
  execute(source, "PRAGMA journal_mode = WAL");
  Result<StepOutput> done = stage.restore(args());
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_EQ(stage.sql.checks, (std::vector<std::string>{"integrity, mapped", "quick, mapped"}));
  EXPECT_EQ(text_of(done->fields, "sha256"), sha256_hex(bytes_of(target)));
}

TEST_F(Overlap, AProcessThatTakesItUpChecksItByItself) {
  // Killed behind the check: what it found is stored nowhere.
  stage.sql.before = [&](std::string_view call) -> std::optional<Error> {
    if (call == "query") stage.marks->is_broken = true;
    return std::nullopt;
  };
  ASSERT_FALSE(stage.restore(args()).has_value());
  stage.sql.before = nullptr;
  EXPECT_FALSE(fs::exists(target));
  stage.sql.checks.clear();
  Result<StepOutput> done = stage.restore(args(), true);
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_EQ(stage.sql.checks, (std::vector<std::string>{"integrity", "quick"}));
  EXPECT_EQ(bytes_of(target), bytes_of(source));
}

TEST_F(Overlap, AFileThatChangesItsSizeWhileItIsCopiedIsRefused) {
  const uint64_t size = fs::file_size(source);
  auto copied = [&](uint64_t told, const std::string& to) {
    return copy_plain(stage.files, stage.files, {source, stage.directory / to, told, {}}, {},
                      [](uint64_t, uint64_t) {});
  };
  Result<std::string> digest = copied(size, "a");
  ASSERT_TRUE(digest) << digest.error().message;
  EXPECT_EQ(*digest, sha256_hex(bytes_of(source)));
  EXPECT_EQ(bytes_of(stage.directory / "a"), bytes_of(source));
  digest = copied(size - 1, "b");
  ASSERT_FALSE(digest);
  EXPECT_EQ(digest.error().code, ErrorCode::corrupt);
  EXPECT_THAT(digest.error().message, HasSubstr("became longer while it was copied"));
  digest = copied(size + 1, "c");
  ASSERT_FALSE(digest);
  EXPECT_THAT(digest.error().message, HasSubstr("became shorter while it was copied"));
}

TEST(KernelCopies, AreTheSameBytesOnOneFileSystemAndBetweenTwo) {
  TemporaryDirectory here;
  RealFiles files;
  std::string bytes;
  for (unsigned i = 0; i < 700'001; ++i) bytes += static_cast<char>(i * 7919 >> 8);
  write_bytes(here / "from", bytes);
  for (const std::string& to :
       {here / "to", fs::temp_directory_path().string() + "/muster-copy-" + std::to_string(::getpid())}) {
    Result<std::unique_ptr<ReadFile>> in = files.open(here / "from");
    Result<std::unique_ptr<WriteFile>> out = files.create(to);
    ASSERT_TRUE(in && out);
    Result<uint64_t> first = copy_bytes(**in, **out, 0, 300'000);
    ASSERT_TRUE(first);
    EXPECT_EQ(*first, 300'000u);
    Result<uint64_t> rest = copy_bytes(**in, **out, 300'000, 1'000'000);
    ASSERT_TRUE(rest);
    EXPECT_EQ(*rest, 400'001u);
    EXPECT_TRUE(bytes_of(to) == bytes) << to;
    fs::remove(to);
  }
}

}  // namespace
}  // namespace muster
