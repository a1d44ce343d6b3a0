// muster-children: starts the children of one interpreter and outlives it.
//
// Small, static and single-threaded, because its start is part of the interpreter's. It is the subreaper of all that
// its children start, so nothing escapes by a double fork. Results stay in memory until the interpreter has committed
// them; when its socket closes, what was not committed is written down and what runs is let finish.
//
//   muster-children SPOOL      with the interpreter's socket as descriptor 3 and /dev/null as 0 to 2
//   muster-children fence FOLDER PROGRAM ARGV...      runs a program that may write nothing but beneath the folder
#include <fcntl.h>
#include <unistd.h>

#include <cstring>

#include "interpreter/world/children/fence.h"
#include "interpreter/world/children/helper.h"

int main(int argc, char** argv) {
  constexpr int interpreter = 3;
  if (argc >= 5 && std::strcmp(argv[1], "fence") == 0) return muster::children::run_fenced(argv + 2);
  if (argc != 2 || ::fcntl(interpreter, F_SETFD, FD_CLOEXEC) != 0) return 2;
  int code = 0;
  {
    muster::children::Helper helper(interpreter, argv[1]);
    code = helper.run();
  }
  ::_exit(code);  // nothing is left to be cleaned up, and a checker of leaks could not look into it
}
