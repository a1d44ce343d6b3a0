// A ledger for people and for programs.
#include <algorithm>

#include "interpreter/base/json.h"
#include "interpreter/base/utf8.h"
#include "interpreter/dryrun/ledger.h"
#include "interpreter/plan/shown.h"

namespace muster {
namespace {

constexpr size_t most_shown = 200;  // characters of a value that was read; JSON has all of it

std::string cut(std::string text) {
  if (text.size() <= most_shown) return text;
  size_t end = most_shown;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;
  return text.substr(0, end) + "…";
}

std::string one_line(const Value& value) {
  std::string text = shown(value);
  while (text.ends_with('\n')) text.pop_back();
  return cut(escape_for_terminal(text, false));
}

std::string values_text(const Map& values, const std::string& indent) {
  std::string out;
  for (const auto& [name, value] : values) {
    const List* rows = value.find<List>();
    if (rows && !rows->empty() &&
        std::all_of(rows->begin(), rows->end(), [](const Value& row) { return row.is<Map>(); })) {
      out += indent + name + ":\n";
      constexpr size_t most_rows = 5;
      for (size_t i = 0; i < rows->size() && i < most_rows; ++i) out += indent + "  " + one_line((*rows)[i]) + "\n";
      if (rows->size() > most_rows) out += indent + "  and " + std::to_string(rows->size() - most_rows) + " more\n";
    } else {
      out += indent + name + ": " + one_line(value) + "\n";
    }
  }
  return out;
}

std::string check_text(const DryCheck& check, const std::string& indent) {
  std::string out =
      indent + check.what + " => " + check.verdict + (check.why.empty() ? "" : ": " + cut(check.why)) + "\n";
  for (const std::string& line : check.lines) out += indent + "   " + escape_for_terminal(line, false) + "\n";
  if (check.result && check.what.starts_with("evidence")) out += values_text(*check.result, indent + "   ");
  return out;
}

std::string step_text(const LedgerStep& step, const std::string& inner) {
  const PlannedStep& planned = step.planned;
  std::string out;
  if (planned.gate) out += gate_text(*planned.gate, inner);
  for (const PlannedKey& argument : planned.arguments) out += shown_line(inner, argument.key, shown(argument.value));
  for (const PlannedKey& key : planned.keys) {
    std::string value = shown(key.value);
    if (key.key == "when" && planned.when) value += "  -> " + shown(*planned.when);
    out += shown_line(inner, key.key, value);
  }
  for (const DryCheck& check : step.checks)
    if (check.what != "verify") out += check_text(check, inner);
  if (step.told != Told::nothing) {
    out += inner + "=> ";
    if (step.ending == "skipped") {
      out += "skipped" + std::string(planned.when ? ": its `when` is false" : ": another one is chosen");
    } else if (step.ending == "already_done") {
      out += "done already: its `done_when` holds";
    } else {
      out += std::string(name_of(step.told));
      if (!step.before_change.empty()) out += ", before the change of `" + step.before_change + "`";
      if (!step.why.empty()) out += ": " + cut(escape_for_terminal(step.why, false));
    }
    out += "\n";
  }
  const std::string below = inner + (step.told == Told::nothing ? "" : "   ");
  if (!step.failure.empty()) out += below + "fails now: " + cut(escape_for_terminal(step.failure, false)) + "\n";
  for (const std::string& line : step.lines) out += below + escape_for_terminal(line, false) + "\n";
  out += values_text(step.facts, below);
  if (step.result) out += values_text(*step.result, below);
  for (const std::string& note : step.notes) out += below + "(" + escape_for_terminal(note, false) + ")\n";
  for (const DryCheck& check : step.checks)
    if (check.what == "verify") out += check_text(check, inner);
  return out;
}

std::string counted(size_t n, const std::string& what) { return std::to_string(n) + " " + what; }

Value check_value(const DryCheck& check) {
  return Map{{"what", check.what},
             {"verdict", check.verdict},
             {"why", check.why.empty() ? Value() : Value(check.why)},
             {"lines", List(check.lines.begin(), check.lines.end())},
             {"result", check.result ? Value(*check.result) : Value()}};
}

List checks_value(const std::vector<DryCheck>& checks) {
  List out;
  for (const DryCheck& check : checks) out.push_back(check_value(check));
  return out;
}

}  // namespace

std::string text_of(const Ledger& ledger) {
  std::string out = ledger.playbook + (ledger.version.empty() ? "" : " " + ledger.version) +
                    (ledger.title.empty() ? "" : ": " + ledger.title) + "\n" +
                    "Dry run: what reads was asked, what writes was only previewed. Nothing was changed.\n";
  if (!ledger.inputs.empty()) out += "\ninputs:\n";
  for (const PlannedKey& input : ledger.inputs)
    out += shown_line("  ", input.key, input.value.is_null() ? "(not given)" : shown(input.value));
  if (!ledger.keys.empty()) out += "\n";
  for (const PlannedKey& key : ledger.keys) out += shown_line("", key.key, shown(key.value));
  if (ledger.gate) out += "\n" + gate_text(*ledger.gate, "");
  for (const DryCheck& check : ledger.evidence) out += check_text(check, "  ");
  size_t number = 0, read = 0, predicted = 0, unknown = 0;
  for (const LedgerStep& step : ledger.steps) {
    const PlannedStep& planned = step.planned;
    const std::string indent(static_cast<size_t>(planned.depth) * 2, ' ');
    if (planned.depth == 0) out += "\n";
    const bool is_group = planned.what == "phase" || planned.what == "steps";
    if (!is_group) {
      read += step.told == Told::read ? 1 : 0;
      predicted += step.told == Told::predicted ? 1 : 0;
      unknown += step.told == Told::unknown ? 1 : 0;
    }
    out += indent + (is_group ? "" : std::to_string(++number) + ". ") + planned.path +
           (is_group ? "" : "  " + planned.what);
    if (planned.effect) out += "  " + std::string(name_of(*planned.effect));
    if (!planned.list.empty()) out += "  (" + planned.list + ")";
    if (!planned.title.is_null()) out += "  " + shown(planned.title);
    out += "\n" + step_text(step, indent + (is_group ? "  " : "     "));
  }
  out +=
      "\n" + counted(read, "read") + ", " + counted(predicted, "predicted") + ", " + counted(unknown, "unknown") + "\n";
  for (const LedgerFailure& failure : ledger.failures)
    out += "it would fail at `" + failure.path + "`: " + cut(escape_for_terminal(failure.message, false)) + "\n";
  for (const std::string& note : ledger.notes) out += note + "\n";
  return out;
}

Value value_of(const Ledger& ledger) {
  List steps;
  for (const LedgerStep& step : ledger.steps) {
    const PlannedStep& planned = step.planned;
    steps.push_back(Map{{"path", planned.path},
                        {"what", planned.what},
                        {"depth", planned.depth},
                        {"list", planned.list.empty() ? Value("body") : Value(planned.list)},
                        {"title", planned.title},
                        {"effect", planned.effect ? Value(name_of(*planned.effect)) : Value()},
                        {"gate", planned.gate ? gate_value(*planned.gate) : Value()},
                        {"when", planned.when ? *planned.when : Value()},
                        {"arguments", keys_value(planned.arguments)},
                        {"says", keys_value(planned.keys)},
                        {"told", step.told == Told::nothing ? Value() : Value(name_of(step.told))},
                        {"why", step.why.empty() ? Value() : Value(step.why)},
                        {"ending", step.ending.empty() ? Value() : Value(step.ending)},
                        {"before_change_of", step.before_change.empty() ? Value() : Value(step.before_change)},
                        {"lines", List(step.lines.begin(), step.lines.end())},
                        {"facts", step.facts},
                        {"result", step.result ? Value(*step.result) : Value()},
                        {"failure", step.failure.empty() ? Value() : Value(step.failure)},
                        {"notes", List(step.notes.begin(), step.notes.end())},
                        {"checks", checks_value(step.checks)}});
  }
  List failures;
  for (const LedgerFailure& failure : ledger.failures)
    failures.push_back(Map{{"path", failure.path}, {"message", failure.message}});
  return Map{{"playbook", ledger.playbook},
             {"version", ledger.version.empty() ? Value() : Value(ledger.version)},
             {"title", ledger.title.empty() ? Value() : Value(ledger.title)},
             {"offline", false},
             {"at", ledger.at},
             {"inputs", keys_value(ledger.inputs)},
             {"says", keys_value(ledger.keys)},
             {"gate", ledger.gate ? gate_value(*ledger.gate) : Value()},
             {"evidence", checks_value(ledger.evidence)},
             {"steps", std::move(steps)},
             {"failures", std::move(failures)},
             {"notes", List(ledger.notes.begin(), ledger.notes.end())}};
}

}  // namespace muster
