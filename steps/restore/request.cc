#include "steps/restore/request.h"

namespace muster {

namespace {

Field field(std::string name, FieldType type, std::string meaning) {
  Field out;
  out.name = std::move(name);
  out.type = type;
  out.meaning = std::move(meaning);
  return out;
}

Field object(std::string name, std::string meaning, std::vector<Field> fields) {
  Field out = field(std::move(name), FieldType::object, std::move(meaning));
  out.fields = std::move(fields);
  return out;
}

Field litestream_field() {
  Field out = field("litestream", FieldType::path, "directory of a Litestream 0.3 replica");
  out.required = true;
  return out;
}

Result<std::string> target_path(const Value& target) {
  if (const Value* connection = member(target, "connection")) {
    if (const Value* path = member(*connection, "path"); path && path->is<std::string>()) {
      return path->get<std::string>();
    }
    return fail(ErrorCode::invalid,
                "the target's connection has no path: only SQLite databases are restored in this version");
  }
  if (const Value* path = member(target, "sqlite"); path && path->is<std::string>()) return path->get<std::string>();
  return fail(ErrorCode::invalid, "`target` names neither `connection` nor `sqlite`");
}

void read_expectation(const Value& value, Expectation& out) {
  if (const Value* tables = member(value, "tables"); tables && tables->is<List>()) {
    for (const Value& table : tables->get<List>()) out.tables.push_back(to_text(table));
  }
  if (const Value* counts = member(value, "min_rows"); counts && counts->is<Map>()) {
    for (const auto& [table, least] : counts->get<Map>()) {
      if (least.is<int64_t>()) out.min_rows[table] = least.get<int64_t>();
    }
  }
  if (const Value* version = member(value, "schema_version"); version && version->is<int64_t>()) {
    out.schema_version = version->get<int64_t>();
  }
  if (const Value* age = member(value, "max_age"); age && age->is<Duration>()) out.max_age = age->get<Duration>();
  if (const Value* kind = member(value, "integrity"); kind && kind->is<std::string>()) {
    out.integrity = kind->get<std::string>() == "quick" ? CheckKind::quick : CheckKind::integrity;
  }
}

}  // namespace

std::vector<Field> restore_fields() {
  Field connection = field("connection", FieldType::connection, "a SQLite connection whose file is replaced");
  connection.kinds = {"sqlite"};
  Field target =
      object("target", "the database that is replaced",
             {connection, field("sqlite", FieldType::path, "path of a SQLite database file; it may be missing")});
  target.one_of = {{"connection", "sqlite"}};

  Field tables = field("tables", FieldType::list, "tables that must be there");
  Field rows = field("min_rows", FieldType::map, "least number of rows, by table");
  rows.items = {field("rows", FieldType::integer, "least number of rows")};
  Field integrity = field("integrity", FieldType::choice, "how deep SQLite checks the copy; full by default");
  integrity.choices = {"full", "quick"};
  Field expect =
      object("expect", "what the backup must be before it may replace the target",
             {tables, rows, field("schema_version", FieldType::integer, "the database's user_version"),
              field("max_age", FieldType::duration, "how old the restored moment may be at most"), integrity});
  return {
      target,
      object("from", "where the backup is", {litestream_field()}),
      field("at", FieldType::timestamp, "the moment to go back to; the newest when left out"),
      object("list", "only list the moments of a replica", {litestream_field()}),
      expect,
      field("keep_old", FieldType::boolean, "keep the replaced database beside the target; true by default"),
  };
}

bool is_listing(const Map& args) { return member(args, "list") != nullptr; }

Result<std::string> replica_of(const Map& args, std::string_view name) {
  const Value* source = member(args, name);
  std::string path = source && source->is<Map>() ? text_of(source->get<Map>(), "litestream") : "";
  if (path.empty())
    return fail(ErrorCode::invalid, "`" + std::string(name) + "` needs `litestream`: a replica's directory");
  constexpr std::string_view file_url = "file://";
  if (path.starts_with(file_url)) return path.substr(file_url.size());
  if (size_t colon = path.find("://"); colon != std::string::npos) {
    return fail(ErrorCode::invalid,
                "`" + path + "` is a URL of kind `" + path.substr(0, colon) +
                    "`: replicas in directories are read in this version",
                "copy the replica to a directory with a tool that keeps file times, and name that directory");
  }
  return path;
}

Result<RestoreRequest> restore_request(const Map& args) {
  RestoreRequest request;
  const Value* target = member(args, "target");
  if (!target) return fail(ErrorCode::invalid, "`restore` needs `target` and `from`, or `list`");
  Result<std::string> path = target_path(*target);
  if (!path) return pass(path.error());
  if (path->empty() || path->back() == '/' || path->find('\0') != std::string::npos) {
    return fail(ErrorCode::invalid, "`" + *path + "` does not name a database file");
  }
  request.target = std::move(*path);
  if (!member(args, "from")) return fail(ErrorCode::invalid, "`restore` with `target` also needs `from`");
  Result<std::string> replica = replica_of(args, "from");
  if (!replica) return pass(replica.error());
  request.replica = std::move(*replica);
  if (const Value* at = member(args, "at"); at && at->is<Timestamp>()) request.at = at->get<Timestamp>();
  if (const Value* expect = member(args, "expect")) read_expectation(*expect, request.expect);
  if (const Value* keep = member(args, "keep_old"); keep && keep->is<bool>()) request.keep_old = keep->get<bool>();
  return request;
}

}  // namespace muster
