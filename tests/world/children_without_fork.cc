// The helper for children where no process can be started.
#include <unistd.h>

#include "tests/world/no_new_processes.h"

int main(int, char** argv) {
  if (!muster::refuse_new_processes()) return 2;
  ::execv(MUSTER_BINARY_DIR "/muster-children", argv);
  return 127;
}
