#include "interpreter/base/diagnostic.h"

#include <gtest/gtest.h>

namespace muster {
namespace {

struct Page {
  SourceFiles files;
  std::string text;
  explicit Page(std::string content) : text(std::move(content)) { files.add({"restore.yaml", text, ""}); }
  Span at(std::string_view word, size_t nth = 0) const {
    size_t begin = text.find(word);
    while (nth-- > 0) begin = text.find(word, begin + 1);
    return {0, static_cast<uint32_t>(begin), static_cast<uint32_t>(begin + word.size())};
  }
  static Diagnostic error(Span at, std::string message = "something is wrong", std::string help = {}) {
    return {Severity::error, "some-code", at, std::move(message), std::move(help), {}};
  }
};

TEST(SourceFiles, CountLinesAndColumnsInCharactersFromOne) {
  SourceFiles files;
  uint32_t file = files.add({"a", "x\nn\xC3\xA4mlich y\r\nlast", ""});
  EXPECT_EQ(files.position(file, 0).line, 1u);
  EXPECT_EQ(files.position(file, 0).column, 1u);
  EXPECT_EQ(files.position(file, 11).line, 2u);
  EXPECT_EQ(files.position(file, 11).column, 9u) << "the umlaut is one column";
  EXPECT_EQ(files.line(file, 11), "n\xC3\xA4mlich y") << "without the line end of either kind";
  EXPECT_EQ(files.position(file, 9999).line, 3u) << "behind the end is the end";
  EXPECT_EQ(files.text({file, 2, 10}), "n\xC3\xA4mlich");
}

TEST(LocatedText, KnowsWhereEachByteStoodBeforeItWasDecoded) {
  LocatedText text;
  text.text = "a\"b c";   // written  "a\"b
  text.at = {0, 10, 22};  //              c"
  text.segments = {{0, 11}, {1, 12}, {2, 14}, {3, 15}, {4, 20}};
  EXPECT_EQ(text.span(0, 1), (Span{0, 11, 12}));
  EXPECT_EQ(text.span(2, 3), (Span{0, 14, 15}));
  EXPECT_EQ(text.span(2, 4), (Span{0, 14, 16})) << "the folded line break does not reach into the next line";
  EXPECT_EQ(text.span(4, 5), (Span{0, 20, 21}));
  EXPECT_EQ(text.span(2, 2), (Span{0, 14, 14}));
  LocatedText plain;
  plain.text = "abc";
  plain.at = {3, 7, 10};
  EXPECT_EQ(plain.span(1, 3), (Span{3, 8, 10}));
}

TEST(Diagnostics, AreDrawnWithTheLineACaretAndHelp) {
  Page page("a: 1\n    - shel: pg_ctl stop\n");
  Diagnostic d{
      Severity::error, "unknown-action", page.at("shel"), "no action is called `shel`", "did you mean `shell`?", {}};
  EXPECT_EQ(render(d, page.files),
            "restore.yaml:2:7: error: no action is called `shel` [unknown-action]\n"
            "2 |     - shel: pg_ctl stop\n"
            "  |       ^^^^\n"
            "  = help: did you mean `shell`?\n");
  d.severity = Severity::warning;
  d.help.clear();
  EXPECT_EQ(render(d, page.files),
            "restore.yaml:2:7: warning: no action is called `shel` [unknown-action]\n"
            "2 |     - shel: pg_ctl stop\n"
            "  |       ^^^^\n");
}

TEST(Diagnostics, CopyTabsAndCountCharactersBelowTheLine) {
  Page page(
      "\tgr\xC3\xBC\xC3\x9F"
      "e: \xE2\x82\xAC\xE2\x82\xAC x\n");
  EXPECT_EQ(render(Page::error(page.at("\xE2\x82\xAC\xE2\x82\xAC")), page.files),
            "restore.yaml:1:9: error: something is wrong [some-code]\n"
            "1 | \tgr\xC3\xBC\xC3\x9F"
            "e: \xE2\x82\xAC\xE2\x82\xAC x\n"
            "  | \t       ^^\n");
}

TEST(Diagnostics, PutTheCaretUnderWhatIsShownWhenTheLineHadToBeEscaped) {
  Page page("a \x1b b\n");
  EXPECT_EQ(render(Page::error(page.at("b")), page.files),
            "restore.yaml:1:5: error: something is wrong [some-code]\n"
            "1 | a \\x1b b\n"
            "  |        ^\n");
}

TEST(Diagnostics, CutASpanOfSeveralLinesAtTheEndOfTheFirst) {
  Page page("when: a and\n      b\n");
  EXPECT_EQ(render(Page::error(page.at("a and\n      b")), page.files),
            "restore.yaml:1:7: error: something is wrong [some-code]\n"
            "1 | when: a and\n"
            "  |       ^^^^^\n");
}

TEST(Diagnostics, DrawOneCaretAtLeastAlsoBehindTheEndOfTheFile) {
  Page page("ab\n");
  EXPECT_EQ(render(Page::error({0, 2, 2}), page.files),
            "restore.yaml:1:3: error: something is wrong [some-code]\n1 | ab\n  |   ^\n");
  EXPECT_EQ(render(Page::error({0, 500, 600}), page.files),
            "restore.yaml:2:1: error: something is wrong [some-code]\n2 | \n  | ^\n");
  Page empty("");
  EXPECT_EQ(render(Page::error({0, 0, 0}), empty.files),
            "restore.yaml:1:1: error: something is wrong [some-code]\n1 | \n  | ^\n");
}

TEST(Diagnostics, ShowValuesOfPartsBelowAndOtherPlacesAsBlocksOfTheirOwn) {
  Page page("first: 1\n\n\n\n\n\n\n\n\nthat: a.b == c\n");
  Diagnostic d = Page::error(page.at("a.b == c"), "`a` is nil", "give it");
  d.notes = {{page.at("c"), "c = 3"}, {page.at("first"), "first defined here"}, {page.at("a.b"), "a.b = \"x\""}};
  EXPECT_EQ(render(d, page.files),
            "restore.yaml:10:7: error: `a` is nil [some-code]\n"
            "10 | that: a.b == c\n"
            "   |       ^^^^^^^^\n"
            "   = where: c = 3\n"
            "   = where: a.b = \"x\"\n"
            "   = help: give it\n"
            "restore.yaml:1:1: note: first defined here\n"
            "1 | first: 1\n"
            "  | ^^^^^\n");
}

TEST(Diagnostics, EscapeWhatTheyQuoteAndColourOnlyWhenAsked) {
  Page page("x\n");
  std::string plain = render(Page::error({0, 0, 1}, "found `\x1b[2J`"), page.files);
  EXPECT_EQ(plain.find('\x1b'), std::string::npos);
  EXPECT_NE(plain.find("\\x1b[2J"), std::string::npos);
  EXPECT_EQ(render(Page::error({0, 0, 1}), page.files, Colour::on),
            "\x1b[1mrestore.yaml:1:1:\x1b[0m \x1b[1;31merror:\x1b[0m \x1b[1msomething is wrong\x1b[0m [some-code]\n"
            "\x1b[1;34m1 |\x1b[0m x\n\x1b[1;34m  |\x1b[0m \x1b[1;31m^\x1b[0m\n");
}

TEST(Diagnostics, AreListedInTheOrderOfTheirPlacesAndCounted) {
  Page page("a\nb\n");
  Diagnostic later = Page::error(page.at("b"), "later");
  Diagnostic warning = Page::error(page.at("a"), "a warning");
  warning.severity = Severity::warning;
  Diagnostic early = Page::error(page.at("a"), "early");
  EXPECT_EQ(render_all({later, warning, early}, page.files),
            "restore.yaml:1:1: warning: a warning [some-code]\n1 | a\n  | ^\n\n"
            "restore.yaml:1:1: error: early [some-code]\n1 | a\n  | ^\n\n"
            "restore.yaml:2:1: error: later [some-code]\n2 | b\n  | ^\n\n"
            "2 errors, 1 warning\n");
  EXPECT_EQ(render_all({}, page.files), "");
  EXPECT_TRUE(has_errors({warning, early}));
  EXPECT_FALSE(has_errors({warning}));
}

TEST(Nearest, IsTheCandidateWithAtMostAThirdOfTheLettersWrong) {
  EXPECT_EQ(nearest("shel", {"sql", "shell", "http"}), "shell");
  EXPECT_EQ(nearest("verfiy", {"verify", "vary"}), "verify") << "a swap counts once";
  EXPECT_EQ(nearest("restroe", {"restore", "rescue"}), "restore");
  EXPECT_EQ(nearest("banana", {"orange", "apple"}), "");
  EXPECT_EQ(nearest("ab", {"cb"}), "") << "one of two letters is more than a third";
  EXPECT_EQ(nearest("db", {"dbs"}), "dbs");
  EXPECT_EQ(nearest("same", {"same"}), "") << "what is there already is no suggestion";
  EXPECT_EQ(nearest("step_1", {"step_2", "step_3"}), "step_2") << "of equally near ones the first";
}

}  // namespace
}  // namespace muster
