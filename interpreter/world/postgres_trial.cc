#include "interpreter/world/postgres_trial.h"

#include <algorithm>
#include <array>

#include "interpreter/base/json.h"
#include "interpreter/world/postgres_connection.h"

namespace muster {

namespace {

using Kind = SqlToken::Kind;
using Tokens = std::vector<SqlToken>;

// What a statement changes, as it names it: its table, and by which name it calls the table's rows.
struct Target {
  std::string verb;   // insert, update, delete
  std::string table;  // as written: `shop."orders"`
  std::string rows;   // its alias, or the table
};

bool is_word(const Tokens& tokens, size_t at, std::string_view word) {
  return at < tokens.size() && tokens[at].kind == Kind::word && tokens[at].name == word;
}

bool is_sign(const Tokens& tokens, size_t at, std::string_view text, char sign) {
  return at < tokens.size() && tokens[at].kind == Kind::sign && text[tokens[at].begin] == sign;
}

// Nothing: a statement of another kind, one that returns rows of its own, or a way of writing it that is not known
// here.
std::optional<Target> target_of(const Tokens& tokens, std::string_view text) {
  size_t at = 0;
  Target target;
  if (is_word(tokens, 0, "update")) at = 1;
  if ((is_word(tokens, 0, "delete") && is_word(tokens, 1, "from")) ||
      (is_word(tokens, 0, "insert") && is_word(tokens, 1, "into")))
    at = 2;
  if (at == 0) return std::nullopt;
  target.verb = tokens[0].name;
  for (size_t i = at; i < tokens.size(); ++i)
    if (is_word(tokens, i, "returning")) return std::nullopt;
  if (is_word(tokens, at, "only")) ++at;
  const size_t first = at;
  auto is_name = [&](size_t i) {
    return i < tokens.size() && (tokens[i].kind == Kind::word || tokens[i].kind == Kind::identifier);
  };
  if (!is_name(at)) return std::nullopt;
  ++at;
  for (; is_sign(tokens, at, text, '.') && is_name(at + 1); at += 2) {
  }
  target.table = text.substr(tokens[first].begin, tokens[at - 1].end - tokens[first].begin);
  target.rows = target.table;
  if (is_sign(tokens, at, text, '*')) ++at;
  const bool is_said = is_word(tokens, at, "as");
  if (is_said) ++at;
  constexpr std::array<std::string_view, 8> next = {"set",     "using",      "where",  "values",
                                                    "default", "overriding", "select", "with"};
  const bool is_alias =
      is_name(at) && (tokens[at].kind == Kind::identifier || is_said ||
                      (target.verb != "insert" && std::ranges::find(next, tokens[at].name) == next.end()));
  if (is_alias) target.rows = text.substr(tokens[at].begin, tokens[at].end - tokens[at].begin);
  return target;
}

Result<SqlResult> begin_part(PostgresConnection& open) { return open.run_own("SAVEPOINT muster_trial"); }

// Takes back what a statement of ours did, or that it failed.
Result<SqlResult> take_back(PostgresConnection& open) { return open.run_own("ROLLBACK TO SAVEPOINT muster_trial"); }

NumberedStatement in_other_words(const NumberedStatement& statement, std::string text) {
  NumberedStatement other = statement;
  other.text = std::move(text);
  return other;
}

// What a transaction does not give back. Asked of the server's own plan, which names the sequences of columns, too.
Result<void> check_sequences(PostgresConnection& open, const NumberedStatement& statement, const SqlText& sql) {
  if (statement.tokens.empty() || is_word(statement.tokens, 0, "create")) return {};
  if (Result<SqlResult> begun = begin_part(open); !begun) return pass(begun.error());
  Result<SqlResult> plan =
      open.run({in_other_words(statement, "EXPLAIN (VERBOSE, COSTS OFF) " + statement.text)}, sql, SqlLimits{});
  if (Result<SqlResult> back = take_back(open); !back) return pass(back.error());
  if (!plan) return {};  // what is wrong with it is told by the trial
  for (const Map& row : plan->rows) {
    const std::string* line = row.begin()->second.find<std::string>();
    const size_t at = line ? line->find("nextval('") : std::string::npos;
    if (at == std::string::npos) continue;
    std::string name = line->substr(at + 9);
    name.resize(std::min(name.find('\''), name.size()));
    return fail(ErrorCode::refused, "it draws numbers from the sequence `" + name + "`, which no rollback gives back");
  }
  return {};
}

// The columns by which the table's rows are found again; none where they cannot be.
Result<std::vector<std::string>> keys_of(PostgresConnection& open, const std::string& table) {
  Result<SqlResult> found = open.run_own(
      "SELECT quote_ident(a.attname) AS name FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid AND "
      "a.attnum = ANY (i.indkey) WHERE i.indrelid = to_regclass($1) AND i.indisprimary",
      {table});
  if (!found) return pass(found.error());
  std::vector<std::string> keys;
  for (const Map& row : found->rows) keys.push_back(text_of(row, "name"));
  return keys;
}

void add_row(const Map& row, const std::string& column, int cap, std::vector<Map>& sample) {
  const Value* cell = member(row, column);
  const std::string* json = cell ? cell->find<std::string>() : nullptr;
  if (!json || static_cast<int>(sample.size()) >= cap) return;
  Result<Value> read = parse_json(*json);
  if (read && read->find<Map>()) sample.push_back(read->get<Map>());
}

// The statement as a part of a query. All parts of a query see the rows as they were before it, so a join shows both.
// Nothing: the server does not take it in this form, and it is tried as it stands.
Result<bool> try_with_sample(PostgresConnection& open, const NumberedStatement& statement, const SqlText& sql, int cap,
                             TrialResult& result) {
  Result<Tokens> tokens = tokens_of(statement.text, SqlDialect::postgres);
  if (!tokens) return false;
  std::erase_if(*tokens, [](const SqlToken& token) { return token.kind == Kind::space; });
  std::optional<Target> target = target_of(*tokens, statement.text);
  if (!target || cap <= 0) return false;
  Result<std::vector<std::string>> keys = keys_of(open, target->table);
  if (!keys) return pass(keys.error());
  std::string same_row;
  for (const std::string& key : *keys) same_row += (same_row.empty() ? "" : " AND ") + ("b." + key + " = a." + key);
  const bool finds_before = target->verb == "update" && !same_row.empty();
  std::string text = "WITH muster_tried AS (\n" + statement.text + "\nRETURNING " + target->rows +
                     ".*) SELECT (SELECT count(*) FROM muster_tried) AS changes, to_jsonb(a)::text AS after, ";
  text += finds_before ? "to_jsonb(b)::text AS before" : "NULL AS before";
  text += " FROM (SELECT * FROM muster_tried LIMIT " + std::to_string(cap) + ") AS a";
  if (finds_before) text += " LEFT JOIN " + target->table + " AS b ON " + same_row;
  if (Result<SqlResult> begun = begin_part(open); !begun) return pass(begun.error());
  Result<SqlResult> tried = open.run({in_other_words(statement, std::move(text))}, sql, SqlLimits{});
  if (!tried) {
    const ErrorCode code = tried.error().code;
    if (code != ErrorCode::failed && code != ErrorCode::refused) return pass(tried.error());
    if (Result<SqlResult> back = take_back(open); !back) return pass(back.error());
    return false;
  }
  if (!tried->rows.empty())
    if (const int64_t* changes = tried->rows.front().at("changes").find<int64_t>()) result.result.changes += *changes;
  for (const Map& row : tried->rows) {
    add_row(row, "before", cap, result.sample_before);
    add_row(row, "after", cap, target->verb == "delete" ? result.sample_before : result.sample_after);
  }
  return true;
}

Result<void> check_user(PostgresConnection& open) {
  Result<SqlResult> role =
      open.run_own("SELECT rolsuper AS super, rolname AS name FROM pg_roles WHERE rolname = current_user");
  if (!role) return pass(role.error());
  if (!role->rows.empty() && !same(role->rows.front().at("super"), true)) return {};
  return fail(ErrorCode::refused, "the connection's user is a superuser, whose statements reach beyond a transaction",
              "connect as a user with the rights on these tables only");
}

Result<void> check_functions(PostgresConnection& open, const std::vector<NumberedStatement>& statements,
                             const SqlText& sql) {
  std::string called;
  for (const NumberedStatement& statement : statements)
    for (const std::string& name : called_in(statement.tokens, sql.text)) called += (called.empty() ? "" : "\n") + name;
  Result<SqlResult> reaching = open.run_own(
      "SELECT p.proname::text AS name FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace "
      "WHERE p.provolatile = 'v' AND n.nspname <> 'pg_catalog' AND p.proname = ANY (string_to_array($1, E'\\n')) LIMIT "
      "1",
      {called});
  if (!reaching) return pass(reaching.error());
  if (reaching->rows.empty()) return {};
  return fail(ErrorCode::refused, "what `" + text_of(reaching->rows.front(), "name") +
                                      "()` does cannot be known: it is not declared STABLE");
}

}  // namespace

Result<TrialResult> PostgresTrial::attempt(const Connection& connection, const SqlText& sql, int cap,
                                           const SqlLimits& limits, std::stop_token stop) {
  Result<std::vector<NumberedStatement>> statements = numbered_statements(sql);
  if (!statements) return pass(statements.error());
  Result<PostgresConnection> open = PostgresConnection::open(connection, PostgresFence::trial, limits, std::move(stop));
  if (!open) return pass(open.error());
  if (Result<void> allowed = check_user(*open); !allowed) return pass(allowed.error());
  if (Result<void> allowed = check_functions(*open, *statements, sql); !allowed) return pass(allowed.error());
  if (Result<SqlResult> begun = open->run_own("BEGIN TRANSACTION READ WRITE"); !begun) return pass(begun.error());
  TrialResult result;
  for (const NumberedStatement& statement : *statements) {
    if (Result<void> kept = check_sequences(*open, statement, sql); !kept) return pass(kept.error());
    Result<bool> sampled = try_with_sample(*open, statement, sql, cap, result);
    if (!sampled) return pass(sampled.error());
    if (*sampled) continue;
    Result<SqlResult> done = open->run({statement}, sql, limits);
    if (!done) return pass(done.error());
    result.result.changes += done->changes;
  }
  open->roll_back();
  return result;
}

}  // namespace muster
