#include "tests/golden/test_actions.h"

namespace muster {
namespace {

Field field(std::string name, FieldType type, bool required = false) {
  Field f;
  f.name = std::move(name);
  f.type = type;
  f.required = required;
  f.meaning = "";
  return f;
}

Field list_of(std::string name, FieldType items) {
  Field f = field(std::move(name), FieldType::list);
  f.items = {field("", items)};
  return f;
}

Field map_of(std::string name, FieldType items) {
  Field f = field(std::move(name), FieldType::map);
  f.items = {field("", items)};
  return f;
}

Field open_to_secrets(Field f) {
  f.opens_secrets = true;
  return f;
}

Field object(std::string name, std::vector<Field> fields) {
  Field f = field(std::move(name), FieldType::object);
  f.fields = std::move(fields);
  return f;
}

Field choice(std::string name, std::vector<std::string> choices) {
  Field f = field(std::move(name), FieldType::choice);
  f.choices = std::move(choices);
  return f;
}

Field connection(std::string name, std::vector<std::string> kinds, bool required = false) {
  Field f = field(std::move(name), FieldType::connection, required);
  f.kinds = std::move(kinds);
  return f;
}

std::vector<ResultField> results(std::initializer_list<const char*> names) {
  std::vector<ResultField> all;
  for (const char* name : names) all.push_back({name, FieldType::any, ""});
  return all;
}

Action shell() {
  Action a;
  a.name = "shell";
  a.fields = {list_of("argv", FieldType::text),
              field("script", FieldType::script),
              open_to_secrets(map_of("env", FieldType::text)),
              field("cwd", FieldType::path),
              connection("connection", {"ssh"}),
              open_to_secrets(field("stdin", FieldType::text)),
              list_of("exit_codes", FieldType::integer),
              choice("parse", {"json", "lines", "csv"})};
  a.one_of = {{"argv", "script"}};
  a.results = results({"exit_code", "stdout", "stderr", "value"});
  a.effect = [](const Map&) { return Effect::write; };
  a.effect_may_be_declared = true;
  return a;
}

Action sql() {
  Action a;
  a.name = "sql";
  a.fields = {connection("connection", {"sqlite", "postgres"}, true),
              field("query", FieldType::script),
              field("execute", FieldType::script),
              choice("check", {"integrity", "quick"}),
              open_to_secrets(map_of("bind", FieldType::any)),
              map_of("names", FieldType::text),
              field("max_rows", FieldType::integer),
              field("transaction", FieldType::boolean),
              field("marker_row", FieldType::boolean)};
  a.one_of = {{"query", "execute", "check"}};
  a.results = results({"rows", "row", "value", "row_count", "changes", "intact"});
  a.effect = [](const Map& args) { return args.contains("execute") ? Effect::write : Effect::read; };
  return a;
}

Action http() {
  Action a;
  a.name = "http";
  a.fields = {field("get", FieldType::url),
              field("post", FieldType::url),
              connection("connection", {"http"}),
              open_to_secrets(map_of("headers", FieldType::text)),
              open_to_secrets(field("json", FieldType::any)),
              field("timeout", FieldType::duration),
              field("since", FieldType::timestamp)};
  a.one_of = {{"get", "post"}};
  a.results = results({"status", "headers", "body", "value"});
  a.effect = [](const Map& args) { return args.contains("post") ? Effect::write : Effect::read; };
  a.effect_may_be_declared = true;
  return a;
}

Action restore() {
  Field from = object(
      "from", {field("file", FieldType::path), field("litestream", FieldType::text), field("newest", FieldType::path)});
  from.one_of = {{"file", "litestream", "newest"}};
  Field list = from;
  list.name = "list";
  Field target = object("target", {connection("connection", {"sqlite", "postgres"}), field("sqlite", FieldType::path)});
  target.one_of = {{"connection", "sqlite"}};
  Action a;
  a.name = "restore";
  a.fields = {target,
              from,
              list,
              field("at", FieldType::timestamp),
              field("keep_old", FieldType::boolean),
              object("expect", {list_of("tables", FieldType::text), field("max_age", FieldType::duration),
                                field("min_rows", FieldType::integer)})};
  a.one_of = {{"from", "list"}};
  a.results =
      results({"source", "at", "age", "file", "records", "moved_aside", "sha256", "points", "latest", "oldest"});
  a.effect = [](const Map& args) { return args.contains("list") ? Effect::read : Effect::destructive; };
  a.rollback = [](const StepInput&, const StepOutput& output, Touch&) -> Result<StepOutput> { return output; };
  return a;
}

Action notify() {
  Action a;
  a.name = "notify";
  a.fields = {field("channel", FieldType::text, true), field("message", FieldType::text, true),
              map_of("fields", FieldType::any)};
  a.effect = [](const Map&) { return Effect::write; };
  return a;
}

}  // namespace

std::vector<Action> test_actions() { return {http(), notify(), restore(), shell(), sql()}; }

}  // namespace muster
