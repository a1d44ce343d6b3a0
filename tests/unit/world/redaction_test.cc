#include "interpreter/world/redaction.h"

#include <gtest/gtest.h>

#include "interpreter/base/digest.h"
#include "interpreter/base/json.h"

namespace muster {
namespace {

const Secret token("token", "hunter22secret");

TEST(Redaction, GoesIntoEveryTextKeyAndNumberOfAValue) {
  Redaction redaction(Map{{"headers", Map{{"Authorization", Secret("a", "Bearer 12345678")}}}}, {token});
  redaction.know("12345678");
  Value value = Map{{"said", "it is hunter22secret"},
                    {"hunter22secret", List{"aHVudGVyMjJzZWNyZXQ=", 12345678, 7, true, Null{}}}};
  EXPECT_EQ(print_json(redaction.value(std::move(value))), R"({"***":["***","***",7,true,null],"said":"it is ***"})");
}

TEST(Redaction, GoesIntoWhatAnErrorSays) {
  Redaction redaction({}, {token});
  Error error;
  error.message = "no such user: hunter22secret";
  error.hint = "try --token hunter22secret";
  error.cause = "68756e74657232327365637265740a";
  error = redaction.error(std::move(error));
  EXPECT_EQ(error.message, "no such user: ***");
  EXPECT_EQ(error.hint, "try --token ***");
  EXPECT_EQ(error.cause, "***0a");
}

TEST(Redaction, CountsAndHashesWhatIsLeftOfAStream) {
  Redaction redaction({}, {token});
  CapturedStream stream;
  stream.head = "say hunter22";
  stream.tail = "secret.";
  stream.bytes = 19;
  stream.sha256 = sha256_hex("say hunter22secret.");
  CapturedStream left = redaction.stream(stream);
  EXPECT_EQ(left.head + left.tail, "say ***.") << "head and tail meet within the secret";
  EXPECT_TRUE(left.is_whole());
  EXPECT_EQ(left.bytes, 8u);
  EXPECT_EQ(left.sha256, sha256_hex("say ***."));
  stream.head = "nothing of it ";
  EXPECT_EQ(redaction.stream(stream).sha256, stream.sha256) << "what holds no secret stays as it is";
}

}  // namespace
}  // namespace muster
