// The real SQLite journal, which can be told to break at a commit: what an interpreter meets that is killed there.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "interpreter/journal/journal.h"
#include "tests/world/temp_directory.h"

namespace muster {

class BreakingJournal final : public Journal {
 public:
  explicit BreakingJournal(std::string path) : path_(std::move(path)) { reopen(); }

  // After so many more successful commits every write fails; -1: never.
  void fail_after(int commits) {
    std::lock_guard lock(mutex_);
    left_ = commits;
  }
  // As another process would: nothing of the one before is left.
  void reopen() {
    inner_.reset();
    Result<std::unique_ptr<Journal>> opened = open_journal(path_, true);
    EXPECT_TRUE(opened.has_value()) << opened.error().message;
    if (opened) inner_ = std::move(*opened);
  }

  Result<Lease> create(const NewRun& run, std::vector<Event> first, const Owner& owner) override {
    if (!may_write()) return broken();
    return inner_->create(run, std::move(first), owner);
  }
  Result<Lease> own(const std::string& run, const Owner& owner, const std::string& person, Timestamp now) override {
    if (!may_write()) return broken();
    return inner_->own(run, owner, person, now);
  }
  Result<CommitAnswer> commit(Lease& lease, const Commit& commit) override {
    if (!may_write()) return broken();
    return inner_->commit(lease, commit);
  }
  Result<void> say(const std::string& run, const Event& event) override { return inner_->say(run, event); }
  Result<bool> renew(const Lease& lease, const Owner& owner, Timestamp now) override {
    return inner_->renew(lease, owner, now);
  }
  Result<RunRecord> read(const std::string& run, int64_t since = 0) override { return inner_->read(run, since); }
  Result<std::vector<RunRow>> find(const RunQuery& query) override { return inner_->find(query); }
  Result<std::string> file(const std::string& digest) override { return inner_->file(digest); }
  Result<std::vector<OutputRecord>> outputs(const std::string& run) override { return inner_->outputs(run); }
  Result<bool> changed() override { return inner_->changed(); }
  Result<VerifyReport> verify(const std::string& run = {}) override { return inner_->verify(run); }
  std::string instance() const override { return inner_->instance(); }

 private:
  bool may_write() {
    std::lock_guard lock(mutex_);
    if (left_ < 0) return true;
    return left_-- > 0 || (left_ = 0, false);
  }
  static tl::unexpected<Error> broken() { return fail(ErrorCode::storage, "the journal broke here"); }

  std::string path_;
  std::mutex mutex_;
  int left_ = -1;
  std::unique_ptr<Journal> inner_;
};

}  // namespace muster
