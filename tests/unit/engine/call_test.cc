// Playbooks that call playbooks: names, inputs, gates, failures, locks, and a kill at every moment.
#include <gtest/gtest.h>

#include "tests/unit/engine/simulation.h"

namespace muster {
namespace {

using simulation::Simulation;
using Deeds = std::vector<std::string>;

Result<StepOutput> refuse(const char* message, Certainty effect = Certainty::maybe) {
  return fail(ErrorCode::failed, message, {}, effect);
}

constexpr const char* service_playbook = R"(
muster: 1
playbook: restart-service
inputs:
  service: {type: string, required: true}
  times: {type: integer, default: 1}
phases:
  - id: first
    steps:
      - {id: stop, do: {name: "stop ${{ inputs.service }}"}, rollback: [{do: {name: "start ${{ inputs.service }} again"}}]}
      - {id: start, do: {name: "start ${{ inputs.service }} ${{ inputs.times }}"}}
outputs:
  started: "${{ steps.start.name }}"
)";

constexpr const char* caller = R"(
muster: 1
playbook: caller
phases:
  - id: first
    steps:
      - {id: stop, look: {name: web}}
      - id: web
        call: {playbook: parts/service.muster.yaml, with: {service: "${{ steps.stop.name }}", times: 2}}
      - {id: after, do: {name: "${{ steps.web.started }}"}}
)";

TEST(Call, RunsAPlaybookWithItsOwnNamesAndGivesItsOutputs) {
  Simulation sim;
  sim.called["parts/service.muster.yaml"] = service_playbook;
  ASSERT_TRUE(sim.load(caller)) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(sim.deeds, (Deeds{"web", "stop web", "start web 2", "start web 2"}));
  EXPECT_EQ(sim.state("first/web/first/start"), "succeeded");
  EXPECT_EQ(sim.state("first/web/playbook"), "succeeded");
}

TEST(Call, RollsItsStepsBackWhenALaterStepFails) {
  Simulation sim;
  sim.called["parts/service.muster.yaml"] = service_playbook;
  sim.script["start web 2"] = [n = 0](const StepInput& input) mutable -> Result<StepOutput> {
    if (++n == 1) return StepOutput{Map{{"name", text_of(input.args, "name")}}, {}};
    return refuse("no", Certainty::no_effect);
  };
  ASSERT_TRUE(sim.load(caller)) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 5) << ending->reason;
  EXPECT_EQ(sim.deeds, (Deeds{"web", "stop web", "start web 2", "start web 2", "start web again"}));
}

TEST(Call, ChecksAtRunTimeWhatItsInputsWereGiven) {
  Simulation sim;
  sim.called["parts/service.muster.yaml"] = service_playbook;
  ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: caller
phases:
  - id: first
    steps:
      - {id: found, look: {name: many}}
      - {id: web, call: {playbook: parts/service.muster.yaml, with: {service: web, times: "${{ steps.found.name }}"}}}
)")) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 1);
  EXPECT_EQ(ending->reason, "input `times` must be a whole number, and `many` is not");
  EXPECT_EQ(sim.deeds, (Deeds{"many"}));
  std::string drawn = text_of(*sim.op("first/web")->error, "diagnostic");
  EXPECT_NE(drawn.find("test.muster.yaml:8:"), std::string::npos) << drawn;
  EXPECT_NE(drawn.find("parts/service.muster.yaml:6:"), std::string::npos) << drawn;
}

TEST(Call, TellsFailuresInTheCalledFileWithItsOwnLine) {
  Simulation sim;
  sim.called["parts/service.muster.yaml"] = R"(
muster: 1
playbook: raises
phases:
  - id: first
    steps:
      - {id: skipped, when: "false", look: {name: a}}
      - {id: reads, do: {name: "${{ steps.skipped.name }}"}}
)";
  ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: caller
phases:
  - id: first
    steps:
      - {id: web, call: {playbook: parts/service.muster.yaml}}
)")) << sim.diagnostics;
  ASSERT_TRUE(sim.run().has_value());
  std::string drawn = text_of(*sim.op("first/web/first/reads")->error, "diagnostic");
  EXPECT_NE(drawn.find("parts/service.muster.yaml:8:"), std::string::npos) << drawn;
}

TEST(Call, IsRefusedWithTheCycleThatItWouldMake) {
  Simulation sim;
  sim.called["a.muster.yaml"] =
      "muster: 1\nplaybook: a\nphases:\n  - id: p\n    steps:\n      - call: {playbook: b.muster.yaml}\n";
  sim.called["b.muster.yaml"] =
      "muster: 1\nplaybook: b\nphases:\n  - id: p\n    steps:\n      - call: {playbook: a.muster.yaml}\n";
  EXPECT_FALSE(
      sim.load("muster: 1\nplaybook: c\nphases:\n  - id: p\n    steps:\n      - call: {playbook: a.muster.yaml}\n"));
  EXPECT_NE(sim.diagnostics.find("b.muster.yaml:6:"), std::string::npos) << sim.diagnostics;
  EXPECT_NE(sim.diagnostics.find("a.muster.yaml -> b.muster.yaml -> a.muster.yaml"), std::string::npos)
      << sim.diagnostics;
}

TEST(Call, IsRefusedWhereItWouldBlowUp) {
  Simulation sim;
  for (int i = 0; i < 20; ++i) {
    std::string text = "muster: 1\nplaybook: p\nphases:\n  - id: p\n    steps:\n";
    for (int k = 0; k < 4; ++k)
      text += i == 0 ? "      - {do: {name: a}}\n"
                     : "      - {call: {playbook: p" + std::to_string(i - 1) + ".muster.yaml}}\n";
    sim.called["p" + std::to_string(i) + ".muster.yaml"] = text;
  }
  auto calls = [](int i) {
    return "muster: 1\nplaybook: c\nphases:\n  - id: p\n    steps:\n      - call: {playbook: p" + std::to_string(i) +
           ".muster.yaml}\n";
  };
  EXPECT_FALSE(sim.load(calls(12)));
  EXPECT_NE(sim.diagnostics.find("[call-too-large]"), std::string::npos) << sim.diagnostics;
  EXPECT_FALSE(sim.load(calls(19)));
  EXPECT_NE(sim.diagnostics.find("[call-too-deep]"), std::string::npos) << sim.diagnostics;
  EXPECT_TRUE(sim.load(calls(3))) << sim.diagnostics;
}

TEST(Call, ShowsAtAGateAboveItWhatItWouldDo) {
  Simulation sim;
  sim.called["parts/service.muster.yaml"] = service_playbook;
  ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: caller
phases:
  - id: first
    approval: true
    steps:
      - {id: found, look: {name: many}}
      - {id: web, call: {playbook: parts/service.muster.yaml, with: {service: web}}}
      - {id: later, call: {playbook: parts/service.muster.yaml, with: {service: "${{ steps.found.name }}"}}}
)")) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 75);
  std::string shown = print_json(Value(sim.op("first")->gate.shown));
  EXPECT_NE(shown.find("do stop web"), std::string::npos) << shown;
  EXPECT_NE(shown.find("known after `found`"), std::string::npos) << shown;
}

TEST(Call, TakesTheLocksOfWhatItCallsWithItsOwn) {
  Simulation sim;
  sim.called["parts/service.muster.yaml"] = R"(
muster: 1
playbook: locked
inputs:
  name: {type: string, required: true}
locks: ["service:${{ inputs.name }}", ours]
phases:
  - id: first
    steps:
      - {id: held, do: {name: x}}
)";
  std::vector<std::string> held;
  ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: caller
locks: [ours]
phases:
  - id: first
    steps:
      - {id: web, call: {playbook: parts/service.muster.yaml, with: {name: web}}}
)")) << sim.diagnostics;
  sim.script["x"] = [&](const StepInput&) -> Result<StepOutput> {
    held = sim.engine->history().locks;
    return StepOutput{};
  };
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 0);
  EXPECT_EQ(held, (Deeds{"ours", "service:web"}));
}

TEST(Call, IsRefusedWhereALockWouldBeKnownTooLate) {
  Simulation sim;
  sim.called["parts/service.muster.yaml"] = R"(
muster: 1
playbook: locked
inputs:
  name: {type: string, required: true}
locks: ["service:${{ inputs.name }}"]
phases:
  - id: first
    steps:
      - {do: {name: x}}
)";
  EXPECT_FALSE(sim.load(R"(
muster: 1
playbook: caller
phases:
  - id: first
    steps:
      - {id: found, look: {name: many}}
      - {id: web, call: {playbook: parts/service.muster.yaml, with: {name: "${{ steps.found.name }}"}}}
)"));
  EXPECT_NE(sim.diagnostics.find("[lock-too-late]"), std::string::npos) << sim.diagnostics;
}

TEST(Call, ReadsTheSecretsOfTheCalledPlaybookForIt) {
  Simulation sim;
  sim.variables.all["TOKEN_OF_CALLED"] = "a-token-of-the-called";
  sim.variables.all["TOKEN_OF_CALLER"] = "a-token-of-the-caller";
  sim.called["parts/service.muster.yaml"] = R"(
muster: 1
playbook: secretive
secrets: {token: {env: TOKEN_OF_CALLED}}
phases:
  - id: first
    steps:
      - {do: {name: inner, key: "${{ secrets.token }}"}}
)";
  std::vector<std::string> seen;
  auto see = [&](const StepInput& input) -> Result<StepOutput> {
    const Value* key = member(input.args, "key");
    if (key && key->is<Secret>()) seen.emplace_back(key->get<Secret>().reveal(SecretSink::child_stdin));
    return StepOutput{};
  };
  sim.script["inner"] = see;
  sim.script["outer"] = see;
  ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: caller
secrets: {token: {env: TOKEN_OF_CALLER}}
phases:
  - id: first
    steps:
      - {id: web, call: {playbook: parts/service.muster.yaml}}
      - {do: {name: outer, key: "${{ secrets.token }}"}}
)")) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(seen, (Deeds{"a-token-of-the-called", "a-token-of-the-caller"}));
}

TEST(Call, IsRescuedAndTimedAsAnyGroup) {
  Simulation sim;
  sim.called["parts/service.muster.yaml"] = service_playbook;
  sim.script["start web 1"] = [](const StepInput&) { return refuse("no", Certainty::no_effect); };
  ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: caller
phases:
  - id: first
    steps:
      - id: web
        call: {playbook: parts/service.muster.yaml, with: {service: web}}
        rescue: [{do: {name: "rescued from ${{ error.message }}"}}]
        always: [{do: {name: always}}]
      - {id: after, do: {name: "${{ steps.web.state }}"}}
)")) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(sim.deeds, (Deeds{"stop web", "start web 1", "start web again", "rescued from no", "always", "recovered"}));
}

TEST(Call, GoesOnWithTheSameInputsWhereverTheJournalBroke) {
  bool unbroken = false;
  for (int commits = 1; commits < 60 && !unbroken; ++commits) {
    Simulation sim;
    sim.called["parts/service.muster.yaml"] = R"(
muster: 1
playbook: restart-service
inputs:
  service: {type: string, required: true}
phases:
  - id: first
    steps:
      - {id: stop, idempotent: true, do: {name: "stop ${{ inputs.service }}"}}
      - {id: start, idempotent: true, do: {name: "start ${{ inputs.service }}"}}
outputs:
  started: "${{ steps.start.name }}"
)";
    int asked = 0;  // each answer is another one: only what was recorded may count
    sim.script["which"] = [&](const StepInput&) -> Result<StepOutput> {
      return StepOutput{Map{{"name", "web" + std::to_string(++asked)}}, {}};
    };
    ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: caller
phases:
  - id: first
    steps:
      - {id: found, look: {name: which}}
      - {id: web, call: {playbook: parts/service.muster.yaml, with: {service: "${{ steps.found.name }}"}}}
      - {id: after, idempotent: true, do: {name: "${{ steps.web.started }}"}}
)")) << sim.diagnostics;
    sim.journal->fail_after(commits);
    Result<Ending> ending = sim.run();
    unbroken = ending.has_value();
    if (!ending) {
      if (sim.run_id.empty()) continue;  // the run itself was never recorded
      sim.journal->fail_after(-1);
      ending = sim.resume();
      ASSERT_TRUE(ending.has_value()) << commits << ": " << ending.error().message;
    }
    EXPECT_EQ(ending->exit_code, 0) << commits << ": " << ending->reason;
    const std::string service = text_of(*sim.op("first/web/playbook")->inputs, "service");
    EXPECT_EQ(text_of(*sim.op("first/web")->result, "started"), "start " + service) << commits;
    EXPECT_EQ(std::count(sim.deeds.begin(), sim.deeds.end(), "which"), asked) << commits;
  }
  EXPECT_TRUE(unbroken) << "the sweep never came to its end";
}

}  // namespace
}  // namespace muster
