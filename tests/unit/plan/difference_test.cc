#include "interpreter/plan/difference.h"

#include <algorithm>

#include "tests/unit/plan/planned.h"

namespace muster {
namespace {

// `kind path: what` of each change.
std::vector<std::string> changes_of(const std::string& before, const std::string& after) {
  Written from(before), to(after);
  std::vector<std::string> out;
  for (const Change& change :
       differences({"a", *from.graph, from.files}, {"b", *to.graph, to.files}, builtin_actions()))
    out.push_back(std::string(name_of(change.kind)) + " " + change.path + ": " + change.what);
  return out;
}

using Told = std::vector<std::string>;

const std::string two_steps = "- id: a\n  shell: {argv: [a]}\n- id: b\n  shell: {argv: [b]}";
const std::string strict_gate =
    "    approval: {approvers: {of: [group:sre], count: 2}, expires: 30m, require_reason: true}\n";

TEST(Differences, AreNoneWhereOnlyTheLayoutChanged) {
  EXPECT_EQ(changes_of(with_steps("- id: a\n  title: One\n  shell: {argv: [a, \"b\"]}"),
                       with_steps("# a comment\n- shell:\n    argv:\n      - a\n      - b\n  title: \"One\"\n  id: a")),
            Told{});
}

TEST(Differences, NameAGateThatIsGoneAndWhatNobodyGuardsAnyMore) {
  EXPECT_EQ(changes_of(with_steps(two_steps, "", strict_gate), with_steps(two_steps)),
            (Told{"gate removed all: nobody is asked here any more",
                  "unguarded all/a: no gate stands in front of this write step any more",
                  "unguarded all/b: no gate stands in front of this write step any more"}));
}

TEST(Differences, NameAGateThatGrewWeaker) {
  auto gate = [](const std::string& rules) { return with_steps(two_steps, "", "    approval: {" + rules + "}\n"); };
  std::string strict = with_steps(two_steps, "", strict_gate);
  EXPECT_EQ(changes_of(strict, gate("approvers: {of: [group:sre], count: 1}, expires: 30m, require_reason: true")),
            Told{"gate weakened all: fewer people must agree"});
  EXPECT_EQ(
      changes_of(strict, gate("approvers: {of: [group:sre, user:eve], count: 2}, expires: 30m, require_reason: true")),
      Told{"gate weakened all: others may decide, too"});
  EXPECT_EQ(changes_of(strict, gate("approvers: {of: [group:sre], count: 2}, expires: 2h, require_reason: true")),
            Told{"gate weakened all: it stays open longer"});
  EXPECT_EQ(changes_of(strict, gate("approvers: {of: [group:sre], count: 2}, require_reason: true")),
            Told{"gate weakened all: it never expires"});
  EXPECT_EQ(changes_of(strict, gate("approvers: {of: [group:sre], count: 2}, expires: 30m")),
            Told{"gate weakened all: a decision needs no reason any more"});
  EXPECT_EQ(changes_of(strict, gate("approvers: {of: [group:sre], count: 2}, expires: 30m, require_reason: true, "
                                    "prevent_self_approval: false")),
            Told{"gate weakened all: whoever started the run may approve it"});
  EXPECT_EQ(changes_of(gate("message: One"), gate("message: Two")), Told{"gate changed all: message"});
}

TEST(Differences, NameAnEffectThatGrewWider) {
  std::string read = with_steps("- id: a\n  shell: {argv: [a]}\n  effect: read"),
              write = with_steps("- id: a\n  shell: {argv: [a]}");
  EXPECT_EQ(changes_of(read, write),
            (Told{"effect widened all/a: it may change more than it did", "changed all/a: effect"}));
  EXPECT_EQ(changes_of(write, read),
            (Told{"effect narrowed all/a: it changes less than it did", "changed all/a: effect"}));
}

TEST(Differences, NameClaimsAndRollbacksThatAreGone) {
  std::string careful = with_steps(
                  "- id: a\n  shell: {argv: [a]}\n  verify:\n    that: [result.exit_code == 0, "
                  "result.stdout == \"\"]\n  rollback: [{shell: {argv: [b]}}]"),
              less = with_steps("- id: a\n  shell: {argv: [a]}\n  verify:\n    that: [result.exit_code == 0]"),
              careless = with_steps("- id: a\n  shell: {argv: [a]}");
  EXPECT_EQ(changes_of(careful, less),
            (Told{"verify weakened all/a: a claim is gone", "rollback lost all/a: it is not undone any more",
                  "removed all/a~rollback/1: shell, write"}));
  EXPECT_EQ(changes_of(less, careless), Told{"verify removed all/a: its result is not checked any more"});
  EXPECT_EQ(changes_of(careless, less), Told{"verify added all/a: its result is checked"});
}

TEST(Differences, FollowStepsByTheirIds) {
  std::string moved = with_steps("- id: b\n  shell: {argv: [b]}\n- id: a\n  shell: {argv: [a]}");
  EXPECT_EQ(changes_of(with_steps(two_steps), moved).size(), 1u);
  EXPECT_EQ(changes_of(with_steps(two_steps), moved)[0].substr(0, 9), "moved all");
  EXPECT_EQ(changes_of(with_steps(two_steps), with_steps(two_steps + "\n- id: c\n  shell: {argv: [c]}")),
            Told{"added all/c: shell, write"});
  EXPECT_EQ(changes_of(with_steps(two_steps + "\n- id: c\n  shell: {argv: [c]}"), with_steps(two_steps)),
            Told{"removed all/c: shell, write"});
  EXPECT_EQ(changes_of(with_steps(two_steps), with_steps("- id: g\n  steps:\n    - id: a\n      shell: {argv: [a]}\n"
                                                         "- id: b\n  shell: {argv: [b]}")),
            (Told{"added all/g: step", "moved all/g/a: it stands elsewhere"}));
}

TEST(Differences, NameWhatChangedInAnyOtherKey) {
  EXPECT_EQ(changes_of(with_steps("- id: a\n  shell: {argv: [a]}"),
                       with_steps("- id: a\n  shell: {argv: [a, b]}\n  retry: {attempts: 2}\n  when: inputs.x",
                                  "inputs: {x: {type: boolean}}\n")),
            (Told{"changed playbook: inputs", "changed all/a: shell", "changed all/a: retry", "changed all/a: when"}));
}

TEST(Differences, ToldOfAStepInAnOptionAreToldOnce) {
  auto choice = [](const std::string& word) {
    return with_steps(
        "- id: way\n  choose:\n    options:\n      - id: one\n        steps:\n          - id: said\n"
        "            shell: {argv: [" +
        word + "]}");
  };
  EXPECT_EQ(changes_of(choice("a"), choice("b")), Told{"changed all/way/one/said: shell"});
}

TEST(Differences, NameADestructiveStepThatIsNewAndGuardedByNobody) {
  Told told = changes_of(with_steps(two_steps),
                         with_steps(two_steps + "\n- id: c\n  shell: {argv: [c]}\n  effect: destructive"));
  EXPECT_EQ(told, (Told{"effect widened all/c: a new destructive step without a gate in front of it",
                        "added all/c: shell, destructive"}));
}

}  // namespace
}  // namespace muster
