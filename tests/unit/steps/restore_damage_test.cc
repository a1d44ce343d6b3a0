// Every class of bytes that a source is made of, flipped one after the other: the frame around them is whole each time,
// so what finds it is what the bytes themselves must prove.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <filesystem>
#include <set>

#include "steps/restore/lz4_frame.h"
#include "tests/unit/steps/restore_world.h"

namespace muster {
namespace {

using namespace restore_tests;  // NOLINT: the tests' own world
using testing::HasSubstr;
using testing::IsEmpty;
namespace fs = std::filesystem;

constexpr size_t log_header = 32, frame_header = 24;

std::string flipped(std::string bytes, size_t at) {
  bytes.at(at) = static_cast<char>(bytes.at(at) ^ 0x08);
  return bytes;
}

struct Damage : testing::Test {
  Stage stage;
  std::string home = stage.directory / "home", target = home + "/app.db";
  void SetUp() override {
    stage.files.looks_for_holders = false;
    fs::create_directories(home);
  }
  Result<StepOutput> restored(const Map& args) {
    Result<StepOutput> done = stage.restore(args);
    ++stage.attempt;
    return done;
  }
  void expect_refused(const Map& args, const std::string& what) {
    Result<StepOutput> done = restored(args);
    ASSERT_FALSE(done.has_value()) << what;
    EXPECT_EQ(done.error().code, ErrorCode::corrupt) << what << ": " << done.error().message;
    EXPECT_EQ(done.error().effect, Certainty::no_effect) << what;
    EXPECT_THAT(names_in(home), IsEmpty()) << what;
  }
  std::string content_of(const std::string& path) {
    Lz4FrameReader reader;
    auto file = stage.files.open(path);
    reader.open(std::move(*file), fs::file_size(path));
    std::string all;
    while (true) {
      Result<std::string_view> next = reader.next();
      EXPECT_TRUE(next.has_value()) << path;
      if (!next || next->empty()) return all;
      all += *next;
    }
  }
};

TEST_F(Damage, OfAnyWordOfALogAndItsFramesIsRefused) {
  const std::string replica = stage.unpack_replica();
  const std::string folder = replica + "/generations/b76fced2f19976f1/";
  Map args = Stage::args(target, replica);
  args["at"] = checkpoint("c03-insert").at;
  const std::string snapshot = content_of(folder + "snapshots/00000000.snapshot.lz4");
  const size_t page = size_t{static_cast<unsigned char>(snapshot[16])} << 8 | static_cast<unsigned char>(snapshot[17]);
  int tried = 0;
  for (const char* name : {"00000000_00000000", "00000000_0000a110", "00000001_00000000", "00000001_00001038"}) {
    const std::string path = folder + "wal/" + name + ".wal.lz4";
    const std::string original = bytes_of(path), content = content_of(path);
    write_keeping_time(path, lz4_frame_of(content));
    Result<StepOutput> same = restored(args);
    ASSERT_TRUE(same.has_value()) << "the frame made here is as good: " << same.error().message;
    fs::remove(target);
    const size_t first = std::string(name).ends_with("_00000000") ? log_header : 0;
    ASSERT_EQ((content.size() - first) % (frame_header + page), 0u);
    const size_t frames = (content.size() - first) / (frame_header + page);
    std::vector<std::pair<std::string, size_t>> places;
    for (size_t word = 0; word * 4 < first; ++word)
      places.emplace_back("word " + std::to_string(word) + " of the header", word * 4 + word % 4);
    for (size_t frame : std::set<size_t>{0, frames / 2, frames - 1}) {
      const size_t begin = first + frame * (frame_header + page);
      const std::string of = " of frame " + std::to_string(frame);
      for (size_t word = 0; word < 6; ++word)
        places.emplace_back("word " + std::to_string(word) + of, begin + word * 4 + word % 4);
      for (size_t at : {size_t{0}, page / 2, page - 1})
        places.emplace_back("byte " + std::to_string(at) + " of the page" + of, begin + frame_header + at);
    }
    for (const auto& [what, at] : places) {
      write_keeping_time(path, lz4_frame_of(flipped(content, at)));
      expect_refused(args, std::string(name) + ": " + what);
      if (HasFatalFailure()) return;
      ++tried;
    }
    write_keeping_time(path, original);
  }
  EXPECT_GE(tried, 2 * 8 + 4 * 9);
}

// A table with inner pages, an index, and a page that is free.
void make_source(const std::string& path) {
  execute(path,
          "PRAGMA page_size = 512; CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT); CREATE INDEX i ON t (x);"
          "CREATE TABLE gone (x); INSERT INTO gone VALUES (zeroblob(600));"
          "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400)"
          "INSERT INTO t SELECT i, 'row ' || i FROM n; DROP TABLE gone");
}

TEST_F(Damage, OfAnyByteOfAFileWithAManifestIsRefused) {
  const std::string source = stage.directory / "app.db", kept = stage.directory / "kept";
  fs::create_directories(kept);
  make_source(source);
  Map connection{{"name", "app"}, {"kind", "sqlite"}, {"path", source}};
  Result<StepOutput> made =
      stage.backup(Map{{"source", Map{{"connection", connection}}}, {"to", kept}, {"name", "app"}});
  ASSERT_TRUE(made.has_value()) << made.error().message;
  ++stage.attempt;
  const std::string file = text_of(made->fields, "file"), good = bytes_of(file);
  const Map args{{"target", Map{{"sqlite", target}}}, {"from", Map{{"file", file}}}};
  ASSERT_TRUE(restored(args).has_value());
  fs::remove(target);
  // All of the first page's two headers, then a byte of each eighth of every page.
  for (size_t at = 0; at < good.size(); at += at < 112 ? 1 : 61) {
    write_bytes(file, flipped(good, at));
    expect_refused(args, "byte " + std::to_string(at));
    if (HasFatalFailure()) return;
  }
  write_bytes(file, flipped(good, good.size() - 1));
  expect_refused(args, "the last byte");
}

// Without one nothing proves a byte that only data hold. What makes up the database itself is proven by SQLite's check,
// and what it does not mind (numbers of versions, free space) changes no row.
TEST_F(Damage, OfAHeaderOrATreeOfABareFileIsRefusedOrChangesNoRow) {
  const std::string source = stage.directory / "bare.db";
  make_source(source);
  const std::string good = bytes_of(source);
  const Map args{{"target", Map{{"sqlite", target}}}, {"from", Map{{"file", source}}}};
  ASSERT_TRUE(restored(args).has_value());
  auto rows_of = [](const std::string& path) {
    std::string all;
    sqlite3* db = nullptr;
    sqlite3_open_v2(path.c_str(), &db, SQLITE_OPEN_READONLY, nullptr);
    sqlite3_exec(
        db, "SELECT id, x FROM t ORDER BY id",
        [](void* to, int, char** cells, char**) {
          *static_cast<std::string*>(to) += std::string(cells[0]) + "=" + (cells[1] ? cells[1] : "NULL") + "\n";
          return 0;
        },
        &all, nullptr);
    sqlite3_close(db);
    return all;
  };
  const std::string rows = rows_of(target);
  ASSERT_THAT(rows, HasSubstr("400=row 400\n"));
  fs::remove(target);
  int refusals = 0, kept = 0;
  auto try_it = [&](size_t at) {
    write_bytes(source, flipped(good, at));
    Result<StepOutput> done = restored(args);
    if (!done) {
      ++refusals;
      EXPECT_EQ(done.error().effect, Certainty::no_effect) << at;
      EXPECT_THAT(names_in(home), IsEmpty()) << at;
      return;
    }
    ++kept;
    EXPECT_EQ(rows_of(target), rows) << "byte " << at;
    for (const std::string& left : names_in(home)) fs::remove(home + "/" + left);
  };
  // The database's header and that of its first page.
  for (size_t at = 0; at < 108; ++at) try_it(at);
  // The header and the pointers of every other page: leaves, inner pages, the free ones and the last.
  for (size_t page = 512; page < good.size(); page += 512) {
    for (size_t at : {size_t{0}, size_t{3}, size_t{4}, size_t{5}, size_t{6}, size_t{8}, size_t{9}}) try_it(page + at);
  }
  EXPECT_GT(refusals, kept);
}

}  // namespace
}  // namespace muster
