#include "interpreter/checker/checker.h"

#include <algorithm>
#include <set>
#include <unordered_map>

#include "interpreter/checker/called_playbooks.h"
#include "interpreter/checker/calls.h"
#include "interpreter/checker/fanout.h"
#include "interpreter/checker/inputs.h"
#include "interpreter/checker/names.h"
#include "interpreter/checker/outline.h"
#include "interpreter/checker/reachability.h"
#include "interpreter/checker/references.h"
#include "interpreter/checker/requirements.h"
#include "interpreter/checker/secrets.h"
#include "interpreter/checker/step_keys.h"
#include "interpreter/checker/types.h"
#include "interpreter/expression/tree.h"
#include "interpreter/language/enough.h"
#include "interpreter/language/fields.h"

namespace muster {
namespace {

std::string quoted(std::string_view name) { return "`" + std::string(name) + "`"; }

std::string path_of(const Step& step) { return step.id ? quoted(step.id->text) : "this step"; }

// What is known of a group or step once everything beneath it was seen.
struct Effects {
  bool writes = false;
  bool any_step = false;
};

// What was found of playbooks that are called: each is checked once.
using CheckedCalls = std::unordered_map<const Playbook*, Effects>;

class Check {
 public:
  Check(const Playbook& playbook, const std::vector<Action>& actions, const Scripts& scripts, Diagnostics& problems,
        CheckedCalls& called)
      : playbook_(playbook),
        actions_(actions),
        scripts_(scripts),
        problems_(problems),
        called_(called),
        outline_(playbook),
        references_(playbook, outline_, actions, scripts, problems),
        values_(literal_values(playbook)) {
    values_.scripts = &scripts;
    for (const Action& action : actions) action_names_.push_back(action.name);
    step_keys_ = keys_of<Step>();
  }

  // `gated`: a gate stands in front of whoever calls it.
  Effects run(bool gated) {
    called_behind_gate_ = gated;
    check_declarations(playbook_, problems_);
    ReadScope top;
    top.before_the_run = true;
    for (const SecretDeclaration& secret : playbook_.secrets) {
      references_.check(secret.file, top);
      for (const Template& word : secret.command.value_or(std::vector<Template>{})) references_.check(word, top);
    }
    for (const ConnectionDeclaration& connection : playbook_.connections) check_connection(connection, top);
    check_locks(top);
    if (playbook_.required) {
      for (const Template& command : playbook_.required->commands) references_.check(command, top);
      for (const Template& file : playbook_.required->files) references_.check(file, top);
      check_requires(*playbook_.required, problems_);
    }
    if (playbook_.max_parallel) {
      references_.check(*playbook_.max_parallel, top);
      at_least_one(*playbook_.max_parallel, "max_parallel");
    }
    references_.check(playbook_.timeout, top);
    check_objectives(playbook_.objectives, top);
    if (playbook_.defaults) {
      references_.check(playbook_.defaults->timeout, top);
      if (playbook_.defaults->retry) {
        check_retry(*playbook_.defaults->retry, top, nullptr);
        if (!playbook_.defaults->retry->before.empty())
          refuse(playbook_.defaults->retry->attempts.text.at, "before-not-here",
                 "`before` belongs to the `retry` of a step", "write it there");
      }
    }
    check_ids();
    check_needs();

    Effects all;
    if (playbook_.phases.empty() && !has_errors(problems_))
      refuse(playbook_.at, "no-steps", "a playbook needs at least one phase",
             "write `phases:`, then `- id: ...` with `steps:` in it");
    for (const Phase& phase : playbook_.phases) {
      if (is_enough(problems_)) break;
      merge(all, check_phase(phase, gated || playbook_.approval.has_value()));
    }
    (void)check_steps(playbook_.rescue, in_recovery(), true);
    if (playbook_.rollback) {
      refuse_automatic(*playbook_.rollback, "a playbook");
      check_rollback(*playbook_.rollback, {}, true);
    }
    (void)check_steps(playbook_.always, in_recovery(), true);
    if (playbook_.approval) check_gate(*playbook_.approval, top, all, "the playbook");
    ReadScope end;
    end.own_result = true;
    for (const Output& output : playbook_.outputs) references_.check(output.value, end);
    check_types(playbook_, outline_, actions_, problems_);
    check_reachability(outline_, problems_);
    return all;
  }

 private:
  // What the steps of a list inherit from where they stand.
  struct Within {
    bool error = false;  // `error` may be read
  };
  static Within in_recovery() { return {true}; }

  void report(Severity severity, Span at, std::string code, std::string message, std::string help,
              std::vector<Note> notes = {}) {
    problems_.push_back({severity, std::move(code), at, std::move(message), std::move(help), std::move(notes)});
  }
  void refuse(Span at, std::string code, std::string message, std::string help = {}, std::vector<Note> notes = {}) {
    report(Severity::error, at, std::move(code), std::move(message), std::move(help), std::move(notes));
  }
  void warn(Span at, std::string code, std::string message, std::string help = {}, std::vector<Note> notes = {}) {
    report(Severity::warning, at, std::move(code), std::move(message), std::move(help), std::move(notes));
  }

  static void merge(Effects& into, const Effects& from) {
    into.writes = into.writes || from.writes;
    into.any_step = into.any_step || from.any_step;
  }

  // A step's place for messages about all of it: its id, or its first line.
  static Span place_of(const Step& step) {
    return step.id ? step.id->at : Span{step.at.file, step.at.begin, step.at.begin + 1};
  }
  static Span place_of(const Phase& phase) {
    return phase.id ? phase.id->at : Span{phase.at.file, phase.at.begin, phase.at.begin + 1};
  }

  void check_connection(const ConnectionDeclaration& connection, ReadScope scope) {
    scope.fields_judge_secrets = true;
    references_.check(connection.settings, scope);
    const ConnectionKind* kind = find_connection_kind(connection.kind.text);
    if (!kind) return;
    std::vector<Field> fields = kind->settings;
    fields.push_back(kind->own);
    fields.back().name = kind->name;
    check_secret_places(connection.settings, fields, connection.name.text, problems_);
  }

  // The names in a call's arguments, and where secrets stand in them.
  void check_arguments(const ActionCall& call, const Action& action, ReadScope scope) {
    scope.fields_judge_secrets = true;
    references_.check(call.args, scope);
    if (const auto* entries = std::get_if<std::vector<Entry>>(&call.args.value))
      check_secret_places(*entries, action.fields, action.name, problems_);
  }

  void check_ids() {
    std::unordered_map<std::string_view, Span> phases, steps;
    auto once = [&](std::unordered_map<std::string_view, Span>& seen, const Name& id, std::string_view what) {
      auto [first, is_new] = seen.emplace(id.text, id.at);
      if (!is_new)
        refuse(id.at, "duplicate-id", "two " + std::string(what) + " have the id " + quoted(id.text), "",
               {{first->second, "first given here"}});
    };
    for (const OutlineNode& node : outline_.nodes()) {
      if (is_enough(problems_)) return;
      if (node.phase && node.phase->id) {
        const Name& id = *node.phase->id;
        check_name(id, "an id", problems_);
        once(phases, id, "phases");
        if (id.text == "playbook" || id.text == "rescue" || id.text == "rollback" || id.text == "always")
          refuse(id.at, "reserved-name",
                 "no phase can be called " + quoted(id.text) + ": reports call a part of every playbook so",
                 "choose another id");
      }
      if (node.step && node.step->id) {
        check_name(*node.step->id, "an id", problems_);
        once(steps, *node.step->id, "steps");
      }
    }
  }

  void check_needs() {
    size_t before = problems_.size();
    const std::vector<OutlineNode>& nodes = outline_.nodes();
    for (uint32_t i = 0; i < nodes.size(); ++i) {
      const OutlineNode& node = nodes[i];
      if (!node.step || !node.step->needs) continue;
      for (const Name& name : *node.step->needs) {
        if (is_enough(problems_)) return;
        auto target = outline_.find_step(name.text);
        if (!target) {
          std::string_view near = references_.nearest_step(name.text);
          refuse(name.at, "unknown-step", "no step is called " + quoted(name.text),
                 near.empty() ? "" : "did you mean " + quoted(near) + "?");
          ++before;  // it makes no edge
          continue;
        }
        const Step* loop = nullptr;  // that the target is a part of, and this step is not
        for (uint32_t at = nodes[*target].parent; at != 0; at = nodes[at].parent)
          if (nodes[at].step && nodes[at].step->fanout && !outline_.is_inside(i, at)) loop = nodes[at].step;
        if (loop) {
          refuse(name.at, "bad-needs",
                 quoted(name.text) + " runs once per item of " + (loop->id ? quoted(loop->id->text) : "a `foreach`"),
                 loop->id ? "name " + quoted(loop->id->text) + ": it ends when all of its items have"
                          : "give the `foreach` an id, and name that");
          continue;
        }
        bool sibling = nodes[*target].list_index == node.list_index;
        if (*target == i) {
          refuse(name.at, "bad-needs", path_of(*node.step) + " cannot need itself");
        } else if (outline_.is_inside(i, *target)) {
          refuse(name.at, "bad-needs", quoted(name.text) + " is the group that this step stands in",
                 "a step begins after its group has begun anyway");
        } else if (outline_.is_inside(*target, i)) {
          refuse(name.at, "bad-needs", quoted(name.text) + " stands inside this step", "");
        } else if (!sibling && *target > i) {
          refuse(name.at, "bad-needs", quoted(name.text) + " comes later, in another group",
                 "`needs` names siblings and earlier steps");
        } else if (!sibling && nodes[*target].list != ListOf::body && !outline_.ends_before(nodes[*target].parent, i)) {
          refuse(name.at, "bad-needs", quoted(name.text) + " runs only when something goes wrong, or at the end",
                 "`needs` names siblings and earlier steps");
        }
      }
    }
    if (problems_.size() > before) return;  // wrong edges make cycles that nobody meant
    std::vector<uint32_t> cycle = outline_.cycle();
    if (cycle.empty()) return;
    std::string path;
    const Step* first = nullptr;
    auto label = [&](uint32_t index) -> std::string {
      const OutlineNode& node = nodes[index];
      if (node.step) return node.step->id ? node.step->id->text : "a step without an id";
      return node.phase && node.phase->id ? node.phase->id->text : "the playbook";
    };
    for (uint32_t index : cycle) {
      if (!first && nodes[index].step && nodes[index].step->needs && !nodes[index].step->needs->empty())
        first = nodes[index].step;
      path += label(index) + " -> ";
    }
    path += label(cycle.front());
    refuse(first ? first->needs->front().at : playbook_.at, "needs-cycle", "these steps wait for each other: " + path,
           "each arrow reads `waits for`; leave one out");
  }

  void check_locks(const ReadScope& top) {
    std::unordered_map<std::string, Span> seen;
    for (const Lock& lock : playbook_.locks.names) {
      references_.check(lock.name, top);
      if (!lock.name.is_constant()) continue;
      std::string name = lock.name.constant_text();
      if (name.empty()) refuse(lock.at, "empty-lock", "a lock needs a name", "as in `database:/srv/app.db`");
      auto [first, is_new] = seen.emplace(name, lock.at);
      if (!is_new)
        warn(lock.at, "lock-twice", "the lock " + quoted(name) + " is listed twice", "",
             {{first->second, "first listed here"}});
    }
    references_.check(playbook_.locks.wait, top);
  }

  void check_objectives(const std::optional<Objectives>& objectives, const ReadScope& scope) {
    if (!objectives) return;
    references_.check(objectives->rto, scope);
    references_.check(objectives->rpo, scope);
  }

  Effects check_group(const Group& group, uint32_t node, Within within, bool gated) {
    ReadScope scope;
    scope.node = node;
    scope.error = within.error;
    if (group.max_parallel) {
      references_.check(*group.max_parallel, scope);
      at_least_one(*group.max_parallel, "max_parallel");
    }
    check_objectives(group.objectives, scope);
    Effects effects = check_steps(group.steps, within, gated);
    Effects besides = check_steps(group.rescue, in_recovery(), gated);
    merge(besides, check_steps(group.always, in_recovery(), gated));
    effects.writes = effects.writes || besides.writes;
    return effects;
  }

  Effects check_phase(const Phase& phase, bool gated) {
    const uint32_t node = outline_.node_of(phase);
    ReadScope scope;
    scope.node = node;
    references_.check(phase.when, scope);
    references_.check(phase.title, scope);
    references_.check(phase.timeout, scope);
    Effects effects = check_group(phase.group, node, {}, gated || phase.approval);
    if (phase.approval) {
      check_gate(*phase.approval, scope, effects, "phase " + (phase.id ? quoted(phase.id->text) : "without an id"));
    } else if (!effects.any_step) {
      warn(place_of(phase), "no-steps", "this phase has no steps", "");
    }
    if (phase.rollback) {
      refuse_automatic(*phase.rollback, "a phase");
      check_rollback(*phase.rollback, {}, gated || phase.approval);
    }
    scope.own_result = true;
    check_outputs(phase.group.outputs, scope);
    return effects;
  }

  void check_outputs(const std::vector<Output>& outputs, const ReadScope& scope) {
    for (const Output& output : outputs) {
      check_field_name(output.name, "the name of an output", problems_);
      references_.check(output.value, scope);
    }
  }

  void check_gate(const Approval& approval, const ReadScope& scope, const Effects& guarded, const std::string& what) {
    if (approval.waived)
      return refuse(approval.at, "gate-not-waived",
                    "`approval: false` belongs to a destructive step, and stands at " + what,
                    "leave it out: nothing waits here without an `approval`");
    references_.check(approval.message, scope);
    references_.check(approval.expires, scope);
    if (approval.expires && approval.expires->known && approval.expires->known->us <= 0)
      refuse(approval.expires->text.at, "out-of-range", "`expires` must be longer than nothing",
             "leave it out for a gate that waits for ever");
    for (const Evidence& evidence : approval.evidence) {
      check_name(evidence.name, "the name of a piece of evidence", problems_);
      if (evidence.probes.empty())
        refuse(evidence.name.at, "evidence-empty", quoted(evidence.name.text) + " reads nothing",
               "give it one read action");
      (void)check_probes(evidence.probes, scope, "evidence", {});
    }
    if (!guarded.any_step) {
      warn(approval.at, "gate-guards-nothing", "this gate guards nothing: " + what + " has no steps", "");
    } else if (!guarded.writes) {
      warn(approval.at, "gate-guards-nothing", "this gate guards nothing: " + what + " only reads",
           "put it in front of what changes something");
    }
  }

  void refuse_automatic(const Rollback& rollback, const std::string& what) {
    if (rollback.automatic)
      refuse(rollback.at, "no-rollback", "`auto` takes an action that can undo itself, and " + what + " has none",
             "list the steps that undo it");
  }

  void check_rollback(const Rollback& rollback, Within within, bool gated) {
    (void)check_steps(rollback.steps, within, gated);
  }

  Effects check_steps(const std::vector<Step>& steps, Within within, bool gated) {
    Effects effects;
    for (const Step& step : steps) {
      if (is_enough(problems_)) break;
      merge(effects, check_step(step, within, gated));
    }
    return effects;
  }

  void at_least_one(const IntegerText& number, std::string_view key) {
    if (number.known && *number.known < 1)
      refuse(number.text.at, "out-of-range",
             quoted(key) + " must be at least 1, and `" + std::to_string(*number.known) + "` stands here");
  }

  Effects check_step(const Step& step, Within within, bool gated) {
    const uint32_t node = outline_.node_of(step);
    ReadScope before;
    before.node = node;
    before.error = within.error;
    const ResultShape shape = references_.shape_of_body(step);
    ReadScope once = before;  // where something is asked once for all items
    once.outside_items = true;
    references_.check(step.title, once);
    if (step.fanout) check_fanout(step, once);
    references_.check(step.when, before);
    references_.check(step.timeout, before);
    check_body_count(step);
    check_step_keys(step, problems_);

    Effects effects;
    effects.any_step = true;
    const bool own_gate = step.approval.has_value();
    bool automatic_is_offered = false, destroys = false;
    if (step.group) {
      Effects inside = check_group(*step.group, node, within, gated || own_gate);
      effects.writes = inside.writes;
      effects.any_step = inside.any_step;
      if (step.group->steps.empty() && !step.call && !step.choose && !was_misread(step))
        warn(place_of(step), "no-steps", "this group has no steps", "give it some, or remove it");
    }
    if (step.call) merge(effects, check_called(*step.call, before, gated || own_gate));
    if (step.choose) merge(effects, check_choose(*step.choose, before, within, gated || own_gate));
    for (const ActionCall& call : step.actions) {
      const Action* action = find_action(actions_, call.action.text);
      if (!action) {
        effects.writes = true;  // as far as we know
        automatic_is_offered = destroys = true;
        check_unknown_action(call, step);
        continue;
      }
      const std::optional<Map> known = check_call(call, *action, values_, problems_);
      check_arguments(call, *action, before);
      const Effect derived = known && action->effect ? action->effect(*known) : effect_of(call, *action);
      const Effect effect = effect_of(derived, *action, step.effect, false);
      effects.writes = effects.writes || effect != Effect::read;
      automatic_is_offered = automatic_is_offered || static_cast<bool>(action->rollback);
      check_effect(derived, *action, step);
      if (effect == Effect::read) refuse_in_read(call, *action, problems_);
      if (effect == Effect::destructive) check_destructive(call, step, node, gated || own_gate);
      destroys = destroys || effect == Effect::destructive;
    }
    if (step.set) {
      for (const Entry& entry : step.set->values) check_field_name(entry.key, "the name of a value", problems_);
      references_.check(step.set->values, before);
    }
    if (step.fail) {
      references_.check(step.fail->message, before);
      if (step.fail->code) check_name(*step.fail->code, "a code", problems_);
    }
    if (step.wait) references_.check(step.wait->duration, before);
    if (step.audit) {
      references_.check(step.audit->fields, before);
      if (step.audit->event) check_name(*step.audit->event, "the name of an event", problems_);
    }
    if (step.manual) {
      check_manual(*step.manual, step, before);
      effects.writes = true;  // a person may do anything
    }
    if (step.effect && !effect_of(step.effect->text)) {
      std::string_view near = nearest(step.effect->text, {"read", "write", "destructive"});
      refuse(step.effect->at, "bad-choice",
             "`effect` must be `read`, `write` or `destructive`, and " + quoted(step.effect->text) + " stands here",
             near.empty() ? "" : "did you mean " + quoted(near) + "?");
    }

    const bool behind_own = gated && !called_behind_gate_;
    if (step.ungated && (behind_own || !destroys))
      refuse(*step.ungated, "gate-not-waived",
             behind_own
                 ? "`approval: false` takes no step out from behind the gate of its group"
                 : "`approval: false` says that a destructive step runs without a gate, and this one destroys nothing",
             behind_own ? "move the step out of the group, or leave this out" : "leave it out");
    if (step.done_when) check_done_when(*step.done_when, step, before);
    if (step.verify) check_verify(*step.verify, before, shape);
    if (step.watch) check_watch(*step.watch, step, before);
    if (step.retry) {
      ReadScope retry = before;
      retry.error = true;
      retry.own_result = true;
      retry.result = &shape;
      check_retry(
          *step.retry, retry,
          effects.writes && !step.idempotent.value_or(false) && !step.done_when && !step.group ? &step : nullptr);
    }
    if (step.retry && !step.retry->before.empty()) check_before(step, gated || own_gate);
    merge(effects, check_steps(step.rescue, in_recovery(), gated || own_gate));
    effects.any_step = true;
    if (step.approval) check_gate(*step.approval, once, effects, "the step");
    if (step.rollback) {
      if (step.rollback->automatic && !automatic_is_offered)
        refuse(step.rollback->at, "no-rollback",
               step.actions.empty() ? "`auto` takes an action that can undo itself, and this step has none"
                                    : quoted(step.actions.front().action.text) + " has no rollback of its own",
               "list the steps that undo it");
      check_rollback(*step.rollback, within, gated || own_gate);
    }
    ReadScope after = before;
    after.own_result = true;
    after.result = &shape;
    check_outputs(step.outputs, after);
    return effects;
  }

  Effects check_called(const Call& call, const ReadScope& before, bool gated) {
    references_.check(call.with, before);
    if (!call.called) {
      if (!has_errors(problems_))
        refuse(call.at, "call-not-found", "the called playbook was not read", "check the file that calls it");
      return {true, true};
    }
    check_with(call, problems_);
    auto known = called_.find(call.called.get());
    if (known != called_.end()) return known->second;
    return called_[call.called.get()] = Check(*call.called, actions_, scripts_, problems_, called_).run(gated);
  }

  Effects check_choose(const Choose& choose, const ReadScope& before, Within within, bool gated) {
    references_.check(choose.by, before);
    if (choose.options.empty()) refuse(choose.at, "no-steps", "there is nothing to choose from", "list `options`");
    if (choose.by) check_named_option(*choose.by, choose.options);
    Effects effects;
    bool always_taken = false;
    for (size_t i = 0; i < choose.options.size(); ++i) {
      const Step& option = choose.options[i].step;
      if (!option.group) {
        refuse(place_of(option), "no-steps", "this option has no steps", "give it `steps`");
        continue;
      }
      if (always_taken && !choose.by && !choose.fallback)
        warn(place_of(option), "never-chosen",
             path_of(option) + " is never chosen: " + path_of(choose.options[i - 1].step) + " has no `when`",
             "put the option without `when` last");
      always_taken = always_taken || !option.when;
      Within inside = within;
      inside.error = inside.error || (choose.fallback && i > 0);
      merge(effects, check_option(option, inside, within, gated));
    }
    return effects;
  }

  // A `by` that is one text, and so always names the same option.
  void check_named_option(const Expression& by, const std::vector<Option>& options) {
    const bool is_constant = by.tree.root && by.tree.root->kind == ExpressionNode::Kind::constant;
    const std::string* named = is_constant ? by.tree.root->constant().find<std::string>() : nullptr;
    if (!named) return;
    std::vector<std::string_view> ids;
    for (const Option& option : options)
      if (option.step.id) ids.push_back(option.step.id->text);
    if (std::find(ids.begin(), ids.end(), *named) != ids.end()) return;
    std::string_view near = nearest(*named, ids);
    refuse(by.at, "bad-choice", "`by` names the option " + quoted(*named) + ", and there is none",
           near.empty() ? "write the `id` of an option" : "did you mean " + quoted(near) + "?");
  }

  // `asking`: how its `when` is read; `within`: its steps.
  Effects check_option(const Step& option, Within asking, Within within, bool gated) {
    const uint32_t node = outline_.node_of(option);
    ReadScope scope;
    scope.node = node;
    scope.error = asking.error;
    references_.check(option.when, scope);
    scope.error = within.error;
    references_.check(option.title, scope);
    references_.check(option.timeout, scope);
    const bool own_gate = option.approval.has_value();
    Effects effects = check_group(*option.group, node, within, gated || own_gate);
    if (own_gate) check_gate(*option.approval, scope, effects, "the option");
    if (option.rollback) refuse_automatic(*option.rollback, "an option");
    if (option.rollback) check_rollback(*option.rollback, within, gated || own_gate);
    scope.own_result = true;
    check_outputs(option.outputs, scope);
    return effects;
  }

  void check_fanout(const Step& step, const ReadScope& once) {
    const Fanout& fanout = *step.fanout;
    if (fanout.foreach) {
      if (const auto* list = std::get_if<Expression>(&fanout.foreach->list)) {
        references_.check(*list, once);
      } else {
        for (const Argument& item : std::get<std::vector<Argument>>(fanout.foreach->list))
          references_.check(item, once);
      }
    }
    references_.check(fanout.max_parallel, once);
    if (fanout.max_failures) references_.check(fanout.max_failures->text, once);
    std::vector<const Fanout*> outer;
    for (uint32_t loop : references_.loops_around(once)) outer.push_back(outline_.nodes()[loop].step->fanout.get());
    muster::check_fanout(step, outer, problems_);
  }

  void check_manual(const Manual& manual, const Step& step, const ReadScope& before) {
    references_.check(manual.instructions, before);
    for (const Template& item : manual.checklist) references_.check(item, before);
    references_.check(manual.expires, before);
    if (!manual.instructions && manual.checklist.empty() && manual.form.empty())
      refuse(manual.at, "manual-empty", "this step does not say what the person does",
             "write `instructions`, a `checklist` or a `form`");
    for (const Input& field : manual.form) {
      check_name(field.name, "the name of a form's field", problems_);
      check_input(field, problems_);
    }
    const bool several = manual.assignees.size() > 1 ||
                         std::any_of(manual.assignees.begin(), manual.assignees.end(),
                                     [](const Requirement& requirement) { return requirement.count > 1; });
    if (several)
      refuse(manual.at, "manual-several", "one person says that a manual step is done, and several are asked for",
             "list who may: `assignees: [group:NAME, user:NAME]`; a gate asks several people");
    if (step.timeout)
      refuse(step.timeout->text.at, "manual-timeout", "`timeout` ends an action, and this step waits for a person",
             "write `expires` in `manual`");
    if (step.sensitive.value_or(false))
      refuse(manual.at, "manual-sensitive", "what a person answers is recorded, and cannot be kept out",
             "leave `sensitive` out, and ask for a reference instead of the value");
  }

  // What was meant to be its body could not be read, and that was said: nobody has to hear that it is missing.
  bool was_misread(const Step& step) const {
    return std::any_of(problems_.begin(), problems_.end(), [&](const Diagnostic& said) {
      return said.code == "wrong-shape" && said.at.file == step.at.file && said.at.begin >= step.at.begin &&
             said.at.end <= step.at.end;
    });
  }

  void check_body_count(const Step& step) {
    const bool one_action = step.actions.size() == 1 && find_action(actions_, step.actions[0].action.text);
    if (one_action && !step.call && !step.choose && !step.group && !step.set && !step.fail && !step.wait &&
        !step.audit && !step.manual)
      return;
    std::vector<std::pair<std::string, Span>> bodies;
    for (const ActionCall& call : step.actions)
      if (find_action(actions_, call.action.text)) bodies.emplace_back(call.action.text, call.action.at);
    if (step.call) bodies.emplace_back("call", step.call->at);
    if (step.choose) bodies.emplace_back("choose", step.choose->at);
    if (step.group && (!step.group->steps.empty() || (!step.call && !step.choose)))
      bodies.emplace_back("steps", place_of(step));
    if (step.set) bodies.emplace_back("set", step.set->at);
    if (step.fail) bodies.emplace_back("fail", step.fail->at);
    if (step.wait) bodies.emplace_back("wait", step.wait->at);
    if (step.audit) bodies.emplace_back("audit", step.audit->at);
    if (step.manual) bodies.emplace_back("manual", step.manual->at);
    if (bodies.empty() && step.actions.empty() && !step.verify && !was_misread(step)) {
      std::string list;
      for (std::string_view name : action_names_) list += (list.empty() ? "" : ", ") + quoted(name);
      refuse(place_of(step), "no-body", "this step does nothing",
             "give it an action (" + list + "), `steps` or `verify`");
    }
    for (size_t i = 1; i < bodies.size(); ++i)
      refuse(bodies[i].second, "two-bodies",
             "a step does one thing, and this one has " + quoted(bodies[0].first) + " and " + quoted(bodies[i].first),
             "make two steps of it", {{bodies[0].second, quoted(bodies[0].first) + " stands here"}});
  }

  void check_unknown_action(const ActionCall& call, const Step& step) {
    const std::string& name = call.action.text;
    bool has_other =
        step.call || step.choose || step.group || step.set || step.fail || step.wait || step.audit || step.manual;
    for (const ActionCall& other : step.actions) has_other = has_other || find_action(actions_, other.action.text);
    std::vector<std::string_view> all = action_names_;
    all.insert(all.end(), step_keys_.begin(), step_keys_.end());
    std::string_view near = nearest(name, all);
    bool near_is_key = std::find(step_keys_.begin(), step_keys_.end(), near) != step_keys_.end();
    std::string help = near.empty() ? "" : "did you mean " + quoted(near) + "?";
    if (has_other || (near_is_key && !near.empty())) {
      refuse(call.action.at, "unknown-key", quoted(name) + " is no key of a step, and no action is called so", help);
      return;
    }
    if (help.empty()) {
      for (std::string_view known : action_names_) help += (help.empty() ? "actions are " : ", ") + quoted(known);
    }
    refuse(call.action.at, "unknown-action", "no action is called " + quoted(name), help);
  }

  void check_effect(Effect derived, const Action& action, const Step& step) {
    if (!step.effect) return;
    std::optional<Effect> said = effect_of(step.effect->text);
    if (!said) return;
    bool believed = action.effect_may_be_declared && *said == Effect::read;
    if (static_cast<int>(*said) < static_cast<int>(derived) && !believed)
      refuse(step.effect->at, "weaker-effect",
             quoted(action.name) + " is " + std::string(name_of(derived)) + " here, and cannot be declared " +
                 quoted(step.effect->text),
             "an effect can only be strengthened");
  }

  void check_destructive(const ActionCall& call, const Step& step, uint32_t node, bool gated) {
    if (!gated) {
      if (step.ungated) return;
      warn(place_of(step), "ungated", quoted(call.action.text) + " is destructive, and no gate stands in front of it",
           "add `approval: true` to the step or to its phase, or `approval: false` where it is meant to run alone");
      return;
    }
    if (step.approval) return;
    // The nearest gate shows the step's arguments when it opens; what depends on a step behind that gate is not known
    // then.
    uint32_t gate = outline_.nodes()[node].parent;
    auto has_gate = [&](uint32_t index) {
      const OutlineNode& at = outline_.nodes()[index];
      return at.step ? at.step->approval.has_value() : at.phase ? at.phase->approval.has_value() : true;
    };
    while (!has_gate(gate)) gate = outline_.nodes()[gate].parent;
    std::vector<const Expression*> expressions;
    collect_expressions(call.args, expressions);
    for (uint32_t at = node; at != gate; at = outline_.nodes()[at].parent) {
      const Step* loop = outline_.nodes()[at].step;
      if (!loop || !loop->fanout || !loop->fanout->foreach) continue;
      if (const auto* list = std::get_if<Expression>(&loop->fanout->foreach->list)) {
        expressions.push_back(list);
      } else {
        for (const Argument& item : std::get<std::vector<Argument>>(loop->fanout->foreach->list))
          collect_expressions(item, expressions);
      }
    }
    for (const Expression* expression : expressions) {
      for (const Read& read : expression->reads) {
        if (read.path.size() < 2 || read.path[0] != "steps") continue;
        auto target = outline_.find_step(read.path[1]);
        if (!target || *target == node || !outline_.is_inside(*target, gate)) continue;
        refuse(read.at, "unseen-destructive",
               "nobody could see this when approving: the gate opens before step " + quoted(read.path[1]) + " has run",
               "give this step its own `approval`");
      }
    }
  }

  void check_retry(const Retry& retry, const ReadScope& scope, const Step* unsafe) {
    references_.check(retry.attempts, scope);
    references_.check(retry.delay, scope);
    references_.check(retry.max_delay, scope);
    references_.check(retry.when, scope);
    at_least_one(retry.attempts, "attempts");
    if (!(retry.backoff >= 1.0 && retry.backoff <= 1000.0))
      refuse(retry.attempts.text.at, "out-of-range", "`backoff` must be from 1 to 1000");
    if (!(retry.jitter >= 0.0 && retry.jitter <= 1.0))
      refuse(retry.attempts.text.at, "out-of-range", "`jitter` must be from 0 to 1");
    if (unsafe && retry.attempts.known.value_or(2) > 1)
      warn(retry.attempts.text.at, "retry-unsafe",
           "this step writes: only failures that certainly had no effect are tried again",
           "say `idempotent: true` if it may run twice, or how to tell with `done_when`");
  }

  void check_before(const Step& step, bool gated) {
    constexpr int64_t most_attempts = 20;
    const IntegerText& attempts = step.retry->attempts;
    if (step.manual) {
      refuse(attempts.text.at, "before-not-here", "`before` belongs to the `retry` of an action or a `verify`",
             "put it on the step that is tried again");
    } else if (!attempts.known) {
      refuse(attempts.text.at, "literal-only", "`attempts` must be written out where there is `before`",
             "write a number, as in `attempts: 3`");
    } else if (*attempts.known > most_attempts) {
      refuse(attempts.text.at, "out-of-range",
             "`attempts` must be at most " + std::to_string(most_attempts) + " where there is `before`");
    }
    (void)check_steps(step.retry->before, in_recovery(), gated);
  }

  // The one read action of a `verify` or a `done_when`; gives the shape of what it finds.
  ResultShape check_probes(const std::vector<ActionCall>& probes, const ReadScope& scope, std::string_view construct,
                           const std::vector<std::string_view>& keys) {
    ResultShape asked;
    for (size_t i = 0; i < probes.size(); ++i) {
      const ActionCall& call = probes[i];
      const Action* action = find_action(actions_, call.action.text);
      if (!action) {
        std::vector<std::string_view> all = action_names_;
        all.insert(all.end(), keys.begin(), keys.end());
        std::string_view near = nearest(call.action.text, all);
        refuse(call.action.at, "unknown-action",
               quoted(call.action.text) + " is no key of " + quoted(construct) + ", and no action is called so",
               near.empty() ? "" : "did you mean " + quoted(near) + "?");
        asked.known = false;
        continue;
      }
      (void)check_call(call, *action, values_, problems_);
      check_arguments(call, *action, scope);
      refuse_in_read(call, *action, problems_);
      if (effect_of(call, *action, std::nullopt, true) != Effect::read)
        refuse(call.action.at, "verify-writes",
               quoted(construct) + " only looks, and " + quoted(call.action.text) + " changes something here",
               "make it a step of its own");
      if (i > 0)
        refuse(call.action.at, "two-bodies",
               quoted(construct) + " asks one action, and this one has " + quoted(probes[0].action.text) + " and " +
                   quoted(call.action.text),
               "make two steps of it", {{probes[0].action.at, quoted(probes[0].action.text) + " stands here"}});
      asked = references_.shape_of(call);
      asked.known = asked.known && i == 0;
    }
    return asked;
  }

  void check_done_when(const DoneWhen& done_when, const Step& step, const ReadScope& before) {
    if (step.actions.empty() && !step.group) {
      refuse(
          done_when.at, "done-when-not-here", "`done_when` belongs to an action or to a group of steps",
          step.verify ? "`verify` alone asks already" : "leave it out: nothing stays of this step that could be found");
    }
    if (done_when.probes.empty() && done_when.that.empty()) {
      refuse(done_when.at, "done-when-empty", "`done_when` needs a read action, `that`, or both",
             "write `done_when: {that: ...}`");
    }
    ReadScope asking = before;
    ResultShape asked;
    if (!done_when.probes.empty()) {
      asked = check_probes(done_when.probes, before, "done_when", keys_of<DoneWhen>());
      asking.result = &asked;
      // What ends well whatever it finds says nothing by ending well.
      bool can_say_no =
          !asked.known || std::any_of(asked.fields.begin(), asked.fields.end(),
                                      [](std::string_view field) { return field == "exit_code" || field == "status"; });
      if (done_when.that.empty() && !can_say_no) {
        refuse(done_when.probes.front().action.at, "done-when-says-nothing",
               quoted(done_when.probes.front().action.text) + " finds something or not, and both would mean done",
               "add `that`, as in `that: result.row_count > 0`");
      }
    }
    for (const Claim& claim : done_when.that) references_.check(claim.that, asking);
  }

  void check_watch(const Watch& watch, const Step& step, const ReadScope& before) {
    if (step.actions.empty() && !step.wait)
      refuse(watch.at, "watch-not-here", "`watch` belongs to an action or to a `wait`",
             step.group ? "put it on the steps inside, or beside a `wait`" : "`verify` asks once the step is done");
    if (step.wait && step.retry)
      refuse(step.retry->at, "watch-not-here", "a `wait` is not tried again: what breaks its `watch` has failed it",
             "put the wait into a group with a `rescue`");
    if (watch.probes.empty())
      refuse(watch.at, "watch-not-here", "`watch` needs a read action, whose answers are judged while the step runs",
             "write `watch: {http: {get: ...}, that: result.status == 200}`");
    ReadScope asking = before;
    ResultShape asked = check_probes(watch.probes, before, "watch", keys_of<Watch>());
    asking.result = &asked;
    for (const Claim& claim : watch.that) references_.check(claim.that, asking);
    references_.check(watch.every, before);
    if (watch.every && watch.every->known && watch.every->known->us <= 0)
      refuse(watch.every->text.at, "out-of-range", "`every` must be longer than nothing");
  }

  void check_verify(const Verify& verify, const ReadScope& before, const ResultShape& own) {
    ReadScope after = before;
    after.own_result = true;
    ResultShape asked = own;
    if (!verify.probes.empty()) asked = check_probes(verify.probes, after, "verify", keys_of<Verify>());
    after.result = &asked;
    for (const Claim& claim : verify.that) references_.check(claim.that, after);
    references_.check(verify.within, before);
    references_.check(verify.every, before);
    if (verify.every && verify.every->known && verify.every->known->us <= 0)
      refuse(verify.every->text.at, "out-of-range", "`every` must be longer than nothing");
  }

  const Playbook& playbook_;
  bool called_behind_gate_ = false;  // what calls it may stand behind a gate here, and behind none elsewhere
  const std::vector<Action>& actions_;
  const Scripts& scripts_;
  Diagnostics& problems_;
  CheckedCalls& called_;
  Outline outline_;
  References references_;
  ArgumentValues values_;
  std::vector<std::string_view> action_names_;
  std::vector<std::string_view> step_keys_;
};

}  // namespace

std::optional<CheckedPlaybook> check(Playbook playbook, const std::vector<Action>& actions, Diagnostics& problems,
                                     const Scripts* scripts) {
  CheckedCalls called;
  (void)Check(playbook, actions, scripts ? *scripts : no_scripts(), problems, called).run(false);
  check_locks_of_calls(playbook, problems);
  tell_no_more(problems);
  if (has_errors(problems)) return std::nullopt;
  return CheckedPlaybook(std::move(playbook));
}

}  // namespace muster
