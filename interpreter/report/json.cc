#include "interpreter/base/json.h"

#include "interpreter/report/report.h"

namespace muster {
namespace {

Value moment(const std::optional<Timestamp>& at) { return at ? Value(*at) : Value(); }
Value or_null(const Map& map) { return map.empty() ? Value() : Value(map); }
Value or_null(const std::string& text) { return text.empty() ? Value() : Value(text); }
Value seconds(const std::optional<Duration>& duration) { return duration ? Value(duration->as_seconds()) : Value(); }

Map step_value(const TimelineStep& step) {
  return Map{{"id", step.id},
             {"op", step.op},
             {"title", step.title},
             {"kind", step.kind},
             {"state", step.state},
             {"effect", or_null(step.effect)},
             {"attempts", step.attempts},
             {"started_at", moment(step.started_at)},
             {"ended_at", moment(step.ended_at)},
             {"duration", seconds(step.took())},
             {"error", or_null(step.error)},
             {"result", or_null(step.result)},
             {"claims", step.claims},
             {"notes", List(step.notes.begin(), step.notes.end())},
             {"doubt", or_null(step.doubt)},
             {"undone", step.undone ? Value(*step.undone) : Value()}};
}

Map phase_value(const TimelineStep& phase) {
  return Map{{"id", phase.id},
             {"op", phase.op},
             {"title", phase.title},
             {"state", phase.state},
             {"started_at", moment(phase.started_at)},
             {"ended_at", moment(phase.ended_at)},
             {"duration", seconds(phase.took())},
             {"error", or_null(phase.error)}};
}

Value comparison_value(const std::optional<Comparison>& with) {
  if (!with) return {};
  List steps;
  for (const ComparedStep& step : with->steps)
    steps.push_back(Map{{"op", step.op},
                        {"predicted", step.predicted},
                        {"actual", step.actual},
                        {"verdict", step.verdict},
                        {"differs", List(step.differs.begin(), step.differs.end())}});
  return Map{{"at", with->at}, {"by", with->person}, {"summary", with->summary()}, {"steps", std::move(steps)}};
}

}  // namespace

Map to_value(const TimelineGate& gate) {
  List votes;
  for (const Vote& vote : gate.votes)
    votes.push_back(Map{{"person", vote.person},
                        {"verdict", vote.verdict},
                        {"reason", or_null(vote.reason)},
                        {"how", vote.how},
                        {"at", vote.at}});
  return Map{{"gate", gate.op},
             {"title", gate.title},
             {"state", gate.state},
             {"opening", gate.opening},
             {"message", or_null(gate.message)},
             {"opened_at", gate.opened_at},
             {"closed_at", moment(gate.closed_at)},
             {"expires_at", moment(gate.expires_at)},
             {"reason", or_null(gate.reason)},
             {"require_reason", gate.require_reason},
             {"approvers", gate.places},
             {"self_approval_allowed", gate.self_approval_lifted},
             {"guarded", gate.guarded},
             {"evidence", gate.evidence},
             {"changed", gate.changed},
             {"votes", std::move(votes)},
             {"digest", gate.digest}};
}

Value to_value(const Timeline& t) {
  List steps, phases, gates, moments, objectives;
  for (const TimelineStep& step : t.steps) {
    if (step.kind == "phase") {
      phases.push_back(phase_value(step));
    } else {
      steps.push_back(step_value(step));
    }
  }
  for (const TimelineGate& gate : t.gates) gates.push_back(to_value(gate));
  for (const TimelineMoment& moment : t.moments)
    moments.push_back(Map{{"at", moment.at}, {"op", or_null(moment.op)}, {"text", moment.text}});
  for (const TimelineObjective& objective : t.objectives)
    objectives.push_back(Map{{"op", objective.op},
                             {"name", objective.name},
                             {"limit", objective.limit},
                             {"measured", seconds(objective.measured)},
                             {"met", objective.met ? Value(*objective.met) : Value()}});
  return Map{{"id", t.run},
             {"playbook", t.playbook},
             {"version", or_null(t.version)},
             {"title", or_null(t.title)},
             {"state", t.state},
             {"reason", or_null(t.reason)},
             {"exit_code", t.exit_code ? Value(*t.exit_code) : Value()},
             {"started_by", t.started_by},
             {"host", t.host},
             {"owner", or_null(t.owner)},
             {"parent", or_null(t.parent)},
             {"created_at", t.created_at},
             {"ended_at", moment(t.ended_at)},
             {"waited_at_gates", t.waited_at_gates},
             {"self_approval_allowed", t.self_approval_allowed},
             {"inputs", t.inputs},
             {"outputs", t.outputs},
             {"phases", std::move(phases)},
             {"steps", std::move(steps)},
             {"gates", std::move(gates)},
             {"objectives", std::move(objectives)},
             {"moments", std::move(moments)},
             {"not_undone", List(t.not_undone.begin(), t.not_undone.end())},
             {"foreseen", comparison_value(t.comparison)}};
}

std::string render_json(const Timeline& timeline, bool pretty) {
  Value value = to_value(timeline);
  return (pretty ? print_json_pretty(value) : print_json(value)) + "\n";
}

}  // namespace muster
