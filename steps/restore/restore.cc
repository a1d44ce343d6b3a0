// The action `restore`: a database or a directory back from its backup, or the list of the moments to be had.
#include "steps/postgres/restoring.h"
#include "steps/restore/restoring.h"
#include "steps/restore/s3_files.h"
#include "steps/restore/trying.h"
#include "steps/rows/restoring.h"
#include "steps/steps.h"

namespace muster {

namespace {

Result<StepOutput> list_points(const StepInput& input, Look& look) {
  if (!is_listing(input.args)) return fail(ErrorCode::invalid, "only `list` is a read");
  for (std::string_view other : {"target", "from", "at", "expect", "keep_old"}) {
    if (member(input.args, other)) return fail(ErrorCode::invalid, "`list` goes without `" + std::string(other) + "`");
  }
  Result<From> from = from_of(input.args, "list");
  if (!from) return pass(from.error());
  StepOutput output;
  Result<List> points = source_of(*from)->points(look, output.notes, input.stop);
  if (!points) return pass(points.error());
  output.fields["latest"] = points->empty() ? Value(Null{}) : points->back();
  output.fields["oldest"] = points->empty() ? Value(Null{}) : points->front();
  output.fields["points"] = std::move(*points);
  return output;
}

Result<StepOutput> restore(const StepInput& input, Touch& touch) {
  Result<RestoreRequest> request = restore_request(input.args);
  if (!request) return pass(request.error());
  if (request->target_kind == TargetKind::postgres) return RestoringServer(std::move(*request), input, touch).run();
  if (request->target_kind == TargetKind::rows) {
    Result<TableRows> rows = table_rows(request->rows);
    if (!rows) return pass(rows.error());
    return RestoringRows(std::move(*request), std::move(*rows), input, touch).run();
  }
  return Restoring(std::move(*request), input, touch).run();
}

void preview_target(const Place& place, Look& look, const RestoreRequest& request, Preview& preview) {
  bool is_directory = request.target_kind == TargetKind::directory;
  std::string what = is_directory ? "directory" : "database";
  if (place.has_old) {
    preview.lines.push_back("replace `" + place.target + "` (" +
                            (is_directory ? "a directory" : std::to_string(place.old_bytes) + " bytes") +
                            ", modified " + to_text(place.old_modified) + ")");
    preview.lines.push_back(request.keep_old ? "keep the old " + what + " as `" + place.outgoing + "`"
                                             : "remove the old " + what + " once the new one has passed its checks");
  } else {
    preview.lines.push_back("create `" + place.target + "`, which does not exist");
  }
  // A step before this one may still stop it, so it is told and not made an error.
  Result<void> free_now =
      is_directory ? check_directory_not_in_use(look, place.target) : check_not_in_use(look, place.target, true);
  if (!free_now) {
    preview.lines.push_back("now " + free_now.error().message + ": it must be stopped before this step");
  }
  preview.facts["target_bytes"] = place.old_bytes;
  preview.facts["moved_aside"] = place.has_old && request.keep_old ? Value(place.outgoing) : Value(Null{});
}

Result<Preview> preview_restore(const StepInput& input, Look& look, Trial& trial) {
  Preview preview;
  for (const auto& [name, value] : input.args) {
    if (const Unknown* unknown = find_unknown(value)) {
      preview.unknown = "`" + name + "` is " + unknown->why;
      return preview;
    }
  }
  if (is_listing(input.args)) {
    preview.lines.push_back("list the moments of the replica");
    return preview;
  }
  Result<RestoreRequest> request = restore_request(input.args);
  if (!request) return pass(request.error());
  bool is_server = request->target_kind == TargetKind::postgres;
  bool is_directory = request->target_kind == TargetKind::directory;
  bool is_rows = request->target_kind == TargetKind::rows;
  bool is_files = !is_server && !is_rows;
  Result<Place> place = !is_files ? Place{} : find_place(look.files, request->target, is_directory, input);
  if (!place) return pass(place.error());
  std::unique_ptr<BackupSource> source = source_of(request->from);
  Result<std::vector<FoundBackup>> found = source->find(look, request->at, input.stop);
  if (!found) return pass(found.error());
  TriedBackup tried;
  if (is_dry_run(input) && request->target_kind == TargetKind::sqlite) {
    Result<TriedBackup> passed = try_backups(*source, *found, *request, input, look, trial);
    if (!passed) return pass(passed.error());
    tried = std::move(*passed);
  }
  const FoundBackup& best = (*found)[tried.chosen];
  Preview deeper;
  if (Result<void> told = source->describe(best, look, input.stop, deeper); !told) return pass(told.error());
  Duration age = look.clock.now() - best.at;
  std::string line = "restore " + to_text(best.at) + " (" + to_text(age) + " ago";
  if (std::string distance = distance_words(best.at, request->at); !distance.empty()) line += ", " + distance;
  preview.lines.push_back(line + ")");
  preview.lines.insert(preview.lines.end(), deeper.lines.begin(), deeper.lines.end());
  preview.lines.insert(preview.lines.end(), tried.lines.begin(), tried.lines.end());
  if (is_files) preview_target(*place, look, *request, preview);
  if (is_rows) {
    if (Result<void> told = preview_rows_restore(*request, input, look, preview); !told) return pass(told.error());
  }
  if (is_server) {
    if (Result<void> told = preview_server_restore(*request, input, look, preview); !told) return pass(told.error());
  }
  const Value* peak = member(deeper.facts, "peak_bytes");
  uint64_t needed = peak && peak->is<int64_t>() ? static_cast<uint64_t>(peak->get<int64_t>()) : best.bytes;
  Result<void> fits = !is_files ? Result<void>() : check_space(look.files, place->directory, needed);
  if (!fits) {
    preview.lines.push_back("now " + fits.error().message);
  }
  if (const size_t older = found->size() - 1 - tried.chosen; older > 0)
    preview.lines.push_back("should it be damaged: the next older one of " + std::to_string(older));
  // The last note tells again what the lines above say.
  for (size_t i = 0; i + 1 < best.notes.size(); ++i) preview.lines.push_back(best.notes[i]);
  preview.facts["point"] = best.id;
  preview.facts["at"] = best.at;
  preview.facts["age"] = age;
  deeper.facts.erase("peak_bytes");
  preview.facts.merge(deeper.facts);
  if (!tried.records.empty()) preview.facts["records"] = tried.records;
  // The newest is a moving target: what was shown is what shall run.
  if (!request->at && best.names_its_moment) preview.pinned["at"] = best.at;
  return preview;
}

std::vector<ResultField> restore_results() {
  return {
      {"points", FieldType::list, "of `list`: every moment, oldest first, as {id, at, source, kind}"},
      {"latest", FieldType::any, "of `list`: the newest point, nil without any"},
      {"oldest", FieldType::any, "of `list`: the oldest point, nil without any"},
      {"source", FieldType::path, "the last file of the backup that was used"},
      {"point", FieldType::text, "the id of the restored moment"},
      {"at", FieldType::timestamp, "the restored moment"},
      {"age", FieldType::duration, "from that moment to now"},
      {"file", FieldType::path, "the database or directory that was replaced; of PostgreSQL: the database's name"},
      {"records", FieldType::map, "rows by table; of a directory: `files`, `directories`, `links`"},
      {"moved_aside", FieldType::list, "where the old database and its sidecars lie; of PostgreSQL: its name now"},
      {"replaced", FieldType::boolean, "whether there was a database before"},
      {"sha256", FieldType::text, "of the restored database file, or of the dump; nil of a directory"},
      {"refused", FieldType::list, "newer backups that were refused, and why"},
      {"requested", FieldType::timestamp, "the moment that was asked for, nil for the newest"},
      {"distance", FieldType::number, "seconds from the restored moment to the one asked for"},
  };
}

}  // namespace

namespace {

// A connection that nothing can use would only look as if it did something.
std::vector<WrongArgument> look_over(const Map& args) {
  std::vector<WrongArgument> wrong;
  for (const char* name : {"from", "list"}) {
    const Value* source = member(args, name);
    const Map* fields = source ? source->find<Map>() : nullptr;
    if (!fields || !member(*fields, "connection")) continue;
    const Value* replica = member(*fields, "litestream");
    const std::string* where = replica ? replica->find<std::string>() : nullptr;
    if (replica && (!where || where->starts_with(s3_scheme))) continue;
    wrong.push_back({{name, "connection"},
                     true,
                     "a `connection` in `" + std::string(name) + "` belongs to an s3:// URL of a replica",
                     "leave it out, or write `litestream: s3://BUCKET/FOLDER`"});
  }
  return wrong;
}

}  // namespace

Action restore_action() {
  Action action;
  action.name = "restore";
  action.summary = "replace a database, rows of a table or a directory by its backup at a moment, or list the moments";
  action.fields = restore_fields();
  action.one_of = {{"list", "target"}};
  action.results = restore_results();
  action.effect = [](const Map& args) { return is_listing(args) ? Effect::read : Effect::destructive; };
  action.look = list_points;
  action.act = restore;
  action.preview = preview_restore;
  action.rollback = [](const StepInput& input, const StepOutput& done, Touch& touch) {
    const Value* target = member(input.args, "target");
    const Value* connection = target ? member(*target, "connection") : nullptr;
    const Value* kind = connection ? member(*connection, "kind") : nullptr;
    bool is_server = kind && same(*kind, "postgres");
    if (target && member(*target, "rows")) return undo_rows_restore(input, done, touch);
    return is_server ? undo_server_restore(input, done, touch) : undo_restore(input, done, touch);
  };
  action.continues_after_crash = true;
  action.look_over = look_over;
  return action;
}

}  // namespace muster
