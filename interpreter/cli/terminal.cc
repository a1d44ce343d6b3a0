#include "interpreter/cli/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <ctime>
#include <string>

namespace muster {
namespace {

// 0, or what was wrong.
int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    ssize_t put = ::write(fd, text.data(), text.size());
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) return put < 0 ? errno : EIO;
    text.remove_prefix(static_cast<size_t>(put));
  }
  return 0;
}

int unwritten = 0;  // what was wrong with the first answer that could not be written; nothing is written after it

}  // namespace

void answer(std::string_view text) {
  if (unwritten != 0) return;
  unwritten = write_all(STDOUT_FILENO, text);
  // A closed pipe: nobody listens, as behind `| head`.
  if (unwritten == 0 || unwritten == EPIPE) return;
  tell("muster: the answer could not be written, and is cut: " + std::string(std::strerror(unwritten)) + "\n");
}
int with_answers(int exit_code) { return exit_code == 0 && unwritten != 0 && unwritten != EPIPE ? 1 : exit_code; }
void tell(std::string_view text) { (void)write_all(STDERR_FILENO, text); }
void leave(int exit_code) { ::_exit(with_answers(exit_code)); }

std::string painted(std::string_view text, std::string_view ansi, Colour colour) {
  if (colour == Colour::off) return std::string(text);
  return "\x1b[" + std::string(ansi) + "m" + std::string(text) + "\x1b[0m";
}

TerminalSize terminal_size() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0 || size.ws_row == 0) return {};
  return {size.ws_col, size.ws_row};
}

std::string local_clock(Timestamp at) {
  std::time_t seconds = static_cast<std::time_t>(at.us / 1'000'000);
  std::tm local{};
  char buffer[64];
  if (!::localtime_r(&seconds, &local) || std::strftime(buffer, sizeof buffer, "%H:%M:%S %Z", &local) == 0) return {};
  return buffer;
}

}  // namespace muster
