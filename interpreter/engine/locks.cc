// Named locks: taken before the first step, kept whatever the run waits for, given back with its last commit.
#include <algorithm>

#include "interpreter/engine/loop.h"

namespace muster {
namespace {

constexpr Duration look_every = Duration::milliseconds(500);

}  // namespace

// The names as the inputs make them; one whose `${{ }}` yields nil is left out.
tl::expected<std::vector<std::string>, Map> Engine::Loop::lock_names() {
  std::vector<std::string> names;
  for (const Scope& scope : parts_.graph->scopes()) {
    RunEnvironment values = environment(parts_.graph->at(scope.top), now());
    for (const Lock& lock : scope.playbook->locks.names) {
      tl::expected<Value, Map> value = value_of(lock.name, values);
      if (!value) return tl::unexpected(value.error());
      if (value->is_null()) continue;
      std::string name = to_text(*value);
      if (name.empty())
        return tl::unexpected(Map{{"code", "invalid"}, {"message", "a lock's name is empty"}, {"effect", "none"}});
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
    }
  }
  return names;
}

// Until they are held nothing of the run is started. A run that had begun before, and lost its locks with its owner,
// takes them again when it is resumed.
Result<Engine::Loop::Locking> Engine::Loop::take_locks() {
  const OpRecord& root = record(parts_.graph->root());
  bool begun = root.entered || root.gate.state != GateState::none;
  bool nothing_more_runs = history_.cancel && history_.cancel->now;
  if (locks_settled_ || history_.ended || has_ended(parts_.graph->root())) return Locking::held;
  const std::vector<Scope>& scopes = parts_.graph->scopes();
  bool wants_none =
      std::all_of(scopes.begin(), scopes.end(), [](const Scope& scope) { return scope.playbook->locks.names.empty(); });
  if (wants_none || (begun && nothing_more_runs)) {
    locks_settled_ = true;
    return Locking::held;
  }
  if (history_.cancel && !begun) {
    auto [state, reason] = ending_now();
    return go_without_locks(state, 130, Map{{"code", "interrupted"}, {"message", reason}, {"effect", "none"}});
  }
  tl::expected<std::vector<std::string>, Map> names = lock_names();
  if (!names && !begun) return go_without_locks(RunState::failed, 1, names.error());
  if (!names) {
    Result<void> given = give_run_back();
    return given ? fail(ErrorCode::expression, text_of(names.error(), "message")) : pass(given.error());
  }
  auto is_held = [&](const std::string& name) {
    return std::find(history_.locks.begin(), history_.locks.end(), name) != history_.locks.end();
  };
  if (std::all_of(names->begin(), names->end(), is_held)) {
    locks_settled_ = true;
    if (root.due_at) add(EventKind::wait_ended, root.op, 0, {});
    return Locking::held;
  }
  if (boot() < next_lock_look_) {
    wake_at(next_lock_look_);
    return Locking::waiting;
  }
  // What was decided before, a word from the terminal, comes before what the journal writes now.
  Result<void> flushed = flush();
  if (!flushed) return pass(flushed.error());
  Result<CommitAnswer> taken = parts_.journal->take_locks(lease_, *names, owner(), now());
  if (!taken && taken.error().code == ErrorCode::busy) return wait_for_locks(taken.error());
  if (!taken) {
    broken_ = true;
    return pass(taken.error());
  }
  if (*taken == CommitAnswer::lost) return taken_over();
  if (*taken == CommitAnswer::full) {
    hold_back();
    return Locking::waiting;
  }
  Result<void> read = take_in_foreign();
  if (!read) return pass(read.error());
  return take_locks();
}

Result<Engine::Loop::Locking> Engine::Loop::wait_for_locks(const Error& busy) {
  const OpRecord& root = record(parts_.graph->root());
  bool begun = root.entered || root.gate.state != GateState::none;
  std::optional<Duration> patience;  // the longest that any of the playbooks has
  for (const Scope& scope : parts_.graph->scopes())
    patience = std::max(patience, duration_of(parts_.graph->at(scope.top), scope.playbook->locks.wait));
  if (patience && !root.due_at && patience->us > 0)
    add(EventKind::wait_started, root.op, 0,
        Map{{"due_at", now() + *patience}, {"reason", "lock"}, {"message", busy.message}});
  if (root.due_at && now() < *root.due_at) {
    next_lock_look_ = Duration{boot().us + look_every.us};
    wake_at(next_lock_look_);
    return Locking::waiting;
  }
  Error error = busy;
  if (root.due_at) error.message += "; it was not free in time";
  if (!begun) return go_without_locks(RunState::failed, 7, error_map(error, root.op.path, 0));
  if (root.due_at) add(EventKind::wait_ended, root.op, 0, {});
  Result<void> given = give_run_back();
  return given ? pass(std::move(error)) : pass(given.error());
}

// The run ends before it began: no step ran, so there is nothing to undo and no `always` to run.
Result<Engine::Loop::Locking> Engine::Loop::go_without_locks(RunState state, int exit_code, Map error) {
  const OpId& root = parts_.graph->root().op;
  std::string reason = text_of(error, "message");
  add(EventKind::outcome, root, 0,
      Map{{"state", state == RunState::cancelled ? "cancelled" : "failed"}, {"error", std::move(error)}});
  add(EventKind::run_ended, root, 0,
      Map{{"status", std::string(name_of(state))}, {"reason", std::move(reason)}, {"exit_code", exit_code}}, "ended");
  return Locking::held;
}

Result<void> Engine::Loop::give_run_back() {
  Result<void> flushed = flush();
  if (!flushed) return flushed;
  Commit commit;
  commit.state = RunState::running;
  commit.release = true;
  while (true) {
    Result<CommitAnswer> answer = parts_.journal->commit(lease_, commit);
    broken_ = true;
    if (!answer) return pass(answer.error());
    if (*answer == CommitAnswer::lost) return taken_over();
    if (*answer == CommitAnswer::stored) return {};
    if (*answer == CommitAnswer::full) {
      commit.from_reserve = true;
      continue;
    }
    Result<void> taken = take_in_foreign();
    if (!taken) return taken;
  }
}

void Engine::Loop::give_locks_back() {
  for (const std::string& name : std::vector<std::string>(history_.locks))
    add(EventKind::lock_released, parts_.graph->root().op, 0, Map{{"name", name}});
}

}  // namespace muster
