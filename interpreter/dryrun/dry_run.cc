#include "interpreter/dryrun/dry_run.h"

#include <algorithm>

#include "interpreter/checker/checker.h"
#include "interpreter/dryrun/walk.h"
#include "interpreter/plan/parts.h"

namespace muster {

Walk::Walk(const DryRunParts& parts, const Map& inputs)
    : parts_(parts),
      inputs_(inputs),
      expansion_(parts.graph),
      order_(parts.graph),
      commands_(parts.world.commands),
      now_(parts.world.clock.now()) {
  effects_.resize(parts.graph.nodes().size());
  is_over_.resize(parts.graph.nodes().size());
  for (const Node& node : parts.graph.nodes()) {
    if (node.kind == NodeKind::manual) effects_[node.id.index] = Effect::write;
    if (node.kind != NodeKind::action) continue;
    const ActionCall& call = node.step->actions.front();
    if (const Action* action = find_action(parts.actions, call.action.text))
      effects_[node.id.index] = effect_of(call, *action, node.step->effect, false);
  }
}

Ledger Walk::go() {
  const Playbook& playbook = parts_.graph.playbook();
  ledger_.playbook = playbook.playbook ? playbook.playbook->text : "";
  ledger_.version = playbook.version.value_or("");
  ledger_.title = playbook.title.value_or("");
  ledger_.at = now_;
  for (const Input& input : playbook.inputs) {
    const Value* value = member(inputs_, input.name.text);
    ledger_.inputs.push_back({input.name.text, value ? *value : Value()});
  }
  const Node& root = parts_.graph.root();
  open_secrets(root);
  {
    Foresight shown = names_for_show(root);
    Diagnostics unshown;  // who needs it, tells
    ledger_.keys = keys_beside(playbook, shown_values(shown), parts_.files, unshown);
  }
  if (playbook.approval) {
    ledger_.gate = gate_of(root);
    ledger_.evidence = evidence(root);
  }
  walk_inside(root, "", -1, "");
  if (parts_.stop.stop_requested())
    ledger_.notes.push_back("it was stopped before its end: what is missing was not looked at");
  Redaction redaction = secrets_.redaction();
  withhold(ledger_, redaction);
  redact(ledger_, redaction);
  return std::move(ledger_);
}

size_t Walk::begin(const Node& node, std::string_view list, int depth) {
  LedgerStep step;
  step.planned.path = node.op.path;
  step.planned.what = node.kind == NodeKind::foreach ? "foreach" : what_of(node);
  step.planned.list = list;
  step.planned.depth = depth;
  step.sensitive = node.step && node.step->sensitive.value_or(false);
  if (node.kind == NodeKind::called) step.planned.title = Value(parts_.graph.playbook_of(node).title.value_or(""));
  if (node.phase && node.phase->title) step.planned.title = shown_text(node, *node.phase->title);
  if (node.step && node.step->title && !node.is_item()) step.planned.title = shown_text(node, *node.step->title);
  if (!node.is_item()) step.planned.keys = keys_beside(node, what_of(node), parts_.files);
  ledger_.steps.push_back(std::move(step));
  return ledger_.steps.size() - 1;
}

void Walk::collect_guarded(const Node& node, std::vector<std::string>& out) const {
  const std::optional<Effect>& effect = effects_[node.origin.index];
  if (effect && *effect != Effect::read) out.push_back(node.op.path);
  for (NodeId id : node.body) collect_guarded(expansion_.at(id), out);
}

PlannedGate Walk::gate_of(const Node& node) {
  const Approval& approval = *approval_of(parts_.graph, node);
  PlannedGate gate;
  if (approval.message) gate.message = shown_text(node, *approval.message);
  gate.rules = rules_of(approval, parts_.files);
  collect_guarded(node, gate.guards);
  return gate;
}

void Walk::walk_list(const std::vector<NodeId>& list, std::string_view name, int depth, const Unsure& unsure) {
  for (NodeId id : in_order(list, [this](NodeId at) -> const Node& { return expansion_.at(at); }))
    walk(expansion_.at(id), name, depth, unsure);
}

std::optional<Walk::Unsure> Walk::condition(const Node& node, size_t entry, Unsure unsure) {
  const std::optional<Expression>* when = when_of(node);
  if (!when || !*when) return unsure;
  if (unsure.empty()) open_secrets(node, **when);
  Foresight known = names(node);
  tl::expected<Evaluation, Diagnostic> answer = evaluate(**when, known);
  if (!answer) {
    at(entry).planned.when = Value(Unknown{answer.error().message});
    if (!unsure.empty()) return unsure;
    ledger_.problems.push_back(answer.error());
    failed(node, entry, answer.error().message);
    return std::nullopt;
  }
  at(entry).planned.when = answer->value;
  if (const Unknown* open = answer->value.find<Unknown>())
    return unsure.empty() ? "its `when` is " + open->why : unsure;
  const bool* yes = answer->value.find<bool>();
  if (yes && *yes) return unsure;
  if (!yes) {
    failed(node, entry,
           "`" + (*when)->text + "` must yield true or false, and yields " + std::string(type_name(answer->value)));
    return std::nullopt;
  }
  LedgerStep& step = at(entry);
  step.planned.skipped = true;
  step.ending = "skipped";
  step.told = Told::predicted;
  Foreseen known_now;
  known_now.state = StepState::skipped;
  know(node, std::move(known_now));
  return std::nullopt;
}

void Walk::walk(const Node& node, std::string_view list, int depth, Unsure unsure) {
  if (parts_.stop.stop_requested()) return;
  const size_t entry = begin(node, list, depth);
  std::optional<Unsure> may_not = condition(node, entry, std::move(unsure));
  if (may_not) {
    unsure = std::move(*may_not);
    if (unsure.empty()) open_secrets(node);
    if (node.kind == NodeKind::foreach) {
      if (approval_of(parts_.graph, node)) at(entry).planned.gate = gate_of(node);
      walk_items(node, entry, list, depth, unsure);
    } else if (!unsure.empty() || !is_done(node, entry)) {
      if (approval_of(parts_.graph, node)) {
        at(entry).planned.gate = gate_of(node);
        if (unsure.empty())
          for (DryCheck& check : evidence(node)) at(entry).checks.push_back(std::move(check));
      }
      if (node.is_group()) {
        enter_playbook(node, entry);
        if (node.kind == NodeKind::choose) {
          walk_options(node, entry, list, depth, unsure);
        } else {
          walk_inside(node, list, depth, unsure);
        }
        end_group(node, entry, unsure);
      } else {
        foresee(node, entry, unsure);
        walk_inside(node, list, depth, unsure);
      }
    }
  }
  for (uint32_t i = node.origin.index; i < parts_.graph.at(node.origin).end; ++i) is_over_[i] = true;
}

void Walk::walk_inside(const Node& node, std::string_view list, int depth, const Unsure& unsure) {
  if (node.kind != NodeKind::choose && node.kind != NodeKind::foreach) walk_list(node.body, list, depth + 1, unsure);
  const std::string name = "`" + (node.kind == NodeKind::playbook ? ledger_.playbook : short_name(node)) + "`";
  for (const std::vector<NodeId>& before : node.before)
    walk_list(before, "before", depth + 1, "it runs only when " + name + " is tried again");
  walk_list(node.rescue, "rescue", depth + 1, "it runs only when " + name + " fails");
  const std::vector<std::string> changes = changes_;
  walk_list(node.rollback, "rollback", depth + 1, "it runs only when " + name + " is undone");
  changes_ = changes;  // what comes later in the body never meets what an undo changed
  walk_list(node.always, "always", depth + 1, unsure);
}

void Walk::enter_playbook(const Node& called, size_t entry) {
  if (called.kind == NodeKind::call) {
    Foresight shown = names_for_show(called);
    Diagnostics unshown;
    at(entry).planned.arguments =
        arguments_of(*called.step, parts_.actions, shown_values(shown), unshown, at(entry).planned.after);
  }
  if (called.kind != NodeKind::called) return;
  const Node& call = expansion_.at(called.parent);
  Foresight known = names(call);
  Map given, open;
  for (const Entry& entry_of_call : call.step->call->with) {
    tl::expected<Value, Diagnostic> value = type_any(entry_of_call.value, argument_values(call, known));
    if (!value) {
      ledger_.problems.push_back(value.error());
      open[entry_of_call.key.text] = Unknown{value.error().message};
      continue;
    }
    (find_unknown(*value) ? open : given)[entry_of_call.key.text] = std::move(*value);
  }
  Playbook declared;
  for (const Input& input : call.step->call->called->inputs)
    if (!open.contains(input.name.text)) declared.inputs.push_back(input);
  Diagnostics problems;
  if (std::optional<Map> bound = bind_inputs(declared, given, problems)) {
    for (auto& [name, value] : *bound) open[name] = std::move(value);
  } else if (!problems.empty()) {
    for (const Diagnostic& problem : problems) ledger_.problems.push_back(problem);
    failed(called, entry, problems.front().message);
    for (const Input& input : declared.inputs) open.emplace(input.name.text, Unknown{problems.front().message});
  }
  called_inputs_[called.op.path] = std::move(open);
}

void Walk::walk_items(const Node& loop, size_t entry, std::string_view list, int depth, const Unsure& unsure) {
  const ItemList& written = *loop.step->fanout->foreach;
  std::optional<List> items;
  std::string open;
  {
    Foresight known = names(loop);
    if (const auto* expression = std::get_if<Expression>(&written.list)) {
      tl::expected<Evaluation, Diagnostic> answer = evaluate(*expression, known);
      if (!answer) {
        open = answer.error().message;
        if (unsure.empty()) {
          ledger_.problems.push_back(answer.error());
          failed(loop, entry, answer.error().message);
        }
      } else if (const Unknown* unknown = answer->value.find<Unknown>()) {
        open = unknown->why;
      } else if (List* found = answer->value.find<List>()) {
        items = std::move(*found);
      } else {
        open = "`foreach` runs over a list, and `" + expression->text + "` yields " +
               (answer->value.is_null() ? "nil" : "a " + std::string(type_name(answer->value)));
        if (unsure.empty()) failed(loop, entry, open);
      }
    } else {
      items.emplace();
      for (const Argument& item : std::get<std::vector<Argument>>(written.list)) {
        tl::expected<Value, Diagnostic> value = type_any(item, argument_values(loop, known));
        if (value) {
          items->push_back(std::move(*value));
        } else {
          ledger_.problems.push_back(value.error());
          items->push_back(Unknown{value.error().message});
        }
      }
    }
  }
  if (!items) {
    // Its body once, for whatever items there will be.
    at(entry).told = Told::unknown;
    at(entry).why = "its list is " + open;
    walk(expansion_.at(loop.body.front()), list, depth + 1, unsure.empty() ? "its list is " + open : unsure);
    Foreseen nothing;
    nothing.unknown = "known after " + short_name(loop);
    return know(loop, std::move(nothing));
  }
  at(entry).lines.push_back(std::to_string(items->size()) + (items->size() == 1 ? " item" : " items"));
  expansion_.expand(loop, items->size());
  Foreseen known;
  known.items = std::move(*items);
  known.result_unknown = "known after " + short_name(loop);
  known.state = StepState::running;
  know(loop, std::move(known));
  const size_t count = expansion_.count(loop);
  for (size_t i = 1; i <= count; ++i) walk(expansion_.item(loop, i), list, depth + 1, unsure);
  if (!unsure.empty()) {
    at(entry).told = Told::unknown;
    at(entry).why = unsure;
  }
  Foreseen& done = known_[loop.op.path];
  done.unknown = "known after " + short_name(loop);
}

void Walk::walk_options(const Node& choice, size_t entry, std::string_view list, int depth, const Unsure& unsure) {
  const Choose& said = *choice.step->choose;
  auto id_of = [](const Node& option) { return option.op.path.substr(option.op.path.rfind('/') + 1); };
  auto pass_over = [&](const Node& option) {
    Foreseen known;
    known.state = StepState::skipped;
    const size_t skipped = begin(option, list, depth + 1);
    at(skipped).told = Told::predicted;
    at(skipped).ending = "skipped";
    at(skipped).planned.skipped = true;
    know(option, std::move(known));
    for (uint32_t i = option.origin.index; i < parts_.graph.at(option.origin).end; ++i) is_over_[i] = true;
  };
  // What one option would change is not there for another.
  const std::vector<std::string> changes_before = changes_;
  std::vector<std::string> changes_after = changes_;
  auto show = [&](const Node& option, const Unsure& why) {
    changes_ = changes_before;
    const size_t shown = begin(option, list, depth + 1);
    if (!why.empty()) {
      at(shown).told = Told::unknown;
      at(shown).why = why;
    }
    walk_inside(option, list, depth + 1, why);
    end_group(option, shown, why);
    changes_after.insert(changes_after.end(), changes_.begin() + static_cast<std::ptrdiff_t>(changes_before.size()),
                         changes_.end());
    for (uint32_t i = option.origin.index; i < parts_.graph.at(option.origin).end; ++i) is_over_[i] = true;
  };
  std::string open;    // why it is not known whose turn it is
  std::string chosen;  // by its id
  if (said.by) {
    Foresight known = names(choice);
    tl::expected<Evaluation, Diagnostic> answer = evaluate(*said.by, known);
    if (!answer) {
      open = answer.error().message;
      ledger_.problems.push_back(answer.error());
      if (unsure.empty()) failed(choice, entry, open);
    } else if (const Unknown* unknown = answer->value.find<Unknown>()) {
      open = unknown->why;
    } else {
      chosen = to_text(answer->value);
      if (std::none_of(choice.body.begin(), choice.body.end(),
                       [&](NodeId id) { return id_of(expansion_.at(id)) == chosen; }) &&
          unsure.empty())
        failed(choice, entry, "`" + said.by->text + "` must name an option, and yields `" + chosen + "`");
    }
  }
  bool decided = false;
  for (NodeId id : choice.body) {
    const Node& option = expansion_.at(id);
    if (decided) {
      // Another one may still have its turn, where the author wants that.
      said.fallback ? show(option, "it runs only when what was chosen before fails") : pass_over(option);
      continue;
    }
    if (said.by) {
      if (!open.empty()) {
        show(option, unsure.empty() ? "whose turn it is, is " + open : unsure);
      } else if (id_of(option) == chosen) {
        show(option, unsure);
      } else {
        said.fallback ? show(option, "it runs only when what was chosen before fails") : pass_over(option);
      }
      continue;
    }
    Value holds(true);
    if (option.step->when) {
      if (unsure.empty()) open_secrets(option, *option.step->when);
      Foresight known = names(option);
      tl::expected<Evaluation, Diagnostic> answer = evaluate(*option.step->when, known);
      if (!answer && unsure.empty()) ledger_.problems.push_back(answer.error());
      holds = answer ? answer->value : Value(Unknown{answer.error().message});
    }
    if (const Unknown* unknown = holds.find<Unknown>()) {
      open = unknown->why;
      show(option, unsure.empty() ? "its `when` is " + open : unsure);
    } else if (const bool* yes = holds.find<bool>(); yes && *yes) {
      decided = true;
      show(option, !unsure.empty() ? unsure : open.empty() ? "" : "whose turn it is, is " + open);
    } else {
      pass_over(option);
    }
  }
  changes_ = std::move(changes_after);
  if (!said.by && !decided && open.empty() && unsure.empty())
    failed(choice, entry, "nothing could be chosen: the `when` of every option is false");
  if (!open.empty()) {
    at(entry).told = Told::unknown;
    at(entry).why = "whose turn it is, is " + open;
  } else if (decided || !chosen.empty()) {
    at(entry).told = unsure.empty() ? Told::predicted : Told::unknown;
    at(entry).why = unsure;
  }
}

void Walk::end_group(const Node& group, size_t entry, const Unsure& unsure) {
  if (group.kind == NodeKind::playbook) return;
  Foreseen known;
  if (!unsure.empty()) {
    known.unknown = "known after " + short_name(group);
    return know(group, std::move(known));
  }
  if (group.step && group.step->verify) {
    const std::string change = change_before(group);
    verify(group, entry, nullptr, change.empty() ? "" : "known after " + change);
  }
  Map result;
  if (group.kind == NodeKind::choose || group.kind == NodeKind::call) {
    known.result_unknown = "known after " + short_name(group);
    if (group.kind == NodeKind::call) {
      auto inner = known_.find(expansion_.at(group.body.front()).op.path);
      if (inner != known_.end() && inner->second.unknown.empty() && inner->second.result) {
        known.result_unknown.clear();
        result = *inner->second.result;
      }
    }
  }
  add_outputs(group, entry, result);
  known.result = std::move(result);
  // Whether it succeeds is told by what stands in it, which may be only predicted.
  known.state = StepState::succeeded;
  if (!changes_.empty() || !ledger_.failures.empty()) known.state_unknown = "known after " + short_name(group);
  know(group, std::move(known));
}

Ledger dry_run(const DryRunParts& parts, const Map& inputs) { return Walk(parts, inputs).go(); }

}  // namespace muster
