// What `query`, `execute` and `save` of `sql` may take, and how far they are, on SQLite and on a real PostgreSQL
// server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "interpreter/base/json.h"
#include "interpreter/world/real_files.h"
#include "interpreter/world/real_sql.h"
#include "steps/steps.h"
#include "tests/world/postgres_server.h"
#include "tests/world/step_stage.h"
#include "tests/world/temp_directory.h"

namespace muster {
namespace {

using step_stage::StepStage;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

// Ends the step at the first word of how far it is.
class StopsWhenTold final : public Progress {
 public:
  explicit StopsWhenTold(std::stop_source& stop) : stop_(stop) {}
  void at(int64_t done, int64_t total, std::string_view unit) override {
    if (told_unit.empty()) {
      told_done = done;
      told_total = total;
      told_unit = unit;
    }
    stop_.request_stop();
  }
  int64_t told_done = 0, told_total = 0;
  std::string told_unit;

 private:
  std::stop_source& stop_;
};

class SqlLimitsOf : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (is_sqlite()) {
      sqlite3* db = nullptr;
      ASSERT_EQ(sqlite3_open(path_.c_str(), &db), SQLITE_OK);
      ASSERT_EQ(sqlite3_exec(db,
                             "PRAGMA synchronous = OFF; CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);"
                             "INSERT INTO users VALUES (1, 'ada'), (2, 'bob'), (3, 'cid')",
                             nullptr, nullptr, nullptr),
                SQLITE_OK);
      sqlite3_close(db);
      connection_ = {"app", "sqlite", Map{{"path", path_}}};
    } else {
      PostgresServer& server = PostgresServer::shared();
      ASSERT_EQ(server.problem(), "");
      const std::string database = server.new_database();
      connection_ = server.connection(database);
      ASSERT_TRUE(act({{"execute",
                        "CREATE TABLE users (id serial PRIMARY KEY, name text); "
                        "INSERT INTO users (name) VALUES ('ada'), ('bob'), ('cid')"}}));
    }
    stage_.timeout = Duration::seconds(120);  // of what should end before: a failure, and no test that hangs
  }
  bool is_sqlite() const { return GetParam() == "sqlite"; }
  Result<StepOutput> act(Map args) {
    Map settings = connection_.settings;
    settings["name"] = connection_.name;
    settings["kind"] = connection_.kind;
    args["connection"] = std::move(settings);
    stage_.sql = &sql_;
    stage_.files = &files_;
    return stage_.act(sql_action(), args);
  }
  int64_t count() {
    stage_.stop = {};
    stage_.timeout = Duration::seconds(120);
    Result<StepOutput> counted = act({{"query", "SELECT count(*) AS n FROM users"}});
    EXPECT_TRUE(counted) << counted.error().message;
    return counted ? counted->fields.at("value").get<int64_t>() : -1;
  }
  std::string endless() const {
    return is_sqlite() ? "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
                       : "SELECT generate_series(1, 1000000000000) AS i";
  }
  std::string endless_insert() const {
    return is_sqlite() ? "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) INSERT INTO users (name) "
                         "SELECT 'n' || i FROM n"
                       : "INSERT INTO users (name) SELECT 'n' || generate_series(1, 1000000000000)";
  }
  std::string huge_cell() const { return is_sqlite() ? "hex(zeroblob(1000000))" : "repeat('00', 1000000)"; }
  std::string numbers(int rows) const {
    const std::string most = std::to_string(rows);
    return is_sqlite() ? "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < " + most +
                             ") SELECT i FROM n"
                       : "SELECT generate_series(1, " + most + ") AS i";
  }
  std::string file() const { return directory_.path() + "/out.csv"; }
  std::string saved() const {
    std::ifstream in(file());
    return {std::istreambuf_iterator<char>(in), {}};
  }

  TempDirectory directory_;
  std::string path_ = directory_.path() + "/app.db";
  Connection connection_;
  RealSql sql_;
  RealFiles files_;
  StepStage stage_;
};

TEST_P(SqlLimitsOf, RowsOfAQueryAreCountedAndCutWithAMark) {
  Result<StepOutput> done = act({{"query", numbers(20'000)}});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->fields.at("rows").get<List>().size(), 10'000u);
  EXPECT_EQ(done->fields.at("row_count").get<int64_t>(), 20'000);
  EXPECT_TRUE(done->fields.at("truncated").get<bool>());
  EXPECT_THAT(done->notes, ElementsAre("the result has 20000 rows; the first 10000 were kept"));
}

TEST_P(SqlLimitsOf, RowsThatAnExecuteReturnsAreCountedAndCutWithAMark) {
  Result<StepOutput> done = act({{"execute", "UPDATE users SET name = name RETURNING id"}, {"max_rows", 2}});
  ASSERT_TRUE(done) << done.error().message;
  EXPECT_EQ(done->fields.at("rows").get<List>().size(), 2u);
  EXPECT_EQ(done->fields.at("row_count").get<int64_t>(), 3);
  EXPECT_EQ(done->fields.at("changes").get<int64_t>(), 3) << "the limit is of what is kept";
  EXPECT_TRUE(done->fields.at("truncated").get<bool>());
  EXPECT_THAT(done->notes, ElementsAre("the result has 3 rows; the first 2 were kept"));
}

TEST_P(SqlLimitsOf, BytesOfAResultAreCutWithAMark) {
  for (const Map& args :
       {Map{{"query", "SELECT " + huge_cell() + " AS cell"}},
        Map{{"execute", "UPDATE users SET name = " + huge_cell() + " WHERE id = 1 RETURNING name"}}}) {
    Result<StepOutput> done = act(args);
    ASSERT_TRUE(done) << done.error().message;
    EXPECT_TRUE(done->fields.at("rows").get<List>().empty());
    EXPECT_EQ(done->fields.at("row_count").get<int64_t>(), 1);
    EXPECT_TRUE(done->fields.at("truncated").get<bool>());
    EXPECT_THAT(done->notes, ElementsAre("the result has 1 rows; the first 0 were kept"));
  }
}

TEST_P(SqlLimitsOf, AFileTakesAllRowsAndAllBytes) {
  Result<StepOutput> rows = act({{"query", numbers(20'000)}, {"save", file()}});
  ASSERT_TRUE(rows) << rows.error().message;
  const std::string text = saved();
  EXPECT_EQ(std::ranges::count(text, '\n'), 20'001);
  EXPECT_FALSE(rows->fields.at("truncated").get<bool>());
  Result<StepOutput> cell = act({{"query", "SELECT " + huge_cell() + " AS cell"}, {"save", file()}});
  ASSERT_TRUE(cell) << cell.error().message;
  EXPECT_EQ(saved().size(), 2'000'006u);
  EXPECT_THAT(act({{"query", "SELECT 1"}, {"save", file()}, {"max_rows", 1}}).error().message, HasSubstr("max_rows"));
}

TEST_P(SqlLimitsOf, TheTimeOfAStepEndsWhatItIsDoing) {
  std::ofstream(file()) << "as it was";
  for (const Map& args :
       {Map{{"query", endless()}}, Map{{"execute", endless_insert()}}, Map{{"query", endless()}, {"save", file()}}}) {
    stage_.timeout = Duration::milliseconds(200);
    const auto began = std::chrono::steady_clock::now();
    Result<StepOutput> done = act(args);
    EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(20)) << "that was no time of the step's";
    ASSERT_FALSE(done) << print_json(Value(args));
    EXPECT_EQ(done.error().code, ErrorCode::timeout) << done.error().message;
    EXPECT_EQ(done.error().effect, Certainty::no_effect) << print_json(Value(args));
  }
  EXPECT_EQ(count(), 3);
  EXPECT_EQ(saved(), "as it was");
}

TEST_P(SqlLimitsOf, LongStatementsTellHowFarTheyAre) {
  std::vector<Map> steps = {Map{{"query", endless()}}, Map{{"query", endless()}, {"save", file()}}};
  if (is_sqlite()) steps.push_back(Map{{"execute", endless_insert()}});  // a server tells nothing before its end
  for (const Map& args : steps) {
    stage_.stop = {};
    StopsWhenTold progress(stage_.stop);
    stage_.progress = &progress;
    Result<StepOutput> done = act(args);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code, ErrorCode::interrupted) << print_json(Value(args)) << done.error().message;
    EXPECT_GT(progress.told_done, 0);
    EXPECT_EQ(progress.told_total, 0);
    EXPECT_EQ(progress.told_unit, "rows");
  }
}

TEST_P(SqlLimitsOf, WhatWorksLongForItsFirstRowTellsWhatThereIs) {
  StopsWhenTold progress(stage_.stop);
  stage_.progress = &progress;
  std::string joined = "users AS t0";
  for (int i = 1; i < 30; ++i) joined += ", users AS t" + std::to_string(i);
  Result<StepOutput> done =
      is_sqlite()
          ? act({{"query", "SELECT count(*) AS n FROM " + joined}})
          : act({{"execute",
                  "INSERT INTO users (name) SELECT 'x' FROM pg_sleep(0.8); SELECT 1; SELECT 2; SELECT pg_sleep(60)"}});
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code, ErrorCode::interrupted) << done.error().message;
  EXPECT_EQ(progress.told_unit, is_sqlite() ? "rows read" : "statements");
  EXPECT_EQ(progress.told_total, is_sqlite() ? 0 : 4);
  EXPECT_GT(progress.told_done, 0);
}

INSTANTIATE_TEST_SUITE_P(Engines, SqlLimitsOf, ::testing::Values("sqlite", "postgres"),
                         [](const auto& engine) { return engine.param; });

}  // namespace
}  // namespace muster
