// Steps: what is read, what the action says that it would do, and what follows from both.
#include <algorithm>

#include "interpreter/checker/checker.h"
#include "interpreter/dryrun/looking_actions.h"
#include "interpreter/dryrun/walk.h"
#include "interpreter/engine/silent.h"
#include "interpreter/plan/parts.h"

namespace muster {
namespace {

const Unknown* unknown_in(const Map& args) {
  for (const auto& [name, value] : args)
    if (const Unknown* found = find_unknown(value)) return found;
  return nullptr;
}

// What a preview is given: it looks at the world for as long as this, in one piece.
constexpr Duration longest_preview = Duration::seconds(600);

}  // namespace

void Walk::know(const Node& node, Foreseen known) { known_.insert_or_assign(node.op.path, std::move(known)); }

bool Walk::is_made_up_for(const Node& node) const {
  for (const Node* at = &node; at->kind != NodeKind::playbook; at = &expansion_.at(at->parent)) {
    if (at->place != Place::body && at->place != Place::always) return true;
    if (!at->rescue.empty()) return true;
    const std::optional<OnFailure>* on_failure = at->step ? &at->step->on_failure : nullptr;
    const std::optional<Defaults>& defaults = parts_.graph.playbook_of(*at).defaults;
    if (on_failure && !*on_failure && !at->is_group() && defaults) on_failure = &defaults->on_failure;
    if (on_failure && *on_failure && **on_failure != OnFailure::fail) return true;
    if (at->step && at->step->retry) return true;
    if (at->is_item()) {
      const Fanout& fanout = *at->step->fanout;
      if (fanout.max_failures || fanout.first_success) return true;
    }
    if (at->kind == NodeKind::choose && at->step->choose->fallback) return true;
  }
  return !parts_.graph.root().rescue.empty();
}

void Walk::failed(const Node& node, size_t entry, std::string message, const std::optional<Error>& error) {
  Foreseen known;
  known.state = StepState::failed;
  known.result_unknown = "`" + short_name(node) + "` fails now";
  if (error) {
    known.error = Map{{"step", node.op.path},
                      {"code", std::string(name_of(error->code))},
                      {"message", error->message},
                      {"effect", "none"}};
  } else {
    known.error = Map{{"step", node.op.path}, {"code", "expression"}, {"message", message}, {"effect", "none"}};
  }
  const bool tries_again = node.step && node.step->retry;
  if (tries_again) known.state_unknown = "known after " + short_name(node);
  know(node, std::move(known));
  LedgerStep& step = at(entry);
  if (tries_again) step.notes.push_back("the run tries again");
  if (!is_made_up_for(node)) ledger_.failures.push_back({node.op.path, message});
  if (step.told == Told::nothing) {
    step.told = Told::unknown;
    step.why = "it fails now";
  }
  step.failure = std::move(message);
}

void Walk::add_outputs(const Node& node, size_t entry, Map& result) {
  const std::vector<Output>& outputs = outputs_of(parts_.graph, node);
  if (outputs.empty()) return;
  const Map own = result;
  Foresight known = names(node);
  known.set_result(&own);
  for (const Output& output : outputs) {
    tl::expected<Value, Diagnostic> value = type_any(output.value, argument_values(node, known));
    if (!value) {
      at(entry).notes.push_back("the output `" + output.name.text + "` cannot be told: " + value.error().message);
      result[output.name.text] = Unknown{value.error().message};
      continue;
    }
    result[output.name.text] = std::move(*value);
  }
  if (!node.is_group()) return;
  Map shown;
  for (const Output& output : outputs) shown[output.name.text] = result[output.name.text];
  at(entry).result = std::move(shown);
}

void Walk::foresee(const Node& node, size_t entry, const Unsure& unsure) {
  {
    Foresight shown = names_for_show(node);
    Diagnostics unshown;
    std::vector<PlannedKey> arguments =
        arguments_of(*node.step, parts_.actions, shown_values(shown), unshown, at(entry).planned.after);
    at(entry).planned.arguments = std::move(arguments);
  }
  LedgerStep& step = at(entry);
  if (node.kind == NodeKind::action) return foresee_action(node, entry, unsure);
  if (node.kind == NodeKind::set) return foresee_set(node, entry, unsure);
  if (node.kind == NodeKind::verify) {
    if (!unsure.empty()) {
      step.told = Told::unknown;
      step.why = unsure;
      Foreseen known;
      known.unknown = "known after " + short_name(node);
      return know(node, std::move(known));
    }
    const std::string change = change_before(node);
    step.before_change = change;
    return verify(node, entry, nullptr, change.empty() ? "" : "known after " + change);
  }
  step.told = unsure.empty() ? Told::predicted : Told::unknown;
  step.why = unsure;
  Foreseen known;
  known.unknown = "known after " + short_name(node);
  switch (node.kind) {
    case NodeKind::fail: {
      std::string message = "the playbook says so";
      if (node.step->fail->message) message = to_text(shown_text(node, *node.step->fail->message));
      step.lines.push_back("the run fails here");
      if (unsure.empty()) return failed(node, entry, std::move(message));
      break;
    }
    case NodeKind::wait:
      step.lines.push_back("the run waits here");
      break;
    case NodeKind::audit:
      step.lines.push_back("a line in the audit log");
      break;
    case NodeKind::manual:
      step.lines.push_back("a person does this, and says so");
      changes_.push_back(short_name(node));
      break;
    default:
      break;
  }
  know(node, std::move(known));
}

void Walk::foresee_set(const Node& node, size_t entry, const Unsure& unsure) {
  Map fields;
  {
    Foresight known = names(node);
    for (const Entry& written : node.step->set->values) {
      tl::expected<Value, Diagnostic> value = type_any(written.value, argument_values(node, known));
      if (!value) {
        if (!unsure.empty()) {
          fields[written.key.text] = Unknown{value.error().message};
          continue;
        }
        ledger_.problems.push_back(value.error());
        return failed(node, entry, value.error().message);
      }
      fields[written.key.text] = std::move(*value);
    }
  }
  LedgerStep& step = at(entry);
  const Unknown* open = unknown_in(fields);
  step.told = unsure.empty() && !open ? Told::predicted : Told::unknown;
  step.why = !unsure.empty() ? unsure : open ? open->why : "";
  Foreseen known;
  known.state = StepState::succeeded;
  if (!unsure.empty()) known.unknown = "known after " + short_name(node);
  known.result = fields;
  step.result = std::move(fields);
  know(node, std::move(known));
}

void Walk::preview(const Node& node, const Action& action, const Map& args, LedgerStep& step) {
  if (!action.preview) {
    step.notes.push_back("the action has no preview");
    return;
  }
  ReadMarks marks;
  DryWorld& world = parts_.world;
  Look look{world.clock, world.files, world.sql, world.http, commands_};
  LookingActions others(parts_.actions, look);
  SilentProgress progress;
  SilentStreams streams;
  const std::string run = "plan";
  StepInput input{args,  run,    node.op,  1,       "",    longest_preview, parts_.stop,
                  marks, others, progress, streams, false, secrets_.all(),  parts_.scripts};
  Trial trial{world.sql_trial, world.scratch};
  others.stand_in(input);
  Result<Preview> seen = action.preview(input, look, trial);
  if (std::optional<std::string> refusal = commands_.take_refusal()) {
    step.told = Told::unknown;
    step.why = *refusal;
    return;
  }
  if (!seen) {
    step.told = Told::unknown;
    step.why = "it cannot be previewed: " + seen.error().message;
    if (!seen.error().hint.empty()) step.notes.push_back(seen.error().hint);
    // What an earlier step has still to bring about may be what is missing.
    if (step.before_change.empty() && seen.error().code != ErrorCode::interrupted)
      failed(node, static_cast<size_t>(&step - ledger_.steps.data()), seen.error().message, seen.error());
    return;
  }
  step.lines = std::move(seen->lines);
  step.facts = std::move(seen->facts);
  if (seen->unknown) {
    step.told = Told::unknown;
    step.why = *seen->unknown;
    return;
  }
  if (!seen->fails || step.told != Told::predicted) return;
  if (step.before_change.empty())
    return failed(node, static_cast<size_t>(&step - ledger_.steps.data()), *seen->fails,
                  fail(ErrorCode::failed, *seen->fails).value());
  step.told = Told::unknown;  // what an earlier step has still to bring about may let it succeed
  step.why = "it would fail as things are now: " + *seen->fails;
}

void Walk::foresee_action(const Node& node, size_t entry, const Unsure& unsure) {
  const ActionCall& call = node.step->actions.front();
  const Action* action = find_action(parts_.actions, call.action.text);
  if (!action) return;
  tl::expected<Map, Diagnostics> args;
  {
    Foresight known = names(node);
    if (!unsure.empty()) known.show_secrets_by_name();
    args = type_arguments(call.args, *action, argument_values(node, known));
  }
  Foreseen nothing;
  nothing.unknown = "known after " + short_name(node);
  LedgerStep& step = at(entry);
  const std::optional<Effect>& beforehand = effects_[node.origin.index];
  const Effect effect = args ? effect_of_call(node, *action, *args) : beforehand.value_or(Effect::write);
  step.planned.effect = effect;
  step.before_change = change_before(node);
  const bool reads = effect == Effect::read;
  if (!reads) changes_.push_back(short_name(node));
  if (!args) {
    const Diagnostic& problem = args.error().front();
    step.told = Told::unknown;
    step.why = problem.message;
    if (!unsure.empty()) return know(node, std::move(nothing));
    ledger_.problems.push_back(problem);
    return failed(node, entry, problem.message);
  }
  const Unknown* open = unknown_in(*args);
  if (reads && unsure.empty() && !open) {
    Answer answer = read(*action, *args, node.op, time_limit(node));
    step.notes.insert(step.notes.end(), answer.notes.begin(), answer.notes.end());
    step.told = answer.unknown.empty() ? Told::read : Told::unknown;
    step.why = answer.unknown;
    if (!answer.unknown.empty()) {
      nothing.unknown = answer.unknown;
      return know(node, std::move(nothing));
    }
    if (!step.before_change.empty()) {
      step.result = std::move(answer.fields);
      step.failure = answer.failure;  // as it is now: in the run it may well answer
      nothing.unknown = "known after " + step.before_change;
      know(node, std::move(nothing));
      if (node.step->verify) verify(node, entry, nullptr, "known after " + step.before_change);
      return;
    }
    if (!answer.fields) return failed(node, entry, answer.failure, answer.error);
    Foreseen known;
    known.state = StepState::succeeded;
    known.result = *answer.fields;
    know(node, known);
    if (node.step->verify) {
      verify(node, entry, &*known.result, "");
      if (!at(entry).failure.empty()) return;
    }
    add_outputs(node, entry, *answer.fields);
    at(entry).result = answer.fields;
    known = known_[node.op.path];
    known.result = std::move(*answer.fields);
    return know(node, std::move(known));
  }
  step.told = reads ? Told::unknown : Told::predicted;
  if (open) {
    step.told = Told::unknown;
    step.why = open->why;
  }
  know(node, nothing);
  preview(node, *action, *args, step);
  if (!unsure.empty()) {
    step.told = Told::unknown;
    step.why = unsure;
  }
  if (node.step->verify && unsure.empty())
    verify(node, entry, nullptr, reads ? nothing.unknown : "known after " + short_name(node));
}

}  // namespace muster
