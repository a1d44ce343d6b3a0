#include <gtest/gtest.h>

#include "interpreter/expression/helpers.h"
#include "interpreter/expression/tree.h"
#include "tests/unit/expression/small_world.h"

namespace muster {
namespace {

Diagnostic wrong(const std::string& text) {
  Diagnostics problems;
  std::optional<Expression> expression = parse_expression(whole_file(text), problems);
  EXPECT_FALSE(expression.has_value()) << text;
  EXPECT_EQ(problems.size(), 1u) << text;
  return problems.empty() ? Diagnostic{} : problems[0];
}

// `message at begin-end / help`
std::string refusal(const std::string& text) {
  Diagnostic d = wrong(text);
  EXPECT_EQ(d.code, "expression-syntax") << text;
  return d.message + " at " + std::to_string(d.at.begin) + "-" + std::to_string(d.at.end) +
         (d.help.empty() ? "" : " / " + d.help);
}

std::string reads_of(const std::string& text) {
  Diagnostics problems;
  std::optional<Expression> expression = parse_expression(whole_file(text), problems);
  EXPECT_TRUE(expression.has_value()) << text << ": " << (problems.empty() ? "" : problems[0].message);
  std::string out;
  if (!expression) return out;
  for (const Read& read : expression->reads) {
    if (!out.empty()) out += " ";
    for (size_t i = 0; i < read.path.size(); ++i) out += (i == 0 ? "" : ".") + read.path[i];
    if (read.called) out += "()";
    if (!read.is_whole) out += "[]";
    out += "@" + text.substr(read.at.begin, read.at.end - read.at.begin);
    EXPECT_EQ(read.pieces.size(), read.path.size());
  }
  return out;
}

TEST(Parser, NamesEveryTrapAndWhatToWriteInstead) {
  EXPECT_EQ(refusal("!x"), "`!` is no operator of expressions at 0-1 / write `not`");
  EXPECT_EQ(refusal("a && b"), "`&&` is no operator of expressions at 2-4 / write `and`");
  EXPECT_EQ(refusal("a || b"), "`||` is no operator of expressions at 2-4 / write `or`");
  EXPECT_EQ(refusal("a != b"), "`!=` is no operator of expressions at 2-4 / write `~=`");
  EXPECT_EQ(refusal("a ? b : c"), "there is no `? :` in expressions at 2-3 / write `cond(test, yes, no)`");
  EXPECT_EQ(refusal("a = b"), "`=` is no comparison at 2-3 / write `==`");
  EXPECT_EQ(refusal("(a = b)"), "`=` is no comparison at 3-4 / write `==`");
  EXPECT_EQ(refusal("len(a = b)"), "`=` is no comparison at 6-7 / write `==`");
  EXPECT_EQ(refusal("a[b = c]"), "`=` is no comparison at 4-5 / write `==`");
  EXPECT_EQ(refusal("a == null"), "`null` is no word of expressions at 5-9 / write `nil`");
  EXPECT_EQ(refusal("-- nothing"),
            "`--` begins a comment: the rest of the expression would be lost at 0-10 / take it out; a minus of a "
            "negative number is written `- -1`");
  EXPECT_EQ(refusal("a -- b"),
            "`--` begins a comment: the rest of the expression would be lost at 2-6 / take it out; a minus of a "
            "negative number is written `- -1`");
  EXPECT_EQ(refusal("a[0]"), "lists are counted from 1: `[0]` is never there at 2-3 / the first one is `[1]`");
  EXPECT_EQ(refusal("a\xC2\xA0== b"), "a no-break space stands here at 1-3 / write an ordinary space");
  EXPECT_EQ(refusal("a == \xE2\x80\x9Cx\xE2\x80\x9D"), "a curly quote stands here at 5-8 / write a straight `\"`");
  EXPECT_EQ(refusal("a == \xE2\x80\x98x\xE2\x80\x99"), "a curly quote stands here at 5-8 / write a straight `'`");
  EXPECT_EQ(refusal("a \xE2\x80\x93 1"), "a dash stands here at 2-5 / write `-`");
  EXPECT_EQ(refusal("a \xE2\x89\xA0 1"), "a typographic `~=` stands here at 2-5 / write `~=`");
  EXPECT_EQ(refusal("x:upper()"),
            "methods cannot be called in expressions at 1-2 / the helpers are functions: `len(x)`, `contains(x, y)`");
  EXPECT_EQ(refusal("(x):upper()"),
            "methods cannot be called in expressions at 3-4 / the helpers are functions: `len(x)`, `contains(x, y)`");
  EXPECT_EQ(refusal("a, b"),
            "one expression was expected, and another follows at 1-2 / a comma ends a value inside brackets of YAML: "
            "quote the whole");
  EXPECT_EQ(refusal("30s"), "`30s` is no number at 0-3 / write `duration(\"30s\")`");
}

TEST(Parser, SaysWhatWasExpectedAndWhatStandsThere) {
  EXPECT_EQ(refusal(""), "an expression was expected here, and nothing stands here at 0-0");
  EXPECT_EQ(refusal("a +"), "a value was expected, and the expression ends at 3-3");
  EXPECT_EQ(refusal("a b"), "an operator or the end was expected, and `b` stands here at 2-3");
  EXPECT_EQ(refusal("(a"), "`)` was expected, and the expression ends at 2-2");
  EXPECT_EQ(refusal("len(a"), "`,` or `)` was expected, and the expression ends at 5-5");
  EXPECT_EQ(refusal("{a; b"), "`,` or `}` was expected, and the expression ends at 5-5");
  EXPECT_EQ(refusal("a[1"), "`]` was expected, and the expression ends at 3-3");
  EXPECT_EQ(refusal("a."), "a field's name behind `.` was expected, and the expression ends at 2-2");
  EXPECT_EQ(refusal("a.and"), "a field's name behind `.` was expected, and `and` stands here at 2-5");
  EXPECT_EQ(refusal("if a then b end"), "`if` cannot begin a value: only expressions can stand here at 0-2");
  EXPECT_EQ(refusal("x \"y\""), "a helper's arguments stand in parentheses, and `\"y\"` stands here at 2-5");
  const std::string only = "only helpers and functions of scripts can be called: `len(x)`, `runs.longest(x)`, ... at ";
  EXPECT_EQ(refusal("a.b.c(1)"), only + "0-5");
  EXPECT_EQ(refusal("a[\"b\"](1)"), only + "0-6");
  EXPECT_EQ(refusal("(len)(a)"), only + "0-5");
  EXPECT_EQ(refusal("a.b(function(x) return x end)"), "a script's function takes values, no functions at 4-12");
  EXPECT_EQ(refusal("{1, 2}[1]"),
            "only names and what stands in parentheses can be followed by `[` at 6-7 / write `(…)` around what stands "
            "before it");
  EXPECT_EQ(refusal("..."), "`...` has no meaning in expressions at 0-3");
  EXPECT_EQ(refusal("a \x01"), "`\\x01` cannot stand in an expression at 2-3");
}

TEST(Parser, SaysWhatIsWrongInsideOfTexts) {
  EXPECT_EQ(refusal("\"abc"), "this text has no end at 0-4 / close it with `\"`");
  EXPECT_EQ(refusal("[[abc"), "this text has no end at 0-5 / close it with `]]`");
  EXPECT_EQ(refusal("\"a\\q\""), "`\\q` is no escape at 2-4 / a backslash itself is written `\\\\`");
  EXPECT_EQ(refusal("\"\\300\""), "a decimal escape is at most 255 at 1-5");
  EXPECT_EQ(refusal("\"\\xg0\""), "`\\x` wants two hexadecimal digits at 1-3");
  EXPECT_EQ(refusal("\"\\u{110000}\""), "there is no such character at 1-11");
}

TEST(Parser, HandsFunctionsToHelpersOnly) {
  EXPECT_EQ(yields("map({1, 2}, function(x) return x * 2 end)"), "list [2,4]");
  EXPECT_EQ(refusal("function(x) return x end"),
            "a function can only be handed to a helper at 0-8 / as in `map(list, function(x) return x end)`");
  EXPECT_EQ(refusal("len(function(x) return x end)"),
            "`len` takes no function here at 4-12 / it is called as `len(text, list or map)`");
  EXPECT_EQ(refusal("map(function(x) return x end, {1})"),
            "`map` takes no function here at 4-12 / it is called as `map(list, function(x) return … end)`");
  EXPECT_EQ(refusal("any({1}, function(x) x end)"),
            "a function here is `function(x) return e end`: `return` was expected, and `x` stands at 21-22");
  EXPECT_EQ(refusal("any({1}, function(x,) return x end)"),
            "a parameter's name was expected, and `)` stands here at 20-21");
}

TEST(Parser, ListsEveryFreeNameWithItsConstantPath) {
  EXPECT_EQ(reads_of("steps.points.latest.at == inputs.at"),
            "steps.points.latest.at@steps.points.latest.at inputs.at@inputs.at");
  EXPECT_EQ(reads_of("steps[\"points\"].latest"), "steps.points.latest@steps[\"points\"].latest");
  EXPECT_EQ(reads_of("inputs.list[inputs.n].name"), "inputs.list[]@inputs.list inputs.n@inputs.n");
  EXPECT_EQ(reads_of("contains(result.stdout, \"x\")"), "contains()@contains result.stdout@result.stdout");
  EXPECT_EQ(reads_of("(steps.a).b + (c)"), "steps.a.b@steps.a).b c@c") << "pieces, not parentheses";
  EXPECT_EQ(reads_of("{a = b, [c] = d, e}"), "b@b c@c d@d e@e");
  EXPECT_EQ(reads_of("not a.b and -c .. d"), "a.b@a.b c@c d@d");
}

TEST(Parser, DoesNotCountParametersAsFreeNames) {
  EXPECT_EQ(reads_of("any(steps.list, function(x) return x.n == y and x end)"), "any()@any steps.list@steps.list y@y");
  EXPECT_EQ(reads_of("map(a, function(a) return a end)"), "map()@map a@a");
  EXPECT_EQ(reads_of("map(a, function(x) return map(x, function(z) return x + z + w end) end)"),
            "map()@map a@a map()@map w@w");
}

TEST(Parser, KnowsThePlaceOfEachPieceOfAName) {
  Diagnostics problems;
  std::string text = "inputs.list[\"a b\"].c";
  std::optional<Expression> expression = parse_expression(whole_file(text), problems);
  ASSERT_TRUE(expression.has_value());
  std::vector<std::string> pieces;
  for (Span at : expression->reads.at(0).pieces) pieces.push_back(text.substr(at.begin, at.end - at.begin));
  EXPECT_EQ(pieces, (std::vector<std::string>{"inputs", "list", "[\"a b\"]", "c"}));
}

TEST(Parser, FindsPlacesInTheFileForTextThatWasDecoded) {
  LocatedText text;  // "a == \"x\" != b" in double quotes of YAML, from byte 100 on
  text.text = "a == \"x\" != b";
  text.at = {2, 100, 117};
  text.segments = {{0, 101}, {6, 108}, {8, 111}};
  Diagnostics problems;
  EXPECT_FALSE(parse_expression(text, problems).has_value());
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].at, (Span{2, 112, 114}));
}

TEST(Parser, RefusesWhatIsNestedTooDeepInsteadOfRecursingIntoIt) {
  auto repeated = [](const std::string& piece, size_t n) {
    std::string out;
    for (size_t i = 0; i < n; ++i) out += piece;
    return out;
  };
  EXPECT_EQ(yields(repeated("(", 190) + "1" + repeated(")", 190)), "integer 1");
  for (const std::string& text : {repeated("(", 1500) + "1" + repeated(")", 1500), repeated("not ", 3000) + "x",
                                  repeated("{", 1500) + repeated("}", 1500), "1" + repeated(" .. 1", 1500),
                                  "1" + repeated(" + 1", 1500), "a" + repeated("[b]", 1000)})
    EXPECT_NE(wrong(text).message.find("nested deeper than 200"), std::string::npos) << text.substr(0, 20);
  EXPECT_NE(wrong("{" + repeated("1,", 4000) + "}").message.find("more than 4000 words"), std::string::npos);
  EXPECT_EQ(yields("1" + repeated(" + 1", 150)), "integer 151");
}

TEST(Parser, KnowsItsHelpersByName) {
  const std::vector<std::string_view>& names = helper_names();
  EXPECT_TRUE(std::is_sorted(names.begin(), names.end()));
  for (std::string_view name :
       {"match",     "match_all", "lines",  "split",  "join",   "trim",   "lower", "upper",   "len",
        "keys",      "contains",  "any",    "all",    "map",    "filter", "chunk", "sum",     "min",
        "max",       "sort",      "unique", "first",  "last",   "cond",   "json",  "to_json", "now",
        "timestamp", "duration",  "date",   "sha256", "base64", "format", "is_set"}) {
    ASSERT_NE(find_helper(name), nullptr) << name;
    EXPECT_EQ(find_helper(name)->name, name);
  }
  EXPECT_EQ(names.size(), 34u);
  EXPECT_EQ(find_helper("loop"), nullptr);
}

}  // namespace
}  // namespace muster
