#include <gtest/gtest.h>

#include "interpreter/base/json.h"
#include "tests/unit/checker/checked.h"

namespace muster {
namespace {

// The inputs bound, as JSON; or the messages.
std::string bound(const std::string& inputs, const Map& given) {
  Checked c(with_steps("- look: {}", "inputs:\n" + inputs));
  if (!c.playbook) return c.said();
  Diagnostics problems;
  auto map = bind_inputs(c.playbook->playbook(), given, problems);
  if (map) return print_json(Value(*map));
  std::string text;
  for (const Diagnostic& d : problems) text += (text.empty() ? "" : "; ") + d.message;
  return text;
}

TEST(Inputs, AreTypedFromTheTextOfTheCommandLine) {
  EXPECT_EQ(bound("  a: {type: integer}\n  b: {type: boolean}\n  c: {type: number}\n",
                  {{"a", Value("5")}, {"b", Value("true")}, {"c", Value("2.5")}}),
            R"({"a":5,"b":true,"c":2.5})");
  EXPECT_EQ(bound("  a: {type: string}\n", {{"a", Value("012")}}), R"({"a":"012"})");
  EXPECT_EQ(bound("  a: {type: duration}\n", {{"a", Value("2m")}}), R"({"a":120})");
  EXPECT_EQ(bound("  a: {type: timestamp}\n", {{"a", Value("2026-01-15T10:00:00Z")}}),
            R"({"a":"2026-01-15T10:00:00Z"})");
  EXPECT_EQ(bound("  a: {type: date}\n", {{"a", Value("2026-01-15")}}), R"({"a":"2026-01-15"})");
}

TEST(Inputs, OfListsAreSplitAtCommasOrReadAsJson) {
  EXPECT_EQ(bound("  a: {type: list}\n", {{"a", Value("x,y")}}), R"({"a":["x","y"]})");
  EXPECT_EQ(bound("  a: {type: list, of: integer}\n", {{"a", Value("[1, 2]")}}), R"({"a":[1,2]})");
  EXPECT_EQ(bound("  a: {type: list, of: integer}\n", {{"a", Value(List{Value("3")})}}), R"({"a":[3]})");
  EXPECT_EQ(bound("  a: {type: list}\n", {{"a", Value("")}}), R"({"a":[]})");
  EXPECT_EQ(bound("  a: {type: list, of: integer}\n", {{"a", Value("x")}}),
            "input `a` is a list, and each item must be a whole number, and `x` is not");
}

TEST(Inputs, OfMapsAreReadAsJson) {
  EXPECT_EQ(bound("  a: {type: map}\n", {{"a", Value("{\"b\": 1}")}}), R"({"a":{"b":1}})");
  EXPECT_EQ(bound("  a: {type: map}\n", {{"a", Value(Map{{"b", Value("c")}})}}), R"({"a":{"b":"c"}})");
  // `{}` of an expression and an empty table of Lua are empty lists, too.
  EXPECT_EQ(bound("  a: {type: map}\n", {{"a", Value(List{})}}), R"({"a":{}})");
  EXPECT_EQ(bound("  a: {type: map}\n", {{"a", Value(List{Value("x")})}}),
            "input `a` must be a map, as in `{\"name\": \"value\"}`, and `[\"x\"]` is not");
}

TEST(Inputs, OfListsOfMapsAreReadAsJson) {
  const std::string users = "  users: {type: list, of: map, min: 1}\n";
  EXPECT_EQ(bound(users, {{"users", Value(R"([{"id": 1, "name": "a"}, {"id": 2}])")}}),
            R"({"users":[{"id":1,"name":"a"},{"id":2}]})");
  EXPECT_EQ(bound(users, {{"users", Value(List{Value(Map{{"id", Value(7)}})})}}), R"({"users":[{"id":7}]})");
  EXPECT_EQ(bound(users, {{"users", Value("[1]")}}),
            "input `users` is a list, and each item must be a map, as in `{\"name\": \"value\"}`, and `1` is not");
  EXPECT_EQ(bound(users, {{"users", Value("[]")}}), "input `users` must be at least 1 items, and `[]` is not");
  EXPECT_EQ(bound("  users: {type: list, of: map, default: [{id: a}, {id: b}]}\n", {}),
            R"({"users":[{"id":"a"},{"id":"b"}]})");
}

TEST(Inputs, ThatAreNotGivenTakeTheirDefaultOrAreAbsent) {
  EXPECT_EQ(bound("  a: {type: integer, default: 3}\n  b: {type: string}\n", {}), R"({"a":3})");
  EXPECT_EQ(bound("  a: {type: string}\n", {{"a", Value()}}), "{}");
  EXPECT_EQ(bound("  a: {type: string, required: true}\n", {}), "input `a` is required");
}

TEST(Inputs, OutsideTheirLimitsAreRefusedWithBoth) {
  EXPECT_EQ(bound("  a: {type: integer, min: 2}\n", {{"a", Value("1")}}),
            "input `a` must be at least 2, and `1` is not");
  EXPECT_EQ(bound("  a: {type: duration, max: 1h}\n", {{"a", Value("2h")}}),
            "input `a` must be at most 1h, and `2h` is not");
  EXPECT_EQ(bound("  a: {type: string, max: 2}\n", {{"a", Value("\xC3\xA4\xC3\xA4")}}), "{\"a\":\"\xC3\xA4\xC3\xA4\"}");
  EXPECT_EQ(bound("  a: {type: string, max: 2}\n", {{"a", Value("abc")}}),
            "input `a` must be at most 2 characters, and `abc` is not");
  EXPECT_EQ(bound("  a: {type: date, min: 2026-01-01}\n", {{"a", Value("2025-12-31")}}),
            "input `a` must not be before 2026-01-01, and `2025-12-31` is not");
}

TEST(Inputs, OfTextMustMatchTheirPattern) {
  EXPECT_EQ(bound("  a: {type: string, pattern: \"^srv-\"}\n", {{"a", Value("srv-1")}}), R"({"a":"srv-1"})");
  EXPECT_EQ(bound("  a: {type: string, pattern: \"^srv-\"}\n", {{"a", Value("x")}}),
            "input `a` must match `^srv-`, and `x` is not");
}

TEST(Inputs, ThatAreNoUrlDateOrPathAreRefused) {
  EXPECT_NE(bound("  a: {type: url}\n", {{"a", Value("localhost")}}).find("must be a URL"), std::string::npos);
  EXPECT_NE(bound("  a: {type: date}\n", {{"a", Value("2026-02-30")}}).find("must be a date"), std::string::npos);
  EXPECT_NE(bound("  a: {type: path}\n", {{"a", Value("")}}).find("must be a path"), std::string::npos);
  EXPECT_NE(bound("  a: {type: integer}\n", {{"a", Value("1e3")}}).find("must be a whole number"), std::string::npos);
}

TEST(Inputs, ThatNobodyDeclaredAreRefusedWithTheNearestName) {
  Checked c(with_steps("- look: {}", "inputs:\n  database: {type: path}\n"));
  Diagnostics problems;
  EXPECT_FALSE(bind_inputs(c.playbook->playbook(), {{"databse", Value("x")}}, problems));
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].help, "did you mean `database`?");
}

TEST(InputDeclarations, WithDefaultsOutsideTheirLimitsAreRefused) {
  EXPECT_TRUE(
      Checked(with_steps("- look: {}", "inputs:\n  a: {type: integer, default: 1, min: 2}\n")).says("wrong-type"));
  EXPECT_TRUE(
      Checked(with_steps("- look: {}", "inputs:\n  a: {type: enum, values: [b], default: c}\n")).says("wrong-type"));
  EXPECT_TRUE(Checked(with_steps("- look: {}", "inputs:\n  a: {type: string, default: \"${{ run.id }}\"}\n"))
                  .says("literal-only"));
}

}  // namespace
}  // namespace muster
