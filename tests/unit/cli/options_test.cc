#include "interpreter/cli/options.h"

#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "interpreter/cli/command.h"

namespace muster {
namespace {

std::vector<CommandForm> forms() {
  std::vector<CommandForm> out;
  for (const CommandRow& row : commands()) out.push_back(row.form);
  return out;
}

Options parsed(const std::vector<std::string>& words) {
  tl::expected<Options, std::string> options = parse_options(words, forms());
  EXPECT_TRUE(options.has_value()) << options.error();
  return options.value_or(Options{});
}

std::string refused(const std::vector<std::string>& words) {
  tl::expected<Options, std::string> options = parse_options(words, forms());
  EXPECT_FALSE(options.has_value());
  return options ? "" : options.error();
}

TEST(Options, TakesGlobalOptionsBeforeAndAfterTheCommand) {
  Options options = parsed({"--store", "/tmp/a.db", "runs", "--output=json", "-q"});
  EXPECT_EQ(options.command, "runs");
  EXPECT_EQ(options.last("--store"), "/tmp/a.db");
  EXPECT_EQ(options.last("--output"), "json");
  EXPECT_TRUE(options.has("--quiet"));
}

TEST(Options, TakesInputsInEverySpelling) {
  Options options = parsed({"run", "a.muster.yaml", "-i", "a=1", "-ib=2", "--input", "c=3", "--input=d=4=5"});
  EXPECT_EQ(options.all("--input"), (std::vector<std::string>{"a=1", "b=2", "c=3", "d=4=5"}));
  EXPECT_EQ(options.words, std::vector<std::string>{"a.muster.yaml"});
}

TEST(Options, TakesLettersTogether) {
  Options options = parsed({"run", "-qv", "a.muster.yaml", "-qi", "a=1"});
  EXPECT_TRUE(options.has("--quiet"));
  EXPECT_TRUE(options.has("--verbose"));
  EXPECT_EQ(options.all("--input"), std::vector<std::string>{"a=1"});
  EXPECT_EQ(refused({"run", "-qz", "a"}), "no option is called `-z` in `muster run`");
}

TEST(Options, TakesAnOptionWithAValueOrAlone) {
  Options alone = parsed({"rehearse", "--sweep", "a.scenario.yaml"});
  EXPECT_TRUE(alone.has("--sweep"));
  EXPECT_EQ(alone.last("--sweep"), "");
  EXPECT_EQ(alone.words, std::vector<std::string>{"a.scenario.yaml"});
  EXPECT_EQ(parsed({"rehearse", "--sweep=2", "a.scenario.yaml"}).last("--sweep"), "2");
  EXPECT_EQ(refused({"rehearse", "--sweep=3", "a.scenario.yaml"}), "`--sweep` is 1 or 2, and not `3`");
}

TEST(Options, TakesEverythingAfterTwoDashesAsAWord) {
  EXPECT_EQ(parsed({"check", "--", "--strict"}).words, std::vector<std::string>{"--strict"});
  EXPECT_EQ(parsed({"check", "-"}).words, std::vector<std::string>{"-"});
}

TEST(Options, SuggestsTheCommandAndTheOptionThatWereMeant) {
  EXPECT_EQ(refused({"aprove", "last"}), "no command is called `aprove`; did you mean `approve`?");
  EXPECT_EQ(refused({"approve", "last", "--raeson", "x"}),
            "no option is called `--raeson` in `muster approve`; did you mean `--reason`?");
  EXPECT_EQ(refused({"--stor", "x", "runs"}), "no option is called `--stor`; did you mean `--store`?");
}

TEST(Options, SaysWhereACommandsOwnOptionsStand) {
  EXPECT_EQ(refused({"--reason", "x", "approve", "last"}),
            "`--reason` stands before the command; a command's own options stand after it");
}

TEST(Options, WantsTheWordsAndValuesThatACommandTakes) {
  EXPECT_EQ(refused({"run"}), "`muster run` wants PLAYBOOK");
  EXPECT_EQ(refused({"resolve", "last", "--retry"}), "`muster resolve` wants RUN STEP");
  EXPECT_EQ(refused({"show", "a", "b"}), "`muster show` takes RUN, and `b` stands there, too");
  EXPECT_EQ(refused({"runs", "x"}), "`muster runs` takes no words, and `x` stands there, too");
  EXPECT_EQ(refused({"approve", "last", "--reason"}), "`--reason` wants TEXT");
  EXPECT_EQ(refused({"runs", "--open=yes"}), "`--open` takes no value");
  EXPECT_EQ(refused({"-q"}), "a command is expected; `muster --help` lists them");
}

TEST(Options, TakesOneOfTheChoicesThatTheHelpLists) {
  EXPECT_EQ(refused({"runs", "--output", "xml"}), "`--output` is text, json or jsonl, and not `xml`");
  EXPECT_EQ(refused({"report", "last", "--format", "pdf"}),
            "`--format` is markdown, html, text or json, and not `pdf`");
  EXPECT_EQ(parsed({"graph", "a", "--format", "dot"}).last("--format"), "dot");
}

TEST(Options, AsksForNoWordsWhereHelpIsWanted) {
  EXPECT_TRUE(parsed({"run", "--help"}).has("--help"));
  EXPECT_TRUE(parsed({"-h"}).has("--help"));
  EXPECT_TRUE(parsed({"--version"}).has("--version"));
}

TEST(Options, AreAllInTheHelpThatIsMadeOfTheSameTable) {
  for (const CommandForm& form : forms()) {
    EXPECT_NE(help_of(forms()).find("  " + std::string(form.name)), std::string::npos);
    std::string help = help_of(form);
    EXPECT_EQ(help.rfind("muster " + std::string(form.name), 0), 0u);
    for (const Flag& flag : form.flags) EXPECT_NE(help.find(std::string(flag.name)), std::string::npos) << form.name;
    for (const Flag& flag : global_flags())
      EXPECT_NE(help.find(std::string(flag.name)), std::string::npos) << form.name;
  }
}

TEST(Commands, AreAllDescribedInTheDocumentation) {
  std::ifstream file(MUSTER_SOURCE_DIR "/docs/cli.md");
  std::stringstream text;
  text << file.rdbuf();
  for (const CommandRow& row : commands()) {
    EXPECT_NE(text.str().find("`muster " + std::string(row.form.name)), std::string::npos) << row.form.name;
    for (const Flag& flag : row.form.flags)
      EXPECT_NE(text.str().find(std::string(flag.name)), std::string::npos) << row.form.name << " " << flag.name;
  }
  for (const Flag& flag : global_flags())
    EXPECT_NE(text.str().find(std::string(flag.name)), std::string::npos) << flag.name;
}

}  // namespace
}  // namespace muster
