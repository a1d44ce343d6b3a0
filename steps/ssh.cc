#include "steps/ssh.h"

#include <array>
#include <utility>

#include "interpreter/base/shell_quote.h"
#include "interpreter/base/ssh_setting.h"
#include "interpreter/base/utf8.h"

namespace muster {
namespace {

// Said on stderr by the client when it has logged in. It waits for that before it sends the command: where this is
// missing, the host was never told what to run.
constexpr std::string_view greeting = "muster: connected\n";

constexpr int client_failed = 255;

std::string revealed(const Value& value) {
  if (const Secret* secret = value.find<Secret>()) return std::string(secret->reveal(SecretSink::concatenation));
  return to_text(value);
}

Result<void> check(const Map& connection) {
  for (const char* setting : {"host", "user", "identity", "known_hosts"}) {
    if (!member(connection, setting)) continue;
    if (std::optional<std::string> problem = problem_of_ssh_setting(setting, text_of(connection, setting)))
      return fail(ErrorCode::invalid, "`" + escape_for_terminal(text_of(connection, setting), false) +
                                          "` cannot be the `" + setting + "` of an ssh connection: " + *problem);
  }
  const Value* port = member(connection, "port");
  const int64_t* number = port ? port->find<int64_t>() : nullptr;
  if (std::optional<std::string> problem = number ? problem_of_ssh_port(*number) : std::nullopt)
    return fail(ErrorCode::invalid,
                std::to_string(*number) + " cannot be the `port` of an ssh connection: " + *problem);
  return {};
}

std::vector<std::string> client(const Map& connection) {
  std::vector<std::string> argv = {"ssh", "-T", "-x"};
  auto option = [&](std::string text) {
    argv.emplace_back("-o");
    argv.push_back(std::move(text));
  };
  option("BatchMode=yes");              // nobody is there to be asked
  option("StrictHostKeyChecking=yes");  // whatever a configuration says
  option("LogLevel=ERROR");             // stderr is the command's; banners are not
  option("ControlMaster=no");           // a connection of our own, so that its end is ours, too
  option("ControlPath=none");
  option("ClearAllForwardings=yes");
  option("RemoteCommand=none");
  option("PermitLocalCommand=yes");
  option("LocalCommand=echo " + std::string(greeting.substr(0, greeting.size() - 1)) + " >&2");
  option("ConnectTimeout=30");
  option("ServerAliveInterval=15");  // a host that vanished is noticed after two minutes
  option("ServerAliveCountMax=8");
  if (member(connection, "port")) {
    argv.emplace_back("-p");
    argv.push_back(to_text(*member(connection, "port")));
  }
  if (std::string user = text_of(connection, "user"); !user.empty()) {
    argv.emplace_back("-l");
    argv.push_back(user);
  }
  if (std::string identity = text_of(connection, "identity"); !identity.empty()) {
    argv.emplace_back("-i");
    argv.push_back(identity);
    option("IdentitiesOnly=yes");
  }
  if (std::string file = text_of(connection, "known_hosts"); !file.empty()) {
    option("UserKnownHostsFile=\"" + file + "\"");
    option("GlobalKnownHostsFile=/dev/null");
  }
  argv.emplace_back("--");
  argv.push_back(text_of(connection, "host"));
  return argv;
}

// The words of a command that every login shell reads alike. All others go in a script to a shell that is known.
std::optional<std::string> plain_line(const Command& command) {
  std::string line = remote_shell_line(command.argv);
  bool quoted = line.find('\'') != std::string::npos;
  if (quoted || !command.environment.empty() || !command.directory.empty()) return std::nullopt;
  return line;
}

// A script that goes into the folder, sets the variables and becomes the command; the host's shell reads just so many
// bytes of it, and the command gets what follows. Cut short it runs nothing: the command stands at its end.
std::string script_of(const Command& command) {
  std::string script;
  for (const auto& [name, value] : command.environment)
    script += "export " + name + "=" + shell_quote(revealed(value)) + "\n";
  std::string line = remote_shell_line(command.argv);
  if (!command.directory.empty()) script += "cd -- " + shell_quote(command.directory) + " || exit\n";
  return script + "exec " + line + "\n";
}

bool is_name(std::string_view name) {
  bool first = true;
  for (char c : name) {
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
    if (!letter && (first || c < '0' || c > '9')) return false;
    first = false;
  }
  return !first;
}

struct Sign {
  std::string_view text;
  ErrorCode code;
};

// How the client says that it got nowhere. Nothing of the command had been sent then.
constexpr std::array<Sign, 13> signs = {{{"Host key verification failed", ErrorCode::refused},
                                         {"Permission denied", ErrorCode::refused},
                                         {"Too many authentication failures", ErrorCode::refused},
                                         {"Unable to negotiate with", ErrorCode::refused},
                                         {"Bad owner or permissions on", ErrorCode::refused},
                                         {"Bad configuration option", ErrorCode::refused},
                                         {"ssh: Could not resolve hostname", ErrorCode::unreachable},
                                         {"ssh: connect to host", ErrorCode::unreachable},
                                         {"kex_exchange_identification:", ErrorCode::unreachable},
                                         {"Connection timed out", ErrorCode::unreachable},
                                         {"Connection closed by", ErrorCode::unreachable},
                                         {"Connection reset by", ErrorCode::unreachable},
                                         {"Connection to", ErrorCode::unreachable}}};

std::string hint_for(std::string_view said) {
  if (said.find("Host key verification failed") != std::string_view::npos)
    return "compare the host's key with one that you trust, and add it to known_hosts, or name a file of host keys: "
           "`known_hosts`";
  if (said.find("Permission denied") != std::string_view::npos)
    return "nobody is asked for a password: log in with a key (`identity`), or with one that the agent holds";
  return {};
}

std::string last_line(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.remove_suffix(1);
  size_t begin = text.rfind('\n');
  return std::string(begin == std::string_view::npos ? text : text.substr(begin + 1));
}

}  // namespace

Result<Command> over_ssh(const Map& connection, const Command& command) {
  if (Result<void> fit = check(connection); !fit) return pass(fit.error());
  Command out = command;
  out.directory.clear();
  out.environment = {{"SHELL", Value(std::string("/bin/sh"))}};  // it runs what says that we are connected
  out.ssh_agent = true;
  for (const std::string& argument : command.argv)
    if (argument.find('\0') != std::string::npos)
      return fail(ErrorCode::invalid, "an item of `argv` holds a zero byte");
  out.argv = client(connection);
  if (std::optional<std::string> line = plain_line(command)) {
    out.argv.push_back(std::move(*line));
    return out;
  }
  bool is_secret = holds_secret(command.input);
  for (const auto& [name, value] : command.environment) {
    if (!is_name(name))
      return fail(ErrorCode::invalid, "`" + name + "` cannot be the name of a variable on another host");
    if (revealed(value).find('\0') != std::string::npos)
      return fail(ErrorCode::invalid, "the value of `" + name + "` in `env` holds a zero byte");
    if (const Secret* secret = value.find<Secret>()) {
      is_secret = true;
      out.redact.push_back(*secret);
    }
  }
  if (const Secret* secret = command.input.find<Secret>()) out.redact.push_back(*secret);
  std::string script = script_of(command);
  out.argv.push_back("exec /bin/sh -c 'eval \"$(dd bs=1 count=" + std::to_string(script.size()) +
                     " 2>/dev/null)\"; exit 126'");
  std::string input = script + (command.input.is_null() ? std::string() : revealed(command.input));
  out.input = is_secret ? Value(Secret("stdin", std::move(input))) : Value(std::move(input));
  return out;
}

bool has_failed_to_connect(const ProcessEnd& end) {
  if (end.kind != EndKind::exited || end.code != client_failed || !end.err.is_whole()) return false;
  return (end.err.head + end.err.tail).find(greeting) == std::string::npos;
}

Error connection_failure(const Map& connection, const ProcessEnd& end) {
  Error error;
  error.code = ErrorCode::unreachable;
  error.effect = Certainty::maybe;
  error.exit_code = end.code;
  std::string said = end.err.head + end.err.tail;
  for (const Sign& sign : signs) {
    if (said.find(sign.text) == std::string::npos) continue;
    error.code = sign.code;
    error.effect = Certainty::no_effect;
    break;
  }
  error.hint = hint_for(said);
  error.cause = escape_for_terminal(last_line(said), false);
  error.message = "no connection to " + name_of_target(connection) + (error.cause.empty() ? "" : ": " + error.cause);
  return error;
}

std::string without_greeting(std::string text) {
  if (size_t at = text.find(greeting); at != std::string::npos) text.erase(at, greeting.size());
  return text;
}

std::string name_of_target(const Map& connection) {
  std::string user = text_of(connection, "user"), out = (user.empty() ? "" : user + "@") + text_of(connection, "host");
  if (member(connection, "port")) out += ", port " + to_text(*member(connection, "port"));
  return escape_for_terminal(out, false);
}

}  // namespace muster
