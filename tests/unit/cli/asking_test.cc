#include "interpreter/cli/asking.h"

#include <gtest/gtest.h>

#include "interpreter/base/json.h"
#include "tests/unit/cli/gates.h"
#include "tests/unit/cli/small_graph.h"

namespace muster {
namespace {

// Somebody at a terminal, and what became of their words.
class Person {
 public:
  explicit Person(const std::string& name, RunHistory begins = waiting_run(), std::vector<Input> fields = {},
                  bool is_stranger = false)
      : history(std::move(begins)),
        form(std::move(fields)),
        stranger(is_stranger),
        graph(small_graph()),
        view({Terminal{true, false, Colour::off, Colour::off, false, false}, "muster",
              [this](std::string_view text) { screen += text; }, [] { return int64_t{1}; },
              [] { return TerminalSize{}; }},
             *graph),
        asking(name,
               {[this](const OpId& gate, Vote vote) -> Result<void> {
                  votes.push_back(gate.path + " " + vote.verdict + " " + vote.reason + " " + vote.digest.substr(0, 4));
                  if (refusal) return fail(ErrorCode::refused, *refusal);
                  return {};
                },
                [this](const OpId& step, std::string choice, std::string reason) -> Result<void> {
                  settled.push_back(step.path + " " + choice + " " + reason);
                  return {};
                },
                [this] { left = true; }, [this](const OpId&) { return form; },
                [this](const OpId&, const Completion&) -> Result<void> {
                  if (stranger) return fail(ErrorCode::refused, "you are none of the assignees");
                  return {};
                },
                [this](const OpId& step, Completion said) -> Result<void> {
                  completed.push_back(step.path + " " + print_json(said.answers) + " " + said.nonce);
                  if (refusal) return fail(ErrorCode::invalid, *refusal);
                  return {};
                }},
               view) {
    asking.look(history);
  }
  Person& types(const std::string& line) {
    asking.heard(line, history);
    return *this;
  }
  void happens(const Event& event) {
    ASSERT_TRUE(history.apply(event).has_value());
    asking.look(history);
  }
  bool sees(const std::string& text) const { return screen.find(text) != std::string::npos; }

  RunHistory history;
  std::vector<Input> form;
  bool stranger = false;
  std::vector<std::string> completed;
  std::shared_ptr<const StepGraph> graph;
  std::string screen;
  std::vector<std::string> votes, settled;
  std::optional<std::string> refusal;
  bool left = false;
  LiveView view;
  Asking asking;
};

TEST(Asking, ShowsTheGateAndCastsTheDecisionWithItsReason) {
  Person bob("bob");
  EXPECT_TRUE(bob.sees("Replace /var/app.db"));
  EXPECT_TRUE(bob.sees("approve, reject or later? [a/r/l] "));
  bob.types("maybe").types(" approve ").types("").types("the health check says so");
  EXPECT_EQ(bob.votes, std::vector<std::string>{"replace approve the health check says so 0123"});
  EXPECT_TRUE(bob.sees("write a, r or l: "));
  EXPECT_TRUE(bob.sees("this gate asks for a reason: "));
}

TEST(Asking, AcceptsNoReasonWhereNoneIsAskedFor) {
  Map shown = shown_at_gate();
  shown["require_reason"] = false;
  Person bob("bob", waiting_run(shown));
  bob.types("r").types("");
  EXPECT_EQ(bob.votes, std::vector<std::string>{"replace reject  0123"});
}

TEST(Asking, TellsTheStarterThatOthersMustApproveAndTakesTheirNo) {
  Person ann("ann");
  EXPECT_TRUE(ann.sees("`ann` started, resumed or wrote this run and may not approve it"));
  EXPECT_TRUE(ann.sees("reject or later? [r/l] "));
  ann.types("a");
  EXPECT_TRUE(ann.votes.empty());
  ann.types("r").types("not now");
  EXPECT_EQ(ann.votes, std::vector<std::string>{"replace reject not now 0123"});
}

TEST(Asking, LeavesItForLater) {
  Person bob("bob");
  bob.types("l");
  EXPECT_TRUE(bob.left);
  EXPECT_TRUE(bob.asking.was_left_for_later());
}

TEST(Asking, CastsNothingForAGateThatWasShownAnewMeanwhile) {
  Person bob("bob");
  bob.types("a");
  Map again = shown_at_gate();
  again["opening"] = 2;
  again["digest"] = "ffff";
  again["message"] = "Replace /var/other.db";
  bob.happens(event_of(EventKind::gate_closed, "replace", Map{{"verdict", "voided"}}, 1));
  bob.happens(event_of(EventKind::gate_opened, "replace", again, 2));
  EXPECT_TRUE(bob.sees("Replace /var/other.db"));
  bob.types("a reason that belonged to the first");
  EXPECT_TRUE(bob.votes.empty());
  bob.types("a").types("seen");
  EXPECT_EQ(bob.votes, std::vector<std::string>{"replace approve seen ffff"});
}

TEST(Asking, WaitsForTheOthersWhereOneYesIsNotEnough) {
  Map shown = shown_at_gate();
  shown["places"] = List{Map{{"people", List{"bob", "cy"}}, {"label", "group:sre"}, {"count", 2}}};
  Person bob("bob", waiting_run(shown));
  bob.types("a").types("yes");
  bob.happens(event_of(EventKind::vote, "replace",
                       Map{{"person", "bob"},
                           {"verdict", "approve"},
                           {"reason", "yes"},
                           {"digest", text_of(shown, "digest")},
                           {"how", "terminal"},
                           {"opening", 1}}));
  EXPECT_TRUE(bob.sees("others must approve, too"));
  bob.types("l");
  EXPECT_TRUE(bob.left);
}

TEST(Asking, SaysWhyAVoteWasRefusedAndAsksAgain) {
  Person bob("bob");
  bob.refusal = "this gate expired";
  bob.types("a").types("why not");
  EXPECT_TRUE(bob.sees("this gate expired"));
  bob.refusal.reset();
  bob.types("r").types("then no");
  EXPECT_EQ(bob.votes.size(), 2u);
}

RunHistory waiting_for_a_person(const std::string& nonce = "n1") {
  RunHistory history;
  (void)history.apply(event_of(EventKind::run_created, "", Map{{"starter", "ann"}})).has_value();
  Map shown{{"reason", std::string(waits_for_person)}, {"instructions", "Which host is broken?"}, {"nonce", nonce}};
  (void)history.apply(event_of(EventKind::wait_started, "pick", std::move(shown), 1)).has_value();
  return history;
}

std::vector<Input> host_and_size() {
  Input host, size;
  host.name.text = "host";
  host.required = true;
  host.type = Name{{}, "string"};
  size.name.text = "size";
  size.type = Name{{}, "integer"};
  return {host, size};
}

TEST(Asking, FillsInTheFormOfAManualStepFieldByField) {
  Person bob("bob", waiting_for_a_person(), host_and_size());
  EXPECT_TRUE(bob.sees("Which host is broken?"));
  EXPECT_TRUE(bob.sees("host (string): "));
  bob.types("");
  EXPECT_TRUE(bob.sees("it must be answered"));
  bob.types("db2").types("many");
  EXPECT_TRUE(bob.sees("many")) << "why it is no size is said at once";
  EXPECT_TRUE(bob.completed.empty());
  bob.types("3");
  EXPECT_TRUE(bob.sees("done, or later? [d/l] "));
  bob.types("what").types("done");
  EXPECT_EQ(bob.completed, std::vector<std::string>{R"(pick {"host":"db2","size":"3"} n1)"});
}

TEST(Asking, LeavesAFieldOutAndAsksOfAStepWithoutAForm) {
  Person bob("bob", waiting_for_a_person(), host_and_size());
  bob.types("db2").types("").types("d");
  EXPECT_EQ(bob.completed, std::vector<std::string>{R"(pick {"host":"db2"} n1)"});
  Person dan("dan", waiting_for_a_person());
  dan.types("l");
  EXPECT_TRUE(dan.left);
  EXPECT_TRUE(dan.completed.empty());
}

TEST(Asking, FillsInTheFormAgainWhereTheAnswersWereRefused) {
  Person bob("bob", waiting_for_a_person(), host_and_size());
  bob.refusal = "it expired";
  bob.types("db2").types("").types("d");
  EXPECT_TRUE(bob.sees("it expired"));
  bob.refusal.reset();
  bob.types("db3").types("").types("d");
  EXPECT_EQ(bob.completed.back(), R"(pick {"host":"db3"} n1)");
}

TEST(Asking, LetsNobodyFillInTheFormOfOthers) {
  Person eve("eve", waiting_for_a_person(), host_and_size(), true);
  EXPECT_TRUE(eve.sees("you are none of the assignees"));
  EXPECT_FALSE(eve.sees("host (string): "));
  eve.types("db2");
  EXPECT_TRUE(eve.completed.empty());
  eve.types("l");
  EXPECT_TRUE(eve.left);
}

TEST(Asking, SettlesADoubtWithAReason) {
  RunHistory history;
  ASSERT_TRUE(history.apply(event_of(EventKind::run_created, "", Map{{"starter", "ann"}})).has_value());
  ASSERT_TRUE(history.apply(event_of(EventKind::intent, "replace/stop", Map{{"effect", "write"}}, 1)).has_value());
  ASSERT_TRUE(history.apply(event_of(EventKind::in_doubt, "replace/stop", Map{{"reason", "nobody saw its end"}}, 1))
                  .has_value());
  Person bob("bob", std::move(history));
  EXPECT_TRUE(bob.sees("`replace/stop` is in doubt: nobody saw its end"));
  bob.types("q").types("k").types("").types("it is gone");
  EXPECT_EQ(bob.settled, std::vector<std::string>{"replace/stop skip it is gone"});
}

TEST(Asking, AsksNothingOnceNobodyTypesAnyMore) {
  Person bob("bob");
  bob.asking.closed();
  bob.screen.clear();
  bob.types("a");
  bob.asking.look(bob.history);
  EXPECT_EQ(bob.screen, "");
  EXPECT_TRUE(bob.votes.empty());
}

}  // namespace
}  // namespace muster
