// What the journal's tests share: runs, events and owners, and a store of their own.
#pragma once

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <stdlib.h>

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "interpreter/base/digest.h"
#include "interpreter/base/handle.h"
#include "interpreter/journal/journal.h"
#include "interpreter/journal/sqlite_store.h"
#include "tests/world/temp_directory.h"

namespace muster::journal_world {

inline const Timestamp start = *parse_timestamp("2026-01-15T10:00:00Z");

inline NewRun new_run(const std::string& id, Timestamp at = start) {
  NewRun run;
  run.id = id;
  run.playbook = "restore-database";
  run.version = "3";
  run.graph_digest = sha256_hex("graph");
  run.inputs = R"({"database":"/srv/app.db"})";
  run.starter = "ann@db1";
  run.created_at = at;
  run.files = {{sha256_hex("the playbook's text"), "the playbook's text"}};
  return run;
}

inline Event event(EventKind kind, const std::string& op = {}, int attempt = 0, std::string body = {},
                   Timestamp at = start) {
  Event out;
  out.kind = kind;
  out.op.path = op;
  out.attempt = attempt;
  out.body = std::move(body);
  out.at = at;
  return out;
}

inline std::vector<Event> first_events() { return {event(EventKind::run_created, "", 0, R"({"title":"a run"})")}; }

inline Commit commit_of(std::vector<Event> events) {
  Commit commit;
  commit.events = std::move(events);
  return commit;
}

inline Commit release() {
  Commit commit;
  commit.state = RunState::waiting;
  commit.release = true;
  return commit;
}

inline Commit ending() {
  Commit commit = commit_of({event(EventKind::run_ended, "", 0, R"({"status":"succeeded"})")});
  commit.state = RunState::succeeded;
  commit.clear_due = commit.release = true;
  commit.ledger = "ended";
  return commit;
}

// An owner of this process under another name: what another interpreter would be.
inline Owner owner_named(const std::string& name) {
  Owner owner = this_owner();
  owner.id = name;
  return owner;
}

inline std::unique_ptr<Journal> open_store(const std::string& path, OpenOptions options = {}) {
  options.create = true;
  Result<std::unique_ptr<Journal>> journal = open_sqlite_journal(path, options);
  EXPECT_TRUE(journal.has_value()) << journal.error().message;
  return journal ? std::move(*journal) : nullptr;
}

template <class T>
std::string message_of(const Result<T>& result) {
  return result ? std::string("(no error)") : result.error().message;
}

// A second hand in the file, as an operator or an attacker has it.
inline void tamper(const std::string& path, const std::string& sql) {
  sqlite3* raw = nullptr;
  ASSERT_EQ(sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE, nullptr), SQLITE_OK);
  Handle<sqlite3, &sqlite3_close_v2> db(raw);
  ASSERT_EQ(sqlite3_exec(raw, sql.c_str(), nullptr, nullptr, nullptr), SQLITE_OK)
      << sqlite3_errmsg(raw) << " in " << sql;
}

inline std::vector<std::string> column(const std::string& path, const std::string& sql) {
  std::vector<std::string> out;
  sqlite3* raw = nullptr;
  EXPECT_EQ(sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE, nullptr), SQLITE_OK);
  Handle<sqlite3, &sqlite3_close_v2> db(raw);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
  auto take = [](void* list, int, char** values, char**) {
    static_cast<std::vector<std::string>*>(list)->emplace_back(values[0] ? values[0] : "");
    return 0;
  };
  EXPECT_EQ(sqlite3_exec(raw, sql.c_str(), take, &out, nullptr), SQLITE_OK) << sqlite3_errmsg(raw);
  return out;
}

}  // namespace muster::journal_world
