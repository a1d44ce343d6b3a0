#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <filesystem>
#include <set>
#include <sstream>

#include "tests/live/program.h"
#include "tests/live/pty.h"

namespace muster {
namespace {

constexpr const char* plain = R"(muster: 1
playbook: plain
version: 1.0.0
title: Two steps
inputs:
  name: {type: string, default: world}
outputs: {greeting: "${{ steps.said.value }}"}
phases:
  - id: greet
    steps:
      - id: counted
        set: {letters: "${{ len(inputs.name) }}"}
      - id: said
        shell: {argv: [printf, '"hello %s"', "${{ inputs.name }}"], parse: json}
        verify:
          that: contains(result.stdout, inputs.name)
)";

class Cli : public ::testing::Test {
 protected:
  // `done` is made behind the gate, `undone` when what stood before it is rolled back.
  std::string gated(const std::string& approval) {
    return home.write("gated.muster.yaml", R"(muster: 1
playbook: gated
phases:
  - id: before
    steps:
      - id: first
        shell: {argv: [touch, )" + home.path("first") +
                                               R"(]}
        rollback: [{shell: {argv: [touch, )" + home.path("undone") +
                                               R"(]}}]
  - id: danger
    approval: )" + approval + R"(
    steps:
      - id: second
        shell: {argv: [touch, )" + home.path("done") +
                                               R"(]}
always:
  - id: last
    shell: {argv: [touch, )" + home.path("last") +
                                               R"(]}
)");
  }
  // A step that is under way until somebody ends it.
  std::string slow() {
    return home.write("slow.muster.yaml", R"(muster: 1
playbook: slow
phases:
  - id: only
    steps:
      - id: long
        shell: {argv: [sh, -c, "touch )" + home.path("begun") +
                                              R"(; exec sleep 300"]}
      - id: next
        shell: {argv: [touch, )" + home.path("done") +
                                              R"(]}
always:
  - id: last
    shell: {argv: [touch, )" + home.path("last") +
                                              R"(]}
)");
  }
  std::string configuration(const std::string& text, mode_t mode = 0600) {
    std::string path = home.write("config.yaml", text);
    EXPECT_EQ(::chmod(path.c_str(), mode), 0);
    return path;
  }
  Home home;
};

TEST_F(Cli, RunsAPlaybookAndTellsItsIdAndItsEnding) {
  Ran ran = home.muster({"run", home.write("plain.muster.yaml", plain), "-i", "name=you"});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(ran.out.rfind("run ", 0), 0u) << ran.out;
  EXPECT_NE(ran.out.find(" succeeded\n"), std::string::npos) << ran.out;
  EXPECT_NE(ran.err.find("greet/said  succeeded in "), std::string::npos) << ran.err;
  EXPECT_EQ((ran.out + ran.err).find('\x1b'), std::string::npos) << "nobody sits at a terminal";
  struct stat store {};
  ASSERT_EQ(::stat(home.path(".local/state/muster/muster.db").c_str(), &store), 0) << "the store is where XDG says";
  EXPECT_EQ(store.st_mode & 0777, 0600u);
}

TEST_F(Cli, PrintsTheRunAsJsonWhereItIsAskedTo) {
  Ran ran = home.muster({"run", home.write("plain.muster.yaml", plain), "--output", "json", "-q"});
  EXPECT_EQ(ran.err, "");
  Result<Value> parsed = parse_json(ran.out);
  ASSERT_TRUE(parsed.has_value()) << ran.out;
  const Map& run = parsed->get<Map>();
  EXPECT_EQ(text_of(run, "state"), "succeeded");
  EXPECT_EQ(text_of(member(run, "outputs")->get<Map>(), "greeting"), "hello world");
  ASSERT_EQ(member(run, "steps")->get<List>().size(), 2u);
  const Map& said = member(run, "steps")->get<List>()[1].get<Map>();
  EXPECT_EQ(text_of(said, "id"), "said");
  EXPECT_EQ(text_of(said, "op"), "greet/said");
  EXPECT_EQ(text_of(said, "state"), "succeeded");
  EXPECT_EQ(text_of(home.json({"show", "last"}).get<Map>(), "id"), text_of(run, "id")) << "show prints the same object";
}

TEST_F(Cli, TellsEverythingOfARunInJsonThatParses) {
  std::string file = home.write("plain.muster.yaml", plain);
  ASSERT_EQ(home.muster({"run", file}).code, 0);
  EXPECT_EQ(home.json({"runs"}).get<List>().size(), 1u);
  EXPECT_EQ(home.json({"gates"}).get<List>().size(), 0u);
  EXPECT_EQ(home.json({"check", file}).get<List>().size(), 0u);
  EXPECT_GE(home.json({"actions"}).get<List>().size(), 5u);
  EXPECT_GE(home.json({"audit", "last"}).get<List>().size(), 4u);
  const Value logs = home.json({"logs", "last", "said"});
  ASSERT_EQ(logs.get<List>().size(), 2u);
  EXPECT_EQ(text_of(logs.get<List>()[1].get<Map>(), "head"), "\"hello world\"");
  Ran lines = home.muster({"audit", "last", "--output", "jsonl"});
  std::stringstream each(lines.out);
  for (std::string line; std::getline(each, line);) EXPECT_TRUE(parse_json(line).has_value()) << line;
}

TEST_F(Cli, ShowsLogsAndReportsForPeople) {
  ASSERT_EQ(home.muster({"run", home.write("plain.muster.yaml", plain)}).code, 0);
  EXPECT_NE(home.muster({"logs", "last"}).out.find("== greet/said, stdout\n\"hello world\"\n"), std::string::npos);
  Ran show = home.muster({"show", "last"});
  EXPECT_NE(show.out.find("greet/said"), std::string::npos) << show.out;
  Ran report = home.muster({"report", "last"});
  EXPECT_EQ(report.out.rfind("# Two steps\n", 0), 0u) << report.out;
  EXPECT_NE(report.out.find("output greeting"), std::string::npos) << report.out;
  EXPECT_EQ(home.muster({"logs", "last", "nothing"}).code, 1);
  EXPECT_NE(home.muster({"runs"}).out.find("succeeded   plain 1.0.0  by " + Home::person()), std::string::npos);
}

TEST_F(Cli, ParksAtAGateAndGoesOnInTheProcessThatApproves) {
  Ran parked = home.muster({"run", gated("{message: Sure, require_reason: true}"), "--detach"});
  EXPECT_EQ(parked.code, 75) << parked.err;
  EXPECT_TRUE(home.has("first"));
  EXPECT_FALSE(home.has("done"));
  EXPECT_NE(parked.err.find("touch " + home.path("done")), std::string::npos) << "the panel shows what would be done:\n"
                                                                              << parked.err;
  const Value gates = home.json({"gates"});
  ASSERT_EQ(gates.get<List>().size(), 1u);
  const Map& gate = gates.get<List>()[0].get<Map>();
  EXPECT_EQ(text_of(gate, "gate"), "danger");
  EXPECT_EQ(text_of(gate, "message"), "Sure");
  EXPECT_NE(home.muster({"gates"}).out.find("muster approve " + text_of(gate, "run") + " danger --reason TEXT"),
            std::string::npos);

  Ran unreasoned = home.muster({"approve", "last"});
  EXPECT_EQ(unreasoned.code, 2) << "this gate asks for a reason";
  EXPECT_FALSE(home.has("done"));
  Ran approved = home.muster({"approve", "last", "danger", "--reason", "it is time"});
  EXPECT_EQ(approved.code, 0) << approved.err;
  EXPECT_TRUE(home.has("done"));
  EXPECT_EQ(home.state_of_last(), "succeeded");
  EXPECT_NE(home.muster({"report", "last"}).out.find("said **approve** (command): it is time"), std::string::npos);
  EXPECT_EQ(home.muster({"approve", "last"}).code, 1) << "nothing is left to approve";
}

TEST_F(Cli, EndsRejectedAndRollsBackWhenAPersonSaysNo) {
  ASSERT_EQ(home.muster({"run", gated("true"), "--detach"}).code, 75);
  Ran rejected = home.muster({"reject", "last", "--reason", "not today"});
  EXPECT_EQ(rejected.code, 4) << rejected.err;
  EXPECT_FALSE(home.has("done"));
  EXPECT_TRUE(home.has("undone"));
  EXPECT_TRUE(home.has("last"));
  EXPECT_EQ(home.muster({"resume", "last"}).code, 4) << "an ended run answers with its ending's code";
}

TEST_F(Cli, RecordsADecisionOnlyWhereItIsAskedTo) {
  ASSERT_EQ(home.muster({"run", gated("true"), "--detach"}).code, 75);
  EXPECT_EQ(home.muster({"approve", "last", "--no-wait"}).code, 0);
  EXPECT_FALSE(home.has("done"));
  EXPECT_EQ(home.muster({"resume", "last"}).code, 0);
  EXPECT_TRUE(home.has("done"));
}

TEST_F(Cli, LetsTheProcessThatWaitsGoOnWhenAnotherApproves) {
  std::unique_ptr<Background> waiting = home.start({"run", gated("true")});
  ASSERT_TRUE(eventually([&] { return home.waits_at_a_gate(); })) << waiting->err();
  Ran approved = home.muster({"approve", "last"});
  EXPECT_EQ(approved.code, 0) << approved.err;
  Ran ran = waiting->wait();
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_TRUE(home.has("done"));
}

TEST_F(Cli, ApprovesInPlaceOfAProcessThatWasKilledAtTheGate) {
  std::unique_ptr<Background> waiting = home.start({"run", gated("true")});
  ASSERT_TRUE(eventually([&] { return home.waits_at_a_gate(); })) << waiting->err();
  waiting->signal(SIGKILL);
  EXPECT_EQ(waiting->wait().code, 128 + SIGKILL);
  Ran approved = home.muster({"approve", "last"});
  EXPECT_EQ(approved.code, 0) << approved.err;
  EXPECT_TRUE(home.has("done"));
  EXPECT_NE(home.muster({"report", "last"}).out.find("taken over from"), std::string::npos);
}

TEST_F(Cli, ResumesARunThatWasKilledAndGivesItBackWhenItIsTerminated) {
  std::unique_ptr<Background> waiting = home.start({"run", gated("true")});
  ASSERT_TRUE(eventually([&] { return home.waits_at_a_gate(); })) << waiting->err();
  EXPECT_EQ(home.muster({"resume", "last"}).code, 7) << "it is owned";
  waiting->signal(SIGKILL);
  (void)waiting->wait();
  std::unique_ptr<Background> resumed = home.start({"resume", "last"});
  ASSERT_TRUE(eventually([&] { return resumed->err().find("muster approve") != std::string::npos; })) << resumed->err();
  resumed->signal(SIGTERM);
  Ran stopped = resumed->wait();
  EXPECT_EQ(stopped.code, 75) << stopped.err;
  EXPECT_EQ(home.muster({"approve", "last"}).code, 0);
  EXPECT_TRUE(home.has("done"));
}

TEST_F(Cli, CancelsAtTheFirstInterruptAndStillRunsAlways) {
  std::unique_ptr<Background> running = home.start({"run", slow()});
  ASSERT_TRUE(eventually([&] { return home.has("begun"); }));
  running->signal(SIGINT);
  Ran ran = running->wait();
  EXPECT_EQ(ran.code, 130) << ran.err;
  EXPECT_FALSE(home.has("done"));
  EXPECT_TRUE(home.has("last"));
  EXPECT_EQ(home.state_of_last(), "cancelled");
}

TEST_F(Cli, CancelsARunOfAnotherProcess) {
  std::unique_ptr<Background> running = home.start({"run", slow()});
  ASSERT_TRUE(eventually([&] { return home.has("begun"); }));
  EXPECT_EQ(home.muster({"cancel", "last"}).code, 2) << "a reason is asked for";
  EXPECT_EQ(home.muster({"cancel", "last", "--reason", "wrong host", "--now"}).code, 0);
  Ran ran = running->wait();
  EXPECT_EQ(ran.code, 130) << ran.err;
  EXPECT_FALSE(home.has("last")) << "--now leaves out `always`";
  EXPECT_EQ(home.muster({"cancel", "last", "--reason", "again"}).code, 1);
}

TEST_F(Cli, ParksInDoubtAndGoesOnOnceSomebodySettlesIt) {
  std::unique_ptr<Background> running = home.start({"run", slow()});
  ASSERT_TRUE(eventually([&] { return home.has("begun"); }));
  // Both at once, as when the power fails: nobody is left who knows what became of the child.
  std::vector<pid_t> helpers;
  for (const std::filesystem::directory_entry& task :
       std::filesystem::directory_iterator("/proc/" + std::to_string(running->pid()) + "/task")) {
    std::stringstream ids(read_text(task.path().string() + "/children"));
    for (pid_t id; ids >> id;) helpers.push_back(id);
  }
  ASSERT_FALSE(helpers.empty());
  running->signal(SIGSTOP);
  std::vector<pid_t> grandchildren;
  for (pid_t helper : helpers) {
    std::stringstream ids(
        read_text("/proc/" + std::to_string(helper) + "/task/" + std::to_string(helper) + "/children"));
    for (pid_t id; ids >> id;) grandchildren.push_back(id);
    ::kill(helper, SIGKILL);
  }
  running->signal(SIGKILL);
  (void)running->wait();
  for (pid_t id : grandchildren) ::kill(id, SIGKILL);

  Ran parked = home.muster({"resume", "last"});
  EXPECT_EQ(parked.code, 6) << parked.err;
  EXPECT_NE(parked.err.find("muster resolve"), std::string::npos) << parked.err;
  EXPECT_EQ(home.muster({"resolve", "last", "next", "--retry", "--reason", "x"}).code, 1)
      << "that step is not in doubt";
  EXPECT_EQ(home.muster({"resolve", "last", "long", "--retry", "--skip", "--reason", "x"}).code, 2);
  EXPECT_EQ(home.muster({"resolve", "last", "long", "--succeeded"}).code, 2) << "a reason is asked for";
  EXPECT_EQ(home.muster({"resolve", "last", "long", "--succeeded", "--reason", "I looked"}).code, 0);
  Ran resumed = home.muster({"resume", "last"});
  EXPECT_EQ(resumed.code, 0) << resumed.err;
  EXPECT_TRUE(home.has("done"));
  EXPECT_NE(home.muster({"report", "last"}).out.find("settled it as succeeded: I looked"), std::string::npos);
}

TEST_F(Cli, DrawsAMistakeWithItsPlaceAndRunsNothing) {
  std::string file =
      home.write("wrong.muster.yaml",
                 "muster: 1\nplaybook: wrong\nphases:\n  - id: only\n    stepz:\n      - {id: a, set: {b: 1}}\n");
  Ran ran = home.muster({"run", file});
  EXPECT_EQ(ran.code, 3);
  EXPECT_NE(ran.err.find(file + ":5:5: error: "), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("    stepz:\n  |     ^^^^^\n"), std::string::npos) << ran.err;
  EXPECT_NE(ran.err.find("did you mean `steps`?"), std::string::npos) << ran.err;
  EXPECT_EQ(home.muster({"check", file}).code, 3);
  EXPECT_EQ(home.muster({"graph", file}).code, 3);
  EXPECT_FALSE(home.has(".local/state/muster/muster.db")) << "no store is made for what cannot run";
}

TEST_F(Cli, RefusesWhatCannotBeMeantWithExitCode2) {
  std::string file = home.write("plain.muster.yaml", plain);
  Ran option = home.muster({"run", file, "--detatch"});
  EXPECT_EQ(option.code, 2);
  EXPECT_NE(option.err.find("did you mean `--detach`?"), std::string::npos) << option.err;
  Ran command = home.muster({"aprove", "last"});
  EXPECT_EQ(command.code, 2);
  EXPECT_NE(command.err.find("did you mean `approve`?"), std::string::npos) << command.err;
  Ran input = home.muster({"run", file, "-i", "nam=x"});
  EXPECT_EQ(input.code, 2);
  EXPECT_NE(input.err.find("`nam`"), std::string::npos) << input.err;
  EXPECT_EQ(home.muster({"run", home.path("missing.muster.yaml")}).code, 2);
  EXPECT_EQ(home.muster({}).code, 2);
  EXPECT_EQ(home.muster({"show", "last"}).code, 1) << "nothing was run yet";
}

TEST_F(Cli, TakesInputsFromAFileAndLetsTheCommandLineWin) {
  std::string file = home.write("plain.muster.yaml", plain), inputs = home.write("inputs.yaml", "name: file\n");
  Ran ran = home.muster({"run", file, "--inputs", inputs, "--output", "jsonl"});
  EXPECT_NE(ran.out.find("\"greeting\":\"hello file\""), std::string::npos) << ran.out << ran.err;
  ran = home.muster({"run", file, "--inputs", inputs, "-i", "name=line", "--output", "jsonl"});
  EXPECT_NE(ran.out.find("\"greeting\":\"hello line\""), std::string::npos) << ran.out << ran.err;
}

TEST_F(Cli, RefusesAConfigurationThatOthersMayWrite) {
  std::string file = home.write("plain.muster.yaml", plain);
  Ran ran = home.muster({"run", file, "--config", configuration("groups: {}\n", 0666)});
  EXPECT_EQ(ran.code, 2);
  EXPECT_NE(ran.err.find("chmod go-w"), std::string::npos) << ran.err;
  EXPECT_EQ(home.muster({"run", file, "--config", home.path("none.yaml")}).code, 2);
}

TEST_F(Cli, LetsTheStarterApproveOnlyWhereTheConfigurationIsThatOfATeamOfOne) {
  std::string groups = "groups:\n  sre: [" + Home::person() + "]\n", config = configuration(groups);
  std::string file = gated("{approvers: [group:sre]}");
  ASSERT_EQ(home.muster({"run", file, "--detach", "--config", config}).code, 75);
  Ran refused = home.muster({"approve", "last", "--config", config});
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("started, resumed or wrote this run"), std::string::npos) << refused.err;
  EXPECT_FALSE(home.has("done"));

  configuration(groups + "gates: {self_approval: allowed}\n");
  ASSERT_EQ(home.muster({"run", file, "--detach", "--config", config}).code, 75);
  Ran allowed = home.muster({"approve", "last", "--config", config});
  EXPECT_EQ(allowed.code, 0) << allowed.err;
  EXPECT_NE(home.muster({"report", "last"}).out.find("**Self-approval was allowed**"), std::string::npos);
  EXPECT_NE(home.muster({"show", "last"}).out.find("team of one"), std::string::npos);
}

TEST_F(Cli, NamesTheFirstBrokenLinkOfALogThatWasChanged) {
  ASSERT_EQ(home.muster({"run", home.write("plain.muster.yaml", plain)}).code, 0);
  Ran whole = home.muster({"audit", "--verify"});
  EXPECT_EQ(whole.code, 0) << whole.out;
  std::string command = "sqlite3 " + home.path(".local/state/muster/muster.db") +
                        " \"UPDATE event SET body = replace(body, 'world', 'there') WHERE seq = 1\"";
  ASSERT_EQ(std::system(command.c_str()), 0);
  Ran broken = home.muster({"audit", "--verify"});
  EXPECT_EQ(broken.code, 1);
  EXPECT_NE(broken.out.find("event 1 "), std::string::npos) << broken.out;
}

TEST_F(Cli, AsksAtATerminalAndTakesTheAnswer) {
  AtTerminal terminal(home, {"run", gated("{message: Sure, require_reason: true}")});
  ASSERT_TRUE(terminal.sees("approve, reject or later? [a/r/l]")) << terminal.screen();
  EXPECT_NE(terminal.screen().find("Sure"), std::string::npos);
  EXPECT_NE(terminal.screen().find("touch " + home.path("done").substr(0, 30)), std::string::npos) << terminal.screen();
  EXPECT_FALSE(home.has("done"));
  terminal.types("a\n");
  ASSERT_TRUE(terminal.sees("why? ")) << terminal.screen();
  terminal.types("seen it\n");
  EXPECT_EQ(terminal.ends(), 0) << terminal.screen();
  EXPECT_TRUE(home.has("done"));
  EXPECT_NE(home.muster({"report", "last"}).out.find("said **approve** (terminal): seen it"), std::string::npos);
}

TEST_F(Cli, LeavesAGateForLaterAtATerminal) {
  AtTerminal terminal(home, {"run", gated("true")});
  ASSERT_TRUE(terminal.sees("[a/r/l]")) << terminal.screen();
  terminal.types("l\n");
  EXPECT_EQ(terminal.ends(), 75) << terminal.screen();
  EXPECT_EQ(home.muster({"approve", "last"}).code, 0);
  EXPECT_TRUE(home.has("done"));
}

TEST_F(Cli, CancelsWhenControlCIsTypedAtTheQuestion) {
  AtTerminal terminal(home, {"run", gated("true")});
  ASSERT_TRUE(terminal.sees("[a/r/l]")) << terminal.screen();
  terminal.types("\x03");
  EXPECT_EQ(terminal.ends(), 130) << terminal.screen();
  EXPECT_FALSE(home.has("done"));
}

// The shared libraries that a process has mapped, by file name.
std::set<std::string> libraries_of(pid_t pid) {
  std::set<std::string> names;
  std::istringstream lines(read_text("/proc/" + std::to_string(pid) + "/maps"));
  for (std::string line; std::getline(lines, line);) {
    size_t slash = line.rfind('/');
    if (slash != std::string::npos && line.find(".so", slash) != std::string::npos)
      names.insert(line.substr(slash + 1));
  }
  return names;
}

TEST_F(Cli, MapsNoLibraryThatAPlaybookDoesNotNeed) {
  std::unique_ptr<Background> run = home.start({"run", slow()});
  ASSERT_TRUE(eventually([&] { return home.has("begun"); })) << run->err();
  std::set<std::string> names = libraries_of(run->pid());
  ASSERT_TRUE(names.contains("libc.so.6"));
  for (const std::string& name : names)
    EXPECT_TRUE(name.starts_with("libc.") || name.starts_with("libm.") || name.starts_with("libstdc++.") ||
                name.starts_with("libgcc_s.") || name.starts_with("ld-linux"))
        << name;
}

TEST_F(Cli, MapsTheHttpLibraryOnceAStepNeedsIt) {
  int listening = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);  // connects, and never answers
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ASSERT_EQ(::bind(listening, reinterpret_cast<sockaddr*>(&address), size), 0);
  ASSERT_EQ(::listen(listening, 4), 0);
  ASSERT_EQ(::getsockname(listening, reinterpret_cast<sockaddr*>(&address), &size), 0);
  std::string url = "http://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/";
  std::unique_ptr<Background> run = home.start({"run", home.write("asks.muster.yaml", R"(muster: 1
playbook: asks
phases:
  - id: only
    steps:
      - {id: asked, http: {get: ")" + url + R"("}}
)")});
  EXPECT_TRUE(eventually([&] {
    for (const std::string& name : libraries_of(run->pid()))
      if (name.starts_with("libcurl")) return true;
    return false;
  })) << run->err();
  ::close(listening);
}

TEST_F(Cli, TellsItsVersionAndWhatACommandTakes) {
  EXPECT_EQ(home.muster({"--version"}).out.rfind("muster ", 0), 0u);
  EXPECT_NE(home.muster({"--help"}).out.find("  approve RUN [GATE]"), std::string::npos);
  EXPECT_NE(home.muster({"run", "--help"}).out.find("--detach"), std::string::npos);
}

}  // namespace
}  // namespace muster
