// Scenarios, run as `muster rehearse` runs them: tests/golden/rehearsals, which docs/rehearsal.md quotes.
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <thread>

#include "interpreter/cli/loading.h"
#include "interpreter/reader/reader.h"
#include "interpreter/rehearsal/reading.h"
#include "steps/steps.h"

namespace muster {
namespace {

namespace fs = std::filesystem;

const fs::path examples = fs::path(MUSTER_SOURCE_DIR) / "tests/golden/rehearsals";

std::string contents(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

struct Loaded {
  SourceFiles files;
  Scenario scenario;
  RehearsedPlaybook playbook;
  std::string problems;
};

std::optional<Loaded> load(const fs::path& path) {
  Loaded out;
  Diagnostics problems;
  out.files.add({path.string(), contents(path), ""});
  std::optional<Scenario> scenario = read_scenario(out.files, read_source, problems);
  EXPECT_TRUE(scenario.has_value()) << render_all(problems, out.files);
  if (!scenario) return std::nullopt;
  out.scenario = std::move(*scenario);
  Result<SourceFiles> files = first_source(out.scenario.playbook);
  EXPECT_TRUE(files.has_value());
  if (!files) return std::nullopt;
  out.playbook.files = std::move(*files);
  Extended extended;
  std::optional<CheckedPlaybook> checked =
      read_and_check(out.playbook.files, sources_beside(out.scenario.playbook), builtin_actions(), extended, problems);
  EXPECT_TRUE(checked.has_value()) << render_all(problems, out.playbook.files);
  if (!checked) return std::nullopt;
  out.playbook.graph = std::make_shared<StepGraph>(std::make_shared<const Playbook>(checked->playbook()));
  out.playbook.actions = extended.actions;
  out.playbook.scripts = extended.scripts;
  return out;
}

std::vector<fs::path> scenarios_in(const fs::path& folder) {
  std::vector<fs::path> out;
  for (const fs::directory_entry& entry : fs::recursive_directory_iterator(folder))
    if (entry.path().string().ends_with(".scenario.yaml")) out.push_back(entry.path());
  std::sort(out.begin(), out.end());
  return out;
}

Result<Rehearsed> run(const Loaded& loaded, std::span<const Fault> more = {}) {
  RehearsalSettings settings;
  settings.scratch = testing::TempDir();
  settings.version = "0.1.0";
  return rehearse(loaded.scenario, loaded.files, loaded.playbook, settings, more);
}

// Every event as it is stored, in one text.
std::string journal_of(const Rehearsed& rehearsed) {
  std::string out;
  for (const Event& event : rehearsed.record.events)
    out += event.kind_text + " " + event.op.path + " " + std::to_string(event.attempt) + " " + to_text(event.at) + " " +
           event.body + " " + event.hash + "\n";
  return out;
}

std::string failures_of(const Rehearsed& rehearsed) {
  std::string out = std::string(name_of(rehearsed.ending.state)) + ": " + rehearsed.ending.reason + "\n";
  for (const std::vector<Judged>* list : {&rehearsed.expectations, &rehearsed.invariants})
    for (const Judged& judged : *list) {
      if (judged.holds) continue;
      out += judged.what + ": " + judged.why + "\n";
      for (const std::string& part : judged.parts) out += "  " + part + "\n";
    }
  return out;
}

TEST(Rehearsals, EveryExampleEndsAsItSays) {
  const std::vector<fs::path> all = scenarios_in(examples);
  ASSERT_GE(all.size(), 3u);
  for (const fs::path& path : all) {
    std::optional<Loaded> loaded = load(path);
    ASSERT_TRUE(loaded.has_value()) << path;
    Result<Rehearsed> rehearsed = run(*loaded);
    ASSERT_TRUE(rehearsed.has_value()) << path << ": " << rehearsed.error().message;
    EXPECT_TRUE(rehearsed->passed()) << path << "\n" << failures_of(*rehearsed);
    EXPECT_FALSE(rehearsed->expectations.empty()) << path;
  }
}

TEST(Rehearsals, TheSameScenarioGivesTheSameJournal) {
  for (const fs::path& path : scenarios_in(examples)) {
    std::optional<Loaded> loaded = load(path);
    ASSERT_TRUE(loaded.has_value());
    Result<Rehearsed> first = run(*loaded);
    ASSERT_TRUE(first.has_value());
    std::vector<std::string> others(4);
    std::vector<std::thread> threads;
    for (std::string& other : others)
      threads.emplace_back([&] {
        Result<Rehearsed> again = run(*loaded);
        other = again ? journal_of(*again) : again.error().message;
      });
    for (std::thread& thread : threads) thread.join();
    for (const std::string& other : others) EXPECT_EQ(journal_of(*first), other) << path;
  }
}

TEST(Rehearsals, ThePageQuotesTheExampleAsItIs) {
  const std::string page = contents(fs::path(MUSTER_SOURCE_DIR) / "docs/rehearsal.md");
  for (const char* name : {"store.muster.yaml", "world.lua", "recovers.scenario.yaml"})
    EXPECT_NE(page.find("\n" + contents(examples / "store" / name) + "```"), std::string::npos)
        << "docs/rehearsal.md does not show " << name << " as it is";
}

TEST(Rehearsals, AnExpectationThatDoesNotHoldShowsTheValuesOfItsParts) {
  std::optional<Loaded> loaded = load(examples / "store/rejected.scenario.yaml");
  ASSERT_TRUE(loaded.has_value());
  Diagnostics problems;
  loaded->scenario.expect.that[0].that =
      *parse_expression(LocatedText{"world.stores[\"eu-1\"].status == \"created\"", {}, {}}, problems);
  Result<Rehearsed> rehearsed = run(*loaded);
  ASSERT_TRUE(rehearsed.has_value());
  EXPECT_FALSE(rehearsed->passed());
  EXPECT_NE(failures_of(*rehearsed).find("  world.stores[\"eu-1\"].status = \"hanging\"\n"), std::string::npos)
      << failures_of(*rehearsed);
}

TEST(Rehearsals, ACommandThatNobodyAnswersIsNamed) {
  std::optional<Loaded> loaded = load(examples / "store/recovers.scenario.yaml");
  ASSERT_TRUE(loaded.has_value());
  loaded->scenario.scripts.clear();
  Result<Rehearsed> rehearsed = run(*loaded);
  ASSERT_TRUE(rehearsed.has_value()) << rehearsed.error().message;
  EXPECT_NE(failures_of(*rehearsed).find("nobody answers the request `GET https://api.example.com/v1/stores/eu-1`"),
            std::string::npos)
      << failures_of(*rehearsed);
}

TEST(Rehearsals, ARunThatWaitsForNobodySaysForWhom) {
  std::optional<Loaded> loaded = load(examples / "store/recovers.scenario.yaml");
  ASSERT_TRUE(loaded.has_value());
  std::vector<Fault> nobody{Fault{{}, "clear", FaultKind::expires, 1}};
  Result<Rehearsed> rehearsed = run(*loaded, nobody);
  ASSERT_TRUE(rehearsed.has_value());
  EXPECT_EQ(rehearsed->ending.state, RunState::rejected) << "it expires after 30 minutes";
  EXPECT_EQ(to_text(rehearsed->took), "30m");
  EXPECT_EQ(rehearsed->struck.size(), 1u);
}

TEST(Rehearsals, EachFaultComesToPass) {
  std::optional<Loaded> loaded = load(examples / "store/recovers.scenario.yaml");
  ASSERT_TRUE(loaded.has_value());
  loaded->scenario.faults.clear();
  struct Case {
    const char* step;
    FaultKind kind;
    RunState ends;
  };
  for (const Case& one :
       {Case{"note", FaultKind::fail_before, RunState::failed}, Case{"note", FaultKind::fail_after, RunState::failed},
        Case{"note", FaultKind::unreachable, RunState::failed},
        Case{"restart", FaultKind::timeout, RunState::succeeded}, Case{"note", FaultKind::kill, RunState::succeeded},
        Case{"note", FaultKind::kill_before, RunState::succeeded},
        Case{"restart", FaultKind::kill, RunState::succeeded},
        Case{"healthy", FaultKind::verify_fails, RunState::failed},
        Case{"clear", FaultKind::rejected, RunState::rejected}}) {
    std::vector<Fault> faults{Fault{{}, one.step, one.kind, 1}};
    Result<Rehearsed> rehearsed = run(*loaded, faults);
    ASSERT_TRUE(rehearsed.has_value()) << rehearsed.error().message;
    EXPECT_EQ(rehearsed->ending.state, one.ends)
        << one.step << " " << name_of(one.kind) << ": " << rehearsed->ending.reason;
    EXPECT_EQ(rehearsed->struck.size(), 1u) << one.step << " " << name_of(one.kind);
    for (const Judged& invariant : rehearsed->invariants) EXPECT_TRUE(invariant.holds);
  }
}

}  // namespace
}  // namespace muster
