#include "interpreter/reader/reader.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "interpreter/language/fields.h"

namespace muster {
namespace {

struct Read {
  SourceFiles files;
  Diagnostics problems;
  std::optional<Playbook> playbook;

  explicit Read(std::string text) {
    uint32_t file = files.add({"t.yaml", std::move(text), ""});
    playbook = read_playbook(files, file, problems);
  }
  std::string said() const { return render_all(problems, files); }
};

std::string with_step(const std::string& step) {
  std::string text = "muster: 1\nplaybook: p\nphases:\n  - id: one\n    steps:\n      - ";
  for (char c : step) {
    text += c;
    if (c == '\n') text += "        ";
  }
  return text + "\n";
}

const Step& only_step(const Read& read) { return read.playbook->phases.at(0).group.steps.at(0); }

TEST(Reader, ReadsEveryKeyOfAStepIntoItsMember) {
  Read r(with_step(R"(id: s
title: "Stop ${{ inputs.x }}"
description: why
when: inputs.x
needs: [a, b]
approval: {message: m, approvers: [group:g, user:u], prevent_self_approval: false, expires: 30m, require_reason: true}
timeout: 1h30m
retry: {attempts: 3, delay: 2s, backoff: 1.5, max_delay: 1m, jitter: 0.2, when: error.code == "timeout"}
shell: {argv: [sleep, 5]}
verify:
  http: {get: "http://h/"}
  that: [result.status == 200, {name: n, that: "true", severity: critical}]
  within: 2m
  every: 5s
on_failure: continue
rollback: auto
idempotent: true
effect: read
sensitive: false
outputs: {a: "${{ result.stdout }}"})"));
  ASSERT_TRUE(r.playbook);
  EXPECT_EQ(r.said(), "");
  const Step& s = only_step(r);
  EXPECT_EQ(s.id->text, "s");
  EXPECT_EQ(s.title->pieces.size(), 2u);
  EXPECT_EQ(*s.description, "why");
  EXPECT_EQ(s.when->text, "inputs.x");
  EXPECT_EQ(s.needs->size(), 2u);
  ASSERT_EQ(s.approval->approvers.size(), 1u);
  EXPECT_EQ(s.approval->approvers[0].of[0].kind, Approver::Kind::group);
  EXPECT_EQ(s.approval->approvers[0].of[1].name, "u");
  EXPECT_EQ(s.approval->prevent_self_approval, false);
  EXPECT_EQ(s.approval->expires->known, Duration::seconds(1800));
  EXPECT_TRUE(s.approval->require_reason);
  EXPECT_EQ(s.timeout->known, Duration::seconds(5400));
  EXPECT_EQ(s.retry->attempts.known, 3);
  EXPECT_EQ(s.retry->backoff, 1.5);
  EXPECT_EQ(s.retry->jitter, 0.2);
  EXPECT_TRUE(s.retry->when);
  ASSERT_EQ(s.actions.size(), 1u);
  EXPECT_EQ(s.actions[0].action.text, "shell");
  EXPECT_EQ(s.verify->probes.size(), 1u);
  EXPECT_EQ(s.verify->that.size(), 2u);
  EXPECT_EQ(*s.verify->that[1].name, "n");
  EXPECT_EQ(s.verify->every->known, Duration::seconds(5));
  EXPECT_EQ(s.on_failure, OnFailure::proceed);
  EXPECT_TRUE(s.rollback->automatic);
  EXPECT_EQ(s.idempotent, true);
  EXPECT_EQ(s.effect->text, "read");
  EXPECT_EQ(s.sensitive, false);
  EXPECT_EQ(s.outputs[0].name.text, "a");
}

TEST(Reader, ReadsAStepWithStepsAsAGroup) {
  Read r(
      with_step("steps:\n  - shell: {argv: [a]}\nrescue:\n  - shell: {argv: [b]}\nalways:\n  - shell: {argv: "
                "[c]}\nparallel: true\nmax_parallel: 3"));
  ASSERT_EQ(r.said(), "");
  const Step& s = only_step(r);
  ASSERT_TRUE(s.group);
  EXPECT_EQ(s.group->steps.size(), 1u);
  EXPECT_EQ(s.group->rescue.size(), 1u);
  EXPECT_EQ(s.group->always.size(), 1u);
  EXPECT_TRUE(s.group->parallel);
  EXPECT_EQ(s.group->max_parallel->known, 3);
  EXPECT_TRUE(s.actions.empty());
}

TEST(Reader, LeavesStepsWithoutStepsWithoutAGroup) {
  EXPECT_FALSE(only_step(Read(with_step("shell: {argv: [a]}"))).group);
}

TEST(Reader, ReadsApproversInAllTheirForms) {
  Read counted(with_step("shell: {argv: [a]}\napproval: {approvers: {of: [group:sre], count: 2}}"));
  EXPECT_EQ(only_step(counted).approval->approvers.at(0).count, 2);
  Read several(with_step("shell: {argv: [a]}\napproval: {approvers: [{of: [group:a]}, {of: [group:b]}]}"));
  EXPECT_EQ(only_step(several).approval->approvers.size(), 2u);
  EXPECT_TRUE(only_step(Read(with_step("shell: {argv: [a]}\napproval: true"))).approval->approvers.empty());
}

TEST(Reader, KeepsScalarsOfArgumentsAsTheyAreWritten) {
  Read r(with_step("http: {json: {a: 1.10, b: \"1.10\", c: [no, ~], d: null}}"));
  ASSERT_EQ(r.said(), "");
  const auto& json =
      std::get<std::vector<Entry>>(std::get<std::vector<Entry>>(only_step(r).actions[0].args.value)[0].value.value);
  const auto& a = std::get<Argument::Scalar>(json[0].value.value);
  const auto& b = std::get<Argument::Scalar>(json[1].value.value);
  EXPECT_EQ(a.text.written(), "1.10");
  EXPECT_FALSE(a.quoted);
  EXPECT_TRUE(b.quoted);
  EXPECT_EQ(std::get<Argument::Scalar>(json[3].value.value).text.constant_text(), "null");
}

TEST(Reader, PointsIntoFoldedScalarsWhereAnExpressionIsWrong) {
  Read r(with_step("shell: {argv: [a]}\nwhen: >\n  inputs.a == 1\n  and inputs.b != 2"));
  ASSERT_EQ(r.problems.size(), 1u);
  EXPECT_EQ(r.files.text(r.problems[0].at), "!=");
}

TEST(Reader, PointsIntoDoubleQuotesBehindEscapes) {
  Read r(with_step("shell: {argv: [\"\\t\\u00e9 ${{ inputs.a && 1 }}\"]}"));
  ASSERT_EQ(r.problems.size(), 1u);
  EXPECT_EQ(r.files.text(r.problems[0].at), "&&");
}

TEST(Reader, TellsAllProblemsOfAFileInOnePass) {
  Read r(with_step("shell: {argv: [a]}\ntimeout: 30\nidempotent: yes\non_failure: nope\nmax_failures: many"));
  EXPECT_EQ(r.problems.size(), 4u) << r.said();
  EXPECT_TRUE(r.playbook);
}

TEST(Reader, SaysOnceWhatIsWrongBehindSeveralAliases) {
  Read r(
      "muster: 1\nplaybook: p\nphases:\n  - id: a\n    steps:\n      - &s {shell: {argv: [x]}, timeout: 30}\n      - "
      "*s\n      - *s\n");
  EXPECT_EQ(r.problems.size(), 1u) << r.said();
  EXPECT_EQ(r.playbook->phases[0].group.steps.size(), 3u);
}

TEST(Reader, GivesNothingForTextThatIsNoMap) {
  EXPECT_FALSE(Read("- a\n").playbook);
  EXPECT_FALSE(Read("just text\n").playbook);
}

TEST(Reader, ReadsHowLongAgoARehearsalMayBe) {
  Read r("requires: {rehearsed_within: 90d}\n" + with_step("shell: {argv: [a]}"));
  ASSERT_TRUE(r.playbook && r.playbook->required) << r.said();
  EXPECT_EQ(r.playbook->required->rehearsed_within->known, Duration::seconds(90 * 86400));
}

TEST(Reader, ReadsSecretsByWhereTheyComeFrom) {
  Read r(
      "secrets:\n  a: {env: A}\n  b: {file: \"${{ inputs.folder }}/b\", encoding: raw}\n  c: {command: [pass, show, "
      "c]}\n" +
      with_step("shell: {argv: [a]}"));
  ASSERT_TRUE(r.playbook) << r.said();
  EXPECT_EQ(r.said(), "");
  const std::vector<SecretDeclaration>& secrets = r.playbook->secrets;
  ASSERT_EQ(secrets.size(), 3u);
  EXPECT_EQ(secrets[0].name.text, "a");
  EXPECT_EQ(secrets[0].env->text, "A");
  EXPECT_EQ(secrets[1].file->pieces.size(), 2u);
  EXPECT_EQ(secrets[1].encoding->text, "raw");
  ASSERT_EQ(secrets[2].command->size(), 3u);
  EXPECT_EQ(secrets[2].command->at(1).constant_text(), "show");
}

TEST(Fields, HaveNoKeyTwiceInOneConstruct) {
  auto unique = [](std::vector<std::string_view> keys, const char* what) {
    size_t count = keys.size();
    std::sort(keys.begin(), keys.end());
    keys.erase(std::unique(keys.begin(), keys.end()), keys.end());
    EXPECT_EQ(keys.size(), count) << what;
    EXPECT_GT(count, 0u) << what;
  };
  unique(keys_of<Playbook>(), "playbook");
  unique(keys_of<Phase>(), "phase");
  unique(keys_of<Step>(), "step");
  unique(keys_of<Approval>(), "approval");
  unique(keys_of<Input>(), "input");
  unique(keys_of<Configuration>(), "configuration");
}

TEST(ReadConfiguration, KnowsWhoIsInAGroup) {
  SourceFiles files;
  Diagnostics problems;
  uint32_t file = files.add(
      {"config.yaml", "store: sqlite:/x.db\ngroups:\n  sre: [alice, bob]\ngates: {self_approval: allowed}\n", ""});
  auto configuration = read_configuration(files, file, problems);
  ASSERT_TRUE(configuration);
  EXPECT_TRUE(problems.empty()) << render_all(problems, files);
  EXPECT_TRUE(configuration->is_member("sre", "alice"));
  EXPECT_FALSE(configuration->is_member("sre", "carol"));
  EXPECT_FALSE(configuration->is_member("dba", "alice"));
  EXPECT_TRUE(configuration->self_approval_allowed());
}

TEST(ReadConfiguration, RefusesUnknownKeysAndTakesAnEmptyFile) {
  SourceFiles files;
  Diagnostics problems;
  (void)read_configuration(files, files.add({"config.yaml", "stor: x\n", ""}), problems);
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_EQ(problems[0].help, "did you mean `store`?");
  EXPECT_TRUE(read_configuration(files, files.add({"empty.yaml", "\n", ""}), problems));
  EXPECT_EQ(problems.size(), 1u);
}

TEST(ReadValues, KeepsScalarsAsTextAndShapesAsTheyAre) {
  SourceFiles files;
  Diagnostics problems;
  auto values =
      read_values(files, files.add({"v.json", R"({"a": 012, "b": [1, {"c": null}], "d": "x"})", ""}), problems);
  ASSERT_TRUE(values);
  EXPECT_TRUE(same(values->at("a"), Value("012")));
  EXPECT_TRUE(same(values->at("b"), Value(List{Value("1"), Value(Map{{"c", Value()}})})));
  EXPECT_TRUE(same(values->at("d"), Value("x")));
}

class SourceFile : public testing::Test {
 protected:
  void SetUp() override {
    char name[] = "/tmp/muster-reader-XXXXXX";
    folder_ = ::mkdtemp(name);
  }
  void TearDown() override {
    ::unlink((folder_ + "/f").c_str());
    ::rmdir(folder_.c_str());
  }
  std::string folder_;
};

TEST_F(SourceFile, IsReadWholeWithItsBytes) {
  std::string text("a\0b\r\n\xff", 6);
  std::ofstream(folder_ + "/f", std::ios::binary) << text;
  EXPECT_EQ(read_source(folder_ + "/f").value(), text);
}

TEST_F(SourceFile, IsRefusedWhenItIsNoRegularFile) {
  ASSERT_EQ(::mkfifo((folder_ + "/f").c_str(), 0600), 0);
  auto pipe = read_source(folder_ + "/f");  // without waiting for a writer
  ASSERT_FALSE(pipe);
  EXPECT_NE(pipe.error().find("not a regular file"), std::string::npos);
  EXPECT_NE(read_source(folder_).error().find("folder"), std::string::npos);
  EXPECT_FALSE(read_source(folder_ + "/none"));
}

TEST_F(SourceFile, IsRefusedWhenItIsTooLarge) {
  std::ofstream(folder_ + "/f").close();
  ASSERT_EQ(::truncate((folder_ + "/f").c_str(), (32 << 20) + 1), 0);
  EXPECT_FALSE(read_source(folder_ + "/f"));
}

}  // namespace
}  // namespace muster
