// The fence that everything passes before it is stored, fed byte by byte and in one piece: row B28 of
// docs/reliability.md.
#include "interpreter/world/redactor.h"

#include <gtest/gtest.h>

#include "interpreter/world/secret_forms.h"

namespace muster {
namespace {

std::string in_pieces(const std::vector<std::string>& forms, const std::string& text, size_t size) {
  Redactor redactor(forms);
  std::string out;
  for (size_t at = 0; at < text.size(); at += size) redactor.add(std::string_view(text).substr(at, size), out);
  redactor.end(out);
  return out;
}

// The same, however the text is cut.
std::string redacted(const std::vector<std::string>& forms, const std::string& text) {
  std::string whole = Redactor(forms).text(text);
  for (size_t size = 1; size <= 7; ++size) EXPECT_EQ(in_pieces(forms, text, size), whole) << size;
  EXPECT_EQ(in_pieces(forms, text, text.size()), whole);
  return whole;
}

TEST(Redactor, ReplacesASecretHoweverItIsCut) {
  EXPECT_EQ(redacted({"hunter22"}, "pass hunter22, hunter2 and hunter22"), "pass ***, hunter2 and ***");
  EXPECT_EQ(redacted({"hunter22"}, "hunterhunter22hunter"), "hunter***hunter");
  EXPECT_EQ(redacted({"aabaabaa"}, "aabaabaabaabaa."), "***.") << "overlapping itself";
}

TEST(Redactor, LeavesNothingOfSecretsThatOverlap) {
  EXPECT_EQ(redacted({"abcdefgh", "efghijkl"}, "-abcdefghijkl-"), "-***-");
  EXPECT_EQ(redacted({"abcdefgh", "cdef"}, "abcdefghi cdef"), "***i ***");
  EXPECT_EQ(redacted({"abcdefgh"}, "abcdefghabcdefgh"), "******") << "two that only touch";
}

TEST(Redactor, SeesASecretThatIsBrokenOverLines) {
  EXPECT_EQ(redacted({"abcdefgh"}, "x\nabc\ndef\r\ngh\ny"), "x\n***\ny");
  EXPECT_EQ(redacted({"abcdefgh"}, "a\nb\nc\nd\ne\nf\ng\nh"), "***");
  EXPECT_EQ(redacted({"first\nsecond"}, "first\r\nsecond firstsecond first\n\n\nsecond"), "*** *** first\n\n\nsecond");
}

TEST(Redactor, SeesEveryEncodingOfASecretAtEveryPlace) {
  const std::string secret = "t0ken/with+some=\"signs\" <&>\xC3\xBC";
  std::vector<std::string> forms = secret_forms(secret);
  const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (size_t before = 0; before < 6; ++before) {
    std::string bytes = std::string(before, 'x') + secret + "yz", encoded;
    for (size_t i = 0; i + 2 < bytes.size(); i += 3) {
      uint32_t bits = 0;
      for (size_t j = 0; j < 3; ++j) bits = bits << 8 | static_cast<unsigned char>(bytes[i + j]);
      for (int shift = 18; shift >= 0; shift -= 6) encoded.push_back(digits[bits >> shift & 63]);
      if (i % 12 == 9) encoded += '\n';  // as tools wrap it
    }
    std::string out = redacted(forms, encoded);
    // What is left are the neighbours and at most one character on either side that they share with the secret.
    EXPECT_NE(out.find("***"), std::string::npos) << encoded;
    EXPECT_LE(out.size(), before * 2 + 3 + 8) << out;
  }
  EXPECT_EQ(redacted(forms, "t0ken%2Fwith%2Bsome%3D%22signs%22%20%3C%26%3E%C3%BC"), "***");
  EXPECT_EQ(redacted(forms, "t0ken%2fwith%2bsome%3d%22signs%22+%3c%26%3e%c3%bc"), "***");
  EXPECT_EQ(redacted(forms, R"({"a":"t0ken/with+some=\"signs\" <&>)"
                            "\xC3\xBC"
                            R"("})"),
            R"({"a":"***"})");
  EXPECT_EQ(redacted(forms, R"("t0ken\/with+some=\"signs\" \u003c\u0026\u003e\u00fc")"), R"("***")");
  EXPECT_EQ(redacted(forms, "74306b656e2f776974682b736f6d653d227369676e7322203c263ec3bc"), "***");
  EXPECT_EQ(redacted(forms, "74306B656E2F776974682B736F6D653D227369676E7322203C263EC3BC"), "***");
}

TEST(Redactor, KeepsEverythingWhereItKnowsNoSecret) {
  EXPECT_EQ(redacted({}, "hunter22\n"), "hunter22\n");
  EXPECT_EQ(redacted({"x", ""}, "x"), "x") << "one byte is no secret";
  Redactor redactor({"abcdefgh"});
  redactor.know({"12345678"});
  EXPECT_EQ(redactor.text("abcdefgh 12345678"), "*** ***") << "more may be learnt later";
}

}  // namespace
}  // namespace muster
