// Starts one child in a session of its own, with three descriptors and nothing else of ours.
#pragma once

#include <sys/types.h>

#include "interpreter/world/children/protocol.h"

namespace muster::children {

struct Spawn {
  const char* program = nullptr;
  char* const* arguments = nullptr;    // ends with a null
  char* const* environment = nullptr;  // ends with a null
  const char* directory = nullptr;     // null: ours
  int in = -1, out = -1, err = -1;     // above 2, close-on-exec
};

struct Spawned {
  pid_t pid = 0;              // 0: nothing was started, or nothing that ran the program
  Stage stage = Stage::none;  // where it failed
  int error = 0;              // errno
};

// Returns once the program runs or certainly does not. All signals must be blocked and none ignored.
[[nodiscard]] Spawned spawn(const Spawn& what);

}  // namespace muster::children
