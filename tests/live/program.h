// The real program in a home of its own: started, fed, signalled and read.
//
// Units: a wait gives up after 60 seconds and fails the test.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <pwd.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "interpreter/base/json.h"
#include "tests/world/temp_directory.h"

namespace muster {

inline std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

inline bool eventually(const std::function<bool()>& holds) {
  auto end = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (std::chrono::steady_clock::now() < end) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return holds();
}

struct Ran {
  int code = -1;  // 128 + n: ended by signal n
  std::string out, err;
};

// A child that runs on while the test goes on; killed at the end if it is still there.
class Background {
 public:
  Background(pid_t pid, std::string out, std::string err) : pid_(pid), out_(std::move(out)), err_(std::move(err)) {}
  ~Background() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  Background(const Background&) = delete;
  Background& operator=(const Background&) = delete;
  pid_t pid() const { return pid_; }
  std::string err() const { return read_text(err_); }
  void signal(int number) const { ::kill(pid_, number); }
  Ran wait() {
    int status = 0;
    bool ended = eventually([&] { return pid_ <= 0 || ::waitpid(pid_, &status, WNOHANG) == pid_; });
    EXPECT_TRUE(ended) << "it does not end; so far it said:\n" << err();
    if (!ended) return {};
    pid_ = -1;
    return {WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), read_text(out_), read_text(err_)};
  }

 private:
  pid_t pid_;
  std::string out_, err_;
};

class Home {
 public:
  static std::string person() {
    passwd* entry = ::getpwuid(::geteuid());
    return entry ? entry->pw_name : "uid:" + std::to_string(::geteuid());
  }

  std::vector<std::string> variables;  // further ones for the program, `NAME=value`
  std::string working_folder;          // where it is started; empty: where the test is

  std::string path(const std::string& name) const { return folder_.path() + "/" + name; }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name)) << text;
    return path(name);
  }
  bool has(const std::string& name) const { return ::access(path(name).c_str(), F_OK) == 0; }

  // The words of a command line; HOME is this folder, and nothing of the test's own environment but PATH is passed on.
  std::unique_ptr<Background> start(const std::vector<std::string>& words) {
    std::string n = std::to_string(++started_), out = path("out." + n), err = path("err." + n);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    posix_spawn_file_actions_addopen(&files, 2, err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600);
    if (!working_folder.empty()) posix_spawn_file_actions_addchdir_np(&files, working_folder.c_str());
    pid_t pid = spawn(words, &files);
    posix_spawn_file_actions_destroy(&files);
    return std::make_unique<Background>(pid, out, err);
  }
  Ran muster(const std::vector<std::string>& words) { return start(words)->wait(); }
  // An answer in JSON.
  Value json(std::vector<std::string> words) {
    words.insert(words.begin(), {"--output", "json"});
    Ran ran = muster(words);
    EXPECT_EQ(ran.code, 0) << ran.err;
    Result<Value> parsed = parse_json(ran.out);
    EXPECT_TRUE(parsed.has_value()) << ran.out;
    return parsed.value_or(Value());
  }
  std::string state_of_last() { return text_of(json({"show", "last"}).get<Map>(), "state"); }
  bool waits_at_a_gate() {
    Value gates = json({"gates"});
    return gates.is<List>() && !gates.get<List>().empty();
  }

  pid_t spawn(const std::vector<std::string>& words, posix_spawn_file_actions_t* files, bool own_session = false) {
    std::vector<std::string> all{MUSTER_RELEASE_DIR "/muster"};
    all.insert(all.end(), words.begin(), words.end());
    std::vector<char*> argv;
    for (std::string& word : all) argv.push_back(word.data());
    argv.push_back(nullptr);
    const char* path_now = ::getenv("PATH");
    std::vector<std::string> set{"HOME=" + folder_.path(),
                                 std::string("PATH=") + (path_now ? path_now : "/usr/bin:/bin"), "TERM=xterm"};
    set.insert(set.end(), variables.begin(), variables.end());
    std::vector<char*> env;
    for (std::string& variable : set) env.push_back(variable.data());
    env.push_back(nullptr);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    if (own_session) posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    pid_t pid = -1;
    EXPECT_EQ(::posix_spawn(&pid, all[0].c_str(), files, &attributes, argv.data(), env.data()), 0) << all[0];
    posix_spawnattr_destroy(&attributes);
    return pid;
  }

 private:
  TempDirectory folder_;
  int started_ = 0;
};

}  // namespace muster
