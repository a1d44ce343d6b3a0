// The action `backup`: a copy of a database or a directory that has been proven before it gets its name.
#include "interpreter/world/redaction.h"
#include "steps/backup/backing_up.h"
#include "steps/backup/retention.h"
#include "steps/postgres/dumping.h"
#include "steps/steps.h"

namespace muster {

namespace {

Result<StepOutput> backup(const StepInput& input, Touch& touch) {
  Result<BackupRequest> request = backup_request(input.args);
  if (!request) return pass(request.error());
  Result<StepOutput> done = BackingUp(std::move(*request), input, touch).run();
  if (!done) return pass(Redaction(input.args, input.opened).error(done.error()));
  return done;
}

std::string how(const BackupRequest& request) {
  if (!request.is_archive && request.kind == SourceKind::postgres) return "by pg_dump";
  if (!request.is_archive && request.kind == SourceKind::rows) return "as a list for each row";
  if (!request.is_archive) return "as a database file";
  std::string words = request.compression == Compression::gzip   ? "as a tar archive, packed by gzip"
                      : request.compression == Compression::zstd ? "as a tar archive, packed by zstd"
                                                                 : "as a tar archive";
  if (request.key) words += request.key->is_passphrase ? ", encrypted by a passphrase" : ", encrypted by a key";
  return words;
}

Result<Preview> preview_backup(const StepInput& input, Look& look, Trial&) {
  Preview preview;
  for (const auto& [name, value] : input.args) {
    if (const Unknown* unknown = find_unknown(value)) {
      preview.unknown = "`" + name + "` is " + unknown->why;
      return preview;
    }
  }
  Result<BackupRequest> request = backup_request(input.args);
  if (!request) return pass(request.error());
  std::string source = request->directory;
  if (request->kind == SourceKind::directory) {
    Result<std::string> real = look.files.canonical(source);
    if (!real) return pass(real.error());
    Result<Inventory> found = take_inventory(look.files, *real, input.stop);
    if (!found) return pass(found.error());
    preview.facts["bytes"] = static_cast<int64_t>(found->bytes);
    preview.facts["files"] = found->files;
  } else if (request->kind == SourceKind::rows) {
    const TableRows& rows = request->rows;
    source = rows.table;
    Result<SqlResult> count = look.sql.query(
        rows.connection, SqlText{"SELECT count(*) AS n FROM " + rows.quoted + rows.condition(), rows.bind, {}},
        SqlLimits{Duration{0}, 1, 1 << 16}, input.stop);
    if (!count) return pass(Redaction(input.args, input.opened).error(count.error()));
    preview.facts["rows"] = count->rows.front().at("n");
  } else if (request->kind == SourceKind::postgres) {
    source = request->connection.name;  // its URL may hold a password
    Result<uint64_t> bytes = database_bytes(look.sql, request->connection, input.stop);
    if (!bytes) return pass(Redaction(input.args, input.opened).error(bytes.error()));
    preview.facts["bytes"] = static_cast<int64_t>(*bytes);
  } else {
    source = text_of(request->connection.settings, "path");
    Result<std::optional<FileStatus>> status = look.files.status(source);
    if (!status) return pass(status.error());
    preview.facts["bytes"] = *status ? Value(static_cast<int64_t>((*status)->size)) : Value(Null{});
    if (!*status) preview.lines.push_back("now there is no database `" + source + "`");
  }
  preview.lines.push_back("back up `" + source + "` to `" + request->to + "/" + request->name + "-<time>" +
                          extension_of(*request) + "`, " + how(*request));
  Timestamp now = look.clock.now();
  Result<std::vector<std::string>> expired =
      expired_backups(look.files, request->to, request->name, "", now, {request->keep, request->max_age});
  if (!expired) return pass(expired.error());
  for (const std::string& path : *expired) preview.lines.push_back("then remove `" + path + "`");
  preview.facts["removed"] = List(expired->begin(), expired->end());
  return preview;
}

}  // namespace

Action backup_action() {
  Action action;
  action.name = "backup";
  action.summary = "copy a database or a directory, and prove the copy";
  action.fields = backup_fields();
  action.results = {
      {"artifact", FieldType::text, "the backup's id: `restore: {from: {artifact: ID}}` takes it, in every run"},
      {"file", FieldType::path, "the backup"},
      {"bytes", FieldType::integer, "its size"},
      {"sha256", FieldType::text, "of its bytes"},
      {"records", FieldType::map, "rows by table; of a directory: `files`, `directories`, `links`"},
      {"schema_version", FieldType::integer, "the database's user_version, nil of a directory"},
      {"at", FieldType::timestamp, "the time that its name tells"},
      {"removed", FieldType::list, "older backups that `retention` removed"},
  };
  action.effect = [](const Map&) { return Effect::write; };
  action.act = backup;
  action.preview = preview_backup;
  action.continues_after_crash = true;
  return action;
}

}  // namespace muster
