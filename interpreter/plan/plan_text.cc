// A plan for people and for programs.
#include "interpreter/plan/shown.h"

namespace muster {

std::string text_of(const Plan& plan) {
  std::string out = plan.playbook + (plan.version.empty() ? "" : " " + plan.version) +
                    (plan.title.empty() ? "" : ": " + plan.title) + "\n" +
                    "Nothing was touched: what only the world can tell stays open.\n";
  if (!plan.inputs.empty()) out += "\ninputs:\n";
  for (const PlannedKey& input : plan.inputs)
    out += shown_line("  ", input.key, input.value.is_null() ? "(not given)" : shown(input.value));
  if (!plan.keys.empty()) out += "\n";
  for (const PlannedKey& key : plan.keys) out += shown_line("", key.key, shown(key.value));
  if (plan.gate) out += "\n" + gate_text(*plan.gate, "");
  size_t number = 0;
  constexpr size_t usual_bytes = 640;  // of a step: what is not filled costs nothing, and growing copies all
  out.reserve(out.size() + plan.steps.size() * usual_bytes);
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
    for (const PlannedKey& argument : step.arguments) out += shown_line(inner, argument.key, shown(argument.value));
    for (const PlannedKey& key : step.keys) {
      std::string value = shown(key.value);
      if (key.key == "when" && step.when) value += "  -> " + shown(*step.when);
      out += shown_line(inner, key.key, value);
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
