// `shell`: a program with its arguments, or a script for a shell.
//
// Values never become shell text: they go in through argv, env and stdin. The whole process tree is ended at a time-out.
// Source: docs/language.md, "Actions on the world".
#include <signal.h>

#include <cstring>

#include "interpreter/base/json.h"
#include "interpreter/base/shell_quote.h"
#include "interpreter/base/utf8.h"
#include "steps/steps.h"

namespace muster {
namespace {

std::string last_line(const CapturedStream& stream) {
  std::string all = stream.head + stream.tail;
  while (!all.empty() && (all.back() == '\n' || all.back() == ' ' || all.back() == '\r')) all.pop_back();
  size_t at = all.rfind('\n');
  std::string line = at == std::string::npos ? all : all.substr(at + 1);
  if (line.size() > 300) line = line.substr(0, 300) + "…";
  return escape_for_terminal(line, false);
}

std::string text_of_stream(const CapturedStream& stream) {
  if (stream.is_whole()) return stream.head + stream.tail;
  return stream.head + "\n[… " + std::to_string(stream.bytes - stream.head.size() - stream.tail.size()) + " bytes are left out …]\n" + stream.tail;
}

std::vector<std::string> texts(const Value* value) {
  std::vector<std::string> out;
  const List* list = value ? value->find<List>() : nullptr;
  if (list)
    for (const Value& item : *list) out.push_back(to_text(item));
  return out;
}

Command command_of(const StepInput& input) {
  Command command;
  command.argv = texts(member(input.args, "argv"));
  if (const Value* script = member(input.args, "script"); script && command.argv.empty()) {
    command.argv = texts(member(input.args, "interpreter"));
    if (command.argv.empty()) command.argv = {"/bin/sh", "-eu"};
    command.argv.push_back("-c");
    command.argv.push_back(to_text(*script));
  }
  if (const Value* env = member(input.args, "env"); env && env->is<Map>())
    for (const auto& [name, value] : env->get<Map>()) command.environment.emplace_back(name, value);
  command.directory = text_of(input.args, "cwd");
  if (const Value* in = member(input.args, "stdin")) command.input = *in;
  if (const Value* most = member(input.args, "max_output"); most && most->is<int64_t>()) {
    auto bytes = static_cast<uint64_t>(std::max<int64_t>(most->get<int64_t>(), 0));
    command.head_bytes = bytes / 4;
    command.tail_bytes = bytes - command.head_bytes;
  }
  if (text_of(input.args, "lifetime") == "detached") command.lifetime = Lifetime::detached;
  command.timeout = input.timeout;
  return command;
}

Result<Value> parsed(const std::string& how, const CapturedStream& out) {
  if (how.empty()) return Value();
  if (!out.is_whole())
    return fail(ErrorCode::bad_reply, "stdout is " + std::to_string(out.bytes) + " bytes and cannot be parsed: the middle was left out", "raise `max_output`", Certainty::done);
  std::string text = out.head + out.tail;
  if (how == "json") {
    Result<Value> value = parse_json(text);
    if (!value) return fail(ErrorCode::bad_reply, "stdout is " + value.error().message, {}, Certainty::done);
    return value;
  }
  List lines;
  for (size_t at = 0; at < text.size();) {
    size_t end = std::min(text.find('\n', at), text.size());
    lines.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  if (how == "lines") return Value(std::move(lines));
  // csv: RFC 4180, the first row names the fields.
  std::vector<std::vector<std::string>> rows(1);
  std::string cell;
  bool quoted = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (quoted) {
      if (c == '"' && i + 1 < text.size() && text[i + 1] == '"') {
        cell.push_back('"');
        ++i;
      } else if (c == '"') {
        quoted = false;
      } else {
        cell.push_back(c);
      }
    } else if (c == '"' && cell.empty()) {
      quoted = true;
    } else if (c == ',') {
      rows.back().push_back(std::move(cell));
      cell.clear();
    } else if (c == '\n') {
      if (!cell.empty() && cell.back() == '\r') cell.pop_back();
      rows.back().push_back(std::move(cell));
      cell.clear();
      rows.emplace_back();
    } else {
      cell.push_back(c);
    }
  }
  if (quoted) return fail(ErrorCode::bad_reply, "stdout is no CSV: a quoted field has no end", {}, Certainty::done);
  if (!cell.empty() || !rows.back().empty()) {
    rows.back().push_back(std::move(cell));
  } else {
    rows.pop_back();
  }
  List out_rows;
  for (size_t r = 1; r < rows.size(); ++r) {
    Map row;
    if (rows[r].size() != rows[0].size())
      return fail(ErrorCode::bad_reply, "row " + std::to_string(r + 1) + " of the CSV has " + std::to_string(rows[r].size()) + " fields, and the first has " + std::to_string(rows[0].size()), {}, Certainty::done);
    for (size_t c = 0; c < rows[0].size(); ++c) row[rows[0][c]] = rows[r][c];
    out_rows.push_back(std::move(row));
  }
  return Value(std::move(out_rows));
}

bool is_accepted(const StepInput& input, int code) {
  const Value* codes = member(input.args, "exit_codes");
  const List* list = codes ? codes->find<List>() : nullptr;
  if (!list) return code == 0;
  for (const Value& item : *list)
    if (item.is<int64_t>() && item.get<int64_t>() == code) return true;
  return false;
}

Result<StepOutput> output_of(const StepInput& input, Result<ProcessEnd> end) {
  if (!end) return pass(end.error());
  std::string program = command_of(input).argv.empty() ? "the command" : "`" + escape_for_terminal(command_of(input).argv[0], false) + "`";
  std::string said = last_line(end->err);
  Map fields{{"stdout", text_of_stream(end->out)}, {"stderr", text_of_stream(end->err)}, {"exit_code", end->code}};
  Result<Value> value = parsed(text_of(input.args, "parse"), end->out);
  input.streams.keep("stdout", end->out);
  input.streams.keep("stderr", end->err);
  std::string because = said.empty() ? "" : ": " + said;
  Error error;
  error.effect = Certainty::maybe;
  switch (end->kind) {
    case EndKind::timed_out:
      error.code = ErrorCode::timeout;
      error.message = program + " was ended: it was not done within " + to_text(input.timeout) + because;
      return pass(std::move(error));
    case EndKind::stopped:
      error.code = ErrorCode::interrupted;
      error.message = program + " was stopped" + because;
      return pass(std::move(error));
    case EndKind::signalled:
      error.message = program + " was killed by signal " + std::to_string(end->code) + " (" + ::strsignal(end->code) + ")" + because;
      error.exit_code = 128 + end->code;
      return pass(std::move(error));
    case EndKind::exited: break;
  }
  if (!is_accepted(input, end->code)) {
    error.message = program + " ended with exit code " + std::to_string(end->code) + because;
    error.exit_code = end->code;
    return pass(std::move(error));
  }
  if (!value) return pass(value.error());
  fields["value"] = std::move(*value);
  StepOutput output{std::move(fields), {}};
  for (const std::string& left : end->left_over) output.notes.push_back("ended what it left behind: " + escape_for_terminal(left, false));
  return output;
}

Result<Preview> preview(const StepInput& input, Look&, Trial&) {
  Preview preview;
  Command command = command_of(input);
  if (const Value* script = member(input.args, "script")) {
    std::string text = to_text(*script);
    for (size_t at = 0; at < text.size();) {
      size_t end = std::min(text.find('\n', at), text.size());
      preview.lines.push_back(text.substr(at, end - at));
      at = end + 1;
    }
  } else {
    preview.lines.push_back(shell_line(command.argv));
  }
  for (const auto& [name, value] : command.environment) preview.lines.push_back("  with " + name + "=" + shell_quote(to_text(value)));
  if (!command.directory.empty()) preview.lines.push_back("  in " + command.directory);
  return preview;
}

Field field(std::string name, FieldType type, std::string meaning) {
  Field out;
  out.name = std::move(name);
  out.type = type;
  out.meaning = std::move(meaning);
  return out;
}

}  // namespace

Action shell_action() {
  Action action;
  action.name = "shell";
  action.summary = "runs a program with its arguments, or a script";
  Field argv = field("argv", FieldType::list, "the program and its arguments; no shell reads them");
  Field script = field("script", FieldType::script, "text for the interpreter; values go in through `env` and `stdin`");
  Field interpreter = field("interpreter", FieldType::list, "what reads the script, as argv; `/bin/sh -eu` unless said");
  Field env = field("env", FieldType::map, "environment variables beside PATH, HOME, USER and the like");
  env.opens_secrets = true;
  Field cwd = field("cwd", FieldType::path, "the folder it runs in");
  Field in = field("stdin", FieldType::text, "what it reads; nothing unless said");
  in.opens_secrets = true;
  Field codes = field("exit_codes", FieldType::list, "exit codes that mean success; `[0]` unless said");
  codes.items = {field("exit_code", FieldType::integer, "an exit code")};
  Field parse = field("parse", FieldType::choice, "how stdout becomes `value`");
  parse.choices = {"json", "lines", "csv"};
  Field most = field("max_output", FieldType::integer, "bytes of each stream that are kept, a quarter from its head; 262144 unless said");
  Field lifetime = field("lifetime", FieldType::choice, "whether what it leaves running is ended with the step or lives on");
  lifetime.choices = {"step", "detached"};
  action.fields = {argv, script, interpreter, env, cwd, in, codes, parse, most, lifetime};
  action.one_of = {{"argv", "script"}};
  action.results = {{"exit_code", FieldType::integer, "how it ended"},
                    {"stdout", FieldType::text, "what it printed"},
                    {"stderr", FieldType::text, "what it complained"},
                    {"value", FieldType::any, "stdout, parsed as `parse` says"}};
  action.effect = [](const Map&) { return Effect::write; };
  action.effect_may_be_declared = true;
  action.look = [](const StepInput& input, Look& look) { return output_of(input, look.commands.observe(command_of(input), input.stop)); };
  action.act = [](const StepInput& input, Touch& touch) {
    return output_of(input, touch.processes.run({input.run, input.op, input.attempt}, command_of(input), input.stop));
  };
  action.recover = [](const StepInput& input, Touch& touch) -> Result<std::optional<StepOutput>> {
    Result<std::optional<ProcessEnd>> left = touch.processes.recover({input.run, input.op, input.attempt}, input.stop);
    if (!left) return pass(left.error());
    if (!*left) return std::optional<StepOutput>();
    Result<StepOutput> output = output_of(input, std::move(**left));
    if (!output) return pass(output.error());
    output->notes.push_back("an earlier interpreter was killed while it ran; this is what the children helper recorded");
    return std::optional<StepOutput>(std::move(*output));
  };
  action.preview = preview;
  return action;
}

}  // namespace muster
