// `rebuild`: derives a table again from its source of truth, partition by partition.
//
// Source: docs/language.md, "Data actions"; docs/actions/rebuild.md.
#include <algorithm>

#include "interpreter/world/redaction.h"
#include "steps/rebuild/rebuilding.h"
#include "steps/steps.h"

namespace muster {

namespace {

constexpr size_t shown_partitions = 20;

// How statements for it are written. Whoever answers is asked: in a rehearsal SQLite may stand for PostgreSQL.
Result<SqlDialect> dialect_of(const RebuildSide& side, SqlRead& sql, const StepInput& input) {
  if (side.connection.kind != "postgres") return SqlDialect::sqlite;
  SqlLimits limits;
  limits.timeout = input.timeout;
  Result<std::unique_ptr<SqlSession>> session = sql.open_to_read(side.connection, limits, input.stop);
  if (!session) return pass(session.error());
  return (*session)->dialect();
}

Result<StepOutput> act(const StepInput& input, Touch& touch) {
  Redaction redaction(input.args, input.opened);
  Result<RebuildRequest> request = rebuild_request(input);
  if (!request) return pass(request.error());
  Result<SqlDialect> dialect = dialect_of(request->into, touch.look.sql, input);
  if (!dialect) return pass(redaction.error(dialect.error()));
  Result<RebuildStatements> statements = RebuildStatements::of(*request, *dialect);
  if (!statements) return pass(statements.error());
  Rebuilding rebuilding(*request, *statements, input, touch);
  Result<StepOutput> output = rebuilding.run();
  if (!output) return pass(redaction.error(output.error()));
  for (auto& [name, value] : output->fields) value = redaction.value(value);
  return output;
}

std::string words_of(const RebuildRequest& request) {
  auto side = [](const RebuildSide& one) { return "`" + one.table + "` of `" + one.connection.name + "`"; };
  std::string out = "rebuild " + side(request.into) + " from " + side(request.from) + ", by `" + request.key + "`";
  if (!request.from.where.empty()) out += ", where " + request.from.where;
  if (request.has_range()) {
    out += ", only rows within " + (request.range_from.empty() ? std::string("the beginning") : request.range_from) +
           " to " + (request.range_to.empty() ? std::string("the end") : request.range_to);
  }
  return out;
}

std::string counted(int64_t n, std::string_view what) {
  return std::to_string(n) + " " + std::string(what) + (n == 1 ? "" : "s");
}

// Derives everything and compares; nothing is written anywhere.
Result<void> foresee(const StepInput& input, const RebuildRequest& request, const RebuildStatements& statements,
                     Look& look, Preview& preview) {
  SqlLimits limits;
  limits.timeout = input.timeout;
  Result<std::unique_ptr<SqlSession>> target = look.sql.open_to_read(request.into.connection, limits, input.stop);
  if (!target) return pass(target.error());
  Result<std::unique_ptr<SqlSession>> source = look.sql.open_to_read(request.from.connection, limits, input.stop);
  if (!source) return pass(source.error());
  if (Result<void> begun = (*target)->begin(); !begun) return begun;
  if (Result<void> begun = (*source)->begin(); !begun) return begun;
  Result<RebuildPlan> plan = plan_of(**source, request, statements);
  if (!plan) return pass(plan.error());
  Result<std::unique_ptr<ScriptFunction>> script = script_of(request, input, look.clock.now());
  if (!script) return pass(script.error());
  RebuildCounts counts;
  List shown;
  bool by_key = std::holds_alternative<RebuildCopy>(request.derive);
  for (const Batch& batch : batches_of(*plan, request)) {
    Partitions partitions(request, statements, script->get());
    if (Result<void> read = partitions.read(**source, **target, batch, {}); !read) return read;
    for (const Partition& partition : partitions.all()) {
      if (partition.error) {
        ++counts.failed;
        if (shown.size() < shown_partitions)
          shown.push_back(Map{{"key", partition.key}, {"error", partition.error->message}});
        continue;
      }
      Difference difference = difference_of(partition, by_key);
      int64_t gone = static_cast<int64_t>(difference.gone.size() + difference.changed.size());
      int64_t fresh = static_cast<int64_t>(difference.fresh.size() + difference.changed.size());
      ++counts.partitions;
      counts.rows_deleted += gone;
      counts.rows_created += fresh;
      counts.rows_unchanged += difference.unchanged;
      if (gone + fresh > 0 && shown.size() < shown_partitions) {
        shown.push_back(Map{{"key", partition.key},
                            {"rows_deleted", gone},
                            {"rows_created", fresh},
                            {"rows_unchanged", difference.unchanged}});
      }
    }
    input.progress.at(counts.partitions, plan->keys, "partitions");
  }
  preview.lines.push_back("would delete " + counted(counts.rows_deleted, "row") + ", create " +
                          counted(counts.rows_created, "row") + " and keep " + counted(counts.rows_unchanged, "row") +
                          " in " + counted(counts.partitions, "partition"));
  if (counts.failed > 0) preview.lines.push_back(counted(counts.failed, "partition") + " could not be derived");
  preview.facts["partitions"] = counts.partitions;
  preview.facts["rows_deleted"] = counts.rows_deleted;
  preview.facts["rows_created"] = counts.rows_created;
  preview.facts["rows_unchanged"] = counts.rows_unchanged;
  preview.facts["changes"] = std::move(shown);
  return {};
}

Result<Preview> preview(const StepInput& input, Look& look, Trial&) {
  Preview preview;
  for (const auto& [name, value] : input.args)
    if (const Unknown* unknown = find_unknown(value)) preview.unknown = unknown->why;
  if (preview.unknown) return preview;
  Result<RebuildRequest> request = rebuild_request(input);
  if (!request) return pass(request.error());
  Redaction redaction(input.args, input.opened);
  Result<SqlDialect> dialect = dialect_of(request->into, look.sql, input);
  if (!dialect) {
    preview.lines.push_back(words_of(*request));
    preview.unknown = "it could not be derived: " + redaction.text(dialect.error().message);
    return preview;
  }
  Result<RebuildStatements> statements = RebuildStatements::of(*request, *dialect);
  if (!statements) return pass(statements.error());
  preview.lines.push_back(words_of(*request));
  if (const RebuildSql* derive = std::get_if<RebuildSql>(&request->derive)) {
    preview.lines.push_back("derive: " + derive->text);
    preview.unknown = "what `derive.sql` makes is known after it ran";
    return preview;
  }
  Result<void> seen = foresee(input, *request, *statements, look, preview);
  if (!seen && seen.error().code == ErrorCode::interrupted) return pass(seen.error());
  if (!seen) preview.unknown = "it could not be derived: " + redaction.text(seen.error().message);
  for (const RebuildInvariant& invariant : request->invariants)
    preview.lines.push_back("must hold afterwards: " + invariant.name);
  return preview;
}

}  // namespace

Action rebuild_action() {
  Action action;
  action.name = "rebuild";
  action.summary = "derive a table again from its source of truth";
  action.fields = rebuild_fields();
  action.results = {
      {"partitions", FieldType::integer, "all that were looked at"},
      {"completed", FieldType::integer, "those that are as they should be now"},
      {"failed", FieldType::integer, "those that stay as they were"},
      {"rows_deleted", FieldType::integer, "rows of the target that went"},
      {"rows_created", FieldType::integer, "rows of the target that came"},
      {"rows_unchanged", FieldType::integer, "rows of the target that were right already"},
      {"duration", FieldType::duration, "how long it took, in the process that ended it"},
      {"average", FieldType::duration, "per partition"},
      {"success_rate", FieldType::number, "completed of all, from 0 to 1"},
      {"errors", FieldType::list, "why partitions failed, each {key, message}; at most 100"},
      {"violations", FieldType::list, "invariants that did not hold, each {invariant, key}; at most 100"},
      {"artifact", FieldType::text, "where the old rows are; nil without `backup`"},
  };
  action.effect = [](const Map&) { return Effect::write; };
  action.act = act;
  action.preview = preview;
  action.continues_after_crash = true;
  return action;
}

}  // namespace muster
