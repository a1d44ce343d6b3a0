// The switch of a database file: another file takes its name, and it goes aside with its -wal, -shm and -journal.
//
// Order: identity recorded, nobody has it open, the old database folded into one file if it is sound, its sidecars
// aside, names exchanged, the incoming file's own sidecars after it, the old file to its place beside. Each is a Mark,
// and each can be entered again after a kill: what stands where is told by the inode numbers recorded before. Errors:
// `target_in_use` with who has it open, or when it changed since it was first seen; what files said. After an
//         error put_back() restores the names as they were. `in_doubt` when neither file has the name.
// Source: docs/actions/restore.md, "The order of a restore".
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "interpreter/base/result.h"
#include "interpreter/world/world.h"
#include "steps/restore/stages.h"

namespace muster {

struct SwapPlan {
  std::string target;
  std::string incoming;  // the file that gets the name; in the target's file system
  std::string outgoing;  // the name for the old file; its sidecars go beside it
  // Whether `incoming` must be there. Where it need not be and is not, the target's name is left free.
  bool incoming_is_required = true;
  // Whether the incoming file's own -wal, -shm and -journal come with it.
  bool incoming_is_a_set = false;
  // Whether target and incoming are directories, which have no sidecars and no database's locks.
  bool is_directory = false;
  // The target as it was when the work began: a difference means that somebody writes to it.
  std::optional<Map> first_seen;
};

struct SwapDone {
  std::vector<std::string> moved_aside;  // the old file first, then its sidecars
  bool was_folded = false;
};

// Inode, size and time of a database file and its sidecars, as a mark keeps them.
[[nodiscard]] Result<Map> identity_of(FilesRead& files, const std::string& path, bool has_sidecars = true);
// Who has the file or its sidecars open, as an error; also when another connection holds a lock.
[[nodiscard]] Result<void> check_not_in_use(const Look& look, const std::string& path, bool ask_for_locks);
// The same for a directory and all that is in it.
[[nodiscard]] Result<void> check_directory_not_in_use(const Look& look, const std::string& path);
[[nodiscard]] std::string directory_of(const std::string& path);
[[nodiscard]] Connection sqlite_at(const std::string& path);

class Swap {
 public:
  Swap(SwapPlan plan, Stages& stages, Touch& touch) : plan_(std::move(plan)), stages_(stages), touch_(touch) {}

  [[nodiscard]] Result<SwapDone> run(std::stop_token stop);
  // Everything under its old name again, from any point of run(); harmless when it already is.
  [[nodiscard]] Result<void> put_back();
  // For an attempt that has ended: what its `identity` recorded, so that put_back() can tell what stands where.
  [[nodiscard]] Result<void> know(const Value& identity);
  // What lies under the old database's later name, it first and then its sidecars.
  [[nodiscard]] Result<SwapDone> what_was_moved() const;
  // run() failed because the incoming file is no longer there, and nothing has been switched.
  [[nodiscard]] bool has_lost_incoming() const { return lost_incoming_; }
  // Whether the incoming file has the target's name now.
  [[nodiscard]] Result<bool> is_switched() const;

 private:
  [[nodiscard]] Result<void> check_free(bool ask_for_locks) const;
  [[nodiscard]] Result<void> record_identity();
  [[nodiscard]] Result<bool> fold_old(std::stop_token stop);
  [[nodiscard]] Result<void> move_sidecars_aside();
  [[nodiscard]] Result<Value> switch_once();
  [[nodiscard]] Result<void> exchange_names();
  [[nodiscard]] Result<void> bring_sidecars();
  [[nodiscard]] Result<void> lay_old_aside();
  [[nodiscard]] Result<void> sync_directories();
  [[nodiscard]] Result<std::optional<int64_t>> inode_at(const std::string& path) const;
  [[nodiscard]] Result<bool> move_if_there(const std::string& from, const std::string& to);

  SwapPlan plan_;
  Stages& stages_;
  Touch& touch_;
  bool has_identity_ = false;
  std::optional<int64_t> old_inode_;
  std::optional<int64_t> new_inode_;
  std::vector<std::string> old_sidecars_;  // suffixes
  std::vector<std::string> new_sidecars_;
  bool lost_incoming_ = false;
};

}  // namespace muster
