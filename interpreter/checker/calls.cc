#include "interpreter/checker/calls.h"

#include "interpreter/checker/checker.h"

namespace muster {
namespace {

tl::expected<Value, Diagnostic> literal_text(const Template& text, bool) {
  if (text.is_constant()) return Value(text.constant_text());
  return Value(Unknown{"known in the run"});
}

Value connection_value(std::string_view name, std::string_view kind) {
  Map map;
  map.emplace("name", Value(name));
  map.emplace("kind", Value(kind));
  return map;
}

void refuse_injection(const Argument& argument, const Field& field, std::string_view action, Diagnostics& problems) {
  if (is_unreadable(argument)) return;
  std::vector<const Expression*> expressions;
  if (const auto* scalar = std::get_if<Argument::Scalar>(&argument.value)) {
    for (const auto& piece : scalar->text.pieces)
      if (const Expression* expression = std::get_if<Expression>(&piece)) expressions.push_back(expression);
  }
  for (const Expression* expression : expressions)
    problems.push_back({Severity::error,
                        "injection",
                        expression->at,
                        "a value cannot stand inside the text of `" + field.name + "`: it would be read as code",
                        action == "sql" ? "hand it in with `bind`, and names of tables with `names`"
                        : action == "backup" || action == "restore" ? "hand it in with `bind` beside it"
                        : action == "rebuild" ? "write it out; what varies goes into `range`, or into a list of `keys`"
                                              : "hand it in with `env`, and read it there as \"$NAME\"",
                        {}});
}

bool may_hold_code(const Field& field) {
  switch (field.type) {
    case FieldType::script:
    case FieldType::object:
    case FieldType::list:
    case FieldType::map:
    case FieldType::scalar_or_list:
      return true;
    default:
      return false;
  }
}

void check_field(const Argument& argument, const Field& field, std::string_view action, Diagnostics& problems) {
  switch (field.type) {
    case FieldType::script:
      if (!field.fields.empty() && std::holds_alternative<std::vector<Entry>>(argument.value)) {
        check_injection(argument, field.fields, action, problems);
      } else {
        refuse_injection(argument, field, action, problems);
      }
      return;
    case FieldType::object:
      check_injection(argument, field.fields, action, problems);
      return;
    case FieldType::list:
    case FieldType::map:
    case FieldType::scalar_or_list: {
      if (field.items.empty() || !may_hold_code(field.items.front())) return;
      Field item = field.items.front();
      if (item.name.empty()) item.name = field.name;
      if (const auto* items = std::get_if<std::vector<Argument>>(&argument.value)) {
        for (const Argument& one : *items) check_field(one, item, action, problems);
      } else if (const auto* entries = std::get_if<std::vector<Entry>>(&argument.value);
                 entries && field.type == FieldType::map) {
        for (const Entry& entry : *entries) check_field(entry.value, item, action, problems);
      } else {
        check_field(argument, item, action, problems);
      }
      return;
    }
    default:
      return;
  }
}

// Where an argument stands; the whole where the path leads nowhere.
Span place_of(const Argument& args, const WrongArgument& wrong) {
  const Argument* at = &args;
  Span place = args.at;
  for (size_t i = 0; i < wrong.path.size(); ++i) {
    const std::string& name = wrong.path[i];
    const Argument* next = nullptr;
    if (const auto* entries = std::get_if<std::vector<Entry>>(&at->value)) {
      for (const Entry& entry : *entries) {
        if (entry.key.text != name) continue;
        next = &entry.value;
        place = wrong.is_key && i + 1 == wrong.path.size() ? entry.key.at : entry.value.at;
      }
    } else if (const auto* items = std::get_if<std::vector<Argument>>(&at->value)) {
      for (size_t n = 0; n < items->size(); ++n) {
        if (std::to_string(n + 1) != name) continue;
        next = &(*items)[n];
        place = next->at;
      }
    }
    if (!next) break;
    at = next;
  }
  return place;
}

}  // namespace

ArgumentValues literal_values() {
  return {literal_text,
          [](const Name& name) -> tl::expected<Value, Diagnostic> { return connection_value(name.text, ""); }};
}

ArgumentValues literal_values(const Playbook& playbook) {
  return {literal_text, [&playbook](const Name& name) -> tl::expected<Value, Diagnostic> {
            std::vector<std::string_view> names;
            for (const ConnectionDeclaration& declaration : playbook.connections) {
              if (declaration.name.text == name.text) return connection_value(name.text, declaration.kind.text);
              names.push_back(declaration.name.text);
            }
            Diagnostic d;
            d.code = "unknown-connection";
            d.at = name.at;
            d.message = "no connection is called `" + name.text + "`";
            std::string_view near = nearest(name.text, names);
            d.help = near.empty() ? "declare it under `connections`" : "did you mean `" + std::string(near) + "`?";
            return tl::unexpected(std::move(d));
          }};
}

void check_injection(const Argument& argument, const std::vector<Field>& fields, std::string_view action,
                     Diagnostics& problems) {
  const auto* entries = std::get_if<std::vector<Entry>>(&argument.value);
  if (!entries) return;
  for (const Entry& entry : *entries)
    for (const Field& field : fields)
      if (field.name == entry.key.text) check_field(entry.value, field, action, problems);
}

std::optional<Map> check_call(const ActionCall& call, const Action& action, const ArgumentValues& values,
                              Diagnostics& problems) {
  auto typed = type_arguments(call.args, action, values);
  if (!typed)
    for (Diagnostic& d : typed.error()) problems.push_back(std::move(d));
  check_injection(call.args, action.fields, action.name, problems);
  if (!typed) return std::nullopt;
  if (action.look_over)
    for (const WrongArgument& wrong : action.look_over(*typed))
      problems.push_back({Severity::error, "bad-argument", place_of(call.args, wrong), wrong.message, wrong.help, {}});
  return std::move(*typed);
}

void refuse_in_read(const ActionCall& call, const Action& action, Diagnostics& problems) {
  const auto* entries = std::get_if<std::vector<Entry>>(&call.args.value);
  if (!entries) return;
  for (const Entry& entry : *entries)
    for (const std::string& field : action.of_writes)
      if (entry.key.text == field)
        problems.push_back({Severity::error,
                            "of-writes",
                            entry.key.at,
                            "`" + action.name + "` only looks here, and `" + field + "` has no meaning in a read",
                            "leave it out, or make it a step that writes",
                            {}});
}

const Action* find_action(const std::vector<Action>& actions, std::string_view name) {
  for (const Action& action : actions)
    if (action.name == name) return &action;
  return nullptr;
}

Effect effect_of(const ActionCall& call, const Action& action) {
  if (!action.effect) return Effect::write;
  // What is wrong with the arguments is told elsewhere; without them the action is asked with nothing known.
  auto typed = type_arguments(call.args, action, literal_values());
  return action.effect(typed ? *typed : Map{});
}

Effect effect_of(const ActionCall& call, const Action& action, const std::optional<Name>& declared,
                 bool stands_as_read) {
  return effect_of(effect_of(call, action), action, declared, stands_as_read);
}

Effect effect_of(Effect derived, const Action& action, const std::optional<Name>& declared, bool stands_as_read) {
  // A shell in a verify is there to look; a request that is not a read needs its `effect: read` even there.
  if (stands_as_read && action.effect_may_be_declared && action.name == "shell") return Effect::read;
  if (!declared) return derived;
  std::optional<Effect> said = effect_of(declared->text);
  if (!said) return derived;
  if (action.effect_may_be_declared && *said == Effect::read) return Effect::read;
  return static_cast<int>(*said) > static_cast<int>(derived) ? *said : derived;
}

}  // namespace muster
