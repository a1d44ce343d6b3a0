// A journal, the real SQLite one unless said, which can be told to break at a commit: what an interpreter meets that is
// killed there.
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>

#include "interpreter/journal/journal.h"
#include "tests/world/temp_directory.h"

namespace muster {

class BreakingJournal final : public Journal {
 public:
  using Open = std::function<Result<std::unique_ptr<Journal>>()>;
  explicit BreakingJournal(const std::string& path) : BreakingJournal([path] { return open_journal(path, true); }) {}
  explicit BreakingJournal(Open open) : open_(std::move(open)) { reopen(); }

  // After so many more successful commits every write fails; -1: never.
  void fail_after(int commits) {
    std::lock_guard lock(mutex_);
    left_ = commits;
    unheard_ = false;
  }
  // The same, but the last of them is stored and never answered: killed between the sync and what follows it.
  void fail_unheard_after(int commits) {
    std::lock_guard lock(mutex_);
    left_ = commits;
    unheard_ = commits > 0;
  }
  // After so many more successful commits the disk is full: only what comes from the reserve is stored; -1: never.
  void full_after(int commits) {
    std::lock_guard lock(mutex_);
    room_ = commits;
    was_full_ = false;
  }
  bool was_full() const { return was_full_; }
  // As another process would: nothing of the one before is left.
  void close() { inner_.reset(); }
  void reopen() {
    inner_.reset();
    Result<std::unique_ptr<Journal>> opened = open_();
    EXPECT_TRUE(opened.has_value()) << opened.error().message;
    if (opened) inner_ = std::move(*opened);
  }

  Result<Lease> create(const NewRun& run, std::vector<Event> first, const Owner& owner) override {
    return write([&] { return inner_->create(run, std::move(first), owner); });
  }
  Result<Lease> own(const std::string& run, const Owner& owner, const std::string& person, Timestamp now) override {
    return write([&] { return inner_->own(run, owner, person, now); });
  }
  Result<CommitAnswer> commit(Lease& lease, const Commit& commit) override {
    return write([&]() -> Result<CommitAnswer> {
      if (!commit.from_reserve && !has_room()) return CommitAnswer::full;
      return inner_->commit(lease, commit);
    });
  }
  Result<void> say(const std::string& run, const Event& event) override { return inner_->say(run, event); }
  Result<bool> renew(const Lease& lease, const Owner& owner, Timestamp now) override {
    return inner_->renew(lease, owner, now);
  }
  Result<CommitAnswer> take_locks(const Lease& lease, const std::vector<std::string>& names, const Owner& owner,
                                  Timestamp now) override {
    return write([&]() -> Result<CommitAnswer> {
      if (!has_room()) return CommitAnswer::full;
      return inner_->take_locks(lease, names, owner, now);
    });
  }
  Result<void> break_lock(const std::string& name, const std::string& person, const std::string& reason,
                          const Owner& ours, Timestamp now) override {
    return inner_->break_lock(name, person, reason, ours, now);
  }
  Result<std::vector<LockRow>> locks(const Owner& ours, Timestamp now) override { return inner_->locks(ours, now); }
  Result<RunRecord> read(const std::string& run, int64_t since = 0) override { return inner_->read(run, since); }
  Result<std::vector<RunRow>> find(const RunQuery& query) override { return inner_->find(query); }
  Result<std::vector<WaitingRow>> waiting() override { return inner_->waiting(); }
  Result<std::string> file(const std::string& digest) override { return inner_->file(digest); }
  Result<std::vector<OutputRecord>> outputs(const std::string& run) override { return inner_->outputs(run); }
  Result<void> keep(std::string_view kind, const std::string& body, Timestamp at) override {
    return write([&] { return inner_->keep(kind, body, at); });
  }
  Result<void> each_kept(std::string_view kind, const std::function<bool(Kept&&)>& take) override {
    return inner_->each_kept(kind, take);
  }
  Result<bool> changed() override { return inner_->changed(); }
  Result<VerifyReport> verify(const std::string& run = {}) override { return inner_->verify(run); }
  std::string instance() const override { return inner_->instance(); }

 private:
  template <class Write>
  auto write(Write&& one) -> decltype(one()) {
    bool heard = true;
    {
      std::lock_guard lock(mutex_);
      if (left_ == 0) return broken();
      if (left_ > 0) --left_;
      heard = !(left_ == 0 && unheard_);
    }
    auto answer = one();
    if (!heard) return broken();
    return answer;
  }
  bool has_room() {
    std::lock_guard lock(mutex_);
    if (room_ < 0) return true;
    if (room_ > 0) return --room_, true;
    return was_full_ = true, false;
  }
  static tl::unexpected<Error> broken() { return fail(ErrorCode::storage, "the journal broke here"); }

  Open open_;
  std::mutex mutex_;
  int left_ = -1, room_ = -1;
  bool unheard_ = false, was_full_ = false;
  std::unique_ptr<Journal> inner_;
};

}  // namespace muster
