// Backups of rows of a table and restores of them, in SQLite and on a real PostgreSQL server.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>

#include "interpreter/base/json.h"
#include "tests/unit/steps/restore_world.h"
#include "tests/world/postgres_server.h"

namespace muster {
namespace {

using namespace restore_tests;  // NOLINT: the tests' own world
using testing::HasSubstr;
namespace fs = std::filesystem;

struct Rows : testing::TestWithParam<const char*> {
  Stage stage;
  std::string kept = stage.directory / "kept";
  Connection app;

  [[nodiscard]] bool is_postgres() const { return std::string_view(GetParam()) == "postgres"; }
  void SetUp() override {
    fs::create_directories(kept);
    if (is_postgres()) {
      PostgresServer& server = PostgresServer::shared();
      ASSERT_EQ(server.problem(), "");
      app = server.connection(server.new_database());
    } else {
      app = {"app", "sqlite", Map{{"path", stage.directory / "app.db"}}};
      execute(stage.directory / "app.db", "PRAGMA synchronous = OFF");
    }
    change("CREATE TABLE orders (id integer PRIMARY KEY, customer integer, name text, price " +
           std::string(is_postgres() ? "double precision" : "REAL") + ")");
    fill();
  }
  void change(const std::string& text) {
    RealSql sql;
    Result<SqlResult> done = sql.execute(app, {text, {}, {}}, {}, {});
    ASSERT_TRUE(done.has_value()) << text << ": " << done.error().message;
  }
  void fill() {
    change("DELETE FROM orders");
    change(
        "INSERT INTO orders VALUES (1, 7, 'a\tb''\\', 0.1), (2, 7, NULL, 1e300), (3, 7, '', -3), (4, 8, 'other', 5)");
  }
  std::string rows(const std::string& where = "true") {
    RealSql sql;
    Result<SqlResult> read = sql.query(app, {"SELECT * FROM orders WHERE " + where + " ORDER BY id", {}, {}}, {}, {});
    EXPECT_TRUE(read.has_value()) << (read ? "" : read.error().message);
    std::string out;
    if (read)
      for (const Map& row : read->rows) out += print_json(row) + "\n";
    return out;
  }
  [[nodiscard]] Map of(const std::string& where, int64_t customer = 7) const {
    Map connection = app.settings;
    connection["name"] = app.name;
    connection["kind"] = app.kind;
    Map map{{"connection", connection}, {"table", "orders"}};
    if (!where.empty()) map["where"] = where;
    if (where.find(":c") != std::string::npos) map["bind"] = Map{{"c", customer}};
    return {{"rows", map}};
  }
  StepOutput backed_up(const std::string& where = "customer = :c", Map more = {}) {
    more["source"] = of(where);
    more["to"] = kept;
    more["name"] = "orders";
    Result<StepOutput> done = stage.backup(more);
    EXPECT_TRUE(done.has_value()) << (done ? "" : done.error().message);
    ++stage.attempt;
    return done.value_or(StepOutput{});
  }
  [[nodiscard]] Map args(const StepOutput& backup, const std::string& where = "customer = :c") const {
    return {{"target", of(where)}, {"from", Map{{"artifact", text_of(backup.fields, "artifact")}}}};
  }
};

TEST_P(Rows, OfOneConditionComeBackAndOthersStay) {
  std::string before = rows();
  StepOutput backup = backed_up();
  EXPECT_EQ(to_text(*member(backup.fields, "records")), to_text(Value(Map{{"orders", 3}})));
  change("DELETE FROM orders WHERE id = 2");
  change("UPDATE orders SET name = 'changed'");
  change("INSERT INTO orders VALUES (9, 7, 'new', 1)");
  Result<StepOutput> done = stage.restore(args(backup));
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_EQ(rows("customer = 7"), before.substr(0, before.find("{\"customer\":8")));
  EXPECT_THAT(rows("customer = 8"), HasSubstr("changed"));
}

TEST_P(Rows, ARollbackBringsTheRowsThatWentBack) {
  StepOutput backup = backed_up();
  change("UPDATE orders SET name = 'changed'");
  std::string changed = rows();
  Result<StepOutput> done = stage.restore(args(backup));
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_NE(rows(), changed);
  Result<StepOutput> undone = stage.rollback(args(backup), *done);
  ASSERT_TRUE(undone.has_value()) << undone.error().message;
  EXPECT_EQ(rows(), changed);
}

// Its time was up behind the COMMIT.
TEST_P(Rows, ARollbackBringsThemBackAlsoWhereTheResultWasLost) {
  StepOutput backup = backed_up();
  change("UPDATE orders SET name = 'changed'");
  std::string changed = rows();
  ASSERT_TRUE(stage.restore(args(backup)).has_value());
  ASSERT_NE(rows(), changed);
  Result<StepOutput> undone = stage.rollback(args(backup), StepOutput{}, false, true);
  ASSERT_TRUE(undone.has_value()) << undone.error().message;
  EXPECT_EQ(rows(), changed);
}

// A kill left it in doubt, and a person said that it failed.
TEST_P(Rows, ARollbackAsksTheMarkerWhetherTheyWereReplaced) {
  StepOutput backup = backed_up();
  change("UPDATE orders SET name = 'changed'");
  std::string changed = rows();
  ASSERT_TRUE(stage.restore(args(backup)).has_value());
  forget(stage.directory / ("marks-" + std::to_string(stage.attempt)), "replace");
  Result<StepOutput> undone = stage.rollback(args(backup), StepOutput{}, false, true);
  ASSERT_TRUE(undone.has_value()) << undone.error().message;
  EXPECT_EQ(rows(), changed);
}

TEST_P(Rows, ThatWereNotReplacedAreLeftAloneByARollback) {
  StepOutput backup = backed_up();
  change("UPDATE orders SET name = 'changed'");
  std::string changed = rows();
  Result<StepOutput> done = stage.restore(args(backup, "customer = :c AND id < 3"));
  ASSERT_FALSE(done.has_value());
  Result<StepOutput> undone = stage.rollback(args(backup), StepOutput{}, false, true);
  ASSERT_TRUE(undone.has_value()) << undone.error().message;
  EXPECT_EQ(text_of(undone->fields, "file"), "orders");
  EXPECT_EQ(rows(), changed);
}

TEST_P(Rows, AllOfATableComeBackFromAnEncryptedArchive) {
  std::string before = rows();
  Value key = Secret("key", std::string(32, 'k'));
  StepOutput backup = backed_up("", {{"archive", Map{{"key", key}}}});
  change("DELETE FROM orders");
  Result<StepOutput> done =
      stage.restore({{"target", of("")}, {"from", Map{{"archive", text_of(backup.fields, "file")}, {"key", key}}}});
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_EQ(rows(), before);
}

TEST_P(Rows, ThatDoNotMeetTheConditionAreTakenBack) {
  StepOutput backup = backed_up();
  std::string before = rows();
  Result<StepOutput> done = stage.restore(args(backup, "customer = :c AND id < 3"));
  ASSERT_FALSE(done.has_value());
  EXPECT_EQ(done.error().effect, Certainty::no_effect);
  EXPECT_EQ(rows(), before);
}

TEST_P(Rows, OfAFileThatWasCutAreRefused) {
  std::string before = rows();
  StepOutput backup = backed_up();
  std::string file = text_of(backup.fields, "file"), text = bytes_of(file);
  fs::remove(file + ".meta.json");
  for (size_t left = 0; left < text.size(); left += 7) {
    write_bytes(file, text.substr(0, left));
    ++stage.attempt;
    Result<StepOutput> done = stage.restore({{"target", of("customer = :c")}, {"from", Map{{"file", file}}}});
    ASSERT_FALSE(done.has_value()) << left;
    EXPECT_EQ(done.error().code, ErrorCode::corrupt) << left << ": " << done.error().message;
  }
  EXPECT_EQ(rows(), before);
}

TEST_P(Rows, AConditionThatIsMoreThanOneIsRefused) {
  for (const char* where : {"true; DROP TABLE orders", "true) OR (true", "true) --"}) {
    Result<StepOutput> done = stage.backup({{"source", of(where)}, {"to", kept}, {"name", "orders"}});
    ASSERT_FALSE(done.has_value()) << where;
    EXPECT_EQ(done.error().code, ErrorCode::invalid) << where;
  }
}

TEST_P(Rows, APreviewCountsThem) {
  StepOutput backup = backed_up();
  Result<Preview> preview = stage.preview(args(backup));
  ASSERT_TRUE(preview.has_value()) << preview.error().message;
  EXPECT_EQ(to_text(*member(preview->facts, "rows")), "3");
}

// Bytes of any kind: none, a NUL, what is no UTF-8, and text that was stored as bytes.
TEST_P(Rows, WithBytesComeBackByteForByte) {
  if (is_postgres()) {
    change("ALTER TABLE orders ADD COLUMN picture bytea");
    change(
        "UPDATE orders SET picture = CASE id WHEN 1 THEN '\\xff00fe'::bytea WHEN 2 THEN ''::bytea WHEN 3 THEN 'text' "
        "END");
  } else {
    change("ALTER TABLE orders ADD COLUMN picture");
    change("UPDATE orders SET picture = CASE id WHEN 1 THEN x'ff00fe' WHEN 2 THEN x'' WHEN 3 THEN x'74657874' END");
  }
  const std::string what = is_postgres() ? "SELECT id, encode(picture, 'hex') AS h FROM orders ORDER BY id"
                                         : "SELECT id, typeof(picture) AS t, hex(picture) AS h FROM orders ORDER BY id";
  auto pictures = [&] {
    RealSql sql;
    Result<SqlResult> read = sql.query(app, {what, {}, {}}, {}, {});
    std::string out;
    if (read)
      for (const Map& row : read->rows) out += print_json(row) + "\n";
    return out;
  };
  const std::string before = pictures();
  EXPECT_THAT(before, HasSubstr(is_postgres() ? "ff00fe" : "FF00FE"));
  StepOutput backup = backed_up("customer = :c");
  change("UPDATE orders SET picture = NULL");
  Result<StepOutput> done = stage.restore(args(backup));
  ASSERT_TRUE(done.has_value()) << done.error().message;
  EXPECT_EQ(pictures(), before);
}

TEST_P(Rows, ARestoreKilledAnywhereIsFinishedWhenEnteredAgain) {
  std::string before = rows();
  StepOutput backup = backed_up();
  const char* every = std::getenv("MUSTER_CRASH_EVERY");
  int tried = 0;
  for (int n = 1;; n += every ? std::atoi(every) : 2) {
    fill();
    change("UPDATE orders SET name = 'changed' WHERE customer = 7");
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
      Map given = args(backup);
      StepInput input{
          given, run, op, stage.attempt, "key", {}, {}, marks, stage.no_actions, stage.progress, stage.no_streams,
          false};
      Touch ports = stage.touch();
      ::_exit(stage.action.act(input, ports).has_value() ? 0 : 3);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    ASSERT_TRUE(WIFEXITED(status)) << n;
    if (WEXITSTATUS(status) == 0) break;
    ASSERT_EQ(WEXITSTATUS(status), 9) << n;
    Result<StepOutput> done = stage.restore(args(backup), true);
    ASSERT_TRUE(done.has_value()) << n << ": " << done.error().message;
    EXPECT_EQ(rows(), before) << n;
    std::string aside = to_text(member(done->fields, "moved_aside")->get<List>().front());
    EXPECT_THAT(bytes_of(aside), HasSubstr("changed")) << n;
    ++tried;
  }
  EXPECT_GT(tried, 8);
}

INSTANTIATE_TEST_SUITE_P(Databases, Rows, testing::Values("sqlite", "postgres"));

}  // namespace
}  // namespace muster
