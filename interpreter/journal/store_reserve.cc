#include "interpreter/journal/store_reserve.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "interpreter/base/unique_fd.h"

namespace muster {

bool StoreReserve::is_full() const {
  struct stat status {};
  return ::stat(path_.c_str(), &status) == 0 && status.st_size >= bytes_;
}

Result<void> StoreReserve::fill() const {
  if (is_full()) return {};
  UniqueFd fd(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  int problem = fd ? ::posix_fallocate(fd.get(), 0, bytes_) : errno;
  if (problem == 0) return {};
  bool no_room = problem == ENOSPC || problem == EDQUOT;
  // Half a reserve is none, and its blocks are of use to others.
  if (fd) ::unlink(path_.c_str());
  return fail(ErrorCode::storage,
              no_room ? "the disk is full: there is no room for the store's reserve of " +
                            std::to_string(bytes_ >> 20) + " MB (`" + path_ + "`)"
                      : "the store's reserve `" + path_ + "` cannot be made: " + std::strerror(problem),
              no_room ? "free some space first; nothing was begun" : "the store and its folder must be writable");
}

bool StoreReserve::release() const {
  bool had = is_full();
  // Cut first: its blocks are free at once, whoever may have it open.
  [[maybe_unused]] int cut = ::truncate(path_.c_str(), 0);
  ::unlink(path_.c_str());
  return had;
}

}  // namespace muster
