// What a decision is bound to: whatever of it changes between the showing and the use voids it.
#include <gtest/gtest.h>

#include <atomic>
#include <random>

#include "tests/unit/engine/simulation.h"

namespace muster {
namespace {

using simulation::Simulation;
using Deeds = std::vector<std::string>;

constexpr const char* guarded = R"(
muster: 1
playbook: guarded
inputs:
  what: {type: string, default: disk}
phases:
  - id: before
    steps:
      - {id: found, look: {name: found}}
  - id: danger
    approval:
      message: "Really ${{ steps.found.name }}?"
      approvers: [{of: [group:dba]}, {of: [group:sre]}]
      evidence:
        rows: {look: {name: rows}}
      expires: 30m
    steps:
      - {id: b, destroy: {name: b, with: "${{ inputs.what }}"}, rollback: [{do: {name: undo b}}]}
always:
  - {id: last, do: {name: "${{ run.status }}"}}
)";

GroupOfPeople group(const char* name, std::vector<std::string> members) {
  GroupOfPeople out;
  out.name.text = name;
  for (std::string& member : members) out.members.push_back(Name{{}, std::move(member)});
  return out;
}

class Binding : public testing::Test {
 protected:
  void SetUp() override {
    sim.configuration.groups = {group("dba", {"bob", "cy"}), group("sre", {"cy", "dan", "ann"})};
    sim.script["rows"] = [this](const StepInput&) -> Result<StepOutput> {
      return StepOutput{Map{{"name", "rows"}, {"value", rows.load()}}, {}};
    };
    ASSERT_TRUE(sim.load(guarded)) << sim.diagnostics;
  }
  const GateRecord& gate() { return sim.op("danger")->gate; }
  Vote vote_of(const char* person, std::string_view verdict = verdict_approve, const char* reason = "") {
    return Vote{person, std::string(verdict), reason, gate().digest, "command", sim.clock.now()};
  }
  // As `muster approve --no-wait` records it, whoever else is at work.
  Result<void> say(const Vote& vote, int opening = 0) {
    Event event;
    event.kind = EventKind::vote;
    event.op = OpId{"danger"};
    event.at = sim.clock.now();
    GateRecord to;
    to.opening = event.attempt = opening > 0 ? opening : gate().opening;
    event.body = encode_value(Value(vote_body(to, vote)));
    return sim.journal->say(sim.run_id, event);
  }
  Result<void> word(EventKind kind, const OpId& op, int attempt, const Map& body) {
    Event event;
    event.kind = kind;
    event.op = op;
    event.attempt = attempt;
    event.at = sim.clock.now();
    event.body = encode_value(body);
    return sim.journal->say(sim.run_id, event);
  }
  // As `muster rollback` does it: a run that undoes the last one.
  Result<Ending> undone() {
    Result<std::vector<Event>> carried = carry_all(*sim.graph, sim.engine->history(), sim.run_id);
    if (!carried) return pass(carried.error());
    StartRequest request = sim.request();
    request.parent = sim.run_id;
    request.carried = std::move(*carried);
    request.undoes = true;
    sim.engine = std::make_unique<Engine>(sim.parts(), sim);
    Result<std::string> run = sim.engine->create(request);
    if (!run) return pass(run.error());
    sim.run_id = *run;
    Result<Ending> ending = sim.engine->go({});
    sim.executor.join();
    return ending;
  }
  void park() {
    Result<Ending> ending = sim.run();
    ASSERT_TRUE(ending.has_value());
    ASSERT_EQ(ending->exit_code, 75);
  }
  void both_approve() {
    ASSERT_TRUE(say(vote_of("bob")).has_value());
    ASSERT_TRUE(say(vote_of("dan")).has_value());
  }
  int resumed() {
    Result<Ending> ending = sim.resume();
    return ending ? ending->exit_code : -1;
  }
  bool was_done() { return std::find(sim.deeds.begin(), sim.deeds.end(), "b") != sim.deeds.end(); }
  std::string changed() {
    const Value* lines = member(gate().shown, "changed");
    std::string out;
    if (lines)
      for (const Value& line : lines->get<List>()) out += to_text(line) + "\n";
    return out;
  }
  Simulation sim;
  std::atomic<int64_t> rows{7};
};

TEST_F(Binding, OneOfEachGroupPassesIt) {
  park();
  ASSERT_TRUE(say(vote_of("bob")).has_value());
  EXPECT_EQ(resumed(), 75) << "one place is still free";
  EXPECT_FALSE(was_done());
  ASSERT_TRUE(say(vote_of("dan")).has_value());
  EXPECT_EQ(resumed(), 0);
  EXPECT_TRUE(was_done());
}

TEST_F(Binding, OnePersonInBothGroupsFillsOnePlaceOnly) {
  park();
  ASSERT_TRUE(say(vote_of("cy")).has_value());
  ASSERT_TRUE(say(vote_of("cy")).has_value());
  EXPECT_EQ(resumed(), 75);
  ASSERT_TRUE(say(vote_of("dan")).has_value());
  EXPECT_EQ(resumed(), 0) << "cy for the databases, dan for the other";
}

TEST_F(Binding, OnePersonWithTwoAccountsCountsOnce) {
  Person person;
  person.name.text = "bob";
  person.users = {Name{{}, "bob-admin"}};
  sim.configuration.people = {person};
  sim.configuration.groups = {group("dba", {"bob"}), group("sre", {"bob-admin", "dan"})};
  park();
  ASSERT_TRUE(say(vote_of("bob")).has_value());
  Vote again = vote_of(sim.configuration.person_of("bob-admin").c_str());
  again.user = "bob-admin";
  ASSERT_TRUE(say(again).has_value());
  EXPECT_EQ(resumed(), 75);
  EXPECT_FALSE(was_done());
}

TEST_F(Binding, ShowsItsEvidence) {
  park();
  const Value* evidence = member(gate().shown, "evidence");
  ASSERT_TRUE(evidence);
  EXPECT_EQ(print_json(*evidence), R"({"rows":{"name":"rows","value":7}})");
}

TEST_F(Binding, ChangedEvidenceVoidsADecisionAndShowsTheDifference) {
  park();
  both_approve();
  rows = 8;
  EXPECT_EQ(resumed(), 75);
  EXPECT_FALSE(was_done());
  EXPECT_EQ(gate().opening, 2);
  EXPECT_EQ(changed(), "evidence `rows`: was {\"name\":\"rows\",\"value\":7}, is {\"name\":\"rows\",\"value\":8}\n");
  both_approve();
  EXPECT_EQ(resumed(), 0);
  EXPECT_TRUE(was_done());
}

TEST_F(Binding, EvidenceThatCannotBeReadAnyMoreVoidsADecision) {
  park();
  both_approve();
  sim.script["rows"] = [](const StepInput&) -> Result<StepOutput> { return fail(ErrorCode::unreachable, "gone"); };
  EXPECT_EQ(resumed(), 75);
  EXPECT_FALSE(was_done());
}

TEST_F(Binding, AChangedGroupVoidsADecision) {
  park();
  both_approve();
  sim.configuration.groups[1] = group("sre", {"cy", "dan"});  // ann left; those who approved are still there
  EXPECT_EQ(resumed(), 75);
  EXPECT_FALSE(was_done());
  EXPECT_NE(changed().find("approvers: was 1 of group:dba"), std::string::npos) << changed();
}

TEST_F(Binding, WhoLeftTheGroupAfterApprovingDoesNotCount) {
  park();
  both_approve();
  sim.configuration.groups[1] = group("sre", {"cy", "ann"});
  EXPECT_EQ(resumed(), 75);
  EXPECT_FALSE(was_done());
}

TEST_F(Binding, ChangedRulesVoidADecision) {
  park();
  both_approve();
  sim.configuration.gates = GateRules{};
  Requirement chief;
  chief.of.push_back({{}, Approver::Kind::user, "eve"});
  sim.configuration.gates->break_glass.push_back(chief);
  EXPECT_EQ(resumed(), 75);
  EXPECT_FALSE(was_done());
}

TEST_F(Binding, ChangedRulesAreShownByAResumeAlsoWithoutAVote) {
  park();
  sim.configuration.groups[0] = group("dba", {"eve"});
  EXPECT_EQ(resumed(), 75);
  EXPECT_EQ(gate().opening, 2);
}

TEST_F(Binding, AStepThatWouldBeDifferentVoidsADecision) {
  park();
  both_approve();
  std::string text = guarded;  // no frozen file changes like this: only a mistake of ours could
  text.replace(text.find("name: b, with"), 7, "name: c");
  ASSERT_TRUE(sim.load(text)) << sim.diagnostics;
  Result<Ending> ending = sim.resume();
  ASSERT_FALSE(ending.has_value());
  EXPECT_NE(ending.error().message.find("is not the one that it started with"), std::string::npos);
  EXPECT_FALSE(was_done());
}

// Frozen files render the same; another muster that types a field otherwise does not.
TEST_F(Binding, AStepThatIsRenderedDifferentlyVoidsADecision) {
  sim.inputs["what"] = "5";
  park();
  both_approve();
  sim.actions[2].fields[1].type = FieldType::integer;
  EXPECT_EQ(resumed(), 75);
  EXPECT_FALSE(was_done());
  EXPECT_EQ(gate().opening, 2);
  both_approve();
  EXPECT_EQ(resumed(), 0);
}

TEST_F(Binding, ARollbackThatIsRenderedDifferentlyVoidsADecision) {
  std::string text = guarded;
  const std::string plain = "{name: undo b}";
  text.replace(text.find(plain), plain.size(), "{name: undo b, key: \"${{ inputs.what }}\"}");
  ASSERT_TRUE(sim.load(text)) << sim.diagnostics;
  sim.inputs["what"] = "5";
  park();
  both_approve();
  sim.actions[0].fields[2].type = FieldType::integer;  // of what would undo it
  EXPECT_EQ(resumed(), 75);
  EXPECT_FALSE(was_done());
  EXPECT_EQ(gate().opening, 2);
}

// A gate lets happen, too, what undoes, rescues and ends what it guards: no line of that comes as a surprise.
TEST_F(Binding, ShowsWhatMayFollowWhatItGuards) {
  ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: unwinding
inputs:
  what: {type: string, default: disk}
phases:
  - id: danger
    approval: {message: "Really?", approvers: [group:dba]}
    steps:
      - id: b
        destroy: {name: b}
        idempotent: true
        retry: {attempts: 3, before: [{look: {name: "look at ${{ inputs.what }}"}}]}
        rollback: [{do: {name: "undo ${{ inputs.what }} ${{ steps.b.value }}"}}, {do: {name: "tidy ${{ inputs.what }}"}}]
      - {id: c, do: {name: c}, rollback: auto}
    rescue:
      - {do: {name: "because of ${{ error.message }}"}}
    always:
      - {when: "run.status ~= 'succeeded'", do: {name: tell}}
      - {when: "inputs.what == 'tape'", do: {name: rewind}}
always:
  - {id: last, do: {name: not of this gate}}
)")) << sim.diagnostics;
  sim.inputs["what"] = "disk";
  park();
  std::string shown;
  for (const Value& item : member(gate().shown, "guarded")->get<List>()) {
    const Map& row = item.get<Map>();
    shown += text_of(row, "op") + " " + text_of(row, "effect") + " " + text_of(row, "place") + " of " +
             text_of(row, "of") + " " + text_of(row, "rollback") + ":";
    for (const Value& line : member(row, "lines")->get<List>()) shown += " " + to_text(line) + ";";
    shown += "\n";
  }
  EXPECT_EQ(shown, R"(danger/b destructive  of  : do b;
danger/b~before1/1 read before of danger/b : do look at disk;
danger/b~rollback/1  rollback of danger/b : known after `b`;
danger/b~rollback/2 write rollback of danger/b : do tidy disk;
danger/c write  of  auto: do c;
danger~rescue/1  rescue of danger : known when it runs: it reads `error`;
danger~always/1 write always of danger : do tell; only if run.status ~= 'succeeded';
danger~always/2 write always of danger : skipped: its `when` is false;
)");
  Result<std::vector<WaitingRow>> waiting = sim.journal->waiting();
  ASSERT_TRUE(waiting.has_value() && waiting->size() == 1);
  EXPECT_EQ(waiting->front().steps, 2);
}

TEST_F(Binding, ADecisionForAnotherGateDoesNotCount) {
  ASSERT_TRUE(sim.load(R"(
muster: 1
playbook: two-gates
phases:
  - id: both
    parallel: true
    steps:
      - {id: a, approval: {message: "Same?", approvers: [group:dba]}, do: {name: a}}
      - {id: b, approval: {message: "Same?", approvers: [group:dba]}, do: {name: a}}
)")) << sim.diagnostics;
  park();
  const GateRecord a = sim.op("both/a")->gate;
  Event event;
  event.kind = EventKind::vote;
  event.op = OpId{"both/b"};
  event.attempt = 1;
  event.at = sim.clock.now();
  event.body = encode_value(Value(vote_body(a, Vote{"bob", "approve", "", a.digest, "command", event.at})));
  ASSERT_TRUE(sim.journal->say(sim.run_id, event).has_value());
  EXPECT_EQ(resumed(), 75);
  EXPECT_TRUE(sim.deeds.empty());
  EXPECT_EQ(sim.op("both/b")->gate.state, GateState::open);
}

TEST_F(Binding, StandsThoughTimePassedWhileItWasOpened) {
  std::string text = guarded;
  const std::string before = "${{ inputs.what }}";
  text.replace(text.find(before), before.size(), "${{ now() }}");
  ASSERT_TRUE(sim.load(text)) << sim.diagnostics;
  sim.script["rows"] = [this](const StepInput&) -> Result<StepOutput> {
    sim.clock.advance(Duration::seconds(5));
    return StepOutput{Map{{"name", "rows"}, {"value", 7}}, {}};
  };
  std::string ran_with;
  sim.script["b"] = [&](const StepInput& input) -> Result<StepOutput> {
    ran_with = to_text(*member(input.args, "with"));
    return StepOutput{};
  };
  const Timestamp shown_at = sim.clock.now();
  park();
  both_approve();
  EXPECT_EQ(resumed(), 0);
  EXPECT_EQ(gate().opening, 1) << changed();
  EXPECT_EQ(ran_with, to_text(Value(shown_at)));
}

TEST_F(Binding, OfTwoPeopleWhoDecideAtOnceTheFirstWordCountsAndTheEffectIsDoneOnce) {
  park();
  ASSERT_TRUE(say(vote_of("bob")).has_value());
  ASSERT_TRUE(say(vote_of("dan")).has_value());
  ASSERT_TRUE(say(vote_of("cy", verdict_reject, "no")).has_value()) << "recorded, behind the last yes";
  EXPECT_EQ(resumed(), 0);
  EXPECT_EQ(std::count(sim.deeds.begin(), sim.deeds.end(), "b"), 1);
  sim.deeds.clear();
  sim.engine.reset();
  park();
  ASSERT_TRUE(say(vote_of("bob")).has_value());
  ASSERT_TRUE(say(vote_of("cy", verdict_reject, "no")).has_value());
  ASSERT_TRUE(say(vote_of("dan")).has_value()) << "recorded, behind the no";
  EXPECT_EQ(resumed(), 4);
  EXPECT_FALSE(was_done());
  EXPECT_EQ(gate().votes.size(), 3u) << "all of them stand in the journal";
}

// B96: whoever decided and was never heard again has decided.
TEST_F(Binding, ADecisionOutlivesAKillAtEveryCommitBehindItAndIsUsedOnce) {
  for (int kill = 0; kill < 12; ++kill) {
    SCOPED_TRACE("killed behind " + std::to_string(kill) + " commits");
    sim.deeds.clear();
    sim.engine.reset();
    park();
    both_approve();
    sim.journal->fail_after(kill);
    Result<Ending> ending = sim.resume();
    sim.journal->fail_after(-1);
    if (ending) {
      EXPECT_GT(kill, 3) << "nothing was killed";
      return;
    }
    for (int again = 0; again < 3 && resumed() == 6; ++again) {  // the kill fell on an effect
      for (const OpRecord* doubt : open_doubts(sim.engine->history())) {
        const char* choice = doubt->op.path == "danger/b" && !was_done() ? "retry" : "succeeded";
        ASSERT_TRUE(word(EventKind::resolved, doubt->op, doubt->attempt,
                         Map{{"choice", choice}, {"person", "bob"}, {"reason", "looked"}})
                        .has_value());
      }
    }
    EXPECT_EQ(resumed(), 0);
    EXPECT_EQ(std::count(sim.deeds.begin(), sim.deeds.end(), "b"), 1);
    EXPECT_EQ(gate().opening, 1) << "nobody was asked twice";
  }
}

TEST_F(Binding, ADecisionForAnotherRunDoesNotCount) {
  park();
  Vote bob = vote_of("bob"), dan = vote_of("dan");
  sim.engine.reset();
  park();  // another run
  ASSERT_TRUE(say(bob).has_value());
  ASSERT_TRUE(say(dan).has_value());
  EXPECT_EQ(resumed(), 75);
  EXPECT_FALSE(was_done());
}

TEST_F(Binding, ADecisionForAnEarlierShowingDoesNotCount) {
  park();
  Vote bob = vote_of("bob"), dan = vote_of("dan");
  sim.configuration.groups[1] = group("sre", {"cy", "dan"});
  ASSERT_EQ(resumed(), 75);
  ASSERT_EQ(gate().opening, 2);
  ASSERT_TRUE(say(bob, 2).has_value());
  ASSERT_TRUE(say(dan, 2).has_value());
  EXPECT_EQ(resumed(), 75);
  EXPECT_FALSE(was_done());
  ASSERT_TRUE(say(vote_of("bob"), 1).has_value()) << "with the right digest and the wrong opening";
  ASSERT_TRUE(say(vote_of("dan"), 1).has_value());
  EXPECT_EQ(resumed(), 75);
  EXPECT_FALSE(was_done());
}

TEST_F(Binding, AVoteIsRefusedWhereTheShownIsNoLongerSo) {
  park();
  Vote bob = vote_of("bob");
  sim.configuration.groups[1] = group("sre", {"cy", "dan"});
  Engine other(sim.parts(), sim);
  ASSERT_TRUE(other.inspect(sim.run_id).has_value());
  Result<void> still = other.still_as_shown(OpId{"danger"});
  ASSERT_FALSE(still.has_value());
  EXPECT_EQ(still.error().message, "this is not what the gate has shown any more; changed: approval rules");
}

TEST_F(Binding, WhoWroteThePlaybookMayNotApproveIt) {
  sim.changed_by = {"bob"};
  park();
  Result<void> may = may_vote(gate(), vote_of("bob"), sim.clock.now());
  ASSERT_FALSE(may.has_value());
  EXPECT_NE(may.error().message.find("started, resumed or wrote"), std::string::npos);
}

TEST_F(Binding, ExpiredVotesComeTooLate) {
  park();
  sim.clock.advance(Duration::seconds(31 * 60));
  both_approve();
  sim.clock.set_back(Duration::seconds(25 * 60));
  EXPECT_EQ(resumed(), 4);
  EXPECT_FALSE(was_done());
  EXPECT_EQ(sim.deeds.back(), "rejected") << "its always ran";
}

// Whatever the order of looking, changing, voting and using: what is done is what was looked at. (S20)
TEST_F(Binding, EveryOrderOfShowChangeVoteAndUse) {
  std::vector<char> order{'l', 'v', 'c', 'u', 'w'};  // look, vote, change the evidence, use, use once more
  std::sort(order.begin(), order.end());
  int orders = 0, done = 0;
  do {
    if (std::find(order.begin(), order.end(), 'l') > std::find(order.begin(), order.end(), 'v')) continue;
    if (std::find(order.begin(), order.end(), 'u') > std::find(order.begin(), order.end(), 'w')) continue;
    ++orders;
    rows = 7;
    sim.deeds.clear();
    sim.engine.reset();
    park();
    std::optional<int64_t> looked_at;
    std::string digest;
    int opening = 0;
    std::optional<int64_t> done_at;
    for (char what : order) {
      switch (what) {
        case 'l':
          digest = gate().digest;
          opening = gate().opening;
          looked_at = member(*member(*member(gate().shown, "evidence"), "rows"), "value")->get<int64_t>();
          break;
        case 'v':
          for (const char* person : {"bob", "dan"}) {
            Vote vote = vote_of(person);
            vote.digest = digest;
            (void)say(vote, opening);
          }
          break;
        case 'c':
          rows = 8;
          break;
        default:
          (void)resumed();
          if (was_done() && !done_at) done_at = rows.load();
      }
    }
    if (done_at) {
      ++done;
      EXPECT_EQ(*done_at, *looked_at) << std::string(order.begin(), order.end());
    }
  } while (std::next_permutation(order.begin(), order.end()));
  EXPECT_EQ(orders, 30);
  EXPECT_GT(done, 0);
  EXPECT_LT(done, orders);
}

TEST_F(Binding, AGateThatWhenLeavesOutSaysThatNobodyWasAsked) {
  std::string text = guarded;
  text.replace(text.find("    approval:"), 0, "    when: inputs.what == 'tape'\n");
  ASSERT_TRUE(sim.load(text)) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value());
  EXPECT_EQ(ending->exit_code, 0);
  EXPECT_FALSE(was_done());
  std::string reason;
  Result<RunRecord> record = sim.journal->read(sim.run_id);
  for (const Event& event : record->events)
    if (event.kind == EventKind::skipped && event.op.path == "danger")
      reason = text_of(decode_value(event.body)->get<Map>(), "reason");
  EXPECT_EQ(reason, "its `when` is false: nobody was asked at its gate");
}

// --- a glass is broken

class Glass : public Binding {
 protected:
  void SetUp() override {
    Binding::SetUp();
    sim.configuration.gates = GateRules{};
    Requirement chief;
    chief.of.push_back({{}, Approver::Kind::user, "ann"});
    sim.configuration.gates->break_glass.push_back(chief);
  }
  Result<void> review_by(const char* person, std::string_view verdict = verdict_approve) {
    const OpRecord* op = open_review(sim.engine->history());
    Vote vote{person, std::string(verdict), "", op->gate.digest, "command", sim.clock.now()};
    Result<void> may = may_vote(op->gate, vote, vote.at);
    if (!may) return may;
    Event event;
    event.kind = EventKind::vote;
    event.op = op->op;
    event.attempt = op->gate.opening;
    event.at = vote.at;
    event.body = encode_value(Value(vote_body(op->gate, vote)));
    return sim.journal->say(sim.run_id, event);
  }
};

TEST_F(Glass, ThoseWhomTheConfigurationLetsPassAloneEvenTheirOwnRun) {
  park();
  ASSERT_TRUE(say(vote_of("ann", verdict_break_glass, "the house burns")).has_value());
  EXPECT_EQ(resumed(), 0);
  EXPECT_TRUE(was_done());
  EXPECT_EQ(gate().state, GateState::broken_glass);
  const OpRecord* review = open_review(sim.engine->history());
  ASSERT_TRUE(review) << "the run has ended, the review has not";
  EXPECT_EQ(text_of(review->gate.shown, "message"), "ann passed `danger` alone: the house burns");
}

TEST_F(Glass, NobodyElsePassesAloneAndNobodyWithoutAReason) {
  park();
  EXPECT_FALSE(may_vote(gate(), vote_of("bob", verdict_break_glass, "why not"), sim.clock.now()).has_value());
  EXPECT_FALSE(may_vote(gate(), vote_of("ann", verdict_break_glass), sim.clock.now()).has_value());
  ASSERT_TRUE(say(vote_of("bob", verdict_break_glass, "why not")).has_value());
  ASSERT_TRUE(say(vote_of("ann", verdict_break_glass)).has_value());
  EXPECT_EQ(resumed(), 75);
  EXPECT_FALSE(was_done());
}

TEST_F(Glass, TheReviewIsClosedBySomebodyElseAfterTheEnd) {
  park();
  ASSERT_TRUE(say(vote_of("ann", verdict_break_glass, "the house burns")).has_value());
  ASSERT_EQ(resumed(), 0);
  Result<void> own = review_by("ann");
  ASSERT_FALSE(own.has_value());
  ASSERT_TRUE(review_by("bob").has_value());
  EXPECT_EQ(resumed(), 0);
  EXPECT_FALSE(open_review(sim.engine->history()));
  Result<RunRecord> record = sim.journal->read(sim.run_id);
  EXPECT_EQ(record->row.state, RunState::succeeded);
  EXPECT_TRUE(record->row.owner.empty()) << "given back";
  EXPECT_TRUE(sim.journal->verify(sim.run_id)->findings.empty());
  size_t events = record->events.size();
  EXPECT_EQ(resumed(), 0);
  EXPECT_EQ(sim.journal->read(sim.run_id)->events.size(), events) << "nothing more is written";
}

TEST_F(Glass, NothingElseCanBeSaidToARunThatHasEnded) {
  park();
  ASSERT_TRUE(say(vote_of("ann", verdict_break_glass, "the house burns")).has_value());
  ASSERT_EQ(resumed(), 0);
  EXPECT_FALSE(say(vote_of("bob")).has_value());
}

// --- whatever is tried in whatever order, what is guarded happens only behind a decision that counts (B98)
TEST_F(Binding, NoCommandPassesTheGateWithoutADecisionThatCounts) {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    std::mt19937 random(seed);
    SCOPED_TRACE("seed " + std::to_string(seed));
    rows = 7;
    sim.deeds.clear();
    sim.engine.reset();
    park();
    std::string last = "danger/b";
    for (int act = 0; act < 8; ++act) {
      Result<RunRecord> so_far = sim.journal->read(sim.run_id);
      ASSERT_TRUE(so_far.has_value());
      bool was_ended = has_ended(so_far->row.state);
      const char* person = std::array{"ann", "bob", "cy", "dan", "eve"}[random() % 5];
      switch (random() % 12) {
        case 0:
        case 1:
          if (!was_ended) (void)say(vote_of(person));
          break;
        case 2:
          if (!was_ended) (void)say(vote_of(person, verdict_reject));
          break;
        case 3:
          if (!was_ended) (void)say(vote_of(person, verdict_break_glass, "because"));
          break;
        case 4:
          rows = static_cast<int64_t>(random() % 2);
          break;
        case 5:
          if (random() % 4 == 0) sim.clock.advance(Duration::seconds(31 * 60));
          break;
        case 6:
          if (was_ended && so_far->row.state != RunState::succeeded) (void)sim.retry("danger/b");
          break;
        case 7:  // killed behind a few commits, and resumed
          sim.journal->fail_after(static_cast<int>(random() % 5));
          (void)resumed();
          sim.journal->fail_after(-1);
          (void)resumed();
          break;
        case 8:  // what a kill left in doubt is settled by a person
          for (const OpRecord* doubt : open_doubts(sim.engine->history())) {
            const char* choice = std::array{"succeeded", "failed", "retry", "skip", "rollback", "stop"}[random() % 6];
            (void)word(EventKind::resolved, doubt->op, doubt->attempt,
                       Map{{"choice", choice}, {"person", person}, {"reason", "looked"}});
          }
          break;
        case 9:
          if (!was_ended && random() % 3 == 0)
            (void)word(
                EventKind::cancel_asked, sim.graph->root().op, 0,
                Map{{"person", person}, {"reason", "no"}, {"rollback", random() % 2 == 0}, {"now", random() % 4 == 0}});
          break;
        case 10:
          if (was_ended && !undone()) (void)resumed();
          break;
        default:
          (void)resumed();
      }
      // The journal's own words: an intent of what is guarded stands behind a passed gate of the same run.
      Result<RunRecord> record = sim.journal->read(sim.run_id);
      ASSERT_TRUE(record.has_value());
      bool passed = false;
      std::set<std::string> said;
      for (const Event& event : record->events) {
        Map body = event.body.empty() ? Map{} : decode_value(event.body)->get<Map>();
        if (event.kind == EventKind::gate_opened) said.clear();
        if (event.kind == EventKind::vote && text_of(body, "verdict") == verdict_approve)
          said.insert(text_of(body, "person"));
        if (event.kind == EventKind::gate_closed && event.op.path == "danger") {
          passed = text_of(body, "verdict") == "approved";
          if (passed) {
            EXPECT_TRUE(said.contains("bob") || said.contains("cy"));
            EXPECT_GE(said.size(), 2u);
          }
        }
        if (event.kind == EventKind::intent && event.op.path == "danger/b") {
          EXPECT_TRUE(passed);
        }
      }
    }
  }
}

}  // namespace
}  // namespace muster
