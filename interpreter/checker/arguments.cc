#include "interpreter/checker/arguments.h"

#include <algorithm>

#include "interpreter/base/regex.h"
#include "interpreter/base/ssh_setting.h"
#include "interpreter/checker/made_values.h"
#include "interpreter/checker/typing.h"
#include "interpreter/language/fields.h"

namespace muster {
namespace {

std::string quoted(std::string_view name) { return "`" + std::string(name) + "`"; }

// `a`, `b` or `c`
std::string either(const std::vector<std::string>& names) {
  std::string text;
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) text += i + 1 == names.size() ? " or " : ", ";
    text += quoted(names[i]);
  }
  return text;
}

std::string list_of(const std::vector<Field>& fields) {
  std::string text;
  for (const Field& f : fields) text += (text.empty() ? "" : ", ") + quoted(f.name);
  return text;
}

class Typing {
 public:
  Typing(const ArgumentValues& values, Diagnostics& problems) : values_(values), problems_(problems) {}

  // Nothing: the value is nil (the field counts as absent), or it was refused.
  std::optional<Value> field(const Argument& argument, const Field& field) {
    switch (field.type) {
      case FieldType::any:
        return any(argument);
      case FieldType::connection:
        return connection(argument, field);
      case FieldType::function:
        return function(argument, field);
      case FieldType::choice:
        return choice(argument, field);
      case FieldType::list:
        return list(argument, field);
      case FieldType::map:
        return map(argument, field);
      case FieldType::object:
        // `keys: {query: ...}` or a list of keys.
        if (!field.items.empty() && !std::holds_alternative<std::vector<Entry>>(argument.value))
          return list(argument, field);
        return object(argument, field.fields, field.one_of, field.name);
      case FieldType::scalar_or_list:
        if (std::holds_alternative<std::vector<Argument>>(argument.value)) return list(argument, field);
        return one_or_many(argument, field);
      case FieldType::script:
        // `query: {file: ...}` or the statements themselves.
        if (!field.fields.empty() && std::holds_alternative<std::vector<Entry>>(argument.value))
          return object(argument, field.fields, field.one_of, field.name);
        return scalar(argument, field);
      default:
        return scalar(argument, field);
    }
  }

  std::optional<Value> object(const Argument& argument, const std::vector<Field>& fields,
                              const std::vector<std::vector<std::string>>& one_of, std::string_view name) {
    const auto* entries = std::get_if<std::vector<Entry>>(&argument.value);
    if (!entries) {
      if (is_unreadable(argument)) return std::nullopt;
      refuse(argument.at, "wrong-shape",
             quoted(name) + " must be a map of fields, and " + shape(argument) + " stands here",
             "its fields are " + list_of(fields));
      return std::nullopt;
    }
    Map map;
    for (const Entry& entry : *entries) {
      const Field* known = find(fields, entry.key.text);
      if (!known) {
        std::vector<std::string_view> names;
        for (const Field& f : fields) names.push_back(f.name);
        std::string_view near = nearest(entry.key.text, names);
        refuse(entry.key.at, "unknown-field", quoted(name) + " has no field " + quoted(entry.key.text),
               !near.empty()    ? "did you mean " + quoted(near) + "?"
               : fields.empty() ? "it has none"
                                : "its fields are " + list_of(fields));
        continue;
      }
      if (values_.only_used_connections && !known->used_with.empty()) continue;
      size_t before = problems_.size();
      if (auto value = field(entry.value, *known)) {
        map.emplace(entry.key.text, std::move(*value));
      } else if (problems_.size() == before && known->required) {
        refuse(entry.value.at, "missing-field",
               quoted(known->name) + " of " + quoted(name) + " must be given, and its value is nil", "");
      }
    }
    // Behind the fields that tell whether they are used.
    for (const Entry& entry : *entries) {
      const Field* known = values_.only_used_connections ? find(fields, entry.key.text) : nullptr;
      if (!known || known->used_with.empty() || !is_used(*known, member(map, known->used_with))) continue;
      if (auto value = field(entry.value, *known)) map.emplace(entry.key.text, std::move(*value));
    }
    require(argument, *entries, fields, one_of, name);
    return Value(std::move(map));
  }

  // A value that a script made. What stands within a field that is open to secrets is open, too.
  std::optional<Value> made(const Value& value, const Field& field, bool open) {
    if (value.is_null()) return std::nullopt;
    open = open || field.opens_secrets;
    if (!open && field.type != FieldType::connection && field.type != FieldType::object && field.items.empty() &&
        holds_secret(value)) {
      refuse({}, "secret-use", "a secret cannot stand in " + quoted(field.name), "");
      return std::nullopt;
    }
    const List* list = value.find<List>();
    bool empty = list && list->empty();
    switch (field.type) {
      case FieldType::any:
        return value;
      case FieldType::connection:
        if (const Map* map = value.find<Map>(); map && member(*map, "kind")) {
          std::string kind = text_of(*map, "kind");
          if (field.kinds.empty() || std::find(field.kinds.begin(), field.kinds.end(), kind) != field.kinds.end())
            return value;
          refuse({}, "wrong-connection",
                 "a connection of kind " + quoted(kind) + " stands in " + quoted(field.name) + ", and " +
                     either(field.kinds) + " is needed",
                 "");
          return std::nullopt;
        }
        refuse({}, "wrong-type", quoted(field.name) + " must be a connection that the script was given",
               "give the action a field of type `connection`, and hand it on");
        return std::nullopt;
      case FieldType::choice:
      case FieldType::function: {
        const std::string* word = value.find<std::string>();
        if (word && (field.type == FieldType::function ||
                     std::find(field.choices.begin(), field.choices.end(), *word) != field.choices.end()))
          return value;
        refuse({}, "bad-choice", quoted(field.name) + " must be " + either(field.choices), "");
        return std::nullopt;
      }
      case FieldType::object:
        if (const Map* map = value.find<Map>()) return made_object(*map, field.fields, field.one_of, field.name, open);
        if (empty) return made_object({}, field.fields, field.one_of, field.name, open);
        break;
      case FieldType::script:
        if (const Map* map = value.find<Map>(); map && !field.fields.empty())
          return made_object(*map, field.fields, field.one_of, field.name);
        return coerce(value, field, {}, false);
      case FieldType::map:
        if (const Map* map = value.find<Map>()) {
          Map out;
          Field inner = item_of(field);
          for (const auto& [name, item] : *map) {
            inner.name = name;
            if (auto typed = made(item, inner, open)) out.emplace(name, std::move(*typed));
          }
          return Value(std::move(out));
        }
        if (empty) return Value(Map{});
        break;
      case FieldType::list:
      case FieldType::scalar_or_list:
        if (list) {
          const ItemRow row(field);
          List out;
          for (const Value& item : *list)
            if (auto typed = made(item, *row, open)) out.push_back(std::move(*typed));
          return Value(std::move(out));
        }
        if (field.type == FieldType::scalar_or_list) return made(value, item_of(field), open);
        break;
      default:
        return coerce(value, field, {}, false);
    }
    refuse({}, "wrong-type",
           quoted(field.name) + " must be " + std::string(words_for(field.type)) + ", and a value of type " +
               std::string(type_name(value)) + " stands here",
           "");
    return std::nullopt;
  }

  Value made_object(const Map& args, const std::vector<Field>& fields,
                    const std::vector<std::vector<std::string>>& one_of, std::string_view name, bool open = false) {
    Map out;
    for (const auto& [key, value] : args) {
      const Field* known = find(fields, key);
      if (known) {
        if (auto typed = made(value, *known, open)) out.emplace(key, std::move(*typed));
        continue;
      }
      std::vector<std::string_view> names;
      for (const Field& f : fields) names.push_back(f.name);
      std::string_view near = nearest(key, names);
      refuse({}, "unknown-field", quoted(name) + " has no field " + quoted(key),
             !near.empty()    ? "did you mean " + quoted(near) + "?"
             : fields.empty() ? "it has none"
                              : "its fields are " + list_of(fields));
    }
    for (const Field& f : fields)
      if (f.required && !member(args, f.name))
        refuse({}, "missing-field", quoted(name) + " needs " + quoted(f.name), f.meaning);
    for (const std::vector<std::string>& group : one_of) {
      auto given = std::count_if(group.begin(), group.end(), [&](const std::string& n) { return member(args, n); });
      if (given == 0) refuse({}, "missing-field", quoted(name) + " needs " + either(group), "");
      if (given > 1) refuse({}, "one-of", quoted(name) + " takes only one of " + either(group), "");
    }
    return Value(std::move(out));
  }

  std::optional<Value> any(const Argument& argument) {
    if (const auto* scalar = std::get_if<Argument::Scalar>(&argument.value)) {
      if (scalar->text.is_constant())
        return scalar->quoted ? Value(scalar->text.constant_text()) : plain_value(scalar->text.constant_text());
      auto value = values_.text(scalar->text, false);
      if (value) return std::move(*value);
      problems_.push_back(std::move(value.error()));
      return std::nullopt;
    }
    if (const auto* items = std::get_if<std::vector<Argument>>(&argument.value)) {
      List list;
      for (const Argument& item : *items)
        if (auto value = any(item)) list.push_back(std::move(*value));
      return Value(std::move(list));
    }
    Map map;
    for (const Entry& entry : std::get<std::vector<Entry>>(argument.value))
      if (auto value = any(entry.value)) map.emplace(entry.key.text, std::move(*value));
    return Value(std::move(map));
  }

 private:
  void refuse(Span at, std::string code, std::string message, std::string help) {
    problems_.push_back({Severity::error, std::move(code), at, std::move(message), std::move(help), {}});
  }

  static std::string shape(const Argument& argument) {
    if (std::holds_alternative<std::vector<Argument>>(argument.value)) return "a list";
    return std::holds_alternative<std::vector<Entry>>(argument.value) ? "a map" : "text";
  }

  static const Field* find(const std::vector<Field>& fields, std::string_view name) {
    for (const Field& f : fields)
      if (f.name == name) return &f;
    return nullptr;
  }

  void require(const Argument& argument, const std::vector<Entry>& entries, const std::vector<Field>& fields,
               const std::vector<std::vector<std::string>>& one_of, std::string_view name) {
    auto entry_of = [&](std::string_view wanted) -> const Entry* {
      for (const Entry& entry : entries)
        if (entry.key.text == wanted) return &entry;
      return nullptr;
    };
    Span at = entries.empty() ? argument.at : entries.front().key.at;
    for (const Field& f : fields)
      if (f.required && !entry_of(f.name))
        refuse(at, "missing-field", quoted(name) + " needs " + quoted(f.name), f.meaning);
    for (const std::vector<std::string>& group : one_of) {
      const Entry* first = nullptr;
      for (const std::string& choice : group) {
        const Entry* entry = entry_of(choice);
        if (first && entry) {
          problems_.push_back({Severity::error,
                               "one-of",
                               entry->key.at,
                               quoted(name) + " takes only one of " + either(group),
                               "",
                               {{first->key.at, quoted(first->key.text) + " is given here"}}});
        } else if (entry) {
          first = entry;
          const Field* row = find(fields, choice);
          const auto* items = std::get_if<std::vector<Argument>>(&entry->value.value);
          if (row && row->type == FieldType::list && items && items->empty())
            refuse(entry->value.at, "missing-field",
                   quoted(choice) + " of " + quoted(name) + " is empty: it needs at least one item", "");
        }
      }
      if (!first) refuse(at, "missing-field", quoted(name) + " needs " + either(group), "");
    }
  }

  // The value of a scalar's text; nothing when it was refused. `written`: it holds no `${{ }}`.
  std::optional<Value> text(const Argument& argument, const Field& field, bool& written) {
    const auto* scalar = std::get_if<Argument::Scalar>(&argument.value);
    if (!scalar) {
      refuse(argument.at, "wrong-shape",
             quoted(field.name) + " must be " + std::string(words_for(field.type)) + ", and " + shape(argument) +
                 " stands here",
             "");
      return std::nullopt;
    }
    written = scalar->text.is_constant();
    if (written) return Value(scalar->text.constant_text());
    auto value = values_.text(scalar->text, field.type == FieldType::url);
    if (value) return std::move(*value);
    problems_.push_back(std::move(value.error()));
    return std::nullopt;
  }

  std::optional<Value> coerce(Value value, const Field& field, Span at, bool written) {
    if (value.is_null()) return std::nullopt;
    if (value.is<Unknown>()) return value;
    switch (field.type) {
      case FieldType::object:
        if (field.items.empty()) break;
        [[fallthrough]];
      case FieldType::list:
      case FieldType::scalar_or_list:
        if (const List* items = value.find<List>()) {
          const ItemRow row(field);
          List list;
          for (const Value& item : *items)
            if (auto typed = coerce(item, *row, at, false)) list.push_back(std::move(*typed));
          return Value(std::move(list));
        }
        if (field.type == FieldType::scalar_or_list) return coerce(std::move(value), item_of(field), at, written);
        break;
      case FieldType::map:
        if (const Map* entries = value.find<Map>()) {
          const ItemRow row(field);
          Map map;
          for (const auto& [name, item] : *entries)
            if (auto typed = coerce(item, *row, at, false)) map.emplace(name, std::move(*typed));
          return Value(std::move(map));
        }
        break;
      case FieldType::choice:
      case FieldType::connection:
      case FieldType::function:
        break;  // structure is written, never computed
      default: {
        auto typed = typed_scalar(std::move(value), field.type, field.name, written);
        if (typed && !fits(*typed, field, at)) return std::nullopt;
        if (typed) return std::move(*typed);
        refuse(at, std::move(typed.error().code), std::move(typed.error().message), std::move(typed.error().help));
        return std::nullopt;
      }
    }
    refuse(at, "wrong-type",
           quoted(field.name) + " must be " + std::string(words_for(field.type)) + ", and a value of type " +
               std::string(type_name(value)) + " stands here",
           "");
    return std::nullopt;
  }

  // Whether text matches the field's pattern.
  bool fits(const Value& value, const Field& field, Span at) {
    const std::string* given = value.find<std::string>();
    if (field.pattern.empty() || !given) return true;
    tl::expected<Regex, std::string> pattern = Regex::compile(field.pattern);
    if (!pattern || pattern->search(*given)) return true;  // whoever made the field has compiled it
    std::string shown = given->size() > 60 ? given->substr(0, 57) + "..." : *given;
    refuse(at, "wrong-type",
           quoted(field.name) + " must match " + quoted(field.pattern) + ", and " + quoted(shown) + " does not", "");
    return false;
  }

  // What is asked of an item: the row of `items`, under the list's own name where it has none. Rows are large, and
  // copied only where they must be.
  class ItemRow {
   public:
    explicit ItemRow(const Field& field) {
      if (!field.items.empty() && !field.items.front().name.empty()) {
        row_ = &field.items.front();
        return;
      }
      Field& made = made_.emplace();
      if (!field.items.empty()) made = field.items.front();
      made.name = field.name;
      row_ = &made;
    }
    ItemRow(const ItemRow&) = delete;
    ItemRow& operator=(const ItemRow&) = delete;
    [[nodiscard]] const Field& operator*() const { return *row_; }

   private:
    std::optional<Field> made_;
    const Field* row_;
  };
  static Field item_of(const Field& field) { return *ItemRow(field); }

  std::optional<Value> scalar(const Argument& argument, const Field& field) {
    bool written = false;
    auto value = text(argument, field, written);
    if (!value) return std::nullopt;
    return coerce(std::move(*value), field, argument.at, written);
  }

  // One value as it is, unless one `${{ }}` yields a list.
  std::optional<Value> one_or_many(const Argument& argument, const Field& field) {
    const auto* scalar_text = std::get_if<Argument::Scalar>(&argument.value);
    if (scalar_text && scalar_text->text.whole()) return scalar(argument, field);
    return this->field(argument, item_of(field));
  }

  std::optional<Value> list(const Argument& argument, const Field& field) {
    const auto* scalar_text = std::get_if<Argument::Scalar>(&argument.value);
    if (scalar_text && scalar_text->text.whole()) return scalar(argument, field);
    const auto* items = std::get_if<std::vector<Argument>>(&argument.value);
    if (!items) {
      refuse(argument.at, "wrong-shape",
             quoted(field.name) + " must be a list, and " + shape(argument) + " stands here",
             "write it as `[a, b]`, or each item in its own line behind `- `");
      return std::nullopt;
    }
    const ItemRow row(field);
    const Field& item = *row;
    List list;
    list.reserve(items->size());
    for (const Argument& argument_of_item : *items) {
      const auto* part = std::get_if<Argument::Scalar>(&argument_of_item.value);
      if (part && part->text.whole() && item.type != FieldType::any) {
        bool written = false;
        auto value = text(argument_of_item, item, written);
        if (!value) continue;
        if (const List* spliced = value->find<List>()) {
          for (const Value& one : *spliced)
            if (auto typed = coerce(one, item, argument_of_item.at, false)) list.push_back(std::move(*typed));
        } else if (auto typed = coerce(std::move(*value), item, argument_of_item.at, false)) {
          list.push_back(std::move(*typed));
        }
        continue;
      }
      if (auto value = this->field(argument_of_item, item)) list.push_back(std::move(*value));
    }
    return Value(std::move(list));
  }

  std::optional<Value> map(const Argument& argument, const Field& field) {
    const auto* scalar_text = std::get_if<Argument::Scalar>(&argument.value);
    if (scalar_text && scalar_text->text.whole()) return scalar(argument, field);
    const auto* entries = std::get_if<std::vector<Entry>>(&argument.value);
    if (!entries) {
      refuse(argument.at, "wrong-shape", quoted(field.name) + " must be a map, and " + shape(argument) + " stands here",
             "write it as `{name: value}`");
      return std::nullopt;
    }
    Field item = item_of(field);
    Map map;
    for (const Entry& entry : *entries) {
      item.name = entry.key.text;
      size_t before = problems_.size();
      auto value = this->field(entry.value, item);
      if (value) {
        map.emplace(entry.key.text, std::move(*value));
      } else if (problems_.size() == before && item.type == FieldType::any) {
        map.emplace(entry.key.text, Null{});
      }
    }
    return Value(std::move(map));
  }

  // Structure is written, never computed.
  std::optional<Name> literal(const Argument& argument, const Field& field) {
    const auto* scalar = std::get_if<Argument::Scalar>(&argument.value);
    if (!scalar) {
      refuse(argument.at, "wrong-shape",
             quoted(field.name) + " must be " + std::string(words_for(field.type)) + ", and " + shape(argument) +
                 " stands here",
             "");
      return std::nullopt;
    }
    if (scalar->text.is_constant()) return Name{argument.at, scalar->text.constant_text()};
    if (is_unreadable(argument)) return std::nullopt;
    refuse(argument.at, "literal-only", quoted(field.name) + " is fixed text: a value cannot stand in it",
           "write it out");
    return std::nullopt;
  }

  std::optional<Value> choice(const Argument& argument, const Field& field) {
    auto name = literal(argument, field);
    if (!name) return std::nullopt;
    if (std::find(field.choices.begin(), field.choices.end(), name->text) != field.choices.end())
      return Value(name->text);
    std::vector<std::string_view> names(field.choices.begin(), field.choices.end());
    std::string_view near = nearest(name->text, names);
    refuse(argument.at, "bad-choice",
           quoted(field.name) + " must be " + either(field.choices) + ", and " + quoted(name->text) + " stands here",
           near.empty() ? "" : "did you mean " + quoted(near) + "?");
    return std::nullopt;
  }

  std::optional<Value> function(const Argument& argument, const Field& field) {
    auto name = literal(argument, field);
    if (!name) return std::nullopt;
    if (!values_.scripts || has_function(values_.scripts, name->text)) return Value(name->text);
    std::vector<std::string_view> names(values_.scripts->names().begin(), values_.scripts->names().end());
    std::string_view near = nearest(name->text, names);
    refuse(argument.at, "unknown-function", "no function is called " + quoted(name->text),
           !near.empty()   ? "did you mean " + quoted(near) + "?"
           : names.empty() ? "name its file under `extensions`"
                           : "the files under `extensions` have " + either({names.begin(), names.end()}));
    return std::nullopt;
  }

  std::optional<Value> connection(const Argument& argument, const Field& field) {
    auto name = literal(argument, field);
    if (!name) return std::nullopt;
    auto value = values_.connection(*name);
    if (!value) {
      problems_.push_back(std::move(value.error()));
      return std::nullopt;
    }
    std::string kind;
    if (const Value* found = member(*value, "kind"))
      if (const std::string* word = found->find<std::string>()) kind = *word;
    if (!field.kinds.empty() && !kind.empty() &&
        std::find(field.kinds.begin(), field.kinds.end(), kind) == field.kinds.end()) {
      refuse(argument.at, "wrong-connection",
             quoted(name->text) + " is a connection of kind " + quoted(kind) + ", and " + either(field.kinds) +
                 " is needed here",
             "");
      return std::nullopt;
    }
    return std::move(*value);
  }

  const ArgumentValues& values_;
  Diagnostics& problems_;
};

// Names that the OpenSSH client could take for more than names are refused, wherever they come from.
void check_ssh(const ConnectionDeclaration& declaration, const Map& settings, Diagnostics& problems) {
  auto place_of = [&](std::string_view setting) {
    for (const Entry& entry : declaration.settings)
      if (const auto* inside = std::get_if<std::vector<Entry>>(&entry.value.value))
        for (const Entry& one : *inside)
          if (one.key.text == setting) return one.value.at;
    return declaration.at;
  };
  for (const auto& [name, value] : settings) {
    std::optional<std::string> problem;
    if (const std::string* text = value.find<std::string>()) problem = problem_of_ssh_setting(name, *text);
    if (const int64_t* port = value.find<int64_t>()) problem = problem_of_ssh_port(*port);
    if (problem)
      problems.push_back({Severity::error,
                          "bad-ssh",
                          place_of(name),
                          quoted(to_text(value)) + " cannot be the " + quoted(name) + " of an ssh connection",
                          *problem,
                          {}});
  }
}

// Fields that have no meaning beside another one. One whose value is nil was not given.
void refuse_what_does_not_fit(const Argument& args, const Map& typed, const Action& action, Diagnostics& problems) {
  const auto* entries = std::get_if<std::vector<Entry>>(&args.value);
  if (!entries) return;
  auto key_of = [&](const std::string& name) {
    auto entry = std::find_if(entries->begin(), entries->end(), [&](const Entry& e) { return e.key.text == name; });
    return entry == entries->end() ? Span{} : entry->key.at;
  };
  for (const auto& [field, others] : action.goes_without) {
    if (!typed.contains(field)) continue;
    for (const std::string& other : others)
      if (typed.contains(other))
        problems.push_back({Severity::error,
                            "one-of",
                            key_of(other),
                            "`" + action.name + "` with `" + field + "` takes no `" + other + "`",
                            "",
                            {{key_of(field), "`" + field + "` is given here"}}});
  }
}

}  // namespace

bool is_used(const Field& connection, const Value* beside) {
  const std::string* text = beside ? beside->find<std::string>() : nullptr;
  return !text || text->starts_with(connection.used_with_start);
}

bool is_unreadable(const Argument& argument) {
  const auto* scalar = std::get_if<Argument::Scalar>(&argument.value);
  const Expression* expression = scalar ? scalar->text.whole() : nullptr;
  return expression && !expression->tree.root;
}

tl::expected<Map, Diagnostics> type_arguments(const Argument& args, const Action& action,
                                              const ArgumentValues& values) {
  Diagnostics problems;
  auto typed = Typing(values, problems).object(args, action.fields, action.one_of, action.name);
  if (typed) refuse_what_does_not_fit(args, *typed->find<Map>(), action, problems);
  if (has_errors(problems) || !typed) return tl::unexpected(std::move(problems));
  return std::move(*typed->find<Map>());
}

tl::expected<Map, Diagnostics> type_values(const Map& args, const Action& action) {
  Diagnostics problems;
  const ArgumentValues none;
  Value typed = Typing(none, problems).made_object(args, action.fields, action.one_of, action.name);
  if (has_errors(problems)) return tl::unexpected(std::move(problems));
  return std::move(*typed.find<Map>());
}

tl::expected<Map, Diagnostics> type_connection(const ConnectionDeclaration& declaration, const ArgumentValues& values) {
  Diagnostics problems;
  const ConnectionKind* kind = find_connection_kind(declaration.kind.text);
  if (!kind) {
    problems.push_back({Severity::error,
                        "bad-connection",
                        declaration.at,
                        quoted(declaration.name.text) + " has no kind of connection",
                        "",
                        {}});
    return tl::unexpected(std::move(problems));
  }
  Typing typing(values, problems);
  Map result;
  Argument beside;
  beside.at = declaration.at;
  std::vector<Entry> rest;
  for (const Entry& setting : declaration.settings) {
    if (setting.key.text != kind->name) {
      rest.push_back(setting);
      continue;
    }
    size_t before = problems.size();
    auto own = typing.field(setting.value, kind->own);
    if (!own && problems.size() == before)
      problems.push_back({Severity::error,
                          "missing-field",
                          setting.value.at,
                          quoted(kind->name) + " of " + quoted(declaration.name.text) + " is nil",
                          "",
                          {}});
    if (!own) continue;
    if (Map* fields = own->find<Map>(); fields && kind->own.type == FieldType::object) {
      result.merge(*fields);
    } else {
      result.emplace(kind->own.name, std::move(*own));
    }
  }
  beside.value = std::move(rest);
  auto settings = typing.object(beside, kind->settings, {}, declaration.name.text);
  if (has_errors(problems)) return tl::unexpected(std::move(problems));
  if (settings) result.merge(*settings->find<Map>());
  if (kind->name == "ssh") check_ssh(declaration, result, problems);
  if (has_errors(problems)) return tl::unexpected(std::move(problems));
  result.insert_or_assign("name", Value(declaration.name.text));
  result.insert_or_assign("kind", Value(declaration.kind.text));
  return result;
}

tl::expected<Value, Diagnostic> type_any(const Argument& argument, const ArgumentValues& values) {
  Diagnostics problems;
  auto value = Typing(values, problems).any(argument);
  if (!problems.empty()) return tl::unexpected(std::move(problems.front()));
  return value ? std::move(*value) : Value();
}

}  // namespace muster
