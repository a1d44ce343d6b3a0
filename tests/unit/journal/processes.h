// Real processes for the journal's tests, and pipes that say when each has come so far.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "interpreter/base/unique_fd.h"

namespace muster::journal_world {

struct Pipe {
  UniqueFd out, in;
  Pipe() {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    out = UniqueFd(ends[0]);
    in = UniqueFd(ends[1]);
  }
  void put(char c) const { EXPECT_EQ(::write(in.get(), &c, 1), 1); }
  char take() const {  // 0: the other end is gone
    char c = 0;
    return ::read(out.get(), &c, 1) == 1 ? c : '\0';
  }
};

// A process of its own that runs the body and ends without destructors or exit handlers.
class Child {
 public:
  explicit Child(const std::function<int()>& body) : pid_(::fork()) {
    if (pid_ == 0) ::_exit(body());
  }
  ~Child() {
    if (pid_ > 0) end(SIGKILL);
  }
  pid_t pid() const { return pid_; }
  void signal(int number) const { ::kill(pid_, number); }
  int end(int number = 0) {
    if (number != 0) ::kill(pid_, number);
    int status = -1;
    ::waitpid(pid_, &status, 0);
    pid_ = -1;
    return status;
  }

 private:
  pid_t pid_;
};

}  // namespace muster::journal_world
