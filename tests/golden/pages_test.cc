// `muster docs` as a whole: tests/golden/pages holds playbooks and the pages that are made of them, equal to the last
// byte. UPDATE_GOLDEN=1 writes them anew.
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "interpreter/cli/loading.h"
#include "interpreter/language/fields.h"
#include "interpreter/page/family.h"
#include "interpreter/page/readable.h"
#include "interpreter/reader/reader.h"
#include "interpreter/rehearsal/coverage.h"
#include "steps/steps.h"

namespace muster {
namespace {

namespace fs = std::filesystem;

const fs::path folder = fs::path(MUSTER_SOURCE_DIR) / "tests/golden/pages";

std::string contents(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

struct Checked {
  std::shared_ptr<const StepGraph> graph;
  Extended extended;
};

std::optional<Checked> checked_at(const fs::path& path) {
  Result<SourceFiles> files = first_source(path.string());
  EXPECT_TRUE(files.has_value()) << path;
  if (!files) return std::nullopt;
  Diagnostics problems;
  Checked out;
  std::optional<CheckedPlaybook> checked =
      read_and_check(*files, sources_beside(path.string()), builtin_actions(), out.extended, problems);
  EXPECT_TRUE(checked.has_value()) << render_all(problems, *files);
  if (!checked) return std::nullopt;
  out.graph = std::make_shared<StepGraph>(std::make_shared<const Playbook>(checked->playbook()));
  return out;
}

std::optional<Page> page_of(const fs::path& path) {
  std::optional<Checked> checked = checked_at(path);
  if (!checked) return std::nullopt;
  return make_page(*checked->graph, *checked->extended.actions);
}

std::shared_ptr<const StepGraph> graph_of(const fs::path& path) {
  std::optional<Checked> checked = checked_at(path);
  return checked ? checked->graph : nullptr;
}

void expect_golden(const std::string& text, const fs::path& expected) {
  if (std::getenv("UPDATE_GOLDEN")) std::ofstream(expected, std::ios::binary) << text;
  EXPECT_EQ(text, contents(expected)) << expected;
}

const PageStep& step_at(const Page& page, const std::string& path) {
  for (const PageStep& step : page.steps)
    if (step.path == path) return step;
  ADD_FAILURE() << "no step " << path;
  return page.steps.front();
}

TEST(Pages, SayEverythingThatThePlaybookSays) {
  std::optional<Page> page = page_of(folder / "everything.muster.yaml");
  ASSERT_TRUE(page.has_value());
  expect_golden(page->markdown, folder / "everything.md");
}

// A key that is new in the language must be thought of here, too.
TEST(Pages, AreTriedOnEveryKeyOfTheLanguage) {
  const std::string text = contents(folder / "everything.muster.yaml");
  std::set<std::string_view> keys;
  auto add = [&](const std::vector<std::string_view>& more) { keys.insert(more.begin(), more.end()); };
  add(keys_of<Playbook>());
  add(keys_of<Phase>());
  add(keys_of<Step>());
  add(keys_of<Option>());
  add(keys_of<Input>());
  add(keys_of<SecretDeclaration>());
  add(keys_of<Requires>());
  add(keys_of<Window>());
  add(keys_of<Locks>());
  add(keys_of<Defaults>());
  add(keys_of<Approval>());
  add(keys_of<Manual>());
  add(keys_of<Verify>());
  add(keys_of<Watch>());
  add(keys_of<DoneWhen>());
  add(keys_of<Claim>());
  add(keys_of<Retry>());
  add(keys_of<Fail>());
  add(keys_of<Wait>());
  add(keys_of<Audit>());
  add(keys_of<Call>());
  add(keys_of<Choose>());
  add(keys_of<Objectives>());
  EXPECT_GT(keys.size(), 70u);
  for (std::string_view key : keys)
    EXPECT_NE(text.find(std::string(key) + ":"), std::string::npos)
        << "tests/golden/pages/everything.muster.yaml does not use `" << key
        << "`, so nobody sees what a page makes of it";
}

TEST(Pages, ShowNoPasswordThatSomebodyWroteDown) {
  const std::string text = contents(folder / "everything.muster.yaml");
  EXPECT_NE(text.find("hunter2"), std::string::npos);
  std::optional<Page> page = page_of(folder / "everything.muster.yaml");
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(page->markdown.find("hunter2"), std::string::npos);
}

TEST(Pages, CountWhatAPersonDoesAndWhatTheMachineDoes) {
  std::optional<Page> page = page_of(folder / "family/own.muster.yaml");
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(page->share.machine, 1);  // that of the playbook that it calls
  EXPECT_EQ(page->share.person, 1);
  EXPECT_EQ(page->share.gates, 1);
  EXPECT_EQ(page->share.percent(), 50);
  EXPECT_TRUE(step_at(*page, "work/seen").by_person);
  EXPECT_EQ(step_at(*page, "work/asked").calls, "part.muster.yaml");
  EXPECT_EQ(step_at(*page, "work").gate->approvers, "group:sre");
}

TEST(Pages, NameStepsAsReportsAndCoverageDo) {
  std::optional<Page> page = page_of(folder / "everything.muster.yaml");
  ASSERT_TRUE(page.has_value());
  EXPECT_EQ(step_at(*page, "move/stopped~rollback/started_again").list, "rollback");
  EXPECT_EQ(step_at(*page, "move/kept~before1/again").list, "before");
  EXPECT_EQ(step_at(*page, "move/way/slow/copied").claims.size(), 1u);
  ASSERT_EQ(step_at(*page, "look/rows").claims.size(), 1u);
  EXPECT_EQ(step_at(*page, "look/rows").claims[0].name, "there are rows");
  for (const PageStep& step : page->steps)
    EXPECT_EQ(step.path.find("ask/asked"), std::string::npos) << "another playbook's";
}

TEST(Families, PutTheirTablesWhereThePageOfPeopleWantsThem) {
  std::optional<Page> own = page_of(folder / "family/own.muster.yaml");
  std::optional<Page> part = page_of(folder / "family/part.muster.yaml");
  ASSERT_TRUE(own && part);
  Family family;
  family.name = "family";
  family.about = contents(folder / "family/about.md");
  family.members = {{"own.muster.yaml", *own, {{"asked", "scenarios/asked.scenario.yaml", "rejected"}}},
                    {"part.muster.yaml", *part, {}}};
  const std::string whole = markdown_of(family);
  expect_golden(whole, folder / "family.md");
  family.about = "# What people wrote\n";
  EXPECT_TRUE(markdown_of(family).starts_with("# What people wrote\n\n| playbook |"));
  family.about.clear();
  EXPECT_TRUE(markdown_of(family).starts_with("# family\n\n| playbook |"));
}

TEST(Readable, KeepsTextFromBecomingMarkup) {
  EXPECT_EQ(prose("a <b> *c* `<d> *e*`"), "a \\<b> \\*c\\* `<d> *e*`");
  EXPECT_EQ(in_cell("a | b\nc"), "a \\| b c");
  EXPECT_EQ(code("a `b`\n c"), "`a 'b' c`");
  EXPECT_EQ(fenced("```\n", "sh"), "````sh\n```\n````\n");
  EXPECT_EQ(anchor_of("Called: restart-and-verify"), "called-restart-and-verify");
}

// Coverage says of each point where the step stands, so that it can be found on the page of that playbook.
TEST(Pages, NameTheStepsOfCalledPlaybooksAsCoverageDoes) {
  std::shared_ptr<const StepGraph> graph = graph_of(folder / "family/own.muster.yaml");
  ASSERT_TRUE(graph);
  const Map value = coverage_value(Coverage(graph));
  bool found = false;
  for (const Value& item : member(value, "items")->get<List>()) {
    const Map& home = member(item.get<Map>(), "home")->get<Map>();
    if (text_of(item.get<Map>(), "op") != "work/asked/ask/asked") continue;
    found = true;
    EXPECT_EQ(text_of(home, "playbook"), "part");
    EXPECT_EQ(text_of(home, "path"), "ask/asked");
  }
  EXPECT_TRUE(found);
}

TEST(Docs, ThePageOfTheCommandShowsWhatItMakes) {
  const std::string text = contents(fs::path(MUSTER_SOURCE_DIR) / "docs/docs-command.md");
  std::optional<Page> part = page_of(folder / "part.muster.yaml");
  ASSERT_TRUE(part.has_value());
  EXPECT_NE(text.find("```yaml\n" + contents(folder / "part.muster.yaml") + "```\n"), std::string::npos)
      << "docs/docs-command.md does not show tests/golden/pages/part.muster.yaml as it is";
  EXPECT_NE(text.find("````markdown\n" + part->markdown + "````\n"), std::string::npos)
      << "docs/docs-command.md does not show the page of it; this it is:\n"
      << part->markdown;
}

}  // namespace
}  // namespace muster
