#include "steps/rows/restoring.h"

#include "interpreter/base/digest.h"
#include "interpreter/world/redaction.h"
#include "steps/restore/candidates.h"
#include "steps/restore/swap.h"

namespace muster {

namespace {

constexpr const char* spare_directory = "/var/tmp";
constexpr SqlLimits unhurried{Duration{0}, 10, 1 << 16};

int64_t integer_in(const Map& map, std::string_view name) {
  const Value* value = member(map, name);
  return value && value->is<int64_t>() ? value->get<int64_t>() : 0;
}

// What goes away into `aside` (empty: nowhere), what is in `from` comes; {gone, came}.
Result<Value> replace(SqlSession& session, const TableRows& rows, const SqlMarker& marker, const std::string& from,
                      const std::string& aside, const StepInput& input, Touch& touch) {
  auto done = [&](int64_t count) { input.progress.at(count, 0, "rows"); };
  if (Result<void> held = hold_table(session, rows); !held) return pass(held.error());
  if (!aside.empty()) {
    // Of a killed attempt, whose transaction did not happen.
    if (Result<void> removed = touch.files.remove(aside); !removed) return pass(removed.error());
    Result<std::unique_ptr<WriteFile>> kept = touch.files.create(aside);
    if (!kept) return pass(kept.error());
    if (Result<int64_t> written = write_rows(session, rows, **kept, input.stop, done); !written)
      return pass(written.error());
    if (Result<void> synced = touch.files.sync_directory(directory_of(aside)); !synced) return pass(synced.error());
  }
  Result<std::unique_ptr<ReadFile>> file = touch.look.files.open(from);
  if (!file) return pass(file.error());
  Result<int64_t> gone = replace_rows(session, rows, **file, input.stop, done);
  if (!gone) return pass(gone.error());
  if (Result<void> marked = session.mark(marker); !marked) return pass(marked.error());
  return Map{{"gone", *gone}};
}

// As one transaction; an error before its COMMIT has had no effect.
Result<Value> in_transaction(const TableRows& rows, const SqlMarker& marker, const std::string& from,
                             const std::string& aside, const StepInput& input, Touch& touch) {
  Result<std::unique_ptr<SqlSession>> session = touch.sql.open_to_write(rows.connection, unhurried, input.stop);
  if (!session) return pass(session.error());
  if (Result<void> begun = (*session)->begin(); !begun) return pass(begun.error());
  Result<Value> done = replace(**session, rows, marker, from, aside, input, touch);
  if (!done) {
    (*session)->roll_back();
    if (!aside.empty()) (void)touch.files.remove(aside).has_value();
    Error error = done.error();
    error.effect = Certainty::no_effect;
    return pass(std::move(error));
  }
  if (Result<void> committed = (*session)->commit(); !committed) return pass(committed.error());
  return done;
}

Result<Settled> ask_marker(const TableRows& rows, const SqlMarker& marker, const StepInput& input, Touch& touch) {
  Result<bool> happened = touch.look.sql.has_marker(rows.connection, marker, unhurried, input.stop);
  if (!happened) return pass(happened.error());
  // How many rows went is not known any more.
  return Settled{*happened ? Settled::Answer::happened : Settled::Answer::did_not_happen, Map{}};
}

Result<TableRows> rows_of_target(const Map& args) {
  const Value* target = member(args, "target");
  const Value* rows = target ? member(*target, "rows") : nullptr;
  if (!rows || !rows->is<Map>()) return fail(ErrorCode::invalid, "`target` names no `rows`");
  return table_rows(rows->get<Map>());
}

}  // namespace

RestoringRows::RestoringRows(RestoreRequest request, TableRows rows, const StepInput& input, Touch& touch)
    : request_(std::move(request)),
      rows_(std::move(rows)),
      input_(input),
      touch_(touch),
      stages_(input.marks),
      source_(source_of(request_.from)) {
  rows_.connection.label = input.run + "/" + input.op.path;
}

Result<Value> RestoringRows::choose_once() {
  Result<std::vector<FoundBackup>> backups = source_->find(touch_.look, request_.at, input_.stop);
  if (!backups) return pass(backups.error());
  std::string directory = directory_of(backups->front().source);
  if (!touch_.look.files.is_writable(directory)) directory = spare_directory;
  std::string attempt =
      input_.run + "-" + std::to_string(input_.attempt) + "-" + sha256_hex(input_.op.path).substr(0, 8);
  std::string name = rows_.table;
  for (char& c : name)
    if (c == '/' || c == '\0') c = '_';
  return Map{{"work", directory + "/.muster-restore-" + attempt},
             {"aside", directory + "/" + name + ".before-" + attempt + ".jsonl"},
             {"candidates", kept_candidates(*backups)}};
}

Result<Value> RestoringRows::or_refused(Result<Value> done) const {
  if (done || candidate_ + 1 >= candidates_.size() || !is_fault_of_the_backup(done.error().code)) return done;
  return refusal_of(done.error());
}

Result<Value> RestoringRows::fetch_once() {
  if (Result<void> young = check_age(found(), request_.expect.max_age, touch_.look.clock.now()); !young)
    return pass(young.error());
  if (Result<void> cleared = touch_.files.remove_tree(work_); !cleared) return pass(cleared.error());
  const FetchPlan plan = fetch_plan(request_, input_, work_, work_ + "/rows", directory_of(work_));
  Result<FetchedBackup> fetched = source_->fetch(found(), touch_, plan);
  if (!fetched) return or_refused(pass(fetched.error()));
  Result<std::unique_ptr<ReadFile>> file = touch_.look.files.open(plan.ready);
  if (!file) return pass(file.error());
  Result<int64_t> count = survey_rows(**file, input_.stop);
  if (!count) {
    Error error = count.error();
    error.message = "`" + found().source + "`: " + error.message;
    return or_refused(pass(std::move(error)));
  }
  Map records{{rows_.table, *count}};
  const Map* told = fetched->meta ? &fetched->meta->records : nullptr;
  if (request_.expect.counts_of_metadata && !told)
    return or_refused(fail(ErrorCode::schema_mismatch,
                           "`record_counts: metadata` is expected, and the backup has no manifest with counts"));
  if (Result<void> fits = check_counts(request_.expect, records, told); !fits) return or_refused(pass(fits.error()));
  Result<std::string> sha256 = sha256_of_file(touch_.look.files, found().source, input_.stop);
  if (!sha256) return pass(sha256.error());
  return Map{{"sha256", *sha256}, {"rows", *count}};
}

Result<Value> RestoringRows::replace_once() {
  return in_transaction(rows_, marker(), work_ + "/rows", aside_, input_, touch_);
}

Result<Map> RestoringRows::stage(std::string_view name, Effect effect, Result<Value> (RestoringRows::*body)()) {
  Result<Value> done = stages_.once(
      name, effect, [&] { return (this->*body)(); }, Stages::run_again);
  if (!done) return pass(done.error());
  if (!done->is<Map>())
    return fail(ErrorCode::storage, "the journal's record of `" + std::string(name) + "` cannot be read");
  std::optional<Error> refused = refusal_in(*done);
  if (!refused) return done->get<Map>();
  refused_ = true;
  return pass(std::move(*refused));
}

Result<StepOutput> RestoringRows::finish(const Map& replaced) {
  StepOutput output;
  output.notes = refusals_;
  output.notes.insert(output.notes.end(), found().notes.begin(), found().notes.end());
  bool keeps = request_.keep_old;
  Result<Value> cleaned = stages_.once(
      "cleanup", Effect::write,
      [&]() -> Result<Value> {
        std::string left;
        if (Result<void> removed = touch_.files.remove_tree(work_); !removed) left = work_;
        if (!keeps) {
          if (Result<void> removed = touch_.files.remove(aside_); !removed) left = aside_;
        }
        return left;
      },
      Stages::run_again);
  if (!cleaned) return pass(cleaned.error());
  if (std::string left = to_text(*cleaned); !left.empty())
    output.notes.push_back("`" + left + "` could not be removed");
  if (const Value* gone = member(replaced, "gone"))
    output.notes.push_back(to_text(*gone) + " rows of `" + rows_.table + "` were replaced");
  Timestamp at = found().at;
  output.fields = {
      {"source", found().source},
      {"point", found().id},
      {"at", at},
      {"age", touch_.look.clock.now() - at},
      {"file", rows_.table},
      {"records", Map{{rows_.table, integer_in(fetched_, "rows")}}},
      {"moved_aside", keeps ? List{aside_} : List{}},
      {"replaced", true},
      {"sha256", text_of(fetched_, "sha256")},
      {"refused", List(refusals_.begin(), refusals_.end())},
      {"requested", request_.at ? Value(*request_.at) : Value(Null{})},
      {"distance", request_.at ? Value((*request_.at - at).as_seconds()) : Value(Null{})},
  };
  return output;
}

Result<StepOutput> RestoringRows::run() {
  Redaction redaction(input_.args, input_.opened);
  Result<Map> chosen = stage("choose", Effect::read, &RestoringRows::choose_once);
  if (!chosen) return pass(redaction.error(chosen.error()));
  work_ = text_of(*chosen, "work");
  aside_ = text_of(*chosen, "aside");
  candidates_ = candidates_in(*chosen);
  if (candidates_.empty()) return fail(ErrorCode::storage, "the journal's record of `choose` names no backup");
  auto give_up = [&](Error error) -> Error {
    if (stages_.journal_failed() || error.code == ErrorCode::in_doubt) return error;
    if (Result<void> removed = touch_.files.remove_tree(work_); !removed)
      error.message += "; `" + work_ + "` could not be removed";
    for (const std::string& refusal : refusals_) error.message += "; " + refusal;
    return redaction.error(std::move(error));
  };
  for (int round = 1;; ++round) {
    stages_.begin_round(round);
    refused_ = false;
    Result<Map> fetched = stage("fetch", Effect::write, &RestoringRows::fetch_once);
    if (fetched) {
      fetched_ = std::move(*fetched);
      break;
    }
    if (!refused_) {
      Error error = fetched.error();
      error.effect = Certainty::no_effect;
      return pass(give_up(std::move(error)));
    }
    refusals_.push_back("`" + found().source + "` was refused: " + fetched.error().message);
    ++candidate_;
  }
  Result<Value> replaced = stages_.once(
      "replace", Effect::destructive, [&] { return replace_once(); },
      [&] { return ask_marker(rows_, marker(), input_, touch_); });
  if (!replaced) return pass(give_up(replaced.error()));
  return finish(replaced->is<Map>() ? replaced->get<Map>() : Map{});
}

namespace {

// Of a step that ended without a result: whether its transaction happened is told by its marker. The result that it
// would have had, as far as an undo asks for it; empty where nothing was replaced.
Result<Map> what_it_came_to(const Undone& undone, const TableRows& rows, const StepInput& input, Touch& touch) {
  const Value* chosen = last_round(undone.marks, "choose");
  if (!chosen || !chosen->is<Map>()) return Map{};
  const Map& place = chosen->get<Map>();
  if (!last_round(undone.marks, "replace")) {
    Result<Settled> asked = ask_marker(rows, {input.run, undone.op.path, undone.attempt}, input, touch);
    if (!asked) return pass(asked.error());
    if (asked->answer != Settled::Answer::happened) {
      if (Result<void> removed = touch.files.remove_tree(text_of(place, "work")); !removed)
        return pass(removed.error());
      return Map{};
    }
  }
  const std::string aside = text_of(place, "aside");
  Result<std::optional<FileStatus>> kept = touch.files.status(aside);
  if (!kept) return pass(kept.error());
  if (Result<void> removed = touch.files.remove_tree(text_of(place, "work")); !removed) return pass(removed.error());
  return Map{{"file", rows.table}, {"moved_aside", *kept ? List{aside} : List{}}};
}

}  // namespace

Result<StepOutput> undo_rows_restore(const StepInput& input, const StepOutput& done, Touch& touch) {
  Result<TableRows> rows = rows_of_target(input.args);
  if (!rows) return pass(rows.error());
  rows->connection.label = input.run + "/" + input.op.path;
  StepOutput output;
  Map result = done.fields;
  if (text_of(result, "file").empty() && input.undone) {
    Result<Map> came_to = what_it_came_to(*input.undone, *rows, input, touch);
    if (!came_to) return pass(Redaction(input.args, input.opened).error(came_to.error()));
    result = std::move(*came_to);
  }
  const Value* moved = member(result, "moved_aside");
  if (text_of(result, "file").empty()) {
    output.fields = {{"file", rows->table}, {"moved_aside", List{}}};
    output.notes.push_back("nothing was replaced, so nothing was put back");
    return output;
  }
  if (!moved || !moved->is<List>() || moved->get<List>().empty()) {
    return fail(ErrorCode::refused, "the rows that were replaced were not kept (`keep_old: false`)",
                "restore an earlier backup instead");
  }
  SqlMarker marker{input.run, input.op.path, input.attempt};
  Stages stages(input.marks);
  std::string from = to_text(moved->get<List>().front());
  std::string aside = from.substr(0, from.size() - std::string_view(".jsonl").size()) + ".rolled-back.jsonl";
  Result<Value> replaced = stages.once(
      "replace", Effect::destructive, [&] { return in_transaction(*rows, marker, from, aside, input, touch); },
      [&] { return ask_marker(*rows, marker, input, touch); });
  if (!replaced) return pass(Redaction(input.args, input.opened).error(replaced.error()));
  output.fields = {{"file", rows->table}, {"moved_aside", List{aside}}};
  output.notes.push_back("the rows that were there before are back in `" + rows->table + "`");
  return output;
}

Result<void> preview_rows_restore(const RestoreRequest& request, const StepInput& input, Look& look, Preview& preview) {
  Result<TableRows> rows = rows_of_target(input.args);
  if (!rows) return pass(rows.error());
  Result<SqlResult> count = look.sql.query(
      rows->connection, SqlText{"SELECT count(*) AS n FROM " + rows->quoted + rows->condition(), rows->bind, {}},
      unhurried, input.stop);
  if (!count) return pass(Redaction(input.args, input.opened).error(count.error()));
  const Value& there = count->rows.front().at("n");
  preview.lines.push_back("replace " + to_text(there) + " rows of `" + rows->table + "`" +
                          (rows->where.empty() ? "" : " where " + rows->where));
  preview.lines.push_back(request.keep_old ? "keep them in a file beside the backup" : "and do not keep them");
  preview.facts["rows"] = there;
  return {};
}

}  // namespace muster
