// Writing to people: stdout for answers, stderr for progress and diagnostics. The only file that writes to either.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "interpreter/base/diagnostic.h"
#include "interpreter/base/time.h"

namespace muster {

struct Terminal {
  bool tty = false;              // stdin and stderr are one: somebody can be asked
  bool live = false;             // stderr is one that lines may be redrawn on
  Colour colour = Colour::off;   // of stderr
  Colour answers = Colour::off;  // of stdout
  bool quiet = false;
  bool verbose = false;
};

void answer(std::string_view text);  // to stdout, all of it; said on stderr where that cannot be
void tell(std::string_view text);    // to stderr
// The exit code of a command whose answers count: 1 where one of them could not be written, for a full disk.
[[nodiscard]] int with_answers(int exit_code);
// Ends a process that holds nothing but memory: to give that back piece by piece takes a tenth of the time of checking
// or planning 10,000 steps, and the kernel takes it at once. No destructor runs: not where a run is carried, or a
// folder of scratch is to be removed.
[[noreturn]] void leave(int exit_code);

// `ansi` is the number of a style: 1 bold, 2 faint, 31 red, 32 green, 33 yellow.
[[nodiscard]] std::string painted(std::string_view text, std::string_view ansi, Colour colour);
struct TerminalSize {
  size_t columns = 80, rows = 24;
};
// Of stderr; the usual size where nobody knows.
[[nodiscard]] TerminalSize terminal_size();
// The moment in this machine's own time zone, `13:30:00 CET`: beside UTC, for somebody at a terminal.
[[nodiscard]] std::string local_clock(Timestamp at);

}  // namespace muster
