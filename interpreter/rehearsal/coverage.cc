#include "interpreter/rehearsal/coverage.h"

#include <algorithm>
#include <set>

#include "interpreter/base/json.h"

namespace muster {
namespace {

constexpr std::string_view before_mark = "~before";

// Of the steps between attempts there is a copy for each attempt: the first stands for all.
std::string first_of_copies(std::string path) {
  for (size_t at = path.find(before_mark); at != std::string::npos; at = path.find(before_mark, at)) {
    at += before_mark.size();
    const size_t end = std::min(path.find('/', at), path.size());
    path.replace(at, end - at, "1");
  }
  return path;
}

// What a step with `foreach` does stands in its item.
const Node& body_of(const StepGraph& graph, const Node& node) {
  return node.kind == NodeKind::foreach ? graph.at(node.body.front()) : node;
}

bool is_further_copy(const Node& node) { return first_of_copies(node.op.path) != node.op.path; }

bool says(const Map& body, std::string_view name) {
  const Value* value = member(body, name);
  return value && value->is<bool>() && value->get<bool>();
}

Map body_of(const Event& event) {
  if (event.body.empty()) return {};
  Result<Value> decoded = decode_value(event.body);
  return decoded && decoded->is<Map>() ? std::move(*decoded->find<Map>()) : Map{};
}

}  // namespace

// What was ticked off in one run, once each.
struct Coverage::Run {
  std::set<size_t> hit;
  std::set<std::string> used_up;  // ops whose last attempt so far failed, after others
};

std::string_view plural_of(CoverageKind kind) {
  constexpr std::array<std::string_view, coverage_kinds> words = {"steps",     "branches", "gates",    "rescues",
                                                                  "rollbacks", "retries",  "verifies", "manual"};
  return words[static_cast<size_t>(kind)];
}

Coverage::Coverage(std::shared_ptr<const StepGraph> graph) : graph_(std::move(graph)) { find_points(); }

void Coverage::expect(const Node& node, CoverageKind kind, std::string what, bool expected) {
  std::string name = node.op.path + "|" + what;
  if (by_name_.emplace(std::move(name), points_.size()).second)
    points_.push_back({kind, node.op.path, std::move(what), expected, 0});
}

void Coverage::find_points() {
  for (const Node& node : graph_->nodes()) {
    if (node.kind == NodeKind::called || node.is_item() || is_further_copy(node)) continue;
    const Node& body = body_of(*graph_, node);
    if (const Boxed<Approval>& gate = approval_of(*graph_, node)) {
      expect(node, CoverageKind::gate, "approved");
      expect(node, CoverageKind::gate, "rejected");
      expect(node, CoverageKind::gate, "expired", gate->expires.has_value());
      expect(node, CoverageKind::gate, "voided", !gate->evidence.empty());
      expect(node, CoverageKind::gate, "broken glass", false);
    }
    if (node.kind == NodeKind::option) {
      expect(node, CoverageKind::branch, "chosen");
    } else {
      for (const Node* one : {&node, &body}) {
        const std::optional<Expression>* when = when_of(*one);
        if (!when || !*when) continue;
        expect(node, CoverageKind::branch, "when true");
        expect(node, CoverageKind::branch, "when false");
      }
    }
    const Step* step = node.step;
    if (step && step->done_when) expect(node, CoverageKind::branch, "already done");
    if (!body.is_group()) expect(node, CoverageKind::step, "ran");
    if (step && step->manual) {
      expect(node, CoverageKind::manual, "done");
      expect(node, CoverageKind::manual, "not done in time", step->manual->expires.has_value());
    }
    if (step && step->verify) {
      expect(node, CoverageKind::verify, "verify held");
      expect(node, CoverageKind::verify, "verify failed");
    }
    if (step && !body.is_group()) {
      const bool declared = step->retry && step->retry->attempts.known.value_or(2) > 1;
      expect(node, CoverageKind::retry, "retries used up", declared);  // others may have `defaults`
    }
    if (!body.rescue.empty()) expect(node, CoverageKind::rescue, "rescued");
    if (body.undoes()) expect(node, CoverageKind::rollback, "rolled back");
  }
}

const Node* Coverage::subject_of(const std::string& op) const {
  const Node* node = graph_->find(OpId{first_of_copies(op)});
  if (!node) return nullptr;
  if (node->is_item()) node = &graph_->at(node->parent);
  return node;
}

void Coverage::tick(Run& run, const std::string& op, CoverageKind kind, std::string_view what) {
  const Node* node = subject_of(op);
  if (!node) return;
  auto it = by_name_.find(node->op.path + "|" + std::string(what));
  if (it == by_name_.end() || points_[it->second].kind != kind) return;
  if (run.hit.insert(it->second).second) ++points_[it->second].runs;
}

void Coverage::read(Run& run, const Event& event) {
  const std::string& op = event.op.path;
  Map body = body_of(event);
  const bool failed = member(body, "error") != nullptr;
  if ((event.kind == EventKind::outcome || event.kind == EventKind::verified) && event.attempt > 1) {
    if (failed) {
      run.used_up.insert(op);
    } else {
      run.used_up.erase(op);
    }
  }
  const std::string state = text_of(body, "state");
  switch (event.kind) {
    case EventKind::intent:
    case EventKind::outcome:
      if (event.attempt > 0) tick(run, op, CoverageKind::step, "ran");
      if (state == "recovered") tick(run, op, CoverageKind::rescue, "rescued");
      if (const Node* node = subject_of(op); node && node->step && node->step->manual && event.attempt > 0)
        tick(run, op, CoverageKind::manual, failed ? "not done in time" : "done");
      break;
    case EventKind::verified:
      tick(run, op, CoverageKind::step, "ran");
      if (member(body, "claims")) tick(run, op, CoverageKind::verify, failed ? "verify failed" : "verify held");
      break;
    case EventKind::wait_started:
      if (text_of(body, "reason") == "retry") {
        run.used_up.erase(op);
      } else if (text_of(body, "reason") != "lock") {
        tick(run, op, CoverageKind::step, "ran");
      }
      break;
    case EventKind::evaluated: {
      if (text_of(body, "rescued") == "recovered") tick(run, op, CoverageKind::rescue, "rescued");
      if (std::string chosen = text_of(body, "chosen"); !chosen.empty())
        tick(run, event.op.child(chosen).path, CoverageKind::branch, "chosen");
      const Node* node = subject_of(op);
      if (member(body, "when") && node && node->kind != NodeKind::option)
        tick(run, op, CoverageKind::branch, says(body, "when") ? "when true" : "when false");
      break;
    }
    case EventKind::skipped:
      if (state == "already_done") tick(run, op, CoverageKind::branch, "already done");
      break;
    case EventKind::gate_closed:
      if (op != review_op) {
        std::string verdict = text_of(body, "verdict");
        tick(run, op, CoverageKind::gate, verdict == "broken_glass" ? "broken glass" : verdict);
      }
      break;
    case EventKind::rollback_ended:
      if (says(body, "undone")) tick(run, op, CoverageKind::rollback, "rolled back");
      break;
    default:
      break;
  }
}

void Coverage::add(const std::vector<Event>& events) {
  Run run;
  for (const Event& event : events) read(run, event);
  for (const std::string& op : run.used_up) tick(run, op, CoverageKind::retry, "retries used up");
  ++runs_;
}

namespace {

void count_in(const CoveragePoint& point, CoverageCount& count) {
  if (!point.expected) return;
  ++count.points;
  count.covered += point.runs > 0;
}

}  // namespace

CoverageCount Coverage::count() const {
  CoverageCount out;
  for (const CoveragePoint& point : points_) count_in(point, out);
  return out;
}

CoverageCount Coverage::count(CoverageKind kind) const {
  CoverageCount out;
  for (const CoveragePoint& point : points_)
    if (point.kind == kind) count_in(point, out);
  return out;
}

CoverageCount Coverage::count(const Node& node) const {
  CoverageCount out;
  for (const CoveragePoint& point : points_)
    if (point.op == node.op.path) count_in(point, out);
  return out;
}

}  // namespace muster
