#include <gtest/gtest.h>
#include <sqlite3.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "interpreter/base/digest.h"
#include "interpreter/base/json.h"
#include "interpreter/world/real_files.h"
#include "interpreter/world/real_scratch.h"
#include "interpreter/world/real_sql.h"
#include "steps/steps.h"
#include "tests/world/step_stage.h"
#include "tests/world/temp_directory.h"

namespace muster {
namespace {

using step_stage::StepStage;

class SqlActionTest : public ::testing::Test {
 protected:
  SqlActionTest() {
    sqlite3* db = nullptr;
    sqlite3_open(path_.c_str(), &db);
    sqlite3_exec(db,
                 "PRAGMA synchronous = OFF; PRAGMA journal_mode = WAL; CREATE TABLE users (id INTEGER PRIMARY KEY, "
                 "name TEXT, token TEXT);"
                 "INSERT INTO users VALUES (1, 'ada', 'tok-12345'), (2, 'bob', NULL), (3, 'cid', NULL)",
                 nullptr, nullptr, nullptr);
    sqlite3_close(db);
    stage_.sql = &sql_;
    stage_.files = &files_;
    stage_.sql_trial = &trial_;
    stage_.scratch = &scratch_;
  }
  Map args(Map more) const {
    more["connection"] = Map{{"name", "app"}, {"kind", "sqlite"}, {"path", path_}};
    return more;
  }
  Result<StepOutput> look(Map more) { return stage_.look(sql_action(), args(std::move(more))); }
  Result<StepOutput> act(Map more) { return stage_.act(sql_action(), args(std::move(more))); }
  Result<Preview> preview(Map more) { return stage_.preview(sql_action(), args(std::move(more))); }
  std::string write(const std::string& name, const std::string& text) {
    std::ofstream(directory_.path() + "/" + name) << text;
    return directory_.path() + "/" + name;
  }
  std::string read(const std::string& name) {
    std::ifstream file(directory_.path() + "/" + name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  int64_t count() { return look({{"query", "SELECT count(*) FROM users"}})->fields.at("value").get<int64_t>(); }

  TempDirectory directory_;
  std::string path_ = directory_.path() + "/app.db";
  RealSql sql_;
  RealScratch scratch_{directory_.path()};
  RealSqlTrial trial_{sql_, scratch_};
  RealFiles files_;
  StepStage stage_;
};
using SqlAction = SqlActionTest;

TEST_F(SqlAction, AQueryGivesRowsFirstRowAndFirstValue) {
  Result<StepOutput> output =
      look({{"query", "SELECT name, id FROM users WHERE id >= :from ORDER BY id"}, {"bind", Map{{"from", 2}}}});
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(print_json(output->fields.at("rows")), R"([{"id":2,"name":"bob"},{"id":3,"name":"cid"}])");
  EXPECT_EQ(print_json(output->fields.at("row")), R"({"id":2,"name":"bob"})");
  EXPECT_EQ(output->fields.at("value").get<std::string>(), "bob") << "the first as written, not by name";
  EXPECT_EQ(output->fields.at("row_count").get<int64_t>(), 2);
  EXPECT_FALSE(output->fields.at("truncated").get<bool>());
  EXPECT_TRUE(output->notes.empty());
}

TEST_F(SqlAction, AQueryWithoutRowsGivesNil) {
  Result<StepOutput> output = look({{"query", "SELECT name FROM users WHERE id = 99"}});
  ASSERT_TRUE(output);
  EXPECT_TRUE(output->fields.at("row").is_null());
  EXPECT_TRUE(output->fields.at("value").is_null());
  EXPECT_TRUE(output->fields.at("rows").get<List>().empty());
}

TEST_F(SqlAction, SaysWhenRowsWereLeftOut) {
  Result<StepOutput> output = look({{"query", "SELECT * FROM users"}, {"max_rows", 2}});
  ASSERT_TRUE(output);
  EXPECT_EQ(output->fields.at("rows").get<List>().size(), 2u);
  EXPECT_EQ(output->fields.at("row_count").get<int64_t>(), 3);
  EXPECT_TRUE(output->fields.at("truncated").get<bool>());
  EXPECT_EQ(output->notes, std::vector<std::string>{"the result has 3 rows; the first 2 were kept"});
  EXPECT_EQ(look({{"query", "SELECT 1"}, {"max_rows", -1}}).error().code, ErrorCode::invalid);
}

TEST_F(SqlAction, AnExecuteChangesAndCounts) {
  Result<StepOutput> output = act({{"execute", "DELETE FROM :\"table\" WHERE id > :id"},
                                   {"bind", Map{{"id", 1}}},
                                   {"names", Map{{"table", "users"}}},
                                   {"expect_changes", 2}});
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(output->fields.at("changes").get<int64_t>(), 2);
  EXPECT_EQ(count(), 1);
}

TEST_F(SqlAction, OutsideTheExpectedChangesNothingStays) {
  for (const Value& expected : {Value(1), Value(Map{{"max", 2}}), Value(Map{{"min", 4}, {"max", 9}})}) {
    Result<StepOutput> output = act({{"execute", "DELETE FROM users"}, {"expect_changes", expected}});
    ASSERT_FALSE(output);
    EXPECT_EQ(output.error().code, ErrorCode::violations);
    EXPECT_EQ(output.error().effect, Certainty::no_effect);
  }
  EXPECT_EQ(count(), 3);
  for (const Value& odd : {Value("1"), Value(-1), Value(Map{{"most", 2}}), Value(Map{{"max", 0.5}})}) {
    EXPECT_EQ(act({{"execute", "DELETE FROM users"}, {"expect_changes", odd}}).error().code, ErrorCode::invalid);
  }
  EXPECT_EQ(count(), 3);
  EXPECT_TRUE(act({{"execute", "DELETE FROM users"}, {"expect_changes", Map{{"min", 1}, {"max", 3}}}}));
}

TEST_F(SqlAction, WithoutATransactionEachStatementStandsByItself) {
  Result<StepOutput> output =
      act({{"execute", "DELETE FROM users WHERE id = 1; DELETE FROM nowhere"}, {"transaction", false}});
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().effect, Certainty::maybe);
  EXPECT_EQ(count(), 2);
}

TEST_F(SqlAction, ACheckTellsWhetherTheFileIsSound) {
  Result<StepOutput> sound = look({{"check", "integrity"}});
  ASSERT_TRUE(sound);
  EXPECT_TRUE(sound->fields.at("intact").get<bool>());
  path_ = directory_.path() + "/none.db";
  Result<StepOutput> missing = look({{"check", "quick"}});
  ASSERT_TRUE(missing);
  EXPECT_FALSE(missing->fields.at("intact").get<bool>());
  EXPECT_EQ(print_json(missing->fields.at("problems")), R"(["missing"])");
  path_ = directory_.path() + "/none/none.db";
  EXPECT_EQ(look({{"check", "quick"}}).error().code, ErrorCode::unreachable);
}

TEST_F(SqlAction, EachVerbRefusesTheFieldsOfTheOthers) {
  EXPECT_EQ(look({{"query", "SELECT 1"}, {"expect_changes", 1}}).error().code, ErrorCode::invalid);
  EXPECT_EQ(look({{"query", "SELECT 1"}, {"transaction", false}}).error().code, ErrorCode::invalid);
  EXPECT_EQ(look({{"check", "quick"}, {"bind", Map{}}}).error().code, ErrorCode::invalid);
  EXPECT_EQ(look({{"execute", "DELETE FROM users"}}).error().code, ErrorCode::invalid) << "a look never writes";
  EXPECT_EQ(act({{"execute", "DELETE FROM users"}, {"transaction", false}, {"expect_changes", 3}}).error().code,
            ErrorCode::invalid);
  EXPECT_EQ(count(), 3);
}

TEST_F(SqlAction, OnlyExecuteWrites) {
  Action action = sql_action();
  EXPECT_EQ(action.effect({{"query", "x"}}), Effect::read);
  EXPECT_EQ(action.effect({{"check", "quick"}}), Effect::read);
  EXPECT_EQ(action.effect({{"execute", "x"}}), Effect::write);
  EXPECT_EQ(action.effect({{"execute", Unknown{"later"}}}), Effect::write);
}

TEST_F(SqlAction, ASecretIsBoundAndNotGivenBack) {
  Result<StepOutput> output = look({{"query", "SELECT name, token FROM users WHERE token = :token"},
                                    {"bind", Map{{"token", Secret("token", "tok-12345")}}}});
  ASSERT_TRUE(output);
  EXPECT_EQ(print_json(output->fields.at("row")), R"({"name":"ada","token":"***"})");
}

TEST_F(SqlAction, ASecretIsNotInWhatTheDatabaseSaysIsWrong) {
  Result<StepOutput> output =
      look({{"query", "SELECT json_extract('{}', :token)"}, {"bind", Map{{"token", Secret("token", "tok-12345")}}}});
  ASSERT_FALSE(output);
  EXPECT_NE(output.error().message.find("***"), std::string::npos) << output.error().message;
  EXPECT_EQ((output.error().message + output.error().cause).find("tok-12345"), std::string::npos);
}

TEST_F(SqlAction, ThePreviewOfAnExecuteTriesItAndTakesItBack) {
  Result<Preview> tried = preview({{"execute", "UPDATE :\"t\" SET name = :name\nWHERE id > :id"},
                                   {"names", Map{{"t", "users"}}},
                                   {"bind", Map{{"id", 1}, {"name", Secret("name", "hidden-name")}}},
                                   {"expect_changes", 1}});
  ASSERT_TRUE(tried) << tried.error().message;
  EXPECT_EQ(tried->lines, (std::vector<std::string>{"UPDATE \"users\" SET name = :name", "WHERE id > :id", ":id = 1",
                                                    ":name = \"***\"", "would change 2 rows",
                                                    "would be rolled back, because `expect_changes` does not hold"}));
  EXPECT_EQ(tried->facts.at("changes").get<int64_t>(), 2);
  EXPECT_EQ(print_json(tried->facts.at("before")),
            R"([{"id":2,"name":"bob","token":null},{"id":3,"name":"cid","token":null}])");
  EXPECT_EQ(print_json(tried->facts.at("after")),
            R"([{"id":2,"name":"***","token":null},{"id":3,"name":"***","token":null}])");
  EXPECT_FALSE(tried->unknown);
  EXPECT_EQ(look({{"query", "SELECT count(*) FROM users WHERE name = 'bob'"}})->fields.at("value").get<int64_t>(), 1);
}

TEST_F(SqlAction, APreviewThatCannotBeTriedSaysWhy) {
  Result<Preview> vacuum = preview({{"execute", "VACUUM"}, {"transaction", false}});
  ASSERT_TRUE(vacuum);
  ASSERT_TRUE(vacuum->unknown);
  EXPECT_NE(vacuum->unknown->find("could not be tried"), std::string::npos);
  Result<Preview> later =
      preview({{"execute", "DELETE FROM users WHERE id = :id"}, {"bind", Map{{"id", Unknown{"known after pick"}}}}});
  ASSERT_TRUE(later);
  EXPECT_EQ(later->unknown, "known after pick");
  EXPECT_EQ(later->lines.front(), "DELETE FROM users WHERE id = :id");
  EXPECT_EQ(preview({{"execute", "DELETE FROM users WHERE id = :id"}}).error().code, ErrorCode::invalid);
}

TEST_F(SqlAction, ThePreviewOfAReadTouchesNothing) {
  StepStage bare;
  stage_.sql_trial = bare.sql_trial;  // refuses
  Result<Preview> query = preview({{"query", "SELECT 1"}});
  ASSERT_TRUE(query);
  EXPECT_EQ(query->lines, std::vector<std::string>{"SELECT 1"});
  EXPECT_EQ(preview({{"check", "quick"}})->lines, std::vector<std::string>{"quick check of `" + path_ + "`"});
}

TEST_F(SqlAction, AStopEndsItWithoutEffect) {
  stage_.stop.request_stop();
  Result<StepOutput> output = act(
      {{"execute",
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) INSERT INTO users (name) SELECT i FROM n"}});
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().code, ErrorCode::interrupted);
  EXPECT_EQ(output.error().effect, Certainty::no_effect);
}

TEST_F(SqlAction, StatementsMayLieInAFile) {
  std::string file =
      write("mend.sql", "UPDATE users SET name = :name\nWHERE id = 1;\nDELETE FROM users WHERE id = 3;\n");
  Result<StepOutput> done = act({{"execute", Map{{"file", file}}}, {"bind", Map{{"name", "eve"}}}});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->fields.at("changes").get<int64_t>(), 2);
  EXPECT_EQ(count(), 2);
}

TEST_F(SqlAction, AnErrorInAFileNamesFileLineAndColumn) {
  std::string file = write("bad.sql", "-- all of them\nSELECT id\nFROM user;\n");
  Result<StepOutput> done = look({{"query", Map{{"file", file}}}});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().message.find("`" + file + "`: line "), 0u) << done.error().message;
}

TEST_F(SqlAction, AFileThatChangedAfterItWasShownIsNotRun) {
  std::string file = write("mend.sql", "DELETE FROM users WHERE id = 1");
  Map args{{"execute", Map{{"file", file}}}};
  Result<Preview> shown = preview(args);
  ASSERT_TRUE(shown) << shown.error().message;
  for (const auto& [name, value] : shown->pinned) args[name] = value;
  write("mend.sql", "DELETE FROM users");
  Result<StepOutput> done = act(args);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::refused);
  EXPECT_EQ(count(), 3);
}

TEST_F(SqlAction, AFileThatCouldNotBeReadWhenItWasToBeShownIsNotRun) {
  Map args{{"execute", Map{{"file", directory_.path() + "/later.sql"}}}};
  Result<Preview> shown = preview(args);
  ASSERT_TRUE(shown) << shown.error().message;
  ASSERT_FALSE(shown->lines.empty());
  EXPECT_NE(shown->lines.front().find("later.sql"), std::string::npos) << shown->lines.front();
  EXPECT_NE(shown->fails.value_or("").find("later.sql"), std::string::npos);
  for (const auto& [name, value] : shown->pinned) args[name] = value;
  Result<StepOutput> still_gone = act(args);
  ASSERT_FALSE(still_gone);
  EXPECT_EQ(still_gone.error().code, ErrorCode::not_found);
  write("later.sql", "DELETE FROM users");
  Result<StepOutput> done = act(args);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::refused) << done.error().message;
  EXPECT_EQ(count(), 3);
}

TEST_F(SqlAction, AFileThatIsNotThereYetIsBoundByTheDigestThatItsAuthorWrote) {
  const std::string text = "DELETE FROM users";
  Map args{{"execute", Map{{"file", directory_.path() + "/later.sql"}, {"sha256", sha256_hex(text)}}}};
  Result<Preview> shown = preview(args);
  ASSERT_TRUE(shown) << shown.error().message;
  EXPECT_TRUE(shown->pinned.empty());
  write("later.sql", "DELETE FROM users WHERE id = 1");
  EXPECT_EQ(act(args).error().code, ErrorCode::refused);
  EXPECT_EQ(count(), 3);
  write("later.sql", text);
  Result<StepOutput> done = act(args);
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(count(), 0);
}

TEST_F(SqlAction, RowsAreSavedAsCsv) {
  write("out.csv", "what was there before");
  Result<StepOutput> done =
      act({{"query", "SELECT id, name AS \"a,b\", token, '' AS e, 'x\"y' AS q, x'00ff' AS b FROM users ORDER BY id"},
           {"save", directory_.path() + "/out.csv"}});
  ASSERT_TRUE(done) << done.error().message;
  std::string text = read("out.csv");
  EXPECT_EQ(text.substr(0, text.find("2,bob")), "id,\"a,b\",token,e,q,b\n1,ada,tok-12345,\"\",\"x\"\"y\",00ff\n")
      << text;
  EXPECT_EQ(done->fields.at("row_count").get<int64_t>(), 3);
  EXPECT_EQ(done->fields.at("bytes").get<int64_t>(), static_cast<int64_t>(text.size()));
  EXPECT_EQ(text_of(done->fields, "sha256"), sha256_hex(text));
  EXPECT_EQ(done->fields.at("value").get<int64_t>(), 1);
}

TEST_F(SqlAction, RowsAreSavedAsLinesOfJsonHoweverManyThereAre) {
  Result<StepOutput> done = act({{"query",
                                  "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 60000) "
                                  "SELECT i, 'n' || i AS name, NULL AS none FROM n"},
                                 {"save", directory_.path() + "/out.jsonl"}});
  ASSERT_TRUE(done) << done.error().message;
  std::string text = read("out.jsonl");
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 60000);
  EXPECT_EQ(text.substr(0, text.find('\n')), R"({"i":1,"name":"n1","none":null})");
}

TEST_F(SqlAction, AQueryThatFailsLeavesTheFileAsItWas) {
  write("out.csv", "as it was");
  Result<StepOutput> done =
      act({{"query", "SELECT abs(CASE WHEN id = 3 THEN -9223372036854775808 ELSE 1 END) FROM users ORDER BY id"},
           {"save", directory_.path() + "/out.csv"}});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().effect, Certainty::no_effect);
  EXPECT_EQ(read("out.csv"), "as it was");
  for (const auto& entry : std::filesystem::directory_iterator(directory_.path()))
    EXPECT_EQ(entry.path().filename().string().find(".muster"), std::string::npos) << entry.path();
}

TEST_F(SqlAction, SavingIsAWriteAndNoRead) {
  EXPECT_EQ(sql_action().effect(args({{"query", "SELECT 1"}, {"save", "/x.csv"}})), Effect::write);
  EXPECT_FALSE(look({{"query", "SELECT 1"}, {"save", directory_.path() + "/x.csv"}}));
}

}  // namespace
}  // namespace muster
