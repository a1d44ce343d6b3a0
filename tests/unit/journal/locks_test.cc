// Named locks whose holders are real processes: dead, stopped, alive.
#include <gtest/gtest.h>
#include <signal.h>

#include "tests/unit/journal/journal_world.h"
#include "tests/unit/journal/processes.h"

namespace muster::journal_world {
namespace {

class Locks : public testing::Test {
 protected:
  // A child that makes a run, takes the lock, and then answers to each byte of `order` with how a commit of its went.
  std::unique_ptr<Child> holding_child() {
    auto child = std::make_unique<Child>([this] {
      Result<std::unique_ptr<Journal>> its_journal = open_journal(path, true);
      if (!its_journal) return 1;
      Owner me = this_owner();
      Result<Lease> its_lease = (*its_journal)->create(new_run(theirs), first_events(), me);
      Result<CommitAnswer> taken = its_lease
                                       ? (*its_journal)->take_locks(*its_lease, {"database:/srv/app.db"}, me, start)
                                       : pass(its_lease.error());
      Result<RunRecord> record = (*its_journal)->read(theirs);
      its_lease->next_seq = record->row.next_seq;  // what was written with the lock
      its_lease->head = record->row.head;
      report.put(taken ? 'h' : 'f');
      while (taken && order.take() != '\0') {
        Result<CommitAnswer> answer = (*its_journal)->commit(*its_lease, commit_of({event(EventKind::audit)}));
        report.put(!answer ? 'e' : *answer == CommitAnswer::lost ? 'l' : *answer == CommitAnswer::stale ? 't' : 's');
      }
      return 0;
    });
    EXPECT_EQ(report.take(), 'h');
    return child;
  }
  Result<CommitAnswer> take(Timestamp now) {
    if (!journal) journal = open_store(path);
    if (lease.run.empty()) lease = journal->create(new_run(ours), first_events(), this_owner()).value_or(Lease{});
    return journal->take_locks(lease, {"database:/srv/app.db"}, this_owner(), now);
  }
  TempDirectory folder;
  std::string path = folder.path() + "/muster.db";
  std::string theirs = "aa00000000000000", ours = "bb00000000000000";
  Pipe report, order;
  std::unique_ptr<Journal> journal;
  Lease lease;
};

TEST_F(Locks, OfARunWhoseProcessIsDeadAreTakenOverAtOnceAndBothRunsSaySo) {
  std::unique_ptr<Child> child = holding_child();
  std::string pid = std::to_string(child->pid());
  EXPECT_FALSE(take(start + Duration::seconds(1)).has_value());
  child->end(SIGKILL);
  EXPECT_TRUE(journal->locks(this_owner(), start)->at(0).stale);
  Result<CommitAnswer> taken = take(start + Duration::seconds(1));
  ASSERT_TRUE(taken.has_value()) << message_of(taken);
  Event over = journal->read(ours)->events.back(), lost = journal->read(theirs)->events.back();
  EXPECT_EQ(over.kind, EventKind::lock_taken_over);
  EXPECT_NE(over.body.find("process " + pid + " on "), std::string::npos) << over.body;
  EXPECT_NE(over.body.find(theirs), std::string::npos) << over.body;
  EXPECT_EQ(lost.kind, EventKind::lock_released);
  EXPECT_NE(lost.body.find(ours), std::string::npos) << lost.body;
  EXPECT_EQ(column(path, "SELECT run FROM ledger WHERE kind = 'takeover' ORDER BY n"),
            (std::vector<std::string>{theirs, ours}));
  EXPECT_TRUE(journal->verify()->findings.empty());
}

TEST_F(Locks, OfALivingProcessNameItItsRunAndSinceWhen) {
  std::unique_ptr<Child> child = holding_child();
  Result<CommitAnswer> refused = take(start + Duration::seconds(1));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::busy);
  std::string host = this_owner().host, pid = std::to_string(child->pid());
  EXPECT_EQ(refused.error().message,
            "the lock `database:/srv/app.db` is held by run " + theirs +
                " of restore-database, started by ann@db1, since 2026-01-15T10:00:00Z: process " + pid + " on " + host +
                " (`" + host + ":" + pid + "`) carries it on");
  EXPECT_NE(refused.error().hint.find("muster show " + theirs), std::string::npos) << refused.error().hint;
  order.put('1');
  EXPECT_EQ(report.take(), 's') << "the holder is not disturbed";
}

TEST_F(Locks, OfAStoppedProcessAreTakenAfterItsLeaseAndItsNextWriteIsRefused) {
  std::unique_ptr<Child> child = holding_child();
  child->signal(SIGSTOP);
  EXPECT_FALSE(take(start + Duration::seconds(14)).has_value());
  ASSERT_TRUE(take(start + Duration::seconds(16)).has_value());
  child->signal(SIGCONT);
  order.put('1');
  EXPECT_EQ(report.take(), 'l');
}

TEST_F(Locks, AreTakenByOneOfTwoProcessesInEachOfAHundredRaces) {
  constexpr int races = 100;
  QuickDirectory quick;
  path = quick.path() + "/muster.db";
  { ASSERT_TRUE(open_store(path)); }
  Pipe go, answers[2];
  std::vector<std::unique_ptr<Child>> children;
  for (int who = 0; who < 2; ++who) {
    children.push_back(std::make_unique<Child>([&, who] {
      Result<std::unique_ptr<Journal>> mine = open_journal(path, false);
      Owner me = this_owner();
      answers[who].put('r');
      if (!mine || go.take() == '\0') return 1;
      for (int i = 0; i < races; ++i) {
        std::string n = std::to_string(i);
        Result<Lease> one = (*mine)->create(new_run(std::to_string(who) + "run" + n), first_events(), me);
        // Each names them the other way round: all or none, so nobody waits for anybody.
        std::vector<std::string> names = {"a" + n, "b" + n};
        if (who == 1) std::swap(names[0], names[1]);
        Result<CommitAnswer> taken = one ? (*mine)->take_locks(*one, names, me, start) : pass(one.error());
        answers[who].put(taken ? 'w' : taken.error().code == ErrorCode::busy ? 'b' : 'e');
      }
      go.take();  // alive until all is counted
      return 0;
    }));
  }
  for (const Pipe& answer : answers) EXPECT_EQ(answer.take(), 'r');
  go.put('1');
  go.put('1');
  std::string seen[2];
  for (int i = 0; i < races; ++i)
    for (int who = 0; who < 2; ++who) seen[who] += answers[who].take();
  for (size_t i = 0; i < races; ++i)
    EXPECT_TRUE((seen[0][i] == 'w' && seen[1][i] == 'b') || (seen[0][i] == 'b' && seen[1][i] == 'w'))
        << "race " << i << ": " << seen[0][i] << seen[1][i];
  EXPECT_EQ(column(path, "SELECT count(*) FROM lock"), std::vector<std::string>{std::to_string(2 * races)});
}

}  // namespace
}  // namespace muster::journal_world
