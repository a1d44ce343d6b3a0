#include "interpreter/world/children/spool.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "interpreter/world/children/spool_names.h"

namespace muster::children {
namespace {

bool write_whole(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return false;
    bytes.remove_prefix(static_cast<size_t>(put));
  }
  return true;
}

}  // namespace

Spool::~Spool() {
  if (!socket_.empty()) ::unlinkat(folder_.get(), socket_.c_str(), 0);
}

bool Spool::open() {
  folder_.reset(::open(directory_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder_) return false;
  listener_.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!listener_) return false;
  // Under its name only once it listens: a socket that refuses is taken for that of a dead helper.
  std::string name = socket_name(::getpid()), unready = name + ".new";
  ::unlinkat(folder_.get(), unready.c_str(), 0);
  sockaddr_un address = socket_address(directory_, folder_.get(), unready);
  if (::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return false;
  if (::listen(listener_.get(), 64) != 0) return false;
  if (::renameat(folder_.get(), unready.c_str(), folder_.get(), name.c_str()) != 0) return false;
  socket_ = std::move(name);
  return true;
}

bool Spool::is_gone() const {
  struct stat status {};
  return ::fstat(folder_.get(), &status) == 0 && status.st_nlink == 0;
}

bool Spool::save(const std::string& name, std::string_view body) {
  std::string file = record_name(name), unready = file + ".new";
  UniqueFd fd(::openat(folder_.get(), unready.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600));
  return fd && write_whole(fd.get(), record_magic) && write_whole(fd.get(), body) && ::fsync(fd.get()) == 0 &&
         ::renameat(folder_.get(), unready.c_str(), folder_.get(), file.c_str()) == 0 && ::fsync(folder_.get()) == 0;
}

}  // namespace muster::children
