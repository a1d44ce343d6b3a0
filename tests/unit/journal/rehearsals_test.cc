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
  record.within = Duration::seconds(90 * 86'400);
  record.scenarios = {{"good", true, "succeeded", "", Duration::seconds(90), List{Map{{"name", "rto"}}}}};
  record.missing = {"other"};
  record.findings = 2;
  record.covered = 5;
  record.points = 9;
  std::optional<RehearsalRecord> back = decode_rehearsal({start, encode_rehearsal(record)});
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(encode_rehearsal(*back), encode_rehearsal(record));
  EXPECT_EQ(back->at, start);
  EXPECT_EQ(back->within, Duration::seconds(90 * 86'400));
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

Timestamp day(int n) { return start + Duration::seconds(n * 86'400); }
constexpr Duration month = Duration::seconds(30 * 86'400);

RehearsalRecord rehearsed(int on, const std::string& digest, bool passed, std::vector<std::string> missing = {},
                          std::optional<int64_t> findings = {}) {
  RehearsalRecord record;
  record.playbook = "restore-database";
  record.digest = digest;
  record.at = day(on);
  record.scenarios = {{"good", true, "succeeded", "", Duration::seconds(90), {}},
                      {"bad", passed, "failed", passed ? "" : "status is failed", Duration::seconds(5), {}}};
  record.missing = std::move(missing);
  record.findings = findings;
  return record;
}

TEST(Rehearsals, CountForTheFilesThatWereRehearsed) {
  EXPECT_EQ(not_rehearsed_because({rehearsed(1, "mine", true)}, "mine", month, day(20)), "");
  EXPECT_EQ(not_rehearsed_because({rehearsed(1, "other", true)}, "mine", month, day(20)),
            "it was never rehearsed as it is now");
  EXPECT_EQ(not_rehearsed_because({}, "mine", month, day(20)), "it was never rehearsed as it is now");
}

TEST(Rehearsals, GrowOld) {
  const std::vector<RehearsalRecord> kept{rehearsed(1, "mine", true)};
  EXPECT_EQ(not_rehearsed_because(kept, "mine", month, day(31)), "") << "to the microsecond";
  EXPECT_EQ(not_rehearsed_because(kept, "mine", month, day(31) + Duration{1}),
            "it was rehearsed last at " + to_text(day(1)) + ", which is longer ago than 30d");
}

TEST(Rehearsals, CountOnlyWhereNothingHasFailedSince) {
  EXPECT_EQ(not_rehearsed_because({rehearsed(2, "mine", false), rehearsed(1, "mine", true)}, "mine", month, day(3)),
            "its last rehearsal, at " + to_text(day(2)) + ", did not pass: `bad` failed: status is failed");
  EXPECT_EQ(not_rehearsed_because({rehearsed(2, "mine", true), rehearsed(1, "mine", false)}, "mine", month, day(3)),
            "");
  EXPECT_EQ(not_rehearsed_because({rehearsed(2, "mine", true, {}, 1)}, "mine", month, day(3)),
            "its last rehearsal, at " + to_text(day(2)) + ", did not pass: the sweep has 1 finding");
}

// Whoever rehearses the scenario that goes well alone has not rehearsed the playbook.
TEST(Rehearsals, CountOnlyWhereNoScenarioWasLeftOut) {
  EXPECT_EQ(not_rehearsed_because({rehearsed(2, "mine", true, {"worst"})}, "mine", month, day(3)),
            "only some of its scenarios were rehearsed");
  EXPECT_EQ(
      not_rehearsed_because({rehearsed(2, "mine", true, {"worst"}), rehearsed(1, "mine", true)}, "mine", month, day(3)),
      "");
}

class KeptInTheStore : public testing::Test {
 protected:
  void SetUp() override { open_store(path); }
  void keep(const std::string& body, Timestamp at) {
    std::unique_ptr<Journal> journal = open_store(path);
    journal->on_head([&](const SignedHead& head) { heads.push_back(head); });
    Result<void> kept = journal->keep(kept_rehearsal, body, at);
    ASSERT_TRUE(kept.has_value()) << message_of(kept);
  }
  Result<std::vector<Kept>> all() {
    std::vector<Kept> out;
    Result<void> read = open_store(path)->each_kept(kept_rehearsal, [&](Kept&& one) {
      out.push_back(std::move(one));
      return true;
    });
    if (!read) return pass(read.error());
    return out;
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

TEST_F(KeptInTheStore, IsSignedInTheLedger) {
  keep("what it found", start);
  ASSERT_EQ(heads.size(), 1u);
  EXPECT_EQ(heads[0].kind, "rehearsed");
  EXPECT_TRUE(findings().empty());
}

TEST_F(KeptInTheStore, StaysWhenRunsArePruned) {
  keep("what it found", start);
  PruneRequest before;
  before.ended_before = start + Duration::seconds(1e9);
  before.now = start + Duration::seconds(1e9);
  ASSERT_TRUE(prune_store(path, before, {}).has_value());
  ASSERT_EQ(all()->size(), 1u);
  EXPECT_TRUE(findings().empty());
}

TEST_F(KeptInTheStore, IsNotBelievedWhereItWasChanged) {
  keep("it failed", start);
  const std::string whose = " WHERE digest = (SELECT run_head FROM ledger WHERE kind = 'rehearsed')";
  tamper(path, "UPDATE file SET bytes = 'it passed'" + whose);
  EXPECT_FALSE(findings().empty());
  Result<std::vector<Kept>> kept = all();
  ASSERT_FALSE(kept.has_value());
  EXPECT_EQ(kept.error().code, ErrorCode::corrupt);
  tamper(path, "DELETE FROM file" + whose);
  ASSERT_EQ(findings().size(), 1u);
  EXPECT_EQ(findings()[0].message, "the rehearsal of ledger entry 1 is missing");
}

}  // namespace
}  // namespace muster::journal_world
