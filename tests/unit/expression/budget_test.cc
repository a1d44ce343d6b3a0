#include <gtest/gtest.h>

#include "tests/unit/expression/small_world.h"

namespace muster {
namespace {

// What happens with the ordinary budget: it ends, or the test's own limit does.
std::string soon(const std::string& text, const Map& names) {
  std::string got = yields(text, names);
  return got.size() > 80 ? got.substr(0, 80) : got;
}

const std::string steps = "error: this expression takes more steps than it may";
const std::string memory = "error: this expression needs more memory than it may";

Map large() {
  List list;
  for (int i = 0; i < 3000; ++i) list.push_back(i);
  List texts;
  for (int i = 0; i < 3000; ++i) texts.push_back(std::string(1000, 'x'));
  return {{"list", list},
          {"texts", texts},
          {"text", std::string(1 << 20, 'a')},
          {"short", std::string(1 << 17, 'a')},
          {"half", std::string(1 << 19, 'a') + "b"}};
}

TEST(Budgets, EndLoopsInsideLoops) {
  EXPECT_EQ(soon("any(list, function(x) return any(list, function(y) return any(list, function(z) return x + y + z < 0 "
                 "end) end) end)",
                 large()),
            steps);
  EXPECT_EQ(soon("map(list, function(x) return len(unique(list)) end)", large()), steps);
  EXPECT_EQ(soon("map(list, function(x) return sum(list) end)", large()), steps);
  EXPECT_EQ(soon("map(list, function(x) return contains(list, -1) end)", large()), steps);
  EXPECT_EQ(soon("all(list, function(x) return texts == texts and len(texts) > 0 end)", large()), steps);
}

TEST(Budgets, EndTextsAndListsThatGrow) {
  std::string doubling = "text";
  for (int i = 0; i < 4; ++i) doubling = "(" + doubling + " .. " + "text)";
  EXPECT_EQ(soon(doubling, large()), "string " + std::string(73, 'a')) << "14 MiB, 5 of them the result, are within it";
  for (int i = 0; i < 8; ++i) doubling = "(" + doubling + " .. " + "text)";
  EXPECT_EQ(soon(doubling, large()), memory);
  EXPECT_EQ(soon("map(list, function(x) return text end)", large()), memory);
  EXPECT_EQ(soon("join(map(list, function(x) return 1 end), text)", large()), memory);
  EXPECT_EQ(soon("map(list, function(x) return texts end)", large()), memory);
  EXPECT_EQ(soon("split(text, \"a\")", large()).rfind("error: this expression", 0), 0u);
}

TEST(Budgets, GiveBackTheMemoryThatAFunctionNeededAndCountTheTime) {
  EXPECT_EQ(soon("all({1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20}, function(x) return "
                 "len(text .. x) > 0 end)",
                 large()),
            "true");
  EXPECT_EQ(soon("all(list, function(x) return len(text .. x) > 0 end)", large()), steps)
      << "3 GiB copied, never more than 1 MiB held";
  EXPECT_EQ(soon("all(list, function(x) return text == text .. \"\" end)", large()), steps);
}

TEST(Budgets, EndPatternsThatReadTheRestForEachMatch) {
  SmallWorld world(Map{{"short", std::string(1 << 14, 'a')}});
  tl::expected<Evaluation, Diagnostic> got = run("match_all(short, \"a.*c|a\")", world, Budget{50'000, 16 << 20});
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ("error: " + got.error().message, steps);
}

TEST(Budgets, LetPatternsReadALongTextOnce) {
  EXPECT_EQ(soon("match(short, \"a+b\")", {{"short", std::string(1 << 17, 'a')}}), "nil");
}

// A search that begins anew at each place would take half a million times half a million steps.
TEST(Budgets, LetSearchesTakeLinearTime) {
  const Map texts = {{"text", std::string(1 << 20, 'a')}, {"half", std::string(1 << 19, 'a') + "b"}};
  EXPECT_EQ(soon("contains(text, half)", texts), "false");
  EXPECT_EQ(soon("len(split(text, half))", texts), "integer 1");
}

TEST(Budgets, CanBeSmaller) {
  SmallWorld world(large());
  EXPECT_TRUE(run("sum(list)", world, Budget{4000, 1 << 20}).has_value());
  tl::expected<Evaluation, Diagnostic> got = run("sum(list)", world, Budget{1000, 1 << 20});
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(got.error().code, "expression-failed");
  EXPECT_EQ("error: " + got.error().message, steps);
  got = run("\"0123456789\" .. \"0123456789\"", world, Budget{1000, 16});
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ("error: " + got.error().message, memory);
}

TEST(Budgets, KeepTheFirstPartsOnlyOfLargeData) {
  SmallWorld world;
  std::string text = "false";
  for (int i = 1; i <= 30; ++i) {
    world.names["t" + std::to_string(i)] = std::string(1 << 20, 'a');
    text += " or t" + std::to_string(i) + " == nil";
  }
  tl::expected<Evaluation, Diagnostic> got = run(text, world);
  ASSERT_TRUE(got.has_value()) << got.error().message;
  int64_t bytes = 0;
  for (const Part& part : got->parts)
    if (part.value.is<std::string>()) bytes += static_cast<int64_t>(part.value.get<std::string>().size());
  EXPECT_LE(bytes, 16 << 20);
  EXPECT_GE(got->parts.size(), 15u);
}

}  // namespace
}  // namespace muster
