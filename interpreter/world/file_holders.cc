#include "interpreter/world/file_holders.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <set>
#include <utility>

#include "interpreter/base/handle.h"
#include "interpreter/base/unique_fd.h"
#include "interpreter/world/system_error.h"

namespace muster {

namespace {

using Directory = Handle<DIR, &::closedir>;
using Text = Handle<char, &::free>;

// What is looked for: files that exist, by identity, and names, for files that were removed under their holder.
struct Wanted {
  std::set<std::pair<dev_t, ino_t>> files;
  std::set<std::string, std::less<>> names;
};

std::string resolved(const std::string& path) {
  if (Text real(::realpath(path.c_str(), nullptr)); real) return real.get();
  size_t slash = path.rfind('/');
  std::string directory = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  Text real(::realpath(directory.c_str(), nullptr));
  if (!real) return path;
  std::string out = real.get();
  return (out == "/" ? "" : out) + "/" + path.substr(slash == std::string::npos ? 0 : slash + 1);
}

Wanted wanted_of(const std::vector<std::string>& paths) {
  Wanted wanted;
  for (const std::string& path : paths) {
    std::string real = resolved(path);
    for (const char* suffix : {"", "-wal", "-shm"}) {
      std::string name = real + suffix;
      struct stat raw {};
      if (::stat(name.c_str(), &raw) == 0) wanted.files.emplace(raw.st_dev, raw.st_ino);
      wanted.names.insert(std::move(name));
    }
  }
  return wanted;
}

std::string link_at(int directory, const char* name) {
  char target[PATH_MAX];
  ssize_t n = ::readlinkat(directory, name, target, sizeof target);
  return n > 0 ? std::string(target, static_cast<size_t>(n)) : std::string();
}

// The first word of the command line, without its folder; the kernel's short name where there is none.
std::string command_of(int process) {
  for (const char* source : {"cmdline", "comm"}) {
    UniqueFd fd(::openat(process, source, O_RDONLY | O_CLOEXEC));
    char buffer[512];
    ssize_t n = fd ? ::read(fd.get(), buffer, sizeof buffer) : 0;
    if (n <= 0) continue;
    std::string word(buffer, static_cast<size_t>(n));
    word = word.substr(0, word.find_first_of(std::string_view("\0\n", 2)));
    word = word.substr(word.rfind('/') + 1);
    if (!word.empty()) return word;
  }
  return "?";
}

// The first of the wanted files that this process has open; empty when none, or when we may not look.
std::string held_by(int process, const Wanted& wanted) {
  UniqueFd folder(::openat(process, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder) return {};
  int number = folder.get();
  Directory directory(::fdopendir(number));
  if (!directory) return {};
  (void)folder.release();  // the directory stream closes it
  while (dirent* entry = ::readdir(directory.get())) {
    std::string target = link_at(number, entry->d_name);
    if (target.empty() || target[0] != '/') continue;  // pipes, sockets, memory
    std::string_view name = target;
    constexpr std::string_view removed = " (deleted)";
    if (name.ends_with(removed)) name.remove_suffix(removed.size());
    struct stat raw {};
    bool is_wanted = wanted.names.contains(name) || (::fstatat(number, entry->d_name, &raw, 0) == 0 &&
                                                     wanted.files.contains({raw.st_dev, raw.st_ino}));
    if (is_wanted) return target;
  }
  return {};
}

}  // namespace

Result<std::vector<Holder>> holders_of(const std::vector<std::string>& paths) {
  Wanted wanted = wanted_of(paths);
  Directory processes(::opendir("/proc"));
  if (!processes) return system_error(errno, "read", "/proc");
  std::vector<Holder> holders;
  while (dirent* entry = ::readdir(processes.get())) {
    std::string_view name = entry->d_name;
    int64_t pid = 0;
    auto [end, error] = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (error != std::errc() || end != name.data() + name.size() || pid == ::getpid()) continue;
    UniqueFd process(::openat(::dirfd(processes.get()), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!process) continue;  // it has ended since
    std::string path = held_by(process.get(), wanted);
    if (!path.empty()) holders.push_back({pid, command_of(process.get()), std::move(path)});
  }
  std::ranges::sort(holders, {}, &Holder::pid);
  return holders;
}

}  // namespace muster
