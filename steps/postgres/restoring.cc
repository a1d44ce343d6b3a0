#include "steps/postgres/restoring.h"

#include "interpreter/base/digest.h"
#include "interpreter/world/postgres_dump.h"
#include "interpreter/world/redaction.h"
#include "steps/postgres/tools.h"
#include "steps/restore/candidates.h"
#include "steps/restore/swap.h"

namespace muster {

namespace {

constexpr size_t longest_prefix = 40;  // of a name of at most 63 bytes
constexpr const char* spare_directory = "/var/tmp";
constexpr SqlLimits unhurried{Duration{0}, 10, 1 << 16};

int64_t integer_in(const Map& map, std::string_view name) {
  const Value* value = member(map, name);
  return value && value->is<int64_t>() ? value->get<int64_t>() : 0;
}

Map map_in(const Map& map, std::string_view name) {
  const Value* value = member(map, name);
  return value && value->is<Map>() ? value->get<Map>() : Map{};
}

List list_in(const Map& map, std::string_view name) {
  const Value* value = member(map, name);
  return value && value->is<List>() ? value->get<List>() : List{};
}

// `app_before_1a2b3c4d`: tells what it is, and is the same when the attempt is entered again.
std::string beside(const std::string& database, const std::string& what, const StepInput& input) {
  std::string key = sha256_hex(input.run + "\n" + input.op.path + "\n" + std::to_string(input.attempt)).substr(0, 8);
  std::string prefix = database.substr(0, longest_prefix);
  while (!prefix.empty() && (static_cast<unsigned char>(prefix.back()) & 0xc0) == 0x80) prefix.pop_back();
  return prefix + "_" + what + "_" + key;
}

Map kept(const ServerDatabase& database) {
  return {{"oid", database.oid},           {"name", database.name},       {"owner", database.owner},
          {"encoding", database.encoding}, {"collate", database.collate}, {"ctype", database.ctype},
          {"provider", database.provider}, {"locale", database.locale},   {"bytes", database.bytes}};
}

ServerDatabase database_of(const Map& map) {
  return {integer_in(map, "oid"),   text_of(map, "name"),    text_of(map, "owner"),
          text_of(map, "encoding"), text_of(map, "collate"), text_of(map, "ctype"),
          text_of(map, "provider"), text_of(map, "locale"),  integer_in(map, "bytes")};
}

}  // namespace

RestoringServer::RestoringServer(RestoreRequest request, const StepInput& input, Touch& touch)
    : request_(std::move(request)),
      input_(input),
      touch_(touch),
      stages_(input.marks),
      source_(source_of(request_.from)),
      place_(touch.look.sql, &touch.sql, request_.connection) {}

Result<Value> RestoringServer::choose_once() {
  Result<std::string> name = place_.name(touch_.sql, input_.stop);
  if (!name) return pass(name.error());
  if (*name == "postgres" || *name == "template0" || *name == "template1")
    return fail(ErrorCode::refused, "the database `" + *name + "` is the server's own, and is not replaced");
  Result<std::optional<ServerDatabase>> old = place_.find(*name, input_.stop);
  if (!old) return pass(old.error());
  if (Result<void> may = place_.check_rights(*old, input_.stop); !may) return pass(may.error());
  if (Result<void> unused = place_.check_free(*name, input_.stop); !unused) return pass(unused.error());
  Result<std::vector<FoundBackup>> backups = source_->find(touch_.look, request_.at, input_.stop);
  if (!backups) return pass(backups.error());
  std::string directory = directory_of(backups->front().source);
  if (!touch_.look.files.is_writable(directory)) directory = spare_directory;
  std::string attempt = input_.run + "-" + std::to_string(input_.attempt);
  return Map{{"target", *name},
             {"incoming", beside(*name, "new", input_)},
             {"outgoing", beside(*name, "before", input_)},
             {"work", directory + "/.muster-restore-" + attempt + "-" + sha256_hex(input_.op.path).substr(0, 8)},
             {"old", *old ? Value(kept(**old)) : Value(Null{})},
             {"candidates", kept_candidates(*backups)}};
}

Result<void> RestoringServer::choose() {
  Result<Value> chosen = stages_.once("choose", Effect::read, [&] { return choose_once(); });
  if (!chosen) return pass(chosen.error());
  if (!chosen->is<Map>()) return fail(ErrorCode::storage, "the journal's record of `choose` cannot be read");
  const Map& map = chosen->get<Map>();
  target_ = text_of(map, "target");
  incoming_ = text_of(map, "incoming");
  outgoing_ = text_of(map, "outgoing");
  work_ = text_of(map, "work");
  if (const Value* old = member(map, "old"); old && old->is<Map>()) old_ = database_of(old->get<Map>());
  candidates_ = candidates_in(map);
  if (candidates_.empty()) return fail(ErrorCode::storage, "the journal's record of `choose` names no backup");
  return {};
}

Result<Value> RestoringServer::or_refused(Result<Value> done) const {
  if (done || candidate_ + 1 >= candidates_.size()) return done;
  // What the server refuses to carry out is the dump's fault, too.
  ErrorCode code = done.error().code;
  if (!is_fault_of_the_backup(code) && code != ErrorCode::failed) return done;
  return refusal_of(done.error());
}

Result<Value> RestoringServer::fetch_once() {
  if (Result<void> young = check_age(found(), request_.expect.max_age, touch_.look.clock.now()); !young)
    return pass(young.error());
  Files& files = touch_.files;
  if (Result<void> cleared = files.remove_tree(work_); !cleared) return pass(cleared.error());
  const FetchPlan plan = fetch_plan(request_, input_, work_, work_ + "/dump", directory_of(work_));
  Result<FetchedBackup> fetched = source_->fetch(found(), touch_, plan);
  if (!fetched) return or_refused(pass(fetched.error()));
  Result<std::unique_ptr<ReadFile>> dump = files.open(plan.ready);
  if (!dump) return pass(dump.error());
  Result<std::string> first = (*dump)->read_at(0, 5);
  if (!first) return pass(first.error());
  dump->reset();
  if (*first == "PGDMP") {
    if (Result<void> written = PostgresTools(input_, touch_).write_script(plan.ready, script()); !written) {
      Error error = written.error();
      if (error.code == ErrorCode::corrupt) error.message = "`" + found().source + "`: " + error.message;
      return or_refused(pass(std::move(error)));
    }
    if (Result<void> removed = files.remove(plan.ready); !removed) return pass(removed.error());
  } else if (Result<void> named = files.rename_new(plan.ready, script()); !named) {
    return pass(named.error());
  }
  Result<std::unique_ptr<ReadFile>> text = files.open(script());
  if (!text) return pass(text.error());
  // Before any database is made: what will not be carried out is refused here.
  if (Result<DumpSurvey> sound = survey_dump(**text, input_.stop); !sound) {
    Error error = sound.error();
    error.message = "`" + found().source + "`: " + error.message;
    return or_refused(pass(std::move(error)));
  }
  Result<std::string> sha256 = sha256_of_file(files, found().source, input_.stop);
  if (!sha256) return pass(sha256.error());
  Map out{{"sha256", *sha256}, {"notes", List(fetched->notes.begin(), fetched->notes.end())}};
  if (fetched->meta) out["records"] = fetched->meta->records;
  return out;
}

Result<Value> RestoringServer::load_once() {
  std::vector<std::string> notes;
  Result<int64_t> oid = place_.make(incoming_, old_, notes, input_.stop);
  if (!oid) return pass(oid.error());
  Result<std::unique_ptr<ReadFile>> text = touch_.look.files.open(script());
  if (!text) return pass(text.error());
  Result<std::optional<FileStatus>> status = touch_.look.files.status(script());
  int64_t total = status && *status ? static_cast<int64_t>((*status)->size) : 0;
  Connection incoming = place_.at(incoming_);
  Result<void> loaded = touch_.sql.load_dump(incoming, **text, input_.stop,
                                             [&](int64_t done, int64_t) { input_.progress.at(done, total, "bytes"); });
  if (!loaded) {
    Error error = loaded.error();
    if (error.code == ErrorCode::interrupted || error.code == ErrorCode::unreachable) return pass(std::move(error));
    error.message = "`" + found().source + "`: " + error.message;
    return or_refused(pass(std::move(error)));
  }
  // A database without statistics is slow at everything.
  ExecuteOptions options;
  options.limits = unhurried;
  if (Result<SqlResult> analyzed = touch_.sql.execute(incoming, SqlText{"ANALYZE", {}, {}}, options, input_.stop);
      !analyzed)
    return pass(analyzed.error());
  return Map{{"oid", *oid}, {"notes", List(notes.begin(), notes.end())}};
}

Result<Value> RestoringServer::validate_once() {
  Result<Map> records = count_tables(touch_.look.sql, place_.at(incoming_), input_.stop);
  if (!records) return pass(records.error());
  for (const std::string& table : request_.expect.tables) {
    if (records->contains(table)) continue;
    std::string there;
    for (const auto& [name, rows] : *records) there += (there.empty() ? "`" : ", `") + name + "`";
    return or_refused(fail(ErrorCode::schema_mismatch, "the backup has no table `" + table + "`; it has " +
                                                           (there.empty() ? std::string("none") : there)));
  }
  const Value* told = member(fetched_, "records");
  bool has_counts = told && told->is<Map>();
  if (request_.expect.counts_of_metadata && !has_counts) {
    return or_refused(fail(ErrorCode::schema_mismatch,
                           "`record_counts: metadata` is expected, and the backup has no manifest with counts",
                           "a manifest is `backup_meta.json` in an archive, or `FILE.meta.json` beside the file"));
  }
  // Where a manifest is, the dump was proven against it when it was made.
  if (Result<void> fits = check_counts(request_.expect, *records, has_counts ? &told->get<Map>() : nullptr); !fits)
    return or_refused(pass(fits.error()));
  return Map{{"records", std::move(*records)}};
}

Result<Value> RestoringServer::switch_once() {
  Result<std::optional<ServerDatabase>> now = place_.find(target_, input_.stop);
  if (!now) return pass(now.error());
  bool is_same = now->has_value() == old_.has_value() && (!old_ || (*now)->oid == old_->oid);
  if (!is_same) {
    return fail(ErrorCode::target_in_use, "another database got the name `" + target_ + "` meanwhile",
                "start the step again to choose anew");
  }
  if (Result<void> unused = place_.check_free(target_, input_.stop); !unused) return pass(unused.error());
  std::vector<std::pair<std::string, std::string>> names;
  if (old_) names.emplace_back(target_, outgoing_);
  names.emplace_back(incoming_, target_);
  if (Result<void> renamed = place_.rename(names, input_.stop); !renamed) return pass(renamed.error());
  return Map{};
}

Result<Settled> RestoringServer::is_switched() {
  Result<std::optional<std::string>> name = place_.name_of(incoming_oid_, input_.stop);
  if (!name) return pass(name.error());
  bool happened = *name && **name == target_;
  return Settled{happened ? Settled::Answer::happened : Settled::Answer::did_not_happen, Map{}};
}

Result<Map> RestoringServer::stage(std::string_view name, Effect effect, Result<Value> (RestoringServer::*body)()) {
  Result<Value> done = stages_.once(
      name, effect, [&] { return (this->*body)(); }, Stages::run_again);
  if (!done) return pass(done.error());
  if (!done->is<Map>())
    return fail(ErrorCode::storage, "the journal's record of `" + std::string(name) + "` cannot be read");
  // A refusal that the journal keeps is the error that this candidate ends with.
  std::optional<Error> refused = refusal_in(*done);
  if (!refused) return done->get<Map>();
  refused_ = true;
  return pass(std::move(*refused));
}

Result<void> RestoringServer::prepare() {
  refused_ = false;
  Result<Map> fetched = stage("fetch", Effect::write, &RestoringServer::fetch_once);
  if (!fetched) return pass(fetched.error());
  fetched_ = *fetched;
  Result<Map> loaded = stage("load", Effect::write, &RestoringServer::load_once);
  if (!loaded) return pass(loaded.error());
  incoming_oid_ = integer_in(*loaded, "oid");
  Result<Map> validated = stage("validate", Effect::read, &RestoringServer::validate_once);
  if (!validated) return pass(validated.error());
  records_ = map_in(*validated, "records");
  notes_ = refusals_;
  notes_.insert(notes_.end(), found().notes.begin(), found().notes.end());
  for (const Map* map : {&fetched_, &*loaded})
    for (const Value& note : list_in(*map, "notes")) notes_.push_back(to_text(note));
  return {};
}

Result<void> RestoringServer::judge() {
  Result<Value> verdict = stages_.once("verdict", Effect::read, [&]() -> Result<Value> {
    Result<CheckResult> check = touch_.look.sql.check(place_.at(target_), CheckKind::quick, unhurried, {});
    if (!check) return pass(check.error());
    std::string problems;
    for (const std::string& problem : check->problems) problems += (problems.empty() ? "" : "; ") + problem;
    return Map{{"intact", check->intact}, {"problems", problems}};
  });
  if (!verdict) return pass(verdict.error());
  const Value* intact = member(*verdict, "intact");
  if (intact && same(*intact, true)) return {};
  return fail(ErrorCode::corrupt, "the restored database did not pass its check in place: " +
                                      (verdict->is<Map>() ? text_of(verdict->get<Map>(), "problems") : std::string()));
}

// Everything back as it was. Asked of the server and not of the marks, so that it may be entered again.
Error RestoringServer::give_up(Error error) {
  if (stages_.journal_failed() || error.code == ErrorCode::in_doubt) return error;
  Result<void> back = [&]() -> Result<void> {
    if (incoming_oid_ != 0) {
      Result<std::optional<std::string>> name = place_.name_of(incoming_oid_, {});
      if (!name) return pass(name.error());
      if (*name && **name == target_) {
        std::vector<std::pair<std::string, std::string>> names{{target_, incoming_}};
        if (old_) names.emplace_back(outgoing_, target_);
        if (Result<void> renamed = place_.rename(names, {}); !renamed) return renamed;
      }
    }
    return place_.drop(incoming_, {});
  }();
  if (!back) {
    error.effect = Certainty::maybe;
    error.message += "; and putting the old database back failed: " + back.error().message;
    error.hint = "look at the databases `" + target_ + "`, `" + outgoing_ + "` and `" + incoming_ +
                 "` before anything else is done";
    return error;
  }
  error.effect = Certainty::no_effect;
  if (Result<void> removed = touch_.files.remove_tree(work_); !removed)
    error.message += "; `" + work_ + "` could not be removed";
  return error;
}

Result<StepOutput> RestoringServer::finish() {
  Result<Value> cleaned = stages_.once(
      "cleanup", Effect::write,
      [&]() -> Result<Value> {
        if (Result<void> removed = touch_.files.remove_tree(work_); !removed) return work_;
        return Null{};
      },
      Stages::run_again);
  if (!cleaned) return pass(cleaned.error());
  if (cleaned->is<std::string>()) notes_.push_back("`" + work_ + "` could not be removed");
  List moved;
  if (old_) moved.emplace_back(outgoing_);
  if (old_ && !request_.keep_old) {
    Result<Value> discarded = stages_.once(
        "discard", Effect::destructive,
        [&]() -> Result<Value> {
          if (Result<void> dropped = place_.drop(outgoing_, input_.stop); !dropped) return dropped.error().message;
          return Null{};
        },
        Stages::run_again);
    if (!discarded) return pass(discarded.error());
    if (discarded->is<std::string>()) {
      notes_.push_back("the old database `" + outgoing_ + "` could not be removed: " + discarded->get<std::string>());
    } else {
      moved.clear();
    }
  }
  Timestamp at = found().at;
  StepOutput output;
  output.fields = {
      {"source", found().source},
      {"point", found().id},
      {"at", at},
      {"age", touch_.look.clock.now() - at},
      {"file", target_},
      {"records", records_},
      {"moved_aside", std::move(moved)},
      {"replaced", old_.has_value()},
      {"sha256", text_of(fetched_, "sha256")},
      {"refused", List(refusals_.begin(), refusals_.end())},
      {"requested", request_.at ? Value(*request_.at) : Value(Null{})},
      {"distance", request_.at ? Value((*request_.at - at).as_seconds()) : Value(Null{})},
  };
  output.notes = std::move(notes_);
  return output;
}

Result<StepOutput> RestoringServer::run() {
  Redaction redaction(input_.args, input_.opened);
  if (Result<void> chosen = choose(); !chosen) return pass(redaction.error(chosen.error()));
  for (int round = 1;; ++round) {
    stages_.begin_round(round);
    Result<void> prepared = prepare();
    if (prepared) break;
    if (!refused_) {
      Error error = prepared.error();
      for (const std::string& refusal : refusals_) error.message += "; " + refusal;
      return pass(redaction.error(give_up(std::move(error))));
    }
    refusals_.push_back("`" + found().source + "` was refused: " + prepared.error().message);
    ++candidate_;
  }
  Result<Value> switched = stages_.once(
      "switch", Effect::destructive, [&] { return switch_once(); }, [&] { return is_switched(); });
  if (!switched) return pass(redaction.error(give_up(switched.error())));
  if (Result<void> good = judge(); !good) return pass(redaction.error(give_up(good.error())));
  return finish();
}

namespace {

// Of a step that ended without a result: how far it came is told by the name that the database it made has now. The
// result that it would have had, as far as an undo asks for it; empty where nothing was replaced.
Result<Map> what_it_came_to(const Map& marks, PostgresPlace& place, const StepInput& input, Touch& touch) {
  const Value* chosen = last_round(marks, "choose");
  if (!chosen || !chosen->is<Map>()) return Map{};
  const Map& names = chosen->get<Map>();
  const std::string target = text_of(names, "target"), outgoing = text_of(names, "outgoing");
  Map come_to;
  const Value* loaded = last_round(marks, "load");
  const Value* oid = loaded ? member(*loaded, "oid") : nullptr;
  if (oid && oid->is<int64_t>()) {
    Result<std::optional<std::string>> name = place.name_of(oid->get<int64_t>(), input.stop);
    if (!name) return pass(name.error());
    if (*name && **name == target) {
      Result<std::optional<ServerDatabase>> kept = place.find(outgoing, input.stop);
      if (!kept) return pass(kept.error());
      const Value* old = member(names, "old");
      come_to = {
          {"file", target}, {"moved_aside", *kept ? List{outgoing} : List{}}, {"replaced", old && old->is<Map>()}};
    }
  }
  if (come_to.empty()) {
    if (Result<void> dropped = place.drop(text_of(names, "incoming"), input.stop); !dropped)
      return pass(dropped.error());
  }
  if (Result<void> removed = touch.files.remove_tree(text_of(names, "work")); !removed) return pass(removed.error());
  return come_to;
}

}  // namespace

Result<StepOutput> undo_server_restore(const StepInput& input, const StepOutput& done, Touch& touch) {
  Result<RestoreRequest> request = restore_request(input.args);
  if (!request) return pass(request.error());
  PostgresPlace place(touch.look.sql, &touch.sql, request->connection);
  StepOutput output;
  Map result = done.fields;
  if (text_of(result, "file").empty() && input.undone) {
    Result<Map> came_to = what_it_came_to(input.undone->marks, place, input, touch);
    if (!came_to) return pass(Redaction(input.args, input.opened).error(came_to.error()));
    result = std::move(*came_to);
  }
  std::string target = text_of(result, "file");
  if (target.empty()) {
    output.fields = {{"file", ""}, {"moved_aside", List{}}};
    output.notes.push_back("nothing was replaced, so nothing was put back");
    return output;
  }
  List aside = list_in(result, "moved_aside");
  const Value* replaced = member(result, "replaced");
  bool had_old = replaced && same(*replaced, true);
  if (had_old && aside.empty()) {
    return fail(ErrorCode::refused, "the database that `" + target + "` replaced was not kept (`keep_old: false`)",
                "restore an earlier moment instead");
  }
  Stages stages(input.marks);
  std::string outgoing = beside(target, "rolled_back", input);
  Result<Value> seen = stages.once("names", Effect::read, [&]() -> Result<Value> {
    Result<std::optional<ServerDatabase>> restored = place.find(target, input.stop);
    if (!restored) return pass(restored.error());
    if (!*restored) return fail(ErrorCode::not_found, "there is no database `" + target + "` to be put aside");
    return (*restored)->oid;
  });
  if (!seen) return pass(seen.error());
  int64_t oid = seen->is<int64_t>() ? seen->get<int64_t>() : 0;
  Result<Value> switched = stages.once(
      "switch", Effect::destructive,
      [&]() -> Result<Value> {
        if (Result<void> unused = place.check_free(target, input.stop); !unused) return pass(unused.error());
        std::vector<std::pair<std::string, std::string>> names{{target, outgoing}};
        if (had_old) names.emplace_back(to_text(aside.front()), target);
        if (Result<void> renamed = place.rename(names, input.stop); !renamed) return pass(renamed.error());
        return Null{};
      },
      [&]() -> Result<Settled> {
        Result<std::optional<std::string>> name = place.name_of(oid, input.stop);
        if (!name) return pass(name.error());
        bool happened = *name && **name == outgoing;
        return Settled{happened ? Settled::Answer::happened : Settled::Answer::did_not_happen, Null{}};
      });
  if (!switched) return pass(switched.error());
  output.fields = {{"file", target}, {"moved_aside", List{outgoing}}};
  output.notes.push_back(had_old ? "the database that was there before is back under `" + target + "`"
                                 : "there was no database before, so the name `" + target + "` is free again");
  output.notes.push_back("the restored database is `" + outgoing + "`");
  return output;
}

Result<void> preview_server_restore(const RestoreRequest& request, const StepInput& input, Look& look,
                                    Preview& preview) {
  PostgresPlace place(look.sql, nullptr, request.connection);
  Result<SqlResult> asked = look.sql.query(
      request.connection, SqlText{"SELECT current_database()::text AS name", {}, {}}, unhurried, input.stop);
  if (!asked && asked.error().code == ErrorCode::not_found) {
    preview.lines.push_back("create the database of `" + request.connection.name + "`, which does not exist");
    return {};
  }
  if (!asked) return pass(asked.error());
  std::string name = text_of(asked->rows.front(), "name");
  Result<std::optional<ServerDatabase>> old = place.find(name, input.stop);
  if (!old) return pass(old.error());
  int64_t bytes = *old ? (*old)->bytes : 0;
  preview.lines.push_back("load it into a new database, which then takes the name of the database `" + name + "` (" +
                          std::to_string(bytes) + " bytes)");
  std::string outgoing = beside(name, "before", input);
  preview.lines.push_back(request.keep_old ? "keep the old database as `" + outgoing + "`"
                                           : "remove the old database once the new one has passed its checks");
  for (const Result<void>& fits : {place.check_rights(*old, input.stop), place.check_free(name, input.stop)})
    if (!fits) preview.lines.push_back("now " + fits.error().message);
  preview.facts["target_bytes"] = bytes;
  preview.facts["moved_aside"] = request.keep_old ? Value(outgoing) : Value(Null{});
  return {};
}

}  // namespace muster
