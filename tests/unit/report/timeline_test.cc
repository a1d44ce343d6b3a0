#include "interpreter/report/timeline.h"

#include <gtest/gtest.h>

#include "interpreter/report/report.h"
#include "tests/unit/report/story.h"

namespace muster {
namespace {

constexpr const char* playbook = R"(
muster: 1
playbook: rotate-keys
version: 1.2.0
title: Rotate the keys
inputs:
  ring: {type: string, required: true}
objectives: {rto: 5m, rpo: 1h}
phases:
  - id: prepare
    title: Make the new key
    steps:
      - id: made
        title: Make a key
        shell: {argv: [make-key, "${{ inputs.ring }}"]}
        rollback: [{id: forgotten, shell: {argv: [forget-key]}}]
      - id: counted
        set: {keys: 2}
  - id: swap
    title: Use it
    approval: {message: "Swap the key of ${{ inputs.ring }}", approvers: [group:sre], require_reason: true}
    steps:
      - id: swapped
        shell: {argv: [swap-key]}
      - id: works
        title: It signs
        verify:
          shell: {argv: [sign]}
          that: [{name: it signs, that: result.exit_code == 0}]
)";

Map gate_shown(int opening) {
  return Map{{"opening", opening},
             {"title", "Use it"},
             {"message", "Swap the key of main"},
             {"digest", opening == 1 ? "aaaa" : "bbbb"},
             {"require_reason", true},
             {"self_approval_lifted", true},
             {"expires_at", Story::at(1800)},
             {"places", List{Map{{"people", List{"ann", "bob"}}, {"label", "group:sre"}, {"count", 1}}}},
             {"guarded", List{Map{{"op", "swap/swapped"},
                                  {"title", "swapped"},
                                  {"action", "shell"},
                                  {"effect", "write"},
                                  {"lines", List{"swap-key"}}}}}};
}

Map vote(const char* person, const char* verdict, const char* reason, int opening) {
  return Map{{"person", person}, {"verdict", verdict}, {"reason", reason},
             {"digest", "bbbb"}, {"how", "command"},   {"opening", opening}};
}

// Approved at the second showing, then the verify fails and what can be undone is undone.
Story failed_run() {
  Story story;
  story.created({{"self_approval_allowed", true}});
  story.tell(0, EventKind::evaluated, "playbook", {{"entered", true}});
  story.tell(0, EventKind::evaluated, "prepare", {{"entered", true}});
  story.tell(0.1, EventKind::intent, "prepare/made", {{"effect", "write"}}, 1);
  story.tell(1.3, EventKind::outcome, "prepare/made",
             {{"state", "succeeded"}, {"result", Map{{"exit_code", 0}}}, {"notes", List{"an old key was there"}}}, 1);
  story.tell(1.4, EventKind::outcome, "prepare/counted", {{"state", "succeeded"}, {"result", Map{{"keys", 2}}}}, 1);
  story.tell(1.4, EventKind::outcome, "prepare", {{"state", "succeeded"}});
  story.tell(2, EventKind::gate_opened, "swap", gate_shown(1), 1);
  story.tell(30, EventKind::gate_closed, "swap",
             {{"verdict", "voided"}, {"reason", "what it would do has changed since it was shown"}}, 1);
  story.tell(31, EventKind::gate_opened, "swap", gate_shown(2), 2);
  story.tell(61, EventKind::vote, "swap", vote("bob", "approve", "seen | `it`", 2), 2);
  story.tell(61, EventKind::gate_closed, "swap", {{"verdict", "approved"}, {"reason", "seen | `it`"}}, 2);
  story.tell(61, EventKind::evaluated, "swap", {{"entered", true}});
  story.tell(62, EventKind::intent, "swap/swapped", {{"effect", "write"}}, 1);
  story.tell(63, EventKind::owned, "", {{"owner", "web2:1:1"}, {"person", "bob"}, {"before", "web1:7:7"}});
  story.tell(63, EventKind::in_doubt, "swap/swapped", {{"reason", "nobody saw its end"}}, 1);
  story.tell(70, EventKind::resolved, "swap/swapped",
             {{"choice", "succeeded"}, {"person", "bob"}, {"reason", "looked at it"}}, 1);
  Map claim{{"claim", "result.exit_code == 0"},
            {"name", "it signs"},
            {"held", false},
            {"parts", Map{{"result.exit_code", "1"}}}};
  Map error{{"code", "verify_failed"},
            {"message", "claim does not hold: it signs"},
            {"effect", "none"},
            {"step", "swap/works"}};
  story.tell(75, EventKind::verified, "swap/works",
             {{"state", "failed"}, {"started_at", Story::at(71)}, {"claims", List{claim}}, {"error", error}}, 1);
  story.tell(75, EventKind::rollback_started, "playbook",
             {{"steps", List{"prepare/made"}}, {"without", List{"swap/swapped"}}});
  story.tell(75, EventKind::intent, "prepare/made~rollback/forgotten", {{"effect", "write"}}, 1);
  story.tell(76, EventKind::outcome, "prepare/made~rollback/forgotten", {{"state", "succeeded"}}, 1);
  story.tell(76, EventKind::rollback_ended, "prepare/made", {{"undone", true}}, 1);
  story.tell(76, EventKind::rollback_ended, "playbook", {{"complete", true}});
  story.tell(76, EventKind::outcome, "swap", {{"state", "failed"}, {"error", error}});
  story.tell(76, EventKind::run_ended, "playbook",
             {{"status", "rolled_back"}, {"reason", "claim does not hold: it signs"}, {"exit_code", 5}});
  story.record.row.state = RunState::rolled_back;
  return story;
}

Timeline timeline_of(const Story& story) {
  return make_timeline(story.record, story.history(), graph_from(playbook).get());
}

const TimelineStep* step(const Timeline& timeline, const std::string& op) {
  for (const TimelineStep& one : timeline.steps)
    if (one.op == op) return &one;
  return nullptr;
}

TEST(Timeline, KeepsEveryShowingOfAGateWithItsOwnVotes) {
  Timeline timeline = timeline_of(failed_run());
  ASSERT_EQ(timeline.gates.size(), 2u);
  EXPECT_EQ(timeline.gates[0].state, "voided");
  EXPECT_TRUE(timeline.gates[0].votes.empty());
  EXPECT_EQ(timeline.gates[1].state, "approved");
  ASSERT_EQ(timeline.gates[1].votes.size(), 1u);
  EXPECT_EQ(timeline.gates[1].votes[0].person, "bob");
  EXPECT_EQ(timeline.waited_at_gates, Duration::seconds(58));
}

TEST(Timeline, LeavesAVoteForAnEarlierShowingOut) {
  Story story;
  story.created()
      .tell(1, EventKind::gate_opened, "swap", gate_shown(2), 2)
      .tell(2, EventKind::vote, "swap", vote("bob", "approve", "late", 1), 1);
  Timeline timeline = timeline_of(story);
  ASSERT_EQ(timeline.gates.size(), 1u);
  EXPECT_TRUE(timeline.gates[0].votes.empty());
  EXPECT_EQ(timeline.gates[0].state, "open");
}

TEST(Timeline, NamesStepsWithAnEffectThatNothingUndid) {
  Timeline timeline = timeline_of(failed_run());
  EXPECT_EQ(timeline.not_undone, std::vector<std::string>{"swap/swapped"});
  ASSERT_NE(step(timeline, "prepare/made"), nullptr);
  EXPECT_EQ(step(timeline, "prepare/made")->state, "rolled_back");
  EXPECT_EQ(step(timeline, "prepare/made")->undone, true);
}

TEST(Timeline, LeavesOutUndoStepsThatWereNeverNeeded) {
  Story story;
  story.created();
  EXPECT_EQ(step(timeline_of(story), "prepare/made~rollback/forgotten"), nullptr);
  EXPECT_NE(step(timeline_of(failed_run()), "prepare/made~rollback/forgotten"), nullptr);
}

TEST(Timeline, TellsStepsThatNeverBeganByWhatBecameOfTheirGroup) {
  for (const auto& [end, told] : {std::pair{"skipped", "skipped"}, {"cancelled", "not_reached"}}) {
    Story story;
    story.created().tell(1, EventKind::evaluated, "prepare", {{"entered", true}});
    story.tell(2, EventKind::skipped, "swap", {{"state", end}});
    Timeline timeline = timeline_of(story);
    EXPECT_EQ(step(timeline, "swap/swapped")->state, told);
    EXPECT_EQ(step(timeline, "prepare/made")->state, "pending");
  }
}

TEST(Timeline, TellsWhoTookOverAndWhoSettledADoubt) {
  Timeline timeline = timeline_of(failed_run());
  std::vector<std::string> texts;
  for (const TimelineMoment& moment : timeline.moments) texts.push_back(moment.op + "|" + moment.text);
  EXPECT_EQ(texts,
            (std::vector<std::string>{"|taken over from web1:7:7 by bob", "swap/swapped|in doubt: nobody saw its end",
                                      "swap/swapped|bob settled it as succeeded: looked at it",
                                      "|rolling back `prepare/made`", "|rolled back"}));
}

TEST(Timeline, CountsARecoveryTimeOnlyWhereTheRunSucceeded) {
  Timeline failed = timeline_of(failed_run());
  ASSERT_EQ(failed.objectives.size(), 2u);
  EXPECT_EQ(failed.objectives[0].met, false);
  EXPECT_FALSE(failed.objectives[0].measured.has_value());
  EXPECT_FALSE(failed.objectives[1].met.has_value()) << "nothing was restored, so there is no age of data";

  Story story;
  story.created().tell(301, EventKind::run_ended, "playbook",
                       {{"status", "succeeded"}, {"reason", ""}, {"exit_code", 0}});
  Timeline late = timeline_of(story);
  EXPECT_EQ(late.objectives[0].measured, Duration::seconds(301));
  EXPECT_EQ(late.objectives[0].met, false);
}

TEST(Timeline, MeasuresTheAgeOfTheDataThatWasPutInPlace) {
  std::shared_ptr<const StepGraph> graph = graph_from(R"(
muster: 1
playbook: rotate-keys
objectives: {rpo: 1h}
connections:
  app: {sqlite: /var/app.db}
phases:
  - id: replace
    approval: true
    steps:
      - {id: restored, restore: {target: {connection: app}, from: {litestream: /var/replica}}}
)");
  Story story;
  story.created().tell(1, EventKind::intent, "replace/restored", {{"effect", "destructive"}}, 1);
  story.tell(2, EventKind::outcome, "replace/restored",
             {{"state", "succeeded"}, {"result", Map{{"age", Duration::seconds(5400)}}}}, 1);
  Timeline timeline = make_timeline(story.record, story.history(), graph.get());
  ASSERT_EQ(timeline.objectives.size(), 1u);
  EXPECT_EQ(timeline.objectives[0].measured, Duration::seconds(5400));
  EXPECT_EQ(timeline.objectives[0].met, false);
}

// What a group is given counts from its gate on; a restore counts for the groups that it stands in.
TEST(Timeline, MeasuresTheObjectivesOfEachGroup) {
  std::shared_ptr<const StepGraph> graph = graph_from(R"(
muster: 1
playbook: rotate-keys
objectives: {rto: 1h}
connections:
  app: {sqlite: /var/app.db}
phases:
  - id: other
    objectives: {rto: 10m, rpo: 1h}
    when: 1 > 2
    steps:
      - {id: noted, set: {a: 1}}
  - id: replace
    objectives: {rto: "${{ '1' .. 'm' }}", rpo: 3h}
    approval: true
    steps:
      - id: all
        objectives: {rpo: 1h}
        steps:
          - {id: restored, restore: {target: {connection: app}, from: {litestream: /var/replica}}}
      - id: nothing
        objectives: {rpo: 1h}
        steps: [{id: noted_too, set: {a: 1}}]
)");
  Story story;
  story.created().tell(1, EventKind::skipped, "other");
  story.tell(10, EventKind::gate_opened, "replace", gate_shown(1), 1);
  story.tell(70, EventKind::gate_closed, "replace", {{"verdict", "approved"}}, 1);
  story.tell(70, EventKind::evaluated, "replace",
             {{"entered", true}, {"objectives", Map{{"rto", Duration::seconds(60)}}}});
  story.tell(70, EventKind::evaluated, "replace/all", {{"entered", true}});
  story.tell(70, EventKind::intent, "replace/all/restored", {{"effect", "destructive"}}, 1);
  story.tell(75, EventKind::outcome, "replace/all/restored",
             {{"state", "succeeded"}, {"result", Map{{"age", Duration::seconds(5400)}}}}, 1);
  story.tell(75, EventKind::outcome, "replace/all", {{"state", "succeeded"}});
  story.tell(75, EventKind::outcome, "replace", {{"state", "succeeded"}});
  story.tell(80, EventKind::run_ended, "playbook", {{"status", "succeeded"}, {"exit_code", 0}});
  Timeline timeline = make_timeline(story.record, story.history(), graph.get());
  std::string told;
  for (const TimelineObjective& one : timeline.objectives)
    told += one.op + " " + one.name + " " + to_text(one.limit) + ": " +
            (one.measured ? to_text(*one.measured) : "nothing") + ", " +
            (one.met ? (*one.met ? "met" : "missed") : "open") + "\n";
  EXPECT_EQ(told,
            "playbook rto 1h: 1m20s, met\n"
            "other rto 10m: nothing, open\n"
            "other rpo 1h: nothing, open\n"
            "replace rto 1m: 1m5s, missed\n"
            "replace rpo 3h: 1h30m, met\n"
            "replace/all rpo 1h: 1h30m, missed\n"
            "replace/nothing rpo 1h: nothing, open\n");
  EXPECT_NE(render_text(timeline).find("  replace: rto 1m: missed, 1 min 5 s\n"), std::string::npos);
  EXPECT_NE(
      render_markdown(timeline).find("| recovery time objective of `replace` | 1m, **missed** with 1 min 5 s |\n"),
      std::string::npos);
}

TEST(Timeline, IsMadeWithoutAGraphToo) {
  Story story = failed_run();
  Timeline timeline = make_timeline(story.record, story.history(), nullptr);
  ASSERT_NE(step(timeline, "swap/works"), nullptr);
  EXPECT_EQ(step(timeline, "swap/works")->state, "failed");
  EXPECT_EQ(timeline.gates.size(), 2u);
}

TEST(Timeline, SurvivesABodyThatCannotBeRead) {
  Story story = failed_run();
  RunHistory history = story.history();
  for (Event& event : story.record.events) event.body = "{";
  EXPECT_TRUE(make_timeline(story.record, history, nullptr).moments.size() > 0);
}

TEST(Report, SaysInPlainTextWhatHappened) {
  EXPECT_EQ(render_text(timeline_of(failed_run())), R"(rotate-keys 1.2.0  run 00112233aabbccdd  rolled_back
  claim does not hold: it signs
  Rotate the keys
  started by ann on web1 at 2026-01-15T10:00:00Z, ended after 1 min 16 s, of which 58.0 s at gates
  self-approval was allowed: the configuration is that of a team of one
  rto 5m: missed
  rpo 1h: not measured
prepare                         succeeded     1.4 s     Make the new key
  prepare/made                  rolled_back   1.2 s     Make a key
      an old key was there
  prepare/made~rollback/forgotten  succeeded     1.0 s     forgotten
  prepare/counted               succeeded     0.000 s   counted
swap                            failed        15.0 s    Use it
  swap/swapped                  succeeded     8.0 s     swapped
  swap/works                    failed        4.0 s     It signs
      claim does not hold: it signs
gate swap  voided after 28.0 s: what it would do has changed since it was shown
  the starter was allowed to approve it: a team of one
gate swap  approved after 30.0 s
  2026-01-15T10:01:01Z bob approve: seen | `it`
  the starter was allowed to approve it: a team of one
2026-01-15T10:01:03Z  taken over from web1:7:7 by bob
2026-01-15T10:01:03Z  swap/swapped: in doubt: nobody saw its end
2026-01-15T10:01:10Z  swap/swapped: bob settled it as succeeded: looked at it
2026-01-15T10:01:15Z  rolling back `prepare/made`
2026-01-15T10:01:16Z  rolled back
not undone, because no rollback is declared: swap/swapped
)");
}

TEST(Report, WritesMarkdownForTheReview) {
  EXPECT_EQ(render_markdown(timeline_of(failed_run())), R"(# Rotate the keys

Run `00112233aabbccdd` of `rotate-keys 1.2.0`: **rolled\_back**, claim does not hold: it signs

| | |
| --- | --- |
| started | 2026-01-15T10:00:00Z by ann on web1 |
| ended | 2026-01-15T10:01:16Z, after 1 min 16 s |
| waited at gates | 58.0 s |
| recovery time objective | 5m, **missed** |
| recovery point objective | 1h, not measured |
| self-approval | **allowed**: the configuration is that of a team of one |
| input ring | `main` |

## Decisions

### Gate swap: voided

> Swap the key of main

- opened 2026-01-15T10:00:02Z, closed after 28.0 s
- what it would do has changed since it was shown
- **Self-approval was allowed**: the configuration is that of a team of one, so the starter may have approved this gate.
- bound to `aaaa`, which covers what was shown:
  - `swap/swapped` shell, write
    - `swap-key`

### Gate swap: approved

> Swap the key of main

- opened 2026-01-15T10:00:31Z, closed after 30.0 s
- 2026-01-15T10:01:01Z bob said **approve** (command): seen \| \`it\`
- **Self-approval was allowed**: the configuration is that of a team of one, so the starter may have approved this gate.
- bound to `bbbb`, which covers what was shown:
  - `swap/swapped` shell, write
    - `swap-key`

## What happened

| began | step | state | took | |
| --- | --- | --- | --- | --- |
| 10:00:00Z | **Make the new key** (`prepare`) | succeeded | 1.4 s |  |
| 10:00:00Z | Make a key (`prepare/made`) | rolled_back | 1.2 s |  |
| 10:01:15Z | forgotten (`prepare/made~rollback/forgotten`) | succeeded | 1.0 s |  |
| 10:00:01Z | counted (`prepare/counted`) | succeeded | 0.000 s |  |
| 10:01:01Z | **Use it** (`swap`) | failed | 15.0 s |  |
| 10:01:02Z | swapped (`swap/swapped`) | succeeded | 8.0 s |  |
| 10:01:11Z | It signs (`swap/works`) | failed | 4.0 s | claim does not hold: it signs |

Not undone, because no rollback is declared: `swap/swapped`

## Beside the steps

- 2026-01-15T10:01:03Z taken over from web1:7:7 by bob
- 2026-01-15T10:01:03Z `swap/swapped`: in doubt: nobody saw its end
- 2026-01-15T10:01:10Z `swap/swapped`: bob settled it as succeeded: looked at it
- 2026-01-15T10:01:15Z rolling back \`prepare/made\`
- 2026-01-15T10:01:16Z rolled back

## Details

### Make a key

- an old key was there

### counted

- keys: `2`

### It signs

- `result.exit_code == 0` (it signs) did **not** hold, `result.exit_code = 1`
)");
}

TEST(Report, LetsNoTextOfTheWorldBecomeMarkupOrTerminalControl) {
  Story story;
  story.record.row.playbook = "x";
  story.created({{"title", "a <b> | c\x1b[31m"}, {"inputs", Map{{"p", "one | two`three`"}}}});
  Timeline timeline = timeline_of(story);
  std::string markdown = render_markdown(timeline);
  EXPECT_NE(markdown.find("# a \\<b\\> \\| c\\\\x1b\\[31m\n"), std::string::npos) << markdown;
  EXPECT_NE(markdown.find("| input p | `one \\| two'three'` |"), std::string::npos) << markdown;
  EXPECT_EQ(markdown.find('\x1b'), std::string::npos);
  EXPECT_EQ(render_text(timeline).find('\x1b'), std::string::npos);
}

TEST(Report, WritesAPageThatStandsAlone) {
  Story story = failed_run();
  story.tell(80, EventKind::audit, "", {{"event", "<script>alert(1)</script>"}, {"fields", Map{}}});
  std::string page = render_html(timeline_of(story));
  EXPECT_EQ(page.rfind("<!DOCTYPE html>", 0), 0u);
  EXPECT_EQ(page.find("<script"), std::string::npos) << "text of the run stays text";
  EXPECT_NE(page.find("audit: &lt;script&gt;alert(1)&lt;/script&gt;"), std::string::npos);
  for (const char* loads : {"src=", "href=", "@import", "url("})
    EXPECT_EQ(page.find(loads), std::string::npos) << loads;
  EXPECT_NE(page.find("<tr><th>recovery time objective</th><td>5m, <span class=\"bad\">missed</span></td></tr>"),
            std::string::npos)
      << page;
  EXPECT_NE(page.find("bob said <b>approve</b>: seen | `it`"), std::string::npos);
  EXPECT_NE(page.find("<td class=\"bad\">failed</td>"), std::string::npos);
  EXPECT_NE(page.find("<code>result.exit_code == 0</code> did not hold"), std::string::npos);
}

TEST(Report, KeepsADrawnDiagnosticAsLines) {
  Story story;
  Map error{{"code", "expression"},
            {"message", "x is nil"},
            {"diagnostic", "f.yaml:1:2: error: x is nil\n1 | ```\n  |  ^\n"}};
  story.created().tell(1, EventKind::outcome, "prepare/counted", {{"state", "failed"}, {"error", error}}, 1);
  std::string markdown = render_markdown(timeline_of(story));
  EXPECT_NE(markdown.find("````text\nf.yaml:1:2: error: x is nil\n1 | ```\n  |  ^\n````\n"), std::string::npos)
      << markdown;
}

TEST(Report, GivesJsonWithPhasesAndStepsApart) {
  Result<Value> parsed = parse_json(render_json(timeline_of(failed_run()), true));
  ASSERT_TRUE(parsed.has_value());
  const Map& run = parsed->get<Map>();
  EXPECT_EQ(text_of(run, "id"), "00112233aabbccdd");
  EXPECT_EQ(text_of(run, "state"), "rolled_back");
  EXPECT_EQ(member(run, "exit_code")->get<int64_t>(), 5);
  EXPECT_EQ(text_of(run, "created_at"), "2026-01-15T10:00:00Z");
  EXPECT_EQ(text_of(member(run, "inputs")->get<Map>(), "ring"), "main");
  std::vector<std::string> phases, steps;
  for (const Value& phase : member(run, "phases")->get<List>()) phases.push_back(text_of(phase.get<Map>(), "id"));
  for (const Value& one : member(run, "steps")->get<List>()) steps.push_back(text_of(one.get<Map>(), "id"));
  EXPECT_EQ(phases, (std::vector<std::string>{"prepare", "swap"}));
  EXPECT_EQ(steps, (std::vector<std::string>{"made", "forgotten", "counted", "swapped", "works"}));
  const Map& works = member(run, "steps")->get<List>().back().get<Map>();
  EXPECT_EQ(text_of(works, "op"), "swap/works");
  EXPECT_EQ(to_text(*member(works, "duration")), "4");
  EXPECT_EQ(text_of(member(works, "error")->get<Map>(), "code"), "verify_failed");
  EXPECT_EQ(member(run, "gates")->get<List>().size(), 2u);
}

}  // namespace
}  // namespace muster
