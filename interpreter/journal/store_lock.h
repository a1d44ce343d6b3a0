// The one lock under which a store is written and checkpointed, and the note of the last head that was written.
//
// SQLite before 3.51.3 can lose a commit when one connection checkpoints while another writes; nobody does either but
// under this flock. The note is what a lost or foreign -wal file is known by: SQLite itself opens the older state
// without a word. Errors: `busy` when somebody else holds it for longer than our patience; `refused` where there are no
// flocks. Threads: one object per thread; two objects of one process exclude each other like two processes. Source:
// docs/journal.md, "Files".
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "interpreter/base/result.h"
#include "interpreter/base/unique_fd.h"

namespace muster {

struct HeadNote {
  std::string run;
  int64_t seq = 0;
  std::string hash;
};

class StoreLock {
 public:
  [[nodiscard]] static Result<StoreLock> open(const std::string& store, std::chrono::milliseconds patience);

  // Until the Held goes.
  class Held {
   public:
    explicit Held(int fd) : fd_(fd) {}
    Held(Held&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
    Held& operator=(Held&&) = delete;
    ~Held();

   private:
    int fd_;
  };
  [[nodiscard]] Result<Held> hold() const;

  // Under the lock, after the commit it tells of. Not synced: after a power loss it may be older, never newer.
  void note(const HeadNote& head) const;
  [[nodiscard]] std::optional<HeadNote> noted() const;
  void forget() const;

 private:
  std::string path_;
  UniqueFd fd_;
  std::chrono::milliseconds patience_{};
};

}  // namespace muster
