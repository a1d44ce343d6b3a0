#include "steps/backup/backing_up.h"

#include "interpreter/base/digest.h"
#include "steps/archive/reading.h"
#include "steps/backup/retention.h"
#include "steps/postgres/dumping.h"
#include "steps/postgres/server.h"
#include "steps/restore/place.h"
#include "steps/restore/restoring.h"
#include "steps/restore/swap.h"
#include "steps/restore/validation.h"

namespace muster {

namespace {

constexpr uint64_t beyond_any_disk = uint64_t{1} << 60;

int64_t integer_in(const Map& map, std::string_view name) {
  const Value* value = member(map, name);
  return value && value->is<int64_t>() ? value->get<int64_t>() : 0;
}

Map map_in(const Map& map, std::string_view name) {
  const Value* value = member(map, name);
  return value && value->is<Map>() ? value->get<Map>() : Map{};
}

std::string digest_of(const std::map<std::string, std::string>& digests) {
  Sha256 all;
  for (const auto& [name, digest] : digests) all.add(name + std::string(1, '\0') + digest + "\n");
  return all.hex();
}

List list_in(const Map& map, std::string_view name) {
  const Value* value = member(map, name);
  return value && value->is<List>() ? value->get<List>() : List{};
}

// `20261121T120405Z`: sorts by time, and is a plain name everywhere.
std::string compact(Timestamp at) {
  std::string out;
  for (char c : to_text(Timestamp{at.us - at.us % 1'000'000}))
    if (c != '-' && c != ':') out += c;
  return out;
}

}  // namespace

std::string extension_of(const BackupRequest& request) {
  if (!request.is_archive && request.kind == SourceKind::rows) return ".jsonl";
  if (!request.is_archive) return request.kind == SourceKind::postgres ? ".dump" : ".sqlite";
  return ".tar" + std::string(suffix_of(request.compression)) + (request.key ? ".enc" : "");
}

Result<Map> BackingUp::stage(std::string_view name, Effect effect, Result<Value> (BackingUp::*body)()) {
  Result<Value> done = stages_.once(
      name, effect, [&] { return (this->*body)(); }, Stages::run_again);
  if (!done) return pass(done.error());
  if (!done->is<Map>())
    return fail(ErrorCode::storage, "the journal's record of `" + std::string(name) + "` cannot be read");
  return done->get<Map>();
}

Result<Value> BackingUp::choose_once() {
  FilesRead& files = touch_.look.files;
  Result<std::string> to = files.canonical(request_.to);
  if (!to && to.error().code == ErrorCode::not_found) {
    return fail(ErrorCode::not_found, "the directory of the backups, `" + request_.to + "`, does not exist",
                "make it in a step before this one, or mount its disk");
  }
  if (!to) return pass(to.error());
  if (!files.is_writable(*to)) return fail(ErrorCode::refused, "the directory `" + *to + "` cannot be written to");
  std::string source, payload;
  uint64_t needed = 0;
  if (request_.kind == SourceKind::directory) {
    Result<std::string> real = files.canonical(request_.directory);
    if (!real) return pass(real.error());
    Result<std::optional<FileStatus>> status = files.status(*real);
    if (!status) return pass(status.error());
    if (!*status || (*status)->kind != FileKind::directory)
      return fail(ErrorCode::invalid, "`source.directory` is `" + *real + "`, which is no directory");
    if (*to == *real || (*to + "/").starts_with(*real + "/")) {
      return fail(ErrorCode::invalid, "the backups would lie in `" + *to + "`, which is part of what is backed up");
    }
    Result<Inventory> found = take_inventory(files, *real, input_.stop);
    if (!found) return pass(found.error());
    source = *real;
    needed = found->bytes;
  } else if (request_.kind == SourceKind::rows) {
    source = request_.rows.table;
    payload = request_.name + ".jsonl";
  } else if (request_.kind == SourceKind::postgres) {
    Result<std::string> database =
        PostgresPlace(touch_.look.sql, &touch_.sql, request_.connection).name(touch_.sql, input_.stop);
    if (!database) return pass(database.error());
    Result<uint64_t> bytes = database_bytes(touch_.look.sql, request_.connection, input_.stop);
    if (!bytes) return pass(bytes.error());
    source = *database;
    // The dump is packed, and its text lies beside it while it is proven: together about what the server takes.
    needed = *bytes;
    payload = request_.name + ".dump";
  } else {
    source = text_of(request_.connection.settings, "path");
    Result<Map> seen = identity_of(files, source);
    if (!seen) return pass(seen.error());
    if (!member(*seen, "main")) return fail(ErrorCode::not_found, "there is no database `" + source + "`");
    needed =
        static_cast<uint64_t>(integer_in(map_in(*seen, "main"), "size") + integer_in(map_in(*seen, "-wal"), "size"));
    if (request_.is_archive) needed *= 2;
    payload = source.substr(source.rfind('/') + 1);
    if (payload == inner_manifest) payload = "database";
  }
  if (Result<void> fits = check_space(files, *to, needed); !fits) {
    Error error = fits.error();
    error.hint = "free space there, or keep fewer backups with `retention`";
    return pass(std::move(error));
  }
  Timestamp now = touch_.look.clock.now();
  Result<std::string> file = free_name(files, *to + "/" + request_.name + "-" + compact(now) + extension_of(request_));
  if (!file) return pass(file.error());
  std::string attempt = input_.run + "-" + std::to_string(input_.attempt);
  return Map{
      {"to", *to},        {"work", *to + "/.muster-backup-" + attempt + "-" + sha256_hex(input_.op.path).substr(0, 8)},
      {"file", *file},    {"payload", payload},
      {"source", source}, {"at", now.us}};
}

Result<Value> BackingUp::copy_once() {
  Files& files = touch_.files;
  if (Result<void> cleared = files.remove_tree(work_); !cleared) return pass(cleared.error());
  if (Result<void> made = files.make_directory(work_); !made) return pass(made.error());
  if (request_.kind == SourceKind::directory) return Map{};
  if (request_.kind == SourceKind::postgres) {
    Result<Map> records = dump_database(input_, touch_, request_.connection, in_work(payload_));
    if (!records) return pass(records.error());
    if (Result<void> synced = files.sync_directory(work_); !synced) return pass(synced.error());
    return Map{{"records", std::move(*records)}};
  }
  if (request_.kind == SourceKind::rows) return copy_rows();
  Result<std::unique_ptr<WriteFile>> empty = files.create(in_work(payload_));
  if (!empty) return pass(empty.error());
  empty->reset();
  Result<void> copied =
      touch_.sql.copy_to(request_.connection, in_work(payload_), input_.stop,
                         [&](int64_t done, int64_t total) { input_.progress.at(done, total, "pages"); });
  if (!copied) return pass(copied.error());
  if (Result<void> folded = touch_.sql.fold(sqlite_at(in_work(payload_)), input_.stop); !folded)
    return pass(folded.error());
  if (Result<void> synced = files.sync_directory(work_); !synced) return pass(synced.error());
  return Map{};
}

Result<Value> BackingUp::copy_rows() {
  constexpr SqlLimits unhurried{Duration{0}, 1, 1 << 16};
  Connection connection = request_.rows.connection;
  connection.label = input_.run + "/" + input_.op.path;
  Result<std::unique_ptr<SqlSession>> session = touch_.look.sql.open_to_read(connection, unhurried, input_.stop);
  if (!session) return pass(session.error());
  if (Result<void> begun = (*session)->begin(); !begun) return pass(begun.error());
  Result<std::unique_ptr<WriteFile>> file = touch_.files.create(in_work(payload_));
  if (!file) return pass(file.error());
  Result<int64_t> count = write_rows(**session, request_.rows, **file, input_.stop,
                                     [&](int64_t done) { input_.progress.at(done, 0, "rows"); });
  (*session)->roll_back();
  if (!count) return pass(count.error());
  if (Result<void> synced = touch_.files.sync_directory(work_); !synced) return pass(synced.error());
  return Map{{"records", Map{{request_.rows.table, *count}}}};
}

Result<Value> BackingUp::check_once() {
  if (request_.kind == SourceKind::directory) {
    Result<Inventory> found = take_inventory(touch_.look.files, source_, input_.stop);
    if (!found) return pass(found.error());
    return Map{{"records", Map{{"files", found->files}, {"directories", found->directories}, {"links", found->links}}},
               {"bytes", static_cast<int64_t>(found->bytes)}};
  }
  if (request_.kind == SourceKind::postgres || request_.kind == SourceKind::rows) {
    Result<void> proven = request_.kind == SourceKind::rows
                              ? check_rows()
                              : prove_dump(input_, touch_, in_work(payload_), in_work("script"), records_);
    if (!proven) return pass(proven.error());
    Result<std::string> sha256 = sha256_of_file(touch_.look.files, in_work(payload_), input_.stop);
    if (!sha256) return pass(sha256.error());
    Result<std::optional<FileStatus>> dump = touch_.look.files.status(in_work(payload_));
    if (!dump) return pass(dump.error());
    return Map{{"records", records_},
               {"sha256", std::move(*sha256)},
               {"bytes", *dump ? static_cast<int64_t>((*dump)->size) : 0}};
  }
  Result<Validated> good = validate(touch_.look.sql, touch_.look.files, in_work(payload_), Expectation{}, input_.stop);
  if (!good && good.error().code == ErrorCode::corrupt) {
    Error error = good.error();
    error.message = "`" + source_ + "` is damaged, so no backup of it was made: " + error.message;
    error.hint = "restore it from an older backup";
    return pass(std::move(error));
  }
  if (!good) return pass(good.error());
  Result<std::optional<FileStatus>> status = touch_.look.files.status(in_work(payload_));
  if (!status) return pass(status.error());
  if (!*status) return fail(ErrorCode::storage, "`" + in_work(payload_) + "` has gone");
  return Map{{"records", std::move(good->records)},
             {"schema_version", good->schema_version},
             {"sha256", std::move(good->sha256)},
             {"bytes", static_cast<int64_t>((*status)->size)}};
}

Result<void> BackingUp::check_rows() {
  Result<std::unique_ptr<ReadFile>> file = touch_.look.files.open(in_work(payload_));
  if (!file) return pass(file.error());
  Result<int64_t> count = survey_rows(**file, input_.stop);
  if (!count) return pass(count.error());
  if (same(*count, integer_in(records_, request_.rows.table))) return {};
  return fail(ErrorCode::corrupt, "the file of rows reads otherwise than it was written");
}

Manifest BackingUp::manifest() const {
  Manifest out;
  out.kind = request_.kind == SourceKind::directory  ? "directory"
             : request_.kind == SourceKind::postgres ? "postgres"
             : request_.kind == SourceKind::rows     ? "rows"
                                                     : "sqlite";
  out.name = request_.name;
  out.payload = payload_;
  out.created_at = at_;
  if (request_.kind == SourceKind::sqlite) out.schema_version = schema_version_;
  if (request_.kind == SourceKind::rows) out.rows = Map{{"table", request_.rows.table}, {"where", request_.rows.where}};
  out.records = records_;
  out.sha256 = sha256_;
  out.bytes = static_cast<uint64_t>(bytes_);
  return out;
}

Result<Value> BackingUp::pack_once() {
  Files& files = touch_.files;
  std::string packed = in_work("packed");
  if (!request_.is_archive) return Map{{"sha256", sha256_}, {"bytes", bytes_}};
  if (Result<void> removed = files.remove(packed); !removed) return pass(removed.error());
  ArchiveOptions options{request_.compression, request_.key, {}};
  if (request_.key) options.random = touch_.entropy.bytes(seal_random_bytes);
  auto progress = [&](uint64_t done, uint64_t total) {
    input_.progress.at(static_cast<int64_t>(done), static_cast<int64_t>(total), "bytes");
  };
  Result<WrittenArchive> written;
  if (request_.kind == SourceKind::directory) {
    Result<Inventory> found = take_inventory(files, source_, input_.stop);
    if (!found) return pass(found.error());
    written = archive_directory(files, source_, *found, manifest(), options, packed, input_.stop, progress);
  } else {
    written = archive_file(files, in_work(payload_), manifest(), options, packed, input_.stop, progress);
  }
  if (!written) return pass(written.error());
  if (Result<void> synced = files.sync_directory(work_); !synced) return pass(synced.error());
  return Map{{"sha256", written->sha256},
             {"bytes", static_cast<int64_t>(written->bytes)},
             {"digest", digest_of(written->digests)}};
}

// Opened again, as a restore would: what comes out must be what went in.
Result<Value> BackingUp::prove_once() {
  FilesRead& files = touch_.look.files;
  if (!request_.is_archive) {
    Result<std::string> again = sha256_of_file(files, in_work(payload_), input_.stop);
    if (!again) return pass(again.error());
    if (*again != sha256_) return fail(ErrorCode::corrupt, "the backup reads otherwise than it was written");
    return Map{};
  }
  ReadPlan plan{in_work("packed"), request_.key, {}, {}, beyond_any_disk};
  Result<ReadBackup> read = read_backup(files, nullptr, plan, input_.stop, [&](uint64_t done, uint64_t total) {
    input_.progress.at(static_cast<int64_t>(done), static_cast<int64_t>(total), "bytes");
  });
  if (!read) return pass(read.error());
  if (digest_of(read->digests) != packed_digest_ || !read->meta)
    return fail(ErrorCode::corrupt, "the backup unpacks to something else than what was packed");
  if (request_.kind != SourceKind::directory) {
    // An encrypted backup leaves no plain copy behind, whatever happens next.
    if (Result<void> removed = touch_.files.remove(in_work(payload_)); !removed) return pass(removed.error());
  }
  return Map{};
}

// The manifest first: where a backup is, it has one.
Result<Value> BackingUp::publish_once() {
  Files& files = touch_.files;
  std::string made = in_work(request_.is_archive ? "packed" : payload_);
  Result<std::optional<FileStatus>> there = files.status(file_);
  if (!there) return pass(there.error());
  Result<std::optional<FileStatus>> here = files.status(made);
  if (!here) return pass(here.error());
  if (*here) {
    if (*there) return fail(ErrorCode::refused, "`" + file_ + "` appeared while the backup was made");
    Manifest beside = manifest();
    beside.file = file_.substr(file_.rfind('/') + 1);
    beside.file_sha256 = file_sha256_;
    beside.file_bytes = static_cast<uint64_t>(file_bytes_);
    std::string meta = in_work("manifest");
    if (Result<void> removed = files.remove(meta); !removed) return pass(removed.error());
    Result<std::unique_ptr<WriteFile>> written = files.create(meta);
    if (!written) return pass(written.error());
    if (Result<void> put = (*written)->write_at(0, print_manifest(beside)); !put) return pass(put.error());
    if (Result<void> synced = (*written)->sync(); !synced) return pass(synced.error());
    written->reset();
    if (Result<void> moved = files.rename(meta, file_ + std::string(manifest_suffix)); !moved)
      return pass(moved.error());
    if (Result<void> moved = files.rename_new(made, file_); !moved) return pass(moved.error());
  } else if (!*there) {
    return fail(ErrorCode::storage, "`" + made + "` has gone before it got its name", {}, Certainty::no_effect);
  }
  if (Result<void> synced = files.sync_directory(to_); !synced) return pass(synced.error());
  return Map{};
}

Result<void> BackingUp::stages_up_to_proof() {
  Result<Map> copied = stage("copy", Effect::write, &BackingUp::copy_once);
  if (!copied) return pass(copied.error());
  records_ = map_in(*copied, "records");
  Result<Map> checked = stage("check", Effect::read, &BackingUp::check_once);
  if (!checked) return pass(checked.error());
  records_ = map_in(*checked, "records");
  schema_version_ = integer_in(*checked, "schema_version");
  sha256_ = text_of(*checked, "sha256");
  bytes_ = integer_in(*checked, "bytes");
  Result<Map> packed = stage("pack", Effect::write, &BackingUp::pack_once);
  if (!packed) return pass(packed.error());
  file_sha256_ = text_of(*packed, "sha256");
  file_bytes_ = integer_in(*packed, "bytes");
  packed_digest_ = text_of(*packed, "digest");
  Result<Map> proven = stage("prove", Effect::write, &BackingUp::prove_once);
  if (!proven) return pass(proven.error());
  Result<Map> published = stage("publish", Effect::write, &BackingUp::publish_once);
  if (!published) return pass(published.error());
  return {};
}

Result<StepOutput> BackingUp::run() {
  Result<Map> chosen = stage("choose", Effect::read, &BackingUp::choose_once);
  if (!chosen) return pass(chosen.error());
  to_ = text_of(*chosen, "to");
  work_ = text_of(*chosen, "work");
  file_ = text_of(*chosen, "file");
  payload_ = text_of(*chosen, "payload");
  source_ = text_of(*chosen, "source");
  at_ = Timestamp{integer_in(*chosen, "at")};
  if (Result<void> made = stages_up_to_proof(); !made) {
    Error error = made.error();
    if (stages_.journal_failed() || error.code == ErrorCode::in_doubt) return pass(std::move(error));
    Result<std::optional<FileStatus>> there = touch_.look.files.status(file_);
    error.effect = there && !*there ? Certainty::no_effect : Certainty::maybe;
    if (Result<void> removed = touch_.files.remove_tree(work_); !removed)
      error.message += "; `" + work_ + "` could not be removed";
    return pass(std::move(error));
  }
  return finish();
}

Result<StepOutput> BackingUp::finish() {
  // The backup is there: what fails from here on is told, and makes no failure of it.
  Result<Value> removed = stages_.once(
      "retention", Effect::destructive,
      [&]() -> Result<Value> {
        return apply_retention(touch_.files, to_, request_.name, file_, at_, {request_.keep, request_.max_age});
      },
      Stages::run_again);
  if (!removed) return pass(removed.error());
  Result<Value> cleaned = stages_.once(
      "cleanup", Effect::write,
      [&]() -> Result<Value> {
        if (Result<void> cleared = touch_.files.remove_tree(work_); !cleared) return work_;
        return Null{};
      },
      Stages::run_again);
  if (!cleaned) return pass(cleaned.error());
  StepOutput output;
  if (cleaned->is<std::string>()) output.notes.push_back("`" + work_ + "` could not be removed");
  Map done = removed->is<Map>() ? removed->get<Map>() : Map{};
  for (const Value& note : list_in(done, "notes")) output.notes.push_back(to_text(note));
  output.fields = {
      {"artifact", artifact_id(file_, file_sha256_)},
      {"file", file_},
      {"bytes", file_bytes_},
      {"sha256", file_sha256_},
      {"records", records_},
      {"schema_version", request_.kind == SourceKind::sqlite ? Value(schema_version_) : Value(Null{})},
      {"at", at_},
      {"removed", list_in(done, "removed")},
  };
  return output;
}

}  // namespace muster
