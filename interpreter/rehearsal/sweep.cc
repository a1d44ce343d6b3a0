#include "interpreter/rehearsal/sweep.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <thread>

#include "interpreter/base/json.h"

namespace muster {
namespace {

std::string quoted(const std::string& text) { return "`" + text + "`"; }

Map body_of(const Event& event) {
  if (event.body.empty()) return {};
  Result<Value> decoded = decode_value(event.body);
  return decoded && decoded->is<Map>() ? std::move(*decoded->find<Map>()) : Map{};
}

bool says(const Map& body, std::string_view name, bool word) {
  const Value* value = member(body, name);
  return value && value->is<bool>() && value->get<bool>() == word;
}

std::vector<std::string> texts_in(const Map& body, std::string_view name) {
  std::vector<std::string> out;
  const Value* value = member(body, name);
  if (value && value->is<List>())
    for (const Value& item : value->get<List>()) out.push_back(to_text(item));
  return out;
}

std::string joined(const std::vector<std::string>& names) {
  std::string out;
  for (const std::string& name : names) out += (out.empty() ? "" : ", ") + quoted(name);
  return out;
}

// What an event adds to the story of a run that went wrong; empty: nothing.
std::string told(const Event& event, const Map& body) {
  const std::string& op = event.op.path;
  switch (event.kind) {
    case EventKind::outcome:
    case EventKind::verified: {
      const Value* error = member(body, "error");
      if (!error || !error->is<Map>()) return {};
      if (event.attempt == 0) return {};  // a group's failure is that of its step
      return quoted(op) + " failed: " + text_of(error->get<Map>(), "message");
    }
    case EventKind::evaluated:
      return says(body, "timed_out", true) ? "the time of " + quoted(op) + " is up" : "";
    case EventKind::owned:
      return text_of(body, "before").empty() ? "" : "the interpreter was killed, and the run taken up again";
    case EventKind::in_doubt:
      return quoted(op) + " is in doubt: " + text_of(body, "reason");
    case EventKind::gate_opened:
      return op == review_op ? "" : "gate " + quoted(op) + " opens";
    case EventKind::gate_closed:
      return "gate " + quoted(op) + " is " + text_of(body, "verdict");
    case EventKind::wait_started:
      return text_of(body, "reason") == waits_for_person ? quoted(op) + " asks for a person" : "";
    case EventKind::rollback_started: {
      std::vector<std::string> steps = texts_in(body, "steps");
      return steps.empty() ? "" : "the undo of " + joined(steps) + " begins";
    }
    case EventKind::rollback_ended:
      return says(body, "undone", false) ? quoted(op) + " could not be undone" : "";
    case EventKind::run_ended: {
      std::string reason = text_of(body, "reason");
      return "the run ends " + text_of(body, "status") + (reason.empty() ? "" : ": " + reason);
    }
    default:
      return {};
  }
}

// Repeated lines are told once, with how often; what came before the first fault is left out where it went well.
std::vector<StoryLine> story_of(const RunRecord& record, const RunHistory& history) {
  std::vector<StoryLine> out;
  std::string last;
  int times = 1;
  for (const Event& event : record.events) {
    std::string text = told(event, body_of(event));
    if (text.empty()) continue;
    if (text == last && !out.empty()) {
      out.back() = {event.at - history.created_at, text + " (" + std::to_string(++times) + " times)"};
      continue;
    }
    last = text;
    times = 1;
    out.push_back({event.at - history.created_at, std::move(text)});
  }
  return out;
}

std::optional<int> declared_exit_code(RunState state) {
  switch (state) {
    case RunState::succeeded:
      return 0;
    case RunState::failed:
      return 1;
    case RunState::rejected:
      return 4;
    case RunState::rolled_back:
      return 5;
    case RunState::cancelled:
      return 130;
    default:
      return std::nullopt;
  }
}

class Judging {
 public:
  Judging(const std::vector<Fault>& faults, const Rehearsed& run) : run_(run) { row_.faults = faults; }

  SweepRow row() {
    row_.took = run_.took;
    row_.reason = run_.ending.reason;
    row_.struck = std::all_of(row_.faults.begin(), row_.faults.end(), [&](const Fault& fault) { return hit(fault); });
    judge_ending();
    judge_undo();
    judge_gates();
    // A run in doubt has not come to its ending: a person goes on with it. What is broken until then is told, and may
    // still come right.
    row_.is_open = row_.ending == "in doubt";
    for (const Judged& invariant : run_.invariants) {
      ++row_.invariants;
      if (invariant.holds) continue;
      ++row_.broken;
      if (row_.is_open) continue;
      std::string values;
      for (const std::string& part : invariant.parts) values += (values.empty() ? "" : ", ") + part;
      row_.findings.push_back("the invariant " + quoted(invariant.what) +
                              " is broken: " + (invariant.why.empty() ? "it does not hold" : invariant.why) +
                              (values.empty() ? "" : " (" + values + ")"));
    }
    if (!row_.findings.empty()) row_.story = story_of(run_.record, run_.history);
    return std::move(row_);
  }

 private:
  bool hit(const Fault& fault) const {
    return std::any_of(run_.struck.begin(), run_.struck.end(),
                       [&](const Fault& one) { return one.step == fault.step && one.kind == fault.kind; });
  }

  void judge_ending() {
    const RunState state = run_.ending.state;
    row_.ending = std::string(name_of(state));
    if (has_ended(state)) {
      const int code = run_.ending.exit_code;
      const bool unmet = state == RunState::failed && code == 7;  // a lock or a requirement
      if (!unmet && code != *declared_exit_code(state))
        row_.findings.push_back("it ends " + row_.ending + " with exit code " + std::to_string(code) +
                                ", which is not the one of that ending");
      return;
    }
    std::vector<std::string> doubts, waits;
    for (const OpRecord* op : open_doubts(run_.history)) doubts.push_back(op->op.path);
    for (const OpRecord* op : open_gates(run_.history)) waits.push_back("gate " + op->op.path);
    for (const OpRecord* op : open_manuals(run_.history)) waits.push_back(op->op.path);
    if (!doubts.empty()) {
      row_.ending = "in doubt";
      row_.reason = "a person settles " + joined(doubts);
    } else if (!waits.empty()) {
      row_.ending = "waits";
      row_.findings.push_back("it never ends: nobody in the scenario decides " + joined(waits) +
                              ", and it does not expire");
    } else {
      row_.ending = "none";
      row_.findings.push_back("it never ends: it is " + std::string(name_of(state)) +
                              (run_.ending.reason.empty() ? "" : ", " + run_.ending.reason));
    }
  }

  void judge_undo() {
    std::vector<std::string> left;
    const bool ended = has_ended(run_.ending.state);
    for (const OpRecord* op : run_.history.in_order()) {
      if (op->rolled_back && !*op->rolled_back) left.push_back(op->op.path);
      if (!ended || !op->to_roll_back) continue;
      for (const std::string& path : *op->to_roll_back) {
        const OpRecord* undone = run_.history.find(OpId{path});
        if (!undone || !undone->rolled_back) left.push_back(path);
      }
    }
    std::erase_if(left, [&](const std::string& op) { return is_kept_from(op); });
    if (!left.empty()) row_.findings.push_back("it leaves undone what it declares to undo: " + joined(left));
    for (const Event& event : run_.record.events)
      if (event.kind == EventKind::rollback_started)
        for (std::string& op : texts_in(body_of(event), "without")) row_.bare.push_back(std::move(op));
  }

  // An undo that the fault itself prevents, however often it is tried (claims that are made to fail never hold): no
  // playbook can make up for that, and the run must say that its rollback is incomplete. One that is tried only once is
  // a finding.
  bool is_kept_from(const std::string& op) const {
    if (row_.reason.find("rollback incomplete") == std::string::npos) return false;
    return std::any_of(row_.faults.begin(), row_.faults.end(), [&](const Fault& fault) {
      const bool each_time = fault.attempts > 1 || fault.kind == FaultKind::verify_fails;
      return each_time && fault.step.starts_with(op + "~rollback/");
    });
  }

  // A gate that said no, in this run, must have ended it so.
  void judge_gates() {
    for (const Event& event : run_.record.events) {
      const bool closes = event.kind == EventKind::gate_closed && event.op.path != review_op;
      if (!closes) continue;
      std::string verdict = text_of(body_of(event), "verdict");
      if ((verdict == "rejected" || verdict == "expired") && has_ended(run_.ending.state) &&
          run_.ending.state != RunState::rejected && run_.ending.state != RunState::cancelled)
        row_.findings.push_back("gate " + quoted(event.op.path) + " was " + verdict + ", and the run ends " +
                                row_.ending);
    }
  }

  const Rehearsed& run_;
  SweepRow row_;
};

}  // namespace

size_t Sweep::findings() const {
  size_t count = 0;
  for (const SweepRow& row : rows) count += row.findings.size();
  return count;
}

SweepRow judge_swept(const std::vector<Fault>& faults, const Result<Rehearsed>& rehearsed) {
  if (rehearsed) return Judging(faults, *rehearsed).row();
  SweepRow row;
  row.faults = faults;
  row.struck = true;
  row.ending = "none";
  row.reason = rehearsed.error().message;
  row.findings.push_back("it could not be rehearsed: " + rehearsed.error().message);
  return row;
}

Sweep sweep(const RehearsedPlaybook& playbook, const Rehearsed& baseline, const RehearseWith& run,
            const SweepSettings& settings, Coverage& coverage) {
  const auto began = std::chrono::steady_clock::now();
  Sweep out;
  out.scenario = baseline.scenario;
  FaultList faults = single_faults(*playbook.graph, *playbook.actions, baseline.history);
  out.beyond = faults.beyond.size();
  std::vector<std::vector<Fault>> all;
  for (const Fault& fault : faults.reached) all.push_back({fault});
  if (settings.depth > 1)
    for (std::vector<Fault>& pair : fault_pairs(faults, settings.most_pairs, settings.seed))
      all.push_back(std::move(pair));

  out.rows.resize(all.size());
  std::atomic<size_t> next{0};
  std::mutex covering;
  auto work = [&] {
    for (size_t i = next++; i < all.size(); i = next++) {
      Result<Rehearsed> rehearsed = run(all[i]);
      out.rows[i] = judge_swept(all[i], rehearsed);
      if (!rehearsed) continue;
      std::lock_guard lock(covering);
      coverage.add(rehearsed->record.events);
    }
  };
  const size_t cores = settings.threads > 0 ? settings.threads : std::max(1u, std::thread::hardware_concurrency());
  std::vector<std::thread> threads;
  for (size_t i = 1; i < std::min(cores, all.size()); ++i) threads.emplace_back(work);
  work();
  for (std::thread& thread : threads) thread.join();

  for (const SweepRow& row : out.rows) out.not_struck += !row.struck;
  const auto spent = std::chrono::steady_clock::now() - began;
  out.spent = Duration{std::chrono::duration_cast<std::chrono::microseconds>(spent).count()};
  return out;
}

}  // namespace muster
