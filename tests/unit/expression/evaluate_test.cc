#include "interpreter/expression/evaluate.h"

#include <gtest/gtest.h>

#include "tests/unit/expression/small_world.h"

namespace muster {
namespace {

const Map status{{"result", Map{{"status", 200},
                                {"value", Map{{"status", "degraded"}, {"none", Value()}}},
                                {"rows", List{Map{{"n", 1}}, Map{{"n", 2}}}}}},
                 {"limit", 3}};

std::vector<std::string> parts_of(const std::string& text, const Map& names) {
  SmallWorld world(names);
  tl::expected<Evaluation, Diagnostic> got = run(text, world);
  std::vector<std::string> out;
  if (!got) return {got.error().message};
  for (const Part& part : got->parts) {
    out.push_back(part.text + " = " + to_text(part.value));
    std::string there = text.substr(part.at.begin, part.at.end - part.at.begin);
    EXPECT_TRUE(there == part.text || there == "(" + part.text + ")") << there;
  }
  return out;
}

TEST(Evaluation, CollectsTheValuesOfNamesIndexesAndCalls) {
  EXPECT_EQ(parts_of("result.value.status == \"ok\" or (result.rows[1].n) > limit", status),
            (std::vector<std::string>{"result.value.status = degraded", "result.rows = [{\"n\":1},{\"n\":2}]",
                                      "result.rows[1] = {\"n\":1}", "result.rows[1].n = 1", "limit = 3"}));
  EXPECT_EQ(
      parts_of("len(result.rows) == 2 and result.status < 300", status),
      (std::vector<std::string>{"result.rows = [{\"n\":1},{\"n\":2}]", "len(result.rows) = 2", "result.status = 200"}));
  EXPECT_EQ(parts_of("(limit) + limit * (2 + 1)", status), (std::vector<std::string>{"limit = 3"}))
      << "each part once, without its parentheses";
}

TEST(Evaluation, CollectsOnlyWhatWasEvaluated) {
  EXPECT_EQ(parts_of("limit == 3 or result.status == 1", status), (std::vector<std::string>{"limit = 3"}));
  EXPECT_EQ(parts_of("any(result.rows, function(r) return r.n == limit end)", status).size(), 2u)
      << "the list and the call, not what the function saw";
}

TEST(Evaluation, GivesNilForAMissingFieldAndNamesWhatIsNilWhenIndexed) {
  EXPECT_EQ(yields("result.missing", status), "nil");
  EXPECT_EQ(yields("result.rows[9]", status), "nil");
  EXPECT_EQ(yields("result.rows[-1]", status), "nil");
  EXPECT_EQ(yields("result.rows[limit - 3]", status), "nil") << "a computed 0 is nil as in Lua";
  EXPECT_EQ(drawn("limit == 3 and result.value.none.deep.er == 1", status),
            "claim:1:16: error: `result.value.none` is nil [expression-failed]\n"
            "1 | limit == 3 and result.value.none.deep.er == 1\n"
            "  |                ^^^^^^^^^^^^^^^^^\n"
            "  = where: limit = 3\n");
  EXPECT_EQ(drawn("result.rows[3].n", status),
            "claim:1:1: error: `result.rows[3]` is nil [expression-failed]\n"
            "1 | result.rows[3].n\n"
            "  | ^^^^^^^^^^^^^^\n"
            "  = where: result.rows = [{\"n\":1},{\"n\":2}]\n"
            "  = where: result.rows[3] = nil\n");
  EXPECT_EQ(drawn("result.status.code", status),
            "claim:1:1: error: `result.status` is an integer and has no fields [expression-failed]\n1 | "
            "result.status.code\n  | ^^^^^^^^^^^^^\n");
}

TEST(Evaluation, PointsAtThePartThatRaisedAndShowsTheValues) {
  EXPECT_EQ(drawn("result.status > 100 and (result.value.status + 1) * limit > 2", status),
            "claim:1:25: error: arithmetic on a string (`(result.value.status + 1)`) [expression-failed]\n"
            "1 | result.status > 100 and (result.value.status + 1) * limit > 2\n"
            "  |                         ^^^^^^^^^^^^^^^^^^^^^^^^^\n"
            "  = where: result.status = 200\n"
            "  = where: result.value.status = \"degraded\"\n");
  EXPECT_EQ(drawn("missing.x", status),
            "claim:1:1: error: nothing is called `missing` [expression-failed]\n1 | missing.x\n  | ^^^^^^^^^\n");
  EXPECT_EQ(drawn("lower(limit) == \"x\"", status),
            "claim:1:1: error: `lower` wants text, and got an integer [expression-failed]\n1 | lower(limit) == \"x\"\n "
            " | ^^^^^^^^^^^^\n  = where: limit = 3\n");
}

TEST(Evaluation, ShowsTheItemWhenAFunctionRaises) {
  EXPECT_EQ(drawn("all(result.rows, function(r) return r.n + r.missing > 0 end)", status),
            "claim:1:37: error: arithmetic on nil (`r.n + r.missing`) [expression-failed]\n"
            "1 | all(result.rows, function(r) return r.n + r.missing > 0 end)\n"
            "  |                                     ^^^^^^^^^^^^^^^\n"
            "  = where: result.rows = [{\"n\":1},{\"n\":2}]\n"
            "  = where: r = {\"n\":1}\n");
}

TEST(Evaluation, ShowsEightPartsCutAt200CharactersAndThoseOfTheFailureFirst) {
  std::string euros;
  for (int i = 0; i < 300; ++i) euros += "\xE2\x82\xAC";
  Map names{{"long", euros}};
  std::string text;
  for (char c = 'a'; c < 'k'; ++c) {
    names[std::string(1, c)] = 1;
    text += std::string(1, c) + " == 1 and ";
  }
  SmallWorld world(names);
  tl::expected<Evaluation, Diagnostic> got = run(text + "long + 1", world);
  ASSERT_FALSE(got.has_value());
  ASSERT_EQ(got.error().notes.size(), 8u);
  std::string cut;
  for (int i = 0; i < 199; ++i) cut += "\xE2\x82\xAC";
  EXPECT_EQ(got.error().notes.back().message, "long = \"" + cut + "…");
  EXPECT_EQ(got.error().notes.front().message, "a = 1");
}

TEST(Evaluation, ReadsListsFromOneAndCountsTheirItems) {
  EXPECT_EQ(yields("({10, 20, 30})[2]"), "integer 20");
  EXPECT_EQ(yields("({10, 20})[2.0]"), "integer 20");
  EXPECT_EQ(yields("({10, 20})[1.5]"), "nil");
  EXPECT_EQ(yields("({10, 20}).x"), "nil");
  EXPECT_EQ(yields("#{1, nil, 3}"), "integer 3") << "nil counts, as null of JSON does";
  EXPECT_EQ(yields("len({a = 1, b = nil})"), "integer 1");
  EXPECT_EQ(yields("{1, a = 2}"), "error: a table is a list or a map here, not both");
  EXPECT_EQ(yields("{[1] = 2}"), "error: a key of a table must be text here, and is an integer");
  EXPECT_EQ(yields("{a = nil}"), "map {}");
  EXPECT_EQ(yields("{}"), "list []");
  EXPECT_EQ(yields("{1, {2}} == {1.0, {2}}"), "true") << "lists and maps are equal by content";
}

TEST(Evaluation, CalculatesWithTimestampsAndDurations) {
  Map names{{"a", *parse_timestamp("2026-01-15T10:00:00Z")},
            {"b", *parse_timestamp("2026-01-15T09:30:00.5Z")},
            {"hour", Duration::seconds(3600)},
            {"half", Duration::milliseconds(500)}};
  EXPECT_EQ(yields("a - b", names), "number 1799.5");
  EXPECT_EQ(yields("a - a", names), "integer 0");
  EXPECT_EQ(yields("a + hour", names), "timestamp 2026-01-15T11:00:00Z");
  EXPECT_EQ(yields("hour + a", names), "timestamp 2026-01-15T11:00:00Z");
  EXPECT_EQ(yields("a - 60", names), "timestamp 2026-01-15T09:59:00Z");
  EXPECT_EQ(yields("a - half", names), "timestamp 2026-01-15T09:59:59.5Z");
  EXPECT_EQ(yields("now() - b < hour and b < a and a >= a", names), "true");
  EXPECT_EQ(yields("hour == 3600 and hour > 60 and hour * 2 == 7200 and half + half == 1", names), "true");
  EXPECT_EQ(yields("a + b", names), "error: `+` of a timestamp and a timestamp has no meaning (`a + b`)");
  EXPECT_EQ(yields("60 - a", names), "error: `-` of an integer and a timestamp has no meaning (`60 - a`)");
  EXPECT_EQ(yields("a + 1e300", names), "error: a moment outside the years 0 to 9999 (`a + 1e300`)");
  EXPECT_EQ(yields("a + 0/0", names), "error: a moment outside the years 0 to 9999 (`a + 0/0`)");
}

TEST(Evaluation, RefusesToCompareATimestampWithText) {
  Map names{{"a", *parse_timestamp("2026-01-15T10:00:00Z")}};
  EXPECT_EQ(yields("a < \"2026-01-15T10:00:00Z\"", names),
            "error: a timestamp and a string have no order: write `timestamp(…)` around the text (`a < "
            "\"2026-01-15T10:00:00Z\"`)");
  EXPECT_EQ(yields("a == \"2026-01-15T10:00:00Z\"", names),
            "error: a timestamp never equals a string: write `timestamp(\"2026-01-15T10:00:00Z\")` (`a == "
            "\"2026-01-15T10:00:00Z\"`)");
  EXPECT_EQ(yields("\"2026-01-15\" ~= a", names),
            "error: a timestamp never equals a string: write `timestamp(\"2026-01-15\")` (`\"2026-01-15\" ~= a`)");
  EXPECT_EQ(yields("a == timestamp(\"2026-01-15T11:00:00+01:00\")", names), "true");
  EXPECT_EQ(yields("a == \"latest\" or a == nil", names), "false");
}

TEST(Evaluation, JoinsNumbersAsTheyPrint) {
  EXPECT_EQ(yields("1 .. 2"), "string 12");
  EXPECT_EQ(yields("10 / 2 .. \"\""), "string 5") << "a whole number prints without .0";
  EXPECT_EQ(yields("2^53 .. \"\""), "string 9.007199254741e+15");
  EXPECT_EQ(yields("1 .. nil"), "error: `..` of nil (`1 .. nil`)");
  EXPECT_EQ(yields("\"a\" .. true"), "error: `..` of a boolean (`\"a\" .. true`)");
}

}  // namespace
}  // namespace muster
