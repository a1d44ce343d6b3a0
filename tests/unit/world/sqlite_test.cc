#include <fcntl.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

#include "interpreter/world/real_scratch.h"
#include "interpreter/world/real_sql.h"
#include "tests/world/temp_directory.h"

namespace muster {
namespace {

namespace fs = std::filesystem;

class SqliteTest : public ::testing::Test {
 protected:
  SqliteTest() {
    run("CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT, x); INSERT INTO t VALUES (1, 'one', NULL), (2, 'two', "
        "2.5)");
  }

  void run(const std::string& sql) const { run_on(path_, sql); }
  static void run_on(const std::string& path, const std::string& sql) {
    sqlite3* db = nullptr;
    ASSERT_EQ(sqlite3_open(path.c_str(), &db), SQLITE_OK);
    sqlite3_exec(db, "PRAGMA synchronous = OFF", nullptr, nullptr, nullptr);  // nobody pulls the plug of a test
    char* message = nullptr;
    ASSERT_EQ(sqlite3_exec(db, sql.c_str(), nullptr, nullptr, &message), SQLITE_OK)
        << (message ? message : "") << " in " << sql;
    sqlite3_close(db);
  }
  int64_t count(const std::string& of = "t") const {
    Result<SqlResult> result = sql_.query(connection_, {"SELECT count(*) AS n FROM " + of, {}, {}}, {}, {});
    return result ? result->rows.at(0).at("n").get<int64_t>() : -1;
  }
  Result<SqlResult> query(const std::string& text, Map bind = {}, SqlLimits limits = {}) const {
    return sql_.query(connection_, {text, std::move(bind), {}}, limits, {});
  }
  Result<SqlResult> execute(const std::string& text, Map bind = {}, ExecuteOptions options = {}) const {
    return sql_.execute(connection_, {text, std::move(bind), {}}, options, {});
  }
  static std::string bytes(const std::string& path) {
    std::ostringstream all;
    all << std::ifstream(path, std::ios::binary).rdbuf();
    return all.str();
  }
  static ExecuteOptions exactly(int64_t n) {
    ExecuteOptions options;
    options.expect_changes = {n, n};
    return options;
  }
  static ExecuteOptions loose() {
    ExecuteOptions options;
    options.transaction = false;
    return options;
  }

  TempDirectory directory_;
  std::string path_ = directory_.path() + "/app.db";
  Connection connection_{"app", "sqlite", Map{{"path", path_}}};
  mutable RealSql sql_;
  RealScratch scratch_{directory_.path()};
  RealSqlTrial trial_{sql_, scratch_};
};
using Sqlite = SqliteTest;

// Another process that runs statements and keeps its connection until it is told to end.
class OtherProcess {
 public:
  OtherProcess(const std::string& path, const std::string& sql) {
    int ready[2], end[2];
    if (::pipe2(ready, O_CLOEXEC) != 0 || ::pipe2(end, O_CLOEXEC) != 0) std::abort();
    pid_ = ::fork();
    if (pid_ == 0) {
      ::close(end[1]);
      sqlite3* db = nullptr;
      bool is_fine = sqlite3_open(path.c_str(), &db) == SQLITE_OK &&
                     sqlite3_exec(db, sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK;
      char byte = is_fine ? 'y' : 'n';
      if (::write(ready[1], &byte, 1) == 1) (void)!::read(end[0], &byte, 1);
      ::_exit(0);
    }
    ::close(ready[1]);
    ::close(end[0]);
    char byte = 'n';
    (void)!::read(ready[0], &byte, 1);
    ::close(ready[0]);
    is_ready = byte == 'y';
    end_ = end[1];
  }
  ~OtherProcess() { end(); }
  void end() {
    if (end_ >= 0) {
      ::close(end_);
      ::waitpid(pid_, nullptr, 0);
    }
    end_ = -1;
  }
  bool is_ready = false;

 private:
  pid_t pid_;
  int end_ = -1;
};

// --- query ----------------------------------------------------------------------------------------------------------

TEST_F(Sqlite, GivesRowsWithTheirTypes) {
  Result<SqlResult> result = query("SELECT id, name, x, x'00ff' AS raw, x'6869' AS text FROM t ORDER BY id");
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->columns, (std::vector<std::string>{"id", "name", "x", "raw", "text"}));
  ASSERT_EQ(result->rows.size(), 2u);
  EXPECT_EQ(result->rows[0].at("id").get<int64_t>(), 1);
  EXPECT_EQ(result->rows[0].at("name").get<std::string>(), "one");
  EXPECT_TRUE(result->rows[0].at("x").is_null());
  EXPECT_EQ(result->rows[1].at("x").get<double>(), 2.5);
  EXPECT_EQ(result->rows[0].at("raw").get<std::string>(), "00ff") << "bytes that are not UTF-8 come as hex";
  EXPECT_EQ(result->rows[0].at("text").get<std::string>(), "hi");
  EXPECT_EQ(result->row_count, 2);
  EXPECT_FALSE(result->truncated);
}

TEST_F(Sqlite, KeepsBothOfTwoColumnsWithOneName) {
  Result<SqlResult> result = query("SELECT 1 AS id, 2 AS id");
  ASSERT_TRUE(result);
  EXPECT_EQ(result->rows[0].at("id").get<int64_t>(), 1);
  EXPECT_EQ(result->rows[0].at("id_2").get<int64_t>(), 2);
}

// B46
TEST_F(Sqlite, RunsAllStatementsOfATextAndGivesTheLastRows) {
  Result<SqlResult> result = query("SELECT 1 AS a; -- first\nSELECT name FROM t ORDER BY id; /* end */ ;");
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->columns, std::vector<std::string>{"name"});
  EXPECT_EQ(result->row_count, 2);
}

// B49
TEST_F(Sqlite, CountsRowsBeyondTheLimitAndSaysThatTheyAreLeftOut) {
  const std::string many =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 20000) SELECT i FROM n";
  SqlLimits limits;
  limits.max_rows = 10;
  Result<SqlResult> result = query(many, {}, limits);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->rows.size(), 10u);
  EXPECT_EQ(result->row_count, 20000);
  EXPECT_TRUE(result->truncated);
}

TEST_F(Sqlite, LeavesOutACellThatIsTooLarge) {
  SqlLimits limits;
  limits.max_bytes = 1000;
  Result<SqlResult> result =
      query("SELECT printf('%.*c', 100, 'x') AS x UNION ALL SELECT printf('%.*c', 50000, 'y')", {}, limits);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->rows.size(), 1u);
  EXPECT_EQ(result->row_count, 2);
  EXPECT_TRUE(result->truncated);
}

// B47
TEST_F(Sqlite, BindsValuesAndNeverReadsThemAsSql) {
  Timestamp at = *parse_timestamp("2026-01-15T10:00:00.25Z");
  Map bind{{"null", Null{}},
           {"yes", true},
           {"int", int64_t{1} << 60},
           {"real", 0.5},
           {"text", "'; DROP TABLE t; -- $1 :x"},
           {"at", at},
           {"whole", Duration::seconds(90)},
           {"part", Duration::milliseconds(1500)},
           {"secret", Secret("token", "s3cret")}};
  Result<SqlResult> result = query(
      "SELECT :null AS a, :yes AS b, :int AS c, :real AS d, :text AS e, :at AS f, :whole AS g, :part AS h, :secret AS "
      "i",
      bind);
  ASSERT_TRUE(result) << result.error().message;
  const Map& row = result->rows[0];
  EXPECT_TRUE(row.at("a").is_null());
  EXPECT_EQ(row.at("b").get<int64_t>(), 1);
  EXPECT_EQ(row.at("c").get<int64_t>(), int64_t{1} << 60);
  EXPECT_EQ(row.at("d").get<double>(), 0.5);
  EXPECT_EQ(row.at("e").get<std::string>(), "'; DROP TABLE t; -- $1 :x");
  EXPECT_EQ(row.at("f").get<std::string>(), "2026-01-15T10:00:00.25Z");
  EXPECT_EQ(row.at("g").get<int64_t>(), 90);
  EXPECT_EQ(row.at("h").get<double>(), 1.5);
  EXPECT_EQ(row.at("i").get<std::string>(), "s3cret");
  EXPECT_EQ(count(), 2);
}

TEST_F(Sqlite, RefusesBindsThatCannotBeBoundWhole) {
  for (const Value& value :
       {Value(std::string("a\0b", 3)), Value("\xff\xfe"), Value(List{1}), Value(Map{}), Value(Unknown{"later"})}) {
    Result<SqlResult> result = query("SELECT :v", {{"v", value}});
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::invalid);
    EXPECT_NE(result.error().message.find("bind.v"), std::string::npos);
  }
  EXPECT_TRUE(query("SELECT length(:v)", {{"v", std::string(20 << 20, 'x')}}));
}

TEST_F(Sqlite, RefusesPlacesForValuesThatHaveNoName) {
  for (const char* text : {"SELECT ?", "SELECT ?1", "SELECT @a", "SELECT $a"}) {
    Result<SqlResult> result = query(text);
    ASSERT_FALSE(result) << text;
    EXPECT_EQ(result.error().code, ErrorCode::invalid);
  }
  EXPECT_EQ(query("SELECT :id").error().code, ErrorCode::invalid);
}

TEST_F(Sqlite, FillsInTableNames) {
  Result<SqlResult> result =
      sql_.query(connection_, {"SELECT count(*) AS n FROM :\"table\"", {}, {{"table", "t"}}}, {}, {});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->rows[0].at("n").get<int64_t>(), 2);
}

TEST_F(Sqlite, AnErrorNamesItsLineAndSaysWhatSqliteSaid) {
  Result<SqlResult> result = query("SELECT 1;\n\nSELECT *\nFROM nowhere");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::failed);
  EXPECT_EQ(result.error().message, "line 3, column 1: no such table: nowhere") << "the statement begins there";
  EXPECT_EQ(result.error().cause, "no such table: nowhere");
  EXPECT_EQ(query("SELECT 1;\nSELECT 2 FORM t").error().message.substr(0, 6), "line 2");
}

// B48
TEST_F(Sqlite, AQueryWritesNothingWhateverItsText) {
  run("CREATE INDEX by_x ON t (x)");
  std::string before = bytes(path_);
  for (const char* text : {"INSERT INTO t VALUES (3, 'three', 3)",
                           "UPDATE t SET name = 'x'",
                           "DELETE FROM t",
                           "DROP TABLE t",
                           "CREATE TABLE u (x)",
                           "CREATE TEMP TABLE u (x)",
                           "CREATE INDEX i ON t (name)",
                           "WITH x AS (SELECT 1) INSERT INTO t SELECT 9, 'n', 1",
                           "ANALYZE",
                           "REINDEX",
                           "VACUUM",
                           "SELECT 1; DELETE FROM t",
                           "COMMIT; DELETE FROM t",
                           "ROLLBACK; DELETE FROM t",
                           "SAVEPOINT s; DELETE FROM t",
                           "PRAGMA query_only = OFF; DELETE FROM t",
                           "PRAGMA user_version = 7",
                           "PRAGMA journal_mode = WAL",
                           "PRAGMA wal_checkpoint",
                           "PRAGMA optimize",
                           "INSERT INTO t VALUES (5, '', 0) RETURNING id",
                           "REPLACE INTO t VALUES (1, '', 0)"}) {
    Result<SqlResult> result = query(text);
    ASSERT_FALSE(result) << text;
    EXPECT_EQ(result.error().code, ErrorCode::refused) << text << ": " << result.error().message;
    EXPECT_EQ(result.error().effect, Certainty::no_effect);
  }
  EXPECT_EQ(bytes(path_), before);
}

// S24
TEST_F(Sqlite, NoTextReachesAnotherFileOrCode) {
  std::string elsewhere = directory_.path() + "/elsewhere.db";
  for (bool is_query : {true, false}) {
    for (bool transaction : {true, false}) {
      for (const std::string& text :
           {"ATTACH '" + elsewhere + "' AS x", "ATTACH DATABASE 'file:" + elsewhere + "?mode=rwc' AS x",
            "SELECT 1; ATTACH '" + elsewhere + "' AS x; CREATE TABLE x.t (a)", "VACUUM INTO '" + elsewhere + "'",
            std::string("DETACH main"), std::string("SELECT load_extension('/tmp/x.so')"),
            std::string("SELECT LOAD_EXTENSION('/tmp/x.so', 'init')"), std::string("SELECT fts3_tokenizer('x')"),
            std::string("PRAGMA writable_schema = ON"), std::string("PRAGMA writable_schema"),
            std::string("PRAGMA temp_store_directory = '/etc'"), std::string("PRAGMA mmap_size = 1000000"),
            std::string("PRAGMA trusted_schema = ON"), std::string("PRAGMA locking_mode = EXCLUSIVE")}) {
        ExecuteOptions options;
        options.transaction = transaction;
        Result<SqlResult> result = is_query ? query(text) : execute(text, {}, options);
        ASSERT_FALSE(result) << text;
        bool is_vacuum_in_transaction =
            text.starts_with("VACUUM") && transaction && !is_query;  // refused by SQLite itself
        EXPECT_EQ(result.error().code, is_vacuum_in_transaction ? ErrorCode::failed : ErrorCode::refused)
            << text << ": " << result.error().message;
      }
    }
  }
  EXPECT_FALSE(fs::exists(elsewhere));
}

TEST_F(Sqlite, AQueryMayAskWhatIsHarmless) {
  for (const char* text : {"PRAGMA user_version", "PRAGMA table_info(t)", "PRAGMA integrity_check",
                           "SELECT * FROM pragma_table_info('t')", "PRAGMA journal_mode", "EXPLAIN DELETE FROM t",
                           "SELECT * FROM sqlite_schema", "SELECT json_extract('{\"a\":1}', '$.a')"}) {
    Result<SqlResult> result = query(text);
    EXPECT_TRUE(result) << text << ": " << (result ? "" : result.error().message);
  }
}

TEST_F(Sqlite, ReadsVirtualTables) {
  run("CREATE VIRTUAL TABLE box USING rtree(id, a, b); INSERT INTO box VALUES (1, 0, 9);"
      "CREATE VIRTUAL TABLE words USING fts5(body); INSERT INTO words VALUES ('hello world');");
  Result<SqlResult> box = query("SELECT id FROM box WHERE a < 5");
  ASSERT_TRUE(box) << box.error().message;
  EXPECT_EQ(box->row_count, 1);
  Result<SqlResult> words = query("SELECT body FROM words WHERE words MATCH 'hello'");
  ASSERT_TRUE(words) << words.error().message;
  EXPECT_EQ(words->row_count, 1);
}

TEST_F(Sqlite, AnEndlessQueryEndsWithItsTime) {
  SqlLimits limits;
  limits.timeout = Duration::milliseconds(30);
  Result<SqlResult> result =
      query("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n", {}, limits);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::timeout);
}

TEST_F(Sqlite, AStopEndsAnEndlessQuery) {
  std::stop_source stop;
  stop.request_stop();
  Result<SqlResult> result = sql_.query(
      connection_, {"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n", {}, {}},
      {}, stop.get_token());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::interrupted);
}

TEST_F(Sqlite, AMissingDatabaseIsNotMade) {
  Connection missing{"app", "sqlite", Map{{"path", directory_.path() + "/none.db"}}};
  EXPECT_EQ(sql_.query(missing, {"SELECT 1", {}, {}}, {}, {}).error().code, ErrorCode::not_found);
  EXPECT_EQ(sql_.execute(missing, {"CREATE TABLE t (x)", {}, {}}, {}, {}).error().code, ErrorCode::not_found);
  EXPECT_FALSE(fs::exists(directory_.path() + "/none.db"));
  Connection astray{"app", "sqlite", Map{{"path", directory_.path() + "/none/none.db"}}};
  EXPECT_EQ(sql_.query(astray, {"SELECT 1", {}, {}}, {}, {}).error().code, ErrorCode::unreachable);
}

TEST_F(Sqlite, APathIsAPathAndNoUri) {
  fs::path old = fs::current_path();
  fs::current_path(directory_.path());
  Connection uri{"app", "sqlite", Map{{"path", "file:app.db?mode=memory"}}};
  Connection memory{"app", "sqlite", Map{{"path", ":memory:"}}};
  EXPECT_EQ(sql_.query(uri, {"SELECT 1", {}, {}}, {}, {}).error().code, ErrorCode::not_found);
  EXPECT_EQ(sql_.query(memory, {"SELECT 1", {}, {}}, {}, {}).error().code, ErrorCode::not_found);
  fs::current_path(old);
}

TEST_F(Sqlite, OtherKindsOfConnectionsAreInvalid) {
  Connection other{"main", "http", Map{{"url", "http://x"}}};
  Result<SqlResult> result = sql_.query(other, {"SELECT 1", {}, {}}, {}, {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::invalid);
  EXPECT_NE(result.error().message.find("`http`"), std::string::npos);
  EXPECT_EQ(trial_.attempt(other, {"SELECT 1", {}, {}}, 1, {}, {}).error().code, ErrorCode::invalid);
}

// --- execute --------------------------------------------------------------------------------------------------------

TEST_F(Sqlite, CountsWhatItsStatementsChange) {
  Result<SqlResult> result = execute(
      "INSERT INTO t VALUES (3, 'three', 3), (4, 'four', 4); UPDATE t SET x = 0 WHERE id > 2; DELETE FROM t WHERE id = "
      "4");
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->changes, 5);
  EXPECT_EQ(count(), 3);
}

TEST_F(Sqlite, CountsNeitherDefinitionsNorRowsThatTriggersChange) {
  run("CREATE TABLE log (id); CREATE TRIGGER tell AFTER UPDATE ON t BEGIN INSERT INTO log VALUES (new.id); END");
  Result<SqlResult> result = execute(
      "UPDATE t SET x = 1; ALTER TABLE t ADD COLUMN y; CREATE TABLE u AS SELECT * FROM t; CREATE INDEX i ON u (id); "
      "DROP TABLE u");
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->changes, 2);
  EXPECT_EQ(count("log"), 2);
}

TEST_F(Sqlite, GivesTheRowsOfReturning) {
  Result<SqlResult> result = execute("INSERT INTO t (name) VALUES (:name) RETURNING id", {{"name", "three"}});
  ASSERT_TRUE(result);
  EXPECT_EQ(result->rows.at(0).at("id").get<int64_t>(), 3);
  EXPECT_EQ(result->changes, 1);
  EXPECT_EQ(count(), 3);
}

// B46
TEST_F(Sqlite, WhenAStatementFailsTheOnesBeforeItAreTakenBack) {
  Result<SqlResult> result = execute("DELETE FROM t;\nINSERT INTO nowhere VALUES (1)");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::failed);
  EXPECT_EQ(result.error().effect, Certainty::no_effect);
  EXPECT_EQ(result.error().message.substr(0, 6), "line 2");
  EXPECT_EQ(count(), 2);
}

TEST_F(Sqlite, AConstraintTakesEverythingBack) {
  for (const char* verb : {"INSERT", "INSERT OR FAIL", "INSERT OR ROLLBACK", "INSERT OR ABORT"}) {
    Result<SqlResult> result =
        execute("DELETE FROM t WHERE id = 2; " + std::string(verb) + " INTO t VALUES (1, 'again', 0); DELETE FROM t");
    ASSERT_FALSE(result) << verb;
    EXPECT_EQ(result.error().effect, Certainty::no_effect) << verb;
    EXPECT_EQ(count(), 2) << verb;
  }
}

TEST_F(Sqlite, AConstraintThatWaitsForTheCommitTakesEverythingBack) {
  run("CREATE TABLE child (id, t REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED)");
  ExecuteOptions options = loose();
  Result<SqlResult> result =
      execute("PRAGMA foreign_keys = ON; BEGIN; INSERT INTO child VALUES (1, 99); COMMIT", {}, options);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::failed);
  EXPECT_EQ(count("child"), 0);
}

TEST_F(Sqlite, OutsideTheExpectedChangesItIsTakenBack) {
  Result<SqlResult> result = execute("DELETE FROM t", {}, exactly(1));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::violations);
  EXPECT_EQ(result.error().effect, Certainty::no_effect);
  EXPECT_EQ(result.error().message, "2 rows were changed, expected were exactly 1; the transaction was rolled back");
  EXPECT_EQ(count(), 2);
  EXPECT_TRUE(execute("DELETE FROM t", {}, exactly(2)));
  EXPECT_EQ(count(), 0);
  ExecuteOptions at_least = {};
  at_least.expect_changes.min = 1;
  EXPECT_EQ(execute("DELETE FROM t", {}, at_least).error().code, ErrorCode::violations);
  ExecuteOptions without = loose();
  without.expect_changes.min = 1;
  EXPECT_EQ(execute("DELETE FROM t", {}, without).error().code, ErrorCode::invalid) << "nothing could be taken back";
}

TEST_F(Sqlite, TheTransactionBelongsToTheStep) {
  for (const char* text : {"DELETE FROM t; COMMIT; DELETE FROM t", "BEGIN; DELETE FROM t", "DELETE FROM t; ROLLBACK",
                           "DELETE FROM t; END"}) {
    Result<SqlResult> result = execute(text);
    ASSERT_FALSE(result) << text;
    EXPECT_EQ(result.error().code, ErrorCode::refused) << text;
    EXPECT_EQ(result.error().effect, Certainty::no_effect) << text;
    EXPECT_EQ(count(), 2) << text;
  }
  EXPECT_TRUE(execute("SAVEPOINT s; DELETE FROM t; ROLLBACK TO s; RELEASE s; DELETE FROM t WHERE id = 1"));
  EXPECT_EQ(count(), 1);
}

TEST_F(Sqlite, WithoutTheTransactionWhatStoodBeforeMayHaveHappened) {
  Result<SqlResult> result = execute("DELETE FROM t WHERE id = 1; INSERT INTO nowhere VALUES (1)", {}, loose());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().effect, Certainty::maybe);
  EXPECT_EQ(count(), 1);
  Result<SqlResult> first = execute("INSERT INTO nowhere VALUES (1); DELETE FROM t", {}, loose());
  EXPECT_EQ(first.error().effect, Certainty::no_effect);
  EXPECT_EQ(count(), 1);
}

TEST_F(Sqlite, ATransactionThatIsLeftOpenIsTakenBackAndNamed) {
  Result<SqlResult> result = execute("BEGIN; DELETE FROM t", {}, loose());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::invalid);
  EXPECT_EQ(count(), 2);
}

TEST_F(Sqlite, StatementsByThemselvesMayVacuumAndChangeTheJournal) {
  EXPECT_TRUE(execute("VACUUM", {}, loose()));
  EXPECT_TRUE(execute("PRAGMA journal_mode = WAL", {}, loose()));
  EXPECT_EQ(query("PRAGMA journal_mode")->rows[0].at("journal_mode").get<std::string>(), "wal");
  EXPECT_FALSE(execute("VACUUM"));
}

// B44
TEST_F(Sqlite, ALockedDatabaseIsBusyWithoutEffect) {
  OtherProcess other(path_, "BEGIN IMMEDIATE; DELETE FROM t WHERE id = 1");
  ASSERT_TRUE(other.is_ready);
  ExecuteOptions options;
  options.limits.timeout = Duration::milliseconds(40);
  Result<SqlResult> result = execute("DELETE FROM t", {}, options);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::busy);
  EXPECT_EQ(result.error().effect, Certainty::no_effect);
  other.end();
  EXPECT_EQ(count(), 2);
}

TEST_F(Sqlite, AReaderInTheWayOfTheCommitIsBusyWithoutEffect) {
  OtherProcess reader(path_, "BEGIN; SELECT * FROM t");
  ASSERT_TRUE(reader.is_ready);
  ExecuteOptions options;
  options.limits.timeout = Duration::milliseconds(40);
  Result<SqlResult> result = execute("DELETE FROM t", {}, options);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::busy) << result.error().message;
  EXPECT_EQ(result.error().effect, Certainty::no_effect);
  EXPECT_EQ(count(), 2);
}

TEST_F(Sqlite, AStopDuringALongChangeTakesItBack) {
  std::stop_source stop;
  stop.request_stop();
  Result<SqlResult> result = sql_.execute(connection_,
                                          {"DELETE FROM t; WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 "
                                           "FROM n) INSERT INTO t (x) SELECT i FROM n",
                                           {},
                                           {}},
                                          {}, stop.get_token());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::interrupted);
  EXPECT_EQ(result.error().effect, Certainty::no_effect);
  EXPECT_EQ(count(), 2);
}

TEST_F(Sqlite, AHostileSchemaRunsNothing) {
  run("CREATE VIEW v AS SELECT load_extension('/tmp/x.so') AS x; CREATE TABLE log (x);"
      "CREATE TRIGGER trap AFTER INSERT ON log BEGIN SELECT fts3_tokenizer('x'); END");
  EXPECT_FALSE(query("SELECT * FROM v"));
  EXPECT_FALSE(execute("INSERT INTO log VALUES (1)"));
  EXPECT_EQ(count("log"), 0);
}

// S25: of what a schema calls by itself only functions that SQLite knows to be harmless run in a query.
TEST_F(Sqlite, AQueryTrustsNoFunctionThatOnlyTheSchemaCalls) {
  run("CREATE VIEW v AS SELECT rtreedepth(x'00010000') AS d");
  Result<SqlResult> called = query("SELECT rtreedepth(x'00010000') AS d");
  ASSERT_TRUE(called) << called.error().message;
  Result<SqlResult> by_schema = query("SELECT d FROM v");
  ASSERT_FALSE(by_schema);
  EXPECT_NE(by_schema.error().message.find("unsafe use of rtreedepth()"), std::string::npos)
      << by_schema.error().message;
}

TEST_F(Sqlite, TriggersThatFeedAFullTextIndexStillRun) {
  run("CREATE VIRTUAL TABLE words USING fts5(name, content='t', content_rowid='id');"
      "CREATE TRIGGER feed AFTER INSERT ON t BEGIN INSERT INTO words (rowid, name) VALUES (new.id, new.name); END");
  Result<SqlResult> result = execute("INSERT INTO t VALUES (3, 'three', 0)", {}, exactly(1));
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(query("SELECT rowid FROM words WHERE words MATCH 'three'")->row_count, 1);
}

// --- check ----------------------------------------------------------------------------------------------------------

TEST_F(Sqlite, ASoundDatabaseIsIntact) {
  for (CheckKind kind : {CheckKind::integrity, CheckKind::quick}) {
    Result<CheckResult> result = sql_.check(connection_, kind, {}, {});
    ASSERT_TRUE(result);
    EXPECT_TRUE(result->intact);
    EXPECT_TRUE(result->problems.empty());
  }
}

TEST_F(Sqlite, AMissingDamagedOrForeignFileIsAResultAndStaysAsItIs) {
  auto check = [&](const std::string& name) {
    return sql_.check({"", "sqlite", Map{{"path", directory_.path() + "/" + name}}}, CheckKind::integrity, {}, {});
  };
  Result<CheckResult> missing = check("none.db");
  ASSERT_TRUE(missing);
  EXPECT_FALSE(missing->intact);
  EXPECT_EQ(missing->problems, std::vector<std::string>{"missing"});

  std::ofstream(directory_.path() + "/foreign.db") << std::string(40960, 'x');
  std::ofstream(directory_.path() + "/foreign.db-wal") << "stale";
  EXPECT_EQ(check("foreign.db")->problems, std::vector<std::string>{"not a database"});
  EXPECT_EQ(bytes(directory_.path() + "/foreign.db-wal"), "stale");

  std::ofstream(directory_.path() + "/empty.db") << "";
  EXPECT_EQ(check("empty.db")->problems, std::vector<std::string>{"empty file"});
  EXPECT_EQ(check("")->problems, std::vector<std::string>{"not a file"});

  run("CREATE TABLE big (id INTEGER PRIMARY KEY, x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
      "WHERE i < 500) "
      "INSERT INTO big SELECT i, printf('%.*c', 300, 'x') FROM n");
  std::string damaged = bytes(path_);
  for (size_t at = damaged.size() / 2; at < damaged.size() / 2 + 5000; ++at) damaged[at] = '\x5a';
  std::ofstream(directory_.path() + "/damaged.db", std::ios::binary) << damaged;
  Result<CheckResult> result = check("damaged.db");
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_FALSE(result->intact);
  EXPECT_FALSE(result->problems.empty());
  EXPECT_LE(result->problems.size(), 20u);
  EXPECT_EQ(bytes(directory_.path() + "/damaged.db"), damaged);
  std::ofstream(directory_.path() + "/cut.db", std::ios::binary) << damaged.substr(0, 10'000);
  EXPECT_FALSE(check("cut.db")->intact);
}

TEST_F(Sqlite, AFolderThatCannotBeReachedIsAnError) {
  Connection astray{"app", "sqlite", Map{{"path", directory_.path() + "/none/app.db"}}};
  Result<CheckResult> result = sql_.check(astray, CheckKind::quick, {}, {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::unreachable);
}

TEST_F(Sqlite, AnInterruptedCheckIsNoResult) {
  std::stop_source stop;
  stop.request_stop();
  Result<CheckResult> result = sql_.check(connection_, CheckKind::integrity, {}, stop.get_token());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::interrupted);
}

// As somebody who may only read there; root may write everywhere, so it becomes nobody first.
int in_a_read_only_folder(const std::string& folder, const std::function<int()>& test) {
  ::chmod(folder.c_str(), 0555);
  pid_t child = ::fork();
  if (child == 0) {
    if (::geteuid() == 0 && (::setgid(65534) != 0 || ::setuid(65534) != 0)) ::_exit(99);
    ::_exit(test());
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ::chmod(folder.c_str(), 0755);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST_F(Sqlite, AWalDatabaseInAReadOnlyFolderCanBeReadWhenItsLogIsEmpty) {
  run("PRAGMA journal_mode = WAL; INSERT INTO t VALUES (3, 'three', 3)");
  ASSERT_FALSE(fs::exists(path_ + "-wal"));
  ::chmod(path_.c_str(), 0444);
  EXPECT_EQ(in_a_read_only_folder(directory_.path(),
                                  [&] {
                                    Result<CheckResult> checked = sql_.check(connection_, CheckKind::integrity, {}, {});
                                    if (!checked) return 1;
                                    if (!checked->intact) return 2;
                                    return count() == 3 ? 0 : 3;
                                  }),
            0);
}

TEST_F(Sqlite, AWalDatabaseInAReadOnlyFolderIsAnErrorWhenItsLogHasContent) {
  run("PRAGMA journal_mode = WAL");
  std::string main_file, log;
  {
    OtherProcess writer(path_, "PRAGMA wal_autocheckpoint = 0; DELETE FROM t");
    ASSERT_TRUE(writer.is_ready);
    main_file = bytes(path_);
    log = bytes(path_ + "-wal");
  }
  ASSERT_FALSE(log.empty());
  fs::create_directory(directory_.path() + "/copy");
  std::string copy = directory_.path() + "/copy/app.db";
  std::ofstream(copy, std::ios::binary) << main_file;
  std::ofstream(copy + "-wal", std::ios::binary) << log;
  ::chmod(directory_.path().c_str(), 0755);
  Connection there{"app", "sqlite", Map{{"path", copy}}};
  EXPECT_EQ(in_a_read_only_folder(directory_.path() + "/copy",
                                  [&] {
                                    Result<CheckResult> checked = sql_.check(there, CheckKind::integrity, {}, {});
                                    if (checked) return 1;  // its two rows would be the old ones
                                    return checked.error().effect == Certainty::no_effect &&
                                                   checked.error().code == ErrorCode::refused
                                               ? 0
                                               : 2;
                                  }),
            0);
}

TEST_F(Sqlite, AFileWithoutRightsToReadIsRefused) {
  ::chmod(path_.c_str(), 0000);
  EXPECT_EQ(in_a_read_only_folder(directory_.path(),
                                  [&] {
                                    Result<CheckResult> checked = sql_.check(connection_, CheckKind::integrity, {}, {});
                                    return !checked && checked.error().code == ErrorCode::refused ? 0 : 1;
                                  }),
            0);
}

// --- locks and folding ----------------------------------------------------------------------------------------------

TEST_F(Sqlite, KnowsWhetherAnotherConnectionHoldsALock) {
  EXPECT_FALSE(*sql_.is_locked(connection_));
  {
    OtherProcess writer(path_, "BEGIN IMMEDIATE");
    ASSERT_TRUE(writer.is_ready);
    EXPECT_TRUE(*sql_.is_locked(connection_));
  }
  EXPECT_FALSE(*sql_.is_locked(connection_));
  run("PRAGMA journal_mode = WAL");
  OtherProcess idle(path_, "SELECT * FROM t");
  ASSERT_TRUE(idle.is_ready);
  EXPECT_TRUE(*sql_.is_locked(connection_)) << "in WAL mode an idle connection keeps its lock";
  EXPECT_FALSE(*sql_.is_locked({"", "sqlite", Map{{"path", directory_.path() + "/none.db"}}}));
}

// Closing the descriptor that asks would drop the lock that SQLite has through another one.
TEST_F(Sqlite, AskingForLocksDropsNoneOfOurOwn) {
  std::stop_source stop;
  int pipe_ends[2];
  ASSERT_EQ(::pipe(pipe_ends), 0);
  SqliteUses uses;
  uses.begin();
  UniqueFd probe(::open(path_.c_str(), O_RDONLY | O_CLOEXEC));
  int number = probe.get();
  uses.close(std::move(probe));
  EXPECT_NE(::fcntl(number, F_GETFD), -1) << "kept while a database is open";
  uses.end();
  EXPECT_EQ(::fcntl(number, F_GETFD), -1) << "closed with the last one";
  ::close(pipe_ends[0]);
  ::close(pipe_ends[1]);
}

TEST_F(Sqlite, FoldsALogIntoOneFile) {
  run("PRAGMA journal_mode = WAL");
  std::string main_file, log;
  {
    OtherProcess writer(path_, "PRAGMA wal_autocheckpoint = 0; INSERT INTO t VALUES (3, 'three', 3)");
    ASSERT_TRUE(writer.is_ready);
    main_file = bytes(path_);
    log = bytes(path_ + "-wal");
    Result<void> busy = sql_.fold(connection_, {});
    ASSERT_FALSE(busy);
    EXPECT_EQ(busy.error().code, ErrorCode::busy);
  }
  std::string copy = directory_.path() + "/copy.db";
  std::ofstream(copy, std::ios::binary) << main_file;
  std::ofstream(copy + "-wal", std::ios::binary) << log;
  Result<void> folded = sql_.fold({"", "sqlite", Map{{"path", copy}}}, {});
  ASSERT_TRUE(folded) << folded.error().message;
  EXPECT_FALSE(fs::exists(copy + "-wal"));
  EXPECT_FALSE(fs::exists(copy + "-shm"));
  EXPECT_EQ(bytes(copy)[18], 1) << "no longer in WAL mode";
  EXPECT_EQ(sql_.query({"", "sqlite", Map{{"path", copy}}}, {"SELECT * FROM t", {}, {}}, {}, {})->row_count, 3);
}

TEST_F(Sqlite, FoldsNothingWhereThereIsNoDatabase) {
  EXPECT_TRUE(sql_.fold({"", "sqlite", Map{{"path", directory_.path() + "/none.db"}}}, {}));
  std::ofstream(directory_.path() + "/foreign.db") << std::string(4096, 'x');
  EXPECT_TRUE(sql_.fold({"", "sqlite", Map{{"path", directory_.path() + "/foreign.db"}}}, {}));
  EXPECT_EQ(bytes(directory_.path() + "/foreign.db"), std::string(4096, 'x'));
}

// --- trial ----------------------------------------------------------------------------------------------------------

TEST_F(Sqlite, ATrialInAWalDatabaseCountsAndLeavesEveryByteAsItWas) {
  run("PRAGMA journal_mode = WAL");
  OtherProcess service(path_, "PRAGMA wal_autocheckpoint = 0; INSERT INTO t VALUES (3, 'three', 3)");
  ASSERT_TRUE(service.is_ready);
  std::string main_file = bytes(path_), log = bytes(path_ + "-wal");
  Result<TrialResult> result = trial_.attempt(
      connection_, {"DELETE FROM t WHERE id > :from; CREATE TABLE u AS SELECT * FROM t", {{"from", 1}}, {}}, 1, {}, {});
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->result.changes, 2);
  ASSERT_EQ(result->sample_before.size(), 1u);
  EXPECT_EQ(result->sample_before[0].at("name").get<std::string>(), "two");
  EXPECT_EQ(result->sample_before[0].at("id").get<int64_t>(), 2);
  EXPECT_EQ(bytes(path_), main_file);
  EXPECT_EQ(bytes(path_ + "-wal"), log);
  EXPECT_EQ(count(), 3);
}

TEST_F(Sqlite, ATrialOfAnUpdateShowsRowsBeforeAndAfter) {
  run("PRAGMA journal_mode = WAL; CREATE TABLE c (id INTEGER PRIMARY KEY, a, twice AS (a * 2) VIRTUAL, b); INSERT INTO "
      "c (a, b) VALUES (1, 'b')");
  Result<TrialResult> result = trial_.attempt(connection_, {"UPDATE c SET a = 5", {}, {}}, 5, {}, {});
  ASSERT_TRUE(result) << result.error().message;
  ASSERT_EQ(result->sample_before.size(), 1u);
  ASSERT_EQ(result->sample_after.size(), 1u);
  EXPECT_EQ(result->sample_before[0].at("a").get<int64_t>(), 1);
  EXPECT_EQ(result->sample_after[0].at("a").get<int64_t>(), 5);
  EXPECT_EQ(result->sample_after[0].at("b").get<std::string>(), "b");
}

TEST_F(Sqlite, ATrialWithARollbackJournalHappensOnACopy) {
  std::string before = bytes(path_);
  struct stat old {
  }, now{};
  ::stat(path_.c_str(), &old);
  Result<TrialResult> result = trial_.attempt(connection_, {"DELETE FROM t", {}, {}}, 5, {}, {});
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->result.changes, 2);
  EXPECT_EQ(result->sample_before.size(), 2u);
  ::stat(path_.c_str(), &now);
  EXPECT_EQ(bytes(path_), before);
  EXPECT_EQ(old.st_mtim.tv_nsec, now.st_mtim.tv_nsec);
  EXPECT_EQ(old.st_ino, now.st_ino);
}

TEST_F(Sqlite, ATrialRefusesACopyThatWouldBeTooLarge) {
  // A sparse file whose header counts 300 MB of pages.
  fs::resize_file(path_, 75'000 * 4096);
  std::fstream file(path_, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(28);
  file.write("\x00\x01\x24\xf8", 4);
  file.close();
  Result<TrialResult> result = trial_.attempt(connection_, {"DELETE FROM t", {}, {}}, 5, {}, {});
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::refused);
  EXPECT_NE(result.error().message.find("WAL"), std::string::npos);
}

TEST_F(Sqlite, ATrialCannotBeMadeToStay) {
  for (bool is_wal : {false, true}) {
    if (is_wal) run("PRAGMA journal_mode = WAL");
    for (const char* text :
         {"DELETE FROM t; COMMIT", "DELETE FROM t; END", "COMMIT; DELETE FROM t", "ROLLBACK; DELETE FROM t",
          "SAVEPOINT s; DELETE FROM t; RELEASE s", "ATTACH 'x.db' AS x", "PRAGMA user_version = 9",
          "PRAGMA journal_mode = DELETE", "VACUUM", "VACUUM INTO 'x.db'", "PRAGMA wal_checkpoint(TRUNCATE)"}) {
      EXPECT_FALSE(trial_.attempt(connection_, {text, {}, {}}, 5, {}, {})) << text;
      EXPECT_EQ(count(), 2) << text;
    }
    Result<TrialResult> rolled = trial_.attempt(
        connection_, {"DELETE FROM t; INSERT OR ROLLBACK INTO t VALUES (1, '', 0), (1, '', 0); DELETE FROM t", {}, {}},
        5, {}, {});
    EXPECT_FALSE(rolled);
    EXPECT_EQ(count(), 2);
    EXPECT_TRUE(trial_.attempt(connection_, {"DELETE FROM t", {}, {}}, 5, {}, {}));
    EXPECT_EQ(count(), 2);
  }
  EXPECT_EQ(query("PRAGMA user_version")->rows[0].at("user_version").get<int64_t>(), 0);
}

TEST_F(Sqlite, ATrialOfALockedDatabaseIsBusy) {
  run("PRAGMA journal_mode = WAL");
  OtherProcess writer(path_, "BEGIN IMMEDIATE");
  ASSERT_TRUE(writer.is_ready);
  SqlLimits limits;
  limits.timeout = Duration::milliseconds(40);
  EXPECT_EQ(trial_.attempt(connection_, {"DELETE FROM t", {}, {}}, 5, limits, {}).error().code, ErrorCode::busy);
}

}  // namespace
}  // namespace muster
