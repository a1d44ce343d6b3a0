#include "interpreter/base/value.h"

#include <gtest/gtest.h>
#include <cmath>
#include <limits>

namespace muster {
namespace {

TEST(Values, AreCalledByTheWordsOfTheLanguage) {
  EXPECT_EQ(type_name({}), "nil");
  EXPECT_EQ(type_name(true), "boolean");
  EXPECT_EQ(type_name(1), "integer");
  EXPECT_EQ(type_name(1.5), "number");
  EXPECT_EQ(type_name("x"), "string");
  EXPECT_EQ(type_name(List{}), "list");
  EXPECT_EQ(type_name(Map{}), "map");
  EXPECT_EQ(type_name(Timestamp{}), "timestamp");
  EXPECT_EQ(type_name(Duration{}), "duration");
  EXPECT_EQ(type_name(Secret("s", "x")), "secret");
  EXPECT_EQ(type_name(Unknown{"later"}), "unknown");
}

TEST(Values, PrintWholeNumbersWithoutAPoint) {
  EXPECT_EQ(to_text(Value(3.0)), "3");
  EXPECT_EQ(to_text(Value(-3.0)), "-3");
  EXPECT_EQ(to_text(Value(-0.0)), "0");
  EXPECT_EQ(to_text(Value(0.1)), "0.1");
  EXPECT_EQ(to_text(Value(1e14)), "100000000000000");
  EXPECT_EQ(to_text(Value(1e15)), "1e+15");
  EXPECT_EQ(to_text(Value(std::numeric_limits<int64_t>::min())), "-9223372036854775808");
  EXPECT_EQ(to_text(Value(HUGE_VAL)), "inf");
  EXPECT_EQ(to_text(Value(std::nan(""))), "nan");
  EXPECT_EQ(to_text(Value(-std::nan(""))), "nan");
}

TEST(Values, PrintDurationsAsSecondsAndTimestampsInUtc) {
  EXPECT_EQ(to_text(Value(Duration::seconds(90))), "90");
  EXPECT_EQ(to_text(Value(Duration::milliseconds(1500))), "1.5");
  EXPECT_EQ(to_text(Value(Timestamp{0})), "1970-01-01T00:00:00Z");
}

TEST(Values, PrintListsAndMapsAsJsonAndNeverASecret) {
  EXPECT_EQ(to_text(Value(List{1, "a", Value()})), "[1,\"a\",null]");
  EXPECT_EQ(to_text(Value(Map{{"b", 2.0}, {"a", true}})), "{\"a\":true,\"b\":2}");
  EXPECT_EQ(to_text(Value(Secret("token", "hunter2"))), "***");
  EXPECT_EQ(to_text(Value(List{Secret("token", "hunter2")})), "[\"***\"]");
  EXPECT_EQ(to_text(Value(Unknown{"known after restored"})), "(known after restored)");
}

TEST(Values, AreTheSameByContentAndNumbersByValue) {
  EXPECT_TRUE(same(1, 1.0));
  EXPECT_FALSE(same(1, "1"));
  EXPECT_FALSE(same(Value(std::nan("")), Value(std::nan(""))));
  EXPECT_FALSE(same(std::numeric_limits<int64_t>::max(), 9223372036854775808.0))
      << "a float that rounds is not the integer";
  EXPECT_TRUE(same(Duration::seconds(2), 2));
  EXPECT_TRUE(same(List{1, Map{{"a", 2}}}, List{1.0, Map{{"a", 2}}}));
  EXPECT_FALSE(same(List{1}, List{1, 2}));
  EXPECT_FALSE(same(Map{{"a", 1}}, Map{{"b", 1}}));
  EXPECT_FALSE(same(Secret("a", "x"), Secret("a", "x"))) << "whether two secrets are equal must not be told";
  EXPECT_FALSE(same(Unknown{"w"}, Unknown{"w"}));
}

TEST(Values, FindWhatHidesInside) {
  EXPECT_TRUE(holds_secret(List{1, Map{{"a", Secret("n", "x")}}}));
  EXPECT_FALSE(holds_secret(List{1, Map{{"a", "x"}}}));
  Value nested = List{1, Map{{"a", Unknown{"why"}}}};
  ASSERT_NE(find_unknown(nested), nullptr);
  EXPECT_EQ(find_unknown(nested)->why, "why");
  EXPECT_EQ(find_unknown(List{1}), nullptr);
}

TEST(Values, GiveMembersAndTheirText) {
  Map map{{"name", "app"}, {"n", 1}};
  ASSERT_NE(member(map, "n"), nullptr);
  EXPECT_EQ(member(map, "missing"), nullptr);
  EXPECT_EQ(member(Value("text"), "n"), nullptr);
  EXPECT_EQ(text_of(map, "name"), "app");
  EXPECT_EQ(text_of(map, "n"), "");
}

}  // namespace
}  // namespace muster
