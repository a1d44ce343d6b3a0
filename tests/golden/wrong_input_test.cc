// Files that break readers of YAML, and values that break templates: each is answered, by name, in time and in bounds.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>

#include "interpreter/checker/checker.h"
#include "interpreter/reader/reader.h"
#include "steps/steps.h"

namespace muster {
namespace {

using namespace std::chrono_literals;

struct Answer {
  std::string text;
  std::vector<std::string> codes;
  std::chrono::steady_clock::duration took;
  [[nodiscard]] bool has(std::string_view code) const {
    return std::find(codes.begin(), codes.end(), code) != codes.end();
  }
};

Answer answer_to(std::string text) {
  auto start = std::chrono::steady_clock::now();
  SourceFiles files;
  uint32_t file = files.add({"wrong.muster.yaml", std::move(text), ""});
  Diagnostics problems;
  if (std::optional<Playbook> playbook = read_playbook(files, file, problems))
    (void)check(std::move(*playbook), builtin_actions(), problems).has_value();
  Answer answer;
  answer.text = render_all(problems, files);
  for (const Diagnostic& problem : problems) answer.codes.push_back(problem.code);
  answer.took = std::chrono::steady_clock::now() - start;
  return answer;
}

std::string repeated(std::string_view text, size_t times) {
  std::string out;
  out.reserve(text.size() * times);
  for (size_t i = 0; i < times; ++i) out += text;
  return out;
}

std::string with_steps(const std::string& steps) {
  return "muster: 1\nplaybook: p\nphases:\n  - id: one\n    steps:\n" + steps;
}

TEST(WrongInput, AnAliasBombIsRefusedBeforeItGrows) {
  std::string bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 12; ++i) {
    std::string one = "*a" + std::to_string(i - 1);
    bomb += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + one + repeated(", " + one, 9) + "]\n";
  }
  Answer answer = answer_to(bomb);
  EXPECT_TRUE(answer.has("too-many-values")) << answer.text;
  EXPECT_LT(answer.took, 5s);
}

TEST(WrongInput, AnAliasInsideWhatItNamesIsRefused) {
  EXPECT_TRUE(answer_to("a: &a [*a]\n").has("alias-cycle"));
  EXPECT_TRUE(answer_to("a: &a {b: {c: *a}}\n").has("alias-cycle"));
}

TEST(WrongInput, NestingOfAnyDepthIsRefusedWithItsLine) {
  std::string block;
  for (size_t depth = 0; depth < 2000; ++depth) block += std::string(depth, ' ') + "a:\n";
  for (const std::string& text : {"a: " + repeated("[", 100'000), "a: " + repeated("{a: ", 100'000),
                                  repeated("- ", 100'000) + "x", repeated("? ", 100'000) + "x", block}) {
    Answer answer = answer_to(text);
    EXPECT_FALSE(answer.codes.empty()) << text.substr(0, 20);
    EXPECT_NE(answer.text.find("wrong.muster.yaml:"), std::string::npos) << text.substr(0, 20);
    EXPECT_LT(answer.took, 10s) << text.substr(0, 20);
  }
}

TEST(WrongInput, ADuplicateKeyIsShownWithBothLines) {
  Answer answer = answer_to("muster: 1\nplaybook: p\nplaybook: q\nphases: []\n");
  EXPECT_TRUE(answer.has("duplicate-key"));
  EXPECT_NE(answer.text.find("2 | "), std::string::npos) << answer.text;
  EXPECT_NE(answer.text.find("3 | "), std::string::npos) << answer.text;
}

// Text at the margin behind a plain scalar that opened a bracket: one version of the library never ended.
TEST(WrongInput, TextThatFallsOutOfItsListEndsInAnError) {
  Answer answer = answer_to(
      "- name: x\n  test:\n    (a = 1 and b in (-1, 5) and c = \"/bin/d\" and e in (\n"
      "\"/bin/f\",\n    \"-g h\"\n    )  )\n");
  EXPECT_FALSE(answer.codes.empty());
  EXPECT_LT(answer.took, 5s);
}

TEST(WrongInput, IndentationThatEndsNowhereEndsInAnError) {
  for (const char* text : {"a:\n    b:\n  c: d\n", "a:\n  - b\n - c\n", "- a\n b: c\n", "a: |1\nb\n", "a: >-9\n x\n",
                           "|\n", ">\n", "a: |\n  b\n c\n", "? a\n:  b\n c"}) {
    Answer answer = answer_to(text);
    EXPECT_FALSE(answer.codes.empty()) << text;
    EXPECT_LT(answer.took, 5s) << text;
  }
}

TEST(WrongInput, BytesThatAreNoTextAreNamed) {
  EXPECT_TRUE(answer_to(std::string("a: \"x\0y\"\n", 9)).has("bad-character"));
  EXPECT_TRUE(answer_to("a: \xff\xfe\n").has("not-utf8"));
  EXPECT_TRUE(answer_to(std::string("\xff\xfe"
                                    "a\0:\0",
                                    6))
                  .has("not-utf8"));
  EXPECT_TRUE(answer_to("a:\n\t- b\n").has("tab-indentation"));
  EXPECT_TRUE(answer_to("a: b\rc: d\r").has("bad-character"));
  EXPECT_TRUE(answer_to("a: b\xe2\x80\xa8"
                        "c\n")
                  .has("bad-character"));
  EXPECT_TRUE(answer_to("").has("empty-file"));
  EXPECT_TRUE(answer_to("a: b\n---\nc: d\n").has("second-document"));
}

TEST(WrongInput, ScalarsAreTypedByTheirFieldsAndByNothingElse) {
  EXPECT_EQ(answer_to("muster: 1\nplaybook: p\nversion: 1.10.0\nphases:\n  - id: one\n    steps:\n"
                      "      - shell: {argv: [echo, no, 012, 1e3, .inf, 2024-01-01, 1.10]}\n")
                .text,
            "");
  for (const char* number : {"012s", "1e3", "0x3", ".inf", "no"})
    EXPECT_TRUE(answer_to(with_steps("      - {shell: {argv: [a]}, effect: read, retry: {attempts: " +
                                     std::string(number) + "}}\n"))
                    .has("wrong-type"))
        << number;
  EXPECT_TRUE(answer_to(with_steps("      - {idempotent: yes, shell: {argv: [a]}}\n")).has("wrong-type"));
  EXPECT_TRUE(answer_to(with_steps("      - {<<: {id: a}, shell: {argv: [a]}}\n")).has("merge-key"));
  EXPECT_TRUE(answer_to(with_steps("      - {title: !x y, shell: {argv: [a]}}\n")).has("tag"));
}

TEST(WrongInput, AMisspeltKeyIsNamedAndNeverIgnored) {
  Answer answer = answer_to(with_steps("      - {aproval: true, shell: {argv: [a]}}\n"));
  EXPECT_TRUE(answer.has("unknown-key"));
  EXPECT_NE(answer.text.find("did you mean `approval`?"), std::string::npos) << answer.text;
  EXPECT_TRUE(answer_to("muster: 1\nplaybook: p\nphases:\n  - id: one\n    approval: true\n    steps:\n"
                        "      - {shell: {argv: [a]}, effect: read}\n")
                  .has("gate-guards-nothing"));
}

// The traps of the language's page: what YAML or Lua makes of a line, and what we say to it. The message must name the
// way out, and a line must never be taken for something else in silence.
TEST(WrongInput, EachTrapOfYamlAndLuaIsNamedWithItsWayOut) {
  struct Trap {
    const char* step;  // written under a step, twelve columns in
    const char* code;
    const char* says;
  };
  const Trap traps[] = {
      {"when: #steps.x.rows > 0", "comment", "`len(x)`"},
      {"when: 1 == 1 #steps.x", "comment", "`len(x)`"},
      {"title: Fix #805", "comment", "quote the whole value"},
      {"verify:\n          that:\n            - contains(result.stdout, \"Status: ok\")", "map-for-expression",
       "single quotes"},
      {"verify: {that: [contains(result.stdout, run.id)]}", "flow-comma", "quote the expression"},
      {"done_when: {sql: {connection: app, query: SELECT a, b FROM t}, that: 1 == 1}", "flow-comma", "quote the value"},
      {"outputs: {a: ${{ result.stdout }}}", "flow-syntax", "quote"},
      {"verify: {that: [result.rows[1].n]}", "flow-syntax", "quote"},
      {"verify: {http: {get: http://h/p?a=1}, that: 1 == 1}", "flow-syntax", "quote"},
      {"when: !x", "tag", "`not`"},
      {"when: 1 == 1 && 2 == 2", "expression-syntax", "`and`"},
      {"when: 1 == 1 || 2 == 2", "expression-syntax", "`or`"},
      {"when: 1 != 2", "expression-syntax", "`~=`"},
      {"when: \"1 == 1 ? true : false\"", "expression-syntax", "cond("},
      {"when: run.id = 1", "expression-syntax", "`==`"},
      {"when: run.id == null", "expression-syntax", "`nil`"},
      {"title: @home", "reserved-character", "quote"},
      {"title: *star", "unknown-alias", "quote"},
      {"title: %share", "reserved-character", "quote"},
      {"title: `tick`", "reserved-character", "quote"},
      {"foreach: {\"a\", \"b\"}", "map-of-nulls", "write a YAML list"},
      {"verify: {that: not result.value.enabled}", "not-missing", "`== false`"},
      {"when: run.id == \"\" and false or true", "always-or", "`cond("},
      {"when: >-\n          run.id == \"a\" -- the first\n          and 1 == 2", "expression-syntax", ""},
      {"when: run.id == \xe2\x80\x9cx\xe2\x80\x9d", "expression-syntax", ""},
      {"when: run.id\xc2\xa0== 1", "expression-syntax", ""},
  };
  for (const Trap& trap : traps) {
    Answer answer = answer_to(
        "muster: 1\nplaybook: p\nconnections: {app: {sqlite: /srv/app.db}}\nphases:\n  - id: one\n    steps:\n"
        "      - shell: {argv: [a]}\n        " +
        std::string(trap.step) + "\n");
    EXPECT_TRUE(answer.has(trap.code)) << trap.step << "\n" << answer.text;
    EXPECT_NE(answer.text.find(trap.says), std::string::npos) << trap.step << "\n" << answer.text;
  }
  Answer text = answer_to(with_steps("      - sql: {connection: app, query: \"SELECT :id\", bind: {id: inputs.id}}\n"));
  EXPECT_TRUE(text.has("text-not-value")) << text.text;
  EXPECT_NE(text.text.find("write `${{ inputs.id }}`"), std::string::npos) << text.text;
}

TEST(WrongInput, ACycleIsPrintedAsItsPath) {
  Answer answer =
      answer_to(with_steps("      - {id: a, needs: [c], set: {x: 1}}\n      - {id: b, needs: [a], set: {x: 1}}\n"
                           "      - {id: c, needs: [b], set: {x: 1}}\n"));
  EXPECT_TRUE(answer.has("needs-cycle"));
  EXPECT_NE(answer.text.find("a -> c -> b -> a"), std::string::npos) << answer.text;
  EXPECT_TRUE(answer_to(with_steps("      - {needs: [nobody], set: {x: 1}}\n")).has("unknown-step"));
}

TEST(WrongInput, ARollbackThatNeverRunsIsNamed) {
  Answer answer = answer_to(
      "muster: 1\nplaybook: p\nphases:\n  - id: one\n    rollback: [{shell: {argv: [undo]}}]\n    steps:\n"
      "      - {id: a, shell: {argv: [a]}, rollback: [{shell: {argv: [never]}}]}\n");
  EXPECT_TRUE(answer.has("unreachable")) << answer.text;
}

TEST(WrongInput, GraphsOfAnyDepthAreBorne) {
  std::string chain = "      - {id: s0, set: {x: 1}}\n";
  for (int i = 1; i < 20'000; ++i)
    chain += "      - {id: s" + std::to_string(i) + ", needs: [s" + std::to_string(i - 1) +
             "], set: {x: \"${{ steps.s0.x }}\"}}\n";
  Answer answer = answer_to(with_steps(chain));
  EXPECT_EQ(answer.text, "");
  EXPECT_LT(answer.took, 30s);
}

TEST(WrongInput, WhatIsNoRegularFileIsNotOpened) {
  std::string folder = std::filesystem::temp_directory_path() / ("muster-wrong-" + std::to_string(::getpid()));
  std::filesystem::create_directory(folder);
  std::string fifo = folder + "/p.muster.yaml";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_FALSE(read_source(fifo).has_value());
  EXPECT_FALSE(read_source(folder).has_value());
  EXPECT_FALSE(read_source("/dev/zero").has_value());
  std::filesystem::remove_all(folder);
}

TEST(WrongInput, TemplatesOfOtherToolsAreTextAndOursIsRefusedInScripts) {
  EXPECT_TRUE(answer_to(with_steps("      - shell: {script: \"echo ${{ run.id }}\"}\n")).has("injection"));
  EXPECT_EQ(answer_to(with_steps("      - shell: {script: \"echo {{ p }} {% q %}\"}\n")).text, "");
}

TEST(WrongInput, ExpressionsHaveNoWordsThatReachBeyondThem) {
  for (const char* expression : {"getmetatable(\\\"\\\")", "os.execute(\\\"id\\\")", "io.open(\\\"/etc/passwd\\\")",
                                 "_G.os", "load(\\\"x\\\")()", "string.rep(\\\"a\\\", 9)", "(\\\"\\\"):rep(9)",
                                 "setmetatable({}, {})", "require(\\\"os\\\")", "inputs.__index",
                                 "constructor.constructor(\\\"x\\\")", "debug.getinfo(1)", "rawget(inputs, 1)"}) {
    Answer answer = answer_to(with_steps("      - {set: {x: \"${{ " + std::string(expression) + " }}\"}}\n"));
    EXPECT_TRUE(answer.has("unknown-name") || answer.has("unknown-function") || answer.has("unknown-input") ||
                answer.has("expression-syntax"))
        << expression << "\n"
        << answer.text;
  }
}

}  // namespace
}  // namespace muster
