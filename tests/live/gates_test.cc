// Gates with the real program: signatures, channels, expiries, races of processes, and what a parked run costs.
#include <dirent.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <random>
#include <set>

#include "interpreter/base/handle.h"
#include "interpreter/engine/gates.h"
#include "interpreter/journal/journal.h"
#include "tests/live/program.h"
#include "tests/live/pty.h"
#include "tests/world/loopback_server.h"

namespace muster {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class LiveGates : public testing::Test {
 protected:
  std::string configuration(const std::string& text) {
    std::string path = home.write("config.yaml", text);
    EXPECT_EQ(::chmod(path.c_str(), 0600), 0);
    return path;
  }
  // A run that waits at its gate; its id.
  std::string parked(const std::string& playbook, std::vector<std::string> more = {}) {
    std::vector<std::string> words{"run", playbook, "--detach"};
    words.insert(words.end(), more.begin(), more.end());
    Ran ran = home.muster(words);
    EXPECT_EQ(ran.code, 75) << ran.err;
    return text_of(home.json({"show", "last"}).get<Map>(), "id");
  }
  Map gate_of(const std::string& run) {
    Value gates = home.json({"gates", run});
    const List* rows = gates.find<List>();
    EXPECT_TRUE(rows && rows->size() == 1) << "of run " << run;
    return rows && !rows->empty() ? rows->front().get<Map>() : Map{};
  }
  std::string state_of(const std::string& run) { return text_of(home.json({"show", run}).get<Map>(), "state"); }
  bool spawned(const std::vector<std::string>& words, const std::string& input = {}) {
    std::string command;
    for (const std::string& word : words) command += "'" + word + "' ";
    home.write("input", input);
    return std::system((command + "<'" + home.path("input") + "' >/dev/null 2>&1").c_str()) == 0;
  }
  std::string store() const { return home.path(".local/state/muster/muster.db"); }
  Home home;
};

// --- signatures

class Signed : public LiveGates {
 protected:
  void SetUp() override {
    for (const char* name : {"mine", "another"})
      ASSERT_TRUE(spawned({"ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", home.path(name)}));
    std::string key = read_text(home.path("mine.pub"));
    key.pop_back();
    config = configuration("people:\n  me: {users: [" + Home::person() + "], keys: [\"" + key +
                           "\"]}\ngates: {signatures: required, self_approval: allowed}\ngroups: {sre: [me]}\n");
    home.variables.push_back("MUSTER_STORE=" + home.path("store/muster.db"));
    playbook = home.write("signed.muster.yaml", R"(muster: 1
playbook: signed
phases:
  - id: danger
    approval: {message: Sure, approvers: [group:sre]}
    steps:
      - shell: {argv: [touch, )" + home.path("done") +
                                                    R"(]}
)");
  }
  // What `ssh-keygen` makes of a verdict on a digest.
  std::string signature(const std::string& key, const std::string& purpose, const std::string& digest) {
    fs::remove(home.path("input.sig"));
    home.write("input", "approve " + digest + "\n");
    EXPECT_EQ(std::system(("ssh-keygen -q -Y sign -f '" + home.path(key) + "' -n " + purpose + " '" +
                           home.path("input") + "' >/dev/null 2>&1")
                              .c_str()),
              0);
    return read_text(home.path("input.sig"));
  }
  // A vote that somebody writes into the store without the command that would have refused it.
  void write_vote(const std::string& run, const Map& gate, const std::string& signed_so) {
    Result<std::unique_ptr<Journal>> journal = open_journal(home.path("store/muster.db"), false);
    ASSERT_TRUE(journal.has_value()) << journal.error().message;
    GateRecord record;
    record.opening = static_cast<int>(member(gate, "opening")->get<int64_t>());
    Vote vote{"me", "approve", "", text_of(gate, "digest"), "command", {}, Home::person(), signed_so};
    Event event;
    event.kind = EventKind::vote;
    event.op = OpId{"danger"};
    event.attempt = record.opening;
    event.at = *parse_timestamp("2030-01-01T00:00:00Z");
    event.body = encode_value(Value(vote_body(record, vote)));
    Result<void> said = (*journal)->say(run, event);
    ASSERT_TRUE(said.has_value()) << said.error().message;
  }
  std::string parked_signed() { return parked(playbook, {"--config", config}); }
  Ran resumed(const std::string& run) { return home.muster({"resume", run, "--config", config}); }
  std::string config, playbook;
};

TEST_F(Signed, CountsOnlyWithAKeyOfThePerson) {
  std::string run = parked_signed();
  Ran plain = home.muster({"approve", run, "--config", config});
  EXPECT_NE(plain.code, 0);
  EXPECT_THAT(plain.err, HasSubstr("--sign KEY"));
  Ran wrong = home.muster({"approve", run, "--config", config, "--sign", home.path("another")});
  EXPECT_NE(wrong.code, 0);
  EXPECT_THAT(wrong.err, HasSubstr("does not hold"));
  EXPECT_EQ(state_of(run), "waiting");
  EXPECT_FALSE(home.has("done"));
  Ran right = home.muster({"approve", run, "--config", config, "--sign", home.path("mine")});
  EXPECT_EQ(right.code, 0) << right.err;
  EXPECT_TRUE(home.has("done"));
}

TEST_F(Signed, CountsForNothingElseThanThatGateOfThatRun) {
  std::string run = parked_signed(), another = parked_signed();
  const Map gate = gate_of(run), other = gate_of(another);
  const std::string digest = text_of(gate, "digest");
  const std::string bad[] = {signature("another", "muster-gate", digest), signature("mine", "file", digest),
                             signature("mine", "muster-gate", text_of(other, "digest")), "no signature at all"};
  for (const std::string& one : bad) {
    write_vote(run, gate, one);
    Ran ran = resumed(run);
    EXPECT_EQ(ran.code, 75) << ran.err << one;
    EXPECT_FALSE(home.has("done")) << one;
  }
  write_vote(run, gate, signature("mine", "muster-gate", digest));
  EXPECT_EQ(resumed(run).code, 0);
  EXPECT_TRUE(home.has("done"));
}

TEST_F(Signed, IsLostWithTheKeyThatWasTakenFromThePerson) {
  std::string run = parked_signed();
  write_vote(run, gate_of(run), signature("mine", "muster-gate", text_of(gate_of(run), "digest")));
  std::string key = read_text(home.path("another.pub"));
  key.pop_back();
  configuration("people:\n  me: {users: [" + Home::person() + "], keys: [\"" + key +
                "\"]}\ngates: {signatures: required, self_approval: allowed}\ngroups: {sre: [me]}\n");
  EXPECT_EQ(resumed(run).code, 75) << "asked again where it is used";
  EXPECT_FALSE(home.has("done"));
}

// --- channels

class Mailed : public LiveGates {
 protected:
  void SetUp() override {
    fs::create_directory(home.path("mail"));
    ASSERT_TRUE(spawned({"openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
                         "-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1",
                         "-keyout", home.path("key.pem"), "-out", home.path("cert.pem")}));
  }
  // An SMTP server of its own; the port.
  std::string server(bool tls) {
    int pipe_ends[2];
    EXPECT_EQ(::pipe2(pipe_ends, O_CLOEXEC), 0);
    std::vector<std::string> words{"python3", MUSTER_SOURCE_DIR "/tests/live/mail_server.py", home.path("mail")};
    if (tls) words.insert(words.end(), {home.path("cert.pem"), home.path("key.pem")});
    std::vector<char*> argv;
    for (std::string& word : words) argv.push_back(word.data());
    argv.push_back(nullptr);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_adddup2(&files, pipe_ends[0], 0);
    pid_t pid = -1;
    EXPECT_EQ(::posix_spawnp(&pid, "python3", &files, nullptr, argv.data(), environ), 0);
    posix_spawn_file_actions_destroy(&files);
    ::close(pipe_ends[0]);
    ends_ = UniqueFd(pipe_ends[1]);
    pid_ = pid;
    EXPECT_TRUE(eventually([&] { return home.has("mail/port"); }));
    return read_text(home.path("mail/port"));
  }
  void TearDown() override {
    ends_ = UniqueFd();
    if (pid_ > 0) ::waitpid(pid_, nullptr, 0);
  }
  std::vector<Map> mails() {
    std::vector<Map> out;
    std::istringstream lines(read_text(home.path("mail/mail.jsonl")));
    for (std::string line; std::getline(lines, line);)
      if (Result<Value> mail = parse_json(line); mail && mail->is<Map>()) out.push_back(mail->get<Map>());
    return out;
  }
  UniqueFd ends_;
  pid_t pid_ = -1;
};

constexpr const char* tells = R"(muster: 1
playbook: tells
phases:
  - id: danger
    approval: {message: "Drop it?\n.\nReally?", approvers: [user:bob], notify: [post, events]}
    steps:
      - {id: told, notify: {channel: post, message: "It is done", fields: {rows: 7}}}
)";

TEST_F(Mailed, AGateAndAStepTellByMailAndByWebhookWhatWaitsAndHoldNoWayToDecide) {
  LoopbackServer hook([](ServedConnection& connection, const ReceivedRequest&) { connection.answer(200, "{}"); });
  home.write("password", "letmein-letmein\n");
  ASSERT_EQ(::chmod(home.path("password").c_str(), 0600), 0);
  std::string config = configuration(
      "channels:\n  post: {smtp: \"smtps://127.0.0.1:" + server(true) +
      "\", from: muster@example.org, to: [oncall@example.org, boss@example.org], user: me, "
      "password: {file: " +
      home.path("password") + "}, ca: " + home.path("cert.pem") + "}\n  events: {webhook: \"" + hook.url("/hook") +
      "\", headers: {X-Token: {env: HOOK_TOKEN}}}\ngates: {self_approval: allowed, "
      "break_glass: [\"user:" +
      Home::person() + "\"]}\n");
  home.variables.push_back("HOOK_TOKEN=a-token-of-the-hook");
  std::string run = parked(home.write("tells.muster.yaml", tells), {"--config", config});
  ASSERT_EQ(mails().size(), 1u);
  const Map asked = mails()[0];
  EXPECT_EQ(text_of(asked, "user"), "me");
  EXPECT_EQ(member(asked, "to")->get<List>().size(), 2u);
  const std::string text = text_of(asked, "text");
  EXPECT_THAT(text, HasSubstr("tells waits at gate danger: Drop it?"));
  EXPECT_THAT(text, HasSubstr("\n.\nReally?")) << "a line with a dot alone is text, too";
  EXPECT_THAT(text, HasSubstr("approvers: 1 of user:bob"));
  EXPECT_THAT(text, HasSubstr("muster gates " + run));
  EXPECT_EQ(text.find("http"), std::string::npos) << "no link that a mail scanner could follow";
  ASSERT_EQ(hook.requests().size(), 1u);
  const ReceivedRequest hooked = hook.requests()[0];
  EXPECT_EQ(hooked.headers.at("x-token"), "a-token-of-the-hook");
  EXPECT_THAT(hooked.body, HasSubstr(run));
  EXPECT_THAT(hooked.body, HasSubstr(text_of(gate_of(run), "digest")));
  EXPECT_EQ(text_of(asked, "subject"), "tells waits at gate danger: Drop it?");
  EXPECT_THAT(home.muster({"audit", run, "--output", "jsonl"}).out, HasSubstr("gate_told"));

  EXPECT_EQ(home.muster({"approve", run, "--config", config, "--break-glass", "--reason", "nobody answers"}).code, 0);
  ASSERT_EQ(mails().size(), 2u);
  EXPECT_THAT(text_of(mails()[1], "text"), HasSubstr("It is done"));
  EXPECT_THAT(text_of(mails()[1], "text"), HasSubstr("rows: 7"));
}

TEST_F(Mailed, AChannelThatRefusesHoldsNoGateUpAndFailsAStep) {
  LoopbackServer hook([](ServedConnection& connection, const ReceivedRequest&) { connection.answer(500, "no"); });
  std::string config =
      configuration("channels:\n  post: {smtp: \"smtp://127.0.0.1:" + server(false) +
                    "\", from: muster@example.org, to: [refused@example.org]}\n  events: {webhook: \"" +
                    hook.url("/hook") + "\"}\ngates: {break_glass: [\"user:" + Home::person() + "\"]}\n");
  std::string run = parked(home.write("tells.muster.yaml", tells), {"--config", config});
  const std::string audit = home.muster({"audit", run, "--output", "jsonl"}).out;
  EXPECT_THAT(audit, HasSubstr("channel `events` answered 500"));
  EXPECT_THAT(audit, HasSubstr("550"));
  EXPECT_TRUE(mails().empty());
  Ran done = home.muster({"approve", run, "--config", config, "--break-glass", "--reason", "nobody answers"});
  EXPECT_EQ(done.code, 1) << "the step could not tell: " << done.err;
}

TEST_F(Mailed, AServerWhoseCertificateIsNotTrustedIsToldNothing) {
  home.write("password", "letmein-letmein\n");
  ASSERT_EQ(::chmod(home.path("password").c_str(), 0600), 0);
  std::string config = configuration(
      "channels:\n  post: {smtp: \"smtps://127.0.0.1:" + server(true) +
      "\", from: muster@example.org, to: [oncall@example.org], user: me, password: {file: " + home.path("password") +
      "}}\n");
  Ran ran = home.muster({"run", home.write("post.muster.yaml", R"(muster: 1
playbook: post
phases:
  - id: only
    steps: [{notify: {channel: post, message: hello}}]
)"),
                         "--config", config});
  EXPECT_EQ(ran.code, 1);
  EXPECT_TRUE(mails().empty());
}

// --- time

TEST_F(LiveGates, ATimersCommandTakesUpEachRunThatIsDueAndLeavesTheOthers) {
  auto playbook = [&](const std::string& name, const std::string& rules) {
    return home.write(name + ".muster.yaml",
                      "muster: 1\nplaybook: " + name + "\nphases:\n  - id: danger\n    approval: {message: Sure" +
                          rules + "}\n    steps:\n      - shell: {argv: [touch, " + home.path(name) +
                          "]}\nalways:\n  - shell: {argv: [touch, " + home.path(name + ".end") + "]}\n");
  };
  std::string expiring = parked(playbook("expiring", ", expires: 1s")),
              second = parked(playbook("second", ", expires: 1s"));
  std::string approved = parked(playbook("approved", "")), rejected = parked(playbook("rejected", ""));
  std::string waiting = parked(playbook("waiting", ", expires: 1h")), cancelled = parked(playbook("cancelled", ""));
  EXPECT_EQ(home.muster({"approve", approved, "--no-wait"}).code, 0);
  EXPECT_EQ(home.muster({"reject", rejected, "--no-wait"}).code, 0);
  EXPECT_EQ(home.muster({"cancel", cancelled, "--reason", "no", "--no-wait"}).code, 0);
  EXPECT_FALSE(home.has("approved")) << "only recorded";
  ASSERT_TRUE(eventually([&] {
    EXPECT_EQ(home.muster({"resume", "--due"}).code, 0);
    return state_of(expiring) == "rejected" && state_of(second) == "rejected";
  }));
  EXPECT_EQ(state_of(approved), "succeeded");
  EXPECT_EQ(state_of(rejected), "rejected");
  EXPECT_EQ(state_of(cancelled), "cancelled");
  EXPECT_EQ(state_of(waiting), "waiting");
  EXPECT_TRUE(home.has("approved"));
  for (const char* name : {"expiring", "second", "rejected", "cancelled"}) {
    EXPECT_FALSE(home.has(name)) << name;
    EXPECT_TRUE(home.has(std::string(name) + ".end")) << name << " ran its always";
  }
  size_t events = home.muster({"audit", waiting, "--output", "jsonl"}).out.size();
  EXPECT_EQ(home.muster({"resume", "--due"}).code, 0);
  EXPECT_EQ(home.muster({"audit", waiting, "--output", "jsonl"}).out.size(), events)
      << "what is not due is not touched";
}

TEST_F(LiveGates, ARunThatIsRejectedOrCancelledFromElsewhereRunsItsAlways) {
  std::string playbook = home.write("p.muster.yaml", R"(muster: 1
playbook: p
inputs: {name: {type: string, required: true}}
phases:
  - id: danger
    approval: {message: Sure}
    steps: [{shell: {argv: [touch, "${{ inputs.name }}"]}}]
always:
  - shell: {argv: [touch, "${{ inputs.name }}.${{ run.status }}"]}
)");
  EXPECT_EQ(home.muster({"reject", parked(playbook, {"-i", "name=" + home.path("a")}), "--reason", "no"}).code, 4);
  EXPECT_EQ(home.muster({"cancel", parked(playbook, {"-i", "name=" + home.path("b")}), "--reason", "no"}).code, 130);
  EXPECT_TRUE(home.has("a.rejected"));
  EXPECT_TRUE(home.has("b.cancelled"));
  EXPECT_FALSE(home.has("a") || home.has("b"));
}

// --- what a parked run is, and is not

// Processes whose HOME is this one: every one that the test's own commands have started.
std::set<std::string> processes_of(const std::string& home) {
  std::set<std::string> found;
  for (const fs::directory_entry& entry : fs::directory_iterator("/proc")) {
    std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (read_text(entry.path().string() + "/environ").find("HOME=" + home) != std::string::npos) found.insert(name);
  }
  return found;
}

TEST_F(LiveGates, ManyParkedRunsAreRowsAndNothingElseAndAreListedALineEach) {
  std::string playbook = home.write("p.muster.yaml", R"(muster: 1
playbook: p
inputs: {n: {type: integer, required: true}}
phases:
  - id: before
    steps: [{shell: {argv: ["true"]}}]
  - id: danger
    approval: {message: "Drop table ${{ inputs.n }}?", approvers: [user:bob], expires: 1h}
    steps: [{shell: {argv: [touch, )" + home.path("done") +
                                                         R"(]}}]
)");
  home.variables.push_back("MUSTER_STORE=" + home.path("store/muster.db"));
  constexpr int many = 24;
  for (int i = 1; i <= many; ++i) (void)home.muster({"run", playbook, "--detach", "-i", "n=" + std::to_string(i)});
  EXPECT_TRUE(eventually([&] { return processes_of(home.path("")).empty(); })) << "no process waits with a run";
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(home.path("store")))
    if (!entry.is_directory()) {
      EXPECT_EQ(entry.path().parent_path(), home.path("store")) << "a file for a run, or a process: " << entry.path();
    }
  Ran listed = home.muster({"gates"});
  EXPECT_EQ(listed.code, 0);
  EXPECT_EQ(std::count(listed.out.begin(), listed.out.end(), '\n'), many);
  EXPECT_THAT(listed.out, HasSubstr("1 of user:bob  1 step: Drop table 7?"));
  EXPECT_THAT(listed.err, HasSubstr("24 wait for a person; `muster gates RUN` shows what would be done"));
  EXPECT_EQ(home.json({"gates"}).get<List>().size(), static_cast<size_t>(many));
  // The newest first, and decided ones are gone.
  std::string last = text_of(home.json({"show", "last"}).get<Map>(), "id");
  EXPECT_TRUE(listed.out.starts_with(last));
  EXPECT_EQ(home.muster({"cancel", last, "--reason", "no"}).code, 130);
  EXPECT_EQ(home.muster({"gates"}).out.find(last), std::string::npos);
}

TEST_F(LiveGates, StatementsInAFileThatChangedAfterTheApprovalAreShownAnewAndAskedForAgain) {
  const std::string database = home.path("app.db");
  sqlite3* db = nullptr;
  ASSERT_EQ(sqlite3_open(database.c_str(), &db), SQLITE_OK);
  sqlite3_exec(db, "CREATE TABLE users (id INTEGER PRIMARY KEY); INSERT INTO users VALUES (1), (2), (3)", nullptr,
               nullptr, nullptr);
  auto users = [&] {
    int count = 0;
    sqlite3_exec(
        db, "SELECT id FROM users",
        [](void* seen, int, char**, char**) {
          ++*static_cast<int*>(seen);
          return 0;
        },
        &count, nullptr);
    return count;
  };
  const std::string statements = home.write("clean.sql", "DELETE FROM users WHERE id = 1;\n");
  const std::string playbook =
      home.write("clean.muster.yaml", "muster: 1\nplaybook: clean\nconnections: {app: {sqlite: " + database + R"(}}
phases:
  - id: danger
    approval: {message: Sure, require_reason: false}
    steps:
      - id: cleaned
        sql: {connection: app, execute: {file: )" +
                                          statements + R"(}}
)");
  const std::string run = parked(playbook, {});
  const std::string shown = text_of(gate_of(run), "digest");
  // As another hand would: behind the decision, before it is used.
  Ran said = home.muster({"approve", run, "--no-wait"});
  ASSERT_EQ(said.code, 0) << said.err;
  home.write("clean.sql", "DELETE FROM users;\n");
  said = home.muster({"resume", run, "--detach"});
  EXPECT_EQ(said.code, 75) << said.err;
  EXPECT_EQ(users(), 3) << "it ran what nobody had seen";
  EXPECT_NE(text_of(gate_of(run), "digest"), shown);
  said = home.muster({"gates", run});
  for (const char* word : {"DELETE FROM users;", "clean.sql of danger/cleaned", "sha256"})
    EXPECT_NE((said.out + said.err).find(word), std::string::npos) << word << " in " << said.out << said.err;
  said = home.muster({"approve", run});
  EXPECT_EQ(said.code, 0) << said.err;
  EXPECT_EQ(users(), 0);

  // A file that is gone is a change as well.
  sqlite3_exec(db, "INSERT INTO users VALUES (1), (2)", nullptr, nullptr, nullptr);
  const std::string second = parked(playbook, {});
  ASSERT_EQ(home.muster({"approve", second, "--no-wait"}).code, 0);
  fs::remove(statements);
  EXPECT_EQ(home.muster({"resume", second, "--detach"}).code, 75);
  EXPECT_EQ(users(), 2);

  // And so is one that comes behind a decision on a gate that could not show it.
  said = home.muster({"gates", second});
  EXPECT_NE((said.out + said.err).find("nobody has seen"), std::string::npos) << said.out << said.err;
  ASSERT_EQ(home.muster({"approve", second, "--no-wait"}).code, 0);
  home.write("clean.sql", "DELETE FROM users;\n");
  EXPECT_EQ(home.muster({"resume", second, "--detach"}).code, 75);
  EXPECT_EQ(users(), 2) << "it ran what nobody had seen";
  said = home.muster({"gates", second});
  EXPECT_NE((said.out + said.err).find("DELETE FROM users;"), std::string::npos) << said.out << said.err;
  sqlite3_close(db);
}

TEST_F(LiveGates, FilesThatAreChangedOrGoneChangeNothingAboutARun) {
  std::string called = home.write("called.muster.yaml", R"(muster: 1
playbook: called
inputs: {to: {type: string, required: true}}
phases:
  - id: only
    steps: [{shell: {script: 'echo called >> "$TO"', env: {TO: "${{ inputs.to }}"}}}]
)");
  home.write("names.lua", "return {name = function() return 'lua' end}\n");
  std::string playbook = home.write("frozen.muster.yaml", R"(muster: 1
playbook: frozen
inputs: {to: {type: string, required: true}}
extensions: [names.lua]
phases:
  - id: danger
    approval: {message: Sure}
    steps:
      - shell: {script: 'echo "$NAME" >> "$TO"', env: {TO: "${{ inputs.to }}", NAME: "${{ names.name() }}"}}
      - call: {playbook: called.muster.yaml, with: {to: "${{ inputs.to }}"}}
      - shell: {script: 'echo playbook >> "$TO"', env: {TO: "${{ inputs.to }}"}}
)");
  std::string first = parked(playbook, {"-i", "to=" + home.path("first")});
  std::string second = parked(playbook, {"-i", "to=" + home.path("second")});
  const std::string shown = text_of(gate_of(first), "digest");
  for (const char* name : {"called.muster.yaml", "names.lua", "frozen.muster.yaml"}) {
    std::string text = read_text(home.path(name));
    for (const char* word : {"echo called", "'lua'", "echo playbook"})
      if (size_t at = text.find(word); at != std::string::npos) text.insert(at + 1, "x");
    home.write(name, text);
  }
  EXPECT_EQ(text_of(gate_of(first), "digest"), shown);
  Ran approved = home.muster({"approve", first});
  EXPECT_EQ(approved.code, 0) << approved.err;
  for (const char* name : {"called.muster.yaml", "names.lua", "frozen.muster.yaml"}) fs::remove(home.path(name));
  approved = home.muster({"approve", second});
  EXPECT_EQ(approved.code, 0) << approved.err;
  EXPECT_EQ(read_text(home.path("first")), "lua\ncalled\nplaybook\n");
  EXPECT_EQ(read_text(home.path("second")), "lua\ncalled\nplaybook\n");
}

// --- S20: what was shown changes while somebody approves it

struct Races {
  int tries = 0, done = 0, voided = 0;
};

// A database that others write to, too.
class Shared {
 public:
  explicit Shared(const std::string& path) {
    sqlite3* raw = nullptr;
    EXPECT_EQ(sqlite3_open(path.c_str(), &raw), SQLITE_OK);
    db_.reset(raw);
    sqlite3_busy_timeout(raw, 10'000);
    change(
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; CREATE TABLE seen(n); INSERT INTO seen VALUES(0); "
        "CREATE TABLE done(run, item)");
  }
  void change(const std::string& sql) {
    EXPECT_EQ(sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(db_.get());
  }
  // How often that item was done.
  int done(const std::string& run, int item) {
    int count = -1;
    auto take = [](void* out, int, char** values, char**) {
      *static_cast<int*>(out) = std::atoi(values[0]);
      return 0;
    };
    std::string sql = "SELECT count(*) FROM done WHERE run = '" + run + "' AND item = " + std::to_string(item);
    EXPECT_EQ(sqlite3_exec(db_.get(), sql.c_str(), take, &count, nullptr), SQLITE_OK) << sqlite3_errmsg(db_.get());
    return count;
  }

 private:
  Handle<sqlite3, &sqlite3_close_v2> db_;
};

// Each item of a run is a gate with evidence. What it reads is changed before the approval begins, while it is under
// way, or not at all; sometimes two people approve at once.
void race(unsigned seed, int runs, int items, Races& races) {
  std::mt19937 random(seed);
  Home home;
  Shared shared(home.path("app.db"));
  std::string list;
  for (int i = 1; i <= items; ++i) list += (i > 1 ? ", " : "") + std::to_string(i);
  const std::string playbook = home.write("race.muster.yaml", R"yaml(muster: 1
playbook: race
connections: {app: {sqlite: )yaml" + home.path("app.db") + R"yaml(}}
phases:
  - id: all
    steps:
      - id: each
        foreach: [)yaml" + list + R"yaml(]
        steps:
          - id: danger
            approval: {message: Sure, evidence: {seen: {sql: {connection: app, query: "SELECT n FROM seen"}}}}
            sql:
              connection: app
              execute: INSERT INTO done VALUES(:run, :item)
              bind: {run: "${{ run.id }}", item: "${{ item }}"}
)yaml");
  auto change = [&] { shared.change("UPDATE seen SET n = n + 1"); };
  for (int n = 0; n < runs; ++n) {
    ASSERT_EQ(home.muster({"run", playbook, "--detach", "-q"}).code, 75);
    const std::string run = text_of(home.json({"show", "last"}).get<Map>(), "id");
    bool is_shown_as_it_is = true;  // a change while the one before was used may have come behind this gate's opening
    for (int item = 1; item <= items; ++item) {
      const std::vector<std::string> approve{"approve", run, "all/each[" + std::to_string(item) + "]/danger", "-q"};
      ++races.tries;
      const unsigned how = random() % 5;  // 0: changed before, 4: not at all, otherwise while it is used
      if (how == 0) change();
      std::vector<std::unique_ptr<Background>> approvals;
      for (int people = random() % 5 == 0 ? 2 : 1; people > 0; --people) approvals.push_back(home.start(approve));
      if (how > 0 && how < 4) {
        std::this_thread::sleep_for(std::chrono::microseconds(random() % 20'000));
        change();
      }
      for (auto& approval : approvals) (void)approval->wait();
      const int done = shared.done(run, item);
      ++(done > 0 ? races.done : races.voided);
      EXPECT_LE(done, 1);
      if (how == 0) {
        EXPECT_EQ(done, 0) << "it was changed before anybody approved";
      } else if (how == 4 && is_shown_as_it_is) {
        EXPECT_EQ(done, 1) << "nothing was changed";
      }
      EXPECT_EQ(shared.done(run, item + 1), 0) << "nobody approved the next";
      // What is shown now is what is there now: with that it passes.
      is_shown_as_it_is = how == 0 || how == 4 || done == 0;
      for (int again = 0; again < 5 && shared.done(run, item) == 0; ++again) (void)home.muster(approve);
      ASSERT_EQ(shared.done(run, item), 1);
    }
  }
  EXPECT_EQ(home.muster({"audit", "--verify"}).code, 0);
}

TEST(LiveRaces, OfFiveHundredChangesAndApprovalsNoneCountsForWhatWasNotShown) {
  constexpr int threads = 4, runs = 9, items = 14;
  std::vector<Races> races(threads);
  std::vector<std::thread> all;
  for (int i = 0; i < threads; ++i)
    all.emplace_back([&, i] { race(static_cast<unsigned>(i) + 1, runs, items, races[static_cast<size_t>(i)]); });
  for (std::thread& one : all) one.join();
  int tries = 0, done = 0, voided = 0;
  for (const Races& one : races) {
    tries += one.tries;
    done += one.done;
    voided += one.voided;
  }
  EXPECT_GE(tries, 500);
  EXPECT_GT(done, 0);
  EXPECT_GT(voided, 0);
}

// --- at a terminal

constexpr const char* asks = R"(muster: 1
playbook: asks
phases:
  - id: choose
    steps:
      - id: pick
        manual:
          instructions: Which host is broken?
          form:
            host: {type: enum, values: [db1, db2], required: true}
            size: {type: integer, default: 3, min: 1}
      - shell: {argv: [touch, "FOLDER/${{ steps.pick.answers.host }}.${{ steps.pick.answers.size }}"]}
)";

TEST_F(LiveGates, AFormIsFilledInAtTheTerminalOfTheRun) {
  std::string text = asks;
  text.replace(text.find("FOLDER"), 6, home.path(""));
  AtTerminal terminal(home, {"run", home.write("asks.muster.yaml", text)});
  ASSERT_TRUE(terminal.sees("host (one of db1, db2): ")) << terminal.screen();
  EXPECT_THAT(terminal.screen(), HasSubstr("Which host is broken?"));
  terminal.types("db9\n");
  ASSERT_TRUE(terminal.sees("db9` is not")) << terminal.screen();
  terminal.types("db2\n");
  ASSERT_TRUE(terminal.sees("size (integer, 3 unless said): ")) << terminal.screen();
  terminal.types("many\n");
  ASSERT_TRUE(terminal.sees("many")) << terminal.screen();
  terminal.types("\n");
  ASSERT_TRUE(terminal.sees("done, or later? [d/l]")) << terminal.screen();
  terminal.types("d\n");
  EXPECT_EQ(terminal.ends(), 0) << terminal.screen();
  EXPECT_TRUE(home.has("db2.3"));
  EXPECT_THAT(home.muster({"audit", "last", "--output", "jsonl"}).out, HasSubstr("terminal"));
}

TEST_F(LiveGates, AFormIsLeftForLaterAndFilledInElsewhere) {
  std::string text = asks;
  text.replace(text.find("FOLDER"), 6, home.path(""));
  AtTerminal terminal(home, {"run", home.write("asks.muster.yaml", text)});
  ASSERT_TRUE(terminal.sees("host (one of db1, db2): ")) << terminal.screen();
  terminal.types("db1\n\n");
  ASSERT_TRUE(terminal.sees("[d/l]")) << terminal.screen();
  terminal.types("l\n");
  EXPECT_EQ(terminal.ends(), 75) << terminal.screen();
  EXPECT_EQ(home.muster({"complete", "last", "pick", "--answer", "host=db2", "--answer", "size=9"}).code, 0);
  EXPECT_TRUE(home.has("db2.9"));
  EXPECT_FALSE(home.has("db1.3"));
}

}  // namespace
}  // namespace muster
