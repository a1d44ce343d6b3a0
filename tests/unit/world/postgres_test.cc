// SQL on a real PostgreSQL server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <optional>
#include <thread>

#include "interpreter/base/json.h"
#include "interpreter/world/real_scratch.h"
#include "interpreter/world/real_sql.h"
#include "tests/world/postgres_server.h"
#include "tests/world/temp_directory.h"

namespace muster {
namespace {

using ::testing::HasSubstr;

// Before anything of this program has used a database.
bool maps_libpq() {
  std::ifstream maps("/proc/self/maps");
  std::string text{std::istreambuf_iterator<char>(maps), {}};
  return text.find("libpq") != std::string::npos;
}
const bool mapped_at_start = maps_libpq();

class PostgresTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(server_.problem(), "");
    database_ = server_.new_database();
    connection_ = server_.connection(database_);
    ASSERT_TRUE(
        execute("CREATE TABLE t (id integer PRIMARY KEY, name text, at timestamptz);\n"
                "INSERT INTO t VALUES (1, 'ada', '2026-01-15T10:00:00Z'), (2, 'bob', NULL)"));
  }
  Result<SqlResult> query(const std::string& text, Map bind = {}, SqlLimits limits = {}) {
    return sql_.query(connection_, {text, std::move(bind), {}}, limits, stop_.get_token());
  }
  Result<SqlResult> execute(const std::string& text, Map bind = {}, ExecuteOptions options = {}) {
    return sql_.execute(connection_, {text, std::move(bind), {}}, options, stop_.get_token());
  }
  std::string psql(const std::string& text) { return server_.psql(database_, text); }
  std::string count() { return psql("SELECT count(*) FROM t"); }

  PostgresServer& server_ = PostgresServer::shared();
  std::string database_;
  Connection connection_;
  RealSql sql_;
  TempDirectory directory_;
  RealScratch scratch_{directory_.path()};
  RealSqlTrial trial_{sql_, scratch_};
  std::stop_source stop_;
};
using Postgres = PostgresTest;

TEST(PostgresLibrary, IsNotLoadedBeforeItIsUsed) { EXPECT_FALSE(mapped_at_start); }

TEST_F(Postgres, GivesValuesOfTheirTypes) {
  Result<SqlResult> result = query(
      "SELECT 7 AS i, 7::bigint AS l, 1.5::float8 AS f, 2.50::numeric AS n, 3::numeric AS w, true AS b, 'x' AS t, "
      "NULL::text AS z, '2026-01-15T10:00:00Z'::timestamptz AS at, '2026-01-15'::date AS d, '\\xff00'::bytea AS y, "
      "'{\"a\": 1}'::jsonb AS j, 12345678901234567890.5::numeric AS big, 'infinity'::timestamptz AS ever");
  ASSERT_TRUE(result) << result.error().message;
  const Map& row = result->rows.at(0);
  EXPECT_EQ(print_json(Value(row)),
            R"({"at":"2026-01-15T10:00:00Z","b":true,"big":"12345678901234567890.5","d":"2026-01-15",)"
            R"("ever":"infinity","f":1.5,"i":7,"j":"{\"a\": 1}","l":7,"n":2.5,"t":"x","w":3,"y":"ff00","z":null})");
  EXPECT_TRUE(row.at("at").is<Timestamp>());
  EXPECT_EQ(result->columns.front(), "i") << "in the order of the statement";
}

TEST_F(Postgres, TakesValuesOfTheirTypes) {
  Map bind{{"i", 5},
           {"l", int64_t{1} << 40},
           {"f", 0.5},
           {"b", true},
           {"t", "it's"},
           {"z", Null{}},
           {"d", Duration::seconds(90)},
           {"at", *parse_timestamp("2026-02-01T00:00:00Z")},
           {"s", Secret("token", "hush")}};
  Result<SqlResult> result = query(
      "SELECT :i + 1 AS i, :l AS l, :f AS f, :b AS b, :t::text AS t, :z::text AS z, :d AS d, "
      ":at::timestamptz AS at, :s::text AS s, :i + :i AS twice",
      bind);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(print_json(Value(result->rows[0])),
            R"({"at":"2026-02-01T00:00:00Z","b":true,"d":90,"f":0.5,"i":6,"l":1099511627776,"s":"hush","t":"it's",)"
            R"("twice":10,"z":null})");
  EXPECT_EQ(query("SELECT make_date(:y, 2, 3)::text AS d", {{"y", 2026}})->rows[0].at("d").get<std::string>(),
            "2026-02-03")
      << "a whole number has the type of the literal";
}

TEST_F(Postgres, AnErrorNamesItsLineAndColumn) {
  Result<SqlResult> result = query("SELECT 1;\n\nSELECT *\n  FROM nowhere");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::failed);
  EXPECT_EQ(result.error().message, "line 4, column 8: relation \"nowhere\" does not exist");
  // Columns are those of the text as its author wrote it, whatever was filled in.
  Result<SqlResult> filled = sql_.query(
      connection_, {"SELECT :\"column\", :v::int, oops FROM t", {{"v", 1}}, {{"column", "a_very_long_name_indeed"}}},
      {}, {});
  ASSERT_FALSE(filled);
  EXPECT_EQ(filled.error().message.substr(0, 24), "line 1, column 8: column");
  EXPECT_EQ(query("SELECT 'ä', oops").error().message, "line 1, column 13: column \"oops\" does not exist");
}

TEST_F(Postgres, B44LocksDeadlocksAndSerializationFailuresHadNoEffect) {
  auto session = [&] { return std::move(*sql_.open_to_write(connection_, {}, {})); };
  auto update = [](SqlSession& by, int row, const char* name) {
    return by.run({"UPDATE t SET name = :name WHERE id = :id", {{"name", name}, {"id", row}}, {}});
  };
  {  // Deadlock: each waits for the other's row.
    std::unique_ptr<SqlSession> one = session(), two = session();
    ASSERT_TRUE(one->begin() && two->begin() && update(*one, 1, "one") && update(*two, 2, "two"));
    std::optional<Result<int64_t>> first;
    std::jthread other([&] {
      first = update(*one, 2, "one");
      if (!*first) one->roll_back();
    });
    Result<int64_t> second = update(*two, 1, "two");
    if (!second) two->roll_back();
    other.join();
    ASSERT_NE(first->has_value(), second.has_value()) << "one of them is the victim";
    EXPECT_EQ((second ? first->error() : second.error()).code, ErrorCode::busy);
  }
  EXPECT_EQ(psql("SELECT string_agg(name, ',' ORDER BY id) FROM t"), "ada,bob");
  {  // A lock that is not given.
    std::unique_ptr<SqlSession> holder = session();
    ASSERT_TRUE(holder->begin() && holder->run({"LOCK TABLE t", {}, {}}));
    EXPECT_TRUE(*sql_.is_locked(connection_));
    Result<SqlResult> impatient = execute("SET lock_timeout = '50ms'; UPDATE t SET name = 'late'");
    ASSERT_FALSE(impatient);
    EXPECT_EQ(impatient.error().code, ErrorCode::busy);
    EXPECT_EQ(impatient.error().effect, Certainty::no_effect);
    ExecuteOptions quick;
    quick.limits.timeout = Duration::milliseconds(500);
    Result<SqlResult> waited = execute("UPDATE t SET name = 'late'", {}, quick);
    ASSERT_FALSE(waited);
    EXPECT_EQ(waited.error().code, ErrorCode::timeout);
    EXPECT_EQ(waited.error().effect, Certainty::no_effect);
  }
  {  // Serialization: the snapshot is older than what another one has committed.
    std::unique_ptr<SqlSession> serial = session();
    ASSERT_TRUE(serial->run({"SET default_transaction_isolation = 'serializable'", {}, {}}) && serial->begin());
    ASSERT_TRUE(serial->run({"SELECT sum(id) FROM t", {}, {}}));
    psql("UPDATE t SET name = 'between' WHERE id = 1");
    Result<int64_t> late = update(*serial, 1, "serial");
    ASSERT_FALSE(late);
    EXPECT_EQ(late.error().code, ErrorCode::busy) << late.error().message;
  }
  EXPECT_EQ(psql("SELECT name FROM t WHERE id = 1"), "between");
}

TEST_F(Postgres, B45TheMarkerRowDecidesWhetherACommitHappened) {
  ExecuteOptions options;
  options.marker = SqlMarker{"run-1", "phase/step", 1};
  EXPECT_FALSE(*sql_.has_marker(connection_, *options.marker, {}, {})) << "without a table";
  ASSERT_TRUE(execute("DELETE FROM t WHERE id = 1", {}, options));
  EXPECT_TRUE(*sql_.has_marker(connection_, *options.marker, {}, {}));
  EXPECT_FALSE(*sql_.has_marker(connection_, {"run-1", "phase/step", 2}, {}, {}));
  // A second worker of the same attempt is refused, and leaves nothing.
  Result<SqlResult> again = execute("DELETE FROM t WHERE id = 2", {}, options);
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, ErrorCode::refused);
  EXPECT_EQ(again.error().effect, Certainty::no_effect);
  EXPECT_EQ(count(), "1");
  // A later attempt shuts the door behind the earlier ones.
  options.marker->attempt = 3;
  ASSERT_TRUE(execute("UPDATE t SET name = 'c'", {}, options));
  options.marker->attempt = 2;
  EXPECT_FALSE(execute("DELETE FROM t", {}, options));
  EXPECT_FALSE(*sql_.has_marker(connection_, *options.marker, {}, {}));
}

TEST_F(Postgres, B45AMarkerIsAskedForOnlyOnceItsTransactionHasEnded) {
  // The worker is gone, its server process still at work: `false` would be a lie a moment later.
  SqlMarker marker{"run-1", "phase/slow", 1};
  std::unique_ptr<SqlSession> worker = std::move(*sql_.open_to_write(connection_, {}, {}));
  ASSERT_TRUE(worker->begin() && worker->mark(marker) && worker->run({"DELETE FROM t WHERE id = 1", {}, {}}));
  std::optional<Result<bool>> happened;
  std::jthread asker([&] { happened = sql_.has_marker(connection_, marker, {}, {}); });
  while (psql("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") != "1")
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  ASSERT_TRUE(worker->commit());
  asker.join();
  ASSERT_TRUE(happened->has_value()) << happened->error().message;
  EXPECT_TRUE(**happened);
}

TEST_F(Postgres, B45AServerKilledAtTheCommitLeavesNoDoubtBehind) {
  // A deferred trigger runs inside the COMMIT, and ends the server process that commits.
  psql(
      "CREATE FUNCTION die() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$ BEGIN "
      "PERFORM pg_terminate_backend(pg_backend_pid()); PERFORM pg_sleep(1); RETURN NULL; END $$;"
      "CREATE CONSTRAINT TRIGGER dies AFTER DELETE ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION "
      "die()");
  Result<SqlResult> unmarked = execute("DELETE FROM t WHERE id = 1");
  ASSERT_FALSE(unmarked);
  EXPECT_EQ(unmarked.error().code, ErrorCode::unreachable);
  EXPECT_EQ(unmarked.error().effect, Certainty::maybe) << "nobody has said what became of it";
  ExecuteOptions options;
  options.marker = SqlMarker{"run-1", "phase/step", 1};
  Result<SqlResult> marked = execute("DELETE FROM t WHERE id = 1", {}, options);
  ASSERT_FALSE(marked);
  EXPECT_EQ(marked.error().effect, Certainty::no_effect) << marked.error().message;
  EXPECT_EQ(count(), "2");
}

TEST_F(Postgres, AConnectionLostBeforeTheCommitHadNoEffect) {
  Result<SqlResult> lost = Result<SqlResult>(SqlResult{});
  std::jthread worker([&] { lost = execute("DELETE FROM t; SELECT pg_sleep(60)"); });
  while (psql("SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'") != "1")
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  psql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'app'");
  worker.join();
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, ErrorCode::unreachable);
  EXPECT_EQ(lost.error().effect, Certainty::no_effect);
  EXPECT_EQ(count(), "2");
}

TEST_F(Postgres, B46WhenASecondStatementFailsTheFirstIsTakenBack) {
  Result<SqlResult> result = execute("DELETE FROM t;\nINSERT INTO nowhere VALUES (1)");
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message.substr(0, 17), "line 2, column 13");
  EXPECT_EQ(result.error().effect, Certainty::no_effect);
  EXPECT_EQ(count(), "2");
  Result<SqlResult> vacuum = execute("VACUUM t");
  ASSERT_FALSE(vacuum);
  EXPECT_EQ(vacuum.error().hint, "`transaction: false` runs each statement by itself");
  ExecuteOptions by_itself;
  by_itself.transaction = false;
  EXPECT_TRUE(execute("VACUUM t; CREATE INDEX CONCURRENTLY by_name ON t (name)", {}, by_itself));
  Result<SqlResult> half = execute("DELETE FROM t WHERE id = 1; INSERT INTO nowhere VALUES (1)", {}, by_itself);
  ASSERT_FALSE(half);
  EXPECT_EQ(half.error().effect, Certainty::maybe);
  EXPECT_EQ(execute("SELECT 1; BEGIN; DELETE FROM t", {}, by_itself).error().code, ErrorCode::invalid);
  EXPECT_EQ(count(), "1");
}

TEST_F(Postgres, B46ChangesOutsideTheBoundsAreTakenBack) {
  ExecuteOptions options;
  options.expect_changes = {1, 1};
  Result<SqlResult> result = execute("DELETE FROM t", {}, options);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::violations);
  EXPECT_EQ(count(), "2");
  EXPECT_EQ(execute("DELETE FROM t WHERE id = 1", {}, options)->changes, 1);
}

TEST_F(Postgres, B47ValuesAreBoundAndNeverRead) {
  for (const char* nasty : {"'; DROP TABLE t; --", "$1", ":x", "\\'; --", "$$; DROP TABLE t; $$", "E'\\''"}) {
    Result<SqlResult> result = query("SELECT :v::text AS v, '$1' AS p", {{"v", nasty}});
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->rows[0].at("v").get<std::string>(), nasty);
    EXPECT_EQ(result->rows[0].at("p").get<std::string>(), "$1");
  }
  EXPECT_EQ(query("SELECT :v::text", {{"v", std::string("a\0b", 3)}}).error().code, ErrorCode::invalid);
  EXPECT_EQ(query("SELECT :v::text", {{"v", "\xff"}}).error().code, ErrorCode::invalid);
  std::string big(100 << 20, 'x');
  SqlLimits unhurried;
  unhurried.timeout = Duration{0};
  Result<SqlResult> result = query("SELECT length(:v::text) AS n", {{"v", big}}, unhurried);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->rows[0].at("n").get<int64_t>(), 100 << 20);
  EXPECT_EQ(
      sql_.execute(connection_, {"CREATE TABLE :\"t\" (a int)", {}, {{"t", "x\" (b int); DROP TABLE t; --"}}}, {}, {})
          .has_value(),
      true);
  EXPECT_EQ(count(), "2");
}

TEST_F(Postgres, B48AReadIsAReadWhateverItSays) {
  psql("CREATE TABLE seen (n int); GRANT ALL ON seen TO app");
  Connection super = server_.connection(database_, "postgres");  // whom the server itself would let do it
  std::string file = server_.socket_directory() + "/written";
  for (const std::string& text :
       std::vector<std::string>{"COPY t TO PROGRAM 'touch " + file + "'",
                                "COPY t TO '" + file + "'",
                                "SET TRANSACTION READ WRITE",
                                "SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE",
                                "SET transaction_read_only = off",
                                "SELECT set_config('transaction_read_only', 'off', false)",
                                "COMMIT",
                                "ROLLBACK; DELETE FROM t",
                                "SELECT 1; COMMIT; DELETE FROM t",
                                "BEGIN",
                                "DELETE FROM t",
                                "INSERT INTO seen VALUES (1)",
                                "WITH gone AS (DELETE FROM t RETURNING id) SELECT * FROM gone",
                                "EXPLAIN ANALYZE DELETE FROM t",
                                "SELECT pg_switch_wal()",
                                "SELECT lo_create(0)",
                                "SELECT lo_from_bytea(0, 'x')",
                                "NOTIFY x",
                                "SELECT pg_notify('x', 'y')",
                                "SELECT pg_reload_conf()",
                                "SELECT \"pg_reload_conf\"()",
                                "SELECT U&\"\\0070g_reload_conf\"()",
                                "SELECT pg_terminate_backend(0)",
                                "DO $$ BEGIN DELETE FROM t; END $$",
                                "CALL nothing()",
                                "CREATE TABLE x (a int)",
                                "CREATE TEMP TABLE x (a int)",
                                "SELECT * INTO x FROM t",
                                "VACUUM",
                                "ALTER SYSTEM SET work_mem = 1",
                                "LOCK TABLE t",
                                "SELECT query_to_xml('DELETE FROM t', true, true, '')",
                                "PREPARE p AS DELETE FROM t",
                                "EXECUTE p",
                                "LISTEN x",
                                "SELECT nextval('s')",
                                "SELECT setval('s', 9)",
                                "DECLARE c CURSOR FOR SELECT 1",
                                "LOAD 'auto_explain'",
                                "SELECT pg_catalog.lo_unlink(1)"}) {
    Result<SqlResult> result = sql_.query(super, {text, {}, {}}, {}, {});
    EXPECT_FALSE(result) << text;
    EXPECT_EQ(count(), "2") << text;
    // The server's own fence holds, too, where ours is not in the way.
    if (!result && result.error().code != ErrorCode::refused) {
      EXPECT_EQ(result.error().code, ErrorCode::failed) << text << ": " << result.error().message;
    }
  }
  EXPECT_FALSE(std::filesystem::exists(file));
  EXPECT_EQ(psql("SELECT count(*) FROM pg_largeobject_metadata"), "0");
  for (const char* text : {"SHOW work_mem", "VALUES (1), (2)", "TABLE t", "EXPLAIN SELECT * FROM t", "(SELECT 1)",
                           "WITH a AS (SELECT 1) SELECT * FROM a", "SELECT 'COPY t TO PROGRAM' -- COMMIT\n"}) {
    Result<SqlResult> result = query(text);
    EXPECT_TRUE(result) << text << ": " << result.error().message;
  }
}

TEST_F(Postgres, S24AWriteStaysWithinItsTransaction) {
  Connection super = server_.connection(database_, "postgres");
  for (const char* text :
       {"COPY t TO PROGRAM 'true'", "COMMIT", "ROLLBACK", "BEGIN", "END", "ABORT", "START TRANSACTION",
        "PREPARE TRANSACTION 'x'", "SET TRANSACTION READ ONLY", "DELETE FROM t; COMMIT"}) {
    Result<SqlResult> result = sql_.execute(super, {text, {}, {}}, {}, {});
    ASSERT_FALSE(result) << text;
    EXPECT_EQ(result.error().code, ErrorCode::refused) << text;
    EXPECT_EQ(result.error().effect, Certainty::no_effect) << text;
  }
  EXPECT_EQ(count(), "2");
  EXPECT_TRUE(execute("SAVEPOINT a; DELETE FROM t; ROLLBACK TO SAVEPOINT a; RELEASE a"));
  EXPECT_EQ(count(), "2");
}

TEST_F(Postgres, B49ALargeResultIsCountedAndCut) {
  SqlLimits limits;
  limits.max_rows = 100;
  Result<SqlResult> result = query("SELECT n, repeat('x', 50) AS t FROM generate_series(1, 1000000) AS n", {}, limits);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->rows.size(), 100u);
  EXPECT_EQ(result->row_count, 1'000'000);
  EXPECT_TRUE(result->truncated);
  limits.max_bytes = 1000;
  Result<SqlResult> huge = query("SELECT repeat('x', 50000000) AS t", {}, limits);
  ASSERT_TRUE(huge);
  EXPECT_TRUE(huge->truncated);
  EXPECT_TRUE(huge->rows.empty());
}

TEST_F(Postgres, B50TheServerKnowsWhoAsksAndEndsWhatIsLeftBehind) {
  SqlLimits limits;
  limits.timeout = Duration::seconds(20);
  Result<SqlResult> result = query(
      "SELECT current_setting('application_name') AS name, current_setting('statement_timeout') AS statement, "
      "current_setting('lock_timeout') AS lock, current_setting('idle_in_transaction_session_timeout') AS idle, "
      "current_setting('client_connection_check_interval') AS peer, current_setting('TimeZone') AS zone",
      {}, limits);
  ASSERT_TRUE(result) << result.error().message;
  const Map& row = result->rows[0];
  EXPECT_EQ(text_of(row, "name"), "run-1/phase/step");
  EXPECT_THAT(text_of(row, "statement"), ::testing::MatchesRegex("2[01][0-9]*ms|21s"));
  EXPECT_EQ(text_of(row, "lock"), "30s");
  EXPECT_EQ(text_of(row, "idle"), "1min");
  EXPECT_EQ(text_of(row, "peer"), "5s");
  EXPECT_EQ(text_of(row, "zone"), "UTC");
  connection_.label = std::string(40, 'r') + "/" + std::string(80, 'p') + "/the_end";
  std::string name = text_of(query("SELECT current_setting('application_name') AS name")->rows[0], "name");
  EXPECT_LE(name.size(), 63u);
  EXPECT_THAT(name, ::testing::EndsWith("/the_end"));
}

TEST_F(Postgres, AStopAndATimeOutCancelWhatTheServerDoes) {
  SqlLimits limits;
  limits.timeout = Duration::milliseconds(200);
  auto began = std::chrono::steady_clock::now();
  Result<SqlResult> slow = query("SELECT pg_sleep(30)", {}, limits);
  ASSERT_FALSE(slow);
  EXPECT_EQ(slow.error().code, ErrorCode::timeout) << slow.error().message;
  std::jthread stopper([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    stop_.request_stop();
  });
  Result<SqlResult> stopped = execute("DELETE FROM t; SELECT pg_sleep(30)");
  stopper.join();
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::interrupted);
  EXPECT_EQ(stopped.error().effect, Certainty::no_effect);
  EXPECT_LT(std::chrono::steady_clock::now() - began, std::chrono::seconds(25));
  EXPECT_EQ(psql("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state = 'active' AND "
                 "pid <> pg_backend_pid()"),
            "0");
  EXPECT_EQ(count(), "2");
}

TEST_F(Postgres, SaysWhyItCannotConnect) {
  auto ask = [&](const std::string& url) {
    Connection connection{"main", "postgres", Map{{"url", Secret("url", url)}}};
    return sql_.query(connection, {"SELECT 1", {}, {}}, {}, {});
  };
  EXPECT_EQ(ask("postgres://app@127.0.0.1:1/x").error().code, ErrorCode::unreachable);
  Result<SqlResult> wrong = ask(server_.tcp_url(database_, "app", "canary-password"));
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, ErrorCode::refused);
  EXPECT_EQ(wrong.error().message.find("canary"), std::string::npos) << wrong.error().message;
  EXPECT_EQ(ask(server_.tcp_url("nowhere", "app", "app-password")).error().code, ErrorCode::not_found);
  EXPECT_TRUE(ask(server_.tcp_url(database_, "app", "app-password")));
  Result<SqlResult> odd = ask("postgres://app:canary@[host/x");
  EXPECT_EQ(odd.error().code, ErrorCode::invalid);
  EXPECT_EQ(odd.error().message.find("canary"), std::string::npos);
  EXPECT_EQ(ask("http://x").error().code, ErrorCode::invalid);
  CheckResult missing = *sql_.check(server_.connection("nowhere"), CheckKind::quick, {}, {});
  EXPECT_FALSE(missing.intact);
  EXPECT_EQ(missing.problems, std::vector<std::string>{"missing"});
  EXPECT_TRUE(sql_.check(connection_, CheckKind::integrity, {}, {})->intact);
}

TEST_F(Postgres, ATrialCountsAndLeavesNothing) {
  Result<TrialResult> tried = trial_.attempt(connection_, {"DELETE FROM t WHERE id = :id", {{"id", 1}}, {}}, 5, {}, {});
  ASSERT_TRUE(tried) << tried.error().message;
  EXPECT_EQ(tried->result.changes, 1);
  EXPECT_EQ(count(), "2");
  for (const char* text : {"COMMIT", "TRUNCATE t", "DROP TABLE t", "DO $$ BEGIN END $$", "SELECT setval('s', 1)",
                           "NOTIFY x", "SAVEPOINT a", "SET work_mem = '1MB'"}) {
    Result<TrialResult> refused = trial_.attempt(connection_, {text, {}, {}}, 5, {}, {});
    ASSERT_FALSE(refused) << text;
    EXPECT_EQ(refused.error().code, ErrorCode::refused) << text;
  }
  psql("CREATE FUNCTION unknown_deed() RETURNS int LANGUAGE sql AS 'SELECT 1'");
  EXPECT_EQ(trial_.attempt(connection_, {"SELECT unknown_deed()", {}, {}}, 5, {}, {}).error().code, ErrorCode::refused);
  Result<TrialResult> as_super =
      trial_.attempt(server_.connection(database_, "postgres"), {"DELETE FROM t", {}, {}}, 5, {}, {});
  ASSERT_FALSE(as_super);
  EXPECT_EQ(as_super.error().code, ErrorCode::refused);
  EXPECT_EQ(count(), "2");
}

TEST_F(Postgres, ATrialShowsRowsAsTheyAreAndAsTheyWouldBe) {
  auto attempt = [&](const std::string& text, Map bind = {}, Map names = {}) {
    return trial_.attempt(connection_, {text, std::move(bind), std::move(names)}, 1, {}, {});
  };
  auto shown = [](const std::vector<Map>& rows) { return print_json(List(rows.begin(), rows.end())); };
  Result<TrialResult> updated =
      attempt("UPDATE ONLY t AS \"T\" SET name = upper(\"T\".name) WHERE id >= :id -- all of them", {{"id", 1}});
  ASSERT_TRUE(updated) << updated.error().message;
  EXPECT_EQ(updated->result.changes, 2);
  EXPECT_EQ(shown(updated->sample_before), R"([{"at":"2026-01-15T10:00:00+00:00","id":1,"name":"ada"}])");
  EXPECT_EQ(shown(updated->sample_after), R"([{"at":"2026-01-15T10:00:00+00:00","id":1,"name":"ADA"}])");
  Result<TrialResult> removed =
      attempt("DELETE FROM :\"t\" x USING t y WHERE x.id = y.id AND x.id = 2", {}, {{"t", "t"}});
  ASSERT_TRUE(removed) << removed.error().message;
  EXPECT_EQ(removed->result.changes, 1);
  EXPECT_EQ(shown(removed->sample_before), R"([{"at":null,"id":2,"name":"bob"}])");
  EXPECT_EQ(shown(removed->sample_after), "[]");
  // Both statements are tried one behind the other, and one that returns rows of its own is counted.
  Result<TrialResult> several = attempt(
      "INSERT INTO t (id, name) VALUES (3, 'cid'); UPDATE t SET name = 'x' WHERE id > 1; "
      "WITH old AS (SELECT 1 AS id) DELETE FROM t USING old WHERE t.id = old.id RETURNING t.id");
  ASSERT_TRUE(several) << several.error().message;
  EXPECT_EQ(several->result.changes, 4);
  EXPECT_EQ(shown(several->sample_after), R"([{"at":null,"id":3,"name":"cid"}])");
  Result<TrialResult> none = attempt("UPDATE t SET name = 'x' WHERE id = 77");
  ASSERT_TRUE(none) << none.error().message;
  EXPECT_EQ(none->result.changes, 0);
  Result<TrialResult> wrong = attempt("UPDATE t SET name = 'x';\n  UPDATE t SET id = 1");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().code, ErrorCode::failed);
  EXPECT_NE(wrong.error().message.find("line 2, column 3: "), std::string::npos) << wrong.error().message;
  EXPECT_NE(wrong.error().message.find("t_pkey"), std::string::npos) << wrong.error().message;
  EXPECT_EQ(psql("SELECT string_agg(name, ',' ORDER BY id) FROM t"), "ada,bob");
}

TEST_F(Postgres, ATrialDrawsNoNumberFromASequence) {
  ASSERT_TRUE(
      execute("CREATE TABLE serial (id serial PRIMARY KEY, v int); CREATE TABLE own (id int GENERATED ALWAYS AS "
              "IDENTITY, v int); CREATE SEQUENCE s; INSERT INTO serial (v) VALUES (1); INSERT INTO own (v) VALUES (1); "
              "SELECT nextval('s')"));
  for (const char* text : {"INSERT INTO serial (v) VALUES (:v)", "INSERT INTO own (v) SELECT :v::int FROM t",
                           "UPDATE t SET id = nextval('s') WHERE id > :v", "SELECT nextval('s'), :v::int"}) {
    Result<TrialResult> tried = trial_.attempt(connection_, {text, {{"v", 7}}, {}}, 5, {}, {});
    ASSERT_FALSE(tried) << text;
    EXPECT_EQ(tried.error().code, ErrorCode::refused) << text;
    EXPECT_NE(tried.error().message.find("it draws numbers from the sequence"), std::string::npos)
        << tried.error().message;
  }
  Result<TrialResult> given =
      trial_.attempt(connection_, {"INSERT INTO serial (id, v) VALUES (9, 9)", {}, {}}, 5, {}, {});
  EXPECT_TRUE(given) << given.error().message;
  EXPECT_EQ(psql("SELECT last_value FROM serial_id_seq UNION ALL SELECT last_value FROM own_id_seq UNION ALL SELECT "
                 "last_value FROM s"),
            "1\n1\n1");
}

TEST_F(Postgres, ASessionCopiesRowsInAndReadsThemBack) {
  Result<std::unique_ptr<SqlSession>> open = sql_.open_to_write(connection_, {}, {});
  ASSERT_TRUE(open) << open.error().message;
  SqlSession& session = **open;
  ASSERT_TRUE(session.begin());
  std::vector<Cells> rows;
  for (int64_t i = 10; i < 5010; ++i)
    rows.push_back({Value(i), Value("a\tb\\c\nd" + std::to_string(i)), Value(Null{})});
  Result<void> in = session.insert("\"t\"", {"id", "name", "at"}, rows);
  ASSERT_TRUE(in) << in.error().message;
  ASSERT_TRUE(session.commit());
  EXPECT_EQ(count(), "5002");
  int64_t n = 0;
  ASSERT_TRUE(session.each({"SELECT id, name FROM t WHERE id >= :from ORDER BY id", {{"from", 10}}, {}},
                           [&](const SqlRow& row) -> Result<void> {
                             EXPECT_EQ(row.text(1), "a\tb\\c\nd" + std::to_string(10 + n++));
                             return {};
                           }));
  EXPECT_EQ(n, 5000);
  ASSERT_TRUE(session.begin());
  Result<void> twice = session.insert("\"t\"", {"id"}, {{Value(10)}});
  ASSERT_FALSE(twice);
  session.roll_back();
  EXPECT_TRUE(session.run({"DELETE FROM t WHERE id = 10", {}, {}})) << "it goes on after an error";
}

}  // namespace
}  // namespace muster
