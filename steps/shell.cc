// `shell`: a program with its arguments, or a script for a shell.
//
// Values never become shell text: they go in through `argv`, `env` and `stdin`. The whole process tree is ended at a
// time-out. Nobody can be asked by it: it has no terminal, and nothing to read unless `stdin` says so. With
// `connection` it runs on another host. Source: docs/language.md, "Actions on the world".
#include <signal.h>

#include <algorithm>
#include <cstring>
#include <optional>

#include "interpreter/base/shell_quote.h"
#include "interpreter/base/utf8.h"
#include "steps/shell_output.h"
#include "steps/ssh.h"
#include "steps/steps.h"

namespace muster {
namespace {

std::vector<std::string> texts(const Value* value) {
  std::vector<std::string> out;
  if (!value) return out;
  if (const List* list = value->find<List>()) {
    for (const Value& item : *list) out.push_back(to_text(item));
  } else if (!value->is_null()) {
    out.push_back(to_text(*value));
  }
  return out;
}

std::vector<std::string> interpreter_of(const Map& args) {
  std::vector<std::string> argv = texts(member(args, "interpreter"));
  if (argv.empty()) argv = {"/bin/sh", "-eu"};
  // Most take a program's text after -c; perl, ruby and node after -e, which the playbook then says.
  if (argv.size() == 1 || (argv.back() != "-c" && argv.back() != "-e")) argv.emplace_back("-c");
  return argv;
}

Command command_of(const StepInput& input) {
  const Map& args = input.args;
  Command command;
  if (const Value* script = member(args, "script")) {
    command.argv = interpreter_of(args);
    command.argv.push_back(to_text(*script));
  } else {
    command.argv = texts(member(args, "argv"));
  }
  if (const Value* env = member(args, "env"))
    if (const Map* variables = env->find<Map>()) command.environment.assign(variables->begin(), variables->end());
  command.directory = text_of(args, "cwd");
  if (const Value* in = member(args, "stdin")) command.input = *in;
  if (const Value* most = member(args, "max_output"))
    if (const int64_t* bytes = most->find<int64_t>()) {
      auto limit = static_cast<uint64_t>(std::max<int64_t>(*bytes, 0));
      command.head_bytes = limit / 4;
      command.tail_bytes = limit - command.head_bytes;
    }
  if (text_of(args, "lifetime") == "group") command.lifetime = Lifetime::group;
  if (text_of(args, "lifetime") == "detached") command.lifetime = Lifetime::detached;
  command.timeout = input.timeout;
  command.redact = input.opened;
  return command;
}

// The host that it is meant for; nothing: this one.
const Map* connection_of_call(const Map& args) {
  const Value* connection = member(args, "connection");
  return connection ? connection->find<Map>() : nullptr;
}

// What is started here for it.
Result<Command> client_of(const StepInput& input, const Command& command) {
  const Map* connection = connection_of_call(input.args);
  return connection ? over_ssh(*connection, command) : command;
}

std::string name_of_program(const Command& command) {
  return command.argv.empty() ? "the command" : "`" + escape_for_terminal(command.argv[0], false) + "`";
}

std::string name_of_signal(int number) {
  const char* name = ::sigabbrev_np(number);
  return name ? std::string("SIG") + name : "signal " + std::to_string(number);
}

bool is_accepted(const Map& args, int code) {
  const Value* codes = member(args, "exit_codes");
  const List* list = codes ? codes->find<List>() : nullptr;
  if (!list) return code == 0;
  return std::any_of(list->begin(), list->end(), [&](const Value& item) { return same(item, Value(code)); });
}

// Without what the ssh client says of itself.
CapturedStream err_of_command(const Map& args, const ProcessEnd& end) {
  CapturedStream err = end.err;
  if (!connection_of_call(args)) return err;
  err.head = without_greeting(std::move(err.head));
  err.bytes -= end.err.head.size() - err.head.size();
  return err;
}

// The client's own code for a connection that broke; the command may have said it, too.
bool is_lost_connection(const Map& args, const ProcessEnd& end) {
  return connection_of_call(args) && end.kind == EndKind::exited && end.code == 255;
}

// Why an end is no success; nothing when it is one.
std::optional<Error> failure_of(const StepInput& input, const Command& command, const ProcessEnd& end) {
  std::string program = name_of_program(command);
  Error error;
  switch (end.kind) {
    case EndKind::timed_out:
      error.code = ErrorCode::timeout;
      error.message = program + " was not done within " + to_text(input.timeout) + " and was ended";
      if (end.code == SIGKILL) error.message += " by " + name_of_signal(end.code);
      break;
    case EndKind::stopped:
      error.code = ErrorCode::interrupted;
      error.message = program + " was stopped";
      break;
    case EndKind::signalled:
      error.message = program + " was killed by " + name_of_signal(end.code);
      error.exit_code = 128 + end.code;  // as a shell would say
      break;
    case EndKind::exited:
      if (is_accepted(input.args, end.code) && !is_lost_connection(input.args, end)) return std::nullopt;
      error.message = program + " ended with exit code " + std::to_string(end.code);
      error.exit_code = end.code;
      break;
  }
  if (std::string said = last_line_of(err_of_command(input.args, end)); !said.empty()) error.message += ": " + said;
  if (is_lost_connection(input.args, end))
    error.hint = "the ssh client says 255 as well when the connection breaks: look on " +
                 name_of_target(*connection_of_call(input.args)) + " what became of it";
  return error;
}

// What lives on, as a result holds it and `release` reads it again.
Value as_value(const std::vector<RunningProcess>& processes) {
  List out;
  for (const RunningProcess& one : processes)
    out.emplace_back(Map{{"pid", one.pid}, {"name", one.name}, {"since", one.since}});
  return Value(std::move(out));
}

// `effect` is what is known of the effect when the command ran and did not succeed.
Result<StepOutput> output_of(const StepInput& input, const Command& command, Result<ProcessEnd> end, Certainty effect) {
  if (!end) return pass(end.error());
  const Map* connection = connection_of_call(input.args);
  if (connection && has_failed_to_connect(*end)) {
    Error failure = connection_failure(*connection, *end);
    input.streams.keep("stdout", std::move(end->out));
    input.streams.keep("stderr", std::move(end->err));
    return pass(std::move(failure));
  }
  StepOutput output;
  for (const std::string& process : end->left_over)
    output.notes.push_back("left behind by it: " + escape_for_terminal(process, false));
  std::optional<Error> failure = failure_of(input, command, *end);
  Result<Value> value = failure ? Result<Value>(Value()) : parse_output(text_of(input.args, "parse"), end->out);
  output.fields = {{"exit_code", end->code},
                   {"stdout", text_of_stream(end->out)},
                   {"stderr", text_of_stream(err_of_command(input.args, *end))}};
  if (command.lifetime != Lifetime::step) output.fields["left_running"] = as_value(end->left_running);
  input.streams.keep("stdout", std::move(end->out));
  input.streams.keep("stderr", std::move(end->err));
  if (failure) {
    failure->effect = effect;
    for (const std::string& note : output.notes) failure->cause += (failure->cause.empty() ? "" : "; ") + note;
    return pass(std::move(*failure));
  }
  if (!value) {
    Error error = value.error();
    if (effect != Certainty::no_effect) error.effect = Certainty::done;
    return pass(std::move(error));
  }
  output.fields["value"] = std::move(*value);
  return output;
}

ChildKey key_of(const StepInput& input) { return {input.run, input.op, input.attempt}; }

Result<StepOutput> look(const StepInput& input, Look& look) {
  Command command = command_of(input);
  command.lifetime = Lifetime::step;
  Result<Command> started = client_of(input, command);
  if (!started) return pass(started.error());
  return output_of(input, command, look.commands.observe(*started, input.stop), Certainty::no_effect);
}

Result<StepOutput> act(const StepInput& input, Touch& touch) {
  Command command = command_of(input);
  Result<Command> started = client_of(input, command);
  if (!started) return pass(started.error());
  return output_of(input, command, touch.processes.run(key_of(input), *started, input.stop), Certainty::maybe);
}

Result<std::optional<StepOutput>> recover(const StepInput& input, Touch& touch) {
  Result<std::optional<ProcessEnd>> left = touch.processes.recover(key_of(input), input.stop);
  if (!left) return pass(left.error());
  if (!*left) return std::optional<StepOutput>();
  // An owner that lost the run ends its children: how far this one came is not known.
  if ((*left)->kind == EndKind::stopped && !input.stop.stop_requested())
    return fail(ErrorCode::in_doubt, "the process that had begun it lost the run and ended it midway", {},
                Certainty::maybe);
  Result<StepOutput> output = output_of(input, command_of(input), std::move(**left), Certainty::maybe);
  if (!output) return pass(output.error());
  output->notes.emplace_back(
      "the interpreter was killed while it ran; its end was recorded by the helper for children");
  return std::optional<StepOutput>(std::move(*output));
}

std::vector<RunningProcess> left_running_in(const Map& result) {
  std::vector<RunningProcess> out;
  const Value* value = member(result, "left_running");
  const List* list = value ? value->find<List>() : nullptr;
  if (!list) return out;
  for (const Value& item : *list) {
    const Map* one = item.find<Map>();
    const Value* pid = one ? member(*one, "pid") : nullptr;
    if (pid && pid->is<int64_t>()) out.push_back({pid->get<int64_t>(), text_of(*one, "name"), text_of(*one, "since")});
  }
  return out;
}

bool leaves_to_group(const Map& args) { return text_of(args, "lifetime") == "group"; }

Result<std::vector<std::string>> release(const Left& left, Touch& touch) {
  Result<std::vector<std::string>> ended =
      touch.processes.end_left({left.run, left.op, left.attempt}, left_running_in(left.result));
  if (!ended) return ended;
  for (std::string& one : *ended) one = escape_for_terminal(one, false);
  return ended;
}

Result<Preview> preview(const StepInput& input, Look&, Trial&) {
  Preview preview;
  Command command = command_of(input);
  const Map* connection = connection_of_call(input.args);
  if (connection) preview.lines.push_back("on " + name_of_target(*connection) + ", through ssh");
  preview.lines.push_back(escape_for_terminal(shell_line(command.argv), true));
  for (const auto& [name, value] : command.environment) {
    bool is_secret = holds_secret(value);
    preview.lines.push_back("env " +
                            escape_for_terminal(name + "=" + (is_secret ? "***" : shell_quote(to_text(value))), true));
  }
  if (!command.input.is_null()) {
    std::string text = to_text(command.input);
    preview.lines.push_back(holds_secret(command.input) ? "stdin ***"
                                                        : "stdin, " + std::to_string(text.size()) + " bytes");
  }
  if (!command.directory.empty()) preview.lines.push_back("in " + escape_for_terminal(command.directory, false));
  if (command.lifetime == Lifetime::group) preview.lines.emplace_back("what it leaves running is ended with its group");
  if (command.lifetime == Lifetime::detached) preview.lines.emplace_back("what it leaves running lives on");
  for (const auto& [name, value] : input.args)
    if (const Unknown* unknown = find_unknown(value); unknown && !preview.unknown) preview.unknown = unknown->why;
  return preview;
}

Field field(std::string name, FieldType type, std::string meaning) {
  Field out;
  out.name = std::move(name);
  out.type = type;
  out.meaning = std::move(meaning);
  return out;
}

Field choice(std::string name, std::vector<std::string> choices, std::string meaning) {
  Field out = field(std::move(name), FieldType::choice, std::move(meaning));
  out.choices = std::move(choices);
  return out;
}

Field ssh_connection() {
  Field out = field("connection", FieldType::connection, "the host that it runs on, through ssh; this one unless said");
  out.kinds = {"ssh"};
  return out;
}

Field open_to_secrets(Field out) {
  out.opens_secrets = true;
  return out;
}

std::vector<Field> fields() {
  Field interpreter = field("interpreter", FieldType::scalar_or_list,
                            "the program that runs the script, `/bin/sh -eu` unless said; gets the text after `-c`, or "
                            "after an `-e` that ends the list");
  interpreter.items = {field("", FieldType::text, "")};
  Field codes = field("exit_codes", FieldType::list, "exit codes that mean success, `[0]` unless said");
  codes.items = {field("", FieldType::integer, "")};
  return {
      field("argv", FieldType::list, "the program and its arguments; no shell reads them"),
      field("script", FieldType::script, "a script; values go in through `env` and `stdin`"),
      interpreter,
      open_to_secrets(field("env", FieldType::map, "variables beside PATH, HOME, USER, LOGNAME, SHELL, TMPDIR and TZ")),
      field("cwd", FieldType::path, "the folder it runs in"),
      ssh_connection(),
      open_to_secrets(field("stdin", FieldType::text, "what it reads; nothing unless said")),
      codes,
      choice("parse", {"json", "lines", "csv"}, "how `value` is made of stdout"),
      field("max_output", FieldType::integer,
            "bytes of each stream that are kept, a quarter of them from its beginning; 262144 unless said"),
      choice(
          "lifetime", {"step", "group", "detached"},
          "whether what it leaves running is ended with the step (the default), with the group around it, or lives on"),
  };
}

std::vector<WrongArgument> look_over(const Map& args) {
  std::vector<WrongArgument> wrong;
  if (const Value* env = member(args, "env"); env && env->is<Map>())
    for (const auto& [name, value] : env->get<Map>())
      if (name.empty() || name.find('=') != std::string::npos)
        wrong.push_back({{"env", name},
                         true,
                         "`" + name + "` cannot be the name of an environment variable",
                         "write `NAME: value`"});
  const Value* codes = member(args, "exit_codes");
  const List* list = codes ? codes->find<List>() : nullptr;
  for (size_t i = 0; list && i < list->size(); ++i)
    if (const int64_t* code = (*list)[i].find<int64_t>(); code && (*code < 0 || *code > 255))
      wrong.push_back({{"exit_codes", std::to_string(i + 1)},
                       false,
                       "no program ends with exit code " + std::to_string(*code),
                       "they are from 0 to 255"});
  return wrong;
}

}  // namespace

Action shell_action() {
  Action action;
  action.name = "shell";
  action.summary = "runs a program, or a script";
  action.fields = fields();
  action.one_of = {{"argv", "script"}};
  action.results = {{"exit_code", FieldType::integer, "how it ended"},
                    {"stdout", FieldType::text, "what it printed"},
                    {"stderr", FieldType::text, "what it printed to its error stream"},
                    {"value", FieldType::any, "stdout as `parse` makes a value of it"},
                    {"left_running", FieldType::list, "what lives on with `lifetime`: each `pid`, `name` and `since`"}};
  action.effect = [](const Map&) { return Effect::write; };
  action.effect_may_be_declared = true;
  action.goes_without = {{"connection", {"lifetime"}}};  // what runs on another host is not ours to end
  action.of_writes = {"lifetime"};
  action.look_over = look_over;
  action.look = look;
  action.act = act;
  action.preview = preview;
  action.recover = recover;
  action.leaves_to_group = leaves_to_group;
  action.release = release;
  return action;
}

}  // namespace muster
