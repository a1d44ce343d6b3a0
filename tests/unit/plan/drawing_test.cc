// Each of the drawings, whole: what waits for what, where gates stand, what runs only when something goes wrong.
#include "interpreter/graph/drawing.h"

#include <gtest/gtest.h>

#include "tests/unit/plan/planned.h"

namespace muster {
namespace {

constexpr const char* drawn = R"(
muster: 1
playbook: drawn
version: 1.2.0
phases:
  - id: first
    title: Look "around"
    steps:
      - {id: seen, shell: {argv: [look]}, effect: read}
      - id: each
        foreach: [1, 2]
        shell: {argv: [mend, "${{ item }}"]}
        idempotent: true
        verify: {that: result.exit_code == 0}
  - id: second
    approval: true
    steps:
      - id: way
        choose:
          options:
            - {id: one, when: 1 == 2, steps: [{id: fast, shell: {argv: [fast]}, rollback: [{shell: {argv: [slow]}}]}]}
            - {id: two, steps: [{wait: {for: 1s}}]}
      - {id: last, needs: [seen], fail: {message: no}}
    rescue: [{audit: {event: rescued}}]
rescue: [{set: {x: 1}}]
rollback: [{id: undone, set: {x: 2}}]
always: [{id: told, manual: {instructions: tell}}]
)";

TEST(Drawing, AsTextIsTheOutlineWithEverythingThatStandsOnAStep) {
  Written written(drawn);
  ASSERT_TRUE(written.graph);
  EXPECT_EQ(draw_text(*written.graph), R"(drawn 1.2.0
  Look "around"
    seen  (shell)
    each  (shell) [foreach 2 values] [verify]
  second [gate]
    way  (choose)
      one  (option) [when 1 == 2]
        fast  (shell) [rollback]
          rollback:
            1  (shell)
      two  (option)
        1  (wait)
    last  (fail)
    rescue:
      1  (audit)
  rescue:
    1  (set)
  rollback:
    undone  (set)
  always:
    told  (manual)
)");
}

TEST(Drawing, ForGraphvizHasAnArrowForEachNeedAndADottedOneFromEachGroup) {
  Written written(drawn);
  ASSERT_TRUE(written.graph);
  const std::string dot = draw_dot(*written.graph);
  EXPECT_EQ(dot.rfind("digraph playbook {\n", 0), 0u);
  EXPECT_EQ(dot.substr(dot.size() - 2), "}\n");
  auto name = [&](const char* path) {
    const Node* node = written.graph->find(OpId{path});
    EXPECT_TRUE(node) << path;
    return node ? "n" + std::to_string(node->id.index) : std::string();
  };
  auto has = [&](const std::string& line) {
    EXPECT_NE(dot.find("  " + line + "\n"), std::string::npos) << line << "\n" << dot;
  };
  has(name("first") + " [label=\"Look \\\"around\\\"\"];");
  has(name("second") + " [label=\"second\", peripheries=2];");
  has(name("first") + " -> " + name("second") + ";");
  has(name("first/seen") + " -> " + name("first/each") + ";");
  has(name("first/seen") + " -> " + name("second/last") + ";");
  has(name("first") + " -> " + name("first/seen") + " [style=dotted];");
  has(name("second/way") + " -> " + name("second/way/two") + " [style=dotted];");
  has(name("always/told") + " [label=\"told\", style=dashed];");
  EXPECT_EQ(dot.find(name("first/each[]") + " "), std::string::npos) << "a `foreach` and its item are one";
}

TEST(Drawing, ForMermaidHasTheSameArrowsAndGatesInAnotherShape) {
  Written written(drawn);
  ASSERT_TRUE(written.graph);
  const std::string text = draw_mermaid(*written.graph);
  EXPECT_EQ(text.rfind("flowchart LR\n", 0), 0u);
  auto name = [&](const char* path) { return "n" + std::to_string(written.graph->find(OpId{path})->id.index); };
  auto has = [&](const std::string& line) {
    EXPECT_NE(text.find("  " + line + "\n"), std::string::npos) << line << "\n" << text;
  };
  has(name("first") + "[\"Look #quot;around#quot;\"]");
  has(name("second") + "{{\"second\"}}");
  has(name("first") + " --> " + name("second"));
  has(name("first/seen") + " --> " + name("second/last"));
  has(name("second/way") + " -.-> " + name("second/way/one"));
}

}  // namespace
}  // namespace muster
