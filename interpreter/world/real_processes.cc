#include "interpreter/world/real_processes.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>

#include "interpreter/base/digest.h"
#include "interpreter/base/unique_fd.h"
#include "interpreter/world/children/protocol.h"
#include "interpreter/world/secret_forms.h"

namespace muster {
namespace {

constexpr int helper_socket_fd = 3;
constexpr auto poll_every = std::chrono::milliseconds(20);

std::string spool_name(const ChildKey& key) {
  return sha256_hex(key.run + "\n" + key.op.path + "\n" + std::to_string(key.attempt)).substr(0, 40);
}

std::string read_file(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string out;
  char buffer[64 << 10];
  for (ssize_t got = 1; fd && got > 0;) {
    got = ::read(fd.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR)
      got = 1;
    else if (got > 0)
      out.append(buffer, static_cast<size_t>(got));
  }
  return out;
}

std::string text_or_secret(const Value& value, SecretSink sink) {
  if (const auto* secret = value.find<Secret>()) return std::string(secret->reveal(sink));
  return value.is_null() ? std::string() : to_text(value);
}

// The program's path, looked up in the child's own PATH; or why it cannot be started.
Result<std::string> find_program(const std::string& name, const std::string& path, const std::string& directory) {
  auto refuse = [&](const std::string& why, const std::string& hint) -> Result<std::string> {
    return fail(ErrorCode::not_started, "`" + name + "` was not started: " + why, hint, Certainty::no_effect);
  };
  if (name.empty()) return refuse("its name is empty", "");
  if (!directory.empty()) {
    struct stat status {};
    if (::stat(directory.c_str(), &status) != 0 || !S_ISDIR(status.st_mode))
      return refuse("the folder `" + directory + "` of `cwd` is not there", "make it first, or leave `cwd` out");
  }
  if (name.find('/') != std::string::npos) {
    std::string full = name[0] == '/' || directory.empty() ? name : directory + "/" + name;
    if (::access(full.c_str(), F_OK) != 0) return refuse("there is no such file", "");
    if (::access(full.c_str(), X_OK) != 0) return refuse("it may not be executed", "chmod +x " + name);
    return full;
  }
  std::string found_but;
  for (size_t at = 0; at <= path.size();) {
    size_t end = std::min(path.find(':', at), path.size());
    std::string candidate = path.substr(at, end - at);
    // An empty part would mean the working folder: a trap, not a feature.
    if (!candidate.empty() && candidate[0] == '/') {
      candidate += "/" + name;
      struct stat status {};
      if (::stat(candidate.c_str(), &status) == 0 && S_ISREG(status.st_mode)) {
        if (::access(candidate.c_str(), X_OK) == 0) return candidate;
        found_but = candidate;
      }
    }
    at = end + 1;
  }
  if (!found_but.empty()) return refuse("`" + found_but + "` may not be executed", "chmod +x " + found_but);
  return refuse("no such program is in PATH", "install it, or write its whole path");
}

ProcessEnd from_wire(children::Ended& ended) {
  ProcessEnd end;
  switch (ended.how) {
    case children::How::signalled:
      end.kind = EndKind::signalled;
      break;
    case children::How::timed_out:
      end.kind = EndKind::timed_out;
      break;
    case children::How::stopped:
      end.kind = EndKind::stopped;
      break;
    default:
      end.kind = EndKind::exited;
  }
  end.code = ended.code;
  end.took.us = ended.took_us;
  auto stream = [](children::Stream& from) {
    return CapturedStream{std::move(from.head), std::move(from.tail), from.bytes, std::move(from.sha256)};
  };
  end.out = stream(ended.out);
  end.err = stream(ended.err);
  end.left_over = std::move(ended.left_over);
  return end;
}

Result<ProcessEnd> to_result(const std::string& program, children::Ended ended) {
  if (ended.how == children::How::not_started)
    return fail(ErrorCode::not_started, "`" + program + "` was not started: " + std::strerror(ended.code), {},
                Certainty::no_effect);
  return from_wire(ended);
}

}  // namespace

std::map<std::string, std::string> allowed_environment(const std::map<std::string, std::string>& ours) {
  static constexpr std::array<const char*, 8> names = {"PATH",  "HOME",   "USER", "LOGNAME",
                                                       "SHELL", "TMPDIR", "TZ",   "SSH_AUTH_SOCK"};
  std::map<std::string, std::string> out;
  for (const char* name : names) {
    auto it = ours.find(name);
    if (it != ours.end()) out[name] = it->second;
  }
  if (out.count("PATH") == 0) out["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  out["LC_ALL"] = "C.UTF-8";
  return out;
}

// The connection to one helper process.
class RealProcesses::Helper {
 public:
  static Result<std::unique_ptr<Helper>> start(const ProcessSettings& settings) {
    if (::mkdir(settings.spool.c_str(), 0700) != 0 && errno != EEXIST)
      return fail(ErrorCode::storage, "`" + settings.spool + "` cannot be made: " + std::strerror(errno));
    int pair[2];
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
      return fail(ErrorCode::storage, std::string("no socket for children: ") + std::strerror(errno));
    UniqueFd mine(pair[0]), theirs(pair[1]);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions, theirs.get(), helper_socket_fd);
    posix_spawn_file_actions_addclosefrom_np(&actions, helper_socket_fd + 1);
    posix_spawnattr_t attributes;
    posix_spawnattr_init(&attributes);
    sigset_t none;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    std::string program = settings.helper, spool = settings.spool;
    char* arguments[] = {program.data(), spool.data(), nullptr};
    char* environment[] = {nullptr};
    auto helper = std::unique_ptr<Helper>(new Helper);
    int code = posix_spawn(&helper->pid_, program.c_str(), &actions, &attributes, arguments, environment);
    posix_spawn_file_actions_destroy(&actions);
    posix_spawnattr_destroy(&attributes);
    if (code != 0)
      return fail(ErrorCode::not_started,
                  "the helper for children, `" + program + "`, was not started: " + std::strerror(code),
                  "it is installed beside muster", Certainty::no_effect);
    helper->socket_ = std::move(mine);
    helper->listener_ = std::thread([raw = helper.get()] { raw->listen(); });
    return helper;
  }

  ~Helper() {
    ::shutdown(socket_.get(), SHUT_RDWR);
    if (listener_.joinable()) listener_.join();
    socket_.reset();
    // It goes by itself, once no child runs; a finished one must not stay as a zombie.
    ::waitpid(pid_, nullptr, WNOHANG);
  }

  // Nothing: the helper is gone and never got the command, so another may be started for it.
  std::optional<Result<ProcessEnd>> run(children::Start start, const std::string& program, const std::string& name,
                                        std::stop_token stop) {
    uint64_t id = 0;
    {
      std::lock_guard lock(mutex_);
      id = ++last_id_;
      start.id = id;
      if (!name.empty()) ids_[name] = id;
      if (gone_ || !send(children::Word::start, children::encode(start))) return std::nullopt;
    }
    std::stop_callback end_it(stop, [this, id] { tell(children::Word::stop, id); });
    std::unique_lock lock(mutex_);
    ended_.wait(lock, [&] { return gone_ || results_.count(id) > 0; });
    auto it = results_.find(id);
    if (it == results_.end())
      return fail(ErrorCode::in_doubt, "the helper for children was killed while `" + program + "` ran", {},
                  Certainty::maybe);
    children::Ended ended = std::move(it->second);
    results_.erase(it);
    lock.unlock();
    if (name.empty()) tell(children::Word::forget, id);
    return to_result(program, std::move(ended));
  }

  void forget(const std::string& name) {
    uint64_t id = 0;
    {
      std::lock_guard lock(mutex_);
      auto it = ids_.find(name);
      if (it == ids_.end()) return;
      id = it->second;
      ids_.erase(it);
    }
    tell(children::Word::forget, id);
  }

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] bool gone() {
    std::lock_guard lock(mutex_);
    return gone_;
  }

 private:
  void tell(children::Word word, uint64_t id) {
    children::Writer body;
    body.number(id);
    std::lock_guard lock(mutex_);
    send(word, body.take());
  }

  bool send(children::Word word, const std::string& body) {
    std::string bytes = children::frame(word, body);
    for (size_t done = 0; done < bytes.size();) {
      ssize_t put = ::send(socket_.get(), bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
      if (put < 0 && errno == EINTR) continue;
      if (put <= 0) return false;
      done += static_cast<size_t>(put);
    }
    return true;
  }

  void listen() {
    std::string inbox;
    std::string buffer(64 << 10, '\0');
    while (true) {
      ssize_t got = ::recv(socket_.get(), buffer.data(), buffer.size(), 0);
      if (got < 0 && errno == EINTR) continue;
      if (got <= 0) break;
      inbox.append(buffer, 0, static_cast<size_t>(got));
      while (inbox.size() >= 16) {
        uint64_t size = 0;
        std::memcpy(&size, inbox.data(), sizeof size);
        if (inbox.size() < 8 + size) break;
        children::Ended ended;
        bool good = children::decode(std::string_view(inbox).substr(16, size - 8), ended);
        inbox.erase(0, 8 + size);
        if (!good) continue;
        std::lock_guard lock(mutex_);
        results_[ended.id] = std::move(ended);
        ended_.notify_all();
      }
    }
    std::lock_guard lock(mutex_);
    gone_ = true;
    ended_.notify_all();
  }

  pid_t pid_ = 0;
  UniqueFd socket_;
  std::thread listener_;
  std::mutex mutex_;
  std::condition_variable ended_;
  std::map<uint64_t, children::Ended> results_;
  std::map<std::string, uint64_t> ids_;  // of children whose outcome is not committed
  uint64_t last_id_ = 0;
  bool gone_ = false;
};

RealProcesses::RealProcesses(ProcessSettings settings) : settings_(std::move(settings)) {}
RealProcesses::~RealProcesses() = default;

Result<ProcessEnd> RealProcesses::observe(const Command& command, std::stop_token stop) {
  return run({"", OpId{}, 0}, command, std::move(stop));
}

Result<ProcessEnd> RealProcesses::run(const ChildKey& key, const Command& command, std::stop_token stop) {
  std::map<std::string, std::string> environment = settings_.environment;
  children::Start start;
  std::vector<Secret> secrets = command.redact;
  for (const auto& [name, value] : command.environment) {
    environment[name] = text_or_secret(value, SecretSink::child_environment);
    if (const auto* secret = value.find<Secret>()) secrets.push_back(*secret);
  }
  if (const auto* secret = command.input.find<Secret>()) secrets.push_back(*secret);
  if (command.argv.empty()) return fail(ErrorCode::not_started, "the command is empty", {}, Certainty::no_effect);
  Result<std::string> program = find_program(command.argv[0], environment["PATH"], command.directory);
  if (!program) return pass(program.error());
  start.program = std::move(*program);
  start.arguments = command.argv;
  for (const auto& [name, value] : environment) start.environment.push_back(name + "=" + value);
  start.directory = command.directory;
  start.has_input = !command.input.is_null();
  if (start.has_input) start.input = text_or_secret(command.input, SecretSink::child_stdin);
  start.detached = command.lifetime == Lifetime::detached;
  start.timeout_us = command.timeout.us;
  start.grace_us = command.grace.us;
  start.head_bytes = command.head_bytes;
  start.tail_bytes = command.tail_bytes;
  for (const Secret& secret : secrets)
    for (std::string& form : secret_forms(secret.reveal(SecretSink::redactor))) start.redact.push_back(std::move(form));
  std::string name = key.run.empty() ? std::string() : spool_name(key);
  start.name = name.empty()
                   ? "read-" + std::to_string(::getpid()) + "-" + std::to_string(reinterpret_cast<uintptr_t>(&start))
                   : name;
  // Twice: a helper that was killed before it got the command is replaced.
  for (int attempt = 0; attempt < 2; ++attempt) {
    std::shared_ptr<Helper> helper;
    {
      std::lock_guard lock(starting_);  // several pool threads may want the first child at once
      if (!helper_ || helper_->gone()) {
        Result<std::unique_ptr<Helper>> started = Helper::start(settings_);
        if (!started) return pass(started.error());
        helper_ = std::move(*started);
      }
      helper = helper_;
    }
    std::optional<Result<ProcessEnd>> end = helper->run(start, command.argv[0], name, stop);
    if (end) return std::move(*end);
  }
  return fail(ErrorCode::not_started,
              "`" + command.argv[0] + "` was not started: the helper for children was killed, twice", {},
              Certainty::no_effect);
}

void RealProcesses::committed(const ChildKey& key) {
  std::string name = spool_name(key);
  if (helper_) helper_->forget(name);
  ::unlink((settings_.spool + "/" + name + ".child").c_str());
}

Result<std::optional<ProcessEnd>> RealProcesses::recover(const ChildKey& key, std::stop_token stop) {
  std::string path = settings_.spool + "/" + spool_name(key);
  bool asked_to_stop = false;
  while (true) {
    // First whether a helper of a dead interpreter still has to write: only then is a missing file an answer.
    bool writing = false;
    if (DIR* folder = ::opendir(settings_.spool.c_str())) {
      while (dirent* entry = ::readdir(folder)) {
        std::string name = entry->d_name;
        if (name.rfind("helper-", 0) != 0 || name.find(".lock") == std::string::npos) continue;
        if (helper_ && name == "helper-" + std::to_string(helper_->pid()) + ".lock") continue;
        std::string lock_path = settings_.spool + "/" + name;
        UniqueFd lock(::open(lock_path.c_str(), O_RDWR | O_CLOEXEC));
        if (!lock) continue;
        if (::flock(lock.get(), LOCK_EX | LOCK_NB) == 0) {
          ::unlink(lock_path.c_str());  // its helper was killed
          continue;
        }
        std::string word = read_file(lock_path);
        if (word.rfind("orphaned", 0) == 0) continue;
        pid_t whose = word.size() > 8 ? static_cast<pid_t>(std::atoi(word.c_str() + 8)) : 0;
        std::string state = read_file("/proc/" + std::to_string(whose) + "/stat");
        size_t at = state.rfind(") ");
        bool alive = at != std::string::npos && state[at + 2] != 'Z' && state[at + 2] != 'X';
        // The helper of another, living interpreter has nothing of ours; one whose interpreter just died will write
        // soon.
        writing = writing || !alive;
      }
      ::closedir(folder);
    }
    std::string bytes = read_file(path + ".child");
    if (!bytes.empty()) {
      children::Ended ended;
      if (!children::decode(bytes, ended))
        return fail(ErrorCode::corrupt, "what is recorded of this child cannot be read: `" + path + ".child`");
      Result<ProcessEnd> end = to_result("the command", std::move(ended));
      if (!end) return pass(end.error());
      return std::optional<ProcessEnd>(std::move(*end));
    }
    std::string running = read_file(path + ".running");
    if (!running.empty()) {
      std::string lock_path = settings_.spool + "/helper-" + std::to_string(std::atoi(running.c_str())) + ".lock";
      UniqueFd lock(::open(lock_path.c_str(), O_RDWR | O_CLOEXEC));
      bool alive = lock && ::flock(lock.get(), LOCK_EX | LOCK_NB) != 0;
      if (!alive && read_file(path + ".child").empty()) {
        ::unlink((path + ".running").c_str());
        return std::optional<ProcessEnd>();  // the helper was killed, too
      }
      if (stop.stop_requested() && !asked_to_stop) {
        asked_to_stop = true;
        UniqueFd made(::open((path + ".stop").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
      }
    } else if (!writing) {
      return std::optional<ProcessEnd>();
    }
    std::this_thread::sleep_for(poll_every);
  }
}

}  // namespace muster
