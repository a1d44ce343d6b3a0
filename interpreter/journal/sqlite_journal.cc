#include <sqlite3.h>

#include <algorithm>
#include <chrono>
#include <map>

#include "interpreter/base/digest.h"
#include "interpreter/base/json.h"
#include "interpreter/journal/chain.h"
#include "interpreter/journal/ledger.h"
#include "interpreter/journal/ownership.h"
#include "interpreter/journal/sqlite_store.h"
#include "interpreter/journal/verify.h"

namespace muster {
namespace {

// The one list of a run row's columns; statements are cached by their literal's address.
#define MUSTER_RUN_COLUMNS \
  "SELECT id, playbook, version, graph_digest, inputs, starter, parent, created_at, owner, epoch, next_seq, head, state, due_at FROM run"

constexpr Duration lease_length = Duration::seconds(15);
constexpr int64_t checkpoint_pages = 1024;  // 4 MB

int64_t wall_us() { return static_cast<int64_t>(std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::system_clock::now().time_since_epoch()).count()); }

class SqliteJournal final : public Journal {
 public:
  SqliteJournal(std::unique_ptr<SqliteStore> store, std::string instance, bool may_create)
      : store_(std::move(store)), instance_(std::move(instance)), may_create_(may_create) {}

  Result<Lease> create(const NewRun& run, std::vector<Event> first, const Owner& owner) override {
    Result<void> ready = be_owner(owner);
    if (!ready) return pass(ready.error());
    Lease lease{run.id, 1, 1, first_link(run)};
    Result<void> done = store_->write([&]() -> Result<void> {
      for (const auto& [digest, bytes] : run.files) {
        StoreStatement file = store_->prepare("INSERT INTO file(digest, bytes) VALUES(?, ?) ON CONFLICT DO NOTHING");
        if (file.bind(1, digest).bind(2, bytes).step() != SQLITE_DONE) return pass(store_->error("keeping the playbook"));
      }
      Result<void> written = insert_events(lease, first);
      if (!written) return written;
      StoreStatement row = store_->prepare(
          "INSERT INTO run(id, playbook, version, graph_digest, inputs, starter, parent, created_at, owner, epoch, next_seq, head, state, expires_at) "
          "VALUES(?,?,?,?,?,?,?,?,?,1,?,?,'running',?)");
      row.bind(1, run.id).bind(2, run.playbook).bind(3, run.version).bind(4, run.graph_digest).bind(5, run.inputs).bind(6, run.starter).bind(7, run.parent);
      row.bind(8, run.created_at.us).bind(9, owner.id).bind(10, lease.next_seq).bind(11, lease.head).bind(12, wall_us() + lease_length.us);
      if (row.step() != SQLITE_DONE) {
        if (sqlite3_extended_errcode(store_->raw()) == SQLITE_CONSTRAINT_PRIMARYKEY) return fail(ErrorCode::refused, "a run `" + run.id + "` is there already");
        return pass(store_->error("recording the run"));
      }
      return add_to_ledger("created", lease);
    });
    if (!done) return pass(done.error());
    return lease;
  }

  Result<Lease> own(const std::string& run, const Owner& owner, const std::string& person, Timestamp now) override {
    Result<void> ready = be_owner(owner);
    if (!ready) return pass(ready.error());
    Lease lease;
    lease.run = run;
    Result<void> done = store_->write([&]() -> Result<void> {
      std::string before;
      int64_t expires = 0;
      {
        StoreStatement row = store_->prepare("SELECT owner, epoch, next_seq, head, expires_at FROM run WHERE id = ?");
        if (row.bind(1, run).step() != SQLITE_ROW) return fail(ErrorCode::not_found, "there is no run `" + run + "`", "`muster runs` lists them");
        before = row.text(0);
        lease.epoch = row.number(1) + 1;
        lease.next_seq = row.number(2);
        lease.head = row.text(3);
        expires = row.number(4);
      }
      bool taken_over = !before.empty() && before != owner.id;
      if (taken_over) {
        Result<void> free = must_be_free(run, before, owner, expires);
        if (!free) return free;
      }
      Event owned;
      owned.kind = EventKind::owned;
      owned.at = now;
      owned.body = encode_value(Map{{"owner", owner.id}, {"person", person}, {"before", before}, {"epoch", lease.epoch}});
      std::vector<Event> events{owned};
      Result<void> written = insert_events(lease, events);
      if (!written) return written;
      StoreStatement row = store_->prepare("UPDATE run SET owner = ?, epoch = ?, next_seq = ?, head = ?, state = CASE WHEN state IN ('queued','waiting') THEN 'running' ELSE state END, expires_at = ? WHERE id = ?");
      row.bind(1, owner.id).bind(2, lease.epoch).bind(3, lease.next_seq).bind(4, lease.head).bind(5, wall_us() + lease_length.us).bind(6, run);
      if (row.step() != SQLITE_DONE) return pass(store_->error("taking the run"));
      if (!taken_over) return {};
      return add_to_ledger("takeover", lease);
    });
    if (!done) return pass(done.error());
    return lease;
  }

  Result<CommitAnswer> commit(Lease& lease, const Commit& commit) override {
    Lease next = lease;
    CommitAnswer answer = CommitAnswer::stored;
    std::vector<Event> events = commit.events;
    Result<void> done = store_->write([&]() -> Result<void> {
      Result<void> written = insert_events(next, events);
      if (!written) {
        // A seq that is taken: somebody spoke in between. The fence below tells which.
        if (written.error().code != ErrorCode::refused) return written;
        answer = fence_answer(lease);
        return fail(ErrorCode::busy, "fenced");
      }
      StoreStatement fence = store_->prepare("UPDATE run SET next_seq = ?, head = ? WHERE id = ? AND epoch = ? AND next_seq = ?");
      fence.bind(1, next.next_seq).bind(2, next.head).bind(3, lease.run).bind(4, lease.epoch).bind(5, lease.next_seq);
      if (fence.step() != SQLITE_DONE) return pass(store_->error("moving the run's head"));
      if (sqlite3_changes(store_->raw()) != 1) {
        answer = fence_answer(lease);
        return fail(ErrorCode::busy, "fenced");
      }
      if (commit.state || commit.due_at || commit.clear_due || commit.release) {
        Result<void> row = update_row(lease.run, commit);
        if (!row) return row;
      }
      for (const OutputRecord& output : commit.outputs) {
        StoreStatement insert = store_->prepare("INSERT OR REPLACE INTO output(run, op, attempt, stream, head, tail, bytes, sha256) VALUES(?,?,?,?,?,?,?,?)");
        insert.bind(1, lease.run).bind(2, output.op.path).bind(3, int64_t{output.attempt}).bind(4, output.stream).bind(5, output.head).bind(6, output.tail);
        insert.bind(7, static_cast<int64_t>(output.bytes)).bind(8, output.sha256);
        if (insert.step() != SQLITE_DONE) return pass(store_->error("keeping an output"));
      }
      for (const OpState& op : commit.ops) {
        StoreStatement insert = store_->prepare("INSERT OR REPLACE INTO op(run, op, attempt, state, last_seq) VALUES(?,?,?,?,?)");
        insert.bind(1, lease.run).bind(2, op.op.path).bind(3, int64_t{op.attempt}).bind(4, op.state).bind(5, next.next_seq - 1);
        if (insert.step() != SQLITE_DONE) return pass(store_->error("keeping a step's state"));
      }
      if (!commit.ledger.empty()) return add_to_ledger(commit.ledger, next);
      return {};
    });
    if (answer != CommitAnswer::stored) return answer;
    if (!done) return pass(done.error());
    lease = next;
    bool ended = commit.state && has_ended(*commit.state);
    if (ended || store_->wal_pages() > checkpoint_pages) store_->checkpoint();
    return CommitAnswer::stored;
  }

  Result<void> say(const std::string& run, const Event& event) override {
    bool allowed = event.kind == EventKind::vote || event.kind == EventKind::answered || event.kind == EventKind::cancel_asked || event.kind == EventKind::resolved;
    if (!allowed) return fail(ErrorCode::refused, "only the owner of a run may write `" + std::string(name_of(event.kind)) + "`");
    return store_->write([&]() -> Result<void> {
      Lease lease;
      lease.run = run;
      {
        StoreStatement row = store_->prepare("SELECT epoch, next_seq, head, state FROM run WHERE id = ?");
        if (row.bind(1, run).step() != SQLITE_ROW) return fail(ErrorCode::not_found, "there is no run `" + run + "`", "`muster runs` lists them");
        lease.epoch = row.number(0);
        lease.next_seq = row.number(1);
        lease.head = row.text(2);
        std::optional<RunState> state = run_state_of(row.text(3));
        if (state && has_ended(*state)) return fail(ErrorCode::refused, "run `" + run + "` has ended: it is " + row.text(3));
      }
      std::vector<Event> events{event};
      Result<void> written = insert_events(lease, events);
      if (!written) return written;
      StoreStatement row = store_->prepare("UPDATE run SET next_seq = ?, head = ? WHERE id = ?");
      if (row.bind(1, lease.next_seq).bind(2, lease.head).bind(3, run).step() != SQLITE_DONE) return pass(store_->error("moving the run's head"));
      return {};
    });
  }

  Result<bool> renew(const Lease& lease, const Owner&, Timestamp) override {
    bool held = false;
    Result<void> done = store_->write([&]() -> Result<void> {
      StoreStatement row = store_->prepare("UPDATE run SET expires_at = ? WHERE id = ? AND epoch = ?");
      if (row.bind(1, wall_us() + lease_length.us).bind(2, lease.run).bind(3, lease.epoch).step() != SQLITE_DONE) return pass(store_->error("renewing the lease"));
      held = sqlite3_changes(store_->raw()) == 1;
      return {};
    });
    if (!done) return pass(done.error());
    return held;
  }

  Result<RunRecord> read(const std::string& run, int64_t since) override {
    RunRecord record;
    Result<std::vector<RunRow>> rows = rows_where("id = ?1", run, 1);
    if (!rows) return pass(rows.error());
    if (rows->empty()) return fail(ErrorCode::not_found, "there is no run `" + run + "`", "`muster runs` lists them");
    record.row = std::move(rows->front());
    StoreStatement events = store_->prepare("SELECT seq, kind, op, attempt, at_us, body, hash FROM event WHERE run = ? AND seq > ? ORDER BY seq");
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
      record.events.push_back(std::move(event));
    }
    if (code != SQLITE_DONE) return pass(store_->error("reading events"));
    if (since == 0) {
      if (std::optional<VerifyFinding> broken = check_chain(record))
        return fail(ErrorCode::corrupt, "run " + run + ": " + broken->message, "`muster audit --verify` checks the whole store");
    }
    return record;
  }

  Result<std::vector<RunRow>> find(const RunQuery& query) override {
    Result<std::vector<RunRow>> rows = query.id_prefix.empty() ? rows_where("1", "", 0) : rows_where("substr(id, 1, length(?1)) = ?1", query.id_prefix, 0);
    if (!rows) return rows;
    std::vector<RunRow> out;
    for (RunRow& row : *rows) {
      if (!query.playbook.empty() && row.playbook != query.playbook) continue;
      if (query.only_open && has_ended(row.state)) continue;
      out.push_back(std::move(row));
      if (query.limit > 0 && static_cast<int>(out.size()) == query.limit) break;
    }
    return out;
  }

  Result<std::string> file(const std::string& digest) override {
    StoreStatement row = store_->prepare("SELECT bytes FROM file WHERE digest = ?");
    if (row.bind(1, digest).step() != SQLITE_ROW) return fail(ErrorCode::not_found, "the store has no file " + digest);
    std::string bytes = row.text(0);
    if (sha256_hex(bytes) != digest) return fail(ErrorCode::corrupt, "the stored file " + digest + " was changed");
    return bytes;
  }

  Result<std::vector<OutputRecord>> outputs(const std::string& run) override {
    std::vector<OutputRecord> out;
    StoreStatement rows = store_->prepare("SELECT op, attempt, stream, head, tail, bytes, sha256 FROM output WHERE run = ? ORDER BY op, attempt, stream");
    rows.bind(1, run);
    while (rows.step() == SQLITE_ROW)
      out.push_back({OpId{rows.text(0)}, static_cast<int>(rows.number(1)), rows.text(2), rows.text(3), rows.text(4), static_cast<uint64_t>(rows.number(5)), rows.text(6)});
    return out;
  }

  Result<bool> changed() override {
    StoreStatement version = store_->prepare("PRAGMA data_version");
    if (version.step() != SQLITE_ROW) return pass(store_->error("asking for changes"));
    int64_t now = version.number(0);
    bool moved = now != data_version_;
    data_version_ = now;
    return moved;
  }

  Result<VerifyReport> verify(const std::string& run) override {
    VerifyReport report;
    Result<std::vector<RunRow>> rows = run.empty() ? rows_where("1", "", 0) : rows_where("id = ?1", run, 0);
    if (!rows) return pass(rows.error());
    if (!run.empty() && rows->empty()) return fail(ErrorCode::not_found, "there is no run `" + run + "`", "`muster runs` lists them");
    std::map<std::string, RunRecord> records;
    for (RunRow& row : *rows) {
      Result<RunRecord> record = read(row.id, -1);
      if (!record) return pass(record.error());
      ++report.runs;
      report.events += static_cast<int64_t>(record->events.size());
      if (std::optional<VerifyFinding> finding = check_chain(*record)) report.findings.push_back(std::move(*finding));
      records.emplace(row.id, std::move(*record));
    }
    std::string public_key;
    {
      StoreStatement row = store_->prepare("SELECT public_key FROM store");
      if (row.step() == SQLITE_ROW) public_key = row.text(0);
    }
    std::vector<LedgerRow> ledger;
    StoreStatement entries = store_->prepare("SELECT n, at_us, kind, run, run_seq, run_head, hash, signature FROM ledger ORDER BY n");
    while (entries.step() == SQLITE_ROW)
      ledger.push_back({entries.number(0), entries.number(1), entries.text(2), entries.text(3), entries.number(4), entries.text(5), entries.text(6), entries.text(7)});
    report.ledger_entries = static_cast<int64_t>(ledger.size());
    for (VerifyFinding& finding : check_ledger(instance_, public_key, ledger, records, run)) report.findings.push_back(std::move(finding));
    return report;
  }

  std::string instance() const override { return instance_; }

 private:
  Result<void> insert_events(Lease& lease, std::vector<Event>& events) {
    for (Event& event : events) {
      event.seq = lease.next_seq;
      if (event.kind_text.empty()) event.kind_text = std::string(name_of(event.kind));
      event.hash = next_link(lease.head, event);
      StoreStatement insert = store_->prepare("INSERT INTO event(run, seq, kind, op, attempt, at_us, body, hash) VALUES(?,?,?,?,?,?,?,?)");
      insert.bind(1, lease.run).bind(2, event.seq).bind(3, event.kind_text).bind(4, event.op.path).bind(5, int64_t{event.attempt}).bind(6, event.at.us);
      insert.bind(7, event.body).bind(8, event.hash);
      if (insert.step() != SQLITE_DONE) {
        int code = sqlite3_extended_errcode(store_->raw());
        if (code == SQLITE_CONSTRAINT_PRIMARYKEY) return fail(ErrorCode::refused, "seq " + std::to_string(event.seq) + " is taken");
        if (code == SQLITE_CONSTRAINT_UNIQUE)
          return fail(ErrorCode::invalid, "`" + event.kind_text + "` of `" + event.op.path + "`, attempt " + std::to_string(event.attempt) + ", was recorded before");
        return pass(store_->error("adding an event"));
      }
      lease.head = event.hash;
      ++lease.next_seq;
    }
    return {};
  }

  CommitAnswer fence_answer(const Lease& lease) {
    StoreStatement row = store_->prepare("SELECT epoch FROM run WHERE id = ?");
    bool mine = row.bind(1, lease.run).step() == SQLITE_ROW && row.number(0) == lease.epoch;
    return mine ? CommitAnswer::stale : CommitAnswer::lost;
  }

  Result<void> update_row(const std::string& run, const Commit& commit) {
    StoreStatement row = store_->prepare(
        "UPDATE run SET state = coalesce(?1, state), due_at = CASE WHEN ?2 THEN NULL ELSE coalesce(?3, due_at) END, "
        "owner = CASE WHEN ?4 THEN '' ELSE owner END WHERE id = ?5");
    if (commit.state) {
      row.bind(1, name_of(*commit.state));
    } else {
      row.bind_null(1);
    }
    row.bind(2, int64_t{commit.clear_due});
    if (commit.due_at) {
      row.bind(3, commit.due_at->us);
    } else {
      row.bind_null(3);
    }
    row.bind(4, int64_t{commit.release}).bind(5, run);
    if (row.step() != SQLITE_DONE) return pass(store_->error("changing the run's state"));
    return {};
  }

  Result<void> add_to_ledger(std::string_view kind, const Lease& lease) {
    if (!key_) {
      Result<SigningKey> key = signing_key(store_->path() + ".key", may_create_);
      if (!key) return pass(key.error());
      key_ = std::move(*key);
    }
    LedgerRow row;
    std::string before = ledger_start(instance_);
    {
      StoreStatement last = store_->prepare("SELECT n, hash FROM ledger ORDER BY n DESC LIMIT 1");
      if (last.step() == SQLITE_ROW) {
        row.n = last.number(0);
        before = last.text(1);
      }
    }
    ++row.n;
    row.at_us = wall_us();
    row.kind = std::string(kind);
    row.run = lease.run;
    row.run_seq = lease.next_seq - 1;
    row.run_head = lease.head;
    row.hash = ledger_link(before, row);
    row.signature = sign(*key_, row.hash);
    StoreStatement insert = store_->prepare("INSERT INTO ledger(n, at_us, kind, run, run_seq, run_head, hash, signature) VALUES(?,?,?,?,?,?,?,?)");
    insert.bind(1, row.n).bind(2, row.at_us).bind(3, row.kind).bind(4, row.run).bind(5, row.run_seq).bind(6, row.run_head).bind(7, row.hash).bind(8, row.signature);
    if (insert.step() != SQLITE_DONE) return pass(store_->error("adding to the ledger"));
    return {};
  }

  // The flock that says we live, and our row in the owner table.
  Result<void> be_owner(const Owner& owner) {
    if (owner_id_ == owner.id) return {};
    Result<OwnerLock> lock = OwnerLock::take(store_->path(), owner);
    if (!lock) return pass(lock.error());
    owner_lock_ = std::move(*lock);
    Result<void> done = store_->write([&]() -> Result<void> {
      StoreStatement insert = store_->prepare("INSERT OR REPLACE INTO owner(id, host, boot_id, pid, started, expires_at, socket) VALUES(?,?,?,?,?,?,'')");
      insert.bind(1, owner.id).bind(2, owner.host).bind(3, owner.boot_id).bind(4, owner.pid).bind(5, owner.started).bind(6, wall_us() + lease_length.us);
      if (insert.step() != SQLITE_DONE) return pass(store_->error("recording the owner"));
      return {};
    });
    if (done) owner_id_ = owner.id;
    return done;
  }

  Result<void> must_be_free(const std::string& run, const std::string& before, const Owner& ours, int64_t expires) {
    Owner other;
    {
      StoreStatement row = store_->prepare("SELECT host, boot_id, pid, started FROM owner WHERE id = ?");
      if (row.bind(1, before).step() != SQLITE_ROW) return {};
      other.id = before;
      other.host = row.text(0);
      other.boot_id = row.text(1);
      other.pid = row.number(2);
      other.started = row.number(3);
    }
    if (is_dead(store_->path(), other, ours)) return {};
    if (expires < wall_us()) return {};
    return fail(ErrorCode::busy, "run " + run + " is owned by process " + std::to_string(other.pid) + " on " + other.host, "it goes on there; `muster show " + run + "` watches it");
  }

  Result<std::vector<RunRow>> rows_where(const std::string& where, const std::string& value, int limit) {
    const char* sql = where == "1"         ? MUSTER_RUN_COLUMNS " ORDER BY created_at DESC, id"
                      : where == "id = ?1" ? MUSTER_RUN_COLUMNS " WHERE id = ?1"
                                           : MUSTER_RUN_COLUMNS " WHERE substr(id, 1, length(?1)) = ?1 ORDER BY created_at DESC, id";
    StoreStatement rows = store_->prepare(sql);
    if (where != "1") rows.bind(1, value);
    std::vector<RunRow> out;
    int code = SQLITE_ROW;
    while ((limit == 0 || static_cast<int>(out.size()) < limit) && (code = rows.step()) == SQLITE_ROW) {
      RunRow row;
      row.id = rows.text(0);
      row.playbook = rows.text(1);
      row.version = rows.text(2);
      row.graph_digest = rows.text(3);
      row.inputs = rows.text(4);
      row.starter = rows.text(5);
      row.parent = rows.text(6);
      row.created_at.us = rows.number(7);
      row.owner = rows.text(8);
      row.epoch = rows.number(9);
      row.next_seq = rows.number(10);
      row.head = rows.text(11);
      row.state = run_state_of(rows.text(12)).value_or(RunState::queued);
      if (!rows.is_null(13)) row.due_at = Timestamp{rows.number(13)};
      out.push_back(std::move(row));
    }
    if (code != SQLITE_DONE && code != SQLITE_ROW) return pass(store_->error("listing runs"));
    return out;
  }

  std::unique_ptr<SqliteStore> store_;
  std::string instance_;
  bool may_create_;
  std::optional<SigningKey> key_;
  OwnerLock owner_lock_;
  std::string owner_id_;
  int64_t data_version_ = -1;
};

}  // namespace

Result<std::unique_ptr<Journal>> open_sqlite_journal(const std::string& path, const OpenOptions& options) {
  Result<std::unique_ptr<SqliteStore>> store = SqliteStore::open(path, options);
  if (!store) return pass(store.error());
  std::string instance;
  auto read_instance = [&] {
    StoreStatement row = (*store)->prepare("SELECT instance FROM store");
    if (row.step() == SQLITE_ROW) instance = row.text(0);
  };
  read_instance();
  if (instance.empty()) {
    Result<SigningKey> key = signing_key(path + ".key", true);
    if (!key) return pass(key.error());
    Result<void> made = (*store)->write([&]() -> Result<void> {
      read_instance();
      if (!instance.empty()) return {};
      instance = sha256_hex("muster-store-1" + key->public_hex + std::to_string(wall_us())).substr(0, 32);
      StoreStatement insert = (*store)->prepare("INSERT INTO store(instance, created_at, muster_version, public_key) VALUES(?,?,?,?)");
      if (insert.bind(1, instance).bind(2, wall_us()).bind(3, "0.1.0").bind(4, key->public_hex).step() != SQLITE_DONE)
        return pass((*store)->error("naming the store"));
      return {};
    });
    if (!made) return pass(made.error());
  }
  return std::make_unique<SqliteJournal>(std::move(*store), std::move(instance), options.create);
}

}  // namespace muster
