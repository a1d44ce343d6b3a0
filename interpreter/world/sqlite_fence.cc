#include "interpreter/world/sqlite_fence.h"

#include <sqlite3.h>

#include <algorithm>
#include <array>
#include <string_view>

namespace muster {

namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

// They read, with an argument or without.
constexpr std::array<std::string_view, 14> reading_pragmas = {
    "collation_list", "compile_options", "database_list", "foreign_key_check", "foreign_key_list",
    "function_list",  "index_info",      "index_list",    "index_xinfo",       "integrity_check",
    "module_list",    "quick_check",     "table_info",    "table_list",
};
// They read without an argument and set something with one.
constexpr std::array<std::string_view, 16> asking_pragmas = {
    "application_id", "auto_vacuum",    "busy_timeout", "cache_size",         "data_version", "encoding",
    "foreign_keys",   "freelist_count", "journal_mode", "max_page_count",     "page_count",   "page_size",
    "schema_version", "synchronous",    "user_version", "wal_autocheckpoint",
};
// What a playbook may set in a database of its own.
constexpr std::array<std::string_view, 14> setting_pragmas = {
    "application_id",     "auto_vacuum",    "cache_size", "case_sensitive_like", "defer_foreign_keys", "foreign_keys",
    "incremental_vacuum", "journal_mode",   "optimize",   "page_size",           "recursive_triggers", "secure_delete",
    "user_version",       "wal_checkpoint",
};

template <size_t N>
bool holds(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::ranges::find(names, name) != names.end();
}

bool may_use_pragma(SqlFence fence, std::string_view name, bool has_value) {
  if (holds(reading_pragmas, name) || name == "table_xinfo") return true;
  if (!has_value && holds(asking_pragmas, name)) return true;
  return (fence == SqlFence::transaction || fence == SqlFence::statements) && holds(setting_pragmas, name);
}

}  // namespace

std::optional<std::string> refused_by(SqlFence fence, int action, const char* first, const char* second) {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE:
      return std::nullopt;
    case SQLITE_INSERT:
    case SQLITE_UPDATE:
    case SQLITE_DELETE:
      // Also prepared by R-Tree tables that are only read. A query that would carry one out is refused by its
      // statement, by `query_only` and by the way the file was opened.
      return std::nullopt;
    case SQLITE_ATTACH:
      // A plain VACUUM attaches a nameless file; VACUUM INTO attaches the file it would write.
      if (fence == SqlFence::statements && first && *first == '\0') return std::nullopt;
      return "ATTACH or VACUUM INTO";
    case SQLITE_DETACH:
      return "DETACH";
    case SQLITE_FUNCTION: {
      std::string name = lower(second ? second : "");
      if (name == "load_extension" || name == "fts3_tokenizer") return name + "()";
      return std::nullopt;
    }
    case SQLITE_PRAGMA: {
      std::string name = lower(first ? first : "");
      if (may_use_pragma(fence, name, second != nullptr)) return std::nullopt;
      return "PRAGMA " + name;
    }
    case SQLITE_TRANSACTION:
      if (fence == SqlFence::statements) return std::nullopt;
      return std::string(first ? first : "COMMIT");
    case SQLITE_SAVEPOINT:
      if (fence == SqlFence::statements || fence == SqlFence::transaction) return std::nullopt;
      return "SAVEPOINT";
    default:
      if (fence == SqlFence::query) return "a statement that changes the schema";
      return std::nullopt;
  }
}

}  // namespace muster
