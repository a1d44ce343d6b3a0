// What the OpenSSH client is asked to do, and what is made of how it ends. With a real daemon: tests/live/ssh_test.cc.
#include "steps/ssh.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "interpreter/base/json.h"
#include "interpreter/base/shell_quote.h"
#include "tests/world/fake_processes.h"

namespace muster {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;

Map there(Map more = {}) {
  Map connection{{"name", "there"}, {"kind", "ssh"}, {"host", "db1"}};
  connection.merge(more);
  return connection;
}

Command command(std::vector<std::string> argv) {
  Command out;
  out.argv = std::move(argv);
  return out;
}

std::string words(const Command& command) {
  std::string out;
  for (const std::string& word : command.argv) out += word + "\n";
  return out;
}

ProcessEnd ended(int code, std::string err) { return FakeProcesses::exited(code, "", std::move(err)); }

const std::string connected = "muster: connected\n";

TEST(Ssh, AsksNobodyAndNeverTurnsTheCheckOfTheHostsKeyOff) {
  Result<Command> client =
      over_ssh(there({{"user", "deploy"}, {"port", 2222}, {"identity", "/k e y"}, {"known_hosts", "/known"}}),
               command({"systemctl", "restart", "app.service"}));
  ASSERT_TRUE(client.has_value()) << client.error().message;
  EXPECT_THAT(words(*client), HasSubstr("BatchMode=yes\n"));
  EXPECT_THAT(words(*client), HasSubstr("StrictHostKeyChecking=yes\n"));
  EXPECT_THAT(words(*client), HasSubstr("-p\n2222\n-l\ndeploy\n-i\n/k e y\n"));
  EXPECT_THAT(words(*client), HasSubstr("UserKnownHostsFile=\"/known\"\n"));
  EXPECT_THAT(words(*client), EndsWith("--\ndb1\nsystemctl restart app.service\n"));
  EXPECT_TRUE(client->input.is_null());
  EXPECT_TRUE(client->ssh_agent);
}

TEST(Ssh, GoesIntoTheFolderThereAndNotHere) {
  Command asked = command({"ls"});
  asked.directory = "-a b";
  Result<Command> client = over_ssh(there(), asked);
  ASSERT_TRUE(client.has_value());
  EXPECT_EQ(to_text(client->input), "cd -- '-a b' || exit\nexec ls\n");
  EXPECT_EQ(client->directory, "");
}

// fish and csh read quotes otherwise than sh: they never see any.
TEST(Ssh, LeavesWordsThatNeedQuotesToAShellThatIsKnown) {
  for (const char* word : {"a b", "it's", "\\", "a\nb", "$(id)", "", "=ls", "!"}) {
    Result<Command> client = over_ssh(there(), command({"echo", word}));
    ASSERT_TRUE(client.has_value());
    std::string script = "exec " + remote_shell_line({"echo", word}) + "\n";
    EXPECT_EQ(client->argv.back(), "exec /bin/sh -c 'eval \"$(dd bs=1 count=" + std::to_string(script.size()) +
                                       " 2>/dev/null)\"; exit 126'");
    EXPECT_EQ(to_text(client->input), script);
  }
}

TEST(Ssh, PutsVariablesOnTheInputAndNowhereElse) {
  Command asked = command({"deploy", "it's"});
  asked.environment = {{"PLAIN", Value("x")}, {"TOKEN", Value(Secret("token", "s3cret 'quoted'"))}};
  asked.input = Value("and this");
  asked.directory = "/srv/a b";
  Result<Command> client = over_ssh(there(), asked);
  ASSERT_TRUE(client.has_value()) << client.error().message;
  EXPECT_THAT(words(*client), Not(HasSubstr("s3cret")));
  EXPECT_THAT(words(*client), Not(HasSubstr("PLAIN")));
  for (const auto& [name, value] : client->environment) EXPECT_EQ(name, "SHELL");
  ASSERT_TRUE(client->input.is<Secret>()) << "what holds a secret is one";
  const std::string script =
      "export PLAIN=x\n"
      "export TOKEN='s3cret '\\''quoted'\\'''\n"
      "cd -- '/srv/a b' || exit\n"
      "exec deploy 'it'\\''s'\n";
  EXPECT_EQ(client->input.get<Secret>().reveal(SecretSink::child_stdin), script + "and this");
  EXPECT_THAT(words(*client), HasSubstr("count=" + std::to_string(script.size()) + " "));
  ASSERT_EQ(client->redact.size(), 1u);
  EXPECT_EQ(client->redact[0].name(), "token");
}

TEST(Ssh, RefusesNamesThatAreMoreThanNames) {
  Command asked = command({"true"});
  for (const Map& connection : {there({{"user", "-oProxyCommand=id"}}), there({{"user", "a$b\\"}}),
                                Map{{"host", "-oProxyCommand=id"}}, Map{{"host", "%h"}}, Map{{"host", "a`id`"}},
                                Map{{"host", ""}}, there({{"identity", "%d/key"}}), there({{"port", 0}})}) {
    Result<Command> client = over_ssh(connection, asked);
    ASSERT_FALSE(client.has_value()) << print_json(Value(connection));
    EXPECT_EQ(client.error().code, ErrorCode::invalid);
    EXPECT_EQ(client.error().effect, Certainty::no_effect);
  }
  asked.environment = {{"A;id", Value("x")}};
  EXPECT_FALSE(over_ssh(there(), asked).has_value()) << "a shell reads the names of variables there";
  asked.environment = {{"A", Value(std::string("x\0y", 3))}};
  EXPECT_FALSE(over_ssh(there(), asked).has_value());
}

TEST(Ssh, HasFailedToConnectOnlyWhereItNeverSaidThatItIsConnected) {
  EXPECT_TRUE(has_failed_to_connect(ended(255, "ssh: connect to host db1 port 22: Connection refused\r\n")));
  EXPECT_FALSE(has_failed_to_connect(ended(255, connected + "ssh: connect to host db1 port 22: Connection refused\n")))
      << "the command said so, on its own host";
  EXPECT_FALSE(has_failed_to_connect(ended(1, "")));
  ProcessEnd cut = ended(255, "much");
  cut.err.bytes = 1 << 20;
  EXPECT_FALSE(has_failed_to_connect(cut)) << "it may stand in what was left out";
}

TEST(Ssh, IsCertainOfNoEffectOnlyWhereTheClientSaysWhyItDidNotConnect) {
  auto failure = [](const std::string& err) {
    return connection_failure(there({{"user", "deploy"}}), ended(255, err));
  };
  Error refused = failure("ssh: connect to host db1 port 22: Connection refused\r\n");
  EXPECT_EQ(refused.code, ErrorCode::unreachable);
  EXPECT_EQ(refused.effect, Certainty::no_effect);
  EXPECT_EQ(refused.message, "no connection to deploy@db1: ssh: connect to host db1 port 22: Connection refused");
  EXPECT_EQ(failure("ssh: Could not resolve hostname db1: Name or service not known\r\n").effect, Certainty::no_effect);
  Error unknown_key = failure("No ED25519 host key is known for db1\r\nHost key verification failed.\r\n");
  EXPECT_EQ(unknown_key.code, ErrorCode::refused);
  EXPECT_EQ(unknown_key.effect, Certainty::no_effect);
  EXPECT_THAT(unknown_key.hint, HasSubstr("known_hosts"));
  EXPECT_EQ(failure("deploy@db1: Permission denied (publickey).\r\n").effect, Certainty::no_effect);
  EXPECT_EQ(failure("words of another version\r\n").effect, Certainty::maybe);
  EXPECT_EQ(failure("").effect, Certainty::maybe);
}

TEST(Ssh, LeavesTheCommandsOwnWords) {
  EXPECT_EQ(without_greeting(connected + "warned\n"), "warned\n");
  EXPECT_EQ(without_greeting("warned\n"), "warned\n");
}

}  // namespace
}  // namespace muster
