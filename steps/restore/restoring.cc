#include "steps/restore/restoring.h"

#include <algorithm>
#include <cstdio>

#include "steps/restore/backup_reader.h"
#include "steps/restore/validation.h"

namespace muster {

namespace {

// A copy that was lost in a crash is made again; more often than this is somebody removing it.
constexpr int most_rounds = 8;
constexpr uint64_t mebibyte = 1 << 20;

int64_t integer_of(const Map& map, std::string_view name) {
  const Value* value = member(map, name);
  return value && value->is<int64_t>() ? value->get<int64_t>() : 0;
}

bool is_set(const Map& map, std::string_view name) {
  const Value* value = member(map, name);
  return value && value->is<bool>() && value->get<bool>();
}

Map map_of(const Map& map, std::string_view name) {
  const Value* value = member(map, name);
  return value && value->is<Map>() ? value->get<Map>() : Map{};
}

std::string megabytes(uint64_t bytes) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f MiB", static_cast<double>(bytes) / static_cast<double>(mebibyte));
  return text;
}

Map as_map(const Error& error) {
  return {{"code", std::string(name_of(error.code))},
          {"message", error.message},
          {"hint", error.hint},
          {"cause", error.cause}};
}

Error as_error(const Map& map) {
  Error error;
  error.code = error_code_of(text_of(map, "code")).value_or(ErrorCode::failed);
  error.message = text_of(map, "message");
  error.hint = text_of(map, "hint");
  error.cause = text_of(map, "cause");
  return error;
}

}  // namespace

Result<Replica> list_for_restore(FilesRead& files, const std::string& path) {
  Result<Replica> replica = list_replica(files, path);
  if (!replica && replica.error().code == ErrorCode::not_found) {
    return fail(ErrorCode::no_backup, replica.error().message,
                "check the path and that the disk with the replica is mounted");
  }
  return replica;
}

std::string note_of_ignored(const Replica& replica) {
  if (replica.ignored.empty()) return "";
  std::string note = std::to_string(replica.ignored.size()) + " files that are no part of a replica were ignored: ";
  for (size_t i = 0; i < replica.ignored.size() && i < 5; ++i)
    note += (i == 0 ? "`" : ", `") + replica.ignored[i] + "`";
  return note + (replica.ignored.size() > 5 ? ", ..." : "");
}

std::string distance_words(const BackupChoice& choice, std::optional<Timestamp> at) {
  if (!at || *at == choice.at) return "";
  char seconds[48];
  std::snprintf(seconds, sizeof seconds, "%.6g s", (*at - choice.at).as_seconds());
  return std::string(seconds) + " before the moment asked for";
}

Result<void> check_space(FilesRead& files, const std::string& directory, uint64_t needed_bytes) {
  Result<uint64_t> free_now = files.free_bytes(directory);
  if (!free_now) return pass(free_now.error());
  uint64_t needed = needed_bytes + std::max(mebibyte, needed_bytes / 50);  // journals of folding and checking
  if (*free_now >= needed) return {};
  return fail(ErrorCode::storage,
              "not enough space in `" + directory + "`: " + megabytes(needed) + " needed (" + std::to_string(needed) +
                  " bytes), " + megabytes(*free_now) + " free (" + std::to_string(*free_now) + " bytes)",
              "the new database is made beside the old one, which is kept until the new one has proven itself");
}

Result<Value> Restoring::choose_once() {
  FilesRead& files = touch_.look.files;
  Result<Place> place = find_place(files, request_.target, input_);
  if (!place) return pass(place.error());
  if (Result<void> free_now = check_not_in_use(touch_.look, place->target, true); !free_now)
    return pass(free_now.error());
  Result<Replica> replica = list_for_restore(files, request_.replica);
  if (!replica) return pass(replica.error());
  Timestamp now = touch_.look.clock.now();
  Result<BackupChoice> choice = choose_backup(*replica, request_.at, now);
  if (!choice) return pass(choice.error());
  if (request_.expect.max_age && now - choice->at > *request_.expect.max_age) {
    return fail(ErrorCode::too_old, "the newest state that can be restored is of " + to_text(choice->at) + ", " +
                                        to_text(now - choice->at) + " ago; at most " +
                                        to_text(*request_.expect.max_age) + " is allowed");
  }
  ChoiceRecord record = record_of(*choice);
  List notes(choice->notes.begin(), choice->notes.end());
  if (std::string ignored = note_of_ignored(*replica); !ignored.empty()) notes.emplace_back(std::move(ignored));
  std::string from = "restored to " + to_text(choice->at) + " from generation " + choice->generation + ", snapshot " +
                     hex_name(choice->snapshot.index) + " and " + std::to_string(choice->segments.size()) + " segments";
  if (std::string distance = distance_words(*choice, request_.at); !distance.empty()) from += ", " + distance;
  notes.emplace_back(std::move(from));
  Map chosen{
      {"target", place->target},
      {"directory", place->directory},
      {"work", place->work},
      {"ready", place->ready},
      {"outgoing", place->outgoing},
      {"first_seen", place->first_seen},
      {"has_old", place->has_old},
      {"uid", place->uid},
      {"gid", place->gid},
      {"mode", place->mode},
      {"generation", record.generation},
      {"snapshot", record.snapshot_index},
      {"segments", record.segment_count},
      {"last_index", record.last_index},
      {"last_offset", record.last_offset},
      {"at", choice->at.us},
      {"id", id_of(*choice)},
      {"source", source_of(*choice)},
      {"notes", std::move(notes)},
  };
  choice_ = std::move(*choice);
  return chosen;
}

Result<void> Restoring::choose() {
  Result<Value> chosen = stages_.once("choose", Effect::read, [&] { return choose_once(); });
  if (!chosen) return pass(chosen.error());
  if (!chosen->is<Map>()) return fail(ErrorCode::storage, "the journal's record of `choose` cannot be read");
  chosen_ = chosen->get<Map>();
  place_.target = text_of(chosen_, "target");
  place_.directory = text_of(chosen_, "directory");
  place_.work = text_of(chosen_, "work");
  place_.ready = text_of(chosen_, "ready");
  place_.outgoing = text_of(chosen_, "outgoing");
  place_.first_seen = map_of(chosen_, "first_seen");
  place_.has_old = is_set(chosen_, "has_old");
  place_.uid = static_cast<uint32_t>(integer_of(chosen_, "uid"));
  place_.gid = static_cast<uint32_t>(integer_of(chosen_, "gid"));
  place_.mode = static_cast<uint32_t>(integer_of(chosen_, "mode"));
  record_ = {text_of(chosen_, "generation"), static_cast<uint32_t>(integer_of(chosen_, "snapshot")),
             static_cast<size_t>(integer_of(chosen_, "segments")),
             static_cast<uint32_t>(integer_of(chosen_, "last_index")),
             static_cast<uint64_t>(integer_of(chosen_, "last_offset"))};
  return {};
}

Result<Value> Restoring::fetch_once() {
  Files& files = touch_.files;
  if (Result<void> cleared = files.remove_tree(place_.work); !cleared) return pass(cleared.error());
  if (!choice_) {
    Result<Replica> replica = list_for_restore(files, request_.replica);
    if (!replica) return pass(replica.error());
    Result<BackupChoice> again = find_choice(*replica, record_, request_.at);
    if (!again) return pass(again.error());
    choice_ = std::move(*again);
  }
  Result<Survey> seen = survey(files, *choice_, input_.stop);
  if (!seen) return pass(seen.error());
  if (Result<void> fits = check_space(files, place_.directory, seen->peak_bytes); !fits) return pass(fits.error());
  if (Result<void> made = files.make_directory(place_.work); !made) return pass(made.error());
  Result<std::unique_ptr<WriteFile>> file = files.create(place_.ready);
  if (!file) return pass(file.error());
  Result<uint64_t> size =
      write_database(files, *choice_, *seen, **file, input_.stop, [&](uint64_t done, uint64_t total) {
        input_.progress.at(static_cast<int64_t>(done), static_cast<int64_t>(total), "bytes");
      });
  if (!size) return pass(size.error());
  file->reset();
  return Map{{"size", *size}, {"frames", seen->frames}, {"notes", List(seen->notes.begin(), seen->notes.end())}};
}

Result<Value> Restoring::fold_once() {
  Files& files = touch_.files;
  Result<std::optional<FileStatus>> there = files.status(place_.ready);
  if (!there) return pass(there.error());
  if (!*there) {
    lost_copy_ = true;
    return fail(ErrorCode::not_found, "the copy `" + place_.ready + "` is gone");
  }
  if (Result<void> folded = touch_.sql.fold(sqlite_at(place_.ready), input_.stop); !folded) return pass(folded.error());
  Result<Map> left = identity_of(files, place_.ready);
  if (!left) return pass(left.error());
  for (const char* suffix : {"-wal", "-journal"}) {
    if (integer_of(map_of(*left, suffix), "size") > 0) {
      return fail(ErrorCode::corrupt, "the restored database cannot be brought into one file: `" + place_.ready +
                                          suffix + "` stays behind");
    }
  }
  if (place_.has_old) {
    Result<void> owned = files.set_owner_and_mode(place_.ready, place_.uid, place_.gid, place_.mode);
    if (!owned) return pass(owned.error());
  }
  if (Result<void> synced = files.sync_directory(place_.work); !synced) return pass(synced.error());
  return Map{{"inode", integer_of(map_of(*left, "main"), "inode")}};
}

Result<Value> Restoring::validate_once() {
  Result<Map> there = identity_of(touch_.files, place_.ready);
  if (!there) return pass(there.error());
  if (integer_of(map_of(*there, "main"), "inode") != copy_inode_) {
    lost_copy_ = true;
    return fail(ErrorCode::not_found, "the copy `" + place_.ready + "` is gone");
  }
  Result<Validated> good = validate(touch_.look.sql, touch_.look.files, place_.ready, request_.expect, input_.stop);
  if (!good) return pass(good.error());
  return Map{{"records", std::move(good->records)}, {"sha256", std::move(good->sha256)}};
}

Result<void> Restoring::prepare() {
  Result<Value> fetched = stages_.once(
      "fetch", Effect::write, [&] { return fetch_once(); }, Stages::run_again);
  if (!fetched) return pass(fetched.error());
  Result<Value> folded = stages_.once(
      "fold", Effect::write, [&] { return fold_once(); }, Stages::run_again);
  if (!folded) return pass(folded.error());
  copy_inode_ = folded->is<Map>() ? integer_of(folded->get<Map>(), "inode") : 0;
  Result<Value> validated = stages_.once("validate", Effect::read, [&] { return validate_once(); });
  if (!validated) return pass(validated.error());
  if (!validated->is<Map>()) return fail(ErrorCode::storage, "the journal's record of `validate` cannot be read");
  records_ = map_of(validated->get<Map>(), "records");
  sha256_ = text_of(validated->get<Map>(), "sha256");
  notes_.clear();
  for (const Map* from : {&chosen_, fetched->find<Map>()}) {
    const Value* notes = from ? member(*from, "notes") : nullptr;
    if (!notes || !notes->is<List>()) continue;
    for (const Value& note : notes->get<List>()) notes_.push_back(to_text(note));
  }
  return {};
}

Result<void> Restoring::judge(const Swap& swap) {
  Result<Value> verdict = stages_.once("verdict", Effect::read, [&]() -> Result<Value> {
    Result<bool> switched = swap.is_switched();
    if (!switched) return pass(switched.error());
    if (!*switched) {
      return fail(ErrorCode::failed, "somebody put another file in the place of `" + place_.target + "`", {},
                  Certainty::done);
    }
    Result<CheckResult> check =
        touch_.look.sql.check(sqlite_at(place_.target), CheckKind::quick, SqlLimits{Duration::seconds(24 * 3600)}, {});
    if (!check) return pass(check.error());
    std::string problems;
    for (const std::string& problem : check->problems) problems += (problems.empty() ? "" : "; ") + problem;
    return Map{{"intact", check->intact}, {"problems", problems}};
  });
  if (!verdict) return pass(verdict.error());
  if (verdict->is<Map>() && is_set(verdict->get<Map>(), "intact")) return {};
  return fail(ErrorCode::corrupt, "the restored database did not pass its check in place: " +
                                      (verdict->is<Map>() ? text_of(verdict->get<Map>(), "problems") : std::string()));
}

Result<void> Restoring::clean_up() {
  Result<Value> cleaned = stages_.once(
      "cleanup", Effect::write,
      [&]() -> Result<Value> {
        // The restore has succeeded: what cannot be removed is told, not made a failure.
        if (Result<void> removed = touch_.files.remove_tree(place_.work); !removed) return place_.work;
        (void)touch_.files.sync_directory(place_.directory).has_value();
        return Null{};
      },
      Stages::run_again);
  if (!cleaned) return pass(cleaned.error());
  if (cleaned->is<std::string>()) notes_.push_back("`" + cleaned->get<std::string>() + "` could not be removed");
  return {};
}

Result<StepOutput> Restoring::finish(const SwapDone& swapped) {
  List moved(swapped.moved_aside.begin(), swapped.moved_aside.end());
  if (swapped.was_folded) notes_.push_back("the old database's -wal was folded into it before it went aside");
  if (!request_.keep_old) {
    Result<Value> discarded = stages_.once(
        "discard", Effect::destructive,
        [&]() -> Result<Value> {
          List left;
          for (const std::string& path : swapped.moved_aside) {
            if (Result<void> removed = touch_.files.remove(path); !removed) left.emplace_back(path);
          }
          (void)touch_.files.sync_directory(place_.directory).has_value();
          return left;
        },
        Stages::run_again);
    if (!discarded) return pass(discarded.error());
    moved = discarded->is<List>() ? discarded->get<List>() : List{};
    for (const Value& path : moved) notes_.push_back("`" + to_text(path) + "` could not be removed");
  }
  Timestamp at{integer_of(chosen_, "at")};
  StepOutput output;
  output.fields = {
      {"source", text_of(chosen_, "source")},
      {"point", text_of(chosen_, "id")},
      {"at", at},
      {"age", touch_.look.clock.now() - at},
      {"file", place_.target},
      {"records", records_},
      {"moved_aside", std::move(moved)},
      {"replaced", place_.has_old},
      {"sha256", sha256_},
      {"requested", request_.at ? Value(*request_.at) : Value(Null{})},
      {"distance", request_.at ? Value((*request_.at - at).as_seconds()) : Value(Null{})},
  };
  output.notes = std::move(notes_);
  return output;
}

Error Restoring::give_up(Error error, Swap* swap) {
  // Nothing may be touched any more: a resume goes on from here.
  if (stages_.journal_failed() || error.code == ErrorCode::in_doubt) return error;
  if (swap) {
    // The reason goes first, so that a kill while putting back does not lose it.
    Result<Value> reason = stages_.once(
        "give_up", Effect::write, [&]() -> Result<Value> { return as_map(error); }, Stages::run_again);
    if (!reason) return reason.error();
    if (reason->is<Map>()) error = as_error(reason->get<Map>());
    if (Result<void> back = swap->put_back(); !back) {
      error.effect = Certainty::maybe;
      error.message += "; and putting the old database back failed: " + back.error().message;
      error.hint = "look at `" + place_.target + "`, `" + place_.outgoing + "` and `" + place_.work +
                   "` before anything else is done";
      return error;
    }
  }
  error.effect = Certainty::no_effect;
  if (Result<void> removed = touch_.files.remove_tree(place_.work); !removed) {
    error.message += "; `" + place_.work + "` could not be removed";
  }
  return error;
}

Result<StepOutput> Restoring::run() {
  if (Result<void> chosen = choose(); !chosen) return pass(chosen.error());
  for (int round = 1; round <= most_rounds; ++round) {
    stages_.begin_round(round);
    lost_copy_ = false;
    if (Result<void> prepared = prepare(); !prepared) {
      if (lost_copy_) continue;
      return pass(give_up(prepared.error(), nullptr));
    }
    SwapPlan plan;
    plan.target = place_.target;
    plan.incoming = place_.ready;
    plan.outgoing = place_.outgoing;
    // A round that lost its copy may have folded the old database, which is no sign of another writer.
    if (round == 1) plan.first_seen = place_.first_seen;
    Swap swap(plan, stages_, touch_);
    Result<SwapDone> swapped = swap.run(input_.stop);
    if (!swapped && swap.has_lost_incoming()) {
      if (Result<void> back = swap.put_back(); !back) return pass(back.error());
      continue;
    }
    if (!swapped) return pass(give_up(swapped.error(), &swap));
    if (Result<void> good = judge(swap); !good) return pass(give_up(good.error(), &swap));
    if (Result<void> cleaned = clean_up(); !cleaned) return pass(cleaned.error());
    return finish(*swapped);
  }
  return fail(ErrorCode::storage, "the copy in `" + place_.work + "` was removed again and again while it was made");
}

}  // namespace muster
