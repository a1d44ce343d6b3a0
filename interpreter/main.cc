// argv, environment, signals: the only file that reads them.
#include <fcntl.h>
#include <linux/close_range.h>
#include <pwd.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <string_view>

#include "interpreter/base/allocator.h"
#include "interpreter/cli/command.h"

extern char** environ;

namespace {

std::string person_of(uid_t uid) {
  passwd entry{};
  passwd* found = nullptr;
  char buffer[4096];
  if (::getpwuid_r(uid, &entry, buffer, sizeof buffer, &found) == 0 && found) return found->pw_name;
  return "uid:" + std::to_string(uid);
}

std::string path_of_self(const char* argv0) {
  char path[4096];
  ssize_t got = ::readlink("/proc/self/exe", path, sizeof path);
  return got > 0 ? std::string(path, static_cast<size_t>(got)) : std::string(argv0);
}

std::string variable(const muster::Invocation& invocation, const char* name) {
  auto it = invocation.environment.find(name);
  return it == invocation.environment.end() ? std::string() : it->second;
}

// What whoever started us left open is none of the business of the programs that we start.
void keep_descriptors_to_ourselves() {
  if (::close_range(3, ~0u, CLOSE_RANGE_CLOEXEC) == 0) return;
  for (int fd = 3; fd < 1024; ++fd)  // a kernel before 5.11
    if (int flags = ::fcntl(fd, F_GETFD); flags >= 0) ::fcntl(fd, F_SETFD, flags | FD_CLOEXEC);
}

}  // namespace

int main(int argc, char** argv) {
  rlimit no_core{0, 0};  // a core would hold secrets
  ::setrlimit(RLIMIT_CORE, &no_core);
  keep_descriptors_to_ourselves();
  muster::keep_freed_memory();
  muster::Invocation invocation;
  for (char** entry = environ; *entry; ++entry) {
    std::string_view variable_text = *entry;
    size_t equals = variable_text.find('=');
    if (equals != std::string_view::npos)
      invocation.environment.emplace(variable_text.substr(0, equals), variable_text.substr(equals + 1));
  }
  std::vector<std::string> arguments(argv + 1, argv + argc);
  std::vector<muster::CommandForm> forms;
  for (const muster::CommandRow& row : muster::commands()) forms.push_back(row.form);
  if (arguments.empty()) {
    muster::tell(muster::help_of(forms));
    return muster::exit_code::usage;
  }
  tl::expected<muster::Options, std::string> options = muster::parse_options(arguments, forms);
  if (!options) {
    muster::tell("muster: " + options.error() + "\n");
    return muster::exit_code::usage;
  }
  invocation.options = std::move(*options);
  if (invocation.options.has("--version")) {
    muster::answer(std::string("muster ") + muster::muster_version + "\n");
    return muster::exit_code::ok;
  }
  bool dumb = variable(invocation, "TERM") == "dumb" || !variable(invocation, "CI").empty();
  bool stderr_tty = ::isatty(STDERR_FILENO) == 1;
  invocation.terminal.tty = stderr_tty && ::isatty(STDIN_FILENO) == 1;
  invocation.terminal.live = stderr_tty && !dumb;
  bool plain = invocation.options.has("--no-color") || !variable(invocation, "NO_COLOR").empty() || dumb;
  invocation.terminal.colour = stderr_tty && !plain ? muster::Colour::on : muster::Colour::off;
  invocation.terminal.answers = ::isatty(STDOUT_FILENO) == 1 && !plain ? muster::Colour::on : muster::Colour::off;
  invocation.terminal.quiet = invocation.options.has("--quiet");
  invocation.terminal.verbose = invocation.options.has("--verbose");
  for (const muster::CommandRow& row : muster::commands()) {
    if (row.form.name != invocation.options.command) continue;
    if (invocation.options.has("--help")) {
      muster::answer(muster::help_of(row.form));
      return muster::exit_code::ok;
    }
    invocation.person = person_of(::geteuid());
    char host[256] = {};
    ::gethostname(host, sizeof host - 1);
    invocation.host = host;
    invocation.program = path_of_self(argv[0]);
    ::signal(SIGPIPE, SIG_IGN);
    // Blocked before there is a second thread; commands that only look are ended by a signal as any other program.
    if (row.carries_runs) {
      sigset_t mine;
      sigemptyset(&mine);
      for (int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&mine, signal);
      ::sigprocmask(SIG_BLOCK, &mine, nullptr);
      invocation.signal_fd = ::signalfd(-1, &mine, SFD_CLOEXEC | SFD_NONBLOCK);
    }
    const int code = row.run(invocation);
    return row.carries_runs ? code : muster::with_answers(code);  // how a run ended is what a script must know of it
  }
  muster::answer(muster::help_of(forms));
  return muster::exit_code::ok;
}
