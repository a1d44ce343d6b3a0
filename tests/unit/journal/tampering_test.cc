// Other hands in the store: what each change is found as.
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "interpreter/base/digest.h"
#include "interpreter/base/json.h"
#include "interpreter/journal/chain.h"
#include "interpreter/journal/journal.h"
#include "interpreter/journal/verify.h"
#include "tests/unit/journal/journal_world.h"

namespace muster::journal_world {
namespace {

namespace fs = std::filesystem;
const std::string honest = "aa00000000000000", victim = "bb00000000000000";

class Tampering : public testing::Test {
 protected:
  void SetUp() override {
    std::unique_ptr<Journal> journal = open_store(path);
    std::string text = "the playbook's text";
    for (const std::string& id : {honest, victim}) {
      NewRun run = new_run(id);
      run.parent = "0011223344556677";
      std::vector<Event> first = {
          event(EventKind::run_created, "", 0, R"({"files":[{"digest":")" + sha256_hex(text) + R"("}]})")};
      Result<Lease> lease = journal->create(run, first, this_owner());
      ASSERT_TRUE(lease.has_value()) << message_of(lease);
      std::vector<OutputRecord> outputs = {
          {OpId{"replace/restored"}, 1, "stdout", "restored", "", 8, sha256_hex("restored")},
          {OpId{"replace/restored"}, 1, "stderr", "long", "er", 4711, std::string(64, '7')}};
      Commit commit = commit_of({event(EventKind::intent, "replace/restored", 1, R"({"effect":"write"})"),
                                 event(EventKind::outcome, "replace/restored", 1,
                                       encode_value(Map{{"ok", true}, {"streams", outputs_in_event(outputs)}}))});
      commit.outputs = outputs;
      commit.ops = {{OpId{"replace/restored"}, 1, "succeeded"}};
      ASSERT_TRUE(journal->commit(*lease, commit).has_value());
      ASSERT_TRUE(journal->commit(*lease, ending()).has_value());
    }
    Result<VerifyReport> report = journal->verify();
    ASSERT_TRUE(report.has_value()) << message_of(report);
    ASSERT_TRUE(report->findings.empty()) << report->findings[0].message;
  }
  std::vector<VerifyFinding> findings(const std::string& run = {}) {
    Result<VerifyReport> report = open_store(path)->verify(run);
    EXPECT_TRUE(report.has_value()) << message_of(report);
    return report ? report->findings : std::vector<VerifyFinding>();
  }
  // Exactly this one is found, and in the other run nothing.
  void finds(const std::string& run, int64_t seq, const std::string& message) {
    std::vector<VerifyFinding> all = findings();
    ASSERT_EQ(all.size(), 1u) << (all.empty() ? "nothing was found" : all[0].message + " / " + all.back().message);
    EXPECT_EQ(all[0].run, run);
    EXPECT_EQ(all[0].seq, seq);
    EXPECT_NE(all[0].message.find(message), std::string::npos) << all[0].message;
    if (run != victim) return;
    EXPECT_TRUE(findings(honest).empty());
    EXPECT_EQ(findings(victim).size(), 1u);
  }
  // An auditor's own program, over what stands in the file.
  void recompute_chain(int64_t from) {
    std::string head =
        column(path, "SELECT hash FROM event WHERE run = '" + victim + "' AND seq = " + std::to_string(from - 1)).at(0);
    for (int64_t seq = from;; ++seq) {
      std::string where = " FROM event WHERE run = '" + victim + "' AND seq = " + std::to_string(seq);
      std::vector<std::string> body = column(path, "SELECT body" + where);
      if (body.empty()) break;
      Event e;
      e.seq = seq;
      e.body = body[0];
      e.kind_text = column(path, "SELECT kind" + where).at(0);
      e.op.path = column(path, "SELECT op" + where).at(0);
      e.attempt = std::stoi(column(path, "SELECT attempt" + where).at(0));
      e.at.us = std::stoll(column(path, "SELECT at_us" + where).at(0));
      head = next_link(head, e);
      tamper(path,
             "UPDATE event SET hash = '" + head + "' WHERE run = '" + victim + "' AND seq = " + std::to_string(seq));
    }
    tamper(path, "UPDATE run SET head = '" + head + "' WHERE id = '" + victim + "'");
    fs::remove(path + ".lock");  // as on a copy
  }
  TempDirectory folder;
  std::string path = folder.path() + "/muster.db";
};

TEST_F(Tampering, WithAnyColumnOfAnEventIsFoundAtThatEvent) {
  const std::string which = " WHERE run = '" + victim + "' AND seq = 3";
  for (const char* name : {"kind", "op", "attempt", "at_us", "body"}) {
    SCOPED_TRACE(name);
    std::string before = column(path, "SELECT quote(" + std::string(name) + ") FROM event" + which).at(0);
    bool number = before.front() != '\'';
    tamper(path, "UPDATE event SET " + std::string(name) + " = " +
                     (number ? before + " + 1" : "'b' || substr(" + std::string(name) + ", 2)") + which);
    finds(victim, 3, "event 3 does not fit");
    Result<RunRecord> record = open_store(path)->read(victim);
    ASSERT_FALSE(record.has_value());
    EXPECT_EQ(record.error().code, ErrorCode::corrupt);
    EXPECT_NE(record.error().message.find("event 3"), std::string::npos) << record.error().message;
    tamper(path, "UPDATE event SET " + std::string(name) + " = " + before + which);
  }
  EXPECT_TRUE(findings().empty());
}

TEST_F(Tampering, WithAnEventsHashIsFoundThere) {
  tamper(path, "UPDATE event SET hash = '" + std::string(64, '0') + "' WHERE run = '" + victim + "' AND seq = 2");
  finds(victim, 2, "event 2 does not fit");
}

TEST_F(Tampering, WithAnEventsNumberIsFoundAsAGap) {
  tamper(path, "UPDATE event SET seq = 9 WHERE run = '" + victim + "' AND seq = 2");
  finds(victim, 2, "event 2 is missing");
}

TEST_F(Tampering, WithOneEventGoneIsFoundAsAGap) {
  tamper(path, "DELETE FROM event WHERE run = '" + victim + "' AND seq = 2");
  finds(victim, 2, "event 2 is missing");
}

TEST_F(Tampering, WithAnyColumnOfARunThatItsChainBeginsWithIsFound) {
  for (const char* name : {"playbook", "version", "graph_digest", "inputs", "starter", "parent", "created_at"}) {
    SCOPED_TRACE(name);
    std::string before = column(path, "SELECT " + std::string(name) + " FROM run WHERE id = '" + victim + "'").at(0);
    bool number = std::string(name) == "created_at";
    tamper(path, "UPDATE run SET " + std::string(name) + (number ? " = 1" : " = 'x'") + " WHERE id = '" + victim + "'");
    finds(victim, 1, "the run's own row");
    tamper(path, "UPDATE run SET " + std::string(name) + " = " + (number ? before : "'" + before + "'") +
                     " WHERE id = '" + victim + "'");
  }
  EXPECT_TRUE(findings().empty());
}

TEST_F(Tampering, WithARunsHeadCountOrStateIsFound) {
  tamper(path, "UPDATE run SET head = '" + std::string(64, '0') + "' WHERE id = '" + victim + "'");
  finds(victim, 4, "head");
  tamper(path, "UPDATE run SET head = (SELECT hash FROM event WHERE run = id AND seq = 4), next_seq = 7 WHERE id = '" +
                   victim + "'");
  finds(victim, 5, "missing 2 events");
  tamper(path, "UPDATE run SET next_seq = 5, state = 'failed' WHERE id = '" + victim + "'");
  finds(victim, 4, "`failed` does not follow");
  tamper(path, "UPDATE run SET state = 'running' WHERE id = '" + victim + "'");
  finds(victim, 4, "`running` does not follow");
}

TEST_F(Tampering, WithTheLastEventsGoneIsFoundByTheRunsRow) {
  tamper(path, "DELETE FROM event WHERE run = '" + victim + "' AND seq > 1");
  fs::remove(path + ".lock");
  finds(victim, 2, "missing 3 events from 2 on");
}

TEST_F(Tampering, WithTheLastEventsGoneAndTheRowToMatchIsFoundByTheLedger) {
  tamper(path, "DELETE FROM event WHERE run = '" + victim +
                   "' AND seq > 1; UPDATE run SET next_seq = 2, state = 'running', head = "
                   "(SELECT hash FROM event WHERE run = id AND seq = 1) WHERE id = '" +
                   victim + "'");
  fs::remove(path + ".lock");
  finds(victim, 2, "missing 3 events from 2 on");
}

TEST_F(Tampering, WithAWholeChainWrittenAnewIsFoundByTheLedger) {
  tamper(path, "UPDATE event SET body = '{\"ok\":false}' WHERE run = '" + victim + "' AND seq = 3");
  recompute_chain(3);
  EXPECT_TRUE(open_store(path)->read(victim).has_value()) << "the chain alone cannot tell";
  finds(victim, 4, "written anew");
}

TEST_F(Tampering, WithChainAndLedgerWrittenAnewIsFoundByTheSignature) {
  tamper(path, "UPDATE event SET body = '{\"effect\":\"read\"}' WHERE run = '" + victim + "' AND seq = 2");
  recompute_chain(2);
  std::string where = " FROM ledger WHERE n = 4";
  LedgerEntry entry{4,       std::stoll(column(path, "SELECT at_us" + where).at(0)),
                    "ended", victim,
                    4,       column(path, "SELECT head FROM run WHERE id = '" + victim + "'").at(0),
                    "",      ""};
  std::string hash = ledger_link(column(path, "SELECT hash FROM ledger WHERE n = 3").at(0), entry);
  tamper(path, "UPDATE ledger SET run_head = '" + entry.run_head + "', hash = '" + hash + "' WHERE n = 4");
  finds("", 4, "ledger entry 4 is not signed by this store's key");
}

TEST_F(Tampering, WithAnyColumnOfTheLedgerIsFoundAtThatEntry) {
  for (const char* name : {"at_us", "kind", "run", "run_seq", "run_head", "hash"}) {
    SCOPED_TRACE(name);
    std::string before = column(path, "SELECT " + std::string(name) + " FROM ledger WHERE n = 4").at(0);
    bool number = std::string(name) == "at_us" || std::string(name) == "run_seq";
    tamper(path, "UPDATE ledger SET " + std::string(name) + (number ? " = 1" : " = '" + std::string(64, '0') + "'") +
                     " WHERE n = 4");
    finds("", 4, "ledger entry 4 does not fit");
    tamper(path,
           "UPDATE ledger SET " + std::string(name) + " = " + (number ? before : "'" + before + "'") + " WHERE n = 4");
  }
  tamper(path, "UPDATE ledger SET signature = '" + std::string(128, '0') + "' WHERE n = 4");
  finds("", 4, "not signed");
  tamper(path, "DELETE FROM ledger WHERE n = 2");
  finds("", 2, "ledger entry 2 is missing");
}

TEST_F(Tampering, WithAWholeRunGoneIsFoundByTheLedger) {
  tamper(path, "DELETE FROM run WHERE id = '" + victim + "'; DELETE FROM event WHERE run = '" + victim + "'");
  fs::remove(path + ".lock");
  finds(victim, 0, "missing: the ledger knows it");
}

TEST_F(Tampering, WithARunThatTheLedgerDoesNotKnowIsFound) {
  tamper(path, "DELETE FROM ledger WHERE n > 2");
  finds(victim, 0, "the ledger does not know this run");
}

TEST_F(Tampering, WithAPlaybookOrAnOutputIsFound) {
  std::string digest = sha256_hex("the playbook's text");
  tamper(path, "UPDATE output SET head = 'RESTORED' WHERE run = '" + victim + "' AND stream = 'stdout'");
  finds(victim, 0, "stdout of `replace/restored`, attempt 1, was changed");
  tamper(path, "UPDATE output SET head = 'restored' WHERE run = '" + victim + "' AND stream = 'stdout'");
  tamper(path, "UPDATE file SET bytes = 'another text'");
  finds("", 0, "the stored file " + digest + " was changed");
  EXPECT_EQ(open_store(path)->file(digest).error().code, ErrorCode::corrupt);
  tamper(path, "DELETE FROM file");
  std::vector<VerifyFinding> all = findings();
  ASSERT_EQ(all.size(), 2u) << "in each run";
  EXPECT_NE(all[0].message.find("its file " + digest + " is missing"), std::string::npos) << all[0].message;
}

TEST_F(Tampering, WithAnOutputIsFoundByTheDigestsThatItsEventHolds) {
  const std::string own = " WHERE run = '" + victim + "' AND stream = 'stderr'";
  for (const auto& [change, back] : std::vector<std::pair<std::string, std::string>>{
           {"head = 'LONG'", "head = 'long'"},
           {"tail = 'xx'", "tail = 'er'"},
           {"head = 'longe', tail = 'r'", "head = 'long', tail = 'er'"},
           {"bytes = 4712", "bytes = 4711"},
           {"sha256 = '" + std::string(64, '8') + "'", "sha256 = '" + std::string(64, '7') + "'"}}) {
    SCOPED_TRACE(change);
    tamper(path, "UPDATE output SET " + change + own);
    finds(victim, 0, "stderr of `replace/restored`, attempt 1, was changed");
    tamper(path, "UPDATE output SET " + back + own);
    EXPECT_TRUE(findings().empty());
  }
  // Both the stream and what the row says of it: alone it would hold.
  tamper(path, "UPDATE output SET head = 'forged', bytes = 6, sha256 = '" + sha256_hex("forged") + "' WHERE run = '" +
                   victim + "' AND stream = 'stdout'");
  finds(victim, 0, "stdout of `replace/restored`, attempt 1, was changed");
  tamper(path, "DELETE FROM output WHERE run = '" + victim + "' AND stream = 'stdout'");
  finds(victim, 0, "stdout of `replace/restored`, attempt 1, is missing");
}

TEST_F(Tampering, WithAnOutputThatNoEventKnowsIsFound) {
  tamper(path, "INSERT INTO output VALUES('" + victim + "', 'replace/other', 1, 'stdout', 'x', '', 1, '" +
                   sha256_hex("x") + "')");
  finds(victim, 0, "stdout of `replace/other`, attempt 1, was added");
}

TEST_F(Tampering, WithTheListOfWhatWaitsIsFound) {
  const std::string more =
      "INSERT INTO waiting VALUES('" + victim + "', 'danger', 2, 'gate', 'p', 0, NULL, 'harmless', '', 1, 0)";
  tamper(path, more);
  finds(victim, 0, "what waits for a person is not what its events say");
  tamper(path, "DELETE FROM waiting");
  EXPECT_TRUE(findings().empty());
  {
    std::unique_ptr<Journal> journal = open_store(path);
    Result<Lease> lease = journal->create(new_run("ee00000000000000"), first_events(), this_owner());
    ASSERT_TRUE(lease.has_value()) << message_of(lease);
    Event gate = event(EventKind::gate_opened, "danger", 1, R"({"message":"Really?"})");
    ASSERT_TRUE(journal->commit(*lease, commit_of({gate})).has_value());
    ASSERT_TRUE(journal->commit(*lease, release()).has_value());
  }
  EXPECT_TRUE(findings().empty());
  for (const char* change :
       {"UPDATE waiting SET title = 'harmless'", "UPDATE waiting SET expires_at = 1", "DELETE FROM waiting"}) {
    SCOPED_TRACE(change);
    tamper(path, change);
    finds("ee00000000000000", 0, "what waits for a person is not what its events say");
  }
}

TEST_F(Tampering, ByATriggerInTheFileHasNoEffect) {
  tamper(path, "CREATE TRIGGER forge AFTER INSERT ON event BEGIN UPDATE run SET starter = 'eve'; END");
  std::unique_ptr<Journal> journal = open_store(path);
  Result<Lease> lease = journal->create(new_run("cc00000000000000"), first_events(), this_owner());
  ASSERT_TRUE(lease.has_value()) << message_of(lease);
  EXPECT_TRUE(journal->verify()->findings.empty());
}

TEST_F(Tampering, ByRemovingTheLogOfAKilledProcessIsNoticed) {
  {
    std::unique_ptr<Journal> journal = open_store(path);
    Result<Lease> lease = journal->create(new_run("cc00000000000000"), first_events(), this_owner());
    ASSERT_TRUE(lease.has_value()) << message_of(lease);
    ASSERT_TRUE(journal->commit(*lease, commit_of({event(EventKind::intent, "a", 1)})).has_value());
  }
  ASSERT_GT(fs::file_size(path + "-wal"), 0u);
  fs::remove(path + "-wal");
  fs::remove(path + "-shm");
  std::unique_ptr<Journal> journal = open_store(path);
  finds("cc00000000000000", 2, "the journal is missing 2 entries of run cc00000000000000");
  Result<Lease> lease = journal->create(new_run("dd00000000000000"), first_events(), this_owner());
  ASSERT_FALSE(lease.has_value()) << "nothing is built on a store that lost its end";
  EXPECT_EQ(lease.error().code, ErrorCode::corrupt);
  EXPECT_NE(lease.error().hint.find("-wal"), std::string::npos);
  fs::remove(path + ".lock");
  EXPECT_TRUE(open_store(path)->create(new_run("dd00000000000000"), first_events(), this_owner()).has_value())
      << "what was restored on purpose";
}

TEST_F(Tampering, WithAnyPageOfTheFileIsFound) {
  tamper(path, "PRAGMA wal_checkpoint(TRUNCATE)");
  fs::remove(path + "-wal");
  fs::remove(path + "-shm");
  uintmax_t pages = fs::file_size(path) / 4096;
  ASSERT_GT(pages, 10u);
  fs::copy_file(path, path + ".before");
  for (const std::string& noise : {std::string(4096, '\x5a'), std::string(4096, '\0')}) {
    for (uintmax_t page = 1; page < pages; ++page) {
      SCOPED_TRACE("page " + std::to_string(page + 1));
      {
        std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
        file.seekp(static_cast<std::streamoff>(page * 4096));
        file.write(noise.data(), static_cast<std::streamsize>(noise.size()));
      }
      Result<std::unique_ptr<Journal>> journal = open_journal(path, false);
      Result<VerifyReport> report = journal ? (*journal)->verify() : Result<VerifyReport>(pass(journal.error()));
      if (report) {
        EXPECT_FALSE(report->findings.empty());
      } else {
        EXPECT_EQ(report.error().code, ErrorCode::corrupt) << report.error().message;
      }
      for (const std::string& id : {honest, victim}) {
        Result<RunRecord> record = journal ? (*journal)->read(id) : Result<RunRecord>(pass(journal.error()));
        EXPECT_EQ(record ? record->events.size() : 4u, 4u) << "all of it, or an error";
      }
      if (journal) journal->reset();
      fs::remove(path + "-wal");
      fs::remove(path + "-shm");
      fs::copy_file(path + ".before", path, fs::copy_options::overwrite_existing);
    }
  }
}

}  // namespace
}  // namespace muster::journal_world
