// `sql`: a query, statements that write, or a check of the database's files.
//
// Values travel as binds, identifiers are quoted by the database's own rule; the text itself holds neither. It may lie
// in a file, which a gate binds by its digest; a result of any size may be saved into one. Source: docs/language.md,
// "Actions on the world"; docs/actions/sql.md.
#include <algorithm>

#include "interpreter/action/pins.h"
#include "interpreter/base/digest.h"
#include "interpreter/base/json.h"
#include "interpreter/world/redaction.h"
#include "interpreter/world/sql_text.h"
#include "steps/saved_rows.h"
#include "steps/statement_errors.h"
#include "steps/steps.h"

namespace muster {

namespace {

constexpr int sampled_rows = 5;
constexpr int64_t most_rows = 1'000'000;
constexpr uint64_t most_file_bytes = 16 << 20;

Field field(std::string name, FieldType type, std::string meaning) {
  Field out;
  out.name = std::move(name);
  out.type = type;
  out.meaning = std::move(meaning);
  return out;
}

// Statements: the text, or `{file: PATH}`.
Field statements(std::string name, std::string meaning) {
  Field file = field("file", FieldType::path, "a file with the statements, read when the step begins");
  file.required = true;
  Field digest = field("sha256", FieldType::text, "what the file's SHA-256 must be; a gate sets it to what it showed");
  digest.pattern = "^[0-9a-f]{64}$";
  Field out = field(std::move(name), FieldType::script, std::move(meaning));
  out.fields = {file, digest};
  return out;
}

std::vector<Field> sql_fields() {
  Field connection = field("connection", FieldType::connection, "the database");
  connection.kinds = {"sqlite", "postgres"};
  connection.required = true;
  Field check = field("check", FieldType::choice, "whether the database's files are sound: all of them, or quickly");
  check.choices = {"integrity", "quick"};
  Field value = field("value", FieldType::any, "the value of `:name`");
  value.opens_secrets = true;
  Field bind = field("bind", FieldType::map, "values of `:name` in the statements");
  bind.items = {value};
  bind.opens_secrets = true;
  Field save =
      field("save", FieldType::path,
            "a file FILE.csv or FILE.jsonl that all rows of one `query` go into; it is replaced once it is whole");
  save.pattern = "\\.(csv|jsonl)$";
  Field names = field("names", FieldType::map, "identifiers of `:\"name\"` in the statements; they are quoted");
  names.items = {field("name", FieldType::text, "a table's or column's name")};
  return {
      connection,
      statements("query", "statements that read"),
      statements("execute", "statements that write, in one transaction"),
      check,
      bind,
      names,
      field("expect_changes", FieldType::any,
            "rows that `execute` must change: a number, or {min, max}; otherwise it is rolled back"),
      field("transaction", FieldType::boolean, "false: `execute` runs each statement by itself"),
      field("marker_row", FieldType::boolean,
            "true: the transaction of `execute` writes a row into the table `muster_marker`, so that it is known after "
            "a crash whether it happened"),
      save,
      field("max_rows", FieldType::integer, "rows that are kept of a result; 10000 by default"),
  };
}

std::vector<ResultField> sql_results() {
  return {
      {"rows", FieldType::list, "the rows of the last statement that gives any, each a map by column"},
      {"row", FieldType::any, "the first row, nil without any"},
      {"value", FieldType::any, "the first column of the first row, nil without any"},
      {"row_count", FieldType::integer, "all rows, also those that were not kept"},
      {"truncated", FieldType::boolean, "whether rows were not kept"},
      {"changes", FieldType::integer, "rows inserted, updated and deleted; without those of triggers"},
      {"file", FieldType::path, "of `save`: the file"},
      {"bytes", FieldType::integer, "of `save`: its size"},
      {"sha256", FieldType::text, "of `save`: of its bytes"},
      {"intact", FieldType::boolean, "of `check`: whether nothing is wrong; false also for a missing file"},
      {"problems", FieldType::list, "of `check`: what is wrong, at most 20"},
  };
}

Result<int64_t> whole(const Value& value, std::string_view name) {
  const int64_t* n = value.find<int64_t>();
  if (n && *n >= 0) return *n;
  return fail(ErrorCode::invalid,
              "`" + std::string(name) + "` must be a whole number from 0, and is " + to_text(value));
}

Result<ChangeBounds> bounds_of(const Map& args) {
  ChangeBounds bounds;
  const Value* expected = member(args, "expect_changes");
  if (!expected || expected->is_null()) return bounds;
  const Map* range = expected->find<Map>();
  if (!range) {
    Result<int64_t> exact = whole(*expected, "expect_changes");
    if (!exact) return pass(exact.error());
    bounds.min = bounds.max = *exact;
    return bounds;
  }
  for (const auto& [name, value] : *range) {
    if (name != "min" && name != "max") {
      return fail(ErrorCode::invalid, "`expect_changes` has no `" + name + "`: write a number or {min, max}");
    }
    if (value.is_null()) continue;
    Result<int64_t> n = whole(value, "expect_changes." + name);
    if (!n) return pass(n.error());
    (name == "min" ? bounds.min : bounds.max) = *n;
  }
  return bounds;
}

bool wants_marker(const Map& args) {
  const Value* marker = member(args, "marker_row");
  const bool* wanted = marker ? marker->find<bool>() : nullptr;
  return wanted && *wanted;
}

// What the arguments ask for, whichever of the three it is.
struct Request {
  Connection connection;
  bool is_check = false;
  bool is_execute = false;
  CheckKind check = CheckKind::integrity;
  SqlText sql;
  std::string file, file_sha256;  // that the statements come from
  std::string save;
  ExecuteOptions options;
};

// The statements, from where they are; `file` stays empty where they stand in the playbook.
Result<void> read_statements(const Value& written, FilesRead& files, Request& request) {
  const Map* map = written.find<Map>();
  if (!map) {
    if (const std::string* text = written.find<std::string>()) request.sql.text = *text;
    return {};
  }
  request.file = text_of(*map, "file");
  Result<std::string> text = files.read(request.file, most_file_bytes);
  if (!text) return pass(text.error());
  request.file_sha256 = sha256_hex(*text);
  std::string bound = text_of(*map, "sha256");
  if (bound == unread_file) {
    return fail(ErrorCode::refused,
                "`" + request.file + "` could not be read when the gate showed this step: nobody has seen what it says",
                "put a gate behind the step that makes the file, or write its `sha256` beside `file`");
  }
  if (!bound.empty() && bound != request.file_sha256) {
    return fail(ErrorCode::refused,
                "`" + request.file + "` is not what it was: its SHA-256 is " + request.file_sha256 + ", and " + bound +
                    " is expected",
                "it changed after it was shown or its digest was written down; look at it again");
  }
  request.sql.text = std::move(*text);
  return {};
}

// Places in errors are those of the file, or of the playbook's own text.
Error in_place(Error error, const Request& request) {
  const std::string argument = request.is_execute ? "execute" : "query";
  if (request.file.empty()) return in_statement(std::move(error), argument);
  if (!error.message.starts_with("line ")) return error;
  error.message = "`" + request.file + "`: " + error.message;
  error.place = ArgumentPlace{argument + ".file"};
  return error;
}

const std::vector<std::pair<std::string, std::vector<std::string>>>& goes_without() {
  static const std::vector<std::pair<std::string, std::vector<std::string>>> table = {
      {"check", {"bind", "names", "expect_changes", "transaction", "marker_row", "max_rows", "save"}},
      {"query", {"expect_changes", "transaction", "marker_row"}},
      {"execute", {"save"}}};
  return table;
}

Result<Request> request_of(const StepInput& input, FilesRead& files) {
  const Map& args = input.args;
  Request request;
  if (const Value* connection = member(args, "connection")) request.connection = connection_of(*connection);
  request.connection.label = input.run + "/" + input.op.path;
  request.is_execute = member(args, "execute") != nullptr;
  request.is_check = member(args, "check") != nullptr;
  for (const auto& [verb, others] : goes_without()) {  // a script's call was not seen by the checker
    if (!member(args, verb)) continue;
    for (const std::string& other : others)
      if (member(args, other)) return fail(ErrorCode::invalid, "`" + verb + "` goes without `" + other + "`");
  }
  request.save = text_of(args, "save");
  if (!request.save.empty() && member(args, "max_rows"))
    return fail(ErrorCode::invalid, "`save` goes without `max_rows`: all rows are saved");
  if (request.is_check) request.check = text_of(args, "check") == "quick" ? CheckKind::quick : CheckKind::integrity;
  if (const Value* written = member(args, request.is_execute ? "execute" : "query")) {
    if (Result<void> read = read_statements(*written, files, request); !read) return pass(read.error());
  }
  if (const Value* bind = member(args, "bind"); bind && bind->is<Map>()) request.sql.bind = bind->get<Map>();
  if (const Value* names = member(args, "names"); names && names->is<Map>()) request.sql.names = names->get<Map>();
  if (const Value* transaction = member(args, "transaction"); transaction && transaction->is<bool>()) {
    request.options.transaction = transaction->get<bool>();
  }
  if (wants_marker(args)) request.options.marker = SqlMarker{input.run, input.op.path, input.attempt};
  Result<ChangeBounds> bounds = bounds_of(args);
  if (!bounds) return pass(bounds.error());
  request.options.expect_changes = *bounds;
  // How long a statement takes is told by the size of the data. Without a `timeout` only a stop ends it.
  request.options.limits.timeout = input.timeout;
  if (const Value* rows = member(args, "max_rows"); rows && !rows->is_null()) {
    Result<int64_t> n = whole(*rows, "max_rows");
    if (!n) return pass(n.error());
    if (*n > most_rows) return fail(ErrorCode::invalid, "`max_rows` is at most " + std::to_string(most_rows));
    request.options.limits.max_rows = *n;
  }
  return request;
}

StatementProgress progress_of(const StepInput& input) {
  return [&progress = input.progress](int64_t done, int64_t total, std::string_view unit) {
    progress.at(done, total, unit);
  };
}

StepOutput output_of(SqlResult result, const Redaction& redaction) {
  StepOutput output;
  List rows;
  for (Map& row : result.rows) rows.push_back(redaction.value(std::move(row)));
  const Map* first = rows.empty() ? nullptr : rows.front().find<Map>();
  const Value* value = first && !result.columns.empty() ? member(*first, result.columns.front()) : nullptr;
  if (result.truncated) {
    output.notes.push_back("the result has " + std::to_string(result.row_count) + " rows; the first " +
                           std::to_string(rows.size()) + " were kept");
  }
  output.fields["value"] = value ? *value : Value(Null{});
  output.fields["row"] = first ? rows.front() : Value(Null{});
  output.fields["rows"] = std::move(rows);
  output.fields["row_count"] = result.row_count;
  output.fields["truncated"] = result.truncated;
  output.fields["changes"] = result.changes;
  return output;
}

Result<StepOutput> look(const StepInput& input, Look& world) {
  Result<Request> request = request_of(input, world.files);
  if (!request) return pass(request.error());
  if (!request->save.empty()) return fail(ErrorCode::invalid, "`save` writes a file and cannot be used in a read");
  if (request->is_execute) return fail(ErrorCode::invalid, "`execute` writes and cannot be used as a read");
  Redaction redaction(input.args, input.opened);
  if (!request->is_check) {
    const StatementProgress progress = progress_of(input);
    request->options.limits.progress = &progress;
    Result<SqlResult> result = world.sql.query(request->connection, request->sql, request->options.limits, input.stop);
    if (!result) return pass(redaction.error(in_place(result.error(), *request)));
    return output_of(std::move(*result), redaction);
  }
  Result<CheckResult> result =
      world.sql.check(request->connection, request->check, request->options.limits, input.stop);
  if (!result) return pass(result.error());
  StepOutput output;
  output.fields["intact"] = result->intact;
  output.fields["problems"] = redaction.value(List(result->problems.begin(), result->problems.end()));
  return output;
}

Result<StepOutput> save_rows(const StepInput& input, Touch& touch, const Request& request) {
  Redaction redaction(input.args, input.opened);
  RowsToSave wanted{request.connection, request.sql, request.options.limits, request.save};
  Result<SavedRows> saved = save_rows_to_file(wanted, input, touch, redaction);
  if (!saved) return pass(redaction.error(in_place(saved.error(), request)));
  StepOutput output;
  output.fields = {{"rows", List{}},
                   {"row", redaction.value(saved->first)},
                   {"value", redaction.value(saved->value)},
                   {"row_count", saved->rows},
                   {"truncated", false},
                   {"changes", 0},
                   {"file", request.save},
                   {"bytes", saved->bytes},
                   {"sha256", saved->sha256}};
  return output;
}

Result<StepOutput> act(const StepInput& input, Touch& touch) {
  Result<Request> request = request_of(input, touch.look.files);
  if (!request) return pass(request.error());
  if (!request->save.empty()) return save_rows(input, touch, *request);
  if (!request->is_execute) return look(input, touch.look);
  const StatementProgress progress = progress_of(input);
  request->options.limits.progress = &progress;
  Result<SqlResult> result = touch.sql.execute(request->connection, request->sql, request->options, input.stop);
  Redaction redaction(input.args, input.opened);
  if (!result) return pass(redaction.error(in_place(result.error(), *request)));
  return output_of(std::move(*result), redaction);
}

// After a crash: the marker was committed with the statements, or neither was.
Result<Settled> probe(const StepInput& input, Look& world) {
  Settled settled;
  if (member(input.args, "save")) {
    // Only a whole file gets the name, and the same rows give the same file.
    settled.answer = Settled::Answer::did_not_happen;
    return settled;
  }
  Result<Request> request = request_of(input, world.files);
  if (!request) return pass(request.error());
  if (!request->options.marker) return settled;
  Result<bool> found =
      world.sql.has_marker(request->connection, *request->options.marker, request->options.limits, input.stop);
  if (!found) return pass(found.error());
  settled.answer = *found ? Settled::Answer::happened : Settled::Answer::did_not_happen;
  return settled;
}

std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    size_t end = std::min(text.find('\n'), text.size());
    if (end > 0) lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

List redacted(std::vector<Map> rows, const Redaction& redaction) {
  List out;
  for (Map& row : rows) out.push_back(redaction.value(std::move(row)));
  return out;
}

Result<void> add_trial(const StepInput& input, const Request& request, Trial& trial, Preview& preview) {
  Redaction redaction(input.args, input.opened);
  Result<TrialResult> tried =
      trial.sql.attempt(request.connection, request.sql, sampled_rows, request.options.limits, input.stop);
  if (!tried && tried.error().code == ErrorCode::interrupted) return pass(tried.error());
  // Outside of a transaction it may well succeed.
  if (!tried && tried.error().code == ErrorCode::failed && request.options.transaction) {
    preview.fails = redaction.text(tried.error().message);
    return {};
  }
  if (!tried) {
    preview.unknown = "it could not be tried: " + redaction.text(tried.error().message);
    return {};
  }
  int64_t changes = tried->result.changes;
  preview.lines.push_back("would change " + std::to_string(changes) + (changes == 1 ? " row" : " rows"));
  if (std::optional<std::string> why = outside_of(request.options.expect_changes, changes)) {
    preview.lines.push_back("would be rolled back, because `expect_changes` does not hold");
    preview.fails = *why + "; the transaction is rolled back";
  }
  preview.facts["changes"] = changes;
  if (!tried->sample_before.empty()) preview.facts["before"] = redacted(std::move(tried->sample_before), redaction);
  if (!tried->sample_after.empty()) preview.facts["after"] = redacted(std::move(tried->sample_after), redaction);
  return {};
}

// Of statements in a file that cannot be read yet: what is shown, and that nothing else is shown, binds the step.
std::optional<Preview> preview_of_unread(const StepInput& input, FilesRead& files) {
  for (const char* verb : {"query", "execute"}) {
    const Value* written = member(input.args, verb);
    const Map* map = written ? written->find<Map>() : nullptr;
    if (!map) continue;
    const std::string file = text_of(*map, "file"), sha256 = text_of(*map, "sha256");
    Result<std::string> text = files.read(file, most_file_bytes);
    if (text || text.error().code == ErrorCode::interrupted) continue;
    Preview preview;
    preview.lines = {"the statements in `" + file + "`, which nobody has seen: it cannot be read now"};
    if (sha256.empty() || sha256 == unread_file) {
      preview.lines.emplace_back("refused, should it be there when the step begins");
      preview.pinned[verb] = Map{{"file", file}, {"sha256", std::string(unread_file)}};
    } else {
      preview.lines.push_back("refused, unless its SHA-256 is " + sha256);
    }
    preview.fails = text.error().message;
    return preview;
  }
  return std::nullopt;
}

Result<Preview> preview(const StepInput& input, Look& world, Trial& trial) {
  Preview preview;
  for (const auto& [name, value] : input.args) {
    if (const Unknown* unknown = find_unknown(value)) preview.unknown = unknown->why;
  }
  bool is_known = !preview.unknown;
  Result<Request> request = request_of(input, world.files);
  if (!request && !is_known) return preview;
  if (!request) {
    if (std::optional<Preview> unread = preview_of_unread(input, world.files)) return std::move(*unread);
    return pass(request.error());
  }
  if (request->is_check) {
    std::string database = text_of(request->connection.settings, "path");
    if (database.empty()) database = request->connection.name;  // a server's URL may hold a password
    preview.lines.push_back(std::string(request->check == CheckKind::quick ? "quick" : "integrity") + " check of `" +
                            database + "`");
    return preview;
  }
  Result<FilledSql> filled = fill_names(request->sql);
  if (!filled && is_known) return pass(filled.error());
  preview.lines = lines_of(filled ? filled->text : request->sql.text);
  for (const auto& [name, value] : request->sql.bind) {
    preview.lines.push_back(":" + name + " = " + (value.is_null() ? std::string("NULL") : print_json(value)));
  }
  if (!request->file.empty() && is_known) {
    preview.lines.push_back("from `" + request->file + "`, SHA-256 " + request->file_sha256);
    // What was shown is what runs: another text under that name is refused.
    preview.pinned[request->is_execute ? "execute" : "query"] =
        Map{{"file", request->file}, {"sha256", request->file_sha256}};
  }
  if (!request->save.empty()) preview.lines.push_back("and save all rows as `" + request->save + "`");
  if (!request->is_execute || !is_known) return preview;
  if (!request->options.transaction)
    preview.lines.push_back("each statement by itself, without a transaction around them");
  if (request->options.marker) preview.lines.push_back("and a row into `muster_marker`, in the same transaction");
  if (Result<void> tried = add_trial(input, *request, trial, preview); !tried) return pass(tried.error());
  return preview;
}

}  // namespace

Action sql_action() {
  Action action;
  action.name = "sql";
  action.summary = "query, change or check a database";
  action.fields = sql_fields();
  action.one_of = {{"query", "execute", "check"}};
  action.goes_without = goes_without();
  action.results = sql_results();
  action.effect = [](const Map& args) {
    return member(args, "execute") || member(args, "save") ? Effect::write : Effect::read;
  };
  action.look = look;
  action.act = act;
  action.preview = preview;
  action.probe = probe;
  return action;
}

}  // namespace muster
