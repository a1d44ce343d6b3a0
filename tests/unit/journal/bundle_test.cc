// A run in one file: what it says, and that no byte of it can be changed unseen.
#include "interpreter/journal/bundle.h"

#include <gtest/gtest.h>

#include <map>

#include "interpreter/base/json.h"
#include "tests/unit/journal/journal_world.h"

namespace muster::journal_world {
namespace {

const std::string run_id = "a1b2c3d4e5f60718", other_id = "b1b2c3d4e5f60718";

class Bundle : public testing::Test {
 protected:
  void SetUp() override {
    journal = open_store(path);
    for (const std::string& id : {other_id, run_id}) {
      NewRun run = new_run(id);
      std::string text = "muster: 1\n# not text: \xff\n";
      run.files = {{sha256_hex(text), text}};
      Map body{{"files", List{Map{{"path", "p.muster.yaml"}, {"digest", sha256_hex(text)}}}}};
      Result<Lease> lease =
          journal->create(run, {event(EventKind::run_created, "", 0, encode_value(std::move(body)))}, this_owner());
      ASSERT_TRUE(lease.has_value()) << message_of(lease);
      std::vector<OutputRecord> outputs = {
          {OpId{"a"}, 1, "stdout", std::string("\0\xfe bytes", 8), "", 8, sha256_hex(std::string("\0\xfe bytes", 8))},
          {OpId{"a"}, 1, "stderr", "head", "tail", 4711, std::string(64, '7')}};
      Commit commit =
          commit_of({event(EventKind::gate_closed, "g", 1, R"({"verdict":"approved"})"),
                     event(EventKind::intent, "a", 1, R"({"effect":"write"})"),
                     event(EventKind::outcome, "a", 1, encode_value(Map{{"streams", outputs_in_event(outputs)}}))});
      commit.outputs = outputs;
      commit.ledger = "gate";
      ASSERT_TRUE(journal->commit(*lease, commit).has_value());
      ASSERT_TRUE(journal->commit(*lease, ending()).has_value());
    }
  }
  std::string made() {
    Result<std::string> bytes = make_bundle(*journal, path, run_id, "# The report\n", start);
    EXPECT_TRUE(bytes.has_value()) << message_of(bytes);
    return bytes.value_or("");
  }
  static std::string first_finding(const std::string& bytes) {
    BundleCheck check = check_bundle(bytes);
    return check.findings.empty() ? "nothing" : check.findings[0].message;
  }
  static void replace(std::string& bytes, const std::string& what, const std::string& by) {
    size_t at = bytes.find(what);
    ASSERT_NE(at, std::string::npos) << what;
    bytes.replace(at, what.size(), by);
  }
  TempDirectory folder;
  std::string path = folder.path() + "/muster.db";
  std::unique_ptr<Journal> journal;
};

TEST_F(Bundle, HoldsTheRunWithItsFilesOutputsHeadsAndReport) {
  std::string bytes = made();
  BundleCheck check = check_bundle(bytes);
  for (const VerifyFinding& finding : check.findings) ADD_FAILURE() << finding.message;
  EXPECT_EQ(check.run, run_id);
  EXPECT_EQ(check.playbook, "restore-database");
  EXPECT_EQ(check.state, "succeeded");
  EXPECT_EQ(check.instance, journal->instance());
  EXPECT_EQ(check.events, 5);
  EXPECT_EQ(check.files, 1);
  EXPECT_EQ(check.outputs, 2);
  ASSERT_EQ(check.heads.size(), 3u) << "created, gate, ended; not the other run's";
  EXPECT_EQ(check.heads[2].kind, "ended");
  EXPECT_NE(bytes.find("# The report"), std::string::npos);
  EXPECT_EQ(bytes.find(other_id), std::string::npos) << "nothing of another run";
}

// Every byte, in parts that run side by side.
class BundlePart : public Bundle, public testing::WithParamInterface<size_t> {
 protected:
  static constexpr size_t parts = 8;
};

TEST_P(BundlePart, ShowsEveryByteThatIsChanged) {
  std::string bytes = made();
  int unseen = 0;
  for (size_t at = GetParam(); at < bytes.size(); at += parts) {
    std::string flipped = bytes;
    flipped[at] = static_cast<char>(flipped[at] ^ 1);
    if (!check_bundle(flipped).findings.empty()) continue;
    ++unseen;
    ADD_FAILURE() << "byte " << at << ": `" << bytes.substr(at > 20 ? at - 20 : 0, 40) << "`";
    if (unseen > 3) return;
  }
}

INSTANTIATE_TEST_SUITE_P(All, BundlePart, testing::Range<size_t>(0, 8));

TEST_F(Bundle, ShowsWhereItIsCut) {
  std::string bytes = made();
  for (size_t size = 0; size < bytes.size(); size += 97)
    EXPECT_NE(first_finding(bytes.substr(0, size)), "nothing") << "cut at " << size;
  EXPECT_NE(first_finding(bytes.substr(0, bytes.size() - 1)), "nothing");
  EXPECT_NE(first_finding(bytes + "\n"), "nothing");
  EXPECT_NE(first_finding(bytes + bytes), "nothing");
}

TEST_F(Bundle, NamesWhatWasChanged) {
  const std::string whole = made();
  auto after = [&](const std::string& what, const std::string& by) {
    std::string bytes = whole;
    replace(bytes, what, by);
    return first_finding(bytes);
  };
  EXPECT_NE(after(R"(\"verdict\":\"approved\")", R"(\"verdict\":\"rejected\")").find("event 2"), std::string::npos);
  EXPECT_NE(after(R"("starter":"ann@db1")", R"("starter":"eve@db1")").find("run's own row"), std::string::npos);
  EXPECT_NE(after(R"("base64":"bXVz)", R"("base64":"bXVy)").find("the file"), std::string::npos);
  EXPECT_NE(after(R"("head":"aGVhZA==")", R"("head":"aGVhZQ==")").find("stderr of `a`"), std::string::npos);
  EXPECT_NE(after(R"("kind":"gate")", R"("kind":"gait")").find("ledger entry"), std::string::npos);
  EXPECT_NE(after("# The report", "# A report  ").find("some byte"), std::string::npos);
}

// Somebody without the key can make a bundle whose parts fit one another; not its signatures.
TEST_F(Bundle, ByAnotherKeyIsNotSignedByThisStore) {
  std::string bytes = made();
  BundleCheck check = check_bundle(bytes);
  std::string forged = bytes;
  std::string other(64, 'a');
  for (size_t at = 0; (at = forged.find(check.public_key, at)) != std::string::npos;)
    forged.replace(at, other.size(), other);
  EXPECT_NE(first_finding(forged), "nothing");
}

TEST_F(Bundle, WithLinesLeftOutIsFound) {
  std::string bytes = made();
  std::vector<std::string> lines;
  for (size_t at = 0; at < bytes.size();) {
    size_t end = bytes.find('\n', at) + 1;
    lines.push_back(bytes.substr(at, end - at));
    at = end;
  }
  for (size_t out = 0; out < lines.size(); ++out) {
    std::string less;
    for (size_t i = 0; i < lines.size(); ++i)
      if (i != out) less += lines[i];
    EXPECT_NE(first_finding(less), "nothing") << "without " << lines[out].substr(0, 60);
  }
}

TEST_F(Bundle, OfARunThatDoesNotHoldIsNotMade) {
  tamper(path, "UPDATE event SET body = '{}' WHERE run = '" + run_id + "' AND seq = 3");
  Result<std::string> bytes = make_bundle(*journal, path, run_id, "", start);
  ASSERT_FALSE(bytes.has_value());
  EXPECT_EQ(bytes.error().code, ErrorCode::corrupt);
}

}  // namespace
}  // namespace muster::journal_world
