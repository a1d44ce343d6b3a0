// A PostgreSQL server as restores and backups see it: databases by name and number, who is connected to them, and
// their tables with the rows in them.
//
// Databases are made, renamed and removed from the server's database `postgres`, because nobody may be connected to one
// that gets another name. A database keeps its number (oid) under every name: it tells after a crash which is which.
// Errors: those of the port `Sql`; `refused` where the connection's user may not make databases; `target_in_use`.
// Source: docs/actions/restore.md, "Dumps of PostgreSQL".
#pragma once

#include <optional>
#include <stop_token>
#include <string>

#include "interpreter/base/result.h"
#include "interpreter/world/sql.h"

namespace muster {

struct ServerDatabase {
  int64_t oid = 0;
  std::string name, owner, encoding, collate, ctype, provider, locale;
  int64_t bytes = 0;
};

class PostgresPlace {
 public:
  // `sql` may be a SqlRead where nothing is changed.
  PostgresPlace(SqlRead& reading, Sql* writing, Connection target)
      : reading_(reading), writing_(writing), target_(std::move(target)) {}

  // The name of the target's database, as the URL says it.
  [[nodiscard]] Result<std::string> name(Sql& sql, std::stop_token stop);
  [[nodiscard]] Connection at(const std::string& database) const;

  [[nodiscard]] Result<std::optional<ServerDatabase>> find(const std::string& name, std::stop_token stop);
  [[nodiscard]] Result<std::optional<std::string>> name_of(int64_t oid, std::stop_token stop);
  // That the connection's user may make databases and rename this one.
  [[nodiscard]] Result<void> check_rights(const std::optional<ServerDatabase>& database, std::stop_token stop);
  // `target_in_use`, with who is connected.
  [[nodiscard]] Result<void> check_free(const std::string& name, std::stop_token stop);

  // An empty database like `model`, with its settings and rights; one of that name is removed before. Its number.
  [[nodiscard]] Result<int64_t> make(const std::string& name, const std::optional<ServerDatabase>& model,
                                     std::vector<std::string>& notes, std::stop_token stop);
  [[nodiscard]] Result<void> drop(const std::string& name, std::stop_token stop);
  // All of them in one transaction, in their order.
  [[nodiscard]] Result<void> rename(const std::vector<std::pair<std::string, std::string>>& names,
                                    std::stop_token stop);

 private:
  [[nodiscard]] Result<std::vector<Map>> ask(const std::string& text, const Map& bind, std::stop_token stop);
  [[nodiscard]] Result<void> change(const std::string& text, const Map& bind, const Map& names, bool in_transaction,
                                    std::stop_token stop);
  [[nodiscard]] Result<void> copy_settings(const std::string& name, int64_t model, std::vector<std::string>& notes,
                                           std::stop_token stop);

  SqlRead& reading_;
  Sql* writing_;
  Connection target_;
};

// Rows by table, in the state that the session sees; tables that belong to extensions are left out.
[[nodiscard]] Result<Map> count_tables(SqlSession& session, std::stop_token stop);
[[nodiscard]] Result<Map> count_tables(SqlRead& sql, const Connection& connection, std::stop_token stop);

}  // namespace muster
