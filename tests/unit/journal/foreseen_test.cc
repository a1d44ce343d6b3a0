// Dry runs as the journal keeps them.
#include "interpreter/journal/foreseen.h"

#include <gtest/gtest.h>

#include "interpreter/base/json.h"
#include "tests/unit/journal/journal_world.h"

namespace muster::journal_world {
namespace {

ForeseenRun foreseen(const std::string& digest, Map inputs, const std::string& person) {
  ForeseenRun out;
  out.playbook = "drop-old-orders";
  out.version = "1.0.0";
  out.digest = digest;
  out.inputs = std::move(inputs);
  out.person = person;
  out.host = "web1";
  out.muster = "0.1.0";
  out.steps = {
      {"change/deleted", "sql", "", "predicted", "", "", "", "", {"DELETE FROM orders"}, Map{{"changes", 2}}},
      {"change/told", "http", "rescue", "unknown", "known after deleted", "skipped", "it fails", "deleted", {}, {}}};
  return out;
}

TEST(Foreseen, IsReadAsItWasWritten) {
  const ForeseenRun run = foreseen("abc", {{"before", "2024-01-01"}}, "ann");
  std::optional<ForeseenRun> back = decode_foreseen({start, encode_foreseen(run)});
  ASSERT_TRUE(back.has_value());
  EXPECT_EQ(back->at, start);
  back->at = run.at;
  EXPECT_EQ(encode_foreseen(*back), encode_foreseen(run));
  EXPECT_EQ(back->steps[1].before_change, "deleted");
  EXPECT_FALSE(decode_foreseen({start, "no map"}).has_value());
  EXPECT_FALSE(decode_foreseen({start, encode_value(Value(Map{{"steps", 1}}))}).has_value());
}

TEST(Foreseen, IsTheLastOneOfTheSameFilesAndInputsBeforeTheRun) {
  TempDirectory folder;
  std::unique_ptr<Journal> journal = open_store(folder.path() + "/muster.db");
  const Map inputs{{"before", "2024-01-01"}};
  auto keep = [&](int second, const ForeseenRun& run) {
    ASSERT_TRUE(journal->keep(kept_plan, encode_foreseen(run), start + Duration::seconds(second)).has_value());
  };
  RunRow run;
  run.graph_digest = "mine";
  run.inputs = encode_value(Value(inputs));
  run.created_at = start + Duration::seconds(10);
  ASSERT_TRUE(foreseen_of(*journal, run).has_value());
  EXPECT_FALSE(foreseen_of(*journal, run)->has_value());
  keep(1, foreseen("mine", inputs, "first"));
  keep(2, foreseen("mine", inputs, "second"));
  keep(3, foreseen("other", inputs, "other files"));
  keep(4, foreseen("mine", {{"before", "2025-01-01"}}, "other inputs"));
  ASSERT_TRUE(journal->keep(kept_plan, "no dry run", start + Duration::seconds(5)).has_value());
  keep(11, foreseen("mine", inputs, "behind the run"));
  Result<std::optional<ForeseenRun>> found = foreseen_of(*journal, run);
  ASSERT_TRUE(found.has_value()) << message_of(found);
  ASSERT_TRUE(found->has_value());
  EXPECT_EQ((*found)->person, "second");
}

}  // namespace
}  // namespace muster::journal_world
