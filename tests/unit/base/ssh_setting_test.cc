#include "interpreter/base/ssh_setting.h"

#include <gtest/gtest.h>

namespace muster {
namespace {

TEST(SshSetting, TakesNamesAddressesAndFiles) {
  for (const char* host : {"db1", "db-1.example.com", "10.0.0.1", "fe80::1", "host_name", "ALIAS"})
    EXPECT_FALSE(problem_of_ssh_setting("host", host)) << host;
  for (const char* user : {"deploy", "_svc", "a.b-c+d", "ann@example.com"})
    EXPECT_FALSE(problem_of_ssh_setting("user", user)) << user;
  for (const char* file : {"/srv/keys/id_ed25519", "~/.ssh/deploy key", "keys/ü"})
    EXPECT_FALSE(problem_of_ssh_setting("identity", file)) << file;
  EXPECT_FALSE(problem_of_ssh_port(22));
}

// Names that clients of several years took for options, commands or tokens (CVE-2017-1000117, CVE-2023-51385).
TEST(SshSetting, RefusesWhatTheClientWouldTakeForMoreThanAName) {
  for (const char* host : {"", "-oProxyCommand=id", "a`id`", "%h", "a b", "a$b", "a;b", "a'b", "a\nb", "a\\b",
                           "user@host", "a/b", "[::1]", "\xC3\xBC"})
    EXPECT_TRUE(problem_of_ssh_setting("host", host)) << host;
  for (const char* user : {"", "-l", "a$b\\", "a b", "`id`", "%r", "a:b", "a\"b"})
    EXPECT_TRUE(problem_of_ssh_setting("user", user)) << user;
  for (const char* setting : {"identity", "known_hosts"})
    for (const char* file : {"", "-i", "%d/key", "${HOME}/key", "a`id`", "a\"b", "a\\b", "a\nb"})
      EXPECT_TRUE(problem_of_ssh_setting(setting, file)) << file;
  EXPECT_TRUE(problem_of_ssh_setting("host", std::string(256, 'a')));
  EXPECT_TRUE(problem_of_ssh_setting("user", std::string(65, 'a')));
  for (int64_t port : {int64_t{0}, int64_t{-1}, int64_t{65536}}) EXPECT_TRUE(problem_of_ssh_port(port)) << port;
}

}  // namespace
}  // namespace muster
