#include "interpreter/cli/anchors.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstring>

#include "interpreter/base/unique_fd.h"
#include "interpreter/cli/session.h"
#include "interpreter/journal/heads.h"
#include "interpreter/world/real_processes.h"

namespace muster {
namespace {

constexpr std::chrono::seconds time_for_a_program{10};

void tell_of(const std::string& what, const std::string& why) {
  tell("muster: a signed head could not be handed to " + what + ": " + why + "\n");
}

void make_folders_of(const std::string& file) {
  for (size_t at = file.find('/', 1); at != std::string::npos; at = file.find('/', at + 1))
    ::mkdir(file.substr(0, at).c_str(), 0700);  // opening says it better
}

}  // namespace

std::string heads_file_of(const Invocation& invocation, const Configuration& configuration) {
  if (configuration.anchors && configuration.anchors->file) return *configuration.anchors->file;
  return state_folder(invocation) + "/heads.jsonl";
}

OutsideHeads::OutsideHeads(const Invocation& invocation, const Configuration& configuration)
    : file_(heads_file_of(invocation, configuration)), environment_(allowed_environment(invocation.environment)) {
  if (configuration.anchors) command_ = configuration.anchors->command;
}

void OutsideHeads::hand_out(const SignedHead& head) {
  std::string line = head_line(head);
  append(line);
  if (!command_.empty()) give_to_command(line);
}

void OutsideHeads::append(const std::string& line) {
  UniqueFd file(::open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file && errno == ENOENT) {
    make_folders_of(file_);
    file = UniqueFd(::open(file_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0600));
  }
  // One call, so that the lines of two processes do not mix.
  if (!file || ::write(file.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()))
    tell_of("`" + file_ + "`", std::strerror(errno));
}

void OutsideHeads::give_to_command(const std::string& line) {
  collect(false);
  UniqueFd input(::memfd_create("muster-head", MFD_CLOEXEC));
  if (!input || ::write(input.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size()) ||
      ::lseek(input.get(), 0, SEEK_SET) != 0)
    return tell_of("`" + command_[0] + "`", std::strerror(errno));
  std::vector<char*> argv, env;
  for (std::string& word : command_) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::vector<std::string> variables;
  for (const auto& [name, value] : environment_) variables.push_back(name + "=" + value);
  for (std::string& variable : variables) env.push_back(variable.data());
  env.push_back(nullptr);
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, input.get(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&files, STDERR_FILENO, STDOUT_FILENO);  // our stdout holds answers only
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, usual;
  sigemptyset(&none);
  sigemptyset(&usual);
  sigaddset(&usual, SIGPIPE);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &usual);
  posix_spawnattr_setpgroup(&attributes, 0);  // an interrupt is not for it
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  pid_t pid = -1;
  int problem = ::posix_spawn(&pid, command_[0].c_str(), &files, &attributes, argv.data(), env.data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (problem != 0) return tell_of("`" + command_[0] + "`", std::strerror(problem));
  started_.push_back({pid, std::chrono::steady_clock::now() + time_for_a_program});
}

bool OutsideHeads::collect(bool wait) {
  auto now = std::chrono::steady_clock::now();
  started_.erase(std::remove_if(started_.begin(), started_.end(),
                                [&](const Started& one) {
                                  int status = 0;
                                  pid_t ended = ::waitpid(one.pid, &status, WNOHANG);
                                  bool late = ended == 0 && wait && now >= one.end;
                                  if (late) {
                                    ::kill(-one.pid, SIGKILL);
                                    ::waitpid(one.pid, nullptr, 0);
                                    tell_of("`" + command_[0] + "`", "it did not end within 10 seconds");
                                  } else if (ended == one.pid && !(WIFEXITED(status) && WEXITSTATUS(status) == 0)) {
                                    tell_of("`" + command_[0] + "`",
                                            WIFEXITED(status)
                                                ? "it ended with exit code " + std::to_string(WEXITSTATUS(status))
                                                : "it was ended by signal " + std::to_string(WTERMSIG(status)));
                                  }
                                  return late || ended != 0;
                                }),
                 started_.end());
  return started_.empty();
}

void OutsideHeads::finish() {
  while (!collect(true)) {
    timespec moment{0, 5'000'000};
    ::nanosleep(&moment, nullptr);
  }
}

}  // namespace muster
