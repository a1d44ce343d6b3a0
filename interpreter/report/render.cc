#include <cstdio>

#include "interpreter/base/json.h"
#include "interpreter/base/utf8.h"
#include "interpreter/report/report.h"

namespace muster {
namespace {

std::string safe(const std::string& text) { return escape_for_terminal(text, false); }

std::string spent(Duration d) {
  char buffer[48];
  double s = d.as_seconds();
  if (s < 60) {
    std::snprintf(buffer, sizeof buffer, s < 0.1 ? "%.3f s" : "%.1f s", s);
  } else {
    std::snprintf(buffer, sizeof buffer, "%d min %d s", static_cast<int>(s) / 60, static_cast<int>(s) % 60);
  }
  return buffer;
}

std::string short_value(const Value& value) {
  std::string text = safe(to_text(value));
  if (character_count(text) > 100) {
    size_t cut = 100;
    while (cut > 0 && (static_cast<unsigned char>(text[cut]) & 0xC0) == 0x80) --cut;
    text = text.substr(0, cut) + "…";
  }
  return text;
}

std::string took(const TimelineStep& step) {
  return step.started_at && step.ended_at ? spent(*step.ended_at - *step.started_at) : "";
}

Value moment(const std::optional<Timestamp>& at) { return at ? Value(*at) : Value(); }

std::string cell(const std::string& text) {
  std::string out;
  for (char c : safe(text)) {
    if (c == '|' || c == '<' || c == '`' || c == '*' || c == '_' || c == '[') out.push_back('\\');
    out.push_back(c);
  }
  return out;
}

// The words of a code span: backticks inside would end it.
std::string code(const std::string& text) {
  std::string out;
  for (char c : safe(text)) out.push_back(c == '`' ? '\'' : c);
  return "`" + out + "`";
}

bool is_held(const Map& claim) {
  const Value* held = member(claim, "held");
  return held && held->is<bool>() && held->get<bool>();
}

std::string claim_line(const Map& claim) {
  std::string name = text_of(claim, "name");
  std::string out = code(text_of(claim, "claim")) + (name.empty() ? "" : " (" + cell(name) + ")") + (is_held(claim) ? " holds" : " does **not** hold");
  if (const Value* parts = member(claim, "parts"); parts && parts->is<Map>())
    for (const auto& [text, value] : parts->get<Map>()) out += ", " + code(text + " = " + to_text(value));
  std::string reason = text_of(claim, "reason");
  if (!reason.empty()) out += ": " + cell(reason);
  return out;
}

}  // namespace

Value to_value(const Timeline& t) {
  List steps, gates;
  for (const TimelineStep& step : t.steps) {
    if (step.is_group && step.kind != "phase" && step.kind != "group") continue;
    Value duration = step.started_at && step.ended_at ? Value((*step.ended_at - *step.started_at).as_seconds()) : Value();
    steps.push_back(Map{{"id", step.id.empty() ? Value(step.op) : Value(step.id)}, {"op", step.op}, {"title", step.title}, {"kind", step.kind}, {"state", step.state},
                        {"attempts", step.attempts}, {"started_at", moment(step.started_at)}, {"ended_at", moment(step.ended_at)}, {"duration", duration},
                        {"error", step.error.empty() ? Value() : Value(step.error)}, {"result", step.result.empty() ? Value() : Value(step.result)},
                        {"claims", step.claims}, {"notes", List(step.notes.begin(), step.notes.end())}});
  }
  for (const TimelineGate& gate : t.gates) {
    List votes;
    for (const Vote& vote : gate.votes)
      votes.push_back(Map{{"person", vote.person}, {"verdict", vote.verdict}, {"reason", vote.reason}, {"how", vote.how}, {"at", vote.at}});
    gates.push_back(Map{{"gate", gate.op}, {"state", gate.state}, {"message", gate.message}, {"opened_at", gate.opened_at}, {"closed_at", moment(gate.closed_at)},
                        {"expires_at", moment(gate.expires_at)}, {"votes", std::move(votes)}, {"guarded", gate.guarded}, {"approvers", gate.places},
                        {"digest", gate.digest}, {"self_approval_lifted", gate.self_approval_lifted}, {"require_reason", gate.require_reason}, {"reason", gate.reason}});
  }
  return Map{{"id", t.row.id}, {"playbook", t.row.playbook}, {"version", t.row.version}, {"title", t.title}, {"state", t.status}, {"reason", t.reason},
             {"exit_code", t.exit_code ? Value(*t.exit_code) : Value()}, {"started_by", t.started_by}, {"host", t.host}, {"created_at", t.created_at},
             {"ended_at", moment(t.ended_at)}, {"inputs", t.inputs}, {"outputs", t.outputs}, {"steps", std::move(steps)}, {"gates", std::move(gates)},
             {"team_of_one", t.team_of_one}};
}

std::string render_json(const Timeline& timeline, bool pretty) {
  Value value = to_value(timeline);
  return (pretty ? print_json_pretty(value) : print_json(value)) + "\n";
}

std::string render_text(const Timeline& t) {
  std::string out = safe(t.row.playbook) + (t.row.version.empty() ? "" : " " + safe(t.row.version)) + "  run " + t.row.id + "  " + t.status + "\n";
  if (!t.reason.empty()) out += "  " + safe(t.reason) + "\n";
  out += "  started by " + safe(t.started_by) + " on " + safe(t.host) + " at " + to_text(t.created_at);
  if (t.ended_at) out += ", ended after " + spent(*t.ended_at - t.created_at);
  out += "\n";
  for (const TimelineStep& step : t.steps) {
    bool phase = step.kind == "phase";
    std::string line = (phase ? "" : "  ") + step.op;
    line.resize(std::max<size_t>(line.size() + 2, 28), ' ');
    line += step.state;
    if (!took(step).empty()) line += "  " + took(step);
    if (step.attempts > 1) line += "  " + std::to_string(step.attempts) + " attempts";
    if (step.title != step.op) line += "  " + safe(step.title);
    out += line + "\n";
    if (!step.error.empty() && !step.is_group) out += "      " + safe(text_of(step.error, "message")) + "\n";
    if (!step.doubt.empty()) out += "      " + safe(step.doubt) + "\n";
    for (const std::string& note : step.notes) out += "      " + safe(note) + "\n";
  }
  for (const TimelineGate& gate : t.gates) {
    out += "gate " + gate.op + "  " + gate.state;
    for (const Vote& vote : gate.votes) out += "  " + safe(vote.person) + ": " + vote.verdict + (vote.reason.empty() ? "" : " (" + safe(vote.reason) + ")");
    out += "\n";
  }
  return out;
}

std::string render_markdown(const Timeline& t) {
  std::string out = "# " + cell(t.title.empty() ? t.row.playbook : t.title) + "\n\n";
  out += "Run " + code(t.row.id) + " of " + code(t.row.playbook + (t.row.version.empty() ? "" : " " + t.row.version)) + ": **" + t.status + "**";
  if (!t.reason.empty()) out += ", " + cell(t.reason);
  out += "\n\n| | |\n| --- | --- |\n";
  out += "| started | " + to_text(t.created_at) + " by " + cell(t.started_by) + " on " + cell(t.host) + " |\n";
  if (t.ended_at) out += "| ended | " + to_text(*t.ended_at) + ", after " + spent(*t.ended_at - t.created_at) + " |\n";
  if (t.waited_at_gates.us > 0) out += "| waited at gates | " + spent(t.waited_at_gates) + " |\n";
  if (t.rto && t.ended_at) {
    Duration took_all = *t.ended_at - t.created_at;
    out += "| recovery time objective | " + to_text(*t.rto) + ", " + (took_all <= *t.rto ? "met" : "**missed**") + " |\n";
  }
  for (const auto& [name, value] : t.inputs) out += "| input " + cell(name) + " | " + code(short_value(value)) + " |\n";
  for (const auto& [name, value] : t.outputs) out += "| output " + cell(name) + " | " + code(short_value(value)) + " |\n";
  if (!t.gates.empty()) out += "\n## Decisions\n";
  for (const TimelineGate& gate : t.gates) {
    out += "\n### Gate " + cell(gate.op) + ": " + gate.state + "\n\n";
    if (!gate.message.empty()) out += "> " + cell(gate.message) + "\n\n";
    for (const Vote& vote : gate.votes)
      out += "- " + to_text(vote.at) + " " + cell(vote.person) + " said **" + vote.verdict + "**" + (vote.how.empty() ? "" : " (" + cell(vote.how) + ")") +
             (vote.reason.empty() ? "" : ": " + cell(vote.reason)) + "\n";
    if (gate.votes.empty() && !gate.reason.empty()) out += "- " + cell(gate.reason) + "\n";
    if (gate.self_approval_lifted)
      out += "- **Self-approval was allowed**: the configuration is that of a team of one, so the starter may have approved this gate.\n";
    out += "- shown and bound: digest " + code(gate.digest) + "\n";
    for (const Value& item : gate.guarded) {
      const Map* step = item.find<Map>();
      if (!step) continue;
      out += "  - " + code(text_of(*step, "op")) + " " + cell(text_of(*step, "action")) + "\n";
      if (const Value* lines = member(*step, "lines"); lines && lines->is<List>())
        for (const Value& line : lines->get<List>()) out += "    - " + code(to_text(line)) + "\n";
    }
  }
  out += "\n## What happened\n\n| began | step | state | took | |\n| --- | --- | --- | --- | --- |\n";
  for (const TimelineStep& step : t.steps) {
    std::string name = step.kind == "phase" ? "**" + cell(step.title) + "**" : cell(step.title);
    std::string rest;
    if (!step.error.empty() && !step.is_group) rest = cell(text_of(step.error, "message"));
    if (!step.doubt.empty()) rest = cell(step.doubt);
    if (step.attempts > 1) rest = std::to_string(step.attempts) + " attempts" + (rest.empty() ? "" : "; " + rest);
    out += "| " + (step.started_at ? to_text(*step.started_at).substr(11) : "") + " | " + name + " (" + code(step.op) + ") | " + step.state + " | " + took(step) + " | " + rest + " |\n";
  }
  std::string details;
  for (const TimelineStep& step : t.steps) {
    std::string lines;
    for (const Value& claim : step.claims)
      if (const Map* map = claim.find<Map>()) lines += "- " + claim_line(*map) + "\n";
    for (const std::string& note : step.notes) lines += "- " + cell(note) + "\n";
    if (step.kind != "shell" && !step.is_group)
      for (const auto& [name, value] : step.result)
        if (!value.is_null()) lines += "- " + cell(name) + ": " + code(short_value(value)) + "\n";
    if (!lines.empty()) details += "\n### " + cell(step.title) + "\n\n" + lines;
  }
  if (!details.empty()) out += "\n## Details\n" + details;
  return out;
}

}  // namespace muster
