#include "interpreter/cli/gate_panel.h"

#include <gtest/gtest.h>

#include "tests/unit/cli/gates.h"

namespace muster {
namespace {

std::string panel(const RunHistory& history, PanelStyle style = {}) {
  return gate_panel("00aa11bb", *history.find(OpId{"replace"}), style);
}

TEST(GatePanel, ShowsExactlyWhatWouldBeDoneWhoMayDecideAndUntilWhen) {
  EXPECT_EQ(panel(waiting_run()), R"(gate replace  Replace the database  of run 00aa11bb
  Replace /var/app.db
  what would be done:
    replace/stop  shell, write
      systemctl stop app
    replace/stop~rollback/1  shell, write, to undo `replace/stop`, if a later step fails
      systemctl start app
    replace/restored  restore, destructive  Restore it
      move aside
      then copy
      age: 2 h
      undone, if a later step fails: auto
  approvers: 1 of group:sre (ann, bob)
  but not:   ann, who started, resumed or wrote the run
  a reason must be given
  expires:   2026-01-15T10:30:00Z
  digest:    0123456789abcdef
)");
}

TEST(GatePanel, SaysThatSelfApprovalIsAllowedWhereItIs) {
  Map shown = shown_at_gate();
  shown["barred"] = List{};
  shown["self_approval_lifted"] = true;
  EXPECT_NE(panel(waiting_run(shown)).find("the starter may approve it: the configuration is that of a team of one"),
            std::string::npos);
}

TEST(GatePanel, SaysThatAGroupWithoutMembersLetsNobodyPass) {
  Map shown = shown_at_gate();
  shown["places"] = List{Map{{"people", List{}}, {"label", "group:ghosts"}, {"count", 2}}};
  EXPECT_NE(panel(waiting_run(shown)).find("approvers: 2 of group:ghosts (nobody)"), std::string::npos);
}

TEST(GatePanel, NamesAnybodyWhereNoApproversAreAskedFor) {
  Map shown = shown_at_gate();
  shown["places"] = List{};
  EXPECT_NE(panel(waiting_run(shown)).find("approvers: anybody\n"), std::string::npos);
}

TEST(GatePanel, LetsNoTextOfTheWorldReachTheTerminalAsControl) {
  Map shown = shown_at_gate();
  shown["message"] = "one\x1b[2J\r\ntwo";
  shown["guarded"] = List{Map{{"op", "replace/stop"}, {"action", "shell"}, {"lines", List{"rm \x1b]0;x\x07"}}}};
  std::string text = panel(waiting_run(shown));
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_EQ(text.find('\r'), std::string::npos);
  EXPECT_NE(text.find("  one\\x1b[2J\\x0d\n  two\n"), std::string::npos) << text;
}

TEST(GatePanel, TellsTheCommandsAsTheyMustBeTyped) {
  RunHistory history = waiting_run();
  Invocation invocation;
  invocation.options.flags["--store"] = {"/tmp/a b.db"};
  EXPECT_EQ(gate_commands(muster_as_called(invocation), "00aa11bb", *history.find(OpId{"replace"})),
            "  muster --store '/tmp/a b.db' approve 00aa11bb replace --reason TEXT\n"
            "  muster --store '/tmp/a b.db' reject 00aa11bb replace --reason TEXT\n");
}

}  // namespace
}  // namespace muster
