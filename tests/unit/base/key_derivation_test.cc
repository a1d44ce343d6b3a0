#include "interpreter/base/key_derivation.h"

#include <gtest/gtest.h>

#include "interpreter/base/digest.h"

namespace muster {
namespace {

// S30. By the reference program: argon2 0123456789abcdef -id -t 2 -k 256 -p 1 -l 32 -r
TEST(Passphrases, BecomeKeysByArgon2id) {
  Result<std::string> key = key_of_passphrase("correct horse", "0123456789abcdef", {2, 256});
  ASSERT_TRUE(key.has_value()) << key.error().message;
  EXPECT_EQ(to_hex(*key), "05a5b87e96872a309958018361dbedaf12ef4a1fd245350fa04881eb2b646c2b");
}

TEST(Passphrases, BecomeOtherKeysWithAnotherSaltCostOrLetter) {
  const std::string key = *key_of_passphrase("correct horse", "0123456789abcdef", {2, 256});
  EXPECT_NE(*key_of_passphrase("correct horse", "0123456789abcdeg", {2, 256}), key);
  EXPECT_NE(*key_of_passphrase("correct horse", "0123456789abcdef", {3, 256}), key);
  EXPECT_NE(*key_of_passphrase("correct horse", "0123456789abcdef", {2, 512}), key);
  EXPECT_NE(*key_of_passphrase(std::string("correct horse\0", 14), "0123456789abcdef", {2, 256}), key)
      << "nothing is padded";
}

TEST(Passphrases, CostAtLeastWhatIsAdvisedUnlessATestSaysOtherwise) {
  EXPECT_GE(PassphraseCost{}.passes, 3u);
  EXPECT_GE(PassphraseCost{}.memory_kib, 64u << 10);
  EXPECT_EQ(key_of_passphrase("correct horse", "0123456789abcdef", {2, 1}).error().code, ErrorCode::invalid);
}

TEST(Hmac, IsTheOneThatOthersMake) {
  EXPECT_EQ(to_hex(hmac_sha256(std::string(32, 'k'), "what do ya want for nothing?")),
            "4f63351605b85f42e803b30e42c1905fed065a563ff4295a47982e43f228e097");
  EXPECT_TRUE(same_bytes("abc", "abc"));
  EXPECT_FALSE(same_bytes("abc", "abd"));
  EXPECT_FALSE(same_bytes("abc", "ab"));
}

}  // namespace
}  // namespace muster
