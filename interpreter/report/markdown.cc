#include <algorithm>

#include "interpreter/base/lua_places.h"
#include "interpreter/report/report.h"
#include "interpreter/report/wording.h"

namespace muster {
namespace {

// Text that must stay text: nothing in it may become markup, a table's border or an entity.
std::string plain(std::string_view text) {
  std::string out;
  for (char c : safe_line(text)) {
    if (std::string_view("\\`*_[]<>|&~#").find(c) != std::string_view::npos) out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

// A code span. Backquotes would end it, and in a table even here a bar would end the cell.
std::string code(std::string_view text, bool in_table = false) {
  std::string out;
  for (char c : safe_line(text)) {
    if (in_table && c == '|') out.push_back('\\');
    out.push_back(c == '`' ? '\'' : c);
  }
  return "`" + out + "`";
}

// Lines as they are, between fences longer than any row of backquotes in them.
std::string fenced(std::string_view text) {
  size_t longest = 2, row = 0;
  for (char c : text) {
    row = c == '`' ? row + 1 : 0;
    longest = std::max(longest, row);
  }
  std::string fence(longest + 1, '`');
  return fence + "text\n" + indented(text, "") + fence + "\n";
}

bool is_held(const Map& claim) {
  const Value* held = member(claim, "held");
  return held && held->is<bool>() && held->get<bool>();
}

std::string claim_line(const Map& claim) {
  std::string name = text_of(claim, "name");
  std::string out = code(text_of(claim, "claim")) + (name.empty() ? "" : " (" + plain(name) + ")");
  out += is_held(claim) ? " held" : " did **not** hold";
  if (const Value* parts = member(claim, "parts"); parts && parts->is<Map>())
    for (const auto& [text, value] : parts->get<Map>()) out += ", " + code(text + " = " + to_text(value));
  std::string reason = text_of(claim, "reason");
  if (!reason.empty()) out += ": " + plain(reason);
  return out;
}

std::string facts(const Timeline& t) {
  std::string out = "| | |\n| --- | --- |\n";
  out += "| started | " + second_of(t.created_at) + " by " + plain(t.started_by) + " on " + plain(t.host) + " |\n";
  if (t.ended_at)
    out += "| ended | " + second_of(*t.ended_at) + ", after " + spent(*t.ended_at - t.created_at) + " |\n";
  if (t.waited_at_gates.us > 0) out += "| waited at gates | " + spent(t.waited_at_gates) + " |\n";
  if (!t.parent.empty()) out += "| tries again | run " + code(t.parent, true) + " |\n";
  for (const TimelineObjective& objective : t.objectives) {
    out += std::string("| ") + (objective.name == "rto" ? "recovery time objective" : "recovery point objective") +
           (objective.is_of_run() ? "" : " of " + code(objective.op, true)) + " | " + to_text(objective.limit) + ", ";
    out += objective.met ? (*objective.met ? "met" : "**missed**") : "not measured";
    out += (objective.measured ? " with " + spent(*objective.measured) : "") + " |\n";
  }
  if (t.self_approval_allowed) out += "| self-approval | **allowed**: the configuration is that of a team of one |\n";
  for (const auto& [name, value] : t.inputs)
    out += "| input " + plain(name) + " | " + code(short_value(value), true) + " |\n";
  for (const auto& [name, value] : t.outputs)
    out += "| output " + plain(name) + " | " + code(short_value(value), true) + " |\n";
  return out;
}

std::string decision(const TimelineGate& gate) {
  std::string out = "\n### Gate " + plain(gate.op) + ": " + gate.state + "\n\n";
  if (!gate.message.empty()) out += "> " + plain(gate.message) + "\n\n";
  out += "- opened " + second_of(gate.opened_at) +
         (gate.closed_at ? ", closed after " + spent(*gate.closed_at - gate.opened_at) : "") + "\n";
  for (const Vote& vote : gate.votes)
    out += "- " + second_of(vote.at) + " " + plain(vote.person) + " said **" + plain(vote.verdict) + "**" +
           (vote.how.empty() ? "" : " (" + plain(vote.how) + ")") +
           (vote.reason.empty() ? "" : ": " + plain(vote.reason)) + "\n";
  if (gate.votes.empty() && !gate.reason.empty()) out += "- " + plain(gate.reason) + "\n";
  if (gate.self_approval_lifted)
    out +=
        "- **Self-approval was allowed**: the configuration is that of a team of one, so the starter may have approved "
        "this gate.\n";
  if (gate.state == name_of(GateState::broken_glass))
    out += "- **the glass was broken**: one person passed it alone; the review says what came of it\n";
  for (const auto& [name, found] : gate.evidence)
    out += "- evidence " + code(name) + ": " + code(short_value(found, 300)) + "\n";
  for (const Value& line : gate.changed) out += "- shown again: " + plain(to_text(line)) + "\n";
  out += "- bound to " + code(gate.digest) + ", which covers what was shown:\n";
  for (const Value& item : gate.guarded) {
    const Map* step = item.find<Map>();
    if (!step) continue;
    std::string effect = text_of(*step, "effect"), undo = text_of(*step, "rollback");
    std::string may_follow = why_it_may_follow(*step);
    if (!may_follow.empty()) may_follow = ", " + plain(may_follow);
    out += "  - " + code(text_of(*step, "op")) + " " + plain(text_of(*step, "action")) +
           (effect.empty() ? "" : ", " + plain(effect)) + may_follow +
           (undo.empty() ? "" : "; rollback: " + plain(undo)) + "\n";
    if (const Value* lines = member(*step, "lines"); lines && lines->is<List>())
      for (const Value& line : lines->get<List>()) out += "    - " + code(to_text(line)) + "\n";
  }
  return out;
}

std::string step_row(const TimelineStep& step) {
  std::string name = step.kind == "phase" ? "**" + plain(step.title) + "**" : plain(step.title);
  std::string rest;
  if (step.attempts > 1) rest = std::to_string(step.attempts) + " attempts";
  auto say = [&](const std::string& text) { rest += (rest.empty() ? "" : "; ") + plain(text); };
  if (!step.error.empty() && !step.is_group) say(text_of(step.error, "message"));
  if (std::string places = lua_places(step.error); !places.empty() && !step.is_group) say(places);
  if (!step.doubt.empty()) say(step.doubt);
  return "| " + (step.started_at ? clock_of(*step.started_at) : "") + " | " + name + " (" + code(step.op, true) +
         ") | " + step.state + " | " + (step.took() ? spent(*step.took()) : "") + " | " + rest + " |\n";
}

std::string details(const TimelineStep& step) {
  std::string lines;
  for (const Value& claim : step.claims)
    if (const Map* map = claim.find<Map>()) lines += "- " + claim_line(*map) + "\n";
  for (const std::string& note : step.notes) lines += "- " + plain(note) + "\n";
  // What a command printed is `muster logs`' to show.
  if (step.kind != "shell" && !step.is_group)
    for (const auto& [name, value] : step.result)
      if (!value.is_null()) lines += "- " + plain(name) + ": " + code(short_value(value)) + "\n";
  std::string diagnostic = step.is_group ? "" : text_of(step.error, "diagnostic");
  if (!diagnostic.empty()) lines += "\n" + fenced(diagnostic);
  return lines.empty() ? "" : "\n### " + plain(step.title) + "\n\n" + lines;
}

std::string comparison(const Comparison& with) {
  std::string out = "\n## Predicted and actual\n\nThe dry run at " + second_of(with.at) + " by " + plain(with.person) +
                    ": " + with.summary() + ".\n\n| step | foreseen | happened | |\n| --- | --- | --- | --- |\n";
  for (const ComparedStep& step : with.steps) {
    std::string differs;
    for (const std::string& one : step.differs) differs += (differs.empty() ? "**differs**: " : "; ") + plain(one);
    out += "| " + code(step.op, true) + " | " + plain(short_line(step.predicted, 200)) + " | " +
           plain(short_line(step.actual, 200)) + " | " + differs + " |\n";
  }
  return out;
}

}  // namespace

std::string render_markdown(const Timeline& t) {
  std::string out = "# " + plain(t.title.empty() ? t.playbook : t.title) + "\n\n";
  out += "Run " + code(t.run) + " of " + code(t.playbook + (t.version.empty() ? "" : " " + t.version)) + ": **" +
         plain(t.state) + "**";
  if (!t.reason.empty()) out += ", " + plain(t.reason);
  out += "\n\n" + facts(t);
  if (!t.gates.empty()) out += "\n## Decisions\n";
  for (const TimelineGate& gate : t.gates) out += decision(gate);
  out += "\n## What happened\n\n| began | step | state | took | |\n| --- | --- | --- | --- | --- |\n";
  for (const TimelineStep& step : t.steps) out += step_row(step);
  if (!t.not_undone.empty()) {
    out += "\nNot undone, because no rollback is declared:";
    for (const std::string& op : t.not_undone) out += " " + code(op);
    out += "\n";
  }
  if (t.comparison) out += comparison(*t.comparison);
  if (!t.moments.empty()) out += "\n## Beside the steps\n\n";
  for (const TimelineMoment& moment : t.moments)
    out += "- " + second_of(moment.at) + " " + (moment.op.empty() ? "" : code(moment.op) + ": ") + plain(moment.text) +
           "\n";
  std::string all;
  for (const TimelineStep& step : t.steps) all += details(step);
  if (!all.empty()) out += "\n## Details\n" + all;
  return out;
}

}  // namespace muster
