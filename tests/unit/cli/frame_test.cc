#include "interpreter/cli/frame.h"

#include <gtest/gtest.h>

#include "tests/unit/cli/gates.h"
#include "tests/unit/cli/small_graph.h"

namespace muster {
namespace {

std::string joined(const std::vector<std::string>& lines) {
  std::string out;
  for (std::string line : lines) {
    while (!line.empty() && line.back() == ' ') line.pop_back();
    out += line + "\n";
  }
  return out;
}

class Story {
 public:
  Story& tell(EventKind kind, const std::string& op, Map body, int attempt = 0) {
    EXPECT_TRUE(history.apply(event_of(kind, op, std::move(body), attempt)).has_value());
    return *this;
  }
  RunHistory history;
};

Story half_way() {
  Story story;
  Timestamp began = ten_o_clock() - Duration::milliseconds(1200);
  story.tell(EventKind::evaluated, "playbook", {{"entered", true}})
      .tell(EventKind::evaluated, "assess", {{"entered", true}});
  Map claims{{"state", "succeeded"}, {"started_at", began}, {"claims", List{Map{{"held", true}}, Map{{"held", true}}}}};
  story.tell(EventKind::verified, "assess/state", claims, 1);
  story.tell(EventKind::outcome, "assess/replace", {{"state", "succeeded"}, {"started_at", began}}, 1);
  story.tell(EventKind::outcome, "assess", {{"state", "succeeded"}});
  return story;
}

FrameStyle narrow() {
  FrameStyle style;
  style.width = 60;
  style.so_far = [](const std::string&) { return std::string("12.3 s  4 of 9 rows"); };
  return style;
}

TEST(Frame, ShowsPhasesAndStepsWithMarksTimesAndProgress) {
  Story story = half_way();
  story.tell(EventKind::evaluated, "replace", {{"entered", true}});
  story.tell(EventKind::intent, "replace/stop", {{"effect", "write"}}, 1);
  story.tell(EventKind::outcome, "replace/copied",
             {{"state", "failed"}, {"started_at", ten_o_clock()}, {"error", Map{{"effect", "none"}}}}, 1);
  EXPECT_EQ(joined(frame(*small_graph(), story.history, "00aa11bb", narrow())),
            R"( small                                          run 00aa11bb
 ✓ assess                                            0.000 s
     ✓ state    Is it there?       2 of 2 claims hold, 1.2 s
     ✓ replace                                         1.2 s
 ● replace  Replace the database
     ● stop                              12.3 s  4 of 9 rows
     ✗ copied                                failed, 0.000 s
)");
}

TEST(Frame, ShowsTheGateThatIsOpenAndWhatLiesBehindItFolded) {
  Story story = half_way();
  story.tell(EventKind::gate_opened, "replace", shown_at_gate(), 1);
  std::string text = joined(frame(*small_graph(), story.history, "00aa11bb", narrow()));
  EXPECT_NE(text.find(" ● replace  Replace the database         waiting at its gate\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("stop"), std::string::npos);
}

TEST(Frame, NeverTakesMoreLinesThanThereAre) {
  Story story = half_way();
  story.tell(EventKind::evaluated, "replace", {{"entered", true}});
  FrameStyle low = narrow();
  for (size_t height : {3, 4, 5, 6, 7, 8}) {
    low.height = height;
    EXPECT_LE(frame(*small_graph(), story.history, "00aa11bb", low).size(), std::max<size_t>(height, 3)) << height;
  }
  low.height = 5;
  std::string folded = joined(frame(*small_graph(), story.history, "00aa11bb", low));
  EXPECT_EQ(folded.find("Is it there?"), std::string::npos) << "a phase that is over is folded first:\n" << folded;
  EXPECT_NE(folded.find("stop"), std::string::npos) << folded;
}

TEST(Frame, CutsATitleAndKeepsWhatStandsAtTheRight) {
  Story story = half_way();
  FrameStyle style = narrow();
  style.width = 40;
  for (const std::string& line : frame(*small_graph(), story.history, "00aa11bb", style))
    EXPECT_LE(line.size(), 40u + 8u) << line;
  EXPECT_NE(joined(frame(*small_graph(), story.history, "00aa11bb", style)).find("2 of 2 claims hold, 1.2 s"),
            std::string::npos);
}

TEST(Boxed, PutsALongLineOnSeveralSoThatNothingIsHidden) {
  EXPECT_EQ(boxed("short\n" + std::string(25, 'x') + "\n", 24),
            "┌──────────────────────┐\n"
            "│ short                │\n"
            "│ xxxxxxxxxxxxxxxxxxxx │\n"
            "│   xxxxx              │\n"
            "└──────────────────────┘\n");
}

}  // namespace
}  // namespace muster
