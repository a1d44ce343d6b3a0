#include "steps/restore/wal.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "steps/restore/database_header.h"
#include "steps/restore/lz4_frame.h"
#include "tests/unit/steps/restore_world.h"

namespace muster {
namespace {

using namespace restore_tests;  // NOLINT: the tests' own world
using testing::HasSubstr;

void put(std::string& bytes, size_t at, uint32_t n) {
  for (int i = 0; i < 4; ++i) bytes[at + static_cast<size_t>(i)] = static_cast<char>(n >> (24 - 8 * i));
}

// Written from the file format's description, apart from the code under test.
struct LogMaker {
  bool big = false;
  uint32_t page_size = 512;
  uint32_t s0 = 0, s1 = 0;
  std::string bytes;

  explicit LogMaker(bool big_endian_sums = false) : big(big_endian_sums) {
    bytes.assign(32, '\0');
    put(bytes, 0, big ? 0x377f0683u : 0x377f0682u);
    put(bytes, 4, 3007000);
    put(bytes, 8, page_size);
    put(bytes, 16, 0x11223344);
    put(bytes, 20, 0x55667788);
    sum(bytes.substr(0, 24));
    put(bytes, 24, s0);
    put(bytes, 28, s1);
  }
  void sum(const std::string& data) {
    auto word = [&](size_t i) {
      uint32_t n = 0;
      for (size_t k = 0; k < 4; ++k) {
        uint32_t byte = static_cast<unsigned char>(data[i + (big ? k : 3 - k)]);
        n = n << 8 | byte;
      }
      return n;
    };
    for (size_t i = 0; i < data.size(); i += 8) {
      s0 += word(i) + s1;
      s1 += word(i + 4) + s0;
    }
  }
  LogMaker& frame(uint32_t page, uint32_t commit, char fill) {
    std::string head(24, '\0');
    put(head, 0, page);
    put(head, 4, commit);
    put(head, 8, 0x11223344);
    put(head, 12, 0x55667788);
    std::string content(page_size, fill);
    sum(head.substr(0, 8));
    sum(content);
    put(head, 16, s0);
    put(head, 20, s1);
    bytes += head + content;
    return *this;
  }
};

struct Seen {
  std::vector<std::pair<uint32_t, char>> pages;
  Result<void> result;
};

Seen decode(const std::string& bytes, size_t piece, uint32_t page_size = 512) {
  WalDecoder decoder(page_size);
  Seen seen;
  for (size_t at = 0; at < bytes.size(); at += piece) {
    seen.result = decoder.add(std::string_view(bytes).substr(at, piece), [&](const WalFrame& frame) -> Result<void> {
      seen.pages.emplace_back(frame.page, frame.content.front());
      return {};
    });
    if (!seen.result) return seen;
  }
  if (!decoder.is_between_frames()) seen.result = fail(ErrorCode::corrupt, "cut");
  return seen;
}

TEST(Wal, GivesTheSameFramesHoweverTheBytesArrive) {
  for (bool big : {false, true}) {
    LogMaker log(big);
    log.frame(1, 0, 'a').frame(2, 2, 'b').frame(1, 2, 'c');
    for (size_t piece : {size_t{1}, size_t{7}, size_t{32}, size_t{536}, log.bytes.size()}) {
      Seen seen = decode(log.bytes, piece);
      ASSERT_TRUE(seen.result.has_value()) << seen.result.error().message;
      EXPECT_THAT(seen.pages, testing::ElementsAre(std::pair(1u, 'a'), std::pair(2u, 'b'), std::pair(1u, 'c')));
    }
  }
}

TEST(Wal, RefusesEveryFlippedByteThatSqliteWouldTakeForTheEnd) {
  LogMaker log;
  log.frame(1, 0, 'a').frame(2, 2, 'b').frame(1, 2, 'c');
  for (size_t at = 0; at < log.bytes.size(); ++at) {
    std::string bytes = log.bytes;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    Seen seen = decode(bytes, bytes.size());
    ASSERT_FALSE(seen.result.has_value()) << "byte " << at;
    EXPECT_EQ(seen.result.error().code, ErrorCode::corrupt);
  }
}

TEST(Wal, RefusesAFrameOfAnotherLog) {
  LogMaker log;
  log.frame(1, 1, 'a').frame(2, 2, 'b');
  put(log.bytes, 32 + 536 + 8, 0x11223345);
  Seen seen = decode(log.bytes, 4096);
  ASSERT_FALSE(seen.result.has_value());
  EXPECT_THAT(seen.result.error().message, HasSubstr("salts of frame 2"));
}

TEST(Wal, RefusesFramesInAnotherOrder) {
  LogMaker log;
  log.frame(1, 1, 'a').frame(2, 2, 'b').frame(3, 3, 'c');
  std::string swapped =
      log.bytes.substr(0, 32 + 536) + log.bytes.substr(32 + 2 * 536, 536) + log.bytes.substr(32 + 536, 536);
  EXPECT_FALSE(decode(swapped, 4096).result.has_value());
}

TEST(Wal, RefusesAnotherPageSizeThanTheDatabases) {
  LogMaker log;
  Seen seen = decode(log.bytes, 32, 4096);
  ASSERT_FALSE(seen.result.has_value());
  EXPECT_THAT(seen.result.error().message, HasSubstr("512"));
}

TEST(Wal, KnowsThatItStandsWithinAFrame) {
  LogMaker log;
  log.frame(1, 1, 'a');
  EXPECT_FALSE(decode(log.bytes.substr(0, log.bytes.size() - 1), 100).result.has_value());
  EXPECT_FALSE(decode(log.bytes.substr(0, 31), 100).result.has_value());
}

TEST(Wal, CountsFramesUpToTheLastCommit) {
  LogMaker log;
  log.frame(1, 0, 'a').frame(2, 5, 'b').frame(3, 0, 'c');
  WalDecoder decoder(512);
  ASSERT_TRUE(decoder.add(log.bytes, [](const WalFrame&) -> Result<void> { return {}; }).has_value());
  EXPECT_EQ(decoder.frames(), 3u);
  EXPECT_EQ(decoder.committed_frames(), 2u);
  EXPECT_EQ(decoder.commit_pages(), 5u);
}

TEST(Wal, WritesPagesInPlaceAndCutsWhereACommitShrinksTheDatabase) {
  TemporaryDirectory directory;
  DiskFiles files;
  auto file = files.create(directory / "db");
  ASSERT_TRUE(file.has_value());
  ASSERT_TRUE((*file)->write_at(0, std::string(3 * 512, 'x')).has_value());
  PageWriter pages(**file, 512, 3 * 512);
  std::string a(512, 'a'), b(512, 'b');
  ASSERT_TRUE(pages.write({1, 2, 0, a}).has_value());
  EXPECT_EQ(pages.size_bytes(), 3u * 512);
  ASSERT_TRUE(pages.write({2, 1, 2, b}).has_value());
  EXPECT_EQ(bytes_of(directory / "db"), b + a);
  ASSERT_TRUE(pages.write({3, 3, 4, a}).has_value());  // the fourth page is never written, but counted
  EXPECT_EQ(bytes_of(directory / "db"), b + a + a + std::string(512, '\0'));
}

TEST(DatabaseHeader, KnowsPageSizesFrom512To65536) {
  std::string header("SQLite format 3\0", 16);
  header.resize(100, '\0');
  for (uint32_t size : {512u, 4096u, 32768u, 65536u}) {
    uint32_t stored = size == 65536 ? 1 : size;
    header[16] = static_cast<char>(stored >> 8);
    header[17] = static_cast<char>(stored);
    ASSERT_TRUE(parse_database_header(header).has_value());
    EXPECT_EQ(parse_database_header(header)->page_size, size);
  }
  header[16] = 0;
  header[17] = 0;
  EXPECT_FALSE(parse_database_header(header).has_value());
  header[16] = 3;
  EXPECT_FALSE(parse_database_header(header).has_value());
  EXPECT_FALSE(parse_database_header(std::string(100, '\0')).has_value());
  EXPECT_FALSE(parse_database_header(header.substr(0, 99)).has_value());
}

// --- LZ4 frames ---

struct Frame : testing::Test {
  Stage stage;
  std::string original;
  std::string path = stage.directory / "frame";

  void SetUp() override {
    original = bytes_of(stage.unpack_replica() + "/generations/b76fced2f19976f1/wal/00000001_00001038.wal.lz4");
    ASSERT_EQ(original.size(), 2720u);
  }
  Lz4FrameReader reader;  // the same for all: what one file left behind must not touch the next

  Result<std::string> read(const std::string& bytes) {
    write_bytes(path, bytes);
    auto file = stage.files.open(path);
    reader.open(std::move(*file), bytes.size());
    std::string all;
    while (true) {
      Result<std::string_view> next = reader.next();
      if (!next) return pass(next.error());
      if (next->empty()) return all;
      all += *next;
    }
  }
};

TEST_F(Frame, IsDecodedWhole) {
  Result<std::string> decoded = read(original);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->size(), 0x3068u - 0x1038u);
}

TEST_F(Frame, IsRefusedWhenItIsCut) {
  for (size_t size = 0; size < original.size(); ++size) {
    Result<std::string> decoded = read(original.substr(0, size));
    ASSERT_FALSE(decoded.has_value()) << size;
    EXPECT_EQ(decoded.error().code, ErrorCode::corrupt);
  }
}

// A flip may turn one way to say the same into another: then the content is still the proven one, and that is right.
TEST_F(Frame, IsRefusedWithAFlippedByteUnlessItStillSaysTheSame) {
  std::string content = *read(original);
  int same = 0;
  for (size_t at = 0; at < original.size(); ++at) {
    std::string bytes = original;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x04);
    Result<std::string> decoded = read(bytes);
    if (decoded) {
      EXPECT_EQ(*decoded, content) << at;
      ++same;
    } else {
      EXPECT_EQ(decoded.error().code, ErrorCode::corrupt) << at << decoded.error().message;
    }
  }
  EXPECT_LT(same, 10);
}

TEST_F(Frame, IsRefusedWhenTheFileGoesOn) {
  EXPECT_FALSE(read(original + "x").has_value());
  EXPECT_FALSE(read(original + original).has_value());
}

TEST_F(Frame, IsRefusedWithoutAContentChecksumOrAsASkippableOne) {
  // Independent blocks, no checksum, 64 KB, header checksum, end mark: whole and valid, but not to be proven.
  EXPECT_THAT(read(std::string("\x04\x22\x4d\x18\x60\x40\x82\x00\x00\x00\x00", 11)).error().message,
              HasSubstr("no content checksum"));
  EXPECT_FALSE(read(std::string("\x50\x2a\x4d\x18\x01\x00\x00\x00x", 9)).has_value());
}

TEST_F(Frame, SpansManyBuffersWhenItIsLarge) {
  std::string content;
  for (int i = 0; i < 400000; ++i) content += std::to_string(i * 7919LL);
  std::string frame = lz4_frame_of(content);
  Result<std::string> decoded = read(frame);
  ASSERT_TRUE(decoded.has_value()) << decoded.error().message;
  EXPECT_EQ(*decoded, content);
  frame[frame.size() / 2] = static_cast<char>(frame[frame.size() / 2] ^ 1);
  EXPECT_FALSE(read(frame).has_value());
}

}  // namespace
}  // namespace muster
