#include "interpreter/journal/store_lock.h"

#include <fcntl.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string_view>

namespace muster {
namespace {

constexpr size_t note_bytes = 256;
constexpr std::string_view note_mark = "muster-head-1\n";

}  // namespace

Result<StoreLock> StoreLock::open(const std::string& store, std::chrono::milliseconds patience) {
  StoreLock lock;
  lock.path_ = store + ".lock";
  lock.patience_ = patience;
  lock.fd_ = UniqueFd(::open(lock.path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (lock.fd_) return lock;
  bool rights = errno == EACCES || errno == EPERM || errno == EROFS;
  return fail(rights ? ErrorCode::refused : ErrorCode::storage,
              "the store's lock `" + lock.path_ + "` cannot be opened: " + std::strerror(errno),
              "the store and its folder must be writable");
}

StoreLock::Held::~Held() {
  if (fd_ >= 0) ::flock(fd_, LOCK_UN);
}

Result<StoreLock::Held> StoreLock::hold() const {
  using Clock = std::chrono::steady_clock;
  auto pause = std::chrono::microseconds(20);
  Clock::time_point end{};
  while (::flock(fd_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK)
      return fail(ErrorCode::refused, "the store's lock `" + path_ + "` cannot be taken: " + std::strerror(errno),
                  "put the store on a local disk");
    // A write holds it for the time of one sync: a few short looks are enough as a rule.
    Clock::time_point at = Clock::now();
    if (end == Clock::time_point{}) end = at + patience_;
    if (at >= end)
      return fail(ErrorCode::busy,
                  "another process has kept the store locked for " + std::to_string(patience_.count()) + " ms (`" +
                      path_ + "`)",
                  "`fuser " + path_ + "` tells which");
    timespec time{0, static_cast<long>(std::chrono::nanoseconds(pause).count())};
    ::nanosleep(&time, nullptr);
    pause = std::min(pause * 2, std::chrono::microseconds(2000));
  }
  return Held(fd_.get());
}

void StoreLock::note(const HeadNote& head) const {
  std::string text = std::string(note_mark) + head.run + "\n" + std::to_string(head.seq) + "\n" + head.hash + "\n";
  if (text.size() > note_bytes) return forget();
  text.resize(note_bytes, '\n');
  // One call, so that a kill leaves the whole of it or nothing. It is an aid: a full disk leaves the older one.
  [[maybe_unused]] ssize_t written = ::pwrite(fd_.get(), text.data(), text.size(), 0);
}

std::optional<HeadNote> StoreLock::noted() const {
  char bytes[note_bytes];
  ssize_t got = ::pread(fd_.get(), bytes, sizeof bytes, 0);
  if (got != static_cast<ssize_t>(note_bytes)) return std::nullopt;
  std::string_view text(bytes, note_bytes);
  if (text.substr(0, note_mark.size()) != note_mark) return std::nullopt;
  std::string_view fields[3];
  size_t at = note_mark.size();
  for (std::string_view& field : fields) {
    size_t end = text.find('\n', at);
    if (end == std::string_view::npos) return std::nullopt;
    field = text.substr(at, end - at);
    at = end + 1;
  }
  HeadNote head{std::string(fields[0]), std::strtoll(std::string(fields[1]).c_str(), nullptr, 10),
                std::string(fields[2])};
  if (head.seq <= 0 || head.hash.size() != 64) return std::nullopt;
  return head;
}

void StoreLock::forget() const { [[maybe_unused]] int cut = ::ftruncate(fd_.get(), 0); }

}  // namespace muster
