#include "interpreter/world/children/spawn.h"

#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

namespace muster::children {
namespace {

struct Failure {
  Stage stage;
  int error;
};

// Runs in the memory of its parent, which waits: nothing may be allocated or changed here.
[[noreturn]] void become(const Spawn& what, pid_t parent, int failures) {
  Failure failure{Stage::setup, 0};
  ::setsid();  // no controlling terminal: nothing can ask a person
  // A killed helper must not leave children that nobody watches.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  if (::dup2(what.in, 0) == 0 && ::dup2(what.out, 1) == 1 && ::dup2(what.err, 2) == 2) {
    ::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);  // a second fence: all of ours are close-on-exec anyway
    failure.stage = Stage::directory;
    if (!what.directory || ::chdir(what.directory) == 0) {
      failure.stage = Stage::exec;
      sigset_t none;
      sigemptyset(&none);
      ::sigprocmask(SIG_SETMASK, &none, nullptr);
      ::execve(what.program, what.arguments, what.environment);
    }
  }
  failure.error = errno;
  // The pipe is empty and 16 bytes are written whole.
  if (::write(failures, &failure, sizeof failure) < 0) ::_exit(126);
  ::_exit(127);
}

}  // namespace

Spawned spawn(const Spawn& what) {
  int failures[2];
  if (::pipe2(failures, O_CLOEXEC) != 0) return {0, Stage::setup, errno};
  pid_t parent = ::getpid();
  pid_t pid = ::vfork();
  if (pid == 0) become(what, parent, failures[1]);
  int forking = errno;
  ::close(failures[1]);
  if (pid < 0) {
    ::close(failures[0]);
    return {0, Stage::setup, forking};
  }
  Failure failure{Stage::none, 0};
  ssize_t got = 0;
  do got = ::read(failures[0], &failure, sizeof failure);
  while (got < 0 && errno == EINTR);
  ::close(failures[0]);
  if (got <= 0) return {pid, Stage::none, 0};  // closed by the exec
  ::waitpid(pid, nullptr, 0);
  return {0, failure.stage, failure.error};
}

}  // namespace muster::children
