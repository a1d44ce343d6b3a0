// The chain's rule as docs/journal.md states it, with values that were computed by another program.
#include "interpreter/journal/chain.h"

#include <gtest/gtest.h>

#include "tests/unit/journal/journal_world.h"

namespace muster::journal_world {
namespace {

NewRun example_run() {
  NewRun run;
  run.id = "00112233445566aa";
  run.playbook = "restore-database";
  run.version = "3";
  run.graph_digest = std::string(64, 'a');
  run.inputs = "{}";
  run.starter = "ann@db1";
  run.created_at = Timestamp{1768471200000000};
  return run;
}

Event example_event() {
  Event out = event(EventKind::run_created, "", 0, R"({"title":"Restore"})", Timestamp{1768471200000000});
  out.seq = 1;
  out.kind_text = "run_created";
  return out;
}

TEST(Chain, IsTheOneThatTheDocumentationShows) {
  std::string first = first_link(example_run());
  EXPECT_EQ(first, "bad69fb5cacd8d65475bceb7042e4b8eb01b4f1fe15430ffe642e4cad0995369");
  EXPECT_EQ(next_link(first, example_event()), "43c565a88c3a2051b283fc01e8a9aa4b87d8fd5036208a817b4472124586d6a1");
}

TEST(Chain, DiffersWhereTextMovesFromOneFieldToTheNext) {
  EXPECT_NE(framed({"ab", "c"}), framed({"a", "bc"}));
  Event one = example_event(), two = example_event();
  one.op.path = "ab";
  one.body = "c";
  two.op.path = "a";
  two.body = "bc";
  std::string first = first_link(example_run());
  EXPECT_NE(next_link(first, one), next_link(first, two));
  NewRun other = example_run();
  other.playbook = "restore-database3";
  other.version = "";
  EXPECT_NE(first_link(example_run()), first_link(other));
}

TEST(Chain, DependsOnEveryFieldOfAnEvent) {
  std::string first = first_link(example_run());
  std::string whole = next_link(first, example_event());
  auto changed = [&](auto change) {
    Event e = example_event();
    change(e);
    return next_link(first, e);
  };
  EXPECT_NE(whole, changed([](Event& e) { e.seq = 2; }));
  EXPECT_NE(whole, changed([](Event& e) { e.kind_text = "audit"; }));
  EXPECT_NE(whole, changed([](Event& e) { e.op.path = "a"; }));
  EXPECT_NE(whole, changed([](Event& e) { e.attempt = 1; }));
  EXPECT_NE(whole, changed([](Event& e) { ++e.at.us; }));
  EXPECT_NE(whole, changed([](Event& e) { e.body += " "; }));
  EXPECT_NE(whole, next_link(std::string(64, '0'), example_event()));
}

TEST(EventNames, AreReadBackAsTheyAreWritten) {
  for (int i = 0; i < static_cast<int>(EventKind::unknown); ++i) {
    auto kind = static_cast<EventKind>(i);
    EXPECT_EQ(event_kind_of(name_of(kind)), kind) << name_of(kind);
  }
  EXPECT_EQ(event_kind_of("teleported"), EventKind::unknown);
  EXPECT_EQ(name_of(EventKind::run_ended), "run_ended");
  for (RunState state : {RunState::queued, RunState::running, RunState::waiting, RunState::succeeded, RunState::failed,
                         RunState::rejected, RunState::rolled_back, RunState::cancelled}) {
    EXPECT_EQ(run_state_of(name_of(state)), state);
  }
  EXPECT_EQ(run_state_of("asleep"), std::nullopt);
}

}  // namespace
}  // namespace muster::journal_world
