// `muster actions [NAME]`: the reference, from the same field tables that the checker uses.
#include "interpreter/base/json.h"
#include "interpreter/checker/checker.h"
#include "interpreter/cli/command.h"
#include "steps/steps.h"

namespace muster {
namespace {

std::string type_of(const Field& field) {
  static constexpr const char* names[] = {"any", "text", "script", "path", "url", "integer", "number", "true|false", "duration", "timestamp",
                                          "choice", "connection", "list", "map", "map", "one or a list"};
  if (field.type != FieldType::choice) return names[static_cast<size_t>(field.type)];
  std::string out;
  for (const std::string& choice : field.choices) out += (out.empty() ? "" : "|") + choice;
  return out;
}

void print(const std::vector<Field>& fields, int depth, std::string& out) {
  for (const Field& field : fields) {
    std::string left = std::string(static_cast<size_t>(depth) * 2, ' ') + field.name + ": " + type_of(field);
    left.resize(std::max<size_t>(left.size() + 2, 34), ' ');
    out += left + field.meaning + (field.required ? " (required)" : "") + "\n";
    print(field.fields, depth + 1, out);
  }
}

Value described(const std::vector<Field>& fields) {
  List out;
  for (const Field& field : fields)
    out.push_back(Map{{"name", field.name}, {"type", type_of(field)}, {"required", field.required}, {"meaning", field.meaning}, {"fields", described(field.fields)}});
  return out;
}

}  // namespace

int actions_command(Invocation& invocation) {
  std::vector<Action> actions = builtin_actions();
  std::string only = invocation.options.words.empty() ? "" : invocation.options.words[0];
  if (!only.empty() && !find_action(actions, only)) {
    std::vector<std::string_view> names;
    for (const Action& action : actions) names.push_back(action.name);
    std::string_view near = nearest(only, names);
    tell("muster: no action is called `" + only + "`\n" + (near.empty() ? std::string() : "  = help: did you mean `" + std::string(near) + "`?\n"));
    return exit_code::usage;
  }
  List rows;
  for (const Action& action : actions) {
    if (!only.empty() && action.name != only) continue;
    if (invocation.json()) {
      List results;
      for (const ResultField& field : action.results) results.push_back(Map{{"name", field.name}, {"meaning", field.meaning}});
      rows.push_back(Map{{"name", action.name}, {"summary", action.summary}, {"fields", described(action.fields)}, {"results", std::move(results)}});
      continue;
    }
    std::string name = action.name;
    name.resize(std::max<size_t>(name.size() + 2, 10), ' ');
    std::string out = name + action.summary + "\n";
    if (!only.empty()) {
      print(action.fields, 1, out);
      out += "  result:\n";
      for (const ResultField& field : action.results) {
        std::string left = "    " + field.name;
        left.resize(std::max<size_t>(left.size() + 2, 34), ' ');
        out += left + field.meaning + "\n";
      }
    }
    answer(out);
  }
  if (invocation.json()) answer(print_json(Value(std::move(rows))) + "\n");
  return exit_code::ok;
}

}  // namespace muster
