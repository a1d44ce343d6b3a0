// UTF-8, digests, shell words and the names of errors.
#include <gtest/gtest.h>

#include "interpreter/base/digest.h"
#include "interpreter/base/result.h"
#include "interpreter/base/shell_quote.h"
#include "interpreter/base/utf8.h"

namespace muster {
namespace {

TEST(Utf8, FindsTheFirstByteThatIsNone) {
  EXPECT_EQ(first_invalid_utf8("a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80"), std::nullopt);
  EXPECT_EQ(first_invalid_utf8("ab\xff"), 2u);
  EXPECT_EQ(first_invalid_utf8("\xC0\x80"), 0u) << "overlong";
  EXPECT_EQ(first_invalid_utf8("\xE0\x80\x80"), 0u) << "overlong";
  EXPECT_EQ(first_invalid_utf8("x\xED\xA0\x80"), 1u) << "a surrogate";
  EXPECT_EQ(first_invalid_utf8("x\xE2\x82"), 1u) << "cut";
  EXPECT_EQ(first_invalid_utf8("\xF4\x90\x80\x80"), 0u) << "beyond the last character";
}

TEST(Utf8, CountsCharactersNotBytes) {
  EXPECT_EQ(character_count(""), 0u);
  EXPECT_EQ(character_count("na\xC3\xAFve\xE2\x82\xAC"), 6u);
  EXPECT_EQ(character_count("a\xff\xfe"), 3u);
}

TEST(Utf8, MakesWhatComesFromTheWorldSafeForATerminal) {
  EXPECT_EQ(escape_for_terminal("\x1b[31mred\x07\xff", false), "\\x1b[31mred\\x07\\xff");
  EXPECT_EQ(escape_for_terminal("a\tb\nc\r", true), "a\tb\nc\\x0d");
  EXPECT_EQ(escape_for_terminal("a\tb\nc", false), "a\\x09b\\x0ac");
  EXPECT_EQ(escape_for_terminal("x\xE2\x80\xAEy\xD8\x9Cz", false), "x\\u{202e}y\\u{061c}z")
      << "marks that turn the direction";
  EXPECT_EQ(escape_for_terminal("\xC2\x9B", false), "\\x9b") << "the escape of eight bits";
  EXPECT_EQ(escape_for_terminal("gr\xC3\xBC\xC3\x9F", false), "gr\xC3\xBC\xC3\x9F");
}

TEST(Digest, IsSha256) {
  EXPECT_EQ(sha256_hex(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256_hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(to_hex(sha256_raw("abc")), sha256_hex("abc"));
  Sha256 pieces;
  pieces.add("a");
  Sha256 moved(std::move(pieces));
  moved.add("bc");
  EXPECT_EQ(moved.hex(), sha256_hex("abc"));
}

TEST(ShellQuote, KeepsPlainWordsAndQuotesTheRest) {
  EXPECT_EQ(shell_line({"mv", "/a/b.c", "two words", "it's", "", "$HOME", "a=b,c"}),
            "mv /a/b.c 'two words' 'it'\\''s' '' '$HOME' a=b,c");
}

TEST(ErrorCodes, AreTheWordsOfPlaybooksBothWays) {
  EXPECT_EQ(name_of(ErrorCode::failed), "failed");
  EXPECT_EQ(name_of(ErrorCode::timeout), "timeout");
  EXPECT_EQ(name_of(ErrorCode::verify_failed), "verify_failed");
  EXPECT_EQ(name_of(ErrorCode::no_backup), "no_backup");
  EXPECT_EQ(name_of(ErrorCode::expression), "expression");
  EXPECT_EQ(name_of(ErrorCode::invalid), "invalid");
  for (int i = 0; i <= static_cast<int>(ErrorCode::invalid); ++i) {
    auto code = static_cast<ErrorCode>(i);
    EXPECT_EQ(error_code_of(name_of(code)), code) << name_of(code);
  }
  EXPECT_EQ(error_code_of("Failed"), std::nullopt);
  EXPECT_EQ(name_of(Certainty::no_effect), "none");
  EXPECT_EQ(name_of(Certainty::maybe), "maybe");
  EXPECT_EQ(name_of(Certainty::done), "done");
}

}  // namespace
}  // namespace muster
