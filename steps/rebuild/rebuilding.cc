#include "steps/rebuild/rebuilding.h"

#include <algorithm>
#include <map>
#include <thread>
#include <utility>

#include "interpreter/base/json.h"
#include "interpreter/world/sql_text.h"
#include "steps/statement_errors.h"

namespace muster {

namespace {

constexpr size_t most_messages = 100;
constexpr const char* make_results =
    "CREATE TABLE IF NOT EXISTS muster_rebuild (run TEXT NOT NULL, step TEXT NOT NULL, batch TEXT NOT NULL, "
    "result TEXT NOT NULL, PRIMARY KEY (run, step, batch))";

int64_t whole(const Map& map, std::string_view name) {
  const Value* value = member(map, name);
  const int64_t* n = value ? value->find<int64_t>() : nullptr;
  return n ? *n : 0;
}

List list_in(const Map& map, std::string_view name) {
  const Value* value = member(map, name);
  const List* list = value ? value->find<List>() : nullptr;
  return list ? *list : List{};
}

SqlText plain(std::string text) { return {std::move(text), {}, {}}; }

std::string batch_name(size_t number) {
  std::string digits = std::to_string(number + 1);
  return "batch-" + std::string(digits.size() < 6 ? 6 - digits.size() : 0, '0') + digits;
}

}  // namespace

void RebuildCounts::add(const RebuildCounts& other) {
  partitions += other.partitions;
  completed += other.completed;
  failed += other.failed;
  rows_deleted += other.rows_deleted;
  rows_created += other.rows_created;
  rows_unchanged += other.rows_unchanged;
  for (const Value& error : other.errors)
    if (errors.size() < most_messages) errors.push_back(error);
  for (const Value& violation : other.violations)
    if (violations.size() < most_messages) violations.push_back(violation);
}

Map RebuildCounts::as_map() const {
  return {{"partitions", partitions},
          {"completed", completed},
          {"failed", failed},
          {"rows_deleted", rows_deleted},
          {"rows_created", rows_created},
          {"rows_unchanged", rows_unchanged},
          {"errors", errors},
          {"violations", violations}};
}

RebuildCounts RebuildCounts::from(const Map& map) {
  return {whole(map, "partitions"),   whole(map, "completed"),      whole(map, "failed"),   whole(map, "rows_deleted"),
          whole(map, "rows_created"), whole(map, "rows_unchanged"), list_in(map, "errors"), list_in(map, "violations")};
}

Result<RebuildPlan> plan_of(SqlSession& source, const RebuildRequest& request, const RebuildStatements& statements) {
  RebuildPlan plan;
  if (request.keys_list) {
    plan.keys = static_cast<int64_t>(request.keys_list->size());
    return plan;
  }
  Result<void> read = source.each(statements.keys(), [&](const SqlRow& row) -> Result<void> {
    // Two databases may order texts differently: what lies between two of them here may not lie between them there.
    if (Value key = row.value(0); !request.same_database() && key.is<std::string>()) {
      ++plan.keys;
      plan.is_given = true;
      plan.ranges.push_back({key, key});
      return {};
    }
    if (plan.keys++ % request.batch == 0) plan.ranges.push_back({row.value(0), {}});
    plan.ranges.back().last = row.value(0);
    return {};
  });
  if (!read) return pass(statements.of_keys(read.error()));
  return plan;
}

std::vector<Batch> batches_of(const RebuildPlan& plan, const RebuildRequest& request) {
  std::vector<Batch> batches;
  if (!request.keys_list && !plan.is_given) {
    for (const KeyRange& range : plan.ranges) batches.push_back({{range}, false, !request.keys_query.empty()});
    return batches;
  }
  auto add = [&](const KeyRange& key) {
    if (batches.empty() || static_cast<int64_t>(batches.back().ranges.size()) == request.batch)
      batches.push_back({{}, true, false});
    batches.back().ranges.push_back(key);
  };
  if (request.keys_list)
    for (const Value& key : *request.keys_list) add({key, key});
  for (const KeyRange& key : plan.ranges) add(key);
  return batches;
}

Result<std::unique_ptr<ScriptFunction>> script_of(const RebuildRequest& request, const StepInput& input,
                                                  Timestamp now) {
  const RebuildLua* lua = std::get_if<RebuildLua>(&request.derive);
  if (!lua) return std::unique_ptr<ScriptFunction>();
  if (!input.scripts) return fail(ErrorCode::not_found, "there is no function `" + lua->function + "`");
  ScriptContext context{now, {}, input.stop};
  if (!request.range_from.empty()) context.facts["from"] = request.range_from;
  if (!request.range_to.empty()) context.facts["to"] = request.range_to;
  return input.scripts->open(lua->function, context);
}

SqlMarker Rebuilding::marker_of(const std::string& name) const {
  return {input_.run, input_.op.path + "#" + name, input_.attempt};
}

Result<Rebuilding::Sessions> Rebuilding::open() {
  SqlLimits limits;
  limits.timeout = input_.timeout;
  Sessions sessions;
  Result<std::unique_ptr<SqlSession>> target = touch_.sql.open_to_write(request_.into.connection, limits, input_.stop);
  if (!target) return pass(target.error());
  sessions.target = std::move(*target);
  if (Result<int64_t> made = sessions.target->run(plain(statements_.make_keys())); !made)
    return pass(statements_.of_target(made.error()));
  Result<std::unique_ptr<ScriptFunction>> script =
      script_of(request_, input_, parse_timestamp(now_).value_or(touch_.look.clock.now()));
  if (!script) return pass(script.error());
  sessions.script = std::move(*script);
  if (request_.same_database()) return sessions;
  Result<std::unique_ptr<SqlSession>> source =
      touch_.look.sql.open_to_read(request_.from.connection, limits, input_.stop);
  if (!source) return pass(source.error());
  sessions.other_source = std::move(*source);
  return sessions;
}

// What the batches need to find: asked for outside of any transaction.
Result<void> Rebuilding::prepare(SqlSession& target) {
  if (Result<int64_t> made = target.run(plain(make_results)); !made) return pass(made.error());
  if (request_.keep) {
    if (Result<int64_t> made = target.run(plain(statements_.make_old_rows())); !made)
      return pass(statements_.of_target(made.error()));
  }
  for (const RebuildInvariant& invariant : request_.invariants) {
    Result<void> asked =
        target.each(statements_.invariant_probe(invariant.query), [](const SqlRow&) { return Result<void>(); });
    if (asked) {
      names_key_.push_back(true);
      continue;
    }
    // Without the column it is one over the total; anything else is wrong with the query itself.
    Result<void> itself = target.each(plain("SELECT 1 FROM (\n" + invariant.query + "\n) AS q LIMIT 0"),
                                      [](const SqlRow&) { return Result<void>(); });
    if (!itself) {
      Error error = statements_.of_invariant(itself.error(), names_key_.size());
      error.message = "the invariant `" + invariant.name + "`: " + error.message;
      return pass(std::move(error));
    }
    names_key_.push_back(false);
  }
  return target.each(statements_.generated_columns(), [&](const SqlRow& row) -> Result<void> {
    generated_.insert(std::string(row.text(0)));
    return {};
  });
}

bool Rebuilding::has_too_many_failures() const {
  if (request_.most_failures_percent)
    return static_cast<double>(counts_.failed) * 100 > *request_.most_failures_percent * static_cast<double>(keys_);
  return counts_.failed > request_.most_failures;
}

Result<RebuildCounts> Rebuilding::apply_rows(SqlSession& target, const Partitions& partitions) {
  RebuildCounts counts;
  bool by_key = std::holds_alternative<RebuildCopy>(request_.derive);
  const std::vector<std::string>& columns = partitions.columns();
  std::vector<Cells> fresh;
  for (const Partition& partition : partitions.all()) {
    ++counts.partitions;
    if (partition.error) {
      ++counts.failed;
      counts.errors.push_back(Map{{"key", partition.key}, {"message", partition.error->message}});
      continue;
    }
    Difference difference = difference_of(partition, by_key);
    ++counts.completed;
    counts.rows_unchanged += difference.unchanged;
    counts.rows_deleted += static_cast<int64_t>(difference.gone.size() + difference.changed.size());
    counts.rows_created += static_cast<int64_t>(difference.fresh.size() + difference.changed.size());
    const Cells* last = nullptr;
    for (const Cells* row : difference.gone) {
      if (std::exchange(last, row) == row) continue;  // its like went with it
      if (request_.keep) {
        if (Result<int64_t> kept = target.run(statements_.keep_row(columns, *row)); !kept)
          return pass(statements_.of_target(kept.error()));
      }
      Result<void> gone =
          target.each(statements_.delete_row(columns, *row), [](const SqlRow&) { return Result<void>(); });
      if (!gone) return pass(statements_.of_target(gone.error()));
    }
    for (const Cells* row : difference.changed) {
      if (request_.keep) {
        size_t key = static_cast<size_t>(std::ranges::find(columns, request_.key) - columns.begin());
        Result<int64_t> kept = target.run(statements_.keep_row({request_.key}, {(*row)[key]}));
        if (!kept) return pass(kept.error());
      }
      Result<void> changed =
          target.each(statements_.update_row(columns, *row), [](const SqlRow&) { return Result<void>(); });
      if (!changed) return pass(statements_.of_target(changed.error()));
    }
    for (const Cells* row : difference.fresh) fresh.push_back(*row);
  }
  if (Result<void> added = target.insert(statements_.into(), columns, fresh); !added)
    return pass(statements_.of_target(added.error()));
  return counts;
}

Result<RebuildCounts> Rebuilding::apply_sql(SqlSession& target, const Batch& batch,
                                            const std::set<std::string>& without) {
  RebuildCounts counts;
  std::vector<Cells> keys;
  auto add_key = [&](const Value& key) {
    if (!without.contains(Partitions::text_of_key(key))) keys.push_back({key});
  };
  for (const KeyRange& range : batch.ranges) {
    if (batch.is_given) {
      add_key(range.first);
      continue;
    }
    Result<void> read = target.each(statements_.keys_within(range), [&](const SqlRow& row) -> Result<void> {
      add_key(row.value(0));
      return {};
    });
    if (!read) return pass(read.error());
  }
  counts.partitions = counts.completed = static_cast<int64_t>(keys.size());
  if (Result<int64_t> emptied = target.run(plain("DELETE FROM muster_keys")); !emptied) return pass(emptied.error());
  if (Result<void> added = target.insert("muster_keys", {"key"}, keys); !added) return pass(added.error());

  std::set<std::string> ours;
  for (const Cells& key : keys) ours.insert(Partitions::text_of_key(key.front()));
  // What the database makes by itself, such as ids, is no difference.
  auto rows_of = [&](Partition& into, bool is_before) -> Result<void> {
    for (const KeyRange& range : batch.ranges) {
      Result<void> read = target.each(statements_.target({}, range), [&](const SqlRow& row) -> Result<void> {
        Cells cells;
        bool is_ours = false;
        for (size_t i = 0; i < row.columns().size(); ++i) {
          if (row.columns()[i] == request_.key) is_ours = ours.contains(Partitions::text_of_key(row.value(i)));
          if (!generated_.contains(row.columns()[i]) || row.columns()[i] == request_.key) cells.push_back(row.value(i));
        }
        if (is_ours) (is_before ? into.there : into.wanted).push_back(std::move(cells));
        return {};
      });
      if (!read) return pass(statements_.of_target(read.error()));
    }
    return {};
  };
  Partition all;
  if (Result<void> read = rows_of(all, true); !read) return pass(read.error());
  if (request_.keep) {
    if (Result<int64_t> kept = target.run(statements_.keep_all()); !kept)
      return pass(statements_.of_target(kept.error()));
  }
  if (Result<int64_t> gone = target.run(statements_.delete_all()); !gone)
    return pass(statements_.of_target(gone.error()));
  const std::string& text = std::get<RebuildSql>(request_.derive).text;
  if (Result<int64_t> done = target.run(statements_.author(text, now_)); !done) {
    Error error = in_statement(done.error(), "derive.sql");
    error.message = "`derive.sql`: " + error.message;
    return pass(std::move(error));
  }
  if (Result<void> read = rows_of(all, false); !read) return pass(read.error());
  Difference difference = difference_of(all, false);
  counts.rows_unchanged = difference.unchanged;
  counts.rows_deleted = static_cast<int64_t>(difference.gone.size());
  counts.rows_created = static_cast<int64_t>(difference.fresh.size());
  return counts;
}

Result<RebuildCounts> Rebuilding::apply(Sessions& sessions, const Batch& batch, const std::set<std::string>& without) {
  if (std::holds_alternative<RebuildSql>(request_.derive)) return apply_sql(*sessions.target, batch, without);
  Partitions partitions(request_, statements_, sessions.script.get());
  if (Result<void> read = partitions.read(sessions.source(), *sessions.target, batch, without); !read)
    return pass(read.error());
  if (!request_.invariants.empty()) {
    std::vector<Cells> keys;
    for (const Partition& partition : partitions.all()) keys.push_back({partition.key});
    if (Result<int64_t> emptied = sessions.target->run(plain("DELETE FROM muster_keys")); !emptied)
      return pass(emptied.error());
    if (Result<void> added = sessions.target->insert("muster_keys", {"key"}, keys); !added) return pass(added.error());
  }
  return apply_rows(*sessions.target, partitions);
}

Result<std::vector<std::pair<std::string, std::string>>> Rebuilding::violations_in(SqlSession& target,
                                                                                   const Batch& batch) {
  std::vector<std::pair<std::string, std::string>> found;
  for (size_t i = 0; i < request_.invariants.size(); ++i) {
    if (!names_key_[i]) continue;
    std::map<std::string, int64_t> rows;
    if (request_.invariants[i].rows > 0) {  // a partition without any row violates it, too
      Result<void> read = target.each(plain("SELECT key FROM muster_keys"), [&](const SqlRow& row) -> Result<void> {
        rows.emplace(Partitions::text_of_key(row.value(0)), 0);
        return {};
      });
      if (!read) return pass(read.error());
    }
    for (const KeyRange& range : batch.ranges) {
      Result<void> read = target.each(statements_.invariant(request_.invariants[i].query, range),
                                      [&](const SqlRow& row) -> Result<void> {
                                        ++rows[Partitions::text_of_key(row.value(0))];
                                        return {};
                                      });
      if (!read) return pass(statements_.of_invariant(read.error(), i));
    }
    for (const auto& [key, count] : rows)
      if (count != request_.invariants[i].rows) found.emplace_back(request_.invariants[i].name, key);
  }
  return found;
}

Result<RebuildCounts> Rebuilding::run_batch(Sessions& sessions, const Batch& batch, const SqlMarker& marker) {
  std::set<std::string> without;
  RebuildCounts failed;
  while (true) {
    SqlSession& target = *sessions.target;
    auto given_up = [&](Error error) {
      target.roll_back();
      if (sessions.other_source) sessions.other_source->roll_back();
      error.effect = Certainty::no_effect;
      return pass(std::move(error));
    };
    if (Result<void> begun = target.begin(); !begun) return pass(begun.error());
    if (sessions.other_source) {
      if (Result<void> begun = sessions.other_source->begin(); !begun) return given_up(begun.error());
    }
    if (Result<void> marked = target.mark(marker); !marked) return given_up(marked.error());
    Result<RebuildCounts> counts = apply(sessions, batch, without);
    if (!counts) return given_up(counts.error());
    Result<std::vector<std::pair<std::string, std::string>>> violations = violations_in(target, batch);
    if (!violations) return given_up(violations.error());
    if (sessions.other_source) sessions.other_source->roll_back();
    if (!violations->empty()) {
      // Those partitions stay as they were; the others are derived again without them.
      target.roll_back();
      for (const auto& [invariant, key] : *violations) {
        bool is_first = without.insert(key).second;
        if (is_first) {
          ++failed.partitions;
          ++failed.failed;
          failed.errors.push_back(Map{{"key", key}, {"message", "the invariant `" + invariant + "` does not hold"}});
        }
        failed.violations.push_back(Map{{"invariant", invariant}, {"key", key}});
      }
      continue;
    }
    counts->add(failed);
    if (Result<void> kept = keep_result(target, marker, counts->as_map()); !kept) return given_up(kept.error());
    if (Result<void> committed = target.commit(); !committed) return pass(committed.error());
    return counts;
  }
}

// An earlier attempt may have left a result of the same batch.
Result<void> Rebuilding::keep_result(SqlSession& target, const SqlMarker& marker, Map result) {
  return target.each({"INSERT INTO muster_rebuild (run, step, batch, result) VALUES (:run, :step, :batch, :result) "
                      "ON CONFLICT (run, step, batch) DO UPDATE SET result = excluded.result",
                      {{"run", marker.run},
                       {"step", input_.op.path},
                       {"batch", marker.step},
                       {"result", print_json(Value(std::move(result)))}},
                      {}},
                     [](const SqlRow&) { return Result<void>(); });
}

Result<Settled> Rebuilding::settle(const SqlMarker& marker) {
  Settled settled;
  SqlLimits limits;
  limits.timeout = input_.timeout;
  Result<bool> found = touch_.look.sql.has_marker(request_.into.connection, marker, limits, input_.stop);
  if (!found) return pass(found.error());
  settled.answer = *found ? Settled::Answer::happened : Settled::Answer::did_not_happen;
  if (!*found) return settled;
  Result<SqlResult> row =
      touch_.look.sql.query(request_.into.connection,
                            {"SELECT result FROM muster_rebuild WHERE batch = :batch AND run = :run",
                             {{"batch", marker.step}, {"run", marker.run}},
                             {}},
                            limits, input_.stop);
  if (!row) return pass(row.error());
  Result<Value> stored =
      row->rows.empty() ? Result<Value>(Value(Map{})) : parse_json(text_of(row->rows.front(), "result"));
  settled.value = stored ? *stored : Value(Map{});
  return settled;
}

Result<void> Rebuilding::batch_once(Sessions& sessions, const Batch& batch, size_t number) {
  std::string name = batch_name(number);
  SqlMarker marker = marker_of(name);
  Result<Value> done = input_.marks.once(
      name, Effect::write,
      [&]() -> Result<Value> {
        Result<RebuildCounts> counts = run_batch(sessions, batch, marker);
        if (!counts) return pass(counts.error());
        return Value(counts->as_map());
      },
      [&] { return settle(marker); });
  if (!done) return pass(done.error());
  std::lock_guard lock(mutex_);
  if (const Map* map = done->find<Map>()) counts_.add(RebuildCounts::from(*map));
  input_.progress.at(counts_.partitions, keys_, "partitions");
  return {};
}

Result<void> Rebuilding::worker(std::vector<Batch>& batches) {
  std::optional<Sessions> sessions;
  while (true) {
    size_t number = 0;
    {
      std::lock_guard lock(mutex_);
      if (failed_ || has_too_many_failures() || next_batch_ >= batches.size()) return {};
      number = next_batch_++;
    }
    if (input_.stop.stop_requested())
      return fail(ErrorCode::interrupted, "stopped before all batches were done", {}, Certainty::maybe);
    if (!sessions) {
      Result<Sessions> opened = open();
      if (!opened) return pass(opened.error());
      sessions.emplace(std::move(*opened));
    }
    if (Result<void> done = batch_once(*sessions, batches[number], number); !done) return done;
  }
}

Result<void> Rebuilding::work(std::vector<Batch>& batches) {
  auto run = [&] {
    Result<void> done = worker(batches);
    std::lock_guard lock(mutex_);
    if (!done && !failed_) failed_ = done.error();
  };
  bool is_postgres = statements_.dialect() == SqlDialect::postgres;
  // SQLite has one writer: several would wait for each other.
  size_t workers = is_postgres ? std::min(static_cast<size_t>(request_.workers), batches.size()) : 1;
  std::vector<std::jthread> others;
  for (size_t i = 1; i < workers; ++i) others.emplace_back(run);
  run();
  others.clear();
  if (!failed_) return {};
  Error error = *failed_;
  if (counts_.completed > 0 && error.effect == Certainty::no_effect) error.effect = Certainty::maybe;
  return pass(std::move(error));
}

// Rows whose key the source does not have.
Result<void> Rebuilding::prune(Sessions& sessions) {
  SqlMarker marker = marker_of("prune");
  auto body = [&]() -> Result<Value> {
    std::set<std::string> known;
    Result<void> read = sessions.source().each(statements_.keys(), [&](const SqlRow& row) -> Result<void> {
      known.insert(Partitions::text_of_key(row.value(0)));
      return {};
    });
    if (!read) return pass(read.error());
    SqlSession& target = *sessions.target;
    if (Result<void> begun = target.begin(); !begun) return pass(begun.error());
    auto given_up = [&](Error error) {
      target.roll_back();
      return pass(std::move(error));
    };
    if (Result<void> marked = target.mark(marker); !marked) return given_up(marked.error());
    std::vector<Value> gone;
    int64_t rows = 0;
    Result<std::string> key = quote_identifier(request_.key);
    if (!key) return given_up(key.error());
    Result<void> seen = target.each(
        plain("SELECT DISTINCT " + *key + " FROM " + statements_.into() + " WHERE " + *key + " IS NOT NULL"),
        [&](const SqlRow& row) -> Result<void> {
          Value one = row.value(0);
          if (!known.contains(Partitions::text_of_key(one))) gone.push_back(std::move(one));
          return {};
        });
    if (!seen) return given_up(seen.error());
    for (const Value& one : gone) {
      if (request_.keep) {
        if (Result<int64_t> kept = target.run(statements_.keep_row({request_.key}, {one})); !kept)
          return given_up(kept.error());
      }
      Result<int64_t> removed = target.run(statements_.delete_row({request_.key}, {one}));
      if (!removed) return given_up(removed.error());
      rows += *removed;
    }
    Map result{{"rows_deleted", rows}};
    if (Result<void> kept = keep_result(target, marker, result); !kept) return given_up(kept.error());
    if (Result<void> committed = target.commit(); !committed) return pass(committed.error());
    return Value(std::move(result));
  };
  Result<Value> done = input_.marks.once("prune", Effect::write, body, [&] { return settle(marker); });
  if (!done) return pass(done.error());
  if (const Map* map = done->find<Map>()) counts_.rows_deleted += whole(*map, "rows_deleted");
  return {};
}

// Invariants that name no partition, and those that should give a certain number of rows.
Result<void> Rebuilding::check_total(SqlSession& target) {
  for (size_t i = 0; i < request_.invariants.size(); ++i) {
    if (names_key_[i]) continue;
    int64_t rows = 0;
    Result<void> read = target.each(plain(request_.invariants[i].query), [&](const SqlRow&) -> Result<void> {
      ++rows;
      return {};
    });
    if (!read) return pass(in_statement(read.error(), "invariants[" + std::to_string(i) + "].query"));
    if (rows != request_.invariants[i].rows)
      counts_.violations.push_back(Map{{"invariant", request_.invariants[i].name}, {"rows", rows}});
  }
  return {};
}

// Every batch is settled by now: what told a later process about them goes.
Result<void> Rebuilding::clean_up(SqlSession& target, bool has_markers) {
  Result<Value> done = input_.marks.once(
      "cleanup", Effect::write,
      [&]() -> Result<Value> {
        Map ours{{"run", input_.run}, {"step", input_.op.path}};
        Result<int64_t> results =
            target.run({"DELETE FROM muster_rebuild WHERE run = :run AND step = :step", ours, {}});
        if (!results) return pass(results.error());
        if (has_markers) {
          ours["step"] = input_.op.path + "#";
          Result<int64_t> markers = target.run(
              {"DELETE FROM muster_marker WHERE run = :run AND substr(step, 1, length(:step)) = :step", ours, {}});
          if (!markers) return pass(markers.error());
        }
        if (!request_.keep) return Value(Null{});
        Result<int64_t> old = target.run(statements_.drop_old_rows(to_text(touch_.look.clock.now() - *request_.keep)));
        if (!old) return pass(old.error());
        return Value(Null{});
      },
      [] {
        return Result<Settled>(Settled{Settled::Answer::did_not_happen, {}});
      });
  if (!done) return pass(done.error());
  return {};
}

Result<StepOutput> Rebuilding::run() {
  Timestamp began = touch_.look.clock.now();
  Result<Sessions> sessions = open();
  if (!sessions) return pass(sessions.error());
  // Decided once: a later process goes on with the same batches and the same moment.
  Result<Value> kept = input_.marks.once("plan", Effect::read, [&]() -> Result<Value> {
    Result<RebuildPlan> plan = plan_of(sessions->source(), request_, statements_);
    if (!plan) return pass(plan.error());
    List ranges;
    for (const KeyRange& range : plan->ranges) ranges.push_back(List{range.first, range.last});
    return Value(
        Map{{"keys", plan->keys}, {"ranges", std::move(ranges)}, {"given", plan->is_given}, {"at", to_text(began)}});
  });
  if (!kept) return pass(kept.error());
  RebuildPlan plan;
  if (const Map* map = kept->find<Map>()) {
    keys_ = plan.keys = whole(*map, "keys");
    now_ = text_of(*map, "at");
    const Value* given = member(*map, "given");
    plan.is_given = given && given->is<bool>() && given->get<bool>();
    for (const Value& range : list_in(*map, "ranges"))
      if (const List* ends = range.find<List>(); ends && ends->size() == 2)
        plan.ranges.push_back({(*ends)[0], (*ends)[1]});
  }
  statements_.keep_as(input_.run, input_.op.path, now_);
  if (Result<void> prepared = prepare(*sessions->target); !prepared) return pass(prepared.error());
  std::vector<Batch> batches = batches_of(plan, request_);
  if (Result<void> worked = work(batches); !worked) return pass(worked.error());
  const RebuildCopy* copy = std::get_if<RebuildCopy>(&request_.derive);
  bool is_pruned = copy && copy->prune && !has_too_many_failures();
  if (is_pruned) {
    if (Result<void> pruned = prune(*sessions); !pruned) return pass(pruned.error());
  }
  if (Result<void> checked = check_total(*sessions->target); !checked) return pass(checked.error());
  if (Result<void> cleaned = clean_up(*sessions->target, !batches.empty() || is_pruned); !cleaned)
    return pass(cleaned.error());
  bool has_total = std::ranges::any_of(counts_.violations, [](const Value& one) { return member(one, "rows"); });
  if (has_too_many_failures() || has_total) {
    std::string message;
    if (has_too_many_failures()) {
      const Value& first = counts_.errors.front();
      message = std::to_string(counts_.failed) + " of " + std::to_string(keys_) +
                " partitions failed and stay as they were: " + to_text(*member(first, "message")) + " for `" +
                request_.key + "` " + to_text(*member(first, "key"));
    } else {
      auto first = std::ranges::find_if(counts_.violations, [](const Value& one) { return member(one, "rows"); });
      message = "the invariant `" + to_text(*member(*first, "invariant")) + "` does not hold over the total";
    }
    return fail(ErrorCode::violations, message, "the other partitions stand", Certainty::done);
  }
  StepOutput output;
  output.fields = counts_.as_map();
  Duration took = touch_.look.clock.now() - began;
  output.fields["duration"] = took;
  output.fields["average"] = Duration{counts_.partitions > 0 ? took.us / counts_.partitions : 0};
  output.fields["success_rate"] =
      counts_.partitions > 0 ? static_cast<double>(counts_.completed) / static_cast<double>(counts_.partitions) : 1.0;
  output.fields["artifact"] =
      request_.keep ? Value(statements_.old_rows() + "@" + input_.run + "/" + input_.op.path) : Value(Null{});
  return output;
}

}  // namespace muster
