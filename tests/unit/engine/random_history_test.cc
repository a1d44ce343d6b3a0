// Random playbooks, killed at random commits and resumed: what the engine holds in memory is, behind every commit, what
// a replay of the stored events gives.
#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>
#include <random>
#include <set>

#include "tests/unit/engine/simulation.h"

namespace muster {
namespace {

using simulation::Simulation;

std::string text_of_moment(const std::optional<Timestamp>& at) { return at ? std::to_string(at->us) : "-"; }
std::string text_of_map(const std::optional<Map>& map) { return map ? encode_value(Value(*map)) : "-"; }
std::string text_of_flag(const std::optional<bool>& flag) { return flag ? (*flag ? "yes" : "no") : "-"; }

// Every field of a record.
std::string described(const OpRecord& op) {
  std::string out = std::string(name_of(op.state)) + " attempt " + std::to_string(op.attempt) +
                    (op.intent_open ? " open" : "") + " effect " + op.effect + " certainty " + op.certainty + " when " +
                    text_of_flag(op.when) + " result " + text_of_map(op.result) + " error " + text_of_map(op.error) +
                    (op.outcome_ok ? " ok" : "") + (op.passed ? " passed" : "") + " started " +
                    text_of_moment(op.started_at) + " ended " + text_of_moment(op.ended_at) + " as " +
                    std::to_string(op.ended_seq) + " due " + text_of_moment(op.due_at) + " verified " +
                    text_of_map(op.verified) + " gate " + std::string(name_of(op.gate.state)) + " " +
                    std::to_string(op.gate.opening) + " " + op.gate.digest + " resolution " + op.resolution +
                    " doubt " + op.doubt + (op.entered ? " entered" : "") + (op.timed_out ? " timed out" : "") +
                    " waited " + std::to_string(op.waited_before.us) + (op.rollback_ended ? " rollback ended" : "") +
                    " undone " + text_of_flag(op.rolled_back) + " to undo";
  if (op.to_roll_back)
    for (const std::string& step : *op.to_roll_back) out += " " + step;
  if (op.items)
    out += " items " + encode_value(Value(*op.items)) + " " + std::to_string(op.max_parallel) + " " +
           std::to_string(op.max_failures);
  for (const std::string& way : op.chosen) out += " chosen " + way;
  out += " inputs " + text_of_map(op.inputs);
  for (const std::string& note : op.notes) out += " note " + note;
  for (const auto& [name, mark] : op.marks)
    out += " mark " + name + (mark.intent_open ? " open" : "") + (mark.value ? " " + encode_value(*mark.value) : "");
  return out;
}

// By path: an engine looks at ops that nothing has happened to yet.
std::map<std::string, std::string> described(const RunHistory& history) {
  std::map<std::string, std::string> out;
  const std::string nothing = described(OpRecord{});
  for (const OpRecord* op : history.in_order())
    if (std::string text = described(*op); text != nothing) out[op->op.path] = text;
  out["/run"] = text_of_map(history.ended) + " " + std::to_string(history.last_seq) + " " +
                std::to_string(history.waited_at_gates.us) + " " + std::to_string(history.last_at.us) +
                (history.cancel ? " cancelled by " + history.cancel->person : "");
  return out;
}

class Story {
 public:
  explicit Story(unsigned seed) : random_(seed) {}

  // How each name behaves, by its first letter: g good, n fails without an effect, m fails and may have had one, t good
  // the second time.
  std::string playbook() {
    std::string out = "muster: 1\nplaybook: story\nsecrets: {key: {env: KEY}}\nphases:\n";
    int phases = below(3) + 1;
    for (int phase = 0; phase < phases; ++phase) {
      out += "  - id: p" + std::to_string(phase) + "\n";
      if (chance(30)) out += "    parallel: true\n";
      out += "    steps:\n";
      int steps = below(4) + 1;
      for (int step = 0; step < steps; ++step) out += this->step();
    }
    if (chance(40)) out += "always:\n  - {id: last, do: {name: glast}}\n";
    return out;
  }
  // What a call runs: as its caller tells it.
  static std::string called() {
    return R"(
muster: 1
playbook: called
inputs:
  name: {type: string, required: true}
secrets: {key: {env: OTHER_KEY}}
outputs: {name: "${{ steps.told.name }}"}
phases:
  - id: only
    steps:
      - {id: told, do: {name: "${{ inputs.name }}", key: "${{ secrets.key }}"}, rollback: [{do: {name: gundo}}]}
      - {set: {x: "${{ steps.told.name }}"}}
)";
  }
  int below(int n) { return static_cast<int>(random_() % static_cast<unsigned>(n)); }
  bool chance(int percent) { return below(100) < percent; }

 private:
  std::string step() {
    std::string id = "s" + std::to_string(++steps_), out = "      - id: " + id + "\n";
    const char* ways[] = {"g", "g", "g", "g", "n", "m", "t"};
    std::string name = ways[below(7)] + id;
    switch (below(10)) {
      case 6:
        out += "        steps:\n          - {do: {name: " + name + "}, rollback: [{do: {name: gundo}}]}\n" +
               "          - {do: {name: g" + id + "}}\n";
        if (chance(60)) out += "        rescue: [{do: {name: grescue}}, {look: {name: \"g${{ error.code }}\"}}]\n";
        if (chance(30)) out += "        always: [{do: {name: galways}}]\n";
        return out;
      case 7:
        out += std::string("        choose:\n          fallback: ") + (chance(70) ? "true" : "false") +
               "\n          options:\n            - {id: o" + id + "_1, " + (chance(30) ? "when: 1 == 2, " : "") +
               "steps: [{do: {name: " + name + "}, rollback: [{do: {name: gundo}}]}]}\n            - {id: o" + id +
               "_2, steps: [{do: {name: g" + id + "}}], outputs: {how: second}}\n";
        if (chance(40)) out += "        verify: {that: is_set(steps." + id + ".chosen)}\n";
        return out;
      case 8:
        out += "        call: {playbook: called.muster.yaml, with: {name: " + name + "}}\n";
        if (chance(40)) out += "        verify: {that: steps." + id + ".name == \"" + name + "\"}\n";
        if (chance(40)) out += "        rescue: [{do: {name: grescue}}]\n";
        return out;
      case 9:
        return out + "        do: {name: " + name + ", key: \"a ${{ secrets.key }}\", with: there}\n" +
               (chance(50) ? "        sensitive: true\n" : "") + (chance(40) ? "        idempotent: true\n" : "");
      case 0:
        return out + "        set: {x: " + std::to_string(below(9)) + "}\n";
      case 1:
        return out + "        look: {name: " + name + "}\n";
      case 2:
        return out + "        wait: {for: " + std::to_string(below(20) + 1) + "s}\n";
      default:
        break;
    }
    if (chance(30)) {
      out += "        foreach: [1, 2, 3, 4]\n";
      const char* limits[] = {"", "        max_parallel: 2\n", "        max_failures: 50%\n",
                              "        first_success: true\n"};
      out += limits[below(4)];
      if (chance(40)) {
        out += "        steps:\n          - {do: {name: " + name + "}, rollback: [{do: {name: gundo}}]}\n";
        out += "          - {do: {name: g" + id + "}}\n";
        return out;
      }
    }
    out += "        do: {name: " + name + "}\n";
    if (chance(30)) out += "        retry: {attempts: " + std::to_string(below(3) + 1) + ", delay: 2s}\n";
    if (chance(30)) out += "        idempotent: true\n";
    if (chance(30))
      out += std::string("        verify: {that: result.name == \"") + (chance(70) ? name : "x") + "\"}\n";
    if (chance(20) && out.find("max_failures") == std::string::npos && out.find("first_success") == std::string::npos)
      out += "        on_failure: continue\n";
    if (chance(20)) out += std::string("        when: ") + (chance(50) ? "true" : "false") + "\n";
    if (chance(40)) out += "        rollback: [{do: {name: gundo}}]\n";
    return out;
  }
  std::mt19937 random_;
  int steps_ = 0;
};

void behave(Simulation& sim) {
  struct Tried {
    std::mutex mutex;  // jobs run side by side
    std::set<std::string> ids;
  };
  auto tried = std::make_shared<Tried>();
  // It hands on what it was given, a secret, too.
  for (int step = 1; step <= 20; ++step)
    sim.script["gs" + std::to_string(step)] = [](const StepInput& input) -> Result<StepOutput> {
      const Value* key = member(input.args, "key");
      const Secret* secret = key ? key->find<Secret>() : nullptr;
      return StepOutput{
          Map{{"name", text_of(input.args, "name")},
              {"value", secret ? "with " + std::string(secret->reveal(SecretSink::redactor)) : "without"}},
          {}};
    };
  for (int step = 1; step <= 20; ++step) {
    std::string id = "s" + std::to_string(step);
    sim.script["n" + id] = [](const StepInput&) -> Result<StepOutput> {
      return fail(ErrorCode::unreachable, "nobody answered");
    };
    sim.script["m" + id] = [](const StepInput&) -> Result<StepOutput> {
      return fail(ErrorCode::failed, "it said no", {}, Certainty::maybe);
    };
    sim.script["t" + id] = [id, tried](const StepInput&) -> Result<StepOutput> {
      std::lock_guard lock(tried->mutex);
      if (tried->ids.insert(id).second) return fail(ErrorCode::unreachable, "not yet");
      return StepOutput{Map{{"name", "t" + id}}, {}};
    };
  }
}

// Somebody settles every doubt, at random.
void settle(Simulation& sim, Story& story) {
  for (const OpRecord* op : open_doubts(sim.engine->history())) {
    Event resolved;
    resolved.kind = EventKind::resolved;
    resolved.op = op->op;
    resolved.attempt = op->attempt;
    resolved.at = sim.clock.now();
    const char* choices[] = {"succeeded", "failed", "retry", "skip"};
    resolved.body = encode_value(Map{{"choice", choices[story.below(4)]}, {"person", "bob"}, {"reason", "looked"}});
    ASSERT_TRUE(sim.journal->say(sim.run_id, resolved).has_value());
  }
}

TEST(RandomHistories, ReplayToWhatTheEngineHoldsBehindEveryCommit) {
  int ran = 0, killed = 0, compared = 0;
  const std::string secret = "open sesame, open";
  std::map<std::string, int> met;
  for (unsigned seed = 1; seed <= 80; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Story story(seed);
    Simulation sim;
    behave(sim);
    std::string playbook = story.playbook();
    sim.called["called.muster.yaml"] = Story::called();
    sim.variables.all = {{"KEY", secret}, {"OTHER_KEY", secret}};
    for (const char* kind : {"rescue:", "choose:", "call:", "foreach:", "wait:", "secrets.key }"}) {
      if (playbook.find(kind) != std::string::npos) ++met[kind];
    }
    if (!sim.load(playbook)) {
      ADD_FAILURE() << sim.diagnostics << playbook;
      return;
    }
    sim.watch = [&](const RunHistory& live) {
      if (testing::Test::HasFailure()) return;
      Result<RunRecord> record = sim.journal->read(sim.run_id.empty() ? sim.engine->run() : sim.run_id);
      ASSERT_TRUE(record.has_value()) << record.error().message;
      if (record->events.back().seq != live.last_seq) return;
      Result<RunHistory> replayed = replay(record->events);
      ASSERT_TRUE(replayed.has_value()) << replayed.error().message;
      EXPECT_EQ(described(live), described(*replayed)) << "behind event " << live.last_seq << " of\n" << playbook;
      ++compared;
    };
    sim.journal->fail_after(story.chance(70) ? 1 + story.below(14) : -1);
    Result<Ending> ending = sim.run();
    if (sim.run_id.empty()) continue;
    for (int again = 0; again < 40; ++again) {
      bool over = ending && has_ended(ending->state);
      if (over || testing::Test::HasFailure()) break;
      if (ending && ending->exit_code == 6) settle(sim, story);
      killed += ending ? 0 : 1;
      sim.journal->fail_after(again < 8 && story.chance(60) ? 1 + story.below(10) : -1);
      ending = sim.resume();
    }
    ASSERT_TRUE(ending.has_value()) << ending.error().message << "\n" << playbook;
    EXPECT_TRUE(has_ended(ending->state)) << ending->reason << "\n" << playbook;
    Result<VerifyReport> report = sim.journal->verify();
    ASSERT_TRUE(report.has_value());
    for (const VerifyFinding& finding : report->findings) ADD_FAILURE() << finding.message;
    Result<RunRecord> record = sim.journal->read(sim.run_id);
    ASSERT_TRUE(record.has_value());
    for (const Event& event : record->events)
      EXPECT_EQ(event.body.find(secret), std::string::npos) << event.op.path << "\n" << playbook;
    ++ran;
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(ran, 60);
  EXPECT_GT(killed, 15);
  EXPECT_GT(compared, 500);
  for (const auto& [kind, times] : met) EXPECT_GE(times, 8) << kind;
  EXPECT_EQ(met.size(), 6u);
}

}  // namespace
}  // namespace muster
