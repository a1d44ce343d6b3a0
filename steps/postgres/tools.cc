#include "steps/postgres/tools.h"

#include <algorithm>

namespace muster {

namespace {

constexpr uint64_t most_list_bytes = 16 << 20;

// What it said last: the line that tells why.
std::string last_words(const CapturedStream& stream) {
  std::string text = stream.is_whole() ? stream.head + stream.tail : stream.tail;
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.pop_back();
  constexpr size_t most = 600;
  if (text.size() > most) text = ".." + text.substr(text.size() - most);
  std::ranges::replace(text, '\n', ' ');
  return text;
}

}  // namespace

Result<ProcessEnd> PostgresTools::run(const std::string& name, Command command) {
  ChildKey key{input_.run, input_.op.mark(name), input_.attempt};
  if (input_.after_crash) {
    std::stop_source at_once;
    at_once.request_stop();
    if (Result<std::optional<ProcessEnd>> left = touch_.processes.recover(key, at_once.get_token()); !left)
      return pass(left.error());
    touch_.processes.committed(key);
  }
  command.redact = input_.opened;
  const std::string program = command.argv.front();
  Result<ProcessEnd> end = touch_.processes.run(key, command, input_.stop);
  // Its record serves nobody: a stage that was killed is begun anew.
  touch_.processes.committed(key);
  if (!end) {
    Error error = end.error();
    if (error.code == ErrorCode::not_started && error.hint.empty())
      error.hint = "install the package `postgresql-client`, of the server's version or a later one";
    return pass(std::move(error));
  }
  if (end->kind == EndKind::stopped || input_.stop.stop_requested())
    return fail(ErrorCode::interrupted, "`" + program + "` was stopped");
  if (end->kind == EndKind::exited && end->code == 0) return end;
  std::string how =
      end->kind == EndKind::exited ? "exit code " + std::to_string(end->code) : "signal " + std::to_string(end->code);
  std::string why = last_words(end->err);
  Error error = fail(ErrorCode::failed, why.empty() ? "`" + program + "` ended with " + how : why).value();
  if (why.find("server version mismatch") != std::string::npos)
    error.hint = "pg_dump must be of the server's version or a later one: install that package `postgresql-client-NN`";
  error.effect = Certainty::no_effect;
  return pass(std::move(error));
}

Result<void> PostgresTools::dump(const Connection& connection, const std::string& snapshot, const std::string& to) {
  Result<std::vector<std::pair<std::string, Value>>> environment = touch_.sql.client_environment(connection);
  if (!environment) return pass(environment.error());
  Command command;
  command.argv = {"pg_dump", "--format=custom", "--no-password", "--snapshot=" + snapshot, "--file=" + to};
  command.environment = std::move(*environment);
  Result<ProcessEnd> end = run("pg_dump", std::move(command));
  if (!end) return pass(end.error());
  return {};
}

Result<int64_t> PostgresTools::count_entries(const std::string& dump) {
  Command command;
  command.argv = {"pg_restore", "--list", dump};
  command.head_bytes = most_list_bytes;
  Result<ProcessEnd> end = run("pg_restore-list", std::move(command));
  if (!end) {
    Error error = end.error();
    if (error.code == ErrorCode::failed) error.code = ErrorCode::corrupt;
    return pass(std::move(error));
  }
  int64_t entries = 0;
  size_t at = 0;
  const std::string& text = end->out.head;
  while (at < text.size()) {
    size_t line_end = std::min(text.find('\n', at), text.size());
    if (line_end > at && text[at] != ';') ++entries;
    at = line_end + 1;
  }
  return entries;
}

Result<void> PostgresTools::write_script(const std::string& dump, const std::string& to) {
  Command command;
  command.argv = {"pg_restore", "--file=" + to, dump};
  Result<ProcessEnd> end = run("pg_restore", std::move(command));
  if (end) return {};
  Error error = end.error();
  if (error.code == ErrorCode::failed) error.code = ErrorCode::corrupt;
  return pass(std::move(error));
}

}  // namespace muster
