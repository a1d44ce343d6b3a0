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

// Holds the owner's flock as long as it lives. Several journals of one process share it: the owner is the process.
class OwnerLock {
 public:
  [[nodiscard]] static Result<OwnerLock> take(const std::string& store, const Owner& owner);
  OwnerLock() = default;
  OwnerLock(OwnerLock&&) noexcept = default;
  OwnerLock& operator=(OwnerLock&&) noexcept = default;
  // The file goes when nobody else holds it and nothing is owned any more; a file that stays, unlocked, tells the next
  // owner that this one is gone.
  ~OwnerLock();
  // Whether another journal of this process holds it too. Only under the store's lock: for a moment it is not held.
  [[nodiscard]] bool is_shared() const;
  // What the wall clock was ahead of the boot clock when this owner's leases were last written. Only inside a write.
  [[nodiscard]] std::optional<Duration> clock_offset() const;
  void note_clock_offset(std::optional<Duration> offset);
  void owns_nothing() { owns_nothing_ = true; }
  void owns_something() { owns_nothing_ = false; }

 private:
  std::string path_;
  UniqueFd fd_;
  bool owns_nothing_ = true;
};

// Certainly gone: another boot; a free flock; or no lock file, and no such process any more. A held flock is alive even
// where its process cannot be seen: it may live in another container.
[[nodiscard]] bool is_dead(const std::string& store, const Owner& owner, const Owner& ours);
// The offset that an owner noted; nothing: it did not, or is gone.
[[nodiscard]] std::optional<Duration> clock_offset_of(const std::string& store, const std::string& owner_id);
// Takes away what a dead owner left.
void remove_owner_lock(const std::string& store, const std::string& owner_id);

}  // namespace muster
