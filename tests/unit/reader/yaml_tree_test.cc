#include "interpreter/reader/yaml_tree.h"

#include <gtest/gtest.h>

#include "interpreter/language/enough.h"

namespace muster {
namespace {

struct Parsed {
  SourceFiles files;
  Diagnostics problems;
  std::optional<YamlTree> tree;

  explicit Parsed(std::string text, const YamlLimits& limits = {}) {
    uint32_t file = files.add({"t.yaml", std::move(text), ""});
    tree = YamlTree::parse(files, file, problems, limits);
  }
  std::string code() const { return problems.empty() ? "" : problems.front().code; }
  const std::string& source() const { return files.at(0).text; }

  // The value under a top-level key.
  const YamlNode& value(std::string_view key) const {
    const YamlNode& root = tree->root();
    for (size_t i = 0; i + 1 < root.children.size(); i += 2)
      if (tree->text(*root.children[i]) == key) return *root.children[i + 1];
    ADD_FAILURE() << "no key " << key;
    return root;
  }
  // For each piece of decoded text: the bytes of the file that the span of it covers.
  std::string behind(std::string_view key, std::string_view piece) const {
    LocatedText located = tree->located(value(key));
    size_t at = located.text.find(piece);
    if (at == std::string::npos) return "<not in: " + located.text + ">";
    Span span = located.span(at, at + piece.size());
    return source().substr(span.begin, span.end - span.begin);
  }
  size_t place(std::string_view key, std::string_view piece) const {
    LocatedText located = tree->located(value(key));
    return located.span(located.text.find(piece), located.text.find(piece) + piece.size()).begin;
  }
};

TEST(YamlTree, KeepsTheTextOfScalarsAsItIsWritten) {
  Parsed p("a: 012\nb: 1.10\nc: no\nd: 2024-01-01\ne: 1e3\nf: .inf\n");
  for (auto [key, text] :
       {std::pair{"a", "012"}, {"b", "1.10"}, {"c", "no"}, {"d", "2024-01-01"}, {"e", "1e3"}, {"f", ".inf"}})
    EXPECT_EQ(p.tree->text(p.value(key)), text);
}

TEST(YamlTree, TellsPlainFromQuotedAndBlockScalars) {
  Parsed p("a: x\nb: 'x'\nc: \"x\"\nd: |\n  x\ne: >\n  x\n");
  EXPECT_EQ(p.value("a").style, YamlNode::Style::plain);
  EXPECT_EQ(p.value("b").style, YamlNode::Style::single_quoted);
  EXPECT_EQ(p.value("c").style, YamlNode::Style::double_quoted);
  EXPECT_EQ(p.value("d").style, YamlNode::Style::literal);
  EXPECT_EQ(p.value("e").style, YamlNode::Style::folded);
}

TEST(YamlTree, TellsAWrittenNullFromAMissingValue) {
  Parsed p("a: null\nb: ~\nc:\nd: [~, ]\nnull_like: x\n");
  EXPECT_TRUE(p.value("a").written);
  EXPECT_TRUE(p.value("b").written);
  EXPECT_FALSE(p.value("c").written);
  Parsed next("a:\nnullable: 1\n");
  EXPECT_FALSE(next.value("a").written);
  Parsed deeper("a:\n  ~\nb: 1\n");
  EXPECT_TRUE(deeper.value("a").written);
}

TEST(YamlTree, PlacesPlainScalarsBehindCharactersOfSeveralBytes) {
  Parsed p("größe: ä b\nz: end\n");
  EXPECT_EQ(p.behind("größe", "b"), "b");
  EXPECT_EQ(p.place("größe", "b"), p.source().find(" b\n") + 1);
  EXPECT_EQ(p.behind("z", "end"), "end");
}

TEST(YamlTree, PlacesTextBehindAByteOrderMark) {
  Parsed p(
      "\xEF\xBB\xBF"
      "a: word\n");
  EXPECT_EQ(p.behind("a", "word"), "word");
}

TEST(YamlTree, PlacesTextOverLinesThatEndWithCarriageReturns) {
  Parsed p("a: one\r\nb: |\r\n  two\r\n  three\r\nc: 'four\r\n  five'\r\n");
  EXPECT_EQ(p.place("b", "three"), p.source().find("three"));
  EXPECT_EQ(p.place("c", "five"), p.source().find("five"));
}

TEST(YamlTree, PlacesTextInPlainScalarsOverSeveralLines) {
  Parsed p("a: one\n   two\n\n   three # no\nb: x\n");
  EXPECT_EQ(p.tree->text(p.value("a")), "one two\nthree");
  EXPECT_EQ(p.place("a", "two"), p.source().find("two"));
  EXPECT_EQ(p.place("a", "three"), p.source().find("three"));
  EXPECT_EQ(p.value("a").end, p.source().find(" # no"));
}

TEST(YamlTree, PlacesTextInSingleQuotes) {
  Parsed p("a: 'it''s here\n   and ''there'''\n");
  EXPECT_EQ(p.tree->text(p.value("a")), "it's here and 'there'");
  EXPECT_EQ(p.place("a", "here"), p.source().find("here"));
  EXPECT_EQ(p.place("a", "and"), p.source().find("and"));
  EXPECT_EQ(p.place("a", "there'"), p.source().find("there''"));
  EXPECT_EQ(p.value("a").end, p.source().size() - 1);
}

TEST(YamlTree, PlacesTextInDoubleQuotesBehindEscapes) {
  Parsed p("a: \"tab\\there \\u00e9 \\x41 \\\"quoted\\\" and \\\n   on \\U0001F600 end\"\n");
  EXPECT_EQ(p.place("a", "here"), p.source().find("here"));
  EXPECT_EQ(p.place("a", "\xC3\xA9"), p.source().find("\\u00e9"));
  EXPECT_EQ(p.place("a", "A"), p.source().find("\\x41"));
  EXPECT_EQ(p.place("a", "quoted"), p.source().find("quoted"));
  EXPECT_EQ(p.place("a", "on"), p.source().find("on \\U"));
  EXPECT_EQ(p.place("a", "end"), p.source().find("end\""));
}

TEST(YamlTree, KeepsEscapesOfWideCharactersWhole) {
  Parsed parsed("a: \"1 \\N 2 \\_ 3 \\x85 4 \u00e0 5\"\n");
  EXPECT_EQ(parsed.tree->text(parsed.value("a")), "1 \xC2\x85 2 \xC2\xA0 3 \xC2\x85 4 \xC3\xA0 5");
  EXPECT_EQ(parsed.behind("a", "2"), "2");
  EXPECT_EQ(parsed.behind("a", "5"), "5");
}

TEST(YamlTree, PlacesTextInLiteralScalars) {
  Parsed p("a: |2-\n    indented\n  plain\n\n  last\nb: |\n\n   first\n  # no comment\nc: x\n");
  EXPECT_EQ(p.tree->text(p.value("a")), "  indented\nplain\n\nlast");
  EXPECT_EQ(p.place("a", "indented"), p.source().find("indented"));
  EXPECT_EQ(p.place("a", "plain"), p.source().find("plain"));
  EXPECT_EQ(p.place("a", "last"), p.source().find("last"));
}

TEST(YamlTree, PlacesTextInFoldedScalars) {
  Parsed p("a: >\n  one\n  two\n\n  three\n    more\n  four\nb: >-\n  x\n  y\n");
  EXPECT_EQ(p.tree->text(p.value("a")), "one two\nthree\n  more\nfour\n");
  for (const char* word : {"one", "two", "three", "more", "four"})
    EXPECT_EQ(p.place("a", word), p.source().find(word)) << word;
  EXPECT_EQ(p.place("b", "y"), p.source().find("y\n"));
}

TEST(YamlTree, PlacesScalarsBehindTheirAnchors) {
  Parsed p("a: &name 'text'\nb: *name\n");
  EXPECT_EQ(p.source().substr(p.value("a").begin, 6), "'text'");
  EXPECT_EQ(&p.value("b"), &p.value("a"));
}

TEST(YamlTree, EndsFlowCollectionsAtTheirBrackets) {
  Parsed p("a: [x, {y: z}, ] # ]\nb: {}\n");
  EXPECT_EQ(p.source().substr(p.value("a").begin, p.value("a").end - p.value("a").begin), "[x, {y: z}, ]");
  EXPECT_EQ(p.source().substr(p.value("b").begin, p.value("b").end - p.value("b").begin), "{}");
}

// --- guards

TEST(YamlGuard, RefusesBytesThatAreNotUtf8) {
  EXPECT_EQ(Parsed("a: \xff\n").code(), "not-utf8");
  EXPECT_EQ(Parsed("a: \xc0\x80\n").code(), "not-utf8");
  EXPECT_EQ(Parsed(std::string("\xff\xfe"
                               "a\0",
                               4))
                .code(),
            "not-utf8");
  EXPECT_EQ(Parsed(std::string("\0a\0:", 4)).code(), "not-utf8");
}

TEST(YamlGuard, RefusesCharactersThatTheLibraryDropsOrPeopleCannotSee) {
  EXPECT_EQ(Parsed(std::string("a: b\0c\n", 7)).code(), "bad-character");
  EXPECT_EQ(Parsed("a: b\x04"
                   "c\n")
                .code(),
            "bad-character");  // the library takes 0x04 for its own end mark
  EXPECT_EQ(Parsed("a: b\x1b[31m\n").code(), "bad-character");
  EXPECT_EQ(Parsed("a: b\rc: d\n").code(), "bad-character");
  EXPECT_EQ(Parsed("a: \xE2\x80\xAE\n").code(), "bad-character");
  EXPECT_EQ(Parsed("a: \xEF\xBB\xBF\n").code(), "bad-character");
  EXPECT_EQ(Parsed("a: caf\xC3\xA9 \xF0\x9F\x98\x80\n").code(), "");
}

TEST(YamlGuard, RefusesAFileOverItsSize) {
  YamlLimits limits;
  limits.bytes = 10;
  EXPECT_EQ(Parsed("a: 123456\n", limits).code(), "");
  EXPECT_EQ(Parsed("a: 1234567\n", limits).code(), "too-large");
}

TEST(YamlGuard, RefusesBracketsThatWouldCostMoreThanTheyWeigh) {
  YamlLimits limits;
  limits.flow_marks = 5;
  EXPECT_EQ(Parsed("a: [1,2,3]\nb: [1,2,\n3]\nc: 1, 2, 3, 4, 5, 6\n", limits).code(), "");
  EXPECT_EQ(Parsed("a: [1,2,\n3,4,5]\n", limits).code(), "too-large");
  EXPECT_EQ(Parsed("a: {b: [1, 2], c: [1]}\n", limits).code(), "too-large");
}

TEST(YamlGuard, RefusesNestingBeyondItsDepthInEveryForm) {
  std::string blocks, dashes, questions, maps;
  for (int i = 0; i < 100'000; ++i) {
    blocks += "[";
    dashes += "- ";
    questions += "? ";
    maps += "{a: ";
  }
  for (const std::string& text : {blocks, dashes, questions, maps})
    EXPECT_EQ(Parsed(text).code(), "too-deep") << text.substr(0, 4);
  std::string right = std::string(60, '[') + "x" + std::string(60, ']');
  EXPECT_EQ(Parsed("a: " + right).code(), "");
}

TEST(YamlGuard, CountsWhatAliasesStandFor) {
  YamlLimits limits;
  limits.nodes = 1000;
  std::string bomb = "a: &a [x, x, x, x, x, x, x, x, x, x]\nb: &b [*a, *a, *a, *a, *a, *a, *a, *a, *a, *a]\n";
  EXPECT_EQ(Parsed(bomb, limits).code(), "");
  EXPECT_EQ(Parsed(bomb + "c: [*b, *b, *b, *b, *b, *b, *b, *b, *b, *b]\n", limits).code(), "too-many-values");
}

TEST(YamlGuard, RefusesMoreAliasesThanAllowed) {
  YamlLimits limits;
  limits.aliases = 2;
  EXPECT_EQ(Parsed("a: &a x\nb: [*a, *a]\n", limits).code(), "");
  EXPECT_EQ(Parsed("a: &a x\nb: [*a, *a, *a]\n", limits).code(), "too-many-aliases");
}

TEST(YamlGuard, RefusesCyclesOfAliases) {
  EXPECT_EQ(Parsed("a: &a [*a]\n").code(), "alias-cycle");
  EXPECT_EQ(Parsed("a: &a {b: {c: *a}}\n").code(), "alias-cycle");
}

TEST(YamlGuard, NamesBothLinesOfADuplicateKey) {
  Parsed p("a: 1\nb: 2\na: 3\n");
  ASSERT_EQ(p.code(), "duplicate-key");
  EXPECT_EQ(p.files.position(0, p.problems[0].at.begin).line, 3u);
  ASSERT_EQ(p.problems[0].notes.size(), 1u);
  EXPECT_EQ(p.files.position(0, p.problems[0].notes[0].at.begin).line, 1u);
}

TEST(YamlGuard, FindsADuplicateAmongManyKeys) {
  std::string text;
  for (int i = 0; i < 50; ++i) text += "k" + std::to_string(i) + ": x\n";
  EXPECT_EQ(Parsed(text).code(), "");
  EXPECT_EQ(Parsed(text + "\"k17\": y\n").code(), "duplicate-key");
}

TEST(YamlGuard, RefusesWhatTheLibraryWouldDropSilently) {
  EXPECT_EQ(Parsed("- a\nb: c\n").code(), "trailing-text");
  EXPECT_EQ(Parsed("a: 1\n...\nb: 2\n").code(), "trailing-text");
  EXPECT_EQ(Parsed("a: 1\n---\nb: 2\n").code(), "second-document");
  EXPECT_EQ(Parsed("a: \"open\nb: 2\n").code(), "yaml-syntax");
  EXPECT_EQ(Parsed("a: 'open\nb: 2\n").code(), "yaml-syntax");
}

TEST(YamlGuard, EndsOnALoneComma) { EXPECT_NE(Parsed(",").code(), ""); }

TEST(YamlGuard, RefusesTagsAndMergeKeysAndOddKeys) {
  EXPECT_EQ(Parsed("a: !lua x\n").code(), "tag");
  EXPECT_EQ(Parsed("a: !!int x\n").code(), "tag");
  EXPECT_EQ(Parsed("a: ! x\n").code(), "tag");
  EXPECT_EQ(Parsed("a: !m {b: c}\n").code(), "tag");
  EXPECT_EQ(Parsed("a: &a {b: c}\nd:\n  <<: *a\n").code(), "merge-key");
  EXPECT_EQ(Parsed("? [a]\n: b\n").code(), "bad-key");
  EXPECT_EQ(Parsed("~: b\n").code(), "bad-key");
  EXPECT_EQ(Parsed("a: &a x\n*a : y\n").code(), "bad-key");
}

TEST(YamlGuard, GoesOnBehindProblemsThatDoNotHideTheRest) {
  Parsed p("a: !x 1\na: 2\nb: {c: 1, c: 2}\n");
  ASSERT_TRUE(p.tree);
  EXPECT_EQ(p.problems.size(), 3u);
}

TEST(YamlGuard, EndsWhereNobodyWouldReadOn) {
  std::string text;
  for (int i = 0; i < 5000; ++i) text += "- !x 1\n";
  EXPECT_EQ(Parsed(text).problems.size(), most_problems + 1);
}

TEST(YamlGuard, SaysThatAFileIsEmpty) {
  EXPECT_EQ(Parsed("").code(), "empty-file");
  EXPECT_EQ(Parsed("# nothing\n").code(), "empty-file");
}

}  // namespace
}  // namespace muster
