#include "interpreter/journal/rehearsals.h"

#include <gtest/gtest.h>

#include "interpreter/journal/store_keeping.h"
#include "tests/unit/journal/journal_world.h"

namespace muster::journal_world {
namespace {

TEST(Rehearsals, AreReadAsTheyWereWritten) {
  RehearsalRecord record;
  record.playbook = "restore-database";
  record.version = "1.4.0";
  record.digest = "abc";
  record.path = "/srv/a.muster.yaml";
  record.person = "ann";
  record.host = "web1";
  record.muster = "0.1.0";
  record.at = start;
  record.scenarios = {{"good", true, "succeeded", "", Duration::seconds(90), List{Map{{"name", "rto"}}}}};
  record.missing = {"other"};
  record.findings = 2;
  record.covered = 5;
  record.points = 9;
  std::optional<RehearsalRecord> back = decode_rehearsal({start, encode_rehearsal(record)});
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(encode_rehearsal(*back), encode_rehearsal(record));
  EXPECT_EQ(back->at, start);
  EXPECT_EQ(back->scenarios[0].took, Duration::seconds(90));
  EXPECT_EQ(back->problem(), "the sweep has 2 findings");
  EXPECT_FALSE(decode_rehearsal({start, "no map"}).has_value());
}

TEST(Rehearsals, PassWhereEveryScenarioDidAndNoSweepFoundAnything) {
  RehearsalRecord record;
  EXPECT_EQ(record.problem(), "no scenario was run");
  record.scenarios = {{"good", true, "succeeded", "", Duration{0}, {}}, {"bad", false, "failed", "it failed", {}, {}}};
  EXPECT_EQ(record.problem(), "`bad` failed: it failed");
  record.scenarios.pop_back();
  EXPECT_TRUE(record.passed());
  record.findings = 0;
  EXPECT_TRUE(record.passed());
  record.findings = 1;
  EXPECT_EQ(record.problem(), "the sweep has 1 finding");
}

class Kept : public testing::Test {
 protected:
  void SetUp() override { open_store(path); }
  void keep(const std::string& body, Timestamp at) {
    Result<void> kept = keep_rehearsal(path, body, at, [&](const SignedHead& head) { heads.push_back(head); });
    ASSERT_TRUE(kept.has_value()) << message_of(kept);
  }
  std::vector<VerifyFinding> findings() {
    Result<VerifyReport> report = open_store(path)->verify();
    EXPECT_TRUE(report.has_value()) << message_of(report);
    return report ? report->findings : std::vector<VerifyFinding>();
  }
  TempDirectory folder;
  std::string path = folder.path() + "/muster.db";
  std::vector<SignedHead> heads;
};

TEST_F(Kept, AreGivenBackByteForByteNewestFirst) {
  EXPECT_TRUE(kept_rehearsals(path)->empty());
  const std::string odd = std::string("{\"a\":\"\\u0000\"}") + '\0' + "tail";
  keep("{\"a\":1}", start);
  keep(odd, start + Duration::seconds(1));
  keep("{\"a\":1}", start + Duration::seconds(2));
  Result<std::vector<KeptRehearsal>> kept = kept_rehearsals(path);
  ASSERT_TRUE(kept.has_value()) << message_of(kept);
  ASSERT_EQ(kept->size(), 3u);
  EXPECT_EQ((*kept)[0].body, "{\"a\":1}");
  EXPECT_EQ((*kept)[0].at, start + Duration::seconds(2));
  EXPECT_EQ((*kept)[1].body, odd);
  EXPECT_EQ((*kept)[2].at, start);
  EXPECT_TRUE(open_store(path)->find({})->empty()) << "a rehearsal is no run";
  EXPECT_TRUE(findings().empty());
  ASSERT_EQ(heads.size(), 3u) << "each is signed";
  EXPECT_EQ(heads[0].kind, "rehearsed");
}

TEST_F(Kept, StayWhenRunsArePruned) {
  keep("what it found", start);
  PruneRequest all;
  all.ended_before = start + Duration::seconds(1e9);
  all.now = start + Duration::seconds(1e9);
  ASSERT_TRUE(prune_store(path, all, {}).has_value());
  ASSERT_EQ(kept_rehearsals(path)->size(), 1u);
  EXPECT_TRUE(findings().empty());
}

TEST_F(Kept, AreNotBelievedWhereTheyWereChanged) {
  keep("it failed", start);
  const std::string whose = " WHERE digest = (SELECT run_head FROM ledger WHERE kind = 'rehearsed')";
  tamper(path, "UPDATE file SET bytes = 'it passed'" + whose);
  EXPECT_FALSE(findings().empty());
  Result<std::vector<KeptRehearsal>> kept = kept_rehearsals(path);
  ASSERT_FALSE(kept.has_value());
  EXPECT_EQ(kept.error().code, ErrorCode::corrupt);
  tamper(path, "DELETE FROM file" + whose);
  ASSERT_EQ(findings().size(), 1u);
  EXPECT_EQ(findings()[0].message, "the rehearsal of ledger entry 1 is missing");
}

}  // namespace
}  // namespace muster::journal_world
