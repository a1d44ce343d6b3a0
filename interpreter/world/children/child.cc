#include "interpreter/world/children/child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <ctime>

#include "interpreter/world/children/spawn.h"

namespace muster::children {
namespace {

bool make_pipe(UniqueFd& reading, UniqueFd& writing) {
  int pair[2];
  if (::pipe2(pair, O_CLOEXEC) != 0) return false;
  reading.reset(pair[0]);
  writing.reset(pair[1]);
  return true;
}

// Only our end: the child gets an ordinary, blocking one.
void unblock(const UniqueFd& fd) {
  if (fd) ::fcntl(fd.get(), F_SETFL, O_NONBLOCK);
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> out;
  out.reserve(texts.size() + 1);
  for (std::string& text : texts) out.push_back(text.data());
  out.push_back(nullptr);
  return out;
}

}  // namespace

int64_t boot_us() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<int64_t>(now.tv_sec) * 1'000'000 + now.tv_nsec / 1000;
}

Child::Child(Start what)
    : start(std::move(what)),
      out_capture_(start.head_bytes, start.tail_bytes, start.redact),
      err_capture_(start.head_bytes, start.tail_bytes, start.redact) {
  began = boot_us();
  marker = std::to_string(::getpid()) + "." + std::to_string(began) + "." + std::to_string(start.id) +
           marker_end(start.name);
}

bool Child::begin(Ended& failure) {
  Spawned spawned{0, Stage::setup, 0};
  UniqueFd child_in, child_out, child_err;
  bool ready = make_pipe(out, child_out) && make_pipe(err, child_err);
  if (ready && start.has_input) {
    ready = make_pipe(child_in, in);
  } else if (ready) {
    child_in.reset(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    ready = static_cast<bool>(child_in);
  }
  if (!ready) {
    spawned.error = errno;
  } else {
    start.environment.insert(start.environment.begin(), std::string(marker_variable) + "=" + marker);
    std::vector<char*> arguments = pointers(start.arguments), environment = pointers(start.environment);
    Spawn what;
    what.program = start.program.c_str();
    what.arguments = arguments.data();
    what.environment = environment.data();
    what.directory = start.directory.empty() ? nullptr : start.directory.c_str();
    what.in = child_in.get();
    what.out = child_out.get();
    what.err = child_err.get();
    spawned = spawn(what);
  }
  if (spawned.pid == 0) {
    failure.id = start.id;
    failure.how = How::not_started;
    failure.stage = spawned.stage;
    failure.code = spawned.error;
    return false;
  }
  pid = spawned.pid;
  for (const UniqueFd* fd : {&out, &err, &in}) unblock(*fd);
  start.arguments.clear();
  start.environment.clear();  // it may hold secrets; nobody needs them any more
  if (start.timeout_us > 0) timeout_at = began + start.timeout_us;
  return true;
}

void Child::terminate(int64_t now) {
  if (kill_at != 0) return;
  kill_at = now + std::max<int64_t>(start.grace_us, 1);
  if (phase == Phase::running) ::kill(-pid, SIGTERM);
}

void Child::process_ended(int wait_status, int64_t now) {
  wait_status_ = wait_status;
  ended_ = now;
  phase = Phase::sweeping;
  timeout_at = 0;
  in.reset();
}

void Child::read_from(UniqueFd& fd, Capture& capture) {
  static char buffer[64 << 10];  // as much as a pipe holds
  for (int turns = 0; fd && turns < 16; ++turns) {
    ssize_t got = ::read(fd.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) {
      fd.reset();
    } else {
      capture.add(std::string_view(buffer, static_cast<size_t>(got)));
    }
  }
}

void Child::read_output() { read_from(out, out_capture_); }
void Child::read_errors() { read_from(err, err_capture_); }

void Child::write_input() {
  while (in && input_done_ < start.input.size()) {
    ssize_t put = ::write(in.get(), start.input.data() + input_done_, start.input.size() - input_done_);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno == EAGAIN) return;
    if (put <= 0) break;  // nobody reads it any more, which is the child's own business
    input_done_ += static_cast<size_t>(put);
  }
  in.reset();
  start.input.clear();
}

Ended Child::result() {
  Ended ended;
  ended.id = start.id;
  bool signalled = WIFSIGNALED(wait_status_);
  if (timed_out || stopped) {
    ended.how = timed_out ? How::timed_out : How::stopped;
    ended.code = killed ? SIGKILL : SIGTERM;
  } else {
    ended.how = signalled ? How::signalled : How::exited;
    ended.code = signalled ? WTERMSIG(wait_status_) : WEXITSTATUS(wait_status_);
  }
  ended.took_us = ended_ - began;
  out.reset();
  err.reset();
  ended.out = out_capture_.end();
  ended.err = err_capture_.end();
  ended.left_over = std::move(left_over);
  for (const Process& process : survivors)
    ended.survivors.push_back(
        {static_cast<uint64_t>(process.pid), static_cast<uint64_t>(process.began_us), process.name});
  return ended;
}

}  // namespace muster::children
