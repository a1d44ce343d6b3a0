// What keys of steps do that the other tests of this room only use: `defaults`, how long a `retry` waits and when it
// gives up, `on_failure: ask`, `needs`, `audit`, `set` and `fail`.
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <mutex>
#include <set>
#include <sstream>

#include "tests/unit/engine/simulation.h"

namespace muster {
namespace {

using simulation::Simulation;
using Deeds = std::vector<std::string>;

class StepKeys : public testing::Test {
 protected:
  void load(const std::string& phase) {
    std::ifstream in(std::string(MUSTER_SOURCE_DIR) + "/tests/fixtures/keys/keys.muster.yaml");
    std::ostringstream text;
    text << in.rdbuf();
    ASSERT_TRUE(sim.load(text.str())) << sim.diagnostics;
    sim.inputs["phase"] = phase;
  }
  void fails(const std::string& name, const std::string& message = "broken") {
    sim.script[name] = [this, message](const StepInput&) -> Result<StepOutput> {
      std::lock_guard lock(mutex);
      began.push_back(sim.clock.boot());
      return fail(ErrorCode::failed, message, {}, Certainty::no_effect);
    };
  }
  Ending run() {
    Result<Ending> ending = sim.run();
    EXPECT_TRUE(ending.has_value()) << ending.error().message;
    return ending.value_or(Ending{});
  }
  // Between the attempts, in seconds.
  std::vector<double> waits() {
    std::vector<double> out;
    for (size_t i = 1; i < began.size(); ++i) out.push_back(static_cast<double>(began[i].us - began[i - 1].us) / 1e6);
    return out;
  }
  void settle(const std::string& step, const std::string& choice) {
    Event event;
    event.kind = EventKind::resolved;
    event.op = OpId{step};
    event.attempt = 1;
    event.at = sim.clock.now();
    event.body = encode_value(resolution(sim.graph.get(), event.op, choice, "bob", "looked"));
    ASSERT_TRUE(sim.journal->say(sim.run_id, event).has_value());
  }
  std::mutex mutex;
  std::vector<Duration> began;
  Simulation sim;
};

TEST_F(StepKeys, OfDefaultsCountForStepsThatDoNotSay) {
  load("defaults");
  fails("bare");
  fails("own");
  EXPECT_EQ(run().exit_code, 1);
  EXPECT_EQ(sim.deeds, (Deeds{"bare", "bare", "own"})) << "tried twice and passed; once and not";
  EXPECT_EQ(waits().front(), 3);
  EXPECT_TRUE(sim.op("defaults/bare")->passed);
  EXPECT_EQ(sim.state("defaults/own"), "failed");
}

TEST_F(StepKeys, OfDefaultsLimitTheTimeOfStepsThatDoNotSay) {
  load("defaults");
  std::vector<Duration> limits;
  for (const char* name : {"bare", "own"})
    sim.script[name] = [&limits, this](const StepInput& input) -> Result<StepOutput> {
      std::lock_guard lock(mutex);
      limits.push_back(input.timeout);
      return StepOutput{Map{{"name", "x"}}, {}};
    };
  EXPECT_EQ(run().exit_code, 0);
  EXPECT_EQ(limits, (std::vector<Duration>{Duration::seconds(40), Duration::seconds(10)}));
}

TEST_F(StepKeys, OfARetryMakeItWaitLongerEachTimeUpToItsLimit) {
  load("delays");
  fails("patient");
  (void)run();
  EXPECT_EQ(waits(), (std::vector<double>{10, 20, 25, 25}));
}

TEST_F(StepKeys, OfARetryMakeItWaitALittleLessByChance) {
  load("jitter");
  fails("loose");
  (void)run();
  ASSERT_EQ(waits().size(), 19u);
  std::set<double> different;
  for (double seconds : waits()) {
    EXPECT_GE(seconds, 50);
    EXPECT_LE(seconds, 100);
    different.insert(seconds);
  }
  EXPECT_GT(different.size(), 10u);
}

TEST_F(StepKeys, OfARetryTellWhenItIsNotWorthIt) {
  load("when");
  int attempts = 0;
  sim.script["picky"] = [&attempts](const StepInput&) -> Result<StepOutput> {
    return fail(ErrorCode::failed, ++attempts < 3 ? "for now" : "for good", {}, Certainty::no_effect);
  };
  (void)run();
  EXPECT_EQ(attempts, 3) << "five were allowed";
  EXPECT_EQ(sim.op("when/picky")->attempt, 3);
}

TEST_F(StepKeys, AskingAPersonWaitForOneAndDoAsTheySay) {
  struct Case {
    const char* choice;
    Deeds deeds;
    int code;
  };
  for (const Case& one : {Case{"retry", {"asks", "behind"}, 0}, Case{"skip", {"behind"}, 0},
                          Case{"rollback", {"undo"}, 5}, Case{"stop", {}, 1}}) {
    SCOPED_TRACE(one.choice);
    load("asking");
    sim.script["asks"] = [](const StepInput& input) -> Result<StepOutput> {
      if (input.attempt == 1) return fail(ErrorCode::failed, "broken", {}, Certainty::maybe);
      return StepOutput{Map{{"name", "asks"}}, {}};
    };
    EXPECT_EQ(run().exit_code, 6);
    EXPECT_EQ(sim.state("asking/asks"), "in_doubt");
    EXPECT_EQ(sim.op("asking/asks")->doubt, "it failed, and the playbook asks what to do: broken");
    settle("asking/asks", one.choice);
    sim.deeds.clear();
    Result<Ending> ending = sim.resume();
    ASSERT_TRUE(ending.has_value()) << ending.error().message;
    EXPECT_EQ(ending->exit_code, one.code) << ending->reason;
    EXPECT_EQ(sim.deeds, one.deeds);
  }
}

TEST_F(StepKeys, OfNeedsReplaceThePlaceInTheFile) {
  load("needing");
  // It waits for what would come behind it in the order of the file.
  std::atomic<bool> followed = false;
  sim.script["slow"] = [&followed](const StepInput&) -> Result<StepOutput> {
    while (!followed) std::this_thread::yield();
    return StepOutput{Map{{"name", "slow"}}, {}};
  };
  sim.script["follows"] = [&followed](const StepInput&) -> Result<StepOutput> {
    followed = true;
    return StepOutput{Map{{"name", "follows"}}, {}};
  };
  EXPECT_EQ(run().exit_code, 0);
  ASSERT_EQ(sim.deeds.size(), 4u);
  auto place = [&](const char* name) {
    return std::find(sim.deeds.begin(), sim.deeds.end(), name) - sim.deeds.begin();
  };
  EXPECT_LT(place("early"), place("follows")) << "it has no needs of its own: it follows the one above";
  EXPECT_EQ(place("joins"), 3);
}

TEST_F(StepKeys, ThatSaySomethingAreInTheJournal) {
  load("words");
  std::vector<std::string> told;
  sim.on_event = [&told](const Event& event) {
    if (event.kind != EventKind::audit) return;
    Result<Value> body = decode_value(event.body);
    if (body) told.push_back(event.op.path + " " + print_json(*body));
  };
  Ending ending = run();
  EXPECT_EQ(ending.exit_code, 1);
  EXPECT_EQ(ending.reason, "no wordss of 3.5");
  EXPECT_EQ(told, (Deeds{R"(words/noted {"event":"keys_were_tried","fields":{"phase":"words","seven":7}})"}));
  EXPECT_EQ(text_of(*sim.op("words/ends")->error, "code"), "not_wanted");
  EXPECT_EQ(print_json(Value(*sim.op("words/gave")->result)), R"({"half":3.5,"name":"wordss"})");
}

}  // namespace
}  // namespace muster
