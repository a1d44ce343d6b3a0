#include "interpreter/world/sql_tokens.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

namespace muster {
namespace {

using ::testing::ElementsAre;
using Texts = std::vector<std::string>;

Texts split(const std::string& text, SqlDialect dialect) {
  Result<std::vector<SqlToken>> tokens = tokens_of(text, dialect);
  if (!tokens) return {"error: " + tokens.error().message};
  Texts out;
  for (SqlRange range : statements_in(*tokens, text, dialect)) {
    size_t begin = (*tokens)[range.first].begin, end = (*tokens)[range.last - 1].end;
    out.push_back(text.substr(begin, end - begin));
  }
  return out;
}
Texts sqlite(const std::string& text) { return split(text, SqlDialect::sqlite); }
Texts postgres(const std::string& text) { return split(text, SqlDialect::postgres); }

TEST(SqlStatements, EndAtSemicolonsOutsideOfStringsAndComments) {
  for (auto split_it : {sqlite, postgres}) {
    EXPECT_THAT(split_it("SELECT 1; SELECT 2"), ElementsAre("SELECT 1", "SELECT 2"));
    EXPECT_THAT(split_it(" ;; -- nothing;\n /* ; */ ; "), ElementsAre());
    EXPECT_THAT(split_it("SELECT ';', \";\" -- ;\n, 1 /* ; */;\nSELECT 'it''s;'"),
                ElementsAre("SELECT ';', \";\" -- ;\n, 1", "SELECT 'it''s;'"));
  }
  EXPECT_THAT(sqlite("SELECT [;], `;`; SELECT '\\'; SELECT 2"),
              ElementsAre("SELECT [;], `;`", "SELECT '\\'", "SELECT 2"));
}

TEST(SqlStatements, KnowWhatIsPostgresOwn) {
  EXPECT_THAT(postgres("SELECT $$;$$; SELECT $a$; $$ ; $b$ $a$; SELECT $1"),
              ElementsAre("SELECT $$;$$", "SELECT $a$; $$ ; $b$ $a$", "SELECT $1"));
  EXPECT_THAT(postgres("SELECT E'\\';'; SELECT 'a\\'; SELECT 3"),
              ElementsAre("SELECT E'\\';'", "SELECT 'a\\'", "SELECT 3"));
  EXPECT_THAT(postgres("SELECT 1 /* a /* ; */ ; */; SELECT 2"), ElementsAre("SELECT 1", "SELECT 2"));
  EXPECT_THAT(sqlite("SELECT 1 /* a /* ; */ ; SELECT 2"), ElementsAre("SELECT 1", "SELECT 2"));
  EXPECT_THAT(postgres("SELECT a[1]; SELECT b"), ElementsAre("SELECT a[1]", "SELECT b"));
  EXPECT_THAT(postgres("CREATE RULE r AS ON INSERT TO t DO (DELETE FROM u; DELETE FROM v); SELECT 1"),
              ElementsAre("CREATE RULE r AS ON INSERT TO t DO (DELETE FROM u; DELETE FROM v)", "SELECT 1"));
  EXPECT_THAT(
      postgres(
          "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; SELECT 3"),
      ElementsAre("CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END",
                  "SELECT 3"));
  EXPECT_THAT(postgres("BEGIN; SELECT 1; END; SELECT 2"), ElementsAre("BEGIN", "SELECT 1", "END", "SELECT 2"));
}

TEST(SqlStatements, KeepATriggerWhole) {
  std::string trigger =
      "CREATE TEMP TRIGGER x AFTER INSERT ON t BEGIN UPDATE t SET a = CASE WHEN 1 THEN 2 END; DELETE FROM u; END";
  EXPECT_THAT(sqlite(trigger + "; SELECT 1"), ElementsAre(trigger, "SELECT 1"));
  EXPECT_THAT(sqlite("BEGIN; DELETE FROM t; END; SELECT 2"), ElementsAre("BEGIN", "DELETE FROM t", "END", "SELECT 2"));
}

TEST(SqlStatements, EndWhereSqliteEndsThem) {
  sqlite3* db = nullptr;
  sqlite3_open(":memory:", &db);
  sqlite3_exec(db, "CREATE TABLE t (a, b); CREATE TABLE u (a)", nullptr, nullptr, nullptr);
  for (const std::string& text : Texts{
           "SELECT 1;SELECT 2 ; ;SELECT ';;';", "SELECT \";\"\"\" FROM (SELECT 1 AS \";\"\"\"); SELECT a FROM t;;",
           "CREATE TRIGGER x AFTER INSERT ON t BEGIN DELETE FROM u; DELETE FROM t; END; SELECT 3",
           "SELECT 1 -- ; \n, 2; SELECT /* ; \n */ 2", "INSERT INTO t VALUES (1, 'a;b'); DELETE FROM u; SELECT x'00';",
           "EXPLAIN SELECT 1; SELECT [a] FROM t; SELECT `b` FROM t"}) {
    Texts theirs;
    const char* at = text.c_str();
    while (*at) {
      sqlite3_stmt* statement = nullptr;
      const char* tail = nullptr;
      ASSERT_EQ(sqlite3_prepare_v2(db, at, -1, &statement, &tail), SQLITE_OK) << sqlite3_errmsg(db) << " in " << text;
      if (statement) {
        std::string one(at, tail);
        one.erase(0, one.find_first_not_of(" \n;"));
        while (!one.empty() && (one.back() == ';' || one.back() == ' ' || one.back() == '\n')) one.pop_back();
        theirs.push_back(one);
      }
      sqlite3_finalize(statement);
      at = tail;
    }
    Texts ours = sqlite(text);
    EXPECT_EQ(ours, theirs) << text;
  }
  sqlite3_close(db);
}

TEST(SqlPlaces, CountLinesAndCharacters) {
  EXPECT_EQ(place_of("SELECT 1", 7), "line 1, column 8");
  EXPECT_EQ(place_of("a\nä b", 5), "line 2, column 3");
  EXPECT_EQ(place_of("", 0), "line 1, column 1");
}

TEST(SqlTokens, FindBindsAndNamesInBothDialects) {
  auto kinds = [](const std::string& text, SqlDialect dialect) {
    std::string out;
    const auto tokens = tokens_of(text, dialect);
    for (const SqlToken& token : *tokens) {
      if (token.kind == SqlToken::Kind::bind) out += "bind " + token.name + " ";
      if (token.kind == SqlToken::Kind::name) out += "name " + token.name + " ";
    }
    return out;
  };
  EXPECT_EQ(kinds("SELECT :a, x::int, :\"t\"\"u\", ':b', $$:c$$, a[:d]", SqlDialect::postgres),
            "bind a name t\"u bind d ");
  EXPECT_EQ(kinds("SELECT :a, [:b], `:c`, \":d\"", SqlDialect::sqlite), "bind a ");
}

}  // namespace
}  // namespace muster
