// Archives: what goes in comes out, and nothing else is taken for it. Rows B51, B55, B56, B63 and S27 to S30.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <set>

#include "interpreter/base/digest.h"
#include "steps/archive/compression.h"
#include "steps/archive/entry_names.h"
#include "steps/archive/libcrypto.h"
#include "steps/archive/reading.h"
#include "steps/archive/tar_format.h"
#include "steps/archive/writing.h"
#include "tests/unit/steps/restore_world.h"

namespace muster {
namespace {

using namespace restore_tests;  // NOLINT: the tests' own world
using testing::AnyOf;
using testing::HasSubstr;
namespace fs = std::filesystem;

class Gathered final : public ByteSink {
 public:
  Result<void> add(std::string_view more) override {
    bytes += more;
    return {};
  }
  Result<void> end() override {
    has_ended = true;
    return {};
  }
  std::string bytes;
  bool has_ended = false;
};

ArchiveKey key_of(const std::string& text, bool is_passphrase = false) { return {Secret("k", text), is_passphrase}; }
const std::string good_key(32, 'k');

std::string noise(size_t size, unsigned seed = 1) {
  std::string out;
  while (out.size() < size) out += static_cast<char>((seed = seed * 1103515245 + 12345) >> 16);
  return out;
}

std::string sealed(const std::string& plain, const ArchiveKey& key, const std::string& random = noise(48),
                   size_t chunk = 64) {
  Gathered out;
  SealOptions options;
  options.chunk_bytes = chunk;
  options.cost = {1, 64};
  std::unique_ptr<ByteSink> seal = *seal_into(key, random, out, options);
  EXPECT_TRUE(seal->add(plain).has_value());
  EXPECT_TRUE(seal->end().has_value());
  return out.bytes;
}

// What is opened, in pieces of a size; what was given out before an error does not matter to who restores.
Result<std::string> unsealed(const std::string& bytes, const ArchiveKey& key, size_t piece = 50) {
  Gathered out;
  std::unique_ptr<ByteSink> unseal = unseal_into(key, out);
  for (size_t at = 0; at < bytes.size(); at += piece) {
    if (Result<void> taken = unseal->add(bytes.substr(at, piece)); !taken) return pass(taken.error());
  }
  if (Result<void> ended = unseal->end(); !ended) return pass(ended.error());
  return out.bytes;
}

constexpr size_t header_bytes = 88;

TEST(Sealing, GivesBackEveryLengthAroundAChunk) {
  for (size_t size : {0u, 1u, 63u, 64u, 65u, 127u, 128u, 129u, 1000u}) {
    std::string plain = noise(size);
    for (size_t piece : {1u, 7u, 4096u}) {
      Result<std::string> back = unsealed(sealed(plain, key_of(good_key)), key_of(good_key), piece);
      ASSERT_TRUE(back.has_value()) << size << ": " << back.error().message;
      EXPECT_EQ(*back, plain) << size;
    }
  }
}

TEST(Sealing, RefusesEveryFlippedBit) {
  std::string whole = sealed(noise(200), key_of(good_key));
  for (size_t at = 0; at < whole.size(); ++at) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(damaged[at] ^ (1 << bit));
      Result<std::string> back = unsealed(damaged, key_of(good_key));
      ASSERT_FALSE(back.has_value()) << "byte " << at << ", bit " << bit;
      EXPECT_THAT(back.error().code, AnyOf(ErrorCode::corrupt, ErrorCode::wrong_key));
      if (at >= header_bytes) {
        EXPECT_EQ(back.error().code, ErrorCode::corrupt) << "byte " << at;
      }
    }
  }
}

// B51, B56: also within a tag.
TEST(Sealing, RefusesACutAtEveryByte) {
  for (size_t size : {128u, 200u}) {
    std::string whole = sealed(noise(size), key_of(good_key));
    for (size_t length = 0; length < whole.size(); ++length) {
      Result<std::string> back = unsealed(whole.substr(0, length), key_of(good_key));
      ASSERT_FALSE(back.has_value()) << length;
      EXPECT_EQ(back.error().code, ErrorCode::corrupt) << length;
    }
    EXPECT_FALSE(unsealed(whole + "x", key_of(good_key)).has_value()) << "bytes behind the end";
  }
}

TEST(Sealing, RefusesATagThatIsCutToOneByte) {
  Result<AesGcm> cipher = AesGcm::with_key(good_key);
  ASSERT_TRUE(cipher.has_value()) << cipher.error().message;
  std::string nonce(12, 'n');
  std::string whole = *cipher->seal(nonce, "about", "text");
  ASSERT_TRUE(cipher->open(nonce, "about", whole).has_value());
  for (size_t cut = 1; cut <= whole.size(); ++cut)
    EXPECT_FALSE(cipher->open(nonce, "about", whole.substr(0, whole.size() - cut)).has_value()) << cut;
  EXPECT_FALSE(cipher->open(nonce, "another", whole).has_value());
}

// S28
TEST(Sealing, RefusesChunksThatWereSwappedDroppedDoubledOrTakenFromAnotherArchive) {
  std::string plain = noise(64 * 4);
  std::string a = sealed(plain, key_of(good_key), noise(48, 1)), b = sealed(plain, key_of(good_key), noise(48, 2));
  constexpr size_t chunk = 64 + 16;
  auto piece = [&](const std::string& from, size_t n) { return from.substr(header_bytes + n * chunk, chunk); };
  std::string head = a.substr(0, header_bytes);
  std::vector<std::string> forged = {
      head + piece(a, 1) + piece(a, 0) + piece(a, 2) + piece(a, 3),
      head + piece(a, 0) + piece(a, 2) + piece(a, 3),
      head + piece(a, 0) + piece(a, 1) + piece(a, 2),
      head + piece(a, 0) + piece(a, 0) + piece(a, 1) + piece(a, 2) + piece(a, 3),
      head + piece(a, 0) + piece(b, 1) + piece(a, 2) + piece(a, 3),
      b.substr(0, header_bytes) + a.substr(header_bytes),
      head + piece(a, 0) + piece(a, 1) + piece(a, 2) + piece(a, 3) + piece(a, 3),
  };
  for (size_t i = 0; i < forged.size(); ++i)
    EXPECT_FALSE(unsealed(forged[i], key_of(good_key)).has_value()) << "forgery " << i;
}

// B55
TEST(Sealing, RefusesAWrongKeyAShortOneAndAnEmptyPassphrase) {
  std::string by_key = sealed("secret things", key_of(good_key));
  std::string by_words = sealed("secret things", key_of("correct horse", true));
  EXPECT_EQ(unsealed(by_key, key_of(std::string(32, 'x'))).error().code, ErrorCode::wrong_key);
  EXPECT_EQ(unsealed(by_words, key_of("correct house", true)).error().code, ErrorCode::wrong_key);
  EXPECT_EQ(*unsealed(by_words, key_of("correct horse", true)), "secret things");
  EXPECT_EQ(unsealed(by_words, key_of(good_key)).error().code, ErrorCode::wrong_key);
  EXPECT_EQ(unsealed(by_key, key_of("correct horse", true)).error().code, ErrorCode::wrong_key);
  for (size_t length : {0u, 1u, 16u, 31u, 33u, 64u}) {
    Result<void> checked = check_key(key_of(std::string(length, 'k')));
    ASSERT_FALSE(checked.has_value()) << length;
    EXPECT_THAT(checked.error().message, HasSubstr("must have exactly 32"));
  }
  EXPECT_THAT(check_key(key_of("", true)).error().message, HasSubstr("empty"));
  Gathered out;
  std::unique_ptr<ByteSink> without = unseal_into(std::nullopt, out);
  EXPECT_EQ(without->add(by_key).error().code, ErrorCode::wrong_key);
}

// A header that somebody else wrote must not fill our memory.
TEST(Sealing, RefusesAPassphrasesCostBeyondAllMeasure) {
  std::string whole = sealed("x", key_of("words", true));
  for (size_t at : {12u, 16u}) {
    std::string damaged = whole;
    for (size_t i = 0; i < 4; ++i) damaged[at + i] = '\xff';
    EXPECT_EQ(unsealed(damaged, key_of("words", true)).error().code, ErrorCode::corrupt);
  }
}

// S29: a nonce never meets a key twice, since no two files have the same key.
TEST(Sealing, GivesTheSameTextAnotherCipherInEveryArchive) {
  std::set<std::string> seen;
  for (unsigned n = 0; n < 2000; ++n) {
    std::string whole = sealed("the same text", key_of(good_key), noise(48, n + 1));
    EXPECT_TRUE(seen.insert(whole.substr(header_bytes)).second) << n;
  }
}

// Two chunks of the same text under one key and one nonce would begin alike.
TEST(Sealing, S29NeverTakesANonceTwiceInAMillionChunks) {
  constexpr size_t chunks = 1'000'000, chunk = 8, tag = 16;
  const std::string whole = sealed(std::string(chunks * chunk, 'x'), key_of(good_key), noise(48), chunk);
  ASSERT_EQ(whole.size(), header_bytes + chunks * (chunk + tag));
  std::vector<uint64_t> first(chunks);
  for (size_t i = 0; i < chunks; ++i)
    std::memcpy(&first[i], whole.data() + header_bytes + i * (chunk + tag), sizeof first[i]);
  std::ranges::sort(first);
  EXPECT_EQ(std::ranges::adjacent_find(first), first.end());
}

// S30: the same words make another key for every archive, at a cost that the header names.
TEST(Sealing, S30MakesAKeyOfAPassphraseWithASaltAndACost) {
  std::set<std::string> seen;
  for (unsigned n = 1; n <= 3; ++n) {
    const std::string whole = sealed("the same text", key_of("words", true), noise(48, n));
    EXPECT_TRUE(seen.insert(whole.substr(header_bytes)).second);
    std::string other_salt = whole;
    other_salt[24] = static_cast<char>(other_salt[24] ^ 1);
    EXPECT_EQ(unsealed(other_salt, key_of("words", true)).error().code, ErrorCode::wrong_key);
  }
  Gathered out;
  std::unique_ptr<ByteSink> seal = *seal_into(key_of("words", true), noise(48), out, SealOptions{});
  ASSERT_TRUE(seal->end().has_value());
  EXPECT_EQ(out.bytes.substr(12, 8), std::string("\x03\0\0\0\0\0\x01\0", 8)) << "3 passes over 64 MiB";
}

TEST(Compression, GivesBackWhatWentInAndRefusesCutsAndTrailingBytes) {
  std::string plain;
  for (int i = 0; i < 2'000; ++i) plain += "row " + std::to_string(i * i) + "\n";
  for (Compression how : {Compression::gzip, Compression::zstd}) {
    Gathered packed;
    std::unique_ptr<ByteSink> pack = compress_into(how, packed);
    ASSERT_TRUE(pack->add(plain).has_value());
    ASSERT_TRUE(pack->end().has_value());
    EXPECT_LT(packed.bytes.size(), plain.size() / 2);
    auto unpack = [&](const std::string& bytes) -> Result<std::string> {
      Gathered out;
      std::unique_ptr<ByteSink> layer = decompress_into(how, out);
      for (size_t at = 0; at < bytes.size(); at += 1000) {
        if (Result<void> taken = layer->add(bytes.substr(at, 1000)); !taken) return pass(taken.error());
      }
      if (Result<void> ended = layer->end(); !ended) return pass(ended.error());
      return out.bytes;
    };
    Result<std::string> back = unpack(packed.bytes);
    ASSERT_TRUE(back.has_value()) << back.error().message;
    EXPECT_TRUE(*back == plain);
    for (size_t length = 0; length < packed.bytes.size(); length += 97)
      EXPECT_FALSE(unpack(packed.bytes.substr(0, length)).has_value()) << length;
    EXPECT_FALSE(unpack(packed.bytes.substr(0, packed.bytes.size() - 1)).has_value());
    EXPECT_FALSE(unpack(packed.bytes + "trailing").has_value());
    for (size_t at = packed.bytes.size() / 3; at < packed.bytes.size(); at += 211) {
      std::string damaged = packed.bytes;
      damaged[at] = static_cast<char>(damaged[at] ^ 0x10);
      EXPECT_FALSE(unpack(damaged).has_value()) << at;
    }
  }
}

TEST(Compression, EndsABombLongBeforeTheDiskIsFull) {
  Gathered packed;
  std::unique_ptr<ByteSink> pack = compress_into(Compression::zstd, packed);
  std::string zeros(1 << 20, '\0');
  for (int i = 0; i < 300; ++i) ASSERT_TRUE(pack->add(zeros).has_value());
  ASSERT_TRUE(pack->end().has_value());
  Gathered out;
  std::unique_ptr<ByteSink> layer = decompress_into(Compression::zstd, out);
  Result<void> taken = layer->add(packed.bytes);
  ASSERT_FALSE(taken.has_value());
  EXPECT_EQ(taken.error().code, ErrorCode::refused);
  EXPECT_LT(out.bytes.size(), 80u << 20);
}

// One header of the tar format, made here and not by the code under test.
std::string tar_header(const std::string& name, char kind, uint64_t size, const std::string& link = "",
                       unsigned mode = 0644) {
  std::string block(512, '\0');
  auto put = [&](size_t at, const std::string& text) { block.replace(at, text.size(), text); };
  char number[32];
  put(0, name);
  std::snprintf(number, sizeof number, "%07o", mode);
  put(100, number);
  std::snprintf(number, sizeof number, "%011llo", static_cast<unsigned long long>(size));
  put(124, number);
  put(136, "14000000000");
  block[156] = kind;
  put(157, link);
  put(257, std::string("ustar\00000", 8));
  put(148, "        ");
  unsigned sum = 0;
  for (char c : block) sum += static_cast<unsigned char>(c);
  std::snprintf(number, sizeof number, "%06o", sum);
  put(148, std::string(number) + std::string(1, '\0') + " ");
  return block;
}
std::string tar_file(const std::string& name, const std::string& content = "x") {
  std::string padded = content;
  padded.resize((content.size() + 511) / 512 * 512, '\0');
  return tar_header(name, '0', content.size()) + padded;
}
std::string pax(const std::string& key, const std::string& value) {
  std::string rest = " " + key + "=" + value + "\n";
  size_t size = rest.size() + 2;
  if (std::to_string(size).size() != 2) size = rest.size() + std::to_string(rest.size() + 3).size();
  std::string record = std::to_string(size) + rest;
  std::string padded = record;
  padded.resize((record.size() + 511) / 512 * 512, '\0');
  return tar_header("pax", 'x', record.size()) + padded;
}
const std::string tar_end(1024, '\0');

struct Archives : testing::Test {
  Stage stage;
  std::string staging = stage.directory / "staging";
  std::string file = stage.directory / "it.tar";
  std::string beside = stage.directory / "beside";
  void SetUp() override {
    fs::create_directory(staging);
    fs::create_directory(beside);
  }
  Result<ReadBackup> unpack(const std::string& bytes, uint64_t most = 1 << 30) {
    fs::remove_all(staging);
    fs::create_directory(staging);
    write_bytes(file, bytes);
    return read_backup(stage.files, &stage.files, {file, std::nullopt, staging, "payload", most}, {},
                       [](uint64_t, uint64_t) {});
  }
  Error refused(const std::string& bytes) {
    Result<ReadBackup> read = unpack(bytes);
    EXPECT_FALSE(read.has_value());
    EXPECT_EQ(names_in(beside), std::vector<std::string>());
    EXPECT_FALSE(exists(stage.directory / "escaped"));
    return read ? Error{} : read.error();
  }
};

// B63 and S27, one after the other.
TEST_F(Archives, RefuseEveryNameThatLeadsOutside) {
  for (const char* name : {"../escaped", "a/../../escaped", "..", "/etc/escaped", "a//b", "a/./b", "./../escaped"})
    EXPECT_EQ(refused(tar_file(name) + tar_end).code, ErrorCode::refused) << name;
  EXPECT_EQ(refused(pax("path", "../escaped") + tar_file("fine") + tar_end).code, ErrorCode::refused);
}

TEST_F(Archives, RefuseAFileThatGoesThroughALink) {
  std::string link = tar_header("out", '2', 0, "../beside");
  EXPECT_THAT(refused(link + tar_file("out/escaped") + tar_end).message, HasSubstr("outside"));
  std::string inner = tar_header("d", '5', 0, "", 0755) + tar_header("in", '2', 0, "d");
  EXPECT_THAT(refused(inner + tar_file("in/file") + tar_end).message, HasSubstr("goes through `in`"));
  EXPECT_THAT(refused(tar_file("in") + tar_file("in/file") + tar_end).message, HasSubstr("goes through `in`"));
  // CVE-2021-32803: a directory first, then a link of its name, then a file through it.
  EXPECT_THAT(refused(tar_header("d", '5', 0, "", 0755) + tar_header("d", '2', 0, "../beside") + tar_file("d/escaped") +
                      tar_end)
                  .message,
              HasSubstr("twice"));
  for (const char* target : {"/etc/passwd", "../../beside", "..", "d/../../x"})
    EXPECT_EQ(refused(tar_header("l", '2', 0, target) + tar_end).code, ErrorCode::refused) << target;
}

TEST_F(Archives, RefuseHardLinksDevicesPipesAndSetuid) {
  EXPECT_THAT(refused(tar_header("h", '1', 0, "../beside") + tar_end).message, HasSubstr("hard link"));
  for (char kind : {'3', '4', '6'})
    EXPECT_THAT(refused(tar_header("dev", kind, 0) + tar_end).message, HasSubstr("device"));
  for (unsigned mode : {04755u, 02755u, 01755u})
    EXPECT_THAT(refused(tar_header("s", '0', 0, "", mode) + tar_end).message, HasSubstr("setuid"));
  EXPECT_EQ(refused(tar_header("?", 'Z', 0) + tar_end).code, ErrorCode::refused);
}

TEST_F(Archives, RefuseSparseFilesAndSizesBeyondTheDisk) {
  EXPECT_THAT(refused(tar_header("s", 'S', 0) + tar_end).message, HasSubstr("sparse"));
  EXPECT_THAT(refused(pax("GNU.sparse.major", "1") + tar_file("s") + tar_end).message, HasSubstr("sparse"));
  // 8 EB, said before a byte of it comes.
  EXPECT_THAT(refused(pax("size", "9223372036854775807") + tar_file("big") + tar_end).message, HasSubstr("claims"));
  Result<ReadBackup> read = unpack(tar_header("big", '0', 1 << 20) + std::string(1 << 20, 'x') + tar_end, 1 << 19);
  ASSERT_FALSE(read.has_value());
  EXPECT_EQ(read.error().code, ErrorCode::storage);
}

TEST_F(Archives, RefuseNamesWithNulControlsAndBytesThatAreNoText) {
  EXPECT_THAT(refused(pax("path", std::string("a\0b", 3)) + tar_file("x") + tar_end).message, HasSubstr("NUL"));
  EXPECT_THAT(refused(tar_file(std::string("a\0b", 3)) + tar_end).message, HasSubstr("NUL"));
  EXPECT_THAT(refused(tar_file("a\nb") + tar_end).message, HasSubstr("control character"));
  EXPECT_THAT(refused(tar_file("a\xff") + tar_end).message, HasSubstr("not UTF-8"));
}

TEST_F(Archives, RefuseTwinsByCaseAndComposition) {
  EXPECT_THAT(refused(tar_file("Makefile") + tar_file("makefile") + tar_end).message, HasSubstr("case or composition"));
  EXPECT_THAT(refused(tar_file("caf\xc3\xa9") + tar_file("cafe\xcc\x81") + tar_end).message,
              HasSubstr("case or composition"));
  EXPECT_THAT(refused(tar_file("stra\xc3\x9f\x65") + tar_file("STRASSE") + tar_end).message,
              HasSubstr("case or composition"));
  EXPECT_THAT(refused(tar_file("same") + tar_file("same") + tar_end).message, HasSubstr("twice"));
  EXPECT_TRUE(unpack(tar_file("a") + tar_file("\xc3\xa1") + tar_end).has_value()) << "an accent is a difference";
}

TEST_F(Archives, RefuseAMillionEntries) {
  TarReader reader({[](const TarEntry&) { return Result<void>(); }, [](std::string_view) { return Result<void>(); },
                    [](const TarEntry&) { return Result<void>(); }});
  std::string entries;
  for (int i = 0; i < 1000; ++i) entries += tar_header("./", '5', 0, "", 0755);
  int thousands = 0;
  Result<void> taken;
  while (taken && thousands < 1000) {
    taken = reader.add(entries);
    ++thousands;
  }
  ASSERT_FALSE(taken.has_value());
  EXPECT_EQ(thousands, 501);
  EXPECT_THAT(taken.error().message, HasSubstr("more than 500000 entries"));
}

TEST_F(Archives, RefuseATarThatIsCutOrDamagedInItsHeaders) {
  std::string whole = tar_file("one", noise(700)) + tar_file("two", noise(100)) + tar_end;
  for (size_t length = 300; length < whole.size(); length += 64)
    EXPECT_FALSE(unpack(whole.substr(0, length)).has_value()) << length;
  for (size_t at : {0u, 100u, 124u, 148u, 156u, 300u}) {
    std::string damaged = whole;
    damaged[at] = static_cast<char>(damaged[at] ^ 1);
    EXPECT_FALSE(unpack(damaged).has_value()) << at;
  }
  EXPECT_FALSE(unpack(whole + std::string(512, 'x')).has_value()) << "bytes behind the end";
}

TEST_F(Archives, OfOneDirectoryComeBackWithModesTimesAndLinks) {
  std::string from = stage.directory / "from";
  fs::create_directories(from + "/deep/" + std::string(120, 'd'));
  write_bytes(from + "/a file", "content");
  write_bytes(from + "/empty", "");
  write_bytes(from + "/deep/" + std::string(120, 'd') + "/big", noise(3 << 20));
  fs::create_symlink("deep", from + "/link");
  ::chmod((from + "/a file").c_str(), 0640);
  ::chmod((from + "/deep").c_str(), 0750);
  ASSERT_TRUE(stage.files.set_modified(from + "/a file", *parse_timestamp("2001-02-03T04:05:06.789012Z")).has_value());
  for (Compression how : {Compression::none, Compression::gzip, Compression::zstd}) {
    for (bool is_sealed : {false, true}) {
      Result<Inventory> inventory = take_inventory(stage.files, from, {});
      ASSERT_TRUE(inventory.has_value()) << inventory.error().message;
      Manifest manifest;
      manifest.kind = "directory";
      ArchiveOptions options{how, is_sealed ? std::optional(key_of(good_key)) : std::nullopt, noise(48)};
      fs::remove(file);
      Result<WrittenArchive> written =
          archive_directory(stage.files, from, *inventory, manifest, options, file, {}, [](uint64_t, uint64_t) {});
      ASSERT_TRUE(written.has_value()) << written.error().message;
      EXPECT_EQ(written->sha256, sha256_hex(bytes_of(file)));
      fs::remove_all(staging);
      fs::create_directory(staging);
      Result<ReadBackup> read =
          read_backup(stage.files, &stage.files, {file, options.key, staging, "payload", uint64_t{1} << 30}, {},
                      [](uint64_t, uint64_t) {});
      ASSERT_TRUE(read.has_value()) << read.error().message;
      EXPECT_EQ(read->digests, written->digests);
      EXPECT_EQ(std::system(("diff -r " + from + " " + staging).c_str()), 0);
      struct stat status {};
      ASSERT_EQ(::stat((staging + "/a file").c_str(), &status), 0);
      EXPECT_EQ(status.st_mode & 07777u, 0640u);
      EXPECT_EQ(status.st_mtim.tv_nsec, 789012000);
      ASSERT_EQ(::stat((staging + "/deep").c_str(), &status), 0);
      EXPECT_EQ(status.st_mode & 07777u, 0750u);
      EXPECT_EQ(fs::read_symlink(staging + "/link"), "deep");
      if (!is_sealed) {
        // tar itself reads it.
        std::string other = stage.directory / "by-tar";
        fs::remove_all(other);
        fs::create_directory(other);
        std::string flag = how == Compression::gzip ? "-z " : how == Compression::zstd ? "--zstd " : "";
        if (how != Compression::zstd) {
          EXPECT_EQ(std::system(("tar -x " + flag + "-f " + file + " -C " + other).c_str()), 0);
          EXPECT_EQ(std::system(("diff -r -x backup_meta.json " + from + " " + other).c_str()), 0);
        }
      }
    }
  }
}

TEST_F(Archives, MadeByTarAreRead) {
  std::string from = stage.directory / "from";
  fs::create_directories(from + "/" + std::string(90, 'a') + "/" + std::string(90, 'b'));
  write_bytes(from + "/" + std::string(90, 'a') + "/" + std::string(90, 'b') + "/file", noise(10'000));
  fs::create_symlink(std::string(90, 'a'), from + "/link");
  for (const char* format : {"gnu", "pax", "ustar"}) {
    std::string command = "tar -c --format=" + std::string(format) + " -f " + file + ".made -C " + from + " .";
    ASSERT_EQ(std::system(command.c_str()), 0);
    Result<ReadBackup> read = unpack(bytes_of(file + ".made"));
    ASSERT_TRUE(read.has_value()) << format << ": " << read.error().message;
    EXPECT_EQ(std::system(("diff -r " + from + " " + staging).c_str()), 0) << format;
  }
}

TEST_F(Archives, RefuseToTakeAPlainFileWhereAKeyIsGiven) {
  write_bytes(file, tar_file("x") + tar_end);
  Result<ReadBackup> read = read_backup(
      stage.files, &stage.files, {file, key_of(good_key), staging, "payload", 1 << 20}, {}, [](uint64_t, uint64_t) {});
  ASSERT_FALSE(read.has_value());
  EXPECT_THAT(read.error().message, HasSubstr("not encrypted"));
}

}  // namespace
}  // namespace muster
