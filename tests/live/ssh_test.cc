// `shell` on another host: a real sshd on a loopback port, with keys of its own, and the real client.
#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "interpreter/base/unique_fd.h"
#include "tests/live/program.h"

namespace muster {
namespace {

constexpr const char* daemon_path = "/usr/sbin/sshd";

int free_port() {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size), 0);
  return ntohs(address.sin_port);
}

bool answers(int port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<uint16_t>(port));
  return ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

std::string first_words(const std::string& line, int count) {
  size_t at = 0;
  for (int i = 0; i < count && at != std::string::npos; ++i) at = line.find(' ', at + 1);
  return line.substr(0, at);
}

class LiveSsh : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(::access(daemon_path, X_OK), 0) << "openssh-server is not installed";
    for (const char* name : {"host_key", "user_key"}) {
      std::string made = "ssh-keygen -q -t ed25519 -N '' -f " + home.path(name);
      ASSERT_EQ(std::system(made.c_str()), 0);
    }
    if (::geteuid() == 0) ::mkdir("/run/sshd", 0755);
    port = free_port();
    home.write("authorized_keys", read_text(home.path("user_key.pub")));
    ::chmod(home.path("authorized_keys").c_str(), 0600);
    home.write("known_hosts", "[127.0.0.1]:" + std::to_string(port) + " " +
                                  first_words(read_text(home.path("host_key.pub")), 2) + "\n");
    home.write("sshd_config", "Port " + std::to_string(port) + "\nListenAddress 127.0.0.1\nHostKey " +
                                  home.path("host_key") + "\nPidFile none\nAuthorizedKeysFile " +
                                  home.path("authorized_keys") +
                                  "\nStrictModes no\nUsePAM no\nPasswordAuthentication no\n"
                                  "KbdInteractiveAuthentication no\nPermitRootLogin yes\nLogLevel VERBOSE\n");
    server = start_server();
    ASSERT_TRUE(eventually([&] { return answers(port); })) << read_text(home.path("sshd.log"));
  }
  void TearDown() override {
    if (server > 0) {
      ::kill(server, SIGTERM);
      ::waitpid(server, nullptr, 0);
    }
  }
  pid_t start_server() {
    pid_t pid = ::fork();
    if (pid == 0) {
      ::execl(daemon_path, daemon_path, "-D", "-f", home.path("sshd_config").c_str(), "-E",
              home.path("sshd.log").c_str(), static_cast<char*>(nullptr));
      ::_exit(127);
    }
    return pid;
  }
  // One step, `there`, on the host; `more` are further settings of the connection.
  std::string playbook(const std::string& shell, const std::string& more = "", const std::string& inputs = "",
                       const std::string& host = "127.0.0.1") {
    return home.write("remote.muster.yaml",
                      "muster: 1\nplaybook: remote\n" + inputs + "connections:\n  there: {ssh: {host: " + host +
                          ", port: " + std::to_string(port) + ", user: " + Home::person() +
                          ", identity: " + home.path("user_key") + ", known_hosts: " + home.path("known_hosts") + more +
                          "}}\nphases:\n  - id: only\n    steps:\n      - id: there\n        shell:\n"
                          "          connection: there\n" +
                          shell);
  }
  Map step() { return member(home.json({"show", "last"}).get<Map>(), "steps")->get<List>().at(0).get<Map>(); }
  Map error() { return member(step(), "error")->get<Map>(); }
  std::string log() { return read_text(home.path("sshd.log")); }

  Home home;
  int port = 0;
  pid_t server = -1;
};

TEST_F(LiveSsh, GivesEachArgumentToTheHostByteForByte) {
  const std::vector<std::string> words = {"",
                                          "two words",
                                          "it's \"quoted\"",
                                          "a\nnew line\n",
                                          "$(touch " + home.path("injected") + ")",
                                          "`touch " + home.path("injected") + "`",
                                          "; touch " + home.path("injected") + " #",
                                          "-leading",
                                          "--",
                                          "-oProxyCommand=id",
                                          "=ls",
                                          "~root",
                                          "\\",
                                          "%h!*?[a]{b,c}",
                                          "\xC3\xBC\xE2\x82\xAC",
                                          "if"};
  std::string expected;
  for (const std::string& word : words) expected += word + "|";
  home.write("inputs.json", print_json(Value(Map{{"words", List(words.begin(), words.end())}})));
  std::string file = playbook("          argv: [printf, \"%s|\", \"${{ inputs.words }}\"]\n", "",
                              "inputs:\n  words: {type: list, of: string, required: true}\n");
  Ran ran = home.muster({"run", file, "--inputs", home.path("inputs.json")});
  ASSERT_EQ(ran.code, 0) << ran.out << ran.err << log();
  EXPECT_EQ(text_of(member(step(), "result")->get<Map>(), "stdout"), expected);
  EXPECT_EQ(text_of(member(step(), "result")->get<Map>(), "stderr"), "") << "nothing of the client's own";
  EXPECT_FALSE(home.has("injected"));
  EXPECT_NE(log().find("Accepted publickey for " + Home::person()), std::string::npos) << "it went through the daemon";
}

TEST_F(LiveSsh, TakesAKeywordAsAProgramsNameAndItsExitCodeAsTheSteps) {
  EXPECT_EQ(home.muster({"run", playbook("          argv: [if, true]\n")}).code, 1);
  EXPECT_EQ(member(error(), "exit_code")->get<int64_t>(), 127);
  EXPECT_EQ(text_of(error(), "effect"), "maybe");
  Ran ran =
      home.muster({"run", playbook("          script: |\n            echo said >&2\n            exit 3\n          "
                                   "exit_codes: [3]\n")});
  EXPECT_EQ(ran.code, 0) << ran.err;
  EXPECT_EQ(text_of(member(step(), "result")->get<Map>(), "stderr"), "said\n");
}

TEST_F(LiveSsh, HandsOverFolderVariablesAndInput) {
  ASSERT_EQ(::mkdir(home.path("a folder").c_str(), 0700), 0);
  home.write("inputs.json", print_json(Value(Map{{"word", "it's\n$(touch " + home.path("injected") + ")\\ \"x\""}})));
  std::string file =
      playbook("          argv: [sh, -c, 'pwd; printf \"%s|\" \"$WORD\" \"$OTHER\"; cat']\n          cwd: " +
                   home.path("a folder") +
                   "\n          env: {WORD: \"${{ inputs.word }}\", OTHER: plain}\n          stdin: \"from "
                   "stdin\\nmore\"\n",
               "", "inputs:\n  word: {type: string, required: true}\n");
  Ran ran = home.muster({"run", file, "--inputs", home.path("inputs.json")});
  ASSERT_EQ(ran.code, 0) << ran.out << ran.err << log();
  EXPECT_EQ(text_of(member(step(), "result")->get<Map>(), "stdout"),
            home.path("a folder") + "\nit's\n$(touch " + home.path("injected") + ")\\ \"x\"|plain|from stdin\nmore");
  EXPECT_FALSE(home.has("injected"));
}

TEST_F(LiveSsh, CallsAHostThatDoesNotAnswerAFailureWithoutEffect) {
  ::kill(server, SIGTERM);
  ::waitpid(server, nullptr, 0);
  server = -1;
  Ran ran = home.muster(
      {"run", playbook("          argv: [touch, " + home.path("done") + "]\n          exit_codes: [0, 255]\n")});
  EXPECT_EQ(ran.code, 1) << "255 is the client's here, whatever `exit_codes` says";
  EXPECT_EQ(text_of(error(), "code"), "unreachable");
  EXPECT_EQ(text_of(error(), "effect"), "none");
  EXPECT_NE(text_of(error(), "message")
                .find("no connection to " + Home::person() + "@127.0.0.1, port " + std::to_string(port)),
            std::string::npos)
      << text_of(error(), "message");
  EXPECT_NE(text_of(error(), "message").find("Connection refused"), std::string::npos) << text_of(error(), "message");
}

TEST_F(LiveSsh, RefusesAHostWhoseKeyIsNotKnownOrIsAnother) {
  std::string file = playbook("          argv: [touch, " + home.path("done") + "]\n");
  for (const std::string& known : {std::string(), "[127.0.0.1]:" + std::to_string(port) + " " +
                                                      first_words(read_text(home.path("user_key.pub")), 2) + "\n"}) {
    home.write("known_hosts", known);
    EXPECT_EQ(home.muster({"run", file}).code, 1);
    EXPECT_EQ(text_of(error(), "code"), "refused");
    EXPECT_EQ(text_of(error(), "effect"), "none");
    EXPECT_NE(text_of(error(), "hint").find("known_hosts"), std::string::npos) << text_of(error(), "hint");
    EXPECT_EQ(read_text(home.path("known_hosts")), known) << "nothing was added";
  }
  EXPECT_FALSE(home.has("done"));
}

TEST_F(LiveSsh, RefusesToBeAskedForAPassword) {
  home.write("authorized_keys", "");
  EXPECT_EQ(home.muster({"run", playbook("          argv: [touch, " + home.path("done") + "]\n")}).code, 1);
  EXPECT_EQ(text_of(error(), "code"), "refused");
  EXPECT_EQ(text_of(error(), "effect"), "none");
  EXPECT_FALSE(home.has("done"));
}

TEST_F(LiveSsh, LeavesItOpenWhetherItHappenedWhenTheConnectionBreaksOrTheCommandSays255Itself) {
  EXPECT_EQ(home.muster({"run", playbook("          argv: [sh, -c, 'exit 255']\n")}).code, 1);
  EXPECT_EQ(text_of(error(), "effect"), "maybe");
  EXPECT_EQ(home.muster({"run", playbook("          argv: [sh, -c, 'touch " + home.path("done") +
                                         "; kill -9 $PPID; sleep 5']\n")})
                .code,
            1);
  EXPECT_TRUE(home.has("done"));
  EXPECT_EQ(text_of(error(), "effect"), "maybe");
  EXPECT_NE(text_of(error(), "hint").find("when the connection breaks"), std::string::npos) << text_of(error(), "hint");
}

TEST_F(LiveSsh, NeverTakesAnInputForMoreThanAName) {
  std::string file = playbook("          argv: [\"true\"]\n", "", "inputs:\n  host: {type: string, required: true}\n",
                              "\"${{ inputs.host }}\"");
  for (const std::string& host : {"-oProxyCommand=touch " + home.path("injected"), std::string("a`id`"),
                                  std::string("a%h"), std::string("a b"), std::string("a$b")}) {
    Ran ran = home.muster({"run", file, "-i", "host=" + host});
    EXPECT_EQ(ran.code, 1) << host;
    EXPECT_NE(text_of(error(), "message").find("cannot be the `host` of an ssh connection"), std::string::npos)
        << text_of(error(), "message");
    EXPECT_EQ(text_of(error(), "effect"), "none");
  }
  EXPECT_FALSE(home.has("injected"));
}

TEST_F(LiveSsh, ShowsAtAGateWhereItWillRunAndWhat) {
  std::string file = playbook("          argv: [touch, \"a b\"]\n        approval: true\n");
  Ran ran = home.muster({"run", file, "--detach"});
  EXPECT_EQ(ran.code, 75);
  EXPECT_NE(ran.err.find("on " + Home::person() + "@127.0.0.1, port " + std::to_string(port) + ", through ssh"),
            std::string::npos)
      << ran.err;
  EXPECT_NE(ran.err.find("touch 'a b'"), std::string::npos) << ran.err;
}

}  // namespace
}  // namespace muster
