// What a step may read: only what must have ended before it.
#include <gtest/gtest.h>

#include "tests/unit/checker/checked.h"

namespace muster {
namespace {

const std::string step_a = "- id: a\n  look: {}\n";
const std::string reads_a = "- look: {text: \"${{ steps.a.value }}\"}";

TEST(Order, LetsAStepReadTheOnesAboveIt) {
  EXPECT_EQ(Checked(with_steps(step_a + "- look: {}\n" + reads_a)).said(), "");
}

TEST(Order, RefusesAStepThatReadsALaterOne) {
  EXPECT_TRUE(Checked(with_steps(reads_a + "\n" + step_a)).says("not-yet"));
}

TEST(Order, RefusesASiblingOfAParallelGroupUnlessItIsNeeded) {
  EXPECT_TRUE(Checked(with_steps(step_a + reads_a, "", "    parallel: true\n")).says("not-yet"));
  EXPECT_EQ(Checked(with_steps(step_a + reads_a + "\n  needs: [a]", "", "    parallel: true\n")).said(), "");
}

TEST(Order, FollowsNeedsOverSeveralSteps) {
  std::string chain = step_a + "- id: b\n  needs: [a]\n  look: {}\n- id: c\n  needs: [b]\n  look: {}\n";
  EXPECT_EQ(Checked(with_steps(chain + reads_a + "\n  needs: [c]", "", "    parallel: true\n")).said(), "");
}

TEST(Order, ForgetsTheStepsAboveWhereNeedsReplacesThem) {
  EXPECT_TRUE(Checked(with_steps(step_a + reads_a + "\n  needs: []")).says("not-yet"));
  // The next step without `needs` follows the one above it, and only that one.
  EXPECT_TRUE(Checked(with_steps(step_a + "- id: b\n  needs: []\n  look: {}\n" + reads_a)).says("not-yet"));
}

TEST(Order, LetsLaterPhasesReadEarlierOnes) {
  std::string later =
      with_steps(step_a) +
      "  - id: two\n    when: steps.a.value\n    steps:\n      - look: {text: \"${{ steps.a.value }}\"}\n";
  EXPECT_EQ(Checked(later).said(), "");
}

TEST(Order, LetsAStepReadFromInsideAnEarlierGroup) {
  EXPECT_EQ(Checked(with_steps("- id: g\n  steps:\n    - id: a\n      look: {}\n" + reads_a)).said(), "");
}

TEST(Order, LetsAStepReadItsGroupsPredecessors) {
  EXPECT_EQ(Checked(with_steps(step_a + "- id: g\n  steps:\n    - look: {text: \"${{ steps.a.value }}\"}")).said(), "");
}

TEST(Order, LetsAnInnerStepNeedAStepOfAnotherGroupAndReadIt) {
  std::string groups =
      "- id: g\n  steps:\n    - id: a\n      look: {}\n- id: h\n  steps:\n    - needs: [a]\n      look: {text: \"${{ "
      "steps.a.value }}\"}";
  EXPECT_EQ(Checked(with_steps(groups, "", "    parallel: true\n")).said(), "");
}

TEST(Order, LetsRecoveryReadWhatTheBodyMayHaveDone) {
  for (const char* list : {"rescue", "always"}) {
    std::string text = with_steps(step_a) + "    " + list + ":\n      - look: {text: \"${{ steps.a.value }}\"}\n";
    EXPECT_EQ(Checked(text).said(), "") << list;
  }
  EXPECT_EQ(Checked(with_steps(step_a) + "always:\n  - look: {text: \"${{ steps.a.value }}\"}\n").said(), "");
}

TEST(Order, LetsARollbackReadTheStepThatItUndoes) {
  std::string undone = "- id: a\n  change: {}\n  rollback:\n    - change: {text: \"${{ steps.a.value }}\"}";
  EXPECT_FALSE(Checked(with_steps(undone)).says("not-yet"));
  EXPECT_TRUE(Checked(with_steps(undone)).says("rollback-blind"));
  EXPECT_EQ(Checked(with_steps(undone + "\n      when: steps.a.state == \"succeeded\"")).said(), "");
  EXPECT_TRUE(
      Checked(with_steps("- change: {}\n  rollback:\n    - change: {text: \"${{ steps.a.value }}\"}\n" + step_a))
          .says("not-yet"));
}

TEST(Order, LetsVerifyAndOutputsReadTheirOwnStepButNotItsArguments) {
  EXPECT_EQ(Checked(with_steps("- id: a\n  look: {}\n  verify:\n    that: steps.a.value == 1 and result.value == 1\n  "
                               "outputs: {b: \"${{ steps.a.value }}\"}"))
                .said(),
            "");
  EXPECT_TRUE(Checked(with_steps("- id: a\n  look: {text: \"${{ steps.a.value }}\"}")).says("not-yet"));
  EXPECT_TRUE(Checked(with_steps("- id: a\n  look: {}\n  when: steps.a.value")).says("not-yet"));
}

TEST(Order, LetsOutputsOfAGroupReadItsStepsAndOthersOnlyItsOutputs) {
  std::string group = "- id: g\n  steps:\n    - id: a\n      look: {}\n  outputs: {b: \"${{ steps.a.value }}\"}\n";
  EXPECT_EQ(Checked(with_steps(group + "- look: {text: \"${{ steps.g.b }}\"}")).said(), "");
  EXPECT_TRUE(Checked(with_steps(group + "- look: {text: \"${{ steps.g.value }}\"}")).says("unknown-result"));
}

TEST(Order, LetsStatesBeReadAnywhere) {
  EXPECT_EQ(Checked(with_steps("- look: {}\n  when: steps.b.state ~= \"failed\"\n- id: b\n  look: {}")).said(), "");
}

TEST(Order, LetsNothingBeReadBeforeTheRun) {
  EXPECT_TRUE(Checked(with_steps(step_a, "connections:\n  c: {sqlite: \"${{ steps.a.value }}\"}\n")).says("not-yet"));
  EXPECT_TRUE(
      Checked(with_steps("- id: a\n  change: {}", "approval: {message: \"${{ steps.a.value }}\"}\n")).says("not-yet"));
}

TEST(Needs, MayNameLaterSiblings) {
  EXPECT_EQ(
      Checked(with_steps("- look: {text: \"${{ steps.b.value }}\"}\n  needs: [b]\n- id: b\n  needs: []\n  look: {}"))
          .said(),
      "");
}

TEST(Needs, ThatWaitForEachOtherThroughGroupsAreACycle) {
  Checked c(
      with_steps("- id: g\n  needs: [h]\n  steps:\n    - id: a\n      look: {}\n- id: h\n  needs: []\n  steps:\n    - "
                 "id: b\n      needs: [a]\n      look: {}"));
  ASSERT_TRUE(c.says("needs-cycle")) << c.said();
  EXPECT_NE(c.said().find("g -> h -> b -> a -> g"), std::string::npos) << c.said();
}

TEST(Needs, CannotNameTheGroupAroundOrTheStepsInside) {
  EXPECT_TRUE(Checked(with_steps("- id: g\n  steps:\n    - needs: [g]\n      look: {}")).says("bad-needs"));
  EXPECT_TRUE(Checked(with_steps("- id: g\n  needs: [a]\n  steps:\n    - id: a\n      look: {}")).says("bad-needs"));
}

TEST(Needs, CannotNameStepsThatRunOnlyOnFailure) {
  std::string text =
      with_steps("- id: g\n  steps:\n    - look: {}\n  rescue:\n    - id: r\n      look: {}\n- needs: [g]\n  look: {}");
  EXPECT_EQ(Checked(text).said(), "");
}

// Twice the steps must not take four times the work: both sizes are read and checked, the larger one only just in time
// of the test's own limit if anything were quadratic.
// So many that a square of them would take minutes, and a recursion the stack; a check of a hundred thousand is timed
// by tests/bench.
TEST(Checker, ReadsThirtyThousandStepsThatAllReadTheFirst) {
  std::string text = "muster: 1\nplaybook: p\nphases:\n  - id: one\n    steps:\n      - {id: s0, look: {}}\n";
  for (int i = 1; i < 30'000; ++i)
    text += "      - {id: s" + std::to_string(i) + ", needs: [s" + std::to_string(i - 1) +
            "], look: {text: \"${{ steps.s0.value }}\"}}\n";
  Checked c(std::move(text));
  EXPECT_EQ(c.said(), "");
  EXPECT_TRUE(c.playbook);
}

TEST(Checker, BearsOneStepWithAHundredThousandNeeds) {
  std::string text =
      "muster: 1\nplaybook: p\nphases:\n  - id: one\n    parallel: true\n    steps:\n      - {id: a, look: {}}\n      "
      "- look: {}\n        needs:\n";
  for (int i = 0; i < 100'000; ++i) text += "          - a\n";
  EXPECT_EQ(Checked(text).said(), "");
  std::string wrong = text;
  for (size_t at = 0; (at = wrong.find("- a\n", at)) != std::string::npos; at += 4) wrong.replace(at, 3, "- b");
  EXPECT_TRUE(Checked(wrong).says("too-many-problems"));
}

}  // namespace
}  // namespace muster
