// What groups may have at every level.
#include <gtest/gtest.h>

#include <mutex>

#include "tests/unit/engine/simulation.h"

namespace muster {
namespace {

using simulation::Simulation;
using Deeds = std::vector<std::string>;

TEST(Groups, RunNoMoreAtTheSameTimeThanMaxParallelSays) {
  for (const char* text : {R"(
muster: 1
playbook: phases
parallel: true
max_parallel: 2
phases:
  - {id: a, steps: [{do: {name: a}}]}
  - {id: b, steps: [{do: {name: b}}]}
  - {id: c, steps: [{do: {name: c}}]}
  - {id: d, steps: [{do: {name: d}}]}
)",
                           R"(
muster: 1
playbook: steps
phases:
  - id: only
    parallel: true
    max_parallel: 2
    steps: [{do: {name: a}}, {do: {name: b}}, {do: {name: c}}, {do: {name: d}}]
)"}) {
    Simulation sim;
    ASSERT_TRUE(sim.load(text)) << sim.diagnostics;
    std::mutex mutex;
    int at_once = 0, most = 0;
    for (const char* name : {"a", "b", "c", "d"})
      sim.script[name] = [&](const StepInput&) -> Result<StepOutput> {
        {
          std::lock_guard lock(mutex);
          most = std::max(most, ++at_once);
        }
        for (int i = 0; i < 1000; ++i) std::this_thread::yield();
        std::lock_guard lock(mutex);
        --at_once;
        return StepOutput{};
      };
    Result<Ending> ending = sim.run();
    ASSERT_TRUE(ending.has_value());
    EXPECT_EQ(ending->exit_code, 0) << ending->reason;
    EXPECT_EQ(sim.deeds.size(), 4u);
    EXPECT_LE(most, 2);
  }
}

TEST(Groups, RunPhasesSideBySideWhereThePlaybookIsParallel) {
  Simulation sim;
  ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: phases
parallel: true
phases:
  - {id: a, steps: [{id: asked, approval: true, do: {name: a}}]}
  - {id: b, steps: [{do: {name: b}}]}
)")) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 75);
  EXPECT_EQ(sim.deeds, (Deeds{"b"})) << "what waits at a gate holds only what depends on it";
}

TEST(Groups, TellRescueAndAlwaysWhatWentWrong) {
  Simulation sim;
  sim.script["a"] = [](const StepInput&) -> Result<StepOutput> {
    return fail(ErrorCode::unreachable, "nobody there", {}, Certainty::no_effect);
  };
  ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: told
phases:
  - id: first
    steps:
      - {id: a, do: {name: a}}
    rescue:
      - {do: {name: "${{ error.code }} at ${{ error.step }}"}}
    always:
      - {do: {name: "${{ error.message }}"}}
  - id: second
    steps:
      - {id: b, do: {name: b}}
    always:
      - {when: error == nil, do: {name: nothing}}
      - {when: error.code == "failed", do: {name: wrong}}
)")) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(sim.deeds, (Deeds{"a", "unreachable at first/a", "nobody there", "b", "nothing"}));
}

// Only the run knows what `${{ }}` was: whoever reads its events later finds the limits there.
TEST(Groups, RecordTheLimitsOfObjectivesThatTheRunMade) {
  Simulation sim;
  sim.inputs = Map{{"limit", Duration::seconds(90)}};
  ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: told
inputs: {limit: {type: duration, required: true}}
objectives: {rto: "${{ inputs.limit }}", rpo: 1h}
phases:
  - id: first
    objectives: {rpo: "${{ inputs.limit }}"}
    steps: [{id: a, do: {name: a}}]
)")) << sim.diagnostics;
  ASSERT_TRUE(sim.run().has_value());
  EXPECT_EQ(print_json(Value(sim.op("playbook")->objectives)), R"({"rto":90})");
  EXPECT_EQ(print_json(Value(sim.op("first")->objectives)), R"({"rpo":90})");
}

}  // namespace
}  // namespace muster
