// Children one at a time: how they end, what they are given, what is kept of what they print. Rows B25 to B30, B33, B34
// and S38 of docs/reliability.md.
#include "interpreter/world/processes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "interpreter/base/digest.h"
#include "tests/unit/world/children_at_work.h"

namespace muster {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::UnorderedElementsAre;

class RealChildren : public ChildrenAtWork {
 protected:
  Result<ProcessEnd> run(const Command& command) { return processes.run(key, command, {}); }
  RealProcesses processes{settings()};
};

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

int64_t peak_kib(pid_t pid) {
  std::string status = content_of("/proc/" + std::to_string(pid) + "/status");
  size_t at = status.find("VmHWM:");
  return at == std::string::npos ? 0 : std::atoll(status.c_str() + at + 6);
}

TEST_F(RealChildren, TellTheExitCodeAndBothStreamsApart) {
  auto end = run(script_of("echo out; echo err >&2; exit 7"));
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(end->kind, EndKind::exited);
  EXPECT_EQ(end->code, 7);
  EXPECT_EQ(all_of(end->out), "out\n");
  EXPECT_EQ(all_of(end->err), "err\n");
  EXPECT_EQ(end->out.bytes, 4u);
  EXPECT_EQ(end->out.sha256, sha256_hex("out\n"));
  EXPECT_GT(end->took.us, 0);
  EXPECT_TRUE(end->left_over.empty());
}

TEST_F(RealChildren, NameTheSignalThatKilledAChild) {
  auto end = run(script_of("kill -SEGV $$"));
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(end->kind, EndKind::signalled);
  EXPECT_EQ(end->code, SIGSEGV);
}

TEST_F(RealChildren, RunManyOneAfterTheOtherThroughOneHelper) {
  pid_t first = 0;
  for (int i = 0; i < 50; ++i) {
    auto end = run(command_of({"sh", "-c", "exit " + std::to_string(i)}));
    ASSERT_TRUE(end) << end.error().message;
    ASSERT_EQ(end->code, i);
    processes.committed(key);
    if (i == 0) first = helper();
  }
  EXPECT_GT(first, 0);
  EXPECT_EQ(helper(), first);
}

TEST_F(RealChildren, RunManyAtOnceEachWithItsOwnEnd) {
  // Each waits for the next one, so that none can end before all of them run.
  constexpr int count = 8;
  for (int i = 0; i <= count; ++i) pipe("p" + std::to_string(i));
  std::vector<std::jthread> threads;
  std::vector<int> codes(count, -1);
  for (int i = 0; i < count; ++i)
    threads.emplace_back([&, i] {
      std::string mine = path("p" + std::to_string(i)), next = path("p" + std::to_string(i + 1));
      auto end =
          processes.run({"run", OpId{std::to_string(i)}, 1},
                        script_of("read x < " + mine + "; echo $x > " + next + "; exit " + std::to_string(i)), {});
      if (end) codes[i] = end->code;
    });
  say(path("p0"), "go");
  EXPECT_EQ(hear(path("p" + std::to_string(count))), "go");
  threads.clear();
  EXPECT_THAT(codes, ElementsAre(0, 1, 2, 3, 4, 5, 6, 7));
}

TEST_F(RealChildren, SayThatAMissingProgramWasNotStarted) {
  for (const std::string name : {"no-such-program", "/no/such/program"}) {
    auto end = run(command_of({name}));
    ASSERT_FALSE(end);
    EXPECT_EQ(end.error().code, ErrorCode::not_started);
    EXPECT_EQ(end.error().effect, Certainty::no_effect);
    EXPECT_THAT(end.error().message, HasSubstr("`" + name + "`"));
  }
  EXPECT_FALSE(std::filesystem::exists(spool)) << "no helper is needed to say so";
}

TEST_F(RealChildren, SayWhyAFileCannotBeExecuted) {
  std::ofstream(path("plain")) << "echo hello\n";
  auto plain = run(command_of({path("plain")}));
  ASSERT_FALSE(plain);
  EXPECT_EQ(plain.error().code, ErrorCode::not_started);
  EXPECT_THAT(plain.error().message, HasSubstr("may not be executed"));
  EXPECT_THAT(plain.error().hint, HasSubstr("chmod +x"));

  ::chmod(path("plain").c_str(), 0700);  // now only the kernel can say that it is no program
  auto text = run(command_of({path("plain")}));
  ASSERT_FALSE(text);
  EXPECT_EQ(text.error().code, ErrorCode::not_started);
  EXPECT_EQ(text.error().effect, Certainty::no_effect);
  EXPECT_THAT(text.error().hint, HasSubstr("#!/bin/sh"));
}

TEST_F(RealChildren, SayThatAFolderToRunInIsGone) {
  Command command = command_of({"pwd"});
  command.directory = path("gone");
  auto end = run(command);
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, ErrorCode::not_started);
  EXPECT_THAT(end.error().message, HasSubstr(path("gone")));
}

TEST_F(RealChildren, SayThatTheyWereNotStartedWhenArgumentsAreTooLong) {
  auto end = run(command_of({"true", std::string(3 << 20, 'x')}));
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, ErrorCode::not_started);
  EXPECT_EQ(end.error().effect, Certainty::no_effect);
}

TEST_F(RealChildren, RefuseTextsThatWouldReachAProgramCutShort) {
  using namespace std::string_literals;
  EXPECT_EQ(run(command_of({"echo", "a\0b"s})).error().code, ErrorCode::invalid);
  Command command = command_of({"env"});
  command.environment = {{"A=B", Value("c")}};
  EXPECT_EQ(run(command).error().code, ErrorCode::invalid);
  command.environment = {{"A", Value("c\0d"s)}};
  EXPECT_EQ(run(command).error().code, ErrorCode::invalid);
}

TEST_F(RealChildren, RunInTheirFolderAndFindProgramsFromThere) {
  std::filesystem::create_directory(path("sub"));
  std::ofstream(path("sub/here")) << "#!/bin/sh\npwd\n";
  ::chmod(path("sub/here").c_str(), 0700);
  Command command = command_of({"./here"});
  command.directory = path("sub");
  auto end = run(command);
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(all_of(end->out), path("sub") + "\n");

  // Also where the folder itself is written from ours.
  command.directory = std::filesystem::relative(path("sub"));
  end = run(command);
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(all_of(end->out), path("sub") + "\n");
}

TEST_F(RealChildren, ReadNothingUnlessTheyAreGivenSomething) {
  auto end = run(command_of({"wc", "-c"}));
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(all_of(end->out), "0\n");
}

TEST_F(RealChildren, ReadWhatTheyAreGivenWhole) {
  Command command = command_of({"cat"});
  std::string text;
  for (int i = 0; i < 100'000; ++i) text += std::to_string(i) + "\n";  // more than a pipe holds
  command.input = text;
  auto end = run(command);
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(end->out.bytes, text.size());
  EXPECT_EQ(end->out.sha256, sha256_hex(text));
}

TEST_F(RealChildren, MayLeaveTheirInputUnread) {
  Command command = command_of({"true"});
  command.input = std::string(1 << 20, 'x');
  auto end = run(command);
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(end->code, 0);
}

TEST_F(RealChildren, HaveNoTerminalToAskAt) {
  auto end = run(script_of("(: < /dev/tty) 2> /dev/null && echo asked || echo nobody"));
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(all_of(end->out), "nobody\n");
}

TEST_F(RealChildren, SeeTheAllowedEnvironmentAndTheirOwnOnly) {
  ::setenv("MUSTER_TEST_LEAK", "leak", 1);
  environment = allowed_environment({{"PATH", ".:/usr/bin::bin:/bin"},
                                     {"HOME", "/home/alice"},
                                     {"TZ", "UTC"},
                                     {"LANG", "de_DE.UTF-8"},
                                     {"LC_ALL", "tr_TR"},
                                     {"LD_PRELOAD", "/tmp/evil.so"},
                                     {"BASH_ENV", "/tmp/evil"},
                                     {"AWS_SECRET_ACCESS_KEY", "leak"}});
  RealProcesses strict(settings());
  Command command = command_of({"env"});
  command.environment = {{"GREETING", Value("hello")}, {"TZ", Value("CET")}};
  auto end = strict.run(key, command, {});
  ::unsetenv("MUSTER_TEST_LEAK");
  ASSERT_TRUE(end) << end.error().message;
  std::vector<std::string> lines = lines_of(all_of(end->out));
  std::erase_if(lines, [](const std::string& line) { return line.starts_with("MUSTER_CHILD="); });
  EXPECT_THAT(lines, UnorderedElementsAre("PATH=/usr/bin:/bin", "HOME=/home/alice", "TZ=CET", "LC_ALL=C.UTF-8",
                                          "GREETING=hello"));
}

TEST_F(RealChildren, MayUseTheSshAgentOnlyWhereTheirCommandSaysSo) {
  ProcessSettings with_agent = settings();
  with_agent.ssh_agent = "/run/agent";
  RealProcesses lending(with_agent);
  Command command;
  command.argv = {"sh", "-c", "echo ${SSH_AUTH_SOCK-none}"};
  EXPECT_EQ(all_of(lending.observe(command, {})->out), "none\n");
  command.ssh_agent = true;
  EXPECT_EQ(all_of(lending.observe(command, {})->out), "/run/agent\n");
}

TEST_F(RealChildren, InheritNoDescriptorOfOurs) {
  int open = ::open("/dev/null", O_RDONLY);  // without close-on-exec, as a careless library might
  auto end = run(command_of({"ls", "/proc/self/fd"}));
  ::close(open);
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_THAT(lines_of(all_of(end->out)), ElementsAre("0", "1", "2", "3"));  // 3 is the folder that ls itself reads
}

TEST_F(RealChildren, StartWithOrdinarySignalsAndWithoutCores) {
  ::signal(SIGPIPE, SIG_IGN);
  auto end = run(script_of("grep SigBlk /proc/self/status; grep SigIgn /proc/self/status; ulimit -c"));
  ::signal(SIGPIPE, SIG_DFL);
  ASSERT_TRUE(end) << end.error().message;
  std::vector<std::string> lines = lines_of(all_of(end->out));
  ASSERT_EQ(lines.size(), 3u);
  EXPECT_EQ(lines[0], "SigBlk:\t0000000000000000");
  // Signals 32 and 33 belong to the C library, which lets nobody touch them.
  EXPECT_EQ(std::stoull(lines[1].substr(lines[1].find('\t')), nullptr, 16) & ~0x180000000ULL, 0u) << lines[1];
  EXPECT_EQ(lines[2], "0");
}

TEST_F(RealChildren, KeepHeadAndTailOfALoudChildInFlatMemory) {
  auto quiet = run(script_of("head -c 1000000 /dev/zero"));
  ASSERT_TRUE(quiet) << quiet.error().message;
  int64_t before = peak_kib(helper());
  ASSERT_GT(before, 0);

  Command command = script_of("printf begin; head -c 200000000 /dev/zero; printf end");
  command.head_bytes = 10;
  command.tail_bytes = 20;
  auto end = run(command);
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(end->out.bytes, 200'000'008u);
  EXPECT_FALSE(end->out.is_whole());
  EXPECT_EQ(end->out.head, "begin" + std::string(5, '\0'));
  EXPECT_EQ(end->out.tail, std::string(17, '\0') + "end");
  EXPECT_LT(peak_kib(helper()) - before, 4096) << "memory grows with what a child prints";
}

TEST_F(RealChildren, KeepTheLastBytesInOrderWhateverTheSizesOfWrites) {
  Command command = script_of("i=0; while [ $i -lt 3000 ]; do echo $i; i=$((i+1)); done");
  command.head_bytes = 7;
  command.tail_bytes = 1001;
  auto end = run(command);
  ASSERT_TRUE(end) << end.error().message;
  std::string whole;
  for (int i = 0; i < 3000; ++i) whole += std::to_string(i) + "\n";
  EXPECT_EQ(end->out.head, whole.substr(0, 7));
  EXPECT_EQ(end->out.tail, whole.substr(whole.size() - 1001));
  EXPECT_EQ(end->out.sha256, sha256_hex(whole));
}

TEST_F(RealChildren, GiveAllOfAnOutputThatFitsExactly) {
  Command command = command_of({"printf", "0123456789"});
  command.head_bytes = 4;
  command.tail_bytes = 6;
  auto end = run(command);
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_TRUE(end->out.is_whole());
  EXPECT_EQ(all_of(end->out), "0123456789");
}

TEST_F(RealChildren, RedactASecretThatIsSplitOverTwoWrites) {
  std::string go = pipe("go");
  Command command = script_of("printf 'pass hunter'; read x < " + go + "; printf '22secret word'; printf hunter >&2");
  command.environment = {{"PASSWORD", Value(Secret("password", "hunter22secret"))}};
  std::jthread second([&] { say(go, "on"); });  // not before the child has flushed the first half
  auto end = run(command);
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(all_of(end->out), "pass *** word");
  EXPECT_EQ(all_of(end->err), "hunter") << "half a secret is none, and must not be held back for ever";
  EXPECT_EQ(end->out.sha256, sha256_hex("pass *** word"));
}

TEST_F(RealChildren, RedactTheLongestSecretWhereSeveralBegin) {
  Command command = script_of("printf abcd; printf efgh; printf ' abcdx'");
  command.redact = {Secret("short", "abcd"), Secret("long", "abcdefgh")};
  auto end = run(command);
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(all_of(end->out), "*** ***x");
}

TEST_F(RealChildren, RedactEncodedSecretsOfStdinAndOfBothStreams) {
  Command command = script_of(
      "IFS= read -r s; printf %s \"$s\" | base64; printf %s \"x$s\" | base64 >&2; printf %s \"$s\" | od -An -tx1 | tr "
      "-d ' \\n'");
  command.input = Value(Secret("token", "t0ken/with+some=signs"));
  auto end = run(command);
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_THAT(all_of(end->out), HasSubstr("***"));
  EXPECT_THAT(all_of(end->out), Not(HasSubstr("dDBrZW4vd2l0aCtzb21lPXNpZ25z")));
  EXPECT_THAT(all_of(end->out), Not(HasSubstr("74306b656e")));
  EXPECT_THAT(all_of(end->err), HasSubstr("***"));
}

TEST_F(RealChildren, KeepBytesAsTheyAre) {
  auto end = run(script_of("printf '\\377\\000\\033[31m\\r::set-output x=1'"));
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(all_of(end->out), std::string("\377\0\033[31m\r::set-output x=1", 24));
}

TEST_F(RealChildren, ObserveWithoutLeavingATrace) {
  auto end = processes.observe(command_of({"echo", "seen"}), {});
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(all_of(end->out), "seen\n");
  for (const auto& entry : std::filesystem::directory_iterator(spool)) EXPECT_TRUE(entry.is_socket()) << entry.path();
}

TEST_F(RealChildren, RefuseASpoolThatOthersMayRead) {
  std::filesystem::create_directory(spool);
  ::chmod(spool.c_str(), 0755);
  auto end = run(command_of({"true"}));
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, ErrorCode::refused);
  EXPECT_EQ(end.error().effect, Certainty::no_effect);
}

TEST_F(RealChildren, SayThatAHelperIsMissing) {
  RealProcesses lost({path("no-helper"), spool, environment});
  auto end = lost.run(key, command_of({"true"}), {});
  ASSERT_FALSE(end);
  EXPECT_EQ(end.error().code, ErrorCode::storage);
  EXPECT_EQ(end.error().effect, Certainty::no_effect);
  EXPECT_THAT(end.error().message, HasSubstr("no-helper"));
}

TEST_F(RealChildren, WorkInASpoolWithAVeryLongName) {
  std::string folder = directory.path();
  for (int i = 0; i < 4; ++i) std::filesystem::create_directory(folder += "/" + std::string(60, 'd'));
  spool = folder + "/spool";
  RealProcesses deep(settings());
  auto end = deep.run(key, command_of({"true"}), {});
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(end->code, 0);
}

}  // namespace
}  // namespace muster
