// A dry run over the simulated world of the engine's tests: its actions count what is done, and here nothing may be.
#pragma once

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "interpreter/dryrun/dry_run.h"
#include "tests/unit/engine/simulation.h"

namespace muster {

class FakeFence final : public FencedReads {
 public:
  std::optional<std::string> refusal(const Command&) override {
    return why.empty() ? std::nullopt : std::optional(why);
  }
  Result<ProcessEnd> observe(const Command&, std::stop_token) override {
    return fail(ErrorCode::not_started, "no commands here");
  }
  std::string why;
};

struct DryStage {
  simulation::Simulation sim;
  FakeFence fence;
  std::set<std::string> touched;  // what was done by an action that got a Touch
  Ledger ledger;

  // Steps `{id: x, do: {name: x}}`, written at the left margin, in one phase `all`.
  static std::string with_steps(const std::string& steps, const std::string& top = {}) {
    std::string text = "muster: 1\nplaybook: p\n" + top + "phases:\n  - id: all\n    steps:\n      ";
    for (char c : steps) {
      text += c;
      if (c == '\n') text += "      ";
    }
    return text + "\n";
  }

  void plan(const std::string& text) {
    ASSERT_TRUE(sim.load(text)) << text << sim.diagnostics;
    plan_loaded();
  }
  void plan_loaded() {
    std::vector<Action> watched = sim.actions;
    for (Action& action : watched) {
      action.act = [this](const StepInput& input, Touch&) -> Result<StepOutput> {
        touched.insert(input.op.path);
        return StepOutput{};
      };
      action.rollback = [this](const StepInput& input, const StepOutput&, Touch&) -> Result<StepOutput> {
        touched.insert(input.op.path);
        return StepOutput{};
      };
    }
    DryWorld world{sim.clock, sim.no_files, sim.sql, sim.http, fence, sim.sql, sim.scratch, sim.variables};
    ledger = dry_run({*sim.graph, sim.files, watched, world, nullptr, "ann", {}}, sim.inputs);
  }

  const LedgerStep& step(const std::string& path) const {
    for (const LedgerStep& step : ledger.steps)
      if (step.planned.path == path) return step;
    ADD_FAILURE() << "`" << path << "` is not in the ledger\n" << text_of(ledger);
    static const LedgerStep none;
    return none;
  }
  // `read`, `predicted`, `unknown: why`, `skipped`, `already_done`.
  std::string told(const std::string& id) const {
    const LedgerStep& found = step("all/" + id);
    if (!found.ending.empty()) return found.ending;
    return std::string(name_of(found.told)) + (found.why.empty() ? "" : ": " + found.why);
  }
  std::string verdict(const std::string& id, size_t n = 0) const {
    const LedgerStep& found = step("all/" + id);
    if (found.checks.size() <= n) return "no check";
    return found.checks[n].verdict + (found.checks[n].why.empty() ? "" : ": " + found.checks[n].why);
  }
};

}  // namespace muster
