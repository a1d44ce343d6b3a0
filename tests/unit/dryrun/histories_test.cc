// Random playbooks: a dry run does nothing, and everything that the real run then performs was in its ledger.
//
// A failure prints its seed; MUSTER_SEED=n plays that one alone, MUSTER_HISTORIES=n so many.
#include <algorithm>
#include <cstdlib>

#include "interpreter/engine/completing.h"
#include "tests/unit/dryrun/dry_stage.h"
#include "tests/unit/engine/story.h"
#include "tests/world/memory_journal.h"

namespace muster {
namespace {

using simulation::Story;

struct Performed {
  DryStage stage;
  Story story;

  explicit Performed(uint64_t seed) : story(seed) {
    stage.sim.inputs = {{"yes", true}, {"no", false}};
    stage.sim.variables.all = {{"TOKEN", "a secret of nineteen"}};
    GroupOfPeople sre;
    sre.name.text = "sre";
    sre.members = {Name{{}, "bob"}};
    stage.sim.configuration.groups.push_back(sre);
    // Some of what is done fails, so that rescues and rollbacks have their turn.
    for (const std::string& name : story.names)
      if (story.one_in(8))
        stage.sim.script[name] = [](const StepInput&) -> Result<StepOutput> {
          return fail(ErrorCode::failed, "it would not", {}, Certainty::no_effect);
        };
  }

  void say(EventKind kind, const OpId& op, int attempt, const Map& body) {
    Event event;
    event.kind = kind;
    event.op = op;
    event.attempt = attempt;
    event.at = stage.sim.clock.now();
    event.body = encode_value(body);
    ASSERT_TRUE(stage.sim.journal->say(stage.sim.run_id, event).has_value());
  }

  void run() {
    simulation::Simulation& sim = stage.sim;
    Result<Ending> ending = sim.run();
    for (int round = 0; round < 40; ++round) {
      ASSERT_TRUE(ending.has_value()) << ending.error().message;
      if (ending->exit_code == 75) {
        for (const OpRecord* gate : open_gates(sim.engine->history()))
          say(EventKind::vote, gate->op, gate->gate.opening,
              Map{{"person", "bob"},
                  {"verdict", "approve"},
                  {"reason", "so"},
                  {"digest", gate->gate.digest},
                  {"how", "test"},
                  {"opening", gate->gate.opening}});
        for (const OpRecord* step : open_manuals(sim.engine->history()))
          say(EventKind::answered, step->op, step->attempt,
              completion_body(Completion{"bob", {}, "test", {}, text_of(*step->asked, "nonce")}));
      } else if (ending->exit_code == 6) {
        for (const OpRecord* doubt : open_doubts(sim.engine->history()))
          say(EventKind::resolved, doubt->op, doubt->attempt,
              Map{{"choice", "failed"}, {"person", "bob"}, {"reason", "looked"}});
      } else {
        return;
      }
      ending = sim.resume();
    }
    FAIL() << "it never ends";
  }
};

TEST(DryRunHistories, ADryRunDoesNothingAndItsLedgerHoldsAllThatTheRunPerforms) {
  const char* chosen = std::getenv("MUSTER_SEED");
  const char* wanted = std::getenv("MUSTER_HISTORIES");
  const uint64_t first = chosen ? std::strtoull(chosen, nullptr, 10) : 1;
  const uint64_t count = chosen ? 1 : wanted ? std::strtoull(wanted, nullptr, 10) : 60;
  size_t performed = 0;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Performed history(seed);
    ASSERT_TRUE(history.stage.sim.load(history.story.text)) << history.story.text << history.stage.sim.diagnostics;
    history.stage.plan_loaded();
    ASSERT_TRUE(history.stage.touched.empty()) << history.story.text;
    std::set<std::string> known{"playbook"};
    for (const LedgerStep& step : history.stage.ledger.steps) known.insert(step.planned.path);
    history.run();
    if (testing::Test::HasFatalFailure()) return;
    Result<RunRecord> record = history.stage.sim.journal->read(history.stage.sim.run_id);
    ASSERT_TRUE(record.has_value());
    for (const Event& event : record->events) {
      if (event.kind != EventKind::intent && event.kind != EventKind::outcome) continue;
      ++performed;
      EXPECT_TRUE(known.contains(event.op.path)) << event.op.path << "\n"
                                                 << history.story.text << text_of(history.stage.ledger);
    }
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(performed, count);
}

}  // namespace
}  // namespace muster
