// One step: its attempts, and what became of them.
#include <algorithm>
#include <cmath>

#include "interpreter/base/digest.h"
#include "interpreter/base/json.h"
#include "interpreter/checker/checker.h"
#include "interpreter/engine/doubt.h"
#include "interpreter/engine/loop.h"
#include "interpreter/engine/loop_marks.h"
#include "interpreter/engine/silent.h"
#include "interpreter/engine/step_actions.h"

namespace muster {

std::optional<Retry> Engine::Loop::retry_of(const Node& node) const {
  if (node.step->retry) return *node.step->retry;
  const std::optional<Defaults>& defaults = parts_.graph->playbook_of(node).defaults;
  if (defaults && defaults->retry) return *defaults->retry;
  return std::nullopt;
}

OnFailure on_failure_of(const StepGraph& graph, const Node& node) {
  if (node.step && node.step->on_failure) return *node.step->on_failure;
  const std::optional<Defaults>& defaults = graph.playbook_of(node).defaults;
  if (node.step && !node.is_group() && defaults && defaults->on_failure) return *defaults->on_failure;
  return OnFailure::fail;
}

Duration Engine::Loop::timeout_of_attempt(const Node& node) {
  std::optional<Duration> own = duration_of(node, node.step->timeout);
  const std::optional<Defaults>& defaults = parts_.graph->playbook_of(node).defaults;
  if (!own && defaults) own = duration_of(node, defaults->timeout);
  return own.value_or(Duration{0});
}

Effect Engine::Loop::effect_of_call(const Node& node, const Action& action, const Map& args) const {
  Effect derived = action.effect ? action.effect(args) : Effect::write;
  std::optional<Effect> declared;
  if (node.step->effect) declared = effect_of(node.step->effect->text);
  if (!declared) return derived;
  if (action.effect_may_be_declared) return *declared;
  return std::max(derived, *declared);
}

Engine::Loop::Status Engine::Loop::await_job(const Node& node, Context context) {
  NodeRun& run = run_of(node);
  bool interrupt = context.stop && (history_.cancel || run_timed_out() || record(expansion_.at(node.parent)).timed_out);
  if (run.deadline && boot() >= *run.deadline && !run.timed_out) {
    run.timed_out = true;
    interrupt = true;
  } else if (run.deadline && !run.timed_out) {
    wake_at(*run.deadline);
  }
  if (interrupt && run.stop) run.stop->request_stop();
  if (run.acting) watch(node);
  return Status::active;
}

Engine::Loop::Status Engine::Loop::advance_step(const Node& node, Context context) {
  NodeRun& run = run_of(node);
  OpRecord& op = record(node);
  if (run.in_flight || run.previewing) return await_job(node, context);
  if (op.state == StepState::in_doubt) {
    // Who cancels may leave a doubt as it is; who wants all undone cannot have it undone around one.
    bool left = context.stop && history_.cancel && (history_.cancel->now || !history_.cancel->rollback);
    if (left) return Status::ended;
    if (op.intent_open && run.unsettled) return settle(node);
    if (!can_ask_again(node)) return Status::blocked;
    run.was_in_doubt = true;
    continue_after_crash(node);
    return run.in_flight ? Status::active : Status::blocked;
  }
  if (op.intent_open) {  // an earlier interpreter was killed in the middle of it
    if (context.stop && history_.cancel && history_.cancel->now) {
      add(EventKind::in_doubt, node.op, op.attempt,
          Map{{"reason", "the interpreter was killed while it ran, and the run was cancelled before anybody looked"}});
      return Status::ended;
    }
    if (run.unsettled) return settle(node);
    continue_after_crash(node);
    return has_ended(node) ? Status::ended : (op.state == StepState::in_doubt ? Status::blocked : Status::active);
  }
  if (is_being_rescued(node)) return advance_rescue(node, context);
  if (context.stop) {
    if (std::optional<Status> ending = end_before_retry(node, context)) return *ending;
    if (op.state == StepState::pending && op.attempt == 0 && op.gate.state != GateState::open) return Status::ended;
    if (op.outcome_ok && !history_.cancel) return advance_proof(node, context);
    Map body{{"state", history_.cancel ? "cancelled" : "not_reached"}, {"reason", "the run is ending"}};
    if (op.attempt > 0) {
      // Between two attempts, or between an action and its verify: what was done stays recorded as maybe.
      body["error"] = Map{{"code", "interrupted"},
                          {"message", "stopped before it could be verified or tried again"},
                          {"effect", "maybe"},
                          {"step", node.op.path}};
      body["state"] = history_.cancel ? "cancelled" : "failed";
      add(EventKind::verified, node.op, op.attempt, std::move(body));
    } else {
      add(EventKind::skipped, node.op, 0, std::move(body));
    }
    return Status::ended;
  }
  if (op.attempt == 0 && (op.state != StepState::waiting || op.gate.state == GateState::open)) {
    std::optional<Status> before = prelude(node, context);
    if (before) return *before;
  }
  if (op.outcome_ok && !has_ended(node)) return advance_proof(node, context);
  if (node.kind == NodeKind::wait) return run_wait(node);
  if (node.kind == NodeKind::manual && (op.asked || !op.due_at || now() >= *op.due_at)) return run_manual(node);
  if (op.due_at) {
    if (now() < *op.due_at) {
      wake_at(*op.due_at);
      return Status::active;
    }
  }
  if (std::optional<Status> done = done_before_retry(node)) return *done;
  if (std::optional<Status> before = before_retry(node, context)) return *before;
  switch (node.kind) {
    case NodeKind::set:
      run_set(node);
      break;
    case NodeKind::fail:
      run_fail(node);
      break;
    case NodeKind::audit:
      run_audit(node);
      break;
    case NodeKind::verify:
      return advance_verify(node, context);
    default:
      if (op.left_to_group > 0) return release(node);
      start_attempt(node, op.attempt + 1);
  }
  return has_ended(node) ? Status::ended : Status::active;
}

void Engine::Loop::start_attempt(const Node& node, int attempt) {
  const ActionCall& call = node.step->actions.front();
  const Action& action = action_of(call);
  const Node* gate = gate_above(node);
  // What a gate showed is what runs: `now()` stands still from its opening on.
  RunEnvironment names = environment(node, gate ? record(*gate).gate.opened_at : now());
  tl::expected<Map, Map> args = render_args(node, call, action, names);
  if (!args) {
    attempt_ended(node, attempt, EventKind::outcome, {}, args.error());
    return;
  }
  Effect effect = effect_of_call(node, action, *args);
  if (effect != Effect::read) {
    Map intent{{"effect", std::string(name_of(effect))},
               {"action", action.name},
               {"args_digest", sha256_hex(print_json(Value(*args)))}};
    if (action.leaves_to_group && action.leaves_to_group(*args)) intent["left_to_group"] = true;
    add(EventKind::intent, node.op, attempt, std::move(intent));
  }
  launch(node, action, std::move(*args), effect, attempt, false, false);
}

namespace {

struct Job {
  Map args;
  std::string run;
  OpId op;
  std::string idempotency_key;
  int attempt = 1;
  Duration timeout;
  std::stop_source stop;
  Effect effect = Effect::write;
  bool after_crash = false;
  Timestamp started_at;
  StepOutput done;  // what an automatic undo undoes: its result, and what its stages recorded
  Undone undone;
  std::vector<Secret> opened;
};

class KeptStreams final : public Streams {
 public:
  KeptStreams(OpId op, int attempt) : op_(std::move(op)), attempt_(attempt) {}
  void keep(std::string_view name, CapturedStream stream) override {
    kept.push_back({op_, attempt_, std::string(name), std::move(stream.head), std::move(stream.tail), stream.bytes,
                    std::move(stream.sha256)});
  }
  std::vector<OutputRecord> kept;

 private:
  OpId op_;
  int attempt_;
};

class PostedProgress final : public Progress {
 public:
  PostedProgress(Executor& executor, Observer& observer, OpId op)
      : executor_(executor), observer_(observer), op_(std::move(op)) {}
  void at(int64_t done, int64_t total, std::string_view unit) override {
    executor_.post([this_op = op_, &observer = observer_, done, total, text = std::string(unit)] {
      observer.progress(this_op, done, total, text);
    });
  }

 private:
  Executor& executor_;
  Observer& observer_;
  OpId op_;
};

}  // namespace

void Engine::Loop::launch(const Node& node, const Action& action, Map args, Effect effect, int attempt,
                          bool after_crash, bool automatic_undo) {
  auto job = std::make_shared<Job>();
  job->args = std::move(args);
  job->run = run_;
  job->op = automatic_undo ? node.op.rollback().child("auto") : node.op;
  job->idempotency_key = sha256_hex(run_ + "\n" + job->op.path);
  job->attempt = attempt;
  job->timeout = timeout_of_attempt(node);
  job->effect = effect;
  job->after_crash = after_crash;
  job->started_at = now();
  job->opened = secrets_.all();
  if (automatic_undo) {
    const OpRecord& op = record(node);
    job->done.fields = result_so_far(node);
    job->undone = {node.op, op.attempt, {}};
    for (const auto& [name, mark] : op.marks)
      if (mark.value) job->undone.marks.emplace(name, *mark.value);
  } else {
    unstored_.erase(node.op.path);  // an earlier attempt's
  }
  NodeRun& run = run_of(node);
  (automatic_undo ? run.undo_in_flight : run.in_flight) = true;
  run.acting = !automatic_undo;
  run.timed_out = false;
  run.stop = job->stop;
  run.deadline.reset();
  if (job->timeout.us > 0) run.deadline = Duration{boot().us + job->timeout.us};
  // What a script's calls find is what it finds. The marks of our own actions tell where they stand, and hold no data.
  const bool withheld = is_sensitive(node) && !action.origin.empty();
  after_commit_.push_back([this, job, &action, id = node.id, automatic_undo, withheld] {
    ++in_flight_;  // only what was really started is waited for
    parts_.executor->start([this, job, &action, id, automatic_undo, withheld] {
      LoopMarks marks(*this, job->op, job->attempt, withheld);
      StepActions others(parts_, job->effect);
      KeptStreams streams(job->op, job->attempt);
      PostedProgress progress(*parts_.executor, observer_, job->op);
      StepInput input{job->args,
                      job->run,
                      job->op,
                      job->attempt,
                      job->idempotency_key,
                      job->timeout,
                      job->stop.get_token(),
                      marks,
                      others,
                      progress,
                      streams,
                      job->after_crash,
                      job->opened,
                      parts_.scripts,
                      automatic_undo ? &job->undone : nullptr};
      others.stand_in(input);
      ActionEnd end;
      end.node = id;
      end.op = job->op;
      end.attempt = job->attempt;
      end.automatic_undo = automatic_undo;
      end.after_crash = job->after_crash && !action.continues_after_crash;
      end.started_at = job->started_at;
      Look look = parts_.world->look();
      if (automatic_undo) {
        Touch touch = parts_.world->touch();
        end.output = action.rollback(input, job->done, touch);
      } else if (job->effect == Effect::read) {
        end.output =
            action.look
                ? action.look(input, look)
                : Result<StepOutput>(fail(ErrorCode::invalid, "`" + action.name + "` cannot be used as a read"));
      } else if (job->after_crash && action.recover) {
        Touch touch = parts_.world->touch();
        Result<std::optional<StepOutput>> left = action.recover(input, touch);
        if (!left) {
          end.output = pass(left.error());
        } else if (*left) {
          end.output = std::move(**left);
        } else {
          end.left = ActionEnd::Left::nothing;
        }
      } else if (job->after_crash && !action.continues_after_crash && action.probe) {
        Result<Settled> settled = action.probe(input, look);
        if (settled && settled->answer == Settled::Answer::happened) {
          StepOutput output;
          if (settled->value.is<Map>()) output.fields = settled->value.get<Map>();
          output.notes.push_back("after a crash the action itself found that it had happened");
          end.output = std::move(output);
          end.settled_by = "probe";
        } else if (settled && settled->answer == Settled::Answer::did_not_happen) {
          end.left = ActionEnd::Left::no_effect;
        } else {
          end.left = ActionEnd::Left::nothing;
          if (!settled) end.left_reason = settled.error().message;
        }
      } else {
        Touch touch = parts_.world->touch();
        end.output = action.act(input, touch);
      }
      end.streams = std::move(streams.kept);
      auto shared = std::make_shared<ActionEnd>(std::move(end));
      parts_.executor->post(
          [this, shared] { completed_.push_back([this, shared] { action_ended(std::move(*shared)); }); });
    });
  });
}

void Engine::Loop::action_ended(ActionEnd end) {
  --in_flight_;
  const Node& node = expansion_.at(end.node);
  NodeRun& run = run_of(node);
  bool timed_out = run.timed_out;
  (end.automatic_undo ? run.undo_in_flight : run.in_flight) = false;
  std::optional<Map> breach;
  if (!end.automatic_undo) {
    run.acting = false;
    breach = end_watch(node);
  }
  run.stop.reset();
  run.deadline.reset();
  run.timed_out = false;
  if (broken_ || stopping_) return;
  // It stopped at a mark that found no room: its intent stays open, and a resume goes on there.
  if (full_ && !end.output && end.output.error().code == ErrorCode::interrupted && !timed_out) return;
  redact(end.output, end.streams);
  // A person settled it while its record was being looked for.
  if (end.after_crash && !record(node).intent_open) return;
  if (end.left == ActionEnd::Left::no_effect)
    return run_again(node, "after a crash the action itself found that it had not happened");
  if (end.left == ActionEnd::Left::nothing) {
    run.unsettled = nothing_recorded + (end.left_reason.empty() ? "" : " (" + end.left_reason + ")");
    return;
  }
  Map body{{"started_at", end.started_at}};
  std::optional<Map> error;
  if (end.output) {
    if (!is_sensitive(node) || end.automatic_undo) {
      body["result"] = end.output->fields;
    } else {
      secrets_.keep_out(Value(end.output->fields));
      unstored_[node.op.path] = end.output->fields;
    }
    if (!end.settled_by.empty()) body["settled_by"] = end.settled_by;
    if (!end.output->notes.empty()) body["notes"] = List(end.output->notes.begin(), end.output->notes.end());
  } else {
    Error failure = end.output.error();
    if (failure.code == ErrorCode::in_doubt) {
      if (end.automatic_undo) {
        add(EventKind::in_doubt, end.op, end.attempt, Map{{"reason", failure.message}});
        return;
      }
      // A record that is there and cannot be read: the child may be alive, and nothing may run beside it.
      if (end.after_crash) return in_doubt(node, failure.message);
      if (record(node).intent_open) {
        run.unsettled = failure.message;
        return;
      }
      failure.effect = Certainty::no_effect;  // of a read
    }
    if (failure.code == ErrorCode::interrupted && timed_out) {
      failure.code = ErrorCode::timeout;
      failure.message = "it was not done within " + to_text(timeout_of_attempt(node));
    }
    error = error_map(failure, end.op.path, end.attempt);
    if (std::string drawn = drawn_in_argument(node, failure); !drawn.empty() && !end.automatic_undo)
      (*error)["diagnostic"] = std::move(drawn);
  }
  if (breach) {
    // It was told to stop, and may have ended before it heard that.
    const bool wrote = record(node).intent_open;
    (*breach)["effect"] = error ? text_of(*error, "effect") : wrote ? "done" : "none";
    error = std::move(breach);
    body.erase("result");
    unstored_.erase(node.op.path);
  }
  if (node.step && !is_sensitive(node) && !end.streams.empty()) {
    body["streams"] = outputs_in_event(end.streams);
    for (OutputRecord& stream : end.streams) batch_outputs_.push_back(std::move(stream));
  }
  recorded_.push_back([this, op = end.op, attempt = end.attempt] {
    parts_.world->processes.committed({run_, op, attempt});
  });
  if (end.automatic_undo) {
    body["state"] = error ? "failed" : "succeeded";
    if (error) body["error"] = std::move(*error);
    add(EventKind::outcome, end.op, end.attempt, std::move(body));
    return;
  }
  attempt_ended(node, end.attempt, EventKind::outcome, std::move(body), std::move(error));
}

Map Engine::Loop::result_so_far(const Node& node) {
  if (node.is_group()) return result_within(node);
  const OpRecord& op = record(node);
  if (op.result) return *op.result;
  auto found = unstored_.find(node.op.path);
  return found == unstored_.end() ? Map{} : found->second;
}

bool Engine::Loop::may_repeat(const Node& node, const Map& error) {
  if (text_of(error, "effect") == "none") return true;
  const OpRecord& op = record(node);
  return op.effect.empty() || op.effect == "read" || node.step->idempotent.value_or(false) ||
         node.step->done_when.has_value();
}

// The one place where an attempt's end becomes a state: retry, failure for good, or success (with its verify to come).
void Engine::Loop::attempt_ended(const Node& node, int attempt, EventKind kind, Map body, std::optional<Map> error) {
  if (!error) {
    std::string settled_by = text_of(body, "settled_by");
    bool result_lost = !settled_by.empty();
    bool verify_follows = kind == EventKind::outcome && node.step->verify && node.kind != NodeKind::verify &&
                          !(result_lost && node.step->verify->probes.empty());
    bool done_follows = kind != EventKind::evaluated && node.step->done_when && settled_by != by_done_when;
    if (!verify_follows && !done_follows) {
      const Value* result = member(body, "result");
      Map fields = result && result->is<Map>() ? result->get<Map>() : result_so_far(node);
      Map failure;
      std::optional<Map> outputs = outputs_of_node(node, &fields, failure);
      if (!outputs) {
        error = std::move(failure);
      } else if (!outputs->empty()) {
        for (auto& [name, value] : *outputs) fields[name] = std::move(value);
        if (is_sensitive(node))
          unstored_[node.op.path] = std::move(fields);
        else
          body["result"] = std::move(fields);
      }
    }
    if (!error) {
      body["state"] = verify_follows || done_follows ? "running" : "succeeded";
      add(kind, node.op, attempt, std::move(body));
      return;
    }
  }
  (*error)["step"] = node.op.path;
  (*error)["attempt"] = attempt;
  if (const Value* item = item_of(node)) (*error)["item"] = *item;
  bool cancelled = history_.cancel && text_of(*error, "code") == "interrupted";
  std::optional<Retry> retry = retry_of(node);
  bool again = false;
  Duration delay{0};
  if (retry && !cancelled && attempt < integer_of(node, retry->attempts).value_or(1) && may_repeat(node, *error)) {
    again = true;
    if (retry->when) {
      RunEnvironment names = environment(node, now());
      names.set_error(&*error);
      const Map found = result_so_far(node);
      names.set_result(&found);
      names.set_own_result(&found);
      tl::expected<bool, Map> wanted = ask(*retry->when, names);
      again = wanted && *wanted;
    }
    double us = static_cast<double>(duration_of(node, retry->delay).value_or(Duration::seconds(1)).us);
    us *= std::pow(retry->backoff, attempt - 1);
    if (std::optional<Duration> most = duration_of(node, retry->max_delay))
      us = std::min(us, static_cast<double>(most->us));
    if (retry->jitter > 0) {
      std::string random = parts_.world->entropy.bytes(4);
      uint32_t n = 0;
      for (char c : random) n = n << 8 | static_cast<unsigned char>(c);
      us *= 1.0 - retry->jitter * (static_cast<double>(n) / 4294967296.0);
    }
    delay.us = static_cast<int64_t>(us);
  }
  if (again) {
    body["error"] = *error;
    body["state"] = "waiting";
    add(kind, node.op, attempt, std::move(body));
    add(EventKind::wait_started, node.op, attempt, Map{{"due_at", now() + delay}, {"reason", "retry"}});
    return;
  }
  failed_for_good(node, attempt, kind, std::move(body), std::move(*error));
}

void Engine::Loop::failed_for_good(const Node& node, int attempt, EventKind kind, Map body, Map error) {
  bool cancelled = history_.cancel && text_of(error, "code") == "interrupted";
  std::string message = text_of(error, "message");
  body["error"] = std::move(error);
  if (!cancelled && !node.rescue.empty()) {
    body["state"] = "running";  // of what rescues it
    add(kind, node.op, attempt, std::move(body));
    return;
  }
  if (!cancelled && on_failure_of(node) == OnFailure::ask && !history_.cancel) {
    body["state"] = "waiting";
    add(kind, node.op, attempt, std::move(body));
    in_doubt(node, "it failed, and the playbook asks what to do: " + message);
    return;
  }
  body["state"] = cancelled ? "cancelled" : "failed";
  if (!cancelled && on_failure_of(node) == OnFailure::proceed) body["passed"] = true;
  add(kind, node.op, attempt, std::move(body));
}

void Engine::Loop::run_set(const Node& node) {
  RunEnvironment names = environment(node, now());
  Map fields;
  for (const Entry& entry : node.step->set->values) {
    tl::expected<Value, Diagnostic> value = type_any(entry.value, argument_values(node, names));
    if (!value) {
      attempt_ended(node, record(node).attempt + 1, EventKind::outcome, {}, expression_error(value.error()));
      return;
    }
    fields[entry.key.text] = std::move(*value);
  }
  attempt_ended(node, record(node).attempt + 1, EventKind::outcome, Map{{"result", std::move(fields)}}, std::nullopt);
}

void Engine::Loop::run_fail(const Node& node) {
  RunEnvironment names = environment(node, now());
  std::string message = "the playbook says so";
  if (node.step->fail->message) {
    tl::expected<Value, Map> text = value_of(*node.step->fail->message, names);
    if (!text) {
      attempt_ended(node, record(node).attempt + 1, EventKind::outcome, {}, text.error());
      return;
    }
    message = to_text(*text);
  }
  std::string code = node.step->fail->code ? node.step->fail->code->text : "failed";
  attempt_ended(node, record(node).attempt + 1, EventKind::outcome, {},
                Map{{"code", code}, {"message", message}, {"effect", "none"}});
}

void Engine::Loop::run_audit(const Node& node) {
  RunEnvironment names = environment(node, now());
  Map fields;
  for (const Entry& entry : node.step->audit->fields) {
    tl::expected<Value, Diagnostic> value = type_any(entry.value, argument_values(node, names));
    if (!value) {
      attempt_ended(node, record(node).attempt + 1, EventKind::outcome, {}, expression_error(value.error()));
      return;
    }
    fields[entry.key.text] = std::move(*value);
  }
  add(EventKind::audit, node.op, record(node).attempt + 1,
      Map{{"event", node.step->audit->event ? node.step->audit->event->text : ""}, {"fields", std::move(fields)}});
  attempt_ended(node, record(node).attempt + 1, EventKind::outcome, {}, std::nullopt);
}

Engine::Loop::Status Engine::Loop::run_wait(const Node& node) {
  OpRecord& op = record(node);
  if (op.state != StepState::waiting) {
    std::optional<Duration> length = duration_of(node, node.step->wait->duration);
    add(EventKind::wait_started, node.op, 1, Map{{"due_at", now() + length.value_or(Duration{0})}, {"reason", "wait"}});
  }
  watch(node);
  NodeRun& run = run_of(node);
  if (run.watch && run.watch->breach) {
    add(EventKind::wait_ended, node.op, 1, {});
    Map error = *end_watch(node);
    error["step"] = node.op.path;
    error["attempt"] = 1;
    failed_for_good(node, 1, EventKind::outcome, {}, std::move(error));
    return has_ended(node) ? Status::ended : Status::blocked;
  }
  if (op.due_at && now() < *op.due_at) {
    wake_at(*op.due_at);
    return Status::active;
  }
  if (run.watch && run.watch->in_flight) return Status::active;  // its last answer counts
  (void)end_watch(node);
  add(EventKind::wait_ended, node.op, 1, {});
  attempt_ended(node, 1, EventKind::outcome, {}, std::nullopt);
  return has_ended(node) ? Status::ended : Status::active;  // its `verify` comes next
}

}  // namespace muster
