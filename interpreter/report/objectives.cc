#include "interpreter/report/objectives.h"

#include <algorithm>

#include "interpreter/graph/expansion.h"
#include "interpreter/graph/objectives.h"

namespace muster {
namespace {

bool stands_in(const std::string& path, const std::string& group) {
  return path.size() > group.size() && path.compare(0, group.size(), group) == 0 &&
         std::string_view("/[~").find(path[group.size()]) != std::string_view::npos;
}

// How far a group has come, and when.
struct Stretch {
  Timestamp from;
  std::optional<Timestamp> to;  // it has ended
  bool well = false;            // and what it was for was done
};

class Measuring {
 public:
  Measuring(const Expansion& expansion, const RunHistory& history, Timeline& out)
      : expansion_(expansion), history_(history), out_(out) {}

  void group(const Node& node) {
    const std::optional<Objectives>& declared = objectives_of(expansion_.graph(), node);
    if (!declared) return;
    // A called playbook goes by the name of the step that calls it.
    const OpId& shown = node.kind == NodeKind::called ? expansion_.at(node.parent).op : node.op;
    if (std::optional<Duration> limit = limit_of(node, "rto", declared->rto)) add(rto(node, shown, *limit));
    if (std::optional<Duration> limit = limit_of(node, "rpo", declared->rpo)) add(rpo(node, shown, *limit));
  }

 private:
  void add(TimelineObjective objective) { out_.objectives.push_back(std::move(objective)); }

  std::optional<Duration> limit_of(const Node& node, std::string_view name, const std::optional<DurationText>& text) {
    if (!text) return std::nullopt;
    if (text->known) return text->known;
    const OpRecord* record = history_.find(node.op);
    const Value* limit = record ? member(record->objectives, name) : nullptr;
    return limit && limit->is<Duration>() ? std::optional(limit->get<Duration>()) : std::nullopt;
  }

  std::optional<Stretch> span_of(const Node& node) {
    if (node.kind == NodeKind::playbook)
      return Stretch{out_.created_at, out_.ended_at, out_.state == name_of(RunState::succeeded)};
    const OpRecord* record = history_.find(node.op);
    if (!record) return std::nullopt;
    std::optional<Timestamp> from = record->started_at;
    for (const TimelineGate& gate : out_.gates)  // of all its showings the first
      if (gate.op == node.op.path && (!from || gate.opened_at < *from)) from = gate.opened_at;
    if (!from || record->state == StepState::skipped || record->state == StepState::already_done) return std::nullopt;
    Stretch span{*from, {}, record->state == StepState::succeeded || record->state == StepState::recovered};
    if (is_final(record->state)) span.to = record->ended_at;
    if (!span.to && out_.ended_at) span.to = out_.ended_at;  // the run ended around it
    return span;
  }

  TimelineObjective rto(const Node& node, const OpId& shown, Duration limit) {
    TimelineObjective rto{"rto", limit, {}, {}, shown.path};
    std::optional<Stretch> span = span_of(node);
    if (!span || !span->to) return rto;
    if (span->well) rto.measured = *span->to - span->from;
    rto.met = span->well && *rto.measured <= limit;
    return rto;
  }

  // What was lost is as long as the oldest data that was put in place is old.
  TimelineObjective rpo(const Node& node, const OpId& shown, Duration limit) {
    TimelineObjective rpo{"rpo", limit, {}, {}, shown.path};
    for (const TimelineStep& step : out_.steps) {
      if (step.kind != "restore" || step.effect.empty() || step.state != name_of(StepState::succeeded)) continue;
      if (node.kind != NodeKind::playbook && !stands_in(step.op, shown.path)) continue;
      const Value* age = member(step.result, "age");
      if (age && age->is<Duration>()) rpo.measured = std::max(rpo.measured.value_or(Duration{0}), age->get<Duration>());
    }
    if (rpo.measured) rpo.met = *rpo.measured <= limit;
    return rpo;
  }

  const Expansion& expansion_;
  const RunHistory& history_;
  Timeline& out_;
};

}  // namespace

void measure_objectives(const StepGraph& graph, const RunHistory& history, Timeline& out) {
  Expansion expansion(graph, history.in_order());
  Measuring measuring(expansion, history, out);
  for (const Node* node : expansion.in_order()) measuring.group(*node);
}

}  // namespace muster
