#include "interpreter/report/wording.h"

#include <gtest/gtest.h>

namespace muster {
namespace {

TEST(Wording, SaysSpansInTheUnitThatFits) {
  EXPECT_EQ(spent(Duration{12'345}), "0.012 s");
  EXPECT_EQ(spent(Duration::milliseconds(1240)), "1.2 s");
  EXPECT_EQ(spent(Duration::milliseconds(59'960)), "1 min 0 s");
  EXPECT_EQ(spent(Duration::seconds(185)), "3 min 5 s");
  EXPECT_EQ(spent(Duration::seconds(7440)), "2 h 4 min");
  EXPECT_EQ(spent(Duration::seconds(3 * 86400 + 7200)), "3 d 2 h");
  EXPECT_EQ(spent(Duration::seconds(-5)), "0.000 s");
}

TEST(Wording, CutsByCharactersAndNeverInsideOne) {
  EXPECT_EQ(short_line("héllo", 5), "héllo");
  EXPECT_EQ(short_line("ééééé", 4), "ééé…");
  EXPECT_EQ(short_line(std::string(1000, 'x'), 3), "xx…");
  EXPECT_EQ(short_line("", 3), "");
}

TEST(Wording, ShowsMomentsToTheSecond) {
  Timestamp at = *parse_timestamp("2026-01-15T10:00:59.999Z");
  EXPECT_EQ(second_of(at), "2026-01-15T10:00:59Z");
  EXPECT_EQ(clock_of(at), "10:00:59Z");
}

TEST(Wording, PutsThePrefixBeforeEveryLine) {
  EXPECT_EQ(indented("a\nb\n\n", "  "), "  a\n  b\n");
  EXPECT_EQ(indented("", "  "), "");
  EXPECT_EQ(indented("a\x1b[2Jb", ""), "a\\x1b[2Jb\n");
}

}  // namespace
}  // namespace muster
