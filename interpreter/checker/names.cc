#include "interpreter/checker/names.h"

#include <algorithm>
#include <array>

#include "interpreter/checker/calls.h"
#include "interpreter/checker/inputs.h"
#include "interpreter/checker/secrets.h"
#include "interpreter/language/identity.h"

namespace muster {
namespace {

constexpr std::array<std::string_view, 22> lua_words = {
    "and", "break", "do",  "else", "elseif", "end",    "false",  "for",  "function", "goto",  "if",
    "in",  "local", "nil", "not",  "or",     "repeat", "return", "then", "true",     "until", "while"};
constexpr std::array<std::string_view, 6> yaml_booleans = {"on", "off", "yes", "no", "y", "n"};
constexpr std::array<std::string_view, 6> reserved_fields = {"state",      "error",    "attempts",
                                                             "started_at", "ended_at", "duration"};

template <class List>
bool contains(const List& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

void refuse(Diagnostics& problems, Span at, std::string code, std::string message, std::string help = {}) {
  problems.push_back({Severity::error, std::move(code), at, std::move(message), std::move(help), {}});
}

std::string suggested_id(std::string_view text) {
  std::string id;
  for (char c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    if (is_lower(c) || (is_digit(c) && !id.empty())) {
      id += c;
    } else if (!id.empty() && id.back() != '_') {
      id += '_';
    }
  }
  while (!id.empty() && id.back() == '_') id.pop_back();
  return id;
}

void check_identity(const Playbook& p, Diagnostics& problems) {
  if (p.muster) {
    Span at = p.muster->text.at;
    if (!p.muster->text.is_constant()) {
      refuse(problems, at, "literal-only", "`muster` is fixed text: a value cannot stand in it", "write `muster: 1`");
    } else if (p.muster->known && *p.muster->known != 1) {
      refuse(
          problems, at, "language-version",
          "this is version " + std::to_string(*p.muster->known) + " of the language, and this muster knows version 1",
          "write `muster: 1`");
    }
  }
  if (p.playbook && !is_kebab_case(p.playbook->text))
    refuse(problems, p.playbook->at, "bad-name",
           "the name of a playbook is kebab-case, and `" + p.playbook->text + "` is not",
           "use lower-case letters, digits and single hyphens, as in `restore-database`");
}

void check_connections(const Playbook& p, Diagnostics& problems) {
  ArgumentValues values = literal_values(p);
  for (const ConnectionDeclaration& connection : p.connections) {
    check_name(connection.name, "the name of a connection", problems);
    if (connection.kind.text.empty()) continue;  // the reader has said so
    auto typed = type_connection(connection, values);
    if (typed) continue;
    for (Diagnostic& d : typed.error()) problems.push_back(std::move(d));
  }
}

}  // namespace

void check_name(const Name& name, std::string_view what, Diagnostics& problems) {
  const std::string& text = name.text;
  bool fits = !text.empty() && is_lower(text[0]);
  for (char c : text) fits = fits && (is_lower(c) || is_digit(c) || c == '_');
  std::string start = std::string(what) + " ";
  if (!fits) {
    std::string id = suggested_id(text);
    refuse(problems, name.at, "bad-name",
           start + "is made of a-z, 0-9 and `_` and begins with a letter, and `" + text + "` is not",
           id.empty() ? "" : "write `" + id + "`");
  } else if (contains(lua_words, text)) {
    refuse(problems, name.at, "bad-name", "`" + text + "` is a word of the expression language",
           start + "cannot be one: write `" + text + "_it`");
  } else if (contains(yaml_booleans, text)) {
    problems.push_back({Severity::warning,
                        "yaml-boolean",
                        name.at,
                        "`" + text + "` is true or false for tools that read YAML 1.1",
                        "choose another name",
                        {}});
  }
}

void check_field_name(const Name& name, std::string_view what, Diagnostics& problems) {
  check_name(name, what, problems);
  if (contains(reserved_fields, name.text))
    refuse(problems, name.at, "reserved-name", "every step has a field `" + name.text + "` already",
           "choose another name");
}

void check_declarations(const Playbook& p, Diagnostics& problems) {
  check_identity(p, problems);
  for (const Input& input : p.inputs) {
    check_name(input.name, "the name of an input", problems);
    check_input(input, problems);
  }
  for (const SecretDeclaration& secret : p.secrets) check_secret(secret, problems);
  check_connections(p, problems);
  for (const Output& output : p.outputs) check_name(output.name, "the name of an output", problems);
}

}  // namespace muster
