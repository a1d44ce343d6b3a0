// A journal in memory, with the same rules as the real one: fence, stale and lost, chains, what may be said, what may
// be recorded once. It passes the same conformance suite.
//
// Several MemoryJournals over one MemoryStore are like several processes over one file.
// Threads: as the real one: one per journal; the store may be shared.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "interpreter/base/digest.h"
#include "interpreter/base/json.h"
#include "interpreter/journal/chain.h"
#include "interpreter/journal/journal.h"
#include "interpreter/journal/verify.h"
#include "interpreter/journal/waiting.h"

namespace muster {

struct MemoryStore {
  struct Run {
    RunRecord record;
    Timestamp expires;
    std::vector<OutputRecord> outputs;
    std::set<std::tuple<std::string, int, std::string>> once;  // op, attempt, kind
  };
  std::mutex mutex;
  std::map<std::string, Run> runs;
  std::map<std::string, std::string> files;
  std::map<std::string, Owner> owners;
  std::set<std::string> dead;  // ids of owners that are gone
  std::map<std::string, LockRow> locks;
  std::vector<LedgerEntry> ledger;
  std::vector<std::pair<std::string, Kept>> kept;  // by kind, newest first
  int64_t version = 0;                             // moves with every write
  int commits_left = -1;
};

class MemoryJournal final : public Journal {
 public:
  explicit MemoryJournal(std::shared_ptr<MemoryStore> store = std::make_shared<MemoryStore>())
      : store_(std::move(store)) {}

  // After so many more writes all of them fail, as on a disk that broke; -1: never.
  void fail_after(int commits) {
    std::lock_guard lock(store_->mutex);
    store_->commits_left = commits;
  }

  Result<Lease> create(const NewRun& run, std::vector<Event> first, const Owner& owner) override {
    std::lock_guard lock(store_->mutex);
    if (store_->runs.count(run.id) > 0) return fail(ErrorCode::refused, "a run `" + run.id + "` is there already");
    MemoryStore::Run made;
    RunRow& row = made.record.row;
    row.id = run.id;
    row.playbook = run.playbook;
    row.version = run.version;
    row.graph_digest = run.graph_digest;
    row.inputs = run.inputs;
    row.starter = run.starter;
    row.parent = run.parent;
    row.created_at = run.created_at;
    row.owner = owner.id;
    row.epoch = 1;
    row.head = first_link(run);
    row.state = RunState::running;
    made.expires = run.created_at + lease_length;
    Result<void> added = add(made, std::move(first));
    if (!added) return pass(added.error());
    if (!may_write()) return broken();
    for (const auto& [digest, bytes] : run.files) store_->files.emplace(digest, bytes);
    store_->owners[owner.id] = owner;
    Lease lease = lease_of(made);
    add_to_ledger("created", lease, run.created_at);
    store_->runs.emplace(run.id, std::move(made));
    return lease;
  }

  Result<Lease> own(const std::string& run, const Owner& owner, const std::string& person, Timestamp now) override {
    std::lock_guard lock(store_->mutex);
    auto found = store_->runs.find(run);
    if (found == store_->runs.end()) return no_run(run);
    MemoryStore::Run taken = found->second;
    RunRow& row = taken.record.row;
    std::string before = row.owner;
    bool taken_over = !before.empty() && before != owner.id;
    if (taken_over && store_->dead.count(before) == 0 && taken.expires >= now) {
      const Owner& other = store_->owners[before];
      Timestamp since = row.created_at;
      for (const Event& event : taken.record.events)
        if (event.kind == EventKind::owned) since = event.at;
      return fail(ErrorCode::busy, "run " + run + " is owned by process " + std::to_string(other.pid) + " on " +
                                       other.host + " since " + to_text(since));
    }
    Event owned;
    owned.kind = EventKind::owned;
    owned.at = now;
    owned.body =
        encode_value(Map{{"owner", owner.id}, {"person", person}, {"before", before}, {"epoch", row.epoch + 1}});
    Result<void> added = add(taken, {owned});
    if (!added) return pass(added.error());
    if (!may_write()) return broken();
    ++row.epoch;
    row.owner = owner.id;
    if (row.state == RunState::queued || row.state == RunState::waiting) row.state = RunState::running;
    taken.expires = now + lease_length;
    store_->owners[owner.id] = owner;
    Lease lease = lease_of(taken);
    if (taken_over) add_to_ledger("takeover", lease, now);
    found->second = std::move(taken);
    return lease;
  }

  Result<CommitAnswer> commit(Lease& lease, const Commit& commit) override {
    std::lock_guard lock(store_->mutex);
    auto found = store_->runs.find(lease.run);
    if (found == store_->runs.end() || found->second.record.row.epoch != lease.epoch) return CommitAnswer::lost;
    if (found->second.record.row.next_seq != lease.next_seq) return CommitAnswer::stale;
    MemoryStore::Run next = found->second;
    Result<void> added = add(next, commit.events);
    if (!added) return pass(added.error());
    if (!may_write()) return broken();
    RunRow& row = next.record.row;
    if (commit.state) row.state = *commit.state;
    if (commit.due_at) row.due_at = commit.due_at;
    if (commit.clear_due) row.due_at.reset();
    if (commit.release) row.owner.clear();
    if (has_ended(row.state)) std::erase_if(store_->locks, [&](const auto& held) { return held.second.run == row.id; });
    for (const OutputRecord& output : commit.outputs) {
      auto same = [&](const OutputRecord& o) {
        return o.op == output.op && o.attempt == output.attempt && o.stream == output.stream;
      };
      next.outputs.erase(std::remove_if(next.outputs.begin(), next.outputs.end(), same), next.outputs.end());
      next.outputs.push_back(output);
    }
    lease = lease_of(next);
    if (!commit.ledger.empty())
      add_to_ledger(commit.ledger, lease, commit.events.empty() ? Timestamp{} : commit.events.back().at);
    if (commit.release) lease.epoch = 0;
    found->second = std::move(next);
    return CommitAnswer::stored;
  }

  Result<void> say(const std::string& run, const Event& event) override {
    bool allowed = event.kind == EventKind::vote || event.kind == EventKind::answered ||
                   event.kind == EventKind::cancel_asked || event.kind == EventKind::resolved;
    if (!allowed)
      return fail(ErrorCode::refused, "only the owner of a run may write `" + std::string(name_of(event.kind)) + "`");
    std::lock_guard lock(store_->mutex);
    auto found = store_->runs.find(run);
    if (found == store_->runs.end()) return no_run(run);
    if (has_ended(found->second.record.row.state) && !may_be_said_after_the_end(event))
      return fail(ErrorCode::refused, "run `" + run + "` has ended");
    if (!may_write()) return broken();
    RunRow& row = found->second.record.row;
    if (row.owner.empty() && (!row.due_at || event.at < *row.due_at)) row.due_at = event.at;
    return add(found->second, {event});
  }

  Result<bool> renew(const Lease& lease, const Owner& owner, Timestamp now) override {
    std::lock_guard lock(store_->mutex);
    auto found = store_->runs.find(lease.run);
    if (found == store_->runs.end()) return false;
    const RunRow& row = found->second.record.row;
    if (row.epoch != lease.epoch || row.owner != owner.id) return false;
    if (!may_write()) return broken();
    found->second.expires = now + lease_length;
    return true;
  }

  Result<CommitAnswer> take_locks(const Lease& lease, const std::vector<std::string>& names, const Owner&,
                                  Timestamp now) override {
    std::lock_guard lock(store_->mutex);
    auto found = store_->runs.find(lease.run);
    if (found == store_->runs.end() || found->second.record.row.epoch != lease.epoch) return CommitAnswer::lost;
    if (found->second.record.row.next_seq != lease.next_seq) return CommitAnswer::stale;
    for (const std::string& name : names) {
      auto held = store_->locks.find(name);
      if (held == store_->locks.end() || held->second.run == lease.run) continue;
      LockRow row = judged(held->second, now);
      if (!row.stale)
        return fail(ErrorCode::busy, "the lock `" + name + "` is held by run " + row.run + " since " +
                                         to_text(row.taken_at) + ": " + row.standing);
    }
    if (!may_write()) return broken();
    for (const std::string& name : names) {
      auto held = store_->locks.find(name);
      bool there = held != store_->locks.end();
      if (there && held->second.run == lease.run) continue;
      if (there) take_from(held->second, Map{{"name", name}, {"run", lease.run}}, now);
      Event taken;
      taken.kind = there ? EventKind::lock_taken_over : EventKind::lock_taken;
      taken.op.path = "playbook";
      taken.at = now;
      taken.body = encode_value(Map{{"name", name}});
      Result<void> added = add(found->second, {std::move(taken)});
      if (!added) return pass(added.error());
      LockRow row;
      row.name = name;
      row.run = lease.run;
      row.taken_at = now;
      store_->locks[name] = std::move(row);
    }
    return CommitAnswer::stored;
  }

  Result<void> break_lock(const std::string& name, const std::string& person, const std::string& reason, const Owner&,
                          Timestamp now) override {
    std::lock_guard lock(store_->mutex);
    auto held = store_->locks.find(name);
    if (held == store_->locks.end()) return fail(ErrorCode::not_found, "no run holds a lock called `" + name + "`");
    LockRow row = judged(held->second, now);
    if (!row.owner.empty()) return fail(ErrorCode::busy, "run " + row.run + " is under way, " + row.standing);
    if (!may_write()) return broken();
    take_from(row, Map{{"name", name}, {"person", person}, {"reason", reason}}, now);
    store_->locks.erase(name);
    return {};
  }

  Result<std::vector<LockRow>> locks(const Owner&, Timestamp now) override {
    std::lock_guard lock(store_->mutex);
    std::vector<LockRow> out;
    for (const auto& [name, row] : store_->locks) out.push_back(judged(row, now));
    return out;
  }

  Result<RunRecord> read(const std::string& run, int64_t since = 0) override {
    std::lock_guard lock(store_->mutex);
    auto found = store_->runs.find(run);
    if (found == store_->runs.end()) return no_run(run);
    RunRecord record = found->second.record;
    record.events.erase(
        std::remove_if(record.events.begin(), record.events.end(), [&](const Event& e) { return e.seq <= since; }),
        record.events.end());
    return record;
  }

  Result<std::vector<RunRow>> find(const RunQuery& query) override {
    std::lock_guard lock(store_->mutex);
    std::vector<RunRow> rows;
    for (const auto& [id, run] : store_->runs) {
      const RunRow& row = run.record.row;
      if (id.rfind(query.id_prefix, 0) != 0 || (!query.playbook.empty() && row.playbook != query.playbook)) continue;
      if (query.only_open && has_ended(row.state) && !(query.or_in_review && is_in_review(run))) continue;
      rows.push_back(row);
    }
    std::sort(rows.begin(), rows.end(), [](const RunRow& a, const RunRow& b) {
      return std::tie(b.created_at, b.id) < std::tie(a.created_at, a.id);
    });
    if (query.limit > 0 && rows.size() > static_cast<size_t>(query.limit))
      rows.resize(static_cast<size_t>(query.limit));
    return rows;
  }

  Result<std::vector<WaitingRow>> waiting() override {
    std::lock_guard lock(store_->mutex);
    std::vector<WaitingRow> out;
    for (const auto& [id, run] : store_->runs) {
      for (WaitingRow row : waiting_of(run).all()) {
        row.run = id;
        row.playbook = run.record.row.playbook;
        out.push_back(std::move(row));
      }
    }
    std::sort(out.begin(), out.end(), [](const WaitingRow& a, const WaitingRow& b) {
      return std::tie(b.since, a.run, a.op.path) < std::tie(a.since, b.run, b.op.path);
    });
    return out;
  }

  Result<std::string> file(const std::string& digest) override {
    std::lock_guard lock(store_->mutex);
    auto found = store_->files.find(digest);
    if (found == store_->files.end()) return fail(ErrorCode::not_found, "the store has no file " + digest);
    return found->second;
  }

  Result<std::vector<OutputRecord>> outputs(const std::string& run) override {
    std::lock_guard lock(store_->mutex);
    auto found = store_->runs.find(run);
    if (found == store_->runs.end()) return std::vector<OutputRecord>();
    std::vector<OutputRecord> out = found->second.outputs;
    std::sort(out.begin(), out.end(), [](const OutputRecord& a, const OutputRecord& b) {
      return std::tie(a.op, a.attempt, a.stream) < std::tie(b.op, b.attempt, b.stream);
    });
    return out;
  }

  Result<void> keep(std::string_view kind, const std::string& body, Timestamp at) override {
    std::lock_guard lock(store_->mutex);
    if (!may_write()) return broken();
    store_->kept.insert(store_->kept.begin(), {std::string(kind), Kept{at, body}});
    Lease none;
    none.next_seq = 1;
    none.head = sha256_hex(body);
    add_to_ledger(kind, none, at);
    return {};
  }
  Result<void> each_kept(std::string_view kind, const std::function<bool(Kept&&)>& take) override {
    std::vector<Kept> all;
    {
      std::lock_guard lock(store_->mutex);
      for (const auto& [its_kind, one] : store_->kept)
        if (its_kind == kind) all.push_back(one);
    }
    for (Kept& one : all)
      if (!take(std::move(one))) break;
    return {};
  }

  Result<bool> changed() override {
    std::lock_guard lock(store_->mutex);
    bool moved = seen_ != store_->version;
    seen_ = store_->version;
    return moved;
  }

  Result<VerifyReport> verify(const std::string& run = {}) override {
    std::lock_guard lock(store_->mutex);
    VerifyReport report;
    report.ledger_entries = static_cast<int64_t>(store_->ledger.size());
    if (!run.empty() && store_->runs.count(run) == 0) return no_run(run);
    for (const auto& [id, one] : store_->runs) {
      if (!run.empty() && run != id) continue;
      LedgerHeads heads;
      for (const LedgerEntry& entry : store_->ledger)
        if (entry.run == id) heads[entry.run_seq] = entry;
      ChainCheck check(one.record.row, &heads);
      for (const Event& event : one.record.events) check.next(event);
      ++report.runs;
      report.events += static_cast<int64_t>(one.record.events.size());
      if (std::optional<VerifyFinding> finding = check.finish()) report.findings.push_back(*finding);
    }
    return report;
  }

  std::string instance() const override { return "memory"; }
  MemoryStore& store() { return *store_; }

 private:
  static tl::unexpected<Error> no_run(const std::string& run) {
    return fail(ErrorCode::not_found, "there is no run `" + run + "`");
  }
  static tl::unexpected<Error> broken() { return fail(ErrorCode::storage, "the journal broke here"); }
  static Lease lease_of(const MemoryStore::Run& run) {
    const RunRow& row = run.record.row;
    return Lease{row.id, row.epoch, row.next_seq, row.head};
  }

  LockRow judged(LockRow lock, Timestamp now) const {
    const MemoryStore::Run& run = store_->runs.at(lock.run);
    const RunRow& row = run.record.row;
    bool gone = store_->dead.count(row.owner) > 0 || run.expires < now;
    lock.playbook = row.playbook;
    lock.starter = row.starter;
    lock.state = row.state;
    lock.owner = gone ? "" : row.owner;
    lock.stale = row.state == RunState::running && !row.owner.empty() && gone;
    lock.standing = lock.stale ? "its owner is gone" : lock.owner + " carries it on";
    return lock;
  }
  void take_from(const LockRow& lock, Map body, Timestamp now) {
    MemoryStore::Run& run = store_->runs.at(lock.run);
    Event lost;
    lost.kind = EventKind::lock_released;
    lost.op.path = "playbook";
    lost.at = now;
    lost.body = encode_value(Value(std::move(body)));
    (void)add(run, {std::move(lost)});
    ++run.record.row.epoch;
    add_to_ledger("takeover", lease_of(run), now);
  }

  bool may_write() {
    if (store_->commits_left == 0) return false;
    if (store_->commits_left > 0) --store_->commits_left;
    ++store_->version;
    seen_ = seen_ == store_->version - 1 ? store_->version : seen_;  // our own writes are no news
    return true;
  }

  static WaitingRows waiting_of(const MemoryStore::Run& run) {
    WaitingRows rows;
    for (const Event& event : run.record.events) rows.next(event);
    return rows;
  }
  static bool is_in_review(const MemoryStore::Run& run) {
    return waiting_of(run).find(std::string(review_op)) != nullptr;
  }

  static Result<void> add(MemoryStore::Run& run, std::vector<Event> events) {
    RunRow& row = run.record.row;
    for (Event& event : events) {
      event.seq = row.next_seq++;
      if (event.kind_text.empty()) event.kind_text = std::string(name_of(event.kind));
      bool once = event.kind == EventKind::intent || event.kind == EventKind::outcome ||
                  event.kind == EventKind::mark_intent || event.kind == EventKind::mark;
      if (once && !run.once.emplace(event.op.path, event.attempt, event.kind_text).second)
        return fail(ErrorCode::invalid, "`" + event.kind_text + "` of `" + event.op.path + "` was recorded before");
      row.head = event.hash = next_link(row.head, event);
      run.record.events.push_back(std::move(event));
    }
    return {};
  }

  void add_to_ledger(std::string_view kind, const Lease& after, Timestamp at) {
    LedgerEntry entry;
    entry.n = static_cast<int64_t>(store_->ledger.size()) + 1;
    entry.at_us = at.us;
    entry.kind = std::string(kind);
    entry.run = after.run;
    entry.run_seq = after.next_seq - 1;
    entry.run_head = after.head;
    entry.hash = ledger_link(store_->ledger.empty() ? ledger_start(instance()) : store_->ledger.back().hash, entry);
    store_->ledger.push_back(std::move(entry));
  }

  std::shared_ptr<MemoryStore> store_;
  int64_t seen_ = -1;
};

}  // namespace muster
