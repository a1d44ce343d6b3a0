#include "interpreter/engine/loop.h"

#include <algorithm>
#include <cstdlib>

#include "interpreter/base/digest.h"
#include "interpreter/base/json.h"

namespace muster {
namespace {

// How often a loop looks for what other processes wrote, and tells them that it is alive.
constexpr Duration foreign_look_every = Duration::milliseconds(100);
constexpr Duration renewal_every = Duration::seconds(4);
// An owner that cannot renew its lease stops before the lease has run out.
constexpr Duration renewal_margin = Duration::seconds(5);
// The two clocks drift apart by microseconds all the time; only a step counts.
constexpr Duration clock_step = Duration::seconds(2);

}  // namespace

Map error_map(const Error& error, const std::string& step, int attempt) {
  Map map{{"code", error.own_code.empty() ? std::string(name_of(error.code)) : error.own_code},
          {"message", error.message},
          {"effect", std::string(name_of(error.effect))},
          {"step", step},
          {"attempt", attempt}};
  if (!error.hint.empty()) map["hint"] = error.hint;
  if (!error.cause.empty()) map["cause"] = error.cause;
  if (error.status) map["status"] = *error.status;
  if (error.exit_code) map["exit_code"] = *error.exit_code;
  return map;
}

Engine::Loop::Loop(Parts parts, Observer& observer)
    : parts_(std::move(parts)),
      observer_(observer),
      owner_(parts_.owner ? *parts_.owner : this_owner()),
      expansion_(*parts_.graph) {
  nodes_.resize(parts_.graph->nodes().size());
}

Engine::Loop::~Loop() {
  // Jobs refer to this object: they are stopped and waited for, except in a process that is about to go (stop()).
  broken_ = true;
  for (NodeRun& node : nodes_)
    for (std::stop_source* stop : {node.stop ? &*node.stop : nullptr, node.watch ? &node.watch->stop : nullptr})
      if (stop) stop->request_stop();
  while (in_flight_ > 0) {
    parts_.executor->wait(std::nullopt);
    take_in_completions();
  }
}

Result<std::string> Engine::Loop::create(const StartRequest& request) {
  inputs_ = request.inputs;
  if (!request.break_glass.empty()) {
    const std::vector<std::string> breakers = breakers_of(*parts_.configuration);
    if (std::find(breakers.begin(), breakers.end(), request.person) == breakers.end())
      return fail(ErrorCode::refused, "`" + request.person + "` may not break the glass",
                  breakers.empty() ? "nobody may: `gates.break_glass` of the configuration says who"
                                   : "`gates.break_glass` of the configuration says who may");
  }
  break_glass_ = request.break_glass;
  is_rehearsal_ = request.rehearsal;
  muster_version_ = request.version;
  const Playbook& playbook = parts_.graph->playbook();
  NewRun run;
  run.id = to_hex(parts_.world->entropy.bytes(8));
  run.playbook = playbook.playbook ? playbook.playbook->text : "";
  run.version = playbook.version.value_or("");
  run.inputs = encode_value(Value(inputs_));
  run.starter = request.person + "@" + request.host;
  run.parent = request.parent;
  run.created_at = parts_.world->clock.now();
  List files;
  std::vector<std::string> digests;
  for (const SourceFile& file : parts_.files->all()) {
    run.files.emplace_back(file.digest, file.text);
    digests.push_back(file.digest);
    files.push_back(Map{{"path", file.path}, {"digest", file.digest}});
  }
  run.graph_digest = parts_.graph->digest(digests);
  Event created;
  created.kind = EventKind::run_created;
  created.at = run.created_at;
  created.body = encode_value(Map{{"playbook", run.playbook},
                                  {"version", run.version},
                                  {"title", playbook.title.value_or("")},
                                  {"files", std::move(files)},
                                  {"graph_version", kGraphVersion},
                                  {"graph_digest", run.graph_digest},
                                  {"inputs", inputs_},
                                  {"starter", request.person},
                                  {"host", request.host},
                                  {"muster", request.version},
                                  {"changed_by", List(request.changed_by.begin(), request.changed_by.end())},
                                  {"parent", request.parent},
                                  {"from", request.from},
                                  {"detached", request.detached},
                                  {"break_glass", request.break_glass},
                                  {"undoes", request.undoes},
                                  {"self_approval_allowed", parts_.configuration->self_approval_allowed()}});
  run_ = run.id;
  lease_good_until_ = Duration{boot().us + lease_length.us};
  std::vector<Event> first{std::move(created)};
  for (Event event : request.carried) {
    event.at = run.created_at;
    first.push_back(std::move(event));
  }
  Result<Lease> lease = parts_.journal->create(run, first, owner());
  if (!lease) return pass(lease.error());
  lease_ = *lease;
  int64_t seq = 0;
  for (Event& event : first) {
    event.seq = ++seq;
    Result<void> applied = history_.apply(event);
    if (!applied) return pass(applied.error());
    observer_.happened(event, history_);
  }
  expansion_.expand_all(history_.in_order());
  history_.last_seq = lease_.next_seq - 1;
  return run_;
}

const Owner& Engine::Loop::owner() {
  owner_.boot = boot();
  return owner_;
}

Result<void> Engine::Loop::adopt(const std::string& run, const StartRequest& who) {
  run_ = run;
  muster_version_ = who.version;
  // Whoever comes to a run that has ended only hears how: behind its end nothing is written but the review of a broken
  // glass.
  Result<RunRecord> before = parts_.journal->read(run);
  if (!before) return pass(before.error());
  if (muster::has_ended(before->row.state)) {
    Result<RunHistory> ended = replay(before->events);
    if (!ended) return pass(ended.error());
    const OpRecord* review = open_review(*ended);
    if (!review || review->gate.votes.empty()) {
      history_ = std::move(*ended);
      return {};
    }
  }
  lease_good_until_ = Duration{boot().us + lease_length.us};
  Result<Lease> lease = parts_.journal->own(run, owner(), who.person, parts_.world->clock.now());
  if (!lease) return pass(lease.error());
  lease_ = *lease;
  Result<RunRecord> record = parts_.journal->read(run);
  if (!record) return pass(record.error());
  Result<RunHistory> history = replay(record->events);
  if (!history) return pass(history.error());
  history_ = std::move(*history);
  if (history_.has_unknown)
    return fail(ErrorCode::refused, "run " + run + " has events of a later version of muster",
                "resume it with that version");
  const Value* version = member(history_.created, "graph_version");
  if (!version || !version->is<int64_t>() || version->get<int64_t>() != kGraphVersion)
    return fail(ErrorCode::refused, "run " + run + " was planned by another version of muster",
                "resume it with that version");
  std::vector<std::string> digests;
  for (const SourceFile& file : parts_.files->all()) digests.push_back(file.digest);
  if (parts_.graph->digest(digests) != record->row.graph_digest)
    return fail(ErrorCode::refused, "the graph of run " + run + " is not the one that it started with",
                "its files are kept with the run; they must be read from there");
  Result<Value> inputs = decode_value(record->row.inputs);
  if (!inputs || !inputs->is<Map>()) return fail(ErrorCode::corrupt, "the inputs of run " + run + " cannot be read");
  inputs_ = *inputs->find<Map>();
  break_glass_ = text_of(history_.created, "break_glass");
  is_rehearsal_ = who.rehearsal;
  expansion_.expand_all(history_.in_order());
  for (const OpRecord* op : history_.in_order()) {
    if (op->op.path == review_op) continue;
    if (op->gate.state == GateState::rejected || op->gate.state == GateState::expired) {
      rejected_ = true;
      rejected_reason_ = refusal_of(op->op, op->gate.state, op->gate.reason);
    }
  }
  return {};
}

Timestamp Engine::Loop::now() {
  // A clock that was set back must not reopen what has expired.
  return std::max(parts_.world->clock.now(), history_.last_at);
}

void Engine::Loop::wake_at(Duration boot_time) {
  if (!next_wake_ || boot_time < *next_wake_) next_wake_ = boot_time;
}

void Engine::Loop::wake_at(Timestamp moment) {
  Duration left = moment - now();
  wake_at(Duration{boot().us + std::max<int64_t>(left.us, 0)});
}

OpRecord& Engine::Loop::record(const Node& node) {
  NodeRun& run = run_of(node);
  if (!run.record) run.record = &history_.at(node.op);
  return *run.record;
}

void Engine::Loop::add(EventKind kind, const OpId& op, int attempt, Map body, std::string_view ledger) {
  Event event;
  event.kind = kind;
  event.kind_text = std::string(name_of(kind));
  event.op = op;
  event.attempt = attempt;
  event.at = now();
  if (!body.empty()) event.body = encode_value(Value(secrets_.body(std::move(body))));
  event.seq = history_.last_seq + 1;
  // Applied at once, so that what follows from it is decided in the same turn and shares its commit. Nothing is started
  // and nobody is told before the commit; when that fails this state dies with the loop.
  Result<void> applied = history_.apply(event);
  if (!applied) broken_ = true;
  batch_.push_back(std::move(event));
  if (!ledger.empty()) batch_ledger_ = ledger;
  changed_ = true;
}

Result<void> Engine::Loop::take_in_foreign() {
  Result<RunRecord> news = parts_.journal->read(run_, lease_.next_seq - 1);
  if (!news) return pass(news.error());
  for (Event& event : news->events) {
    Result<void> applied = history_.apply(event);
    if (!applied) return applied;
    lease_.next_seq = event.seq + 1;
    lease_.head = event.hash;
    observer_.happened(event, history_);
    changed_ = true;
  }
  return {};
}

void Engine::Loop::hold_back() {
  full_ = true;
  after_commit_.clear();
  // What is left is a prefix that a resume decides anew from: an intent is the last event before its effect.
  std::erase_if(batch_, [](const Event& event) {
    return event.kind == EventKind::intent || event.kind == EventKind::mark_intent;
  });
  if (!history_.ended)
    add(EventKind::audit, parts_.graph->root().op, 0,
        Map{{"event", std::string(full_disk_notice) + ": no new step starts, what is under way is waited for"},
            {"fields", Map{}}});
}

void Engine::Loop::watch_deadlines() {
  for (NodeRun& node : nodes_) {
    if (!node.deadline || !node.stop || node.timed_out) continue;
    if (boot() < *node.deadline) {
      wake_at(*node.deadline);
    } else {
      node.timed_out = true;
      node.stop->request_stop();
    }
  }
}

Result<void> Engine::Loop::flush() {
  if (!batch_.empty()) {
    while (true) {
      Commit commit;
      commit.events = batch_;
      commit.outputs = batch_outputs_;
      commit.ledger = batch_ledger_;
      commit.from_reserve = full_;
      if (history_.ended) {
        commit.state = ending_of(history_);
        commit.release = true;
        commit.clear_due = true;
      } else {
        commit.state = waits_for_person_ ? RunState::waiting : RunState::running;
      }
      Result<CommitAnswer> answer = parts_.journal->commit(lease_, commit);
      if (!answer) {
        broken_ = true;
        return pass(answer.error());
      }
      if (*answer == CommitAnswer::stored) {
        told_state_ = *commit.state;
        break;
      }
      if (*answer == CommitAnswer::full) {
        hold_back();
        continue;
      }
      if (*answer == CommitAnswer::lost) return taken_over();
      Result<void> taken = take_in_foreign();
      if (!taken) {
        broken_ = true;
        return taken;
      }
    }
    history_.last_seq = lease_.next_seq - 1;
    std::vector<Event> stored = std::move(batch_);
    batch_.clear();
    batch_outputs_.clear();
    batch_ledger_.clear();
    for (const Event& event : stored) observer_.happened(event, history_);
  }
  auto do_all = [](std::vector<std::function<void()>>& waiting) {
    std::vector<std::function<void()>> now_due = std::move(waiting);
    waiting.clear();
    for (std::function<void()>& one : now_due) one();
  };
  do_all(recorded_);
  // A process that was stopped right here may wake up when its run has long been another's.
  if (!after_commit_.empty() && boot() >= lease_good_until_) {
    Result<void> kept = keep_lease();
    if (!kept) return kept;
    if (boot() >= lease_good_until_) {
      broken_ = true;
      return fail(ErrorCode::storage,
                  "the lease of run " + run_ + " is over and cannot be renewed: nothing more is begun");
    }
  }
  do_all(after_commit_);
  return {};
}

tl::unexpected<Error> Engine::Loop::taken_over() {
  broken_ = true;
  const std::string another = "was taken over by another process", watch = "watch it with `muster show " + run_ + "`";
  std::string how = another, hint = watch;
  Result<RunRecord> record = parts_.journal->read(run_);
  for (const Event& event : record ? record->events : std::vector<Event>()) {
    if (event.kind == EventKind::owned) {
      how = another;
      hint = watch;
    }
    Result<Value> body = event.kind == EventKind::lock_released ? decode_value(event.body) : Value();
    const Map* lost = body ? body->find<Map>() : nullptr;
    if (!lost || text_of(*lost, "run").empty()) continue;
    how = "was not heard of for too long, and lost the lock `" + text_of(*lost, "name") + "` to run " +
          text_of(*lost, "run");
    hint = "`muster resume " + run_ + "` goes on once the lock is free";
  }
  return fail(ErrorCode::busy, "run " + run_ + " " + how, hint);
}

Result<void> Engine::Loop::keep_lease() {
  Duration at = boot();
  Result<bool> held = parts_.journal->renew(lease_, owner(), now());
  if (held && !*held) return taken_over();
  if (held) {
    lease_good_until_ = Duration{at.us + lease_length.us};
  } else if (held.error().code != ErrorCode::storage && at.us + renewal_margin.us >= lease_good_until_.us) {
    // (A disk that takes nothing of ours takes nothing of others either: what is under way is waited for.)
    broken_ = true;
    return pass(held.error());
  }
  return {};
}

Result<void> Engine::Loop::tell_state(RunState state) {
  if (told_state_ == state) return {};
  Commit commit;
  commit.state = state;
  Result<CommitAnswer> answer = parts_.journal->commit(lease_, commit);
  if (!answer) return pass(answer.error());
  if (*answer == CommitAnswer::lost) return taken_over();
  if (*answer == CommitAnswer::stored) told_state_ = state;
  return {};  // a word came in: it is read first
}

void Engine::Loop::take_in_completions() {
  while (!completed_.empty()) {
    std::function<void()> next = std::move(completed_.front());
    completed_.pop_front();
    next();
  }
}

Result<Ending> Engine::Loop::park(int exit_code, std::string reason) {
  Commit commit;
  commit.state = exit_code == 75 && stopping_ ? RunState::running : RunState::waiting;
  commit.release = true;
  commit.from_reserve = full_;
  auto due = [&commit](const std::optional<Timestamp>& at) {
    if (at && (!commit.due_at || *at < *commit.due_at)) commit.due_at = at;
  };
  for (const OpRecord* op : open_gates(history_)) due(op->gate.expires_at);
  for (const OpRecord* op : open_manuals(history_)) due(op->due_at);
  commit.clear_due = !commit.due_at;
  while (true) {
    Result<CommitAnswer> answer = parts_.journal->commit(lease_, commit);
    if (!answer) return pass(answer.error());
    if (*answer == CommitAnswer::lost) return taken_over();
    if (*answer == CommitAnswer::stored) break;
    if (*answer == CommitAnswer::full) {
      full_ = commit.from_reserve = true;
      continue;
    }
    Result<void> taken = take_in_foreign();
    if (!taken) return pass(taken.error());
    if (!stopping_ && !full_) return Ending{RunState::running, -1, run_, {}};  // a word came in: go on instead
  }
  return Ending{RunState::waiting, exit_code, run_, std::move(reason)};
}

std::optional<Ending> Engine::Loop::idle_ending(Status root, const WhenIdle& idle) {
  if (root != Status::blocked || in_flight_ > 0) return std::nullopt;
  bool doubts = !open_doubts(history_).empty();
  bool gates = !open_gates(history_).empty();
  if (doubts && !idle.wait_at_doubts) return Ending{RunState::waiting, 6, run_, "a step is in doubt"};
  bool manuals = !open_manuals(history_).empty();
  if ((gates || manuals) && !doubts && !idle.wait_at_gates)
    return Ending{RunState::waiting, 75, run_, gates ? "waiting at a gate" : "waiting for a person"};
  return std::nullopt;
}

Result<Ending> Engine::Loop::go(WhenIdle idle) {
  const Node& root = parts_.graph->root();
  next_renewal_ = Duration{boot().us + renewal_every.us};
  clock_offset_ = Duration{parts_.world->clock.now().us - boot().us};
  while (true) {
    next_wake_.reset();
    take_in_completions();
    Status status = Status::active;
    if (!stopping_ && !broken_ && !full_) advance_review();
    if (!stopping_ && !broken_ && !full_ && requirements_are_settled() && !history_.ended) {
      Result<Locking> locks = take_locks();
      if (!locks) return pass(locks.error());
      if (*locks == Locking::held && !history_.ended) {
        do {
          changed_ = false;
          next_wake_.reset();
          status = advance(root, Context{});
        } while (changed_ && !broken_ && !has_ended(root));
        if (has_ended(root) && !history_.ended) end_run();
      }
    }
    waits_for_person_ = status == Status::blocked && in_flight_ == 0;
    Result<void> flushed = flush();
    if (flushed && waits_for_person_ && !stopping_) flushed = tell_state(RunState::waiting);
    if (!flushed) return pass(flushed.error());
    if (history_.ended) {
      const Value* code = member(*history_.ended, "exit_code");
      return Ending{ending_of(history_).value_or(RunState::failed),
                    code && code->is<int64_t>() ? static_cast<int>(code->get<int64_t>()) : 1, run_,
                    text_of(*history_.ended, "reason")};
    }
    if (stopping_) return park(75, "stopped by a signal; `muster resume " + run_ + "` goes on");
    if (!completed_.empty()) continue;
    if (full_ && in_flight_ == 0)
      return park(75, std::string(full_disk_notice) + "; free some space, then `muster resume " + run_ + "`");
    if (full_) watch_deadlines();
    if (std::optional<Ending> ending = idle_ending(status, idle)) {
      Result<Ending> parked = park(ending->exit_code, ending->reason);
      if (!parked || parked->exit_code >= 0) return parked;
      changed_ = true;
      continue;
    }
    if (!parts_.alone) {
      wake_at(Duration{boot().us + foreign_look_every.us});
      wake_at(next_renewal_);
    }
    parts_.executor->wait(next_wake_);
    if (parts_.alone) continue;
    Duration at = boot();
    if (at >= next_foreign_look_) {
      next_foreign_look_ = Duration{at.us + foreign_look_every.us};
      Result<bool> changed = parts_.journal->changed();
      if (changed && *changed) {
        Result<void> taken = take_in_foreign();
        if (!taken) return pass(taken.error());
      }
    }
    if (at >= next_renewal_) {
      next_renewal_ = Duration{at.us + renewal_every.us};
      Result<void> kept = keep_lease();
      if (!kept) return pass(kept.error());
      look_around();
    }
  }
}

// What nobody asked for and a person should know: with each renewal of the lease.
void Engine::Loop::look_around() {
  Duration offset{parts_.world->clock.now().us - boot().us};
  Duration by{clock_offset_ ? offset.us - clock_offset_->us : 0};
  if (std::llabs(by.us) >= clock_step.us) add(EventKind::clock_stepped, parts_.graph->root().op, 0, Map{{"by", by}});
  if (!clock_offset_ || by.us != 0) clock_offset_ = offset;
  std::optional<std::string> alarm = parts_.journal->alarm();
  if (alarm && !alarmed_)
    add(EventKind::audit, parts_.graph->root().op, 0, Map{{"event", std::move(*alarm)}, {"fields", Map{}}});
  alarmed_ = alarm.has_value();
}

Result<void> Engine::Loop::inspect(const std::string& run) {
  run_ = run;
  Result<RunRecord> record = parts_.journal->read(run);
  if (!record) return pass(record.error());
  Result<RunHistory> history = replay(record->events);
  if (!history) return pass(history.error());
  history_ = std::move(*history);
  Result<Value> inputs = decode_value(record->row.inputs);
  if (!inputs || !inputs->is<Map>()) return fail(ErrorCode::corrupt, "the inputs of run " + run + " cannot be read");
  inputs_ = *inputs->find<Map>();
  expansion_.expand_all(history_.in_order());
  return {};
}

Result<void> Engine::Loop::vote(const OpId& gate, Vote vote) {
  const OpRecord* op = history_.find(gate);
  if (!op) return fail(ErrorCode::not_found, "no gate is called `" + gate.path + "`");
  vote.at = now();
  Result<void> allowed = may_vote(op->gate, vote, vote.at);
  if (allowed) allowed = still_as_shown(gate);
  if (!allowed) return allowed;
  add(EventKind::vote, gate, op->gate.opening, vote_body(op->gate, vote));
  return {};
}

Result<void> Engine::Loop::resolve(const OpId& step, std::string choice, std::string person, std::string reason) {
  const OpRecord* op = history_.find(step);
  if (!op || op->state != StepState::in_doubt)
    return fail(ErrorCode::refused, "step `" + step.path + "` is not in doubt");
  add(EventKind::resolved, step, op->attempt,
      resolution(parts_.graph.get(), step, std::move(choice), std::move(person), std::move(reason)));
  return {};
}

void Engine::Loop::cancel(CancelRequest request) {
  if (history_.ended) return;
  add(EventKind::cancel_asked, parts_.graph->root().op, 0,
      Map{{"person", request.person},
          {"reason", request.reason},
          {"rollback", request.rollback},
          {"now", request.now}});
}

std::vector<Event> Engine::Loop::unrecorded() const {
  std::vector<Event> out;
  for (const Event& event : batch_)
    if (event.kind == EventKind::outcome || event.kind == EventKind::mark) out.push_back(event);
  return out;
}

// --- Engine: the public face

Engine::Engine(Parts parts, Observer& observer) : loop_(std::make_unique<Loop>(std::move(parts), observer)) {}
Engine::~Engine() = default;
Result<std::string> Engine::create(const StartRequest& request) { return loop_->create(request); }
Result<void> Engine::adopt(const std::string& run, const StartRequest& who) { return loop_->adopt(run, who); }
Result<Ending> Engine::go(WhenIdle idle) { return loop_->go(idle); }
Result<void> Engine::inspect(const std::string& run) { return loop_->inspect(run); }
Result<void> Engine::still_as_shown(const OpId& gate) { return loop_->still_as_shown(gate); }
Result<void> Engine::vote(const OpId& gate, Vote vote) { return loop_->vote(gate, std::move(vote)); }
Result<void> Engine::complete(const OpId& step, Completion said) { return loop_->complete(step, std::move(said)); }
Result<void> Engine::resolve(const OpId& step, std::string choice, std::string person, std::string reason) {
  return loop_->resolve(step, std::move(choice), std::move(person), std::move(reason));
}
void Engine::cancel(CancelRequest request) { loop_->cancel(std::move(request)); }
void Engine::stop() { loop_->stop(); }
std::vector<Event> Engine::unrecorded() const { return loop_->unrecorded(); }
const RunHistory& Engine::history() const { return loop_->history(); }
const std::string& Engine::run() const { return loop_->run(); }

Map resolution(const StepGraph* graph, const OpId& step, std::string choice, std::string person, std::string reason) {
  Map body{{"choice", choice}, {"person", std::move(person)}, {"reason", std::move(reason)}};
  const Node* node = graph ? graph->find(step) : nullptr;
  if (choice == "failed" && node && on_failure_of(*graph, *node) == OnFailure::proceed) body["passed"] = true;
  return body;
}

std::vector<const OpRecord*> open_gates(const RunHistory& history) {
  std::vector<const OpRecord*> open;
  for (const OpRecord* op : history.in_order())
    if (op->gate.state == GateState::open && op->op.path != review_op) open.push_back(op);
  return open;
}

const OpRecord* open_review(const RunHistory& history) {
  const OpRecord* op = history.find(OpId{std::string(review_op)});
  return op && op->gate.state == GateState::open ? op : nullptr;
}

std::vector<const OpRecord*> open_manuals(const RunHistory& history) {
  std::vector<const OpRecord*> open;
  for (const OpRecord* op : history.in_order())
    if (op->asked && op->state == StepState::waiting) open.push_back(op);
  return open;
}

std::vector<const OpRecord*> open_doubts(const RunHistory& history) {
  std::vector<const OpRecord*> open;
  for (const OpRecord* op : history.in_order())
    if (op->state == StepState::in_doubt) open.push_back(op);
  return open;
}

}  // namespace muster
