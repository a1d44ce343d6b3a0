#include "interpreter/rehearsal/coverage.h"

#include <gtest/gtest.h>

#include "tests/unit/engine/simulation.h"

namespace muster {
namespace {

using simulation::Simulation;

constexpr const char* playbook = R"(
muster: 1
playbook: drain
version: 2.0.0
inputs: {deep: {type: boolean, default: false}, way: {type: string, default: near}}
phases:
  - id: check
    steps:
      - {id: seen, look: {name: seen}}
      - id: deep
        when: inputs.deep
        do: {name: deep}
  - id: act
    approval: {message: Drain it, expires: 10m}
    steps:
      - id: stopped
        retry: {attempts: 2, delay: 1s}
        idempotent: true
        do: {name: stopped}
        verify: {look: {name: is_stopped}, that: result.name == "is_stopped"}
        rollback: [{id: started, do: {name: started}}]
      - id: moved
        choose:
          by: inputs.way
          options:
            - {id: near, steps: [{id: to_near, do: {name: near}}]}
            - {id: far, steps: [{id: to_far, do: {name: far}}]}
      - id: each
        foreach: [1, 2]
        do: {name: each}
    rescue:
      - {id: rescued, do: {name: rescued}}
)";

// Runs whose gate is decided by a word: approve, reject, or nobody.
struct Rehearsing {
  Rehearsing() {
    Simulation sim;
    EXPECT_TRUE(sim.load(playbook)) << sim.diagnostics;
    coverage = std::make_unique<Coverage>(sim.graph);
  }
  void run(const std::string& word, const std::function<void(Simulation&)>& prepare = {}) {
    Simulation sim;
    ASSERT_TRUE(sim.load(playbook)) << sim.diagnostics;
    sim.inputs = Map{{"deep", false}, {"way", "near"}};
    if (prepare) prepare(sim);
    sim.executor.on_tick = [&sim, word] {
      if (word.empty()) return;
      for (const OpRecord* gate : open_gates(sim.engine->history())) {
        if (!gate->gate.votes.empty()) continue;
        Vote vote{"bob", word, "as agreed", gate->gate.digest, "terminal", sim.clock.now()};
        ASSERT_TRUE(sim.engine->vote(gate->op, vote).has_value());
      }
    };
    Result<Ending> ending = sim.run({true, false});
    ASSERT_TRUE(ending.has_value()) << ending.error().message;
    Result<RunRecord> record = sim.journal->read(sim.run_id);
    ASSERT_TRUE(record.has_value());
    coverage->add(record->events);
  }
  std::unique_ptr<Coverage> coverage;
};

Result<StepOutput> refuses(const StepInput&) { return fail(ErrorCode::failed, "no", {}, Certainty::no_effect); }

TEST(Coverage, FindsEveryPointInTheGraph) {
  EXPECT_EQ(coverage_text(*Rehearsing().coverage), R"(coverage of drain 2.0.0: 0 of 20 points in 0 runs
  steps      0 of 8
  branches   0 of 4
  gates      0 of 3
  rescues    0 of 1
  rollbacks  0 of 1
  retries    0 of 1
  verifies   0 of 2
not covered:
  steps      check/seen: ran
  steps      check/deep: ran
  steps      act/stopped: ran
  steps      act/stopped~rollback/started: ran
  steps      act/moved/near/to_near: ran
  steps      act/moved/far/to_far: ran
  steps      act/each: ran
  steps      act~rescue/rescued: ran
  branches   check/deep: when true
  branches   check/deep: when false
  branches   act/moved/near: chosen
  branches   act/moved/far: chosen
  gates      act: approved
  gates      act: rejected
  gates      act: expired
  rescues    act: rescued
  rollbacks  act/stopped: rolled back
  retries    act/stopped: retries used up
  verifies   act/stopped: verify held
  verifies   act/stopped: verify failed
)");
}

TEST(Coverage, TicksOffWhatRunsWentThrough) {
  Rehearsing rehearsing;
  rehearsing.run("approve");
  EXPECT_EQ(coverage_text(*rehearsing.coverage), R"(coverage of drain 2.0.0: 8 of 20 points in 1 run
  steps      4 of 8
  branches   2 of 4
  gates      1 of 3
  rescues    0 of 1
  rollbacks  0 of 1
  retries    0 of 1
  verifies   1 of 2
not covered:
  steps      check/deep: ran
  steps      act/stopped~rollback/started: ran
  steps      act/moved/far/to_far: ran
  steps      act~rescue/rescued: ran
  branches   check/deep: when true
  branches   act/moved/far: chosen
  gates      act: rejected
  gates      act: expired
  rescues    act: rescued
  rollbacks  act/stopped: rolled back
  retries    act/stopped: retries used up
  verifies   act/stopped: verify failed
)");

  rehearsing.run("reject");
  rehearsing.run("");
  rehearsing.run("approve", [](Simulation& sim) {  // the rescue saves it
    sim.inputs = Map{{"deep", true}, {"way", "far"}};
    sim.script["is_stopped"] = [](const StepInput&) -> Result<StepOutput> {
      return StepOutput{Map{{"name", "still there"}}, {}};
    };
  });
  rehearsing.run("approve", [](Simulation& sim) {  // all is undone
    sim.inputs = Map{{"deep", true}, {"way", "far"}};
    sim.script["each"] = sim.script["rescued"] = refuses;
  });
  EXPECT_EQ(coverage_text(*rehearsing.coverage),
            "coverage of drain 2.0.0: 20 of 20 points in 5 runs\n"
            "  steps      8 of 8\n  branches   4 of 4\n  gates      3 of 3\n"
            "  rescues    1 of 1\n  rollbacks  1 of 1\n  retries    1 of 1\n"
            "  verifies   2 of 2\n");
  const Map value = coverage_value(*rehearsing.coverage);
  EXPECT_EQ(member(value, "runs")->get<int64_t>(), 5);
  EXPECT_EQ(member(value, "covered")->get<int64_t>(), 20);
  EXPECT_EQ(
      print_json(member(value, "items")->get<List>().front()),
      R"({"expected":true,"home":{"path":"check/seen","playbook":"drain"},"kind":"steps","op":"check/seen","runs":5,"what":"ran"})");
}

// A retry that went well in the end has not used its attempts up.
TEST(Coverage, CountsOnlyTheLastAttemptAsUsedUp) {
  Rehearsing rehearsing;
  rehearsing.run("approve", [](Simulation& sim) {
    sim.script["stopped"] = [](const StepInput& input) -> Result<StepOutput> {
      if (input.attempt == 1) return refuses(input);
      return StepOutput{Map{{"name", "stopped"}}, {}};
    };
  });
  EXPECT_EQ(rehearsing.coverage->count(CoverageKind::retry).covered, 0);
  EXPECT_EQ(rehearsing.coverage->count(CoverageKind::verify).covered, 1);
  rehearsing.run("approve", [](Simulation& sim) { sim.script["stopped"] = refuses; });
  EXPECT_EQ(rehearsing.coverage->count(CoverageKind::retry).covered, 1);
}

TEST(Coverage, ColoursTheGraphByWhatIsCoveredOfEachNode) {
  Rehearsing rehearsing;
  rehearsing.run("approve");
  std::string dot = coverage_dot(*rehearsing.coverage);
  EXPECT_NE(dot.find(R"([label="seen", fillcolor="#c9efd2", tooltip="check/seen: 1 of 1"])"), std::string::npos) << dot;
  EXPECT_NE(dot.find(R"([label="stopped", fillcolor="#ffeeb3", tooltip="act/stopped: 2 of 5"])"), std::string::npos);
  EXPECT_NE(dot.find(R"([label="to_far", fillcolor="#ffd2cf")"), std::string::npos);
  std::string html = coverage_html(*rehearsing.coverage, "<?xml?>\n<svg id=\"drawn\"></svg>\n");
  EXPECT_NE(html.find("<svg id=\"drawn\">"), std::string::npos);
  EXPECT_EQ(html.find("<?xml"), std::string::npos);
  EXPECT_NE(html.find(R"(<li><span class="all">seen</span><span class="small"> ran × 1</span></li>)"),
            std::string::npos)
      << html;
  EXPECT_NE(html.find(R"(<span class="bad">verify failed</span>)"), std::string::npos);
}

}  // namespace
}  // namespace muster
