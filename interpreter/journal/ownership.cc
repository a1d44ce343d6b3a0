#include "interpreter/journal/ownership.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>

namespace muster {
namespace {

std::string read_small(const char* path) {
  UniqueFd fd(::open(path, O_RDONLY | O_CLOEXEC));
  if (!fd) return {};
  char buffer[1024];
  ssize_t got = ::read(fd.get(), buffer, sizeof buffer);
  std::string out(buffer, got > 0 ? static_cast<size_t>(got) : 0);
  while (!out.empty() && out.back() == '\n') out.pop_back();
  return out;
}

// Field 22 of /proc/PID/stat: clock ticks since boot. The command before it may hold spaces and brackets.
int64_t start_time(int64_t pid) {
  std::string stat = read_small(("/proc/" + std::to_string(pid) + "/stat").c_str());
  size_t at = stat.rfind(')');
  if (at == std::string::npos) return 0;
  for (int field = 2; field < 22 && at != std::string::npos; ++field) at = stat.find(' ', at + 1);
  return at == std::string::npos ? 0 : std::strtoll(stat.c_str() + at + 1, nullptr, 10);
}

constexpr std::string_view offset_mark = "muster-clock-1\n";
constexpr size_t offset_bytes = 64;

// One read or write of a fixed length: half a note cannot be met with.
std::optional<Duration> read_offset(int fd) {
  char bytes[offset_bytes];
  if (::pread(fd, bytes, sizeof bytes, 0) != static_cast<ssize_t>(sizeof bytes)) return std::nullopt;
  std::string_view text(bytes, sizeof bytes);
  if (text.substr(0, offset_mark.size()) != offset_mark) return std::nullopt;
  return Duration{std::strtoll(std::string(text.substr(offset_mark.size())).c_str(), nullptr, 10)};
}

std::string lock_path(const std::string& store, const std::string& id) {
  std::string name = id;
  for (char& c : name)
    if (c == '/') c = '_';
  return store + ".owners/" + name;
}

}  // namespace

Owner this_owner() {
  Owner owner;
  char name[256] = {};
  ::gethostname(name, sizeof name - 1);
  owner.host = name;
  owner.boot_id = read_small("/proc/sys/kernel/random/boot_id");
  owner.pid = ::getpid();
  owner.started = start_time(owner.pid);
  owner.id = owner.host + ":" + std::to_string(owner.pid) + ":" + std::to_string(owner.started);
  return owner;
}

Result<OwnerLock> OwnerLock::take(const std::string& store, const Owner& owner) {
  std::string folder = store + ".owners";
  if (::mkdir(folder.c_str(), 0700) != 0 && errno != EEXIST)
    return fail(ErrorCode::storage, "`" + folder + "` cannot be made: " + std::strerror(errno));
  OwnerLock lock;
  lock.path_ = lock_path(store, owner.id);
  lock.fd_ = UniqueFd(::open(lock.path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  // Shared: whoever asks whether we live tries to take it alone, for a moment.
  for (int attempt = 0; lock.fd_ && attempt < 100; ++attempt) {
    if (::flock(lock.fd_.get(), LOCK_SH | LOCK_NB) == 0) return lock;
    if (errno != EWOULDBLOCK && errno != EINTR) break;
    timespec moment{0, 1'000'000};
    ::nanosleep(&moment, nullptr);
  }
  return fail(ErrorCode::storage, "`" + lock.path_ + "` cannot be locked: " + std::strerror(errno));
}

OwnerLock::~OwnerLock() {
  if (fd_ && owns_nothing_ && ::flock(fd_.get(), LOCK_EX | LOCK_NB) == 0) ::unlink(path_.c_str());
}

bool OwnerLock::is_shared() const {
  bool alone = ::flock(fd_.get(), LOCK_EX | LOCK_NB) == 0;
  // Turning one kind into the other gives the first up, also when it fails.
  while (::flock(fd_.get(), LOCK_SH) != 0 && errno == EINTR) {
  }
  return !alone;
}

std::optional<Duration> OwnerLock::clock_offset() const { return read_offset(fd_.get()); }

void OwnerLock::note_clock_offset(std::optional<Duration> offset) {
  if (!offset) {
    [[maybe_unused]] int cut = ::ftruncate(fd_.get(), 0);
    return;
  }
  std::string text = std::string(offset_mark) + std::to_string(offset->us) + "\n";
  text.resize(offset_bytes, '\n');
  // It is an aid: where it cannot be written, the wall clock tells.
  if (::pwrite(fd_.get(), text.data(), text.size(), 0) != static_cast<ssize_t>(text.size())) {
    [[maybe_unused]] int cut = ::ftruncate(fd_.get(), 0);
  }
}

std::optional<Duration> clock_offset_of(const std::string& store, const std::string& owner_id) {
  UniqueFd fd(::open(lock_path(store, owner_id).c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW));
  return fd ? read_offset(fd.get()) : std::nullopt;
}

bool is_dead(const std::string& store, const Owner& owner, const Owner& ours) {
  if (owner.host != ours.host) return false;
  if (owner.boot_id != ours.boot_id) return true;
  UniqueFd fd(::open(lock_path(store, owner.id).c_str(), O_RDWR | O_CLOEXEC | O_NOFOLLOW));
  if (fd) {
    if (::flock(fd.get(), LOCK_EX | LOCK_NB) != 0) return false;
    ::flock(fd.get(), LOCK_UN);
    return true;
  }
  if (errno != ENOENT) return false;
  if (::kill(static_cast<pid_t>(owner.pid), 0) != 0 && errno == ESRCH) return true;
  return start_time(owner.pid) != owner.started;
}

void remove_owner_lock(const std::string& store, const std::string& owner_id) {
  ::unlink(lock_path(store, owner_id).c_str());
}

}  // namespace muster
