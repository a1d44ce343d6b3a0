#include "interpreter/world/real_processes.h"

#include <array>
#include <cerrno>

#include "interpreter/base/digest.h"
#include "interpreter/world/children/protocol.h"
#include "interpreter/world/children_helper.h"
#include "interpreter/world/earlier_children.h"
#include "interpreter/world/left_running.h"
#include "interpreter/world/program_search.h"
#include "interpreter/world/secret_forms.h"
#include "interpreter/world/system_error.h"

namespace muster {
namespace {

// Ops hold slashes and may be long; a digest is a file name.
std::string name_of_child(const ChildKey& key) {
  return sha256_hex(key.run + "\n" + key.op.path + "\n" + std::to_string(key.attempt)).substr(0, 40);
}

std::string open_text(const Value& value, SecretSink sink) {
  if (const Secret* secret = value.find<Secret>()) return std::string(secret->reveal(sink));
  return to_text(value);
}

bool holds_nul(std::string_view text) { return text.find('\0') != std::string_view::npos; }

// A text with a zero byte would reach the program cut short.
Result<void> check_texts(const Command& command) {
  for (const std::string& argument : command.argv)
    if (holds_nul(argument)) return fail(ErrorCode::invalid, "an item of `argv` holds a zero byte");
  for (const auto& [name, value] : command.environment) {
    if (name.empty() || name.find('=') != std::string::npos || holds_nul(name))
      return fail(ErrorCode::invalid, "`" + name + "` cannot be the name of an environment variable");
    if (holds_nul(open_text(value, SecretSink::child_environment)))
      return fail(ErrorCode::invalid, "the value of `" + name + "` in `env` holds a zero byte");
  }
  if (holds_nul(command.directory)) return fail(ErrorCode::invalid, "`cwd` holds a zero byte");
  return {};
}

std::vector<std::string> forms_of_secrets(const Command& command) {
  std::vector<std::string> forms;
  auto add = [&](const Value& value) {
    if (const Secret* secret = value.find<Secret>())
      for (std::string& form : secret_forms(secret->reveal(SecretSink::redactor))) forms.push_back(std::move(form));
  };
  for (const Secret& secret : command.redact) add(secret);
  for (const auto& [name, value] : command.environment) add(value);
  add(command.input);
  return forms;
}

Result<children::Start> start_of(const Command& command, std::map<std::string, std::string> environment) {
  if (command.argv.empty()) return fail(ErrorCode::not_started, "the command is empty");
  if (Result<void> checked = check_texts(command); !checked) return pass(checked.error());
  for (const auto& [name, value] : command.environment)
    environment[name] = open_text(value, SecretSink::child_environment);
  Result<std::string> program = find_program(command.argv[0], environment["PATH"], command.directory);
  if (!program) return pass(program.error());
  children::Start start;
  start.program = std::move(*program);
  start.arguments = command.argv;
  for (const auto& [name, value] : environment) start.environment.push_back(name + "=" + value);
  start.redact = forms_of_secrets(command);
  start.directory = command.directory;
  start.has_input = !command.input.is_null();
  if (start.has_input) start.input = open_text(command.input, SecretSink::child_stdin);
  start.detached = command.lifetime != Lifetime::step;
  start.timeout_us = command.timeout.us;
  start.grace_us = command.grace.us;
  start.head_bytes = command.head_bytes;
  start.tail_bytes = command.tail_bytes;
  return start;
}

EndKind kind_of(children::How how) {
  switch (how) {
    case children::How::signalled:
      return EndKind::signalled;
    case children::How::timed_out:
      return EndKind::timed_out;
    case children::How::stopped:
      return EndKind::stopped;
    default:
      return EndKind::exited;
  }
}

tl::unexpected<Error> not_started(const std::string& program, const children::Ended& ended) {
  static constexpr std::array<std::string_view, 4> stages = {"", "", "its folder: ", ""};
  std::string word = system_word(static_cast<int>(ended.code));
  Error error;
  error.code = ErrorCode::not_started;
  error.message = program + " was not started: ";
  if (ended.code == ECANCELED) {
    error.message += "the interpreter was killed before";
  } else {
    error.message += std::string(stages[static_cast<size_t>(ended.stage)]) + word;
    error.hint = hint_of_limit(static_cast<int>(ended.code));
    if (ended.code == ENOEXEC) error.hint = "a script needs a first line like `#!/bin/sh`";
  }
  error.cause = std::move(word);
  return pass(std::move(error));
}

Result<ProcessEnd> end_of(const std::string& program, children::Ended ended) {
  if (ended.how == children::How::not_started) return not_started(program, ended);
  auto stream = [](children::Stream& from) {
    return CapturedStream{std::move(from.head), std::move(from.tail), from.bytes, std::move(from.sha256)};
  };
  ProcessEnd end;
  end.kind = kind_of(ended.how);
  end.code = static_cast<int>(ended.code);
  end.took.us = ended.took_us;
  end.out = stream(ended.out);
  end.err = stream(ended.err);
  end.left_over = std::move(ended.left_over);
  end.left_running = left_running_of(ended.survivors);
  return end;
}

}  // namespace

std::map<std::string, std::string> allowed_environment(const std::map<std::string, std::string>& ours) {
  std::map<std::string, std::string> out;
  for (const char* name : {"HOME", "USER", "LOGNAME", "SHELL", "TMPDIR", "TZ"})
    if (auto found = ours.find(name); found != ours.end()) out.insert(*found);
  auto path = ours.find("PATH");
  out["PATH"] = path == ours.end() ? "" : absolute_folders_of(path->second);
  if (out["PATH"].empty()) out["PATH"] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  out["LC_ALL"] = "C.UTF-8";
  return out;
}

RealProcesses::RealProcesses(ProcessSettings settings) : settings_(std::move(settings)) {}
RealProcesses::~RealProcesses() = default;

Result<std::shared_ptr<ChildrenHelper>> RealProcesses::helper() {
  std::lock_guard lock(mutex_);  // several pool threads may want the first child at once
  if (helper_ && !helper_->is_gone()) return helper_;
  Result<std::unique_ptr<ChildrenHelper>> started = ChildrenHelper::start(settings_.helper, settings_.spool);
  if (!started) return pass(started.error());
  helper_ = std::move(*started);
  return helper_;
}

Result<ProcessEnd> RealProcesses::observe(const Command& command, std::stop_token stop) {
  Result<ProcessEnd> end = run_named({}, command, stop);
  if (!end && end.error().code == ErrorCode::in_doubt) end.error().code = ErrorCode::storage;  // a read may be repeated
  return end;
}

Result<ProcessEnd> RealProcesses::run(const ChildKey& key, const Command& command, std::stop_token stop) {
  return run_named(name_of_child(key), command, stop);
}

Result<ProcessEnd> RealProcesses::run_named(const std::string& name, const Command& command,
                                            const std::stop_token& stop) {
  std::map<std::string, std::string> environment = settings_.environment;
  if (command.ssh_agent && !settings_.ssh_agent.empty()) environment["SSH_AUTH_SOCK"] = settings_.ssh_agent;
  Result<children::Start> start = start_of(command, std::move(environment));
  if (!start) return pass(start.error());
  start->name = name;
  bool again = true;
  while (true) {
    Result<std::shared_ptr<ChildrenHelper>> helper = this->helper();
    if (!helper) return pass(helper.error());
    Result<children::Ended> ended = (*helper)->run(*start, stop);
    if (!ended) {
      // It was killed between two children: nothing was begun, so another may begin it.
      if (again && ended.error().code == ErrorCode::storage && (*helper)->is_gone()) {
        again = false;
        continue;
      }
      return pass(ended.error());
    }
    if (name.empty()) {
      (*helper)->forget(ended->id);
    } else {
      std::lock_guard lock(mutex_);
      uncommitted_[name] = {*helper, ended->id};
    }
    return end_of("`" + command.argv[0] + "`", std::move(*ended));
  }
}

Result<std::optional<ProcessEnd>> RealProcesses::recover(const ChildKey& key, std::stop_token stop) {
  std::string name = name_of_child(key);
  Result<std::optional<children::Ended>> found = find_earlier_child(settings_.spool, name, stop);
  if (!found) return pass(found.error());
  if (!*found) return std::optional<ProcessEnd>();
  {
    std::lock_guard lock(mutex_);
    recovered_.insert(name);
  }
  Result<ProcessEnd> end = end_of("the command", std::move(**found));
  if (!end) return pass(end.error());
  return std::optional<ProcessEnd>(std::move(*end));
}

Result<std::vector<std::string>> RealProcesses::end_left(const ChildKey& key,
                                                         const std::vector<RunningProcess>& known) {
  return end_left_running(name_of_child(key), known, Command().grace);
}

void RealProcesses::committed(const ChildKey& key) {
  std::string name = name_of_child(key);
  Uncommitted child;
  bool has_record = false;
  {
    std::lock_guard lock(mutex_);
    if (auto found = uncommitted_.find(name); found != uncommitted_.end()) {
      child = std::move(found->second);
      uncommitted_.erase(found);
    }
    has_record = recovered_.erase(name) > 0;
  }
  if (child.helper) child.helper->forget(child.id);
  if (has_record) remove_record(settings_.spool, name);
}

}  // namespace muster
