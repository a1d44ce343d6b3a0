// Groups: what may start, what has ended, and how a group ends (rescue, rollback, always).
#include <algorithm>

#include "interpreter/engine/incomplete.h"
#include "interpreter/engine/loop.h"

namespace muster {

bool counts_as_failed(const OpRecord& record) {
  switch (record.state) {
    case StepState::failed:
    case StepState::rolled_back:
      return !record.passed;
    case StepState::cancelled:
    case StepState::not_reached:
      return true;
    default:
      return false;
  }
}

namespace {

std::string incomplete(const std::vector<std::string>& ops) {
  if (ops.empty()) return {};
  std::string out = "rollback incomplete, not undone: ";
  for (size_t i = 0; i < ops.size(); ++i) out += (i == 0 ? "`" : ", `") + ops[i] + "`";
  return out;
}

// Behind a reason, where there is one.
std::string behind(std::string reason, const std::string& what) {
  if (what.empty()) return reason;
  return reason.empty() ? what : reason + "; " + what;
}

}  // namespace

std::pair<RunState, std::string> Engine::Loop::ending_now() {
  const Node& root = parts_.graph->root();
  if (history_.cancel) {
    const CancelRequest& cancel = *history_.cancel;
    std::string reason = "cancelled by " + cancel.person + (cancel.reason.empty() ? "" : ": " + cancel.reason);
    std::string doubts;
    for (const OpRecord* op : open_doubts(history_)) doubts += (doubts.empty() ? "`" : ", `") + op->op.path + "`";
    if (!doubts.empty()) reason += "; nobody knows what became of " + doubts;
    if (cancel.now) reason += left_undone();
    // What was left by `--now` is told already.
    return {RunState::cancelled,
            behind(std::move(reason), incomplete(cancel.now ? failed_undos(history_) : not_undone(history_)))};
  }
  const std::string left = incomplete(not_undone(history_));
  if (rejected_) return {RunState::rejected, behind(rejected_reason_, left)};
  const OpRecord& record = this->record(root);
  bool failed = record.timed_out || group_failed(root) || undoes_run();
  // What was passed over, or made up for, has left something behind all the same.
  if (!failed && !left.empty()) return {RunState::failed, left};
  if (!failed) return {RunState::succeeded, ""};
  const OpRecord* child = failed_child(root);
  std::string reason = record.timed_out ? "the playbook's time was up" : "";
  if (undoes_run() && reason.empty())
    reason = "what run " + text_of(history_.created, "parent") + " did was to be undone";
  if (reason.empty() && child && child->error) reason = text_of(*child->error, "message");
  if (reason.empty() && child) reason = "`" + child->op.path + "` " + std::string(name_of(child->state));
  if (!left.empty()) return {RunState::failed, behind(std::move(reason), left)};
  const std::vector<const OpRecord*>& ops = history_.in_order();
  bool undo_ran = std::any_of(ops.begin(), ops.end(), [](const OpRecord* op) { return op->rolled_back == true; });
  return {undo_ran ? RunState::rolled_back : RunState::failed, reason};
}

bool Engine::Loop::undoes_run() const {
  const Value* undoes = member(history_.created, "undoes");
  return undoes && undoes->is<bool>() && undoes->get<bool>();
}

// What could have been undone, where nobody wanted it.
std::string Engine::Loop::left_undone() {
  std::vector<std::string> without;
  std::string out;
  for (const std::string& path : collect_rollback(parts_.graph->root(), without))
    out += (out.empty() ? "; not undone: `" : ", `") + path + "`";
  return out;
}

const OpRecord* Engine::Loop::failed_child(const Node& node) {
  if (node.kind == NodeKind::choose) {
    const Node* option = chosen_option(node);
    return option && counts_as_failed(record(*option)) ? &record(*option) : nullptr;
  }
  const OpRecord* first = nullptr;
  for (NodeId id : begun_of(node)) {
    const OpRecord& child = record(expansion_.at(id));
    if (!counts_as_failed(child)) continue;
    if (child.state == StepState::failed || child.state == StepState::rolled_back) {
      if (!first || !first->error || (child.ended_seq < first->ended_seq && child.error)) first = &child;
    } else if (!first) {
      first = &child;
    }
  }
  return first;
}

bool Engine::Loop::group_failed(const Node& node) {
  const OpRecord& own = record(node);
  if (own.timed_out || own.refuted) return true;
  if (node.kind == NodeKind::choose) return failed_child(node) != nullptr;
  if (node.kind == NodeKind::foreach) return loop_failed(node);
  for (NodeId id : node.body)
    if (counts_as_failed(record(expansion_.at(id)))) return true;
  return false;
}

bool Engine::Loop::is_complete(const Node& group) {
  if (group.kind == NodeKind::choose) {
    const Node* option = chosen_option(group);
    return option && has_ended(*option);
  }
  return std::all_of(group.body.begin(), group.body.end(), [&](NodeId id) { return has_ended(expansion_.at(id)); });
}

int64_t Engine::Loop::most_at_once(const Node& group) {
  const std::optional<IntegerText>* limit = nullptr;
  if (group.step && group.step->group) limit = &group.step->group->max_parallel;
  if (group.phase) limit = &group.phase->group.max_parallel;
  if (group.kind == NodeKind::playbook || group.kind == NodeKind::called)
    limit = &parts_.graph->playbook_of(group).max_parallel;
  if (!limit || !*limit) return 0;
  return std::max<int64_t>(integer_of(group, **limit).value_or(1), 1);
}

namespace {

// What is beneath a group that has ended undoes it or tidies up behind it: what it waits for is there, too, and still
// comes.
bool is_beneath(const OpId& op, const OpId& group) {
  return op.path.size() > group.path.size() && op.path.starts_with(group.path) &&
         (op.path[group.path.size()] == '/' || op.path[group.path.size()] == '~');
}

}  // namespace

bool Engine::Loop::needs_hold(const Node& node, bool& never) {
  never = false;
  bool hold = true;
  for (NodeId id : node.needs) {
    const Node& needed = expansion_.at(id);
    const OpRecord& need = record(needed);
    if (is_final(need.state)) {
      never = never || counts_as_failed(need);
    } else if (const OpRecord* group = ended_around(needed); group && !is_beneath(node.op, group->op)) {
      // A group that was left out leaves its steps without a word; one that went wrong may have ended before them.
      never = never || !(group->state == StepState::skipped || group->state == StepState::already_done);
    } else {
      hold = false;
    }
  }
  return hold && !never;
}

// The nearest group around a node that has ended: nothing in it will start any more.
const OpRecord* Engine::Loop::ended_around(const Node& node) {
  for (const Node* at = &node; at != &parts_.graph->root();) {
    at = &expansion_.at(at->parent);
    if (const OpRecord& group = record(*at); is_final(group.state)) return &group;
  }
  return nullptr;
}

Engine::Loop::Status Engine::Loop::advance(const Node& node, Context context) {
  if (has_ended(node)) return Status::ended;
  if (opens_secrets(node, context)) return Status::active;
  return node.is_group() ? advance_group(node, context) : advance_step(node, context);
}

std::optional<Engine::Loop::Status> Engine::Loop::prelude(const Node& node, Context context) {
  OpRecord& op = record(node);
  const std::optional<Expression>* when = when_of(node);
  if (when && *when && !op.when) {
    RunEnvironment names = environment(node, now());
    tl::expected<bool, Map> holds = ask(**when, names);
    if (!holds) {
      Map error = holds.error();
      error["step"] = node.op.path;
      add(EventKind::outcome, node.op, 0, Map{{"state", "failed"}, {"error", std::move(error)}});
      return Status::ended;
    }
    add(EventKind::evaluated, node.op, 0, Map{{"when", *holds}});
    if (!*holds) {
      const char* why = approval_of(*parts_.graph, node) ? "its `when` is false: nobody was asked at its gate"
                                                         : "its `when` is false";
      add(EventKind::skipped, node.op, 0, Map{{"state", "skipped"}, {"reason", why}});
      return Status::ended;
    }
    if (opens_secrets(node, context)) return Status::active;
  }
  if (node.kind == NodeKind::foreach) {
    if (std::optional<Map> error = record_list(node)) {
      (*error)["step"] = node.op.path;
      add(EventKind::outcome, node.op, 0, Map{{"state", "failed"}, {"error", std::move(*error)}});
      return Status::ended;
    }
  }
  const GateState gate = op.gate.state;
  if (gate != GateState::open && !is_passed(gate)) {
    if (std::optional<Status> done = already_done(node, AskedDone::before)) return done;
  }
  if (std::optional<Status> gated = advance_gate(node, context)) return gated;
  // Somebody may have done it while the gate was open.
  return is_passed(op.gate.state) ? already_done(node, AskedDone::behind_gate) : std::nullopt;
}

void Engine::Loop::check_group_timeout(const Node& node) {
  OpRecord& op = record(node);
  if (op.timed_out || !op.started_at) return;
  std::optional<Duration> limit = duration_of(node, timeout_of(*parts_.graph, node));
  if (!limit) return;
  Duration waited = Duration{history_.waited_at_gates.us - op.waited_before.us};
  Timestamp at = now();
  Timestamp end = *op.started_at + *limit + waited;
  for (const OpRecord* gate : open_gates(history_)) end.us += std::max<int64_t>(0, (at - gate->gate.opened_at).us);
  if (at < end) {
    wake_at(end);
    return;
  }
  add(EventKind::evaluated, node.op, 0, Map{{"timed_out", true}});
}

Engine::Loop::Status Engine::Loop::advance_body(const Node& node, Context context) {
  NodeRun& run = run_of(node);
  bool active = false;
  bool blocked = false;
  bool stop = context.stop || group_failed(node);
  auto has_begun = [&](const Node& child) {
    const OpRecord& op = record(child);
    return op.state != StepState::pending || op.attempt > 0 || run_of(child).in_flight || run_of(child).previewing;
  };
  const int64_t limit = most_at_once(node);
  int64_t at_once = 0;  // who waits at a gate takes nobody's place
  for (size_t i = run.first_open; limit > 0 && i < node.body.size(); ++i) {
    const Node& child = expansion_.at(node.body[i]);
    if (!has_ended(child) && has_begun(child) && record(child).gate.state != GateState::open) ++at_once;
  }
  for (size_t i = run.first_open; i < node.body.size(); ++i) {
    const Node& child = expansion_.at(node.body[i]);
    if (has_ended(child)) {
      if (i == run.first_open) ++run.first_open;
      continue;
    }
    bool begun = has_begun(child);
    if (!begun) {
      bool never = false;
      if (!needs_hold(child, never)) {
        if (never && !stop) {
          add(EventKind::skipped, child.op, 0,
              Map{{"state", "not_reached"}, {"reason", "a step that it needs failed"}});
          continue;
        }
        if (!stop && child.needs.empty() == false && child.step && !child.step->needs) {
          // Its turn comes after the one above it: nothing below can be ready through file order alone.
          bool explicit_below = false;
          for (size_t j = i + 1; j < node.body.size() && !explicit_below; ++j)
            explicit_below = expansion_.at(node.body[j]).step && expansion_.at(node.body[j]).step->needs.has_value();
          if (!explicit_below) break;
        }
        continue;
      }
      if (stop || (limit > 0 && at_once >= limit)) continue;
      ++at_once;
    }
    Status status = advance(child, Context{stop, context.ending});
    if (has_ended(child)) {
      if (i == run.first_open) ++run.first_open;
      stop = context.stop || group_failed(node);
      --at_once;
      continue;
    }
    active = active || status == Status::active;
    blocked = blocked || status == Status::blocked;
  }
  if (active) return Status::active;
  if (blocked) return Status::blocked;
  return Status::ended;
}

Engine::Loop::Status Engine::Loop::advance_list(const std::vector<NodeId>& list, Context context, Until until) {
  for (NodeId id : list) {
    const Node& node = expansion_.at(id);
    if (!has_ended(node)) {
      Status status = advance(node, context);
      if (!has_ended(node) && status != Status::ended) return status;
    }
    if (until == Until::first_failure && counts_as_failed(record(node))) return Status::ended;
  }
  return Status::ended;
}

bool Engine::Loop::has_begun_any(const std::vector<NodeId>& list) {
  return std::any_of(list.begin(), list.end(), [&](NodeId id) {
    const OpRecord& op = record(expansion_.at(id));
    return op.state != StepState::pending || op.attempt > 0;
  });
}

bool Engine::Loop::all_succeeded(const std::vector<NodeId>& list) {
  return std::all_of(list.begin(), list.end(), [&](NodeId id) {
    const OpRecord& op = record(expansion_.at(id));
    return is_final(op.state) && !counts_as_failed(op);
  });
}

Engine::Loop::Status Engine::Loop::advance_group(const Node& node, Context context) {
  OpRecord& op = record(node);
  if (run_of(node).in_flight) return await_job(node, context);
  const bool is_root = node.kind == NodeKind::playbook;
  bool by_person = !context.ending && (history_.cancel.has_value() || rejected_);
  // A person who settles a step may end the run with it: nothing new starts, and no rescue makes up for it.
  bool told_to_end = !context.ending && (!history_.ends_by.empty() || undoes_run());
  if (is_root) context.stop = by_person || op.timed_out || told_to_end;
  if (!op.entered) {
    if (context.stop && !is_root) return Status::ended;
    if (!context.stop) {
      std::optional<Status> before = prelude(node, context);
      if (!before && !rejected_) before = requirements_of_call(node);
      if (before) return *before;
    }
    if (!has_ended(node) && !rejected_ && !enter(node)) return Status::ended;
    if (is_root && rejected_) {
      // The playbook's own gate said no: there is nothing to undo, only to end.
      Status always = advance_list(node.always, Context{false, true});
      if (always != Status::ended) return always;
      if (release_all_of(node) != Status::ended) return Status::active;
      end_group(node, StepState::cancelled);
      return Status::ended;
    }
  }
  check_group_timeout(node);
  Context inside = context;
  inside.stop = context.stop || op.timed_out;
  const bool is_loop = node.kind == NodeKind::foreach;
  Status body = node.kind == NodeKind::choose ? advance_choice(node, inside)
                : is_loop                     ? advance_items(node, inside)
                                              : advance_body(node, inside);
  if (body != Status::ended) return body;

  const bool complete = is_loop ? loop_is_over(node) : is_complete(node);
  // Who cancels and wants all undone means it, though the last step may have ended in the meantime.
  bool undo_all = is_root && ((history_.cancel && history_.cancel->rollback) || undoes_run());
  bool failed = group_failed(node) || !complete || undo_all;
  if (!failed) {
    if (std::optional<Status> unproven = verified_after_group(node, context)) return *unproven;
    if (std::optional<Status> unproven = done_after_group(node)) return *unproven;
  }
  bool now_only = history_.cancel && history_.cancel->now && !context.ending;
  StepState state = StepState::succeeded;
  if (failed) {
    // Asked again: a gate within may have said no just now.
    by_person = !context.ending && (history_.cancel.has_value() || rejected_);
    bool run_over = by_person || run_timed_out() || told_to_end;
    state = (history_.cancel && !context.ending) ? StepState::cancelled : StepState::failed;
    bool rescued = false;
    if (!node.rescue.empty() && (!run_over || has_begun_any(node.rescue))) {
      Status rescue = advance_list(node.rescue, Context{run_over, context.ending}, Until::first_failure);
      if (rescue != Status::ended) return rescue;
      rescued = all_succeeded(node.rescue);
      if (rescued) state = StepState::recovered;
    }
    bool left_as_it_is = (history_.cancel && !history_.cancel->rollback) || history_.ends_by == "stop";
    bool undo_wanted = !left_as_it_is || context.ending;
    if (!rescued && undo_wanted && !now_only) {
      Status undone = advance_rollback(node);
      if (undone != Status::ended) return undone;
    }
  }
  if (history_.cancel && !context.ending) {
    Status begun = settle_begun(node);
    if (begun != Status::ended) return begun;
  }
  if (!node.always.empty() && !now_only) {
    Status always = advance_list(node.always, Context{false, true});
    if (always != Status::ended) return always;
    bool always_failed = std::any_of(node.always.begin(), node.always.end(),
                                     [&](NodeId id) { return counts_as_failed(record(expansion_.at(id))); });
    if (always_failed && state != StepState::cancelled) state = StepState::failed;
  }
  if (release_all_of(node) != Status::ended) return Status::active;
  end_group(node, state);
  return Status::ended;
}

void Engine::Loop::end_group(const Node& node, StepState state) {
  Map body;
  if (node.kind == NodeKind::choose) pass_over_options(node);
  if (state == StepState::succeeded || state == StepState::recovered) {
    Map error;
    Map within = result_within(node);
    std::optional<Map> outputs = outputs_of_node(node, &within, error);
    if (!outputs) {
      state = StepState::failed;
      body["error"] = std::move(error);
    } else {
      for (auto& [name, value] : *outputs) within[name] = std::move(value);
      if (!within.empty()) body["result"] = std::move(within);
    }
  } else if (node.kind == NodeKind::foreach) {
    body["error"] = error_of_loop(node);
  } else {
    const OpRecord* child = failed_child(node);
    if (child && child->error) {
      body["error"] = *child->error;
    } else if (record(node).refuted) {
      body["error"] = *record(node).error;
    } else if (record(node).timed_out) {
      body["error"] = Map{{"code", "timeout"},
                          {"message", "the time of `" + node.op.path + "` was up"},
                          {"effect", "maybe"},
                          {"step", node.op.path}};
    } else if (state == StepState::failed) {
      body["error"] = Map{{"code", "failed"},
                          {"message", "a step of `" + node.op.path + "` failed"},
                          {"effect", "maybe"},
                          {"step", node.op.path}};
    }
  }
  if (node.kind == NodeKind::foreach) body["result"] = result_of_loop(node);
  if (state == StepState::failed && node.step && on_failure_of(node) == OnFailure::proceed) body["passed"] = true;
  body["state"] = std::string(name_of(state));
  add(EventKind::outcome, node.op, 0, std::move(body));
}

std::optional<Map> Engine::Loop::outputs_of_node(const Node& node, const Map* result, Map& error) {
  Map out;
  RunEnvironment names = environment(node, now());
  if (result) {
    names.set_result(result);
    names.set_own_result(result);
  }
  for (const Output& output : outputs_of(*parts_.graph, node)) {
    tl::expected<Value, Diagnostic> value = type_any(output.value, argument_values(node, names));
    if (!value) {
      error = expression_error(value.error());
      error["step"] = node.op.path;
      error["effect"] = "done";
      return std::nullopt;
    }
    out[output.name.text] = std::move(*value);
  }
  return out;
}

void Engine::Loop::end_run() {
  const Node& root = parts_.graph->root();
  auto [state, reason] = ending_now();
  const OpRecord& op = record(root);
  bool always_failed = std::any_of(root.always.begin(), root.always.end(),
                                   [&](NodeId id) { return counts_as_failed(record(expansion_.at(id))); });
  if (always_failed && state != RunState::rejected && state != RunState::cancelled) {
    reason = reason.empty() ? "a step of `always` failed" : reason + "; a step of `always` failed";
    state = RunState::failed;
  }
  if (state == RunState::succeeded && op.state == StepState::failed) {
    state = RunState::failed;
    reason = op.error ? text_of(*op.error, "message") : "the outputs could not be made";
  }
  int code = 1;
  switch (state) {
    case RunState::succeeded:
      code = 0;
      break;
    case RunState::rolled_back:
      code = 5;
      break;
    case RunState::rejected:
      code = 4;
      break;
    case RunState::cancelled:
      code = 130;
      break;
    default:
      code = 1;
  }
  Map body{{"status", std::string(name_of(state))}, {"reason", reason}, {"exit_code", code}};
  if (op.result) body["outputs"] = *op.result;
  give_locks_back();
  add(EventKind::run_ended, root.op, 0, std::move(body), "ended");
}

}  // namespace muster
