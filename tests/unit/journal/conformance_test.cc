// What every journal promises, whatever keeps it. A further store joins by one line at the end.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <memory>

#include "interpreter/base/json.h"
#include "interpreter/journal/chain.h"
#include "interpreter/journal/journal.h"
#include "interpreter/journal/run_state.h"
#include "tests/unit/journal/journal_world.h"
#include "tests/world/memory_journal.h"

namespace muster::journal_world {
namespace {

// One store, and as many connections to it as a test wants.
struct Store {
  std::function<std::unique_ptr<Journal>()> open;
};
struct Kind {
  std::string name;
  std::function<Store()> make;
};

class EveryJournal : public testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    store = GetParam().make();
    journal = store.open();
    ASSERT_TRUE(journal);
  }
  Lease started(const std::string& id = "a1b2c3d4e5f60718", Timestamp at = start) {
    Result<Lease> lease = journal->create(new_run(id, at), first_events(), ann);
    EXPECT_TRUE(lease.has_value()) << message_of(lease);
    return lease.value_or(Lease{});
  }
  CommitAnswer answer(Lease& lease, const Commit& commit, Journal* by = nullptr) {
    Result<CommitAnswer> result = (by ? by : journal.get())->commit(lease, commit);
    EXPECT_TRUE(result.has_value()) << message_of(result);
    return result.value_or(CommitAnswer::lost);
  }
  std::vector<std::string> kinds(const std::string& run, int64_t since = 0) {
    std::vector<std::string> out;
    Result<RunRecord> record = journal->read(run, since);
    EXPECT_TRUE(record.has_value()) << message_of(record);
    if (record)
      for (const Event& e : record->events) out.push_back(e.kind_text);
    return out;
  }

  Store store;
  std::unique_ptr<Journal> journal;
  Owner ann = owner_named("ann"), bob = owner_named("bob");
};

using Kinds = std::vector<std::string>;

TEST_P(EveryJournal, GivesBackARunAsItWasCreated) {
  NewRun run = new_run("a1b2c3d4e5f60718");
  run.parent = "0011223344556677";
  Result<Lease> lease = journal->create(run, first_events(), ann);
  ASSERT_TRUE(lease.has_value()) << message_of(lease);
  EXPECT_EQ(lease->epoch, 1);
  EXPECT_EQ(lease->next_seq, 2);
  Result<RunRecord> record = journal->read(run.id);
  ASSERT_TRUE(record.has_value()) << message_of(record);
  const RunRow& row = record->row;
  EXPECT_EQ(row.id, run.id);
  EXPECT_EQ(row.playbook, run.playbook);
  EXPECT_EQ(row.version, run.version);
  EXPECT_EQ(row.graph_digest, run.graph_digest);
  EXPECT_EQ(row.inputs, run.inputs);
  EXPECT_EQ(row.starter, run.starter);
  EXPECT_EQ(row.parent, run.parent);
  EXPECT_EQ(row.created_at, run.created_at);
  EXPECT_EQ(row.owner, "ann");
  EXPECT_EQ(row.state, RunState::running);
  EXPECT_EQ(row.head, lease->head);
  ASSERT_EQ(record->events.size(), 1u);
  EXPECT_EQ(record->events[0].kind, EventKind::run_created);
  EXPECT_EQ(record->events[0].seq, 1);
  EXPECT_EQ(record->events[0].hash, lease->head);
}

TEST_P(EveryJournal, GivesBackEventsByteForByteAndInOrder) {
  Lease lease = started();
  std::string odd = std::string("{\"out\":\"a\\u0000b\xff\"}") + '\0' + "tail";
  Event intent = event(EventKind::intent, "bulk/users[17]", 2, odd, start + Duration::seconds(3));
  EXPECT_EQ(answer(lease, commit_of({intent, event(EventKind::outcome, "bulk/users[17]", 2)})), CommitAnswer::stored);
  EXPECT_EQ(lease.next_seq, 4);
  Result<RunRecord> record = journal->read(lease.run);
  ASSERT_TRUE(record.has_value()) << message_of(record);
  ASSERT_EQ(record->events.size(), 3u);
  EXPECT_EQ(record->events[1].body, odd);
  EXPECT_EQ(record->events[1].op.path, "bulk/users[17]");
  EXPECT_EQ(record->events[1].attempt, 2);
  EXPECT_EQ(record->events[1].at, start + Duration::seconds(3));
  EXPECT_EQ(record->events[2].hash, lease.head);
  EXPECT_EQ(record->events[2].hash, next_link(record->events[1].hash, record->events[2]));
}

TEST_P(EveryJournal, KeepsKindsOfALaterVersion) {
  Lease lease = started();
  Event later = event(EventKind::unknown, "x");
  later.kind_text = "teleported";
  EXPECT_EQ(answer(lease, commit_of({later})), CommitAnswer::stored);
  Result<RunRecord> record = journal->read(lease.run);
  ASSERT_TRUE(record.has_value()) << message_of(record);
  EXPECT_EQ(record->events[1].kind, EventKind::unknown);
  EXPECT_EQ(record->events[1].kind_text, "teleported");
  EXPECT_TRUE(journal->verify()->findings.empty());
}

TEST_P(EveryJournal, ReadsOnlyWhatCameAfter) {
  Lease lease = started();
  answer(lease, commit_of({event(EventKind::intent, "a", 1), event(EventKind::outcome, "a", 1)}));
  EXPECT_EQ(kinds(lease.run, 2), Kinds({"outcome"}));
  EXPECT_EQ(kinds(lease.run, 3), Kinds());
}

TEST_P(EveryJournal, RefusesASecondRunOfTheSameId) {
  Lease lease = started();
  Result<Lease> second = journal->create(new_run(lease.run), first_events(), bob);
  ASSERT_FALSE(second.has_value());
  EXPECT_EQ(second.error().code, ErrorCode::refused);
  EXPECT_EQ(kinds(lease.run), Kinds({"run_created"}));
}

TEST_P(EveryJournal, NamesARunThatIsNotThere) {
  EXPECT_EQ(journal->read("none").error().code, ErrorCode::not_found);
  EXPECT_EQ(journal->own("none", ann, "ann", start).error().code, ErrorCode::not_found);
  EXPECT_EQ(journal->say("none", event(EventKind::vote)).error().code, ErrorCode::not_found);
  EXPECT_EQ(journal->verify("none").error().code, ErrorCode::not_found);
  EXPECT_EQ(journal->file("none").error().code, ErrorCode::not_found);
  Lease never{"none", 1, 1, ""};
  EXPECT_EQ(answer(never, commit_of({event(EventKind::audit)})), CommitAnswer::lost);
}

TEST_P(EveryJournal, KeepsTheFilesOfARunByContent) {
  started();
  Result<std::string> bytes = journal->file(sha256_hex("the playbook's text"));
  ASSERT_TRUE(bytes.has_value()) << message_of(bytes);
  EXPECT_EQ(*bytes, "the playbook's text");
  started("ffffffffffffffff");  // the same file again
}

TEST_P(EveryJournal, KeepsOutputsBesideTheChain) {
  Lease lease = started();
  Commit commit = commit_of({event(EventKind::outcome, "a", 1)});
  std::string odd("\0\xff\n", 3);
  commit.outputs = {{OpId{"a"}, 1, "stdout", odd, "tail", 7, sha256_hex(odd + "tail")},
                    {OpId{"a"}, 1, "stderr", "", "", 0, sha256_hex("")}};
  EXPECT_EQ(answer(lease, commit), CommitAnswer::stored);
  Result<std::vector<OutputRecord>> outputs = journal->outputs(lease.run);
  ASSERT_TRUE(outputs.has_value()) << message_of(outputs);
  ASSERT_EQ(outputs->size(), 2u);
  EXPECT_EQ((*outputs)[0].stream, "stderr");
  EXPECT_EQ((*outputs)[1].head, odd);
  EXPECT_EQ((*outputs)[1].tail, "tail");
  EXPECT_EQ((*outputs)[1].bytes, 7u);
  EXPECT_TRUE(journal->outputs("none")->empty());
}

TEST_P(EveryJournal, ChangesTheRunsRowWithTheCommit) {
  Lease lease = started();
  Commit parked = release();
  parked.due_at = start + Duration::seconds(60);
  EXPECT_EQ(answer(lease, parked), CommitAnswer::stored);
  RunRow row = journal->find({})->at(0);
  EXPECT_EQ(row.state, RunState::waiting);
  EXPECT_EQ(row.owner, "");
  EXPECT_EQ(row.due_at, start + Duration::seconds(60));
  Result<Lease> again = journal->own(row.id, ann, "ann", start);
  ASSERT_TRUE(again.has_value()) << message_of(again);
  row = journal->find({})->at(0);
  EXPECT_EQ(row.state, RunState::running);
  EXPECT_EQ(row.due_at, start + Duration::seconds(60)) << "taking a run leaves its deadline";
  EXPECT_EQ(answer(*again, ending()), CommitAnswer::stored);
  row = journal->find({})->at(0);
  EXPECT_EQ(row.state, RunState::succeeded);
  EXPECT_EQ(row.due_at, std::nullopt);
}

TEST_P(EveryJournal, RefusesToRecordAnIntentOrAnOutcomeTwice) {
  Lease lease = started();
  for (EventKind kind : {EventKind::intent, EventKind::outcome, EventKind::mark_intent, EventKind::mark}) {
    EXPECT_EQ(answer(lease, commit_of({event(kind, "a", 1)})), CommitAnswer::stored);
    Lease before = lease;
    Result<CommitAnswer> twice = journal->commit(lease, commit_of({event(EventKind::audit), event(kind, "a", 1)}));
    ASSERT_FALSE(twice.has_value()) << name_of(kind);
    EXPECT_EQ(twice.error().code, ErrorCode::invalid);
    EXPECT_EQ(lease.next_seq, before.next_seq) << "a commit that fails has changed nothing";
    EXPECT_EQ(answer(lease, commit_of({event(kind, "a", 2), event(kind, "b", 1)})), CommitAnswer::stored);
  }
  EXPECT_EQ(answer(lease, commit_of({event(EventKind::audit, "a", 1), event(EventKind::audit, "a", 1)})),
            CommitAnswer::stored);
  Kinds all = kinds(lease.run);
  EXPECT_EQ(std::count(all.begin(), all.end(), "audit"), 2);
}

TEST_P(EveryJournal, AnswersStaleWhenAWordCameInBetween) {
  Lease lease = started();
  std::unique_ptr<Journal> other = store.open();
  Result<void> said = other->say(lease.run, event(EventKind::vote, "replace", 1, R"({"person":"bob"})"));
  ASSERT_TRUE(said.has_value()) << message_of(said);
  Lease before = lease;
  EXPECT_EQ(answer(lease, commit_of({event(EventKind::intent, "a", 1)})), CommitAnswer::stale);
  EXPECT_EQ(lease.next_seq, before.next_seq);
  EXPECT_EQ(kinds(lease.run), Kinds({"run_created", "vote"})) << "nothing of the stale commit is there";
  Result<RunRecord> news = journal->read(lease.run, lease.next_seq - 1);
  ASSERT_TRUE(news.has_value()) << message_of(news);
  lease.next_seq = news->events.back().seq + 1;
  lease.head = news->events.back().hash;
  EXPECT_EQ(answer(lease, commit_of({event(EventKind::intent, "a", 1)})), CommitAnswer::stored);
  EXPECT_TRUE(journal->verify()->findings.empty());
}

TEST_P(EveryJournal, AnswersLostOnceAnotherHasTakenTheRun) {
  Lease lease = started();
  Lease old = lease;
  EXPECT_EQ(answer(lease, release()), CommitAnswer::stored);
  std::unique_ptr<Journal> other = store.open();
  Result<Lease> taken = other->own(lease.run, bob, "bob", start + Duration::seconds(1));
  ASSERT_TRUE(taken.has_value()) << message_of(taken);
  EXPECT_EQ(taken->epoch, old.epoch + 1);
  EXPECT_EQ(answer(old, commit_of({event(EventKind::outcome, "a", 1)})), CommitAnswer::lost);
  // Also where both have written the very same event.
  EXPECT_EQ(answer(*taken, commit_of({event(EventKind::outcome, "a", 1)}), other.get()), CommitAnswer::stored);
  EXPECT_EQ(answer(old, commit_of({event(EventKind::outcome, "a", 1)})), CommitAnswer::lost);
  EXPECT_EQ(*journal->renew(old, ann, start), false);
  EXPECT_EQ(kinds(lease.run), Kinds({"run_created", "owned", "outcome"}));
}

TEST_P(EveryJournal, AnswersLostAfterTheLeaseWasGivenBack) {
  Lease lease = started();
  EXPECT_EQ(answer(lease, release()), CommitAnswer::stored);
  EXPECT_EQ(answer(lease, commit_of({event(EventKind::audit)})), CommitAnswer::lost);
  EXPECT_EQ(*journal->renew(lease, ann, start), false);
  EXPECT_EQ(kinds(lease.run), Kinds({"run_created"}));
}

TEST_P(EveryJournal, RecordsWhoTookARunAndFromWhom) {
  Lease lease = started();
  EXPECT_EQ(answer(lease, release()), CommitAnswer::stored);
  Result<Lease> taken = journal->own(lease.run, bob, "bob", start + Duration::seconds(5));
  ASSERT_TRUE(taken.has_value()) << message_of(taken);
  Result<RunRecord> record = journal->read(lease.run);
  ASSERT_TRUE(record.has_value()) << message_of(record);
  const Event& owned = record->events.back();
  EXPECT_EQ(owned.kind, EventKind::owned);
  EXPECT_EQ(owned.at, start + Duration::seconds(5));
  EXPECT_EQ(owned.body, R"({"before":"","epoch":2,"owner":"bob","person":"bob"})");
  EXPECT_EQ(record->row.owner, "bob");
  EXPECT_EQ(record->row.epoch, 2);
  EXPECT_EQ(taken->head, owned.hash);
}

TEST_P(EveryJournal, IsBusyWhileALivingOwnerHasTheRunAndSaysWhoAndSinceWhen) {
  Lease lease = started();
  std::unique_ptr<Journal> other = store.open();
  Result<Lease> taken = other->own(lease.run, bob, "bob", start + Duration::seconds(10));
  ASSERT_FALSE(taken.has_value());
  EXPECT_EQ(taken.error().code, ErrorCode::busy);
  EXPECT_NE(taken.error().message.find(std::to_string(ann.pid)), std::string::npos) << taken.error().message;
  EXPECT_NE(taken.error().message.find(ann.host), std::string::npos) << taken.error().message;
  EXPECT_NE(taken.error().message.find("since 2026-01-15T10:00:00Z"), std::string::npos) << taken.error().message;
  EXPECT_EQ(kinds(lease.run), Kinds({"run_created"}));
  EXPECT_EQ(answer(lease, commit_of({event(EventKind::audit)})), CommitAnswer::stored);
}

TEST_P(EveryJournal, LetsAnExpiredLeaseBeTakenAndFencesTheOldOwner) {
  Lease lease = started();
  std::unique_ptr<Journal> other = store.open();
  EXPECT_EQ(*journal->renew(lease, ann, start + Duration::seconds(10)), true);
  EXPECT_FALSE(other->own(lease.run, bob, "bob", start + Duration::seconds(20)).has_value()) << "it was renewed";
  Result<Lease> taken = other->own(lease.run, bob, "bob", start + Duration::seconds(40));
  ASSERT_TRUE(taken.has_value()) << message_of(taken);
  EXPECT_EQ(answer(lease, commit_of({event(EventKind::outcome, "a", 1)})), CommitAnswer::lost);
  EXPECT_EQ(*journal->renew(lease, ann, start + Duration::seconds(41)), false);
  Result<RunRecord> record = journal->read(lease.run);
  ASSERT_TRUE(record.has_value()) << message_of(record);
  EXPECT_NE(record->events.back().body.find(R"("before":"ann")"), std::string::npos);
  EXPECT_EQ(journal->verify()->ledger_entries, 2) << "created, and the takeover";
}

TEST_P(EveryJournal, LetsAnotherSayFourThingsOnly) {
  Lease lease = started();
  for (EventKind kind : {EventKind::vote, EventKind::answered, EventKind::cancel_asked, EventKind::resolved})
    EXPECT_TRUE(journal->say(lease.run, event(kind, "a", 1)).has_value()) << name_of(kind);
  for (int i = 0; i <= static_cast<int>(EventKind::unknown); ++i) {
    auto kind = static_cast<EventKind>(i);
    if (kind == EventKind::vote || kind == EventKind::answered || kind == EventKind::cancel_asked ||
        kind == EventKind::resolved)
      continue;
    Result<void> said = journal->say(lease.run, event(kind, "a", 1));
    ASSERT_FALSE(said.has_value()) << name_of(kind);
    EXPECT_EQ(said.error().code, ErrorCode::refused);
  }
  EXPECT_EQ(kinds(lease.run), Kinds({"run_created", "vote", "answered", "cancel_asked", "resolved"}));
}

TEST_P(EveryJournal, RefusesAWordToARunThatHasEnded) {
  Lease lease = started();
  EXPECT_EQ(answer(lease, ending()), CommitAnswer::stored);
  Result<void> said = journal->say(lease.run, event(EventKind::vote, "a"));
  ASSERT_FALSE(said.has_value());
  EXPECT_EQ(said.error().code, ErrorCode::refused);
}

TEST_P(EveryJournal, FindsTheNewestFirstByPrefixPlaybookAndState) {
  started("aa00000000000000", start);
  Lease ended = started("ab00000000000000", start + Duration::seconds(2));
  started("bb00000000000000", start + Duration::seconds(1));
  EXPECT_EQ(answer(ended, ending()), CommitAnswer::stored);
  auto ids = [&](const RunQuery& query) {
    Kinds out;
    Result<std::vector<RunRow>> rows = journal->find(query);
    EXPECT_TRUE(rows.has_value()) << message_of(rows);
    for (const RunRow& row : rows.value_or(std::vector<RunRow>())) out.push_back(row.id.substr(0, 2));
    return out;
  };
  EXPECT_EQ(ids({}), Kinds({"ab", "bb", "aa"}));
  EXPECT_EQ(ids({"a", "", false, 0}), Kinds({"ab", "aa"}));
  EXPECT_EQ(ids({"ab", "", false, 0}), Kinds({"ab"}));
  EXPECT_EQ(ids({"c", "", false, 0}), Kinds());
  EXPECT_EQ(ids({"%", "", false, 0}), Kinds());
  EXPECT_EQ(ids({"", "", true, 0}), Kinds({"bb", "aa"}));
  EXPECT_EQ(ids({"", "", false, 2}), Kinds({"ab", "bb"}));
  EXPECT_EQ(ids({"a", "", true, 1}), Kinds({"aa"}));
  EXPECT_EQ(ids({"", "restore-database", false, 1}), Kinds({"ab"}));
  EXPECT_EQ(ids({"", "another", false, 0}), Kinds());
}

TEST_P(EveryJournal, FindsARunThatHasEndedAsLongAsItsReviewIsOpen) {
  Lease lease = started();
  started("bb00000000000000", start + Duration::seconds(1));
  const std::string review(review_op);
  EXPECT_EQ(answer(lease, commit_of({event(EventKind::gate_opened, "a", 1), event(EventKind::gate_opened, review, 1)})),
            CommitAnswer::stored);
  EXPECT_EQ(answer(lease, ending()), CommitAnswer::stored);
  auto found = [&] { return journal->find({"", "", true, 0, true})->size(); };
  EXPECT_EQ(journal->find({"", "", true, 0})->size(), 1u);
  EXPECT_EQ(found(), 2u);
  Result<Lease> again = journal->own(lease.run, bob, "bob", start + Duration::seconds(60));
  ASSERT_TRUE(again.has_value()) << message_of(again);
  EXPECT_EQ(answer(*again, commit_of({event(EventKind::gate_closed, review, 1)})), CommitAnswer::stored);
  EXPECT_EQ(found(), 1u);
}

TEST_P(EveryJournal, ListsWhatWaitsForAPersonByTheEventsThatBeginAndEndIt) {
  Lease first = started(), second = started("bb00000000000000", start + Duration::seconds(1));
  const std::string gate = encode_value(
      Map{{"message", "\n  Drop the old table?\nIt is gone then."},
          {"title", "danger"},
          {"expires_at", start + Duration::seconds(60)},
          {"places", List{Map{{"label", "group:dba"}, {"count", 2}}, Map{{"label", "user:eve"}, {"count", 1}}}},
          {"guarded", List{Map{{"effect", "write"}}, Map{{"effect", "destructive"}},
                           Map{{"effect", "destructive"}, {"place", "rollback"}}}}});
  const std::string manual =
      encode_value(Map{{"reason", std::string(waits_for_person)}, {"instructions", "Look"}, {"title", "pick"}});
  const std::string timer = encode_value(Map{{"reason", "retry"}});
  EXPECT_EQ(answer(first, commit_of({event(EventKind::gate_opened, "danger", 1, gate),
                                     event(EventKind::wait_started, "waits", 0, timer)})),
            CommitAnswer::stored);
  EXPECT_EQ(
      answer(second, commit_of({event(EventKind::wait_started, "pick", 1, manual, start + Duration::seconds(5))})),
      CommitAnswer::stored);
  Result<std::vector<WaitingRow>> rows = journal->waiting();
  ASSERT_TRUE(rows.has_value()) << message_of(rows);
  ASSERT_EQ(rows->size(), 2u) << "a step that waits for a time waits for nobody";
  const WaitingRow &newer = rows->at(0), &older = rows->at(1);
  EXPECT_EQ(newer.run + newer.op.path + newer.title + newer.who, "bb00000000000000pickLook");
  EXPECT_FALSE(newer.is_gate || newer.expires_at);
  EXPECT_EQ(older.run, "a1b2c3d4e5f60718");
  EXPECT_EQ(older.playbook, "restore-database");
  EXPECT_EQ(older.title, "Drop the old table?");
  EXPECT_EQ(older.who, "2 of group:dba, and 1 of user:eve");
  EXPECT_TRUE(older.is_gate);
  EXPECT_EQ(older.steps, 2) << "what only follows a failure is no step of it";
  EXPECT_EQ(older.destructive, 1);
  EXPECT_EQ(older.expires_at, start + Duration::seconds(60));
  EXPECT_EQ(journal->read(older.run, older.seq - 1)->events.front().op.path, "danger") << "what it shows begins there";
  EXPECT_TRUE(journal->verify()->findings.empty());

  EXPECT_EQ(answer(first, commit_of({event(EventKind::gate_closed, "danger", 1)})), CommitAnswer::stored);
  EXPECT_EQ(journal->waiting()->size(), 1u);
  EXPECT_EQ(answer(second, ending()), CommitAnswer::stored);
  EXPECT_TRUE(journal->waiting()->empty()) << "an end ends what waits";
  EXPECT_TRUE(journal->verify()->findings.empty());
}

TEST_P(EveryJournal, TellsThatAnotherHasWritten) {
  Lease lease = started();
  std::unique_ptr<Journal> other = store.open();
  (void)journal->changed();
  EXPECT_EQ(*journal->changed(), false);
  ASSERT_TRUE(other->say(lease.run, event(EventKind::cancel_asked)).has_value());
  EXPECT_EQ(*journal->changed(), true);
  EXPECT_EQ(*journal->changed(), false);
}

TEST_P(EveryJournal, VerifiesWhatItWrote) {
  Lease first = started("aa00000000000000");
  Lease second = started("bb00000000000000");
  answer(first, commit_of({event(EventKind::intent, "a", 1)}));
  Commit gate = commit_of({event(EventKind::gate_opened, "replace", 1)});
  gate.ledger = "gate";
  answer(first, gate);
  answer(second, ending());
  Result<VerifyReport> report = journal->verify();
  ASSERT_TRUE(report.has_value()) << message_of(report);
  EXPECT_EQ(report->runs, 2);
  EXPECT_EQ(report->events, 5);
  EXPECT_EQ(report->ledger_entries, 4);
  for (const VerifyFinding& finding : report->findings)
    ADD_FAILURE() << finding.run << " " << finding.seq << " " << finding.message;
  report = journal->verify("bb00000000000000");
  ASSERT_TRUE(report.has_value()) << message_of(report);
  EXPECT_EQ(report->runs, 1);
  EXPECT_EQ(report->events, 2);
  EXPECT_TRUE(report->findings.empty());
}

std::vector<Kind> journals() {
  Kind sqlite{"Sqlite", [] {
                auto folder = std::make_shared<TempDirectory>();
                return Store{[folder] { return open_store(folder->path() + "/muster.db"); }};
              }};
  Kind memory{"Memory", [] {
                auto store = std::make_shared<MemoryStore>();
                return Store{[store] { return std::make_unique<MemoryJournal>(store); }};
              }};
  return {sqlite, memory};
}

// --- named locks

Result<CommitAnswer> take(Journal& journal, Lease& lease, const std::vector<std::string>& names, const Owner& owner,
                          Timestamp now = start) {
  Result<CommitAnswer> answer = journal.take_locks(lease, names, owner, now);
  Result<RunRecord> record = journal.read(lease.run);  // what was written with them belongs to the lease
  if (answer && *answer == CommitAnswer::stored && record) {
    lease.next_seq = record->row.next_seq;
    lease.head = record->row.head;
  }
  return answer;
}

TEST_P(EveryJournal, TakesAllLocksOfARunOrNoneInTheOrderOfTheList) {
  Lease first = started("aa00000000000000"), second = started("bb00000000000000");
  ASSERT_TRUE(take(*journal, first, {"database:b", "database:a"}, ann).has_value());
  EXPECT_EQ(kinds(first.run), (Kinds{"run_created", "lock_taken", "lock_taken"}));
  EXPECT_NE(journal->read(first.run)->events[1].body.find("database:b"), std::string::npos);
  Result<CommitAnswer> refused = take(*journal, second, {"free", "database:a"}, ann, start + Duration::seconds(1));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::busy);
  EXPECT_NE(refused.error().message.find("`database:a` is held by run aa00000000000000"), std::string::npos)
      << refused.error().message;
  EXPECT_NE(refused.error().message.find("since 2026-01-15T10:00:00Z"), std::string::npos) << refused.error().message;
  EXPECT_EQ(kinds(second.run), Kinds{"run_created"});
  Result<std::vector<LockRow>> locks = journal->locks(ann, start);
  ASSERT_TRUE(locks.has_value()) << message_of(locks);
  ASSERT_EQ(locks->size(), 2u) << "`free` was not kept";
  EXPECT_EQ((*locks)[0].name, "database:a");
  EXPECT_EQ((*locks)[0].playbook, "restore-database");
  EXPECT_EQ((*locks)[0].starter, "ann@db1");
  EXPECT_FALSE((*locks)[0].stale);
}

TEST_P(EveryJournal, TakesALockOnceHoweverOftenItsRunAsks) {
  Lease lease = started();
  ASSERT_TRUE(take(*journal, lease, {"a", "a"}, ann).has_value());
  ASSERT_TRUE(take(*journal, lease, {"a", "b"}, ann).has_value());
  EXPECT_EQ(kinds(lease.run), (Kinds{"run_created", "lock_taken", "lock_taken"}));
}

TEST_P(EveryJournal, GivesTheLocksOfARunBackWithItsEnd) {
  Lease first = started("aa00000000000000"), second = started("bb00000000000000");
  ASSERT_TRUE(take(*journal, first, {"a"}, ann).has_value());
  EXPECT_EQ(answer(first, ending()), CommitAnswer::stored);
  EXPECT_TRUE(journal->locks(ann, start)->empty());
  ASSERT_TRUE(take(*journal, second, {"a"}, ann).has_value());
  EXPECT_EQ(kinds(second.run), (Kinds{"run_created", "lock_taken"}));
}

TEST_P(EveryJournal, KeepsTheLocksOfARunThatWaitsHoweverLong) {
  Lease first = started("aa00000000000000");
  ASSERT_TRUE(take(*journal, first, {"a"}, ann).has_value());
  EXPECT_EQ(answer(first, release()), CommitAnswer::stored);
  Timestamp later = start + Duration::seconds(1'000'000);
  Lease second = started("bb00000000000000", later);
  Result<CommitAnswer> refused = take(*journal, second, {"a"}, bob, later);
  ASSERT_FALSE(refused.has_value());
  EXPECT_FALSE(journal->locks(bob, later)->at(0).stale);
}

// The process that waited for a decision is gone, and its lease long over: the run still waits.
TEST_P(EveryJournal, KeepsTheLocksOfARunThatWaitsAlsoWhenTheProcessThatWaitedIsGone) {
  Lease first = started("aa00000000000000");
  ASSERT_TRUE(take(*journal, first, {"a"}, ann).has_value());
  Commit waits;
  waits.state = RunState::waiting;
  EXPECT_EQ(answer(first, waits), CommitAnswer::stored);
  Timestamp later = start + Duration::seconds(1'000'000);
  Lease second = started("bb00000000000000", later);
  EXPECT_FALSE(take(*journal, second, {"a"}, bob, later).has_value());
}

TEST_P(EveryJournal, TakesALockOverFromARunningRunWhoseLeaseIsOverAndFencesItOff) {
  Lease first = started("aa00000000000000");
  ASSERT_TRUE(take(*journal, first, {"a", "b"}, ann).has_value());
  Timestamp early = start + Duration::seconds(14), late = start + Duration::seconds(16);
  Lease second = started("bb00000000000000", early);
  EXPECT_FALSE(take(*journal, second, {"a"}, bob, early).has_value());
  Result<CommitAnswer> taken = take(*journal, second, {"a"}, bob, late);
  ASSERT_TRUE(taken.has_value()) << message_of(taken);
  EXPECT_EQ(kinds(second.run), (Kinds{"run_created", "lock_taken_over"}));
  EXPECT_EQ(kinds(first.run), (Kinds{"run_created", "lock_taken", "lock_taken", "lock_released"}));
  EXPECT_EQ(answer(first, commit_of({event(EventKind::audit)})), CommitAnswer::lost)
      << "its owner was only stopped, and must not write on";
  EXPECT_TRUE(journal->verify()->findings.empty());
  Result<RunHistory> history = replay(journal->read(first.run)->events);
  ASSERT_TRUE(history.has_value()) << message_of(history);
  EXPECT_EQ(history->locks, std::vector<std::string>{"b"});
}

TEST_P(EveryJournal, BreaksALockByAPersonsWordOnlyWhereNobodyCarriesItsRunOn) {
  Lease lease = started();
  ASSERT_TRUE(take(*journal, lease, {"a"}, ann).has_value());
  EXPECT_EQ(journal->break_lock("b", "bob", "why", bob, start).error().code, ErrorCode::not_found);
  Result<void> refused = journal->break_lock("a", "bob", "it is in my way", bob, start);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::busy);
  EXPECT_EQ(answer(lease, release()), CommitAnswer::stored);
  Result<void> broken = journal->break_lock("a", "bob", "the host is gone", bob, start);
  ASSERT_TRUE(broken.has_value()) << message_of(broken);
  EXPECT_TRUE(journal->locks(bob, start)->empty());
  std::string body = journal->read(lease.run)->events.back().body;
  EXPECT_NE(body.find("the host is gone"), std::string::npos) << body;
  EXPECT_NE(body.find("bob"), std::string::npos) << body;
  EXPECT_TRUE(journal->verify()->findings.empty());
}

TEST_P(EveryJournal, TakesNoLockUnderALeaseThatIsLostOrBehind) {
  Lease lease = started();
  Lease behind = lease;
  EXPECT_EQ(answer(lease, commit_of({event(EventKind::audit)})), CommitAnswer::stored);
  EXPECT_EQ(journal->take_locks(behind, {"a"}, ann, start).value_or(CommitAnswer::stored), CommitAnswer::stale);
  ASSERT_TRUE(journal->own(lease.run, bob, "bob", start + Duration::seconds(16)).has_value());
  EXPECT_EQ(journal->take_locks(lease, {"a"}, ann, start).value_or(CommitAnswer::stored), CommitAnswer::lost);
  EXPECT_TRUE(journal->locks(ann, start)->empty());
}

TEST_P(EveryJournal, KeepsBodiesByKindAndGivesThemBackNewestFirstToOthersToo) {
  auto all = [](Journal& one, std::string_view kind) {
    std::vector<Kept> out;
    Result<void> read = one.each_kept(kind, [&](Kept&& kept) {
      out.push_back(std::move(kept));
      return true;
    });
    EXPECT_TRUE(read.has_value()) << message_of(read);
    return out;
  };
  EXPECT_TRUE(all(*journal, kept_rehearsal).empty());
  const std::string odd = std::string("{\"a\":\"\\u0000\"}") + '\0' + "tail";
  ASSERT_TRUE(journal->keep(kept_rehearsal, "{\"a\":1}", start).has_value());
  ASSERT_TRUE(journal->keep(kept_rehearsal, odd, start + Duration::seconds(1)).has_value());
  ASSERT_TRUE(journal->keep(kept_plan, "another kind", start + Duration::seconds(1)).has_value());
  ASSERT_TRUE(journal->keep(kept_rehearsal, "{\"a\":1}", start + Duration::seconds(2)).has_value());
  std::unique_ptr<Journal> other = store.open();
  for (Journal* one : {journal.get(), other.get()}) {
    const std::vector<Kept> kept = all(*one, kept_rehearsal);
    ASSERT_EQ(kept.size(), 3u);
    EXPECT_EQ(kept[0].body, "{\"a\":1}");
    EXPECT_EQ(kept[0].at, start + Duration::seconds(2));
    EXPECT_EQ(kept[1].body, odd);
    EXPECT_EQ(kept[2].at, start);
    ASSERT_EQ(all(*one, kept_plan).size(), 1u);
    int taken = 0;
    ASSERT_TRUE(one->each_kept(kept_rehearsal, [&](Kept&&) { return ++taken < 2; }).has_value());
    EXPECT_EQ(taken, 2) << "whoever has found what he looked for reads no further";
  }
  EXPECT_TRUE(journal->find({})->empty()) << "nothing of it is a run";
  Result<VerifyReport> report = journal->verify();
  ASSERT_TRUE(report.has_value()) << message_of(report);
  EXPECT_TRUE(report->findings.empty());
  EXPECT_EQ(report->ledger_entries, 4);
}

INSTANTIATE_TEST_SUITE_P(Journals, EveryJournal, testing::ValuesIn(journals()),
                         [](const auto& kind) { return kind.param.name; });

TEST(MemoryJournal, BreaksAtTheCommitItWasTold) {
  MemoryJournal journal;
  Result<Lease> lease = journal.create(new_run("a1b2c3d4e5f60718"), first_events(), owner_named("ann"));
  ASSERT_TRUE(lease.has_value());
  journal.fail_after(2);
  EXPECT_TRUE(journal.commit(*lease, commit_of({event(EventKind::audit)})).has_value());
  EXPECT_TRUE(journal.commit(*lease, commit_of({event(EventKind::audit)})).has_value());
  for (int i = 0; i < 2; ++i) {
    Result<CommitAnswer> broken = journal.commit(*lease, commit_of({event(EventKind::audit)}));
    ASSERT_FALSE(broken.has_value());
    EXPECT_EQ(broken.error().code, ErrorCode::storage);
  }
  EXPECT_EQ(journal.read(lease->run)->events.size(), 3u);
  EXPECT_EQ(lease->next_seq, 4);
}

TEST(MemoryJournal, LetsADeadOwnersRunBeTakenAtOnce) {
  auto store = std::make_shared<MemoryStore>();
  MemoryJournal journal(store);
  Result<Lease> lease = journal.create(new_run("a1b2c3d4e5f60718"), first_events(), owner_named("ann"));
  ASSERT_TRUE(lease.has_value());
  store->dead.insert("ann");
  EXPECT_TRUE(journal.own(lease->run, owner_named("bob"), "bob", start).has_value());
}

}  // namespace
}  // namespace muster::journal_world
