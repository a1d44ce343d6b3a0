// Templates and arguments with the values of this run.
#include "interpreter/base/json.h"
#include "interpreter/checker/checker.h"
#include "interpreter/engine/argument_place.h"
#include "interpreter/engine/loop.h"

namespace muster {
namespace {

// Who undoes what an earlier run did goes by the names that it gave: what it made may be called after it.
const std::string& run_that_did(const RunHistory& history, const OpId& op, const std::string& run) {
  const OpRecord* done = history.find(OpId{op.path.substr(0, op.path.find("~rollback"))});
  return done && !done->carried_from.empty() ? done->carried_from : run;
}

}  // namespace

RunEnvironment Engine::Loop::environment(const Node& node, Timestamp at) {
  auto [state, reason] = ending_now();
  RunFacts facts{run_that_did(history_, node.op, run_), std::string(name_of(state)), reason,
                 text_of(history_.created, "starter"), history_.created_at};
  RunEnvironment names(expansion_, node, history_, inputs_, std::move(facts), at);
  names.set_scripts(parts_.scripts);
  names.set_unstored(&unstored_);
  names.set_zones(&zones_, &parts_.world->files);
  names.set_secrets(&secrets_, secret_prefix(node));
  if (const Node* called = called_above(node)) {
    const OpRecord* op = history_.find(called->op);
    if (op && op->inputs) {
      names.set_inputs(&*op->inputs);
    } else if (tl::expected<Map, Map> inputs = inputs_of_call(*called, at)) {
      names.keep_inputs(std::move(*inputs));
    } else {
      names.set_inputs_unknown(text_of(inputs.error(), "message"));
    }
  }
  if (std::optional<const Map*> failure = failure_above(node)) {
    names.set_no_error();
    names.set_error(*failure);
  }
  return names;
}

Map Engine::Loop::expression_error(const Diagnostic& diagnostic) const {
  std::string drawn = parts_.files ? render(diagnostic, *parts_.files) : diagnostic.message;
  return Map{{"code", "expression"}, {"message", diagnostic.message}, {"effect", "none"}, {"diagnostic", drawn}};
}

std::string Engine::Loop::drawn_in_argument(const Node& node, const Error& error) const {
  if (!error.place || !parts_.files || !node.step || node.step->actions.empty()) return {};
  std::optional<Span> at = span_of_place(node.step->actions.front().args, *error.place, *parts_.files);
  if (!at) return {};
  Diagnostic wrong;
  wrong.code = std::string(name_of(error.code));
  wrong.at = *at;
  wrong.message = error.message;
  wrong.help = error.hint;
  return render(wrong, *parts_.files);
}

ArgumentValues Engine::Loop::argument_values(const Node& node, RunEnvironment& names) {
  ArgumentValues values;
  values.only_used_connections = true;
  values.text = [&names](const Template& text, bool is_url) {
    return is_url ? evaluate_url(text, names) : evaluate(text, names);
  };
  values.connection = [this, &node, &names](const Name& name) -> tl::expected<Value, Diagnostic> {
    for (const ConnectionDeclaration& declared : parts_.graph->playbook_of(node).connections) {
      if (declared.name.text != name.text) continue;
      tl::expected<Map, Diagnostics> settings = type_connection(declared, argument_values(node, names));
      if (!settings) return tl::unexpected(settings.error().front());
      return Value(std::move(*settings));
    }
    Diagnostic missing;
    missing.code = "unknown-connection";
    missing.at = name.at;
    missing.message = "no connection is called `" + name.text + "`";
    return tl::unexpected(missing);
  };
  return values;
}

const Action& Engine::Loop::action_of(const ActionCall& call) const {
  const Action* action = find_action(*parts_.actions, call.action.text);
  assert(action && "the checker knows every action");
  return *action;
}

tl::expected<Map, Map> Engine::Loop::render_args(const Node& node, const ActionCall& call, const Action& action,
                                                 RunEnvironment& names) {
  tl::expected<Map, Diagnostics> args = type_arguments(call.args, action, argument_values(node, names));
  if (!args) return tl::unexpected(expression_error(args.error().front()));
  // What was chosen when the gate above opened is what runs.
  if (const Node* gate = gate_above(node)) {
    const Value* pins = member(record(*gate).gate.shown, "pinned");
    const Value* mine = pins ? member(*pins, node.op.path) : nullptr;
    if (mine && mine->is<Map>())
      for (const auto& [name, value] : mine->get<Map>()) (*args)[name] = value;
  }
  return std::move(*args);
}

tl::expected<bool, Map> Engine::Loop::ask(const Expression& expression, RunEnvironment& names) {
  tl::expected<Evaluation, Diagnostic> answer = evaluate(expression, names);
  if (!answer) return tl::unexpected(expression_error(answer.error()));
  if (const bool* yes = answer->value.find<bool>()) return *yes;
  Diagnostic wrong;
  wrong.code = "expression-failed";
  wrong.at = expression.at;
  wrong.message =
      "`" + expression.text + "` must yield true or false, and yields " + std::string(type_name(answer->value));
  return tl::unexpected(expression_error(wrong));
}

tl::expected<Value, Map> Engine::Loop::value_of(const Template& text, RunEnvironment& names) {
  tl::expected<Value, Diagnostic> value = evaluate(text, names);
  if (!value) return tl::unexpected(expression_error(value.error()));
  return std::move(*value);
}

std::optional<Duration> Engine::Loop::duration_of(const Node& node, const std::optional<DurationText>& text) {
  if (!text) return std::nullopt;
  if (text->known) return text->known;
  RunEnvironment names = environment(node, now());
  tl::expected<Value, Map> value = value_of(text->text, names);
  if (!value) return std::nullopt;
  if (const Duration* duration = value->find<Duration>()) return *duration;
  if (const auto* written = value->find<std::string>()) return parse_duration(*written);
  if (const auto* seconds = value->find<int64_t>()) return Duration::seconds(*seconds);
  if (const auto* seconds = value->find<double>()) return Duration{static_cast<int64_t>(*seconds * 1e6)};
  return std::nullopt;
}

std::optional<int64_t> Engine::Loop::integer_of(const Node& node, const IntegerText& text) {
  if (text.known) return text.known;
  RunEnvironment names = environment(node, now());
  tl::expected<Value, Map> value = value_of(text.text, names);
  if (!value) return std::nullopt;
  if (const auto* number = value->find<int64_t>()) return *number;
  return std::nullopt;
}

}  // namespace muster
