// Who descends from this process, as /proc tells it.
//
// Source: proc(5).
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace muster::children {

struct Process {
  pid_t pid = 0, parent = 0, session = 0;
  int64_t began_us = 0;  // on CLOCK_BOOTTIME, to 10 ms
  std::string name;
};

[[nodiscard]] std::vector<Process> all_processes();
// All that live and descend from `root`, itself left out.
[[nodiscard]] std::vector<Process> descendants_of(pid_t root);
// The direct children of this single-threaded process, ended ones that nobody has waited for included. Nothing where
// the kernel does not tell.
[[nodiscard]] std::optional<std::vector<pid_t>> own_children();
// The value of a variable in the environment that a process was started with; empty where it may not be read.
[[nodiscard]] std::string variable_of(pid_t pid, std::string_view name);
// Signals it unless its number has gone to somebody else since.
void signal_process(const Process& process, int signal);

}  // namespace muster::children
