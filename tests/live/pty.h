// The real program at a terminal of its own: what is on the screen, and somebody who types.
#pragma once

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

#include "interpreter/base/unique_fd.h"
#include "tests/live/program.h"

namespace muster {

class AtTerminal {
 public:
  AtTerminal(Home& home, const std::vector<std::string>& words)
      : screen_(::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)) {
    EXPECT_TRUE(screen_ && ::grantpt(screen_.get()) == 0 && ::unlockpt(screen_.get()) == 0);
    char name[128] = {};
    EXPECT_EQ(::ptsname_r(screen_.get(), name, sizeof name), 0);
    winsize size{};
    size.ws_col = 100;
    size.ws_row = 40;
    ::ioctl(screen_.get(), TIOCSWINSZ, &size);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    // Opened by the leader of a new session: it becomes its terminal.
    posix_spawn_file_actions_addopen(&files, 0, name, O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&files, 0, 1);
    posix_spawn_file_actions_adddup2(&files, 0, 2);
    pid_ = home.spawn(words, &files, true);
    posix_spawn_file_actions_destroy(&files);
  }
  ~AtTerminal() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  void types(const std::string& text) {
    EXPECT_EQ(::write(screen_.get(), text.data(), text.size()), static_cast<ssize_t>(text.size()));
  }
  // Waits until it stands there.
  bool sees(const std::string& text) {
    return eventually([&] {
      read();
      return seen_.find(text) != std::string::npos;
    });
  }
  int ends() {
    int status = 0;
    bool ended = eventually([&] {
      read();
      return ::waitpid(pid_, &status, WNOHANG) == pid_;
    });
    EXPECT_TRUE(ended) << seen_;
    if (!ended) return -1;
    pid_ = -1;
    read();
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }
  const std::string& screen() const { return seen_; }

 private:
  void read() {
    pollfd ready{screen_.get(), POLLIN, 0};
    while (::poll(&ready, 1, 0) > 0 && (ready.revents & POLLIN) != 0) {
      char buffer[4096];
      ssize_t got = ::read(screen_.get(), buffer, sizeof buffer);
      if (got <= 0) return;
      seen_.append(buffer, static_cast<size_t>(got));
    }
  }
  UniqueFd screen_;
  pid_t pid_ = -1;
  std::string seen_;
};

}  // namespace muster
