// What a store that speaks S3 answers, taken apart; the store itself is asked in tests/live/replicas.sh.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>

#include "interpreter/world/curl.h"
#include "steps/restore/s3_files.h"
#include "tests/world/fake_clock.h"
#include "tests/world/fake_http.h"
#include "tests/world/loopback_server.h"

namespace muster {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr Timestamp now{1'800'000'000'000'000};

std::string contents(const std::string& key, int size, const std::string& time = "2026-11-21T01:17:30.000Z") {
  return "<Contents><Key>" + key + "</Key><LastModified>" + time + "</LastModified><ETag>&quot;e&quot;</ETag><Size>" +
         std::to_string(size) + "</Size></Contents>";
}
std::string listing(const std::string& inner) {
  return "<?xml version=\"1.0\"?><ListBucketResult xmlns=\"x\">" + inner + "</ListBucketResult>";
}

TEST(S3Listing, HasKeysSizesAndTheEndOfTheSecond) {
  Result<S3Listing> page =
      parse_s3_listing(listing("<IsTruncated>true</IsTruncated><NextContinuationToken>a+b/c=</NextContinuationToken>" +
                               contents("a &amp; b&lt;c", 12) + contents("d", 0)),
                       now);
  ASSERT_TRUE(page.has_value()) << page.error().message;
  ASSERT_EQ(page->objects.size(), 2u);
  EXPECT_EQ(page->objects[0].key, "a & b<c");
  EXPECT_EQ(page->objects[0].etag, "\"e\"");
  EXPECT_EQ(page->objects[0].size, 12u);
  EXPECT_EQ(to_text(page->objects[0].modified), "2026-11-21T01:17:30.999999Z");
  EXPECT_EQ(page->next, "a+b/c=");
}

TEST(S3Listing, HasNoTimeThatLiesInTheFuture) {
  Timestamp second = *parse_timestamp("2026-11-21T01:17:30Z");
  Result<S3Listing> page = parse_s3_listing(listing(contents("d", 1)), second + Duration::milliseconds(300));
  EXPECT_EQ(page->objects[0].modified, second + Duration::milliseconds(300));
}

TEST(S3Listing, IsRefusedWhenCutOrForeign) {
  std::string whole = listing(contents("a", 1) + contents("b", 2));
  for (size_t length = 0; length < whole.size(); length += 5)
    EXPECT_FALSE(parse_s3_listing(whole.substr(0, length), now).has_value()) << length;
  EXPECT_FALSE(parse_s3_listing("<html>hello</html>", now).has_value());
  EXPECT_FALSE(parse_s3_listing(listing("<Contents><Key>a</Key></Contents>"), now).has_value());
  EXPECT_FALSE(parse_s3_listing(listing("<IsTruncated>true</IsTruncated>"), now).has_value());
}

TEST(S3Url, NamesABucketAndAFolder) {
  EXPECT_EQ(parse_s3_url("s3://bucket/a/b/")->prefix, "a/b");
  EXPECT_EQ(parse_s3_url("s3://bucket")->bucket, "bucket");
  for (const char* bad : {"s3://", "s3:///x", "http://bucket/x", "s3://Bucket/x", "s3://user@bucket/x", "s3://b/x?y"})
    EXPECT_FALSE(parse_s3_url(bad).has_value()) << bad;
  EXPECT_EQ(s3_encoded("a+b=c d/\xc3\xa9", true), "a%2Bb%3Dc%20d/%C3%A9");
  EXPECT_EQ(s3_encoded("a/b", false), "a%2Fb");
}

// A store that takes the request and never answers.
TEST(S3Files, AStopEndsARequestThatIsUnderWay) {
  std::stop_source stop;
  LoopbackServer server([&](ServedConnection& connection, const ReceivedRequest&) {
    stop.request_stop();
    (void)connection.next();  // until the client has gone
  });
  RealHttp http;
  FakeClock clock;
  Connection store{"store", "s3", Map{{"endpoint", server.url("")}, {"region", "us-east-1"}}};
  S3Files files(http, clock, store, *parse_s3_url("s3://bucket/app"), stop.get_token());
  auto begin = std::chrono::steady_clock::now();
  Result<std::vector<DirectoryEntry>> listed = files.list("s3://bucket/app");
  ASSERT_FALSE(listed.has_value());
  EXPECT_EQ(listed.error().code, ErrorCode::interrupted) << listed.error().message;
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));  // a request may take 60
}

}  // namespace
}  // namespace muster
