#include "interpreter/world/children/process_tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <map>

#include "interpreter/base/unique_fd.h"

namespace muster::children {
namespace {

std::string read_proc(const std::string& path) {
  UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  std::string out;
  char buffer[4096];
  while (fd) {
    ssize_t got = ::read(fd.get(), buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    out.append(buffer, static_cast<size_t>(got));
  }
  return out;
}

std::optional<Process> read_process(pid_t pid) {
  std::string text = read_proc("/proc/" + std::to_string(pid) + "/stat");
  size_t open = text.find('('), close = text.rfind(')');  // a name may hold both
  if (open == std::string::npos || close == std::string::npos || close + 2 >= text.size()) return std::nullopt;
  char state = text[close + 2];
  if (state == 'Z' || state == 'X') return std::nullopt;
  // The fields after the state are numbers; that is the third field of stat.
  long long fields[23] = {};
  const char* at = text.c_str() + close + 3;
  for (int field = 4; field <= 22; ++field) {
    char* end = nullptr;
    fields[field] = std::strtoll(at, &end, 10);
    at = end;
  }
  Process process;
  process.pid = pid;
  process.parent = static_cast<pid_t>(fields[4]);
  process.session = static_cast<pid_t>(fields[6]);
  process.began_us = fields[22] * (1'000'000 / ::sysconf(_SC_CLK_TCK));
  process.name = text.substr(open + 1, close - open - 1);
  return process;
}

}  // namespace

std::vector<Process> all_processes() {
  std::vector<Process> all;
  DIR* proc = ::opendir("/proc");
  if (!proc) return {};
  while (dirent* entry = ::readdir(proc)) {
    pid_t pid = static_cast<pid_t>(std::atoi(entry->d_name));
    if (pid <= 0) continue;
    if (std::optional<Process> process = read_process(pid)) all.push_back(std::move(*process));
  }
  ::closedir(proc);
  return all;
}

std::vector<Process> descendants_of(pid_t root) {
  std::map<pid_t, Process> all;
  for (Process& process : all_processes()) {
    const pid_t pid = process.pid;
    all.emplace(pid, std::move(process));
  }
  std::vector<Process> out;
  for (const auto& [pid, process] : all) {
    pid_t at = process.parent;
    // Bounded, because the entries were not read at one moment.
    for (size_t hops = 0; at != root && hops < all.size(); ++hops) {
      auto parent = all.find(at);
      if (parent == all.end()) break;
      at = parent->second.parent;
    }
    if (at == root && pid != root) out.push_back(process);
  }
  return out;
}

std::optional<std::vector<pid_t>> own_children() {
  std::string path = "/proc/self/task/" + std::to_string(::getpid()) + "/children";
  if (::access(path.c_str(), R_OK) != 0) return std::nullopt;
  std::string text = read_proc(path);
  std::vector<pid_t> out;
  char* at = text.data();
  for (char* end = nullptr; long pid = std::strtol(at, &end, 10); at = end) out.push_back(static_cast<pid_t>(pid));
  return out;
}

std::string variable_of(pid_t pid, std::string_view name) {
  std::string all = read_proc("/proc/" + std::to_string(pid) + "/environ");
  std::string_view left = all;
  while (!left.empty()) {
    std::string_view entry = left.substr(0, left.find('\0'));
    if (entry.starts_with(name) && entry.size() > name.size() && entry[name.size()] == '=')
      return std::string(entry.substr(name.size() + 1));
    left.remove_prefix(std::min(entry.size() + 1, left.size()));
  }
  return {};
}

void signal_process(const Process& process, int signal) {
  UniqueFd handle(static_cast<int>(::syscall(SYS_pidfd_open, process.pid, 0)));
  if (!handle) return;
  std::optional<Process> now = read_process(process.pid);
  if (now && now->began_us == process.began_us) ::syscall(SYS_pidfd_send_signal, handle.get(), signal, nullptr, 0);
}

}  // namespace muster::children
