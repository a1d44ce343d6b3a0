#include "interpreter/world/secret_forms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace muster {
namespace {

using testing::Contains;
using testing::IsEmpty;
using testing::Not;

TEST(SecretForms, AreTheSecretItselfAndItsLongLines) {
  std::vector<std::string> forms = secret_forms("first-line\nsecond-line\nno");
  EXPECT_THAT(forms, Contains("first-line\nsecond-line\nno"));
  EXPECT_THAT(forms, Contains("first-line"));
  EXPECT_THAT(forms, Contains("second-line"));
  EXPECT_THAT(forms, Not(Contains("no")));
}

TEST(SecretForms, AreItsBase64WhereverItStandsInALongerText) {
  // `secret?>` after 0, 1 and 2 other bytes: c2VjcmV0Pz4= eHNlY3JldD8+ eHlzZWNyZXQ/Pg==
  std::vector<std::string> forms = secret_forms("secret?>");
  EXPECT_THAT(forms, Contains("c2VjcmV0Pz"));
  EXPECT_THAT(forms, Contains("NlY3JldD8+"));
  EXPECT_THAT(forms, Contains("NlY3JldD8-")) << "the alphabet of URLs";
  EXPECT_THAT(forms, Contains("zZWNyZXQ/P"));
}

TEST(SecretForms, AreItsHexAndPercentEncodings) {
  std::vector<std::string> forms = secret_forms("a b/k\xC3\xBC");
  EXPECT_THAT(forms, Contains("6120622f6bc3bc"));
  EXPECT_THAT(forms, Contains("6120622F6BC3BC"));
  EXPECT_THAT(forms, Contains("a%20b%2Fk%C3%BC"));
  EXPECT_THAT(forms, Contains("a%20b%2fk%c3%bc"));
  EXPECT_THAT(forms, Contains("a+b/k%C3%BC"));
}

TEST(SecretForms, AreWhatJsonAndShellsMakeOfIt) {
  std::vector<std::string> forms = secret_forms("q\"b\\n\n'\x01/");
  EXPECT_THAT(forms, Contains("q\\\"b\\\\n\\n'\\u0001/"));
  EXPECT_THAT(forms, Contains("q\\\"b\\\\n\\n'\\u0001\\/"));
  EXPECT_THAT(forms, Contains("q\"b\\n\n'\\''\x01/"));
}

TEST(SecretForms, ComeLongestFirstAndNoneIsShort) {
  std::vector<std::string> forms = secret_forms("abcdef");
  ASSERT_FALSE(forms.empty());
  for (size_t i = 1; i < forms.size(); ++i) EXPECT_GE(forms[i - 1].size(), forms[i].size());
  EXPECT_GE(forms.back().size(), 4u);
  EXPECT_THAT(secret_forms(""), IsEmpty());
}

}  // namespace
}  // namespace muster
