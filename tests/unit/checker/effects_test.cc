// Effects, gates, retries, injection: what a step may do to the world.
#include <gtest/gtest.h>

#include "tests/unit/checker/checked.h"

namespace muster {
namespace {

TEST(Effects, AreDerivedFromWhatIsKnownOfTheArguments) {
  auto destroy = small_actions()[1];
  Checked known(with_steps("- destroy: {target: nothing}"));
  EXPECT_EQ(known.said(), "");
  EXPECT_TRUE(Checked(with_steps("- destroy: {target: something}")).says("ungated"));
  EXPECT_TRUE(Checked(with_steps("- destroy: {target: \"${{ inputs.t }}\"}", "inputs:\n  t: {type: string}\n"))
                  .says("ungated"));
}

TEST(Effects, MayBeStrengthenedAndAreBelievedOnlyWhereTheActionAllowsIt) {
  EXPECT_EQ(Checked(with_steps("- change: {}\n  effect: read")).said(), "");
  EXPECT_TRUE(Checked(with_steps("- change: {}\n  effect: destructive")).says("ungated"));
  EXPECT_TRUE(Checked(with_steps("- destroy: {target: x}\n  effect: read\n  approval: true")).says("weaker-effect"));
}

TEST(Effects, OfOneCallAreToldToTheEngineTheSame) {
  std::vector<Action> actions = small_actions();
  Checked c(with_steps("- change: {}\n  effect: read"));
  const Step& step = c.playbook->playbook().phases[0].group.steps[0];
  EXPECT_EQ(effect_of(step.actions[0], actions[0], step.effect, false), Effect::read);
  EXPECT_EQ(effect_of(step.actions[0], actions[0], std::nullopt, false), Effect::write);
  EXPECT_EQ(effect_of(step.actions[0], actions[0], std::nullopt, true),
            Effect::write);  // only a shell is a read by standing there
}

TEST(Gates, GuardDestructiveStepsFromTheStepThePhaseOrThePlaybook) {
  const std::string destroy = "- id: d\n  destroy: {target: x}";
  EXPECT_TRUE(Checked(with_steps(destroy)).says("ungated"));
  EXPECT_EQ(Checked(with_steps(destroy + "\n  approval: true")).said(), "");
  EXPECT_EQ(Checked(with_steps(destroy, "", "    approval: true\n")).said(), "");
  EXPECT_EQ(Checked(with_steps(destroy, "approval: true\n")).said(), "");
}

TEST(Gates, AreNotMissedWhereAStepSaysThatItRunsWithoutOne) {
  EXPECT_EQ(Checked(with_steps("- destroy: {target: x}\n  approval: false")).said(), "");
  EXPECT_TRUE(Checked(with_steps("- destroy: {target: x}\n  rollback: auto")).says("ungated"));
}

TEST(Gates, AreWaivedOnlyForADestructiveStepThatStandsBehindNone) {
  EXPECT_TRUE(Checked(with_steps("- change: {}\n  approval: false")).says("gate-not-waived"));
  EXPECT_TRUE(
      Checked(with_steps("- destroy: {target: x}\n  approval: false", "approval: true\n")).says("gate-not-waived"));
  EXPECT_TRUE(Checked(with_steps("- destroy: {target: x}", "approval: false\n")).says("gate-not-waived"));
}

TEST(Gates, ThatGuardOnlyReadsDrawAWarningAndOthersDoNot) {
  EXPECT_TRUE(Checked(with_steps("- look: {}\n  approval: true")).says("gate-guards-nothing"));
  EXPECT_TRUE(Checked(with_steps("- look: {}", "approval: true\n")).says("gate-guards-nothing"));
  EXPECT_FALSE(Checked(with_steps("- change: {}\n  approval: true")).says("gate-guards-nothing"));
  EXPECT_FALSE(Checked(with_steps("- look: {}\n- change: {}", "", "    approval: true\n")).says("gate-guards-nothing"));
}

TEST(Gates, MustShowWhatADestructiveStepDependsOn) {
  const std::string made = "- id: made\n  change: {}\n";
  const std::string destroy = "- destroy: {target: \"${{ steps.made.value }}\"}";
  EXPECT_TRUE(Checked(with_steps(made + destroy, "", "    approval: true\n")).says("unseen-destructive"));
  EXPECT_FALSE(Checked(with_steps(made + destroy + "\n  approval: true", "", "    approval: true\n"))
                   .says("unseen-destructive"));
  // What ran before the gate is known when it opens.
  std::string before = with_steps(made) + "  - id: two\n    approval: true\n    steps:\n      " + destroy + "\n";
  EXPECT_FALSE(Checked(before).says("unseen-destructive")) << Checked(before).said();
}

TEST(Retry, OfWritesDrawsAWarningUnlessTheyAreIdempotent) {
  EXPECT_TRUE(Checked(with_steps("- change: {}\n  retry: {attempts: 3}")).says("retry-unsafe"));
  EXPECT_FALSE(Checked(with_steps("- change: {}\n  idempotent: true\n  retry: {attempts: 3}")).says("retry-unsafe"));
  EXPECT_FALSE(Checked(with_steps("- look: {}\n  retry: {attempts: 3}")).says("retry-unsafe"));
  EXPECT_FALSE(Checked(with_steps("- change: {}\n  retry: {attempts: 1}")).says("retry-unsafe"));
}

TEST(Rollback, TakesAutoOnlyWhereTheActionOffersIt) {
  EXPECT_TRUE(Checked(with_steps("- change: {}\n  rollback: auto")).says("no-rollback"));
  EXPECT_FALSE(Checked(with_steps("- destroy: {target: x}\n  approval: true\n  rollback: auto")).says("no-rollback"));
}

TEST(Verify, AsksReadsOnly) {
  EXPECT_EQ(Checked(with_steps("- verify:\n    look: {}\n    that: result.value == 1")).said(), "");
  EXPECT_TRUE(Checked(with_steps("- verify:\n    change: {}\n    that: result.value == 1")).says("verify-writes"));
}

TEST(Injection, IsRefusedOnlyInScripts) {
  const std::string input = "inputs:\n  t: {type: string}\n";
  Checked c(with_steps("- change: {script: \"rm ${{ inputs.t }}\"}", input));
  ASSERT_TRUE(c.says("injection"));
  EXPECT_EQ(c.files.text(c.problems[0].at), "inputs.t");
  EXPECT_EQ(Checked(with_steps("- change: {text: \"${{ inputs.t }}\"}", input)).said(), "");
  EXPECT_EQ(Checked(with_steps("- change: {script: \"echo $${{ x }}\"}", input)).said(), "");
}

TEST(Bodies, AreExactlyOne) {
  EXPECT_TRUE(Checked(with_steps("- title: nothing")).says("no-body"));
  EXPECT_TRUE(Checked(with_steps("- look: {}\n  wait: {for: 3s}")).says("two-bodies"));
  for (const char* body : {"set: {a: 1}", "fail: {message: no}", "wait: {for: 3s}", "audit: {event: x}",
                           "steps: [{look: {}}]", "verify: {that: \"true\"}"})
    EXPECT_EQ(Checked(with_steps("- " + std::string(body))).said(), "") << body;
}

TEST(Names, OfErrorAreReadInRecoveryAndRetryOnly) {
  EXPECT_TRUE(Checked(with_steps("- look: {}\n  when: error.code == \"x\"")).says("name-not-here"));
  EXPECT_EQ(Checked(with_steps("- look: {}\n  retry: {attempts: 2, when: error.code == \"x\"}")).said(), "");
  EXPECT_EQ(Checked(with_steps("- look: {}") + "    rescue:\n      - look: {text: \"${{ error.message }}\"}\n").said(),
            "");
  EXPECT_EQ(Checked(with_steps("- look: {}") + "always:\n  - steps:\n      - look: {text: \"${{ error.message }}\"}\n")
                .said(),
            "");
}

TEST(Names, AreIdsWithoutWordsOfLua) {
  for (const char* good : {"a", "a1_b", "restored"})
    EXPECT_EQ(Checked(with_steps("- id: " + std::string(good) + "\n  look: {}")).said(), "") << good;
  for (const char* bad : {"A", "1a", "a-b", "_a", "end", "\xC3\xA4"})
    EXPECT_TRUE(Checked(with_steps("- id: \"" + std::string(bad) + "\"\n  look: {}")).says("bad-name")) << bad;
}

}  // namespace
}  // namespace muster
