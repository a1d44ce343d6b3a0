// What a dry run foresaw beside what happened.
#include "interpreter/report/comparison.h"

#include <gtest/gtest.h>

#include "interpreter/report/report.h"

namespace muster {
namespace {

ForeseenStep foreseen(const std::string& path, const std::string& told, Map facts = {}) {
  ForeseenStep step;
  step.path = path;
  step.told = told;
  step.facts = std::move(facts);
  return step;
}

ComparedStep compared(const ForeseenStep& step, const std::vector<HappenedStep>& happened, bool has_ended = true) {
  ForeseenRun run;
  run.steps = {step};
  const Comparison with = compare(run, happened, has_ended);
  EXPECT_EQ(with.steps.size(), 1u);
  return with.steps.empty() ? ComparedStep{} : with.steps.front();
}

TEST(Comparison, OfCountsThatCameTrueIsAsForeseen) {
  const ComparedStep step = compared(foreseen("change/deleted", "predicted", {{"changes", 2}}),
                                     {{"change/deleted", "succeeded", {{"changes", 2}, {"rows", List{}}}}});
  EXPECT_EQ(step.verdict, "as foreseen");
  EXPECT_EQ(step.predicted, "predicted: changes 2");
  EXPECT_EQ(step.actual, "succeeded: changes 2");
  EXPECT_TRUE(step.differs.empty());
}

TEST(Comparison, NamesEachCountThatIsAnother) {
  const ComparedStep step = compared(foreseen("a/b", "predicted", {{"changes", 2}, {"bytes", 10}, {"gone", 1}}),
                                     {{"a/b", "succeeded", {{"changes", 3}, {"bytes", 10}}}});
  EXPECT_EQ(step.verdict, "differs");
  EXPECT_EQ(step.differs, std::vector<std::string>{"changes: 2, then 3"});
}

TEST(Comparison, NamesAnotherEnding) {
  EXPECT_EQ(compared(foreseen("a/b", "predicted"), {{"a/b", "failed", {}}}).differs,
            std::vector<std::string>{"it is failed"});
  ForeseenStep skipped = foreseen("a/b", "predicted");
  skipped.ending = "skipped";
  EXPECT_EQ(compared(skipped, {{"a/b", "skipped", {}}}).verdict, "as foreseen");
  EXPECT_EQ(compared(skipped, {{"a/b", "succeeded", {}}}).verdict, "differs");
  ForeseenStep fails = foreseen("a/b", "read");
  fails.failure = "no such table";
  EXPECT_EQ(compared(fails, {{"a/b", "failed", {}}}).verdict, "as foreseen");
  EXPECT_EQ(compared(fails, {{"a/b", "succeeded", {}}}).verdict, "differs");
  EXPECT_EQ(compared(foreseen("a/b", "read"), {}).differs, std::vector<std::string>{"it did not run"});
}

TEST(Comparison, HoldsNothingAgainstWhatNobodyCouldForesee) {
  ForeseenStep unknown = foreseen("a/b", "unknown", {{"changes", 2}});
  unknown.why = "known after x";
  const ComparedStep step = compared(unknown, {{"a/b", "failed", {{"changes", 3}}}});
  EXPECT_EQ(step.verdict, "unknown");
  EXPECT_EQ(step.predicted, "unknown: known after x: changes 2");
  EXPECT_TRUE(step.differs.empty());
}

TEST(Comparison, DoesNotHoldWhatWasReadBeforeAChangeAgainstTheRun) {
  ForeseenStep before = foreseen("a/b", "read", {{"value", 2}});
  before.before_change = "deleted";
  EXPECT_EQ(compared(before, {{"a/b", "succeeded", {{"value", 0}}}}).verdict, "as foreseen");
}

TEST(Comparison, CountsTheItemsOfAListThatCouldNotBeForeseen) {
  ForeseenStep open = foreseen("bulk/users[]/stop", "unknown");
  const ComparedStep step = compared(open, {{"bulk/users[1]/stop", "succeeded", {}},
                                            {"bulk/users[2]/stop", "failed", {}},
                                            {"bulk/users[10]/stop", "succeeded", {}}});
  EXPECT_EQ(step.actual, "1 failed, 2 succeeded");
}

TEST(Comparison, WaitsForTheEndOfARun) {
  EXPECT_EQ(compared(foreseen("a/b", "predicted"), {{"a/b", "pending", {}}}, false).verdict, "open");
  EXPECT_EQ(compared(foreseen("a/b", "predicted"), {{"a/b", "pending", {}}}, true).verdict, "differs");
}

TEST(Comparison, TellsOfAnUndoOnlyWhereItRan) {
  ForeseenRun run;
  ForeseenStep undo = foreseen("a/b~rollback/c", "unknown");
  undo.list = "rollback";
  run.steps = {undo};
  EXPECT_TRUE(compare(run, {{"a/b~rollback/c", "not_reached", {}}}, true).steps.empty());
  EXPECT_TRUE(compare(run, {}, true).steps.empty());
  const Comparison ran = compare(run, {{"a/b~rollback/c", "succeeded", {}}}, true);
  ASSERT_EQ(ran.steps.size(), 1u);
  EXPECT_EQ(ran.steps[0].differs, std::vector<std::string>{"it ran, to undo what was done"});
}

// In every rendering, and what came from the world becomes no markup.
TEST(Comparison, StandsInTextMarkdownPageAndJson) {
  Timeline timeline;
  timeline.run = "00112233";
  timeline.state = "succeeded";
  timeline.ended_at = Timestamp{1'000'000};
  TimelineStep step;
  step.op = "a/b";
  step.state = "succeeded";
  step.result = {{"value", "<b>3</b>"}};
  timeline.steps = {step};
  EXPECT_EQ(render_text(timeline).find("foresaw"), std::string::npos);
  ForeseenRun run;
  run.person = "ann";
  run.steps = {foreseen("a/b", "read", {{"value", "<b>2</b>"}})};
  compare_with(timeline, run);
  EXPECT_NE(render_text(timeline).find("by ann foresaw: 0 steps as foreseen, 1 differs\n"), std::string::npos)
      << render_text(timeline);
  EXPECT_NE(render_text(timeline).find("      differs: value: <b>2</b>, then <b>3</b>\n"), std::string::npos);
  EXPECT_NE(render_markdown(timeline).find("**differs**: value: \\<b\\>2"), std::string::npos)
      << render_markdown(timeline);
  EXPECT_NE(render_html(timeline).find("value: &lt;b&gt;2&lt;/b&gt;, then"), std::string::npos)
      << render_html(timeline);
  EXPECT_NE(render_json(timeline, false).find("\"verdict\":\"differs\""), std::string::npos);
}

}  // namespace
}  // namespace muster
