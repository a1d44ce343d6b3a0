#include "interpreter/plan/plan.h"

#include "tests/unit/plan/planned.h"

namespace muster {
namespace {

Plan plan_of(const std::string& text, const Map& inputs = {}) {
  static std::vector<std::unique_ptr<Written>> kept;  // plans point into nothing of it, but problems do
  kept.push_back(std::make_unique<Written>(text));
  return plan_offline(*kept.back()->graph, builtin_actions(), inputs, kept.back()->files);
}

const PlannedStep& step_at(const Plan& plan, const std::string& path) {
  for (const PlannedStep& step : plan.steps)
    if (step.path == path) return step;
  ADD_FAILURE() << "no step " << path << " in\n" << text_of(plan);
  return plan.steps.front();
}

std::string argument_of(const PlannedStep& step, const std::string& name) {
  for (const PlannedKey& argument : step.arguments)
    if (argument.key == name) return to_text(argument.value);
  return "(none)";
}

std::vector<std::string> paths_of(const Plan& plan) {
  std::vector<std::string> out;
  for (const PlannedStep& step : plan.steps) out.push_back(step.path);
  return out;
}

TEST(OfflinePlan, RendersWhatTheInputsSettle) {
  Plan plan = plan_of(with_steps("- id: moved\n  title: \"Move ${{ inputs.file }}\"\n"
                                 "  shell: {argv: [mv, \"${{ inputs.file }}\", \"/aside/${{ inputs.file }}\"]}",
                                 "inputs: {file: {type: path, required: true}}\n"),
                      Map{{"file", "a.db"}});
  const PlannedStep& moved = step_at(plan, "all/moved");
  EXPECT_EQ(to_text(moved.title), "Move a.db");
  EXPECT_EQ(argument_of(moved, "argv"), R"(["mv","a.db","/aside/a.db"])");
  EXPECT_EQ(moved.effect, Effect::write);
  EXPECT_TRUE(plan.problems.empty());
}

TEST(OfflinePlan, SaysWhichStepAValueWaitsFor) {
  Plan plan =
      plan_of(with_steps("- id: found\n  shell: {argv: [find]}\n  effect: read\n"
                         "- id: used\n  shell: {argv: [use, \"x-${{ steps.found.stdout }}\"]}\n"
                         "  when: steps.found.exit_code == 0"));
  const PlannedStep& used = step_at(plan, "all/used");
  EXPECT_EQ(argument_of(used, "argv"), "[\"use\",\"x-(known after found)\"]");
  EXPECT_EQ(used.after, std::vector<std::string>{"found"});
  ASSERT_TRUE(used.when.has_value());
  EXPECT_TRUE(used.when->is<Unknown>());
  EXPECT_FALSE(used.skipped);
  EXPECT_EQ(step_at(plan, "all/found").effect, Effect::read);
}

TEST(OfflinePlan, SkipsWhatTheInputsSwitchOff) {
  std::string text = with_steps(
      "- id: group\n  when: inputs.deep\n  steps:\n    - id: inner\n      shell: {argv: [a]}\n"
      "- id: after\n  shell: {argv: [b]}",
      "inputs: {deep: {type: boolean, default: false}}\n");
  Plan off = plan_of(text, Map{{"deep", false}}), on = plan_of(text, Map{{"deep", true}});
  EXPECT_TRUE(step_at(off, "all/group").skipped);
  EXPECT_TRUE(step_at(off, "all/group/inner").skipped);
  EXPECT_FALSE(step_at(off, "all/after").skipped);
  EXPECT_FALSE(step_at(on, "all/group/inner").skipped);
}

TEST(OfflinePlan, ShowsWhatAGateGuardsAndWhoDecides) {
  Plan plan = plan_of(
      with_steps("- id: look\n  shell: {argv: [a]}\n  effect: read\n- id: change\n  shell: {argv: [b]}", "",
                 "    approval: {message: Do it, approvers: [group:sre], expires: 30m, require_reason: true}\n"));
  const PlannedStep& phase = step_at(plan, "all");
  ASSERT_TRUE(phase.gate.has_value());
  EXPECT_EQ(to_text(phase.gate->message), "Do it");
  EXPECT_EQ(phase.gate->guards, std::vector<std::string>{"all/change"});
  EXPECT_EQ(phase.gate->rules,
            (std::vector<std::string>{"approvers: group:sre", "expires: 30m", "require_reason: true"}));
}

TEST(OfflinePlan, ListsStepsInTheOrderInWhichTheyMayBegin) {
  Plan plan =
      plan_of(with_steps("- id: a\n  needs: [c]\n  set: {x: 1}\n- id: b\n  needs: []\n  set: {x: 1}\n"
                         "- id: c\n  needs: [b]\n  set: {x: 1}"));
  EXPECT_EQ(paths_of(plan), (std::vector<std::string>{"all", "all/b", "all/c", "all/a"}));
}

TEST(OfflinePlan, ShowsNoSecretAndReadsNone) {
  Plan plan =
      plan_of(with_steps("- id: told\n  http: {post: \"https://x.test/\", headers: {token: \"T ${{ secrets.key }}\"}}\n"
                         "- id: asked\n  when: is_set(secrets.key)\n  set: {x: 1}",
                         "secrets: {key: {file: /nowhere/at/all}}\n"));
  EXPECT_EQ(argument_of(step_at(plan, "all/told"), "headers"), R"({"token":"***"})");
  EXPECT_TRUE(step_at(plan, "all/asked").when->is<Unknown>());
  EXPECT_TRUE(plan.problems.empty());
}

TEST(OfflinePlan, DoesNotAskTheClock) {
  Plan plan = plan_of(with_steps("- id: named\n  set: {file: \"backup-${{ now() }}\"}"));
  EXPECT_EQ(argument_of(step_at(plan, "all/named"), "file"), "backup-(known in the run)");
}

TEST(OfflinePlan, TellsWhatRaisesOnTheseInputs) {
  Plan plan = plan_of(with_steps("- id: sum\n  set: {x: \"${{ 1 // inputs.by }}\"}", "inputs: {by: {type: integer}}\n"),
                      Map{{"by", 0}});
  ASSERT_EQ(plan.problems.size(), 1u);
  EXPECT_EQ(argument_of(step_at(plan, "all/sum"), "x"), "(cannot be told)");
}

TEST(OfflinePlan, KeepsEveryOtherKeyAsItIsWritten) {
  Plan plan =
      plan_of(with_steps("- id: a\n  shell: {argv: [a]}\n  retry: {attempts: 3, delay: 1s}\n  idempotent: true\n"
                         "  verify:\n    that: [result.exit_code == 0]"));
  std::string text = text_of(plan);
  EXPECT_NE(text.find("retry: {attempts: 3, delay: 1s}\n"), std::string::npos) << text;
  EXPECT_NE(text.find("verify: {that: [result.exit_code == 0]}\n"), std::string::npos) << text;
}

TEST(OfflinePlan, IsTheSameForPrograms) {
  Value value = value_of(plan_of(with_steps("- id: a\n  title: First\n  shell: {argv: [a]}")));
  const List& steps = member(value, "steps")->get<List>();
  ASSERT_EQ(steps.size(), 2u);
  EXPECT_EQ(to_text(*member(steps[1], "path")), "all/a");
  EXPECT_EQ(to_text(*member(steps[1], "effect")), "write");
  EXPECT_EQ(to_text(*member(steps[1], "arguments")), R"({"argv":["a"]})");
}

}  // namespace
}  // namespace muster
