// The real program killed between an effect and its record, resumed, settled, cancelled and tried again.
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/file.h>

#include <filesystem>

#include "interpreter/base/unique_fd.h"
#include "tests/live/program.h"

namespace muster {
namespace {

// A connection of the application to its own database.
class Application {
 public:
  explicit Application(const std::string& path) { sqlite3_open(path.c_str(), &db_); }
  ~Application() { sqlite3_close(db_); }
  Application(const Application&) = delete;
  Application& operator=(const Application&) = delete;
  void execute(const char* text) {
    EXPECT_EQ(sqlite3_exec(db_, text, nullptr, nullptr, nullptr), SQLITE_OK) << text << ": " << sqlite3_errmsg(db_);
  }
  int number(const char* query) {
    sqlite3_stmt* statement = nullptr;
    EXPECT_EQ(sqlite3_prepare_v2(db_, query, -1, &statement, nullptr), SQLITE_OK) << sqlite3_errmsg(db_);
    int value = sqlite3_step(statement) == SQLITE_ROW ? sqlite3_column_int(statement, 0) : -1;
    sqlite3_finalize(statement);
    return value;
  }

 private:
  sqlite3* db_ = nullptr;
};

// Whether the process has the file open for writing.
bool writes_to(pid_t pid, const std::string& file) {
  const std::string process = "/proc/" + std::to_string(pid);
  std::error_code gone;
  for (const auto& fd : std::filesystem::directory_iterator(process + "/fd", gone)) {
    if (std::filesystem::read_symlink(fd.path(), gone) != file) continue;
    std::stringstream lines(read_text(process + "/fdinfo/" + fd.path().filename().string()));
    for (std::string name, value; lines >> name >> value;)
      if (name == "flags:" && (std::stoi(value, nullptr, 8) & O_ACCMODE) == O_RDWR) return true;
  }
  return false;
}

class Doubts : public ::testing::Test {
 protected:
  std::string playbook(const std::string& steps, const std::string& more = "") const {
    return home.write("p.muster.yaml", "muster: 1\nplaybook: p\nconnections:\n  app: {sqlite: " + home.path("app.db") +
                                           "}\nphases:\n  - id: only\n    steps:\n" + steps + more);
  }
  std::string log_of_last() { return home.muster({"audit", "last", "--output", "jsonl"}).out; }
  bool has_begun(const std::string& op) {
    std::stringstream lines(log_of_last());
    for (std::string line; std::getline(lines, line);)
      if (line.find("\"kind\":\"intent\"") != std::string::npos && line.find(op) != std::string::npos) return true;
    return false;
  }
  // A program under way, killed after its statements were committed and before it could record that they were; or, with
  // `before`, after it said what it is about to do and before it could begin.
  void kill_around_the_transaction(const std::string& file, bool before) {
    Application holder(home.path("app.db"));
    holder.execute("BEGIN IMMEDIATE");  // the step waits for this lock
    std::unique_ptr<Background> running = home.start({"run", file});
    ASSERT_TRUE(eventually([&] { return has_begun("only/insert"); })) << running->err();
    if (!before) {
      // Between the intent and the statements the program still needs its store.
      ASSERT_TRUE(eventually([&] { return writes_to(running->pid(), home.path("app.db")); })) << running->err();
      UniqueFd store(::open(home.path(".local/state/muster/muster.db.lock").c_str(), O_RDWR | O_CLOEXEC));
      ASSERT_TRUE(store);
      ASSERT_EQ(::flock(store.get(), LOCK_EX), 0);  // nothing is recorded from here on
      holder.execute("ROLLBACK");
      Application reader(home.path("app.db"));
      ASSERT_TRUE(eventually([&] { return reader.number("SELECT count(*) FROM users") == 1; })) << running->err();
      running->signal(SIGKILL);
      (void)running->wait();
      return;
    }
    running->signal(SIGKILL);
    (void)running->wait();
    holder.execute("ROLLBACK");
  }
  void make_database() const {
    Application maker(home.path("app.db"));
    maker.execute("PRAGMA journal_mode = WAL; CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT)");
  }
  std::string insert(const std::string& more) const {
    return "      - id: insert\n        sql: {connection: app, execute: \"INSERT INTO users (name) VALUES ('ada')\"" +
           more + "\n";
  }
  Home home;
};

TEST_F(Doubts, AreSettledByTheMarkerRowWhicheverSideOfTheCommitTheKillFellOn) {
  for (bool before : {true, false}) {
    SCOPED_TRACE(before ? "before the transaction" : "behind the commit");
    make_database();
    ASSERT_NO_FATAL_FAILURE(kill_around_the_transaction(playbook(insert(", marker_row: true}")), before));
    Ran resumed = home.muster({"resume", "last"});
    EXPECT_EQ(resumed.code, 0) << resumed.err;
    EXPECT_EQ(Application(home.path("app.db")).number("SELECT count(*) FROM users"), 1);
    for (const char* file : {"app.db", "app.db-wal", "app.db-shm"}) ::unlink(home.path(file).c_str());
  }
}

TEST_F(Doubts, AreSettledByDoneWhen) {
  make_database();
  const std::string done_when =
      "        done_when:\n          sql: {connection: app, query: SELECT count(*) AS n FROM users}\n"
      "          that: result.row.n == 1\n";
  ASSERT_NO_FATAL_FAILURE(kill_around_the_transaction(playbook(insert("}"), done_when), false));
  Ran resumed = home.muster({"resume", "last"});
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_EQ(Application(home.path("app.db")).number("SELECT count(*) FROM users"), 1);
  EXPECT_NE(home.muster({"report", "last"}).out.find("says that its effect is there"), std::string::npos);
  Ran again = home.muster({"run", home.path("p.muster.yaml")});
  EXPECT_EQ(again.code, 0) << again.err;
  EXPECT_NE(again.err.find("already_done"), std::string::npos) << again.err;
  EXPECT_EQ(Application(home.path("app.db")).number("SELECT count(*) FROM users"), 1);
}

TEST_F(Doubts, WithoutAnythingToSettleThemAskAPersonWhoIsRecorded) {
  make_database();
  ASSERT_NO_FATAL_FAILURE(kill_around_the_transaction(playbook(insert("}")), false));
  EXPECT_EQ(home.muster({"resume", "last"}).code, 6);
  EXPECT_EQ(home.muster({"resume", "last"}).code, 6) << "asking again changes nothing";
  EXPECT_EQ(home.muster({"resolve", "last", "insert", "--succeeded", "--reason", "the row is there"}).code, 0);
  EXPECT_EQ(home.muster({"resume", "last"}).code, 0);
  EXPECT_EQ(home.muster({"resume", "last"}).code, 0) << "an ended run answers with its ending's code";
  EXPECT_EQ(Application(home.path("app.db")).number("SELECT count(*) FROM users"), 1);
  const std::string report = home.muster({"report", "last"}).out;
  EXPECT_NE(report.find("settled it as succeeded: the row is there"), std::string::npos) << report;
  EXPECT_NE(report.find("taken over from"), std::string::npos) << report;
  EXPECT_NE(log_of_last().find("\"kind\":\"owned\""), std::string::npos);
}

TEST_F(Doubts, AreLeftByACancelThatSaysSo) {
  make_database();
  ASSERT_NO_FATAL_FAILURE(kill_around_the_transaction(playbook(insert("}")), false));
  ASSERT_EQ(home.muster({"resume", "last"}).code, 6);
  Ran cancelled = home.muster({"cancel", "last", "--reason", "enough for today"});
  EXPECT_EQ(cancelled.code, 130) << cancelled.err;
  EXPECT_EQ(home.state_of_last(), "cancelled");
  EXPECT_EQ(home.muster({"resolve", "last", "insert", "--retry", "--reason", "x"}).code, 1) << "the run has ended";
}

TEST_F(Doubts, HoldUpACancelThatWantsEverythingUndone) {
  make_database();
  const std::string steps = "      - id: first\n        shell: {argv: [touch, " + home.path("first") +
                            "]}\n        rollback: [{shell: {argv: [rm, " + home.path("first") + "]}}]\n" + insert("}");
  ASSERT_NO_FATAL_FAILURE(kill_around_the_transaction(playbook(steps), false));
  Ran cancelled = home.muster({"cancel", "last", "--reason", "wrong database", "--rollback"});
  EXPECT_EQ(cancelled.code, 6) << "it cannot be undone around what nobody knows: " << cancelled.err;
  EXPECT_TRUE(home.has("first"));
  ASSERT_EQ(home.muster({"resolve", "last", "only/insert", "--skip", "--reason", "I took the row out"}).code, 0);
  EXPECT_EQ(home.muster({"resume", "last"}).code, 130);
  EXPECT_FALSE(home.has("first")) << "undone";
}

TEST_F(Doubts, RunTheStepAgainWhenAPersonSaysThatItDidNotHappen) {
  make_database();
  ASSERT_NO_FATAL_FAILURE(kill_around_the_transaction(playbook(insert("}")), true));
  ASSERT_EQ(home.muster({"resume", "last"}).code, 6);
  ASSERT_EQ(home.muster({"resolve", "last", "insert", "--retry", "--reason", "no row"}).code, 0);
  EXPECT_EQ(home.muster({"resume", "last"}).code, 0);
  EXPECT_EQ(Application(home.path("app.db")).number("SELECT count(*) FROM users"), 1);
  EXPECT_EQ(home.muster({"audit", "--verify"}).code, 0);
}

TEST_F(Doubts, MayEndTheRunWithoutUndoingAnything) {
  make_database();
  const std::string steps = "      - id: first\n        shell: {argv: [touch, " + home.path("first") +
                            "]}\n        rollback: [{shell: {argv: [rm, " + home.path("first") + "]}}]\n" + insert("}");
  ASSERT_NO_FATAL_FAILURE(kill_around_the_transaction(playbook(steps), false));
  ASSERT_EQ(home.muster({"resume", "last"}).code, 6);
  ASSERT_EQ(home.muster({"resolve", "last", "insert", "--stop", "--reason", "leave it"}).code, 0);
  EXPECT_EQ(home.muster({"resume", "last"}).code, 1);
  EXPECT_TRUE(home.has("first"));
}

class Retry : public Doubts {};

std::string fails_until(const Home& home, const std::string& flag) {
  return "      - id: one\n        shell: {argv: [sh, -c, \"echo one >> " + home.path("trace") +
         "; echo 41\"], parse: json}\n      - id: two\n        shell: {argv: [sh, -c, \"echo two $N >> " +
         home.path("trace") + "; test -e " + home.path(flag) +
         "\"], env: {N: \"${{ steps.one.value + 1 }}\"}}\n      - id: three\n        shell: {argv: [sh, -c, \"echo "
         "three "
         ">> " +
         home.path("trace") + "\"]}\n";
}

TEST_F(Retry, BeginsAtTheStepAndKeepsWhatWasDone) {
  EXPECT_EQ(home.muster({"run", playbook(fails_until(home, "flag"))}).code, 1);
  const std::string first = text_of(home.json({"show", "last"}).get<Map>(), "id");
  home.write("flag", "");
  home.write("p.muster.yaml", "not even a playbook");  // the run's own copy counts
  Ran retried = home.muster({"retry", "last", "--from", "two"});
  EXPECT_EQ(retried.code, 0) << retried.err;
  EXPECT_EQ(read_text(home.path("trace")), "one\ntwo 42\ntwo 42\nthree\n");
  const Value run = home.json({"show", "last"});
  EXPECT_EQ(text_of(run.get<Map>(), "parent"), first);
  EXPECT_NE(home.muster({"report", "last"}).out.find("done in run " + first), std::string::npos);
  EXPECT_EQ(home.muster({"audit", "--verify"}).code, 0);
}

TEST_F(Retry, RunsEverythingWhereNoStepIsNamed) {
  EXPECT_EQ(home.muster({"run", playbook(fails_until(home, "flag"))}).code, 1);
  home.write("flag", "");
  EXPECT_EQ(home.muster({"retry", "last"}).code, 0);
  EXPECT_EQ(read_text(home.path("trace")), "one\ntwo 42\none\ntwo 42\nthree\n");
}

TEST_F(Retry, RefusesWhatCannotBeTriedAgain) {
  EXPECT_EQ(home.muster({"run", playbook(fails_until(home, "flag"))}).code, 1);
  Ran unknown = home.muster({"retry", "last", "--from", "four"});
  EXPECT_EQ(unknown.code, 1);
  EXPECT_NE(unknown.err.find("no step of the run is called `four`"), std::string::npos) << unknown.err;
  Ran ahead = home.muster({"retry", "last", "--from", "three"});
  EXPECT_EQ(ahead.code, 1);
  EXPECT_NE(ahead.err.find("`only/three` builds on `only/two`, which is failed"), std::string::npos) << ahead.err;
  home.write("flag", "");
  EXPECT_EQ(home.muster({"retry", "last"}).code, 0);
  Ran succeeded = home.muster({"retry", "last"});
  EXPECT_EQ(succeeded.code, 1);
  EXPECT_NE(succeeded.err.find("nothing to try again"), std::string::npos) << succeeded.err;
}

TEST_F(Retry, RefusesARunThatIsNotOver) {
  make_database();
  ASSERT_NO_FATAL_FAILURE(kill_around_the_transaction(playbook(insert("}")), false));
  Ran open = home.muster({"retry", "last"});
  EXPECT_EQ(open.code, 1);
  EXPECT_NE(open.err.find("has not ended"), std::string::npos) << open.err;
}

}  // namespace
}  // namespace muster
