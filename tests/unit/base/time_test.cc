#include "interpreter/base/time.h"

#include <gtest/gtest.h>
#include <random>

namespace muster {
namespace {

std::string round_trip(std::string_view text) {
  std::optional<Timestamp> t = parse_timestamp(text);
  return t ? to_text(*t) : "none";
}

TEST(Timestamps, AreReadInTheFormsOfRfc3339) {
  EXPECT_EQ(parse_timestamp("1970-01-01T00:00:00Z")->us, 0);
  EXPECT_EQ(parse_timestamp("2026-01-15T10:00:00Z")->us, 1'768'471'200'000'000);
  EXPECT_EQ(round_trip("2026-01-15T10:00:00+02:00"), "2026-01-15T08:00:00Z");
  EXPECT_EQ(round_trip("2026-01-15t10:00:00.25z"), "2026-01-15T10:00:00.25Z");
  EXPECT_EQ(round_trip("2026-01-15 10:00:00-00:30"), "2026-01-15T10:30:00Z");
  EXPECT_EQ(round_trip("2026-01-15"), "2026-01-15T00:00:00Z");
  EXPECT_EQ(round_trip("2016-12-31T23:59:60Z"), "2016-12-31T23:59:59Z") << "a leap second";
  EXPECT_EQ(round_trip("1969-12-31T23:59:59.999999Z"), "1969-12-31T23:59:59.999999Z");
  EXPECT_EQ(round_trip("2000-02-29T00:00:00Z"), "2000-02-29T00:00:00Z");
  EXPECT_EQ(round_trip("2026-01-15T10:00:00.1234567Z"), "2026-01-15T10:00:00.123456Z") << "microseconds are kept";
}

TEST(Timestamps, AreNothingWhereTheTextIsNone) {
  for (const char* text : {"", "now", "2026-1-5", "2026-02-29", "1900-02-29", "2026-13-01", "2026-00-10", "2026-01-32",
                           "2026-01-15T10:00", "2026-01-15T10:00:00", "2026-01-15T24:00:00Z", "2026-01-15T10:60:00Z",
                           "2026-01-15T10:00:61Z", "2026-01-15T10:00:00.Z", "2026-01-15T10:00:00+0200",
                           "2026-01-15T10:00:00Zx", "0000-01-01T00:00:00+01:00", "9999-12-31T23:59:59-01:00"})
    EXPECT_EQ(parse_timestamp(text), std::nullopt) << text;
}

TEST(Timestamps, ReadBackAsWhatTheyPrint) {
  std::mt19937_64 random(7);
  for (int i = 0; i < 5000; ++i) {
    Timestamp t{static_cast<int64_t>(random() % 315'000'000'000'000'000) - 62'000'000'000'000'000};
    ASSERT_EQ(parse_timestamp(to_text(t)), t) << to_text(t);
  }
}

TEST(Timestamps, MoveOnlyWithinTheYearsThatCanBeWritten) {
  EXPECT_EQ(to_text(*timestamp_at(Timestamp{0}, 1'000'000)), "1970-01-01T00:00:01Z");
  EXPECT_EQ(timestamp_at(*parse_timestamp("9999-12-31T23:59:59Z"), 1'000'000), std::nullopt);
  EXPECT_EQ(timestamp_at(*parse_timestamp("0000-01-01"), -1), std::nullopt);
  EXPECT_EQ(timestamp_at(Timestamp{INT64_MAX}, INT64_MAX), std::nullopt);
}

TEST(Durations, AreReadWithTheirUnits) {
  EXPECT_EQ(parse_duration("500ms"), Duration::milliseconds(500));
  EXPECT_EQ(parse_duration("30s"), Duration::seconds(30));
  EXPECT_EQ(parse_duration("2m"), Duration::seconds(120));
  EXPECT_EQ(parse_duration("24h"), Duration::seconds(86'400));
  EXPECT_EQ(parse_duration("7d"), Duration::seconds(604'800));
  EXPECT_EQ(parse_duration("1h30m"), Duration::seconds(5'400));
  EXPECT_EQ(parse_duration("1.5h"), Duration::seconds(5'400));
  for (const char* text : {"", "30", "s", "-1s", "1 s", "1x", "1h30", "999999999999d", "1.s", "9999999999999s"})
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
}

TEST(Durations, PrintTheShortestFormAndReadItBack) {
  EXPECT_EQ(to_text(Duration{0}), "0s");
  EXPECT_EQ(to_text(Duration::milliseconds(250)), "250ms");
  EXPECT_EQ(to_text(Duration::seconds(5400)), "1h30m");
  EXPECT_EQ(to_text(Duration::milliseconds(1500)), "1.5s");
  EXPECT_EQ(to_text(Duration{-90'000'000}), "-1m30s");
  std::mt19937_64 random(11);
  for (int i = 0; i < 5000; ++i) {
    Duration d{static_cast<int64_t>(random() % (1ull << (random() % 50)))};
    ASSERT_EQ(parse_duration(to_text(d)), d) << to_text(d);
  }
}

}  // namespace
}  // namespace muster
