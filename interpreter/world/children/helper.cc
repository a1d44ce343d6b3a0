#include "interpreter/world/children/helper.h"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <limits>
#include <vector>

namespace muster::children {
namespace {

constexpr int64_t never = std::numeric_limits<int64_t>::max();
constexpr int64_t settle_us = 50'000;  // for what ends by itself just after its parent
constexpr int64_t leftover_grace_us = 1'000'000;
constexpr int64_t look_every_us = 20'000;
constexpr int64_t drain_us = 1'000'000;    // for pipes that somebody still holds open
constexpr int64_t give_up_us = 1'500'000;  // after KILL: it hangs in the kernel, or is not ours to end
constexpr int64_t save_again_us = 1'000'000;
// poll() does not count the time that a machine sleeps, so no deadline waits for longer than this at once.
constexpr int64_t longest_wait_us = 10'000'000;

}  // namespace

Helper::Helper(int interpreter, std::string spool) : spool_(std::move(spool)) { interpreter_.fd.reset(interpreter); }

bool Helper::prepare() {
  rlimit none{0, 0};  // a core would hold secrets
  ::setrlimit(RLIMIT_CORE, &none);
  ::prctl(PR_SET_DUMPABLE, 0);
  ::prctl(PR_SET_CHILD_SUBREAPER, 1);
  // Blocked: whoever ends a terminal's or a service's processes does not end this one. Default: children inherit it.
  sigset_t all, child;
  sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, nullptr);
  for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
  sigemptyset(&child);
  sigaddset(&child, SIGCHLD);
  signals_.reset(::signalfd(-1, &child, SFD_CLOEXEC | SFD_NONBLOCK));
  return signals_ && spool_.open();
}

int Helper::run() {
  if (!prepare()) {
    tell(interpreter_, Word::unfit, encode(static_cast<uint64_t>(errno)));
    return 1;
  }
  auto is_needed = [&] {
    bool unsaved = std::any_of(kept_.begin(), kept_.end(), [](const auto& kept) { return !kept.second.saved; });
    bool unsent = std::any_of(askers_.begin(), askers_.end(), [](const Peer& peer) { return !peer.outbox.empty(); });
    return !orphaned_ || !children_.empty() || unsaved || unsent;
  };
  while (is_needed()) {
    wait();
    advance();
    if (orphaned_ && boot_us() >= save_at_) save_kept();
  }
  return 0;
}

int64_t Helper::next_due() const {
  int64_t due = never;
  for (const auto& [id, child] : children_) {
    switch (child->phase) {
      case Child::Phase::running:
        if (child->timeout_at > 0 && child->kill_at == 0) due = std::min(due, child->timeout_at);
        if (child->kill_at > 0) due = std::min(due, std::max(child->kill_at, child->look_at));
        break;
      case Child::Phase::sweeping:
        due = std::min(due, child->look_at);
        break;
      case Child::Phase::draining:
        due = std::min(due, child->drained_at);
        break;
      case Child::Phase::over:
        break;
    }
  }
  if (orphaned_ && !kept_.empty()) due = std::min(due, save_at_);
  return due;
}

void Helper::wait() {
  std::vector<pollfd> fds{{signals_.get(), POLLIN, 0}, {spool_.listener(), POLLIN, 0}};
  auto watch = [&](int fd, int what) {
    fds.push_back({fd, static_cast<short>(what), 0});  // poll passes over -1
    return fds.size() - 1;
  };
  auto watch_peer = [&](const Peer& peer) {
    return watch(peer.fd.get(), POLLIN | (peer.outbox.empty() ? 0 : POLLOUT));
  };
  size_t interpreter = watch_peer(interpreter_);
  size_t first_child = fds.size();
  for (const auto& [id, child] : children_) {
    watch(child->out.get(), POLLIN);
    watch(child->err.get(), POLLIN);
    watch(child->in.get(), POLLOUT);
  }
  size_t first_asker = fds.size();
  for (const Peer& peer : askers_) watch_peer(peer);

  int64_t due = next_due();
  int wait_ms = -1;
  if (due != never) wait_ms = static_cast<int>((std::clamp<int64_t>(due - boot_us(), 0, longest_wait_us) + 999) / 1000);
  if (::poll(fds.data(), fds.size(), wait_ms) <= 0) return;

  size_t at = first_child;
  for (auto& [id, child] : children_) {
    if (fds[at++].revents != 0) child->read_output();
    if (fds[at++].revents != 0) child->read_errors();
    if (fds[at++].revents != 0) child->write_input();
  }
  if (fds[0].revents != 0) reap();
  // The interpreter before those who ask: what it said before it died counts.
  if (fds[interpreter].revents != 0 && !orphaned_) {
    flush(interpreter_);
    if (!listen(interpreter_)) orphan();
  }
  at = first_asker;
  for (auto peer = askers_.begin(); peer != askers_.end();) {
    auto here = peer++;
    if (fds[at++].revents == 0) continue;
    flush(*here);
    if (!listen(*here)) askers_.erase(here);
  }
  if (fds[1].revents != 0) admit();
}

bool Helper::listen(Peer& peer) {
  static char buffer[64 << 10];
  bool is_gone = false;
  while (!is_gone) {
    ssize_t got = ::recv(peer.fd.get(), buffer, sizeof buffer, MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) break;
    if (got <= 0) {
      is_gone = true;
    } else {
      peer.inbox.add(std::string_view(buffer, static_cast<size_t>(got)));
    }
  }
  Word word{};
  std::string_view body;
  while (peer.inbox.next(word, body)) hear(peer, word, body, is_gone);
  return !is_gone;
}

void Helper::hear(Peer& peer, Word word, std::string_view body, bool is_gone) {
  Reader reader(body);
  switch (word) {
    case Word::start: {
      Start start;
      if (&peer == &interpreter_ && decode(body, start)) begin(std::move(start), is_gone);
      break;
    }
    case Word::stop: {
      auto child = children_.find(reader.number());
      if (child == children_.end() || child->second->phase != Child::Phase::running || child->second->timed_out) break;
      child->second->stopped = true;
      child->second->terminate(boot_us());
      break;
    }
    case Word::forget:
      kept_.erase(reader.number());
      break;
    case Word::ask:
      answer(peer, reader.text());
      break;
    default:
      break;
  }
}

void Helper::tell(Peer& peer, Word word, std::string_view body) {
  if (!peer.fd) return;
  peer.outbox += frame(word, body);
  flush(peer);
}

void Helper::flush(Peer& peer) {
  size_t done = 0;
  while (done < peer.outbox.size()) {
    ssize_t put =
        ::send(peer.fd.get(), peer.outbox.data() + done, peer.outbox.size() - done, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0 && errno != EAGAIN) done = peer.outbox.size();  // gone: listen() finds it out
    if (put <= 0) break;
    done += static_cast<size_t>(put);
  }
  peer.outbox.erase(0, done);
}

void Helper::admit() {
  while (true) {
    UniqueFd fd(::accept4(spool_.listener(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!fd) return;
    askers_.emplace_back().fd = std::move(fd);
  }
}

void Helper::answer(Peer& peer, std::string_view name) {
  for (const auto& [id, child] : children_) {
    if (child->start.name != name) continue;
    peer.waits.insert(id);
    tell(peer, Word::running, encode(id));
    return;
  }
  for (const auto& [id, kept] : kept_) {
    if (kept.name != name) continue;
    tell(peer, Word::ended, kept.body);
    return;
  }
  tell(peer, Word::unknown, {});
}

// The interpreter is gone: what it has not committed is written down. Reads end, because nobody will ask for them.
void Helper::orphan() {
  orphaned_ = true;
  interpreter_ = Peer();
  for (auto& [id, child] : children_) {
    if (!child->start.name.empty() || child->phase != Child::Phase::running) continue;
    child->stopped = true;
    child->terminate(boot_us());
  }
  save_kept();
}

void Helper::save_kept() {
  std::erase_if(kept_, [](const auto& kept) { return kept.second.name.empty(); });
  bool all = true;
  for (auto& [id, kept] : kept_) {
    if (!kept.saved) kept.saved = spool_.save(kept.name, kept.body);
    all = all && kept.saved;
  }
  if (all || spool_.is_gone()) kept_.clear();
  save_at_ = kept_.empty() ? 0 : boot_us() + save_again_us;  // a full disk: it stays in memory, and so do we
}

void Helper::begin(Start start, bool is_gone) {
  Ended failure;
  failure.id = start.id;
  if (is_gone) {
    // An interpreter that died just now may already have asked in vain through its successor: never begin it late.
    failure.how = How::not_started;
    failure.stage = Stage::setup;
    failure.code = ECANCELED;
    publish(start.name, failure);
    return;
  }
  uint64_t id = start.id;
  auto child = std::make_unique<Child>(std::move(start));
  if (!child->begin(failure)) {
    publish(child->start.name, failure);
    return;
  }
  childless_ = false;
  children_.emplace(id, std::move(child));
}

void Helper::reap() {
  signalfd_siginfo info[8];
  while (::read(signals_.get(), info, sizeof info) == sizeof info) {
  }
  int64_t now = boot_us();
  while (true) {
    int status = 0;
    pid_t pid = ::waitpid(-1, &status, WNOHANG);
    if (pid <= 0) {
      childless_ = pid < 0 && errno == ECHILD;
      return;
    }
    family_.forget(pid);
    for (auto& [id, child] : children_) {
      if (child->pid == pid && child->phase == Child::Phase::running) child->process_ended(status, now);
      child->look_at = 0;  // an end may be the last that somebody waits for
    }
  }
}

void Helper::advance() {
  int64_t now = boot_us();
  for (auto& [id, child] : children_)
    while (advance(*child, now)) {
    }
  for (auto at = children_.begin(); at != children_.end();) {
    if (at->second->phase != Child::Phase::over) {
      ++at;
      continue;
    }
    std::unique_ptr<Child> child = std::move(at->second);
    at = children_.erase(at);
    publish(child->start.name, child->result());
  }
}

bool Helper::advance(Child& child, int64_t now) {
  switch (child.phase) {
    case Child::Phase::running:
      if (child.timeout_at > 0 && now >= child.timeout_at && child.kill_at == 0) {
        child.timed_out = true;
        child.terminate(now);
      }
      if (child.kill_at == 0 || now < child.kill_at || now < child.look_at) return false;
      child.killed = true;
      child.look_at = now + look_every_us;
      ::kill(-child.pid, SIGKILL);
      for (const Process& process : family_.tree_of(child, children_)) note(child, process, SIGKILL);
      if (now < child.kill_at + give_up_us) return false;
      child.left_over.push_back(std::to_string(child.pid) + " could not be ended");
      child.process_ended(SIGKILL, now);
      child.drained_at = now;
      child.phase = Child::Phase::draining;
      return true;
    case Child::Phase::sweeping:
      if (childless_) {
        child.drained_at = now + drain_us;
        child.phase = Child::Phase::draining;
        return true;
      }
      if (child.keeps_leftovers()) {
        child.survivors = family_.let_go(child, children_, now);
        child.drained_at = now;
        child.phase = Child::Phase::draining;
        return true;
      }
      if (now < child.look_at) return false;
      end_leftovers(child, now);
      return child.phase != Child::Phase::sweeping;
    case Child::Phase::draining:
      child.read_output();
      child.read_errors();
      if (!child.is_silent() && now < child.drained_at) return false;
      child.phase = Child::Phase::over;
      return true;
    case Child::Phase::over:
      return false;
  }
  return false;
}

void Helper::end_leftovers(Child& child, int64_t now) {
  child.look_at = now + look_every_us;
  std::vector<Process> tree;
  if (family_.has_strangers(children_)) tree = family_.tree_of(child, children_);
  if (tree.empty()) {
    child.drained_at = now + drain_us;
    child.phase = Child::Phase::draining;
    return;
  }
  bool is_forced = child.timed_out || child.stopped;
  if (child.settled_at == 0) child.settled_at = is_forced ? now : now + settle_us;
  if (now < child.settled_at) return;
  if (child.kill_at == 0) child.kill_at = now + std::min(child.start.grace_us, leftover_grace_us);
  bool is_late = now >= child.kill_at;
  for (const Process& process : tree) note(child, process, is_late ? SIGKILL : SIGTERM);
  if (is_late) child.killed = true;
  if (now < child.kill_at + give_up_us) return;
  for (const Process& process : tree)
    child.left_over.push_back(std::to_string(process.pid) + " " + process.name + " could not be ended");
  child.drained_at = now;
  child.phase = Child::Phase::draining;
}

// A TERM is sent once, a KILL as often as it takes.
void Helper::note(Child& child, const Process& process, int signal) {
  bool is_new = child.asked_to_end.insert(process.pid).second;
  if (is_new) child.left_over.push_back(std::to_string(process.pid) + " " + process.name);
  if (is_new || signal == SIGKILL) signal_process(process, signal);
}

void Helper::publish(const std::string& name, const Ended& ended) {
  std::string body = encode(ended);
  if (orphaned_) {
    if (!name.empty()) {
      kept_[ended.id] = {name, body, false};
      save_kept();
    }
  } else {
    tell(interpreter_, Word::ended, body);
    kept_[ended.id] = {name, body, false};
  }
  // After it is on the disk: whoever hears of it may rely on the record.
  for (Peer& peer : askers_)
    if (peer.waits.erase(ended.id) > 0) tell(peer, Word::ended, body);
}

}  // namespace muster::children
