// Named locks as the loop takes, keeps and gives them back. Another run in the same store holds what a test says.
#include <gtest/gtest.h>

#include <algorithm>

#include "interpreter/base/digest.h"
#include "interpreter/base/json.h"
#include "tests/unit/engine/simulation.h"

namespace muster {
namespace {

using simulation::Simulation;
using Deeds = std::vector<std::string>;
using Names = std::vector<std::string>;

std::string playbook(const std::string& locks, const std::string& steps = "      - {id: a, do: {name: a}}\n") {
  return "muster: 1\nplaybook: p\ninputs:\n  file: {type: string, default: /srv/app.db}\n  other: {type: "
         "string}\nlocks: " +
         locks + "\nphases:\n  - id: only\n    steps:\n" + steps + "always:\n  - do: {name: always}\n";
}

// A run of another process.
class OtherRun {
 public:
  OtherRun(Simulation& sim, const Names& names)
      : sim_(sim), journal_(open_journal(sim.folder.path() + "/muster.db", true).value()), owner_(this_owner()) {
    owner_.id = "other";
    NewRun run;
    run.id = "00000000000000ff";
    run.playbook = "other";
    run.starter = "bob@db1";
    run.created_at = sim.clock.now();
    Event created;
    created.at = run.created_at;
    created.kind = EventKind::run_created;
    lease_ = journal_->create(run, {created}, owner_).value_or(Lease{});
    Result<CommitAnswer> taken = journal_->take_locks(lease_, names, owner_, sim.clock.now());
    EXPECT_TRUE(taken.has_value()) << taken.error().message;
    Result<RunRecord> record = journal_->read(run.id);
    lease_.next_seq = record->row.next_seq;
    lease_.head = record->row.head;
  }
  void lives_on() {
    if (sim_.clock.now() - renewed_ < Duration::seconds(8)) return;
    renewed_ = sim_.clock.now();
    EXPECT_TRUE(journal_->renew(lease_, owner_, sim_.clock.now()).value_or(false));
  }
  void ends() {
    Commit commit;
    commit.state = RunState::succeeded;
    commit.release = true;
    EXPECT_EQ(journal_->commit(lease_, commit).value_or(CommitAnswer::lost), CommitAnswer::stored);
  }

  // As when its process was killed.
  void is_killed() { journal_.reset(); }

 private:
  Simulation& sim_;
  std::unique_ptr<Journal> journal_;
  Timestamp renewed_;
  Owner owner_;
  Lease lease_;
};

size_t place_of(const Simulation& sim, const std::string& event) {
  return static_cast<size_t>(std::find(sim.events.begin(), sim.events.end(), event) - sim.events.begin());
}

Names held(Simulation& sim) {
  Names out;
  std::vector<LockRow> locks = sim.journal->locks(this_owner(), sim.clock.now()).value();
  for (const LockRow& lock : locks) out.push_back(lock.name);
  return out;
}

TEST(Locks, AreTakenBeforeTheFirstStepAndGivenBackAtTheEnd) {
  Simulation sim;
  ASSERT_TRUE(sim.load(playbook(R"(["database:${{ inputs.file }}", "${{ inputs.other }}", host])"))) << sim.diagnostics;
  sim.inputs = {{"file", "/srv/app.db"}};
  Names while_it_ran;
  sim.script["a"] = [&](const StepInput&) -> Result<StepOutput> {
    std::unique_ptr<Journal> second = open_journal(sim.folder.path() + "/muster.db", false).value();
    std::vector<LockRow> locks = second->locks(this_owner(), sim.clock.now()).value();
    for (const LockRow& lock : locks) while_it_ran.push_back(lock.name);
    return StepOutput{};
  };
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(while_it_ran, (Names{"database:/srv/app.db", "host"})) << "a name that is nil is left out";
  EXPECT_LT(place_of(sim, "lock_taken playbook"), place_of(sim, "intent only/a"));
  EXPECT_LT(place_of(sim, "lock_released playbook"), sim.events.size());
  EXPECT_EQ(sim.events.back(), "run_ended playbook");
  EXPECT_TRUE(held(sim).empty());
}

TEST(Locks, EndTheRunAtOnceAndBeforeAnyStepWhereOneIsTaken) {
  Simulation sim;
  OtherRun other(sim, {"host"});
  ASSERT_TRUE(sim.load(playbook("[database, host]"))) << sim.diagnostics;
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 7);
  EXPECT_EQ(ending->state, RunState::failed);
  EXPECT_NE(ending->reason.find("the lock `host` is held by run 00000000000000ff of other, started by bob@db1"),
            std::string::npos)
      << ending->reason;
  EXPECT_TRUE(sim.deeds.empty()) << "not even its `always`";
  EXPECT_EQ(held(sim), Names{"host"}) << "`database` was not kept";
  EXPECT_EQ(sim.resume()->exit_code, 7) << "it has ended, with this code";
}

TEST(Locks, AreWaitedForWhereThePlaybookSaysSo) {
  Simulation sim;
  OtherRun other(sim, {"host"});
  ASSERT_TRUE(sim.load(playbook("{names: [host], wait: 10m}"))) << sim.diagnostics;
  Timestamp began = sim.clock.now();
  bool over = false;
  sim.executor.on_tick = [&] {
    if (over) return;
    other.lives_on();
    over = sim.clock.now() - began > Duration::seconds(300);
    if (over) other.ends();
  };
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(sim.deeds, (Deeds{"a", "always"}));
  EXPECT_LT(place_of(sim, "wait_started playbook"), place_of(sim, "lock_taken playbook"));
  EXPECT_LT(place_of(sim, "wait_ended playbook"), place_of(sim, "intent only/a"));
}

TEST(Locks, AreWaitedForAtNoCostToThePlaybooksOwnTime) {
  Simulation sim;
  OtherRun other(sim, {"host"});
  ASSERT_TRUE(sim.load(playbook("{names: [host], wait: 10m}\ntimeout: 1m"))) << sim.diagnostics;
  Timestamp began = sim.clock.now();
  bool over = false;
  sim.executor.on_tick = [&] {
    if (over) return;
    other.lives_on();
    over = sim.clock.now() - began > Duration::seconds(120);
    if (over) other.ends();
  };
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
}

// Stopped while it waits, the run goes on waiting when it is resumed, and for what is left of the time.
TEST(Locks, AreWaitedForOverAResumeUntilTheSameMoment) {
  Simulation sim;
  OtherRun other(sim, {"host"});
  ASSERT_TRUE(sim.load(playbook("{names: [host], wait: 10m}"))) << sim.diagnostics;
  Timestamp began = sim.clock.now();
  sim.executor.on_tick = [&] {
    other.lives_on();
    if (sim.clock.now() - began > Duration::seconds(400)) sim.engine->stop();
  };
  ASSERT_EQ(sim.run()->exit_code, 75);
  sim.executor.on_tick = [&] { other.lives_on(); };
  Result<Ending> ending = sim.resume();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 7) << ending->reason;
  EXPECT_LT(sim.clock.now() - began, Duration::seconds(605));
  EXPECT_TRUE(sim.deeds.empty());
}

TEST(Locks, AreWaitedForNoLongerThanThePlaybookSays) {
  Simulation sim;
  OtherRun other(sim, {"host"});
  ASSERT_TRUE(sim.load(playbook("{names: [host], wait: 10m}"))) << sim.diagnostics;
  Timestamp began = sim.clock.now();
  sim.executor.on_tick = [&] { other.lives_on(); };
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 7);
  EXPECT_NE(ending->reason.find("it was not free in time"), std::string::npos) << ending->reason;
  Duration waited = sim.clock.now() - began;
  EXPECT_GE(waited, Duration::seconds(600));
  EXPECT_LT(waited, Duration::seconds(605));
  EXPECT_TRUE(sim.deeds.empty());
}

TEST(Locks, AreNoLongerWaitedForWhenSomebodyCancels) {
  Simulation sim;
  OtherRun other(sim, {"host"});
  ASSERT_TRUE(sim.load(playbook("{names: [host], wait: 10m}"))) << sim.diagnostics;
  int ticks = 0;
  sim.executor.on_tick = [&] {
    other.lives_on();
    if (++ticks == 20) sim.engine->cancel({"ann", "no time", false, false});
  };
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 130);
  EXPECT_EQ(ending->reason, "cancelled by ann: no time");
  EXPECT_TRUE(sim.deeds.empty());
  EXPECT_EQ(held(sim), Names{"host"});
}

constexpr const char* gated_step = "      - {id: a, do: {name: a}, approval: true}\n";

TEST(Locks, AreKeptWhileTheRunWaitsAtAGateAndNeverStaleForThat) {
  Simulation sim;
  ASSERT_TRUE(sim.load(playbook("[host]", gated_step))) << sim.diagnostics;
  ASSERT_EQ(sim.run()->exit_code, 75);
  sim.clock.advance(Duration::seconds(30 * 24 * 3600));
  std::string first = sim.run_id;
  ASSERT_TRUE(sim.load(playbook("[host]"))) << sim.diagnostics;
  Result<Ending> second = sim.run();
  ASSERT_TRUE(second.has_value());
  EXPECT_EQ(second->exit_code, 7);
  EXPECT_NE(second->reason.find("run " + first), std::string::npos) << second->reason;
  EXPECT_NE(second->reason.find("it waits for a person"), std::string::npos) << second->reason;
}

// The row says so although its process is still there: were it killed now, nobody could take the lock over.
TEST(Locks, AreThoseOfAWaitingRunAlsoWhileItsProcessWaitsWithIt) {
  Simulation sim;
  ASSERT_TRUE(sim.load(playbook("[host]", gated_step))) << sim.diagnostics;
  RunState seen = RunState::queued;
  int ticks = 0;
  sim.executor.on_tick = [&] {
    if (++ticks < 30) return;
    seen = sim.journal->find({})->at(0).state;
    sim.engine->stop();
  };
  ASSERT_EQ(sim.run({true, false})->exit_code, 75);
  EXPECT_EQ(seen, RunState::waiting);
  // Taken up again by a process that finds nothing to write: the row says so all the same.
  ticks = 0;
  seen = RunState::queued;
  ASSERT_EQ(sim.resume({true, false})->exit_code, 75);
  EXPECT_EQ(seen, RunState::waiting);
}

// Killed in the middle: another run takes its lock over. Resumed, it must have it again before anything goes on.
TEST(Locks, OfARunThatLostThemAreTakenAgainWhenItIsResumed) {
  Simulation sim;
  ASSERT_TRUE(sim.load(playbook("[host]", "      - {id: a, do: {name: a}}\n      - {id: b, do: {name: b}}\n")))
      << sim.diagnostics;
  sim.journal->fail_after(3);  // run, lock, intent of a; its outcome is lost
  EXPECT_FALSE(sim.run().has_value());
  sim.journal->fail_after(-1);
  sim.clock.advance(Duration::seconds(16));
  OtherRun other(sim, {"host"});
  Result<Ending> refused = sim.resume();
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, ErrorCode::busy);
  EXPECT_NE(refused.error().message.find("run 00000000000000ff"), std::string::npos) << refused.error().message;
  EXPECT_EQ(sim.journal->read(sim.run_id)->row.owner, "") << "it can be resumed again";
  EXPECT_EQ(sim.deeds, Deeds{"a"});
  other.is_killed();
  Result<Ending> resumed = sim.resume();
  ASSERT_TRUE(resumed.has_value()) << resumed.error().message;
  EXPECT_EQ(resumed->exit_code, 6) << "a is in doubt";
  EXPECT_EQ(held(sim), Names{"host"});
  EXPECT_EQ(sim.journal->locks(this_owner(), sim.clock.now())->at(0).run, sim.run_id);
}

TEST(Locks, OfAResumedRunAreStillItsOwn) {
  Simulation sim;
  ASSERT_TRUE(sim.load(playbook("[host]", gated_step))) << sim.diagnostics;
  ASSERT_EQ(sim.run()->exit_code, 75);
  ASSERT_EQ(sim.resume()->exit_code, 75);
  Result<RunRecord> record = sim.journal->read(sim.run_id);
  EXPECT_EQ(std::count_if(record->events.begin(), record->events.end(),
                          [](const Event& event) { return event.kind == EventKind::lock_taken; }),
            1);
}

// No room for the names: the run is put down like at any other commit, and begins once there is some.
TEST(Locks, ThatTheDiskHasNoRoomForParkTheRunUntilThereIs) {
  Simulation sim;
  ASSERT_TRUE(sim.load(playbook("[host, database]"))) << sim.diagnostics;
  sim.journal->full_after(0);
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 75);
  EXPECT_EQ(ending->state, RunState::waiting);
  EXPECT_NE(ending->reason.find("the disk of the store is full"), std::string::npos) << ending->reason;
  EXPECT_TRUE(sim.deeds.empty());
  EXPECT_TRUE(held(sim).empty());
  EXPECT_TRUE(sim.journal->read(sim.run_id)->row.owner.empty()) << "it was given back";
  sim.journal->full_after(-1);
  ending = sim.resume();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(sim.deeds, (Deeds{"a", "always"}));
}

// A process that slept between its commit and what it starts must look again who has the run.
TEST(Ownership, IsAskedForAgainBeforeAnEffectThatComesAfterTheLease) {
  Simulation sim;
  ASSERT_TRUE(sim.load(playbook("[]"))) << sim.diagnostics;
  bool slept = false;
  sim.on_event = [&](const Event& event) {
    if (event.kind != EventKind::intent || slept) return;
    slept = true;
    sim.clock.advance(Duration::seconds(60));
    Owner other = this_owner();
    other.id = "other";
    ASSERT_TRUE(sim.journal->own(sim.engine->run(), other, "bob", sim.clock.now()).has_value());
  };
  Result<Ending> ending = sim.run();
  ASSERT_FALSE(ending.has_value());
  EXPECT_EQ(ending.error().code, ErrorCode::busy);
  EXPECT_TRUE(slept);
  EXPECT_TRUE(sim.deeds.empty());
}

// The wall clock jumps; the boot clock tells that no time has passed.
TEST(Clock, ThatIsSetForwardEndsNoLeaseOfALivingOwnerAndIsRecorded) {
  Simulation sim;
  ASSERT_TRUE(sim.load(playbook("[host]", "      - {id: a, wait: {for: 30m}}\n"))) << sim.diagnostics;
  int ticks = 0;
  std::vector<ErrorCode> tries;
  sim.executor.on_tick = [&] {
    if (++ticks == 20) {
      sim.clock.set_back(Duration::seconds(-600));
      Owner other = this_owner();
      other.id = "other";
      other.boot = sim.clock.boot();
      std::unique_ptr<Journal> second = open_journal(sim.folder.path() + "/muster.db", false).value();
      Result<Lease> lease = second->own(sim.engine->run(), other, "bob", sim.clock.now());
      tries.push_back(lease ? ErrorCode::not_found : lease.error().code);
      EXPECT_FALSE(second->locks(other, sim.clock.now())->at(0).stale);
    }
  };
  Result<Ending> ending = sim.run();
  ASSERT_TRUE(ending.has_value()) << ending.error().message;
  EXPECT_EQ(ending->exit_code, 0) << ending->reason;
  EXPECT_EQ(tries, std::vector<ErrorCode>{ErrorCode::busy});
  EXPECT_EQ(std::count(sim.events.begin(), sim.events.end(), "clock_stepped playbook"), 1);
}

TEST(Clock, ThatIsSetBackKeepsNoRunOfAnOwnerThatIsNotHeardOf) {
  Simulation sim;
  ASSERT_TRUE(sim.load(playbook("[]", "      - {id: a, wait: {for: 30m}}\n"))) << sim.diagnostics;
  int ticks = 0;
  bool taken = false;
  sim.executor.on_tick = [&] {
    if (++ticks != 20) return;
    sim.clock.advance(Duration::seconds(16));  // as when this process was stopped
    sim.clock.set_back(Duration::seconds(3600));
    Owner other = this_owner();
    other.id = "other";
    other.boot = sim.clock.boot();
    std::unique_ptr<Journal> second = open_journal(sim.folder.path() + "/muster.db", false).value();
    taken = second->own(sim.engine->run(), other, "bob", sim.clock.now()).has_value();
  };
  Result<Ending> ending = sim.run();
  EXPECT_TRUE(taken);
  ASSERT_FALSE(ending.has_value());
  EXPECT_EQ(ending.error().code, ErrorCode::busy);
}

}  // namespace
}  // namespace muster
