// Where a restore happens: the target's real place, the work directory beside it and the names for what goes aside.
//
// Errors: `refused` for a target that is a link, no plain file, or in a directory we may not write to; `not_found` when
//         the directory is missing.
#pragma once

#include <string>

#include "interpreter/action/action.h"
#include "interpreter/base/result.h"

namespace muster {

struct Place {
  std::string target;  // with every symlink of its directory resolved
  std::string directory;
  std::string work;      // of this attempt alone; ours, removed at the end
  std::string ready;     // the new database while it is made
  std::string outgoing;  // the old database's later name
  Map first_seen;        // identity_of() the target
  // Of the old file, for the new one; a new database without an old one belongs to us, 0600.
  bool has_old = false;
  uint32_t uid = 0, gid = 0, mode = 0600;
  uint64_t old_bytes = 0;
  Timestamp old_modified;
};

[[nodiscard]] Result<Place> find_place(FilesRead& files, const std::string& target, bool is_directory,
                                       const StepInput& input);
// `wanted`, or with .2, .3 ... behind it: a name that neither a file nor a sidecar of it has.
[[nodiscard]] Result<std::string> free_name(FilesRead& files, const std::string& wanted);

}  // namespace muster
