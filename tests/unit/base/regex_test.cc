#include "interpreter/base/regex.h"

#include <gtest/gtest.h>
#include <chrono>
#include <random>
#include <regex>

namespace muster {
namespace {

// The matched text with its groups: `abc<b><->`; empty where there is none, the message where the pattern is none.
std::string found(const std::string& pattern, const std::string& text, size_t from = 0) {
  tl::expected<Regex, std::string> regex = Regex::compile(pattern);
  if (!regex) return "error: " + regex.error();
  std::optional<Regex::Match> match = regex->search(text, from);
  if (!match) return "none";
  std::string out = text.substr(match->begin, match->end - match->begin);
  for (const auto& group : match->groups)
    out += group ? "<" + text.substr(group->first, group->second - group->first) + ">" : "<->";
  return out;
}

bool whole(const std::string& pattern, const std::string& text) { return Regex::compile(pattern)->matches_whole(text); }

TEST(Regex, MatchesTheCommonSyntax) {
  EXPECT_EQ(found("b+", "abbbc"), "bbb");
  EXPECT_EQ(found("b+?", "abbbc"), "b");
  EXPECT_EQ(found("a{2,3}", "aaaa"), "aaa");
  EXPECT_EQ(found("a{2,3}?", "aaaa"), "aa");
  EXPECT_EQ(found("a{2}", "aaaa"), "aa");
  EXPECT_EQ(found("a{3,}", "aaaa"), "aaaa");
  EXPECT_EQ(found("a{,3}", "a{,3}"), "a{,3}") << "a brace that is no repetition is itself";
  EXPECT_EQ(found("[^a-c]+", "abcxyz"), "xyz");
  EXPECT_EQ(found("[]a-]+", "x-]a"), "-]a");
  EXPECT_EQ(found("[\\d.]+", "v1.25b"), "1.25");
  EXPECT_EQ(found("[[:upper:][:digit:]_]+", "abC_9d"), "C_9");
  EXPECT_EQ(found("\\w+\\s\\D", "a_1 x"), "a_1 x");
  EXPECT_EQ(found("\\bcat\\b", "concat cat"), "cat");
  EXPECT_EQ(found("\\x41\\x{42}\\.", "AB."), "AB.");
  EXPECT_EQ(found("cat|category", "category"), "cat") << "the first alternative wins, not the longest";
  EXPECT_EQ(found("^b", "ab"), "none");
  EXPECT_EQ(found("b$", "ab"), "b");
  EXPECT_EQ(found("a.c", "a\nc"), "none");
  EXPECT_EQ(found("a(?:b|c)d", "acd"), "acd");
  EXPECT_EQ(found("", "abc"), "");
}

TEST(Regex, TakesFlags) {
  EXPECT_EQ(found("(?i)StraSSe [a-c]+", "xstrasse ABC"), "strasse ABC");
  EXPECT_EQ(found("(?i:a)b", "AB"), "none");
  EXPECT_EQ(found("a(?i)b", "aB"), "aB");
  EXPECT_EQ(found("(?s)a.c", "a\nc"), "a\nc");
  EXPECT_EQ(found("(?m)^b$", "a\nb\nc"), "b");
  EXPECT_EQ(found("(?im-s:^B.$)", "a\nbc"), "bc");
}

TEST(Regex, CapturesGroups) {
  EXPECT_EQ(found("(a)(b)?(c)", "ac"), "ac<a><-><c>");
  EXPECT_EQ(found("(\\w+)@(\\w+)", "to me@here"), "me@here<me><here>");
  EXPECT_EQ(found("(a|b)*", "abab"), "abab<b>");
  EXPECT_EQ(found("((a)b)+", "abab"), "abab<ab><a>");
  EXPECT_EQ(Regex::compile("(?P<x>a)(b)(?<y>c)")->group_names(), (std::vector<std::string>{"x", "", "y"}));
}

TEST(Regex, ReadsWholeCharacters) {
  EXPECT_EQ(found("^.$", "\xE2\x82\xAC"), "\xE2\x82\xAC");
  EXPECT_EQ(found("[\xC3\xA0-\xC3\xBF]+", "x\xC3\xA4\xC3\xB6"), "\xC3\xA4\xC3\xB6");
  EXPECT_EQ(found("[^x]", "\xE2\x82\xAC"), "\xE2\x82\xAC");
  EXPECT_EQ(found("\\\xE2\x82\xAC+", "\xE2\x82\xAC\xE2\x82\xAC"), "\xE2\x82\xAC\xE2\x82\xAC");
  EXPECT_EQ(found("a.b",
                  "a\xff"
                  "b"),
            "a\xff"
            "b")
      << "a byte that is no character is one by itself";
}

TEST(Regex, SearchesFromAPlaceOnAndMatchesWholeTexts) {
  EXPECT_EQ(found("\\d", "1 2", 1), "2");
  EXPECT_EQ(found("^\\d", "1 2", 2), "none") << "the text begins at its begin";
  EXPECT_TRUE(whole("a|ab", "ab"));
  EXPECT_TRUE(whole("[a-z]+", "abc"));
  EXPECT_FALSE(whole("[a-z]+", "abc1"));
  EXPECT_FALSE(whole("b", "abc"));
  EXPECT_TRUE(whole("", ""));
}

TEST(Regex, SaysWhatItDoesNotKnow) {
  EXPECT_EQ(found("(", ""), "error: `(` has no `)` at character 2 of the pattern");
  EXPECT_EQ(found("a)", ""), "error: `)` without `(` at character 2 of the pattern");
  EXPECT_EQ(found("[a", ""), "error: `[` has no `]` at character 3 of the pattern");
  EXPECT_EQ(found("*a", ""), "error: nothing to repeat at character 1 of the pattern");
  EXPECT_EQ(found("a**", ""), "error: a repetition of a repetition needs a group at character 4 of the pattern");
  EXPECT_EQ(found("a{3,2}", ""),
            "error: the repetition's bounds are the wrong way round at character 7 of the pattern");
  EXPECT_EQ(found("a{99999999999}", ""), "error: a repetition is at most 1000 at character 15 of the pattern");
  EXPECT_EQ(found("(?=a)", ""), "error: looking ahead has no linear-time form at character 4 of the pattern");
  EXPECT_EQ(found("(?<!a)", ""), "error: looking behind has no linear-time form at character 4 of the pattern");
  EXPECT_EQ(found("(a)\\1", ""), "error: `\\1` is not known at character 6 of the pattern");
  EXPECT_EQ(found("\\pL", ""), "error: `\\p` is not known at character 3 of the pattern");
  EXPECT_EQ(found("[z-a]", ""), "error: a range is the wrong way round at character 5 of the pattern");
  EXPECT_EQ(found("[[:nope:]]", ""), "error: this class is not known at character 4 of the pattern");
  EXPECT_EQ(found("(?<n>a)(?<n>b)", ""), "error: two groups are called `n` at character 13 of the pattern");
  EXPECT_EQ(found("a\\", ""), "error: the pattern ends with a backslash at character 3 of the pattern");
  EXPECT_EQ(found(std::string("\\\0", 2), std::string("\0", 1)), std::string("\0", 1)) << "an escaped NUL is no class";
  EXPECT_EQ(found(std::string(300, '('), ""), "error: groups are nested too deep at character 101 of the pattern");
}

TEST(Regex, RefusesAProgramThatGrowsTooLargeBeforeItDoes) {
  auto before = std::chrono::steady_clock::now();
  EXPECT_NE(found("((((a{999}){999}){999}){999}){999}", "").find("too large"), std::string::npos);
  EXPECT_NE(found("([a-z]{9,990}){990}", "").find("too large"), std::string::npos);
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(2));
}

TEST(Regex, ReadsTheTextOnceHoweverThePatternIsMade) {
  std::string text(5'000, 'a');
  auto before = std::chrono::steady_clock::now();
  for (const char* pattern : {"(a*)*b", "(a|a)*b", "(a+)+$b", "a*a*a*a*a*a*a*b", "(.*)(.*)(.*)(.*)x"})
    EXPECT_EQ(found(pattern, text), "none") << pattern;
  EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(60))
      << "a backtracking machine would need years";
  size_t reached = 0;
  (void)Regex::compile("ab?c?")->search(text, 5, &reached);
  EXPECT_LE(reached, 8u) << "it stops once nothing better can come";
}

// Generates what std::regex's ECMAScript and ours both read and mean alike; only the place of the match is compared,
// since groups inside repetitions are reset there and kept here.
std::string pattern_of(std::mt19937_64& random, int depth) {
  std::string out;
  for (size_t i = 1 + random() % 3; i > 0; --i) {
    std::string atom;
    switch (random() % (depth > 2 ? 6 : 8)) {
      case 0:
        atom = "a";
        break;
      case 1:
        atom = "b";
        break;
      case 2:
        atom = ".";
        break;
      case 3:
        atom = "[ab]";
        break;
      case 4:
        atom = "[^b]";
        break;
      case 5:
        atom = "\\w";
        break;
      case 6:
        atom = "(" + pattern_of(random, depth + 1) + "c)";
        break;  // never empty: empty loops differ between engines
      default:
        atom = "(?:a" + pattern_of(random, depth + 1) + "|b" + pattern_of(random, depth + 1) + ")";
    }
    static const char* repetitions[] = {"", "", "", "*", "+", "?", "*?", "+?", "??", "{1,2}", "{2}", "{0,2}?"};
    out += atom + repetitions[random() % 12];
  }
  return out;
}

TEST(Regex, AgreesWithABacktrackingEngineOnThousandsOfPatterns) {
  std::mt19937_64 random(20261121);
  int matched = 0;
  for (int i = 0; i < 1500; ++i) {
    std::string pattern = pattern_of(random, 0);
    if (random() % 6 == 0) pattern = "^" + pattern;
    if (random() % 6 == 0) pattern += "$";
    if (random() % 6 == 0) pattern += "|" + pattern_of(random, 1);
    std::string text;
    for (size_t n = random() % 10; n > 0; --n) text.push_back("abc1 "[random() % 5]);
    tl::expected<Regex, std::string> ours = Regex::compile(pattern);
    ASSERT_TRUE(ours.has_value()) << pattern << ": " << ours.error();
    std::smatch theirs;
    bool expected = std::regex_search(text, theirs, std::regex(pattern));
    std::optional<Regex::Match> got = ours->search(text);
    ASSERT_EQ(got.has_value(), expected) << pattern << " in `" << text << "`";
    if (!got) continue;
    ++matched;
    EXPECT_EQ(got->begin, static_cast<size_t>(theirs.position(0))) << pattern << " in `" << text << "`";
    EXPECT_EQ(got->end - got->begin, static_cast<size_t>(theirs.length(0))) << pattern << " in `" << text << "`";
    EXPECT_EQ(ours->matches_whole(text), std::regex_match(text, std::regex(pattern)))
        << pattern << " in `" << text << "`";
  }
  EXPECT_GT(matched, 500);
}

}  // namespace
}  // namespace muster
