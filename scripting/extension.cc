#include "scripting/extension.h"

#include <algorithm>
#include <array>
#include <lua.hpp>

#include "interpreter/base/json.h"
#include "interpreter/base/regex.h"
#include "interpreter/base/utf8.h"
#include "scripting/calls.h"
#include "scripting/values.h"

namespace muster {
namespace {

constexpr std::array<std::string_view, 10> definition_keys = {"summary", "effect", "fields", "one_of",   "results",
                                                              "preview", "run",    "probe",  "rollback", "examples"};
constexpr std::array<std::string_view, 11> field_keys = {"type",   "required", "default", "pattern",     "values", "of",
                                                         "fields", "secret",   "kinds",   "description", "example"};
constexpr std::array<std::string_view, 6> example_keys = {"args", "answers", "preview", "result", "fails", "title"};
constexpr std::array<std::string_view, 4> function_example_keys = {"args", "result", "fails", "title"};
struct TypeName {
  std::string_view name;
  FieldType type;
};
constexpr std::array<TypeName, 15> types = {{{"any", FieldType::any},
                                             {"boolean", FieldType::boolean},
                                             {"connection", FieldType::connection},
                                             {"date", FieldType::text},
                                             {"duration", FieldType::duration},
                                             {"enum", FieldType::choice},
                                             {"function", FieldType::function},
                                             {"integer", FieldType::integer},
                                             {"list", FieldType::list},
                                             {"map", FieldType::map},
                                             {"number", FieldType::number},
                                             {"object", FieldType::object},
                                             {"path", FieldType::path},
                                             {"string", FieldType::text},
                                             {"timestamp", FieldType::timestamp}}};

std::string quoted(std::string_view text) { return "`" + std::string(text) + "`"; }

std::string with_article(std::string_view word) {
  return (std::string_view("aeiou").find(word.front()) == std::string_view::npos ? "a " : "an ") + std::string(word);
}

// One line for people: what a terminal shows of it is what stands there.
bool is_one_line(std::string_view text) {
  return !first_invalid_utf8(text) && std::none_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
}

// A fallback comes to the script as an argument would: what text says of a duration or a moment is read.
void read_fallback(const Field& field, Value& value) {
  const std::string* text = value.find<std::string>();
  if (!text) return;
  if (field.type == FieldType::duration)
    if (std::optional<Duration> duration = parse_duration(*text)) value = *duration;
  if (field.type == FieldType::timestamp)
    if (std::optional<Timestamp> at = parse_timestamp(*text)) value = *at;
}

bool fits(const Field& field, const Value& value) {
  auto each_fits = [&](const auto& items, auto&& value_of) {
    return field.items.empty() || std::all_of(items.begin(), items.end(),
                                              [&](const auto& item) { return fits(field.items[0], value_of(item)); });
  };
  const List* list = value.find<List>();
  const Map* map = value.find<Map>();
  switch (field.type) {
    case FieldType::any:
      return true;
    case FieldType::integer:
      return value.is<int64_t>();
    case FieldType::number:
      return value.is<int64_t>() || value.is<double>();
    case FieldType::boolean:
      return value.is<bool>();
    case FieldType::duration:
      return value.is<Duration>();
    case FieldType::timestamp:
      return value.is<Timestamp>();
    case FieldType::choice:
      return value.is<std::string>() &&
             std::find(field.choices.begin(), field.choices.end(), value.get<std::string>()) != field.choices.end();
    case FieldType::list:
      return list && each_fits(*list, [](const Value& item) -> const Value& { return item; });
    case FieldType::map:
    case FieldType::object:  // the empty table is a list
      return (list && list->empty()) ||
             (map && each_fits(*map, [](const auto& item) -> const Value& { return item.second; }));
    default: {
      if (!value.is<std::string>()) return false;
      if (field.pattern.empty()) return true;
      tl::expected<Regex, std::string> regex = Regex::compile(field.pattern);
      return !regex || regex->search(value.get<std::string>(), 0).has_value();
    }
  }
}

bool is_name(std::string_view text) {
  if (text.empty() || text[0] < 'a' || text[0] > 'z') return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

// Reads one definition, which stands as plain data here: functions are marked by their keys.
class Reading {
 public:
  Reading(const SourceFile& source, uint32_t file, int64_t line, const KnownNames& known, Diagnostics& problems)
      : source_(source), file_(file), line_(line), known_(known), problems_(problems) {}

  // What a word is in a file: the same may stand there as a key, and as a text.
  enum class Word { key, text };
  // The place of a word from the definition's line on, or that line. A key is looked for in front of a `=`, a text in
  // quotes; where there is none, any place will do.
  Span place(std::string_view word, Word as = Word::key) const {
    Span line = line_of(source_, file_, line_), any = line;
    if (word.empty()) return line;
    const std::string& text = source_.text;
    auto is_letter = [](char c) { return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_'; };
    auto at_or_space = [&text](size_t at) { return at < text.size() ? text[at] : ' '; };
    for (size_t at = text.find(word, std::max<size_t>(line.begin, from_)); at != std::string::npos;
         at = text.find(word, at + 1)) {
      const size_t end = at + word.size();
      const char before = at == 0 ? ' ' : text[at - 1];
      if (is_letter(before) || is_letter(at_or_space(end))) continue;
      const Span here{file_, static_cast<uint32_t>(at), static_cast<uint32_t>(end)};
      const size_t next = std::min(text.find_first_not_of(" \t", end), text.size());
      const bool is_key = at_or_space(next) == '=' && at_or_space(next + 1) != '=';
      const bool is_quoted = (before == '"' || before == '\'') && at_or_space(end) == before;
      if (as == Word::key ? is_key : is_quoted) return here;
      if (any.begin == line.begin && any.end == line.end) any = here;
    }
    return any;
  }
  void refuse(std::string_view word, std::string message, std::string help = {}, Word as = Word::key) {
    problems_.push_back({Severity::error, "bad-action", place(word, as), std::move(message), std::move(help), {}});
  }
  void refuse_text(std::string_view word, std::string message, std::string help = {}) {
    refuse(word, std::move(message), std::move(help), Word::text);
  }
  // A word that must be one of those that are known; the help names the nearest, or all.
  template <class Known>
  bool is_known(std::string_view word, const Known& known, const std::string& message, std::string_view all_are,
                Word as = Word::text) {
    if (std::find(known.begin(), known.end(), word) != known.end()) return true;
    std::vector<std::string_view> names(known.begin(), known.end());
    std::string_view near = nearest(word, names);
    std::string all;
    for (std::string_view name : names) all += (all.empty() ? "" : ", ") + quoted(name);
    refuse(word, message, near.empty() ? std::string(all_are) + " " + all : "did you mean " + quoted(near) + "?", as);
    return false;
  }
  template <class Known>
  bool is_known(std::string_view key, const Known& known, std::string_view what) {
    return is_known(key, known, std::string(what) + " has no key " + quoted(key), "it may have", Word::key);
  }

  std::string text(const Map& map, std::string_view key, std::string_view of) {
    const Value* value = member(map, key);
    if (!value) return {};
    if (const std::string* found = value->find<std::string>()) return *found;
    refuse(key, quoted(key) + " of " + std::string(of) + " must be text, and is " + with_article(type_name(*value)));
    return {};
  }
  // Text that is shown beside others.
  std::string line(const Map& map, std::string_view key, std::string_view of) {
    std::string said = text(map, key, of);
    if (is_one_line(said)) return said;
    refuse(key, quoted(key) + " of " + std::string(of) + " must be one line of text, without control characters");
    return {};
  }
  bool flag(const Map& map, std::string_view key, std::string_view of) {
    const Value* value = member(map, key);
    if (!value) return false;
    if (const bool* found = value->find<bool>()) return *found;
    refuse(key, quoted(key) + " of " + std::string(of) + " must be true or false");
    return false;
  }
  // A map, where the empty table of Lua is one, too.
  const Map* map_of(const Map& map, std::string_view key, std::string_view of) {
    static const Map none;
    const Value* value = member(map, key);
    if (!value) return nullptr;
    if (const Map* found = value->find<Map>()) return found;
    if (const List* list = value->find<List>(); list && list->empty()) return &none;
    refuse(key, quoted(key) + " of " + std::string(of) + " must be a table of names");
    return nullptr;
  }
  std::vector<std::string> words(const Map& map, std::string_view key, std::string_view of) {
    std::vector<std::string> out;
    const Value* value = member(map, key);
    if (!value) return out;
    const List* list = value->find<List>();
    for (const Value& item : list ? *list : List{}) {
      if (const std::string* word = item.find<std::string>()) out.push_back(*word);
    }
    if (!list || out.size() != list->size() || out.empty())
      refuse(key, quoted(key) + " of " + std::string(of) + " must be a list of texts");
    return out;
  }

  void refuse_effect(std::string_view action, const std::string& said) {
    constexpr std::array<std::string_view, 3> effects = {"read", "write", "destructive"};
    const std::string must = "`effect` of " + quoted(action) + " must be `read`, `write` or `destructive`";
    std::string_view near = said.empty() ? "" : nearest(said, {effects.begin(), effects.end()});
    refuse_text(said, must, near.empty() ? "" : "did you mean " + quoted(near) + "?");
  }

  // Groups of fields of which exactly one must be given.
  void read_groups(const std::string& name, const Value& said, Action& action) {
    const List* groups = said.find<List>();
    if (!groups || groups->empty() ||
        std::any_of(groups->begin(), groups->end(), [](const Value& group) { return !group.is<List>(); }))
      return refuse("one_of", "`one_of` of " + quoted(name) + " must be a list of lists of fields",
                    "`one_of = {{\"file\", \"url\"}}`");
    std::vector<std::string> names;
    for (const Field& field : action.fields) names.push_back(field.name);
    for (const Value& group : *groups) {
      action.one_of.push_back(words(Map{{"one_of", group}}, "one_of", quoted(name)));
      for (const std::string& word : action.one_of.back()) {
        if (!is_known(word, names, "`one_of` names `" + word + "`, which is no field of " + quoted(name),
                      names.empty() ? "it has no fields" : "its fields are"))
          continue;
        const auto field = std::find_if(action.fields.begin(), action.fields.end(),
                                        [&word](const Field& one) { return one.name == word; });
        if (field->required)
          refuse(word, "field " + quoted(word) + " is required, and `one_of` would let another stand instead of it");
      }
    }
  }

  Field field(const std::string& name, const Value& value, Map& fallbacks, int depth = 0) {
    // What is wrong inside of it is looked for behind its name.
    struct Behind {
      size_t& from;
      size_t before;
      ~Behind() { from = before; }
    } const behind{from_, from_};
    from_ = place(name).begin;
    Field field;
    field.name = name;
    const Map* said = value.find<Map>();
    const std::string* type_alone = value.find<std::string>();
    std::string of = "field " + quoted(name);
    if (!said && !type_alone) {
      refuse(name, of + " must be a table like `{type = \"string\", required = true}`");
      return field;
    }
    Map short_form;
    if (type_alone) {
      short_form = Map{{"type", *type_alone}};
      said = &short_form;
    }
    for (const auto& [key, ignored] : *said) (void)is_known(key, field_keys, "a field");
    std::string type = member(*said, "type") ? text(*said, "type", of) : "string";
    const auto* known = std::find_if(types.begin(), types.end(), [&](const TypeName& row) { return row.name == type; });
    if (type == "url") {
      field.type = FieldType::url;
    } else if (known == types.end()) {
      std::vector<std::string_view> names = {"url"};
      for (const TypeName& row : types) names.push_back(row.name);
      (void)is_known(type, names, "no type is called " + quoted(type), "the types are");
    } else {
      field.type = known->type;
    }
    if (type == "date") field.pattern = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$";
    field.required = flag(*said, "required", of);
    field.meaning = line(*said, "description", of);
    field.opens_secrets = flag(*said, "secret", of);
    if (member(*said, "pattern")) {
      field.pattern = text(*said, "pattern", of);
      if (tl::expected<Regex, std::string> regex = Regex::compile(field.pattern); !regex)
        refuse("pattern", quoted("pattern") + " of " + of + " cannot be used: " + regex.error());
      if (field.type != FieldType::text && field.type != FieldType::path && field.type != FieldType::url)
        refuse("pattern", "only text has a `pattern`, and " + of + " is " + with_article(type));
    }
    if (field.type == FieldType::choice) {
      field.choices = words(*said, "values", of);
      if (!member(*said, "values")) refuse(name, of + " is an enum: it needs its `values`");
    }
    if (member(*said, "kinds")) field.kinds = words(*said, "kinds", of);
    for (const std::string& kind : field.kinds)
      (void)is_known(kind, known_.kinds, "no kind of connection is called " + quoted(kind), "the kinds are");
    // What another type would look at.
    auto belongs = [&](std::string_view key, bool fitting, std::string_view to) {
      if (member(*said, key) && !fitting && (known != types.end() || type == "url"))
        refuse(key, "only " + std::string(to) + " has " + quoted(key) + ", and " + of + " is " + with_article(type));
    };
    const bool is_list_or_map = field.type == FieldType::list || field.type == FieldType::map;
    belongs("kinds", field.type == FieldType::connection, "a connection");
    belongs("values", field.type == FieldType::choice, "an enum");
    belongs("of", is_list_or_map, "a list or a map");
    belongs("fields", field.type == FieldType::object, "an object");
    if (const Value* items = member(*said, "of")) {
      Map ignored;
      field.items = {this->field(name, *items, ignored, depth + 1)};
    }
    if (field.type == FieldType::object)
      if (const Map* inner = map_of(*said, "fields", of))
        for (const auto& [inner_name, one] : *inner) {
          Map ignored;
          field.fields.push_back(this->field(inner_name, one, ignored, depth + 1));
        }
    if (const Value* fallback = member(*said, "default")) {
      if (depth > 0) refuse("default", "only a field of the action itself has a `default`");
      if (field.required) refuse("default", of + " is required, and its `default` would never be used");
      if (field.type == FieldType::connection)
        refuse("default", "only a playbook names connections: " + of + " can have no `default`");
      Value read = *fallback;
      read_fallback(field, read);
      // What the field itself is refused for needs no second message.
      if ((known != types.end() || type == "url") && !fits(field, read))
        refuse("default",
               "the `default` of " + of + " must be what the field takes, " + with_article(type) +
                   (field.pattern.empty() || type == "date" ? "" : " that matches " + quoted(field.pattern)) +
                   ", and is " + with_article(type_name(*fallback)));
      fallbacks[name] = std::move(read);
    }
    if (const Value* example = member(*said, "example")) {
      Value read = *example;
      read_fallback(field, read);
      const std::string* text = example->find<std::string>();
      const std::string shown = text ? *text : print_json(*example);
      if (!is_one_line(shown)) {
        refuse("example", "the `example` of " + of + " must be one line");
      } else if ((known != types.end() || type == "url") && !fits(field, read)) {
        refuse("example",
               "the `example` of " + of + " must be what the field takes, " + with_article(type) +
                   (field.pattern.empty() || type == "date" ? "" : " that matches " + quoted(field.pattern)) +
                   ", and is " + quoted(shown));
      }
      field.meaning += (field.meaning.empty() ? "as in `" : ", as in `") + shown + "`";
    }
    return field;
  }

 private:
  const SourceFile& source_;
  uint32_t file_;
  int64_t line_;
  const KnownNames& known_;
  Diagnostics& problems_;
  size_t from_ = 0;  // words are looked for from here on
};

// The definition on top of the stack as data: its functions are told by name, all else is copied.
Map data_of(lua_State* lua, std::vector<std::string>& functions) {
  Map out;
  int table = lua_gettop(lua);
  lua_pushnil(lua);
  while (lua_next(lua, table) != 0) {
    if (lua_type(lua, -2) != LUA_TSTRING)
      raise(lua, std::string("an action is defined by named keys: `summary = ...`"));
    std::string key = lua_tostring(lua, -2);
    if (lua_isfunction(lua, -1) != 0) {
      functions.push_back(key);
    } else {
      out.emplace(key, value_at(lua, -1, key.c_str()));
    }
    lua_pop(lua, 1);
  }
  return out;
}

// What a step keeps of what `run` gives: always a map.
Value result_of(const Value& given) {
  const List* list = given.find<List>();
  if (given.is<Map>()) return given;
  return given.is_null() || (list && list->empty()) ? Value(Map{}) : Value(Map{{"value", given}});
}

void read_examples(Reading& reading, const std::string& name, const Map& said, ScriptSet& out) {
  const Value* value = member(said, "examples");
  if (!value) return;
  const List* list = value->find<List>();
  if (!list) return reading.refuse("examples", "`examples` must be a list of tables");
  for (const Value& item : *list) {
    const Map* map = item.find<Map>();
    if (!map) {
      reading.refuse("examples", "an example is a table like `{args = {...}, preview = \"...\"}`");
      continue;
    }
    for (const auto& [key, ignored] : *map) (void)reading.is_known(key, example_keys, "an example");
    ScriptExample example;
    example.action = name;
    example.at = reading.place("examples");
    if (const Map* args = reading.map_of(*map, "args", "an example")) example.args = *args;
    if (const Map* answers = reading.map_of(*map, "answers", "an example")) example.answers = *answers;
    if (const Value* wanted = member(*map, "preview")) example.preview = *wanted;
    if (const Value* wanted = member(*map, "result")) example.result = result_of(*wanted);
    if (member(*map, "fails")) example.fails = reading.text(*map, "fails", "an example");
    if (!example.preview && !example.result && !example.fails)
      reading.refuse("examples", "an example of " + quoted(name) + " expects nothing",
                     "give it `preview`, `result` or `fails`");
    out.examples.push_back(std::move(example));
  }
}

// What a function of the extension gives for its arguments, one after the other.
void read_function_example(Reading& reading, const std::string& module, const std::vector<std::string>& functions,
                           const std::string& name, const Map& said, ScriptSet& out) {
  const std::string function = module + "." + name;
  if (std::find(functions.begin(), functions.end(), function) == functions.end()) {
    std::vector<std::string_view> ours;
    for (const std::string& one : functions)
      if (one.starts_with(module + ".")) ours.push_back(std::string_view(one).substr(module.size() + 1));
    const std::string_view near = nearest(name, ours);
    return reading.refuse_text(
        name, "an example is of a function that the file returns, and " + quoted(name) + " is none",
        near.empty() ? "an example of an action stands in its `examples`" : "did you mean " + quoted(near) + "?");
  }
  for (const auto& [key, ignored] : said) (void)reading.is_known(key, function_example_keys, "an example");
  ScriptExample example;
  example.function = function;
  example.at = reading.place(name, Reading::Word::text);
  if (const Value* args = member(said, "args")) {
    const List* list = args->find<List>();
    if (!list)
      reading.refuse("args", "`args` of an example of a function is a list: its arguments, one after the other");
    if (list) example.arguments = *list;
  }
  if (const Value* wanted = member(said, "result")) example.result = *wanted;
  if (member(said, "fails")) example.fails = reading.text(said, "fails", "an example");
  if (!example.result && !example.fails)
    reading.refuse_text(name, "this example of " + quoted(name) + " expects nothing", "give it `result` or `fails`");
  out.examples.push_back(std::move(example));
}

}  // namespace

Span line_of(const SourceFile& source, uint32_t file, int64_t line) {
  size_t begin = 0;
  for (int64_t i = 1; i < line; ++i) {
    size_t next = source.text.find('\n', begin);
    if (next == std::string::npos) break;
    begin = next + 1;
  }
  size_t end = std::min(source.text.find('\n', begin), source.text.size());
  while (begin < end && (source.text[begin] == ' ' || source.text[begin] == '\t')) ++begin;
  while (end > begin && (source.text[end - 1] == ' ' || source.text[end - 1] == '\r')) --end;
  return {file, static_cast<uint32_t>(begin),
          static_cast<uint32_t>(std::max(end, std::min(begin + 1, source.text.size())))};
}

void read_definitions(ScriptState& state, const std::shared_ptr<const ScriptLibrary>& library, size_t chunk,
                      const SourceFile& source, uint32_t file, const KnownNames& known, ScriptSet& out,
                      Diagnostics& problems) {
  struct Raw {
    Map data;
    std::vector<std::string> functions;
    int64_t line = 1;
    bool is_defined = false;
  };
  std::map<std::string, Raw> found;
  Result<void> read = state.box.protect([&](lua_State* lua) {
    ScriptState::push_definitions(lua);
    lua_pushnil(lua);
    while (lua_next(lua, -2) != 0) {
      Raw raw;
      lua_getfield(lua, -1, "line");
      raw.line = lua_tointeger(lua, -1);
      lua_pop(lua, 1);
      raw.is_defined = lua_getfield(lua, -1, "definition") != LUA_TNIL;
      if (raw.is_defined) raw.data = data_of(lua, raw.functions);
      lua_pop(lua, 2);
      found.emplace(lua_tostring(lua, -1), std::move(raw));
    }
  });
  if (!read) {
    problems.push_back({Severity::error, "bad-action", line_of(source, file, 1), read.error().message, "", {}});
    return;
  }
  for (auto& [name, raw] : found) {
    Reading reading(source, file, raw.line, known, problems);
    const size_t before = problems.size();
    if (!raw.is_defined) {
      reading.refuse_text(name, quoted(name) + " is named here, and nothing says what it is",
                          "`action \"" + name + "\" {summary = ..., effect = ..., run = function(args, ctx) ... end}`");
      continue;
    }
    if (!is_name(name))
      reading.refuse_text(name, "the name of an action is made of a-z, 0-9 and `_` and begins with a letter, and " +
                                    quoted(name) + " is not");
    bool is_taken = std::find(known.taken.begin(), known.taken.end(), name) != known.taken.end() ||
                    std::any_of(out.actions.begin(), out.actions.end(),
                                [&, &own = name](const Action& a) { return a.name == own; });
    if (is_taken)
      reading.refuse_text(name, "an action or a key of steps is called " + quoted(name) + " already",
                          "choose another name");
    for (const auto& [key, ignored] : raw.data) (void)reading.is_known(key, definition_keys, "an action");
    for (const std::string& key : raw.functions) (void)reading.is_known(key, definition_keys, "an action");
    auto has = [&, &own = name, &functions = raw.functions, &data = raw.data](std::string_view key) {
      if (std::find(functions.begin(), functions.end(), key) != functions.end()) return true;
      if (member(data, key)) reading.refuse(key, quoted(key) + " of " + quoted(own) + " must be a function");
      return false;
    };
    ScriptedAction scripted;
    scripted.library = library;
    scripted.chunk = chunk;
    scripted.name = name;
    Action action;
    action.name = name;
    action.origin = library->chunks()[chunk].path;
    action.summary = reading.line(raw.data, "summary", quoted(name));
    const Value* summary = member(raw.data, "summary");
    if (!summary || (summary->is<std::string>() && summary->get<std::string>().empty()))
      reading.refuse("", quoted(name) + " needs a `summary`: one line for people");
    std::string effect_name = reading.text(raw.data, "effect", quoted(name));
    std::optional<Effect> effect = effect_of(effect_name);
    if (!effect) reading.refuse_effect(name, effect_name);
    if (const Map* fields = reading.map_of(raw.data, "fields", quoted(name)))
      for (const auto& [field_name, field] : *fields) {
        if (!is_name(field_name))
          reading.refuse(field_name,
                         "the name of a field is made of a-z, 0-9 and `_`, and " + quoted(field_name) + " is not");
        action.fields.push_back(reading.field(field_name, field, scripted.fallbacks));
      }
    // Required ones first: so they are read best.
    std::stable_sort(action.fields.begin(), action.fields.end(),
                     [](const Field& a, const Field& b) { return a.required > b.required; });
    if (const Map* results = reading.map_of(raw.data, "results", quoted(name)))
      for (const auto& [result_name, result] : *results) {
        Map ignored;
        Field field = reading.field(result_name, result, ignored);
        action.results.push_back({result_name, field.type, field.meaning});
      }
    if (const Value* groups = member(raw.data, "one_of")) reading.read_groups(name, *groups, action);
    if (!has("run") && !member(raw.data, "run"))
      reading.refuse("", quoted(name) + " needs `run`: the function that does it");
    scripted.has_preview = has("preview");
    scripted.has_probe = has("probe");
    scripted.has_rollback = has("rollback");
    if (effect == Effect::read)
      for (std::string_view key : {"probe", "rollback"})
        if (std::find(raw.functions.begin(), raw.functions.end(), key) != raw.functions.end())
          reading.refuse(key, quoted(name) + " only reads: there is nothing to " +
                                  (key == "probe" ? "settle after a crash" : "undo") + ", and " + quoted(key) +
                                  " would never be called");
    read_examples(reading, name, raw.data, out);
    if (problems.size() > before) continue;
    scripted.effect = *effect;
    give_life(action, std::move(scripted));
    out.actions.push_back(std::move(action));
  }
}

void read_function_examples(ScriptState& state, const std::string& module, const std::vector<std::string>& functions,
                            const SourceFile& source, uint32_t file, const KnownNames& known, ScriptSet& out,
                            Diagnostics& problems) {
  struct Raw {
    std::string function;
    int64_t line = 1;
    Map data;
    std::vector<std::string> functions;  // its keys that are some
  };
  std::vector<Raw> found;
  Result<void> read = state.box.protect([&](lua_State* lua) {
    ScriptState::push_examples(lua);
    const auto count = static_cast<lua_Integer>(lua_rawlen(lua, -1));
    for (lua_Integer i = 1; i <= count; ++i) {
      Raw raw;
      lua_rawgeti(lua, -1, i);
      lua_getfield(lua, -1, "function");
      raw.function = lua_tostring(lua, -1);
      lua_getfield(lua, -2, "line");
      raw.line = lua_tointeger(lua, -1);
      lua_pop(lua, 2);
      lua_getfield(lua, -1, "definition");
      raw.data = data_of(lua, raw.functions);
      lua_pop(lua, 2);
      found.push_back(std::move(raw));
    }
  });
  if (!read) {
    problems.push_back({Severity::error, "bad-action", line_of(source, file, 1), read.error().message, "", {}});
    return;
  }
  for (const Raw& raw : found) {
    Reading reading(source, file, raw.line, known, problems);
    if (!raw.functions.empty()) {
      reading.refuse(raw.functions[0],
                     "an example is made of values, and " + quoted(raw.functions[0]) + " is a function");
      continue;
    }
    read_function_example(reading, module, functions, raw.function, raw.data, out);
  }
}

}  // namespace muster
