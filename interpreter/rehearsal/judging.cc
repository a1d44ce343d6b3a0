#include "interpreter/rehearsal/judging.h"

#include "interpreter/base/json.h"
#include "interpreter/engine/environment.h"
#include "interpreter/expression/evaluate.h"

namespace muster {
namespace {

constexpr size_t most_shown = 400;

std::string shown(const Value& value) {
  std::string text =
      value.is<std::string>() || value.is<List>() || value.is<Map>() ? print_json(value) : to_text(value);
  if (text.size() > most_shown) text = text.substr(0, most_shown) + "...";
  return text;
}

// A run's own names, and `world` and `outputs`.
class ClaimNames final : public Environment {
 public:
  ClaimNames(const RunEnvironment& run, const Value& world, const Value& outputs)
      : run_(run), world_(world), outputs_(outputs) {}
  tl::expected<Found, std::string> find(std::span<const std::string> path) const override {
    if (path[0] == "world") return Found{&world_, 1};
    if (path[0] == "outputs") return Found{&outputs_, 1};
    return run_.find(path);
  }
  tl::expected<Value, std::string> call(const std::string& function, std::span<const Value> arguments) const override {
    return run_.call(function, arguments);
  }
  Timestamp now() const override { return run_.now(); }

 private:
  const RunEnvironment& run_;
  const Value& world_;
  const Value& outputs_;
};

Judged judged(const ScenarioClaim& claim, const Environment& names) {
  Judged out;
  out.at = claim.at;
  out.what = claim.name;
  tl::expected<Evaluation, Diagnostic> answer = evaluate(claim.that, names);
  if (!answer) {
    out.why = answer.error().message;
    for (const Note& note : answer.error().notes) out.parts.push_back(note.message);
    return out;
  }
  const bool* yes = answer->value.find<bool>();
  out.holds = yes && *yes;
  if (!yes) out.why = "it must yield true or false, and yields " + std::string(type_name(answer->value));
  if (!out.holds)
    for (const Part& part : answer->parts) out.parts.push_back(part.text + " = " + shown(part.value));
  return out;
}

Judged judged_step(const ExpectedEnding::StepIs& wanted, const StepGraph& graph, const RunHistory& history) {
  Judged out;
  out.at = wanted.at;
  out.what = wanted.step + " is " + std::string(name_of(wanted.state));
  const Node* node = node_named(graph, wanted.step, false);
  const bool is_path = wanted.step.find('[') != std::string::npos;
  const OpRecord* op = history.find(is_path || !node ? OpId{wanted.step} : node->op);
  // What a run that has ended says nothing of was not reached.
  const StepState state = op ? op->state : history.ended ? StepState::not_reached : StepState::pending;
  out.holds = state == wanted.state;
  if (out.holds) return out;
  out.why = "it is " + std::string(name_of(state));
  if (op && op->error) out.why += ": " + text_of(*op->error, "message");
  return out;
}

}  // namespace

const std::vector<std::string_view>& claim_names() {
  static const std::vector<std::string_view> names = {"inputs", "outputs", "playbook", "run", "steps", "world"};
  return names;
}

void judge(const Scenario& scenario, const RehearsedPlaybook& playbook, const Map& inputs, bool expectations,
           Rehearsed& out) {
  const Expansion expansion(*playbook.graph, out.history.in_order());
  RunFacts facts{out.run, std::string(name_of(out.ending.state)), out.ending.reason, scenario.starter,
                 out.history.created_at};
  RunEnvironment run(expansion, expansion.root(), out.history, inputs, std::move(facts), out.history.last_at);
  run.set_scripts(playbook.scripts.get());
  const OpRecord* root = out.history.find(playbook.graph->root().op);
  const Value results = root && root->result ? Value(*root->result) : Value(Map{});
  const ClaimNames names(run, out.world, results);
  if (expectations) {
    const ExpectedEnding& expect = scenario.expect;
    if (expect.status) {
      Judged status;
      status.at = expect.status_at;
      status.what = "status is " + std::string(name_of(*expect.status));
      status.holds = *expect.status == out.ending.state;
      if (!status.holds)
        status.why = "it is " + std::string(name_of(out.ending.state)) +
                     (out.ending.reason.empty() ? "" : ": " + out.ending.reason);
      out.expectations.push_back(std::move(status));
    }
    if (expect.reason) {
      Judged reason;
      reason.at = expect.reason_at;
      reason.what = "reason contains " + shown(*expect.reason);
      reason.holds = out.ending.reason.find(*expect.reason) != std::string::npos;
      if (!reason.holds) reason.why = "it is " + shown(out.ending.reason);
      out.expectations.push_back(std::move(reason));
    }
    for (const ExpectedEnding::StepIs& wanted : expect.steps)
      out.expectations.push_back(judged_step(wanted, *playbook.graph, out.history));
    for (const auto& [name, value] : expect.outputs) {
      Judged output;
      output.at = expect.outputs_at;
      output.what = "outputs." + name + " is " + shown(value);
      const Value* found = member(results, name);
      output.holds = found && same(*found, value);
      if (!output.holds) output.why = found ? "it is " + shown(*found) : "the run has no output of that name";
      out.expectations.push_back(std::move(output));
    }
    for (const ScenarioClaim& claim : expect.that) out.expectations.push_back(judged(claim, names));
  }
  for (const ScenarioClaim& claim : scenario.invariants) out.invariants.push_back(judged(claim, names));
}

}  // namespace muster
