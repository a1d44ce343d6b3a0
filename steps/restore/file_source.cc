// Backups that are files as the source of a restore: one, the newest of several, an archive, a dump, an artifact.
#include <algorithm>

#include "steps/archive/reading.h"
#include "steps/restore/glob.h"
#include "steps/restore/source.h"
#include "steps/restore/swap.h"

namespace muster {

namespace {

constexpr uint64_t mebibyte = 1 << 20;

int64_t integer_in(const Map& map, std::string_view name) {
  const Value* value = member(map, name);
  return value && value->is<int64_t>() ? value->get<int64_t>() : 0;
}

// One file that could be restored.
struct Candidate {
  std::string path;
  FileStatus status;
  std::optional<Manifest> beside;
  std::string trouble;  // the manifest beside it cannot be used
  Timestamp at() const { return beside ? beside->created_at : status.modified; }
};

std::string last_part(const std::string& path) { return path.substr(path.rfind('/') + 1); }

class FileSource final : public BackupSource {
 public:
  explicit FileSource(From from) : from_(std::move(from)) {}

  Result<std::vector<FoundBackup>> find(Look& look, std::optional<Timestamp> at, std::stop_token) override {
    Result<std::vector<Candidate>> all = candidates(look.files);
    if (!all) return pass(all.error());
    if (at) {
      if (Result<void> clear = check_times(*all, look.clock.now()); !clear) return pass(clear.error());
      Timestamp oldest = all->back().at();
      std::erase_if(*all, [&](const Candidate& candidate) { return candidate.at() > *at; });
      if (all->empty())
        return fail(ErrorCode::no_backup,
                    "no backup at or before " + to_text(*at) + "; the oldest is " + to_text(oldest),
                    "ask for a later moment");
    }
    std::vector<FoundBackup> found;
    for (const Candidate& candidate : *all) {
      FoundBackup one;
      one.record = {{"path", candidate.path},
                    {"size", static_cast<int64_t>(candidate.status.size)},
                    {"modified", candidate.status.modified.us}};
      one.id = last_part(candidate.path);
      one.source = candidate.path;
      one.at = candidate.at();
      one.bytes = candidate.beside ? candidate.beside->bytes : candidate.status.size;
      if (!candidate.trouble.empty()) one.notes.push_back(candidate.trouble);
      std::string what = "restored `" + candidate.path + "`, " +
                         (candidate.beside ? "made at " : "whose file time is ") + to_text(candidate.at());
      if (std::string distance = distance_words(candidate.at(), at); !distance.empty()) what += ", " + distance;
      one.notes.push_back(std::move(what));
      // Only where no other has the same time.
      one.names_its_moment = from_.kind == FromKind::newest && std::ranges::count(*all, one.at, &Candidate::at) == 1;
      found.push_back(std::move(one));
    }
    return found;
  }

  Result<FetchedBackup> fetch(const FoundBackup& found, Touch& touch, const FetchPlan& plan) override {
    Files& files = touch.files;
    const std::string path = text_of(found.record, "path");
    Result<Candidate> candidate = look_at(files, path);
    if (!candidate) return pass(candidate.error());
    if (static_cast<int64_t>(candidate->status.size) != integer_in(found.record, "size") ||
        candidate->status.modified.us != integer_in(found.record, "modified")) {
      return fail(ErrorCode::corrupt, "`" + path + "` changed since it was chosen",
                  "start the step again to choose anew");
    }
    if (Result<void> closed = check_closed(files, path); !closed) return pass(closed.error());
    uint64_t expected = candidate->beside ? candidate->beside->bytes : candidate->status.size;
    if (Result<void> fits = check_space(files, plan.directory, expected); !fits) return pass(fits.error());
    Result<uint64_t> space = files.free_bytes(plan.directory);
    if (!space) return pass(space.error());
    if (Result<void> made = files.make_directory(plan.work); !made) return pass(made.error());
    std::string unpacked = plan.work + "/unpacked";
    if (Result<void> made = files.make_directory(unpacked); !made) return pass(made.error());
    ReadPlan reading{path, from_.key, unpacked, "payload", *space > mebibyte ? *space - mebibyte : 0};
    reading.hash_file = candidate->beside.has_value() || from_.kind == FromKind::artifact;
    if (plan.target == TargetKind::sqlite) reading.arriving = plan.arriving;
    Result<ReadBackup> read = read_backup(files, &files, reading, plan.stop, plan.progress);
    if (!read) return pass(read.error());
    if (Result<void> same_bytes = check_digests(path, *candidate, *read); !same_bytes) return pass(same_bytes.error());
    FetchedBackup fetched;
    fetched.bytes = read->bytes;
    fetched.meta = read->meta ? read->meta : candidate->beside;
    Result<void> laid = plan.target == TargetKind::directory  ? lay_directory(path, *read, files, plan)
                        : plan.target == TargetKind::postgres ? lay_dump(path, *read, files, plan)
                        : plan.target == TargetKind::rows     ? lay_rows(path, *read, files, plan)
                                                              : lay_database(path, *read, touch, plan, fetched);
    if (!laid) return pass(laid.error());
    return fetched;
  }

  Result<LaidOut> lay_out(const FoundBackup& found, Look& look, Files& files, const FetchPlan& plan) override {
    const std::string path = text_of(found.record, "path");
    Result<Candidate> candidate = look_at(look.files, path);
    if (!candidate) return pass(candidate.error());
    if (Result<void> closed = check_closed(look.files, path); !closed) return pass(closed.error());
    const uint64_t expected = candidate->beside ? candidate->beside->bytes : candidate->status.size;
    if (expected > most_tried_bytes) return LaidOut{{}, {}, {}, "it takes more than 256 MiB"};
    if (Result<void> fits = check_space(files, plan.directory, expected); !fits)
      return LaidOut{{}, {}, {}, fits.error().message};
    if (Result<void> made = files.make_directory(plan.work); !made) return pass(made.error());
    const std::string unpacked = plan.work + "/unpacked";
    if (Result<void> made = files.make_directory(unpacked); !made) return pass(made.error());
    Result<uint64_t> space = files.free_bytes(plan.directory);
    if (!space) return pass(space.error());
    ReadPlan reading{path, from_.key, unpacked, "payload", *space > mebibyte ? *space - mebibyte : 0};
    reading.hash_file = candidate->beside.has_value() || from_.kind == FromKind::artifact;
    Result<ReadBackup> read = read_backup(files, &files, reading, plan.stop, plan.progress);
    if (!read) return pass(read.error());
    if (Result<void> same_bytes = check_digests(path, *candidate, *read); !same_bytes) return pass(same_bytes.error());
    if (Result<void> fits = check_kind(path, *read, "sqlite", "a SQLite database"); !fits) return pass(fits.error());
    LaidOut out{read->payload, read->sha256, read->meta ? read->meta : candidate->beside, {}};
    if (read->content == Content::tar) {
      Result<std::string> entry = entry_of(path, *read);
      if (!entry) return pass(entry.error());
      out.path = read->payload + "/" + *entry;
      out.sha256 = read->digests.at(*entry);
    }
    Result<std::unique_ptr<ReadFile>> file = files.open(out.path);
    if (!file) return pass(file.error());
    Result<std::string> first = (*file)->read_at(0, 16);
    if (!first) return pass(first.error());
    if (*first == std::string_view("SQLite format 3\0", 16)) return out;
    const bool is_dump = from_.kind == FromKind::dump || path.ends_with(".sql") || out.path.ends_with(".sql") ||
                         path.find(".sql.") != std::string::npos;
    if (is_dump) return LaidOut{{}, {}, {}, "it is a dump of SQL, which only the restore loads"};
    return fail(ErrorCode::corrupt, "`" + path + "` is not a SQLite database" +
                                        (read->content == Content::tar ? std::string(" within its archive") : ""));
  }

  Result<void> describe(const FoundBackup& found, Look& look, std::stop_token, Preview& preview) override {
    Result<Candidate> candidate = look_at(look.files, found.source);
    if (!candidate) return pass(candidate.error());
    if (Result<void> closed = check_closed(look.files, candidate->path); !closed)
      preview.lines.push_back("now " + closed.error().message);
    std::string line = "from `" + found.source + "` (" + std::to_string(candidate->status.size) + " bytes";
    if (candidate->beside && !candidate->beside->records.empty())
      line += ", " + to_text(Value(candidate->beside->records));
    preview.lines.push_back(line + ")");
    preview.facts["bytes"] = found.bytes;
    preview.facts["peak_bytes"] = found.bytes;
    if (candidate->beside) preview.facts["records"] = candidate->beside->records;
    return {};
  }

  Result<List> points(Look& look, std::vector<std::string>& notes, std::stop_token) override {
    Result<std::vector<Candidate>> all = candidates(look.files);
    if (!all && all.error().code == ErrorCode::no_backup) return List{};
    if (!all) return pass(all.error());
    List points;
    for (auto candidate = all->rbegin(); candidate != all->rend(); ++candidate) {
      if (!candidate->trouble.empty()) notes.push_back(candidate->trouble);
      points.emplace_back(Map{{"id", last_part(candidate->path)},
                              {"at", candidate->at()},
                              {"source", candidate->path},
                              {"kind", candidate->beside ? "backup" : "file"}});
    }
    return points;
  }

 private:
  Result<Candidate> look_at(FilesRead& files, const std::string& path) const {
    Result<std::optional<FileStatus>> status = files.status(path);
    if (!status) return pass(status.error());
    if (!*status) return fail(ErrorCode::no_backup, "there is no backup `" + path + "`", "check the path and its disk");
    if ((*status)->kind == FileKind::symlink) {
      Result<std::string> real = files.canonical(path);
      if (!real) return pass(real.error());
      return look_at(files, *real);
    }
    if ((*status)->kind != FileKind::file) return fail(ErrorCode::refused, "`" + path + "` is not a plain file");
    Candidate candidate{path, **status, {}, {}};
    std::string meta = path + std::string(manifest_suffix);
    Result<std::optional<FileStatus>> there = files.status(meta);
    if (!there) return pass(there.error());
    if (!*there) return candidate;
    Result<std::string> text = files.read(meta, most_manifest_bytes);
    if (!text) return pass(text.error());
    Result<Manifest> manifest = parse_manifest(*text);
    if (!manifest) {
      candidate.trouble = "`" + meta + "` was ignored: " + manifest.error().message;
    } else if (manifest->file != last_part(path)) {
      candidate.trouble = "`" + meta + "` was ignored: it speaks of `" + manifest->file + "`";
    } else {
      candidate.beside = std::move(*manifest);
    }
    return candidate;
  }

  static Result<void> check_closed(FilesRead& files, const std::string& path) {
    for (const char* suffix : {"-wal", "-journal"}) {
      Result<std::optional<FileStatus>> sidecar = files.status(path + suffix);
      if (!sidecar) return pass(sidecar.error());
      if (*sidecar && (*sidecar)->size > 0) {
        return fail(ErrorCode::refused,
                    "`" + path + suffix +
                        "` lies beside the backup: it is a database in use, or one "
                        "that was not closed, and the file alone is not all of it",
                    "make a backup of it by `backup`, or close it first");
      }
    }
    return {};
  }

  // Newest first.
  Result<std::vector<Candidate>> candidates(FilesRead& files) const {
    std::vector<Candidate> all;
    if (from_.kind != FromKind::newest) {
      std::string path = from_.where;
      if (from_.kind == FromKind::artifact) {
        Result<ArtifactId> id = parse_artifact_id(from_.where);
        if (!id) return pass(id.error());
        path = id->path;
      }
      Result<Candidate> one = look_at(files, path);
      if (!one) return pass(one.error());
      all.push_back(std::move(*one));
      return all;
    }
    std::string folder = directory_of(from_.where), pattern = last_part(from_.where);
    if (folder.find_first_of("*?[") != std::string::npos)
      return fail(ErrorCode::invalid,
                  "`" + from_.where + "` has a pattern in its directory; only the last part may be one");
    Result<std::vector<DirectoryEntry>> entries = files.list(folder);
    if (!entries && entries.error().code == ErrorCode::not_found)
      return fail(ErrorCode::unreachable, "there is no directory `" + folder + "`",
                  "check the path and that its disk is mounted");
    if (!entries) return pass(entries.error());
    for (const DirectoryEntry& entry : *entries) {
      bool is_ours = entry.name.ends_with(manifest_suffix) || entry.name.ends_with("-wal") ||
                     entry.name.ends_with("-shm") || entry.name.ends_with("-journal");
      if (entry.status.kind != FileKind::file || is_ours || !matches_glob(pattern, entry.name)) continue;
      Result<Candidate> one = look_at(files, (folder == "/" ? "" : folder) + "/" + entry.name);
      if (!one) return pass(one.error());
      all.push_back(std::move(*one));
    }
    if (all.empty())
      return fail(ErrorCode::no_backup, "no file fits `" + from_.where + "`",
                  "check the pattern and that backups are made");
    std::ranges::sort(all, [](const Candidate& a, const Candidate& b) {
      return a.at() != b.at() ? a.at() > b.at() : a.path > b.path;
    });
    return all;
  }

  // A moment means something only where times tell the backups apart.
  static Result<void> check_times(const std::vector<Candidate>& all, Timestamp now) {
    bool by_file = std::ranges::any_of(all, [](const Candidate& one) { return !one.beside; });
    if (!by_file) return {};
    constexpr std::string_view hint =
        "file times say when a copy was made, not the backup: leave `at` out, or name the file";
    if (all.front().at() > now)
      return fail(ErrorCode::refused,
                  "`" + all.front().path + "` has the time " + to_text(all.front().at()) + ", which lies in the future",
                  std::string(hint));
    if (all.size() > 1 && all.front().at() == all.back().at())
      return fail(ErrorCode::refused, "all backups have the same time, " + to_text(all.front().at()),
                  std::string(hint));
    return {};
  }

  Result<void> check_digests(const std::string& path, const Candidate& candidate, const ReadBackup& read) const {
    if (from_.kind == FromKind::artifact) {
      Result<ArtifactId> id = parse_artifact_id(from_.where);
      if (!id) return pass(id.error());
      if (!read.file_sha256.starts_with(id->digest)) {
        return fail(ErrorCode::corrupt, "`" + path +
                                            "` is not the artifact that was asked for: its SHA-256 begins with " +
                                            read.file_sha256.substr(0, id->digest.size()) + ", not " + id->digest);
      }
    }
    if (candidate.beside && candidate.beside->file_sha256 != read.file_sha256) {
      return fail(ErrorCode::corrupt,
                  "`" + path + "` is not what its manifest describes: its SHA-256 is " + read.file_sha256 + ", not " +
                      candidate.beside->file_sha256,
                  "take another copy of the backup, or an older one");
    }
    if (!read.meta || read.meta->payload.empty()) return {};
    auto payload = read.digests.find(read.meta->payload);
    if (payload == read.digests.end())
      return fail(ErrorCode::corrupt, "`" + path + "` holds no `" + read.meta->payload + "`, which its manifest names");
    if (!read.meta->sha256.empty() && read.meta->sha256 != payload->second)
      return fail(ErrorCode::corrupt,
                  "`" + read.meta->payload + "` in `" + path + "` is not what the archive's manifest describes");
    return {};
  }

  Result<void> lay_directory(const std::string& path, const ReadBackup& read, Files& files,
                             const FetchPlan& plan) const {
    if (read.content != Content::tar)
      return fail(ErrorCode::invalid, "`" + path + "` is not a tar archive, and a directory is restored from one");
    if (read.meta && !read.meta->kind.empty() && read.meta->kind != "directory")
      return fail(ErrorCode::invalid,
                  "`" + path + "` is a backup of kind `" + read.meta->kind + "`, not of a directory");
    return files.rename_new(read.payload, plan.ready);
  }

  // The one entry of an archive that is a database or a dump of one.
  Result<std::string> entry_of(const std::string& path, const ReadBackup& read) const {
    if (read.meta && !read.meta->payload.empty()) return read.meta->payload;
    std::vector<std::string> names;
    for (const auto& [name, digest] : read.digests) names.push_back(name);
    if (names.size() == 1) return names.front();
    std::erase_if(names, [](const std::string& name) {
      bool is_database = name.ends_with(".sqlite") || name.ends_with(".sqlite3") || name.ends_with(".db") ||
                         name.ends_with(".sql") || name.ends_with(".dump");
      return !is_database;
    });
    if (names.size() == 1) return names.front();
    return fail(ErrorCode::refused,
                "it cannot be told which of the " + std::to_string(read.digests.size()) + " files in `" + path +
                    "` is the database",
                "an archive for a database holds one, or a `backup_meta.json` whose `payload` names it");
  }

  Result<void> lay_database(const std::string& path, const ReadBackup& read, Touch& touch, const FetchPlan& plan,
                            FetchedBackup& fetched) const {
    Files& files = touch.files;
    if (Result<void> fits = check_kind(path, read, "sqlite", "a SQLite database"); !fits) return fits;
    if (from_.kind == FromKind::archive && read.content != Content::tar)
      return fail(ErrorCode::invalid, "`" + path + "` is not a tar archive", "name it as `file` instead");
    std::string payload = read.payload;
    std::string sha256 = read.sha256;
    if (read.content == Content::tar) {
      Result<std::string> entry = entry_of(path, read);
      if (!entry) return pass(entry.error());
      payload = read.payload + "/" + *entry;
      sha256 = read.digests.at(*entry);
    }
    Result<std::unique_ptr<ReadFile>> file = files.open(payload);
    if (!file) return pass(file.error());
    Result<std::string> first = (*file)->read_at(0, 16);
    if (!first) return pass(first.error());
    if (*first == std::string_view("SQLite format 3\0", 16)) {
      if (from_.kind == FromKind::dump)
        return fail(ErrorCode::invalid, "`" + path + "` is a SQLite database, not a dump", "name it as `file` instead");
      fetched.sha256 = std::move(sha256);
      return files.rename_new(payload, plan.ready);
    }
    if (first->starts_with("PGDMP"))
      return fail(ErrorCode::invalid, "`" + path + "` is a dump of PostgreSQL, and the target is a SQLite database");
    bool is_dump = from_.kind == FromKind::dump || path.ends_with(".sql") || payload.ends_with(".sql") ||
                   path.find(".sql.") != std::string::npos;
    if (!is_dump) {
      return fail(ErrorCode::corrupt,
                  "`" + path + "` is not a SQLite database" +
                      (read.content == Content::tar ? std::string(" within its archive") : std::string()),
                  "a file of SQL statements is named as `dump`");
    }
    Result<std::unique_ptr<WriteFile>> empty = files.create(plan.ready);
    if (!empty) return pass(empty.error());
    empty->reset();
    Result<void> loaded = touch.sql.load_dump(sqlite_at(plan.ready), **file, plan.stop, [&](int64_t done, int64_t) {
      plan.progress(static_cast<uint64_t>(done), read.bytes);
    });
    if (!loaded) {
      Error error = loaded.error();
      error.message = "`" + path + "`: " + error.message;
      return pass(std::move(error));
    }
    return files.sync_directory(plan.work);
  }

  // Dumps have no kind of their own until they are looked into.
  static Result<void> check_kind(const std::string& path, const ReadBackup& read, std::string_view wanted,
                                 const std::string& target) {
    if (!read.meta || read.meta->kind.empty() || read.meta->kind == wanted) return {};
    return fail(ErrorCode::invalid,
                "`" + path + "` is a backup of kind `" + read.meta->kind + "`, and the target is " + target);
  }

  Result<void> lay_rows(const std::string& path, const ReadBackup& read, Files& files, const FetchPlan& plan) const {
    if (Result<void> fits = check_kind(path, read, "rows", "rows of a table"); !fits) return fits;
    std::string payload = read.payload;
    if (read.content == Content::tar) {
      Result<std::string> entry = entry_of(path, read);
      if (!entry) return pass(entry.error());
      payload = read.payload + "/" + *entry;
    }
    return files.rename_new(payload, plan.ready);
  }

  // For a PostgreSQL database: a dump of either kind, as it is.
  Result<void> lay_dump(const std::string& path, const ReadBackup& read, Files& files, const FetchPlan& plan) const {
    if (Result<void> fits = check_kind(path, read, "postgres", "a PostgreSQL database"); !fits) return fits;
    if (from_.kind == FromKind::archive && read.content != Content::tar)
      return fail(ErrorCode::invalid, "`" + path + "` is not a tar archive", "name it as `file` or `dump` instead");
    std::string payload = read.payload;
    if (read.content == Content::tar) {
      Result<std::string> entry = entry_of(path, read);
      if (!entry) return pass(entry.error());
      payload = read.payload + "/" + *entry;
    }
    Result<std::unique_ptr<ReadFile>> file = files.open(payload);
    if (!file) return pass(file.error());
    Result<std::string> first = (*file)->read_at(0, 16);
    if (!first) return pass(first.error());
    if (first->starts_with("SQLite format 3"))
      return fail(ErrorCode::invalid, "`" + path + "` is a SQLite database, and the target is a PostgreSQL database");
    return files.rename_new(payload, plan.ready);
  }

  From from_;
};

}  // namespace

std::unique_ptr<BackupSource> file_source(const From& from) { return std::make_unique<FileSource>(from); }

}  // namespace muster
