#include "interpreter/base/json.h"

#include <gtest/gtest.h>
#include <cmath>
#include <limits>
#include <random>

namespace muster {
namespace {

Value read(std::string_view text) {
  Result<Value> value = parse_json(text);
  EXPECT_TRUE(value.has_value()) << text << ": " << (value ? "" : value.error().message);
  return value ? *value : Value("unreadable");
}

TEST(Json, ReadsEveryKindOfValue) {
  EXPECT_TRUE(same(read(R"({"a": [1, -2.5, "x", true, null]})"), Map{{"a", List{1, -2.5, "x", true, Value()}}}));
  EXPECT_TRUE(read("[]").is<List>());
  EXPECT_TRUE(read("{}").is<Map>());
  EXPECT_EQ(read("\"\\u20ac\\n\"").get<std::string>(), "\xE2\x82\xAC\n");
}

TEST(Json, KeepsIntegersApartFromFloats) {
  EXPECT_TRUE(read("1").is<int64_t>());
  EXPECT_TRUE(read("1.0").is<double>());
  EXPECT_EQ(read("-9223372036854775808").get<int64_t>(), std::numeric_limits<int64_t>::min());
  EXPECT_EQ(read("18446744073709551615").get<double>(), 18446744073709551615.0) << "beyond 64 bits it is a float";
  EXPECT_EQ(read("9223372036854775808").get<double>(), 9223372036854775808.0);
}

TEST(Json, SaysWhereTheTextIsNoJson) {
  Result<Value> value = parse_json("{\"a\": 1,\n \"b\": x}");
  ASSERT_FALSE(value.has_value());
  EXPECT_EQ(value.error().code, ErrorCode::bad_reply);
  EXPECT_EQ(value.error().message, "not valid JSON at line 2, column 7");
  for (const char* text : {"", "[1,]", "{\"a\"}", "nul", "\"open", "[1] 2", "\"\xff\"", "01", "1e999"})
    EXPECT_FALSE(parse_json(text).has_value()) << text;
}

TEST(Json, RefusesTextThatIsNestedDeeperThan200) {
  auto nested = [](size_t depth) { return std::string(depth, '[') + std::string(depth, ']'); };
  EXPECT_TRUE(parse_json(nested(200)).has_value());
  Result<Value> deep = parse_json(nested(201));
  ASSERT_FALSE(deep.has_value());
  EXPECT_EQ(deep.error().message, "not valid JSON: nested deeper than 200");
  EXPECT_FALSE(parse_json(std::string(1'000'000, '[')).has_value());
}

TEST(Json, PrintsTheSameValueAsTheSameBytes) {
  EXPECT_EQ(print_json(Map{{"b", 1}, {"a", List{2.5, "q\"\\\n\x01"}}}),
            "{\"a\":[2.5,\"q\\\"\\\\\\n\\u0001\"],\"b\":1}");
  EXPECT_EQ(print_json(4.0), print_json(4));
  EXPECT_EQ(print_json(-0.0), "0");
  EXPECT_EQ(print_json(0.1), "0.1");
  EXPECT_EQ(print_json(HUGE_VAL), "null") << "JSON has no word for it";
}

TEST(Json, PrintsForPeopleIndentedByTwo) {
  EXPECT_EQ(print_json_pretty(Map{{"a", List{1, Map{}}}, {"b", List{}}}),
            "{\n  \"a\": [\n    1,\n    {}\n  ],\n  \"b\": []\n}");
}

TEST(Json, PrintsTimesSecretsUnknownsAndBrokenBytesSafely) {
  EXPECT_EQ(print_json(Timestamp{1'500'000}), "\"1970-01-01T00:00:01.5Z\"");
  EXPECT_EQ(print_json(Duration::milliseconds(2500)), "2.5");
  EXPECT_EQ(print_json(Duration::seconds(60)), "60");
  EXPECT_EQ(print_json(Secret("t", "hunter2")), "\"***\"");
  EXPECT_EQ(print_json(Unknown{"later"}), "{\"unknown\":\"later\"}");
  EXPECT_EQ(print_json("a\xff\xc3z"), "\"a\xEF\xBF\xBD\xEF\xBF\xBDz\"");
}

TEST(Json, EncodesWithoutLossWhatPlainJsonWouldBlur) {
  Value value = Map{{"t", Timestamp{-1}},   {"d", Duration{1}}, {"f", 4.0},
                    {"$timestamp", 7},      {"$$x", "y"},       {"bytes", std::string("a\xff\0b", 4)},
                    {"u", Unknown{"later"}}};
  EXPECT_EQ(
      encode_value(value),
      R"({"$$$x":"y","$$timestamp":7,"bytes":{"$bytes":"61ff0062"},"d":{"$duration":1},"f":4.0,"t":{"$timestamp":-1},"u":{"$unknown":"later"}})");
  Result<Value> back = decode_value(encode_value(value));
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(encode_value(*back), encode_value(value));
  EXPECT_TRUE(member(*back, "t")->is<Timestamp>());
  EXPECT_TRUE(member(*back, "f")->is<double>());
  EXPECT_EQ(member(*back, "$timestamp")->get<int64_t>(), 7);
  EXPECT_EQ(encode_value(Secret("t", "hunter2")), "\"***\"");
}

TEST(Json, DecodesWhatAMapOfOneDollarKeyReallyWas) {
  for (const Value& value : {Value(Map{{"$duration", 5}}), Value(Map{{"$bytes", "zz"}}), Value(Map{{"$", 1}}),
                             Value(Map{{"$number", "nan"}}), Value(HUGE_VAL), Value(-HUGE_VAL)}) {
    Result<Value> back = decode_value(encode_value(value));
    ASSERT_TRUE(back.has_value()) << encode_value(value);
    EXPECT_TRUE(same(*back, value)) << encode_value(value);
  }
}

Value any_value(std::mt19937_64& random, int depth) {
  switch (random() % (depth > 3 ? 7 : 9)) {
    case 0:
      return {};
    case 1:
      return random() % 2 == 0;
    case 2:
      return static_cast<int64_t>(random());
    case 3:
      return static_cast<double>(static_cast<int64_t>(random() % 2000) - 1000) / 8;
    case 4:
      return Timestamp{static_cast<int64_t>(random() % 4'000'000'000'000'000)};
    case 5:
      return Duration{static_cast<int64_t>(random() % 1'000'000'000)};
    case 6: {
      std::string text;
      for (size_t i = random() % 6; i > 0; --i) text.push_back(static_cast<char>(random() % 256));
      return text;
    }
    case 7: {
      List list;
      for (size_t i = random() % 4; i > 0; --i) list.push_back(any_value(random, depth + 1));
      return list;
    }
    default: {
      Map map;
      for (size_t i = random() % 4; i > 0; --i)
        map[std::string(random() % 3, '$') + std::to_string(random() % 9)] = any_value(random, depth + 1);
      return map;
    }
  }
}

TEST(Json, ReadsBackWhatItEncodedForThousandsOfValues) {
  std::mt19937_64 random(20261121);
  for (int i = 0; i < 3000; ++i) {
    Value value = any_value(random, 0);
    std::string encoded = encode_value(value);
    Result<Value> back = decode_value(encoded);
    ASSERT_TRUE(back.has_value()) << encoded;
    EXPECT_EQ(encode_value(*back), encoded);
    EXPECT_TRUE(same(*back, value)) << encoded;
  }
}

}  // namespace
}  // namespace muster
