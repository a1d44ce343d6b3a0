// Backups of PostgreSQL databases and restores of them, on a real server and with its own programs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>

#include "interpreter/world/postgres_dump.h"
#include "interpreter/world/real_processes.h"
#include "steps/archive/manifest.h"
#include "steps/steps.h"
#include "tests/unit/steps/restore_world.h"
#include "tests/world/postgres_server.h"

namespace muster {
namespace {

using namespace restore_tests;  // NOLINT: the tests' own world
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;
namespace fs = std::filesystem;

constexpr const char* complete = "--\n-- PostgreSQL database dump complete\n--\n";

struct Postgres : testing::Test {
  PostgresServer& server = PostgresServer::shared();
  Stage stage;
  std::string kept = stage.directory / "kept";
  std::unique_ptr<RealProcesses> processes;
  std::string database;

  void SetUp() override {
    ASSERT_EQ(server.problem(), "");
    fs::create_directories(kept);
    processes = std::make_unique<RealProcesses>(
        ProcessSettings{MUSTER_BINARY_DIR "/muster-children",
                        stage.directory / "spool",
                        allowed_environment({{"PATH", "/usr/local/bin:/usr/bin:/bin"}, {"HOME", "/nowhere"}}),
                        {}});
    stage.processes = processes.get();
    server.psql("postgres", "ALTER ROLE app CREATEDB");
    database = server.new_database();
    fill();
  }
  void fill() const {
    server.psql(
        database,
        "CREATE TABLE orders (id integer PRIMARY KEY, name text, at timestamptz DEFAULT now());"
        "INSERT INTO orders SELECT i, E'n\\t\\\\' || i FROM generate_series(1, 500) AS i;"
        "CREATE SCHEMA audit; CREATE TABLE audit.log (entry jsonb);"
        "INSERT INTO audit.log VALUES ('{\"a\": \"b;c\"}');"
        "CREATE FUNCTION twice(i integer) RETURNS integer LANGUAGE sql BEGIN ATOMIC SELECT i; SELECT i * 2; END;"
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN RETURN NEW; END; $f$;"
        "CREATE TRIGGER noting BEFORE INSERT ON orders FOR EACH ROW EXECUTE FUNCTION note();"
        "SELECT lo_from_bytea(4711, 'large')",
        "app");
    server.psql("postgres", "ALTER DATABASE " + database + " SET work_mem = '5MB'; GRANT CONNECT ON DATABASE " +
                                database + " TO PUBLIC");
  }
  void kill_anywhere(const std::string& file, int step);
  [[nodiscard]] Map connection(const std::string& user = "app") const {
    return {{"name", "app"}, {"kind", "postgres"}, {"url", server.url(database, user)}};
  }
  [[nodiscard]] Map target(const std::string& user = "app") const { return {{"connection", connection(user)}}; }
  StepOutput backed_up(Map more = {}) {
    more["source"] = target();
    more["to"] = kept;
    more["name"] = "app";
    Result<StepOutput> done = stage.backup(more);
    EXPECT_TRUE(done.has_value()) << (done ? "" : done.error().message);
    ++stage.attempt;
    return done.value_or(StepOutput{});
  }
  Result<StepOutput> restored(const Map& from, Map more = {}) {
    more["target"] = more.contains("target") ? more["target"] : Value(target());
    more["from"] = from;
    ++stage.attempt;
    return stage.restore(more);
  }
  Error refused(const Map& from, Map more = {}) {
    std::vector<std::string> before = names_in(kept);
    std::string databases = all_databases();
    Result<StepOutput> done = restored(from, std::move(more));
    EXPECT_FALSE(done.has_value());
    EXPECT_EQ(all_databases(), databases);
    EXPECT_EQ(names_in(kept), before);
    if (!done) {
      EXPECT_EQ(done.error().effect, Certainty::no_effect) << done.error().message;
    }
    return done ? Error{} : done.error();
  }
  std::string write(const std::string& name, const std::string& text) {
    write_bytes(kept + "/" + name, text);
    return kept + "/" + name;
  }
  [[nodiscard]] std::string all_databases() const {
    return server.psql("postgres", "SELECT string_agg(datname || ' ' || oid, ',' ORDER BY datname) FROM pg_database");
  }
  [[nodiscard]] std::string rows(const std::string& table = "orders") const {
    return server.psql(database, "SELECT count(*) FROM " + table);
  }
  std::string dump(const std::string& options) {
    std::string file = kept + "/made";
    std::string command = "pg_dump " + options + " -f '" + file + "' -d '" + server.url(database) + "'";
    EXPECT_EQ(std::system(command.c_str()), 0);
    return file;
  }
};

TEST_F(Postgres, ABackupIsADumpWhoseRowsWereCounted) {
  StepOutput done = backed_up();
  std::string file = text_of(done.fields, "file");
  EXPECT_EQ(file, kept + "/app-20261122T000000Z.dump");
  EXPECT_THAT(bytes_of(file), StartsWith("PGDMP"));
  EXPECT_EQ(to_text(*member(done.fields, "records")), to_text(Value(Map{{"audit.log", 1}, {"orders", 500}})));
  Result<Manifest> manifest = parse_manifest(bytes_of(file + ".meta.json"));
  ASSERT_TRUE(manifest.has_value());
  EXPECT_EQ(manifest->kind, "postgres");
  EXPECT_THAT(names_in(kept), ElementsAre("app-20261122T000000Z.dump", "app-20261122T000000Z.dump.meta.json"));
}

TEST_F(Postgres, APasswordGoesInThroughTheEnvironmentOnly) {
  Map args{
      {"source", Map{{"connection", Map{{"name", "app"},
                                        {"kind", "postgres"},
                                        {"url", Secret("url", server.tcp_url(database, "app", "app-password"))}}}}},
      {"to", kept},
      {"name", "app"}};
  Result<StepOutput> done = stage.backup(args);
  EXPECT_TRUE(done.has_value()) << (done ? "" : done.error().message);
  for (const auto& entry : fs::recursive_directory_iterator(stage.directory.path()))
    if (entry.is_regular_file()) {
      EXPECT_THAT(bytes_of(entry.path()), Not(HasSubstr("app-password"))) << entry.path();
    }
}

TEST_F(Postgres, AWrongPasswordIsNotShown) {
  Map args{{"source", Map{{"connection", Map{{"name", "app"},
                                             {"kind", "postgres"},
                                             {"url", Secret("url", server.tcp_url(database, "app", "canary-4711"))}}}}},
           {"to", kept},
           {"name", "app"}};
  Result<StepOutput> done = stage.backup(args);
  ASSERT_FALSE(done.has_value());
  EXPECT_THAT(done.error().message + done.error().hint + done.error().cause, Not(HasSubstr("canary-4711")));
  EXPECT_EQ(done.error().effect, Certainty::no_effect);
}

TEST_F(Postgres, ARestoreBringsAllOfItBackAndKeepsTheOldDatabase) {
  StepOutput backup = backed_up();
  server.psql(database, "DELETE FROM orders WHERE id > 3; CREATE TABLE later (i integer)", "app");
  Result<StepOutput> done =
      restored({{"artifact", text_of(backup.fields, "artifact")}},
               {{"expect", Map{{"tables", List{"orders", "audit.log"}}, {"record_counts", "metadata"}}}});
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_EQ(rows(), "500");
  EXPECT_EQ(server.psql(database, "SELECT name FROM orders WHERE id = 7"), "n\t\\7");
  EXPECT_EQ(server.psql(database, "SELECT twice(4)"), "8");
  EXPECT_EQ(server.psql(database, "SELECT encode(lo_get(4711), 'escape')"), "large");
  EXPECT_EQ(server.psql(database, "SHOW work_mem"), "5MB");
  EXPECT_EQ(server.psql(database, "SELECT to_regclass('later') IS NULL"), "t");
  EXPECT_EQ(server.psql(database, "SELECT tableowner FROM pg_tables WHERE tablename = 'orders'"), "app");
  const Value& moved = *member(done->fields, "moved_aside");
  ASSERT_EQ(moved.get<List>().size(), 1u);
  EXPECT_EQ(server.psql(to_text(moved.get<List>().front()), "SELECT count(*) FROM orders"), "3");
}

TEST_F(Postgres, ARollbackGivesTheOldDatabaseItsNameBack) {
  StepOutput backup = backed_up();
  server.psql(database, "DELETE FROM orders", "app");
  Map args{{"target", target()}, {"from", Map{{"artifact", text_of(backup.fields, "artifact")}}}};
  ++stage.attempt;
  Result<StepOutput> done = stage.restore(args);
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_EQ(rows(), "500");
  Result<StepOutput> undone = stage.rollback(args, *done);
  ASSERT_TRUE(undone.has_value()) << undone.error().message;
  EXPECT_EQ(rows(), "0");
  std::string aside = to_text(member(undone->fields, "moved_aside")->get<List>().front());
  EXPECT_EQ(server.psql(aside, "SELECT count(*) FROM orders"), "500");
}

// Its time was up behind the switch, or a person said of the doubt that it failed.
TEST_F(Postgres, ARollbackGivesTheNameBackAlsoWhereTheResultWasLost) {
  StepOutput backup = backed_up();
  server.psql(database, "DELETE FROM orders", "app");
  Map args{{"target", target()}, {"from", Map{{"artifact", text_of(backup.fields, "artifact")}}}};
  ++stage.attempt;
  ASSERT_TRUE(stage.restore(args).has_value());
  forget(stage.directory / ("marks-" + std::to_string(stage.attempt)), "switch");
  Result<StepOutput> undone = stage.rollback(args, StepOutput{}, false, true);
  ASSERT_TRUE(undone.has_value()) << undone.error().message;
  EXPECT_EQ(rows(), "0");
  std::string aside = to_text(member(undone->fields, "moved_aside")->get<List>().front());
  EXPECT_EQ(server.psql(aside, "SELECT count(*) FROM orders"), "500");
}

TEST_F(Postgres, ARollbackOfARestoreThatMadeNoSwitchRemovesWhatItMade) {
  StepOutput backup = backed_up();
  server.psql(database, "DELETE FROM orders WHERE id > 3", "app");
  std::string before = all_databases();
  server.psql(database, "CREATE DATABASE " + database + "_new_r1", "app");
  FileMarks marks(stage.directory / "marks-1");
  for (const auto& [name, value] : Map{{"choose", Map{{"target", database},
                                                      {"incoming", database + "_new_r1"},
                                                      {"outgoing", database + "_before_r1"},
                                                      {"old", Null{}},
                                                      {"work", std::string(stage.directory / "work")}}},
                                       {"load", Map{{"oid", 1}}}})
    ASSERT_TRUE(marks.once(name, Effect::read, [&one = value]() -> Result<Value> { return one; }, {}).has_value());
  Map args{{"target", target()}, {"from", Map{{"artifact", text_of(backup.fields, "artifact")}}}};
  stage.attempt = 1;
  Result<StepOutput> undone = stage.rollback(args, StepOutput{}, false, true);
  ASSERT_TRUE(undone.has_value()) << undone.error().message;
  EXPECT_EQ(all_databases(), before);
  EXPECT_EQ(rows(), "3");
}

TEST_F(Postgres, WithoutKeepOldTheOldDatabaseGoes) {
  StepOutput backup = backed_up();
  Result<StepOutput> done = restored({{"artifact", text_of(backup.fields, "artifact")}}, {{"keep_old", false}});
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_THAT(member(done->fields, "moved_aside")->get<List>(), IsEmpty());
  EXPECT_THAT(all_databases(), Not(HasSubstr(database + "_before")));
  EXPECT_EQ(rows(), "500");
}

TEST_F(Postgres, AnEncryptedArchiveOfADumpComesBack) {
  Value key = Secret("key", std::string(32, 'k'));
  StepOutput backup = backed_up({{"archive", Map{{"key", key}}}});
  server.psql(database, "DROP TABLE orders", "app");
  Result<StepOutput> done = restored({{"archive", text_of(backup.fields, "file")}, {"key", key}});
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_EQ(rows(), "500");
}

TEST_F(Postgres, APlainDumpComesBackWithAndWithoutCopy) {
  for (const char* options : {"", "--inserts", "--clean --if-exists"}) {
    std::string file = dump(options);
    server.psql(database, "DELETE FROM orders", "app");
    Result<StepOutput> done = restored({{"dump", file}});
    ASSERT_TRUE(done.has_value()) << options << ": " << done.error().message;
    EXPECT_EQ(rows(), "500") << options;
    EXPECT_EQ(server.psql(database, "SELECT twice(4)"), "8") << options;
    fs::remove(file);
  }
}

TEST_F(Postgres, ADumpThatWasCutAnywhereIsRefused) {
  std::string file = dump(""), text = bytes_of(file);
  for (size_t part = 1; part < 20; ++part) {
    write_bytes(file, text.substr(0, text.size() * part / 20));
    EXPECT_EQ(refused({{"dump", file}}).code, ErrorCode::corrupt) << part;
  }
  size_t end = text.find("-- PostgreSQL database dump complete");
  write_bytes(file, text.substr(0, end));
  EXPECT_THAT(refused({{"dump", file}}).message, HasSubstr("does not end with the line"));
}

TEST_F(Postgres, ACustomDumpThatWasCutIsRefused) {
  std::string file = dump("-Fc"), text = bytes_of(file);
  for (size_t left : {text.size() - 1, text.size() / 2, size_t{200}, size_t{6}}) {
    write_bytes(file, text.substr(0, left));
    Error error = refused({{"dump", file}});
    EXPECT_EQ(error.code, ErrorCode::corrupt) << left << ": " << error.message;
  }
}

TEST_F(Postgres, CommandsOfPsqlAreRefusedBeforeAnythingRuns) {
  std::string witness = stage.directory / "witness";
  for (const std::string& line :
       {"\\! touch " + witness, "\\copy orders to program 'touch " + witness + "'", std::string("\\connect postgres"),
        std::string("\\i /etc/passwd"), std::string("\\gexec"), "\\restrict x \\! touch " + witness,
        "SELECT 1 \\g | touch " + witness}) {
    Error error = refused({{"dump", write("bad.sql", "CREATE TABLE x (i integer);\n" + line + "\n" + complete)}});
    EXPECT_EQ(error.code, ErrorCode::refused) << line << ": " << error.message;
    EXPECT_THAT(error.message, HasSubstr("line 2")) << line;
    fs::remove(kept + "/bad.sql");
  }
  EXPECT_FALSE(exists(witness));
}

TEST_F(Postgres, StatementsThatReachBeyondTheDatabaseAreRefused) {
  for (const char* line :
       {"COPY orders TO PROGRAM 'id';", "COPY orders FROM '/etc/passwd';", "ALTER SYSTEM SET work_mem = '1MB';",
        "CREATE ROLE x;", "DROP DATABASE postgres;", "SELECT pg_read_file('/etc/passwd');",
        "SELECT pg_catalog.pg_reload_conf();", "DO $$ BEGIN END $$;", "SET ROLE postgres;", "VACUUM;", "ROLLBACK;",
        "SET client_encoding = 'SJIS';", "SET standard_conforming_strings = off;",
        // These the server itself would carry out for any user.
        "SELECT pg_catalog.pg_notify('a', 'b');", "SELECT pg_catalog.pg_advisory_lock(1);",
        "SELECT pg_catalog.query_to_xml('SELECT 1', true, true, '');",
        "SELECT pg_catalog.set_config('a.b', pg_catalog.to_hex(1), false);"}) {
    Error error = refused({{"dump", write("bad.sql", std::string(line) + "\n" + complete)}});
    EXPECT_EQ(error.code, ErrorCode::refused) << line << ": " << error.message;
    fs::remove(kept + "/bad.sql");
  }
}

TEST_F(Postgres, AnErrorInTheMiddleLeavesTheTargetAsItWas) {
  std::string text = "CREATE TABLE a (i integer PRIMARY KEY);\nCOPY a (i) FROM stdin;\n1\n1\n\\.\n";
  Error error = refused({{"dump", write("bad.sql", text + complete)}});
  EXPECT_THAT(error.message, HasSubstr("line 2: "));
  EXPECT_THAT(error.message, HasSubstr("duplicate key"));
  EXPECT_EQ(rows(), "500");
}

TEST_F(Postgres, TheNextOlderDumpIsTakenWhereTheNewestIsDamaged) {
  StepOutput first = backed_up();
  stage.clock.at = stage.clock.at + Duration::seconds(60);
  server.psql(database, "DELETE FROM orders WHERE id > 10", "app");
  StepOutput second = backed_up();
  std::string newest = text_of(second.fields, "file");
  std::string bytes = bytes_of(newest);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  write_bytes(newest, bytes);
  Result<StepOutput> done = restored({{"newest", kept + "/app-*.dump"}});
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_EQ(rows(), "500");
  EXPECT_EQ(member(done->fields, "refused")->get<List>().size(), 1u);
}

TEST_F(Postgres, ADatabaseInUseIsNotReplaced) {
  StepOutput backup = backed_up();
  RealSql other;
  Result<std::unique_ptr<SqlSession>> session = other.open_to_read(server.connection(database), {}, {});
  ASSERT_TRUE(session.has_value());
  Error error = refused({{"artifact", text_of(backup.fields, "artifact")}});
  EXPECT_EQ(error.code, ErrorCode::target_in_use);
  EXPECT_THAT(error.message, HasSubstr("run-1/phase/step"));
}

TEST_F(Postgres, AUserWithoutTheRightToMakeDatabasesIsTold) {
  StepOutput backup = backed_up();
  server.psql("postgres", "ALTER ROLE app NOCREATEDB");
  Error error = refused({{"artifact", text_of(backup.fields, "artifact")}});
  server.psql("postgres", "ALTER ROLE app CREATEDB");
  EXPECT_EQ(error.code, ErrorCode::refused);
  EXPECT_THAT(error.hint, HasSubstr("CREATEDB"));
}

TEST_F(Postgres, WhatIsExpectedOfABackupIsAskedOfTheNewDatabase) {
  StepOutput backup = backed_up();
  Map from{{"artifact", text_of(backup.fields, "artifact")}};
  EXPECT_EQ(refused(from, {{"expect", Map{{"tables", List{"nowhere"}}}}}).code, ErrorCode::schema_mismatch);
  EXPECT_EQ(refused(from, {{"expect", Map{{"min_rows", Map{{"orders", 501}}}}}}).code, ErrorCode::schema_mismatch);
}

TEST_F(Postgres, AMissingDatabaseIsMade) {
  StepOutput backup = backed_up();
  server.psql("postgres", "DROP DATABASE " + database);
  Result<StepOutput> done = restored({{"artifact", text_of(backup.fields, "artifact")}});
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_EQ(rows(), "500");
  EXPECT_TRUE(same(*member(done->fields, "replaced"), false));
}

TEST_F(Postgres, APreviewTellsWhatWouldBeReplaced) {
  StepOutput backup = backed_up();
  Result<Preview> preview =
      stage.preview({{"target", target()}, {"from", Map{{"artifact", text_of(backup.fields, "artifact")}}}});
  ASSERT_TRUE(preview.has_value()) << preview.error().message;
  std::string lines;
  for (const std::string& line : preview->lines) lines += line + "\n";
  EXPECT_THAT(lines, HasSubstr("takes the name of the database `" + database + "`"));
}

// Killed between any two calls to the world or the journal, and entered again.
void Postgres::kill_anywhere(const std::string& file, int step) {
  server.psql(database, "DELETE FROM orders WHERE id > 3", "app");
  std::string model = database;
  int tried = 0;
  for (int n = 1;; n += step) {
    database = server.new_database();
    server.psql("postgres", "DROP DATABASE " + database);
    server.psql("postgres", "CREATE DATABASE " + database + " TEMPLATE " + model + " OWNER app");
    Map args{{"target", target()}, {"from", Map{{"dump", file}}}};
    ++stage.attempt;
    pid_t child = ::fork();
    if (child == 0) {
      std::atomic<int> calls{0};
      auto count = [&](std::string_view) -> std::optional<Error> {
        if (++calls == n) ::_exit(9);
        return std::nullopt;
      };
      stage.files.before = count;
      stage.sql.before = count;
      FileMarks marks(stage.directory / ("marks-" + std::to_string(stage.attempt)));
      marks.before_store = [&](std::string_view what) { (void)count(what); };
      OpId op{"replace/restored"};
      std::string run = "r1";
      StepInput input{
          args, run, op, stage.attempt, "key", {}, {}, marks, stage.no_actions, stage.progress, stage.no_streams,
          false};
      Touch ports = stage.touch();
      ::_exit(stage.action.act(input, ports).has_value() ? 0 : 3);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFEXITED(status)) << n;
    if (WEXITSTATUS(status) == 0) break;
    ASSERT_EQ(WEXITSTATUS(status), 9) << n;
    // Under the name there is a whole database at every moment, the old one or the new one.
    EXPECT_THAT(rows(), testing::AnyOf("3", "500")) << n;
    Result<StepOutput> done = stage.restore(args, true);
    ASSERT_TRUE(done.has_value()) << n << ": " << done.error().message;
    EXPECT_EQ(rows(), "500") << n;
    std::string aside = to_text(member(done->fields, "moved_aside")->get<List>().front());
    EXPECT_EQ(server.psql(aside, "SELECT count(*) FROM orders"), "3") << n;
    EXPECT_THAT(all_databases(), Not(HasSubstr(database + "_new"))) << n;
    server.psql("postgres", "DROP DATABASE " + aside);
    server.psql("postgres", "DROP DATABASE " + database);
    ++tried;
  }
  EXPECT_GT(tried, 40 / step);
  EXPECT_THAT(names_in(kept), ElementsAre("made"));
}

int every_call(int usual) {
  const char* every = std::getenv("MUSTER_CRASH_EVERY");
  return every ? std::atoi(every) : usual;
}

TEST_F(Postgres, ARestoreKilledAnywhereIsFinishedWhenEnteredAgain) { kill_anywhere(dump(""), every_call(4)); }

// pg_restore runs on where its interpreter is killed: the next attempt must not meet it.
TEST_F(Postgres, ARestoreOfACustomDumpKilledAnywhereIsFinishedWhenEnteredAgain) {
  kill_anywhere(dump("-Fc"), every_call(9));
}

}  // namespace
}  // namespace muster
