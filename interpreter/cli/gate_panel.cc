#include "interpreter/cli/gate_panel.h"

#include "interpreter/base/shell_quote.h"
#include "interpreter/engine/gates.h"
#include "interpreter/report/wording.h"

namespace muster {
namespace {

std::string guarded_lines(const Map& step, PanelStyle style) {
  std::string effect = text_of(step, "effect"), title = text_of(step, "title"), op = text_of(step, "op");
  std::string out = "    " + painted(safe_line(op), "1", style.colour) + "  " + safe_line(text_of(step, "action"));
  if (!effect.empty()) out += ", " + painted(effect, effect == "destructive" ? "31" : "0", style.colour);
  if (std::string why = why_it_may_follow(step); !why.empty()) out += ", " + safe_line(why);
  // A step that has no title is called by the end of its name.
  if (!title.empty() && title != op && !op.ends_with("/" + title)) out += "  " + safe_line(title);
  out += "\n";
  if (const Value* lines = member(step, "lines"); lines && lines->is<List>())
    for (const Value& line : lines->get<List>()) out += indented(to_text(line), "      ");
  if (const Value* facts = member(step, "facts"); facts && facts->is<Map>())
    for (const auto& [name, value] : facts->get<Map>())
      if (!value.is_null()) out += "      " + safe_line(name) + ": " + short_value(value, 200) + "\n";
  std::string undo = text_of(step, "rollback");
  if (!undo.empty()) out += "      undone, if a later step fails: " + safe_line(undo) + "\n";
  return out;
}

std::string approvers(const RulesOfGate& rules) {
  std::string out;
  for (const RulesOfGate::Place& place : rules.places) {
    out += (out.empty() ? "" : ", and ") + std::to_string(place.count) + " of " + safe_line(place.label);
    std::string people;
    for (const std::string& person : place.people) people += (people.empty() ? "" : ", ") + safe_line(person);
    out += people.empty() ? " (nobody)" : " (" + people + ")";
  }
  return out.empty() ? "anybody" : out;
}

}  // namespace

std::string gate_panel(const std::string& run, const OpRecord& op, PanelStyle style) {
  const Map& shown = op.gate.shown;
  RulesOfGate rules = rules_of(op.gate);
  std::string title = text_of(shown, "title"), message = text_of(shown, "message");
  std::string out = painted("gate " + safe_line(op.op.path), "1", style.colour) +
                    (title.empty() || title == op.op.path ? "" : "  " + safe_line(title)) + "  of run " + run + "\n";
  if (const Value* changed = member(shown, "changed"); changed && changed->is<List>()) {
    out += "  it is shown again, because something has changed:\n";
    for (const Value& line : changed->get<List>()) out += indented(to_text(line), "    ");
  }
  out += indented(message, "  ");
  if (const Value* evidence = member(shown, "evidence"); evidence && evidence->is<Map>())
    for (const auto& [name, found] : evidence->get<Map>()) {
      out += "  evidence " + safe_line(name) + ":\n";
      if (const Map* fields = found.find<Map>())
        for (const auto& [field, value] : *fields)
          if (!value.is_null()) out += "      " + safe_line(field) + ": " + short_value(value, 200) + "\n";
    }
  out += op.op.path == review_op ? "  what was done:\n" : "  what would be done:\n";
  if (const Value* guarded = member(shown, "guarded"); guarded && guarded->is<List>())
    for (const Value& item : guarded->get<List>())
      if (const Map* step = item.find<Map>()) out += guarded_lines(*step, style);
  out += "  approvers: " + approvers(rules) + "\n";
  std::string barred;
  for (const std::string& person : rules.barred) barred += (barred.empty() ? "" : ", ") + safe_line(person);
  if (!barred.empty()) out += "  but not:   " + barred + ", who started, resumed or wrote the run\n";
  if (rules.self_approval_lifted) out += "  the starter may approve it: the configuration is that of a team of one\n";
  if (rules.signatures) out += "  an approval must be signed\n";
  if (rules.require_reason) out += "  a reason must be given\n";
  for (const Vote& vote : op.gate.votes)
    out += "  " + safe_line(vote.person) + " said " + safe_line(vote.verdict) +
           (vote.reason.empty() ? "" : ": " + safe_line(vote.reason)) + "\n";
  if (op.gate.expires_at)
    out += "  expires:   " + second_of(*op.gate.expires_at) +
           (style.local_time ? " (" + local_clock(*op.gate.expires_at) + ")" : "") + "\n";
  return out + "  digest:    " + op.gate.digest.substr(0, 16) + "\n";
}

std::string gate_commands(const std::string& muster, const std::string& run, const OpRecord& gate) {
  std::string what = " " + run + " " + (gate.op.path == review_op ? "review" : shell_quote(gate.op.path));
  RulesOfGate rules = rules_of(gate.gate);
  std::string reason = rules.require_reason ? " --reason TEXT" : "";
  std::string sign = rules.signatures ? " --sign KEY" : "";
  return "  " + muster + " approve" + what + reason + sign + "\n  " + muster + " reject" + what + reason + "\n";
}

std::string muster_as_called(const Invocation& invocation) {
  std::string out = "muster";
  for (const char* flag : {"--store", "--config"})
    if (std::string value = invocation.options.last(flag); !value.empty())
      out += std::string(" ") + flag + " " + shell_quote(value);
  return out;
}

std::string resolve_command_line(const std::string& muster, const std::string& run, const OpRecord& step) {
  return muster + " resolve " + run + " " + shell_quote(step.op.path) +
         " --succeeded|--failed|--retry|--skip|--rollback|--stop --reason TEXT";
}

}  // namespace muster
