// Old runs taken away, copies made and adopted, and what still verifies afterwards.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <fstream>

#include "interpreter/base/json.h"
#include "interpreter/journal/foreseen.h"
#include "interpreter/journal/heads.h"
#include "interpreter/journal/store_keeping.h"
#include "tests/unit/journal/journal_world.h"

namespace muster::journal_world {
namespace {

namespace fs = std::filesystem;

class Keeping : public testing::Test {
 protected:
  static std::string id(int n) { return "a00000000000000" + std::to_string(n); }
  static Timestamp day(int n) { return start + Duration::seconds(n * 86'400); }

  // A run of day n that ended the same day, made of a file of its own and one that all share.
  void run(int n, const std::string& parent = {}, bool ended = true) {
    std::unique_ptr<Journal> journal = open_store(path);
    NewRun run = new_run(id(n), day(n));
    run.parent = parent;
    std::string text = "playbook " + std::to_string(n), shared = "shared";
    run.files = {{sha256_hex(text), text}, {sha256_hex(shared), shared}};
    Map body{{"files", List{Map{{"digest", sha256_hex(text)}}, Map{{"digest", sha256_hex(shared)}}}}};
    Result<Lease> lease = journal->create(
        run, {event(EventKind::run_created, "", 0, encode_value(std::move(body)), day(n))}, this_owner());
    ASSERT_TRUE(lease.has_value()) << message_of(lease);
    std::vector<OutputRecord> outputs = {{OpId{"a"}, 1, "stdout", "out", "", 3, sha256_hex("out")}};
    Commit commit = commit_of(
        {event(EventKind::intent, "a", 1, "{}", day(n)),
         event(EventKind::outcome, "a", 1, encode_value(Map{{"streams", outputs_in_event(outputs)}}), day(n))});
    commit.outputs = outputs;
    commit.ops = {{OpId{"a"}, 1, "succeeded"}};
    ASSERT_TRUE(journal->commit(*lease, commit).has_value());
    Commit closing = ended ? ending() : release();
    for (Event& one : closing.events) one.at = day(n);
    ASSERT_TRUE(journal->commit(*lease, closing).has_value());
  }
  std::vector<std::string> prune(std::optional<Timestamp> ended_before, std::optional<int64_t> keep,
                                 bool dry_run = false) {
    heads.clear();
    Result<PruneReport> report = prune_store(path, {ended_before, keep, dry_run, day(100)},
                                             [&](const SignedHead& head) { heads.push_back(head); });
    EXPECT_TRUE(report.has_value()) << message_of(report);
    std::vector<std::string> out;
    if (!report) return out;
    for (const PrunedRun& one : report->runs) out.push_back(one.id);
    std::sort(out.begin(), out.end());
    last = *report;
    return out;
  }
  std::vector<std::string> left() { return column(path, "SELECT id FROM run ORDER BY id"); }
  VerifyReport verified() {
    Result<VerifyReport> report = open_store(path)->verify();
    EXPECT_TRUE(report.has_value()) << message_of(report);
    if (!report) return {};
    for (const VerifyFinding& finding : report->findings) ADD_FAILURE() << finding.run << " " << finding.message;
    return *report;
  }
  using Ids = std::vector<std::string>;

  TempDirectory folder;
  std::string path = folder.path() + "/muster.db";
  std::vector<SignedHead> heads;
  PruneReport last;
};

TEST_F(Keeping, PrunesByAgeAndLeavesASignedEntryForEachRun) {
  for (int n : {1, 2, 3}) run(n);
  EXPECT_EQ(prune(day(3), std::nullopt), (Ids{id(1), id(2)}));
  EXPECT_EQ(left(), Ids{id(3)});
  VerifyReport report = verified();
  EXPECT_EQ(report.pruned, 2);
  EXPECT_EQ(report.runs, 1);
  ASSERT_EQ(heads.size(), 2u);
  for (const SignedHead& head : heads) {
    EXPECT_EQ(head.kind, "pruned");
    EXPECT_EQ(head.run_seq, 4) << "the count of its events";
    EXPECT_TRUE(holds(head));
  }
  for (const char* table : {"event", "output", "op"})
    EXPECT_EQ(column(path, "SELECT DISTINCT run FROM " + std::string(table)), Ids{id(3)}) << table;
  Ids files = column(path, "SELECT digest FROM file ORDER BY digest"),
      expected{sha256_hex("playbook 3"), sha256_hex("shared")};
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(files, expected) << "what a run that stays is made of stays";
  // And the store is used as before.
  run(4);
  EXPECT_EQ(verified().runs, 2);
}

TEST_F(Keeping, PrunesByCountAndByBoth) {
  for (int n : {1, 2, 3, 4, 5}) run(n);
  EXPECT_EQ(prune(day(5), 3), (Ids{id(1), id(2)})) << "the newest three stay, however old";
  EXPECT_EQ(prune(day(2), 1), Ids{}) << "the age stays, however many";
  EXPECT_EQ(prune(std::nullopt, 1), (Ids{id(3), id(4)}));
  EXPECT_EQ(left(), Ids{id(5)});
  EXPECT_EQ(verified().pruned, 4);
}

// Dry runs of the files and inputs of `run`, or of others.
class KeepingPlans : public Keeping {
 protected:
  void plan(int n, const std::string& files = "graph", const std::string& what = "sql") {
    ForeseenRun foreseen;
    foreseen.playbook = "restore-database";
    foreseen.digest = sha256_hex(files);
    foreseen.inputs = {{"database", "/srv/app.db"}};
    foreseen.steps = {{"one/a", what, "", "predicted", "", "", "", "", {"UPDATE"}, {}}};
    ASSERT_TRUE(open_store(path)->keep(kept_plan, encode_foreseen(foreseen), day(n)).has_value());
  }
  [[nodiscard]] std::vector<int64_t> pruned_days() const {
    std::vector<int64_t> out;
    for (const PrunedPlan& one : last.plans) out.push_back((one.at.us - start.us) / 1'000'000 / 86'400);
    return out;
  }
  // From the newest on.
  std::vector<int64_t> days_left() {
    std::vector<int64_t> out;
    Result<void> read = open_store(path)->each_kept(kept_plan, [&](Kept&& one) {
      out.push_back((one.at.us - start.us) / 1'000'000 / 86'400);
      return true;
    });
    EXPECT_TRUE(read.has_value()) << message_of(read);
    return out;
  }
  using Days = std::vector<int64_t>;
};

TEST_F(KeepingPlans, GoByAgeAndByCountAsRunsDo) {
  for (int n : {1, 2, 3, 4}) plan(n, "other " + std::to_string(n));
  EXPECT_EQ(prune(day(4), 2), Ids{});
  EXPECT_EQ(pruned_days(), (Days{2, 1})) << "the newest two stay, however old";
  EXPECT_EQ(days_left(), (Days{4, 3}));
  ASSERT_EQ(heads.size(), 2u);
  for (const SignedHead& head : heads) {
    EXPECT_EQ(head.kind, "pruned");
    EXPECT_EQ(head.run, "");
    EXPECT_TRUE(holds(head));
  }
  EXPECT_EQ(column(path, "SELECT count(*) FROM file"), Ids{"2"});
  (void)verified();  // what was pruned is told from what is missing
  prune(day(4), std::nullopt, true);
  EXPECT_EQ(pruned_days(), Days{3});
  EXPECT_EQ(days_left(), (Days{4, 3})) << "only said";
  (void)prune(std::nullopt, 0);
  EXPECT_EQ(days_left(), Days{});
  EXPECT_EQ(column(path, "SELECT count(*) FROM file"), Ids{"0"});
  (void)verified();
}

TEST_F(KeepingPlans, StayWhileTheRunIsThereThatTheyAreComparedWith) {
  for (int n : {1, 2}) plan(n);
  run(3);
  plan(4);
  EXPECT_EQ(prune(day(3), std::nullopt), Ids{});
  EXPECT_EQ(pruned_days(), Days{1}) << "the one of day 2 is laid beside the run of day 3";
  EXPECT_EQ(prune(day(5), std::nullopt, true), Ids{id(3)});
  EXPECT_EQ(pruned_days(), (Days{4, 2})) << "with its run";
  EXPECT_EQ(prune(day(5), std::nullopt), Ids{id(3)});
  EXPECT_EQ(pruned_days(), (Days{4, 2}));
  EXPECT_EQ(days_left(), Days{});
  (void)verified();
}

// Two that foresaw the same are one file.
TEST_F(KeepingPlans, LeaveTheFileToOneThatForesawTheSame) {
  for (int n : {1, 2}) plan(n, "other");
  (void)prune(day(2), std::nullopt);
  EXPECT_EQ(days_left(), Days{2});
  (void)verified();
}

TEST_F(KeepingPlans, ThatWereChangedStayAsEvidence) {
  plan(1, "other");
  tamper(path, "UPDATE file SET bytes = bytes || ' '");
  (void)prune(day(2), std::nullopt);
  EXPECT_TRUE(last.plans.empty());
  ASSERT_EQ(last.broken.size(), 1u);
  EXPECT_EQ(last.broken[0].message, "the dry run of ledger entry 1 is not the one that was kept");
  EXPECT_EQ(column(path, "SELECT count(*) FROM file"), Ids{"1"});
}

TEST_F(KeepingPlans, ThatAreMissingWithoutBeingPrunedAreTold) {
  plan(1, "other");
  (void)prune(day(2), std::nullopt);
  plan(3, "more");
  tamper(path, "DELETE FROM file");
  Result<VerifyReport> report = open_store(path)->verify();
  ASSERT_TRUE(report.has_value()) << message_of(report);
  ASSERT_EQ(report->findings.size(), 1u);
  EXPECT_EQ(report->findings[0].message, "the dry run of ledger entry 3 is missing");
}

TEST_F(Keeping, NeverPrunesAnOpenRun) {
  run(1, {}, false);
  run(2);
  EXPECT_EQ(prune(day(50), std::nullopt), Ids{id(2)});
  EXPECT_EQ(left(), Ids{id(1)});
  verified();
}

TEST_F(Keeping, NeverPrunesARunThatOneThatStaysTriesAgain) {
  run(1);
  run(2, id(1));
  run(3, id(2));
  EXPECT_EQ(prune(day(3), std::nullopt), Ids{}) << "3 stays, so do 2 and with it 1";
  std::sort(last.parents.begin(), last.parents.end());
  EXPECT_EQ(last.parents, (Ids{id(1), id(2)}));
  EXPECT_EQ(prune(day(50), std::nullopt), (Ids{id(1), id(2), id(3)})) << "all of them go together";
  EXPECT_EQ(verified().pruned, 3);
}

TEST_F(Keeping, SaysWhatItWouldPruneAndChangesNothing) {
  run(1);
  run(2, id(1));
  EXPECT_EQ(prune(day(50), std::nullopt, true), (Ids{id(1), id(2)}));
  EXPECT_EQ(left().size(), 2u);
  EXPECT_TRUE(heads.empty());
  EXPECT_EQ(verified().pruned, 0);
}

TEST_F(Keeping, KeepsARunThatDoesNotVerify) {
  run(1);
  run(2);
  tamper(path, "UPDATE event SET body = '{\"forged\":true}' WHERE run = '" + id(1) + "' AND seq = 3");
  EXPECT_EQ(prune(day(50), std::nullopt), Ids{id(2)});
  ASSERT_EQ(last.broken.size(), 1u);
  EXPECT_EQ(last.broken[0].run, id(1));
  EXPECT_EQ(last.broken[0].seq, 3);
  EXPECT_EQ(left(), Ids{id(1)}) << "evidence is not removed";
}

TEST_F(Keeping, TellsAPrunedRunFromOneThatSomebodyRemoved) {
  for (int n : {1, 2, 3}) run(n);
  ASSERT_EQ(prune(day(2), std::nullopt), Ids{id(1)});
  for (const char* table : {"event", "output", "op"})
    tamper(path, "DELETE FROM " + std::string(table) + " WHERE run = '" + id(2) + "'");
  tamper(path, "DELETE FROM run WHERE id = '" + id(2) + "'");
  Result<VerifyReport> report = open_store(path)->verify();
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->pruned, 1);
  ASSERT_GE(report->findings.size(), 1u);
  EXPECT_EQ(report->findings[0].run, id(2));
  EXPECT_NE(report->findings[0].message.find("missing"), std::string::npos);
}

TEST_F(Keeping, FindsAForgedTombstone) {
  run(1);
  ASSERT_EQ(prune(day(50), std::nullopt), Ids{id(1)});
  tamper(path, "UPDATE ledger SET run_seq = 3 WHERE kind = 'pruned'");
  Result<VerifyReport> report = open_store(path)->verify();
  ASSERT_TRUE(report.has_value());
  ASSERT_FALSE(report->findings.empty());
  EXPECT_NE(report->findings[0].message.find("ledger entry 3"), std::string::npos) << report->findings[0].message;
}

TEST_F(Keeping, BacksUpAStoreThatIsInUseAndNeverOverwrites) {
  run(1);
  std::unique_ptr<Journal> journal = open_store(path);
  Result<Lease> lease = journal->create(new_run(id(2), day(2)), first_events(), this_owner());
  ASSERT_TRUE(lease.has_value()) << message_of(lease);
  std::string file = folder.path() + "/copy.db";
  Result<BackupReport> report = backup_store(path, file);
  ASSERT_TRUE(report.has_value()) << message_of(report);
  EXPECT_EQ(report->runs, 2);
  EXPECT_EQ(report->events, 5);
  struct stat status {};
  ASSERT_EQ(::stat(file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  EXPECT_EQ(report->bytes, status.st_size);
  for (const char* suffix : {".part", "-wal", "-shm", ".key", ".part-journal"})
    EXPECT_FALSE(fs::exists(file + suffix)) << suffix;
  EXPECT_EQ(journal->commit(*lease, ending()).value_or(CommitAnswer::lost), CommitAnswer::stored) << "it goes on";
  Result<BackupReport> again = backup_store(path, file);
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code, ErrorCode::refused);
  // The copy is a whole store of that moment.
  Result<VerifyReport> holds = open_journal(file, false).value()->verify();
  ASSERT_TRUE(holds.has_value()) << message_of(holds);
  EXPECT_TRUE(holds->findings.empty());
  EXPECT_EQ(holds->events, 5);
  std::ofstream(folder.path() + "/other") << "mine";
  ASSERT_FALSE(backup_store(path, folder.path() + "/other").has_value());
  EXPECT_EQ(fs::file_size(folder.path() + "/other"), 4u);
}

TEST_F(Keeping, RefusesToWriteInACopyUntilItIsAdoptedAndRecordsThat) {
  run(1);
  run(2, {}, false);
  std::string original = open_store(path)->instance(), copy = folder.path() + "/elsewhere/muster.db";
  fs::create_directory(folder.path() + "/elsewhere");
  ASSERT_TRUE(backup_store(path, copy).has_value());
  {
    std::unique_ptr<Journal> journal = open_store(copy);
    Result<Lease> lease = journal->own(id(2), this_owner(), "ann", day(3));
    ASSERT_FALSE(lease.has_value());
    EXPECT_NE(lease.error().hint.find("--adopt"), std::string::npos) << lease.error().message << lease.error().hint;
    EXPECT_TRUE(journal->read(id(1)).has_value()) << "reading needs no key";
  }
  Result<SignedHead> head = adopt_store(copy, day(4));
  ASSERT_TRUE(head.has_value()) << message_of(head);
  EXPECT_EQ(head->kind, "adopted");
  EXPECT_TRUE(holds(*head));
  std::unique_ptr<Journal> journal = open_store(copy);
  EXPECT_NE(journal->instance(), original);
  EXPECT_EQ(journal->instance(), head->instance);
  Result<Lease> lease = journal->own(id(2), this_owner(), "ann", day(5));
  ASSERT_TRUE(lease.has_value()) << message_of(lease);
  EXPECT_EQ(journal->commit(*lease, ending()).value_or(CommitAnswer::lost), CommitAnswer::stored);
  Result<VerifyReport> report = journal->verify();
  ASSERT_TRUE(report.has_value());
  for (const VerifyFinding& finding : report->findings) ADD_FAILURE() << finding.message;
  EXPECT_EQ(report->adopted, 1);
  // What was signed before stays bound to the key of before.
  tamper(copy, "UPDATE ledger SET at_us = at_us + 1 WHERE n = 1");
  EXPECT_FALSE(journal->verify()->findings.empty());
  Result<SignedHead> again = adopt_store(copy, day(6));
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().code, ErrorCode::refused);
  EXPECT_EQ(verified().adopted, 0) << "the original is as it was";
}

TEST_F(Keeping, HandsOutHeadsThatShowALedgerWhichWasWrittenAnew) {
  std::string kept;
  {
    std::unique_ptr<Journal> journal = open_store(path);
    journal->on_head([&](const SignedHead& head) { kept += head_line(head); });
    Result<Lease> lease = journal->create(new_run(id(1)), first_events(), this_owner());
    ASSERT_TRUE(lease.has_value()) << message_of(lease);
    EXPECT_TRUE(kept.empty()) << "a creation is not handed out";
    Commit gate = commit_of({event(EventKind::gate_closed, "g", 1, R"({"verdict":"approved"})")});
    gate.ledger = "gate";
    ASSERT_TRUE(journal->commit(*lease, gate).has_value());
    ASSERT_TRUE(journal->commit(*lease, ending()).has_value());
  }
  Result<std::vector<SignedHead>> read = read_heads(kept + "{\"instance\":\"cut o");
  ASSERT_TRUE(read.has_value()) << message_of(read);
  ASSERT_EQ(read->size(), 2u);
  EXPECT_EQ((*read)[0].kind, "gate");
  EXPECT_EQ((*read)[1].kind, "ended");
  int64_t compared = 0;
  EXPECT_TRUE(compare_with_heads(path, *read, compared).value().empty());
  EXPECT_EQ(compared, 2);
  // The same person with the same key makes a store that holds, and lacks the ending.
  tamper(path, "DELETE FROM ledger WHERE n = 3");
  Result<std::vector<VerifyFinding>> findings = compare_with_heads(path, *read, compared);
  ASSERT_TRUE(findings.has_value());
  ASSERT_EQ(findings->size(), 1u);
  EXPECT_NE((*findings)[0].message.find("ledger entry 3 (ended) is missing"), std::string::npos)
      << (*findings)[0].message;
  tamper(path, "UPDATE ledger SET hash = '" + std::string(64, 'a') + "' WHERE n = 2");
  EXPECT_NE(compare_with_heads(path, *read, compared).value().at(0).message.find("written anew"), std::string::npos);
  // A head that was changed where it was kept says so itself.
  std::string changed = kept;
  changed.replace(changed.find("\"seq\":"), 7, "\"seq\":9");
  EXPECT_EQ(read_heads(changed).error().code, ErrorCode::corrupt);
}

}  // namespace
}  // namespace muster::journal_world
