// Thousands of short random histories: playbooks, worlds, people, and kills between any two commits, all of one seed.
// Whatever happens, what the tool promises holds.
//
// A failure prints its seed; MUSTER_SEED=n runs that history alone and tells its story, MUSTER_HISTORIES=n so many.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <random>

#include "interpreter/engine/completing.h"
#include "interpreter/journal/waiting.h"
#include "tests/unit/engine/simulation.h"
#include "tests/unit/engine/story.h"
#include "tests/world/memory_journal.h"

namespace muster {
namespace {

using simulation::Simulation;
using simulation::Story;

// The same answer for the same question, in whichever order threads ask.
uint64_t lot(uint64_t seed, const std::string& about, int n) {
  std::string digest = sha256_raw(std::to_string(seed) + "/" + about + "/" + std::to_string(n));
  uint64_t out = 0;
  for (size_t i = 0; i < 8; ++i) out = out << 8 | static_cast<unsigned char>(digest[i]);
  return out;
}

const std::string canary = "a secret of nineteen";

struct Deed {
  std::string op;
  int attempt;
};

class History {
 public:
  explicit History(uint64_t seed)
      : seed_(seed),
        story_(seed),
        store_(std::make_shared<MemoryStore>()),
        sim_(std::make_shared<BreakingJournal>([store = store_]() -> Result<std::unique_ptr<Journal>> {
          return std::make_unique<MemoryJournal>(store);
        })) {
    sim_.inputs = {{"yes", true}, {"no", false}};
    sim_.variables.all = {{"TOKEN", canary}};
    GroupOfPeople sre;
    sre.name.text = "sre";
    sre.members = {Name{{}, "bob"}};
    sim_.configuration.groups.push_back(sre);
    for (const std::string& key : story_.checked)
      sim_.script[key] = [this, key](const StepInput& input) -> Result<StepOutput> {
        if (lot(seed_, key, input.attempt) % 6 == 0) return fail(ErrorCode::unreachable, "no answer");
        return StepOutput{Map{{"name", key}}, {}};
      };
    for (const std::string& name : story_.names)
      for (const std::string& key : {name, "undo " + name})
        sim_.script[key] = [this, key](const StepInput& input) { return act(key, input); };
  }

  void live() {
    ASSERT_TRUE(sim_.load(story_.text)) << story_.text << sim_.diagnostics;
    plan_a_kill();
    Result<Ending> ending = sim_.run();
    if (sim_.run_id.empty()) {
      EXPECT_TRUE(deeds_.empty()) << "nothing is done for a run that was never recorded";
      return;
    }
    bool ended = false;
    for (int round = 0; round < 60 && !ended; ++round) {
      sim_.journal->fail_after(-1);
      if (!ending) {
        ++kills_;
      } else if (ending->exit_code == 75) {
        decide();
        answer();
      } else if (ending->exit_code == 6) {
        settle();
      } else {
        ended = true;
        break;
      }
      if (!is_over() && story_.one_in(25))
        say(EventKind::cancel_asked, sim_.graph->root().op, 0,
            Map{{"person", "bob"}, {"reason", "enough"}, {"rollback", story_.one_in(2)}, {"now", story_.one_in(4)}});
      plan_a_kill();
      ending = sim_.resume();
    }
    ASSERT_TRUE(ended) << "it never ends";
    exit_code_ = ending->exit_code;
    check();
  }

  int kills() const { return kills_; }
  int exit_code() const { return exit_code_; }
  std::string told() {
    std::string out = story_.text;
    Result<RunRecord> record = sim_.journal->read(sim_.run_id);
    if (record)
      for (const Event& event : record->events)
        out += std::to_string(event.seq) + " " + std::string(name_of(event.kind)) + " " + event.op.path + " #" +
               std::to_string(event.attempt) + " " + event.body + "\n";
    for (const Deed& deed : deeds_) out += "did " + deed.op + " #" + std::to_string(deed.attempt) + "\n";
    return out;
  }

 private:
  Result<StepOutput> act(const std::string& key, const StepInput& input) {
    Result<RunRecord> record = sim_.journal->read(input.run);
    bool intended = false;
    if (record)
      for (const Event& event : record->events)
        intended |= event.kind == EventKind::intent && event.op == input.op && event.attempt == input.attempt;
    bool look = std::find(story_.repeatable.begin(), story_.repeatable.end(), key) != story_.repeatable.end();
    {
      std::lock_guard lock(mutex_);
      deeds_.push_back({input.op.path, input.attempt});
      if (!intended && !look) problem_ = "`" + key + "` was done before its intent was stored";
    }
    switch (lot(seed_, input.op.path, input.attempt) % 12) {
      case 0:
      case 1:
        return fail(ErrorCode::failed, "it would not", {}, Certainty::no_effect);
      case 2:
        return fail(ErrorCode::failed, "half of it" + (input.opened.empty() ? "" : ": " + canary), {},
                    Certainty::maybe);
      case 3:
        return fail(ErrorCode::in_doubt, "who knows", {}, Certainty::maybe);
      default:
        return StepOutput{Map{{"name", key}}, {}};
    }
  }

  void plan_a_kill() {
    if (story_.one_in(3)) return;
    int commits = static_cast<int>(story_.below(12));
    story_.one_in(2) ? sim_.journal->fail_after(commits) : sim_.journal->fail_unheard_after(commits);
  }

  void say(EventKind kind, const OpId& op, int attempt, const Map& body) {
    Event event;
    event.kind = kind;
    event.op = op;
    event.attempt = attempt;
    event.at = sim_.clock.now();
    event.body = encode_value(body);
    Result<void> said = sim_.journal->say(sim_.run_id, event);
    EXPECT_TRUE(said.has_value()) << said.error().message;
  }

  bool is_over() {
    Result<RunRecord> record = sim_.journal->read(sim_.run_id);
    return record && !record->events.empty() && record->events.back().kind == EventKind::run_ended;
  }

  void decide() {
    for (const OpRecord* gate : open_gates(sim_.engine->history())) {
      const char* verdict = story_.one_in(6) ? "reject" : "approve";
      // Now and then a vote for something that was not shown, which must not count.
      std::string digest = story_.one_in(8) ? "other" : gate->gate.digest;
      say(EventKind::vote, gate->op, gate->gate.opening,
          Map{{"person", "bob"},
              {"verdict", verdict},
              {"reason", "so"},
              {"digest", digest},
              {"how", "test"},
              {"opening", gate->gate.opening}});
    }
  }

  void answer() {
    for (const OpRecord* step : open_manuals(sim_.engine->history())) {
      // Now and then to another question, or by somebody else, which must not count.
      std::string nonce = story_.one_in(8) ? "other" : text_of(*step->asked, "nonce");
      Completion said{story_.one_in(8) ? "eve" : "bob", {}, "test", {}, nonce};
      say(EventKind::answered, step->op, step->attempt, completion_body(said));
    }
  }

  void settle() {
    static const std::vector<const char*> choices = {"succeeded", "failed", "retry", "skip", "rollback", "stop"};
    for (const OpRecord* doubt : open_doubts(sim_.engine->history()))
      say(EventKind::resolved, doubt->op, doubt->attempt,
          Map{{"choice", choices[story_.below(choices.size())]}, {"person", "bob"}, {"reason", "looked"}});
  }

  // --- what must hold at the end

  void check() {
    Result<RunRecord> read = sim_.journal->read(sim_.run_id);
    ASSERT_TRUE(read.has_value());
    events_ = read->events;
    EXPECT_EQ(problem_, "");
    every_attempt_is_done_once();
    no_write_is_repeated_without_leave();
    nothing_passes_a_gate_that_is_not_approved();
    what_is_undone_is_undone_latest_first();
    the_events_add_up_to_the_state();
    the_ending_says_what_happened();
    the_list_of_what_waits_is_what_waits();
    for (const Event& event : events_) EXPECT_EQ(event.body.find(canary), std::string::npos) << event.body;
    Result<VerifyReport> verified = sim_.journal->verify();
    ASSERT_TRUE(verified.has_value());
    EXPECT_TRUE(verified->findings.empty());
  }

  void every_attempt_is_done_once() {
    std::map<std::string, int> times;
    for (const Deed& deed : deeds_) ++times[deed.op + " #" + std::to_string(deed.attempt)];
    for (const auto& [what, n] : times) {
      std::string id = what.substr(what.rfind('/') + 1, what.rfind(" #") - what.rfind('/') - 1);
      bool look = std::find(story_.repeatable.begin(), story_.repeatable.end(), id) != story_.repeatable.end();
      EXPECT_LE(n, look ? 9 : 1) << what;
    }
  }

  void no_write_is_repeated_without_leave() {
    for (size_t i = 0; i < events_.size(); ++i) {
      const Event& intent = events_[i];
      if (intent.kind != EventKind::intent || intent.attempt < 2) continue;
      std::string id = intent.op.path.substr(intent.op.path.rfind('/') + 1);
      if (std::find(story_.repeatable.begin(), story_.repeatable.end(), id) != story_.repeatable.end()) continue;
      // Its own question may let it run again.
      if (std::find(story_.checked.begin(), story_.checked.end(), "done " + id) != story_.checked.end()) continue;
      bool leave = false;
      for (size_t k = 0; k < i; ++k) {
        const Event& before = events_[k];
        if (!(before.op == intent.op) || before.attempt != intent.attempt - 1) continue;
        Map body = body_of(before);
        if (before.kind == EventKind::resolved && text_of(body, "choice") == "retry" &&
            text_of(body, "person") == "bob")
          leave = true;
        const Value* error = member(body, "error");
        if (before.kind == EventKind::outcome && error && error->is<Map>() &&
            text_of(error->get<Map>(), "effect") == "none")
          leave = true;
      }
      EXPECT_TRUE(leave) << intent.op.path << " #" << intent.attempt;
    }
  }

  void nothing_passes_a_gate_that_is_not_approved() {
    std::map<std::string, bool> open;  // phase: approved
    for (const Event& event : events_) {
      if (event.kind == EventKind::gate_opened) open[event.op.path] = false;
      if (event.kind == EventKind::gate_closed) open[event.op.path] = text_of(body_of(event), "verdict") == "approved";
      if (event.kind != EventKind::intent) continue;
      std::string phase = event.op.path.substr(0, event.op.path.find('/'));
      auto found = open.find(phase);
      if (found != open.end()) {
        EXPECT_TRUE(found->second) << event.op.path;
      } else {
        EXPECT_EQ(story_.text.find("id: " + phase + "\n    approval"), std::string::npos)
            << event.op.path << " before its gate was open";
      }
    }
  }

  void what_is_undone_is_undone_latest_first() {
    std::map<std::string, int64_t> ended, undone, list;  // by id: seq; list: of the unwinding that it belongs to
    for (const Event& event : events_) {
      Map body = event.kind == EventKind::rollback_started ? body_of(event) : Map{};
      if (const Value* steps = member(body, "steps"); steps && steps->is<List>())
        for (const Value& step : steps->get<List>()) list.try_emplace(to_text(step), event.seq);
      std::string last = event.op.path.substr(event.op.path.rfind('/') + 1);
      size_t mark = event.op.path.find("~rollback");
      if (mark == std::string::npos &&
          (event.kind == EventKind::outcome || event.kind == EventKind::verified || event.kind == EventKind::resolved ||
           (event.kind == EventKind::evaluated && member(body_of(event), "done_when"))))
        ended[event.op.path] = event.seq;
      if (mark != std::string::npos && event.kind == EventKind::intent)
        undone.try_emplace(event.op.path.substr(0, mark), event.seq);
    }
    for (const auto& [a, a_undone] : undone)
      for (const auto& [b, b_undone] : undone)
        // (Groups side by side unwind each by itself, and one that may fail before what comes after it has begun.)
        if (ended.contains(a) && ended.contains(b) && ended[a] < ended[b] && list[a] == list[b]) {
          EXPECT_GT(a_undone, b_undone) << a << " before " << b;
        }
  }

  void the_events_add_up_to_the_state() {
    Result<RunHistory> again = replay(events_);
    ASSERT_TRUE(again.has_value());
    const RunHistory& live = sim_.engine->history();
    for (const OpRecord* op : live.in_order()) {
      bool untold = !again->find(op->op) && op->state != StepState::pending;
      EXPECT_FALSE(untold) << op->op.path << " is " << name_of(op->state) << " by no event";
    }
    for (const OpRecord* op : again->in_order()) {
      const OpRecord* other = live.find(op->op);
      ASSERT_NE(other, nullptr) << op->op.path;
      EXPECT_EQ(name_of(op->state), name_of(other->state)) << op->op.path;
      EXPECT_EQ(op->attempt, other->attempt) << op->op.path;
    }
  }

  // Behind every event: what `muster gates` lists without reading the run is what a replay finds waiting.
  void the_list_of_what_waits_is_what_waits() {
    RunHistory history;
    WaitingRows rows;
    for (const Event& event : events_) {
      ASSERT_TRUE(history.apply(event).has_value());
      rows.next(event);
      std::set<std::string> listed, waiting;
      for (const WaitingRow& row : rows.all()) listed.insert(row.op.path);
      if (!history.ended) {
        for (const OpRecord* op : open_gates(history)) waiting.insert(op->op.path);
        for (const OpRecord* op : open_manuals(history)) waiting.insert(op->op.path);
      }
      ASSERT_EQ(listed, waiting) << "behind event " << event.seq << ", " << event.kind_text << " " << event.op.path;
    }
  }

  void the_ending_says_what_happened() {
    EXPECT_EQ(events_.back().kind, EventKind::run_ended);
    const RunHistory& history = sim_.engine->history();
    for (const Node& node : sim_.graph->nodes()) {
      if (!node.step) continue;
      const OpRecord* op = history.find(node.op);
      if (!op) continue;
      bool failed = exit_code_ == 0 && op->state == StepState::failed && !op->passed && !was_made_up_for(node);
      EXPECT_FALSE(failed) << node.op.path;
      EXPECT_NE(op->state, StepState::running) << node.op.path;
      if (op->state != StepState::in_doubt) continue;
      // Only a person who cancels may leave it at that, and the ending says so.
      EXPECT_EQ(exit_code_, 130) << node.op.path;
      EXPECT_NE(text_of(*history.ended, "reason").find("what became of"), std::string::npos) << node.op.path;
    }
    if (exit_code_ != 5) return;
    for (const std::string& id : story_.undoable) {
      for (const OpRecord* op : history.in_order()) {
        if (op->op.path.substr(op->op.path.rfind('/') + 1) != id || op->op.path.find('~') != std::string::npos)
          continue;
        if (op->state == StepState::succeeded)
          ADD_FAILURE() << op->op.path << " was not rolled back, and the ending says that all was";
      }
    }
  }

  // By a rescue of a group around it, or because such a group may fail.
  bool was_made_up_for(const Node& node) {
    for (const Node* at = &node; at != &sim_.graph->root();) {
      at = &sim_.graph->at(at->parent);
      const OpRecord* group = sim_.engine->history().find(at->op);
      if (group && (group->passed || group->state == StepState::recovered)) return true;
    }
    return false;
  }

  static Map body_of(const Event& event) {
    Result<Value> body = event.body.empty() ? Result<Value>(Value(Map{})) : decode_value(event.body);
    return body && body->is<Map>() ? body->get<Map>() : Map{};
  }

  uint64_t seed_;
  Story story_;
  std::shared_ptr<MemoryStore> store_;
  Simulation sim_;
  std::mutex mutex_;
  std::vector<Deed> deeds_;
  std::string problem_;
  std::vector<Event> events_;
  int kills_ = 0;
  int exit_code_ = -1;
};

TEST(Histories, OfAnyKindKeepWhatIsPromised) {
  if (const char* chosen = std::getenv("MUSTER_SEED")) {
    History history(std::strtoull(chosen, nullptr, 10));
    history.live();
    std::cout << history.told();
    return;
  }
  const char* wanted = std::getenv("MUSTER_HISTORIES");
  uint64_t count = wanted ? std::strtoull(wanted, nullptr, 10) : 600;
  std::map<int, int> endings;
  int kills = 0;
  for (uint64_t seed = 1; seed <= count; ++seed) {
    SCOPED_TRACE("MUSTER_SEED=" + std::to_string(seed));
    History history(seed);
    history.live();
    kills += history.kills();
    ++endings[history.exit_code()];
    if (HasFailure()) {
      std::cout << history.told();
      break;
    }
  }
  if (HasFailure()) return;
  // Every ending must have been met, or the lots are drawn badly.
  for (int code : {0, 1, 4, 5, 130}) EXPECT_GT(endings[code], 0) << "exit code " << code;
  EXPECT_GT(kills, static_cast<int>(count / 4));
}

}  // namespace
}  // namespace muster
