// Every action, built in or defined in Lua, with calls of it that every field of its table stands in.
//
// The calls are arguments as a script would make them; files are those of a folder that `make_files` has filled.
#pragma once

#include <sqlite3.h>
#include <sys/stat.h>

#include <fstream>
#include <map>
#include <string>
#include <vector>

#include "interpreter/cli/loading.h"
#include "steps/steps.h"

namespace muster {

// One of each kind of field, in Lua.
inline constexpr const char* everything_in_lua = R"lua(
action "greet" {
  summary = "Say hello in every way",
  effect = "write",
  fields = {
    name = {type = "string", required = true, pattern = "^[a-z]+$", description = "whom"},
    times = {type = "integer", default = 1, description = "how often"},
    share = {type = "number", description = "a share"},
    loud = {type = "boolean", description = "or not"},
    after = {type = "duration", description = "how long to wait"},
    at = {type = "timestamp", description = "when"},
    file = {type = "path", description = "into which file"},
    page = {type = "url", description = "which page"},
    tone = {type = "enum", values = {"warm", "cold"}, description = "how"},
    friends = {type = "list", of = {type = "string"}, description = "who else"},
    labels = {type = "map", of = {type = "string"}, description = "names and values"},
    place = {type = "object", fields = {city = {type = "string", required = true, description = "its city"}}, description = "where"},
    more = {type = "any", description = "anything"},
    token = {type = "string", secret = true, description = "a password"},
  },
  results = {said = {type = "string", description = "what was said"}},
  preview = function(args, ctx) return "say hello to " .. args.name end,
  run = function(args, ctx)
    local done = ctx.shell{argv = {"echo", "hello", args.name}}
    return {said = text.trim(done.stdout)}
  end,
}
action "weather" {
  summary = "Look at the sky",
  effect = "read",
  fields = {place = {type = "string", required = true, description = "where"}},
  results = {sun = {type = "boolean", description = "whether it shines"}},
  preview = function(args, ctx) return "look at " .. args.place end,
  run = function(args, ctx) return {sun = true} end,
}
)lua";

inline std::vector<Action> every_action() {
  SourceFiles files;
  files.add({"everything.lua", everything_in_lua, ""});
  Diagnostics problems;
  std::optional<ScriptSet> set = read_extension(files, no_more_sources(), builtin_actions(), problems);
  EXPECT_TRUE(set.has_value()) << render_all(problems, files);
  return set ? all_actions(builtin_actions(), std::move(set->actions)) : builtin_actions();
}

inline void make_files(const std::string& folder) {
  for (const char* name : {"/backups", "/data", "/replica"}) ::mkdir((folder + name).c_str(), 0700);
  std::ofstream(folder + "/data/note") << "a note\n";
  sqlite3* db = nullptr;
  for (const char* name : {"/app.db", "/backups/app-1.db"}) {
    ASSERT_EQ(sqlite3_open((folder + name).c_str(), &db), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(db,
                           "CREATE TABLE users (id INTEGER PRIMARY KEY, name TEXT);"
                           "INSERT INTO users VALUES (1, 'ada'), (2, 'bob');"
                           "CREATE TABLE days (user_id INTEGER, date TEXT);"
                           "INSERT INTO days VALUES (1, '2026-01-01'), (1, '2026-01-02');"
                           "CREATE TABLE runs (user_id INTEGER, first TEXT, last TEXT, n INTEGER)",
                           nullptr, nullptr, nullptr),
              SQLITE_OK)
        << sqlite3_errmsg(db);
    sqlite3_close(db);
  }
}

// By action. The first of an action's calls is one that can be previewed as it stands.
inline std::map<std::string, std::vector<Map>> calls_of_every_action(const std::string& folder) {
  const Value app = Map{{"name", "app"}, {"kind", "sqlite"}, {"path", folder + "/app.db"}};
  const Value service = Map{{"name", "service"}, {"kind", "http"}, {"url", "http://127.0.0.1:1"}};
  const Value s3 = Map{{"name", "store"}, {"kind", "s3"}, {"bucket", "b"}};
  const Value host = Map{{"name", "host"}, {"kind", "ssh"}, {"host", "127.0.0.1"}};
  const Value islands = Map{{"islands", Map{{"order", "date"},
                                            {"step", Duration::seconds(86400)},
                                            {"start", "first"},
                                            {"end", "last"},
                                            {"count", "n"}}}};
  const Value from_days = Map{{"connection", app}, {"table", "days"}, {"where", "user_id > 0"}};
  const Value into_runs = Map{{"connection", app}, {"table", "runs"}, {"range", List{"first", "last"}}};
  auto rebuild = [&](Value derive) {
    return Map{{"from", from_days},
               {"into", into_runs},
               {"partition", Map{{"key", "user_id"}, {"keys", Map{{"query", "SELECT id FROM users"}}}}},
               {"derive", std::move(derive)}};
  };
  Map whole = rebuild(islands);
  whole["range"] = Map{{"column", "date"}, {"from", "2026-01-01"}, {"to", "2026-02-01"}};
  whole["batch"] = 10;
  whole["workers"] = 2;
  whole["backup"] = Map{{"keep", Duration::seconds(86400)}};
  whole["invariants"] = List{Map{
      {"name", "none ends before it begins"}, {"query", "SELECT user_id FROM runs WHERE last < first"}, {"rows", 0}}};
  whole["max_failures"] = "1%";
  auto from = [&](Map where) {
    return Map{{"target", Map{{"sqlite", folder + "/app.db"}}}, {"from", Value(std::move(where))}};
  };
  const Value rows =
      Map{{"connection", app}, {"table", "users"}, {"where", "id > :least"}, {"bind", Map{{"least", 0}}}};
  const std::string hour = "2026-01-15T10:00:00Z";
  return {
      {"backup",
       {Map{{"source", Map{{"connection", app}}}, {"to", folder + "/backups"}, {"name", "app"}},
        Map{{"source", Map{{"directory", folder + "/data"}}},
            {"to", folder + "/backups"},
            {"name", "data"},
            {"archive", Map{{"compress", "gzip"}, {"passphrase", "p"}}},
            {"retention", Map{{"keep", 3}, {"max_age", Duration::seconds(86400)}}}},
        Map{{"source", Map{{"rows", rows}}}, {"to", folder + "/backups"}, {"name", "users"}},
        Map{{"source", Map{{"connection", app}}},
            {"to", folder + "/backups"},
            {"name", "app"},
            {"archive", Map{{"key", "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"}}}}}},
      {"http",
       {Map{{"post", "http://127.0.0.1:1/x"},
            {"headers", Map{{"X-A", "1"}}},
            {"query", Map{{"q", 1}}},
            {"json", Map{{"a", 1}}},
            {"accept", List{"200..299"}},
            {"redirects", 1}},
        Map{{"put", "http://127.0.0.1:1/x"}, {"form", Map{{"a", "b"}}}, {"auth", Map{{"bearer", "t"}}}},
        Map{{"patch", "x"},
            {"connection", service},
            {"body", "b"},
            {"auth", Map{{"basic", Map{{"user", "u"}, {"password", "p"}}}}}},
        Map{{"delete", "x"}, {"connection", service}}, Map{{"get", "http://127.0.0.1:1/x"}},
        Map{{"head", "http://127.0.0.1:1/x"}}}},
      {"notify", {Map{{"channel", "oncall"}, {"message", "hello"}, {"fields", Map{{"a", "b"}}}}}},
      {"rebuild",
       {whole, rebuild(Map{{"sql", "INSERT INTO runs SELECT key, :from, :to, 1 FROM muster_keys"}}),
        rebuild(Map{{"copy", Map{{"mode", "upsert"}, {"prune", false}}}}),
        rebuild(Map{{"lua", "runs.consecutive_days"}})}},
      {"restore",
       {[&] {
          Map args = from(Map{{"file", folder + "/backups/app-1.db"}});
          args["expect"] = Map{{"tables", List{"users"}},
                               {"min_rows", Map{{"users", 1}}},
                               {"schema_version", 0},
                               {"max_age", Duration::seconds(86400)},
                               {"integrity", "full"}};
          args["keep_old"] = true;
          return args;
        }(),
        from(Map{{"newest", folder + "/backups/app-*.db"}}),
        [&] {
          Map args = from(Map{{"litestream", "s3://b/app"}, {"connection", s3}});
          args["at"] = hour;
          return args;
        }(),
        [&] {
          Map args = from(Map{{"archive", folder + "/backups/a.tar.zst"}, {"key", "00"}});
          args["expect"] = Map{{"record_counts", "metadata"}};
          return args;
        }(),
        from(Map{{"archive", folder + "/backups/a.tar.zst"}, {"passphrase", "p"}}),
        from(Map{{"dump", folder + "/backups/a.sql"}}), from(Map{{"artifact", "app-1"}}),
        Map{{"target", Map{{"connection", app}}}, {"from", Map{{"file", folder + "/backups/app-1.db"}}}},
        Map{{"target", Map{{"directory", folder + "/data"}}}, {"from", Map{{"archive", folder + "/backups/d.tar"}}}},
        Map{{"target", Map{{"rows", rows}}}, {"from", Map{{"file", folder + "/backups/users.jsonl"}}}},
        Map{{"list", Map{{"newest", folder + "/backups/app-*.db"}}}},
        Map{{"list", Map{{"litestream", "s3://b/app"}, {"connection", s3}}}}}},
      {"shell",
       {Map{{"argv", List{"touch", "made"}},
            {"cwd", folder},
            {"env", Map{{"A", "b"}}},
            {"stdin", "x"},
            {"exit_codes", List{0, 1}},
            {"parse", "json"},
            {"max_output", 1000},
            {"lifetime", "step"}},
        Map{{"script", "touch made"}, {"interpreter", List{"/bin/sh", "-c"}}, {"connection", host}}}},
      {"sql",
       {Map{{"connection", app},
            {"execute", "UPDATE :\"t\" SET name = :n"},
            {"bind", Map{{"n", "x"}}},
            {"names", Map{{"t", "users"}}},
            {"expect_changes", Map{{"max", 10}}},
            {"transaction", true},
            {"marker_row", true}},
        Map{{"connection", app}, {"query", "SELECT 1"}, {"max_rows", 10}},
        Map{{"connection", app},
            {"query", Map{{"file", folder + "/q.sql"}, {"sha256", std::string(64, '0')}}},
            {"save", folder + "/out.csv"}},
        Map{{"connection", app}, {"execute", Map{{"file", folder + "/q.sql"}, {"sha256", std::string(64, '0')}}}},
        Map{{"connection", app}, {"check", "quick"}}}},
      {"greet",
       {Map{{"name", "ada"},
            {"times", 2},
            {"share", 0.5},
            {"loud", true},
            {"after", Duration::seconds(3)},
            {"at", hour},
            {"file", folder + "/hello"},
            {"page", "http://127.0.0.1:1/x"},
            {"tone", "warm"},
            {"friends", List{"bob"}},
            {"labels", Map{{"a", "b"}}},
            {"place", Map{{"city", "Berlin"}}},
            {"more", List{1, 2}},
            {"token", "t"}}}},
      {"weather", {Map{{"place", "Berlin"}}}},
  };
}

}  // namespace muster
