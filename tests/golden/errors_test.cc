// Every message of reader and checker, whole: tests/golden/errors/<code>-<case>.yaml and what must be said of it.
//
// A case with `-config` in its name is a configuration, one with `-scenario` a scenario. UPDATE_GOLDEN=1 rewrites the
// .expected files; the difference is for people to review. A file <case>.inputs beside it holds values that are bound
// to the inputs of a playbook that is right.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <vector>

#include "interpreter/checker/checker.h"
#include "interpreter/cli/loading.h"
#include "interpreter/reader/reader.h"
#include "interpreter/rehearsal/reading.h"
#include "steps/steps.h"
#include "tests/golden/test_actions.h"

namespace muster {
namespace {

namespace fs = std::filesystem;

const fs::path errors_folder = fs::path(MUSTER_SOURCE_DIR) / "tests/golden/errors";

std::string contents(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

struct Outcome {
  std::string text;  // as people see it
  Diagnostics problems;
};

// Called files stand in the golden folder; long chains of them are made here.
tl::expected<std::string, std::string> called_file(const std::string& path) {
  auto calls = [](const std::string& name, int times) {
    std::string text = "muster: 1\nplaybook: made\nphases:\n  - id: only\n    steps:\n";
    for (int i = 0; i < times; ++i) text += "      - call: {playbook: " + name + "}\n";
    return text;
  };
  for (const auto& [kind, times] : {std::pair{"deep", 1}, std::pair{"wide", 20}}) {
    const std::string start = "called/" + std::string(kind) + "-";
    if (!path.starts_with(start)) continue;
    const int below = std::stoi(path.substr(start.size())) - 1;
    if (below == 0)
      return std::string("muster: 1\nplaybook: made\nphases:\n  - id: only\n    steps: [{shell: {argv: [a]}}]\n");
    return calls(std::string(kind) + "-" + std::to_string(below) + ".yaml", times);
  }
  if (!fs::exists(errors_folder / path)) return tl::unexpected(path + ": No such file or directory");
  return contents(errors_folder / path);
}

// What a scenario rehearses.
RehearsedPlaybook playbook_at(const std::string& path, const OpenSource& open) {
  RehearsedPlaybook playbook;
  tl::expected<std::string, std::string> text = open(path);
  if (!text) return playbook;
  playbook.files.add({path, *text, ""});
  Extended extended;
  Diagnostics problems;
  std::optional<CheckedPlaybook> checked = read_and_check(playbook.files, open, builtin_actions(), extended, problems);
  if (checked) playbook.graph = std::make_shared<StepGraph>(std::make_shared<const Playbook>(checked->playbook()));
  return playbook;
}

Outcome outcome_of(const std::string& name, std::string text, const std::string& inputs,
                   const std::vector<Action>& actions = test_actions(), const OpenSource& open = called_file) {
  SourceFiles files;
  files.add({name, std::move(text), ""});
  Outcome outcome;
  if (name.find("-config") != std::string::npos) {
    (void)read_configuration(files, 0, outcome.problems);
    outcome.text = render_all(outcome.problems, files);
    return outcome;
  }
  if (name.find("-scenario") != std::string::npos) {
    std::optional<Scenario> scenario = read_scenario(files, open, outcome.problems);
    if (scenario) {
      RehearsedPlaybook playbook = playbook_at(scenario->playbook, open);
      if (playbook.graph) (void)check_scenario(*scenario, playbook, outcome.problems);
    }
    outcome.text = render_all(outcome.problems, files);
    return outcome;
  }
  Extended extended;
  std::optional<CheckedPlaybook> checked = read_and_check(files, open, actions, extended, outcome.problems);
  if (checked && !inputs.empty()) {
    uint32_t values = files.add({name + ".inputs", inputs, ""});
    std::optional<Map> given = read_values(files, values, outcome.problems);
    if (given) (void)bind_inputs(checked->playbook(), *given, outcome.problems);
  }
  outcome.text = render_all(outcome.problems, files);
  return outcome;
}

// Files that would be too large to keep are made here.
std::map<std::string, std::string> made_files() {
  std::string commas, tags = "muster: 1\nplaybook: p\ntags:\n";
  for (int i = 0; i < 250'001; ++i) commas += "1,";
  commas += commas;
  for (int i = 0; i < 201; ++i) tags += "  - ${{ a }}\n";
  std::string large;
  large.reserve((32u << 20) + 1);
  while (large.size() <= 32u << 20) large += "# a line\n";
  return {{"too-large-bytes", std::move(large)},
          {"too-large-brackets", "a: x\nb: [" + commas + "]\n"},
          {"too-many-problems-tags", tags}};
}

// The line of the last message, where the whole would be long.
std::string last_message(const Outcome& outcome) {
  size_t code = outcome.text.rfind("[" + outcome.problems.back().code + "]");
  size_t begin = outcome.text.rfind('\n', code);
  begin = begin == std::string::npos ? 0 : begin + 1;
  return outcome.text.substr(begin, outcome.text.find('\n', code) - begin) + "\n";
}

std::map<std::string, Outcome> all_outcomes() {
  std::map<std::string, std::string> cases = made_files();
  const std::map<std::string, std::string> made = cases;
  for (const fs::directory_entry& entry : fs::directory_iterator(errors_folder))
    if (entry.path().extension() == ".yaml") cases.emplace(entry.path().stem().string(), contents(entry.path()));
  std::map<std::string, Outcome> outcomes;
  for (auto& [name, text] : cases) {
    // What is written under `rebuild` is deep enough to be tried on its own fields.
    Outcome outcome =
        outcome_of(name + ".yaml", std::move(text), contents(errors_folder / (name + ".inputs")),
                   name.ends_with("-rebuild") || name.ends_with("-data") ? builtin_actions() : test_actions());
    if (made.contains(name)) outcome.text = last_message(outcome);
    outcomes.emplace(name, std::move(outcome));
  }
  return outcomes;
}

// The codes that docs/errors.md lists: the first cell of each row of its tables, in backquotes.
std::set<std::string> documented_codes() {
  std::set<std::string> codes;
  std::istringstream lines(contents(fs::path(MUSTER_SOURCE_DIR) / "docs/errors.md"));
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| `")) continue;
    codes.insert(line.substr(3, line.find('`', 3) - 3));
  }
  return codes;
}

TEST(ErrorMessages, AreWhatTheGoldenFilesSay) {
  for (const auto& [name, outcome] : all_outcomes()) {
    fs::path expected = errors_folder / (name + ".expected");
    if (std::getenv("UPDATE_GOLDEN")) std::ofstream(expected, std::ios::binary) << outcome.text;
    EXPECT_EQ(outcome.text, contents(expected)) << name;
  }
}

TEST(ErrorMessages, StandInFilesNamedByTheirCode) {
  for (const auto& [name, outcome] : all_outcomes()) {
    bool found = std::any_of(outcome.problems.begin(), outcome.problems.end(), [&, &n = name](const Diagnostic& d) {
      return n == d.code || n.starts_with(d.code + "-");
    });
    EXPECT_TRUE(found) << name << " draws\n" << outcome.text;
  }
}

TEST(ErrorMessages, HaveAGoldenPairForEveryCodeInTheDocumentation) {
  std::set<std::string> seen;
  for (const auto& [name, outcome] : all_outcomes())
    for (const Diagnostic& d : outcome.problems) seen.insert(d.code);
  std::set<std::string> documented = documented_codes();
  EXPECT_GT(documented.size(), 50u);
  for (const std::string& code : documented) EXPECT_TRUE(seen.contains(code)) << code << " has no golden pair";
}

// Codes stand in the sources as literals; whatever is emitted anywhere is documented.
TEST(ErrorMessages, AreAllDocumented) {
  std::set<std::string> documented = documented_codes();
  for (const auto& [name, outcome] : all_outcomes())
    for (const Diagnostic& d : outcome.problems)
      EXPECT_TRUE(documented.contains(d.code)) << d.code << " is not in docs/errors.md";
  for (const char* room : {"reader", "checker"}) {
    for (const fs::directory_entry& entry :
         fs::directory_iterator(fs::path(MUSTER_SOURCE_DIR) / "interpreter" / room)) {
      std::string source = contents(entry.path());
      for (size_t at = 0; (at = source.find('"', at)) != std::string::npos;) {
        size_t end = source.find('"', at + 1);
        if (end == std::string::npos) break;
        std::string word = source.substr(at + 1, end - at - 1);
        at = end + 1;
        bool looks_like_a_code = word.find('-') != std::string::npos &&
                                 word.find_first_not_of("abcdefghijklmnopqrstuvwxyz-0123456789") == std::string::npos &&
                                 word.front() != '-' && word.back() != '-' && word.front() > '9';
        if (looks_like_a_code) {
          EXPECT_TRUE(documented.contains(word))
              << "\"" << word << "\" in " << entry.path().filename() << " is not in docs/errors.md";
        }
      }
    }
  }
}

// Twelve mistakes of twelve kinds, one to a place: none hides another, and none is told twice.
TEST(ErrorMessages, AreTwelveForAFileWithTwelveMistakes) {
  Outcome outcome = outcome_of("twelve.yaml", contents(errors_folder / "unknown-step-twelve.yaml"), "");
  std::multiset<std::string> codes;
  for (const Diagnostic& d : outcome.problems) codes.insert(d.code);
  EXPECT_EQ(codes, (std::multiset<std::string>{"bad-choice", "bad-choice", "bad-duration", "bad-name", "duplicate-id",
                                               "expression-syntax", "injection", "unknown-connection", "unknown-field",
                                               "unknown-key", "unknown-step", "unknown-type"}))
      << outcome.text;
}

TEST(Playbooks, OfTheGoldenFolderAreReadAndCheckedWithoutAWord) {
  size_t count = 0;
  for (const fs::directory_entry& entry :
       fs::directory_iterator(fs::path(MUSTER_SOURCE_DIR) / "tests/golden/playbooks")) {
    ++count;
    Outcome outcome = outcome_of(entry.path().filename().string(), contents(entry.path()), "");
    EXPECT_EQ(outcome.text, "") << entry.path().filename();
  }
  EXPECT_GT(count, 0u);
}

namespace {

// The whole playbooks that a page shows, read and checked without a word; how many they are.
size_t check_playbooks_of(const std::string& page) {
  std::istringstream lines(contents(fs::path(MUSTER_SOURCE_DIR) / page));
  std::vector<std::string> blocks;
  std::string block;
  bool inside = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("```")) {
      if (inside && block.starts_with("muster: 1\n")) blocks.push_back(block);
      inside = line == "```yaml";
      block.clear();
    } else if (inside) {
      block += line + "\n";
    }
  }
  // One of them calls another by its name: `docs/restart-service.muster.yaml`.
  auto shown = [&](const std::string& path) -> tl::expected<std::string, std::string> {
    const std::string name = path.substr(5, path.find('.') - 5);
    for (const std::string& text : blocks)
      if (text.find("\nplaybook: " + name + "\n") != std::string::npos) return text;
    return tl::unexpected(path + " does not stand on the page");
  };
  for (const std::string& text : blocks)
    EXPECT_EQ(outcome_of(page, text, "", builtin_actions(), shown).text, "") << text;
  return blocks.size();
}

}  // namespace

TEST(Playbooks, OfTheLanguagesPageAreReadAndCheckedWithoutAWordByTheRealActions) {
  EXPECT_GE(check_playbooks_of("docs/language.md"), 5u);
}

TEST(Playbooks, OfTheActionsPagesAreReadAndCheckedWithoutAWordByTheRealActions) {
  EXPECT_GE(check_playbooks_of("docs/actions/backup.md"), 1u);
  EXPECT_GE(check_playbooks_of("docs/dry-run.md"), 1u);
  EXPECT_GE(check_playbooks_of("docs/actions/rebuild.md"), 1u);
  EXPECT_GE(check_playbooks_of("docs/actions/restore.md"), 1u);
}

TEST(Playbooks, OfTheLanguagesPageStandInTheGoldenFolderToo) {
  std::string page = contents(fs::path(MUSTER_SOURCE_DIR) / "docs/language.md");
  std::string secrets = contents(fs::path(MUSTER_SOURCE_DIR) / "tests/golden/playbooks/secrets.muster.yaml");
  EXPECT_NE(page.find("```yaml\n" + secrets + "```\n"), std::string::npos) << "the page shows another playbook";
}

}  // namespace
}  // namespace muster
