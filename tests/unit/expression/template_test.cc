#include "interpreter/expression/template.h"

#include <gtest/gtest.h>

#include "tests/unit/expression/small_world.h"

namespace muster {
namespace {

std::string unclosed(const std::string& text) {
  SourceFiles files;
  files.add({"p", text, ""});
  Diagnostics problems;
  EXPECT_FALSE(parse_template(whole_file(text), problems).has_value()) << text;
  return problems.empty() ? std::string() : render(problems[0], files);
}

std::string url(const std::string& text, const Map& names) {
  Diagnostics problems;
  std::optional<Template> parsed = parse_template(whole_file(text), problems);
  if (!parsed) return "error";
  tl::expected<Value, Diagnostic> got = evaluate_url(*parsed, SmallWorld(names));
  return got ? to_text(*got) : got.error().message;
}

TEST(Templates, KeepTheTypeOfAWholeExpressionAndMakeTextOfTheRest) {
  Map names{{"n", 3}, {"list", List{1, 2}}, {"at", Timestamp{0}}, {"none", Value()}};
  EXPECT_EQ(fills("${{ n }}", names), "integer 3");
  EXPECT_EQ(fills("${{ list }}", names), "list [1,2]");
  EXPECT_EQ(fills("${{ none }}", names), "nil nil");
  EXPECT_EQ(fills(" ${{ n }}", names), "string  3");
  EXPECT_EQ(fills("a${{ n }}b${{ n / 1 }}c", names), "string a3b3c");
  EXPECT_EQ(fills("of ${{ at }}", names), "string of 1970-01-01T00:00:00Z");
  EXPECT_EQ(fills("plain"), "string plain");
  EXPECT_EQ(fills(""), "string ");
}

TEST(Templates, WriteTheLiteralWithAnotherDollar) {
  EXPECT_EQ(fills("$${{ n }}"), "string ${{ n }}");
  EXPECT_EQ(fills("$ {{ n }} $"), "string $ {{ n }} $");
  EXPECT_EQ(fills("cost: 5$${{"), "string cost: 5${{");
}

TEST(Templates, EndAnExpressionWhereNoBracketOrTextIsOpen) {
  EXPECT_EQ(fills("${{ {a = {b = 1}}.x }}"), "error: only names and what stands in parentheses can be followed by `.`");
  EXPECT_EQ(fills("${{ ({a = {b = 1}}).a.b }}"), "integer 1");
  EXPECT_EQ(fills("${{ \"}}\" }}"), "string }}");
  EXPECT_EQ(fills("${{ '\\'}}' }}"), "string '}}");
  EXPECT_EQ(fills("${{ [[}}]] .. [=[ ]]}} ]=] }}"), "string }} ]]}} ");
  EXPECT_EQ(fills("${{1}}${{2}}"), "string 12");
}

TEST(Templates, PointAtTheBeginOfAnExpressionWithoutEnd) {
  EXPECT_EQ(unclosed("x ${{ a }"),
            "p:1:3: error: `${{` has no `}}` that ends it [template-unclosed]\n1 | x ${{ a }\n  |   ^^^\n  = help: "
            "close it, or write `$${{` for the literal\n");
  EXPECT_EQ(unclosed("x ${{ it's }}"),
            "p:1:3: error: `${{` has no `}}` that ends it [template-unclosed]\n1 | x ${{ it's }}\n  |   ^^^\n  = help: "
            "close it, or write `$${{` for the literal\n"
            "p:1:9: note: what begins here has no end\n1 | x ${{ it's }}\n  |         ^\n");
}

TEST(Templates, LetTheParserSayWhichBracketIsMissing) {
  EXPECT_EQ(unclosed("${{ len(a }}"),
            "p:1:10: error: `,` or `)` was expected, and the expression ends [expression-syntax]\n1 | ${{ len(a }}\n  "
            "|          ^\n");
  EXPECT_EQ(unclosed("${{ }}"),
            "p:1:1: error: an expression was expected here, and nothing stands here [expression-syntax]\n1 | ${{ }}\n  "
            "| ^^^^^^\n");
}

TEST(Templates, ReportEveryExpressionThatIsWrong) {
  Diagnostics problems;
  EXPECT_FALSE(parse_template(whole_file("${{ a && b }} and ${{ c != d }}"), problems).has_value());
  ASSERT_EQ(problems.size(), 2u);
  EXPECT_EQ(problems[0].at, (Span{0, 6, 8}));
  EXPECT_EQ(problems[1].at, (Span{0, 24, 26}));
}

TEST(Templates, FindTheirPlacesInTextThatWasDecoded) {
  LocatedText text;  // one escape of two bytes stands before the expression, one inside
  text.text = "\"${{ \"\" & & }}";
  text.at = {0, 50, 70};
  text.segments = {{0, 51}, {1, 53}, {5, 57}, {6, 59}, {7, 61}};
  Diagnostics problems;
  EXPECT_FALSE(parse_template(text, problems).has_value());
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].at, (Span{0, 64, 65}));
}

TEST(Templates, AreConstantWithoutExpressions) {
  Diagnostics problems;
  std::optional<Template> text = parse_template(whole_file("a $${{ b"), problems);
  ASSERT_TRUE(text.has_value());
  EXPECT_TRUE(text->is_constant());
  EXPECT_EQ(text->constant_text(), "a ${{ b");
  EXPECT_EQ(text->whole(), nullptr);
  EXPECT_EQ(text->pieces.size(), 1u) << "no two texts in a row";
  std::optional<Template> mixed = parse_template(whole_file("a ${{ b }}"), problems);
  ASSERT_TRUE(mixed.has_value());
  EXPECT_FALSE(mixed->is_constant());
  EXPECT_EQ(mixed->whole(), nullptr);
}

TEST(Templates, RefuseNilInsideText) {
  SourceFiles files;
  std::string text = "to ${{ inputs.at }}";
  files.add({"p", text, ""});
  Diagnostics problems;
  tl::expected<Value, Diagnostic> got =
      evaluate(*parse_template(whole_file(text), problems), SmallWorld(Map{{"inputs", Map{}}}));
  ASSERT_FALSE(got.has_value());
  EXPECT_EQ(render(got.error(), files),
            "p:1:8: error: `inputs.at` is nil, and nil cannot stand inside text [expression-failed]\n1 | to ${{ "
            "inputs.at }}\n  |        ^^^^^^^^^\n"
            "  = help: give a default: `inputs.at or \"\"`\n");
}

TEST(Templates, AreUnknownOrSecretWhereAPieceIs) {
  Map names{{"later", Unknown{"known after x"}},
            {"nested", List{Unknown{"known after y"}}},
            {"key", Secret("key", "hunter2")},
            {"n", 1}};
  EXPECT_EQ(fills("a ${{ later }} b", names), "unknown (known after x)");
  EXPECT_EQ(fills("a ${{ nested }}", names), "unknown (known after y)");
  EXPECT_EQ(fills("a ${{ key }} ${{ later }}", names), "unknown (known after x)");
  EXPECT_EQ(fills("a ${{ n }} ${{ key }}", names), "secret ***");
  EXPECT_EQ(fills("a ${{ {key} }}", names),
            "error: `{key}` holds a secret somewhere inside, and cannot stand inside text");
  Diagnostics problems;
  tl::expected<Value, Diagnostic> got =
      evaluate(*parse_template(whole_file("Bearer ${{ key }}!"), problems), SmallWorld(names));
  ASSERT_TRUE(got.has_value());
  EXPECT_EQ(got->get<Secret>().reveal(SecretSink::http_header), "Bearer hunter2!");
  EXPECT_EQ(got->get<Secret>().name(), "key");
}

TEST(Templates, EncodeValuesInsideUrlsExceptALeadingBase) {
  Map names{{"base", "http://host:8000/a b"}, {"id", "../x?y=1&z#/\xC3\xA4"}, {"n", 7}};
  EXPECT_EQ(url("${{ base }}/users/${{ id }}", names), "http://host:8000/a b/users/..%2Fx%3Fy%3D1%26z%23%2F%C3%A4");
  EXPECT_EQ(url("http://h/${{ n }}", names), "http://h/7");
  EXPECT_EQ(url("${{ base }}", names), "http://host:8000/a b");
}

}  // namespace
}  // namespace muster
