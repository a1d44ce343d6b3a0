// Power is lost at every write and every sync of a run's store, with what was not synced dropped, in whole or in part;
// the run is resumed, people look at what became of what is in doubt, and every effect is found once in the world.
//
// The world is a file outside the store with a line for each effect, appended and synced before the action answers.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>

#include "interpreter/journal/sqlite_store.h"
#include "tests/unit/engine/simulation.h"
#include "tests/world/crash_vfs.h"

namespace muster {
namespace {

using simulation::Simulation;

// Twenty steps with branches, a gate, a retry, and a failure at the end that undoes five of them.
constexpr const char* playbook = R"(
muster: 1
playbook: power
phases:
  - id: one
    steps:
      - {id: a0, do: {name: a0}}
      - {id: a1, do: {name: a1}, needs: [a0]}
      - {id: a2, do: {name: a2}, needs: [a0]}
      - {id: a3, do: {name: a3}, needs: [a0]}
      - {id: a4, do: {name: a4}, needs: [a1, a2]}
      - {id: a5, set: {n: "${{ 1 + 1 }}"}}
      - {id: a6, look: {name: a6}}
      - {id: a7, do: {name: a7}, verify: {that: "result.name == 'a7'"}}
      - {id: a8, manual: {instructions: Look, form: {how: {type: string, required: true}}, assignees: [group:sre]}}
  - id: two
    approval: {message: "Go on ${{ steps.a8.answers.how }}", approvers: [group:sre], evidence: {seen: {look: {name: seen}}}}
    steps:
      - {id: b0, destroy: {name: b0}}
      - {id: b1, do: {name: b1}}
      - {id: b2, do: {name: b2}, retry: {attempts: 3, delay: 5s}}
      - {id: b3, do: {name: b3}, needs: [b0]}
      - {id: b4, do: {name: b4}, needs: [b0]}
  - id: three
    steps:
      - {id: c0, do: {name: c0}, rollback: [{do: {name: undo c0}}]}
      - {id: c1, do: {name: c1}, rollback: [{do: {name: undo c1}}]}
      - {id: c2, destroy: {name: c2}, rollback: [{do: {name: undo c2}}]}
      - {id: c3, do: {name: c3}, rollback: [{do: {name: undo c3}}]}
      - {id: c4, do: {name: c4}, rollback: [{do: {name: undo c4}}]}
      - {id: c5, do: {name: c5}}
always:
  - {id: last, do: {name: last}}
)";

class Target {
 public:
  explicit Target(const std::string& path) : path_(path) {}
  void append(const OpId& op) const {
    UniqueFd fd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600));
    std::string line = op.path + "\n";
    EXPECT_EQ(::write(fd.get(), line.data(), line.size()), static_cast<ssize_t>(line.size()));
    EXPECT_EQ(::fsync(fd.get()), 0);
  }
  std::map<std::string, int> counts() const {
    std::map<std::string, int> out;
    std::ifstream file(path_);
    for (std::string line; std::getline(file, line);) ++out[line];
    return out;
  }

 private:
  std::string path_;
};

struct Outcome {
  bool struck = false;
  bool lost = false;     // an effect without a stored intent, or one that was done twice
  bool doubted = false;  // somebody had to look
};

Outcome run_and_lose_power(CrashVfs::At at, int64_t n, CrashVfs::Loss loss, bool synchronous) {
  Outcome outcome;
  QuickDirectory folder;
  Target target(folder.path() + "/target");
  CrashVfs vfs("power");
  OpenOptions options;
  options.create = true;
  options.vfs = vfs.name();
  options.synchronous = synchronous;
  std::string path = folder.path() + "/muster.db";
  // The store is there before anything happens to it.
  EXPECT_TRUE(open_sqlite_journal(path, options).has_value());
  vfs.plan(CrashVfs::Fault::power_loss, at, n, loss);
  Simulation sim(std::make_shared<BreakingJournal>([&] { return open_sqlite_journal(path, options); }));
  GroupOfPeople sre;
  sre.name.text = "sre";
  sre.members = {Name{{}, "bob"}};
  sim.configuration.groups.push_back(sre);
  for (const char* name :
       {"a0", "a1", "a2", "a3", "a4", "a7",      "b0",      "b1",      "b2",      "b3",      "b4",  "c0",
        "c1", "c2", "c3", "c4", "c5", "undo c0", "undo c1", "undo c2", "undo c3", "undo c4", "last"}) {
    sim.script[name] = [&target, name = std::string(name)](const StepInput& input) -> Result<StepOutput> {
      if (name == "c5" || (name == "b2" && input.attempt == 1))
        return fail(ErrorCode::failed, "it would not", {}, Certainty::no_effect);
      target.append(input.op);
      return StepOutput{Map{{"name", name}}, {}};
    };
  }
  EXPECT_TRUE(sim.load(playbook)) << sim.diagnostics;
  sim.executor.on_tick = [&sim] {
    const OpRecord* step = sim.engine->history().find(OpId{"one/a8"});
    if (step && step->asked && step->state == StepState::waiting && step->completions.empty())
      (void)sim.engine->complete(
          step->op, {"bob", Map{{"how", "slowly"}}, "test", sim.clock.now(), text_of(*step->asked, "nonce")});
    const OpRecord* gate = sim.engine->history().find(OpId{"two"});
    if (!gate || gate->gate.state != GateState::open || !gate->gate.votes.empty()) return;
    (void)sim.engine->vote(OpId{"two"}, Vote{"bob", "approve", "so", gate->gate.digest, "test", {}});
  };

  Result<Ending> ending = sim.run({true, false});
  outcome.struck = vfs.struck();
  if (!outcome.struck) {
    EXPECT_TRUE(ending.has_value()) << ending.error().message;
    EXPECT_EQ(ending ? ending->exit_code : -1, 5);
    return outcome;
  }
  // The process is gone, the power is back.
  sim.engine.reset();
  sim.journal->close();
  vfs.restart();
  sim.journal->reopen();
  Result<RunRecord> record = sim.journal->read(sim.run_id);
  std::map<std::string, int> done = target.counts();
  if (!record) {
    // Never stored, or never answered: then nothing was begun, either.
    outcome.lost = !done.empty();
    return outcome;
  }
  for (const auto& [op, count] : done) {
    bool intended = false;
    for (const Event& event : record->events) {
      if (event.op.path != op) continue;
      intended |= event.kind == EventKind::intent;
    }
    if (!intended || count != 1) outcome.lost = true;
  }
  if (outcome.lost) return outcome;

  ending = sim.resume({true, false});
  for (int looks = 0; ending && ending->exit_code == 6 && looks < 20; ++looks) {
    outcome.doubted = true;
    for (const OpRecord* doubt : open_doubts(sim.engine->history())) {
      Event event;
      event.kind = EventKind::resolved;
      event.op = doubt->op;
      event.attempt = doubt->attempt;
      event.at = sim.clock.now();
      const char* choice = target.counts().contains(doubt->op.path) ? "succeeded" : "retry";
      event.body = encode_value(Map{{"choice", choice}, {"person", "bob"}, {"reason", "looked"}});
      EXPECT_TRUE(sim.journal->say(sim.run_id, event).has_value());
    }
    ending = sim.resume({true, false});
  }
  EXPECT_TRUE(ending.has_value()) << ending.error().message;
  if (!ending) return outcome;
  EXPECT_EQ(ending->exit_code, 5) << ending->reason;
  done = target.counts();
  EXPECT_EQ(done.size(), 5u + 1 + 5 + 5 + 5 + 1);
  for (const auto& [op, count] : done) outcome.lost = outcome.lost || count != 1;
  Result<VerifyReport> verified = sim.journal->verify();
  EXPECT_TRUE(verified.has_value() && verified->findings.empty());
  return outcome;
}

struct Sweep {
  int points = 0, losses = 0, doubts = 0;
};

Sweep sweep(CrashVfs::At at, CrashVfs::Loss loss, int64_t stride, bool synchronous = true, int64_t first = 1) {
  Sweep all;
  for (int64_t n = first;; n += stride) {
    SCOPED_TRACE(std::string(at == CrashVfs::At::write ? "write " : "sync ") + std::to_string(n));
    Outcome outcome = run_and_lose_power(at, n, loss, synchronous);
    if (!outcome.struck) return all;
    ++all.points;
    all.losses += outcome.lost;
    all.doubts += outcome.doubted;
    if (testing::Test::HasFailure()) return all;
  }
}

TEST(PowerLossOfARun, AtAnySyncLosesNothingAndRepeatsNothing) {
  for (CrashVfs::Loss loss : {CrashVfs::Loss::all, CrashVfs::Loss::every_other, CrashVfs::Loss::second_half_of_the_last,
                              CrashVfs::Loss::some}) {
    Sweep all = sweep(CrashVfs::At::sync, loss, 1);
    EXPECT_EQ(all.losses, 0);
    EXPECT_GE(all.points, 20);
    EXPECT_GT(all.doubts, 5) << "an effect whose outcome was not stored yet asks somebody to look";
  }
}

TEST(PowerLossOfARun, AtAnyWriteLosesNothingAndRepeatsNothing) {
  EXPECT_EQ(sweep(CrashVfs::At::write, CrashVfs::Loss::all, 3).losses, 0);
  EXPECT_EQ(sweep(CrashVfs::At::write, CrashVfs::Loss::every_other, 5, true, 2).losses, 0);
  EXPECT_EQ(sweep(CrashVfs::At::write, CrashVfs::Loss::second_half_of_the_last, 7, true, 3).losses, 0);
  EXPECT_EQ(sweep(CrashVfs::At::write, CrashVfs::Loss::some, 4, true, 2).losses, 0);
}

TEST(PowerLossOfARun, LosesEffectsWhereCommitsAreNotSynced) {
  // The control: without a sync at each commit the same sweep must find losses, or it finds nothing.
  EXPECT_GT(sweep(CrashVfs::At::write, CrashVfs::Loss::all, 9, false).losses, 5);
}

}  // namespace
}  // namespace muster
