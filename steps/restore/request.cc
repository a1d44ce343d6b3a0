#include "steps/restore/request.h"

#include <utility>

#include "interpreter/action/action.h"
#include "steps/archive/key_fields.h"
#include "steps/restore/s3_files.h"
#include "steps/rows/rows_file.h"

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
  return field("litestream", FieldType::path, "a Litestream 0.3 replica: its directory, or s3://BUCKET/FOLDER");
}
Field s3_field() {
  Field out = field("connection", FieldType::connection, "the store of an s3:// URL");
  out.kinds = {"s3"};
  out.used_with = "litestream";
  out.used_with_start = s3_scheme;
  return out;
}
Field newest_field() {
  return field("newest", FieldType::path, "a pattern like /backup/app-*.sqlite: the newest of them that is sound");
}

Result<std::string> target_path(const Value& target, TargetKind& kind) {
  if (const Value* directory = member(target, "directory"); directory && directory->is<std::string>()) {
    kind = TargetKind::directory;
    std::string path = directory->get<std::string>();
    while (path.size() > 1 && path.ends_with('/')) path.pop_back();
    return path;
  }
  if (const Value* connection = member(target, "connection")) {
    if (const Value* path = member(*connection, "path"); path && path->is<std::string>()) {
      return path->get<std::string>();
    }
    return fail(ErrorCode::invalid, "the target's connection is neither SQLite nor PostgreSQL");
  }
  if (const Value* path = member(target, "sqlite"); path && path->is<std::string>()) return path->get<std::string>();
  return fail(ErrorCode::invalid, "`target` names no `connection`, `sqlite`, `directory` or `rows`");
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
  out.counts_of_metadata = member(value, "record_counts") != nullptr;
}

}  // namespace

std::vector<Field> restore_fields() {
  Field connection = field("connection", FieldType::connection,
                           "the SQLite connection whose file, or the PostgreSQL connection whose database is replaced");
  connection.kinds = {"sqlite", "postgres"};
  Field target =
      object("target", "what is replaced",
             {connection, field("sqlite", FieldType::path, "path of a SQLite database file; it may be missing"),
              field("directory", FieldType::path, "path of a directory; it may be missing"),
              rows_field("rows of a table, which their backup replaces in one transaction")});
  target.one_of = {{"connection", "sqlite", "directory", "rows"}};

  std::vector<Field> sources = key_fields();
  sources.insert(
      sources.begin(),
      {field("file", FieldType::path, "a backup: a database file, packed or not, or an archive"), newest_field(),
       litestream_field(), s3_field(),
       field("archive", FieldType::path, "a tar archive, packed by gzip or zstd, encrypted or not"),
       field("dump", FieldType::path,
             "SQL statements that make the database, as `sqlite3 .dump` or `pg_dump` write them, or a dump of "
             "`pg_dump -Fc`"),
       field("artifact", FieldType::text, "what the result of a `backup` calls so")});
  Field from = object("from", "where the backup is", std::move(sources));
  from.one_of = {{"file", "newest", "litestream", "archive", "dump", "artifact"}};
  Field list = object("list", "only list what could be restored", {litestream_field(), s3_field(), newest_field()});
  list.one_of = {{"litestream", "newest"}};

  Field tables = field("tables", FieldType::list, "tables that must be there");
  Field rows = field("min_rows", FieldType::map, "least number of rows, by table");
  rows.items = {field("rows", FieldType::integer, "least number of rows")};
  Field integrity = field("integrity", FieldType::choice, "how deep SQLite checks the copy; full by default");
  integrity.choices = {"full", "quick"};
  Field counts = field("record_counts", FieldType::choice, "metadata: as many rows as the backup's manifest says");
  counts.choices = {"metadata"};
  Field expect =
      object("expect", "what the backup must be before it may replace the target",
             {tables, rows, field("schema_version", FieldType::integer, "the database's user_version"),
              field("max_age", FieldType::duration, "how old the restored moment may be at most"), integrity, counts});
  return {
      target,
      from,
      field("at", FieldType::timestamp, "the moment to go back to; the newest when left out"),
      list,
      expect,
      field("keep_old", FieldType::boolean, "keep the replaced database beside the target; true by default"),
  };
}

bool is_listing(const Map& args) { return member(args, "list") != nullptr; }

Result<From> from_of(const Map& args, std::string_view name) {
  const Value* source = member(args, name);
  if (!source || !source->is<Map>()) return fail(ErrorCode::invalid, "`" + std::string(name) + "` is missing");
  const Map& object = source->get<Map>();
  From from;
  for (auto [word, kind] : {std::pair{"litestream", FromKind::litestream}, std::pair{"file", FromKind::file},
                            std::pair{"newest", FromKind::newest}, std::pair{"archive", FromKind::archive},
                            std::pair{"dump", FromKind::dump}, std::pair{"artifact", FromKind::artifact}}) {
    if (!member(object, word)) continue;
    from.kind = kind;
    from.where = text_of(object, word);
    if (from.where.empty()) return fail(ErrorCode::invalid, "`" + std::string(name) + "." + word + "` is empty");
  }
  if (from.where.empty()) return fail(ErrorCode::invalid, "`" + std::string(name) + "` names no source");
  if (member(object, "key") && member(object, "passphrase"))
    return fail(ErrorCode::invalid,
                "`" + std::string(name) + "` has both `key` and `passphrase`, and takes one of them");
  Result<std::optional<ArchiveKey>> key = key_of(object);
  if (!key) return pass(key.error());
  from.key = std::move(*key);
  if (from.key && from.kind == FromKind::litestream)
    return fail(ErrorCode::invalid, "a Litestream replica is read without a key: encrypted ones are not read");
  constexpr std::string_view file_url = "file://";
  const Value* connection = member(object, "connection");
  bool is_s3 = from.kind == FromKind::litestream && from.where.starts_with(s3_scheme);
  if (connection && from.kind != FromKind::litestream)
    return fail(ErrorCode::invalid, "`" + std::string(name) + ".connection` belongs to an s3:// URL");
  if (is_s3) {
    if (!connection) {
      return fail(ErrorCode::invalid, "`" + from.where + "` needs a `connection` of kind `s3` beside it",
                  "declare one under `connections:` with bucket, region and keys");
    }
    from.connection = connection_of(*connection);
    Result<S3Folder> folder = parse_s3_url(from.where);
    if (!folder) return pass(folder.error());
    std::string bucket = text_of(from.connection.settings, "bucket");
    if (bucket != folder->bucket) {
      return fail(ErrorCode::invalid, "`" + from.where + "` lies in the bucket `" + folder->bucket +
                                          "`, and the connection `" + from.connection.name + "` is to `" + bucket +
                                          "`");
    }
  } else if (from.where.starts_with(file_url)) {
    from.where = from.where.substr(file_url.size());
  } else if (size_t colon = from.where.find("://"); colon != std::string::npos) {
    return fail(ErrorCode::invalid,
                "`" + from.where + "` is a URL of kind `" + from.where.substr(0, colon) +
                    "`: replicas in directories and " + "under `s3://` are read, other backups in directories",
                "copy it to a directory with a tool that keeps file times, and name that directory");
  }
  return from;
}

Result<RestoreRequest> restore_request(const Map& args) {
  RestoreRequest request;
  const Value* target = member(args, "target");
  if (!target) return fail(ErrorCode::invalid, "`restore` needs `target` and `from`, or `list`");
  const Value* server = member(*target, "connection");
  const Value* kind = server ? member(*server, "kind") : nullptr;
  bool is_server = kind && same(*kind, "postgres");
  if (is_server) {
    request.target_kind = TargetKind::postgres;
    request.connection = connection_of(*server);
  }
  const Value* rows = member(*target, "rows");
  bool is_rows = rows && rows->is<Map>();
  if (is_rows) {
    request.target_kind = TargetKind::rows;
    request.rows = rows->get<Map>();
  }
  Result<std::string> path =
      is_server || is_rows ? Result<std::string>("-") : target_path(*target, request.target_kind);
  if (!path) return pass(path.error());
  if (path->empty() || path->back() == '/' || path->find('\0') != std::string::npos) {
    return fail(ErrorCode::invalid,
                "`" + *path + "` does not name a database file or directory that could be replaced");
  }
  request.target = std::move(*path);
  if (!member(args, "from")) return fail(ErrorCode::invalid, "`restore` with `target` also needs `from`");
  Result<From> from = from_of(args, "from");
  if (!from) return pass(from.error());
  request.from = std::move(*from);
  if (const Value* at = member(args, "at"); at && at->is<Timestamp>()) request.at = at->get<Timestamp>();
  if (const Value* expect = member(args, "expect")) read_expectation(*expect, request.expect);
  if (const Value* keep = member(args, "keep_old"); keep && keep->is<bool>()) request.keep_old = keep->get<bool>();
  if (is_server) {
    if (request.from.kind == FromKind::litestream)
      return fail(ErrorCode::invalid, "a PostgreSQL database is restored from a dump, not from a replica of SQLite");
    if (request.expect.schema_version)
      return fail(ErrorCode::invalid, "`expect.schema_version` is SQLite's user_version; PostgreSQL has none");
  }
  if (is_rows) {
    if (request.from.kind == FromKind::litestream || request.from.kind == FromKind::dump)
      return fail(ErrorCode::invalid, "rows are restored from a backup of rows, not from a whole database's");
    if (!request.expect.tables.empty() || request.expect.schema_version)
      return fail(ErrorCode::invalid,
                  "`expect` of rows takes `min_rows`, `max_age` and `record_counts`; tables and schema versions are a "
                  "database's");
  }
  if (request.target_kind == TargetKind::directory) {
    if (request.from.kind == FromKind::litestream || request.from.kind == FromKind::dump)
      return fail(ErrorCode::invalid, "a directory is restored from an archive, not from a database's replica or dump");
    if (!request.expect.tables.empty() || request.expect.schema_version)
      return fail(ErrorCode::invalid,
                  "`expect` of a directory takes `min_rows: {files: N}`, `max_age` and "
                  "`record_counts`; tables and schema versions are a database's");
  }
  return request;
}

}  // namespace muster
