#include "interpreter/checker/inputs.h"

#include <algorithm>

#include "interpreter/base/json.h"
#include "interpreter/base/regex.h"
#include "interpreter/base/utf8.h"
#include "interpreter/checker/checker.h"
#include "interpreter/checker/typing.h"
#include "interpreter/language/fields.h"

namespace muster {
namespace {

using Typed = tl::expected<Value, std::string>;  // or what is wrong, as the end of a sentence: `must be ...`

std::string quoted(std::string_view text) { return "`" + std::string(text) + "`"; }

std::string found(const Value& value) {
  std::string text = to_text(value);
  if (text.size() > 60) text = text.substr(0, 57) + "...";
  return ", and " + quoted(text) + " is not";
}

// What a declaration writes, as text and lists and maps of text; nothing where a `${{ }}` stands.
std::optional<Value> written_value(const Argument& argument) {
  if (const auto* scalar = std::get_if<Argument::Scalar>(&argument.value)) {
    if (!scalar->text.is_constant()) return std::nullopt;
    return Value(scalar->text.constant_text());
  }
  if (const auto* items = std::get_if<std::vector<Argument>>(&argument.value)) {
    List list;
    for (const Argument& item : *items) {
      auto value = written_value(item);
      if (!value) return std::nullopt;
      list.push_back(std::move(*value));
    }
    return Value(std::move(list));
  }
  Map map;
  for (const Entry& entry : std::get<std::vector<Entry>>(argument.value)) {
    auto value = written_value(entry.value);
    if (!value) return std::nullopt;
    map.emplace(entry.key.text, std::move(*value));
  }
  return Value(std::move(map));
}

std::optional<FieldType> scalar_type(std::string_view type) {
  if (type == "integer") return FieldType::integer;
  if (type == "number") return FieldType::number;
  if (type == "boolean") return FieldType::boolean;
  if (type == "duration") return FieldType::duration;
  if (type == "timestamp") return FieldType::timestamp;
  return std::nullopt;
}

std::string_view example_of(std::string_view type) {
  if (type == "integer") return "a whole number";
  if (type == "number") return "a number";
  if (type == "boolean") return "true or false";
  if (type == "duration") return "a duration with its unit, as in `30s` or `2h`";
  if (type == "timestamp") return "a moment, as in `2026-01-15T10:00:00Z`";
  if (type == "date") return "a date, as in `2026-01-15`";
  if (type == "url") return "a URL, as in `https://host/path`";
  if (type == "path") return "a path";
  return "text";
}

bool is_url(std::string_view text) {
  size_t colon = text.find("://");
  if (colon == std::string_view::npos || colon == 0 || colon + 3 == text.size()) return false;
  for (size_t i = 0; i < colon; ++i) {
    char c = text[i];
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (!letter && (i == 0 || !((c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.'))) return false;
  }
  return text.find_first_of(" \t\r\n") == std::string_view::npos;
}

bool is_date(std::string_view text) {
  return text.size() == 10 && text[4] == '-' && text[7] == '-' && parse_timestamp(text).has_value();
}

// A value of a type without constraints and shape.
Typed scalar(const Value& value, std::string_view type) {
  const std::string* text = value.find<std::string>();
  auto wrong = [&] { return tl::unexpected("must be " + std::string(example_of(type)) + found(value)); };
  if (value.is<List>() || value.is<Map>()) return wrong();
  if (auto field = scalar_type(type)) {
    auto typed = typed_scalar(value, *field, "value", true);
    if (!typed) return wrong();
    return std::move(*typed);
  }
  std::string as_text = text ? *text : to_text(value);
  if (type == "date" && !is_date(as_text)) return wrong();
  if (type == "url" && !is_url(as_text)) return wrong();
  if (type == "path" && (as_text.empty() || as_text.find('\0') != std::string::npos)) return wrong();
  return Value(std::move(as_text));
}

Typed map_in(const Value& value) {
  if (value.is<Map>()) return value;
  // `{}` of an expression and an empty table of Lua: both a list and a map.
  if (const List* none = value.find<List>(); none && none->empty()) return Value(Map{});
  if (const auto* text = value.find<std::string>(); text && text->starts_with('{')) {
    auto parsed = parse_json(*text);
    if (parsed && parsed->is<Map>()) return std::move(*parsed);
  }
  return tl::unexpected("must be a map, as in `{\"name\": \"value\"}`" + found(value));
}

Typed shaped(const Value& value, const Input& input) {
  std::string_view type = input.type ? std::string_view(input.type->text) : "string";
  const std::string* text = value.find<std::string>();
  if (type == "list") {
    Value list = value;
    if (text) {
      if (text->starts_with('[')) {
        auto parsed = parse_json(*text);
        if (!parsed) return tl::unexpected("must be a list, and its JSON cannot be read: " + parsed.error().message);
        list = std::move(*parsed);
      } else {
        List items;
        for (size_t at = 0; !text->empty() && at <= text->size();) {
          size_t comma = std::min(text->find(',', at), text->size());
          items.emplace_back(text->substr(at, comma - at));
          at = comma + 1;
        }
        list = std::move(items);
      }
    }
    List* items = list.find<List>();
    if (!items) return tl::unexpected("must be a list, as in `a,b,c`" + found(value));
    const std::string_view of = input.of ? std::string_view(input.of->text) : "string";
    for (Value& item : *items) {
      auto typed = of == "map" ? map_in(item) : scalar(item, of);
      if (!typed) return tl::unexpected("is a list, and each item " + typed.error());
      item = std::move(*typed);
    }
    return list;
  }
  if (type == "map") return map_in(value);
  return scalar(value, type);
}

// Value against limit by its type; text and lists are measured. Nothing: the limit is none.
std::optional<double> measure(const Value& value) {
  if (const int64_t* n = value.find<int64_t>()) return static_cast<double>(*n);
  if (const double* n = value.find<double>()) return *n;
  if (const Duration* d = value.find<Duration>()) return static_cast<double>(d->us);
  if (const Timestamp* t = value.find<Timestamp>()) return static_cast<double>(t->us);
  if (const std::string* text = value.find<std::string>()) return static_cast<double>(character_count(*text));
  if (const List* list = value.find<List>()) return static_cast<double>(list->size());
  if (const Map* map = value.find<Map>()) return static_cast<double>(map->size());
  return std::nullopt;
}

std::string_view length_unit(const Value& value) {
  if (value.is<std::string>()) return " characters";
  return value.is<List>() || value.is<Map>() ? " items" : "";
}

// The limit as the type measures it.
std::optional<double> limit_of(const std::optional<Argument>& limit, const Input& input) {
  if (!limit) return std::nullopt;
  auto written = written_value(*limit);
  if (!written) return std::nullopt;
  std::string_view type = input.type ? std::string_view(input.type->text) : "string";
  if (type == "date") {
    const std::string* text = written->find<std::string>();
    if (!text || !is_date(*text)) return std::nullopt;
    return static_cast<double>(parse_timestamp(*text)->us);
  }
  auto typed = typed_scalar(*written, scalar_type(type).value_or(FieldType::integer), "limit", true);
  return typed ? measure(*typed) : std::nullopt;
}

// `given`: the value as it was written, for messages.
Typed constrained(Value value, const Value& given, const Input& input) {
  std::string_view type = input.type ? std::string_view(input.type->text) : "string";
  if (type == "enum") {
    std::string list;
    bool known = false;
    for (const Argument& argument : input.values) {
      auto choice = written_value(argument);
      known = known || (choice && to_text(*choice) == to_text(value));
      if (choice) list += (list.empty() ? "" : ", ") + quoted(to_text(*choice));
    }
    if (!known) return tl::unexpected("must be one of " + list + found(given));
  }
  std::optional<double> size = measure(value);
  if (type == "date") size = static_cast<double>(parse_timestamp(value.get<std::string>())->us);
  auto words = [&](const Argument& limit) {
    return to_text(written_value(limit).value_or(Value())) + std::string(length_unit(value));
  };
  if (type == "date") {
    auto date = [&](const Argument& limit) { return to_text(written_value(limit).value_or(Value())); };
    if (auto min = limit_of(input.min, input); min && *size < *min)
      return tl::unexpected("must not be before " + date(*input.min) + found(given));
    if (auto max = limit_of(input.max, input); max && *size > *max)
      return tl::unexpected("must not be after " + date(*input.max) + found(given));
    return value;
  }
  if (auto min = limit_of(input.min, input); min && size && *size < *min)
    return tl::unexpected("must be at least " + words(*input.min) + found(given));
  if (auto max = limit_of(input.max, input); max && size && *size > *max)
    return tl::unexpected("must be at most " + words(*input.max) + found(given));
  return value;
}

Typed typed_input(const Value& value, const Input& input) {
  auto typed = shaped(value, input);
  if (!typed) return typed;
  if (const std::string* text = typed->find<std::string>(); text && input.pattern) {
    auto pattern = Regex::compile(*input.pattern);
    if (pattern && !pattern->search(*text))
      return tl::unexpected("must match " + quoted(*input.pattern) + found(*typed));
  }
  return constrained(std::move(*typed), value, input);
}

void refuse(Diagnostics& problems, Span at, std::string code, std::string message, std::string help = {}) {
  problems.push_back({Severity::error, std::move(code), at, std::move(message), std::move(help), {}});
}

void check_type(const Name& type, const std::vector<std::string_view>& known, Diagnostics& problems) {
  if (std::find(known.begin(), known.end(), type.text) != known.end()) return;
  std::string list;
  for (std::string_view name : known) list += (list.empty() ? "" : ", ") + quoted(name);
  std::string_view near = nearest(type.text, known);
  if (type.text == "int") near = "integer";
  if (type.text == "bool") near = "boolean";
  refuse(problems, type.at, "unknown-type", "no type is called " + quoted(type.text),
         near.empty() ? "types are " + list : "did you mean " + quoted(near) + "?");
}

}  // namespace

void check_input(const Input& input, Diagnostics& problems) {
  std::string type = input.type ? input.type->text : "string";
  if (input.type) check_type(*input.type, input_types(), problems);
  if (input.of) {
    std::vector<std::string_view> types = input_types();
    std::erase_if(types, [](std::string_view t) { return t == "list" || t == "enum"; });
    check_type(*input.of, types, problems);
    if (type != "list")
      refuse(problems, input.of->at, "bad-constraint", "`of` tells the type of a list's items, and this is no list");
  }
  if (type == "enum" && input.values.empty())
    refuse(problems, input.at, "bad-constraint", "an enum needs `values`", "list what it may be: `values: [a, b]`");
  if (type != "enum" && !input.values.empty())
    refuse(problems, input.values.front().at, "bad-constraint", "`values` belongs to an enum, and this is a " + type,
           "write `type: enum`");
  if (input.pattern && type != "string" && type != "path" && type != "url")
    refuse(problems, input.at, "bad-constraint", "`pattern` belongs to text, and this is a " + type);
  if (input.pattern)
    if (auto pattern = Regex::compile(*input.pattern); !pattern)
      refuse(problems, input.at, "bad-constraint",
             "the pattern of " + quoted(input.name.text) + " cannot be read: " + pattern.error());
  for (const auto* limit : {&input.min, &input.max}) {
    if (*limit && (type == "boolean" || type == "enum"))
      refuse(problems, (*limit)->at, "bad-constraint", "`min` and `max` mean nothing for a " + type);
    else if (*limit && !limit_of(*limit, input))
      refuse(problems, (*limit)->at, "bad-constraint",
             scalar_type(type) || type == "date"
                 ? "the limit of a " + type + " must be " + std::string(example_of(type))
                 : "this limit must be a whole number");
  }
  if (auto min = limit_of(input.min, input), max = limit_of(input.max, input); min && max && *min > *max)
    problems.push_back({Severity::error,
                        "bad-constraint",
                        input.max->at,
                        "no value of " + quoted(input.name.text) + " is allowed: `max` is below `min`",
                        "swap them, or leave one out",
                        {{input.min->at, "`min` stands here"}}});
  if (input.required && input.fallback)
    refuse(problems, input.fallback->at, "bad-constraint", "an input that is required never takes its default",
           "leave out `required` or `default`");
  if (!input.fallback) return;
  std::optional<Value> fallback = written_value(*input.fallback);
  if (!fallback) {
    refuse(problems, input.fallback->at, "literal-only", "`default` is fixed text: a value cannot stand in it",
           "write it out");
  } else if (auto typed = typed_input(*fallback, input); !typed) {
    refuse(problems, input.fallback->at, "wrong-type",
           "the default of " + quoted(input.name.text) + " " + typed.error());
  }
}

std::optional<std::string> wrong_input(const Input& input, const Argument& value) {
  std::optional<Value> written = written_value(value);
  if (!written) return std::nullopt;
  auto typed = typed_input(*written, input);
  if (typed) return std::nullopt;
  return typed.error();
}

namespace {

// What messages call the values: those of `run`, or of a form.
struct Wording {
  std::string_view one;   // `input`
  std::string_view none;  // `the playbook has no input`
  std::string_view list;  // `its inputs are`
  std::string_view give;  // `-i `
  Span at;                // of them all
};

std::optional<Map> bind(const std::vector<Input>& declared, const Map& given, const Wording& words,
                        Diagnostics& problems) {
  Map bound;
  bool good = true;
  auto fail = [&](Span at, std::string message, std::string help = {}) {
    refuse(problems, at, "bad-input", std::move(message), std::move(help));
    good = false;
  };
  std::vector<std::string_view> names;
  for (const Input& input : declared) names.push_back(input.name.text);
  for (const auto& [name, value] : given) {
    if (std::find(names.begin(), names.end(), name) != names.end()) continue;
    std::string_view near = nearest(name, names);
    std::string list;
    for (std::string_view known : names) list += (list.empty() ? "" : ", ") + quoted(known);
    fail(words.at, std::string(words.none) + " " + quoted(name),
         !near.empty()  ? "did you mean " + quoted(near) + "?"
         : list.empty() ? "it has none"
                        : std::string(words.list) + " " + list);
  }
  const std::string one(words.one);
  for (const Input& input : declared) {
    const Value* value = member(given, input.name.text);
    if (value && value->is_null()) value = nullptr;
    std::optional<Value> fallback;
    if (!value && input.fallback) {
      fallback = written_value(*input.fallback);
      if (fallback) value = &*fallback;
    }
    if (!value) {
      if (input.required)
        fail(input.at, one + " " + quoted(input.name.text) + " is required",
             "give it with `" + std::string(words.give) + input.name.text + "=VALUE`");
      continue;
    }
    auto typed = typed_input(*value, input);
    if (typed) {
      bound.emplace(input.name.text, std::move(*typed));
    } else {
      fail(input.at, one + " " + quoted(input.name.text) + " " + typed.error(), input.description.value_or(""));
    }
  }
  if (!good) return std::nullopt;
  return bound;
}

}  // namespace

std::optional<Map> bind_inputs(const Playbook& playbook, const Map& given, Diagnostics& problems) {
  return bind(playbook.inputs, given, {"input", "the playbook has no input", "its inputs are", "-i ", playbook.at},
              problems);
}

std::optional<Map> bind_answers(const Manual& manual, const Map& given, Diagnostics& problems) {
  return bind(manual.form, given, {"answer", "the form has no field", "its fields are", "--answer ", manual.at},
              problems);
}

}  // namespace muster
