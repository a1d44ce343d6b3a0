#include "interpreter/world/children/family.h"

#include <unistd.h>

#include <algorithm>

namespace muster::children {
namespace {

constexpr int64_t tick_us = 10'000;  // a process's start is known to that

bool is_main(pid_t pid, const Children& children) {
  return std::any_of(children.begin(), children.end(), [&](const auto& entry) {
    return entry.second->pid == pid && entry.second->phase == Child::Phase::running;
  });
}

}  // namespace

std::vector<Process> Family::let_go(const Child& child, const Children& children, int64_t now) {
  const pid_t self = ::getpid();
  std::vector<Process> tree = tree_of(child, children);
  for (const Process& process : tree)
    if (process.parent == self) free_.insert(process.pid);
  released_.push_back({child.pid, child.began, now});
  return tree;
}

bool Family::has_strangers(const Children& children) const {
  std::optional<std::vector<pid_t>> ours = own_children();
  if (!ours) return true;
  return std::any_of(ours->begin(), ours->end(),
                     [&](pid_t pid) { return !free_.contains(pid) && !is_main(pid, children); });
}

std::vector<Process> Family::tree_of(const Child& child, const Children& children) const {
  const pid_t self = ::getpid();
  const std::vector<Process> all = descendants_of(self);
  std::map<pid_t, const Process*> by_pid;
  for (const Process& process : all) by_pid[process.pid] = &process;
  // True and false are certain; nothing is neither.
  auto is_of_child = [&](const Process& process) -> std::optional<bool> {
    if (process.pid == child.pid || process.session == child.pid) return true;
    for (const auto& [id, other] : children)
      if (process.pid == other->pid || process.session == other->pid) return false;
    for (const Released& released : released_)
      if (process.session == released.session) return false;
    std::string marker = variable_of(process.pid, marker_variable);
    if (marker == child.marker) return true;
    if (marker.starts_with(std::to_string(self) + ".")) return false;  // another child of ours
    return std::nullopt;
  };
  auto is_nobody_elses = [&](const Process& process) {
    int64_t began = process.began_us + tick_us;
    if (began < child.began) return false;
    for (const auto& [id, other] : children)
      if (other.get() != &child && began >= other->began) return false;
    return std::none_of(released_.begin(), released_.end(), [&](const Released& released) {
      return began >= released.began && process.began_us <= released.ended;
    });
  };
  std::vector<Process> tree;
  for (const Process& process : all) {
    if (is_main(process.pid, children)) continue;
    std::optional<bool> ours;
    const Process* at = &process;
    const Process* eldest = at;
    for (size_t hops = 0; at && !ours && hops <= all.size(); ++hops) {
      ours = is_of_child(*at);
      eldest = at;
      auto parent = by_pid.find(at->parent);
      at = parent == by_pid.end() ? nullptr : parent->second;
    }
    if (ours.value_or(false) || (!ours && is_nobody_elses(*eldest))) tree.push_back(process);
  }
  return tree;
}

}  // namespace muster::children
