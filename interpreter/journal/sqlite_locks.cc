// Named locks: rows that say which run holds which name. Whether a lock still holds is never written down, but judged
// by its run: what its state is, and whether its owner is there.
#include <sqlite3.h>

#include <set>

#include "interpreter/base/json.h"
#include "interpreter/base/shell_quote.h"
#include "interpreter/journal/chain.h"
#include "interpreter/journal/sqlite_journal.h"

namespace muster {
namespace {

// A macro, because statements are cached by their literal's address.
#define MUSTER_LOCK_ROWS                                                                                             \
  "SELECT lock.name, lock.run, lock.taken_at, run.playbook, run.starter, run.state, run.owner, run.expires_at FROM " \
  "lock LEFT JOIN run ON run.id = lock.run "

Event lock_event(EventKind kind, Timestamp at, Map body) {
  Event event;
  event.kind = kind;
  event.kind_text = std::string(name_of(kind));
  event.op.path = "playbook";
  event.at = at;
  event.body = encode_value(Value(std::move(body)));
  return event;
}

tl::unexpected<Error> held_by(const LockRow& lock) {
  std::string hint = "`muster show " + lock.run + "` tells how far it is; try again once it has ended";
  if (lock.state == RunState::waiting)
    hint = "`muster show " + lock.run + "` tells what it waits for: decide it, or `muster cancel " + lock.run + "`";
  if (lock.state != RunState::waiting && lock.owner.empty())
    hint = "`muster resume " + lock.run + "` or `muster cancel " + lock.run +
           "`; or break the lock: muster locks --release " + shell_quote(lock.name) + " --reason TEXT";
  return fail(ErrorCode::busy,
              "the lock `" + lock.name + "` is held by run " + lock.run + " of " + lock.playbook + ", started by " +
                  lock.starter + ", since " + to_text(lock.taken_at) + ": " + lock.standing,
              std::move(hint));
}

}  // namespace

// A run that waits for a person keeps its locks, and so does one that was put down in good order. A running one loses
// them with its owner.
void SqliteJournal::judge(LockRow& lock, Timestamp expires, const Owner& ours, Timestamp now) {
  OwnerStanding owner = lock.owner.empty() ? OwnerStanding{} : standing_of(lock.owner, ours);
  bool expired = !lock.owner.empty() && has_lapsed(lock.owner, expires, ours, now);
  bool alive = !lock.owner.empty() && !owner.gone && !expired;
  if (has_ended(lock.state)) {
    lock.stale = true;
    lock.standing = "it has ended";
  } else if (lock.state == RunState::waiting) {
    lock.standing = "it waits for a person" + (alive ? " in " + owner.who : std::string());
  } else if (lock.owner.empty()) {
    lock.standing = "it was stopped and can be resumed";
  } else if (alive) {
    lock.standing = owner.who + " carries it on";
  } else {
    lock.stale = true;
    lock.standing = owner.gone ? "its owner, " + owner.who + ", is gone"
                               : "its owner, " + owner.who + ", was not heard of since " +
                                     to_text(Timestamp{expires.us - lease_length.us});
  }
  if (!alive) lock.owner.clear();  // nobody carries it on
}

Result<std::vector<LockRow>> SqliteJournal::locks(const Owner& ours, Timestamp now) {
  std::vector<LockRow> out;
  std::vector<std::string> names;
  Result<void> done = store_->read([&]() -> Result<void> {
    {
      StoreStatement row = store_->prepare("SELECT name FROM lock ORDER BY name");
      int code;
      while ((code = row.step()) == SQLITE_ROW) names.push_back(row.text(0));
      if (code != SQLITE_DONE) return pass(store_->error("reading the locks"));
    }
    for (const std::string& name : names) {
      Result<std::optional<LockRow>> lock = lock_row(name, ours, now);
      if (!lock) return pass(lock.error());
      if (*lock) out.push_back(std::move(**lock));
    }
    return {};
  });
  if (!done) return pass(done.error());
  return out;
}

Result<std::optional<LockRow>> SqliteJournal::lock_row(const std::string& name, const Owner& ours, Timestamp now) {
  LockRow lock;
  Timestamp expires;
  {
    StoreStatement row = store_->prepare(MUSTER_LOCK_ROWS "WHERE lock.name = ?");
    int code = row.bind(1, name).step();
    if (code == SQLITE_DONE) return std::optional<LockRow>();
    if (code != SQLITE_ROW) return pass(store_->error("reading a lock"));
    lock.name = row.text(0);
    lock.run = row.text(1);
    lock.taken_at.us = row.number(2);
    if (row.is_null(5)) {
      lock.stale = true;
      lock.standing = "it is no longer recorded";
      return std::optional<LockRow>(std::move(lock));
    }
    lock.playbook = row.text(3);
    lock.starter = row.text(4);
    lock.state = run_state_of(row.text(5)).value_or(RunState::running);
    lock.owner = row.text(6);
    expires.us = row.number(7);
  }
  judge(lock, expires, ours, now);
  return std::optional<LockRow>(std::move(lock));
}

// The holder's own chain says that it lost the lock. Its epoch moves on: an owner that was only stopped is refused at
// its next write.
Result<void> SqliteJournal::take_from(const LockRow& lock, Map why, Timestamp now) {
  {
    StoreStatement row = store_->prepare("DELETE FROM lock WHERE name = ?");
    if (row.bind(1, lock.name).step() != SQLITE_DONE) return pass(store_->error("taking a lock away"));
  }
  Lease lease;
  {
    StoreStatement row = store_->prepare("SELECT epoch, next_seq, head FROM run WHERE id = ?");
    int code = row.bind(1, lock.run).step();
    if (code == SQLITE_DONE || has_ended(lock.state)) return {};
    if (code != SQLITE_ROW) return pass(store_->error("reading the run that held a lock"));
    lease = Lease{lock.run, row.number(0) + 1, row.number(1), row.text(2)};
  }
  why["name"] = lock.name;
  Result<void> written =
      insert_events(lock.run, chained(lease, {lock_event(EventKind::lock_released, now, std::move(why))}));
  if (!written) return written;
  StoreStatement row = store_->prepare("UPDATE run SET epoch = ?, next_seq = ?, head = ? WHERE id = ?");
  row.bind(1, lease.epoch).bind(2, lease.next_seq).bind(3, lease.head).bind(4, lock.run);
  if (row.step() != SQLITE_DONE) return pass(store_->error("fencing off the run that held a lock"));
  return add_to_ledger("takeover", lease, now);
}

Result<CommitAnswer> SqliteJournal::take_locks(const Lease& lease, const std::vector<std::string>& names,
                                               const Owner& owner, Timestamp now) {
  Result<void> ready = load_key();
  if (!ready) return pass(ready.error());
  CommitAnswer answer = CommitAnswer::stored;
  Result<void> done = store_->write([&]() -> Result<void> {
    Lease next = lease;
    {
      StoreStatement row = store_->prepare("SELECT epoch, next_seq, head FROM run WHERE id = ?");
      int code = row.bind(1, lease.run).step();
      if (code != SQLITE_ROW && code != SQLITE_DONE) return pass(store_->error("reading the run"));
      if (code == SQLITE_DONE || row.number(0) != lease.epoch)
        answer = CommitAnswer::lost;
      else if (row.number(1) != lease.next_seq)
        answer = CommitAnswer::stale;
      if (answer != CommitAnswer::stored) return fail(ErrorCode::busy, "fenced");  // only rolls back: the answer tells
      next.head = row.text(2);
    }
    std::vector<Event> events;
    bool taken_over = false;
    std::set<std::string> seen;
    for (const std::string& name : names) {
      if (!seen.insert(name).second) continue;
      Result<std::optional<LockRow>> held = lock_row(name, owner, now);
      if (!held) return pass(held.error());
      if (*held && (*held)->run == lease.run) continue;
      if (*held && !(*held)->stale) return held_by(**held);
      Map body{{"name", name}};
      if (*held) {
        taken_over = true;
        body["from"] = (*held)->run;
        body["standing"] = (*held)->standing;
        Result<void> taken = take_from(**held, Map{{"run", lease.run}, {"reason", (*held)->standing}}, now);
        if (!taken) return taken;
      }
      StoreStatement row =
          store_->prepare("INSERT INTO lock(name, run, epoch, taken_at, expires_at) VALUES(?, ?, ?, ?, ?)");
      row.bind(1, name).bind(2, lease.run).bind(3, lease.epoch).bind(4, now.us).bind(5, (now + lease_length).us);
      if (row.step() != SQLITE_DONE) return pass(store_->error("taking a lock"));
      events.push_back(lock_event(*held ? EventKind::lock_taken_over : EventKind::lock_taken, now, std::move(body)));
    }
    if (events.empty()) return {};
    Result<void> written = insert_events(lease.run, chained(next, std::move(events)));
    if (!written) return written;
    StoreStatement row = store_->prepare("UPDATE run SET next_seq = ?, head = ? WHERE id = ?");
    if (row.bind(1, next.next_seq).bind(2, next.head).bind(3, lease.run).step() != SQLITE_DONE)
      return pass(store_->error("moving the run's head"));
    note_head(next);
    return taken_over ? add_to_ledger("takeover", next, now) : Result<void>();
  });
  if (answer == CommitAnswer::lost) let_go(lease.run);
  if (answer != CommitAnswer::stored) return answer;
  // Names are no word of what has happened: the reserve is not for them.
  if (!done && store_->was_full()) return CommitAnswer::full;
  if (!done) return pass(done.error());
  tidy_log(false);
  return CommitAnswer::stored;
}

Result<void> SqliteJournal::break_lock(const std::string& name, const std::string& person, const std::string& reason,
                                       const Owner& ours, Timestamp now) {
  Result<void> ready = load_key();
  if (!ready) return ready;
  Result<void> done = store_->write([&]() -> Result<void> {
    Result<std::optional<LockRow>> held = lock_row(name, ours, now);
    if (!held) return pass(held.error());
    if (!*held)
      return fail(ErrorCode::not_found, "no run holds a lock called `" + name + "`", "`muster locks` lists them");
    if (!(*held)->owner.empty())
      return fail(
          ErrorCode::busy,
          "the lock `" + name + "` cannot be broken: run " + (*held)->run + " is under way, " + (*held)->standing,
          "`muster cancel " + (*held)->run + " --reason TEXT` ends it, and its locks go with it");
    return take_from(**held, Map{{"person", person}, {"reason", reason}}, now);
  });
  if (done) tidy_log(false);
  return done;
}

}  // namespace muster
