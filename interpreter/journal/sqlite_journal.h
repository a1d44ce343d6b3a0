// The journal in one SQLite file. Inside this room.
//
// Units, errors, threads: see journal.h.
// Source: docs/journal.md.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "interpreter/journal/journal.h"
#include "interpreter/journal/ledger.h"
#include "interpreter/journal/ownership.h"
#include "interpreter/journal/sqlite_store.h"
#include "interpreter/journal/verify.h"
#include "interpreter/journal/waiting.h"

namespace muster {

class SqliteJournal final : public Journal {
 public:
  explicit SqliteJournal(std::unique_ptr<SqliteStore> store) : store_(std::move(store)) {}

  Result<Lease> create(const NewRun& run, std::vector<Event> first, const Owner& owner) override;
  Result<Lease> own(const std::string& run, const Owner& owner, const std::string& person, Timestamp now) override;
  Result<CommitAnswer> commit(Lease& lease, const Commit& commit) override;
  Result<void> say(const std::string& run, const Event& event) override;
  Result<bool> renew(const Lease& lease, const Owner& owner, Timestamp now) override;

  Result<CommitAnswer> take_locks(const Lease& lease, const std::vector<std::string>& names, const Owner& owner,
                                  Timestamp now) override;
  Result<void> break_lock(const std::string& name, const std::string& person, const std::string& reason,
                          const Owner& ours, Timestamp now) override;
  Result<std::vector<LockRow>> locks(const Owner& ours, Timestamp now) override;

  Result<RunRecord> read(const std::string& run, int64_t since) override;
  Result<std::vector<RunRow>> find(const RunQuery& query) override;
  Result<std::vector<WaitingRow>> waiting() override;
  Result<std::string> file(const std::string& digest) override;
  Result<std::vector<OutputRecord>> outputs(const std::string& run) override;
  Result<void> keep(std::string_view kind, const std::string& body, Timestamp at) override;
  Result<void> each_kept(std::string_view kind, const std::function<bool(Kept&&)>& take) override;
  Result<bool> changed() override;
  Result<VerifyReport> verify(const std::string& run) override;
  std::string instance() const override { return store_->instance(); }
  std::optional<std::string> alarm() override;
  void on_head(std::function<void(const SignedHead&)> tell) override { on_head_ = std::move(tell); }

 private:
  // A run that was taken through this object.
  struct Holding {
    std::string owner;
    std::string state;  // as last written: most commits need not write it again
  };
  Result<CommitAnswer> commit_once(Lease& lease, const Commit& commit);
  // Writing, inside a write().
  Result<void> keep_waiting(const std::string& run, const Event& event);
  Result<void> insert_events(const std::string& run, const std::vector<Event>& events);
  Result<void> update_row(const std::string& run, const Commit& commit);
  Result<void> insert_outputs(const std::string& run, const std::vector<OutputRecord>& outputs);
  Result<void> insert_ops(const Lease& after, const std::vector<OpState>& ops);
  Result<void> add_to_ledger(std::string_view kind, const Lease& after, Timestamp at);
  Result<void> record_owner(const Owner& owner, Timestamp now);
  Result<void> must_be_free(const std::string& run, const std::string& holder, Timestamp expires, const Owner& ours,
                            Timestamp now);
  Result<bool> forget_owner(const std::string& id);
  // Whether that owner is certainly gone, and what it is called for people.
  struct OwnerStanding {
    bool gone = false;
    std::string who;
  };
  OwnerStanding standing_of(const std::string& owner, const Owner& ours);
  bool has_lapsed(const std::string& holder, Timestamp expires, const Owner& ours, Timestamp now);
  Result<void> write_lease(const Owner& owner, Timestamp now, const std::function<Result<void>()>& body);
  Result<void> move_leases(const Owner& owner, Duration by);
  Result<std::optional<LockRow>> lock_row(const std::string& name, const Owner& ours, Timestamp now);
  void judge(LockRow& lock, Timestamp expires, const Owner& ours, Timestamp now);
  Result<void> take_from(const LockRow& lock, Map why, Timestamp now);
  Result<CommitAnswer> fence_answer(const Lease& lease);
  void note_head(const Lease& after);

  void hand_out_head();
  Result<void> load_key();
  Result<void> be_owner(const Owner& owner);
  void hold(const std::string& run, const Owner& owner, std::string state);
  void let_go(const std::string& run);
  void tidy_log(bool idle);

  // Reading, inside a read() or a write().
  Result<RunRow> row_of(const std::string& run);
  Result<void> each_event(const std::string& run, int64_t since, const std::function<void(Event&&)>& take);
  Result<std::vector<RunRow>> rows(StoreStatement statement);
  std::optional<WaitingRow> migrated_row(const WaitingRow& row);
  Result<std::map<std::string, LedgerHeads>> verify_ledger(VerifyReport& report);
  Result<void> verify_run(const RunRow& row, const LedgerHeads& ledger, VerifyReport& report);
  Result<void> verify_outputs(const std::string& run, RecordedStreams recorded, VerifyReport& report);
  Result<void> verify_waiting(const std::string& run, const WaitingRows& expected, VerifyReport& report);
  Result<void> verify_files(VerifyReport& report);
  Result<void> verify_kept(VerifyReport& report);
  Result<void> verify_pages(VerifyReport& report);

  std::unique_ptr<SqliteStore> store_;
  std::optional<SigningKey> key_;
  std::map<std::string, OwnerLock> owners_;  // by id; nearly always one
  std::map<std::string, Holding> holding_;   // by run
  std::function<void(const SignedHead&)> on_head_;
  std::optional<SignedHead> signed_;  // in the write that is under way
  int64_t data_version_ = -1;
  int64_t checkpoint_at_pages_ = 0;
};

}  // namespace muster
