#include "interpreter/world/sql_text.h"

#include <gtest/gtest.h>

namespace muster {
namespace {

std::string filled(const std::string& text, Map bind = {}, Map names = {}) {
  Result<FilledSql> result = fill_names({text, std::move(bind), std::move(names)});
  return result ? result->text : "error: " + result.error().message;
}

TEST(SqlText, FillsANameAsAQuotedIdentifier) {
  EXPECT_EQ(filled("SELECT * FROM :\"table\"", {}, {{"table", "orders"}}), "SELECT * FROM \"orders\"");
  EXPECT_EQ(filled("DELETE FROM :\"t\"", {}, {{"t", "x\" WHERE 1; --"}}), "DELETE FROM \"x\"\" WHERE 1; --\"");
  EXPECT_EQ(filled("DELETE FROM :\"t\"", {}, {{"t", std::string("a\0b", 3)}}),
            "error: `names.t`: an identifier holds a NUL byte");
  EXPECT_EQ(filled("DELETE FROM :\"t\"", {}, {{"t", ""}}), "error: `names.t`: an identifier is empty");
}

TEST(SqlText, ANameIsNeverFilledTwice) {
  EXPECT_EQ(filled("SELECT :\"a\", :\"b\"", {}, {{"a", ":\"b\""}, {"b", "x"}}), "SELECT \":\"\"b\"\"\", \"x\"");
}

TEST(SqlText, LooksForNothingInsideStringsNamesAndComments) {
  for (const char* text : {"SELECT ':a'", "SELECT 'it''s :a'", "SELECT \":a\"", "SELECT \"x\"\":a\"", "SELECT [:a]",
                           "SELECT `:a`", "SELECT 1 -- :a", "SELECT 1 -- ' :a\n", "SELECT /* :a ' \" */ 1",
                           "SELECT /*/ :a */ 1", "SELECT ':\"t\"'", "SELECT x::text"}) {
    EXPECT_EQ(filled(text), text);
  }
  EXPECT_EQ(filled("SELECT ':a' || :a -- :a\n, :\"t\" /* :\"t\" */", {{"a", 1}}, {{"t", "x"}}),
            "SELECT ':a' || :a -- :a\n, \"x\" /* :\"t\" */");
}

TEST(SqlText, NamesAPlaceWithoutAValue) {
  EXPECT_EQ(filled("SELECT :id"), "error: the statement has `:id`, and `bind` has no `id`");
  EXPECT_EQ(filled("SELECT * FROM :\"table\""), "error: the statement has `:\"table\"`, and `names` has no `table`");
}

TEST(SqlText, NamesAValueWithoutAPlace) {
  EXPECT_EQ(filled("SELECT ':id'", {{"id", 1}}), "error: `bind` has `id`, and the statement has no `:id`");
  EXPECT_EQ(filled("SELECT :ids", {{"id", 1}, {"ids", 1}}), "error: `bind` has `id`, and the statement has no `:id`");
  EXPECT_EQ(filled("SELECT 1", {}, {{"t", "x"}}), "error: `names` has `t`, and the statement has no `:\"t\"`");
}

TEST(SqlText, RefusesWhatHasNoEnd) {
  EXPECT_EQ(filled("SELECT 1,\n'open"), "error: the string on line 2, column 1 has no end");
  EXPECT_EQ(filled("SELECT \"open"), "error: the quoted name on line 1, column 8 has no end");
  EXPECT_EQ(filled("SELECT 1 /* open"), "error: the comment on line 1, column 10 has no end");
  EXPECT_EQ(filled("SELECT [open"), "error: the quoted name on line 1, column 8 has no end");
  EXPECT_EQ(filled(std::string("SELECT 1\0 2", 11)), "error: the statement holds a NUL byte");
}

TEST(SqlText, ListsEachBindOnce) {
  Result<FilledSql> result = fill_names({"SELECT :b, :a, :b", {{"a", 1}, {"b", 2}}, {}});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->binds, (std::vector<std::string>{"b", "a"}));
}

}  // namespace
}  // namespace muster
