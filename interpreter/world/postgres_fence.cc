#include "interpreter/world/postgres_fence.h"

#include <algorithm>
#include <array>

namespace muster {

namespace {

using Kind = SqlToken::Kind;
using Words = std::vector<std::string>;

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return out;
}

template <size_t N>
bool holds(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

// Functions that reach beyond the transaction: a rollback does not take back what they did, or a READ ONLY transaction
// does not stop them.
constexpr std::array<std::string_view, 34> reaching = {"pg_switch_wal",
                                                       "pg_create_restore_point",
                                                       "pg_reload_conf",
                                                       "pg_rotate_logfile",
                                                       "pg_rotate_logfile_v2",
                                                       "pg_terminate_backend",
                                                       "pg_cancel_backend",
                                                       "pg_promote",
                                                       "pg_wal_replay_pause",
                                                       "pg_wal_replay_resume",
                                                       "pg_backup_start",
                                                       "pg_backup_stop",
                                                       "pg_start_backup",
                                                       "pg_stop_backup",
                                                       "pg_notify",
                                                       "pg_logical_emit_message",
                                                       "pg_logical_slot_get_changes",
                                                       "pg_logical_slot_get_binary_changes",
                                                       "pg_drop_replication_slot",
                                                       "pg_replication_slot_advance",
                                                       "pg_create_physical_replication_slot",
                                                       "pg_create_logical_replication_slot",
                                                       "pg_copy_physical_replication_slot",
                                                       "pg_copy_logical_replication_slot",
                                                       "pg_read_file",
                                                       "pg_read_binary_file",
                                                       "pg_ls_dir",
                                                       "pg_import_system_collations",
                                                       "set_config",
                                                       "setval",
                                                       "query_to_xml",
                                                       "query_to_xmlschema",
                                                       "query_to_xml_and_xmlschema",
                                                       "lowrite"};
constexpr std::array<std::string_view, 6> reaching_families = {"lo_",      "loread",        "dblink",
                                                               "pg_file_", "pg_stat_reset", "pg_replication_origin_"};
// Reads that are for superusers and read files of the server stay refused only where a playbook may not write.
constexpr std::array<std::string_view, 7> reads = {"select", "with", "values", "table", "show", "explain", "("};
constexpr std::array<std::string_view, 5> trials = {"select", "insert", "update", "delete", "merge"};

bool reaches_beyond(std::string_view name) {
  if (holds(reaching, name)) return true;
  return std::ranges::any_of(reaching_families, [&](std::string_view family) { return name.starts_with(family); });
}

// The first words of a statement.
Words words_of(const std::vector<SqlToken>& tokens, size_t most) {
  Words words;
  for (const SqlToken& token : tokens) {
    if (token.kind != Kind::word || words.size() == most) break;
    words.push_back(token.name);
  }
  words.resize(most);
  return words;
}

bool has_word(const std::vector<SqlToken>& tokens, std::string_view word) {
  return std::ranges::any_of(tokens,
                             [&](const SqlToken& token) { return token.kind == Kind::word && token.name == word; });
}

// BEGIN, COMMIT and their like, in a transaction that is ours. Savepoints are the author's.
std::optional<std::string> ends_transaction(const Words& first) {
  const std::string &one = first[0], &two = first[1], &three = first[2];
  if (one == "rollback" && (two == "to" || three == "to")) return std::nullopt;
  if (one == "begin" || one == "commit" || one == "end" || one == "rollback" || one == "abort") return upper(one);
  if (one == "start" && two == "transaction") return "START TRANSACTION";
  if (one == "prepare" && two == "transaction") return "PREPARE TRANSACTION";
  if (one == "set" && (two == "transaction" || (two == "session" && three == "characteristics")))
    return two == "transaction" ? "SET TRANSACTION" : "SET SESSION CHARACTERISTICS";
  if (one == "set" && three.starts_with("transaction_")) return "SET " + three;
  if ((one == "set" || one == "reset") && two.starts_with("transaction_")) return upper(one) + " " + two;
  return std::nullopt;
}

}  // namespace

std::vector<std::string> called_in(const std::vector<SqlToken>& tokens, std::string_view text) {
  std::vector<std::string> names;
  for (size_t i = 0; i + 1 < tokens.size(); ++i) {
    bool is_name = tokens[i].kind == Kind::word || tokens[i].kind == Kind::identifier;
    if (is_name && tokens[i + 1].kind == Kind::sign && text[tokens[i + 1].begin] == '(')
      names.push_back(tokens[i].name);
  }
  return names;
}

std::optional<std::string> outside_transactions(const std::vector<SqlToken>& tokens) {
  Words first = words_of(tokens, 3);
  bool creates = first[0] == "create" || first[0] == "drop" || first[0] == "reindex";
  if (creates && has_word(tokens, "concurrently")) return upper(first[0]) + " " + upper(first[1]) + " CONCURRENTLY";
  if (first[0] == "vacuum") return "VACUUM";
  if (first[0] == "alter" && first[1] == "system") return "ALTER SYSTEM";
  if ((first[0] == "create" || first[0] == "drop") && (first[1] == "database" || first[1] == "tablespace"))
    return upper(first[0]) + " " + upper(first[1]);
  return std::nullopt;
}

std::optional<std::string> refused_by(PostgresFence fence, const std::vector<SqlToken>& tokens) {
  if (tokens.empty()) return std::nullopt;
  Words first = words_of(tokens, 3);
  std::string begins = tokens.front().kind == Kind::word ? tokens.front().name : "(";
  if (begins == "copy") return "COPY";
  if (fence != PostgresFence::statements) {
    if (std::optional<std::string> ending = ends_transaction(first)) return ending;
  }
  if (fence == PostgresFence::query && !holds(reads, begins)) return upper(begins);
  if (fence == PostgresFence::trial) {
    bool is_temporary = begins == "create" && (first[1] == "temp" || first[1] == "temporary") && first[2] == "table";
    bool is_with = begins == "with";  // its parts are statements of the same kinds
    if (!holds(trials, begins) && !is_temporary && !is_with) return upper(begins);
  }
  if (fence == PostgresFence::query || fence == PostgresFence::trial) {
    for (size_t i = 0; i < tokens.size(); ++i) {
      bool is_name = tokens[i].kind == Kind::word || tokens[i].kind == Kind::identifier;
      if (is_name && reaches_beyond(tokens[i].name)) return tokens[i].name + "()";
      // Identifiers with escapes would be read otherwise by us than by the server.
      bool has_escapes = tokens[i].kind == Kind::word && tokens[i].name == "u" && i + 2 < tokens.size() &&
                         tokens[i + 2].kind == Kind::identifier && tokens[i].end + 1 == tokens[i + 2].begin;
      if (has_escapes) return "U&\"..\"";
    }
  }
  return std::nullopt;
}

}  // namespace muster
