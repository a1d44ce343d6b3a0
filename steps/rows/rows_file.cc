#include "steps/rows/rows_file.h"

#include <algorithm>

#include "interpreter/action/action.h"
#include "interpreter/base/encoding.h"
#include "interpreter/base/json.h"
#include "interpreter/world/sql_text.h"

namespace muster {

namespace {

constexpr size_t piece_bytes = 1 << 20;
constexpr size_t most_line_bytes = 256 << 20;
constexpr size_t rows_at_once = 500;
constexpr int64_t rows_between_reports = 1000;

Field field(std::string name, FieldType type, std::string meaning) {
  Field out;
  out.name = std::move(name);
  out.type = type;
  out.meaning = std::move(meaning);
  return out;
}

tl::unexpected<Error> cut() {
  return fail(ErrorCode::corrupt, "the file of rows is cut: its last line, which tells their number, is missing",
              "take another copy of the backup");
}

// Columns that take values, in their order.
Result<std::vector<std::string>> columns_of(SqlSession& session, const TableRows& rows) {
  bool is_postgres = session.dialect() == SqlDialect::postgres;
  SqlText text;
  if (is_postgres) {
    text.text =
        "SELECT attname::text FROM pg_attribute WHERE attrelid = (:t::text)::regclass AND attnum > 0 AND NOT "
        "attisdropped AND attgenerated = '' ORDER BY attnum";
    text.bind = {{"t", rows.quoted}};
  } else {
    size_t dot = rows.table.find('.');
    text.text = "SELECT name FROM pragma_table_info(:t) ORDER BY cid";
    text.bind = {{"t", dot == std::string::npos ? rows.table : rows.table.substr(dot + 1)}};
  }
  std::vector<std::string> columns;
  Result<void> read = session.each(text, [&](const SqlRow& row) -> Result<void> {
    columns.emplace_back(row.text(0));
    return {};
  });
  if (!read) return pass(read.error());
  if (columns.empty()) return fail(ErrorCode::failed, "there is no table `" + rows.table + "`");
  return columns;
}

}  // namespace

Field rows_field(const std::string& meaning) {
  Field connection = field("connection", FieldType::connection, "a SQLite or PostgreSQL database");
  connection.kinds = {"sqlite", "postgres"};
  connection.required = true;
  Field table = field("table", FieldType::text, "TABLE or SCHEMA.TABLE");
  table.required = true;
  Field bind = field("bind", FieldType::map, "values of `:name` in `where`");
  Field value = field("value", FieldType::any, "the value of `:name`");
  bind.items = {value};
  Field out = field("rows", FieldType::object, meaning);
  out.fields = {connection, table, field("where", FieldType::script, "which rows; all of them when left out"), bind};
  return out;
}

Result<TableRows> table_rows(const Map& args) {
  TableRows rows;
  if (const Value* connection = member(args, "connection")) rows.connection = connection_of(*connection);
  rows.table = text_of(args, "table");
  size_t dot = rows.table.find('.');
  if (rows.table.empty() || dot == 0 || dot + 1 == rows.table.size())
    return fail(ErrorCode::invalid, "`rows.table` is `" + rows.table + "`: write TABLE or SCHEMA.TABLE");
  Result<std::string> first = quote_identifier(rows.table.substr(0, dot));
  if (!first) return pass(first.error());
  rows.quoted = *first;
  if (dot != std::string::npos) {
    Result<std::string> second = quote_identifier(rows.table.substr(dot + 1));
    if (!second) return pass(second.error());
    rows.quoted += "." + *second;
  }
  rows.where = text_of(args, "where");
  // One expression: what is no part of it could be anything.
  Result<std::vector<SqlToken>> tokens =
      tokens_of(rows.where, rows.connection.kind == "postgres" ? SqlDialect::postgres : SqlDialect::sqlite);
  if (!tokens) return pass(tokens.error());
  int depth = 0;
  for (const SqlToken& token : *tokens) {
    bool is_sign = token.kind == SqlToken::Kind::sign;
    if (is_sign && rows.where[token.begin] == '(') ++depth;
    if (is_sign && rows.where[token.begin] == ')') --depth;
    if (depth < 0 || token.kind == SqlToken::Kind::semicolon)
      return fail(ErrorCode::invalid, "`rows.where` is no single condition: " + place_of(rows.where, token.begin));
  }
  if (const Value* bind = member(args, "bind"); bind && bind->is<Map>()) rows.bind = bind->get<Map>();
  return rows;
}

Result<int64_t> write_rows(SqlSession& session, const TableRows& rows, WriteFile& file, std::stop_token stop,
                           const RowsDone& done) {
  Result<std::vector<std::string>> columns = columns_of(session, rows);
  if (!columns) return pass(columns.error());
  bool is_postgres = session.dialect() == SqlDialect::postgres;
  std::string names;
  for (const std::string& column : *columns) {
    Result<std::string> quoted = quote_identifier(column);
    if (!quoted) return pass(quoted.error());
    names += (names.empty() ? "" : ", ") + *quoted;
  }
  std::string buffer = print_json(Map{{"format", 1},
                                      {"table", rows.table},
                                      {"engine", is_postgres ? "postgres" : "sqlite"},
                                      {"columns", List(columns->begin(), columns->end())}}) +
                       "\n";
  uint64_t written = 0;
  auto flush = [&]() -> Result<void> {
    if (Result<void> put = file.write_at(written, buffer); !put) return put;
    written += buffer.size();
    buffer.clear();
    return {};
  };
  int64_t count = 0;
  Result<void> read =
      session.each(SqlText{"SELECT " + names + " FROM " + rows.quoted + rows.condition(), rows.bind, {}},
                   [&](const SqlRow& row) -> Result<void> {
                     if (stop.stop_requested()) return fail(ErrorCode::interrupted, "the reading of rows was stopped");
                     List cells;
                     for (size_t i = 0; i < columns->size(); ++i) {
                       if (row.is_null(i)) {
                         cells.emplace_back(Null{});
                       } else if (is_postgres) {
                         cells.emplace_back(std::string(row.text(i)));
                       } else if (row.is_binary(i)) {
                         // As SqlSession::insert takes bytes.
                         cells.emplace_back(Map{{"base64", encode_base64(row.text(i), Base64::plain)}});
                       } else {
                         cells.push_back(row.value(i));
                       }
                     }
                     buffer += print_json(Value(std::move(cells))) + "\n";
                     if (++count % rows_between_reports == 0) done(count);
                     return buffer.size() < piece_bytes ? Result<void>() : flush();
                   });
  if (!read) return pass(read.error());
  buffer += print_json(Map{{"rows", count}}) + "\n";
  if (Result<void> put = flush(); !put) return pass(put.error());
  if (Result<void> synced = file.sync(); !synced) return pass(synced.error());
  return count;
}

Result<std::optional<std::string>> RowsReader::line() {
  size_t searched = begin_;
  while (true) {
    size_t end = buffer_.find('\n', searched);
    if (end != std::string::npos) {
      std::string out = buffer_.substr(begin_, end - begin_);
      begin_ = end + 1;
      return std::optional<std::string>(std::move(out));
    }
    if (at_end_) {
      if (begin_ < buffer_.size()) return pass(cut().value());
      return std::optional<std::string>();
    }
    if (buffer_.size() - begin_ > most_line_bytes) return fail(ErrorCode::corrupt, "a row of more than 256 MiB");
    Result<std::string> more = file_.read(piece_bytes);
    if (!more) return pass(more.error());
    at_end_ = more->empty();
    buffer_.erase(0, begin_);
    begin_ = 0;
    searched = buffer_.size();
    buffer_ += *more;
  }
}

Result<RowsHead> RowsReader::head() {
  Result<std::optional<std::string>> first = line();
  if (!first) return pass(first.error());
  Result<Value> parsed = *first ? parse_json(**first) : Result<Value>(Value(Null{}));
  const Map* map = parsed ? parsed->find<Map>() : nullptr;
  const Value* columns = map ? member(*map, "columns") : nullptr;
  const Value* format = map ? member(*map, "format") : nullptr;
  if (!columns || !columns->is<List>() || !format || !same(*format, 1))
    return fail(ErrorCode::corrupt, "this is no backup of a table's rows", "`backup: {source: {rows: ...}}` makes one");
  RowsHead head;
  head.table = text_of(*map, "table");
  head.is_postgres = text_of(*map, "engine") == "postgres";
  for (const Value& column : columns->get<List>()) head.columns.push_back(to_text(column));
  columns_ = head.columns.size();
  return head;
}

Result<std::vector<Cells>> RowsReader::next() {
  std::vector<Cells> rows;
  while (!has_ended_ && rows.size() < rows_at_once) {
    Result<std::optional<std::string>> text = line();
    if (!text) return pass(text.error());
    if (!*text) return cut();
    Result<Value> parsed = parse_json(**text);
    if (!parsed) return fail(ErrorCode::corrupt, "row " + std::to_string(rows_read_ + 1) + " cannot be read");
    if (List* cells = parsed->find<List>()) {
      if (cells->size() != columns_)
        return fail(ErrorCode::corrupt, "row " + std::to_string(rows_read_ + 1) + " has " +
                                            std::to_string(cells->size()) + " values for " + std::to_string(columns_) +
                                            " columns");
      rows.push_back(std::move(*cells));
      ++rows_read_;
      continue;
    }
    const Value* told = member(*parsed, "rows");
    if (!told || !same(*told, rows_read_))
      return fail(ErrorCode::corrupt, "the file has " + std::to_string(rows_read_) + " rows, and its last line tells " +
                                          (told ? to_text(*told) : std::string("no number")));
    Result<std::optional<std::string>> behind = line();
    if (!behind) return pass(behind.error());
    if (*behind) return fail(ErrorCode::corrupt, "something stands behind the last line of the rows");
    has_ended_ = true;
  }
  return rows;
}

Result<int64_t> survey_rows(ReadFile& file, std::stop_token stop) {
  RowsReader reader(file);
  if (Result<RowsHead> head = reader.head(); !head) return pass(head.error());
  while (true) {
    if (stop.stop_requested()) return fail(ErrorCode::interrupted, "the reading of rows was stopped");
    Result<std::vector<Cells>> some = reader.next();
    if (!some) return pass(some.error());
    if (some->empty()) return reader.rows_read();
  }
}

Result<void> hold_table(SqlSession& session, const TableRows& rows) {
  if (session.dialect() == SqlDialect::sqlite) return {};  // it has one writer at a time
  Result<int64_t> held = session.run(SqlText{"LOCK TABLE " + rows.quoted + " IN SHARE ROW EXCLUSIVE MODE", {}, {}});
  if (!held) return pass(held.error());
  return {};
}

Result<int64_t> replace_rows(SqlSession& session, const TableRows& rows, ReadFile& file, std::stop_token stop,
                             const RowsDone& done) {
  RowsReader reader(file);
  Result<RowsHead> head = reader.head();
  if (!head) return pass(head.error());
  Result<std::vector<std::string>> there = columns_of(session, rows);
  if (!there) return pass(there.error());
  for (const std::string& column : head->columns) {
    if (std::ranges::find(*there, column) == there->end())
      return fail(ErrorCode::schema_mismatch,
                  "the backup has a column `" + column + "`, which the table `" + rows.table + "` has not");
  }
  Result<int64_t> gone = session.run(SqlText{"DELETE FROM " + rows.quoted + rows.condition(), rows.bind, {}});
  if (!gone) return pass(gone.error());
  while (true) {
    if (stop.stop_requested()) return fail(ErrorCode::interrupted, "the restore was stopped");
    Result<std::vector<Cells>> some = reader.next();
    if (!some) return pass(some.error());
    if (some->empty()) break;
    if (Result<void> put = session.insert(rows.quoted, head->columns, *some); !put) return pass(put.error());
    done(reader.rows_read());
  }
  // Rows beside the condition would have come without any having gone for them.
  int64_t now = -1;
  Result<void> counted = session.each(SqlText{"SELECT count(*) FROM " + rows.quoted + rows.condition(), rows.bind, {}},
                                      [&](const SqlRow& row) -> Result<void> {
                                        if (Value value = row.value(0); value.is<int64_t>()) now = value.get<int64_t>();
                                        return {};
                                      });
  if (!counted) return pass(counted.error());
  if (now == reader.rows_read()) return *gone;
  return fail(ErrorCode::schema_mismatch,
              "the backup has " + std::to_string(reader.rows_read()) + " rows, and " + std::to_string(now) + " of `" +
                  rows.table + "` would meet `where` afterwards",
              "restore with the `where` that the backup was made with");
}

}  // namespace muster
