#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "interpreter/base/time_window.h"
#include "interpreter/base/time_zone.h"

namespace muster {
namespace {

Timestamp at(const char* text) { return *parse_timestamp(text); }

TEST(TimeWindow, IsOpenWithinItsHours) {
  TimeWindow window{{}, 9 * 60, 17 * 60};
  EXPECT_FALSE(is_open(window, at("2026-01-15T08:59:59Z")));
  EXPECT_TRUE(is_open(window, at("2026-01-15T09:00:00Z")));
  EXPECT_TRUE(is_open(window, at("2026-01-15T16:59:59Z")));
  EXPECT_FALSE(is_open(window, at("2026-01-15T17:00:00Z")));
}

TEST(TimeWindow, BelongsToTheDayOnWhichItBegins) {
  // 2026-01-16 is a Friday.
  TimeWindow window{{4}, 22 * 60, 4 * 60};
  EXPECT_TRUE(is_open(window, at("2026-01-16T22:00:00Z")));
  EXPECT_TRUE(is_open(window, at("2026-01-17T03:59:00Z"))) << "the night from Friday to Saturday";
  EXPECT_FALSE(is_open(window, at("2026-01-17T22:00:00Z")));
  EXPECT_FALSE(is_open(window, at("2026-01-16T03:00:00Z"))) << "the night from Thursday to Friday";
}

TEST(TimeWindow, KnowsDaysAndHoursByName) {
  EXPECT_EQ(weekday_of("mon"), 0);
  EXPECT_EQ(weekday_of("sun"), 6);
  EXPECT_FALSE(weekday_of("monday"));
  EXPECT_EQ(minute_of_day("22:30"), 22 * 60 + 30);
  EXPECT_EQ(minute_of_day("24:00"), 24 * 60);
  for (const char* text : {"24:01", "7:00", "07:60", "25:00", "0700", ""}) EXPECT_FALSE(minute_of_day(text)) << text;
  EXPECT_TRUE(is_zone_name("America/Argentina/Buenos_Aires"));
  EXPECT_TRUE(is_zone_name("Etc/GMT+3"));
  for (const char* text : {"", "/etc/passwd", "../x", "Europe/../x", "Europe//Berlin", "a b", "Europe/"})
    EXPECT_FALSE(is_zone_name(text)) << text;
}

// The system's own database, against what `date` says of it.
std::optional<TimeZone> zone(const char* name) {
  std::ifstream in(std::string(zone_folder) + "/" + name, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return TimeZone::parse(out.str());
}

TEST(TimeZone, KnowsSummerAndWinterNowAndInFiftyYears) {
  std::optional<TimeZone> berlin = zone("Europe/Berlin");
  ASSERT_TRUE(berlin) << "the system has no tz database";
  EXPECT_EQ(berlin->offset_at(at("2026-01-15T10:00:00Z")), Duration::seconds(3600));
  EXPECT_EQ(berlin->offset_at(at("2026-07-15T10:00:00Z")), Duration::seconds(7200));
  // The last Sunday of March, 2026-03-29, at 01:00 UTC.
  EXPECT_EQ(berlin->offset_at(at("2026-03-29T00:59:59Z")), Duration::seconds(3600));
  EXPECT_EQ(berlin->offset_at(at("2026-03-29T01:00:00Z")), Duration::seconds(7200));
  // Behind the table's last transition the rule of its last line counts: 2076-10-25 at 01:00 UTC.
  EXPECT_EQ(berlin->offset_at(at("2076-10-25T00:59:59Z")), Duration::seconds(7200));
  EXPECT_EQ(berlin->offset_at(at("2076-10-25T01:00:00Z")), Duration::seconds(3600));
}

TEST(TimeZone, KnowsTheSouthAndOddOffsets) {
  std::optional<TimeZone> sydney = zone("Australia/Sydney"), kathmandu = zone("Asia/Kathmandu");
  ASSERT_TRUE(sydney && kathmandu);
  EXPECT_EQ(sydney->offset_at(at("2026-01-15T10:00:00Z")), Duration::seconds(11 * 3600));
  EXPECT_EQ(sydney->offset_at(at("2076-07-15T10:00:00Z")), Duration::seconds(10 * 3600));
  EXPECT_EQ(sydney->offset_at(at("2076-01-15T10:00:00Z")), Duration::seconds(11 * 3600));
  EXPECT_EQ(kathmandu->offset_at(at("2026-01-15T10:00:00Z")), Duration::seconds(5 * 3600 + 45 * 60));
}

TEST(TimeZone, RefusesBytesThatAreNone) {
  EXPECT_FALSE(TimeZone::parse(""));
  EXPECT_FALSE(TimeZone::parse("TZif2"));
  EXPECT_FALSE(TimeZone::parse(std::string("TZif2") + std::string(39, '\xff')));
  std::ifstream in(std::string(zone_folder) + "/Europe/Berlin", std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  const std::string whole = out.str();
  for (size_t n = 0; n < whole.size(); n += 7)
    (void)TimeZone::parse(whole.substr(0, n));  // no byte is read that is not there
}

}  // namespace
}  // namespace muster
