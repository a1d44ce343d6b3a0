#include <gtest/gtest.h>

#include "tests/unit/expression/small_world.h"

namespace muster {
namespace {

const Map names{{"out", "one\ntwo\r\nthree\n"},
                {"rows", List{Map{{"n", 3}, {"who", "c"}}, Map{{"n", 1}, {"who", "a"}}, Map{{"n", 2}, {"who", "b"}}}},
                {"gaps", List{1, Value(), 3}},
                {"euro",
                 "\xE2\x82\xAC"
                 "uro"}};

std::string of(const std::string& text) { return yields(text, names); }

TEST(Helpers, TakeTextsApartAndPutThemTogether) {
  EXPECT_EQ(of("lines(out)"), "list [\"one\",\"two\",\"three\"]");
  EXPECT_EQ(of("lines(\"\")"), "list []");
  EXPECT_EQ(of("lines(\"a\\n\\nb\")"), "list [\"a\",\"\",\"b\"]");
  EXPECT_EQ(of("split(\"a,b,,c\", \",\")"), "list [\"a\",\"b\",\"\",\"c\"]");
  EXPECT_EQ(of("split(\"abc\", \", \")"), "list [\"abc\"]");
  EXPECT_EQ(of("split(\"abc\", \"\")"), "error: `split` wants text to split by, and got the empty text");
  EXPECT_EQ(of("join({1, 2.5, \"x\", true}, \", \")"), "string 1, 2.5, x, true");
  EXPECT_EQ(of("join({\"a\", \"b\"})"), "string ab");
  EXPECT_EQ(of("join(gaps, \",\")"), "error: `join` wants texts and numbers in its list, and found nil");
  EXPECT_EQ(of("join({1}, 5)"), "error: `join` wants text between the items, and got an integer");
  EXPECT_EQ(of("trim(\" \\t x y \\n\") .. \"|\""), "string x y|");
  EXPECT_EQ(of("lower(\"ABC\") .. upper(\"xyz\")"), "string abcXYZ");
  EXPECT_EQ(of("upper(nil)"), "error: `upper` wants text, and got nil");
}

TEST(Helpers, CountCharactersItemsAndFields) {
  EXPECT_EQ(of("len(euro)"), "integer 4");
  EXPECT_EQ(of("#euro"), "integer 6") << "the operator counts bytes as in Lua";
  EXPECT_EQ(of("len(gaps)"), "integer 3");
  EXPECT_EQ(of("len({a = 1})"), "integer 1");
  EXPECT_EQ(of("len(5)"), "error: `len` wants text, a list or a map, and got an integer");
  EXPECT_EQ(of("keys({b = 1, a = 2})"), "list [\"a\",\"b\"]");
}

TEST(Helpers, FindThingsInTextsListsAndMaps) {
  EXPECT_EQ(of("contains(out, \"two\")"), "true");
  EXPECT_EQ(of("contains(out, \"four\")"), "false");
  EXPECT_EQ(of("contains(\"x\", \"\")"), "true");
  EXPECT_EQ(of("contains({1, 2}, 2.0)"), "true");
  EXPECT_EQ(of("contains({1, 2}, \"2\")"), "false");
  EXPECT_EQ(of("contains({a = nil, b = 1}, \"a\")"), "false");
  EXPECT_EQ(of("contains(5, 5)"), "error: `contains` wants text, a list or a map, and got an integer");
}

TEST(Helpers, AskFunctionsAboutEachItem) {
  EXPECT_EQ(of("any(rows, function(r) return r.n == 2 end)"), "true");
  EXPECT_EQ(of("all(rows, function(r) return r.n > 1 end)"), "false");
  EXPECT_EQ(of("any({}) or all({})"), "true");
  EXPECT_EQ(of("any({false, 1})"), "true");
  EXPECT_EQ(of("map(rows, function(r, i) return i .. r.who end)"), "list [\"1c\",\"2a\",\"3b\"]");
  EXPECT_EQ(of("map(filter(rows, function(r) return r.n ~= 1 end), function(r) return r.who end)"),
            "list [\"c\",\"b\"]");
  EXPECT_EQ(of("map({1, 2}, function(x) return map({10, 20}, function(y) return x * y end) end)"),
            "list [[10,20],[20,40]]");
  EXPECT_EQ(of("map(rows, rows)"), "error: `map` wants a function, as in `map(list, function(x) return x end)`");
  EXPECT_EQ(of("filter(5, function(x) return x end)"), "error: `filter` wants a list, and got an integer");
}

TEST(Helpers, PutListsInOrder) {
  EXPECT_EQ(of("sort({3, 1, 2.5})"), "list [1,2.5,3]");
  EXPECT_EQ(of("sort({\"b\", \"a\"})"), "list [\"a\",\"b\"]");
  EXPECT_EQ(of("map(sort(rows, function(r) return r.n end), function(r) return r.who end)"),
            "list [\"a\",\"b\",\"c\"]");
  EXPECT_EQ(of("map(sort({{k = 1, v = 1}, {k = 0, v = 2}, {k = 1, v = 3}}, function(r) return r.k end), function(r) "
               "return r.v end)"),
            "list [2,1,3]")
      << "equal ones keep their order";
  EXPECT_EQ(of("sort({1, \"a\"})"), "error: `sort`: an integer and a string have no order");
  EXPECT_EQ(of("sort({1, 0/0})"), "error: `sort` cannot place a number that is none (nan)");
  EXPECT_EQ(of("unique({1, 1.0, \"1\", 2, {1.0}, {1}, 2})"), "list [1,\"1\",2,[1]]");
  EXPECT_EQ(of("chunk({1, 2, 3, 4, 5}, 2)"), "list [[1,2],[3,4],[5]]");
  EXPECT_EQ(of("chunk({1}, 0)"), "error: `chunk` wants a whole number above 0 as its size");
  EXPECT_EQ(of("chunk({1}, 9223372036854775807)"), "list [[1]]");
}

TEST(Helpers, SumUpAndPickFromLists) {
  EXPECT_EQ(of("sum({1, 2, 3})"), "integer 6");
  EXPECT_EQ(of("sum({1, 0.5})"), "number 1.5");
  EXPECT_EQ(of("sum({})"), "integer 0");
  EXPECT_EQ(of("sum({\"1\"})"), "error: `sum` wants numbers in its list, and found a string");
  EXPECT_EQ(of("min({3, 1, 2}) + max(3, 5)"), "integer 6");
  EXPECT_EQ(of("max({})"), "nil");
  EXPECT_EQ(of("first({7, 8}) + last({7, 8})"), "integer 15");
  EXPECT_EQ(of("first({})"), "nil");
}

TEST(Helpers, ChooseOneSideAndAskOnlyThatOne) {
  EXPECT_EQ(of("cond(1 < 2, \"yes\", \"no\")"), "string yes");
  EXPECT_EQ(of("cond(nil == nil, false, true)"), "false") << "unlike `and` and `or`";
  EXPECT_EQ(of("cond(first({}) == nil, 0, first({}).n)"), "integer 0");
  EXPECT_EQ(of("is_set(nil)"), "false");
  EXPECT_EQ(of("is_set(false)"), "true");
}

TEST(Helpers, ReadAndWriteJson) {
  EXPECT_EQ(of("json(\"{\\\"a\\\": [1, null]}\").a"), "list [1,null]");
  EXPECT_EQ(of("to_json({b = 1, a = {2 / 1, \"x\"}})"), "string {\"a\":[2,\"x\"],\"b\":1}");
  EXPECT_EQ(of("json(\"{\")").rfind("error: not valid JSON at line 1, column", 0), 0u);
}

TEST(Helpers, ReadTimes) {
  EXPECT_EQ(of("now()"), "timestamp 2026-01-15T10:00:00Z");
  EXPECT_EQ(of("timestamp(\"2026-01-15T10:00:00\", \"+02:00\")"), "timestamp 2026-01-15T08:00:00Z");
  EXPECT_EQ(of("timestamp(\"2026-01-15\", \"-01:00\")"), "timestamp 2026-01-15T01:00:00Z");
  EXPECT_EQ(of("timestamp(\"2026-01-15T10:00:00\", \"UTC\")"), "timestamp 2026-01-15T10:00:00Z");
  EXPECT_EQ(of("timestamp(\"2026-01-15T10:00:00Z\", \"UTC\")"),
            "error: `2026-01-15T10:00:00Z` says its zone itself: leave the second argument out");
  EXPECT_EQ(of("timestamp(\"2026-01-15T10:00:00\")"),
            "error: `2026-01-15T10:00:00` has no zone: write `timestamp(text, \"UTC\")`");
  EXPECT_EQ(of("timestamp(\"soon\")"), "error: `soon` is no timestamp: `2026-01-15T10:00:00Z` is one");
  EXPECT_EQ(of("timestamp(1.5)"), "timestamp 1970-01-01T00:00:01.5Z");
  EXPECT_EQ(of("timestamp(9223372036854775807)"), "error: a moment outside the years 0 to 9999");
  EXPECT_EQ(of("duration(\"1h30m\") == 5400"), "true");
  EXPECT_EQ(of("duration(\"90\")"), "error: `90` is no duration: `30s`, `2m`, `24h` are some");
  EXPECT_EQ(of("date(now())"), "string 2026-01-15");
  EXPECT_EQ(of("date(\"2026-01-15\")"), "error: `date` wants a timestamp, and got a string");
}

TEST(Helpers, KnowZonesByTheirNames) {
  EXPECT_EQ(of("timestamp(\"2026-01-15T10:00:00\", \"Europe/Berlin\")"), "timestamp 2026-01-15T09:00:00Z");
  EXPECT_EQ(of("timestamp(\"2026-07-15T10:00:00\", \"Europe/Berlin\")"), "timestamp 2026-07-15T08:00:00Z");
  EXPECT_EQ(of("timestamp(\"2026-07-15\", \"America/New_York\")"), "timestamp 2026-07-15T04:00:00Z");
  // Clocks go forward over half past two on one night, and show it twice on another.
  EXPECT_EQ(of("timestamp(\"2026-03-29T02:30:00\", \"Europe/Berlin\")"),
            "error: `2026-03-29T02:30:00` never comes in `Europe/Berlin`, where clocks go forward over it");
  EXPECT_EQ(
      of("timestamp(\"2026-10-25T02:30:00\", \"Europe/Berlin\")"),
      "error: `2026-10-25T02:30:00` comes twice in `Europe/Berlin`, where clocks go back: write its offset, as in "
      "`+02:00`");
  EXPECT_EQ(of("timestamp(\"2026-10-25T01:59:59\", \"Europe/Berlin\")"), "timestamp 2026-10-24T23:59:59Z");
  EXPECT_EQ(of("timestamp(\"2026-10-25T03:00:00\", \"Europe/Berlin\")"), "timestamp 2026-10-25T02:00:00Z");
  EXPECT_EQ(of("date(timestamp(\"2026-01-15T23:30:00Z\"), \"Europe/Berlin\")"), "string 2026-01-16");
  EXPECT_EQ(of("date(timestamp(\"2026-01-15T23:30:00Z\"), \"+00:30\")"), "string 2026-01-16");
  EXPECT_EQ(of("date(timestamp(\"2026-01-15T23:30:00Z\"), \"UTC\")"), "string 2026-01-15");
  EXPECT_EQ(of("timestamp(\"2026-01-15T10:00:00\", \"Europe/Berlln\")"), "error: no zone is called `Europe/Berlln`");
  EXPECT_EQ(of("timestamp(\"2026-01-15T10:00:00\", \"../passwd\")"),
            "error: `timestamp` knows `UTC`, offsets as `+02:00` and names as `Europe/Berlin`, and not `../passwd`");
  EXPECT_EQ(of("date(now(), \"+25:00\")"),
            "error: `date` knows `UTC`, offsets as `+02:00` and names as `Europe/Berlin`, and not `+25:00`");
  EXPECT_EQ(of("timestamp(\"2026-01-15T10:00:00\", \"Not/Read\")").rfind("unknown", 0), 0u) << "before the run";
}

TEST(Helpers, HashAndEncode) {
  EXPECT_EQ(of("sha256(\"abc\")"), "string ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(of("base64(\"\") .. base64(\"f\") .. base64(\"fo\") .. base64(\"foo\") .. base64(\"foobar\")"),
            "string Zg==Zm8=Zm9vZm9vYmFy");
  EXPECT_EQ(of("base64(\"\\xff\\xfe\")"), "string //4=");
}

TEST(Helpers, FormatWithTheirOwnConversions) {
  EXPECT_EQ(of("format(\"%s is %d of %i, %.2f, %5.1f|%-4s|%4s|%04d|%x|%%\", \"it\", 3, 4.0, 1.005, 2.25, \"ab\", "
               "\"cd\", 7, 255)"),
            "string it is 3 of 4, 1.00,   2.2|ab  |  cd|0007|ff|%");
  EXPECT_EQ(of("format(\"%.2s|%5s\", euro, euro)"),
            "string \xE2\x82\xAC"
            "u| \xE2\x82\xAC"
            "uro")
      << "widths are characters";
  EXPECT_EQ(of("format(\"%d\", 1.5)"), "error: `format` wants a whole number for `%d`");
  EXPECT_EQ(of("format(\"%d\", \"1\")"), "error: `format` wants a number for `%d`, and got a string");
  EXPECT_EQ(of("format(\"%n\", 1)"), "error: `format` does not know `%n`: `%s %d %x %f %e %g %%` are known");
  EXPECT_EQ(of("format(\"%s\")"), "error: `format` has more conversions than values");
  EXPECT_EQ(of("format(\"%s\", 1, 2)"), "error: `format` has more values than conversions");
  EXPECT_EQ(of("format(\"100%\")"), "error: `format` found a `%` at the end: a percent sign is written `%%`");
  EXPECT_EQ(of("format(\"%999d\", 1)"), "error: `format` takes widths up to 99");
  EXPECT_EQ(of("format(\"%99.99f\", 1e308)").size(), std::string("string ").size() + 409);
}

TEST(Helpers, MatchPatterns) {
  EXPECT_EQ(of("match(\"took 15 ms\", \"\\\\d+\")"), "string 15");
  EXPECT_EQ(of("match(\"took 15 ms\", \"(\\\\d+) (\\\\w+)\")"), "list [\"15\",\"ms\"]");
  EXPECT_EQ(of("match(\"took 15 ms\", \"took (\\\\d+)\")"), "string 15");
  EXPECT_EQ(of("match(\"v1.2\", \"v(?P<major>\\\\d+)\\\\.(?<minor>\\\\d+)(?P<rest>x)?\")"),
            "map {\"major\":\"1\",\"minor\":\"2\",\"rest\":null}");
  EXPECT_EQ(of("match(\"none\", \"\\\\d\")"), "nil");
  EXPECT_EQ(of("match_all(\"a1 b22 c\", \"[a-z](\\\\d+)\")"), "list [\"1\",\"22\"]");
  EXPECT_EQ(of("match_all(euro, \"\")"), "list [\"\",\"\",\"\",\"\",\"\"]") << "between characters, not inside them";
  EXPECT_EQ(of("match(\"x\", \"(\")"), "error: `(` is no pattern: `(` has no `)` at character 2 of the pattern");
}

TEST(Helpers, SayHowTheyAreCalled) {
  EXPECT_EQ(of("len()"), "error: `len` is written `len(text, list or map)`");
  EXPECT_EQ(of("now(1)"), "error: `now` is written `now()`");
  EXPECT_EQ(of("loop(1)"), "error: no helper is called `loop`");
}

}  // namespace
}  // namespace muster
