#include <algorithm>

#include "interpreter/base/lua_places.h"
#include "interpreter/report/report.h"
#include "interpreter/report/wording.h"

namespace muster {
namespace {

std::string padded(std::string text, size_t width) {
  text.resize(std::max(width, text.size() + 2), ' ');
  return text;
}

std::string header(const Timeline& t) {
  std::string out = safe_line(t.playbook) + (t.version.empty() ? "" : " " + safe_line(t.version)) + "  run " + t.run +
                    "  " + t.state + "\n";
  if (!t.reason.empty()) out += "  " + safe_line(t.reason) + "\n";
  if (!t.title.empty()) out += "  " + safe_line(t.title) + "\n";
  out += "  started by " + safe_line(t.started_by) + " on " + safe_line(t.host) + " at " + second_of(t.created_at);
  if (t.ended_at) out += ", ended after " + spent(*t.ended_at - t.created_at);
  if (t.waited_at_gates.us > 0) out += ", of which " + spent(t.waited_at_gates) + " at gates";
  out += "\n";
  if (t.self_approval_allowed) out += "  self-approval was allowed: the configuration is that of a team of one\n";
  for (const TimelineObjective& objective : t.objectives) {
    out += "  " + (objective.is_of_run() ? "" : safe_line(objective.op) + ": ") + objective.name + " " +
           to_text(objective.limit) + ": ";
    out += objective.met ? (*objective.met ? "met" : "missed") : "not measured";
    out += (objective.measured ? ", " + spent(*objective.measured) : "") + "\n";
  }
  return out;
}

std::string step_lines(const TimelineStep& step) {
  std::string out = padded((step.kind == "phase" ? "" : "  ") + safe_line(step.op), 32);
  out += padded(step.state, 14);
  std::string took = step.took() ? spent(*step.took()) : "";
  if (step.attempts > 1) took += (took.empty() ? "" : ", ") + std::to_string(step.attempts) + " attempts";
  out += step.title == step.op ? took : padded(took, 10) + safe_line(step.title);
  while (out.back() == ' ') out.pop_back();
  out += "\n";
  // A group's error is that of the step in it.
  if (!step.error.empty() && !step.is_group) {
    out += "      " + safe_line(text_of(step.error, "message")) + "\n";
    if (std::string places = lua_places(step.error); !places.empty()) out += "        " + safe_line(places) + "\n";
  }
  if (!step.doubt.empty()) out += "      " + safe_line(step.doubt) + "\n";
  for (const std::string& note : step.notes) out += "      " + safe_line(note) + "\n";
  return out;
}

std::string gate_lines(const TimelineGate& gate) {
  std::string out = "gate " + safe_line(gate.op) + "  " + gate.state;
  if (gate.closed_at) out += " after " + spent(*gate.closed_at - gate.opened_at);
  if (!gate.reason.empty() && gate.votes.empty()) out += ": " + safe_line(gate.reason);
  out += "\n";
  for (const Vote& vote : gate.votes)
    out += "  " + second_of(vote.at) + " " + safe_line(vote.person) + " " + vote.verdict +
           (vote.reason.empty() ? "" : ": " + safe_line(vote.reason)) + "\n";
  if (gate.self_approval_lifted) out += "  the starter was allowed to approve it: a team of one\n";
  return out;
}

std::string comparison_lines(const Comparison& with) {
  std::string out =
      "the dry run at " + second_of(with.at) + " by " + safe_line(with.person) + " foresaw: " + with.summary() + "\n";
  out += "  " + padded("step", 30) + padded("foreseen", 44) + "happened\n";
  for (const ComparedStep& step : with.steps) {
    out += "  " + padded(safe_line(step.op), 30) + padded(short_line(step.predicted, 120), 44) +
           short_line(step.actual, 120) + "\n";
    for (const std::string& one : step.differs) out += "      differs: " + safe_line(one) + "\n";
  }
  return out;
}

}  // namespace

std::string render_text(const Timeline& t) {
  std::string out = header(t);
  for (const TimelineStep& step : t.steps) out += step_lines(step);
  for (const TimelineGate& gate : t.gates) out += gate_lines(gate);
  for (const TimelineMoment& moment : t.moments)
    out += second_of(moment.at) + "  " + (moment.op.empty() ? "" : safe_line(moment.op) + ": ") +
           safe_line(moment.text) + "\n";
  if (!t.not_undone.empty()) {
    out += "not undone, because no rollback is declared:";
    for (const std::string& op : t.not_undone) out += " " + safe_line(op);
    out += "\n";
  }
  if (t.comparison) out += comparison_lines(*t.comparison);
  for (const auto& [name, value] : t.outputs) out += "output " + safe_line(name) + " = " + short_value(value) + "\n";
  return out;
}

}  // namespace muster
