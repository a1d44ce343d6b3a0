#include "steps/backup/request.h"

#include "interpreter/action/action.h"
#include "steps/archive/key_fields.h"

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

Field required(Field out) {
  out.required = true;
  return out;
}

// Part of file names: nothing that a shell, a glob or a path would make more of.
bool is_plain_name(const std::string& name) {
  if (name.empty() || name.size() > 100 || name.front() == '.' || name.front() == '-') return false;
  for (char c : name) {
    bool is_plain =
        (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' || c == '-';
    if (!is_plain) return false;
  }
  return true;
}

Result<void> read_source(const Map& source, BackupRequest& out) {
  if (const Value* directory = member(source, "directory"); directory && directory->is<std::string>()) {
    out.kind = SourceKind::directory;
    out.directory = directory->get<std::string>();
    while (out.directory.size() > 1 && out.directory.ends_with('/')) out.directory.pop_back();
    if (out.directory.empty()) return fail(ErrorCode::invalid, "`source.directory` is empty");
    return {};
  }
  if (const Value* connection = member(source, "connection")) {
    out.connection = connection_of(*connection);
    out.kind = out.connection.kind == "postgres" ? SourceKind::postgres : SourceKind::sqlite;
    return {};
  }
  if (const Value* rows = member(source, "rows"); rows && rows->is<Map>()) {
    Result<TableRows> read = table_rows(rows->get<Map>());
    if (!read) return pass(read.error());
    out.rows = std::move(*read);
    out.kind = SourceKind::rows;
    return {};
  }
  return fail(ErrorCode::invalid, "`source` names no `connection`, `directory` or `rows`");
}

Result<void> read_retention(const Map& retention, BackupRequest& out) {
  if (const Value* keep = member(retention, "keep"); keep && keep->is<int64_t>()) {
    out.keep = keep->get<int64_t>();
    if (*out.keep < 1) {
      return fail(ErrorCode::invalid,
                  "`retention.keep` is " + std::to_string(*out.keep) + ", and at least one is kept");
    }
  }
  if (const Value* age = member(retention, "max_age"); age && age->is<Duration>()) out.max_age = age->get<Duration>();
  return {};
}

}  // namespace

std::vector<Field> backup_fields() {
  Field connection =
      field("connection", FieldType::connection, "a SQLite or PostgreSQL database, which may be in use meanwhile");
  connection.kinds = {"sqlite", "postgres"};
  Field source = object("source", "what is backed up",
                        {connection, field("directory", FieldType::path, "a directory with all that is in it"),
                         rows_field("rows of a table")});
  source.one_of = {{"connection", "directory", "rows"}};
  Field compress = field("compress", FieldType::choice, "how it is packed; zstd when left out");
  compress.choices = {"gzip", "zstd", "none"};
  std::vector<Field> in_archive = key_fields();
  in_archive.insert(in_archive.begin(), compress);
  Field keep = field("keep", FieldType::integer, "so many backups of this name stay");
  Field age = field("max_age", FieldType::duration, "older ones go; the newest never does");
  return {
      required(source),
      required(field("to", FieldType::path, "the directory that backups are kept in; it must be there")),
      required(field("name", FieldType::text, "what file names begin with; the time is put behind it")),
      object("archive", "a compressed or encrypted archive instead of the bare file", std::move(in_archive)),
      object("retention", "which older backups of this name are removed afterwards", {keep, age}),
  };
}

Result<BackupRequest> backup_request(const Map& args) {
  BackupRequest request;
  const Value* source = member(args, "source");
  if (!source || !source->is<Map>()) return fail(ErrorCode::invalid, "`backup` needs `source`");
  if (Result<void> read = read_source(source->get<Map>(), request); !read) return pass(read.error());
  request.to = text_of(args, "to");
  while (request.to.size() > 1 && request.to.ends_with('/')) request.to.pop_back();
  if (request.to.empty()) return fail(ErrorCode::invalid, "`to` is empty: it names the directory of the backups");
  request.name = text_of(args, "name");
  if (!is_plain_name(request.name)) {
    return fail(
        ErrorCode::invalid, "`name` is `" + request.name + "`, and becomes part of a file's name",
        "use up to 100 letters, digits, `.`, `_` and `-`, with a letter or digit first; the time is put behind it");
  }
  const Value* archive = member(args, "archive");
  if (archive && archive->is<Map>()) {
    request.is_archive = true;
    std::string how = text_of(archive->get<Map>(), "compress");
    request.compression = how == "gzip" ? Compression::gzip : how == "none" ? Compression::none : Compression::zstd;
    if (member(archive->get<Map>(), "key") && member(archive->get<Map>(), "passphrase"))
      return fail(ErrorCode::invalid, "`archive` has both `key` and `passphrase`, and takes one of them");
    Result<std::optional<ArchiveKey>> key = key_of(archive->get<Map>());
    if (!key) return pass(key.error());
    request.key = std::move(*key);
  } else if (request.kind == SourceKind::directory) {
    request.is_archive = true;
    request.compression = Compression::zstd;
  }
  if (const Value* retention = member(args, "retention"); retention && retention->is<Map>()) {
    if (Result<void> read = read_retention(retention->get<Map>(), request); !read) return pass(read.error());
  }
  return request;
}

}  // namespace muster
