// A Litestream replica as the source of a restore.
#include "steps/restore/backup_reader.h"
#include "steps/restore/litestream.h"
#include "steps/restore/s3_files.h"
#include "steps/restore/source.h"

namespace muster {

namespace {

int64_t integer_in(const Map& map, std::string_view name) {
  const Value* value = member(map, name);
  return value && value->is<int64_t>() ? value->get<int64_t>() : 0;
}

std::string note_of_ignored(const Replica& replica) {
  if (replica.ignored.empty()) return "";
  std::string note = std::to_string(replica.ignored.size()) + " files that are no part of a replica were ignored: ";
  for (size_t i = 0; i < replica.ignored.size() && i < 5; ++i)
    note += (i == 0 ? "`" : ", `") + replica.ignored[i] + "`";
  return note + (replica.ignored.size() > 5 ? ", ..." : "");
}

class LitestreamSource final : public BackupSource {
 public:
  explicit LitestreamSource(From from) : from_(std::move(from)) {}

  Result<std::vector<FoundBackup>> find(Look& look, std::optional<Timestamp> at, std::stop_token stop) override {
    Result<Replica> replica = list(files_of(look, std::move(stop)));
    if (!replica) return pass(replica.error());
    Timestamp now = look.clock.now();
    Result<BackupChoice> choice = choose_backup(*replica, at, now);
    if (!choice) return pass(choice.error());
    root_ = replica->root;
    ChoiceRecord record = record_of(*choice);
    FoundBackup found;
    found.record = {{"generation", record.generation},
                    {"snapshot", record.snapshot_index},
                    {"segments", record.segment_count},
                    {"last_index", record.last_index},
                    {"last_offset", record.last_offset}};
    found.id = id_of(*choice);
    found.source = source_of(*choice);
    found.at = choice->at;
    found.notes = choice->notes;
    if (std::string ignored = note_of_ignored(*replica); !ignored.empty()) found.notes.push_back(std::move(ignored));
    std::string what = "restored to " + to_text(choice->at) + " from generation " + choice->generation + ", snapshot " +
                       hex_name(choice->snapshot.index) + " and " + std::to_string(choice->segments.size()) +
                       " segments";
    if (std::string distance = distance_words(choice->at, at); !distance.empty()) what += ", " + distance;
    found.notes.push_back(std::move(what));
    // Where times are no guide the newest stays the newest.
    Result<BackupChoice> by_time = choose_backup(*replica, choice->at, now);
    found.names_its_moment = by_time && id_of(*by_time) == found.id;
    choice_ = std::move(*choice);
    return std::vector<FoundBackup>{std::move(found)};
  }

  Result<FetchedBackup> fetch(const FoundBackup& found, Touch& touch, const FetchPlan& plan) override {
    Files& files = touch.files;
    FilesRead& backup = files_of(touch.look, plan.stop);
    if (!choice_) {
      Result<Replica> replica = list(backup);
      if (!replica) return pass(replica.error());
      const Map& kept = found.record;
      ChoiceRecord record{text_of(kept, "generation"), static_cast<uint32_t>(integer_in(kept, "snapshot")),
                          static_cast<size_t>(integer_in(kept, "segments")),
                          static_cast<uint32_t>(integer_in(kept, "last_index")),
                          static_cast<uint64_t>(integer_in(kept, "last_offset"))};
      Result<BackupChoice> again = find_choice(*replica, record, plan.at);
      if (!again) return pass(again.error());
      choice_ = std::move(*again);
    }
    Result<Survey> seen = survey(backup, *choice_, plan.stop);
    if (!seen) return pass(seen.error());
    if (Result<void> fits = check_space(files, plan.directory, seen->peak_bytes); !fits) return pass(fits.error());
    if (Result<void> made = files.make_directory(plan.work); !made) return pass(made.error());
    Result<std::unique_ptr<WriteFile>> file = files.create(plan.ready);
    if (!file) return pass(file.error());
    Result<uint64_t> size = write_database(backup, *choice_, *seen, **file, plan.stop, plan.progress);
    if (!size) return pass(size.error());
    return FetchedBackup{*size, {}, {}, seen->notes};
  }

  Result<LaidOut> lay_out(const FoundBackup&, Look& look, Files& files, const FetchPlan& plan) override {
    FilesRead& backup = files_of(look, plan.stop);
    Result<Survey> seen = survey(backup, *choice_, plan.stop);
    if (!seen) return pass(seen.error());
    if (seen->peak_bytes > most_tried_bytes) return LaidOut{{}, {}, {}, "it takes more than 256 MiB"};
    if (Result<void> fits = check_space(files, plan.directory, seen->peak_bytes); !fits)
      return LaidOut{{}, {}, {}, fits.error().message};
    if (Result<void> made = files.make_directory(plan.work); !made) return pass(made.error());
    Result<std::unique_ptr<WriteFile>> file = files.create(plan.ready);
    if (!file) return pass(file.error());
    Result<uint64_t> size = write_database(backup, *choice_, *seen, **file, plan.stop, plan.progress);
    if (!size) return pass(size.error());
    return LaidOut{plan.ready, {}, {}, {}};
  }

  Result<void> describe(const FoundBackup&, Look& look, std::stop_token stop, Preview& preview) override {
    // The logs are read, so that a hole in them is known before anything has begun.
    Result<Survey> seen = survey(files_of(look, stop), *choice_, stop);
    if (!seen) return pass(seen.error());
    preview.lines.push_back("from `" + root_ + "`: generation " + choice_->generation + ", snapshot " +
                            hex_name(choice_->snapshot.index) + ", " + std::to_string(choice_->segments.size()) +
                            " segments up to `" + source_of(*choice_) + "`");
    preview.facts["generation"] = choice_->generation;
    preview.facts["snapshot"] = choice_->snapshot.index;
    preview.facts["segments"] = choice_->segments.size();
    preview.facts["bytes"] = seen->size_bytes;
    preview.facts["peak_bytes"] = seen->peak_bytes;
    return {};
  }

  Result<List> points(Look& look, std::vector<std::string>& notes, std::stop_token stop) override {
    Result<Replica> replica = list_replica(files_of(look, std::move(stop)), from_.where);
    if (!replica && replica.error().code == ErrorCode::not_found) {
      return fail(ErrorCode::unreachable, replica.error().message, "check the path and that its disk is mounted");
    }
    if (!replica) return pass(replica.error());
    List points;
    for (const RestorePoint& point : points_of(*replica)) {
      points.emplace_back(Map{{"id", point.id},
                              {"at", point.at},
                              {"source", point.source},
                              {"kind", point.is_snapshot ? "snapshot" : "segment"}});
    }
    if (std::string ignored = note_of_ignored(*replica); !ignored.empty()) notes.push_back(std::move(ignored));
    for (const Generation& generation : replica->generations) {
      if (generation.snapshots.empty())
        notes.push_back("generation " + generation.name + " has no snapshot, so nothing of it can be restored");
    }
    if (replica->is_newer_format) {
      notes.push_back("`" + replica->root +
                      "/ltx` belongs to Litestream 0.5, whose files are not read in this version");
    }
    return points;
  }

 private:
  FilesRead& files_of(Look& look, std::stop_token stop) {
    if (from_.connection.kind != "s3") return look.files;
    if (!s3_) s3_.emplace(look.http, look.clock, from_.connection, *parse_s3_url(from_.where), std::move(stop));
    return *s3_;
  }
  // A missing or empty replica is `no_backup`.
  Result<Replica> list(FilesRead& files) const {
    Result<Replica> replica = list_replica(files, from_.where);
    if (!replica && replica.error().code == ErrorCode::not_found) {
      return fail(ErrorCode::no_backup, replica.error().message,
                  "check the path and that the disk with the replica is mounted");
    }
    return replica;
  }

  From from_;
  std::string root_;
  std::optional<S3Files> s3_;
  std::optional<BackupChoice> choice_;  // in the process that chose; otherwise found again by the record
};

}  // namespace

std::unique_ptr<BackupSource> litestream_source(const From& from) { return std::make_unique<LitestreamSource>(from); }

}  // namespace muster
