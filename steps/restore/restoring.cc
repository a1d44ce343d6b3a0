#include "steps/restore/restoring.h"

#include "interpreter/world/disk_file.h"
#include "steps/archive/writing.h"
#include "steps/restore/candidates.h"
#include "steps/restore/database_header.h"
#include "steps/restore/validation.h"

namespace muster {

namespace {

// A copy that was lost in a crash is made again; more often than this is somebody removing it.
constexpr int most_rounds = 8;

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

List list_of(const Map& map, std::string_view name) {
  const Value* value = member(map, name);
  return value && value->is<List>() ? value->get<List>() : List{};
}

// Whether a database that has just been written needs no folding: it is not in WAL mode.
Result<bool> is_one_file(FilesRead& files, const std::string& path) {
  Result<std::unique_ptr<ReadFile>> file = files.open(path);
  if (!file) return pass(file.error());
  Result<std::string> first = (*file)->read_at(0, DatabaseHeader::bytes);
  if (!first) return pass(first.error());
  // The versions that are needed to write and to read it: 2 is WAL.
  return first->size() == DatabaseHeader::bytes && (*first)[18] == 1 && (*first)[19] == 1;
}

Error no_metadata() {
  return fail(ErrorCode::schema_mismatch,
              "`record_counts: metadata` is expected, and the backup has no manifest with counts",
              "a manifest is `backup_meta.json` in an archive, or `FILE.meta.json` beside the file")
      .value();
}

}  // namespace

std::string Restoring::ready() const {
  if (candidate_ == 0) return place_.ready;
  return place_.work + "/" + std::to_string(candidate_) + "-" + place_.ready.substr(place_.ready.rfind('/') + 1);
}

Result<void> Restoring::check_young(const FoundBackup& found) const {
  return check_age(found, request_.expect.max_age, touch_.look.clock.now());
}

Result<Value> Restoring::choose_once() {
  Result<Place> place = find_place(touch_.look.files, request_.target, is_directory(), input_);
  if (!place) return pass(place.error());
  Result<void> free_now = is_directory() ? check_directory_not_in_use(touch_.look, place->target)
                                         : check_not_in_use(touch_.look, place->target, true);
  if (!free_now) return pass(free_now.error());
  Result<std::vector<FoundBackup>> found = source_->find(touch_.look, request_.at, input_.stop);
  if (!found) return pass(found.error());
  if (Result<void> young = check_young(found->front()); !young) return pass(young.error());
  return Map{
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
      {"candidates", kept_candidates(*found)},
  };
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
  candidates_ = candidates_in(chosen_);
  if (candidates_.empty()) return fail(ErrorCode::storage, "the journal's record of `choose` names no backup");
  return {};
}

Result<Value> Restoring::or_refused(Result<Value> done) const {
  if (done || candidate_ + 1 >= candidates_.size()) return done;
  if (lost_copy_ || !is_fault_of_the_backup(done.error().code)) return done;
  return refusal_of(done.error());
}

Result<Value> Restoring::fetch_once() {
  if (Result<void> cleared = touch_.files.remove_tree(place_.work); !cleared) return pass(cleared.error());
  FetchPlan plan = fetch_plan(request_, input_, place_.work, ready(), place_.directory);
  early_.emplace(touch_.look.sql, request_.expect.integrity, input_.stop);
  plan.arriving = [this](const std::string& path, uint64_t size, std::string_view first) {
    return early_->begin(path, size, first);
  };
  Result<FetchedBackup> fetched = source_->fetch(found(), touch_, plan);
  if (!fetched) {
    early_.reset();
    return or_refused(pass(fetched.error()));
  }
  Result<Map> made = identity_of(touch_.files, plan.ready, false);
  if (!made) return pass(made.error());
  made_ = std::move(*made);
  is_just_made_ = true;
  Map kept{{"size", fetched->bytes},
           {"sha256", fetched->sha256},
           {"notes", List(fetched->notes.begin(), fetched->notes.end())}};
  if (!is_directory()) {
    // Asked before anything else opens it: folding changes what the header says.
    Result<bool> one_file = is_one_file(touch_.look.files, plan.ready);
    if (!one_file) return pass(one_file.error());
    kept["one_file"] = *one_file;
  }
  if (fetched->meta) kept["records"] = fetched->meta->records;
  return kept;
}

Result<Value> Restoring::fold_once() {
  Files& files = touch_.files;
  const std::string copy = ready();
  Result<std::optional<FileStatus>> there = files.status(copy);
  if (!there) return pass(there.error());
  if (!*there) {
    lost_copy_ = true;
    return fail(ErrorCode::not_found, "the copy `" + copy + "` is gone");
  }
  // A hash made while the copy was written stands where nothing is folded, and so no byte of it changes.
  bool is_changed = !is_directory() && !is_set(fetched_, "one_file");
  if (is_changed) {
    if (Result<void> folded = touch_.sql.fold(sqlite_at(copy), input_.stop); !folded)
      return or_refused(pass(folded.error()));
  }
  Result<Map> left = identity_of(files, copy, !is_directory());
  if (!left) return pass(left.error());
  for (const char* suffix : {"-wal", "-journal"}) {
    if (integer_of(map_of(*left, suffix), "size") > 0) {
      return or_refused(fail(ErrorCode::corrupt, "the restored database cannot be brought into one file: `" + copy +
                                                     suffix + "` stays behind"));
    }
  }
  List notes;
  if (place_.has_old) {
    Result<void> owned = files.set_owner_and_mode(copy, place_.uid, place_.gid, place_.mode);
    if (!owned) return pass(owned.error());
    if (auto* disk = dynamic_cast<DiskAttributes*>(&files)) {
      Result<std::vector<std::string>> left_out = disk->copy_attributes(place_.target, copy);
      if (!left_out) return pass(left_out.error());
      for (const std::string& name : *left_out)
        notes.emplace_back("the attribute `" + name + "` of the old file could not be given to the new one");
    }
  }
  if (Result<void> synced = files.sync_directory(place_.work); !synced) return pass(synced.error());
  return Map{{"inode", integer_of(map_of(*left, "main"), "inode")},
             {"sha256", is_changed ? std::string() : text_of(fetched_, "sha256")},
             {"notes", std::move(notes)}};
}

Result<Value> Restoring::inspect_directory() {
  Result<Inventory> found = take_inventory(touch_.look.files, ready(), input_.stop);
  if (!found) return pass(found.error());
  Map records{{"files", found->files}, {"directories", found->directories}, {"links", found->links}};
  const Value* told = member(fetched_, "records");
  bool must_agree = told && told->is<Map>();
  if (request_.expect.counts_of_metadata && !must_agree) return pass(no_metadata());
  Result<void> enough = check_counts(request_.expect, records, must_agree ? &told->get<Map>() : nullptr);
  if (!enough) return or_refused(pass(enough.error()));
  return Map{{"records", std::move(records)}, {"sha256", ""}};
}

Result<Value> Restoring::validate_once() {
  Result<Map> there = identity_of(touch_.files, ready(), !is_directory());
  if (!there) return pass(there.error());
  if (integer_of(map_of(*there, "main"), "inode") != copy_inode_) {
    lost_copy_ = true;
    return fail(ErrorCode::not_found, "the copy `" + ready() + "` is gone");
  }
  if (Result<void> young = check_young(found()); !young) return pass(young.error());
  if (is_directory()) return inspect_directory();
  KnownBefore known{sha256_, std::nullopt, is_just_made_};
  const Value* made = member(made_, "main");
  if (early_ && made && same(*member(*there, "main"), *made)) known.check = early_->result();
  early_.reset();
  Result<Validated> good = validate(touch_.look.sql, touch_.look.files, ready(), request_.expect, input_.stop, known);
  if (!good) return or_refused(pass(good.error()));
  if (request_.expect.counts_of_metadata) {
    const Value* told = member(fetched_, "records");
    if (!told || !told->is<Map>()) return or_refused(pass(no_metadata()));
    if (Result<void> equal = check_counts({}, good->records, &told->get<Map>()); !equal)
      return or_refused(pass(equal.error()));
  }
  return Map{{"records", std::move(good->records)}, {"sha256", std::move(good->sha256)}};
}

Result<void> Restoring::prepare() {
  refused_ = false;
  // A refusal that the journal keeps is an error that this candidate ends with.
  auto verdict = [&](const Result<Value>& done, std::string_view stage) -> Result<Map> {
    if (!done) return pass(done.error());
    if (!done->is<Map>())
      return fail(ErrorCode::storage, "the journal's record of `" + std::string(stage) + "` cannot be read");
    std::optional<Error> refused = refusal_in(*done);
    if (!refused) return done->get<Map>();
    refused_ = true;
    return pass(std::move(*refused));
  };
  Result<Map> fetched = verdict(stages_.once(
                                    "fetch", Effect::write, [&] { return fetch_once(); }, Stages::run_again),
                                "fetch");
  if (!fetched) return pass(fetched.error());
  fetched_ = *fetched;
  Result<Map> folded = verdict(stages_.once(
                                   "fold", Effect::write, [&] { return fold_once(); }, Stages::run_again),
                               "fold");
  if (!folded) return pass(folded.error());
  copy_inode_ = integer_of(*folded, "inode");
  sha256_ = text_of(*folded, "sha256");
  Result<Map> validated = verdict(stages_.once("validate", Effect::read, [&] { return validate_once(); }), "validate");
  if (!validated) return pass(validated.error());
  records_ = map_of(*validated, "records");
  sha256_ = text_of(*validated, "sha256");
  notes_ = refusals_;
  notes_.insert(notes_.end(), found().notes.begin(), found().notes.end());
  for (const Value& note : list_of(fetched_, "notes")) notes_.push_back(to_text(note));
  for (const Value& note : list_of(*folded, "notes")) notes_.push_back(to_text(note));
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
    if (is_directory()) return Map{{"intact", true}, {"problems", ""}};
    const SqlLimits unhurried{Duration::seconds(24 * 3600)};
    ChecksFresh* fresh = is_just_made_ ? fresh_checks_of(touch_.look.sql) : nullptr;
    Result<CheckResult> check =
        fresh ? fresh->check_fresh(sqlite_at(place_.target), CheckKind::quick, unhurried, nullptr, {})
              : touch_.look.sql.check(sqlite_at(place_.target), CheckKind::quick, unhurried, {});
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
            Result<void> removed = is_directory() ? touch_.files.remove_tree(path) : touch_.files.remove(path);
            if (!removed) left.emplace_back(path);
          }
          (void)touch_.files.sync_directory(place_.directory).has_value();
          return left;
        },
        Stages::run_again);
    if (!discarded) return pass(discarded.error());
    moved = discarded->is<List>() ? discarded->get<List>() : List{};
    for (const Value& path : moved) notes_.push_back("`" + to_text(path) + "` could not be removed");
  }
  Timestamp at = found().at;
  StepOutput output;
  output.fields = {
      {"source", found().source},
      {"point", found().id},
      {"at", at},
      {"age", touch_.look.clock.now() - at},
      {"file", place_.target},
      {"records", records_},
      {"moved_aside", std::move(moved)},
      {"replaced", place_.has_old},
      {"sha256", sha256_.empty() ? Value(Null{}) : Value(sha256_)},
      {"refused", List(refusals_.begin(), refusals_.end())},
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
        "give_up", Effect::write, [&]() -> Result<Value> { return refusal_of(error); }, Stages::run_again);
    if (!reason) return reason.error();
    if (std::optional<Error> first = refusal_in(*reason)) error = std::move(*first);
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
  for (int round = 1; round <= most_rounds + static_cast<int>(candidate_); ++round) {
    stages_.begin_round(round);
    lost_copy_ = false;
    if (Result<void> prepared = prepare(); !prepared) {
      if (lost_copy_) continue;
      if (refused_) {
        refusals_.push_back("`" + found().source + "` was refused: " + prepared.error().message);
        ++candidate_;
        continue;
      }
      Error error = prepared.error();
      for (const std::string& refusal : refusals_) error.message += "; " + refusal;
      return pass(give_up(std::move(error), nullptr));
    }
    SwapPlan plan;
    plan.target = place_.target;
    plan.incoming = ready();
    plan.is_directory = is_directory();
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
