// The store's commands in the real program: prune, backup, bundle, heads that go out, a copy that is adopted.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <sstream>

#include "interpreter/base/digest.h"
#include "tests/live/program.h"
#include "tests/world/loopback_server.h"

namespace muster {
namespace {

constexpr const char* plain = R"(muster: 1
playbook: plain
phases:
  - id: greet
    steps:
      - id: said
        shell: {argv: [printf, hello]}
)";

constexpr const char* gated = R"(muster: 1
playbook: gated
phases:
  - id: danger
    approval: {message: Sure}
    steps:
      - id: said
        shell: {argv: [printf, hello]}
)";

class StoreCommands : public ::testing::Test {
 protected:
  std::string run_plain() {
    EXPECT_EQ(home.muster({"run", home.write("plain.muster.yaml", plain)}).code, 0);
    return text_of(home.json({"show", "last"}).get<Map>(), "id");
  }
  std::string configuration(const std::string& text) {
    std::string path = home.write("config.yaml", text);
    EXPECT_EQ(::chmod(path.c_str(), 0600), 0);
    return path;
  }
  size_t lines_of(const std::string& name) {
    std::string text = read_text(home.path(name));
    return static_cast<size_t>(std::count(text.begin(), text.end(), '\n'));
  }
  Home home;
  std::string heads = ".local/state/muster/heads.jsonl";
};

TEST_F(StoreCommands, PruneTakesAwayWhatIsOldAndTheLogStillVerifies) {
  std::string first = run_plain(), second = run_plain();
  Ran nothing = home.muster({"prune"});
  EXPECT_EQ(nothing.code, 2);
  EXPECT_NE(nothing.err.find("--older 90d"), std::string::npos) << nothing.err;
  EXPECT_EQ(home.muster({"prune", "--older", "soon"}).code, 2);
  EXPECT_EQ(home.muster({"prune", "--keep", "-1"}).code, 2);
  EXPECT_NE(home.muster({"prune", "--older", "90d"}).out.find("0 runs pruned"), std::string::npos);
  Ran dry = home.muster({"prune", "--keep", "1", "--dry-run"});
  EXPECT_NE(dry.out.find("1 run would be pruned"), std::string::npos) << dry.out << dry.err;
  EXPECT_EQ(home.json({"runs"}).get<List>().size(), 2u);
  const Value pruned = home.json({"prune", "--keep", "1"});
  ASSERT_EQ(member(pruned.get<Map>(), "pruned")->get<List>().size(), 1u);
  EXPECT_EQ(text_of(member(pruned.get<Map>(), "pruned")->get<List>()[0].get<Map>(), "id"), first);
  EXPECT_EQ(text_of(home.json({"show", "last"}).get<Map>(), "id"), second);
  Ran audit = home.muster({"audit", "--verify"});
  EXPECT_EQ(audit.code, 0) << audit.out;
  EXPECT_NE(audit.out.find("1 pruned run"), std::string::npos) << audit.out;
  EXPECT_EQ(home.muster({"show", first}).code, 1);
}

TEST_F(StoreCommands, PruneFollowsTheConfigurationUnlessItIsToldOtherwise) {
  run_plain();
  run_plain();
  std::string config = configuration("retention: {older: 90d, keep: 1}\n");
  EXPECT_NE(home.muster({"prune", "--config", config}).out.find("0 runs pruned"), std::string::npos);
  configuration("retention: {keep: 1}\n");
  EXPECT_NE(home.muster({"prune", "--config", config}).out.find("1 run pruned"), std::string::npos);
  configuration("retention: {keep: \"${{ 1 }}\"}\n");
  Ran wrong = home.muster({"prune", "--config", config});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_NE(wrong.err.find("[literal-only]"), std::string::npos) << wrong.err;
}

TEST_F(StoreCommands, BackupIsAWholeStoreThatIsAdoptedBeforeItsRunsGoOn) {
  run_plain();
  ASSERT_EQ(home.muster({"run", "--detach", home.write("gated.muster.yaml", gated)}).code, 75);
  std::string copy = home.path("copy.db");
  Ran backup = home.muster({"backup-store", copy});
  EXPECT_EQ(backup.code, 0) << backup.err;
  EXPECT_NE(backup.out.find("2 runs"), std::string::npos) << backup.out;
  Ran again = home.muster({"backup-store", copy});
  EXPECT_EQ(again.code, 1);
  EXPECT_NE(again.err.find("is there already"), std::string::npos) << again.err;
  EXPECT_EQ(home.muster({"--store", copy, "audit", "--verify"}).code, 0);
  Ran refused = home.muster({"--store", copy, "resume", "last", "--detach"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("--adopt"), std::string::npos) << refused.err;
  Ran adopted = home.muster({"--store", copy, "resume", "last", "--detach", "--adopt"});
  EXPECT_EQ(adopted.code, 75) << adopted.err;
  EXPECT_NE(adopted.err.find("the store is adopted"), std::string::npos) << adopted.err;
  Ran audit = home.muster({"--store", copy, "audit", "--verify"});
  EXPECT_EQ(audit.code, 0) << audit.out;
  EXPECT_NE(audit.out.find("adopted 1 time"), std::string::npos) << audit.out;
  EXPECT_EQ(home.muster({"resume", "last", "--adopt"}).code, 1) << "the original has its key";
}

TEST_F(StoreCommands, HeadsGoToAFileAndToAProgramAndShowWhatTheStoreAloneDoesNot) {
  std::string program = home.write("anchor", "#!/bin/sh\ncat >> " + home.path("anchored") + "\n");
  ASSERT_EQ(::chmod(program.c_str(), 0700), 0);
  std::string config = configuration("anchors: {command: [" + program + "]}\n");
  ASSERT_EQ(home.muster({"run", "--detach", home.write("gated.muster.yaml", gated), "--config", config}).code, 75);
  Ran approved = home.muster({"approve", "last", "--config", config});
  ASSERT_EQ(approved.code, 0) << approved.err;
  EXPECT_EQ(lines_of(heads), 2u) << "the gate and the end";
  EXPECT_EQ(read_text(home.path(heads)), read_text(home.path("anchored"))) << "the program was given the same";
  struct stat status {};
  ASSERT_EQ(::stat(home.path(heads).c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  Ran audit = home.muster({"audit", "--verify"});
  EXPECT_EQ(audit.code, 0) << audit.out;
  EXPECT_NE(audit.out.find("2 heads that were kept outside agree"), std::string::npos) << audit.out;

  // Heads of a store that is not this one say nothing of it.
  Home other;
  ASSERT_EQ(other.muster({"run", other.write("plain.muster.yaml", plain)}).code, 0);
  Ran theirs = other.muster({"audit", "--verify", "--heads", home.path("anchored")});
  EXPECT_EQ(theirs.code, 0);
  EXPECT_NE(theirs.out.find("nothing outside the store"), std::string::npos) << theirs.out;
}

// It is started like a step's program: three open files, and of our environment what every child may see.
TEST_F(StoreCommands, TheProgramThatHeadsGoToInheritsNothingElse) {
  std::string program = home.write(
      "anchor", "#!/bin/sh\nls /proc/$$/fd > " + home.path("fds") + "\nenv > " + home.path("environment") + "\n");
  ASSERT_EQ(::chmod(program.c_str(), 0700), 0);
  std::string config = configuration("anchors: {command: [" + program + "]}\n");
  ASSERT_EQ(home.muster({"run", home.write("plain.muster.yaml", plain), "--config", config}).code, 0);
  std::istringstream fds(read_text(home.path("fds")));
  for (int fd = -1; fds >> fd;) EXPECT_TRUE(fd <= 2 || fd >= 10) << fd << " (from 10 on they are the shell's own)";
  std::string environment = read_text(home.path("environment"));
  EXPECT_NE(environment.find("LC_ALL=C.UTF-8"), std::string::npos) << environment;
  EXPECT_EQ(environment.find("TERM="), std::string::npos) << environment;
}

TEST_F(StoreCommands, ExportWritesWhatCanBeReadBeforeABrokenLink) {
  std::string broken = run_plain(), whole = run_plain(), file = home.path("events.jsonl");
  Ran all = home.muster({"audit", "--export", file});
  EXPECT_EQ(all.code, 0) << all.err;
  size_t events = lines_of("events.jsonl");
  EXPECT_EQ(home.json({"audit"}).get<List>().size(), events);
  EXPECT_EQ(home.muster({"audit", "--export", file}).code, 1) << "it never overwrites";
  std::string command = "sqlite3 " + home.path(".local/state/muster/muster.db") +
                        " \"UPDATE event SET body = '{}' WHERE seq = 3 AND run = '" + broken + "'\"";
  ASSERT_EQ(std::system(command.c_str()), 0);
  Ran part = home.muster({"audit", "--export", home.path("part.jsonl")});
  EXPECT_EQ(part.code, 1);
  EXPECT_NE(part.err.find("run " + broken + ": event 3 "), std::string::npos) << part.err;
  EXPECT_EQ(lines_of("part.jsonl"), events / 2 + 2) << "all of one run, two of the other";
  Ran one = home.muster({"audit", whole, "--export", home.path("one.jsonl")});
  EXPECT_EQ(one.code, 0) << one.err;
  EXPECT_EQ(lines_of("one.jsonl"), events / 2);
}

TEST_F(StoreCommands, AnOlderCopyOfTheStorePutBackIsShownByItsHeads) {
  run_plain();
  std::string store = home.path(".local/state/muster/muster.db"), copy = home.path("copy.db");
  ASSERT_EQ(home.muster({"backup-store", copy}).code, 0);
  run_plain();
  for (const char* suffix : {"-wal", "-shm", ".lock"}) std::filesystem::remove(store + suffix);
  std::filesystem::rename(copy, store);
  Ran audit = home.muster({"audit", "--verify"});
  EXPECT_EQ(audit.code, 1) << audit.out;
  EXPECT_NE(audit.out.find("(ended) is missing: it was handed out as a head"), std::string::npos) << audit.out;
}

TEST_F(StoreCommands, AnAnchorThatFailsIsToldAndEndsNothing) {
  std::string config = configuration("anchors: {file: /proc/none/heads, command: [/bin/false]}\n");
  Ran ran = home.muster({"run", home.write("plain.muster.yaml", plain), "--config", config});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_NE(ran.err.find("could not be handed to `/bin/false`: it ended with exit code 1"), std::string::npos)
      << ran.err;
  EXPECT_NE(ran.err.find("could not be handed to `/proc/none/heads`"), std::string::npos) << ran.err;
  configuration("anchors: {command: [logger]}\n");
  Ran wrong = home.muster({"runs", "--config", config});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_NE(wrong.err.find("whole path"), std::string::npos) << wrong.err;
}

// Of each stream the first 64 KiB, the last 192 KiB, its length and the digest of all of it.
TEST_F(StoreCommands, OutputsOfAnySizeAreKeptByTheirEndsAndTheirDigests) {
  std::string answer(900'000, 'h');
  for (size_t at = 0; at < answer.size(); at += 1000) answer[at] = static_cast<char>('a' + at / 1000 % 26);
  LoopbackServer server([&](ServedConnection& connection, const ReceivedRequest&) {
    connection.answer(200, answer, "Content-Type: text/plain\r\n");
  });
  ASSERT_EQ(std::system(("sqlite3 " + home.path("app.db") +
                         " 'CREATE TABLE t(x); WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL "
                         "SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO t SELECT hex(zeroblob(500)) FROM n'")
                            .c_str()),
            0);
  std::string file = home.write("large.muster.yaml", R"(muster: 1
playbook: large
connections:
  app: {sqlite: )" + home.path("app.db") + R"(}
phases:
  - id: only
    steps:
      - id: printed
        shell: {argv: [sh, -c, "seq 1 1000000; seq 1 20000 >&2"]}
      - id: fetched
        http: {get: ")" + server.url("/") + R"("}
      - id: asked
        sql: {connection: app, query: "SELECT x FROM t"}
)");
  ASSERT_EQ(home.muster({"run", file}).code, 0);
  std::string numbers;
  for (int i = 1; i <= 1'000'000; ++i) numbers += std::to_string(i) + "\n";
  const Value logs = home.json({"logs", "last"});
  std::map<std::string, std::string> expected = {{"only/printed stdout", numbers}, {"only/fetched body", answer}};
  int seen = 0;
  for (const Value& row : logs.get<List>()) {
    const Map& log = row.get<Map>();
    std::string name = text_of(log, "op") + " " + text_of(log, "stream");
    EXPECT_LE(text_of(log, "head").size(), 64u << 10) << name;
    EXPECT_LE(text_of(log, "tail").size(), 192u << 10) << name;
    auto it = expected.find(name);
    if (it == expected.end()) continue;
    ++seen;
    const std::string& all = it->second;
    EXPECT_EQ(member(log, "bytes")->get<int64_t>(), static_cast<int64_t>(all.size())) << name;
    EXPECT_EQ(text_of(log, "sha256"), sha256_hex(all)) << name;
    EXPECT_EQ(text_of(log, "head"), all.substr(0, 64 << 10)) << name;
    EXPECT_EQ(text_of(log, "tail"), all.substr(all.size() - (192 << 10))) << name;
  }
  EXPECT_EQ(seen, 2);
  const Value run = home.json({"show", "last"});
  for (const Value& step : member(run.get<Map>(), "steps")->get<List>()) {
    if (text_of(step.get<Map>(), "id") != "asked") continue;
    const Map& result = member(step.get<Map>(), "result")->get<Map>();
    EXPECT_TRUE(member(result, "truncated")->get<bool>()) << "5 MB of rows, of which 1 MiB is kept";
  }
  Ran audit = home.muster({"audit", "--verify"});
  EXPECT_EQ(audit.code, 0) << audit.out;
  std::string store = home.path(".local/state/muster/muster.db");
  auto size = std::filesystem::file_size(store) + std::filesystem::file_size(store + "-wal");
  EXPECT_LT(size, 8u << 20) << "6.9 MB were printed, 0.9 fetched and 5 asked for";
}

TEST_F(StoreCommands, BundleIsCheckedWithoutTheStore) {
  std::string id = run_plain(), file = home.path("run.bundle");
  Ran made = home.muster({"bundle", "last", "-o", file});
  ASSERT_EQ(made.code, 0) << made.err;
  EXPECT_NE(made.out.find(id), std::string::npos);
  EXPECT_EQ(home.muster({"bundle", "last", "-o", file}).code, 1) << "it never overwrites";
  std::string text = read_text(file);
  EXPECT_NE(text.find("# "), std::string::npos) << "the report";
  Home auditor;
  std::string theirs = auditor.write("theirs.bundle", text);
  Ran audit = auditor.muster({"audit", "--verify", "--bundle", theirs});
  EXPECT_EQ(audit.code, 0) << audit.out << audit.err;
  EXPECT_NE(audit.out.find("the bundle holds: run " + id + " of `plain`, succeeded"), std::string::npos) << audit.out;
  EXPECT_NE(audit.out.find("something outside of it must tell"), std::string::npos) << audit.out;
  std::string kept = auditor.write("heads.jsonl", read_text(home.path(heads)));
  audit = auditor.muster({"audit", "--verify", "--bundle", theirs, "--heads", kept});
  EXPECT_NE(audit.out.find("1 head that was kept outside agrees"), std::string::npos) << audit.out;
  std::string changed = text;
  changed.replace(changed.find("succeeded"), 9, "failed   ");
  audit = auditor.muster({"audit", "--verify", "--bundle", auditor.write("changed.bundle", changed)});
  EXPECT_EQ(audit.code, 1) << audit.out;
  EXPECT_EQ(auditor.muster({"audit", "--bundle", theirs}).code, 2);
  EXPECT_EQ(auditor.muster({"audit", "--verify", "--bundle", auditor.path("nowhere")}).code, 2);
}

}  // namespace
}  // namespace muster
