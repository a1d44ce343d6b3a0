#include "interpreter/rehearsal/simulated_processes.h"

#include <algorithm>

#include "interpreter/base/digest.h"
#include "interpreter/base/json.h"
#include "interpreter/world/redactor.h"
#include "interpreter/world/secret_forms.h"

namespace muster {
namespace {

constexpr int signal_term = 15;

std::string name_of(const ChildKey& key) { return key.op.path + "\n" + std::to_string(key.attempt); }

std::string open_text(const Value& value, SecretSink sink) {
  if (const Secret* secret = value.find<Secret>()) return std::string(secret->reveal(sink));
  return to_text(value);
}

Redactor redactor_of(const Command& command) {
  Redactor redactor;
  auto know = [&](const Value& value) {
    if (const Secret* secret = value.find<Secret>()) redactor.know(secret_forms(secret->reveal(SecretSink::redactor)));
  };
  for (const Secret& secret : command.redact) know(secret);
  for (const auto& [name, value] : command.environment) know(value);
  know(command.input);
  return redactor;
}

// As the helper for children keeps it: both ends.
CapturedStream captured(std::string text, const Command& command, const Redactor& redactor) {
  if (!redactor.is_idle()) text = redactor.text(std::move(text));
  CapturedStream stream;
  stream.bytes = text.size();
  stream.sha256 = sha256_hex(text);
  if (text.size() <= command.head_bytes + command.tail_bytes) {
    stream.head = text.substr(0, command.head_bytes);
    stream.tail = text.size() > command.head_bytes ? text.substr(command.head_bytes) : "";
  } else {
    stream.head = text.substr(0, command.head_bytes);
    stream.tail = text.substr(text.size() - command.tail_bytes);
  }
  return stream;
}

// `db1` and the words of the line that is run there, of what the ssh client was given; else the command itself.
std::string host_of(std::vector<std::string>& argv, std::string& script) {
  auto dashes = std::find(argv.begin(), argv.end(), "--");
  if (argv.empty() || argv[0] != "ssh" || dashes == argv.end() || dashes + 1 == argv.end()) return {};
  const std::string host = *(dashes + 1);
  std::string line;
  for (auto it = dashes + 2; it != argv.end(); ++it) line += (line.empty() ? "" : " ") + *it;
  script = line;
  std::vector<std::string> words;
  std::string word;
  bool quoted = false, any = false;
  for (char c : line) {
    if (c == '\'') {
      quoted = !quoted;
      any = true;
    } else if (c == ' ' && !quoted) {
      if (any || !word.empty()) words.push_back(std::move(word));
      word.clear();
      any = false;
    } else {
      word += c;
    }
  }
  if (any || !word.empty()) words.push_back(std::move(word));
  argv = std::move(words);
  return host;
}

std::string text_in(const Map& map, const char* name) {
  const Value* value = member(map, name);
  return value && !value->is_null() ? to_text(*value) : std::string();
}

}  // namespace

SimulatedProcesses::Child SimulatedProcesses::begin(const Command& command) {
  Child child{fail(ErrorCode::not_started, "the command is empty"), baton_.now()};
  if (command.argv.empty()) return child;
  std::vector<std::string> argv = command.argv;
  std::string script;
  const std::string host = host_of(argv, script);
  Map environment(environment_.begin(), environment_.end());
  for (const auto& [name, value] : command.environment)
    environment[name] = open_text(value, SecretSink::child_environment);
  List words(argv.begin(), argv.end()), arguments(argv.begin() + (argv.empty() ? 0 : 1), argv.end());
  Map call{{"argv", std::move(words)}, {"args", std::move(arguments)}, {"env", std::move(environment)}};
  if (!host.empty()) {
    call["host"] = host;
    call["line"] = script;
  }
  if (!command.directory.empty()) call["cwd"] = command.directory;
  if (!command.input.is_null()) call["stdin"] = open_text(command.input, SecretSink::child_stdin);
  Result<Value> answer = answers_.command(argv, host, std::move(call));
  if (!answer) {
    child.end = pass(answer.error());
    return child;
  }
  Map said;
  if (const Map* map = answer->find<Map>()) said = *map;
  if (const int64_t* code = answer->find<int64_t>()) said["exit_code"] = *code;
  if (const std::string* text = answer->find<std::string>()) said["stdout"] = *text;
  Result<void> known = only_keys(
      said, {"exit_code", "stdout", "stderr", "json", "takes", "signal", "missing", "running"}, "a command's answer");
  Result<Duration> takes = takes_of(said);
  if (!known || !takes) {
    const Error& error = !known ? known.error() : takes.error();
    answers_.findings.push_back("the answer to `" + argv[0] + "`: " + error.message +
                                (error.hint.empty() ? "" : "; " + error.hint));
    child.end = pass(error);
    return child;
  }
  child.over_at.us += takes->us;
  if (const Value* missing = member(said, "missing"); missing && same(*missing, Value(true))) {
    child.end = fail(ErrorCode::not_started, "`" + argv[0] + "` was not started: No such file or directory");
    return child;
  }
  const Redactor redactor = redactor_of(command);
  ProcessEnd end;
  if (const Value* code = member(said, "exit_code"); code && code->is<int64_t>())
    end.code = static_cast<int>(code->get<int64_t>());
  if (const Value* number = member(said, "signal"); number && number->is<int64_t>()) {
    end.kind = EndKind::signalled;
    end.code = static_cast<int>(number->get<int64_t>());
  }
  std::string out = text_in(said, "stdout");
  if (const Value* json = member(said, "json")) out += print_json(*json) + "\n";
  end.out = captured(std::move(out), command, redactor);
  end.err = captured(text_in(said, "stderr"), command, redactor);
  if (const Value* names = member(said, "running"); names && names->is<List>() && command.lifetime != Lifetime::step)
    for (const Value& name : names->get<List>()) {
      end.left_running.push_back({++last_pid_, to_text(name), "rehearsed"});
      running_.insert(last_pid_);
    }
  end.took = *takes;
  if (command.timeout.us > 0 && *takes > command.timeout) {
    end.kind = EndKind::timed_out;
    end.code = signal_term;
    end.took = command.timeout;
    child.over_at.us += command.timeout.us - takes->us;
  }
  child.end = std::move(end);
  return child;
}

Result<ProcessEnd> SimulatedProcesses::wait_for(Child& child, const std::stop_token& stop) {
  const Duration begun = baton_.now();
  if (child.over_at > begun && !baton_.sleep(Duration{child.over_at.us - begun.us}, stop)) {
    if (Result<void> alive = place_.must_be_alive(); !alive) return pass(alive.error());
    if (stop.stop_requested() && baton_.now() < child.over_at && child.end) {
      child.end->kind = EndKind::stopped;
      child.end->code = signal_term;
      child.end->took = Duration{baton_.now().us - begun.us};
      child.over_at = baton_.now();
    }
  }
  if (Result<void> alive = place_.must_be_alive(); !alive) return pass(alive.error());
  return child.end;
}

Result<ProcessEnd> SimulatedProcesses::observe(const Command& command, std::stop_token stop) {
  Child child = begin(command);
  return wait_for(child, stop);
}

Result<ProcessEnd> SimulatedProcesses::run(const ChildKey& key, const Command& command, std::stop_token stop) {
  Child begun = begin(command);
  if (!begun.end) return wait_for(begun, stop);
  Child& child = children_.insert_or_assign(name_of(key), std::move(begun)).first->second;
  return wait_for(child, stop);
}

Result<std::optional<ProcessEnd>> SimulatedProcesses::recover(const ChildKey& key, std::stop_token stop) {
  auto it = children_.find(name_of(key));
  if (it == children_.end()) return std::optional<ProcessEnd>();
  Result<ProcessEnd> end = wait_for(it->second, stop);
  if (!end) return pass(end.error());
  return std::optional<ProcessEnd>(std::move(*end));
}

Result<std::vector<std::string>> SimulatedProcesses::end_left(const ChildKey&,
                                                              const std::vector<RunningProcess>& known) {
  if (Result<void> alive = place_.must_be_alive(); !alive) return pass(alive.error());
  std::vector<std::string> ended;
  for (const RunningProcess& one : known)
    if (running_.erase(one.pid) > 0) ended.push_back(std::to_string(one.pid) + " " + one.name);
  return ended;
}

void SimulatedProcesses::committed(const ChildKey& key) { children_.erase(name_of(key)); }

}  // namespace muster
