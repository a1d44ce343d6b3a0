#include "steps/rebuild/request.h"

#include <charconv>
#include <set>

namespace muster {

namespace {

constexpr int64_t most_workers = 16;
constexpr int64_t most_in_batch = 100'000;

Field field(std::string name, FieldType type, std::string meaning, bool required = false) {
  Field out;
  out.name = std::move(name);
  out.type = type;
  out.meaning = std::move(meaning);
  out.required = required;
  return out;
}

Field object(std::string name, std::string meaning, std::vector<Field> fields, bool required = false) {
  Field out = field(std::move(name), FieldType::object, std::move(meaning), required);
  out.fields = std::move(fields);
  return out;
}

Field connection_field() {
  Field connection = field("connection", FieldType::connection, "the database", true);
  connection.kinds = {"sqlite", "postgres"};
  return connection;
}

std::string text_in(const Map& args, std::string_view name) {
  const Value* value = member(args, name);
  return value && !value->is_null() ? to_text(*value) : std::string();
}

const Map& map_in(const Map& args, std::string_view name) {
  static const Map none;
  const Value* value = member(args, name);
  const Map* map = value ? value->find<Map>() : nullptr;
  return map ? *map : none;
}

Result<int64_t> whole_in(const Map& args, std::string_view name, int64_t otherwise, int64_t most) {
  const Value* value = member(args, name);
  if (!value || value->is_null()) return otherwise;
  const int64_t* n = value->find<int64_t>();
  if (n && *n >= 1 && *n <= most) return *n;
  return fail(ErrorCode::invalid, "`" + std::string(name) + "` must be a whole number from 1 to " +
                                      std::to_string(most) + ", and is " + to_text(*value));
}

RebuildSide side_of(const Map& args, const StepInput& input) {
  RebuildSide side;
  if (const Value* connection = member(args, "connection")) side.connection = connection_of(*connection);
  side.connection.label = input.run + "/" + input.op.path;
  side.table = text_in(args, "table");
  side.where = text_in(args, "where");
  if (const Value* range = member(args, "range"); range && range->is<List>())
    for (const Value& column : range->get<List>()) side.range.push_back(to_text(column));
  return side;
}

Result<void> read_derive(const Map& derive, RebuildRequest& request) {
  if (member(derive, "islands")) {
    const Map& islands = map_in(derive, "islands");
    RebuildIslands wanted{text_in(islands, "order"), 1, text_in(islands, "start"), text_in(islands, "end"),
                          text_in(islands, "count")};
    if (const Value* step = member(islands, "step"); step && step->is<Duration>()) {
      constexpr int64_t day_us = int64_t{86'400} * 1'000'000;
      int64_t us = step->get<Duration>().us;
      if (us <= 0 || us % day_us != 0)
        return fail(ErrorCode::invalid, "`islands.step` must be whole days, and is " + to_text(step->get<Duration>()),
                    "write `1d`");
      wanted.step_days = us / day_us;
    }
    request.derive = wanted;
  } else if (member(derive, "copy")) {
    const Map& copy = map_in(derive, "copy");
    const Value* prune = member(copy, "prune");
    request.derive = RebuildCopy{prune && prune->is<bool>() && prune->get<bool>()};
  } else if (member(derive, "lua")) {
    request.derive = RebuildLua{text_in(derive, "lua"), request.range_column};
  } else {
    request.derive = RebuildSql{text_in(derive, "sql")};
  }
  bool is_sql = std::holds_alternative<RebuildSql>(request.derive);
  if (is_sql && !request.same_database()) {
    return fail(ErrorCode::invalid,
                "`derive.sql` needs source and target in one database: it is one statement over both",
                "`copy` the source beside the target first");
  }
  return {};
}

// Each once.
Result<void> read_keys(const List& list, RebuildRequest& request) {
  std::set<std::string> known;
  request.keys_list.emplace();
  for (const Value& key : list) {
    if (!key.is<int64_t>() && !key.is<std::string>()) {
      return fail(ErrorCode::invalid,
                  "a key of `partition.keys` is a whole number or a text, not " + std::string(type_name(key)));
    }
    if (known.insert(to_text(key)).second) request.keys_list->push_back(key);
  }
  return {};
}

Result<void> read_range(const Map& args, RebuildRequest& request) {
  const Map& range = map_in(args, "range");
  request.range_column = text_in(range, "column");
  request.range_from = text_in(range, "from");
  request.range_to = text_in(range, "to");
  if (!request.into.range.empty() && request.into.range.size() != 2) {
    return fail(ErrorCode::invalid, "`into.range` names two columns: where a row begins and where it ends");
  }
  if (request.has_range() && request.into.range.size() != 2) {
    return fail(ErrorCode::invalid, "`range` needs `into.range`: which of the target's rows lie inside it",
                "write `range: [start_date, end_date]` in `into`");
  }
  if (request.has_range() && request.range_from > request.range_to && !request.range_to.empty())
    return fail(ErrorCode::invalid,
                "`range` ends before it begins: from " + request.range_from + " to " + request.range_to);
  return {};
}

// `0.1%` or a number.
Result<void> read_max_failures(const Map& args, RebuildRequest& request) {
  std::string text = text_in(args, "max_failures");
  if (text.empty()) return {};
  bool is_percent = text.ends_with('%');
  if (is_percent) text.pop_back();
  double n = -1;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n);
  bool is_number = error == std::errc() && end == text.data() + text.size() && n >= 0;
  if (!is_number || (is_percent && n > 100) || (!is_percent && n != static_cast<double>(static_cast<int64_t>(n)))) {
    return fail(ErrorCode::invalid, "`max_failures` must be a number of partitions or a percentage, and is `" +
                                        text_in(args, "max_failures") + "`");
  }
  if (is_percent) {
    request.most_failures_percent = n;
  } else {
    request.most_failures = static_cast<int64_t>(n);
  }
  return {};
}

}  // namespace

std::vector<Field> rebuild_fields() {
  Field columns = field("range", FieldType::list, "the columns where a row begins and ends");
  columns.items = {field("column", FieldType::text, "a column")};
  Field keys = object("keys", "which partitions: a query whose first column is the key, or a list of keys",
                      {field("query", FieldType::script, "a query whose first column is the key", true)});
  keys.items = {field("key", FieldType::any, "one key")};
  Field derive = object(
      "derive", "how the target's rows come from the source's",
      {object("islands", "runs of consecutive days",
              {field("order", FieldType::text, "the source's column with the day", true),
               field("step", FieldType::duration, "from one day to the next of a run; 1d by default"),
               field("start", FieldType::text, "the target's column for the first day", true),
               field("end", FieldType::text, "the target's column for the last day", true),
               field("count", FieldType::text, "the target's column for the number of days")}),
       field("sql", FieldType::script, "statements that insert the rows of the partitions in `muster_keys(key)`"),
       field("lua", FieldType::function, "a function(key, rows, ctx) of an extension that returns the target's rows"),
       object("copy", "the source's rows as they are",
              {[] {
                 Field mode = field("mode", FieldType::choice, "rows with the same key are replaced");
                 mode.choices = {"upsert"};
                 return mode;
               }(),
               field("prune", FieldType::boolean, "true: rows whose key the source does not have go")})},
      true);
  derive.one_of = {{"islands", "lua", "sql", "copy"}};
  Field invariant = object("invariant", "a query that must give so many rows",
                           {field("name", FieldType::text, "what must hold", true),
                            field("query", FieldType::script, "what violates it", true),
                            field("rows", FieldType::integer, "rows that it may give; 0 by default")});
  Field invariants = field("invariants", FieldType::list, "what must hold for every partition and in total");
  invariants.items = {invariant};
  return {
      object("from", "the source of truth",
             {connection_field(), field("table", FieldType::text, "the table", true),
              field("where", FieldType::script, "which of its rows count")},
             true),
      object("into", "what is rebuilt",
             {connection_field(), field("table", FieldType::text, "the table", true), columns}, true),
      object("partition", "what is rebuilt together, and fails together",
             {field("key", FieldType::text, "the column that both tables have", true), keys}, true),
      object("range", "only the target's rows that lie wholly inside",
             {field("column", FieldType::text, "the source's column", true),
              field("from", FieldType::text, "the first value"), field("to", FieldType::text, "the last value")}),
      derive,
      field("batch", FieldType::integer, "partitions per transaction; 100 by default"),
      field("workers", FieldType::integer, "batches at once, on PostgreSQL; 1 by default"),
      object("backup", "keeps the rows that are replaced",
             {field("keep", FieldType::duration, "how long, in the table `muster_old_TABLE`", true)}),
      invariants,
      field("max_failures", FieldType::text, "partitions that may fail: a number or a percentage; 0 by default"),
  };
}

Result<RebuildRequest> rebuild_request(const StepInput& input) {
  const Map& args = input.args;
  RebuildRequest request;
  request.from = side_of(map_in(args, "from"), input);
  request.into = side_of(map_in(args, "into"), input);
  const Map& partition = map_in(args, "partition");
  request.key = text_in(partition, "key");
  if (const Value* keys = member(partition, "keys"); keys && !keys->is_null()) {
    if (const List* list = keys->find<List>()) {
      if (Result<void> read = read_keys(*list, request); !read) return pass(read.error());
    }
    if (const Map* query = keys->find<Map>()) request.keys_query = text_in(*query, "query");
  }
  if (Result<void> read = read_range(args, request); !read) return pass(read.error());
  if (Result<void> read = read_derive(map_in(args, "derive"), request); !read) return pass(read.error());
  if (Result<void> read = read_max_failures(args, request); !read) return pass(read.error());
  Result<int64_t> batch = whole_in(args, "batch", 100, most_in_batch);
  if (!batch) return pass(batch.error());
  Result<int64_t> workers = whole_in(args, "workers", 1, most_workers);
  if (!workers) return pass(workers.error());
  request.batch = *batch;
  request.workers = *workers;
  if (const Value* keep = member(map_in(args, "backup"), "keep"); keep && keep->is<Duration>())
    request.keep = keep->get<Duration>();
  if (const Value* invariants = member(args, "invariants"); invariants && invariants->is<List>()) {
    for (const Value& one : invariants->get<List>()) {
      const Map* map = one.find<Map>();
      if (!map) continue;
      const Value* rows = member(*map, "rows");
      request.invariants.push_back(
          {text_in(*map, "name"), text_in(*map, "query"), rows && rows->is<int64_t>() ? rows->get<int64_t>() : 0});
    }
  }
  return request;
}

}  // namespace muster
