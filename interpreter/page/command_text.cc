#include "interpreter/page/command_text.h"

#include <algorithm>
#include <cctype>
#include <set>

#include "interpreter/base/shell_quote.h"
#include "interpreter/checker/checker.h"
#include "interpreter/page/readable.h"

namespace muster {
namespace {

using Taken = std::set<std::string_view>;  // arguments that stand elsewhere already

// A word of a command line. What is not known is written as it stands, so that one sees what to put there.
std::string word_of(const Argument& argument) {
  const auto* value = std::get_if<ScalarArgument>(&argument.value);
  if (!value) return readable(argument);
  if (value->text.is_constant()) return shell_quote(readable(value->text));
  std::string text = readable(value->text);
  if (value->text.whole()) return text;
  bool is_plain = true;
  for (const auto& piece : value->text.pieces)
    if (const auto* plain = std::get_if<std::string>(&piece)) is_plain = is_plain && shell_quote(*plain) == *plain;
  return is_plain ? text : "\"" + text + "\"";
}

std::string words_of(const Argument& list) {
  const auto* items = std::get_if<std::vector<Argument>>(&list.value);
  if (!items) return word_of(list);
  std::string out;
  for (const Argument& item : *items) out += (out.empty() ? "" : " ") + word_of(item);
  return out;
}

std::string text_of(const Argument* argument) { return argument ? readable(*argument) : std::string(); }

// The arguments that nothing above has said, a list item each.
std::string others(const ActionCall& call, const Taken& taken) {
  std::string out;
  const auto* entries = std::get_if<std::vector<Entry>>(&call.args.value);
  if (!entries) return out;
  for (const Entry& entry : *entries)
    if (!taken.contains(entry.key.text))
      out += "- " + entry.key.text + ": " + code(readable(entry.value, entry.key.text)) + "\n";
  return out.empty() ? out : "\n" + out;
}

const ConnectionDeclaration* find_connection(const Playbook& playbook, const std::string& name) {
  for (const ConnectionDeclaration& connection : playbook.connections)
    if (connection.name.text == name) return &connection;
  return nullptr;
}

std::string shell_text(const ActionCall& call) {
  Taken taken{"argv", "script", "env", "cwd", "stdin", "connection", "interpreter", "parse", "exit_codes"};
  std::string line, block;
  const Argument* host = argument_of(call.args, "connection");
  const Argument* script = argument_of(call.args, "script");
  line = script ? "Run this script" : "Run";
  if (const Argument* interpreter = argument_of(call.args, "interpreter"))
    line += " with " + code(words_of(*interpreter));
  if (host) line += " on the host " + code(text_of(host));
  if (const Argument* folder = argument_of(call.args, "cwd")) block += "cd " + word_of(*folder) + "\n";
  if (const Argument* variables = argument_of(call.args, "env")) {
    if (const auto* entries = std::get_if<std::vector<Entry>>(&variables->value))
      for (const Entry& entry : *entries)
        block += "export " + entry.key.text + "=" + readable(entry.value, entry.key.text) + "\n";
  }
  if (script) block += text_of(script);
  if (const Argument* argv = argument_of(call.args, "argv")) block += words_of(*argv);
  std::string out = line + ":\n\n" + fenced(block, "sh");
  std::string notes;
  if (const Argument* input = argument_of(call.args, "stdin"))
    notes += "- what it reads from its standard input: " + code(text_of(input)) + "\n";
  if (const Argument* codes = argument_of(call.args, "exit_codes"))
    notes += "- it ends well with " + code(text_of(codes)) + "\n";
  if (const Argument* parse = argument_of(call.args, "parse"))
    notes += "- what it prints is read as " + code(text_of(parse)) + "\n";
  std::string rest = others(call, taken);
  if (!notes.empty()) out += "\n" + notes + (rest.empty() ? "" : rest.substr(1));
  return notes.empty() ? out + rest : out;
}

std::string statements_of(const Argument& argument) {
  const auto* items = std::get_if<std::vector<Argument>>(&argument.value);
  if (!items) return readable(argument);
  std::string out;
  for (const Argument& item : *items) {
    std::string one = readable(item);
    while (!one.empty() && (one.back() == '\n' || one.back() == ';')) one.pop_back();
    out += one + ";\n";
  }
  return out;
}

std::string bound(const Argument* values, std::string_view before, std::string_view after) {
  std::string out;
  const auto* entries = values ? std::get_if<std::vector<Entry>>(&values->value) : nullptr;
  if (!entries) return out;
  for (const Entry& entry : *entries)
    out += "- " + code(std::string(before) + entry.key.text + std::string(after)) + " is " +
           code(readable(entry.value, entry.key.text)) + "\n";
  return out;
}

std::string sql_text(const ActionCall& call, const Playbook& playbook) {
  Taken taken{"connection", "query", "execute", "check", "bind", "names"};
  const std::string name = text_of(argument_of(call.args, "connection"));
  const std::string where = name.empty() ? "" : " in " + code(name);
  std::string out;
  if (const Argument* check = argument_of(call.args, "check")) {
    const ConnectionDeclaration* connection = find_connection(playbook, name);
    out = "Check the integrity of " + code(name);
    if (connection && connection->kind.text == "sqlite")
      return out + ":\n\n" +
             fenced(text_of(check) == "quick" ? "PRAGMA quick_check;" : "PRAGMA integrity_check;", "sql") +
             others(call, taken);
    return out + " (" + text_of(check) + ").\n" + others(call, taken);
  }
  const Argument* query = argument_of(call.args, "query");
  const Argument* statement = query ? query : argument_of(call.args, "execute");
  const Argument* file = statement ? argument_of(*statement, "file") : nullptr;
  out = query ? "Ask" + where : "Execute" + where;
  out += file ? " the statements of " + code(text_of(file)) + ".\n"
              : ":\n\n" + fenced(statement ? statements_of(*statement) : "", "sql");
  std::string notes =
      bound(argument_of(call.args, "bind"), ":", "") + bound(argument_of(call.args, "names"), ":\"", "\"");
  std::string rest = others(call, taken);
  if (!notes.empty()) return out + "\n" + notes + (rest.empty() ? "" : rest.substr(1));
  return out + rest;
}

std::string http_text(const ActionCall& call, const Playbook& playbook) {
  Taken taken{"connection", "get",   "head",    "post", "put",  "patch",
              "delete",     "query", "headers", "json", "form", "body"};
  std::string block;
  for (std::string_view method : {"get", "head", "post", "put", "patch", "delete"}) {
    const Argument* url = argument_of(call.args, method);
    if (!url) continue;
    for (char c : method) block += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    block += " ";
    const ConnectionDeclaration* connection = find_connection(playbook, text_of(argument_of(call.args, "connection")));
    if (connection && !connection->settings.empty()) {
      std::string base = readable(connection->settings.front().value, connection->kind.text);
      if (base.ends_with('/')) base.pop_back();
      block += base;
    }
    block += text_of(url);
  }
  if (const Argument* query = argument_of(call.args, "query")) {
    if (const auto* entries = std::get_if<std::vector<Entry>>(&query->value)) {
      char before = block.find('?') == std::string::npos ? '?' : '&';
      for (const Entry& entry : *entries) {
        block += before + entry.key.text + "=" + readable(entry.value, entry.key.text);
        before = '&';
      }
    }
  }
  block += "\n";
  if (const Argument* headers = argument_of(call.args, "headers"))
    if (const auto* entries = std::get_if<std::vector<Entry>>(&headers->value))
      for (const Entry& entry : *entries) block += entry.key.text + ": " + readable(entry.value, entry.key.text) + "\n";
  if (const Argument* body = argument_of(call.args, "json")) block += "\n" + readable_json(*body) + "\n";
  if (const Argument* body = argument_of(call.args, "form")) block += "\n" + readable(*body) + "\n";
  if (const Argument* body = argument_of(call.args, "body")) block += "\n" + readable(*body) + "\n";
  return "Send:\n\n" + fenced(block, "http") + others(call, taken);
}

std::string notify_text(const ActionCall& call) {
  Taken taken{"channel", "message"};
  std::string out = "Tell the channel " + code(text_of(argument_of(call.args, "channel")));
  if (const Argument* message = argument_of(call.args, "message"))
    if (const auto* value = std::get_if<ScalarArgument>(&message->value)) out += ": " + prose(value->text);
  return out + "\n" + others(call, taken);
}

}  // namespace

std::string command_text(const ActionCall& call, const Playbook& playbook, const std::vector<Action>& actions) {
  const std::string& name = call.action.text;
  if (name == "shell") return shell_text(call);
  if (name == "sql") return sql_text(call, playbook);
  if (name == "http") return http_text(call, playbook);
  if (name == "notify") return notify_text(call);
  const Action* action = find_action(actions, name);
  std::string out = code(name);
  if (action && !action->summary.empty()) out += ": " + prose(one_line(action->summary));
  return out + "\n\n" + fenced(readable_yaml(call), "yaml");
}

std::string connection_text(const ConnectionDeclaration& connection) {
  std::string out = connection.kind.text;
  for (const Entry& entry : connection.settings)
    out += (entry.key.text == connection.kind.text ? " " : ", " + entry.key.text + " ") +
           code(readable(entry.value, entry.key.text));
  return out;
}

}  // namespace muster
