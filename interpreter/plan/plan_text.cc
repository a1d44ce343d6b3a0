// A plan for people and for programs.
#include "interpreter/base/json.h"
#include "interpreter/plan/plan.h"

namespace muster {
namespace {

std::string shown(const Value& value) {
  if (const Unknown* unknown = value.find<Unknown>()) return "(" + unknown->why + ")";
  if (const Duration* duration = value.find<Duration>()) return to_text(*duration);
  if (value.is<List>() || value.is<Map>()) return print_json(value);
  return to_text(value);
}

// `key: value`; a value of several lines stands below its key.
std::string line(const std::string& indent, const std::string& key, const std::string& value) {
  if (value.find('\n') == std::string::npos) return indent + key + ": " + value + "\n";
  std::string out = indent + key + ":\n";
  for (size_t at = 0; at < value.size();) {
    size_t end = std::min(value.find('\n', at), value.size());
    out += indent + "    " + value.substr(at, end - at) + "\n";
    at = end + 1;
  }
  return out;
}

// Lists and maps with unknowns inside: their own words, not JSON's.
std::string shown_deep(const Value& value) {
  if (!find_unknown(value)) return shown(value);
  if (const List* list = value.find<List>()) {
    std::string out;
    for (const Value& item : *list) out += (out.empty() ? "" : ", ") + shown_deep(item);
    return "[" + out + "]";
  }
  if (const Map* map = value.find<Map>()) {
    std::string out;
    for (const auto& [key, item] : *map) out += (out.empty() ? "" : ", ") + key + ": " + shown_deep(item);
    return "{" + out + "}";
  }
  return shown(value);
}

std::string gate_text(const PlannedGate& gate, const std::string& indent) {
  std::string out = indent + "gate" + (gate.message.is_null() ? "" : ": " + shown(gate.message)) + "\n";
  for (const std::string& rule : gate.rules) out += indent + "  " + rule + "\n";
  std::string guards;
  for (const std::string& path : gate.guards) guards += (guards.empty() ? "" : ", ") + path;
  return out + indent + "  guards: " + (guards.empty() ? "nothing that changes anything" : guards) + "\n";
}

Value gate_value(const PlannedGate& gate) {
  return Map{{"message", gate.message},
             {"rules", List(gate.rules.begin(), gate.rules.end())},
             {"guards", List(gate.guards.begin(), gate.guards.end())}};
}

Map keys_value(const std::vector<PlannedKey>& keys) {
  Map out;
  for (const PlannedKey& key : keys) out[key.key] = key.value;
  return out;
}

}  // namespace

std::string text_of(const Plan& plan) {
  std::string out = plan.playbook + (plan.version.empty() ? "" : " " + plan.version) +
                    (plan.title.empty() ? "" : ": " + plan.title) + "\n" +
                    "Nothing was touched: what only the world can tell stays open.\n";
  if (!plan.inputs.empty()) out += "\ninputs:\n";
  for (const PlannedKey& input : plan.inputs)
    out += line("  ", input.key, input.value.is_null() ? "(not given)" : shown_deep(input.value));
  if (!plan.keys.empty()) out += "\n";
  for (const PlannedKey& key : plan.keys) out += line("", key.key, shown_deep(key.value));
  if (plan.gate) out += "\n" + gate_text(*plan.gate, "");
  size_t number = 0;
  for (const PlannedStep& step : plan.steps) {
    const std::string indent(static_cast<size_t>(step.depth) * 2, ' ');
    if (step.depth == 0) out += "\n";
    bool is_group = step.what == "phase" || step.what == "steps";
    out += indent;
    if (!is_group) out += std::to_string(++number) + ". ";
    out += step.path + (is_group ? "" : "  " + step.what);
    if (step.effect) out += "  " + std::string(name_of(*step.effect));
    if (!step.list.empty()) out += "  (" + step.list + ")";
    if (!step.title.is_null()) out += "  " + shown(step.title);
    out += "\n";
    const std::string inner = indent + (is_group ? "  " : "     ");
    if (step.skipped) out += inner + "skipped: its `when` is false\n";
    if (step.gate) out += gate_text(*step.gate, inner);
    for (const PlannedKey& argument : step.arguments) out += line(inner, argument.key, shown_deep(argument.value));
    for (const PlannedKey& key : step.keys) {
      std::string value = shown_deep(key.value);
      if (key.key == "when" && step.when) value += "  -> " + shown(*step.when);
      out += line(inner, key.key, value);
    }
  }
  return out;
}

Value value_of(const Plan& plan) {
  List steps;
  for (const PlannedStep& step : plan.steps) {
    Map row{{"path", step.path},
            {"what", step.what},
            {"depth", step.depth},
            {"list", step.list.empty() ? Value("body") : Value(step.list)},
            {"title", step.title},
            {"effect", step.effect ? Value(name_of(*step.effect)) : Value()},
            {"gate", step.gate ? gate_value(*step.gate) : Value()},
            {"when", step.when ? *step.when : Value()},
            {"skipped", step.skipped},
            {"arguments", keys_value(step.arguments)},
            {"known_after", List(step.after.begin(), step.after.end())},
            {"says", keys_value(step.keys)}};
    steps.push_back(std::move(row));
  }
  return Map{{"playbook", plan.playbook},
             {"version", plan.version.empty() ? Value() : Value(plan.version)},
             {"title", plan.title.empty() ? Value() : Value(plan.title)},
             {"offline", true},
             {"inputs", keys_value(plan.inputs)},
             {"says", keys_value(plan.keys)},
             {"gate", plan.gate ? gate_value(*plan.gate) : Value()},
             {"steps", std::move(steps)}};
}

}  // namespace muster
