#include "interpreter/world/children_helper.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>

#include "interpreter/world/system_error.h"

namespace muster {
namespace {

constexpr int socket_of_helper = 3;

tl::unexpected<Error> unusable(const std::string& what, int number) {
  Error error;
  error.code = ErrorCode::storage;
  error.message = what + ": " + system_word(number);
  error.cause = system_word(number);
  error.hint = hint_of_limit(number);
  return pass(std::move(error));
}

Result<void> make_spool(const std::string& spool) {
  if (::mkdir(spool.c_str(), 0700) != 0 && errno != EEXIST)
    return unusable("cannot make `" + spool + "`, where results of children are kept", errno);
  struct stat status {};
  if (::lstat(spool.c_str(), &status) != 0) return unusable("cannot look at `" + spool + "`", errno);
  if (!S_ISDIR(status.st_mode) || status.st_uid != ::geteuid() || (status.st_mode & 077) != 0)
    return fail(ErrorCode::refused, "`" + spool + "` must be a folder that only its owner may use",
                "it keeps results of children: move it away, and it is made again");
  return {};
}

}  // namespace

Result<std::unique_ptr<ChildrenHelper>> ChildrenHelper::start(const std::string& program, const std::string& spool) {
  if (Result<void> made = make_spool(spool); !made) return pass(made.error());
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
    return unusable("no socket for the helper for children", errno);
  UniqueFd ours(pair[0]), theirs(pair[1]);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  // Through a number that is free in any case: a dup2 onto itself would leave it close-on-exec on older systems.
  for (int fd : {0, 1, 2}) posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
  posix_spawn_file_actions_adddup2(&actions, theirs.get(), socket_of_helper);
  posix_spawn_file_actions_addclosefrom_np(&actions, socket_of_helper + 1);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t all;
  sigfillset(&all);
  // A session of its own and all signals blocked from its first instruction on: a terminal's signals are for us.
  posix_spawnattr_setsigmask(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSID);
  std::string path = program, folder = spool;
  char* arguments[] = {path.data(), folder.data(), nullptr};
  char* environment[] = {nullptr};
  pid_t pid = 0;
  int code = ::posix_spawn(&pid, program.c_str(), &actions, &attributes, arguments, environment);
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (code != 0) {
    Error error = unusable("the helper for children, `" + program + "`, cannot be started", code).value();
    if (error.hint.empty()) error.hint = "it is installed beside muster";
    return pass(std::move(error));
  }
  return std::unique_ptr<ChildrenHelper>(new ChildrenHelper(pid, std::move(ours)));
}

ChildrenHelper::~ChildrenHelper() {
  ::shutdown(socket_.get(), SHUT_RDWR);
  // It ends by itself, at once where nothing runs; then it must not stay as a zombie. Else init waits for it.
  ::waitpid(pid_, nullptr, WNOHANG);
}

Result<children::Ended> ChildrenHelper::run(children::Start start, const std::stop_token& stop) {
  {
    std::lock_guard lock(mutex_);
    start.id = ++last_id_;
  }
  uint64_t id = start.id;
  // A command that was not sent whole is never begun.
  if (!send(children::Word::start, children::encode(start))) {
    std::lock_guard lock(mutex_);
    gone_ = true;
    return fail(ErrorCode::storage, "the helper for children is gone");
  }
  std::stop_callback end_it(stop, [this, id] {
    // Where it cannot be told, it is gone, and waiting ends as well.
    if (!send(children::Word::stop, children::encode(id))) return;
  });
  return wait_for(id);
}

Result<children::Ended> ChildrenHelper::wait_for(uint64_t id) {
  std::unique_lock lock(mutex_);
  while (true) {
    if (auto found = ended_.find(id); found != ended_.end()) {
      children::Ended ended = std::move(found->second);
      ended_.erase(found);
      return ended;
    }
    if (unfit_ != 0) return unusable("the helper for children cannot work", unfit_);
    if (gone_)
      return fail(ErrorCode::in_doubt, "the helper for children was killed while the command ran", {},
                  Certainty::maybe);
    if (reading_) {
      changed_.wait(lock);
      continue;
    }
    reading_ = true;
    lock.unlock();
    std::string bytes(64 << 10, '\0');
    ssize_t got = 0;
    do got = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
    while (got < 0 && errno == EINTR);
    lock.lock();
    reading_ = false;
    if (got > 0) {
      inbox_.add(std::string_view(bytes).substr(0, static_cast<size_t>(got)));
      receive();
    } else {
      gone_ = true;
    }
    changed_.notify_all();
  }
}

void ChildrenHelper::receive() {
  children::Word word{};
  std::string_view body;
  while (inbox_.next(word, body)) {
    children::Ended ended;
    if (word == children::Word::ended && children::decode(body, ended)) ended_[ended.id] = std::move(ended);
    if (word == children::Word::unfit) unfit_ = static_cast<int>(children::Reader(body).number());
  }
}

void ChildrenHelper::forget(uint64_t id) {
  if (send(children::Word::forget, children::encode(id))) return;
  std::lock_guard lock(mutex_);
  gone_ = true;
}

bool ChildrenHelper::is_gone() {
  std::lock_guard lock(mutex_);
  return gone_ || unfit_ != 0;
}

bool ChildrenHelper::send(children::Word word, const std::string& body) {
  std::string bytes = children::frame(word, body);
  std::lock_guard lock(sending_);
  for (size_t done = 0; done < bytes.size();) {
    ssize_t put = ::send(socket_.get(), bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    done += static_cast<size_t>(put);
  }
  return true;
}

}  // namespace muster
