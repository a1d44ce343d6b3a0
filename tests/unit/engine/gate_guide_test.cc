// The guide's own playbooks and configurations, run as the guide says.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "interpreter/reader/reader.h"
#include "tests/unit/engine/simulation.h"

namespace muster {
namespace {

using simulation::Simulation;

std::vector<std::string> blocks_of_guide() {
  std::ifstream in(std::string(MUSTER_SOURCE_DIR) + "/docs/gates.md");
  std::vector<std::string> blocks;
  std::string block;
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("```")) {
      if (inside) blocks.push_back(block);
      inside = line == "```yaml";
      block.clear();
    } else if (inside) {
      block += line + "\n";
    }
  }
  return blocks;
}

// A `shell` that writes down what it would have run.
Action shell_of(Simulation& sim, std::vector<std::string>& ran, std::string& counted) {
  (void)sim;
  Action action;
  action.name = "shell";
  action.summary = "stands for the real one";
  Field word{"", FieldType::text, false, "", {}, {}, {}, {}, false, {}};
  action.fields = {{"argv", FieldType::list, true, "the words", {}, {}, {word}, {}, false, {}}};
  action.results = {{"stdout", FieldType::text, "what it printed"}};
  action.effect = [](const Map&) { return Effect::write; };
  action.effect_may_be_declared = true;
  auto words = [](const StepInput& input) {
    std::string line;
    for (const Value& item : member(input.args, "argv")->get<List>()) line += (line.empty() ? "" : " ") + to_text(item);
    return line;
  };
  action.act = [&ran, words](const StepInput& input, Touch&) -> Result<StepOutput> {
    ran.push_back(words(input));
    return StepOutput{Map{{"stdout", ""}}, {}};
  };
  action.look = [&counted](const StepInput&, Look&) -> Result<StepOutput> {
    return StepOutput{Map{{"stdout", counted}}, {}};
  };
  action.preview = [words](const StepInput& input, Look&, Trial&) -> Result<Preview> {
    Preview preview;
    preview.lines = {words(input)};
    return preview;
  };
  return action;
}

class Guide : public testing::Test {
 protected:
  void SetUp() override {
    sim.actions = {shell_of(sim, ran, counted)};
    for (const std::string& block : blocks_of_guide()) {
      if (block.starts_with("muster: 1")) {
        std::string name = block.substr(block.find("playbook: ") + 10);
        playbooks[name.substr(0, name.find('\n'))] = block;
        continue;
      }
      SourceFiles files;
      uint32_t file = files.add({"config.yaml", block, ""});
      Diagnostics problems;
      std::optional<Configuration> read = read_configuration(files, file, problems);
      ASSERT_TRUE(read && problems.empty()) << render_all(problems, files);
      configurations.push_back(*read);
    }
    ASSERT_EQ(playbooks.size(), 5u);
    ASSERT_EQ(configurations.size(), 3u);
    sim.configuration = configurations[0];
    sim.configuration.gates = configurations[1].gates;
  }
  int run(const std::string& name) {
    EXPECT_TRUE(sim.load(playbooks.at(name))) << sim.diagnostics;
    Result<Ending> ending = sim.run();
    return ending ? ending->exit_code : -1;
  }
  Result<void> say(const char* person, std::string_view verdict = verdict_approve, const char* reason = "why") {
    const GateRecord& gate = sim.op("danger")->gate;
    Vote vote{person, std::string(verdict), reason, gate.digest, "command", sim.clock.now()};
    if (Result<void> may = may_vote(gate, vote, vote.at); !may) return may;
    Event event;
    event.kind = EventKind::vote;
    event.op = OpId{"danger"};
    event.attempt = gate.opening;
    event.at = vote.at;
    event.body = encode_value(Value(vote_body(gate, vote)));
    return sim.journal->say(sim.run_id, event);
  }
  int resumed() {
    Result<Ending> ending = sim.resume();
    return ending ? ending->exit_code : -1;
  }
  Simulation sim;
  std::vector<std::string> ran;
  std::string counted = "3";
  std::map<std::string, std::string> playbooks;
  std::vector<Configuration> configurations;
};

TEST_F(Guide, TwoPeople) {
  EXPECT_EQ(run("two-people"), 75);
  ASSERT_TRUE(say("bob").has_value());
  EXPECT_EQ(resumed(), 75);
  ASSERT_TRUE(say("dan").has_value());
  EXPECT_EQ(resumed(), 0);
  EXPECT_EQ(ran, std::vector<std::string>{"drop old_table"});
}

TEST_F(Guide, OneOfEachOfTwoGroups) {
  EXPECT_EQ(run("one-of-each"), 75);
  EXPECT_FALSE(say("cy", verdict_approve, "").has_value()) << "a reason is needed";
  ASSERT_TRUE(say("cy").has_value());
  EXPECT_EQ(resumed(), 75);
  ASSERT_TRUE(say("bob").has_value());
  EXPECT_EQ(resumed(), 0);
}

TEST_F(Guide, AFormBeforeAGate) {
  EXPECT_EQ(run("form-first"), 75);
  const OpRecord* pick = sim.op("choose/pick");
  Completion said{"bob", Map{{"host", "db2"}}, "command", sim.clock.now(), text_of(*pick->asked, "nonce")};
  Event event;
  event.kind = EventKind::answered;
  event.op = pick->op;
  event.attempt = pick->attempt;
  event.at = said.at;
  event.body = encode_value(Value(completion_body(said)));
  ASSERT_TRUE(sim.journal->say(sim.run_id, event).has_value());
  EXPECT_EQ(resumed(), 75);
  EXPECT_EQ(text_of(sim.op("danger")->gate.shown, "message"), "Replace db2?");
  ASSERT_TRUE(say("eve").has_value());
  EXPECT_EQ(resumed(), 0);
  EXPECT_EQ(ran, std::vector<std::string>{"replace db2"});
}

TEST_F(Guide, AnExpiry) {
  EXPECT_EQ(run("expiring"), 75);
  sim.clock.advance(Duration::seconds(30 * 60));
  EXPECT_FALSE(say("bob").has_value());
  EXPECT_EQ(resumed(), 4);
  EXPECT_EQ(ran, std::vector<std::string>{"tell rejected"});
}

TEST_F(Guide, BreakingTheGlass) {
  EXPECT_EQ(run("two-people"), 75);
  EXPECT_FALSE(say("bob", verdict_break_glass).has_value());
  ASSERT_TRUE(say("eve", verdict_break_glass, "the site is down, nobody answers").has_value());
  EXPECT_EQ(resumed(), 0);
  EXPECT_EQ(sim.op("danger")->gate.state, GateState::broken_glass);
  EXPECT_TRUE(open_review(sim.engine->history()));
}

TEST_F(Guide, Evidence) {
  EXPECT_EQ(run("with-evidence"), 75);
  ASSERT_TRUE(say("bob").has_value());
  counted = "4";
  EXPECT_EQ(resumed(), 75);
  EXPECT_TRUE(ran.empty());
  ASSERT_TRUE(say("bob").has_value());
  EXPECT_EQ(resumed(), 0);
}

TEST_F(Guide, SignedDecisions) {
  sim.configuration = configurations[2];
  EXPECT_EQ(run("with-evidence"), 75);
  Result<void> unsigned_one = say("bob");
  ASSERT_FALSE(unsigned_one.has_value());
  EXPECT_EQ(unsigned_one.error().hint, "add `--sign KEY`");
}

}  // namespace
}  // namespace muster
