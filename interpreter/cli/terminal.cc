#include "interpreter/cli/terminal.h"

#include <unistd.h>

#include <cerrno>

namespace muster {
namespace {

void write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    ssize_t put = ::write(fd, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return;  // a closed pipe: nobody listens
    text.remove_prefix(static_cast<size_t>(put));
  }
}

}  // namespace

void answer(std::string_view text) { write_all(STDOUT_FILENO, text); }
void tell(std::string_view text) { write_all(STDERR_FILENO, text); }

std::string painted(std::string_view text, std::string_view ansi, const Terminal& terminal) {
  if (terminal.colour == Colour::off) return std::string(text);
  return "\x1b[" + std::string(ansi) + "m" + std::string(text) + "\x1b[0m";
}

}  // namespace muster
