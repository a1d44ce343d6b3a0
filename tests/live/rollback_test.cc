// `muster rollback RUN`, by the real program: what a run did is undone latest first, once, and what could not be undone
// is said and tried again.
#include "tests/live/program.h"

namespace muster {
namespace {

class Undoing : public ::testing::Test {
 protected:
  std::string playbook(const std::string& last = "") {
    auto step = [&](const std::string& id, const std::string& undo) {
      return "      - id: " + id + "\n        shell: {argv: [touch, " + home.path(id) +
             "]}\n        rollback:\n          - " + undo + "\n";
    };
    auto removes = [&](const std::string& id) {
      return "shell: {argv: [sh, -c, \"test -e $0 && rm $0 && echo " + id + " >> $1\", " + home.path(id) + ", " +
             home.path("order") + "]}";
    };
    return home.write("undo.muster.yaml",
                      "muster: 1\nplaybook: undo\nphases:\n  - id: only\n    steps:\n" + step("one", removes("one")) +
                          "      - {id: read, shell: {argv: [echo, nothing]}, effect: read}\n" +
                          step("two", removes("two")) + "      - {id: plain, shell: {argv: [touch, " +
                          home.path("plain") + "]}}\n" + last);
  }
  Home home;
};

TEST_F(Undoing, ARunThatEndedUndoesItLatestFirstOnceAndSaysWhatNothingUndoes) {
  ASSERT_EQ(home.muster({"run", playbook()}).code, 0);
  ASSERT_TRUE(home.has("one") && home.has("two"));
  Ran undone = home.muster({"rollback", "last"});
  EXPECT_EQ(undone.code, 5) << undone.err;
  EXPECT_FALSE(home.has("one") || home.has("two"));
  EXPECT_TRUE(home.has("plain"));
  EXPECT_EQ(read_text(home.path("order")), "two\none\n");
  EXPECT_EQ(home.state_of_last(), "rolled_back");
  const std::string told = home.muster({"show", "last"}).out;
  EXPECT_NE(told.find("not undone, because no rollback is declared: only/plain"), std::string::npos) << told;
  // The run that was undone is the one before the last; a second time there is nothing of it left.
  Value runs = home.json({"runs"});
  ASSERT_TRUE(runs.is<List>() && runs.get<List>().size() == 2u) << print_json(runs);
  std::string first;
  for (const Value& run : runs.get<List>())
    if (text_of(run.get<Map>(), "state") == "succeeded") first = text_of(run.get<Map>(), "id");
  ASSERT_FALSE(first.empty()) << print_json(runs);
  Ran again = home.muster({"rollback", first});
  EXPECT_EQ(again.code, 1) << again.err;
  EXPECT_NE(again.err.find("has undone it"), std::string::npos) << again.err;
  EXPECT_EQ(read_text(home.path("order")), "two\none\n");
  EXPECT_EQ(home.muster({"audit", "--verify"}).code, 0);
}

TEST_F(Undoing, AnUndoThatFailsIsSaidAndTriedAgainAlone) {
  ASSERT_EQ(home.muster({"run", playbook()}).code, 0);
  ASSERT_EQ(::unlink(home.path("one").c_str()), 0);  // its undo wants to find it
  Ran partly = home.muster({"rollback", "last"});
  EXPECT_EQ(partly.code, 1) << partly.err;
  EXPECT_NE(partly.out.find("rollback incomplete"), std::string::npos) << partly.out;
  EXPECT_EQ(home.state_of_last(), "failed");
  EXPECT_EQ(read_text(home.path("order")), "two\n");
  home.write("one", "");
  Ran rest = home.muster({"rollback", "last"});
  EXPECT_EQ(rest.code, 5) << rest.err;
  EXPECT_FALSE(home.has("one"));
  EXPECT_EQ(read_text(home.path("order")), "two\none\n") << "what was undone is not undone a second time";
}

TEST_F(Undoing, WhatIsCalledAfterTheRunThatMadeItIsFoundByItsUndo) {
  const std::string made = home.path("made-${{ run.id }}");
  const std::string named =
      home.write("named.muster.yaml",
                 "muster: 1\nplaybook: named\nphases:\n  - id: only\n    steps:\n      - id: made\n        shell: "
                 "{argv: [touch, \"" +
                     made + "\"]}\n        rollback:\n          - shell: {argv: [rm, \"" + made + "\"]}\n");
  ASSERT_EQ(home.muster({"run", named}).code, 0);
  Value runs = home.json({"runs"});
  ASSERT_TRUE(runs.is<List>() && runs.get<List>().size() == 1u) << print_json(runs);
  const std::string file = "made-" + text_of(runs.get<List>().front().get<Map>(), "id");
  ASSERT_TRUE(home.has(file));
  Ran undone = home.muster({"rollback", "last"});
  EXPECT_EQ(undone.code, 5) << undone.err;
  EXPECT_FALSE(home.has(file));
}

TEST_F(Undoing, ARunThatWaitsIsRefusedAndSaysHowToEndIt) {
  std::string waits =
      playbook("      - {id: asked, approval: true, shell: {argv: [touch, " + home.path("asked") + "]}}\n");
  ASSERT_EQ(home.muster({"run", "--detach", waits}).code, 75);
  Ran refused = home.muster({"rollback", "last"});
  EXPECT_EQ(refused.code, 1);
  EXPECT_NE(refused.err.find("has not ended"), std::string::npos) << refused.err;
  EXPECT_NE(refused.err.find("--rollback"), std::string::npos) << refused.err;
  EXPECT_TRUE(home.has("one"));
  EXPECT_EQ(home.muster({"cancel", "last", "--rollback", "--reason", "enough"}).code, 130);
  EXPECT_FALSE(home.has("one") || home.has("two"));
}

TEST_F(Undoing, ARunThatIsNotThereIsRefused) {
  EXPECT_EQ(home.muster({"rollback", "last"}).code, 1);
  EXPECT_EQ(home.muster({"rollback"}).code, 2);
}

}  // namespace
}  // namespace muster
