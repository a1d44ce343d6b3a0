#include "interpreter/journal/sqlite_journal.h"

#include <sqlite3.h>

#include <chrono>
#include <cstdlib>

#include "interpreter/base/json.h"
#include "interpreter/journal/chain.h"
#include "interpreter/journal/ledger_entries.h"

namespace muster {
namespace {

constexpr int64_t log_limit_pages = 1024;  // 4 MB
// A log this short is read faster than it is checkpointed: a short run leaves its own to the next.
// The two clocks drift apart by microseconds all the time; only a step counts.
constexpr Duration clock_step = Duration::seconds(1);
constexpr int64_t log_worth_emptying_pages = 64;

tl::unexpected<Error> no_run(const std::string& run) {
  return fail(ErrorCode::not_found, "there is no run `" + run + "`", "`muster runs` lists them");
}

bool may_be_said(EventKind kind) {
  return kind == EventKind::vote || kind == EventKind::answered || kind == EventKind::cancel_asked ||
         kind == EventKind::resolved;
}

bool begins_an_effect(const Commit& commit) {
  for (const Event& event : commit.events)
    if (event.kind == EventKind::intent || event.kind == EventKind::mark_intent) return true;
  return false;
}

}  // namespace

Result<Lease> SqliteJournal::create(const NewRun& run, std::vector<Event> first, const Owner& owner) {
  Result<void> ready = store_->reserve().fill();
  if (ready) ready = be_owner(owner);
  if (ready) ready = load_key();
  if (!ready) return pass(ready.error());
  Lease lease{run.id, 1, 1, first_link(run)};
  std::vector<Event> events = chained(lease, std::move(first));
  Result<void> done = write_lease(owner, run.created_at, [&]() -> Result<void> {
    StoreStatement row = store_->prepare(
        "INSERT INTO run(id, playbook, version, graph_digest, inputs, starter, parent, created_at, owner, epoch, "
        "next_seq, head, state, "
        "due_at, expires_at) VALUES(?,?,?,?,?,?,?,?,?,?,?,?,'running',NULL,?)");
    row.bind(1, run.id)
        .bind(2, run.playbook)
        .bind(3, run.version)
        .bind(4, run.graph_digest)
        .bind(5, run.inputs)
        .bind(6, run.starter);
    row.bind(7, run.parent).bind(8, run.created_at.us).bind(9, owner.id).bind(10, lease.epoch).bind(11, lease.next_seq);
    row.bind(12, lease.head).bind(13, (run.created_at + lease_length).us);
    if (row.step() != SQLITE_DONE) {
      if (store_->error_code() == SQLITE_CONSTRAINT_PRIMARYKEY)
        return fail(ErrorCode::refused, "a run `" + run.id + "` is there already");
      return pass(store_->error("recording the run"));
    }
    for (const auto& [digest, bytes] : run.files) {
      StoreStatement file = store_->prepare("INSERT INTO file(digest, bytes) VALUES(?, ?) ON CONFLICT DO NOTHING");
      if (file.bind(1, digest).bind(2, bytes).step() != SQLITE_DONE) return pass(store_->error("keeping the playbook"));
    }
    Result<void> written = record_owner(owner, run.created_at);
    if (written) written = insert_events(run.id, events);
    if (written) written = add_to_ledger("created", lease, run.created_at);
    if (written) note_head(lease);
    return written;
  });
  if (!done) return pass(done.error());
  hold(run.id, owner, "running");
  tidy_log(false);
  return lease;
}

Result<Lease> SqliteJournal::own(const std::string& run, const Owner& owner, const std::string& person, Timestamp now) {
  Result<void> ready = store_->reserve().fill();
  if (ready) ready = be_owner(owner);
  if (ready) ready = load_key();
  if (!ready) return pass(ready.error());
  signed_.reset();
  Lease lease;
  std::string state, gone;
  Result<void> done = write_lease(owner, now, [&]() -> Result<void> {
    std::string before;
    Timestamp expires;
    {
      StoreStatement row =
          store_->prepare("SELECT owner, epoch, next_seq, head, state, expires_at FROM run WHERE id = ?");
      int code = row.bind(1, run).step();
      if (code == SQLITE_DONE) return no_run(run);
      if (code != SQLITE_ROW) return pass(store_->error("reading the run"));
      before = row.text(0);
      lease = Lease{run, row.number(1) + 1, row.number(2), row.text(3)};
      state = row.text(4);
      expires.us = row.number(5);
    }
    bool taken_over = !before.empty() && before != owner.id;
    if (!before.empty()) {
      Result<void> free = must_be_free(run, before, expires, owner, now);
      if (!free) return free;
    }
    if (state == name_of(RunState::queued) || state == name_of(RunState::waiting)) state = name_of(RunState::running);
    Event owned;
    owned.kind = EventKind::owned;
    owned.at = now;
    owned.body = encode_value(Map{{"owner", owner.id}, {"person", person}, {"before", before}, {"epoch", lease.epoch}});
    Result<void> written = insert_events(run, chained(lease, {std::move(owned)}));
    if (!written) return written;
    StoreStatement row = store_->prepare(
        "UPDATE run SET owner = ?, epoch = ?, next_seq = ?, head = ?, state = ?, expires_at = ? WHERE id = ?");
    row.bind(1, owner.id).bind(2, lease.epoch).bind(3, lease.next_seq).bind(4, lease.head).bind(5, state);
    row.bind(6, (now + lease_length).us).bind(7, run);
    if (row.step() != SQLITE_DONE) return pass(store_->error("taking the run"));
    note_head(lease);
    written = record_owner(owner, now);
    if (!written || !taken_over) return written;
    Result<bool> forgotten = forget_owner(before);
    if (!forgotten) return pass(forgotten.error());
    if (*forgotten) gone = std::move(before);
    return add_to_ledger("takeover", lease, now);
  });
  if (!done) return pass(done.error());
  if (!gone.empty()) remove_owner_lock(store_->path(), gone);
  hand_out_head();
  hold(run, owner, std::move(state));
  tidy_log(false);
  return lease;
}

Result<CommitAnswer> SqliteJournal::commit(Lease& lease, const Commit& commit) {
  if (!commit.from_reserve && begins_an_effect(commit) && !store_->reserve().fill()) return CommitAnswer::full;
  Result<CommitAnswer> answer = commit_once(lease, commit);
  if (answer || !store_->was_full()) return answer;
  if (!commit.from_reserve) return CommitAnswer::full;
  store_->reserve().release();
  answer = commit_once(lease, commit);
  if (answer || !store_->was_full() || commit.outputs.empty()) return answer;
  // What was printed is worth less than what has happened: the events still hold its digest.
  Commit without = commit;
  without.outputs.clear();
  return commit_once(lease, without);
}

Result<CommitAnswer> SqliteJournal::commit_once(Lease& lease, const Commit& commit) {
  if (!commit.ledger.empty()) {
    Result<void> ready = load_key();
    if (!ready) return pass(ready.error());
  }
  signed_.reset();
  Lease next = lease;
  std::vector<Event> events = chained(next, commit.events);
  CommitAnswer answer = CommitAnswer::stored;
  Result<void> done = store_->write([&]() -> Result<void> {
    {
      StoreStatement fence =
          store_->prepare("UPDATE run SET next_seq = ?, head = ? WHERE id = ? AND epoch = ? AND next_seq = ?");
      fence.bind(1, next.next_seq).bind(2, next.head).bind(3, lease.run).bind(4, lease.epoch).bind(5, lease.next_seq);
      if (fence.step() != SQLITE_DONE) return pass(store_->error("moving the run's head"));
    }
    if (store_->changed_rows() != 1) {
      Result<CommitAnswer> fenced = fence_answer(lease);
      if (!fenced) return pass(fenced.error());
      answer = *fenced;
      return fail(ErrorCode::busy, "fenced");  // only rolls back: the answer tells
    }
    Result<void> written = insert_events(lease.run, events);
    if (written) written = update_row(lease.run, commit);
    if (written) written = insert_outputs(lease.run, commit.outputs);
    if (written) written = insert_ops(next, commit.ops);
    if (written && !commit.ledger.empty()) {
      using std::chrono::duration_cast, std::chrono::microseconds, std::chrono::system_clock;
      Timestamp at{events.empty() ? duration_cast<microseconds>(system_clock::now().time_since_epoch()).count()
                                  : events.back().at.us};
      written = add_to_ledger(commit.ledger, next, at);
    }
    if (written && !events.empty()) note_head(next);
    return written;
  });
  if (answer == CommitAnswer::lost) let_go(lease.run);
  if (answer != CommitAnswer::stored) return answer;
  if (!done) return pass(done.error());
  hand_out_head();
  lease = next;
  auto held = holding_.find(lease.run);
  if (held != holding_.end() && commit.state) held->second.state = name_of(*commit.state);
  if (commit.release) {
    lease.epoch = 0;  // nothing can be written under it any more
    let_go(lease.run);
  }
  tidy_log(commit.release && holding_.empty());
  return CommitAnswer::stored;
}

Result<void> SqliteJournal::say(const std::string& run, const Event& event) {
  if (!may_be_said(event.kind))
    return fail(ErrorCode::refused, "only the owner of a run may write `" + std::string(name_of(event.kind)) + "`");
  Result<void> done = store_->write([&]() -> Result<void> {
    Lease lease;
    {
      StoreStatement row = store_->prepare("SELECT epoch, next_seq, head, state FROM run WHERE id = ?");
      int code = row.bind(1, run).step();
      if (code == SQLITE_DONE) return no_run(run);
      if (code != SQLITE_ROW) return pass(store_->error("reading the run"));
      lease = Lease{run, row.number(0), row.number(1), row.text(2)};
      std::optional<RunState> state = run_state_of(row.text(3));
      if (state && has_ended(*state) && !may_be_said_after_the_end(event))
        return fail(ErrorCode::refused, "run `" + run + "` has ended: it is " + row.text(3));
    }
    Result<void> written = insert_events(run, chained(lease, {event}));
    if (!written) return written;
    StoreStatement row = store_->prepare(
        "UPDATE run SET next_seq = ?1, head = ?2, due_at = CASE WHEN owner = '' THEN min(coalesce(due_at, ?4), ?4) "
        "ELSE "
        "due_at END WHERE id = ?3");
    if (row.bind(1, lease.next_seq).bind(2, lease.head).bind(3, run).bind(4, event.at.us).step() != SQLITE_DONE)
      return pass(store_->error("moving the run's head"));
    note_head(lease);
    return {};
  });
  if (done) tidy_log(false);
  return done;
}

Result<bool> SqliteJournal::renew(const Lease& lease, const Owner& owner, Timestamp now) {
  bool held = false;
  Result<void> done = write_lease(owner, now, [&]() -> Result<void> {
    StoreStatement row = store_->prepare("UPDATE run SET expires_at = ? WHERE id = ? AND epoch = ? AND owner = ?");
    row.bind(1, (now + lease_length).us).bind(2, lease.run).bind(3, lease.epoch).bind(4, owner.id);
    if (row.step() != SQLITE_DONE) return pass(store_->error("renewing the lease"));
    held = store_->changed_rows() == 1;
    return {};
  });
  if (!done) return pass(done.error());
  if (!held) let_go(lease.run);
  return held;
}

// No list of what waits reads a run: these rows are written in the commit of the events that they are made of.
Result<void> SqliteJournal::keep_waiting(const std::string& run, const Event& event) {
  switch (change_of_waiting(event)) {
    case WaitingChange::none:
      return {};
    case WaitingChange::ends: {
      StoreStatement gone = store_->prepare("DELETE FROM waiting WHERE run = ? AND op = ?");
      if (gone.bind(1, run).bind(2, event.op.path).step() == SQLITE_DONE) return {};
      break;
    }
    case WaitingChange::all_end: {
      StoreStatement gone = store_->prepare("DELETE FROM waiting WHERE run = ? AND op <> ?");
      if (gone.bind(1, run).bind(2, review_op).step() == SQLITE_DONE) return {};
      break;
    }
    case WaitingChange::begins: {
      const WaitingRow row = waiting_row(event);
      StoreStatement insert = store_->prepare(
          "INSERT OR REPLACE INTO waiting(run, op, seq, kind, playbook, since, expires_at, title, who, steps, "
          "destructive) SELECT ?1, ?2, ?3, ?4, playbook, ?5, ?6, ?7, ?8, ?9, ?10 FROM run WHERE id = ?1");
      insert.bind(1, run).bind(2, row.op.path).bind(3, row.seq).bind(4, row.is_gate ? "gate" : "manual");
      insert.bind(5, row.since.us).bind(6, row.expires_at).bind(7, row.title).bind(8, row.who);
      insert.bind(9, row.steps).bind(10, row.destructive);
      if (insert.step() == SQLITE_DONE) return {};
      break;
    }
  }
  return pass(store_->error("keeping what waits"));
}

Result<void> SqliteJournal::insert_events(const std::string& run, const std::vector<Event>& events) {
  for (const Event& event : events) {
    StoreStatement insert =
        store_->prepare("INSERT INTO event(run, seq, kind, op, attempt, at_us, body, hash) VALUES(?,?,?,?,?,?,?,?)");
    insert.bind(1, run)
        .bind(2, event.seq)
        .bind(3, event.kind_text)
        .bind(4, event.op.path)
        .bind(5, int64_t{event.attempt});
    insert.bind(6, event.at.us).bind(7, event.body).bind(8, event.hash);
    if (insert.step() == SQLITE_DONE) {
      if (Result<void> kept = keep_waiting(run, event); !kept) return kept;
      continue;
    }
    switch (store_->error_code()) {
      case SQLITE_CONSTRAINT_UNIQUE:
        return fail(ErrorCode::invalid, "`" + event.kind_text + "` of `" + event.op.path + "`, attempt " +
                                            std::to_string(event.attempt) + ", was recorded before");
      case SQLITE_CONSTRAINT_PRIMARYKEY:
        return fail(ErrorCode::corrupt,
                    "run " + run + " has an event " + std::to_string(event.seq) + " beyond its head",
                    "`muster audit --verify` tells more");
      default:
        return pass(store_->error("adding an event"));
    }
  }
  return {};
}

Result<CommitAnswer> SqliteJournal::fence_answer(const Lease& lease) {
  StoreStatement row = store_->prepare("SELECT epoch FROM run WHERE id = ?");
  int code = row.bind(1, lease.run).step();
  if (code != SQLITE_ROW && code != SQLITE_DONE) return pass(store_->error("reading the run"));
  bool mine = code == SQLITE_ROW && row.number(0) == lease.epoch;
  return mine ? CommitAnswer::stale : CommitAnswer::lost;
}

void SqliteJournal::note_head(const Lease& after) { store_->will_note({after.run, after.next_seq - 1, after.head}); }

Result<void> SqliteJournal::update_row(const std::string& run, const Commit& commit) {
  auto held = holding_.find(run);
  bool same_state = !commit.state || (held != holding_.end() && held->second.state == name_of(*commit.state));
  if (same_state && !commit.due_at && !commit.clear_due && !commit.release) return {};
  {
    StoreStatement row = store_->prepare(
        "UPDATE run SET state = CASE WHEN ?1 = '' THEN state ELSE ?1 END, due_at = CASE WHEN ?2 THEN NULL ELSE "
        "coalesce(?3, due_at) END, "
        "owner = CASE WHEN ?4 THEN '' ELSE owner END WHERE id = ?5");
    row.bind(1, commit.state ? name_of(*commit.state) : std::string_view())
        .bind(2, int64_t{commit.clear_due})
        .bind(3, commit.due_at);
    row.bind(4, int64_t{commit.release}).bind(5, run);
    if (row.step() != SQLITE_DONE) return pass(store_->error("changing the run's state"));
  }
  if (commit.state && has_ended(*commit.state)) {
    StoreStatement locks = store_->prepare("DELETE FROM lock WHERE run = ?");
    if (locks.bind(1, run).step() != SQLITE_DONE) return pass(store_->error("giving the locks back"));
  }
  if (!commit.release || held == holding_.end()) return {};
  Result<bool> forgotten = forget_owner(held->second.owner);
  return forgotten ? Result<void>() : pass(forgotten.error());
}

Result<void> SqliteJournal::insert_outputs(const std::string& run, const std::vector<OutputRecord>& outputs) {
  for (const OutputRecord& output : outputs) {
    StoreStatement insert = store_->prepare(
        "INSERT OR REPLACE INTO output(run, op, attempt, stream, head, tail, bytes, sha256) VALUES(?,?,?,?,?,?,?,?)");
    insert.bind(1, run)
        .bind(2, output.op.path)
        .bind(3, int64_t{output.attempt})
        .bind(4, output.stream)
        .bind(5, output.head);
    insert.bind(6, output.tail).bind(7, static_cast<int64_t>(output.bytes)).bind(8, output.sha256);
    if (insert.step() != SQLITE_DONE) return pass(store_->error("keeping an output"));
  }
  return {};
}

Result<void> SqliteJournal::insert_ops(const Lease& after, const std::vector<OpState>& ops) {
  for (const OpState& op : ops) {
    StoreStatement insert =
        store_->prepare("INSERT OR REPLACE INTO op(run, op, attempt, state, last_seq) VALUES(?,?,?,?,?)");
    insert.bind(1, after.run)
        .bind(2, op.op.path)
        .bind(3, int64_t{op.attempt})
        .bind(4, op.state)
        .bind(5, after.next_seq - 1);
    if (insert.step() != SQLITE_DONE) return pass(store_->error("keeping a step's state"));
  }
  return {};
}

Result<void> SqliteJournal::add_to_ledger(std::string_view kind, const Lease& after, Timestamp at) {
  LedgerEntry entry;
  entry.at_us = at.us;
  entry.kind = std::string(kind);
  entry.run = after.run;
  entry.run_seq = after.next_seq - 1;
  entry.run_head = after.head;
  Result<SignedHead> head = add_ledger_entry(*store_, *key_, std::move(entry));
  if (!head) return pass(head.error());
  if (kind != "created") signed_ = std::move(*head);
  return {};
}

// After the commit that it came with.
void SqliteJournal::hand_out_head() {
  if (signed_ && on_head_) on_head_(*signed_);
  signed_.reset();
}

Result<void> SqliteJournal::load_key() {
  if (key_) return {};
  Result<SigningKey> key = key_of(*store_);
  if (!key) return pass(key.error());
  key_ = std::move(*key);
  return {};
}

// The flock that says we live; its row in the owner table is written with the run that is taken.
Result<void> SqliteJournal::be_owner(const Owner& owner) {
  if (owners_.count(owner.id) > 0) return {};
  Result<OwnerLock> lock = OwnerLock::take(store_->path(), owner);
  if (!lock) return pass(lock.error());
  owners_.emplace(owner.id, std::move(*lock));
  return {};
}

Result<void> SqliteJournal::record_owner(const Owner& owner, Timestamp now) {
  for (const auto& [run, held] : holding_)
    if (held.owner == owner.id) return {};  // it stands there already
  StoreStatement insert = store_->prepare(
      "INSERT OR REPLACE INTO owner(id, host, boot_id, pid, started, expires_at, socket) VALUES(?,?,?,?,?,?,'')");
  insert.bind(1, owner.id).bind(2, owner.host).bind(3, owner.boot_id).bind(4, owner.pid).bind(5, owner.started);
  insert.bind(6, (now + lease_length).us);
  if (insert.step() != SQLITE_DONE) return pass(store_->error("recording the owner"));
  return {};
}

// Its row goes with the last run that it owned. Whether it went.
Result<bool> SqliteJournal::forget_owner(const std::string& id) {
  StoreStatement row = store_->prepare(
      "DELETE FROM owner WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM run WHERE owner = ?1 AND owner <> '')");
  if (row.bind(1, id).step() != SQLITE_DONE) return pass(store_->error("forgetting an owner"));
  return store_->changed_rows() > 0;
}

Result<void> SqliteJournal::must_be_free(const std::string& run, const std::string& holder, Timestamp expires,
                                         const Owner& ours, Timestamp now) {
  if (has_lapsed(holder, expires, ours, now)) return {};
  OwnerStanding standing = standing_of(holder, ours);
  if (holder == ours.id) {
    // This process, through this journal or one that is gone; or through another that may still be running it.
    if (holding_.count(run) > 0 || !owners_.at(ours.id).is_shared()) return {};
    standing = {false, "another part of this process"};
  }
  if (standing.gone) return {};
  std::string since;
  StoreStatement taken = store_->prepare(
      "SELECT at_us FROM event WHERE run = ? AND kind IN ('owned', 'run_created') ORDER BY seq DESC LIMIT 1");
  if (taken.bind(1, run).step() == SQLITE_ROW) since = " since " + to_text(Timestamp{taken.number(0)});
  return fail(ErrorCode::busy, "run " + run + " is owned by " + standing.who + since,
              "it goes on there; `muster show " + run + "` watches it");
}

SqliteJournal::OwnerStanding SqliteJournal::standing_of(const std::string& id, const Owner& ours) {
  if (id == ours.id) return {false, "this process"};
  StoreStatement row = store_->prepare("SELECT host, boot_id, pid, started FROM owner WHERE id = ?");
  if (row.bind(1, id).step() != SQLITE_ROW) return {false, "`" + id + "`"};
  Owner other{id, row.text(0), row.text(1), row.number(2), row.number(3)};
  std::string pid = std::to_string(other.pid);
  return {is_dead(store_->path(), other, ours),
          "process " + pid + " on " + other.host + " (`" + other.host + ":" + pid + "`)"};
}

// By the boot clock where the holder runs on this boot of this host and told its clocks; else by the wall clock.
bool SqliteJournal::has_lapsed(const std::string& holder, Timestamp expires, const Owner& ours, Timestamp now) {
  if (ours.boot.us > 0) {
    std::string host, boot_id;
    {
      StoreStatement row = store_->prepare("SELECT host, boot_id FROM owner WHERE id = ?");
      if (row.bind(1, holder).step() == SQLITE_ROW) {
        host = row.text(0);
        boot_id = row.text(1);
      }
    }
    std::optional<Duration> offset;
    if (host == ours.host && boot_id == ours.boot_id) offset = clock_offset_of(store_->path(), holder);
    if (offset) return expires.us - offset->us < ours.boot.us;
  }
  return expires < now;
}

// A write that sets the end of a lease. Where the wall clock has stepped since the owner's last one, its other leases
// step with it, so that what is left of them stays.
Result<void> SqliteJournal::write_lease(const Owner& owner, Timestamp now, const std::function<Result<void>()>& body) {
  auto lock = owners_.find(owner.id);
  if (owner.boot.us == 0 || lock == owners_.end()) return store_->write(body);
  std::optional<Duration> noted;
  bool wrote = false;
  Result<void> done = store_->write([&]() -> Result<void> {
    noted = lock->second.clock_offset();
    Duration offset{now.us - owner.boot.us};
    Duration by{noted ? offset.us - noted->us : 0};
    if (noted && std::llabs(by.us) < clock_step.us) return body();
    wrote = true;
    lock->second.note_clock_offset(offset);
    Result<void> moved = noted ? move_leases(owner, by) : Result<void>();
    return moved ? body() : moved;
  });
  if (!done && wrote) lock->second.note_clock_offset(noted);
  return done;
}

Result<void> SqliteJournal::move_leases(const Owner& owner, Duration by) {
  StoreStatement rows = store_->prepare("UPDATE run SET expires_at = expires_at + ? WHERE owner = ?");
  if (rows.bind(1, by.us).bind(2, owner.id).step() != SQLITE_DONE) return pass(store_->error("moving the leases"));
  return {};
}

std::optional<std::string> SqliteJournal::alarm() {
  int64_t pages = store_->wal_pages();
  if (pages < store_->log_alarm_pages()) return std::nullopt;
  return "the store's log `" + store_->path() + "-wal` has grown to " + std::to_string(pages >> 8) +
         " MB, because a program has been reading an old state of it for long; `fuser " + store_->path() +
         "-shm` tells which";
}

void SqliteJournal::hold(const std::string& run, const Owner& owner, std::string state) {
  holding_[run] = Holding{owner.id, std::move(state)};
  owners_.at(owner.id).owns_something();
}

void SqliteJournal::let_go(const std::string& run) {
  auto held = holding_.find(run);
  if (held == holding_.end()) return;
  std::string owner = std::move(held->second.owner);
  holding_.erase(held);
  for (const auto& [other, holding] : holding_)
    if (holding.owner == owner) return;
  owners_.at(owner).owns_nothing();
}

void SqliteJournal::tidy_log(bool idle) {
  int64_t pages = store_->wal_pages();
  if (idle) {
    if (pages > log_worth_emptying_pages) store_->checkpoint(LogAfter::emptied);
    return;
  }
  if (pages < log_limit_pages) checkpoint_at_pages_ = log_limit_pages;
  if (pages < std::max(checkpoint_at_pages_, log_limit_pages)) return;
  store_->checkpoint(LogAfter::kept);
  // Where a reader keeps the log from starting anew, it grows: look again after as much again.
  checkpoint_at_pages_ = pages + log_limit_pages;
}

Result<std::unique_ptr<Journal>> open_sqlite_journal(const std::string& path, const OpenOptions& options) {
  Result<std::unique_ptr<SqliteStore>> store = SqliteStore::open(path, options);
  if (!store) return pass(store.error());
  return std::make_unique<SqliteJournal>(std::move(*store));
}

}  // namespace muster
