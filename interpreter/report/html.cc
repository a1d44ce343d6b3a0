#include "interpreter/base/html.h"

#include "interpreter/base/lua_places.h"
#include "interpreter/report/report.h"
#include "interpreter/report/wording.h"

namespace muster {
namespace {

std::string row(const std::string& name, const std::string& value) {
  return "<tr><th>" + name + "</th><td>" + value + "</td></tr>\n";
}

std::string code(std::string_view text) { return "<code>" + html_text(text) + "</code>"; }

std::string objective_row(const TimelineObjective& one) {
  std::string name = one.name == "rto" ? "recovery time objective" : "recovery point objective";
  if (!one.is_of_run()) name += " of " + code(one.op);
  std::string met = !one.met ? "not measured" : *one.met ? "met" : "<span class=\"bad\">missed</span>";
  return row(name, to_text(one.limit) + ", " + met + (one.measured ? " with " + spent(*one.measured) : ""));
}

std::string facts(const Timeline& t) {
  std::string out =
      "<table>\n" + row("run", code(t.run)) +
      row("started", second_of(t.created_at) + " by " + html_text(t.started_by) + " on " + html_text(t.host));
  if (t.ended_at) out += row("ended", second_of(*t.ended_at) + ", after " + spent(*t.ended_at - t.created_at));
  if (t.waited_at_gates.us > 0) out += row("waited at gates", spent(t.waited_at_gates));
  if (!t.parent.empty()) out += row("tries again", "run " + code(t.parent));
  for (const TimelineObjective& one : t.objectives) out += objective_row(one);
  if (t.self_approval_allowed)
    out += row("self-approval", "<b>allowed</b>: the configuration is that of a team of one");
  for (const auto& [name, value] : t.inputs) out += row("input " + html_text(name), code(short_value(value)));
  for (const auto& [name, value] : t.outputs) out += row("output " + html_text(name), code(short_value(value)));
  return out + "</table>\n";
}

std::string decision(const TimelineGate& gate) {
  std::string out = "<h3>Gate " + code(gate.op) + ": " + html_text(gate.state) + "</h3>\n";
  if (!gate.message.empty()) out += "<p>" + html_text(gate.message) + "</p>\n";
  out += "<ul>\n<li>opened " + second_of(gate.opened_at) +
         (gate.closed_at ? ", closed after " + spent(*gate.closed_at - gate.opened_at) : "") + "</li>\n";
  for (const Vote& vote : gate.votes)
    out += "<li>" + second_of(vote.at) + " " + html_text(vote.person) + " said <b>" + html_text(vote.verdict) + "</b>" +
           (vote.reason.empty() ? "" : ": " + html_text(vote.reason)) + "</li>\n";
  if (gate.votes.empty() && !gate.reason.empty()) out += "<li>" + html_text(gate.reason) + "</li>\n";
  if (gate.self_approval_lifted) out += "<li><b>the starter was allowed to approve it</b>: a team of one</li>\n";
  if (gate.state == name_of(GateState::broken_glass))
    out += "<li class=\"bad\">the glass was broken: one person passed it alone</li>\n";
  for (const auto& [name, found] : gate.evidence)
    out += "<li>evidence " + code(name) + ": " + code(short_value(found, 300)) + "</li>\n";
  out += "<li>bound to " + code(gate.digest) + ", which covers what was shown:<ul>\n";
  for (const Value& item : gate.guarded) {
    const Map* step = item.find<Map>();
    if (!step) continue;
    out += "<li>" + code(text_of(*step, "op")) + " " + html_text(text_of(*step, "action")) + " " +
           html_text(text_of(*step, "effect"));
    if (const Value* lines = member(*step, "lines"); lines && lines->is<List>())
      for (const Value& line : lines->get<List>()) out += "<br>" + code(to_text(line));
    out += "</li>\n";
  }
  return out + "</ul></li>\n</ul>\n";
}

std::string step_row(const TimelineStep& step) {
  std::string more;
  auto say = [&](const std::string& text) { more += (more.empty() ? "" : "<br>") + text; };
  if (step.attempts > 1) say(std::to_string(step.attempts) + " attempts");
  if (!step.error.empty() && !step.is_group) say(html_text(text_of(step.error, "message")));
  if (std::string places = lua_places(step.error); !places.empty() && !step.is_group) say(html_text(places));
  if (!step.doubt.empty()) say(html_text(step.doubt));
  for (const std::string& note : step.notes) say(html_text(note));
  for (const Value& claim : step.claims)
    if (const Map* map = claim.find<Map>()) {
      const Value* held = member(*map, "held");
      say(code(text_of(*map, "claim")) + (held && held->is<bool>() && held->get<bool>() ? " held" : " did not hold"));
    }
  const bool bad = step.state == name_of(StepState::failed) || step.state == name_of(StepState::in_doubt);
  const std::string title = html_text(step.title);
  return "<tr><td>" + (step.started_at ? clock_of(*step.started_at) : "") + "</td><td>" +
         (step.kind == "phase" ? "<b>" + title + "</b>" : title) + " " + code(step.op) + "</td><td" +
         (bad ? " class=\"bad\"" : "") + ">" + html_text(step.state) + "</td><td>" +
         (step.took() ? spent(*step.took()) : "") + "</td><td>" + more + "</td></tr>\n";
}

std::string comparison(const Comparison& with) {
  std::string out = "<h2>Predicted and actual</h2>\n<p>The dry run at " + second_of(with.at) + " by " +
                    html_text(with.person) + ": " + with.summary() +
                    ".</p>\n<table>\n<tr><th>step</th><th>foreseen</th><th>happened</th><th></th></tr>\n";
  for (const ComparedStep& step : with.steps) {
    std::string differs;
    for (const std::string& one : step.differs) differs += (differs.empty() ? "" : "<br>") + html_text(one);
    out += "<tr><td>" + code(step.op) + "</td><td>" + html_text(short_line(step.predicted, 200)) + "</td><td>" +
           html_text(short_line(step.actual, 200)) + "</td><td" + (differs.empty() ? "" : " class=\"bad\"") + ">" +
           differs + "</td></tr>\n";
  }
  return out + "</table>\n";
}

}  // namespace

std::string render_html(const Timeline& t) {
  const std::string title = t.title.empty() ? t.playbook : t.title;
  std::string body = "<h1>" + html_text(title) + "</h1>\n<p>" +
                     code(t.playbook + (t.version.empty() ? "" : " " + t.version)) + ": <b>" + html_text(t.state) +
                     "</b>" + (t.reason.empty() ? "" : ", " + html_text(t.reason)) + "</p>\n" + facts(t);
  if (!t.gates.empty()) body += "<h2>Decisions</h2>\n";
  for (const TimelineGate& gate : t.gates) body += decision(gate);
  body += "<h2>What happened</h2>\n<table>\n<tr><th>began</th><th>step</th><th>state</th><th>took</th><th></th></tr>\n";
  for (const TimelineStep& step : t.steps) body += step_row(step);
  body += "</table>\n";
  if (!t.not_undone.empty()) {
    body += "<p>Not undone, because no rollback is declared:";
    for (const std::string& op : t.not_undone) body += " " + code(op);
    body += "</p>\n";
  }
  if (t.comparison) body += comparison(*t.comparison);
  if (!t.moments.empty()) body += "<h2>Beside the steps</h2>\n<ul>\n";
  for (const TimelineMoment& moment : t.moments)
    body += "<li>" + second_of(moment.at) + " " + (moment.op.empty() ? "" : code(moment.op) + ": ") +
            html_text(moment.text) + "</li>\n";
  if (!t.moments.empty()) body += "</ul>\n";
  return html_page(title, body);
}

}  // namespace muster
