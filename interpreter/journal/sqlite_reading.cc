#include <sqlite3.h>

#include <algorithm>
#include <tuple>

#include "interpreter/base/digest.h"
#include "interpreter/base/json.h"
#include "interpreter/journal/ledger_entries.h"
#include "interpreter/journal/sqlite_journal.h"

namespace muster {
namespace {

// The one list of a run row's columns; a macro, because statements are cached by their literal's address.
#define MUSTER_RUN_ROWS                                                                                             \
  "SELECT id, playbook, version, graph_digest, inputs, starter, parent, created_at, owner, epoch, next_seq, head, " \
  "state, due_at "                                                                                                  \
  "FROM run "

// The least text that is greater than every text with this prefix; empty: there is none.
std::string after_prefix(std::string prefix) {
  while (!prefix.empty() && static_cast<unsigned char>(prefix.back()) == 0xFF) prefix.pop_back();
  if (!prefix.empty()) prefix.back() = static_cast<char>(static_cast<unsigned char>(prefix.back()) + 1);
  return prefix;
}

RunRow run_row(const StoreStatement& row) {
  RunRow out;
  out.id = row.text(0);
  out.playbook = row.text(1);
  out.version = row.text(2);
  out.graph_digest = row.text(3);
  out.inputs = row.text(4);
  out.starter = row.text(5);
  out.parent = row.text(6);
  out.created_at.us = row.number(7);
  out.owner = row.text(8);
  out.epoch = row.number(9);
  out.next_seq = row.number(10);
  out.head = row.text(11);
  out.state = run_state_of(row.text(12)).value_or(RunState::queued);
  if (!row.is_null(13)) out.due_at = Timestamp{row.number(13)};
  return out;
}

}  // namespace

Result<std::vector<RunRow>> SqliteJournal::rows(StoreStatement statement) {
  std::vector<RunRow> out;
  int code = SQLITE_ROW;
  while ((code = statement.step()) == SQLITE_ROW) out.push_back(run_row(statement));
  if (code != SQLITE_DONE) return pass(store_->error("listing runs"));
  return out;
}

Result<RunRow> SqliteJournal::row_of(const std::string& run) {
  StoreStatement row = store_->prepare(MUSTER_RUN_ROWS "WHERE id = ?");
  int code = row.bind(1, run).step();
  if (code == SQLITE_DONE)
    return fail(ErrorCode::not_found, "there is no run `" + run + "`", "`muster runs` lists them");
  if (code != SQLITE_ROW) return pass(store_->error("reading the run"));
  return run_row(row);
}

Result<void> SqliteJournal::each_event(const std::string& run, int64_t since,
                                       const std::function<void(Event&&)>& take) {
  StoreStatement events = store_->prepare(
      "SELECT seq, kind, op, attempt, at_us, body, hash FROM event WHERE run = ? AND seq > ? ORDER BY seq");
  events.bind(1, run).bind(2, since);
  int code = SQLITE_ROW;
  while ((code = events.step()) == SQLITE_ROW) {
    Event event;
    event.seq = events.number(0);
    event.kind_text = events.text(1);
    event.kind = event_kind_of(event.kind_text);
    event.op.path = events.text(2);
    event.attempt = static_cast<int>(events.number(3));
    event.at.us = events.number(4);
    event.body = events.text(5);
    event.hash = events.text(6);
    take(std::move(event));
  }
  if (code != SQLITE_DONE) return pass(store_->error("reading events"));
  return {};
}

Result<RunRecord> SqliteJournal::read(const std::string& run, int64_t since) {
  RunRecord record;
  std::optional<HeadNote> note = since == 0 ? store_->noted() : std::nullopt;
  Result<void> done = store_->read([&]() -> Result<void> {
    if (note && note->run == run) {
      Result<std::optional<std::string>> missing = store_->missing_since(note);
      if (!missing) return pass(missing.error());
      if (*missing) return fail(ErrorCode::corrupt, **missing, "put the `-wal` file of `" + store_->path() + "` back");
    }
    Result<RunRow> row = row_of(run);
    if (!row) return pass(row.error());
    record.row = std::move(*row);
    ChainCheck check(record.row);
    Result<void> all = each_event(run, since, [&](Event&& event) {
      if (since == 0) check.next(event);
      record.events.push_back(std::move(event));
    });
    if (!all || since != 0) return all;
    if (std::optional<VerifyFinding> broken = check.finish())
      return fail(ErrorCode::corrupt, "run " + run + ": " + broken->message,
                  "`muster audit --verify` checks the whole store");
    return {};
  });
  if (!done) return pass(done.error());
  return record;
}

Result<std::vector<RunRow>> SqliteJournal::find(const RunQuery& query) {
  StoreStatement statement =
      query.id_prefix.empty()
          ? store_->prepare(
                MUSTER_RUN_ROWS
                "WHERE (?3 = '' OR playbook = ?3) AND (NOT ?4 OR state IN ('queued', 'running', 'waiting') "
                "OR (?6 AND id IN (SELECT run FROM waiting WHERE op = ?7))) ORDER BY created_at DESC, id DESC LIMIT ?5")
          : store_->prepare(MUSTER_RUN_ROWS
                            "WHERE id >= ?1 AND (?2 = '' OR id < ?2) AND (?3 = '' OR playbook = ?3) "
                            "AND (NOT ?4 OR state IN ('queued', 'running', 'waiting') "
                            "OR (?6 AND id IN (SELECT run FROM waiting WHERE op = ?7))) ORDER BY created_at DESC, id "
                            "DESC LIMIT ?5");
  if (!query.id_prefix.empty()) statement.bind(1, query.id_prefix).bind(2, after_prefix(query.id_prefix));
  statement.bind(3, query.playbook)
      .bind(4, int64_t{query.only_open})
      .bind(5, int64_t{query.limit > 0 ? query.limit : -1})
      .bind(6, int64_t{query.or_in_review})
      .bind(7, review_op);
  return rows(std::move(statement));
}

Result<std::vector<WaitingRow>> SqliteJournal::waiting() {
  std::vector<WaitingRow> out;
  Result<void> done = store_->read([&]() -> Result<void> {
    StoreStatement all = store_->prepare(
        "SELECT run, op, seq, kind, playbook, since, expires_at, title, who, steps, destructive FROM waiting");
    int code = SQLITE_ROW;
    while ((code = all.step()) == SQLITE_ROW) {
      WaitingRow row;
      row.run = all.text(0);
      row.op.path = all.text(1);
      row.seq = all.number(2);
      const std::string kind = all.text(3);
      row.is_gate = kind == "gate";
      row.playbook = all.text(4);
      row.since.us = all.number(5);
      if (!all.is_null(6)) row.expires_at = Timestamp{all.number(6)};
      row.title = all.text(7);
      row.who = all.text(8);
      row.steps = all.number(9);
      row.destructive = all.number(10);
      if (!kind.empty()) {
        out.push_back(std::move(row));
      } else if (std::optional<WaitingRow> made = migrated_row(row)) {
        out.push_back(std::move(*made));
      }
    }
    return code == SQLITE_DONE ? Result<void>() : pass(store_->error("listing what waits"));
  });
  if (!done) return pass(done.error());
  std::sort(out.begin(), out.end(), [](const WaitingRow& a, const WaitingRow& b) {
    return std::tie(b.since, a.run, a.op.path) < std::tie(a.since, b.run, b.op.path);
  });
  return out;
}

// A row that was made from an older version's events by SQL: what it shows is in its event.
std::optional<WaitingRow> SqliteJournal::migrated_row(const WaitingRow& row) {
  StoreStatement one = store_->prepare("SELECT kind, at_us, body, attempt FROM event WHERE run = ? AND seq = ?");
  if (one.bind(1, row.run).bind(2, row.seq).step() != SQLITE_ROW) return std::nullopt;
  Event event;
  event.seq = row.seq;
  event.kind = event_kind_of(one.text(0));
  event.op = row.op;
  event.at.us = one.number(1);
  event.body = one.text(2);
  event.attempt = static_cast<int>(one.number(3));
  if (change_of_waiting(event) != WaitingChange::begins) return std::nullopt;  // it waits for a time
  WaitingRow made = waiting_row(event);
  made.run = row.run;
  made.playbook = row.playbook;
  return made;
}

Result<std::string> SqliteJournal::file(const std::string& digest) {
  StoreStatement row = store_->prepare("SELECT bytes FROM file WHERE digest = ?");
  int code = row.bind(1, digest).step();
  if (code == SQLITE_DONE) return fail(ErrorCode::not_found, "the store has no file " + digest);
  if (code != SQLITE_ROW) return pass(store_->error("reading a file"));
  std::string bytes = row.text(0);
  if (sha256_hex(bytes) != digest) return fail(ErrorCode::corrupt, "the stored file " + digest + " was changed");
  return bytes;
}

Result<std::vector<OutputRecord>> SqliteJournal::outputs(const std::string& run) {
  std::vector<OutputRecord> out;
  StoreStatement all = store_->prepare(
      "SELECT op, attempt, stream, head, tail, bytes, sha256 FROM output WHERE run = ? ORDER BY op, attempt, stream");
  all.bind(1, run);
  int code = SQLITE_ROW;
  while ((code = all.step()) == SQLITE_ROW)
    out.push_back({OpId{all.text(0)}, static_cast<int>(all.number(1)), all.text(2), all.text(3), all.text(4),
                   static_cast<uint64_t>(all.number(5)), all.text(6)});
  if (code != SQLITE_DONE) return pass(store_->error("reading outputs"));
  return out;
}

Result<bool> SqliteJournal::changed() {
  StoreStatement version = store_->prepare("PRAGMA data_version");
  if (version.step() != SQLITE_ROW) return pass(store_->error("asking for changes"));
  int64_t now = version.number(0);
  bool moved = now != data_version_;
  data_version_ = now;
  return moved;
}

Result<VerifyReport> SqliteJournal::verify(const std::string& run) {
  VerifyReport report;
  std::optional<HeadNote> note = store_->noted();
  Result<void> done = store_->read([&]() -> Result<void> {
    Result<std::map<std::string, LedgerHeads>> ledger = verify_ledger(report);
    if (!ledger) return pass(ledger.error());
    bool ledger_holds = report.findings.empty();
    Result<std::vector<RunRow>> all = std::vector<RunRow>();
    if (run.empty()) {
      all = rows(store_->prepare(MUSTER_RUN_ROWS "ORDER BY id"));
    } else {
      Result<RunRow> one = row_of(run);
      if (!one && (one.error().code != ErrorCode::not_found || ledger->count(run) == 0)) return pass(one.error());
      if (one) all->push_back(std::move(*one));
    }
    if (!all) return pass(all.error());
    for (const RunRow& row : *all) {
      auto heads = ledger->find(row.id);
      if (heads == ledger->end() && ledger_holds)
        report.findings.push_back({row.id, 0, "the ledger does not know this run"});
      if (heads != ledger->end() && heads->second.rbegin()->second.kind == "pruned")
        report.findings.push_back({row.id, 0, "this run was pruned, and is there again"});
      Result<void> checked = verify_run(row, heads == ledger->end() ? LedgerHeads() : heads->second, report);
      if (!checked) return checked;
      if (heads != ledger->end()) ledger->erase(heads);
    }
    for (const auto& [id, heads] : *ledger) {
      if (id.empty() || (!run.empty() && run != id)) continue;
      if (heads.rbegin()->second.kind == "pruned") {
        ++report.pruned;
      } else {
        report.findings.push_back({id, 0, "this run is missing: the ledger knows it"});
      }
    }
    if (note && (run.empty() || run == note->run)) {
      Result<std::optional<std::string>> missing = store_->missing_since(note);
      if (!missing) return pass(missing.error());
      if (*missing) report.findings.push_back({note->run, note->seq, **missing});
    }
    if (!run.empty()) return {};
    Result<void> files = verify_files(report);
    if (!files) return files;
    Result<void> kept = verify_kept(report);
    if (!kept) return kept;
    return verify_pages(report);
  });
  if (!done) return pass(done.error());
  return report;
}

Result<std::map<std::string, LedgerHeads>> SqliteJournal::verify_ledger(VerifyReport& report) {
  std::map<std::string, LedgerHeads> heads;
  Result<Identity> first = first_identity(*store_);
  if (!first) return pass(first.error());
  LedgerCheck check(first->instance, first->public_key);
  Result<void> read = each_ledger_entry(*store_, [&](LedgerEntry&& entry) {
    ++report.ledger_entries;
    if (!check.next(entry)) return;
    if (entry.kind == "adopted") ++report.adopted;
    heads[entry.run].insert_or_assign(entry.run_seq, std::move(entry));
  });
  if (!read) return pass(read.error());
  if (check.finding()) report.findings.push_back(*check.finding());
  return heads;
}

Result<void> SqliteJournal::verify_run(const RunRow& row, const LedgerHeads& ledger, VerifyReport& report) {
  ++report.runs;
  ChainCheck check(row, &ledger);
  std::vector<std::string> digests;
  RecordedStreams recorded;
  WaitingRows waits;
  Result<void> all = each_event(row.id, -1, [&](Event&& event) {
    ++report.events;
    check.next(event);
    waits.next(event);
    recorded.note(event);
    if (event.kind == EventKind::run_created) digests = digests_in(event.body);
  });
  if (!all) return all;
  if (std::optional<VerifyFinding> finding = check.finish()) {
    report.findings.push_back(std::move(*finding));
    return {};
  }
  for (const std::string& digest : digests) {
    StoreStatement file = store_->prepare("SELECT 1 FROM file WHERE digest = ?");
    if (file.bind(1, digest).step() != SQLITE_ROW)
      report.findings.push_back({row.id, 1, "its file " + digest + " is missing"});
  }
  Result<void> listed = verify_waiting(row.id, waits, report);
  return listed ? verify_outputs(row.id, std::move(recorded), report) : listed;
}

// The list of what waits is made of events: whoever changed it hides a gate, or shows another.
Result<void> SqliteJournal::verify_waiting(const std::string& run, const WaitingRows& expected, VerifyReport& report) {
  StoreStatement rows = store_->prepare(
      "SELECT op, seq, kind, since, expires_at, title, who, steps, destructive FROM waiting WHERE run = ?");
  rows.bind(1, run);
  size_t found = 0;
  bool good = true;
  int code = SQLITE_ROW;
  while ((code = rows.step()) == SQLITE_ROW) {
    const WaitingRow* row = expected.find(rows.text(0));
    if (rows.text(2).empty()) {  // of an older version: only where it stands
      if (row) ++found;
      continue;
    }
    good = good && row && row->seq == rows.number(1) && (row->is_gate ? "gate" : "manual") == rows.text(2) &&
           row->since.us == rows.number(3) && row->expires_at.has_value() != rows.is_null(4) &&
           (!row->expires_at || row->expires_at->us == rows.number(4)) && row->title == rows.text(5) &&
           row->who == rows.text(6) && row->steps == rows.number(7) && row->destructive == rows.number(8);
    ++found;
  }
  if (code != SQLITE_DONE) return pass(store_->error("reading what waits"));
  if (!good || found != expected.size())
    report.findings.push_back({run, 0, "the list of what waits for a person is not what its events say"});
  return {};
}

Result<void> SqliteJournal::verify_outputs(const std::string& run, RecordedStreams recorded, VerifyReport& report) {
  Result<std::vector<OutputRecord>> all = outputs(run);
  if (!all) return pass(all.error());
  for (const OutputRecord& output : *all) {
    std::string problem = recorded.problem_with(output);
    if (!problem.empty()) report.findings.push_back({run, 0, std::move(problem)});
  }
  std::string missing = recorded.missing();
  if (!missing.empty()) report.findings.push_back({run, 0, std::move(missing)});
  return {};
}

Result<void> SqliteJournal::verify_files(VerifyReport& report) {
  StoreStatement all = store_->prepare("SELECT digest, bytes FROM file ORDER BY digest");
  int code = SQLITE_ROW;
  while ((code = all.step()) == SQLITE_ROW)
    if (sha256_hex(all.text(1)) != all.text(0))
      report.findings.push_back({"", 0, "the stored file " + all.text(0) + " was changed"});
  if (code != SQLITE_DONE) return pass(store_->error("reading files"));
  return {};
}

// Pages that hold no chain: indexes, caches, free ones.
Result<void> SqliteJournal::verify_pages(VerifyReport& report) {
  StoreStatement check = store_->prepare("PRAGMA integrity_check(1)");
  if (check.step() != SQLITE_ROW) return pass(store_->error("checking its pages"));
  if (check.text(0) != "ok") report.findings.push_back({"", 0, "the store's file is damaged: " + check.text(0)});
  return {};
}

}  // namespace muster
