// `marker_row` on a real SQLite file: the row is there exactly when the statements took effect, whoever is killed.
#include <gtest/gtest.h>
#include <sched.h>
#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "interpreter/base/json.h"
#include "interpreter/world/real_scratch.h"
#include "interpreter/world/real_sql.h"
#include "steps/steps.h"
#include "tests/world/step_stage.h"
#include "tests/world/temp_directory.h"

namespace muster {
namespace {

using step_stage::StepStage;
using Answer = Settled::Answer;

class MarkerRow : public ::testing::Test {
 protected:
  MarkerRow() {
    execute("PRAGMA journal_mode = WAL; CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)");
    stage_.sql = &sql_;
    stage_.sql_trial = &trial_;
    stage_.scratch = &scratch_;
  }
  // As the application itself would, on a connection of its own; SQLite's answer.
  int execute(const char* text) const {
    sqlite3* db = nullptr;
    sqlite3_open(path_.c_str(), &db);
    int rc = sqlite3_exec(db, text, nullptr, nullptr, nullptr);
    sqlite3_close(db);
    return rc;
  }
  Map args(const std::string& statements) const {
    return {{"connection", Map{{"name", "app"}, {"kind", "sqlite"}, {"path", path_}}},
            {"execute", statements},
            {"marker_row", true}};
  }
  Answer probe() {
    Result<Settled> settled = stage_.probe(sql_action(), args(insert));
    EXPECT_TRUE(settled.has_value()) << settled.error().message;
    return settled ? settled->answer : Answer::cannot_tell;
  }
  int64_t number(const std::string& query) {
    Result<StepOutput> output = stage_.look(
        sql_action(), {{"connection", Map{{"name", "app"}, {"kind", "sqlite"}, {"path", path_}}}, {"query", query}});
    EXPECT_TRUE(output.has_value()) << output.error().message;
    return output ? output->fields.at("value").get<int64_t>() : -1;
  }
  // The statements in a process that is killed: `at_end` once they are committed, else in the middle of them.
  void run_and_kill(const std::string& statements, bool at_end) {
    pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
      (void)stage_.act(sql_action(), args(statements));
      if (at_end) ::kill(::getpid(), SIGKILL);
      ::_exit(3);
    }
    // Somebody else cannot begin to write as soon as its transaction is under way.
    while (!at_end && execute("BEGIN IMMEDIATE; ROLLBACK") != SQLITE_BUSY) ::sched_yield();
    if (!at_end) ::kill(child, SIGKILL);
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
  }

  static constexpr const char* insert = "INSERT INTO users (name) VALUES ('ada')";
  TempDirectory directory_;
  std::string path_ = directory_.path() + "/app.db";
  RealSql sql_;
  RealScratch scratch_{directory_.path()};
  RealSqlTrial trial_{sql_, scratch_};
  StepStage stage_;
};

TEST_F(MarkerRow, IsWrittenWithTheStatementsAndFoundAgain) {
  EXPECT_EQ(probe(), Answer::did_not_happen) << "not even the table is there";
  Result<StepOutput> output = stage_.act(sql_action(), args(insert));
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(output->fields.at("changes").get<int64_t>(), 1) << "the marker does not count";
  EXPECT_EQ(probe(), Answer::happened);
  EXPECT_EQ(number("SELECT count(*) FROM muster_marker WHERE run = 'run-1' AND step = 'phase/step' AND attempt = 1 AND "
                   "state = 'done'"),
            1);
  stage_.op = OpId{"phase/other"};
  EXPECT_EQ(probe(), Answer::did_not_happen) << "it is another step's";
}

TEST_F(MarkerRow, IsTakenBackWithTheStatements) {
  Map failing = args("INSERT INTO users (name) VALUES ('ada'); INSERT INTO nowhere VALUES (1)");
  Result<StepOutput> output = stage_.act(sql_action(), failing);
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().effect, Certainty::no_effect);
  EXPECT_NE(output.error().message.find("line 1"), std::string::npos) << output.error().message;
  EXPECT_EQ(probe(), Answer::did_not_happen);
  Map unexpected = args(insert);
  unexpected["expect_changes"] = 2;
  EXPECT_EQ(stage_.act(sql_action(), unexpected).error().code, ErrorCode::violations);
  EXPECT_EQ(probe(), Answer::did_not_happen);
  EXPECT_EQ(number("SELECT count(*) FROM users"), 0);
}

TEST_F(MarkerRow, TellsThatItHappenedAfterAKillBehindTheCommit) {
  ASSERT_NO_FATAL_FAILURE(run_and_kill(insert, true));
  EXPECT_EQ(number("SELECT count(*) FROM users"), 1);
  EXPECT_EQ(probe(), Answer::happened);
}

TEST_F(MarkerRow, TellsThatItDidNotHappenAfterAKillInsideTheTransaction) {
  ASSERT_NO_FATAL_FAILURE(
      run_and_kill("INSERT INTO users (name) VALUES ('ada'); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
                   "FROM n) SELECT count(*) FROM n",
                   false));
  EXPECT_EQ(probe(), Answer::did_not_happen);
  EXPECT_EQ(number("SELECT count(*) FROM users"), 0);
}

TEST_F(MarkerRow, KeepsAnAttemptThatWasGivenUpFromHappeningLater) {
  stage_.attempt = 2;
  ASSERT_TRUE(stage_.act(sql_action(), args(insert)));
  stage_.attempt = 1;  // the interpreter that was stopped before its transaction wakes up
  Result<StepOutput> late = stage_.act(sql_action(), args(insert));
  ASSERT_FALSE(late);
  EXPECT_EQ(late.error().code, ErrorCode::refused);
  EXPECT_EQ(late.error().effect, Certainty::no_effect);
  EXPECT_EQ(number("SELECT count(*) FROM users"), 1);
  EXPECT_EQ(probe(), Answer::did_not_happen);
}

TEST_F(MarkerRow, NeedsATransactionAndAnExecute) {
  Map without = args(insert);
  without["transaction"] = false;
  EXPECT_EQ(stage_.act(sql_action(), without).error().code, ErrorCode::invalid);
  Map query = args("");
  query.erase("execute");
  query["query"] = "SELECT 1";
  EXPECT_EQ(stage_.look(sql_action(), query).error().code, ErrorCode::invalid);
  EXPECT_EQ(number("SELECT count(*) FROM users"), 0);
}

TEST_F(MarkerRow, IsShownInThePreviewAndNotWrittenByIt) {
  Result<Preview> shown = stage_.preview(sql_action(), args(insert));
  ASSERT_TRUE(shown) << shown.error().message;
  EXPECT_EQ(shown->lines, (std::vector<std::string>{insert, "and a row into `muster_marker`, in the same transaction",
                                                    "would change 1 row"}));
  EXPECT_EQ(probe(), Answer::did_not_happen);
}

TEST_F(MarkerRow, CannotTellAboutADatabaseThatIsGone) {
  path_ = directory_.path() + "/gone.db";
  Result<Settled> settled = stage_.probe(sql_action(), args(insert));
  ASSERT_FALSE(settled.has_value());
  EXPECT_EQ(settled.error().code, ErrorCode::not_found);
}

TEST_F(MarkerRow, IsNotAskedForWhereThePlaybookDidNotAsk) {
  Map plain = args(insert);
  plain.erase("marker_row");
  ASSERT_TRUE(stage_.act(sql_action(), plain));
  Result<Settled> settled = stage_.probe(sql_action(), plain);
  ASSERT_TRUE(settled.has_value());
  EXPECT_EQ(settled->answer, Answer::cannot_tell);
  EXPECT_EQ(number("SELECT count(*) FROM sqlite_master WHERE name = 'muster_marker'"), 0);
}

}  // namespace
}  // namespace muster
