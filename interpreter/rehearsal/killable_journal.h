// The journal of a rehearsal: the real one, which an interpreter that was killed cannot write to any more.
//
// Its identity is the same each time, so that what is bound to it is, too.
// Errors: `interrupted` for every write behind a kill.
#pragma once

#include <functional>

#include "interpreter/journal/journal.h"

namespace muster {

class KillableJournal final : public Journal {
 public:
  // `real` must outlive it.
  explicit KillableJournal(Journal& real) : real_(real) {}
  // Told of each event that is stored by a commit.
  std::function<void(const Event&)> on_stored;
  void kill() { killed_ = true; }
  [[nodiscard]] bool is_killed() const { return killed_; }

  Result<Lease> create(const NewRun& run, std::vector<Event> first, const Owner& owner) override {
    if (killed_) return gone();
    return real_.create(run, std::move(first), owner);
  }
  Result<Lease> own(const std::string& run, const Owner& owner, const std::string& person, Timestamp now) override {
    if (killed_) return gone();
    return real_.own(run, owner, person, now);
  }
  Result<CommitAnswer> commit(Lease& lease, const Commit& commit) override {
    if (killed_) return gone();
    Result<CommitAnswer> answer = real_.commit(lease, commit);
    if (answer && *answer == CommitAnswer::stored && on_stored)
      for (const Event& event : commit.events) on_stored(event);
    return answer;
  }
  Result<void> say(const std::string& run, const Event& event) override {
    if (killed_) return gone();
    return real_.say(run, event);
  }
  Result<bool> renew(const Lease& lease, const Owner& owner, Timestamp now) override {
    if (killed_) return gone();
    return real_.renew(lease, owner, now);
  }
  Result<CommitAnswer> take_locks(const Lease& lease, const std::vector<std::string>& names, const Owner& owner,
                                  Timestamp now) override {
    if (killed_) return gone();
    return real_.take_locks(lease, names, owner, now);
  }
  Result<void> break_lock(const std::string& name, const std::string& person, const std::string& reason,
                          const Owner& ours, Timestamp now) override {
    if (killed_) return gone();
    return real_.break_lock(name, person, reason, ours, now);
  }
  Result<std::vector<LockRow>> locks(const Owner& ours, Timestamp now) override { return real_.locks(ours, now); }
  Result<RunRecord> read(const std::string& run, int64_t since) override { return real_.read(run, since); }
  Result<std::vector<RunRow>> find(const RunQuery& query) override { return real_.find(query); }
  Result<std::vector<WaitingRow>> waiting() override { return real_.waiting(); }
  Result<std::string> file(const std::string& digest) override { return real_.file(digest); }
  Result<std::vector<OutputRecord>> outputs(const std::string& run) override { return real_.outputs(run); }
  Result<void> keep(std::string_view kind, const std::string& body, Timestamp at) override {
    if (killed_) return gone();
    return real_.keep(kind, body, at);
  }
  Result<void> each_kept(std::string_view kind, const std::function<bool(Kept&&)>& take) override {
    return real_.each_kept(kind, take);
  }
  Result<bool> changed() override { return real_.changed(); }
  Result<VerifyReport> verify(const std::string& run) override { return real_.verify(run); }
  std::string instance() const override { return "rehearsal"; }

 private:
  static tl::unexpected<Error> gone() {
    return fail(ErrorCode::interrupted, "the interpreter was killed", {}, Certainty::maybe);
  }
  Journal& real_;
  bool killed_ = false;  // by a job that has the baton, read by the loop that has it next
};

}  // namespace muster
