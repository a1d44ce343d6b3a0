// Rebuilding on real databases: SQLite files, and a PostgreSQL server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sqlite3.h>

#include <set>

#include "interpreter/base/json.h"
#include "interpreter/world/real_scratch.h"
#include "interpreter/world/real_sql.h"
#include "steps/rebuild/islands.h"
#include "steps/rebuild/rebuilding.h"
#include "steps/steps.h"
#include "tests/world/postgres_server.h"
#include "tests/world/step_stage.h"
#include "tests/world/temp_directory.h"

namespace muster {
namespace {

using ::testing::HasSubstr;

constexpr int days_of_a_year = 365;

// Which days a user has marked: by lot, but the same everywhere.
bool is_marked(int64_t user, int64_t day) { return (user * 7919 + day * 104729 + (user * day % 13) * 31) % 100 < 85; }
constexpr const char* marked_in_sql = "(u * 7919 + d * 104729 + (u * d % 13) * 31) % 100 < 85";

// The runs by another way than the interpreter's: a look at each day and its neighbours.
std::string runs_of(int64_t users, int from_day = 0, int to_day = days_of_a_year - 1) {
  std::string out;
  auto marked = [&](int64_t user, int day) { return day >= from_day && day <= to_day && is_marked(user, day); };
  for (int64_t user = 1; user <= users; ++user) {
    for (int day = from_day; day <= to_day; ++day) {
      if (!marked(user, day) || marked(user, day - 1)) continue;
      int last = day;
      while (marked(user, last + 1)) ++last;
      out += std::to_string(user) + "|" + date_of(20089 + day) + "|" + date_of(20089 + last) + "|" +
             std::to_string(last - day + 1) + "\n";
    }
  }
  return out;
}

// Marks in memory that outlive an attempt; a kill leaves them as a crash would.
class KilledMarks final : public Marks {
 public:
  // The n-th effect is killed: at 0 before it, at 1 after it and before its outcome is stored.
  int kill_at = -1;
  int kill_phase = 0;
  int effects = 0;
  bool dead = false;

  Result<Value> once(std::string_view name, Effect effect, const std::function<Result<Value>()>& body,
                     const std::function<Result<Settled>()>& settle) override {
    std::string key(name);
    if (dead) return killed();
    if (auto known = values_.find(key); known != values_.end()) return known->second;
    if (open_.contains(key)) {
      Result<Settled> settled = settle ? settle() : Result<Settled>(Settled{});
      if (!settled) return pass(settled.error());
      if (settled->answer == Settled::Answer::happened) return values_[key] = settled->value;
      if (settled->answer == Settled::Answer::cannot_tell && effect != Effect::read)
        return fail(ErrorCode::in_doubt, key, {}, Certainty::maybe);
    }
    if (effect != Effect::read) open_.insert(key);
    bool is_victim = effect != Effect::read && effects++ == kill_at;
    if (is_victim && kill_phase == 0) return killed();
    Result<Value> done = body();
    if (is_victim && kill_phase == 1) return killed();
    if (!done) return done;
    values_[key] = *done;
    open_.erase(key);
    return done;
  }
  void revive() {
    dead = false;
    kill_at = -1;
  }

 private:
  Result<Value> killed() {
    dead = true;
    return fail(ErrorCode::interrupted, "killed", {}, Certainty::maybe);
  }
  std::map<std::string, Value> values_;
  std::set<std::string> open_;
};

enum class Kind { sqlite, postgres };

class RebuildTest : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (GetParam() == Kind::postgres) {
      PostgresServer& server = PostgresServer::shared();
      ASSERT_EQ(server.problem(), "");
      database_ = server.new_database();
      connection_ = Map{{"name", "app"}, {"kind", "postgres"}, {"url", server.url(database_)}};
      run("CREATE TABLE users (id integer PRIMARY KEY);"
          "CREATE TABLE day_marks (user_id integer, date date, value integer, PRIMARY KEY (user_id, date));"
          "CREATE TABLE runs (id serial PRIMARY KEY, user_id integer NOT NULL, start_date date NOT NULL, end_date date "
          "NOT NULL, day_count integer NOT NULL, active boolean NOT NULL DEFAULT false);"
          "CREATE INDEX runs_of_user ON runs (user_id)");
    } else {
      path_ = directory_.path() + "/app.db";
      connection_ = Map{{"name", "app"}, {"kind", "sqlite"}, {"path", path_}};
      sqlite3* db = nullptr;
      sqlite3_open(path_.c_str(), &db);
      sqlite3_exec(db, "PRAGMA journal_mode = WAL", nullptr, nullptr, nullptr);
      sqlite3_close(db);
      run("CREATE TABLE users (id INTEGER PRIMARY KEY);"
          "CREATE TABLE day_marks (user_id INTEGER, date TEXT, value INTEGER, PRIMARY KEY (user_id, date)) WITHOUT "
          "ROWID;"
          "CREATE TABLE runs (id INTEGER PRIMARY KEY, user_id INTEGER NOT NULL, start_date TEXT NOT NULL, end_date "
          "TEXT "
          "NOT NULL, day_count INTEGER NOT NULL, active INTEGER NOT NULL DEFAULT 0);"
          "CREATE INDEX runs_of_user ON runs (user_id)");
    }
    stage_.sql = &sql_;
  }

  void fill(int users) {
    std::string n = std::to_string(users);
    if (GetParam() == Kind::postgres) {
      run("INSERT INTO users SELECT generate_series(1, " + n + ");" +
          "INSERT INTO day_marks SELECT u, date '2025-01-01' + d::integer, CASE WHEN " + marked_in_sql +
          " THEN 1 ELSE 0 END FROM (SELECT generate_series(1, " + n +
          ")::bigint AS u) a, (SELECT generate_series(0, 364)::bigint AS d) b; ");
    } else {
      run("WITH RECURSIVE s (u) AS (SELECT 1 UNION ALL SELECT u + 1 FROM s WHERE u < " + n +
          ") INSERT INTO users SELECT u FROM s;"
          "WITH RECURSIVE s (u) AS (SELECT 1 UNION ALL SELECT u + 1 FROM s WHERE u < " +
          n + "), t (d) AS (SELECT 0 UNION ALL SELECT d + 1 FROM t WHERE d < 364) " +
          "INSERT INTO day_marks SELECT u, date('2025-01-01', '+' || d || ' days'), CASE WHEN " + marked_in_sql +
          " THEN 1 ELSE 0 END FROM s, t");
    }
  }

  void run(const std::string& text) {
    Result<SqlResult> done = sql_.execute(connection_of(connection_), {text, {}, {}}, {}, {});
    ASSERT_TRUE(done) << done.error().message << "\n" << text;
  }
  std::string rows(const std::string& text) {
    SqlLimits limits;
    limits.max_rows = limits.max_bytes = 1 << 30;
    Result<SqlResult> done = sql_.query(connection_of(connection_), {text, {}, {}}, limits, {});
    EXPECT_TRUE(done) << (done ? "" : done.error().message) << "\n" << text;
    std::string out;
    if (!done) return out;
    for (const Map& row : done->rows) {
      for (size_t i = 0; i < done->columns.size(); ++i) out += (i > 0 ? "|" : "") + to_text(row.at(done->columns[i]));
      out += "\n";
    }
    return out;
  }
  std::string runs() {
    return rows("SELECT user_id, start_date, end_date, day_count FROM runs ORDER BY user_id, start_date, end_date");
  }

  Map islands(Map more = {}) const {
    Map args{{"from", Map{{"connection", connection_}, {"table", "day_marks"}, {"where", "value = 1"}}},
             {"into", Map{{"connection", connection_}, {"table", "runs"}, {"range", List{"start_date", "end_date"}}}},
             {"partition", Map{{"key", "user_id"}, {"keys", Map{{"query", "SELECT id FROM users"}}}}},
             {"derive", Map{{"islands", Map{{"order", "date"},
                                            {"step", Duration::seconds(86'400)},
                                            {"start", "start_date"},
                                            {"end", "end_date"},
                                            {"count", "day_count"}}}}}};
    for (auto& [name, value] : more) args[name] = value;
    return args;
  }
  Result<StepOutput> rebuild(Map args) { return stage_.act(rebuild_action(), args); }
  static int64_t number(const Result<StepOutput>& output, const std::string& name) {
    return output->fields.at(name).get<int64_t>();
  }

  TempDirectory directory_;
  std::string path_, database_;
  Value connection_;
  RealSql sql_;
  step_stage::StepStage stage_;
};
using Rebuild = RebuildTest;

INSTANTIATE_TEST_SUITE_P(On, RebuildTest, ::testing::Values(Kind::sqlite, Kind::postgres),
                         [](const auto& info) { return info.param == Kind::sqlite ? "Sqlite" : "Postgres"; });

// Twenty thousand, with the program as shipped: tests/live/families/consecutive_days.py.
TEST_P(RebuildTest, AThousandUsersHaveTheRunsOfTheirDays) {
  const int users = 1000;
  fill(users);
  run("INSERT INTO runs (user_id, start_date, end_date, day_count) VALUES (1, '2025-01-01', '2025-12-31', 365), "
      "(2, '1999-01-01', '1999-01-02', 2)");
  Result<StepOutput> output = rebuild(islands({{"workers", 3}}));
  ASSERT_TRUE(output) << output.error().message;
  std::string expected = runs_of(users);
  EXPECT_EQ(runs(), expected);
  EXPECT_EQ(number(output, "partitions"), users);
  EXPECT_EQ(number(output, "completed"), users);
  EXPECT_EQ(number(output, "rows_deleted"), 2);
  EXPECT_EQ(number(output, "rows_created"), std::count(expected.begin(), expected.end(), '\n'));
  EXPECT_EQ(rows("SELECT count(*) FROM muster_rebuild"), "0\n");
  std::string before = rows("SELECT * FROM runs ORDER BY id");
  stage_.op = OpId{"phase/again"};
  Result<StepOutput> again = rebuild(islands());
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(number(again, "rows_created"), 0);
  EXPECT_EQ(number(again, "rows_deleted"), 0);
  EXPECT_EQ(number(again, "rows_unchanged"), number(output, "rows_created"));
  EXPECT_EQ(rows("SELECT * FROM runs ORDER BY id"), before) << "ids included";
}

TEST_P(RebuildTest, WhatLiesOutsideTheRangeStays) {
  fill(20);
  ASSERT_TRUE(rebuild(islands()));
  run("DELETE FROM runs WHERE user_id = 3 AND start_date >= '2025-03-01';"
      "UPDATE runs SET day_count = 77 WHERE user_id = 4 AND start_date < '2025-02-01'");
  std::string outside = "SELECT * FROM runs WHERE start_date < '2025-02-01' OR end_date > '2025-06-30' ORDER BY id";
  std::string kept = rows(outside);
  stage_.op = OpId{"phase/again"};
  Result<StepOutput> output =
      rebuild(islands({{"range", Map{{"column", "date"}, {"from", "2025-02-01"}, {"to", "2025-06-30"}}}}));
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(rows(outside), kept);
  EXPECT_EQ(rows("SELECT count(*) FROM runs WHERE user_id = 4 AND day_count = 77"),
            rows("SELECT count(*) FROM runs WHERE user_id = 4 AND start_date < '2025-02-01'"));
  // Runs that cross an end stand, and nothing overlaps them.
  EXPECT_EQ(rows("SELECT count(*) FROM runs a JOIN runs b ON a.user_id = b.user_id AND a.id < b.id AND a.start_date <= "
                 "b.end_date AND b.start_date <= a.end_date"),
            "0\n");
  EXPECT_GT(number(output, "rows_created"), 0);
}

TEST_P(RebuildTest, APartitionThatViolatesAnInvariantStaysAsItWas) {
  fill(30);
  run("INSERT INTO runs (user_id, start_date, end_date, day_count) VALUES (7, '1999-01-01', '1999-01-02', 2)");
  Map invariant{
      {"name", "no run of 9 days for 7"},
      {"query", "SELECT user_id FROM runs WHERE user_id = 7 AND day_count < 50 AND start_date > '2000-01-01'"},
      {"rows", 0}};
  Map args = islands({{"invariants", List{invariant}}, {"batch", 10}});
  Result<StepOutput> refused = rebuild(args);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::violations);
  EXPECT_THAT(refused.error().message, HasSubstr("`no run of 9 days for 7` does not hold for `user_id` 7"));
  EXPECT_EQ(refused.error().effect, Certainty::done);

  args["max_failures"] = "5%";
  stage_.op = OpId{"phase/again"};
  Result<StepOutput> output = rebuild(args);
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(number(output, "failed"), 1);
  EXPECT_EQ(number(output, "completed"), 29);
  EXPECT_EQ(rows("SELECT start_date, day_count FROM runs WHERE user_id = 7"), "1999-01-01|2\n");
  std::string expected = runs_of(30), others;
  for (size_t at = 0; at < expected.size();) {
    size_t end = expected.find('\n', at) + 1;
    if (!expected.substr(at).starts_with("7|")) others += expected.substr(at, end - at);
    at = end;
  }
  EXPECT_EQ(
      rows("SELECT user_id, start_date, end_date, day_count FROM runs WHERE user_id <> 7 ORDER BY user_id, start_date"),
      others);
  EXPECT_DOUBLE_EQ(output->fields.at("success_rate").get<double>(), 29.0 / 30);
  EXPECT_EQ(print_json(output->fields.at("violations")), R"([{"invariant":"no run of 9 days for 7","key":"7"}])");
}

TEST_P(RebuildTest, AnInvariantOverTheTotalFailsTheStep) {
  fill(3);
  Map total{{"name", "few runs"}, {"query", "SELECT count(*) AS n FROM runs HAVING count(*) > 1"}, {"rows", 0}};
  Result<StepOutput> output = rebuild(islands({{"invariants", List{total}}}));
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().code, ErrorCode::violations);
  EXPECT_EQ(output.error().message, "the invariant `few runs` does not hold over the total");
  Map broken{{"name", "odd"}, {"query", "SELECT nonsense FROM runs"}};
  stage_.op = OpId{"phase/again"};
  Result<StepOutput> odd = rebuild(islands({{"invariants", List{broken}}}));
  ASSERT_FALSE(odd);
  EXPECT_THAT(odd.error().message, HasSubstr("the invariant `odd`: "));
}

TEST_P(RebuildTest, B68KilledAtAnyBatchItContinuesWhereItStopped) {
  fill(25);
  std::string expected = runs_of(25);
  for (int phase : {0, 1}) {
    for (int victim = 0;; ++victim) {
      run("DELETE FROM runs; INSERT INTO runs (user_id, start_date, end_date, day_count) VALUES (9, '2025-01-01', "
          "'2025-12-31', 365)");
      stage_.op = OpId{"phase/kill" + std::to_string(phase * 100 + victim)};
      KilledMarks marks;
      marks.kill_at = victim;
      marks.kill_phase = phase;
      stage_.marks = &marks;
      Map args = islands({{"batch", 5}, {"backup", Map{{"keep", Duration::seconds(86'400)}}}});
      Result<StepOutput> first = rebuild(args);
      bool was_killed = marks.dead;
      int done_before = marks.effects;
      marks.revive();
      Result<StepOutput> output = was_killed ? rebuild(args) : first;
      ASSERT_TRUE(output) << output.error().message;
      EXPECT_EQ(runs(), expected);
      EXPECT_EQ(number(output, "partitions"), 25) << victim << " in phase " << phase;
      EXPECT_EQ(number(output, "rows_created"), std::count(expected.begin(), expected.end(), '\n'));
      EXPECT_EQ(rows("SELECT count(*) FROM muster_old_runs WHERE muster_step = 'phase/kill" +
                     std::to_string(phase * 100 + victim) + "'"),
                "1\n")
          << "no batch was done twice";
      if (!was_killed) {
        EXPECT_EQ(done_before, 6) << "five batches and the cleaning up";
        break;
      }
    }
  }
}

TEST_P(RebuildTest, B68ASecondWorkerOfTheSameBatchIsRefused) {
  fill(5);
  // As an interpreter that was stopped, taken over, and lives on: its batch has its marker already.
  ExecuteOptions options;
  options.marker = SqlMarker{"run-1", "phase/step#batch-000001", 1};
  ASSERT_TRUE(sql_.execute(connection_of(connection_), {"DELETE FROM runs", {}, {}}, options, {}));
  Result<StepOutput> output = rebuild(islands());
  ASSERT_FALSE(output);
  EXPECT_EQ(output.error().code, ErrorCode::refused);
  EXPECT_EQ(runs(), "");
}

TEST_P(RebuildTest, SqlDerivesWithTheKeysOfTheBatch) {
  fill(25);
  std::string days = GetParam() == Kind::postgres ? "date - date '2000-01-01'" : "CAST(julianday(date) AS INTEGER)";
  Map args = islands({{"batch", 7}});
  args["derive"] =
      Map{{"sql",
           "INSERT INTO runs (user_id, start_date, end_date, day_count) SELECT user_id, min(date), max(date), count(*) "
           "FROM "
           "(SELECT user_id, date, " +
               days +
               " - row_number() OVER (PARTITION BY user_id ORDER BY date) AS island FROM day_marks JOIN muster_keys ON "
               "user_id = key WHERE value = 1) AS i GROUP BY user_id, island"}};
  Result<StepOutput> output = rebuild(args);
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(runs(), runs_of(25));
  stage_.op = OpId{"phase/again"};
  Result<StepOutput> again = rebuild(args);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(number(again, "rows_created"), 0) << "new ids are no difference";
  EXPECT_EQ(number(again, "rows_unchanged"), number(output, "rows_created"));
}

TEST_P(RebuildTest, OldRowsAreKeptForAWhile) {
  fill(4);
  run("INSERT INTO runs (user_id, start_date, end_date, day_count) VALUES (2, '2025-01-01', '2025-12-31', 365)");
  Result<StepOutput> output = rebuild(islands({{"backup", Map{{"keep", Duration::seconds(3600)}}}}));
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(rows("SELECT user_id, day_count, muster_step FROM muster_old_runs"), "2|365|phase/step\n");
  EXPECT_EQ(output->fields.at("artifact").get<std::string>(), "muster_old_runs@run-1/phase/step");
  stage_.clock.advance(Duration::seconds(7200));
  stage_.op = OpId{"phase/later"};
  run("UPDATE runs SET day_count = 1000 WHERE user_id = 3");
  ASSERT_TRUE(rebuild(islands({{"backup", Map{{"keep", Duration::seconds(3600)}}}})));
  EXPECT_EQ(rows("SELECT DISTINCT user_id, muster_step FROM muster_old_runs"), "3|phase/later\n");
}

TEST_P(RebuildTest, APreviewCountsAndWritesNothing) {
  fill(10);
  run("INSERT INTO runs (user_id, start_date, end_date, day_count) VALUES (2, '2025-01-01', '2025-12-31', 365)");
  std::string before = rows("SELECT * FROM runs");
  Result<Preview> preview = stage_.preview(rebuild_action(), islands());
  ASSERT_TRUE(preview) << preview.error().message;
  EXPECT_FALSE(preview->unknown) << *preview->unknown;
  std::string expected = runs_of(10);
  std::string created = std::to_string(std::count(expected.begin(), expected.end(), '\n'));
  EXPECT_THAT(preview->lines,
              ::testing::Contains("would delete 1 row, create " + created + " rows and keep 0 rows in 10 partitions"));
  EXPECT_EQ(preview->facts.at("changes").get<List>().size(), 10u);
  EXPECT_EQ(rows("SELECT * FROM runs"), before);
}

TEST_P(RebuildTest, SaysWhichDayIsNone) {
  if (GetParam() == Kind::postgres) return;  // its type refuses it
  fill(2);
  run("UPDATE day_marks SET date = '2025-02-30' WHERE user_id = 2 AND date = '2025-02-20'");
  Result<StepOutput> output = rebuild(islands());
  ASSERT_FALSE(output);
  if (!is_marked(2, 50)) return;
  EXPECT_EQ(output.error().message, "`date` of `user_id` 2 is no day: `2025-02-30`");
}

TEST_P(RebuildTest, ListsAndDistinctKeysArePartitionsToo) {
  fill(12);
  Map listed = islands({{"partition", Map{{"key", "user_id"}, {"keys", List{3, 5, 3}}}}});
  Result<StepOutput> output = rebuild(listed);
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(rows("SELECT DISTINCT user_id FROM runs ORDER BY 1"), "3\n5\n");
  stage_.op = OpId{"phase/all"};
  Result<StepOutput> all = rebuild(islands({{"partition", Map{{"key", "user_id"}}}, {"batch", 5}}));
  ASSERT_TRUE(all) << all.error().message;
  EXPECT_EQ(runs(), runs_of(12));
}

TEST_P(RebuildTest, AKeyThatIsListedTwiceIsOnePartition) {
  fill(6);
  Map listed = islands({{"partition", Map{{"key", "user_id"}, {"keys", List{3, 5, 3}}}}, {"batch", 2}});
  Result<StepOutput> output = rebuild(listed);
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(number(output, "partitions"), 2);
  EXPECT_EQ(rows("SELECT count(*) - count(DISTINCT user_id || '/' || start_date) FROM runs"), "0\n");
  Result<StepOutput> odd = rebuild(islands({{"partition", Map{{"key", "user_id"}, {"keys", List{true}}}}}));
  ASSERT_FALSE(odd);
  EXPECT_EQ(odd.error().message, "a key of `partition.keys` is a whole number or a text, not boolean");
}

TEST_P(RebuildTest, WithoutAnyPartitionThereIsNothingToDo) {
  Result<StepOutput> output = rebuild(islands());
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(number(output, "partitions"), 0);
}

TEST_P(RebuildTest, AnotherAttemptAfterAFailedOneIsARebuildOfItsOwn) {
  fill(30);
  Map never{{"name", "never"}, {"query", "SELECT user_id FROM runs WHERE user_id = 25"}};
  ASSERT_FALSE(rebuild(islands({{"batch", 10}, {"invariants", List{never}}})));
  EXPECT_EQ(rows("SELECT count(*) FROM muster_rebuild"), "0\n");
  // One that was stopped, and left what it knew.
  run("INSERT INTO muster_rebuild VALUES ('run-1', 'phase/step', 'phase/step#batch-000001', '{}')");
  stage_.attempt = 2;
  Result<StepOutput> output = rebuild(islands({{"batch", 10}}));
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(runs(), runs_of(30));
  EXPECT_EQ(rows("SELECT count(*) FROM muster_rebuild"), "0\n");
}

TEST_P(RebuildTest, AnInvariantMayAskForARowOfEachPartition) {
  fill(8);
  run("UPDATE day_marks SET value = 0 WHERE user_id = 4");
  Map first{{"name", "one first run"},
            {"query", "SELECT user_id FROM runs GROUP BY user_id HAVING count(*) > 0"},
            {"rows", 1}};
  Result<StepOutput> output = rebuild(islands({{"batch", 3}, {"invariants", List{first}}, {"max_failures", "1"}}));
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(print_json(output->fields.at("violations")), R"([{"invariant":"one first run","key":"4"}])");
  EXPECT_EQ(number(output, "completed"), 7);
}

TEST_P(RebuildTest, RefusesWhatDoesNotGoTogether) {
  auto message = [&](Map more) {
    Result<StepOutput> output = rebuild(islands(std::move(more)));
    return output ? std::string("no error") : output.error().message;
  };
  EXPECT_EQ(message({{"max_failures", "lots"}}),
            "`max_failures` must be a number of partitions or a percentage, and is `lots`");
  EXPECT_EQ(message({{"batch", 0}}), "`batch` must be a whole number from 1 to 100000, and is 0");
  EXPECT_EQ(message({{"range", Map{{"column", "date"}, {"from", "2025-02-01"}, {"to", "2025-01-01"}}}}),
            "`range` ends before it begins: from 2025-02-01 to 2025-01-01");
  EXPECT_THAT(message({{"into", Map{{"connection", connection_}, {"table", "nowhere"}}}}), HasSubstr("nowhere"));
}

// Between two databases.
TEST_P(RebuildTest, ACopyMovesRowsBetweenDatabasesByKey) {
  PostgresServer& server = PostgresServer::shared();
  ASSERT_EQ(server.problem(), "");
  std::string other_path = directory_.path() + "/other.db";
  bool to_sqlite = GetParam() == Kind::postgres;
  Value other;
  if (to_sqlite) {
    sqlite3* db = nullptr;
    sqlite3_open(other_path.c_str(), &db);
    sqlite3_exec(db, "CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, ok INTEGER)", nullptr, nullptr, nullptr);
    sqlite3_close(db);
    other = Map{{"name", "other"}, {"kind", "sqlite"}, {"path", other_path}};
    run("CREATE TABLE people (id integer PRIMARY KEY, name text, ok boolean)");
  } else {
    std::string name = server.new_database();
    server.psql(name, "CREATE TABLE people (id integer PRIMARY KEY, name text, ok boolean)", "app");
    other = Map{{"name", "other"}, {"kind", "postgres"}, {"url", server.url(name)}};
    run("CREATE TABLE people (id INTEGER PRIMARY KEY, name TEXT, ok INTEGER)");
  }
  run(to_sqlite ? "INSERT INTO people SELECT n, 'p' || n, n % 2 = 0 FROM generate_series(1, 250) AS n"
                : "WITH RECURSIVE s (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < 250) INSERT INTO people "
                  "SELECT n, 'p' || n, n % 2 = 0 FROM s");
  auto there = [&](const std::string& text) {
    Result<SqlResult> result = sql_.query(connection_of(other), {text, {}, {}}, {}, {});
    return result ? to_text(result->rows.at(0).begin()->second) : result.error().message;
  };
  ASSERT_TRUE(sql_.execute(connection_of(other),
                           {"INSERT INTO people (id, name) VALUES (7, 'old'), (999, 'gone')", {}, {}}, {}, {}));
  Map args{{"from", Map{{"connection", connection_}, {"table", "people"}}},
           {"into", Map{{"connection", other}, {"table", "people"}}},
           {"partition", Map{{"key", "id"}}},
           {"derive", Map{{"copy", Map{{"mode", "upsert"}}}}}};
  Result<StepOutput> output = rebuild(args);
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(there("SELECT count(*) FROM people"), "251");
  EXPECT_EQ(there("SELECT name FROM people WHERE id = 7"), "p7");
  EXPECT_EQ(number(output, "rows_created"), 250);
  EXPECT_EQ(number(output, "rows_deleted"), 1);
  args["derive"] = Map{{"copy", Map{{"mode", "upsert"}, {"prune", true}}}};
  stage_.op = OpId{"phase/again"};
  Result<StepOutput> again = rebuild(args);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(there("SELECT count(*) FROM people"), "250");
  EXPECT_EQ(number(again, "rows_unchanged"), 250);
  EXPECT_EQ(number(again, "rows_created"), 0);
}

// PostgreSQL orders texts by a language, SQLite by bytes.
TEST_P(RebuildTest, TextsAreKeysBetweenDatabasesThatOrderThemDifferently) {
  PostgresServer& server = PostgresServer::shared();
  ASSERT_EQ(server.problem(), "");
  const std::string table = "CREATE TABLE words (word text, start_date text, end_date text)";
  Value other;
  if (GetParam() == Kind::postgres) {
    std::string other_path = directory_.path() + "/other.db";
    sqlite3* db = nullptr;
    sqlite3_open(other_path.c_str(), &db);
    sqlite3_exec(db, table.c_str(), nullptr, nullptr, nullptr);
    sqlite3_close(db);
    other = Map{{"name", "other"}, {"kind", "sqlite"}, {"path", other_path}};
    run("CREATE TABLE marks (word text COLLATE \"und-x-icu\", date text)");
  } else {
    std::string name = server.new_database();
    server.psql(name, "CREATE TABLE words (word text COLLATE \"und-x-icu\", start_date text, end_date text)", "app");
    other = Map{{"name", "other"}, {"kind", "postgres"}, {"url", server.url(name)}};
    run("CREATE TABLE marks (word text, date text)");
  }
  run("INSERT INTO marks VALUES ('a', '2025-01-01'), ('B', '2025-01-01'), ('c', '2025-01-01'), ('D', '2025-01-01'), "
      "('Z', '2025-01-01'), ('z', '2025-01-02')");
  Map args{{"from", Map{{"connection", connection_}, {"table", "marks"}}},
           {"into", Map{{"connection", other}, {"table", "words"}}},
           {"partition", Map{{"key", "word"}}},
           {"batch", 2},
           {"derive", Map{{"islands", Map{{"order", "date"}, {"start", "start_date"}, {"end", "end_date"}}}}}};
  Result<StepOutput> output = rebuild(args);
  ASSERT_TRUE(output) << output.error().message;
  EXPECT_EQ(number(output, "rows_created"), 6);
  stage_.op = OpId{"phase/again"};
  Result<StepOutput> again = rebuild(args);
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(number(again, "rows_created"), 0);
  EXPECT_EQ(number(again, "rows_unchanged"), 6);
}

TEST(Islands, DaysAreCountedAsTheCalendarDoes) {
  EXPECT_EQ(day_of("1970-01-01"), 0);
  EXPECT_EQ(day_of("2025-01-01"), 20089);
  EXPECT_EQ(day_of("2024-02-29"), 19782);
  EXPECT_FALSE(day_of("2025-02-29"));
  EXPECT_FALSE(day_of("2025-2-01"));
  EXPECT_FALSE(day_of("2025-13-01"));
  // Every year of four digits.
  for (int64_t day = -719'528; day <= 2'932'896; day += 97) EXPECT_EQ(day_of(date_of(day)), day);
  EXPECT_EQ(date_of(-719'528), "0000-01-01");
  EXPECT_EQ(date_of(2'932'896), "9999-12-31");
  EXPECT_EQ(date_of(19782), "2024-02-29");
}

}  // namespace
}  // namespace muster
