#include "interpreter/world/left_running.h"

#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <set>
#include <thread>

#include "interpreter/world/children/marker.h"
#include "interpreter/world/children/process_tree.h"

namespace muster {
namespace {

using children::Process;

constexpr auto look_every = std::chrono::milliseconds(20);
constexpr auto give_up = std::chrono::milliseconds(1500);  // after KILL: it hangs in the kernel, or is not ours to end

const std::string& this_boot() {
  static const std::string id = [] {
    std::string text;
    std::ifstream("/proc/sys/kernel/random/boot_id") >> text;
    return text;
  }();
  return id;
}

std::string moment(uint64_t began_us) { return this_boot() + "/" + std::to_string(began_us); }

std::vector<Process> find(const std::string& name, const std::vector<RunningProcess>& known) {
  const std::string end = children::marker_end(name);
  const std::vector<Process> all = children::all_processes();
  std::set<pid_t> found;
  for (const Process& process : all) {
    bool is_known = std::any_of(known.begin(), known.end(), [&](const RunningProcess& one) {
      return one.pid == process.pid && one.since == moment(static_cast<uint64_t>(process.began_us));
    });
    const bool may_say = !end.empty();
    if (is_known || (may_say && children::variable_of(process.pid, children::marker_variable).ends_with(end)))
      found.insert(process.pid);
  }
  // Children of theirs, however the list is ordered.
  for (bool grew = !found.empty(); grew;) {
    grew = false;
    for (const Process& process : all)
      if (found.contains(process.parent)) grew = found.insert(process.pid).second || grew;
  }
  found.erase(::getpid());
  std::vector<Process> out;
  for (const Process& process : all)
    if (found.contains(process.pid)) out.push_back(process);
  return out;
}

}  // namespace

std::vector<RunningProcess> left_running_of(const std::vector<children::Survivor>& survivors) {
  std::vector<RunningProcess> out;
  for (const children::Survivor& one : survivors)
    out.push_back({static_cast<int64_t>(one.pid), one.name, moment(one.began_us)});
  return out;
}

std::vector<std::string> end_left_running(const std::string& name, const std::vector<RunningProcess>& known,
                                          Duration grace) {
  using Clock = std::chrono::steady_clock;
  const auto kill_at = Clock::now() + std::chrono::microseconds(grace.us);
  std::vector<std::string> ended;
  std::set<pid_t> asked;
  while (true) {
    const std::vector<Process> left = find(name, known);
    if (left.empty()) return ended;
    const bool is_late = Clock::now() >= kill_at;
    for (const Process& process : left) {
      const bool is_new = asked.insert(process.pid).second;
      if (is_new) ended.push_back(std::to_string(process.pid) + " " + process.name);
      if (is_new || is_late) children::signal_process(process, is_late ? SIGKILL : SIGTERM);
    }
    if (Clock::now() >= kill_at + give_up) {
      for (const Process& process : left)
        ended.push_back(std::to_string(process.pid) + " " + process.name + " could not be ended");
      return ended;
    }
    std::this_thread::sleep_for(look_every);
  }
}

}  // namespace muster
