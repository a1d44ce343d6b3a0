// What a dry run tells of each kind of step, and that it does nothing.
#include <gmock/gmock.h>

#include "tests/unit/dryrun/dry_stage.h"

namespace muster {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

struct DryRunTest : testing::Test, DryStage {
  void plan_steps(const std::string& steps, const std::string& top = {}) { plan(with_steps(steps, top)); }
  ~DryRunTest() override { EXPECT_THAT(touched, IsEmpty()); }
};

TEST_F(DryRunTest, MakesReadsAndOnlyPreviewsWrites) {
  plan_steps("- {id: a, look: {name: a}}\n- {id: b, do: {name: b}}\n- {id: c, destroy: {name: c}, idempotent: true}");
  EXPECT_EQ(told("a"), "read");
  EXPECT_EQ(told("b"), "predicted");
  EXPECT_THAT(step("all/b").lines, ElementsAre("do b"));
  EXPECT_EQ(told("c"), "predicted");
  EXPECT_THAT(sim.deeds, ElementsAre("a"));
  EXPECT_THAT(ledger.failures, IsEmpty());
}

TEST_F(DryRunTest, KnowsWhatWasReadAndNotWhatAPredictedWriteGives) {
  sim.script["a"] = [](const StepInput&) -> Result<StepOutput> {
    return StepOutput{Map{{"name", "a"}, {"value", 7}}, {}};
  };
  plan_steps(
      "- {id: a, look: {name: a}}\n- {id: b, do: {name: \"b${{ steps.a.value }}\"}}\n"
      "- {id: c, do: {name: \"c${{ steps.b.value }}\"}}");
  EXPECT_THAT(step("all/b").lines, ElementsAre("do b7"));
  EXPECT_EQ(told("c"), "unknown: known after b");
}

TEST_F(DryRunTest, ShowsNothingOfASensitiveResultWhereALaterStepReadsIt) {
  sim.script["a"] = [](const StepInput&) -> Result<StepOutput> {
    return StepOutput{Map{{"name", "a"}, {"value", List{Map{{"word", "hush-hush\n"}}}}}, {}};
  };
  plan_steps(
      "- {id: a, sensitive: true, look: {name: a}}\n- {id: b, do: {name: \"is ${{ steps.a.value[1].word }}\"}}\n"
      "- {id: c, set: {x: \"${{ trim(steps.a.value[1].word) }}!\"}}");
  EXPECT_THAT(step("all/b").lines, ElementsAre("do is ***\n"));
  EXPECT_THAT(text_of(ledger), testing::Not(HasSubstr("hush")));
  EXPECT_THAT(print_json(value_of(ledger)), testing::Not(HasSubstr("hush")));
}

// An action whose preview finds that it would fail.
TEST_F(DryRunTest, AWriteWhoseTrialFailsFailsNowUnlessAnEarlierChangeMayLetItSucceed) {
  for (Action& action : sim.actions)
    action.preview = [](const StepInput& input, Look&, Trial&) -> Result<Preview> {
      Preview preview;
      if (text_of(input.args, "name") == "bad") preview.fails = "a row is missing";
      return preview;
    };
  plan_steps("- {id: a, do: {name: bad}}");
  EXPECT_EQ(told("a"), "predicted");
  EXPECT_EQ(step("all/a").failure, "a row is missing");
  ASSERT_EQ(ledger.failures.size(), 1u);
  EXPECT_EQ(ledger.failures[0].path, "all/a");
  plan_steps(
      "- {id: a, on_failure: continue, do: {name: bad}}\n- {id: b, when: steps.a.state == \"failed\", do: {name: b}}");
  EXPECT_THAT(ledger.failures, IsEmpty());
  EXPECT_EQ(told("b"), "predicted");
  plan_steps("- {id: a, do: {name: a}}\n- {id: b, do: {name: bad}}");
  EXPECT_EQ(told("b"), "unknown: it would fail as things are now: a row is missing");
  EXPECT_THAT(ledger.failures, IsEmpty());
}

TEST_F(DryRunTest, ShowsAReadBehindAPredictedWriteAsItIsBeforeTheChange) {
  sim.script["c"] = [](const StepInput&) -> Result<StepOutput> {
    return StepOutput{Map{{"name", "c"}, {"value", 1}}, {}};
  };
  plan_steps(
      "- {id: a, look: {name: a}}\n- {id: b, do: {name: b}}\n- {id: c, look: {name: c}}\n"
      "- {id: d, when: steps.c.value == 1, do: {name: d}}\n- {id: e, set: {x: \"${{ steps.a.name }}\"}}");
  EXPECT_EQ(step("all/a").before_change, "");
  EXPECT_EQ(told("c"), "read");
  EXPECT_EQ(step("all/c").before_change, "b");
  EXPECT_EQ(told("d"), "unknown: its `when` is known after b");
  EXPECT_EQ(told("e"), "predicted") << "what was read before the change stays known";
}

TEST_F(DryRunTest, AWriteBesideAReadMayComeFirst) {
  plan(
      "muster: 1\nplaybook: p\nphases:\n  - id: all\n    parallel: true\n    steps:\n"
      "      - {id: a, look: {name: a}}\n      - {id: b, do: {name: b}}\n");
  EXPECT_EQ(step("all/a").before_change, "b");
  plan(
      "muster: 1\nplaybook: p\nphases:\n  - id: all\n    parallel: true\n    steps:\n"
      "      - {id: a, look: {name: a}}\n      - {id: b, needs: [a], do: {name: b}}\n");
  EXPECT_EQ(step("all/a").before_change, "");
}

TEST_F(DryRunTest, AFalseConditionSkipsAndAnUnknownOneShowsBothBranches) {
  plan_steps(
      "- {id: a, do: {name: a}}\n- {id: no, when: 1 == 2, do: {name: no}}\n"
      "- {id: maybe, when: steps.a.value == 1, look: {name: maybe}}\n"
      "- {id: other, when: steps.a.value ~= 1, do: {name: other}}\n"
      "- {id: never, when: steps.a.value == 1 and false, do: {name: never}}");
  EXPECT_EQ(told("no"), "skipped");
  EXPECT_EQ(told("maybe"), "unknown: its `when` is known after a");
  EXPECT_THAT(step("all/maybe").lines, ElementsAre("do maybe"));
  EXPECT_EQ(told("other"), "unknown: its `when` is known after a");
  EXPECT_EQ(told("never"), "skipped") << "unknown and false is false";
  EXPECT_THAT(sim.deeds, IsEmpty()) << "a read that may not run is not made";
}

TEST_F(DryRunTest, GoesThroughAListThatIsKnownAndOnceThroughOneThatIsNot) {
  plan_steps(
      "- {id: many, foreach: [x, y], do: {name: \"${{ item }}\"}}\n"
      "- {id: open, foreach: steps.many.items, do: {name: \"${{ item.index }}\"}}");
  EXPECT_THAT(step("all/many[1]").lines, ElementsAre("do x"));
  EXPECT_THAT(step("all/many[2]").lines, ElementsAre("do y"));
  EXPECT_EQ(told("open"), "unknown: its list is known after many");
  EXPECT_EQ(told("open[]"), "unknown: its list is known after many");
}

TEST_F(DryRunTest, ShowsTheOptionWhoseTurnItIsAndEveryOneWhereThatIsNotKnown) {
  const std::string options =
      "    options:\n      - id: one\n        steps: [{do: {name: one}}]\n      - id: two\n        steps: [{do: {name: "
      "two}}]";
  plan_steps("- id: way\n  choose:\n    by: \"'two'\"\n" + options);
  EXPECT_EQ(told("way/one"), "skipped");
  EXPECT_THAT(step("all/way/two/1").lines, ElementsAre("do two"));
  plan_steps("- {id: a, do: {name: a}}\n- id: way\n  choose:\n    by: steps.a.value\n" + options);
  EXPECT_EQ(told("way"), "unknown: whose turn it is, is known after a");
  EXPECT_THAT(step("all/way/one/1").lines, ElementsAre("do one"));
  EXPECT_THAT(step("all/way/two/1").lines, ElementsAre("do two"));
  EXPECT_EQ(told("way/two/1"), "unknown: whose turn it is, is known after a");
}

TEST_F(DryRunTest, AVerifyBehindAPredictedWriteIsUndecidedWhateverTheReadSays) {
  sim.script["probe"] = [](const StepInput&) -> Result<StepOutput> { return fail(ErrorCode::unreachable, "nobody"); };
  plan_steps(
      "- {id: a, do: {name: a}, verify: {look: {name: probe}, that: \"result.name == 'x'\", within: 1h}}\n"
      "- {id: b, verify: {look: {name: probe}, that: \"result.name == 'x'\"}}");
  EXPECT_EQ(verdict("a"), "undecided: known after a");
  EXPECT_EQ(told("b"), "unknown: known after a");
  EXPECT_THAT(sim.deeds, ElementsAre("probe", "probe")) << "each is asked once, and nothing polls";
  EXPECT_THAT(ledger.failures, IsEmpty());
}

TEST_F(DryRunTest, AVerifyOfWhatWasReadHoldsOrNot) {
  plan_steps(
      "- {id: a, look: {name: a}, verify: {that: \"result.name == 'a'\"}}\n"
      "- {id: b, look: {name: b}, verify: {that: \"result.name == 'x'\"}}");
  EXPECT_EQ(verdict("a"), "holds");
  EXPECT_THAT(verdict("b"), HasSubstr("does not hold"));
  ASSERT_EQ(ledger.failures.size(), 1u);
  EXPECT_EQ(ledger.failures[0].path, "all/b");
}

TEST_F(DryRunTest, AReadThatFailsIsShownAndWhatDependsOnItIsUnknown) {
  sim.script["a"] = [](const StepInput&) -> Result<StepOutput> { return fail(ErrorCode::unreachable, "nobody there"); };
  plan_steps(
      "- {id: a, look: {name: a}}\n- {id: b, do: {name: \"${{ steps.a.value }}\"}}\n"
      "- {id: c, look: {name: a}, on_failure: continue}\n- {id: d, when: steps.c.state == 'failed', do: {name: d}}");
  EXPECT_EQ(told("a"), "read");
  EXPECT_EQ(step("all/a").failure, "nobody there");
  EXPECT_EQ(told("b"), "unknown: `a` fails now");
  ASSERT_EQ(ledger.failures.size(), 1u) << "what the playbook makes up for is none";
}

TEST_F(DryRunTest, AsksDoneWhenBeforeTheStepAndOnlyThere) {
  plan_steps(
      "- {id: a, do: {name: a}, done_when: {look: {name: q}, that: \"result.name == 'q'\"}}\n"
      "- {id: b, do: {name: b}, done_when: {look: {name: q}, that: \"result.name == 'x'\"}}\n"
      "- {id: c, do: {name: c}, done_when: {look: {name: q}, that: \"result.name == 'q'\"}}");
  EXPECT_EQ(told("a"), "already_done");
  EXPECT_EQ(told("b"), "predicted");
  EXPECT_EQ(told("c"), "predicted");
  EXPECT_EQ(verdict("c"), "undecided: known after b");
  EXPECT_THAT(sim.deeds, ElementsAre("q", "q", "q"));
}

TEST_F(DryRunTest, ShowsGatesWithTheirMessageAndEvidence) {
  plan(
      "muster: 1\nplaybook: p\nphases:\n  - id: all\n"
      "    approval:\n      message: Go\n      evidence:\n        seen: {look: {name: seen}}\n"
      "    steps:\n      - {id: a, do: {name: a}}\n");
  const LedgerStep& phase = step("all");
  ASSERT_TRUE(phase.planned.gate.has_value());
  EXPECT_EQ(to_text(phase.planned.gate->message), "Go");
  EXPECT_THAT(phase.planned.gate->guards, ElementsAre("all/a"));
  ASSERT_EQ(phase.checks.size(), 1u);
  EXPECT_EQ(phase.checks[0].verdict, "was read");
}

TEST_F(DryRunTest, WhatRunsOnlyWhenSomethingFailsIsShownAndNotAsked) {
  plan_steps(
      "- id: g\n  steps: [{id: a, do: {name: a}, rollback: [{id: undo, do: {name: undo}}]}]\n"
      "  rescue: [{id: mend, look: {name: mend}}]\n  always: [{id: last, do: {name: last}}]");
  EXPECT_EQ(told("g~rescue/mend"), "unknown: it runs only when `g` fails");
  EXPECT_EQ(told("g/a~rollback/undo"), "unknown: it runs only when `a` is undone");
  EXPECT_EQ(told("g~always/last"), "predicted");
  EXPECT_THAT(sim.deeds, IsEmpty());
}

TEST_F(DryRunTest, SecretsAreOpenedAndShownNowhere) {
  sim.variables.all = {{"TOKEN", "a long canary"}};
  sim.script["a"] = [](const StepInput& input) -> Result<StepOutput> {
    EXPECT_TRUE(holds_secret(*member(input.args, "key")));
    return StepOutput{Map{{"name", "said a long canary"}}, {}};
  };
  plan_steps(
      "- {id: a, look: {name: a, key: \"${{ secrets.token }}\"}}\n- {id: b, do: {name: b, key: \"${{ secrets.token "
      "}}\"}}",
      "secrets: {token: {env: TOKEN}}\n");
  EXPECT_EQ(text_of(ledger).find("canary"), std::string::npos) << text_of(ledger);
  EXPECT_EQ(print_json(value_of(ledger)).find("canary"), std::string::npos);
  EXPECT_THAT(text_of(ledger), HasSubstr("said ***"));
}

TEST_F(DryRunTest, ASecretThatAProgramPrintsIsUnknownWhereNothingFencesThePrograms) {
  fence.why = "no fence here";
  plan_steps("- {id: b, do: {name: b, key: \"${{ secrets.token }}\"}}", "secrets: {token: {command: [pass, token]}}\n");
  EXPECT_EQ(told("b"), "unknown: the secret `token`: declared read not executed: no fence here");
}

TEST_F(DryRunTest, ACalledPlaybookIsGoneThroughWithTheInputsThatAreKnown) {
  sim.called["inner.muster.yaml"] =
      "muster: 1\nplaybook: inner\ninputs: {x: {type: string}, z: {type: string}}\nphases:\n  - id: inner\n    steps:\n"
      "      - {id: first, do: {name: \"${{ inputs.x }}\"}}\n      - {id: second, do: {name: \"${{ inputs.z }}\"}}\n";
  plan_steps(
      "- {id: a, do: {name: a}}\n- {id: c, call: {playbook: inner.muster.yaml, with: {x: known, z: \"${{ steps.a.value "
      "}}\"}}}");
  EXPECT_THAT(step("all/c/inner/first").lines, ElementsAre("do known"));
  EXPECT_EQ(told("c/inner/second"), "unknown: known after a");
}

TEST_F(DryRunTest, AStopEndsItEarlyAndTheLedgerSaysSo) {
  ASSERT_TRUE(sim.load(with_steps("- {id: a, look: {name: a}}")));
  std::stop_source stop;
  stop.request_stop();
  DryWorld world{sim.clock, sim.no_files, sim.sql, sim.http, fence, sim.sql, sim.scratch, sim.variables};
  Ledger stopped = dry_run({*sim.graph, sim.files, sim.actions, world, nullptr, "ann", stop.get_token()}, sim.inputs);
  EXPECT_THAT(sim.deeds, IsEmpty());
  EXPECT_THAT(text_of(stopped), HasSubstr("it was stopped before its end"));
}

}  // namespace
}  // namespace muster
