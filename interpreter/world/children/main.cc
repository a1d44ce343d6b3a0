// muster-children: starts the children of one interpreter and outlives it.
//
// Small, static and single-threaded. It is the subreaper of everything its children start, so nothing escapes by a double
// fork. Results stay in memory until the interpreter has committed them; when its socket closes, what was not
// acknowledged is written to the spool directory, and children that run are let finish.
//
//   muster-children SPOOL      with the interpreter's socket as descriptor 3
#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <map>
#include <memory>

#include "interpreter/world/children/capture.h"

namespace muster::children {
namespace {

constexpr int interpreter_fd = 3;
constexpr int64_t drain_us = 1'000'000;   // for what a leftover still holds open
constexpr int64_t sweep_every_us = 20'000;

int64_t now_us() {
  timespec t{};
  clock_gettime(CLOCK_BOOTTIME, &t);
  return static_cast<int64_t>(t.tv_sec) * 1'000'000 + t.tv_nsec / 1000;
}

struct Child {
  Start start;
  pid_t pid = 0;
  int out = -1, err = -1, in = -1;
  size_t input_done = 0;
  std::unique_ptr<Capture> out_capture, err_capture;
  int64_t began = 0;
  int64_t kill_at = 0;     // TERM was sent; KILL follows then
  int64_t drain_until = 0;
  bool exited = false, sweeping = false, timed_out = false, stopped = false, swept = false;
  int status = 0;
  std::vector<std::string> left_over;
};

struct Process {
  pid_t pid = 0, parent = 0, session = 0;
  std::string command;
};

bool read_stat(const char* pid, Process& out) {
  int fd = ::open((std::string("/proc/") + pid + "/stat").c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  char text[1024];
  ssize_t got = ::read(fd, text, sizeof text - 1);
  ::close(fd);
  if (got <= 0) return false;
  text[got] = 0;
  char* open = std::strchr(text, '(');
  char* close = std::strrchr(text, ')');
  if (!open || !close) return false;
  char state = 0;
  int parent = 0, group = 0, session = 0;
  if (std::sscanf(close + 1, " %c %d %d %d", &state, &parent, &group, &session) != 4 || state == 'Z' || state == 'X') return false;
  out.pid = static_cast<pid_t>(std::atoi(pid));
  out.parent = parent;
  out.session = session;
  out.command.assign(open + 1, close);
  return true;
}

bool has_marker(pid_t pid, const std::string& marker) {
  char path[64];
  std::snprintf(path, sizeof path, "/proc/%d/environ", pid);
  int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return false;
  std::string text(64 << 10, '\0');
  ssize_t got = ::read(fd, text.data(), text.size());
  ::close(fd);
  text.resize(got > 0 ? static_cast<size_t>(got) : 0);
  return text.find(marker) != std::string::npos;
}

class Helper {
 public:
  explicit Helper(std::string spool) : spool_(std::move(spool)) {}

  int run() {
    rlimit none{0, 0};
    ::setrlimit(RLIMIT_CORE, &none);
    ::prctl(PR_SET_CHILD_SUBREAPER, 1);
    ::prctl(PR_SET_DUMPABLE, 0);
    ::fcntl(interpreter_fd, F_SETFD, FD_CLOEXEC);
    sigset_t all;
    sigfillset(&all);
    ::sigprocmask(SIG_BLOCK, &all, nullptr);
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    signal_fd_ = ::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK);
    lock_name_ = spool_ + "/helper-" + std::to_string(::getpid()) + ".lock";
    lock_fd_ = ::open(lock_name_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock_fd_ < 0 || ::flock(lock_fd_, LOCK_EX | LOCK_NB) != 0) return 1;
    std::string whose = "serving " + std::to_string(::getppid()) + "\n";
    if (::write(lock_fd_, whose.data(), whose.size()) < 0) return 1;
    while (true) {
      turn();
      if (orphaned_ && children_.empty()) break;
      if (orphaned_) look_for_stops();
    }
    ::unlink(lock_name_.c_str());
    return 0;
  }

 private:
  void turn() {
    std::vector<pollfd> fds;
    std::vector<std::pair<uint64_t, int>> whose;  // child and stream: 0 out, 1 err, 2 in
    fds.push_back({signal_fd_, POLLIN, 0});
    fds.push_back({orphaned_ ? -1 : interpreter_fd, static_cast<short>(POLLIN | (outbox_.empty() ? 0 : POLLOUT)), 0});
    for (auto& [id, child] : children_) {
      auto watch = [&](int fd, short what, int stream) {
        if (fd < 0) return;
        fds.push_back({fd, what, 0});
        whose.emplace_back(id, stream);
      };
      watch(child->out, POLLIN, 0);
      watch(child->err, POLLIN, 1);
      watch(child->in, POLLOUT, 2);
    }
    int64_t at = now_us();
    int64_t due = at + (orphaned_ ? 50'000 : 3'600'000'000);
    for (auto& [id, child] : children_) {
      if (child->start.timeout_us > 0 && !child->exited && !child->timed_out) due = std::min(due, child->began + child->start.timeout_us);
      if (child->kill_at > 0) due = std::min(due, child->kill_at);
      if (child->sweeping) due = std::min(due, at + sweep_every_us);
      if (child->drain_until > 0) due = std::min(due, child->drain_until);
    }
    int wait_ms = static_cast<int>(std::max<int64_t>(0, (due - at + 999) / 1000));
    ::poll(fds.data(), fds.size(), wait_ms);
    for (size_t i = 2; i < fds.size(); ++i) {
      if (fds[i].revents == 0) continue;
      auto it = children_.find(whose[i - 2].first);
      if (it != children_.end()) move(*it->second, whose[i - 2].second);
    }
    if (fds[0].revents != 0) reap();
    if (!orphaned_ && fds[1].revents != 0) {
      if ((fds[1].revents & POLLOUT) != 0) flush();
      if ((fds[1].revents & (POLLIN | POLLHUP | POLLERR)) != 0) listen();
    }
    tick();
  }

  // --- the interpreter

  void listen() {
    char buffer[64 << 10];
    while (true) {
      ssize_t got = ::recv(interpreter_fd, buffer, sizeof buffer, MSG_DONTWAIT);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) break;
      if (got <= 0) {
        orphan();
        return;
      }
      inbox_.append(buffer, static_cast<size_t>(got));
    }
    while (inbox_.size() >= 16) {
      uint64_t size = 0, word = 0;
      std::memcpy(&size, inbox_.data(), 8);
      if (inbox_.size() < 8 + size) break;
      std::memcpy(&word, inbox_.data() + 8, 8);
      std::string body = inbox_.substr(16, size - 8);
      inbox_.erase(0, 8 + size);
      hear(static_cast<Word>(word), body);
    }
  }

  void hear(Word word, const std::string& body) {
    if (word == Word::start) {
      auto child = std::make_unique<Child>();
      if (decode(body, child->start)) begin(std::move(child));
      return;
    }
    uint64_t id = Reader(body).number();
    if (word == Word::forget) {
      kept_.erase(id);
      return;
    }
    auto it = children_.find(id);
    if (word == Word::stop && it != children_.end() && !it->second->exited) {
      it->second->stopped = true;
      terminate(*it->second);
    }
  }

  void tell(uint64_t id, const std::string& name, const Ended& ended) {
    std::string body = encode(ended);
    if (orphaned_) {
      spool(name, body);
      return;
    }
    outbox_ += frame(Word::ended, body);
    kept_[id] = {name, std::move(body)};
    flush();
  }

  void flush() {
    while (!outbox_.empty()) {
      ssize_t put = ::send(interpreter_fd, outbox_.data(), outbox_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (put < 0 && errno == EINTR) continue;
      if (put <= 0) return;  // full, or gone: listen() finds out
      outbox_.erase(0, static_cast<size_t>(put));
    }
  }

  // The interpreter is gone. What it has not committed is written down before anybody may ask.
  void orphan() {
    orphaned_ = true;
    ::close(interpreter_fd);
    for (auto& [id, child] : children_) write_file(child->start.name + ".running", std::to_string(::getpid()) + "\n");
    for (auto& [id, kept] : kept_) spool(kept.first, kept.second);
    kept_.clear();
    const std::string word = "orphaned\n        ";
    if (::pwrite(lock_fd_, word.data(), word.size(), 0) < 0) return;
  }

  void look_for_stops() {
    for (auto& [id, child] : children_) {
      std::string asked = spool_ + "/" + child->start.name + ".stop";
      if (child->stopped || ::access(asked.c_str(), F_OK) != 0) continue;
      ::unlink(asked.c_str());
      child->stopped = true;
      terminate(*child);
    }
  }

  void write_file(const std::string& name, const std::string& bytes) {
    std::string path = spool_ + "/" + name, temporary = path + ".new";
    int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) return;
    size_t done = 0;
    while (done < bytes.size()) {
      ssize_t put = ::write(fd, bytes.data() + done, bytes.size() - done);
      if (put < 0 && errno == EINTR) continue;
      if (put <= 0) break;
      done += static_cast<size_t>(put);
    }
    ::fsync(fd);
    ::close(fd);
    if (done == bytes.size()) ::rename(temporary.c_str(), path.c_str());
    int folder = ::open(spool_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder >= 0) {
      ::fsync(folder);
      ::close(folder);
    }
  }

  void spool(const std::string& name, const std::string& body) {
    write_file(name + ".child", body);
    ::unlink((spool_ + "/" + name + ".running").c_str());
  }

  // --- children

  void begin(std::unique_ptr<Child> child) {
    Start& start = child->start;
    child->began = now_us();
    child->out_capture = std::make_unique<Capture>(start.head_bytes, start.tail_bytes, start.redact);
    child->err_capture = std::make_unique<Capture>(start.head_bytes, start.tail_bytes, start.redact);
    int out[2], err[2], in[2] = {-1, -1};
    bool piped = ::pipe2(out, O_CLOEXEC) == 0 && ::pipe2(err, O_CLOEXEC) == 0 && (!start.has_input || ::pipe2(in, O_CLOEXEC) == 0);
    int code = piped ? 0 : errno;
    if (piped) {
      posix_spawn_file_actions_t actions;
      posix_spawn_file_actions_init(&actions);
      if (start.has_input) {
        posix_spawn_file_actions_adddup2(&actions, in[0], 0);
      } else {
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
      }
      posix_spawn_file_actions_adddup2(&actions, out[1], 1);
      posix_spawn_file_actions_adddup2(&actions, err[1], 2);
      posix_spawn_file_actions_addclosefrom_np(&actions, 3);
      if (!start.directory.empty()) posix_spawn_file_actions_addchdir_np(&actions, start.directory.c_str());
      posix_spawnattr_t attributes;
      posix_spawnattr_init(&attributes);
      sigset_t none, all;
      sigemptyset(&none);
      sigfillset(&all);
      posix_spawnattr_setsigmask(&attributes, &none);
      posix_spawnattr_setsigdefault(&attributes, &all);
      posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
      std::string marker = marker_of(start);
      std::vector<char*> arguments, environment;
      for (std::string& a : start.arguments) arguments.push_back(a.data());
      for (std::string& e : start.environment) environment.push_back(e.data());
      environment.push_back(marker.data());
      arguments.push_back(nullptr);
      environment.push_back(nullptr);
      code = posix_spawn(&child->pid, start.program.c_str(), &actions, &attributes, arguments.data(), environment.data());
      posix_spawn_file_actions_destroy(&actions);
      posix_spawnattr_destroy(&attributes);
      ::close(out[1]);
      ::close(err[1]);
      if (in[0] >= 0) ::close(in[0]);
    }
    if (code != 0) {
      if (piped) {
        ::close(out[0]);
        ::close(err[0]);
        if (in[1] >= 0) ::close(in[1]);
      }
      Ended ended;
      ended.id = start.id;
      ended.how = How::not_started;
      ended.code = code;
      tell(start.id, start.name, ended);
      return;
    }
    child->out = out[0];
    child->err = err[0];
    child->in = in[1];
    for (int fd : {child->out, child->err, child->in})
      if (fd >= 0) ::fcntl(fd, F_SETFL, O_NONBLOCK);
    uint64_t id = start.id;
    children_.emplace(id, std::move(child));
  }

  static std::string marker_of(const Start& start) { return "MUSTER_CHILD=" + start.name; }

  static void close_fd(int& fd) {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }

  // Moves bytes of one stream; each call a bounded share, so that one loud child does not starve the others.
  void move(Child& child, int stream) {
    if (stream == 2) {
      const std::string& input = child.start.input;
      ssize_t put = ::write(child.in, input.data() + child.input_done, input.size() - child.input_done);
      if (put < 0 && (errno == EAGAIN || errno == EINTR)) return;
      if (put > 0) child.input_done += static_cast<size_t>(put);
      if (put < 0 || child.input_done >= input.size()) close_fd(child.in);
      return;
    }
    int& fd = stream == 0 ? child.out : child.err;
    Capture& capture = stream == 0 ? *child.out_capture : *child.err_capture;
    static char buffer[256 << 10];
    for (int i = 0; i < 16 && fd >= 0; ++i) {
      ssize_t got = ::read(fd, buffer, sizeof buffer);
      if (got < 0 && errno == EINTR) continue;
      if (got < 0 && errno == EAGAIN) return;
      if (got <= 0) {
        close_fd(fd);
        return;
      }
      capture.add(std::string_view(buffer, static_cast<size_t>(got)));
    }
  }

  void reap() {
    signalfd_siginfo info[16];
    while (::read(signal_fd_, info, sizeof info) > 0) {
    }
    while (true) {
      int status = 0;
      pid_t pid = ::waitpid(-1, &status, WNOHANG);
      if (pid <= 0) break;
      for (auto& [id, child] : children_) {
        if (child->pid != pid || child->exited) continue;
        child->exited = true;
        child->status = status;
        child->kill_at = 0;
      }
    }
  }

  void terminate(Child& child) {
    if (child.kill_at != 0 || child.exited) return;
    ::kill(-child.pid, SIGTERM);
    child.kill_at = now_us() + std::max<int64_t>(child.start.grace_us, 1);
  }

  // Everything that descends from this child's session or carries its marker, wherever it moved.
  std::vector<Process> descendants(const Child& child) {
    std::vector<Process> all, mine;
    DIR* proc = ::opendir("/proc");
    if (!proc) return mine;
    while (dirent* entry = ::readdir(proc)) {
      if (entry->d_name[0] < '0' || entry->d_name[0] > '9') continue;
      Process process;
      if (read_stat(entry->d_name, process)) all.push_back(std::move(process));
    }
    ::closedir(proc);
    std::map<pid_t, const Process*> by_pid;
    for (const Process& p : all) by_pid[p.pid] = &p;
    std::string marker = marker_of(child.start);
    for (const Process& p : all) {
      if (p.pid == child.pid || p.pid == ::getpid()) continue;
      bool ours = false;
      for (pid_t at = p.parent, hops = 0; at > 1 && hops < 64; ++hops) {
        if (at == ::getpid()) {
          ours = true;
          break;
        }
        auto it = by_pid.find(at);
        if (it == by_pid.end()) break;
        at = it->second->parent;
      }
      if (ours && (p.session == child.pid || has_marker(p.pid, marker))) mine.push_back(p);
    }
    return mine;
  }

  // Cheap: whether any child of ours is left beside the main ones.
  bool has_adopted() {
    char path[64];
    std::snprintf(path, sizeof path, "/proc/self/task/%d/children", ::getpid());
    int fd = ::open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) return true;  // a kernel without that file: look properly
    char text[4096];
    ssize_t got = ::read(fd, text, sizeof text - 1);
    ::close(fd);
    if (got <= 0) return false;
    text[got] = 0;
    size_t count = 0;
    for (char* word = std::strtok(text, " \n"); word; word = std::strtok(nullptr, " \n")) {
      pid_t pid = static_cast<pid_t>(std::atoi(word));
      bool main = false;
      for (auto& [id, child] : children_) main = main || (child->pid == pid && !child->exited);
      count += !main && detached_.count(pid) == 0;
    }
    return count > 0;
  }

  void tick() {
    int64_t at = now_us();
    std::vector<uint64_t> done;
    for (auto& [id, held] : children_) {
      Child& child = *held;
      if (!child.exited) {
        if (child.start.timeout_us > 0 && !child.timed_out && at >= child.began + child.start.timeout_us) {
          child.timed_out = true;
          terminate(child);
        }
        if (child.kill_at > 0 && at >= child.kill_at) {
          ::kill(-child.pid, SIGKILL);
          for (const Process& p : descendants(child)) ::kill(p.pid, SIGKILL);
          child.kill_at = at + sweep_every_us;
        }
        continue;
      }
      for (int stream : {0, 1})
        if ((stream == 0 ? child.out : child.err) >= 0) move(child, stream);
      if (!child.swept && !sweep(child, at)) continue;
      bool open = child.out >= 0 || child.err >= 0;
      if (open && child.drain_until == 0) child.drain_until = child.start.detached ? at : at + drain_us;
      if (open && at < child.drain_until) continue;
      done.push_back(id);
    }
    for (uint64_t id : done) finish(id);
  }

  // Ends what the child left behind; true when nothing is left, or may stay.
  bool sweep(Child& child, int64_t at) {
    bool all_of_it = !child.start.detached || child.timed_out || child.stopped;
    if (!all_of_it) {
      for (const Process& p : descendants(child)) detached_[p.pid] = true;
      child.swept = true;
      return true;
    }
    if (!has_adopted()) {
      child.swept = true;
      return true;
    }
    std::vector<Process> left = descendants(child);
    if (left.empty()) {
      child.swept = true;
      return true;
    }
    if (!child.sweeping) {
      child.sweeping = true;
      for (const Process& p : left) {
        child.left_over.push_back(std::to_string(p.pid) + " " + p.command);
        ::kill(p.pid, SIGTERM);
      }
      // Leftovers get a short grace: the step itself is over.
      child.kill_at = at + std::min<int64_t>(child.start.grace_us, 1'000'000);
    } else if (at >= child.kill_at) {
      for (const Process& p : left) ::kill(p.pid, SIGKILL);
    }
    return false;
  }

  void finish(uint64_t id) {
    std::unique_ptr<Child> child = std::move(children_.at(id));
    children_.erase(id);
    close_fd(child->out);
    close_fd(child->err);
    close_fd(child->in);
    Ended ended;
    ended.id = id;
    ended.took_us = now_us() - child->began;
    if (child->timed_out) {
      ended.how = How::timed_out;
    } else if (child->stopped) {
      ended.how = How::stopped;
    } else if (WIFSIGNALED(child->status)) {
      ended.how = How::signalled;
    }
    ended.code = WIFSIGNALED(child->status) ? WTERMSIG(child->status) : WEXITSTATUS(child->status);
    ended.out = child->out_capture->end();
    ended.err = child->err_capture->end();
    ended.left_over = std::move(child->left_over);
    tell(id, child->start.name, ended);
  }

  std::string spool_, lock_name_;
  int signal_fd_ = -1, lock_fd_ = -1;
  bool orphaned_ = false;
  std::string inbox_, outbox_;
  std::map<uint64_t, std::unique_ptr<Child>> children_;
  std::map<uint64_t, std::pair<std::string, std::string>> kept_;  // ended and not yet committed: name, body
  std::map<pid_t, bool> detached_;
};

}  // namespace
}  // namespace muster::children

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  ::setsid();  // a terminal's signals are for the interpreter
  return muster::children::Helper(argv[1]).run();
}
