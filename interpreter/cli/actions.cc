// `muster actions [NAME]`: the reference, from the same field tables that the checker uses.
#include <algorithm>

#include "interpreter/base/diagnostic.h"
#include "interpreter/checker/checker.h"
#include "interpreter/cli/action_examples.h"
#include "interpreter/cli/command.h"
#include "interpreter/cli/session.h"

namespace muster {
namespace {

constexpr size_t meaning_column = 34;

std::string type_of(const Field& field) {
  std::string inner = field.items.empty() ? "text" : type_of(field.items.front());
  switch (field.type) {
    case FieldType::any:
      return "anything";
    case FieldType::text:
      return "text";
    case FieldType::script:
      return field.fields.empty() ? "text without ${{ }}" : "text without ${{ }}, or a map";
    case FieldType::path:
      return "path";
    case FieldType::url:
      return "URL";
    case FieldType::integer:
      return "whole number";
    case FieldType::number:
      return "number";
    case FieldType::boolean:
      return "true or false";
    case FieldType::duration:
      return "duration";
    case FieldType::timestamp:
      return "timestamp";
    case FieldType::choice:
      break;
    case FieldType::connection: {
      std::string kinds;
      for (const std::string& kind : field.kinds) kinds += (kinds.empty() ? "" : " or ") + kind;
      return kinds.empty() ? "connection" : kinds + " connection";
    }
    case FieldType::function:
      return "function of a Lua file";
    case FieldType::list:
      return "list of " + inner;
    case FieldType::map:
      return "map of " + inner;
    case FieldType::object:
      return field.items.empty() ? "map" : "map, or a list";
    case FieldType::scalar_or_list:
      return inner + ", or a list of it";
  }
  std::string out;
  for (const std::string& choice : field.choices) out += (out.empty() ? "" : " or ") + choice;
  return out;
}

std::string padded(std::string text) {
  text.resize(std::max(text.size() + 2, meaning_column), ' ');
  return text;
}

// What stands inside a list or map of maps is told, too.
const std::vector<Field>& inner_fields(const Field& field) {
  return field.fields.empty() && !field.items.empty() ? inner_fields(field.items.front()) : field.fields;
}

void print(const std::vector<Field>& fields, size_t depth, std::string& out) {
  for (const Field& field : fields) {
    out += padded(std::string(depth * 2, ' ') + field.name + ": " + type_of(field)) + field.meaning +
           (field.required ? " (required)" : "") + "\n";
    print(inner_fields(field), depth + 1, out);
  }
}

List described(const std::vector<Field>& fields) {
  List out;
  for (const Field& field : fields)
    out.push_back(Map{{"name", field.name},
                      {"type", type_of(field)},
                      {"required", field.required},
                      {"meaning", field.meaning},
                      {"fields", described(inner_fields(field))}});
  return out;
}

Value row_of(const Action& action) {
  List results;
  for (const ResultField& field : action.results)
    results.push_back(Map{{"name", field.name}, {"meaning", field.meaning}});
  List groups;
  for (const std::vector<std::string>& group : action.one_of) groups.push_back(List(group.begin(), group.end()));
  return Map{{"name", action.name},
             {"summary", action.summary},
             {"fields", described(action.fields)},
             {"one_of", std::move(groups)},
             {"results", std::move(results)},
             {"rolls_back", static_cast<bool>(action.rollback)}};
}

std::string reference(const Action& action) {
  std::string out = action.name + ": " + action.summary + "\n\nfields:\n";
  print(action.fields, 1, out);
  for (const std::vector<std::string>& group : action.one_of) {
    out += "  exactly one of";
    for (size_t i = 0; i < group.size(); ++i) out += (i == 0 ? " " : i + 1 == group.size() ? " and " : ", ") + group[i];
    out += "\n";
  }
  out += "\nresult:\n";
  for (const ResultField& field : action.results) out += padded("  " + field.name) + field.meaning + "\n";
  out += action.rollback ? "\nit offers `rollback: auto`\n" : "\nit offers no `rollback: auto`\n";
  return out;
}

}  // namespace

int actions_command(Invocation& invocation) {
  if (invocation.options.has("--test")) return test_extension(invocation, invocation.options.last("--test"));
  Result<std::optional<std::vector<Action>>> with = actions_with(invocation);
  if (!with) return complain(with.error());
  if (!*with) return exit_code::invalid;
  const std::vector<Action>& actions = **with;
  std::string only = invocation.options.words.empty() ? "" : invocation.options.words[0];
  const Action* one = find_action(actions, only);
  if (!only.empty() && !one) {
    std::vector<std::string_view> names;
    for (const Action& action : actions) names.push_back(action.name);
    std::string_view near = nearest(only, names);
    return complain(fail(ErrorCode::invalid, "no action is called `" + only + "`",
                         near.empty() ? "`muster actions` lists them" : "did you mean `" + std::string(near) + "`?"));
  }
  if (invocation.json()) {
    List rows;
    for (const Action& action : actions)
      if (!one || action.name == one->name) rows.push_back(row_of(action));
    answer_rows(invocation, rows);
    return exit_code::ok;
  }
  if (one) {
    answer(reference(*one));
    return exit_code::ok;
  }
  for (const Action& action : actions) {
    std::string name = action.name;
    name.resize(std::max<size_t>(name.size() + 2, 10), ' ');
    answer(name + action.summary + (action.origin.empty() ? "" : " (" + action.origin + ")") + "\n");
  }
  return exit_code::ok;
}

}  // namespace muster
