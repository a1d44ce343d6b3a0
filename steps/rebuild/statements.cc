#include "steps/rebuild/statements.h"

#include "interpreter/world/sql_text.h"
#include "steps/statement_errors.h"

namespace muster {

namespace {

constexpr std::string_view key_range = " >= :muster_first AND ";

// `schema.table` is two identifiers.
Result<std::string> quote_table(const std::string& name) {
  size_t dot = name.find('.');
  if (dot == std::string::npos) return quote_identifier(name);
  Result<std::string> schema = quote_identifier(name.substr(0, dot)), table = quote_identifier(name.substr(dot + 1));
  if (!schema) return schema;
  if (!table) return table;
  return *schema + "." + *table;
}

std::string joined(const std::vector<std::string>& columns, std::string_view before = "") {
  std::string out;
  for (const std::string& column : columns) out += (out.empty() ? "" : ", ") + std::string(before) + column;
  return out;
}

std::string quoted(const std::string& column) {
  Result<std::string> name = quote_identifier(column);
  return name ? *name : "\"\"";
}

// A statement of the author's inside one of ours.
std::string inner(std::string text) {
  while (!text.empty() && (text.back() == ';' || text.back() == ' ' || text.back() == '\n')) text.pop_back();
  return "(\n" + text + "\n)";
}

Map bounds(const KeyRange& range) { return {{"muster_first", range.first}, {"muster_last", range.last}}; }

}  // namespace

Result<RebuildStatements> RebuildStatements::of(const RebuildRequest& request, SqlDialect target) {
  RebuildStatements out;
  out.request_ = &request;
  out.target_ = target;
  std::string old_name = "muster_old_" + request.into.table.substr(request.into.table.find('.') + 1);
  for (auto [name, where] : {std::pair{&request.from.table, &out.from_}, {&request.into.table, &out.into_}}) {
    Result<std::string> table = quote_table(*name);
    if (!table) return pass(table.error());
    *where = *table;
  }
  std::vector<std::pair<std::string, std::string*>> columns = {{request.key, &out.key_}, {old_name, &out.old_rows_}};
  if (request.into.range.size() == 2) {
    columns.push_back({request.into.range[0], &out.begin_});
    columns.push_back({request.into.range[1], &out.end_});
  }
  if (!request.range_column.empty()) columns.push_back({request.range_column, &out.range_column_});
  for (auto& [name, where] : columns) {
    Result<std::string> column = quote_identifier(name);
    if (!column) return pass(column.error());
    *where = *column;
  }
  out.old_rows_name_ = old_name;
  return out;
}

void RebuildStatements::keep_as(std::string run, std::string step, std::string at) {
  run_ = std::move(run);
  step_ = std::move(step);
  at_ = std::move(at);
}

Map RebuildStatements::with_range(Map bind, bool is_source) const {
  if (is_source && range_column_.empty()) return bind;
  if (!request_->range_from.empty()) bind["muster_from"] = request_->range_from;
  if (!request_->range_to.empty()) bind["muster_to"] = request_->range_to;
  return bind;
}

std::string RebuildStatements::inside() const {
  std::string out;
  if (!request_->range_from.empty()) out += " AND " + begin_ + " >= :muster_from";
  if (!request_->range_to.empty()) out += " AND " + end_ + " <= :muster_to";
  return out;
}

std::string RebuildStatements::all_keys() const {
  if (!request_->keys_query.empty()) {
    // The query's first column, whatever its name is.
    return "SELECT DISTINCT key FROM (SELECT * FROM (WITH muster_k (key) AS " + inner(request_->keys_query) +
           " SELECT key FROM muster_k) AS k) AS k WHERE key IS NOT NULL";
  }
  std::string where = request_->from.where.empty() ? "" : " AND " + inner(request_->from.where);
  return "SELECT DISTINCT " + key_ + " AS key FROM " + from_ + " WHERE " + key_ + " IS NOT NULL" + where;
}

SqlText RebuildStatements::keys() const { return {all_keys() + " ORDER BY 1", {}, {}}; }

SqlText RebuildStatements::keys_within(const KeyRange& range) const {
  return {"SELECT key FROM (" + all_keys() + ") AS a WHERE key >= :muster_first AND key <= :muster_last ORDER BY 1",
          bounds(range),
          {}};
}

SqlText RebuildStatements::source(const std::vector<std::string>& columns, const std::string& order,
                                  const KeyRange& range) const {
  std::string text = "SELECT " + (columns.empty() ? std::string("*") : joined(columns)) + " FROM " + from_ + " WHERE " +
                     key_ + std::string(key_range) + key_ + " <= :muster_last";
  if (!request_->from.where.empty()) text += " AND " + inner(request_->from.where);
  if (!range_column_.empty() && !request_->range_from.empty()) text += " AND " + range_column_ + " >= :muster_from";
  if (!range_column_.empty() && !request_->range_to.empty()) text += " AND " + range_column_ + " <= :muster_to";
  text += " ORDER BY " + key_ + (order.empty() ? "" : ", " + order);
  return {text, with_range(bounds(range), true), {}};
}

SqlText RebuildStatements::target(const std::vector<std::string>& columns, const KeyRange& range) const {
  std::string text = "SELECT " + (columns.empty() ? std::string("*") : joined(columns)) + " FROM " + into_ + " WHERE " +
                     key_ + std::string(key_range) + key_ + " <= :muster_last" + inside() + " ORDER BY " + key_;
  return {text, with_range(bounds(range), false), {}};
}

SqlText RebuildStatements::crossing(const KeyRange& range) const {
  std::string crosses;
  if (!request_->range_from.empty()) crosses += begin_ + " < :muster_from";
  if (!request_->range_to.empty()) crosses += std::string(crosses.empty() ? "" : " OR ") + end_ + " > :muster_to";
  std::string touches;
  if (!request_->range_from.empty()) touches += " AND " + end_ + " >= :muster_from";
  if (!request_->range_to.empty()) touches += " AND " + begin_ + " <= :muster_to";
  return {"SELECT " + key_ + ", " + begin_ + ", " + end_ + " FROM " + into_ + " WHERE " + key_ +
              std::string(key_range) + key_ + " <= :muster_last AND (" + crosses + ")" + touches,
          with_range(bounds(range), false),
          {}};
}

std::string RebuildStatements::matches(const std::vector<std::string>& columns) const {
  std::string_view is = target_ == SqlDialect::sqlite ? " IS " : " IS NOT DISTINCT FROM ";
  std::string out;
  for (size_t i = 0; i < columns.size(); ++i) {
    bool is_key = columns[i] == request_->key;
    out += (i > 0 ? " AND " : "") + quoted(columns[i]) + (is_key ? " = " : std::string(is)) + ":muster_c" +
           std::to_string(i);
  }
  return out;
}

Map RebuildStatements::cells_of(const std::vector<std::string>& columns, const Cells& row) const {
  Map bind;
  for (size_t i = 0; i < columns.size(); ++i) {
    // PostgreSQL gives a text the type of the column that it stands beside.
    bool is_plain = target_ == SqlDialect::sqlite || row[i].is_null() || row[i].is<Secret>();
    const bool* truth = row[i].find<bool>();
    bind["muster_c" + std::to_string(i)] =
        is_plain ? row[i] : Value(truth ? std::string(*truth ? "t" : "f") : to_text(row[i]));
  }
  return bind;
}

Map RebuildStatements::with_origin(Map bind) const {
  bind["muster_run"] = run_;
  bind["muster_step"] = step_;
  bind["muster_at"] = at_;
  return bind;
}

SqlText RebuildStatements::keep_row(const std::vector<std::string>& columns, const Cells& row) const {
  return {"INSERT INTO " + old_rows_ + " SELECT :muster_run, :muster_step, :muster_at, t.* FROM " + into_ +
              " AS t WHERE " + matches(columns) + inside(),
          with_origin(with_range(cells_of(columns, row), false)),
          {}};
}

SqlText RebuildStatements::delete_row(const std::vector<std::string>& columns, const Cells& row) const {
  return {
      "DELETE FROM " + into_ + " WHERE " + matches(columns) + inside(), with_range(cells_of(columns, row), false), {}};
}

SqlText RebuildStatements::update_row(const std::vector<std::string>& columns, const Cells& row) const {
  std::string sets, where;
  for (size_t i = 0; i < columns.size(); ++i) {
    std::string pair = quoted(columns[i]) + " = :muster_c" + std::to_string(i);
    if (columns[i] == request_->key) {
      where = pair;
    } else {
      sets += (sets.empty() ? "" : ", ") + pair;
    }
  }
  return {"UPDATE " + into_ + " SET " + sets + " WHERE " + where, cells_of(columns, row), {}};
}

SqlText RebuildStatements::keep_all() const {
  return {"INSERT INTO " + old_rows_ + " SELECT :muster_run, :muster_step, :muster_at, t.* FROM " + into_ +
              " AS t WHERE " + key_ + " IN (SELECT key FROM muster_keys)" + inside(),
          with_origin(with_range({}, false)),
          {}};
}

SqlText RebuildStatements::delete_all() const {
  return {"DELETE FROM " + into_ + " WHERE " + key_ + " IN (SELECT key FROM muster_keys)" + inside(),
          with_range({}, false),
          {}};
}

std::string RebuildStatements::make_keys() const {
  // With the type of the target's column.
  std::string empty = target_ == SqlDialect::sqlite ? "0" : "false";
  return "CREATE TEMP TABLE muster_keys AS SELECT " + key_ + " AS key FROM " + into_ + " WHERE " + empty;
}

std::string RebuildStatements::make_old_rows() const {
  std::string empty = target_ == SqlDialect::sqlite ? "0" : "false";
  return "CREATE TABLE IF NOT EXISTS " + old_rows_ +
         " AS SELECT '' AS muster_run, '' AS muster_step, '' AS muster_at, t.* FROM " + into_ + " AS t WHERE " + empty;
}

SqlText RebuildStatements::drop_old_rows(const std::string& before) const {
  return {"DELETE FROM " + old_rows_ + " WHERE muster_at < :before", {{"before", before}}, {}};
}

SqlText RebuildStatements::invariant(const std::string& query, const KeyRange& range) const {
  return {"SELECT q." + key_ + " FROM " + inner(query) + " AS q WHERE q." + key_ + " >= :muster_first AND q." + key_ +
              " <= :muster_last AND q." + key_ + " IN (SELECT key FROM muster_keys)",
          bounds(range),
          {}};
}

SqlText RebuildStatements::invariant_probe(const std::string& query) const {
  return {"SELECT q." + key_ + " FROM " + inner(query) + " AS q LIMIT 0", {}, {}};
}

Error RebuildStatements::of_keys(Error error) const {
  if (request_->keys_query.empty()) return of_source(std::move(error));
  return in_wrapped_statement(std::move(error), request_->keys_query, "partition.keys.query", "partition.keys.query");
}

Error RebuildStatements::of_source(Error error) const {
  return in_wrapped_statement(std::move(error), request_->from.where, "from.where", "from.table");
}

Error RebuildStatements::of_target(Error error) const {
  return in_wrapped_statement(std::move(error), {}, {}, "into.table");
}

Error RebuildStatements::of_invariant(Error error, size_t index) const {
  const std::string argument = "invariants[" + std::to_string(index) + "].query";
  return in_wrapped_statement(std::move(error), request_->invariants[index].query, argument, argument);
}

SqlText RebuildStatements::generated_columns() const {
  std::string table = request_->into.table.substr(request_->into.table.find('.') + 1);
  if (target_ == SqlDialect::sqlite) {
    return {
        "SELECT name FROM pragma_table_info(:t) WHERE pk = 1 AND upper(type) = 'INTEGER' AND (SELECT max(pk) FROM "
        "pragma_table_info(:t)) = 1",
        {{"t", table}},
        {}};
  }
  return {
      "SELECT column_name::text AS name FROM information_schema.columns WHERE table_name = :t AND (is_identity = "
      "'YES' OR column_default LIKE 'nextval(%')",
      {{"t", table}},
      {}};
}

SqlText RebuildStatements::author(const std::string& text, const std::string& now) const {
  SqlText out{text, {}, {}};
  Result<std::vector<SqlToken>> tokens = tokens_of(text, target_);
  if (!tokens) return out;  // it says so itself when it is run
  for (const SqlToken& token : *tokens) {
    if (token.kind != SqlToken::Kind::bind) continue;
    auto or_null = [](const std::string& value) { return value.empty() ? Value(Null{}) : Value(value); };
    if (token.name == "from") out.bind["from"] = or_null(request_->range_from);
    if (token.name == "to") out.bind["to"] = or_null(request_->range_to);
    if (token.name == "now") out.bind["now"] = now;
  }
  return out;
}

}  // namespace muster
