#include "steps/postgres/server.h"

#include "interpreter/world/postgres_dump.h"

namespace muster {

namespace {

constexpr const char* maintenance = "postgres";
constexpr SqlLimits unhurried{Duration{0}, 100'000, 64 << 20};

constexpr const char* databases =
    "SELECT d.oid::bigint AS oid, d.datname::text AS name, pg_get_userbyid(d.datdba)::text AS owner, "
    "pg_encoding_to_char(d.encoding)::text AS encoding, d.datcollate::text AS collate, d.datctype::text AS ctype, "
    "coalesce(to_jsonb(d)->>'datlocprovider', 'c') AS provider, "
    "coalesce(to_jsonb(d)->>'datlocale', to_jsonb(d)->>'daticulocale', '') AS locale, "
    "CASE WHEN has_database_privilege(d.oid, 'CONNECT') THEN pg_database_size(d.oid) ELSE 0 END AS bytes "
    "FROM pg_database d ";

int64_t integer_in(const Map& map, std::string_view name) {
  const Value* value = member(map, name);
  return value && value->is<int64_t>() ? value->get<int64_t>() : 0;
}

bool is_set(const Map& map, std::string_view name) {
  return same(map.contains(std::string(name)) ? map.at(std::string(name)) : Value(Null{}), true);
}

// What stands between quotes in CREATE DATABASE: names of locales and encodings.
bool is_plain(std::string_view text) {
  for (char c : text) {
    bool is_fine = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
                   c == '-' || c == '@' || c == '=' || c == ';';
    if (!is_fine) return false;
  }
  return true;
}

}  // namespace

Connection PostgresPlace::at(const std::string& database) const {
  Connection connection = target_;
  connection.settings["database"] = database;
  return connection;
}

Result<std::string> PostgresPlace::name(Sql& sql, std::stop_token stop) {
  Result<std::vector<std::pair<std::string, Value>>> variables = sql.client_environment(target_);
  if (!variables) return pass(variables.error());
  for (const auto& [name, value] : *variables)
    if (name == "PGDATABASE" && value.is<std::string>()) return value.get<std::string>();
  Result<SqlResult> asked =
      sql.query(target_, SqlText{"SELECT current_database()::text AS name", {}, {}}, unhurried, stop);
  if (!asked) return pass(asked.error());
  return text_of(asked->rows.front(), "name");
}

Result<std::vector<Map>> PostgresPlace::ask(const std::string& text, const Map& bind, std::stop_token stop) {
  Result<SqlResult> result = reading_.query(at(maintenance), SqlText{text, bind, {}}, unhurried, std::move(stop));
  if (!result) return pass(result.error());
  return std::move(result->rows);
}

Result<void> PostgresPlace::change(const std::string& text, const Map& bind, const Map& names, bool in_transaction,
                                   std::stop_token stop) {
  ExecuteOptions options;
  options.transaction = in_transaction;
  options.limits = unhurried;
  Result<SqlResult> done = writing_->execute(at(maintenance), SqlText{text, bind, names}, options, std::move(stop));
  if (!done) return pass(done.error());
  return {};
}

Result<std::optional<ServerDatabase>> PostgresPlace::find(const std::string& name, std::stop_token stop) {
  Result<std::vector<Map>> rows = ask(std::string(databases) + "WHERE d.datname = :name::text", {{"name", name}}, stop);
  if (!rows) return pass(rows.error());
  if (rows->empty()) return std::optional<ServerDatabase>();
  const Map& row = rows->front();
  return std::optional<ServerDatabase>({integer_in(row, "oid"), text_of(row, "name"), text_of(row, "owner"),
                                        text_of(row, "encoding"), text_of(row, "collate"), text_of(row, "ctype"),
                                        text_of(row, "provider"), text_of(row, "locale"), integer_in(row, "bytes")});
}

Result<std::optional<std::string>> PostgresPlace::name_of(int64_t oid, std::stop_token stop) {
  Result<std::vector<Map>> rows =
      ask("SELECT datname::text AS name FROM pg_database WHERE oid::bigint = :oid::bigint", {{"oid", oid}}, stop);
  if (!rows) return pass(rows.error());
  if (rows->empty()) return std::optional<std::string>();
  return std::optional<std::string>(text_of(rows->front(), "name"));
}

Result<void> PostgresPlace::check_rights(const std::optional<ServerDatabase>& database, std::stop_token stop) {
  Result<std::vector<Map>> rows =
      ask("SELECT rolname::text AS name, rolsuper OR rolcreatedb AS may_create, "
          "rolsuper OR pg_has_role(coalesce(:owner::text, current_user::text)::name, 'MEMBER') AS is_owner FROM "
          "pg_roles WHERE rolname = current_user",
          {{"owner", database ? Value(database->owner) : Value(Null{})}}, stop);
  if (!rows) return pass(rows.error());
  if (rows->empty()) return fail(ErrorCode::refused, "the server does not tell who the connection's user is");
  std::string user = text_of(rows->front(), "name");
  if (!is_set(rows->front(), "may_create")) {
    return fail(ErrorCode::refused,
                "the user `" + user + "` may not make databases, and the backup is loaded into a new one first",
                "as a superuser: ALTER ROLE \"" + user + "\" CREATEDB");
  }
  if (database && !is_set(rows->front(), "is_owner")) {
    return fail(ErrorCode::refused,
                "the database `" + database->name + "` belongs to `" + database->owner + "`, and the user `" + user +
                    "` may not rename it",
                "connect as its owner");
  }
  return {};
}

Result<void> PostgresPlace::check_free(const std::string& name, std::stop_token stop) {
  Result<std::vector<Map>> rows = ask(
      "SELECT pid::bigint AS pid, coalesce(usename::text, '') AS user_name, coalesce(application_name, '') AS program "
      "FROM pg_stat_activity WHERE datname = :name::text AND pid <> pg_backend_pid() AND "
      "coalesce(backend_type, '') NOT LIKE 'autovacuum%' ORDER BY pid",
      {{"name", name}}, stop);
  if (!rows) return pass(rows.error());
  if (rows->empty()) return {};
  std::string who;
  for (const Map& row : *rows) {
    if (who.size() > 200) {
      who += ", ..";
      break;
    }
    std::string program = text_of(row, "program");
    who += (who.empty() ? "" : ", ") + text_of(row, "user_name") + (program.empty() ? "" : " (" + program + ")") +
           " as process " + std::to_string(integer_in(row, "pid"));
  }
  return fail(ErrorCode::target_in_use, "the database `" + name + "` is in use: " + who,
              "stop what is connected to it in a step before this one");
}

Result<void> PostgresPlace::copy_settings(const std::string& name, int64_t model, std::vector<std::string>& notes,
                                          std::stop_token stop) {
  Result<std::vector<Map>> settings =
      ask("SELECT s.setrole::bigint AS role, unnest(s.setconfig) AS setting FROM pg_db_role_setting s "
          "WHERE s.setdatabase::bigint = :oid::bigint",
          {{"oid", model}}, stop);
  if (!settings) return pass(settings.error());
  for (const Map& row : *settings) {
    std::string setting = text_of(row, "setting");
    size_t equals = setting.find('=');
    if (equals == std::string::npos) continue;
    std::string variable = setting.substr(0, equals);
    if (integer_in(row, "role") != 0) {
      notes.push_back("`" + variable + "`, which a role has in the old database only, was not carried over");
      continue;
    }
    size_t dot = variable.find('.');
    std::string text = "SELECT set_config(:name::text, :value::text, false); ALTER DATABASE :\"database\" SET ";
    Map names{{"database", name}, {"variable", variable.substr(0, dot)}};
    text += dot == std::string::npos ? ":\"variable\"" : ":\"variable\".:\"rest\"";
    if (dot != std::string::npos) names["rest"] = variable.substr(dot + 1);
    if (Result<void> set = change(text + " FROM CURRENT", {{"name", variable}, {"value", setting.substr(equals + 1)}},
                                  names, true, stop);
        !set)
      return set;
  }
  Result<std::vector<Map>> rights =
      ask("SELECT a.privilege_type AS privilege, a.grantee::bigint = 0 AS is_public, "
          "CASE WHEN a.grantee::bigint = 0 THEN '' ELSE pg_get_userbyid(a.grantee)::text END AS grantee, "
          "a.is_grantable AS may_grant FROM pg_database d CROSS JOIN LATERAL aclexplode(d.datacl) a "
          "WHERE d.oid::bigint = :oid::bigint",
          {{"oid", model}}, stop);
  if (!rights) return pass(rights.error());
  if (rights->empty()) return {};
  std::string text = "REVOKE ALL ON DATABASE :\"database\" FROM PUBLIC;\n";
  Map names{{"database", name}};
  for (size_t i = 0; i < rights->size(); ++i) {
    const Map& right = (*rights)[i];
    std::string who = "PUBLIC";
    if (!is_set(right, "is_public")) {
      who = ":\"role" + std::to_string(i) + "\"";
      names["role" + std::to_string(i)] = text_of(right, "grantee");
    }
    std::string privilege = text_of(right, "privilege");
    if (!is_plain(privilege)) continue;
    text += "GRANT " + privilege + " ON DATABASE :\"database\" TO " + who +
            (is_set(right, "may_grant") && who != "PUBLIC" ? " WITH GRANT OPTION" : "") + ";\n";
  }
  return change(text, {}, names, true, stop);
}

Result<int64_t> PostgresPlace::make(const std::string& name, const std::optional<ServerDatabase>& model,
                                    std::vector<std::string>& notes, std::stop_token stop) {
  if (Result<void> dropped = drop(name, stop); !dropped) return pass(dropped.error());
  std::string text = "CREATE DATABASE :\"name\" TEMPLATE template0";
  Map names{{"name", name}};
  if (model) {
    if (!is_plain(model->encoding) || !is_plain(model->collate) || !is_plain(model->ctype) || !is_plain(model->locale))
      return fail(ErrorCode::refused, "the database `" + model->name + "` has a locale that is no plain name");
    text += " OWNER :\"owner\" ENCODING '" + model->encoding + "' LC_COLLATE '" + model->collate + "' LC_CTYPE '" +
            model->ctype + "'";
    names["owner"] = model->owner;
    if (model->provider == "i") text += " LOCALE_PROVIDER icu ICU_LOCALE '" + model->locale + "'";
    if (model->provider == "b") text += " LOCALE_PROVIDER builtin BUILTIN_LOCALE '" + model->locale + "'";
  }
  if (Result<void> made = change(text, {}, names, false, stop); !made) return pass(made.error());
  if (model) {
    if (Result<void> set = copy_settings(name, model->oid, notes, stop); !set) return pass(set.error());
  }
  Result<std::optional<ServerDatabase>> there = find(name, stop);
  if (!there) return pass(there.error());
  if (!*there) return fail(ErrorCode::failed, "the database `" + name + "` has gone as soon as it was made");
  return (*there)->oid;
}

Result<void> PostgresPlace::drop(const std::string& name, std::stop_token stop) {
  // Who is still connected to a database of ours is our own killed process.
  return change("DROP DATABASE IF EXISTS :\"name\" WITH (FORCE)", {}, {{"name", name}}, false, std::move(stop));
}

Result<void> PostgresPlace::rename(const std::vector<std::pair<std::string, std::string>>& pairs,
                                   std::stop_token stop) {
  std::string text;
  Map names;
  for (size_t i = 0; i < pairs.size(); ++i) {
    std::string number = std::to_string(i);
    text += "ALTER DATABASE :\"from" + number + "\" RENAME TO :\"to" + number + "\";\n";
    names["from" + number] = pairs[i].first;
    names["to" + number] = pairs[i].second;
  }
  Result<void> renamed = change(text, {}, names, true, stop);
  if (renamed) return {};
  // The server's own refusal does not say who it is.
  for (const auto& [from, to] : pairs) {
    if (renamed.error().effect != Certainty::no_effect) break;
    if (Result<void> unused = check_free(from, stop); !unused) return unused;
  }
  return renamed;
}

Result<Map> count_tables(SqlSession& session, std::stop_token stop) {
  struct Table {
    std::string schema, name;
  };
  std::vector<Table> tables;
  Result<void> listed = session.each(
      SqlText{"SELECT n.nspname::text, c.relname::text FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
              "WHERE c.relkind = 'r' AND c.relpersistence IN ('p', 'u') AND n.nspname <> 'information_schema' AND "
              "n.nspname !~ '^pg_' AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.classid = "
              "c.tableoid AND d.deptype = 'e') ORDER BY 1, 2",
              {},
              {}},
      [&](const SqlRow& row) -> Result<void> {
        tables.push_back({std::string(row.text(0)), std::string(row.text(1))});
        return {};
      });
  if (!listed) return pass(listed.error());
  Map records;
  for (const Table& table : tables) {
    if (stop.stop_requested()) return fail(ErrorCode::interrupted, "the counting of rows was stopped");
    Result<void> counted = session.each(
        SqlText{
            "SELECT count(*) FROM ONLY :\"schema\".:\"table\"", {}, {{"schema", table.schema}, {"table", table.name}}},
        [&](const SqlRow& row) -> Result<void> {
          records[pg_table_name(table.schema, table.name)] = row.value(0);
          return {};
        });
    if (!counted) return pass(counted.error());
  }
  return records;
}

Result<Map> count_tables(SqlRead& sql, const Connection& connection, std::stop_token stop) {
  Result<std::unique_ptr<SqlSession>> session = sql.open_to_read(connection, unhurried, stop);
  if (!session) return pass(session.error());
  if (Result<void> begun = (*session)->begin(); !begun) return pass(begun.error());
  Result<Map> records = count_tables(**session, stop);
  (*session)->roll_back();
  return records;
}

}  // namespace muster
