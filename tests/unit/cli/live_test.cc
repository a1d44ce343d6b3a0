#include "interpreter/cli/live.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "interpreter/cli/under_way.h"
#include "tests/unit/cli/gates.h"
#include "tests/unit/cli/small_graph.h"

namespace muster {
namespace {

// A view, its screen and its clock.
class Screen {
 public:
  explicit Screen(Terminal terminal)
      : graph(small_graph()),
        view({terminal, "muster", [this](std::string_view out) { text += out; }, [this] { return now_us; },
              [this] {
                return TerminalSize{width, 24};
              }},
             *graph) {
    view.set_run("00aa11bb");
  }
  Screen& tell(EventKind kind, const std::string& op, Map body, int attempt = 0) {
    Event event = event_of(kind, op, std::move(body), attempt);
    EXPECT_TRUE(history.apply(event).has_value());
    view.happened(event, history);
    return *this;
  }
  std::string take() { return std::exchange(text, ""); }

  std::shared_ptr<const StepGraph> graph;
  RunHistory history;
  std::string text;
  int64_t now_us = 1'000'000;
  size_t width = 80;
  LiveView view;
};

Terminal pipe() { return {}; }
Terminal live() { return {true, true, Colour::off, Colour::off, false, false}; }

TEST(LiveView, WritesALineForEachEventThatMatters) {
  Screen screen(pipe());
  screen.tell(EventKind::evaluated, "assess", {{"entered", true}});
  screen.tell(
      EventKind::outcome, "assess/state",
      {{"state", "succeeded"}, {"started_at", ten_o_clock() - Duration::milliseconds(1200)}, {"notes", List{"a note"}}},
      1);
  screen.tell(EventKind::outcome, "assess/replace",
              {{"state", "failed"}, {"error", Map{{"message", "no\x1b such"}, {"hint", "look"}, {"effect", "none"}}}},
              1);
  EXPECT_EQ(screen.take(),
            "10:00:00Z assess\n"
            "10:00:00Z   assess/state  Is it there?  succeeded in 1.2 s\n"
            "            a note\n"
            "10:00:00Z   assess/replace  failed in 0.000 s\n"
            "            no\\x1b such\n"
            "            = help: look\n");
}

TEST(LiveView, DrawsAnExpressionsErrorWithItsCaret) {
  Screen screen(pipe());
  screen.tell(
      EventKind::outcome, "assess/replace",
      {{"state", "failed"},
       {"error", Map{{"message", "x"}, {"diagnostic", "a.yaml:1:2: error: x\n1 | x\n  | ^\n"}, {"effect", "none"}}}},
      1);
  EXPECT_NE(screen.take().find("            a.yaml:1:2: error: x\n            1 | x\n              | ^\n"),
            std::string::npos);
}

TEST(LiveView, SaysNothingWhenItIsAskedToBeQuietButShowsAGate) {
  Terminal quiet = pipe();
  quiet.quiet = true;
  Screen screen(quiet);
  screen.tell(EventKind::evaluated, "assess", {{"entered", true}});
  screen.tell(EventKind::outcome, "assess/state", {{"state", "succeeded"}}, 1);
  EXPECT_EQ(screen.take(), "");
  screen.tell(EventKind::gate_opened, "replace", shown_at_gate(), 1);
  screen.view.show_gate(*screen.history.find(OpId{"replace"}), true);
  EXPECT_NE(screen.take().find("muster approve 00aa11bb replace --reason TEXT"), std::string::npos);
}

TEST(LiveView, RedrawsTheTreeInPlaceOnATerminal) {
  Screen screen(live());
  screen.tell(EventKind::evaluated, "assess", {{"entered", true}});
  screen.take();
  screen.now_us += 200'000;
  screen.view.tick();
  std::string first = screen.take();
  EXPECT_NE(first.find("● state"), std::string::npos) << first;
  EXPECT_EQ(std::count(first.begin(), first.end(), '\n'), 4) << "a header, two phases and two steps";
  screen.now_us += 50'000;
  screen.view.tick();
  EXPECT_EQ(screen.take(), "") << "ten times a second is enough";
  screen.now_us += 50'000;
  screen.view.tick();
  EXPECT_EQ(screen.take().rfind("\r\x1b[4A\x1b[J", 0), 0u) << "the cursor stood on the fifth line";
}

TEST(LiveView, TellsAFailureAboveTheTreeAndASuccessOnlyInIt) {
  Screen screen(live());
  screen.tell(EventKind::evaluated, "assess", {{"entered", true}});
  screen.take();
  screen.tell(EventKind::outcome, "assess/state", {{"state", "succeeded"}}, 1);
  EXPECT_EQ(screen.take(), "");
  screen.tell(EventKind::outcome, "assess/replace",
              {{"state", "failed"}, {"error", Map{{"message", "no such thing"}, {"effect", "none"}}}}, 1);
  EXPECT_NE(screen.take().find("            no such thing\n"), std::string::npos);
}

TEST(LiveView, LeavesTheTreeOnTheScreenAtTheEnd) {
  Screen screen(live());
  screen.tell(EventKind::evaluated, "assess", {{"entered", true}});
  screen.take();
  screen.view.finish();
  std::string left = screen.take();
  EXPECT_EQ(left.back(), '\n');
  EXPECT_NE(left.find("assess"), std::string::npos);
  screen.view.finish();
  EXPECT_EQ(screen.take().find("\x1b["), std::string::npos) << "what was left is not taken away";
}

TEST(LiveView, PutsTheGateInABoxBelowTheTree) {
  Screen screen(live());
  screen.tell(EventKind::gate_opened, "replace", shown_at_gate(), 1);
  screen.take();
  screen.view.show_gate(*screen.history.find(OpId{"replace"}), false);
  std::string text = screen.take();
  size_t tree = text.find("waiting at its gate"), box = text.find("┌─");
  ASSERT_NE(tree, std::string::npos) << text;
  ASSERT_NE(box, std::string::npos) << text;
  EXPECT_LT(tree, box);
  EXPECT_NE(text.find("│   Replace /var/app.db"), std::string::npos) << text;
}

TEST(LiveView, TellsRateAndTimeLeft) {
  Screen screen(pipe());
  screen.view.progress(OpId{"replace/stop"}, 0, 200, "rows");
  screen.take();
  screen.now_us += 10'000'000;
  screen.view.progress(OpId{"replace/stop"}, 50, 200, "rows");
  EXPECT_EQ(screen.take(), "            replace/stop  50 of 200 rows (25 %), 5.0/s, 30.0 s left\n");
  screen.now_us += 1'000'000;
  screen.view.progress(OpId{"replace/stop"}, 60, 200, "rows");
  EXPECT_EQ(screen.take(), "") << "not more than a line in five seconds";
  screen.view.progress(OpId{"replace/stop"}, 200, 200, "rows");
  EXPECT_NE(screen.take().find("200 of 200 rows (100 %)"), std::string::npos) << "the end is told";
}

TEST(LiveView, KeepsAQuestionBelowWhatIsWrittenAfterIt) {
  Screen screen(live());
  screen.view.ask("approve? ");
  EXPECT_EQ(screen.take(), "approve? ");
  screen.tell(EventKind::outcome, "assess/state", {{"state", "failed"}, {"error", Map{{"message", "no such thing"}}}},
              1);
  std::string text = screen.take();
  EXPECT_EQ(text.rfind("\r\x1b[J", 0), 0u);
  EXPECT_EQ(text.substr(text.size() - 9), "approve? ");
  screen.now_us += 1'000'000;
  screen.view.tick();
  EXPECT_EQ(screen.take(), "") << "what is being typed is not taken away";
  screen.view.heard();
  screen.tell(EventKind::outcome, "assess/replace", {{"state", "failed"}, {"error", Map{{"message", "no such thing"}}}},
              1);
  EXPECT_EQ(screen.take().rfind("10:00:00Z", 0), 0u) << "the answered question stays where it is";
}

TEST(LiveView, AsksOnATerminalThatCannotRedraw) {
  Screen screen(Terminal{true, false, Colour::off, Colour::off, false, false});
  screen.view.ask("approve? ");
  screen.tell(EventKind::outcome, "assess/state", {{"state", "succeeded"}}, 1);
  EXPECT_EQ(screen.take().find('\x1b'), std::string::npos);
}

TEST(LiveView, ShowsEveryEventWhenItIsAskedTo) {
  Terminal verbose = pipe();
  verbose.verbose = true;
  Screen screen(verbose);
  screen.tell(EventKind::evaluated, "assess/state", {{"when", true}});
  EXPECT_NE(screen.take().find("evaluated assess/state {\"when\":true}"), std::string::npos);
}

TEST(UnderWay, FollowsTheOrderOfStepsAndTheGateInFrontOfThem) {
  std::shared_ptr<const StepGraph> graph = small_graph();
  RunHistory history;
  auto tell = [&](EventKind kind, const char* op, Map body, int attempt = 0) {
    ASSERT_TRUE(history.apply(event_of(kind, op, std::move(body), attempt)).has_value());
  };
  auto now = [&] {
    std::string out;
    for (const OpId& op : under_way(*graph, history)) out += op.path + " ";
    return out;
  };
  tell(EventKind::run_created, "", {{"starter", "ann"}});
  EXPECT_EQ(now(), "");
  tell(EventKind::evaluated, "playbook", {{"entered", true}});
  tell(EventKind::evaluated, "assess", {{"entered", true}});
  EXPECT_EQ(now(), "assess/state ") << "a read that left no event yet";
  tell(EventKind::outcome, "assess/state", {{"state", "succeeded"}}, 1);
  EXPECT_EQ(now(), "assess/replace ");
  tell(EventKind::outcome, "assess/replace", {{"state", "succeeded"}}, 1);
  tell(EventKind::outcome, "assess", {{"state", "succeeded"}});
  tell(EventKind::gate_opened, "replace", shown_at_gate(), 1);
  EXPECT_EQ(now(), "");
  tell(EventKind::gate_closed, "replace", {{"verdict", "approved"}}, 1);
  tell(EventKind::evaluated, "replace", {{"entered", true}});
  EXPECT_EQ(now(), "replace/stop replace/copied ");
  tell(EventKind::intent, "replace/stop", {{"effect", "write"}}, 1);
  tell(EventKind::intent, "replace/copied", {{"effect", "write"}}, 1);
  tell(EventKind::outcome, "replace/copied", {{"state", "failed"}, {"error", Map{{"effect", "maybe"}}}}, 1);
  tell(EventKind::in_doubt, "replace/stop", {{"reason", "?"}}, 1);
  EXPECT_EQ(now(), "") << "what waits for a person is not under way";
}

TEST(UnderWay, LeavesOutWhatAFailureWillNeverReach) {
  std::shared_ptr<const StepGraph> graph = small_graph();
  RunHistory history;
  auto tell = [&](EventKind kind, const char* op, Map body, int attempt = 0) {
    ASSERT_TRUE(history.apply(event_of(kind, op, std::move(body), attempt)).has_value());
  };
  tell(EventKind::evaluated, "playbook", {{"entered", true}});
  tell(EventKind::evaluated, "assess", {{"entered", true}});
  tell(EventKind::outcome, "assess/state", {{"state", "failed"}, {"error", Map{{"effect", "none"}}}}, 1);
  EXPECT_TRUE(under_way(*graph, history).empty());
}

}  // namespace
}  // namespace muster
