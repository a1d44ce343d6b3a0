// The journal: what happened in each run, append-only, a hash chain per run and a signed ledger per store.
//
// Everything the interpreter must know after a kill stands here; every other column is a cache that can be rebuilt from
// events. Hashes go over the stored bytes.
// Units:  times are Timestamps in UTC; `seq` counts from 1 within a run.
// Errors: `busy` (owned by somebody else, with who and since when), `refused` (not a store, a newer store, NFS, foreign
//         application id), `storage` (disk full, I/O error: final, no new effects), `not_found`, `corrupt` (a chain
//         does not verify), `in_doubt` never. A commit that fails has changed nothing.
// Threads: one thread per Journal object: the engine's loop, or the one thread of a command.
// Source: docs/journal.md.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "interpreter/base/op_id.h"
#include "interpreter/base/result.h"
#include "interpreter/base/time.h"
#include "interpreter/base/value.h"

namespace muster {

enum class EventKind {
  run_created,
  owned,
  evaluated,
  skipped,
  intent,
  outcome,
  mark_intent,
  mark,
  in_doubt,
  resolved,
  gate_opened,
  vote,
  gate_closed,
  wait_started,
  wait_ended,
  verified,
  answered,
  lock_taken,
  lock_taken_over,
  lock_released,
  rollback_started,
  rollback_ended,
  audit,
  clock_stepped,
  cancel_asked,
  run_ended,
  unknown,  // of a later version: kept and hashed, never resumed over
};
[[nodiscard]] std::string_view name_of(EventKind kind);
[[nodiscard]] EventKind event_kind_of(std::string_view name);

struct Event {
  int64_t seq = 0;  // given by the journal
  EventKind kind = EventKind::audit;
  std::string kind_text;  // as stored; differs from name_of(kind) only for unknown ones
  OpId op;
  int attempt = 0;
  Timestamp at;
  std::string body;  // encode_value() of a map, or empty
  std::string hash;  // 64 hex digits; given by the journal
};

// A stream of a step, kept beside the chain; the outcome event holds its digests, as `outputs_in_event` writes them.
struct OutputRecord {
  OpId op;
  int attempt = 1;
  std::string stream;  // stdout, stderr
  std::string head, tail;
  uint64_t bytes = 0;
  std::string sha256;
};

// `[{stream, bytes, sha256, kept}]`: sha256 is of all that was printed, kept of the two ends that are stored.
[[nodiscard]] List outputs_in_event(const std::vector<OutputRecord>& outputs);
[[nodiscard]] std::string digest_of_kept(const OutputRecord& output);
// Noted by an audit event when outputs may be left out for want of room.
inline constexpr std::string_view full_disk_notice = "the disk of the store is full";

// The name of the gate that a broken glass leaves behind. No step or phase can be called so.
inline constexpr std::string_view review_op = "~review";
[[nodiscard]] inline bool may_be_said_after_the_end(const Event& event) {
  return event.kind == EventKind::vote && event.op.path == review_op;
}

enum class RunState { queued, running, waiting, succeeded, failed, rejected, rolled_back, cancelled };
[[nodiscard]] std::string_view name_of(RunState state);
[[nodiscard]] std::optional<RunState> run_state_of(std::string_view name);
[[nodiscard]] bool has_ended(RunState state);

// Who runs: dead owners on the same host are known by boot id, pid, start time and flock.
struct Owner {
  std::string id;  // `host:pid:start`
  std::string host;
  std::string boot_id;
  int64_t pid = 0;
  int64_t started = 0;  // the process' start time in clock ticks since boot
  // The boot clock at the `now` that it comes with. On one boot leases are judged by it, so that a step of the wall
  // clock ends none; 0: not known, and the wall clock tells.
  Duration boot{0};
};

struct NewRun {
  std::string id;  // 16 lower-case hex digits or more, made by the engine from entropy
  std::string playbook;
  std::string version;
  std::string graph_digest;
  std::string inputs;   // encode_value() of a map
  std::string starter;  // user@host
  std::string parent;   // the run that it retries; empty
  Timestamp created_at;
  std::vector<std::pair<std::string, std::string>> files;  // digest, bytes: frozen playbook, scripts
};

struct RunRow {
  std::string id, playbook, version, graph_digest, inputs, starter, parent;
  Timestamp created_at;
  std::string owner;  // empty: nobody
  int64_t epoch = 0;
  int64_t next_seq = 1;
  std::string head;  // hash of the last event
  RunState state = RunState::queued;
  std::optional<Timestamp> due_at;
};

struct RunRecord {
  RunRow row;
  std::vector<Event> events;
};

// What an owner may write under: taken by `own`, checked by every commit.
struct Lease {
  std::string run;
  int64_t epoch = 0;
  int64_t next_seq = 1;
  std::string head;
};

struct OpState {  // cache for lists and indexes
  OpId op;
  int attempt = 0;
  std::string state;
};

struct Commit {
  std::vector<Event> events;  // seq and hash are filled in
  std::vector<OutputRecord> outputs;
  std::vector<OpState> ops;
  std::optional<RunState> state;
  std::optional<Timestamp> due_at;
  bool clear_due = false;
  std::string ledger;    // `gate`, `ended`, `takeover`: adds a signed ledger entry with the new head; empty: none
  bool release = false;  // the lease is given back with this commit (end, park)
  // On a full disk the store's reserve is given up for it: only for what has happened already, never for an intent.
  bool from_reserve = false;
};

// `stale`: a vote or the like came in between; read the new events and build the commit again. `lost`: another epoch.
// `full`: the disk has no room, or the reserve is gone, without which no effect may begin; nothing was stored, and what
// has happened may be committed from the reserve.
enum class CommitAnswer { stored, stale, lost, full };

// An entry of the ledger as others may keep it: what was signed, and by whom.
struct SignedHead {
  std::string instance, public_key;  // of the store
  int64_t n = 0;
  Timestamp at;
  std::string kind;  // gate, ended, takeover, pruned, adopted, rehearsed, planned
  std::string run;
  int64_t run_seq = 0;
  std::string run_head;
  std::string previous;  // the hash of the entry before
  std::string hash, signature;
};

struct RunQuery {
  std::string id_prefix;      // empty: all
  std::string playbook;       // empty: all
  bool only_open = false;     // not ended
  int limit = 0;              // 0: all; newest first
  bool or_in_review = false;  // beside `only_open`: those that have ended and left the review of a broken glass open
};

struct VerifyFinding {
  std::string run;  // empty: the ledger
  int64_t seq = 0;  // the first broken link
  std::string message;
};

struct VerifyReport {
  int64_t runs = 0, events = 0, ledger_entries = 0;
  int64_t pruned = 0;                   // runs that the ledger knows as taken away by `muster prune`
  int64_t adopted = 0;                  // times that the store was restored elsewhere and given a new key
  std::vector<VerifyFinding> findings;  // empty: everything holds
};

// How long an owner that is not heard of keeps its run, unless it is known to be gone.
inline constexpr Duration lease_length = Duration::seconds(15);

// A named lock and the run that holds it.
struct LockRow {
  std::string name, run, playbook, starter;
  Timestamp taken_at;
  RunState state = RunState::running;  // of the run
  std::string owner;                   // the process that carries the run on; empty: nobody
  std::string standing;                // for people: `process 12 on db1 carries it on`
  bool stale = false;                  // its owner is gone: whoever wants it next takes it over
};

// What waits for a person: an open gate, the open review of a broken glass, a manual step. Enough for a list of many;
// all that is shown stands in the event `seq`.
struct WaitingRow {
  std::string run, playbook;
  OpId op;
  int64_t seq = 0;
  bool is_gate = true;  // or a review; otherwise a manual step
  Timestamp since;
  std::optional<Timestamp> expires_at;
  std::string title;        // one line of what is asked
  std::string who;          // `2 of group:sre`; empty: anybody
  int64_t steps = 0;        // that stand behind the gate
  int64_t destructive = 0;  // of them
};

// What is kept beside runs, as it was written: what a rehearsal found (rehearsals.h), what a dry run foresaw
// (foreseen.h).
struct Kept {
  Timestamp at;
  std::string body;
};
// Their kinds, which are those of the ledger's entries.
inline constexpr std::string_view kept_rehearsal = "rehearsed";
inline constexpr std::string_view kept_plan = "planned";

class Journal {
 public:
  virtual ~Journal() = default;
  // The run, its frozen files, its first event(s) and a ledger entry, in one commit; gives the lease to `owner`.
  [[nodiscard]] virtual Result<Lease> create(const NewRun& run, std::vector<Event> first, const Owner& owner) = 0;
  // Takes the run: free, or its owner is dead on this host, or the lease has expired. The `owned` event (with the
  // previous owner) is written with it, a takeover into the ledger. `busy` names the owner otherwise.
  [[nodiscard]] virtual Result<Lease> own(const std::string& run, const Owner& owner, const std::string& person,
                                          Timestamp now) = 0;
  // One transaction under the fence; `lease` moves on with it.
  [[nodiscard]] virtual Result<CommitAnswer> commit(Lease& lease, const Commit& commit) = 0;
  // What a command that is not the owner may say: vote, answered, cancel_asked, resolved. To a run that has ended only
  // the vote on its review. A run that nobody carries on is due from then on.
  [[nodiscard]] virtual Result<void> say(const std::string& run, const Event& event) = 0;
  // Heartbeat: moves the lease's end; `false` when it is lost.
  [[nodiscard]] virtual Result<bool> renew(const Lease& lease, const Owner& owner, Timestamp now) = 0;

  // All of the names or none, in one transaction under the fence; those that the run holds already count as taken. The
  // events (`lock_taken`, `lock_taken_over`) are in the journal when it answers `stored`: read them. A lock is taken
  // over only from a running run whose owner is gone; that run is then fenced off, whatever becomes of its owner.
  // `busy` names the holder, `full` took none. A run that ends gives its locks back with the commit that ends it.
  [[nodiscard]] virtual Result<CommitAnswer> take_locks(const Lease& lease, const std::vector<std::string>& names,
                                                        const Owner& owner, Timestamp now) = 0;
  // Takes a lock away by a person's word, recorded with the run that held it. `busy` while a process carries that run
  // on; `not_found`.
  [[nodiscard]] virtual Result<void> break_lock(const std::string& name, const std::string& person,
                                                const std::string& reason, const Owner& ours, Timestamp now) = 0;
  // By name.
  [[nodiscard]] virtual Result<std::vector<LockRow>> locks(const Owner& ours, Timestamp now) = 0;

  // Reading. `since` skips events up to that seq.
  [[nodiscard]] virtual Result<RunRecord> read(const std::string& run, int64_t since = 0) = 0;
  [[nodiscard]] virtual Result<std::vector<RunRow>> find(const RunQuery& query) = 0;
  // Newest first. From rows that are written with the events: no run is read for it, however many wait.
  [[nodiscard]] virtual Result<std::vector<WaitingRow>> waiting() = 0;
  [[nodiscard]] virtual Result<std::string> file(const std::string& digest) = 0;
  [[nodiscard]] virtual Result<std::vector<OutputRecord>> outputs(const std::string& run) = 0;
  // A signed entry of the ledger, of that kind, names the digest of `body`.
  [[nodiscard]] virtual Result<void> keep(std::string_view kind, const std::string& body, Timestamp at) = 0;
  // Newest first, until `take` answers false. `corrupt` for one that is not what was kept.
  [[nodiscard]] virtual Result<void> each_kept(std::string_view kind, const std::function<bool(Kept&&)>& take) = 0;
  // Whether anybody has written since the last call (PRAGMA data_version): cheap, for polling.
  [[nodiscard]] virtual Result<bool> changed() = 0;
  // Every chain and the ledger with its signatures; or one run's.
  [[nodiscard]] virtual Result<VerifyReport> verify(const std::string& run = {}) = 0;
  [[nodiscard]] virtual std::string instance() const = 0;  // the store's identity
  // What a person should look at soon, though everything still works: a log that grows. Nothing: all is well.
  [[nodiscard]] virtual std::optional<std::string> alarm() { return std::nullopt; }
  // Told of each head that was signed at a gate, a takeover or an end, after it was stored.
  virtual void on_head(std::function<void(const SignedHead&)>) {}
};

// `sqlite:PATH`, or a plain path. Makes the folders (0700) and the store (0600) when `create` says so.
[[nodiscard]] Result<std::unique_ptr<Journal>> open_journal(const std::string& store, bool create);

// The path in it; `invalid` for what is no SQLite store.
[[nodiscard]] Result<std::string> sqlite_path(const std::string& store);

// This process, as an owner.
[[nodiscard]] Owner this_owner();

}  // namespace muster
