#include "interpreter/journal/store_keeping.h"

#include <fcntl.h>
#include <sqlite3.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <set>

#include "interpreter/base/digest.h"
#include "interpreter/base/handle.h"
#include "interpreter/base/json.h"
#include "interpreter/journal/foreseen.h"
#include "interpreter/journal/ledger_entries.h"
#include "interpreter/journal/sqlite_journal.h"
#include "interpreter/journal/store_files.h"

namespace muster {
namespace {

using Db = Handle<sqlite3, &sqlite3_close_v2>;

struct EndedRun {
  PrunedRun told;
  std::string parent, head;
};

// Newest first: a run that tries another again comes before it.
Result<std::vector<EndedRun>> ended_runs(SqliteStore& store, std::map<std::string, int64_t>& children) {
  std::vector<EndedRun> out;
  StoreStatement rows = store.prepare(
      "SELECT r.id, r.playbook, r.state, r.parent, r.next_seq - 1, r.head, e.at_us, r.owner FROM run r LEFT JOIN event "
      "e ON e.run = r.id AND e.seq = r.next_seq - 1 ORDER BY r.created_at DESC, r.id DESC");
  int code = SQLITE_ROW;
  while ((code = rows.step()) == SQLITE_ROW) {
    EndedRun run;
    run.told.id = rows.text(0);
    run.told.playbook = rows.text(1);
    run.told.state = run_state_of(rows.text(2)).value_or(RunState::queued);
    run.parent = rows.text(3);
    run.told.events = rows.number(4);
    run.head = rows.text(5);
    run.told.ended_at.us = rows.number(6);
    if (!run.parent.empty()) ++children[run.parent];
    if (has_ended(run.told.state) && rows.text(7).empty()) out.push_back(std::move(run));
  }
  if (code != SQLITE_DONE) return pass(store.error("listing runs"));
  return out;
}

// All that is known of it but its ledger entries.
Result<void> remove_run(SqliteStore& store, const std::string& run) {
  for (const char* sql :
       {"DELETE FROM event WHERE run = ?", "DELETE FROM output WHERE run = ?", "DELETE FROM op WHERE run = ?",
        "DELETE FROM waiting WHERE run = ?", "DELETE FROM decision WHERE run = ?", "DELETE FROM run WHERE id = ?"}) {
    StoreStatement statement = store.prepare(sql);
    if (statement.bind(1, run).step() != SQLITE_DONE) return pass(store.error("taking a run away"));
  }
  return {};
}

// The run and its tombstone in one commit; nothing: somebody began to refer to it meanwhile.
Result<std::optional<SignedHead>> prune_run(SqliteStore& store, const SigningKey& key, const EndedRun& run,
                                            Timestamp now) {
  std::optional<SignedHead> head;
  Result<void> done = store.write([&]() -> Result<void> {
    {
      StoreStatement child = store.prepare("SELECT 1 FROM run WHERE parent = ? LIMIT 1");
      int code = child.bind(1, run.told.id).step();
      if (code == SQLITE_ROW) return {};
      if (code != SQLITE_DONE) return pass(store.error("looking for runs that try it again"));
    }
    Result<void> removed = remove_run(store, run.told.id);
    if (!removed) return removed;
    LedgerEntry entry;
    entry.at_us = now.us;
    entry.kind = "pruned";
    entry.run = run.told.id;
    entry.run_seq = run.told.events;
    entry.run_head = run.head;
    Result<SignedHead> added = add_ledger_entry(store, key, std::move(entry));
    if (!added) return pass(added.error());
    head = std::move(*added);
    return {};
  });
  if (!done) return pass(done.error());
  return head;
}

// Files that no run is made of any more, and that are not kept for themselves.
Result<void> remove_files(SqliteStore& store) {
  return store.write([&]() -> Result<void> {
    std::set<std::string> used;
    {
      StoreStatement created = store.prepare("SELECT body FROM event WHERE seq = 1 AND run IN (SELECT id FROM run)");
      int code = SQLITE_ROW;
      while ((code = created.step()) == SQLITE_ROW)
        for (std::string& digest : digests_in(created.text(0))) used.insert(std::move(digest));
      if (code != SQLITE_DONE) return pass(store.error("reading events"));
    }
    {
      StoreStatement kept = store.prepare(
          "SELECT run_head FROM ledger WHERE kind IN ('rehearsed', 'planned') AND n NOT IN (" MUSTER_PRUNED_KEPT ")");
      int code = SQLITE_ROW;
      while ((code = kept.step()) == SQLITE_ROW) used.insert(kept.text(0));
      if (code != SQLITE_DONE) return pass(store.error("reading the ledger"));
    }
    std::vector<std::string> unused;
    {
      StoreStatement files = store.prepare("SELECT digest FROM file");
      int code = SQLITE_ROW;
      while ((code = files.step()) == SQLITE_ROW)
        if (used.count(files.text(0)) == 0) unused.push_back(files.text(0));
      if (code != SQLITE_DONE) return pass(store.error("listing files"));
    }
    for (const std::string& digest : unused) {
      StoreStatement file = store.prepare("DELETE FROM file WHERE digest = ?");
      if (file.bind(1, digest).step() != SQLITE_DONE) return pass(store.error("taking a file away"));
    }
    return {};
  });
}

struct KeptPlan {
  PrunedPlan told;
  std::string digest, playbook_digest, inputs;
  bool is_whole = false;  // what is kept is what the ledger says
};

// Newest first.
Result<std::vector<KeptPlan>> kept_plans(SqliteStore& store) {
  std::vector<KeptPlan> out;
  StoreStatement rows = store.prepare(
      "SELECT ledger.n, ledger.at_us, ledger.run_head, file.bytes FROM ledger LEFT JOIN file ON file.digest = "
      "ledger.run_head WHERE ledger.kind = 'planned' AND ledger.n NOT IN (" MUSTER_PRUNED_KEPT
      ") ORDER BY ledger.n DESC");
  int code = SQLITE_ROW;
  while ((code = rows.step()) == SQLITE_ROW) {
    KeptPlan plan;
    plan.told.entry = rows.number(0);
    plan.told.at.us = rows.number(1);
    plan.digest = rows.text(2);
    const Kept kept{plan.told.at, rows.text(3)};
    plan.is_whole = sha256_hex(kept.body) == plan.digest;
    if (std::optional<ForeseenRun> foreseen = decode_foreseen(kept)) {
      plan.told.playbook = foreseen->playbook;
      plan.playbook_digest = foreseen->digest;
      plan.inputs = encode_value(Value(foreseen->inputs));
    }
    out.push_back(std::move(plan));
  }
  if (code != SQLITE_DONE) return pass(store.error("reading the ledger"));
  return out;
}

// Whether it is laid beside a run: the last one of the same files and inputs that was made before it. Asked of the
// newest first; `served` are the runs that go, and those that have theirs.
Result<bool> is_laid_beside(SqliteStore& store, const KeptPlan& plan, std::set<std::string>& served) {
  StoreStatement runs = store.prepare("SELECT id FROM run WHERE graph_digest = ? AND inputs = ? AND created_at >= ?");
  runs.bind(1, plan.playbook_digest).bind(2, plan.inputs).bind(3, plan.told.at.us);
  bool is_laid = false;
  int code = SQLITE_ROW;
  while ((code = runs.step()) == SQLITE_ROW) is_laid = served.insert(runs.text(0)).second || is_laid;
  if (code != SQLITE_DONE) return pass(store.error("listing runs"));
  return is_laid;
}

// Dry runs go by the same rules as runs, once those have gone. Each leaves an entry that names its own.
Result<void> prune_plans(SqliteStore& store, const SigningKey& key, const PruneRequest& request, PruneReport& report,
                         const std::function<void(const SignedHead&)>& on_head) {
  Result<std::vector<KeptPlan>> plans = kept_plans(store);
  if (!plans) return pass(plans.error());
  std::set<std::string> served;
  for (const PrunedRun& run : report.runs) served.insert(run.id);
  for (size_t i = 0; i < plans->size(); ++i) {
    const KeptPlan& plan = (*plans)[i];
    Result<bool> stays = is_laid_beside(store, plan, served);
    if (!stays) return pass(stays.error());
    if (*stays || (request.ended_before && !(plan.told.at < *request.ended_before))) continue;
    if (request.keep && static_cast<int64_t>(i) < *request.keep) continue;
    if (!plan.is_whole) {
      report.broken.push_back(
          {"", plan.told.entry,
           "the dry run of ledger entry " + std::to_string(plan.told.entry) + " is not the one that was kept"});
      continue;
    }
    if (!request.dry_run) {
      std::optional<SignedHead> head;
      Result<void> done = store.write([&]() -> Result<void> {
        LedgerEntry entry;
        entry.at_us = request.now.us;
        entry.kind = "pruned";
        entry.run_seq = plan.told.entry;
        entry.run_head = plan.digest;
        Result<SignedHead> added = add_ledger_entry(store, key, std::move(entry));
        if (!added) return pass(added.error());
        head = std::move(*added);
        return {};
      });
      if (!done) return done;
      if (on_head) on_head(*head);
    }
    report.plans.push_back(plan.told);
  }
  return {};
}

tl::unexpected<Error> no_backup(const std::string& file, const std::string& why) {
  return fail(ErrorCode::storage, "the backup `" + file + "` cannot be made: " + why);
}

Result<int64_t> number_in(sqlite3* db, const char* sql) {
  sqlite3_stmt* raw = nullptr;
  sqlite3_prepare_v2(db, sql, -1, &raw, nullptr);
  Handle<sqlite3_stmt, &sqlite3_finalize> statement(raw);
  if (!raw || sqlite3_step(raw) != SQLITE_ROW) return fail(ErrorCode::corrupt, sqlite3_errmsg(db));
  return sqlite3_column_int64(raw, 0);
}

Result<BackupReport> copy_into(SqliteStore& store, const std::string& temporary, const std::string& file) {
  sqlite3* raw = nullptr;
  int code = sqlite3_open_v2(temporary.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, nullptr);
  Db copy(raw);
  if (code != SQLITE_OK) return no_backup(file, sqlite3_errstr(code));
  Result<void> copied = store.copy_to(copy.get());
  if (!copied) return no_backup(file, copied.error().message);
  sqlite3_stmt* check_raw = nullptr;
  sqlite3_prepare_v2(copy.get(), "PRAGMA integrity_check(1)", -1, &check_raw, nullptr);
  Handle<sqlite3_stmt, &sqlite3_finalize> check(check_raw);
  bool whole = check_raw && sqlite3_step(check_raw) == SQLITE_ROW &&
               std::string_view(reinterpret_cast<const char*>(sqlite3_column_text(check_raw, 0))) == "ok";
  if (!whole) return no_backup(file, "the copy is damaged");
  BackupReport report;
  Result<int64_t> runs = number_in(copy.get(), "SELECT count(*) FROM run");
  Result<int64_t> events = number_in(copy.get(), "SELECT count(*) FROM event");
  if (!runs || !events) return no_backup(file, "the copy cannot be read");
  report.runs = *runs;
  report.events = *events;
  return report;
}

}  // namespace

Result<PruneReport> prune_store(const std::string& path, const PruneRequest& request,
                                const std::function<void(const SignedHead&)>& on_head) {
  Result<std::unique_ptr<SqliteStore>> opened = SqliteStore::open(path, {});
  if (!opened) return pass(opened.error());
  SqliteStore& store = **opened;
  Result<SigningKey> key = key_of(store);
  if (!key) return pass(key.error());
  Result<std::unique_ptr<Journal>> journal = open_sqlite_journal(path, {});
  if (!journal) return pass(journal.error());
  std::map<std::string, int64_t> children;
  Result<std::vector<EndedRun>> ended = ended_runs(store, children);
  if (!ended) return pass(ended.error());
  std::vector<const EndedRun*> by_end;
  for (const EndedRun& run : *ended) by_end.push_back(&run);
  std::stable_sort(by_end.begin(), by_end.end(),
                   [](const EndedRun* a, const EndedRun* b) { return b->told.ended_at < a->told.ended_at; });
  std::set<std::string> kept;
  for (size_t i = 0; i < by_end.size(); ++i) {
    bool new_enough = request.ended_before && !(by_end[i]->told.ended_at < *request.ended_before);
    if (new_enough || (request.keep && static_cast<int64_t>(i) < *request.keep)) kept.insert(by_end[i]->told.id);
  }
  PruneReport report;
  for (const EndedRun& run : *ended) {
    if (kept.count(run.told.id) > 0) continue;
    if (children[run.told.id] > 0) {
      report.parents.push_back(run.told.id);
      continue;
    }
    Result<VerifyReport> holds = (*journal)->verify(run.told.id);
    if (!holds) return pass(holds.error());
    if (!holds->findings.empty()) {
      report.broken.push_back(holds->findings.front());
      continue;
    }
    if (!request.dry_run) {
      Result<std::optional<SignedHead>> head = prune_run(store, *key, run, request.now);
      if (!head) return pass(head.error());
      if (!*head) {
        report.parents.push_back(run.told.id);
        continue;
      }
      if (on_head) on_head(**head);
      if (store.wal_pages() > 1024) store.checkpoint(LogAfter::kept);
    }
    if (!run.parent.empty()) --children[run.parent];
    report.runs.push_back(run.told);
  }
  Result<void> plans = prune_plans(store, *key, request, report, on_head);
  if (!plans) return pass(plans.error());
  if (request.dry_run || (report.runs.empty() && report.plans.empty())) return report;
  Result<void> files = remove_files(store);
  if (!files) return pass(files.error());
  store.checkpoint(LogAfter::emptied);
  return report;
}

Result<BackupReport> backup_store(const std::string& path, const std::string& file) {
  struct stat status {};
  if (::lstat(file.c_str(), &status) == 0)
    return fail(ErrorCode::refused, "`" + file + "` is there already", "a backup never overwrites: name another file");
  Result<std::unique_ptr<SqliteStore>> store = SqliteStore::open(path, {});
  if (!store) return pass(store.error());
  std::string temporary = file + ".part";
  {
    // Made by us first, so that it is never readable by others; another backup to the same name is in our way.
    UniqueFd made(::open(temporary.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600));
    if (!made && errno == EEXIST)
      return fail(ErrorCode::refused, "`" + temporary + "` is there already",
                  "another backup is under way, or one was cut off: then remove it");
    if (!made || ::fchmod(made.get(), 0600) != 0) return no_backup(file, std::strerror(errno));
  }
  Result<BackupReport> report = copy_into(**store, temporary, file);
  ::unlink((temporary + "-wal").c_str());
  ::unlink((temporary + "-shm").c_str());
  if (!report) {
    ::unlink(temporary.c_str());
    return report;
  }
  UniqueFd copy(::open(temporary.c_str(), O_RDONLY | O_CLOEXEC));
  UniqueFd folder(::open(folder_of(file).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  bool safe = copy && folder && ::fsync(copy.get()) == 0 && ::fstat(copy.get(), &status) == 0 &&
              ::renameat2(AT_FDCWD, temporary.c_str(), AT_FDCWD, file.c_str(), RENAME_NOREPLACE) == 0 &&
              ::fsync(folder.get()) == 0;
  if (!safe) {
    int number = errno;
    ::unlink(temporary.c_str());
    return no_backup(file, std::strerror(number));
  }
  report->bytes = status.st_size;
  return report;
}

Result<SignedHead> adopt_store(const std::string& path, Timestamp now) {
  Result<std::unique_ptr<SqliteStore>> store = SqliteStore::open(path, {});
  if (!store) return pass(store.error());
  std::string key_path = (*store)->path() + ".key";
  if (::access(key_path.c_str(), F_OK) == 0) {
    Result<SigningKey> ours = key_of(**store);
    if (!ours) return pass(ours.error());
    return fail(ErrorCode::refused, "the store `" + (*store)->path() + "` has its key: there is nothing to adopt",
                "leave out `--adopt`");
  }
  Result<SigningKey> key = signing_key(key_path, true);
  if (!key) return pass(key.error());
  Result<SignedHead> head = (*store)->adopt(*key, now);
  if (!head) ::unlink(key_path.c_str());
  return head;
}

}  // namespace muster
