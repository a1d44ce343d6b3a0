// Which child a process belongs to, however it hid: by its ancestors, its session, the marker in its environment, and
// when it has shed all of these, by being nobody else's.
//
// Units: times as in child.h.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "interpreter/world/children/child.h"

namespace muster::children {

using Children = std::map<uint64_t, std::unique_ptr<Child>>;

class Family {
 public:
  // What this child left behind may live on; from now on it belongs to nobody. What that is.
  [[nodiscard]] std::vector<Process> let_go(const Child& child, const Children& children, int64_t now);
  // A process of ours has ended and was waited for.
  void forget(pid_t pid) { free_.erase(pid); }
  // Whether there can be anything beside the children's own processes. Cheap, and never wrong when it says no.
  [[nodiscard]] bool has_strangers(const Children& children) const;
  // The processes of this child's tree, its own one left out.
  [[nodiscard]] std::vector<Process> tree_of(const Child& child, const Children& children) const;

 private:
  struct Released {
    pid_t session;
    int64_t began, ended;
  };
  std::vector<Released> released_;
  std::set<pid_t> free_;  // direct children of ours that were let go
};

}  // namespace muster::children
