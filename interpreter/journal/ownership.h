// Who runs a run, and whether that process is still there.
//
// An owner is (host, boot id, pid, start time) and a held flock on STORE.owners/<id>. On the same host a dead owner is
// known at once; a living or stopped one, and one on another host, only by its expiry.
// Source: docs/journal.md, "Ownership".
#pragma once

#include <string>

#include "interpreter/base/unique_fd.h"
#include "interpreter/journal/journal.h"

namespace muster {

// Holds the owner's flock as long as it lives.
class OwnerLock {
 public:
  [[nodiscard]] static Result<OwnerLock> take(const std::string& store, const Owner& owner);
  OwnerLock() = default;
  OwnerLock(OwnerLock&&) noexcept = default;
  OwnerLock& operator=(OwnerLock&& other) noexcept;
  ~OwnerLock();

 private:
  std::string path_;
  UniqueFd fd_;
};

// Certainly gone: another boot, no such process, another start time, or its flock is free.
[[nodiscard]] bool is_dead(const std::string& store, const Owner& owner, const Owner& ours);

}  // namespace muster
