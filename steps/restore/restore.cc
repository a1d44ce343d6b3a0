// The action `restore`: a SQLite database back from a Litestream replica, or the list of its moments.
#include "steps/restore/backup_reader.h"
#include "steps/restore/restoring.h"
#include "steps/steps.h"

namespace muster {

namespace {

Value point_value(const RestorePoint& point) {
  return Map{{"id", point.id},
             {"at", point.at},
             {"source", point.source},
             {"kind", point.is_snapshot ? "snapshot" : "segment"}};
}

Result<StepOutput> list_points(const StepInput& input, Look& look) {
  if (!is_listing(input.args)) return fail(ErrorCode::invalid, "only `list` is a read");
  for (std::string_view other : {"target", "from", "at", "expect", "keep_old"}) {
    if (member(input.args, other)) return fail(ErrorCode::invalid, "`list` goes without `" + std::string(other) + "`");
  }
  Result<std::string> path = replica_of(input.args, "list");
  if (!path) return pass(path.error());
  Result<Replica> replica = list_replica(look.files, *path);
  if (!replica && replica.error().code == ErrorCode::not_found) {
    return fail(ErrorCode::unreachable, replica.error().message, "check the path and that its disk is mounted");
  }
  if (!replica) return pass(replica.error());
  StepOutput output;
  List points;
  for (const RestorePoint& point : points_of(*replica)) points.push_back(point_value(point));
  output.fields["latest"] = points.empty() ? Value(Null{}) : points.back();
  output.fields["oldest"] = points.empty() ? Value(Null{}) : points.front();
  output.fields["points"] = std::move(points);
  if (std::string ignored = note_of_ignored(*replica); !ignored.empty()) output.notes.push_back(std::move(ignored));
  for (const Generation& generation : replica->generations) {
    if (generation.snapshots.empty()) {
      output.notes.push_back("generation " + generation.name + " has no snapshot, so nothing of it can be restored");
    }
  }
  if (replica->is_newer_format) {
    output.notes.push_back("`" + replica->root +
                           "/ltx` belongs to Litestream 0.5, whose files are not read in this version");
  }
  return output;
}

Result<StepOutput> restore(const StepInput& input, Touch& touch) {
  Result<RestoreRequest> request = restore_request(input.args);
  if (!request) return pass(request.error());
  return Restoring(std::move(*request), input, touch).run();
}

void preview_target(const Place& place, Look& look, const RestoreRequest& request, Preview& preview) {
  if (place.has_old) {
    preview.lines.push_back("replace `" + place.target + "` (" + std::to_string(place.old_bytes) + " bytes, modified " +
                            to_text(place.old_modified) + ")");
    preview.lines.push_back(request.keep_old ? "keep the old database as `" + place.outgoing + "`"
                                             : "remove the old database once the new one has passed its checks");
  } else {
    preview.lines.push_back("create `" + place.target + "`, which does not exist");
  }
  // A step before this one may still stop it, so it is told and not made an error.
  if (Result<void> free_now = check_not_in_use(look, place.target, true); !free_now) {
    preview.lines.push_back("now " + free_now.error().message + ": it must be stopped before this step");
  }
  preview.facts["target_bytes"] = place.old_bytes;
  preview.facts["moved_aside"] = place.has_old && request.keep_old ? Value(place.outgoing) : Value(Null{});
}

Result<Preview> preview_restore(const StepInput& input, Look& look, Trial&) {
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
  Result<Place> place = find_place(look.files, request->target, input);
  if (!place) return pass(place.error());
  Result<Replica> replica = list_for_restore(look.files, request->replica);
  if (!replica) return pass(replica.error());
  Timestamp now = look.clock.now();
  Result<BackupChoice> choice = choose_backup(*replica, request->at, now);
  if (!choice) return pass(choice.error());
  // The logs are read, so that a hole in them is known before anything has begun.
  Result<Survey> seen = survey(look.files, *choice, input.stop);
  if (!seen) return pass(seen.error());
  std::string line = "restore " + to_text(choice->at) + " (" + to_text(now - choice->at) + " ago";
  if (std::string distance = distance_words(*choice, request->at); !distance.empty()) line += ", " + distance;
  preview.lines.push_back(line + ")");
  preview.lines.push_back("from `" + replica->root + "`: generation " + choice->generation + ", snapshot " +
                          hex_name(choice->snapshot.index) + ", " + std::to_string(choice->segments.size()) +
                          " segments up to `" + source_of(*choice) + "`");
  preview_target(*place, look, *request, preview);
  if (Result<void> fits = check_space(look.files, place->directory, seen->peak_bytes); !fits) {
    preview.lines.push_back("now " + fits.error().message);
  }
  for (const std::string& note : choice->notes) preview.lines.push_back(note);
  preview.facts["point"] = id_of(*choice);
  preview.facts["at"] = choice->at;
  preview.facts["age"] = now - choice->at;
  preview.facts["generation"] = choice->generation;
  preview.facts["snapshot"] = choice->snapshot.index;
  preview.facts["segments"] = choice->segments.size();
  preview.facts["bytes"] = seen->size_bytes;
  if (!request->at) {
    // The newest is a moving target: what was shown is what shall run. Where times are no guide it stays the newest.
    Result<BackupChoice> by_time = choose_backup(*replica, choice->at, now);
    if (by_time && id_of(*by_time) == id_of(*choice)) preview.pinned["at"] = choice->at;
  }
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
      {"file", FieldType::path, "the database that was replaced"},
      {"records", FieldType::map, "rows by table"},
      {"moved_aside", FieldType::list, "where the old database and its sidecars lie"},
      {"replaced", FieldType::boolean, "whether there was a database before"},
      {"sha256", FieldType::text, "of the restored database file"},
      {"requested", FieldType::timestamp, "the moment that was asked for, nil for the newest"},
      {"distance", FieldType::number, "seconds from the restored moment to the one asked for"},
  };
}

}  // namespace

Action restore_action() {
  Action action;
  action.name = "restore";
  action.summary = "replace a database by its backup at a moment, or list the moments";
  action.fields = restore_fields();
  action.one_of = {{"list", "target"}};
  action.results = restore_results();
  action.effect = [](const Map& args) { return is_listing(args) ? Effect::read : Effect::destructive; };
  action.look = list_points;
  action.act = restore;
  action.preview = preview_restore;
  action.rollback = undo_restore;
  action.continues_after_crash = true;
  return action;
}

}  // namespace muster
