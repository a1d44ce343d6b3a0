#include "interpreter/rehearsal/sweep.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/unit/engine/simulation.h"

namespace muster {
namespace {

using simulation::Simulation;

constexpr const char* playbook = R"(
muster: 1
playbook: drain
phases:
  - id: act
    steps:
      - id: stopped
        do: {name: stopped}
        rollback: [{id: started, do: {name: started}}]
      - {id: moved, do: {name: moved}}
)";

// The engine in the simulation of its own tests, with the faults that a scripted action can have. The invariant says
// that nothing is moved where the run did not succeed.
Result<Rehearsed> rehearsed(std::span<const Fault> faults, const std::function<void(Simulation&)>& prepare = {}) {
  Simulation sim;
  if (!sim.load(playbook)) return fail(ErrorCode::invalid, sim.diagnostics);
  Rehearsed out;
  out.scenario = "drained";
  std::set<std::string> done;
  std::mutex mutex;
  auto with = [&](const Fault& fault, ErrorCode code, Certainty certainty) {
    const std::string name = fault.step.substr(fault.step.rfind('/') + 1);
    sim.script[name] = [&, fault, code, certainty, name](const StepInput&) -> Result<StepOutput> {
      std::lock_guard lock(mutex);
      out.struck.push_back(fault);
      if (certainty == Certainty::done) done.insert(name);
      return fail(code, "it was made to fail", {}, certainty);
    };
  };
  for (const char* name : {"stopped", "moved", "started"})
    sim.script[name] = [&, name = std::string(name)](const StepInput&) -> Result<StepOutput> {
      std::lock_guard lock(mutex);
      done.insert(name);
      return StepOutput{Map{{"name", name}}, {}};
    };
  for (const Fault& fault : faults) {
    if (fault.kind == FaultKind::unreachable) with(fault, ErrorCode::unreachable, Certainty::no_effect);
    if (fault.kind == FaultKind::fail_before) with(fault, ErrorCode::failed, Certainty::no_effect);
    if (fault.kind == FaultKind::fail_after) with(fault, ErrorCode::failed, Certainty::done);
    if (fault.kind == FaultKind::verify_fails) with(fault, ErrorCode::verify_failed, Certainty::done);
    if (fault.kind == FaultKind::timeout) with(fault, ErrorCode::timeout, Certainty::maybe);
  }
  if (prepare) prepare(sim);
  Result<Ending> ending = sim.run();
  if (!ending) return pass(ending.error());
  out.ending = {ending->state, ending->exit_code, ending->reason};
  Result<RunRecord> record = sim.journal->read(sim.run_id);
  if (!record) return pass(record.error());
  Result<RunHistory> history = replay(record->events);
  if (!history) return pass(history.error());
  out.record = std::move(*record);
  out.history = std::move(*history);
  out.took = out.history.last_at - out.history.created_at;
  const bool holds = out.ending.state == RunState::succeeded || done.count("moved") == 0;
  out.invariants.push_back(
      {{}, "nothing is half moved", holds, holds ? "" : "it is moved, and the run went wrong", {}});
  return out;
}

struct Swept {
  explicit Swept(const RehearseWith& run, SweepSettings settings = {}) {
    Simulation sim;
    EXPECT_TRUE(sim.load(playbook)) << sim.diagnostics;
    coverage = std::make_unique<Coverage>(sim.graph);
    RehearsedPlaybook loaded;
    loaded.graph = sim.graph;
    loaded.actions = std::make_shared<const std::vector<Action>>(sim.actions);
    Result<Rehearsed> baseline = rehearsed({});
    EXPECT_TRUE(baseline.has_value());
    if (baseline) sweep = muster::sweep(loaded, *baseline, run, settings, *coverage);
  }
  std::unique_ptr<Coverage> coverage;
  Sweep sweep;
};

TEST(Sweep, TellsHowEachRunWithAFaultEndsAndWhatIsWrongWithIt) {
  Swept swept([](std::span<const Fault> faults) { return rehearsed(faults); });
  EXPECT_EQ(
      sweep_text(swept.sweep),
      R"(sweep of drained: the graph allows 21 faults; 14 runs with faults of their own, 6 of which never came to them; 1 finding
step         fault                    ending       after  invariants
act/stopped  nobody answers           failed       0s     holds
act/stopped  fails before its effect  failed       0s     holds
act/stopped  fails after its effect   rolled_back  0s     holds
act/stopped  times out                rolled_back  0s     holds
act/moved    nobody answers           rolled_back  0s     holds
act/moved    fails before its effect  rolled_back  0s     holds
act/moved    fails after its effect   rolled_back  0s     1 of 1 broken
act/moved    times out                rolled_back  0s     holds
7 faults are out of reach: this scenario comes to no such step unless another thing fails first
1. `act/moved`: fails after its effect
   the invariant `nothing is half moved` is broken: it is moved, and the run went wrong
     0s  `act/moved` failed: it was made to fail
     0s  the undo of `act/stopped` begins
     0s  the run ends rolled_back: it was made to fail
)");
  EXPECT_EQ(swept.coverage->runs(), 14);
  EXPECT_EQ(swept.coverage->count(CoverageKind::rollback).covered, 1);
}

TEST(Sweep, IsTheSameOnOneThreadAndOnMany) {
  auto run = [](std::span<const Fault> faults) { return rehearsed(faults); };
  Swept one(run, {2, 30, 3, 1});
  Swept many(run, {2, 30, 3, 8});
  EXPECT_EQ(sweep_text(one.sweep), sweep_text(many.sweep));
  EXPECT_EQ(coverage_text(*one.coverage), coverage_text(*many.coverage));
  EXPECT_EQ(one.sweep.rows.size(), 14u + 30u);
}

// A step fails, and so does the undo of the one before it.
std::vector<Fault> undo_goes_wrong(FaultKind kind, int attempts = 1) {
  Fault first, second;
  first.step = "act/moved";
  first.kind = FaultKind::fail_before;
  second.step = "act/stopped~rollback/started";
  second.kind = kind;
  second.attempts = attempts;
  return {first, second};
}

TEST(Sweep, FindsAnUndoThatWasLeftUndone) {
  const std::vector<Fault> both = undo_goes_wrong(FaultKind::fail_before);
  SweepRow row = judge_swept(both, rehearsed(both));
  EXPECT_TRUE(row.struck);
  EXPECT_EQ(row.ending, "failed");
  ASSERT_EQ(row.findings, std::vector<std::string>{"it leaves undone what it declares to undo: `act/stopped`"});
  std::vector<std::string> story;
  for (const StoryLine& line : row.story) story.push_back(line.text);
  EXPECT_EQ(story,
            (std::vector<std::string>{
                "`act/moved` failed: it was made to fail", "the undo of `act/stopped` begins",
                "`act/stopped~rollback/started` failed: it was made to fail", "`act/stopped` could not be undone",
                "the run ends failed: it was made to fail; rollback incomplete, not undone: `act/stopped`"}));
}

// No playbook makes up for an undo that never works: the run says that its rollback is incomplete, and that is its
// ending.
TEST(Sweep, HoldsAnUndoThatCannotWorkAgainstNobody) {
  const std::vector<Fault> both = undo_goes_wrong(FaultKind::fail_before, 3);
  SweepRow row = judge_swept(both, rehearsed(both));
  EXPECT_EQ(row.ending, "failed");
  EXPECT_NE(row.reason.find("rollback incomplete"), std::string::npos) << row.reason;
  EXPECT_TRUE(row.findings.empty()) << row.findings.front();
}

// Claims that are made to fail never hold, however often they are asked.
TEST(Sweep, HoldsAnUndoWhoseClaimsNeverHoldAgainstNobody) {
  const std::vector<Fault> both = undo_goes_wrong(FaultKind::verify_fails);
  SweepRow row = judge_swept(both, rehearsed(both));
  EXPECT_NE(row.reason.find("rollback incomplete"), std::string::npos) << row.reason;
  EXPECT_TRUE(row.findings.empty()) << row.findings.front();
}

// Who keeps quiet about it has hidden it, whatever the fault was.
TEST(Sweep, FindsAnUndoThatCannotWorkAndIsNotTold) {
  const std::vector<Fault> both = undo_goes_wrong(FaultKind::fail_before, 3);
  Result<Rehearsed> quiet = rehearsed(both);
  ASSERT_TRUE(quiet.has_value());
  quiet->ending.reason = "it was made to fail";
  SweepRow row = judge_swept(both, quiet);
  EXPECT_EQ(row.findings, std::vector<std::string>{"it leaves undone what it declares to undo: `act/stopped`"});
}

TEST(Sweep, FindsARunThatNeverEnds) {
  Result<Rehearsed> run = rehearsed({});
  ASSERT_TRUE(run.has_value());
  run->ending = {RunState::running, 0, "it was still going on after a year"};
  EXPECT_EQ(judge_swept({}, run).findings,
            std::vector<std::string>{"it never ends: it is running, it was still going on after a year"});
  EXPECT_EQ(judge_swept({}, fail(ErrorCode::storage, "no scratch folder")).findings,
            std::vector<std::string>{"it could not be rehearsed: no scratch folder"});
}

TEST(Sweep, FindsAnEndingWithTheExitCodeOfAnother) {
  Result<Rehearsed> run = rehearsed({});
  ASSERT_TRUE(run.has_value());
  ASSERT_TRUE(judge_swept({}, run).findings.empty());
  run->ending = {RunState::rolled_back, 0, ""};
  EXPECT_EQ(judge_swept({}, run).findings,
            std::vector<std::string>{"it ends rolled_back with exit code 0, which is not the one of that ending"});
}

// Killed behind its effect, a step that may not be repeated waits for a person: that is no ending.
TEST(Sweep, TakesADoubtForWhatItIs) {
  Simulation sim;
  ASSERT_TRUE(sim.load(playbook)) << sim.diagnostics;
  sim.on_event = [&sim](const Event& event) {
    if (event.kind == EventKind::intent && event.op.path == "act/moved") sim.journal->fail_after(0);
  };
  ASSERT_FALSE(sim.run().has_value());
  sim.journal->fail_after(-1);
  Result<Ending> ending = sim.resume();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  Rehearsed run;
  run.ending = {ending->state, ending->exit_code, ending->reason};
  run.record = *sim.journal->read(sim.run_id);
  Result<RunHistory> history = replay(run.record.events);
  ASSERT_TRUE(history.has_value());
  run.history = std::move(*history);
  run.invariants.push_back({{}, "nothing is half moved", false, "it is", {}});
  SweepRow row = judge_swept({}, std::move(run));
  EXPECT_EQ(row.ending, "in doubt");
  EXPECT_EQ(row.reason, "a person settles `act/moved`");
  EXPECT_TRUE(row.is_open);
  EXPECT_EQ(row.invariants, 1u) << "they are judged all the same";
  EXPECT_EQ(row.broken, 1u);
  EXPECT_TRUE(row.findings.empty()) << row.findings.front();
}

// Text of a playbook becomes no markup.
TEST(Sweep, IsWrittenAsJunitAndAsAPage) {
  Sweep sweep;
  sweep.scenario = "a <b> & \"c\"";
  Fault fault;
  fault.step = "act/moved";
  fault.kind = FaultKind::fail_after;
  SweepRow bad;
  bad.faults = {fault};
  bad.struck = true;
  bad.ending = "failed";
  bad.took = Duration::seconds(90);
  bad.findings = {"it <never> ends"};
  bad.story = {{Duration::seconds(3), "`x` failed: ]]> & so on"}};
  SweepRow missed;
  missed.faults = {fault};
  sweep.rows = {bad, missed};
  sweep.not_struck = 1;
  EXPECT_EQ(
      sweep_junit(sweep),
      R"(  <testsuite name="sweep of a &lt;b&gt; &amp; &quot;c&quot;" tests="2" failures="1" skipped="1" time="90.000">
    <testcase classname="a &lt;b&gt; &amp; &quot;c&quot;" name="act/moved: fails after its effect" time="90.000"><failure message="it &lt;never&gt; ends">   it &lt;never&gt; ends
     3s  `x` failed: ]]&gt; &amp; so on
</failure></testcase>
    <testcase classname="a &lt;b&gt; &amp; &quot;c&quot;" name="act/moved: fails after its effect" time="0.000"><skipped message="the run never came to it"/></testcase>
  </testsuite>
)");
  std::string html = sweep_html(sweep);
  EXPECT_EQ(html.find("<never>"), std::string::npos);
  EXPECT_NE(html.find("<td class=\"bad\">failed</td>"), std::string::npos) << html;
  EXPECT_EQ(print_json(member(sweep_value(sweep), "rows")->get<List>().front()),
            R"({"broken":0,"ending":"failed","faults":[{"attempts":1,"kind":"fail_after","step":"act/moved"}],)"
            R"("findings":["it <never> ends"],"invariants":0,"not_undone":[],"reason":null,)"
            R"("story":[{"at":3,"text":"`x` failed: ]]> & so on"}],"struck":true,"took":90})");
}

}  // namespace
}  // namespace muster
